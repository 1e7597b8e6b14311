//! One call while it runs: its own copy of the state, and the events it made so far.

use tim3_domain::{
    identity::{Account, AssetId, MarketId},
    price::Price,
    protocol::{Event, EventBody, OrderCode},
};

use super::{
    Admin, Call, Feed, Gateway, Market, Outside, Reject, orders,
    reject::{add, sub},
    state::Asset,
};

/// What a call did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// Its events, in order.
    pub events: Vec<Event>,
    /// How each order of a batch ended, in order; empty for other calls.
    pub answers: Vec<Answer>,
}

/// How one order ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The protocol's code.
    pub code: OrderCode,
    /// Why it was not done.
    pub reason: Option<Reject>,
}

pub(super) struct Session {
    pub(super) gateway: Gateway,
    pub(super) caller: Account,
    pub(super) now: u64,
    pub(super) events: Vec<Event>,
}

impl Session {
    pub(super) fn run(gateway: Gateway, call: &Call, caller: Account, now: u64) -> Result<(Gateway, Receipt), Reject> {
        let mut session = Self { gateway, caller, now, events: Vec::new() };
        let mut answers = Vec::new();
        match call {
            Call::User(action) => session.user(action)?,
            Call::Keeper(action) => session.keeper(action)?,
            Call::Execute(batch) => answers = orders::execute(&mut session, batch)?,
            Call::Admin(admin) => session.admin(admin)?,
            Call::Outside(outside) => session.outside(outside)?,
        }
        let mut gateway = session.gateway;
        if !session.events.is_empty() {
            gateway.checkpoints.set(gateway.head.count, gateway.head.hash);
        }
        Ok((gateway, Receipt { events: session.events, answers }))
    }

    /// The sequence of the next event: the version of a position that it moves.
    pub(super) fn next_sequence(&self) -> u64 {
        self.gateway.head.count
    }

    /// Appends an event and folds it into the running hash.
    pub(super) fn append(&mut self, body: EventBody) -> Result<(), Reject> {
        let event = Event { sequence: self.next_sequence(), timestamp: self.now, body };
        self.gateway.head = self.gateway.head.after(&event).ok_or(Reject::Overflow)?;
        self.events.push(event);
        Ok(())
    }

    /// The pause level of a synthetic, if it is `highest` or below.
    pub(super) fn check_pause(&self, asset: AssetId, highest: u8) -> Result<u8, Reject> {
        let level = self.gateway.pause_level(asset, self.now).ok_or(Reject::UnknownAsset(asset))?;
        if level > highest { Err(Reject::Paused(asset, level)) } else { Ok(level) }
    }

    pub(super) fn asset(&self, asset: AssetId) -> Result<Asset, Reject> {
        self.gateway.asset(asset).ok_or(Reject::UnknownAsset(asset))
    }

    pub(super) fn market(&self, market: MarketId) -> Result<Market, Reject> {
        self.gateway.markets.get(&market).ok_or(Reject::UnknownMarket(market))
    }

    /// An account that may be paid here. The gateway itself is nobody's account: what it holds is in custody.
    pub(super) fn payee(&self, account: Account) -> Result<Account, Reject> {
        if account.is_zero() || account == self.gateway.account {
            return Err(Reject::InvalidAccount(account));
        }
        Ok(account)
    }

    fn outside(&mut self, outside: &Outside) -> Result<(), Reject> {
        match outside {
            Outside::Fund { asset, account, amount } => {
                let native = self.native_exact(*asset, *amount)?;
                let key = (*asset, *account);
                self.gateway.balances.set(key, add(self.gateway.balances.read(&key), native)?);
                self.gateway.supplies.set(*asset, add(self.gateway.supplies.read(asset), native)?);
            }
            Outside::Seize { asset, account, amount } => {
                let native = self.native_exact(*asset, *amount)?;
                self.withdraw_from(*asset, *account, native)?;
                self.gateway.supplies.set(*asset, sub(self.gateway.supplies.read(asset), native)?);
            }
            Outside::SetPrice { asset, lower, higher } => match (Price::new(*lower), Price::new(*higher)) {
                (Some(lower), Some(higher)) if lower <= higher => {
                    self.gateway.prices.set(*asset, Feed { lower, higher, at: self.now });
                }
                _ => self.gateway.prices.remove(asset),
            },
            Outside::Refuse { asset, account, refuse: true } => self.gateway.refusing.set((*asset, *account), ()),
            Outside::Refuse { asset, account, refuse: false } => self.gateway.refusing.remove(&(*asset, *account)),
        }
        Ok(())
    }

    fn admin(&mut self, admin: &Admin) -> Result<(), Reject> {
        if let Admin::SetPause { asset, level } = admin {
            return self.set_pause(*asset, *level);
        }
        if self.caller != self.gateway.admin {
            return Err(Reject::NotAdmin);
        }
        self.administer(admin)
    }
}
