//! What positions may bear, what a Release or a Refund pays out of them, and what a liquidation takes: the samples and their layout.
//!
//! Everywhere: `price` of one whole collateral and `target` price of one whole synthetic with 18 decimals, collateral in its canonical
//! `decimals`, debt in the synthetic's 6. What is paid out is rounded down to `nativeDecimals`; the collateral of every position has
//! an exact form there, as it has in a gateway.

use serde::Serialize;
use tim3_domain::{
    amount::{Rounding, scale},
    health::{Backing, Balances, Refusal, Scales, liquidate, release},
    market::{MarketTerms, ONE_BPS, VaultParameters},
    price::Price,
};

const WAD: u128 = 1_000_000_000_000_000_000;
const WHOLE: u128 = 1_000_000;
/// A price that divides nothing evenly.
const ODD: u128 = 1_818_181_818_181_818_181_819;

/// A collateral at a price.
#[derive(Clone, Copy)]
pub(crate) struct Collateral {
    price: u128,
    target: u128,
    decimals: u8,
    native: u8,
}

impl Collateral {
    fn scales(self) -> Scales {
        Scales::new(Price::new(self.price).unwrap(), Price::new(self.target).unwrap(), self.decimals).unwrap()
    }

    /// Rounded down to what the token can pay.
    fn payable(self, amount: u128) -> u128 {
        let native = scale(amount, self.decimals, self.native, Rounding::Down).unwrap();
        scale(native, self.native, self.decimals, Rounding::Down).unwrap()
    }
}

const fn at(price: u128, decimals: u8, native: u8) -> Collateral {
    Collateral { price, target: WAD, decimals, native }
}

const ETHER: Collateral = at(2_000 * WAD, 18, 18);
const STABLE: Collateral = at(WAD, 6, 6);

// ----------------------------------------------------------------------------------------------------------------------------- loans

/// Whether a position may draw its debt, or keep it while collateral leaves: `C · maxLtv ≥ D`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LoanVector {
    price: String,
    target: String,
    decimals: u8,
    max_ltv: u16,
    collateral: String,
    debt: String,
    pub(crate) covered: bool,
    /// The least collateral that covers the debt, at most 2^128 − 1.
    least: String,
}

pub(crate) struct Loan {
    market: Collateral,
    max_ltv: u16,
    balances: Balances,
}

pub(crate) fn loans() -> Vec<Loan> {
    let loan = |market, max_ltv, collateral, debt| Loan { market, max_ltv, balances: Balances { collateral, debt } };
    let ar = Collateral { target: WAD + 1, ..at(7_310_000_000_000_000_001, 12, 12) };
    vec![
        loan(ETHER, 7_500, WAD, 1_500 * WHOLE),
        loan(ETHER, 7_500, WAD, 1_500 * WHOLE + 1),
        loan(ETHER, 7_500, WAD - 1, 1_500 * WHOLE),
        loan(ETHER, 7_500, WAD, 0),
        loan(ETHER, 7_500, 0, 0),
        loan(ETHER, 7_500, 0, 1),
        loan(at(ODD, 18, 18), 7_777, WAD, 1_414 * WHOLE),
        loan(at(ODD, 18, 18), 7_777, 707_213_578_500_707_214, 1_000 * WHOLE),
        loan(at(ODD, 18, 18), 7_777, 707_213_578_500_707_213, 1_000 * WHOLE),
        loan(at(150 * WAD, 9, 9), 6_000, 11_111_111_112, 1_000 * WHOLE),
        loan(at(150 * WAD, 9, 9), 6_000, 11_111_111_111, 1_000 * WHOLE),
        loan(ar, 5_000, 273_597_811_217_511, 1_000 * WHOLE),
        loan(ar, 5_000, 273_597_811_217_510, 1_000 * WHOLE),
        loan(at(60_000 * WAD, 0, 0), 7_000, 1, 42_000 * WHOLE),
        loan(at(60_000 * WAD, 0, 0), 7_000, 1, 42_000 * WHOLE + 1),
        loan(at(1, 36, 36), 1, u128::MAX, 1),
        loan(at(1, 36, 36), 1, u128::MAX, 0),
        loan(at(u128::MAX, 0, 0), 9_999, u128::MAX, u128::MAX),
        loan(Collateral { target: u128::MAX, ..at(u128::MAX, 36, 36) }, 9_999, u128::MAX, 340_282_366),
    ]
}

impl LoanVector {
    pub(crate) fn of(loan: &Loan) -> Self {
        let Loan { market, max_ltv, balances } = *loan;
        let scales = market.scales();
        Self {
            price: market.price.to_string(),
            target: market.target.to_string(),
            decimals: market.decimals,
            max_ltv,
            collateral: balances.collateral.to_string(),
            debt: balances.debt.to_string(),
            covered: scales.covers(balances, max_ltv.into(), ONE_BPS.into()),
            least: scales.collateral_for(balances.debt, max_ltv).to_string(),
        }
    }
}

// -------------------------------------------------------------------------------------------------------------------------- releases

/// A Release (action 2) or the Refund of a lock (action 4) and what becomes of the position.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReleaseVector {
    pub(crate) action: u8,
    /// Of the market: 0 reserve, 1 vault.
    pub(crate) kind: u8,
    /// The lower one; empty where no valid one is known.
    pub(crate) price: String,
    target: String,
    decimals: u8,
    native_decimals: u8,
    max_ltv: u16,
    collateral: String,
    debt: String,
    amount: String,
    /// 0 for a Refund, which is gross.
    fee: String,
    wanted: String,
    /// Whether (origin, actor) of the operation is the controller that the owner set; a Refund does not ask.
    controller: bool,
    paid: String,
    surplus: String,
    /// In canonical units, as the event has it.
    payout: String,
    collateral_after: String,
    debt_after: String,
}

#[derive(Clone, Copy)]
pub(crate) struct Payment {
    refund: bool,
    vault: bool,
    stale: bool,
    market: Collateral,
    max_ltv: u16,
    balances: Balances,
    amount: u128,
    fee: u128,
    wanted: u128,
    controller: bool,
}

pub(crate) fn releases() -> Vec<Payment> {
    let mut samples = reserve_releases();
    samples.extend(vault_releases());
    samples.extend(refunds());
    samples
}

/// A Release of `amount` for whoever burned it, out of a reserve.
fn reserve(market: Collateral, collateral: u128, debt: u128, amount: u128, fee: u128) -> Payment {
    let balances = Balances { collateral, debt };
    Payment {
        refund: false,
        vault: false,
        stale: true,
        market,
        max_ltv: 0,
        balances,
        amount,
        fee,
        wanted: 0,
        controller: false,
    }
}

/// A Release of `amount` for the controller, out of a vault whose price is known.
fn vault(market: Collateral, collateral: u128, debt: u128, amount: u128, wanted: u128) -> Payment {
    let controlled = reserve(market, collateral, debt, amount, 0);
    Payment { vault: true, stale: false, max_ltv: 7_500, wanted, controller: true, ..controlled }
}

fn reserve_releases() -> Vec<Payment> {
    let whole = 100 * WHOLE;
    vec![
        reserve(STABLE, whole, whole, 40 * WHOLE, 20_000),
        reserve(STABLE, whole, whole, whole, 0),
        // Beyond the debt; without any; without a position.
        reserve(STABLE, whole, whole, 140 * WHOLE, 1),
        reserve(STABLE, 5 * WHOLE, 0, WHOLE, 0),
        reserve(STABLE, 0, 0, WHOLE, 0),
        // Less collateral than debt is paid as far as it lasts.
        reserve(STABLE, 30 * WHOLE, whole, 40 * WHOLE, 0),
        // More decimals than the synthetic, and fewer.
        reserve(at(WAD, 18, 18), 100 * WAD, whole, 1, 0),
        reserve(at(WAD, 4, 4), 1_000_000, whole, 1_234_567, 0),
        reserve(at(WAD, 4, 4), 1_000_000, whole, 99, 0),
        // A token coarser and finer than the canonical units.
        reserve(at(WAD, 6, 2), whole, whole, 1_234_567, 0),
        reserve(at(WAD, 6, 18), whole, whole, 1_234_567, 0),
        // Far beyond 128 bits at 36 decimals: bounded by the collateral.
        reserve(at(WAD, 36, 36), u128::MAX, 1 << 100, 1 << 100, 0),
    ]
}

fn vault_releases() -> Vec<Payment> {
    let sound = vault(ETHER, WAD, 1_000 * WHOLE, 400 * WHOLE, WAD);
    let stale = Payment { stale: true, ..sound };
    let all = Payment { amount: 1_000 * WHOLE, ..stale };
    let odd = at(ODD, 18, 18);
    vec![
        sound,
        Payment { fee: 1_000_000, ..sound },
        Payment { wanted: 100_000_000_000_000_000, ..sound },
        Payment { wanted: 0, ..sound },
        Payment { controller: false, ..sound },
        Payment { controller: false, amount: 1_000 * WHOLE, ..sound },
        // Without a price nothing leaves until the debt is gone.
        stale,
        all,
        Payment { fee: 1, ..all },
        Payment { amount: 1_500 * WHOLE, ..all },
        Payment { wanted: WAD - 1, ..all },
        // LTV above the maximum, before and after.
        vault(ETHER, WAD, 1_900 * WHOLE, 100 * WHOLE, WAD),
        vault(ETHER, WAD, 1_900 * WHOLE, 400 * WHOLE, WAD),
        vault(ETHER, WAD, 1_900 * WHOLE, 400 * WHOLE + 1, WAD),
        vault(ETHER, WAD, 1_900 * WHOLE, 1_900 * WHOLE - 1, u128::MAX),
        vault(ETHER, WAD, 0, 5, u128::MAX),
        vault(ETHER, 0, 0, 5, u128::MAX),
        // What must stay is rounded up.
        vault(odd, WAD, 1_000 * WHOLE, 333_333_333, WAD),
        Payment { max_ltv: 6_667, ..vault(odd, 3 * WAD, 1_000 * WHOLE, 1, WAD) },
        // What leaves is rounded down to the token's precision, and the rest stays in the position.
        vault(at(ODD, 18, 8), WAD, 1_000 * WHOLE, 333_333_333, WAD),
        vault(at(150 * WAD, 9, 9), 20_000_000_000, 1_000 * WHOLE, 123_456_789, 20_000_000_000),
        vault(at(7_310_000_000_000_000_001, 12, 12), 500_000_000_000_000, 1_000 * WHOLE, 1, u128::MAX),
        vault(at(60_000 * WAD, 0, 0), 3, 42_000 * WHOLE, 1, 3),
    ]
}

fn refunds() -> Vec<Payment> {
    let refund = |payment: Payment| Payment { refund: true, controller: false, ..payment };
    let lock = Payment { wanted: 40 * WHOLE, ..reserve(STABLE, 100 * WHOLE, 100 * WHOLE, 40 * WHOLE, 0) };
    let drawn = vault(ETHER, WAD, 1_000 * WHOLE, 400 * WHOLE, 300_000_000_000_000_000);
    let undone = [
        lock,
        // The lock brought less than it drew, and more.
        Payment { wanted: 39 * WHOLE, ..lock },
        Payment { wanted: 50 * WHOLE, ..lock },
        // Others have redeemed since: part of the debt is there, none, and no collateral.
        Payment { balances: Balances { collateral: 10 * WHOLE, debt: 10 * WHOLE }, ..lock },
        Payment { balances: Balances { collateral: 0, debt: 0 }, ..lock },
        Payment { balances: Balances { collateral: 0, debt: 100 * WHOLE }, ..lock },
        drawn,
        Payment { wanted: WAD, ..drawn },
        Payment { stale: true, ..drawn },
        Payment { stale: true, amount: 1_000 * WHOLE, ..drawn },
        Payment { market: at(1_000 * WAD, 18, 18), ..drawn },
        // Liquidated since.
        Payment { balances: Balances { collateral: 0, debt: 0 }, ..drawn },
        Payment { wanted: 0, ..drawn },
    ];
    undone.map(refund).into()
}

impl ReleaseVector {
    pub(crate) fn of(payment: &Payment) -> Self {
        let Payment { refund, vault, stale, market, max_ltv, balances, amount, fee, wanted, controller } = *payment;
        let scales = market.scales();
        let backing = if vault {
            Backing::Vault { max_ltv_bps: max_ltv, scales: (!stale).then_some(&scales) }
        } else {
            Backing::Reserve { decimals: market.decimals }
        };
        let cap = match (refund, vault, controller) {
            (true, ..) | (false, true, true) => wanted,
            (false, true, false) => 0,
            (false, false, _) => u128::MAX,
        };
        let released = release(balances, amount - fee, cap, backing);
        let payout = market.payable(released.payout);
        Self {
            action: if refund { 4 } else { 2 },
            kind: vault.into(),
            price: if stale { String::new() } else { market.price.to_string() },
            target: market.target.to_string(),
            decimals: market.decimals,
            native_decimals: market.native,
            max_ltv,
            collateral: balances.collateral.to_string(),
            debt: balances.debt.to_string(),
            amount: amount.to_string(),
            fee: fee.to_string(),
            wanted: wanted.to_string(),
            controller,
            paid: released.paid.to_string(),
            surplus: released.surplus.to_string(),
            payout: payout.to_string(),
            collateral_after: (balances.collateral - payout).to_string(),
            debt_after: released.left.debt.to_string(),
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------------- liquidations

/// A liquidation with at most `maxRepay`. Where it is refused, what would be taken is zero.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LiquidationVector {
    /// The higher one.
    price: String,
    target: String,
    decimals: u8,
    native_decimals: u8,
    threshold: u16,
    bonus: u16,
    close_factor: u16,
    dust: String,
    collateral: String,
    debt: String,
    max_repay: String,
    /// Empty, or Healthy, MustTakeWhole, ZeroAmount, BelowDust.
    pub(crate) refused: &'static str,
    repaid: String,
    seized: String,
    pub(crate) bad_debt: String,
}

#[derive(Clone, Copy)]
pub(crate) struct Attempt {
    market: Collateral,
    threshold: u16,
    bonus: u16,
    close_factor: u16,
    dust: u128,
    balances: Balances,
    max_repay: u128,
}

/// At 2,000: healthy up to a debt of 1,650, deep from 1,736.842106, whole from 1,904.761905.
fn attempt(debt: u128, max_repay: u128) -> Attempt {
    Attempt {
        market: ETHER,
        threshold: 8_250,
        bonus: 500,
        close_factor: 5_000,
        dust: 100 * WHOLE,
        balances: Balances { collateral: WAD, debt },
        max_repay,
    }
}

pub(crate) fn liquidations() -> Vec<Attempt> {
    let unsound = attempt(1_700 * WHOLE, u128::MAX);
    let small = Attempt { balances: Balances { collateral: WAD / 10, debt: 170 * WHOLE }, ..unsound };
    let drowned = attempt(2_500 * WHOLE, u128::MAX);
    let with = |market, collateral, debt| Attempt { market, balances: Balances { collateral, debt }, ..unsound };
    vec![
        attempt(1_650 * WHOLE, u128::MAX),
        attempt(1_650 * WHOLE + 1, u128::MAX),
        unsound,
        Attempt { max_repay: 1, ..unsound },
        Attempt { max_repay: 0, ..unsound },
        Attempt { max_repay: 333_333_333, ..unsound },
        Attempt { close_factor: 3_333, ..unsound },
        Attempt { close_factor: 10_000, ..unsound },
        Attempt { bonus: 0, ..unsound },
        Attempt { threshold: 2, bonus: 0, ..unsound },
        // What half of it would leave is dust: all of it may be repaid, or what leaves just the floor.
        small,
        Attempt { max_repay: 70 * WHOLE, ..small },
        Attempt { max_repay: 70 * WHOLE + 1, ..small },
        Attempt { dust: 0, ..small },
        // Deep under water: all of it may be repaid.
        attempt(1_736_842_105, u128::MAX),
        attempt(1_736_842_106, u128::MAX),
        attempt(1_736_842_106, 900 * WHOLE),
        // The last that a part helps, and the first that is taken whole.
        attempt(1_904_761_904, u128::MAX),
        attempt(1_904_761_905, u128::MAX),
        attempt(1_904_761_905, 1_904_761_904),
        drowned,
        Attempt { max_repay: 1_904_761_905, ..drowned },
        Attempt { max_repay: 1_904_761_904, ..drowned },
        Attempt { balances: Balances { collateral: 0, debt: 7 }, max_repay: 0, ..drowned },
        Attempt { balances: Balances { collateral: 1, debt: 1 }, ..drowned },
        // Other decimals, prices and targets; a token coarser than the canonical units.
        with(at(ODD, 18, 18), WAD, 1_550 * WHOLE),
        with(at(ODD, 18, 8), WAD, 1_550 * WHOLE),
        with(at(150 * WAD, 9, 9), 11_111_111_111, 1_400 * WHOLE),
        with(Collateral { target: WAD + WAD / 50, ..at(150 * WAD, 9, 6) }, 11_111_111_000, 1_400 * WHOLE),
        with(at(7_310_000_000_000_000_001, 12, 12), 300_000_000_000_000, 2_000 * WHOLE),
        with(at(60_000 * WAD, 0, 0), 3, 170_000 * WHOLE),
        with(at(60_000 * WAD, 0, 0), 3, 175_000 * WHOLE),
        with(at(1, 36, 36), u128::MAX, 100),
        with(at(u128::MAX, 36, 36), u128::MAX, u128::MAX),
        with(at(u128::MAX, 0, 0), u128::MAX, u128::MAX),
        with(at(WAD, 6, 6), 130_000_000_000_000_000_000_000_000, 120_000_000_000_000_000_000_000_000),
    ]
}

impl LiquidationVector {
    pub(crate) fn of(attempt: &Attempt) -> Self {
        let Attempt { market, threshold, bonus, close_factor, dust, balances, max_repay } = *attempt;
        let terms = MarketTerms {
            // Liquidation does not ask for it.
            max_ltv_bps: threshold - 1,
            liquidation_threshold_bps: threshold,
            bonus_bps: bonus,
            close_factor_bps: close_factor,
            debt_ceiling: u128::MAX,
            dust,
        };
        let parameters = VaultParameters::check(terms).unwrap();
        let taken = liquidate(balances, &parameters, &market.scales(), max_repay);
        let refused = match taken {
            Ok(_) => "",
            Err(Refusal::Healthy) => "Healthy",
            Err(Refusal::MustTakeWhole(_)) => "MustTakeWhole",
            Err(Refusal::ZeroAmount) => "ZeroAmount",
            Err(Refusal::BelowDust(_)) => "BelowDust",
        };
        let (repaid, seized, bad_debt) = taken.map_or((0, 0, 0), |taken| (taken.repaid, taken.seized, taken.bad_debt));
        Self {
            price: market.price.to_string(),
            target: market.target.to_string(),
            decimals: market.decimals,
            native_decimals: market.native,
            threshold,
            bonus,
            close_factor,
            dust: dust.to_string(),
            collateral: balances.collateral.to_string(),
            debt: balances.debt.to_string(),
            max_repay: max_repay.to_string(),
            refused,
            repaid: repaid.to_string(),
            seized: market.payable(seized).to_string(),
            bad_debt: bad_debt.to_string(),
        }
    }
}
