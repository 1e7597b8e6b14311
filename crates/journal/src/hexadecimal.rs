//! Bytes as `0x…` in JSON, and as they are in the journal.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

pub(crate) fn serialize<T, S>(bytes: &T, serializer: S) -> Result<S::Ok, S::Error>
where
    T: AsRef<[u8]> + Serialize,
    S: Serializer,
{
    if serializer.is_human_readable() {
        serializer.collect_str(&format_args!("0x{}", hex::encode(bytes)))
    } else {
        bytes.serialize(serializer)
    }
}

pub(crate) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: TryFrom<Vec<u8>> + Deserialize<'de>,
    D: Deserializer<'de>,
{
    if !deserializer.is_human_readable() {
        return T::deserialize(deserializer);
    }
    let text = String::deserialize(deserializer)?;
    let bytes = text.strip_prefix("0x").and_then(|digits| hex::decode(digits).ok());
    bytes
        .and_then(|bytes| T::try_from(bytes).ok())
        .ok_or_else(|| D::Error::custom("expected 0x and hexadecimal digits"))
}
