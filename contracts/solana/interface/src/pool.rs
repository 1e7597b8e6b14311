//! A pool of `spl-token-swap` 3.0.0: its account, and the instructions that are used. Source: `state.rs`, `instruction.rs` and `curve/fees.rs` of that crate.

/// `SwapsVeCiPHMUAtzQWZw7RjsKjgCjhwU55QGu4U1Szw`, where its authors deployed it; others deployed it elsewhere.
pub const PROGRAM: crate::Word = [
    0x06, 0xa5, 0x3c, 0xd6, 0x2d, 0x8c, 0x96, 0x88, 0x55, 0x4c, 0xa3, 0x84, 0xfa, 0xf2, 0x95, 0x3b, 0x85, 0x04, 0xff,
    0x5f, 0x77, 0x56, 0x15, 0xc4, 0xb9, 0xc6, 0xb7, 0x81, 0xbf, 0xb4, 0x80, 0xb4,
];

/// Bytes of the account.
pub const LENGTH: usize = 324;
/// The only version there is; after it comes 1 where the pool was initialized.
pub const VERSION: u8 = 1;
/// Bump of the authority, the address that (the pool's account) leads to.
pub const BUMP: usize = 2;
/// The token program, a word.
pub const TOKEN_PROGRAM: usize = 3;
/// What it holds of one token: a token account of the authority.
pub const TOKEN_A: usize = 35;
/// The same of the other one.
pub const TOKEN_B: usize = 67;
/// Mint of the pool's own token.
pub const MINT: usize = 99;
/// Mint of the one token.
pub const MINT_A: usize = 131;
/// Mint of the other one.
pub const MINT_B: usize = 163;
/// Token account that gets the owner's fees, in the pool's own token.
pub const FEE_ACCOUNT: usize = 195;
/// Four fees, each as numerator and denominator, u64: of a trade, for the owner of a trade, for the owner of a withdrawal, for a host.
pub const FEES: usize = 227;
/// The curve, u8; 32 bytes for its parameters follow.
pub const CURVE: usize = 291;
/// The curve that is the constant product.
pub const CONSTANT_PRODUCT: u8 = 0;
/// Bytes of fees and curve.
pub const TERMS: usize = 97;

/// Initialize: fees and curve follow.
pub const INITIALIZE: u8 = 0;
/// Swap: what goes in and the least to come out follow, u64.
pub const SWAP: u8 = 1;

/// The error of a swap that would pay less than it must.
pub const EXCEEDED_SLIPPAGE: u32 = 16;
/// The error of a swap that would pay nothing.
pub const ZERO_TRADING_TOKENS: u32 = 20;
