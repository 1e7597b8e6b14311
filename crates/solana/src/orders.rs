//! Orders with the accounts they need: pure, given what the gateway and the token accounts are.

use std::collections::{BTreeMap, BTreeSet};

use solana_instruction::{AccountMeta, Instruction as Raw};
use solana_pubkey::Pubkey;
use tim3_domain::{
    identity::{Account, AssetId, GatewayId, MarketId},
    protocol::{Action, Operation, OperationKind, OrderContent, SignedOrder},
    word::Word,
};
use tim3_solana_interface::{
    accounts::{Asset, Gateway, Market, OutgoingPage, SlotPage},
    external::token_account as token,
    instruction::{AccountSpec, Instruction, OrderArgs, Orders, Role, encode_orders},
    protocol::{level::NO_SUPPLY, market::VAULT},
    words::Dictionary,
};

use crate::{
    address::{Addresses, pubkey, system_program, token_account, token_program},
    link::{Snapshot, asset, market},
    node::Found,
};

/// An order as it is carried, with the accounts it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    action: u8,
    words: Vec<[u8; 32]>,
    signatures: Vec<[u8; 65]>,
    needs: Needs,
}

/// What an order needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Needs {
    accounts: Vec<(Role, Pubkey)>,
    /// Whether token accounts that are missing may be made.
    opening: bool,
    /// Wallets and mints of those that are made.
    opened: BTreeSet<(Pubkey, Pubkey)>,
}

/// What has to be known to find an order's accounts.
pub(crate) struct Placing<'a> {
    addresses: Addresses,
    gateway: &'a Snapshot,
    /// Token accounts that can take something, with their owners.
    open: BTreeMap<Pubkey, Pubkey>,
    /// Token accounts that are not there.
    missing: BTreeSet<Pubkey>,
}

impl<'a> Placing<'a> {
    /// `found` are the accounts that [`payees`] named.
    pub(crate) fn new(addresses: Addresses, gateway: &'a Snapshot, found: &BTreeMap<Pubkey, Option<Found>>) -> Self {
        let open = found.iter().filter_map(|(key, found)| Some((*key, taker(found.as_ref()?)?))).collect();
        let missing = found.iter().filter(|(_, found)| found.as_ref().is_none_or(is_vacant)).map(|(key, _)| *key);
        Self { addresses, gateway, open, missing: missing.collect() }
    }

    /// The order with its accounts. What cannot be placed is carried without them: the gateway says what is wrong with it. Token accounts
    /// that are missing are made if it takes at most `opening` of them.
    pub(crate) fn place(&self, signed: &SignedOrder, opening: usize) -> Placed {
        let mut needs = self.needs(signed, opening > 0);
        if needs.opened.len() > opening {
            needs = self.needs(signed, false);
        }
        needs.accounts.sort_unstable();
        needs.accounts.dedup();
        let (signatures, _) = signed.signatures.as_chunks::<65>();
        Placed {
            action: signed.order.action.code(),
            words: signed.order.content.words().iter().map(|word| word.0).collect(),
            signatures: signatures.to_vec(),
            needs,
        }
    }

    fn needs(&self, signed: &SignedOrder, opening: bool) -> Needs {
        let mut needs = Needs { opening, ..Needs::default() };
        match &signed.order.content {
            OrderContent::Operation(operation) => self.operation(&mut needs, signed.order.action, operation),
            OrderContent::Conflict { operation, market, .. } => {
                self.operation(&mut needs, Action::Refund, operation);
                needs.accounts.push((Role::BadDebt, self.addresses.bad_debt(*market)));
            }
            OrderContent::Mirror(record) => {
                let (market, owner) = (record.position.market, record.position.owner);
                needs.accounts.extend([
                    (Role::Mirror, self.addresses.mirror(market, owner)),
                    (Role::MirrorHome, self.addresses.mirror_home(market)),
                ]);
            }
            OrderContent::Resend { .. } => {}
        }
        needs
    }

    /// Whether the canonical token account of `wallet` can be paid into, and is still its wallet's; where it is only missing and something
    /// is sure to be paid, it is made.
    fn takes(&self, needs: &mut Needs, wallet: Account, mint: &Pubkey, sure: bool) -> bool {
        let wallet = pubkey(&wallet);
        let holder = token_account(&wallet, mint);
        let makes = sure && needs.opening && self.missing.contains(&holder);
        if makes {
            needs.opened.insert((wallet, *mint));
        }
        makes || self.open.get(&holder) == Some(&wallet)
    }

    fn operation(&self, needs: &mut Needs, action: Action, operation: &Operation) {
        let (page, peer) = match action {
            // At the origin: its own record of what it sent.
            Action::Refund => {
                let page = OutgoingPage::of(operation.nonce).unwrap_or_default();
                (self.addresses.outgoing(operation.destination, page), operation.destination)
            }
            _ => {
                let page = SlotPage::of(operation.nonce).unwrap_or_default();
                (self.addresses.slots(operation.origin, page), operation.origin)
            }
        };
        needs.accounts.extend([(Role::Page, page), (Role::Route, self.addresses.route(operation.asset, peer))]);
        match action {
            Action::Mint => {
                self.synthetic(needs, operation.asset, operation.recipient, true);
                self.fee(needs, operation);
            }
            Action::Release => {
                self.market(needs, operation, operation.recipient, operation.fee);
                self.fee(needs, operation);
            }
            Action::Refund if operation.kind == OperationKind::Mint => {
                self.market(needs, operation, operation.refund_to, 0);
            }
            Action::Refund => self.synthetic(needs, operation.asset, operation.refund_to, true),
            _ => {}
        }
    }

    /// Where synthetic for `to` is minted: his token account, or custody where that takes nothing. `sure`: that there will be some.
    fn synthetic(&self, needs: &mut Needs, id: AssetId, to: Account, sure: bool) {
        let Some((_, synthetic)) = asset(self.gateway, id) else { return };
        let mint = Pubkey::new_from_array(synthetic.mint());
        needs.accounts.extend([(Role::SyntheticMint, mint), (Role::Token, token_account(&pubkey(&to), &mint))]);
        // From this level on a surplus waits in custody.
        let custody = synthetic.level() >= NO_SUPPLY;
        if !self.takes(needs, to, &mint, sure && !custody) || custody {
            let claimable = self.addresses.claimable(to, id);
            needs.accounts.extend([(Role::SyntheticVault, self.addresses.vault(id)), (Role::Claimable, claimable)]);
        }
    }

    fn fee(&self, needs: &mut Needs, operation: &Operation) {
        let Some((_, synthetic)) = asset(self.gateway, operation.asset).filter(|_| operation.fee > 0) else { return };
        let mint = Pubkey::new_from_array(synthetic.mint());
        let treasury = Account(Word(self.gateway.treasury()));
        let holder = token_account(&pubkey(&treasury), &mint);
        needs.accounts.extend([(Role::SyntheticMint, mint), (Role::TreasuryToken, holder)]);
        if !self.takes(needs, treasury, &mint, true) {
            let claimable = self.addresses.claimable(treasury, operation.asset);
            let vault = self.addresses.vault(operation.asset);
            needs.accounts.extend([(Role::SyntheticVault, vault), (Role::TreasuryClaimable, claimable)]);
        }
    }

    /// What paying debt back and collateral out needs; the rest of the synthetic where the debt may be smaller than what came.
    fn market(&self, needs: &mut Needs, operation: &Operation, to: Account, fee: u128) {
        let Some((_, found)) = market(self.gateway, operation.market) else { return };
        let Some(collateral) = self.gateway.asset(found.collateral()) else { return };
        let (id, mint) = (AssetId(Word(collateral.id())), Pubkey::new_from_array(collateral.mint()));
        let holder = token_account(&pubkey(&to), &mint);
        needs.accounts.extend([(Role::CollateralVault, self.addresses.vault(id)), (Role::CollateralToken, holder)]);
        let pays = if found.kind() == VAULT { operation.wanted > 0 } else { found.total_debt() > 0 };
        if !self.takes(needs, to, &mint, pays) {
            needs.accounts.push((Role::CollateralClaimable, self.addresses.claimable(to, id)));
        }
        if found.kind() == VAULT {
            needs.accounts.push((Role::Position, self.addresses.position(operation.market, operation.owner)));
            needs.accounts.push((Role::Price, Pubkey::new_from_array(found.oracle_account())));
        }
        // A vault's own debt is one account further away; custody for nothing costs only bytes.
        if found.kind() == VAULT || found.total_debt() < operation.amount.saturating_sub(fee) {
            self.synthetic(needs, operation.asset, to, false);
        }
    }
}

/// Whether nothing is there but perhaps lamports that somebody sent ahead.
fn is_vacant(found: &Found) -> bool {
    found.owner == system_program() && found.data.is_empty()
}

/// The wallets and mints whose token accounts are made before these orders are executed.
pub(crate) fn opened<'a>(orders: impl IntoIterator<Item = &'a Placed>) -> BTreeSet<(Pubkey, Pubkey)> {
    orders.into_iter().flat_map(|order| order.needs.opened.iter().copied()).collect()
}

/// The owner of a token account that can take something.
fn taker(found: &Found) -> Option<Pubkey> {
    const INITIALIZED: u8 = 1;
    let right = found.owner == token_program()
        && found.data.len() == token::LENGTH
        && found.data.get(token::STATE) == Some(&INITIALIZED);
    let owner = found.data.get(token::OWNER..)?.first_chunk()?;
    right.then(|| Pubkey::new_from_array(*owner))
}

/// The token accounts that may be paid into by `orders`.
pub(crate) fn payees<B: AsRef<[u8]>>(gateway: &Gateway<B>, orders: &[SignedOrder]) -> BTreeSet<Pubkey> {
    let holder = |to: Account, found: Option<Asset<&[u8]>>| {
        found.map(|asset| token_account(&pubkey(&to), &Pubkey::new_from_array(asset.mint())))
    };
    let mut keys = BTreeSet::new();
    for operation in orders.iter().filter_map(|order| order.order.operation()) {
        let synthetic = || asset(gateway, operation.asset).map(|(_, asset)| asset);
        let collateral = || {
            let (_, market): (u8, Market<&[u8]>) = market(gateway, operation.market)?;
            gateway.asset(market.collateral())
        };
        for to in [operation.recipient, operation.refund_to] {
            keys.extend(holder(to, synthetic()));
            keys.extend(holder(to, collateral()));
        }
        if operation.fee > 0 {
            keys.extend(holder(Account(Word(gateway.treasury())), synthetic()));
        }
    }
    keys
}

/// The instruction that executes `orders`, in this order.
pub(crate) fn execute<'a>(
    addresses: &Addresses,
    gateway: &Snapshot,
    payer: &Pubkey,
    orders: impl IntoIterator<Item = &'a Placed>,
) -> Option<Raw> {
    let page = gateway.page();
    let mut accounts = vec![
        AccountMeta::new(addresses.gateway, false),
        AccountMeta::new(*payer, true),
        AccountMeta::new_readonly(system_program(), false),
        AccountMeta::new(addresses.events(page), false),
        AccountMeta::new(addresses.events(page.saturating_add(1)), false),
        AccountMeta::new_readonly(token_program(), false),
        AccountMeta::new_readonly(addresses.authority(), false),
    ];
    let orders: Vec<&Placed> = orders.into_iter().collect();
    let mut encoded = Vec::with_capacity(orders.len());
    for order in &orders {
        let mut roles = Vec::with_capacity(order.needs.accounts.len());
        for (role, key) in &order.needs.accounts {
            let place = accounts.iter().skip(FIXED).position(|account| account.pubkey == *key);
            let place = match place {
                Some(place) => place.saturating_add(FIXED),
                None => {
                    accounts.push(match role {
                        Role::Price => AccountMeta::new_readonly(*key, false),
                        _ => AccountMeta::new(*key, false),
                    });
                    accounts.len().saturating_sub(1)
                }
            };
            roles.push((*role, u8::try_from(place).ok()?));
        }
        encoded.push(OrderArgs {
            action: order.action,
            words: &order.words,
            signatures: &order.signatures,
            accounts: roles,
        });
    }
    let dictionary: Dictionary<'_> = gateway.dictionary();
    let bytes = encode_orders(&encoded, &dictionary)?;
    Some(Raw { program_id: addresses.program, accounts, data: Instruction::Execute(Orders::new(&bytes)).encode() })
}

/// Accounts in front of those of the orders.
const FIXED: usize = 7;

/// An instruction with its accounts by name; those that are not named and optional are left empty.
pub(crate) fn instruction(
    addresses: &Addresses,
    instruction: &Instruction<'_>,
    more: &[AccountSpec],
    named: &[(&str, Pubkey)],
) -> Raw {
    let specs = instruction.spec().accounts.iter().chain(more);
    let account = |spec: &AccountSpec| {
        let key = named.iter().find(|(name, _)| *name == spec.name).map(|(_, key)| *key);
        match key {
            Some(key) if spec.writable => AccountMeta::new(key, spec.signer),
            Some(key) => AccountMeta::new_readonly(key, spec.signer),
            // The program's own address stands for none.
            None => AccountMeta::new_readonly(addresses.program, false),
        }
    };
    Raw { program_id: addresses.program, accounts: specs.map(account).collect(), data: instruction.encode() }
}

/// The accounts that nearly every instruction begins with.
pub(crate) fn common(addresses: &Addresses, gateway: &Snapshot, who: &Pubkey) -> Vec<(&'static str, Pubkey)> {
    let page = gateway.page();
    vec![
        ("gateway", addresses.gateway),
        ("payer", *who),
        ("system_program", system_program()),
        ("page", addresses.events(page)),
        ("next_page", addresses.events(page.saturating_add(1))),
        ("token_program", token_program()),
        ("authority", addresses.authority()),
        ("admin", *who),
        ("user", *who),
        ("authorized", *who),
    ]
}

/// The outgoing pages of the next operation to `destination`: others may take the last nonces of a page first.
pub(crate) fn outgoing(addresses: &Addresses, destination: GatewayId, next_nonce: u64) -> [Pubkey; 2] {
    let page = OutgoingPage::of(next_nonce).unwrap_or_default();
    [addresses.outgoing(destination, page), addresses.outgoing(destination, page.saturating_add(1))]
}

/// The market's price account, where it has one.
pub(crate) fn price(market: &Market<&[u8]>) -> Option<Pubkey> {
    (market.has_oracle() == 1).then(|| Pubkey::new_from_array(market.oracle_account()))
}

/// The position of a vault market's owner.
pub(crate) fn position(addresses: &Addresses, market: &Market<&[u8]>, id: MarketId, owner: Account) -> Option<Pubkey> {
    (market.kind() == VAULT).then(|| addresses.position(id, owner))
}
