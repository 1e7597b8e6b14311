//! Orders: signed by the attesters' keys over the digest of `tim3-domain`, with the accounts they need, packed into an `Execute`.

use k256::ecdsa::SigningKey;
use litesvm::types::TransactionMetadata;
use solana_address::Address;
use solana_instruction::{AccountMeta, Instruction as Wire};
use tim3_domain::{
    identity::MarketId,
    protocol::{Action, MirrorRecord, Operation, OperationKind, Order, OrderContent},
    word::Word,
};
use tim3_solana_interface::{
    GatewayError,
    accounts::OutgoingPage,
    instruction::{Instruction, OrderArgs, OrderResult, Orders, Role, encode_orders},
    protocol::code,
    seeds,
};

use crate::{
    accounts::Target,
    site::{Site, TIM3, VAULT},
    world::World,
};

/// Half of the curve's order: the highest `s` of a signature.
pub const N: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xba, 0xae, 0xdc,
    0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
];

/// An order as it is sent.
#[derive(Clone, Debug)]
pub struct Signed {
    /// The order.
    pub order: Order,
    /// Its signatures.
    pub signatures: Vec<[u8; 65]>,
    /// Its accounts by role.
    pub accounts: Vec<(Role, Address)>,
}

impl Signed {
    /// With another account for a role.
    pub fn with(mut self, role: Role, address: Address) -> Self {
        self.accounts.retain(|(known, _)| *known != role);
        self.accounts.push((role, address));
        self
    }

    /// Without the account of a role.
    pub fn without(mut self, role: Role) -> Self {
        self.accounts.retain(|(known, _)| *known != role);
        self
    }

    /// Signed again by these keys, in this order.
    pub fn signed_by<'a>(mut self, keys: impl IntoIterator<Item = &'a SigningKey>) -> Self {
        self.signatures = keys.into_iter().map(|key| sign(key, self.order.digest())).collect();
        self
    }
}

/// A signature `r ‖ s ‖ v` with a low `s`.
pub fn sign(key: &SigningKey, digest: Word) -> [u8; 65] {
    let (signature, recovery) = key.sign_prehash_recoverable(&digest.0).unwrap();
    let mut bytes = [0; 65];
    bytes[..64].copy_from_slice(&signature.to_bytes());
    bytes[64] = 27 + recovery.to_byte();
    bytes
}

/// The same signature with a high `s`: as good to the curve, refused by every gateway.
pub fn with_high_s(mut signature: [u8; 65]) -> [u8; 65] {
    let mut borrow = 0_i16;
    for index in (0..32).rev() {
        let difference = i16::from(N[index]) - i16::from(signature[32 + index]) - borrow;
        borrow = i16::from(difference < 0);
        signature[32 + index] = difference.rem_euclid(256).try_into().unwrap();
    }
    signature[64] = 27 + 28 - signature[64];
    signature
}

impl World {
    /// Signs `order` with as many attesters as needed and finds its accounts.
    pub fn sign(&self, site: &Site, order: Order) -> Signed {
        let accounts = site.order_accounts(&order);
        Signed { order, signatures: vec![], accounts }.signed_by(&self.attesters[..2])
    }

    /// An order about an operation, for `site` in its epoch.
    pub fn order(&self, site: &Site, action: Action, operation: &Operation) -> Signed {
        let content = OrderContent::Operation(operation.clone());
        self.sign(site, Order { action, gateway: site.id, epoch: site.epoch(self), content })
    }

    /// The order that settles an operation.
    pub fn settlement(&self, site: &Site, operation: &Operation) -> Signed {
        let action = if operation.kind == OperationKind::Redeem { Action::Release } else { Action::Mint };
        self.order(site, action, operation)
    }

    /// A Mirror order.
    pub fn mirror(&self, site: &Site, record: MirrorRecord) -> Signed {
        let content = OrderContent::Mirror(record);
        self.sign(site, Order { action: Action::Mirror, gateway: site.id, epoch: site.epoch(self), content })
    }

    /// Executes orders in one instruction and gives how each ended.
    #[track_caller]
    pub fn execute(&mut self, site: &Site, orders: &[Signed]) -> Vec<OrderResult> {
        self.execute_for(site, orders).1
    }

    /// Executes orders in one instruction.
    #[track_caller]
    pub fn execute_for(&mut self, site: &Site, orders: &[Signed]) -> (TransactionMetadata, Vec<OrderResult>) {
        let meta = self.ok(&site.execute(self, orders));
        // The runtime does not carry zeros at the end of return data.
        let mut data = meta.return_data.data.clone();
        data.resize(orders.len() * OrderResult::LENGTH, 0);
        let results = OrderResult::read(&data).collect();
        (meta, results)
    }

    /// Executes one order, which must be done.
    #[track_caller]
    pub fn done(&mut self, site: &Site, order: &Signed) {
        let result = self.execute(site, std::slice::from_ref(order));
        assert_eq!(result, [OrderResult { code: code::DONE, reason: None }]);
    }

    /// Executes one order, which must end with this code for this reason and make no event.
    #[track_caller]
    pub fn skips(&mut self, site: &Site, order: &Signed, code: u8, reason: GatewayError) {
        let before = site.head(self);
        let result = self.execute(site, std::slice::from_ref(order));
        assert_eq!(result, [OrderResult { code, reason: Some(reason) }]);
        assert_eq!(site.head(self), before, "a skipped order makes no event");
    }

    /// Executes one order, which must be rejected for this reason.
    #[track_caller]
    pub fn rejects(&mut self, site: &Site, order: &Signed, reason: GatewayError) {
        self.skips(site, order, code::REJECTED, reason);
    }
}

impl Site {
    /// The `Execute` of these orders.
    pub fn execute(&self, world: &World, orders: &[Signed]) -> Wire {
        let target = Target::new(world, self);
        let mut wire = target.build(&Instruction::Execute(Orders::new(&[])));
        let words: Vec<Vec<[u8; 32]>> =
            orders.iter().map(|signed| signed.order.content.words().iter().map(|word| word.0).collect()).collect();
        let arguments: Vec<OrderArgs<'_>> = orders
            .iter()
            .zip(&words)
            .map(|(signed, words)| OrderArgs {
                action: signed.order.action.code(),
                words,
                signatures: &signed.signatures,
                accounts: signed
                    .accounts
                    .iter()
                    .map(|(role, address)| (*role, place(&mut wire, *role, *address)))
                    .collect(),
            })
            .collect();
        let data = self.read(world, |gateway| encode_orders(&arguments, &gateway.dictionary()).unwrap());
        wire.data = Instruction::Execute(Orders::new(&data)).encode();
        wire
    }

    /// Every account that an order may need here, whatever becomes of it.
    pub fn order_accounts(&self, order: &Order) -> Vec<(Role, Address)> {
        match &order.content {
            OrderContent::Mirror(record) => {
                let (gateway, market) = (self.gateway.to_bytes(), record.position.market.0.0);
                vec![
                    (Role::Mirror, self.find(&seeds::mirror(&gateway, &market, &record.position.owner.0.0))),
                    (Role::MirrorHome, self.find(&seeds::mirror_home(&gateway, &market))),
                ]
            }
            OrderContent::Conflict { operation, market, .. } => {
                let mut accounts = self.operation_accounts(order.action, operation);
                accounts.push((Role::BadDebt, self.bad_debt_at(*market)));
                accounts
            }
            OrderContent::Operation(operation) => self.operation_accounts(order.action, operation),
            OrderContent::Resend { .. } => vec![],
        }
    }

    fn operation_accounts(&self, action: Action, operation: &Operation) -> Vec<(Role, Address)> {
        let undone = matches!(action, Action::Refund | Action::Conflict);
        let (peer, page) = if undone {
            let page = OutgoingPage::of(operation.nonce).unwrap_or(u32::MAX);
            (operation.destination, self.outgoing_at(operation.destination, page))
        } else {
            (operation.origin, self.slots_at(operation.origin, operation.nonce))
        };
        let mut accounts = vec![(Role::Page, page), (Role::Route, self.route_at(peer))];
        if action == Action::Void {
            return accounts;
        }
        let paid = if undone { operation.refund_to } else { operation.recipient };
        let wallet = Address::from(paid.0.0);
        accounts.extend([
            (Role::SyntheticMint, self.mints[0]),
            (Role::SyntheticVault, self.vaults[0]),
            (Role::Token, self.wallet(&wallet, TIM3)),
            (Role::Claimable, self.claimable_at(paid, TIM3)),
        ]);
        if !undone {
            let treasury = crate::world::address("treasury");
            accounts.extend([
                (Role::TreasuryToken, self.wallet(&treasury, TIM3)),
                (Role::TreasuryClaimable, self.claimable_at(crate::world::holder(&treasury), TIM3)),
            ]);
        }
        let position = action == Action::Release || (undone && operation.kind == OperationKind::Mint);
        if let (true, Some(market)) = (position, self.market_number(operation.market)) {
            let asset = crate::accounts::collateral_of(market);
            accounts.extend([
                (Role::CollateralVault, self.vaults[usize::from(asset)]),
                (Role::CollateralToken, self.wallet(&wallet, asset)),
                (Role::CollateralClaimable, self.claimable_at(paid, asset)),
            ]);
            if market == VAULT {
                accounts.extend([(Role::Position, self.position_at(operation.owner)), (Role::Price, self.price)]);
            }
        }
        accounts
    }

    fn market_number(&self, market: MarketId) -> Option<u8> {
        self.markets.iter().position(|known| *known == market).map(|number| number.try_into().unwrap())
    }
}

/// The number of an account among the instruction's, to which it is added.
fn place(wire: &mut Wire, role: Role, address: Address) -> u8 {
    let place = wire.accounts.iter().position(|meta| meta.pubkey == address).unwrap_or_else(|| {
        let meta = if role == Role::Price {
            AccountMeta::new_readonly(address, false)
        } else {
            AccountMeta::new(address, false)
        };
        wire.accounts.push(meta);
        wire.accounts.len() - 1
    });
    place.try_into().unwrap()
}
