//! TIM3 on Solana.
