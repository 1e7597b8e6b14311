//! A gateway, its mints and markets, and what can be read of them.

use solana_account::Account;
use solana_address::Address;
use solana_instruction::Instruction as Wire;
use tim3_domain::{
    health::Balances,
    identity::{Account as Holder, AssetId, ChainId, GatewayId, MarketId, MarketKind},
    protocol::Head,
    word::{Word, keccak_text},
};
use tim3_solana_interface::{
    accounts::{Claimable, Gateway, OutgoingPage, Peer, Position, Route, SlotPage},
    external::PriceUpdate,
    instruction::{Call, InitializeArgs, Instruction, MarketTerms, Oracle},
    protocol, seeds,
};

use crate::{
    accounts::Target,
    token,
    world::{World, address, associated, evm_address, holder},
};

/// CAIP-2 name of the chain, as for a local validator.
pub const CHAIN: &str = "solana:localnet";
/// Number of the synthetic TIM3, then of the collaterals.
pub const TIM3: u8 = 0;
/// Number of USDA: 6 canonical decimals, 8 of the mint, so that not every amount can be brought in.
pub const USDA: u8 = 1;
/// Number of WETH: 18 canonical decimals, 9 of the mint, so that payouts are rounded.
pub const WETH: u8 = 2;
/// Number of the reserve market, USDA.
pub const RESERVE: u8 = 0;
/// Number of the vault market, WETH.
pub const VAULT: u8 = 1;
/// One TIM3.
pub const UNIT: u128 = 1_000_000;
/// One WETH in canonical units.
pub const ETHER: u128 = 1_000_000_000_000_000_000;
/// Seconds between announcing and making a change.
pub const DELAY: u64 = 86_400;
/// What each window holds.
pub const WINDOW: u128 = 1_000_000 * UNIT;
/// Seconds in which it refills.
pub const PERIOD: u64 = 86_400;
/// Dollars of one WETH.
pub const WETH_PRICE: i64 = 2_000;
/// Oldest price, seconds.
pub const MAX_AGE: u64 = 600;
/// 18 decimals.
pub const ONE: u128 = 1_000_000_000_000_000_000;
/// Flat part of the fee of every route.
pub const FLAT_FEE: u128 = UNIT / 10;
/// Proportional part, basis points.
pub const FEE_BPS: u16 = 10;

/// The Pyth receiver of these tests.
pub fn pyth() -> Address {
    address("pyth receiver")
}

/// The price feed of WETH.
pub fn feed() -> [u8; 32] {
    [0xfe; 32]
}

/// A gateway and what belongs to it.
#[derive(Clone, Debug)]
pub struct Site {
    /// The program.
    pub program: Address,
    /// Its account.
    pub gateway: Address,
    /// Its identity.
    pub id: GatewayId,
    /// Salt of its deployment.
    pub salt: [u8; 32],
    /// Mint authority and owner of the vaults.
    pub authority: Address,
    /// Mints by number of asset.
    pub mints: [Address; 3],
    /// Ids by number of asset.
    pub assets: [AssetId; 3],
    /// Token accounts of the gateway by number of asset.
    pub vaults: [Address; 3],
    /// Ids by number of market.
    pub markets: [MarketId; 2],
    /// The price account of WETH.
    pub price: Address,
}

/// Totals of the synthetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "those of section 7 of the protocol")]
pub struct Totals {
    pub minted: u128,
    pub burned: u128,
    pub debt: u128,
    pub bad_debt: u128,
    pub claimable: u128,
    pub pending: u128,
}

/// Totals of (synthetic, peer).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "those of section 7 of the protocol")]
pub struct PeerTotals {
    pub sent: u128,
    pub refunded: u128,
    pub settled: u128,
    pub voided: u128,
}

fn symbol(text: &str) -> [u8; 12] {
    let mut symbol = [0; 12];
    symbol[..text.len()].copy_from_slice(text.as_bytes());
    symbol
}

/// Terms of the reserve market.
pub fn reserve_terms() -> MarketTerms {
    MarketTerms {
        oracle: Oracle { program: [0; 32], account: [0; 32], feed: [0; 32], max_age: 0, max_confidence: 0 },
        max_ltv: 0,
        liquidation_threshold: 0,
        bonus: 0,
        close_factor: 0,
        depeg: 0,
        ceiling: 10_000_000 * UNIT,
        dust: 0,
    }
}

impl Site {
    /// Where everything of a gateway will be, before any of it exists.
    pub fn planned(program: Address, name: &'static str) -> Self {
        let salt = keccak_text(name).0;
        let find = |seeds: &[&[u8]]| Address::find_program_address(seeds, &program).0;
        let gateway = find(&seeds::gateway(&salt));
        let word = gateway.to_bytes();
        let chain: ChainId = CHAIN.parse().unwrap();
        let id = GatewayId::derive(&chain, holder(&gateway), Word(salt));
        let assets = ["TIM3", "USDA", "WETH"].map(|symbol| AssetId::from_symbol(symbol).unwrap());
        let mints = ["TIM3", "USDA", "WETH"].map(|symbol| {
            let text = format!("{name} {symbol}");
            Address::from(keccak_text(&text).0)
        });
        Self {
            program,
            gateway,
            id,
            salt,
            authority: find(&seeds::authority(&word)),
            mints,
            assets,
            vaults: assets.map(|asset| find(&seeds::vault(&word, &asset.0.0))),
            markets: [
                MarketId::derive(id, assets[0], assets[1], MarketKind::Reserve),
                MarketId::derive(id, assets[0], assets[2], MarketKind::Vault),
            ],
            price: Address::from(keccak_text(&format!("{name} price")).0),
        }
    }

    /// Terms of the vault market.
    pub fn vault_terms(&self) -> MarketTerms {
        MarketTerms {
            oracle: Oracle {
                program: pyth().to_bytes(),
                account: self.price.to_bytes(),
                feed: feed(),
                max_age: MAX_AGE,
                max_confidence: 100,
            },
            max_ltv: 7_500,
            liquidation_threshold: 8_000,
            bonus: 500,
            close_factor: 5_000,
            depeg: 0,
            ceiling: 10_000_000 * UNIT,
            dust: 100 * UNIT,
        }
    }

    /// The `Initialize` of this gateway.
    pub fn initialize(&self, world: &World) -> Wire {
        let chain: ChainId = CHAIN.parse().unwrap();
        let guardian = address("guardian").to_bytes();
        let args = InitializeArgs { salt: self.salt, chain: chain.word().0, guardian, delay: DELAY };
        Target::new(world, self).with("admin", address("admin")).build(&Instruction::Initialize(args))
    }

    /// Makes mints, gateway, assets, markets, windows, attesters and treasury; does not activate it.
    pub fn found(&self, world: &mut World) {
        world.set(&self.mints[0], token::mint_account(Some(&self.authority), 6, 0));
        world.set(&self.mints[1], token::mint_account(None, 8, 0));
        world.set(&self.mints[2], token::mint_account(None, 9, 0));
        self.set_price(world, WETH_PRICE * 100_000_000, 0);
        world.ok(&self.initialize(world));
        let signers: Vec<[u8; 20]> = world.attesters.iter().map(evm_address).collect();
        let vault_terms = self.vault_terms();
        for call in [
            Call::AddSynthetic { symbol: symbol("TIM3"), target: ONE },
            Call::AddCollateral { symbol: symbol("USDA"), decimals: 6 },
            Call::AddCollateral { symbol: symbol("WETH"), decimals: 18 },
            Call::SetMarket { synthetic: TIM3, collateral: USDA, kind: 0, terms: reserve_terms() },
            Call::SetMarket { synthetic: TIM3, collateral: WETH, kind: 1, terms: vault_terms },
            Call::SetWindow { asset: TIM3, kind: protocol::window::MINT, limit: WINDOW, period: PERIOD },
            Call::SetWindow { asset: TIM3, kind: protocol::window::RELEASE, limit: WINDOW, period: PERIOD },
            Call::SetAttesters { threshold: 2, signers: &signers },
            Call::SetTreasury { treasury: address("treasury").to_bytes() },
        ] {
            world.ok(&self.configure(world, &call));
        }
    }

    /// Opens the route to a peer.
    pub fn connect(&self, world: &mut World, peer: GatewayId, evm: bool) {
        let call = self.route_call(peer, evm);
        world.ok(&self.configure(world, &call));
    }

    /// The change that opens a route.
    pub fn route_call(&self, peer: GatewayId, evm: bool) -> Call<'static> {
        Call::SetRoute {
            asset: TIM3,
            enabled: 1,
            evm: evm.into(),
            fee_bps: FEE_BPS,
            peer: peer.0.0,
            min: UNIT,
            max: WINDOW,
            flat_fee: FLAT_FEE,
        }
    }

    /// `Configure` with a change.
    pub fn configure(&self, world: &World, call: &Call<'_>) -> Wire {
        self.change_target(world, call)
            .with("admin", address("admin"))
            .build_with(&Instruction::Configure(*call), call.accounts())
    }

    /// The accounts that a change needs.
    pub fn change_target<'a>(&'a self, world: &'a World, call: &Call<'_>) -> Target<'a> {
        let target = Target::new(world, self);
        match *call {
            Call::AddSynthetic { symbol: name, .. } | Call::AddCollateral { symbol: name, .. } => {
                let text = std::str::from_utf8(&name).unwrap().trim_end_matches('\0');
                let asset = ["TIM3", "USDA", "WETH"].iter().position(|known| *known == text).unwrap_or_default();
                target.with("mint", self.mints[asset]).with("vault", self.vault_of(text))
            }
            Call::SetMarket { terms, .. } if terms.oracle.account != [0; 32] => {
                target.with("price", Address::from(terms.oracle.account))
            }
            Call::SetRoute { peer, .. } => target
                .with("route", self.route_at(GatewayId(Word(peer))))
                .with("peer", self.peer_at(GatewayId(Word(peer)))),
            Call::Tombstone { peer, .. } => target.with("peer", self.peer_at(GatewayId(Word(peer)))),
            Call::CloseOutgoing { peer, page } => target
                .with("outgoing", self.outgoing_at(GatewayId(Word(peer)), page))
                .with("outgoing_rent_payer", address("payer")),
            _ => target,
        }
    }

    fn vault_of(&self, symbol: &str) -> Address {
        AssetId::from_symbol(symbol)
            .map(|asset| self.find(&seeds::vault(&self.gateway.to_bytes(), &asset.0.0)))
            .unwrap_or(self.vaults[0])
    }

    /// Ends the set-up.
    pub fn activate(&self, world: &mut World) {
        let activate = Target::new(world, self).with("admin", address("admin")).build(&Instruction::Activate);
        world.ok(&activate);
    }

    // ------------------------------------------------------------------------------------------------------------- addresses

    /// An address of the program.
    pub fn find(&self, seeds: &[&[u8]]) -> Address {
        Address::find_program_address(seeds, &self.program).0
    }

    /// A page of events.
    pub fn events_at(&self, page: u32) -> Address {
        self.find(&seeds::events(&self.gateway.to_bytes(), &page.to_le_bytes()))
    }

    /// The outcomes of operations from `origin`.
    pub fn slots_at(&self, origin: GatewayId, nonce: u64) -> Address {
        let page = SlotPage::of(nonce).unwrap().to_le_bytes();
        self.find(&seeds::slots(&self.gateway.to_bytes(), &origin.0.0, &page))
    }

    /// A page of ids of operations to `destination`.
    pub fn outgoing_at(&self, destination: GatewayId, page: u32) -> Address {
        self.find(&seeds::outgoing(&self.gateway.to_bytes(), &destination.0.0, &page.to_le_bytes()))
    }

    /// The record of a peer.
    pub fn peer_at(&self, peer: GatewayId) -> Address {
        self.find(&seeds::peer(&self.gateway.to_bytes(), &peer.0.0))
    }

    /// Limits and totals of a peer.
    pub fn route_at(&self, peer: GatewayId) -> Address {
        self.find(&seeds::route(&self.gateway.to_bytes(), &self.assets[0].0.0, &peer.0.0))
    }

    /// A vault position.
    pub fn position_at(&self, owner: Holder) -> Address {
        self.find(&seeds::position(&self.gateway.to_bytes(), &self.markets[1].0.0, &owner.0.0))
    }

    /// What waits for an account.
    pub fn claimable_at(&self, account: Holder, asset: u8) -> Address {
        let asset = self.assets[usize::from(asset)];
        self.find(&seeds::claimable(&self.gateway.to_bytes(), &account.0.0, &asset.0.0))
    }

    /// Bad debt of a market.
    pub fn bad_debt_at(&self, market: MarketId) -> Address {
        self.find(&seeds::bad_debt(&self.gateway.to_bytes(), &market.0.0))
    }

    /// The canonical token account of a wallet.
    pub fn wallet(&self, wallet: &Address, asset: u8) -> Address {
        associated(wallet, &self.mints[usize::from(asset)])
    }

    // ------------------------------------------------------------------------------------------------------------------ views

    /// Reads the gateway account.
    pub fn read<T>(&self, world: &World, view: impl FnOnce(Gateway<&[u8]>) -> T) -> T {
        view(Gateway::new(&world.data(&self.gateway)[..]).unwrap())
    }

    /// Count and running hash.
    pub fn head(&self, world: &World) -> Head {
        self.read(world, |gateway| Head { count: gateway.count(), hash: Word(gateway.hash()) })
    }

    /// Totals of the synthetic.
    pub fn totals(&self, world: &World) -> Totals {
        self.read(world, |gateway| {
            let asset = gateway.asset(TIM3).unwrap();
            Totals {
                minted: asset.minted(),
                burned: asset.burned(),
                debt: asset.debt(),
                bad_debt: asset.bad_debt(),
                claimable: asset.claimable(),
                pending: asset.pending(),
            }
        })
    }

    /// Totals of a peer; zeros where there is no route.
    pub fn peer_totals(&self, world: &World, peer: GatewayId) -> PeerTotals {
        let data = world.data(&self.route_at(peer));
        Route::new(&data[..]).map_or(PeerTotals::default(), |route| PeerTotals {
            sent: route.sent(),
            refunded: route.refunded(),
            settled: route.settled(),
            voided: route.voided(),
        })
    }

    /// The one position of the reserve market.
    pub fn reserve(&self, world: &World) -> Balances {
        self.read(world, |gateway| {
            let market = gateway.market(RESERVE).unwrap();
            Balances { collateral: market.total_collateral(), debt: market.total_debt() }
        })
    }

    /// Collateral and debt of all vault positions, as the market counts them.
    pub fn vault_totals(&self, world: &World) -> Balances {
        self.read(world, |gateway| {
            let market = gateway.market(VAULT).unwrap();
            Balances { collateral: market.total_collateral(), debt: market.total_debt() }
        })
    }

    /// A vault position; zeros where there is none.
    pub fn position(&self, world: &World, owner: &Address) -> Balances {
        let data = world.data(&self.position_at(holder(owner)));
        Position::new(&data[..]).map_or(Balances::default(), |position| Balances {
            collateral: position.collateral(),
            debt: position.debt(),
        })
    }

    /// Outcome of an incoming operation.
    pub fn slot(&self, world: &World, origin: GatewayId, nonce: u64) -> u8 {
        let data = world.data(&self.slots_at(origin, nonce));
        SlotPage::new(&data[..]).map_or(0, |page| page.slot(nonce))
    }

    /// Whether an outgoing operation was refunded.
    pub fn refunded(&self, world: &World, destination: GatewayId, nonce: u64) -> bool {
        let data = world.data(&self.outgoing_at(destination, OutgoingPage::of(nonce).unwrap()));
        OutgoingPage::new(&data[..]).is_ok_and(|page| page.refunded(nonce))
    }

    /// Id of an outgoing operation; zero where there is none.
    pub fn outgoing(&self, world: &World, destination: GatewayId, nonce: u64) -> Word {
        let data = world.data(&self.outgoing_at(destination, OutgoingPage::of(nonce).unwrap()));
        OutgoingPage::new(&data[..]).map_or(Word::ZERO, |page| Word(*page.operation(nonce)))
    }

    /// Nonce of the next operation to a destination.
    pub fn next_nonce(&self, world: &World, destination: GatewayId) -> u64 {
        let data = world.data(&self.peer_at(destination));
        Peer::new(&data[..]).map_or(0, |peer| peer.next_nonce())
    }

    /// What waits for an account.
    pub fn claimable(&self, world: &World, account: &Address, asset: u8) -> u128 {
        let data = world.data(&self.claimable_at(holder(account), asset));
        Claimable::new(&data[..]).map_or(0, |claimable| claimable.amount())
    }

    /// Attester epoch.
    pub fn epoch(&self, world: &World) -> u64 {
        self.read(world, |gateway| gateway.epoch())
    }

    // ------------------------------------------------------------------------------------------------------------------ world

    /// Writes the price account: dollars with 8 decimals, published now.
    pub fn set_price(&self, world: &mut World, price: i64, confidence: u64) {
        let published = world.time().try_into().unwrap();
        self.set_update(world, &PriceUpdate { full: true, feed: feed(), price, confidence, exponent: -8, published });
    }

    /// Writes the price account.
    pub fn set_update(&self, world: &mut World, update: &PriceUpdate) {
        let data = update.write(&address("price authority").to_bytes());
        world.set(
            &self.price,
            Account { lamports: 10_000_000, data, owner: pyth(), executable: false, rent_epoch: u64::MAX },
        );
    }

    /// Units of the mint in a canonical amount of a collateral.
    pub fn native(asset: u8, canonical: u128) -> u64 {
        let native = match asset {
            USDA => canonical * 100,
            WETH => canonical / 1_000_000_000,
            _ => canonical,
        };
        native.try_into().unwrap()
    }
}

impl World {
    /// Two active gateways that are each other's peers, `home` and `away`, with tokens of both in everybody's wallet.
    pub fn with_gateways() -> (Self, Site, Site) {
        let mut world = Self::empty();
        let home = Site::planned(world.program, "home");
        let away = Site::planned(world.program, "away");
        for (site, peer) in [(&home, &away), (&away, &home)] {
            site.found(&mut world);
            site.connect(&mut world, peer.id, false);
            site.activate(&mut world);
            for user in ["alice", "bob", "carol"].map(address) {
                world.fund(&user, &site.mints[0], 0);
                world.fund(&user, &site.mints[1], 1_000_000 * 100_000_000);
                world.fund(&user, &site.mints[2], 10_000 * 1_000_000_000);
            }
            world.fund(&address("treasury"), &site.mints[0], 0);
        }
        (world, home, away)
    }
}
