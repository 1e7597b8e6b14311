//! A devnet with a daemon on it, and the questions that tests ask.

use std::{path::PathBuf, time::Duration};

use alloy::{
    primitives::{B256, U256},
    providers::Provider as _,
    rpc::types::TransactionReceipt,
};
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;
use tim3_chain::{Actor as _, TxId, UserAction};
use tim3_devnet::{
    Devnet, Options, Site, accounts,
    anvil::Mining,
    contracts::IGateway,
    daemon::{Daemon, Program, free_port, until, until_async},
    plan::{STABLE, SYNTHETIC},
    solana,
};
use tim3_domain::{
    identity::{Account, AssetId, OperationId},
    protocol::{Event, EventBody, Operation},
    word::words_of,
};

/// How long anything here may take; each takes seconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Two chains, and a daemon between them once it was started.
pub(crate) struct Scene {
    pub(crate) devnet: Devnet,
    pub(crate) program: Program,
    daemon: Option<Daemon>,
    log: PathBuf,
    directory: TempDir,
}

impl Scene {
    pub(crate) async fn start() -> Result<Self> {
        Self::with(|_| {}).await
    }

    /// Blocks every 200 ms, final with two more on top, unless `change` says otherwise.
    pub(crate) async fn with(change: impl FnOnce(&mut Options)) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let mut options = Options {
            mining: Mining::Every(Duration::from_millis(200)),
            slots_in_an_epoch: 1,
            ..Options::new(directory.path().join("devnet"), free_port()?)
        };
        change(&mut options);
        let devnet = Devnet::start(&options).await?;
        let program = Program::new(env!("CARGO_BIN_EXE_tim3d"), devnet.configuration());
        let log = directory.path().join("tim3d.log");
        Ok(Self { devnet, program, daemon: None, log, directory })
    }

    /// Starts the daemon and waits until it says that it is ready.
    pub(crate) async fn run(&mut self) -> Result<()> {
        self.launch()?;
        self.ready().await
    }

    /// Waits until the daemon says that it is ready.
    pub(crate) async fn ready(&mut self) -> Result<()> {
        let daemon = self.daemon.as_mut().context("the daemon does not run")?;
        daemon.ready(&self.program, PATIENCE).await
    }

    /// Starts the daemon.
    pub(crate) fn launch(&mut self) -> Result<()> {
        self.daemon = Some(self.program.run(&self.log)?);
        Ok(())
    }

    /// Writes a file that only its owner may read.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let path = self.directory.path().join(name);
        let mut file = std::fs::File::options().create(true).write(true).truncate(true).mode(0o600).open(&path)?;
        std::io::Write::write_all(&mut file, text.as_bytes())?;
        Ok(path)
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.daemon.take().context("the daemon does not run")?.kill()
    }

    /// How many lines with this text the daemon has written to its log.
    pub(crate) fn logged(&self, text: &str) -> Result<usize> {
        Ok(std::fs::read_to_string(&self.log)?.lines().filter(|line| line.contains(text)).count())
    }

    /// SIGTERM, and exit code 0.
    pub(crate) async fn end(&mut self) -> Result<()> {
        let daemon = self.daemon.take().context("the daemon does not run")?;
        let status = daemon.terminate(PATIENCE).await?;
        ensure!(status.success(), "tim3d ended with {status}");
        Ok(())
    }

    /// Locks USDA on `home` for `amount` that `recipient` gets on the other chain.
    pub(crate) async fn lock(&self, home: &Site, user: &str, amount: u128, recipient: &str) -> Result<Operation> {
        let action = UserAction::Lock {
            market: home.market(STABLE)?,
            collateral: amount,
            debt: amount,
            destination: self.other(home).deployment.id,
            recipient: account(recipient)?,
            refund_to: account(user)?,
            max_fee: 0,
        };
        self.act(home, user, action).await
    }

    /// Burns on `origin` for `amount` that `recipient` gets on the other chain.
    pub(crate) async fn transfer(&self, origin: &Site, user: &str, amount: u128, recipient: &str) -> Result<Operation> {
        let action = UserAction::Transfer {
            asset: AssetId::from_symbol(SYNTHETIC)?,
            amount,
            destination: self.other(origin).deployment.id,
            recipient: account(recipient)?,
            refund_to: account(user)?,
            max_fee: 0,
        };
        self.act(origin, user, action).await
    }

    /// Burns on `origin` for USDA that `recipient` gets on the other chain.
    pub(crate) async fn redeem(&self, origin: &Site, user: &str, amount: u128, recipient: &str) -> Result<Operation> {
        let home = self.other(origin);
        let market = home.market(STABLE)?;
        let action = UserAction::Redeem {
            asset: AssetId::from_symbol(SYNTHETIC)?,
            amount,
            home: home.deployment.id,
            market,
            owner: market.reserve_owner(),
            recipient: account(recipient)?,
            wanted: 0,
            refund_to: account(user)?,
            max_fee: 0,
        };
        self.act(origin, user, action).await
    }

    /// Lets `user` act, and gives the operation that the gateway recorded.
    async fn act(&self, site: &Site, user: &str, action: UserAction) -> Result<Operation> {
        let transaction = site.user(accounts::key(user)?).await?.act(action).await?;
        let started = events_of(&receipt(site, &transaction).await?)?;
        let operation = started.iter().find_map(|event| event.body.started().cloned());
        operation.with_context(|| format!("{transaction} started nothing"))
    }

    /// The chain that is not `site`.
    pub(crate) fn other(&self, site: &Site) -> &Site {
        if site.name == self.devnet.a.name { &self.devnet.b } else { &self.devnet.a }
    }

    /// The daemon's record of an operation.
    pub(crate) fn shown(&self, id: OperationId) -> Result<Value> {
        self.program.query(&["ops", "show", &id.to_string()])
    }

    /// Waits until the daemon has an operation in `phase`.
    pub(crate) async fn in_phase(&self, operation: &Operation, phase: &str) -> Result<()> {
        let id = operation.id();
        let mut last = Value::Null;
        let waited = until(PATIENCE, || {
            // It is not known before its block was read.
            last = self.shown(id).unwrap_or_default();
            Ok((last["phase"] == phase).then_some(()))
        });
        waited.await.with_context(|| format!("{id} is not {phase} but {last}"))
    }

    /// Waits until the daemon's audit is exact and says that `supply` is in circulation, nothing on its way.
    pub(crate) async fn audited(&self, supply: u128) -> Result<()> {
        let mut last = Value::Null;
        let waited = until(PATIENCE, || {
            last = self.program.query(&["audit"]).unwrap_or_default();
            let asset = &last["assets"][0];
            let is_all = asset["supply"] == supply.to_string() && asset["in_flight"] == "0";
            Ok((last["exact"] == true && is_all).then_some(()))
        });
        waited.await.with_context(|| format!("the audit says {last}"))?;
        self.conserved(supply).await
    }

    /// The conservation law, off the chains themselves: with nothing on its way, what circulates is what is owed, and the tokens agree.
    pub(crate) async fn conserved(&self, supply: u128) -> Result<()> {
        let (mut circulating, mut owed, mut tokens) = (0_i128, 0, U256::ZERO);
        for site in self.devnet.sites() {
            let IGateway::Totals { minted, burned, debt, badDebt, .. } = site.totals().await?;
            circulating += i128::try_from(minted)? - i128::try_from(burned)?;
            owed += debt + badDebt;
            tokens += site.token(SYNTHETIC)?.totalSupply().call().await?;
        }
        if let Some(site) = &self.devnet.solana {
            let (minted, burned) = site.minted_and_burned().await?;
            circulating += i128::try_from(minted)? - i128::try_from(burned)?;
            for collateral in [STABLE, solana::VOLATILE] {
                owed += site.totals(site.market(collateral)?).await?.debt;
            }
            tokens += U256::from(site.supply().await?);
        }
        if let Some(site) = &self.devnet.ao {
            let (minted, burned) = site.minted_and_burned().await?;
            circulating += i128::try_from(minted)? - i128::try_from(burned)?;
            owed += site.reserve(site.market(STABLE)?).await?.debt;
            tokens += U256::from(site.supply().await?);
        }
        ensure!(circulating == i128::try_from(supply)?, "{circulating} circulate, expected {supply}");
        ensure!(owed == supply && tokens == U256::from(supply), "{owed} owed, {tokens} tokens, expected {supply}");
        Ok(())
    }

    /// Waits until `account` has `amount` of `symbol` on `site`, in units of the token's contract.
    pub(crate) async fn has(&self, site: &Site, account: &str, symbol: &str, amount: U256) -> Result<()> {
        let account = accounts::address(account)?;
        let mut found = U256::ZERO;
        let look = async || {
            found = site.balance(symbol, account).await?;
            Ok((found == amount).then_some(()))
        };
        let waited = until_async(PATIENCE, look).await;
        waited.with_context(|| format!("{account} has {found} {symbol} on {}, expected {amount}", site.name))
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        // A test that succeeds ends its daemon.
        if let Some(daemon) = self.daemon.take() {
            self.directory.disable_cleanup(true);
            eprintln!("kept for you to look at: {}", self.directory.path().display());
            eprintln!("the end of the daemon's log:\n{}", daemon.log_end(200));
        }
    }
}

pub(crate) fn account(name: &str) -> Result<Account> {
    Ok(Account::from_evm(accounts::address(name)?.into_array()))
}

/// The receipt of a transaction that is in a block.
pub(crate) async fn receipt(site: &Site, transaction: &TxId) -> Result<TransactionReceipt> {
    receipt_of(site, transaction.0.parse()?).await
}

/// The same by its hash.
pub(crate) async fn receipt_of(site: &Site, hash: B256) -> Result<TransactionReceipt> {
    site.provider().get_transaction_receipt(hash).await?.with_context(|| format!("{hash} is in no block"))
}

/// The gateway's events in a transaction.
pub(crate) fn events_of(receipt: &TransactionReceipt) -> Result<Vec<Event>> {
    let mut events = Vec::new();
    for log in receipt.logs() {
        let Ok(decoded) = log.log_decode::<IGateway::Event>() else { continue };
        let IGateway::Event { sequence, kind, timestamp, body } = decoded.inner.data;
        events.push(Event { sequence, timestamp, body: EventBody::decode(kind, &words_of("event body", &body)?)? });
    }
    Ok(events)
}

/// How many events of `site` settle, void or refund `operation`, of each kind.
pub(crate) async fn outcomes(site: &Site, operation: &Operation) -> Result<Vec<&'static str>> {
    let is_its = |event: &Event| event.body.outcome().is_some_and(|outcome| outcome.operation == operation.id());
    Ok(site.events().await?.iter().filter(|event| is_its(event)).map(|event| event.body.name()).collect())
}

/// What a running daemon tells Prometheus.
pub(crate) async fn metrics(program: &Program) -> Result<String> {
    let settings = program.query(&["config", "show"])?;
    let mut settings = settings.as_array().into_iter().flatten();
    let listen = settings.find(|setting| setting["key"] == "api.listen").context("api.listen")?;
    let address = listen["value"].as_str().context("a text")?.trim_matches('"').to_owned();
    Ok(reqwest::get(format!("http://{address}/metrics")).await?.text().await?)
}
