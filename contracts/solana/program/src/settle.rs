//! Debt undone: Release, redeem at home, and Refund of a lock. Each is planned first, which changes nothing, and then carried out.

use pinocchio::AccountView;
use tim3_solana_interface::{
    GatewayError, Word, ZERO,
    protocol::{event, level},
};

use crate::{
    book::{self, Kept, MarketRef},
    delivery::{Delivery, Due, Payee, claim, resolve},
    ledger::{Body, Session},
    pauses,
    rules::{
        payout::{Backing, Undone, undo},
        price::Quote,
    },
    tokens::{Press, Token, Vault, check_local},
    windows::{self, Direction},
};

/// The accounts that a settlement may need.
#[derive(Clone, Copy)]
pub(crate) struct Till<'a> {
    /// For what is minted.
    pub press: Press<'a>,
    /// For collateral that is paid.
    pub vault: Vault<'a>,
    /// The position.
    pub position: Option<&'a AccountView>,
    /// The market's price account.
    pub price: Option<&'a AccountView>,
    /// The payee's canonical token account, for the synthetic.
    pub token: Option<&'a AccountView>,
    /// What waits for him of the synthetic.
    pub claimable: Option<&'a AccountView>,
    /// The payee's canonical token account, for the collateral.
    pub collateral_token: Option<&'a AccountView>,
    /// What waits for him of the collateral.
    pub collateral_claimable: Option<&'a AccountView>,
    /// The treasury's canonical token account.
    pub treasury_token: Option<&'a AccountView>,
    /// What waits for the treasury.
    pub treasury_claimable: Option<&'a AccountView>,
}

/// What is to be undone.
pub(crate) struct Request<'a> {
    /// Market.
    pub market: MarketRef,
    /// Owner of the position.
    pub owner: &'a Word,
    /// Synthetic, without the fee.
    pub net: u128,
    /// The most collateral to pay.
    pub cap: u128,
    /// Who is paid.
    pub payee: &'a Word,
    /// Whether a surplus has to wait until it is claimed.
    pub custody: bool,
}

/// A settlement that is known to succeed.
pub(crate) struct Settlement<'a> {
    kept: Kept<'a>,
    synthetic: Token,
    collateral: Token,
    /// What becomes of the synthetic, and of the position.
    pub undone: Undone,
    payee: &'a Word,
    /// How the surplus reaches the payee.
    pub surplus_to: Delivery<'a>,
    /// How the collateral reaches the payee.
    pub payout_to: Delivery<'a>,
}

/// Finds out what a settlement does, and that all it needs is there.
#[inline(never)]
pub(crate) fn plan<'a>(
    s: &Session<'_>,
    till: &Till<'a>,
    request: &Request<'a>,
) -> Result<Settlement<'a>, GatewayError> {
    let market = &request.market;
    let (synthetic, collateral) = (market.synthetic(s)?, market.collateral(s)?);
    let kept = book::position(s, market, request.owner, till.position)?;
    let backing = backing(s, till, request, &kept)?;
    let mut undone = Undone::default();
    undo(&kept.balances, &request.net, &request.cap, &backing, collateral.precision, &mut undone);

    check_local(s, request.payee)?;
    let payee = Payee { wallet: request.payee, token: till.token, claimable: till.claimable };
    let surplus_to = if request.custody && undone.surplus != 0 {
        claim(s, &synthetic, &payee)?
    } else {
        resolve(s, &synthetic, &payee, &undone.surplus)?
    };
    let payee = Payee { wallet: request.payee, token: till.collateral_token, claimable: till.collateral_claimable };
    let payout_to = resolve(s, &collateral, &payee, &undone.payout)?;
    till.vault.check(s, &collateral, &undone.payout)?;
    Ok(Settlement { kept, synthetic, collateral, undone, payee: request.payee, surplus_to, payout_to })
}

/// What stands behind the debt. A price is asked for only where it decides.
fn backing(s: &Session<'_>, till: &Till<'_>, request: &Request<'_>, kept: &Kept<'_>) -> Result<Backing, GatewayError> {
    let market = &request.market;
    if !market.vault {
        return Ok(Backing::Reserve { decimals: market.collateral(s)?.precision.decimals });
    }
    let max_ltv = s.gateway.market(market.index).ok_or(GatewayError::UnknownMarket)?.max_ltv();
    let mut both = Quote::default();
    let decides = request.cap != 0 && kept.balances.collateral != 0 && kept.balances.debt > request.net;
    let scales = if decides && book::prices(s, market, till.price, &mut both)?.is_ok() {
        Some(book::scales(s, market, &both.lower)?)
    } else {
        None
    };
    Ok(Backing::Vault { max_ltv, scales })
}

impl Settlement<'_> {
    /// Writes the position; the caller appends the event next.
    pub(crate) fn save(&self, s: &mut Session<'_>) -> Result<(), GatewayError> {
        book::save(s, &self.kept, &self.undone.left)
    }

    /// The four words of the position after it.
    pub(crate) fn position(&self, body: &mut Body) {
        body.word(&self.kept.market.id).word(self.kept.owner);
        body.number(self.undone.left.collateral).number(self.undone.left.debt);
    }

    /// Pays surplus and collateral.
    #[inline(never)]
    pub(crate) fn pay(&self, s: &mut Session<'_>, till: &Till<'_>, cause: &Word) -> Result<(), GatewayError> {
        let wallet = self.payee;
        let surplus = Due { wallet, amount: self.undone.surplus, cause, delivery: self.surplus_to };
        till.press.mint(s, &self.synthetic, &surplus)?;
        let payout = Due { wallet, amount: self.undone.payout, cause, delivery: self.payout_to };
        till.vault.pay(s, &self.collateral, &payout)
    }
}

// ------------------------------------------------------------------------------------------------------------------------- release

/// A Release, or a redeem at home (operation and nonce are zero, and the peer is this gateway).
pub(crate) struct Release<'a> {
    pub operation: Word,
    pub peer: &'a Word,
    pub nonce: u64,
    pub asset: &'a Word,
    pub owner: &'a Word,
    pub recipient: &'a Word,
    pub amount: u128,
    pub fee: u128,
    pub actor: &'a Word,
    pub wanted: u128,
}

/// A Release that is known to succeed.
pub(crate) struct Released<'a> {
    settlement: Settlement<'a>,
    treasury: Word,
    fee_to: Delivery<'a>,
}

impl<'a> Release<'a> {
    /// Finds out what it does, and that all it needs is there.
    #[inline(never)]
    pub(crate) fn plan(
        &self,
        s: &Session<'_>,
        market: &MarketRef,
        till: &Till<'a>,
    ) -> Result<Released<'a>, GatewayError> {
        pauses::check(s, market.synthetic, level::NO_SUPPLY)?;
        windows::check(s, market.synthetic, Direction::Release, &self.amount)?;
        let synthetic = market.synthetic(s)?;
        let level = s.gateway.asset(market.synthetic).ok_or(GatewayError::UnknownAsset)?.level_at(s.now);
        let request = Request {
            market: *market,
            owner: self.owner,
            net: self.amount.checked_sub(self.fee).ok_or(GatewayError::FeeTooHigh)?,
            cap: self.cap(s, market, till)?,
            payee: self.recipient,
            custody: level >= level::NO_SUPPLY,
        };
        let settlement = plan(s, till, &request)?;
        let treasury = s.gateway.treasury();
        let fee_to = resolve_fee(s, &synthetic, till, &treasury, &self.fee)?;
        let minted = self.fee.checked_add(settlement.undone.surplus).ok_or(GatewayError::Overflow)?;
        till.press.check(s, &synthetic, fee_to.waits() || settlement.surplus_to.waits(), &minted)?;
        Ok(Released { settlement, treasury, fee_to })
    }

    /// A reserve market pays whoever burns; a vault market only the owner at home, or his controller.
    fn cap(&self, s: &Session<'_>, market: &MarketRef, till: &Till<'_>) -> Result<u128, GatewayError> {
        if !market.vault {
            return Ok(u128::MAX);
        }
        if self.operation == ZERO && self.actor == self.owner {
            return Ok(self.wanted);
        }
        let account = till.position.ok_or(GatewayError::AccountMissing)?;
        if !account.owned_by(s.program) {
            return Ok(0); // `position` finds out whether it is the right one
        }
        let record = book::open_position(s, account, &market.id, self.owner)?;
        let controls = record.controller_gateway() == *self.peer && record.controller_account() == *self.actor;
        Ok(if controls { self.wanted } else { 0 })
    }
}

impl Released<'_> {
    /// Whether surplus and payout reach the recipient at once, or wait only because the supply is paused.
    pub(crate) fn reaches(&self, s: &Session<'_>, market: &MarketRef) -> bool {
        let paused = s.gateway.asset(market.synthetic).is_some_and(|asset| asset.level_at(s.now) >= level::NO_SUPPLY);
        (paused || !self.settlement.surplus_to.waits()) && !self.settlement.payout_to.waits()
    }

    /// Carries it out.
    #[inline(never)]
    pub(crate) fn apply(
        &self,
        s: &mut Session<'_>,
        release: &Release<'_>,
        market: &MarketRef,
        till: &Till<'_>,
    ) -> Result<(), GatewayError> {
        let undone = &self.settlement.undone;
        windows::take(s, market.synthetic, Direction::Release, &release.amount)?;
        if undone.surplus != 0 {
            windows::force(s, market.synthetic, Direction::Mint, &undone.surplus)?;
        }
        self.settlement.save(s)?;
        let mut body = Body::new();
        body.word(&release.operation).word(release.peer).number(release.nonce.into()).word(release.asset);
        body.number(release.amount).number(release.fee).number(undone.paid).number(undone.surplus);
        body.number(undone.payout).word(release.recipient);
        self.settlement.position(&mut body);
        s.append(event::RELEASED, body.as_slice())?;

        pay_fee(s, till, market.synthetic, &self.treasury, &release.fee, self.fee_to, &release.operation)?;
        self.settlement.pay(s, till, &release.operation)
    }
}

/// How a fee reaches the treasury.
#[inline(always)]
pub(crate) fn resolve_fee<'a>(
    s: &Session<'_>,
    synthetic: &Token,
    till: &Till<'a>,
    treasury: &Word,
    fee: &u128,
) -> Result<Delivery<'a>, GatewayError> {
    resolve(
        s,
        synthetic,
        &Payee { wallet: treasury, token: till.treasury_token, claimable: till.treasury_claimable },
        fee,
    )
}

/// Mints a fee to the treasury.
#[inline(always)]
pub(crate) fn pay_fee(
    s: &mut Session<'_>,
    till: &Till<'_>,
    synthetic: u8,
    treasury: &Word,
    fee: &u128,
    delivery: Delivery<'_>,
    cause: &Word,
) -> Result<(), GatewayError> {
    let token = Token::load(s, synthetic)?;
    till.press.mint(s, &token, &Due { wallet: treasury, amount: *fee, cause, delivery })
}
