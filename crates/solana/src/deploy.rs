//! Gateways on a cluster: the program uploaded with the upgradeable loader, a gateway set up, and both read back to be checked.
//!
//! A gateway is set up by its deployer while it is not active: [`Deployer::gateway`], then [`Deployer::open_routes`] when the peers' ids are known,
//! then [`Deployer::activate`]. Afterwards every change waits out the gateway's delay. [`Solana::check`](crate::Solana::check) tells what a
//! gateway is.

pub mod check;
pub mod plan;

mod program;
mod table;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use solana_instruction::{AccountMeta, Instruction as Raw};
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer as _;
use solana_system_interface::instruction as system;
use tim3_domain::{
    identity::{AssetId, ChainId, GatewayId, MarketId},
    word::Word,
};
use tim3_solana_interface::{
    accounts::Gateway,
    external::mint,
    instruction::{Call, InitializeArgs, Instruction},
    protocol::window,
};
use tokio::time::sleep;
use tracing::info;

use crate::{
    SolanaError,
    address::{Addresses, account, token_account, token_program},
    base58,
    config::SolanaConfig,
    connect,
    failure::Failure,
    link::{Network, Snapshot, asset},
    message::{Budget, MAX_UNITS},
    node::{self, Commitment},
    orders::{self, common},
    sender::{Sender, margin},
    user::open,
};
use plan::{GatewayPlan, RoutePlan, TokenPlan, symbol};

/// The gateway program, as it is committed.
pub const PROGRAM: &[u8] = include_bytes!("../../../contracts/solana/artifacts/tim3_gateway.so");

/// What was deployed. Addresses are texts in base58.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// CAIP-2 name of the cluster.
    pub chain: ChainId,
    /// The program.
    #[serde(with = "base58")]
    pub program: Pubkey,
    /// The gateway.
    #[serde(with = "base58")]
    pub gateway: Pubkey,
    /// Its identity.
    pub id: GatewayId,
    /// The salt that is in the identity.
    pub salt: Word,
    /// Slot of the deployment.
    pub birth: u64,
    /// A lookup table of its accounts, once there is one.
    #[serde(default, with = "base58::option", skip_serializing_if = "Option::is_none")]
    pub lookup_table: Option<Pubkey>,
    /// The mint of every asset, by symbol.
    #[serde(with = "base58::map")]
    pub tokens: BTreeMap<String, Pubkey>,
    /// The markets, as `SYNTHETIC/COLLATERAL`.
    pub markets: BTreeMap<String, MarketId>,
}

/// Somebody who deploys and is the admin of what it deploys.
#[derive(Debug)]
pub struct Deployer {
    network: Arc<Network>,
    sender: Sender,
    chain: ChainId,
}

impl Deployer {
    /// A deployer on the cluster behind the endpoints of `config`, whose `program` and `gateway` are not looked at.
    ///
    /// # Errors
    /// [`SolanaError`] where the endpoints make no pool, do not answer, or serve another cluster.
    pub async fn connect(config: &SolanaConfig, signer: Keypair) -> Result<Self, SolanaError> {
        let network = Arc::new(Network::new(&config.name, connect::pool(config, None)?));
        let genesis: String = network
            .ask("genesis hash", |node| async move { node.one(node::genesis()).await?.read("genesis hash") })
            .await?;
        connect::check_chain(config, &genesis)?;
        let sender = Sender::new(Arc::clone(&network), signer, Vec::new());
        Ok(Self { network, sender, chain: config.chain.clone() })
    }

    /// The account that deploys.
    #[must_use]
    pub fn address(&self) -> Pubkey {
        self.sender.address()
    }

    /// Makes a gateway of `program` with its tokens, and sets up everything but routes. It is not active yet. A set-up that was interrupted is
    /// gone on with.
    ///
    /// # Errors
    /// [`SolanaError::Deploy`] for a plan that names what it does not have, or where there is another gateway with its salt; otherwise what
    /// the chain says.
    pub async fn gateway(&self, program: Pubkey, plan: &GatewayPlan) -> Result<Deployment, SolanaError> {
        plan.check()?;
        let addresses = Addresses::of_salt(program, plan.salt);
        let me = self.address();
        let arguments = InitializeArgs {
            salt: plan.salt.0,
            chain: self.chain.word().0,
            guardian: plan.guardian.to_bytes(),
            delay: plan.delay_seconds,
        };
        let named = [
            ("gateway", addresses.gateway),
            ("payer", me),
            ("system_program", crate::address::system_program()),
            ("admin", me),
        ];
        match self.found(&addresses).await? {
            None => {
                let initialize = orders::instruction(&addresses, &Instruction::Initialize(arguments), &[], &named);
                self.done("initialize", &[initialize], &[]).await?;
            }
            Some(begun) if begun.active() == 0 && begun.admin() == me.to_bytes() => {
                info!(chain = self.network.name, gateway = %addresses.gateway, "going on with a gateway that is not active");
            }
            Some(_) => {
                let gateway = addresses.gateway;
                return Err(SolanaError::Deploy(format!(
                    "{gateway} is there already, and active or another admin's: choose another salt"
                )));
            }
        }
        let id = GatewayId::derive(&self.chain, account(&addresses.gateway), plan.salt);
        let tokens = self.assets(&addresses, plan).await?;
        let markets = self.settings(&addresses, plan, id).await?;
        let birth = self.snapshot(&addresses).await?.born();
        info!(chain = self.network.name, gateway = %addresses.gateway, %id, "gateway deployed");
        let chain = self.chain.clone();
        let (gateway, lookup_table) = (addresses.gateway, None);
        Ok(Deployment { chain, program, gateway, id, salt: plan.salt, birth, lookup_table, tokens, markets })
    }

    /// Registers the synthetics and collaterals; gives their mints by symbol.
    async fn assets(&self, addresses: &Addresses, plan: &GatewayPlan) -> Result<BTreeMap<String, Pubkey>, SolanaError> {
        let begun = self.snapshot(addresses).await?;
        let registered = |symbol: &str| {
            let found = AssetId::from_symbol(symbol).ok().and_then(|id| asset(&begun, id));
            found.map(|(_, found)| Pubkey::new_from_array(found.mint()))
        };
        let mut tokens = BTreeMap::new();
        for synthetic in &plan.synthetics {
            if let Some(mint) = registered(&synthetic.symbol) {
                tokens.insert(synthetic.symbol.clone(), mint);
                continue;
            }
            let mint = self.new_mint(6, &addresses.authority()).await?;
            let call = Call::AddSynthetic { symbol: symbol(&synthetic.symbol)?, target: synthetic.target };
            self.register(addresses, &synthetic.symbol, mint, call).await?;
            tokens.insert(synthetic.symbol.clone(), mint);
        }
        for collateral in &plan.collaterals {
            if let Some(mint) = registered(&collateral.symbol) {
                tokens.insert(collateral.symbol.clone(), mint);
                continue;
            }
            let mint = match collateral.token {
                TokenPlan::Existing(mint) => mint,
                TokenPlan::Test { decimals } => self.new_mint(decimals, &self.address()).await?,
            };
            let call = Call::AddCollateral { symbol: symbol(&collateral.symbol)?, decimals: collateral.decimals };
            self.register(addresses, &collateral.symbol, mint, call).await?;
            tokens.insert(collateral.symbol.clone(), mint);
        }
        Ok(tokens)
    }

    async fn register(
        &self,
        addresses: &Addresses,
        name: &str,
        mint: Pubkey,
        call: Call<'_>,
    ) -> Result<(), SolanaError> {
        let vault = addresses.vault(AssetId::from_symbol(name)?);
        self.configure(addresses, call, &[("mint", mint), ("vault", vault)]).await
    }

    async fn settings(
        &self,
        addresses: &Addresses,
        plan: &GatewayPlan,
        id: GatewayId,
    ) -> Result<BTreeMap<String, MarketId>, SolanaError> {
        let gateway = self.snapshot(addresses).await?;
        let index = |symbol: &str| {
            let found = gateway.asset_index(&AssetId::from_symbol(symbol)?.0.0);
            found.ok_or_else(|| SolanaError::Deploy(format!("{symbol} is not registered")))
        };
        self.configure(addresses, Call::SetTreasury { treasury: plan.treasury.to_bytes() }, &[]).await?;
        let mut signers = plan.attesters.clone();
        signers.sort_unstable();
        self.configure(addresses, Call::SetAttesters { threshold: plan.threshold, signers: &signers }, &[]).await?;
        for synthetic in &plan.synthetics {
            let asset = index(&synthetic.symbol)?;
            for (kind, planned) in [(window::MINT, synthetic.mint_window), (window::RELEASE, synthetic.release_window)]
            {
                let call = Call::SetWindow { asset, kind, limit: planned.limit, period: planned.period_seconds };
                self.configure(addresses, call, &[]).await?;
            }
        }
        let mut markets = BTreeMap::new();
        for market in &plan.markets {
            let call = Call::SetMarket {
                synthetic: index(&market.synthetic)?,
                collateral: index(&market.collateral)?,
                kind: market.kind.code(),
                terms: plan::terms(market),
            };
            let price = market.oracle.map(|oracle| ("price", oracle.account));
            self.configure(addresses, call, &price.into_iter().collect::<Vec<_>>()).await?;
            let (synthetic, collateral) =
                (AssetId::from_symbol(&market.synthetic)?, AssetId::from_symbol(&market.collateral)?);
            let name = format!("{}/{}", market.synthetic, market.collateral);
            markets.insert(name, MarketId::derive(id, synthetic, collateral, market.kind));
        }
        Ok(markets)
    }

    /// Opens routes of a gateway that is not active yet.
    ///
    /// # Errors
    /// What the chain says.
    pub async fn open_routes(&self, addresses: &Addresses, routes: &[RoutePlan]) -> Result<(), SolanaError> {
        let gateway = self.snapshot(addresses).await?;
        for route in routes {
            let asset = gateway.asset_index(&route.asset.0.0);
            let asset = asset.ok_or_else(|| SolanaError::Deploy(format!("{} is not registered", route.asset)))?;
            let call = Call::SetRoute {
                asset,
                enabled: route.enabled.into(),
                evm: route.evm.into(),
                fee_bps: route.fee_bps,
                peer: route.peer.0.0,
                min: route.min,
                max: route.max,
                flat_fee: route.flat_fee,
            };
            let named = [("route", addresses.route(route.asset, route.peer)), ("peer", addresses.peer(route.peer))];
            self.configure(addresses, call, &named).await?;
        }
        Ok(())
    }

    /// Whether a gateway's set-up is over.
    ///
    /// # Errors
    /// What the chain says, and where there is no gateway.
    pub async fn is_active(&self, addresses: &Addresses) -> Result<bool, SolanaError> {
        Ok(self.snapshot(addresses).await?.active() == 1)
    }

    /// Ends the set-up phase. With `admin` the gateway is offered to that account, which has to accept.
    ///
    /// # Errors
    /// What the chain says.
    pub async fn activate(&self, addresses: &Addresses, admin: Option<Pubkey>) -> Result<(), SolanaError> {
        if let Some(admin) = admin {
            self.configure(addresses, Call::TransferAdmin { admin: admin.to_bytes() }, &[]).await?;
        }
        let named = [("gateway", addresses.gateway), ("admin", self.address())];
        let activate = orders::instruction(addresses, &Instruction::Activate, &[], &named);
        self.done("activate", &[activate], &[]).await
    }

    /// Gives `lamports` to an account.
    ///
    /// # Errors
    /// What the chain says.
    pub async fn fund(&self, to: &Pubkey, lamports: u64) -> Result<(), SolanaError> {
        self.done("fund", &[system::transfer(&self.address(), to, lamports)], &[]).await
    }

    /// Mints `amount` native units of a test token for a wallet, and opens its token account.
    ///
    /// # Errors
    /// What the chain says.
    pub async fn mint_test_token(&self, mint: &Pubkey, wallet: &Pubkey, amount: u64) -> Result<(), SolanaError> {
        self.done("mint", &self.mint_to(mint, wallet, amount), &[]).await
    }

    /// Gives every wallet `lamports` and `amount` native units of a test token, in one transaction, which must hold it.
    ///
    /// # Errors
    /// What the chain says.
    pub async fn equip(
        &self,
        wallets: &[Pubkey],
        lamports: u64,
        mint: &Pubkey,
        amount: u64,
    ) -> Result<(), SolanaError> {
        let me = self.address();
        let one = |wallet: &Pubkey| {
            let [open, mint_to] = self.mint_to(mint, wallet, amount);
            [system::transfer(&me, wallet, lamports), open, mint_to]
        };
        self.done("equip", &wallets.iter().flat_map(one).collect::<Vec<_>>(), &[]).await
    }

    fn mint_to(&self, mint: &Pubkey, wallet: &Pubkey, amount: u64) -> [Raw; 2] {
        /// The tag of MintTo.
        const MINT_TO: u8 = 7;
        let me = self.address();
        let mint_to = Raw {
            program_id: token_program(),
            accounts: vec![
                AccountMeta::new(*mint, false),
                AccountMeta::new(token_account(wallet, mint), false),
                AccountMeta::new_readonly(me, true),
            ],
            data: std::iter::once(MINT_TO).chain(amount.to_le_bytes()).collect(),
        };
        [open(&me, wallet, mint), mint_to]
    }

    /// Sends anything else, in one transaction.
    ///
    /// # Errors
    /// What the chain says.
    pub async fn send(&self, what: &'static str, instructions: &[Raw]) -> Result<(), SolanaError> {
        self.done(what, instructions, &[]).await
    }

    /// Opens the token account of a wallet.
    ///
    /// # Errors
    /// What the chain says.
    pub async fn open_token_account(&self, mint: &Pubkey, wallet: &Pubkey) -> Result<(), SolanaError> {
        self.done("token account", &[open(&self.address(), wallet, mint)], &[]).await
    }

    /// A new mint without freeze authority.
    ///
    /// # Errors
    /// What the chain says.
    pub async fn new_mint(&self, decimals: u8, authority: &Pubkey) -> Result<Pubkey, SolanaError> {
        /// The tag of InitializeMint2.
        const INITIALIZE_MINT: u8 = 20;
        let (new, create) = self.creation(mint::LENGTH, &token_program()).await?;
        let initialize = Raw {
            program_id: token_program(),
            accounts: vec![AccountMeta::new(new.pubkey(), false)],
            // Without a freeze authority.
            data: [INITIALIZE_MINT, decimals].into_iter().chain(authority.to_bytes()).chain([0]).collect(),
        };
        self.done("mint", &[create, initialize], &[&new]).await?;
        Ok(new.pubkey())
    }

    /// A new account of so many zero bytes that belongs to a program.
    ///
    /// # Errors
    /// What the chain says.
    pub async fn new_account(&self, bytes: usize, owner: &Pubkey) -> Result<Pubkey, SolanaError> {
        let (new, create) = self.creation(bytes, owner).await?;
        self.done("account", &[create], &[&new]).await?;
        Ok(new.pubkey())
    }

    /// A new account's key, and what makes it.
    async fn creation(&self, bytes: usize, owner: &Pubkey) -> Result<(Keypair, Raw), SolanaError> {
        let new = Keypair::new();
        let rent = self.rent(bytes).await?;
        let length = u64::try_from(bytes).unwrap_or_default();
        let create = system::create_account(&self.address(), &new.pubkey(), rent, length, owner);
        Ok((new, create))
    }

    async fn configure(
        &self,
        addresses: &Addresses,
        call: Call<'_>,
        more: &[(&'static str, Pubkey)],
    ) -> Result<(), SolanaError> {
        let gateway = self.snapshot(addresses).await?;
        let mut named = common(addresses, &gateway, &self.address());
        named.extend(more.iter().copied());
        let specs = call.accounts();
        let configure = orders::instruction(addresses, &Instruction::Configure(call), specs, &named);
        self.done("configure", &[configure], &[]).await
    }

    async fn snapshot(&self, addresses: &Addresses) -> Result<Snapshot, SolanaError> {
        let gateway = self.found(addresses).await?;
        gateway.ok_or_else(|| SolanaError::Deploy(format!("{} is no gateway", addresses.gateway)))
    }

    async fn found(&self, addresses: &Addresses) -> Result<Option<Snapshot>, SolanaError> {
        let found = self.network.accounts("gateway", &[addresses.gateway]).await?.into_iter().next().flatten();
        let own = found.filter(|found| found.owner == addresses.program);
        Ok(own.and_then(|found| Gateway::new(found.data).ok()))
    }

    /// Waits until so many slots have passed.
    async fn pass_slots(&self, count: u64) -> Result<(), SolanaError> {
        let slot = async || {
            self.network
                .ask("slot", |node| async move { node.one(node::slot(Commitment::Confirmed)).await?.read("slot") })
                .await
        };
        let begun: u64 = slot().await?;
        while slot().await? < begun.saturating_add(count) {
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    async fn rent(&self, bytes: usize) -> Result<u64, SolanaError> {
        let request = node::rent(bytes);
        let rent = self.network.ask("rent", |node| {
            let request = request.clone();
            async move { node.one(request).await?.read("rent") }
        });
        Ok(rent.await?)
    }

    async fn done(&self, what: &'static str, instructions: &[Raw], more: &[&Keypair]) -> Result<(), SolanaError> {
        let simulated = self.sender.simulate(instructions).await?;
        let simulated = simulated.map_err(|failure| {
            let hint = match failure {
                Failure::Transaction(_) => format!("; check the balance of {}", self.address()),
                _ => String::new(),
            };
            SolanaError::Deploy(format!("{what}: {failure}{hint}"))
        })?;
        let budget = Budget { units: margin(simulated.units).min(MAX_UNITS), price: 0 };
        self.sender.transact(what, instructions, budget, more).await?;
        Ok(())
    }
}
