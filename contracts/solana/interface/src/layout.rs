//! How the layouts of accounts are declared.

/// One field of a layout, for the interface description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Its type: `u8` to `u128`, `i128` (little-endian) or `word`, `symbol`.
    pub kind: &'static str,
    /// Its first byte.
    pub offset: usize,
}

/// Reads or writes one field.
macro_rules! field {
    (get word $data:expr, $at:expr) => {
        *$crate::bytes::word($data, $at)
    };
    (get symbol $data:expr, $at:expr) => {
        $crate::bytes::array::<12>($data, $at)
    };
    (get $kind:ident $data:expr, $at:expr) => {
        <$kind>::from_le_bytes($crate::bytes::array($data, $at))
    };
    (put word $data:expr, $at:expr, $value:expr) => {
        $crate::bytes::put($data, $at, &$value)
    };
    (put symbol $data:expr, $at:expr, $value:expr) => {
        $crate::bytes::put($data, $at, &$value)
    };
    (put $kind:ident $data:expr, $at:expr, $value:expr) => {
        $crate::bytes::put($data, $at, &$value.to_le_bytes())
    };
    (type word) => {
        $crate::Word
    };
    (type symbol) => {
        [u8; 12]
    };
    (type $kind:ident) => {
        $kind
    };
}

/// Declares a view of bytes with fields at fixed offsets. A view over `&[u8]` reads, one over `&mut [u8]` writes, too.
macro_rules! layout {
    ($(#[$doc:meta])* $name:ident, $length:expr, {
        $($(#[$field_doc:meta])* $field:ident, $set:ident: $kind:ident @ $offset:expr;)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name<B>(pub(crate) B);

        impl $name<()> {
            /// Bytes of it.
            pub const LENGTH: usize = $length;
            /// Its fields.
            pub const FIELDS: &'static [$crate::Field] =
                &[$($crate::Field { name: stringify!($field), kind: stringify!($kind), offset: $offset }),*];
        }

        impl<B: AsRef<[u8]>> $name<B> {
            $(
                $(#[$field_doc])*
                #[inline(always)]
                #[must_use]
                pub fn $field(&self) -> field!(type $kind) {
                    field!(get $kind self.0.as_ref(), $offset)
                }
            )*
        }

        impl<B: AsMut<[u8]>> $name<B> {
            $(
                #[doc = concat!("Writes [`Self::", stringify!($field), "`].")]
                #[inline(always)]
                pub fn $set(&mut self, value: field!(type $kind)) {
                    field!(put $kind self.0.as_mut(), $offset, value);
                }
            )*
        }
    };
}

/// Declares a layout that is an account of its own: `discriminator` (8), then the fields.
macro_rules! account {
    ($(#[$doc:meta])* $name:ident, $discriminator:literal, $length:expr, { $($fields:tt)* }) => {
        layout! { $(#[$doc])* $name, $length, { $($fields)* } }

        impl $name<()> {
            /// The first eight bytes.
            pub const DISCRIMINATOR: [u8; 8] = *$discriminator;
        }

        impl<B: AsRef<[u8]>> $name<B> {
            /// A view, provided that length and discriminator are right. Who owns the account is for the caller to check.
            ///
            /// # Errors
            /// [`GatewayError::WrongDiscriminator`](crate::GatewayError::WrongDiscriminator).
            #[inline(always)]
            pub fn new(data: B) -> Result<Self, $crate::GatewayError> {
                let bytes = data.as_ref();
                if bytes.len() == $name::LENGTH && bytes.starts_with(&$name::DISCRIMINATOR) {
                    Ok(Self(data))
                } else {
                    Err($crate::GatewayError::WrongDiscriminator)
                }
            }
        }

        impl<B: AsRef<[u8]> + AsMut<[u8]>> $name<B> {
            /// A new account in zeroed bytes: writes the discriminator.
            ///
            /// # Errors
            /// [`GatewayError::WrongDiscriminator`](crate::GatewayError::WrongDiscriminator) where the length is wrong.
            #[inline(always)]
            pub fn create(mut data: B) -> Result<Self, $crate::GatewayError> {
                $crate::bytes::put(data.as_mut(), 0, &$name::DISCRIMINATOR);
                Self::new(data)
            }
        }
    };
}
