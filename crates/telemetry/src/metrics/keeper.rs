//! What the keepers do.

use prometheus::{GaugeVec, IntCounterVec, IntGauge, IntGaugeVec};

use super::{Metrics, integer, register::Register};
use crate::TelemetryError;

/// What an attempt can come to.
const RESULTS: [&str; 4] = ["done", "lost", "failed", "refused"];

pub(super) struct KeeperMetrics {
    decisions: IntCounterVec,
    attempts: IntCounterVec,
    in_flight: IntGaugeVec,
    open_trades: IntGauge,
    positions: IntGaugeVec,
    prices: IntGaugeVec,
    paused: IntGaugeVec,
    missed: IntGaugeVec,
    result: GaugeVec,
    differences: IntCounterVec,
    disorder: IntCounterVec,
}

impl KeeperMetrics {
    pub(super) fn new(register: &Register<'_>) -> Result<Self, TelemetryError> {
        Ok(Self {
            decisions: register.counter(
                "tim3_keeper_decisions_total",
                "What do the keepers decide? Decisions by mode (observe, paper, live) and by whether they are to act: act, leave.",
                &["mode", "decision"],
            )?,
            attempts: register.counter(
                "tim3_keeper_attempts_total",
                "What becomes of the keepers' actions? Ends by result: done, lost (somebody was first), failed, refused (never sent).",
                &["chain", "result"],
            )?,
            in_flight: register.gauge(
                "tim3_keeper_in_flight",
                "Is an action of the keepers stuck? Decisions that were signed for and are not final.",
                &["chain"],
            )?,
            open_trades: register.plain_gauge(
                "tim3_keeper_open_trades",
                "Is a trade between two chains half done? Trades of which one leg is final and the other is not.",
            )?,
            positions: register.gauge(
                "tim3_keeper_positions",
                "How are the positions that are looked after? By state: all, liquidatable, unknown (could not be read).",
                &["state"],
            )?,
            prices: register.gauge(
                "tim3_keeper_price_valid",
                "Do the keepers know what the collateral is worth? 1 while they may act on its price, 0 while it is stale, uncertain, jumping or missing.",
                &["market"],
            )?,
            paused: register.gauge("tim3_keeper_paused", "Were the keepers told to pause? 1 while they begin nothing.", &[])?,
            missed: register.gauge(
                "tim3_keeper_missed",
                "What do the keepers see and leave? Decisions not to act so far, by the rule that said no, as the record counts them.",
                &["rule"],
            )?,
            result: register.float_gauge(
                "tim3_keeper_result_usd",
                "Do the keepers earn? Sum of all results in US dollars, by mode: paper, live.",
                &["mode"],
            )?,
            differences: register.counter(
                "tim3_keeper_ledger_differences_total",
                "Is the keepers' ledger right? Times an inventory was not what the ledger says.",
                &["chain"],
            )?,
            disorder: register.counter(
                "tim3_keeper_disordered_positions_total",
                "Do the keepers find every unhealthy position? Positions that an hourly look at all of them judged otherwise than their order; it is then made anew.",
                &["market"],
            )?,
        })
    }
}

impl Metrics {
    /// There are keepers on these chains: what counts for them begins at 0.
    pub fn keepers_begin<'n>(&self, chains: impl IntoIterator<Item = &'n str>) {
        let of = &self.0.keeper;
        for chain in chains {
            let chain = self.0.names.chain(chain);
            for result in RESULTS {
                of.attempts.with_label_values(&[chain, result]);
            }
            of.differences.with_label_values(&[chain]);
        }
    }

    /// Keepers decided, to act or not to.
    pub fn keeper_decided(&self, mode: &str, acts: bool) {
        let decision = if acts { "act" } else { "leave" };
        self.0.keeper.decisions.with_label_values(&[mode, decision]).inc();
    }

    /// An attempt came to its end: `done`, `lost`, `failed` or `refused`.
    pub fn keeper_attempt(&self, chain: &str, result: &'static str) {
        self.0.keeper.attempts.with_label_values(&[self.0.names.chain(chain), result]).inc();
    }

    /// So many attempts are under way.
    pub fn keeper_in_flight(&self, chain: &str, count: usize) {
        self.0.keeper.in_flight.with_label_values(&[self.0.names.chain(chain)]).set(integer(count));
    }

    /// So many trades between two chains are half done.
    pub fn keeper_open_trades(&self, count: usize) {
        self.0.keeper.open_trades.set(integer(count));
    }

    /// The positions of all markets that are looked after.
    pub fn keeper_positions(&self, all: u64, liquidatable: u64, unknown: u64) {
        for (state, count) in [("all", all), ("liquidatable", liquidatable), ("unknown", unknown)] {
            self.0.keeper.positions.with_label_values(&[state]).set(integer(count));
        }
    }

    /// Whether the price of a market's collateral may be acted on.
    pub fn keeper_price(&self, market: &str, is_valid: bool) {
        self.0.keeper.prices.with_label_values(&[self.0.names.market(market)]).set(i64::from(is_valid));
    }

    /// Whether an operator paused them.
    pub fn keeper_paused(&self, is_paused: bool) {
        self.0.keeper.paused.with_label_values::<&str>(&[]).set(i64::from(is_paused));
    }

    /// So many decisions not to act hung on this rule.
    pub fn keeper_missed(&self, rule: &str, count: u64) {
        self.0.keeper.missed.with_label_values(&[rule]).set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// The sum of results in a mode, in US dollars with 18 decimals.
    #[expect(clippy::cast_precision_loss, clippy::float_arithmetic, reason = "shown, never decided with")]
    pub fn keeper_result(&self, mode: &str, usd: i128) {
        self.0.keeper.result.with_label_values(&[mode]).set(usd as f64 / 1e18);
    }

    /// A rescan judged so many positions of a market otherwise than their order did.
    pub fn keeper_disorder(&self, market: &str, positions: usize) {
        let count = u64::try_from(positions).unwrap_or(u64::MAX);
        self.0.keeper.disorder.with_label_values(&[self.0.names.market(market)]).inc_by(count);
    }

    /// An inventory was not what the ledger says.
    pub fn keeper_difference(&self, chain: &str) {
        self.0.keeper.differences.with_label_values(&[self.0.names.chain(chain)]).inc();
    }
}
