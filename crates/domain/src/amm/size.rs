//! How large a trade is, and what it must at least bring.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How large a trade is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Size {
    /// All of `input`, for at least `min_output`.
    Sell {
        /// What goes into the first step.
        input: u128,
        /// Less than this of the last one is refused.
        min_output: u128,
    },
    /// Exactly `output`, for at most `max_input`.
    Buy {
        /// What comes out of the last step.
        output: u128,
        /// More than this into the first one is refused.
        max_input: u128,
    },
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sell { input, min_output } => write!(f, "sell {input} for at least {min_output}"),
            Self::Buy { output, max_input } => write!(f, "buy {output} for at most {max_input}"),
        }
    }
}
