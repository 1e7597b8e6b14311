//! Changes of the settings, made at once during the set-up ([`Configure`](super::Instruction::Configure)) and announced later
//! ([`Schedule`](super::Instruction::Schedule), [`Apply`](super::Instruction::Apply)).

use super::{AccountSpec, accounts::listed, arguments};
use crate::{Word, bytes::Reader, limits::SIGNERS};

arguments! {
    /// The price account of a market.
    Oracle {
        /// Program that owns it (Pyth's receiver).
        program: Word,
        /// Its address. It is fixed so that an executor cannot choose among old prices; a price feed account that anybody may update.
        account: Word,
        /// Feed it must be of.
        feed: Word,
        /// Oldest price, seconds.
        max_age: u64,
        /// Widest confidence interval, basis points of the price.
        max_confidence: u16,
    }

    /// What the admin sets for a market. Ratios are basis points.
    MarketTerms {
        /// The price account; all zero for a reserve market without one.
        oracle: Oracle,
        /// Highest debt to collateral value of a draw or withdrawal.
        max_ltv: u16,
        /// Above it a position may be liquidated.
        liquidation_threshold: u16,
        /// What a liquidator gets on top.
        bonus: u16,
        /// Part of the debt that one liquidation may repay.
        close_factor: u16,
        /// How far below the target the collateral's lower price may be for a lock (reserve).
        depeg: u16,
        /// Highest total debt.
        ceiling: u128,
        /// Least debt of a position.
        dust: u128,
    }
}

/// A change. Encoded as Borsh would: one byte that says which, then the fields in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call<'a> {
    /// Registers a synthetic: a mint of 6 decimals without supply, whose mint authority is the gateway's, without a freeze authority.
    AddSynthetic {
        /// 1 to 12 of `A–Z 0–9`, padded with zero bytes.
        symbol: [u8; 12],
        /// Price of one whole synthetic, 18 decimals.
        target: u128,
    },
    /// Registers a collateral.
    AddCollateral {
        /// 1 to 12 of `A–Z 0–9`, padded with zero bytes.
        symbol: [u8; 12],
        /// Canonical decimals.
        decimals: u8,
    },
    /// Sets a market's terms, and makes it when it is new.
    SetMarket {
        /// Number of the synthetic.
        synthetic: u8,
        /// Number of the collateral.
        collateral: u8,
        /// 0 reserve, 1 vault.
        kind: u8,
        /// Its terms.
        terms: MarketTerms,
    },
    /// Sets a window.
    SetWindow {
        /// Number of the synthetic.
        asset: u8,
        /// 1 Mint, 2 Release.
        kind: u8,
        /// What it holds when it is full.
        limit: u128,
        /// Seconds in which it refills.
        period: u64,
    },
    /// Sets a route.
    SetRoute {
        /// Number of the synthetic.
        asset: u8,
        /// 1 when operations may start.
        enabled: u8,
        /// 1 when accounts at the peer are EVM addresses.
        evm: u8,
        /// Fee, basis points.
        fee_bps: u16,
        /// GatewayId of the peer.
        peer: Word,
        /// Smallest gross amount.
        min: u128,
        /// Largest gross amount.
        max: u128,
        /// Flat fee.
        flat_fee: u128,
    },
    /// Starts a new epoch: what was signed in an earlier one is no longer valid.
    SetAttesters {
        /// How many must sign.
        threshold: u8,
        /// Addresses, strictly ascending.
        signers: &'a [[u8; 20]],
    },
    /// Sets the wallet that gets the fees.
    SetTreasury {
        /// The wallet.
        treasury: Word,
    },
    /// Replaces the guardian.
    SetGuardian {
        /// The new one.
        guardian: Word,
    },
    /// Offers the admin's place; zero withdraws the offer.
    TransferAdmin {
        /// The new one.
        admin: Word,
    },
    /// Declares a gateway dead at its last final state. Naming this gateway itself retires it; then the rest must be zero.
    Tombstone {
        /// GatewayId.
        peer: Word,
        /// Count of its events.
        final_count: u64,
        /// Its running hash.
        final_hash: Word,
    },
    /// Closes a full page of outgoing ids whose operations are all settled or refunded, as the admin asserts: what is in it can never be
    /// refunded again. Its rent goes back to who paid it.
    CloseOutgoing {
        /// GatewayId of the destination.
        peer: Word,
        /// Number of the page.
        page: u32,
    },
}

macro_rules! calls {
    ($($name:ident = $tag:literal { $($field:ident: $kind:ty),* } [$($account:ident $how:ident),*];)*) => {
        impl<'a> Call<'a> {
            /// Reads a whole encoded change.
            #[must_use]
            pub fn read(data: &'a [u8]) -> Option<Self> {
                let mut reader = Reader(data);
                match reader.value::<u8>()? {
                    $($tag => {
                        let call = Self::$name { $($field: reader.value::<$kind>()?),* };
                        reader.end(call)
                    })*
                    6 => {
                        let threshold = reader.value()?;
                        let count = usize::try_from(reader.value::<u32>()?).ok()?;
                        let (signers, []) = reader.bytes(count.checked_mul(20)?)?.as_chunks() else { return None };
                        (count <= SIGNERS).then(|| reader.end(Self::SetAttesters { threshold, signers }))?
                    }
                    _ => None,
                }
            }

            /// Appends the encoding.
            #[cfg(feature = "client")]
            pub fn write(&self, out: &mut alloc::vec::Vec<u8>) {
                match self {
                    $(Self::$name { $($field),* } => {
                        out.push($tag);
                        $($crate::bytes::Value::write($field, out);)*
                    })*
                    Self::SetAttesters { threshold, signers } => {
                        out.push(6);
                        out.push(*threshold);
                        out.extend_from_slice(&u32::try_from(signers.len()).unwrap_or(u32::MAX).to_le_bytes());
                        out.extend_from_slice(signers.as_flattened());
                    }
                }
            }

            /// The encoding.
            #[cfg(feature = "client")]
            #[must_use]
            pub fn encode(&self) -> alloc::vec::Vec<u8> {
                let mut out = alloc::vec::Vec::new();
                self.write(&mut out);
                out
            }

            /// The accounts that follow those of `Configure` or `Apply`.
            #[must_use]
            pub const fn accounts(&self) -> &'static [AccountSpec] {
                match self {
                    $(Self::$name { .. } => const { &[$(listed!($account $how)),*] },)*
                    Self::SetAttesters { .. } => &[],
                }
            }
        }

        /// Name, tag, fields and accounts of the changes; the field of `SetAttesters` is 20-byte addresses behind their number (u32).
        pub const CALLS: &[(&str, u8, &[(&str, &str)], &[AccountSpec])] = &[
            $((
                stringify!($name),
                $tag,
                &[$((stringify!($field), <$kind as $crate::bytes::Value>::NAME)),*],
                &[$(listed!($account $how)),*],
            ),)*
            ("SetAttesters", 6, &[("threshold", "u8"), ("signers", "addresses")], &[]),
        ];
    };
}

calls! {
    AddSynthetic = 1 { symbol: [u8; 12], target: u128 } [mint r, vault w, authority r, token_program token];
    AddCollateral = 2 { symbol: [u8; 12], decimals: u8 } [mint r, vault w, authority r, token_program token];
    SetMarket = 3 { synthetic: u8, collateral: u8, kind: u8, terms: MarketTerms } [price ro];
    SetWindow = 4 { asset: u8, kind: u8, limit: u128, period: u64 } [];
    SetRoute = 5 { asset: u8, enabled: u8, evm: u8, fee_bps: u16, peer: Word, min: u128, max: u128, flat_fee: u128 }
        [route w, peer w];
    SetTreasury = 7 { treasury: Word } [];
    SetGuardian = 8 { guardian: Word } [];
    TransferAdmin = 9 { admin: Word } [];
    Tombstone = 10 { peer: Word, final_count: u64, final_hash: Word } [peer w];
    CloseOutgoing = 11 { peer: Word, page: u32 } [outgoing w, outgoing_rent_payer w];
}
