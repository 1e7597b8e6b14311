//! A decision as a person reads it.

use std::fmt;

use tim3_domain::{amount::display, clock::utc};

use super::{Action, Check, Decision, Number, Relation, Rule, Subject};

/// 18 decimals, of which six are shown.
fn dollars(value: i128) -> String {
    let sign = if value < 0 { "-" } else { "" };
    format!("{sign}{} USD", display(value.unsigned_abs() / 1_000_000_000_000, 6))
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Amount(units, asset) => write!(f, "{units} base units of {asset}"),
            Self::Usd(value) => f.write_str(&dollars(*value)),
            Self::Health(health) => f.write_str(&display(*health, 18)),
            Self::Price(price) => write!(f, "{price}"),
            Self::Verdict(verdict) => write!(f, "{verdict:?}"),
            Self::Time(ms) => f.write_str(&utc(*ms)),
            Self::Milliseconds(ms) => write!(f, "{ms} ms"),
            Self::Count(count) => write!(f, "{count}"),
            Self::Height(height) => write!(f, "block {height}"),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PauseLevel => "pause level",
            Self::PriceVerdict => "price",
            Self::ChainAge => "age of the newest block",
            Self::Health => "health",
            Self::WholePosition => "inventory for the whole position",
            Self::Repayment => "largest possible repayment",
            Self::Atomic => "steps that are to happen as one",
            Self::Profit => "profit",
            Self::InFlight => "attempts in flight",
            Self::CheckHeight => "height since the last attempt",
            Self::Waits => "waiting after failures",
            Self::AssetCap => "the asset's cap today",
            Self::ChainCap => "the chain's cap today",
            Self::VenueCap => "the venue's cap today",
            Self::DayCap => "the cap today",
            Self::DailyLoss => "result of the day",
            Self::Paused => "pauses in force",
            Self::Exposure => "open between chains",
            Self::Deadline => "time since the first leg",
            Self::HedgeLoss => "loss by ending the trade",
            Self::TransferSize => "amount to move",
            Self::Inventory => "what there is to put in",
            Self::Quota => "what may leave the chain",
            Self::Steps => "steps of the search",
            Self::Leftover => "what is left",
            Self::OtherWay => "what it comes to, against the other way",
        })
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let relation = match self.relation {
            Relation::AtLeast => "at least",
            Relation::Above => "above",
            Relation::AtMost => "at most",
            Relation::Below => "below",
        };
        let answer = if self.passed { "ok" } else { "NOT" };
        write!(f, "{answer}: {} is {}, must be {relation} {}", self.rule, self.found, self.bound)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Position { market, owner } => write!(f, "position of {owner} in {market}"),
            Self::Route { chain, asset, venues } if venues.is_empty() => write!(f, "every trade of {asset} on {chain}"),
            Self::Route { chain, asset, venues } => write!(f, "{asset} on {chain} through {}", venues.join(", ")),
            Self::Rebalance { asset, from, to } => write!(f, "{asset} from {from} to {to}"),
            Self::OpenTrade(number) => write!(f, "the other leg of decision {number}"),
            Self::Hedge(number) => write!(f, "hedging the first leg of decision {number}"),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Liquidate { expected, sale, .. } => {
                write!(f, "liquidate: repay {}, seize {}", expected.repaid, expected.seized)?;
                if let Some(sale) = sale {
                    let lent = if sale.flash { ", which lends it" } else { "" };
                    write!(f, ", buy {} with it in {}{lent}", sale.output, sale.venue)?;
                }
                if expected.bad_debt == 0 { Ok(()) } else { write!(f, ", leaving a bad debt of {}", expected.bad_debt) }
            }
            Self::Swap(trade) => write!(f, "trade {} for {}", trade.input, trade.output),
            Self::Open { trade, order } => {
                write!(
                    f,
                    "trade {} for {} in two legs, first on {}: {}",
                    trade.input, trade.output, order.chain, order.size
                )
            }
            Self::Close(order) => write!(f, "send the other leg on {}: {}", order.chain, order.size),
            Self::Hedge(order) => write!(f, "hedge on {}: {}", order.chain, order.size),
            Self::Transfer(transfer) => write!(f, "transfer {}", transfer.amount),
        }
    }
}

/// What was decided, then each question with its answer; the one that is answered NOT names the number that would have changed it.
impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "decision {} at {} ({}): {}: ", self.number, utc(self.at_ms), self.mode, self.subject)?;
        match &self.action {
            Some(action) => write!(f, "{action}")?,
            None => f.write_str("nothing")?,
        }
        self.checks.iter().try_for_each(|check| write!(f, "\n  {check}"))
    }
}
