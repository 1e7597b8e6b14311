//! Uniswap V2 on a chain of the devnet, from the bytecode that was published: pools that nobody here wrote.

use alloy::{
    network::TransactionBuilder as _,
    primitives::{Address, B256, U256},
    providers::{Provider as _, ext::AnvilApi as _},
    rpc::types::TransactionRequest,
    sol,
    sol_types::{SolCall, SolValue as _},
};
use anyhow::{Context as _, Result};
use serde_json::Value;
use tim3_chain::{Actor as _, UserAction};
use tim3_devnet::{
    Site, accounts,
    contracts::IToken,
    plan::{STABLE, SYNTHETIC, UNIT},
    site::native,
};

use crate::scene::{account, receipt_of};

sol! {
    #[sol(rpc)]
    interface Uniswap {
        function createPair(address one, address other) external returns (address pair);
        function getPair(address one, address other) external view returns (address pair);
        function getReserves() external view returns (uint112 reserve0, uint112 reserve1, uint32 time);
        function token0() external view returns (address);
        function mint(address to) external returns (uint256 liquidity);
        function burn(address to) external returns (uint256 amount0, uint256 amount1);
        function balanceOf(address account) external view returns (uint256);
        function sync() external;
        function transfer(address to, uint256 value) external returns (bool);
        function swapExactTokensForTokens(uint256 amountIn, uint256 amountOutMin, address[] path, address to, uint256 deadline)
            external returns (uint256[] amounts);
    }
}

/// Who provides the liquidity.
const PROVIDER: &str = "carol";

/// A pool, of USDA and TIM3 unless it was made of something else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pool {
    pub(crate) pair: Address,
    pub(crate) router: Address,
}

impl Pool {
    /// Its section in the configuration of keepers.
    pub(crate) fn venue(&self, chain: &str) -> String {
        let Self { pair, router } = self;
        format!(
            r#"
[keeper.venues.pool_{chain}]
chain = "{chain}"
pool = "{pair}"
router = "{router}"
base = "USDA"
quote = "TIM3"
"#
        )
    }
}

/// The creation code in one of the packages.
fn code(package: &str, name: &str) -> Result<Vec<u8>> {
    let modules = concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts/ethereum/node_modules/@uniswap");
    let file = format!("{modules}/{package}/build/{name}.json");
    let text = std::fs::read_to_string(&file).with_context(|| format!("{file}: tests/setup.sh installs it"))?;
    let built: Value = serde_json::from_str(&text)?;
    let digits = built["bytecode"].as_str().context("no bytecode")?;
    Ok(alloy::primitives::hex::decode(digits)?)
}

async fn deploy(site: &Site, code: Vec<u8>) -> Result<Address> {
    const GAS: u64 = 10_000_000;
    let request = TransactionRequest::default().from(accounts::address(PROVIDER)?).gas_limit(GAS);
    let sent = site.provider().send_transaction(request.with_deploy_code(code)).await?;
    let hash = *sent.tx_hash();
    site.mined(&[hash]).await?;
    receipt_of(site, hash).await?.contract_address.context("no contract")
}

async fn call(site: &Site, to: Address, call: &impl SolCall) -> Result<()> {
    let sent: B256 = site.send_as(accounts::address(PROVIDER)?, to, call).await?;
    site.mined(&[sent]).await
}

/// The time of the newest block.
pub(crate) async fn clock(site: &Site) -> Result<u64> {
    let block = site.provider().get_block(alloy::eips::BlockId::latest()).await?.context("no block")?;
    Ok(block.header.timestamp)
}

/// Locks USDA for so many TIM3 here, for `user`.
pub(crate) async fn mint(site: &Site, user: &str, whole: u128) -> Result<()> {
    let who = account(user)?;
    let action = UserAction::Lock {
        market: site.market(STABLE)?,
        collateral: whole * UNIT,
        debt: whole * UNIT,
        destination: site.deployment.id,
        recipient: who,
        refund_to: who,
        max_fee: 0,
    };
    site.user(accounts::key(user)?).await?.act(action).await?;
    Ok(())
}

impl Pool {
    /// Factory, router, and a pool with `whole` of either token in it.
    pub(crate) async fn deploy(site: &Site, whole: u64) -> Result<Self> {
        Self::deploy_of(site, [(STABLE, whole), (SYNTHETIC, whole)]).await
    }

    /// The same with a pool of so much of two tokens.
    pub(crate) async fn deploy_of(site: &Site, sides: [(&str, u64); 2]) -> Result<Self> {
        let provider = accounts::address(PROVIDER)?;
        let factory = [code("v2-core", "UniswapV2Factory")?, provider.abi_encode()].concat();
        let factory = deploy(site, factory).await?;
        // It wants to know where wrapped ether is, and is never asked for any.
        let arguments = (factory, *site.token(STABLE)?.address()).abi_encode_params();
        let router = deploy(site, [code("v2-periphery", "UniswapV2Router02")?, arguments].concat()).await?;
        let [one, other] = sides.map(|(symbol, _)| site.token(symbol).map(|token| *token.address()));
        let (one, other) = (one?, other?);
        call(site, factory, &Uniswap::createPairCall { one, other }).await?;
        let pair = Uniswap::new(factory, site.provider().clone()).getPair(one, other).call().await?;
        let pool = Self { pair, router };
        pool.fill(site, sides).await?;
        Ok(pool)
    }

    /// More of both tokens, for shares of the pool.
    pub(crate) async fn fill(&self, site: &Site, sides: [(&str, u64); 2]) -> Result<()> {
        for (symbol, whole) in sides {
            self.donate(site, symbol, whole).await?;
        }
        call(site, self.pair, &Uniswap::mintCall { to: accounts::address(PROVIDER)? }).await
    }

    /// All but a thousandth of the provider's shares are given back.
    pub(crate) async fn thin(&self, site: &Site) -> Result<()> {
        let to = accounts::address(PROVIDER)?;
        let shares = Uniswap::new(self.pair, site.provider().clone()).balanceOf(to).call().await?;
        let value = shares - shares / U256::from(1_000);
        call(site, self.pair, &Uniswap::transferCall { to: self.pair, value }).await?;
        call(site, self.pair, &Uniswap::burnCall { to }).await
    }

    /// Makes TIM3 dearer: more USDA in the pool, from nowhere.
    pub(crate) async fn raise(&self, site: &Site, whole: u64) -> Result<()> {
        self.give(site, STABLE, whole).await
    }

    /// Makes TIM3 cheaper: more of it in the pool, out of the provider's own.
    pub(crate) async fn lower(&self, site: &Site, whole: u64) -> Result<()> {
        self.give(site, SYNTHETIC, whole).await
    }

    /// More of a token in the pool, for no shares: it becomes cheaper there.
    pub(crate) async fn give(&self, site: &Site, symbol: &str, whole: u64) -> Result<()> {
        self.donate(site, symbol, whole).await?;
        call(site, self.pair, &Uniswap::syncCall {}).await
    }

    /// Buys TIM3 for so many USDA in one block, and sells it again in the next one, a second later. Gives the price between the two.
    pub(crate) async fn manipulate(&self, site: &Site, whole: u64) -> Result<u128> {
        let provider = accounts::address(PROVIDER)?;
        let (stable, synthetic) = (*site.token(STABLE)?.address(), *site.token(SYNTHETIC)?.address());
        site.fund_tokens(STABLE, &[provider], whole).await?;
        for token in [stable, synthetic] {
            call(site, token, &IToken::approveCall { spender: self.router, amount: U256::MAX }).await?;
        }
        let before = site.balance(SYNTHETIC, provider).await?;
        let _held = site.anvil().hold().await;
        self.swap(site, native(whole), vec![stable, synthetic]).await?;
        let price = self.price(site).await?;
        let bought = site.balance(SYNTHETIC, provider).await? - before;
        self.swap(site, bought, vec![synthetic, stable]).await?;
        Ok(price)
    }

    /// Swaps in a block of its own, a second after the one before.
    async fn swap(&self, site: &Site, amount: U256, path: Vec<Address>) -> Result<()> {
        let (to, node) = (accounts::address(PROVIDER)?, site.provider());
        let swap = Uniswap::swapExactTokensForTokensCall {
            amountIn: amount,
            amountOutMin: U256::ZERO,
            path,
            to,
            deadline: U256::MAX,
        };
        let sent = site.send_as(to, self.router, &swap).await?;
        node.anvil_set_next_block_timestamp(clock(site).await? + 1).await?;
        node.evm_mine(None).await?;
        site.mined(&[sent]).await
    }

    async fn donate(&self, site: &Site, symbol: &str, whole: u64) -> Result<()> {
        let (to, token) = (self.pair, *site.token(symbol)?.address());
        if symbol != SYNTHETIC {
            return call(site, token, &IToken::mintCall { to, amount: native(whole) }).await;
        }
        mint(site, PROVIDER, whole.into()).await?;
        let value = U256::from(u128::from(whole) * UNIT);
        call(site, token, &Uniswap::transferCall { to, value }).await
    }

    /// What it holds, in millionths of USDA and of TIM3.
    pub(crate) async fn reserves(&self, site: &Site) -> Result<[u128; 2]> {
        let pair = Uniswap::new(self.pair, site.provider().clone());
        let found = pair.getReserves().call().await?;
        let (zero, one): (u128, u128) = (found.reserve0.to(), found.reserve1.to());
        let is_first = pair.token0().call().await? == *site.token(STABLE)?.address();
        let (stable, synthetic) = if is_first { (zero, one) } else { (one, zero) };
        Ok([stable / 10_u128.pow(12), synthetic])
    }

    /// The price of a million TIM3, in millionths of USDA.
    pub(crate) async fn price(&self, site: &Site) -> Result<u128> {
        let [stable, synthetic] = self.reserves(site).await?;
        Ok(stable * 10_u128.pow(12) / synthetic)
    }
}
