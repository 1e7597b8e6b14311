//! The whole of the ports, and the collateral and synthetic sides of a gateway.

use async_trait::async_trait;
use solana_pubkey::Pubkey;
use tim3_chain::{Chain, ChainError, Lock, MarketState, PositionRecord, Token};
use tim3_domain::{
    amount::{Rounding, scale},
    identity::{Account, AssetId, ChainId, GatewayId, MarketId, MarketKind},
    word::Word,
};
use tim3_solana_interface::{
    accounts::{Asset, Position},
    external::{mint, token_account as token},
    protocol::market::VAULT,
};

use crate::{
    address::{account, pubkey, token_account, token_program},
    connect::Solana,
    link::{Link, asset, market},
    node::Found,
};

impl Chain for Solana {
    fn chain_id(&self) -> &ChainId {
        &self.link.config.chain
    }

    fn name(&self) -> &str {
        &self.link.name
    }

    fn gateway(&self) -> GatewayId {
        self.link.id
    }

    fn account(&self) -> Account {
        account(&self.link.config.gateway)
    }

    fn display_account(&self, account: &Account) -> String {
        pubkey(account).to_string()
    }
}

#[async_trait]
impl Lock for Solana {
    async fn market(&self, id: MarketId) -> Result<Option<MarketState>, ChainError> {
        let gateway = self.link.gateway("market").await?;
        let Some((_, found)) = market(&gateway, id) else { return Ok(None) };
        let parts = gateway.asset(found.synthetic()).zip(gateway.asset(found.collateral()));
        let (synthetic, collateral) = parts.ok_or_else(|| self.link.transient("market", "a market without assets"))?;
        Ok(Some(MarketState {
            id,
            kind: if found.kind() == VAULT { MarketKind::Vault } else { MarketKind::Reserve },
            synthetic: AssetId(Word(synthetic.id())),
            collateral: AssetId(Word(collateral.id())),
            collateral_decimals: collateral.decimals(),
            max_ltv_bps: found.max_ltv(),
            liquidation_threshold_bps: found.liquidation_threshold(),
            bonus_bps: found.bonus(),
            close_factor_bps: found.close_factor(),
            debt_ceiling: found.ceiling(),
            dust: found.dust(),
            debt: found.total_debt(),
            recorded: found.total_collateral(),
        }))
    }

    async fn position(&self, id: MarketId, owner: Account) -> Result<PositionRecord, ChainError> {
        let key = self.link.addresses.position(id, owner);
        let (gateway, found) = self.link.gateway_and("position", &[key]).await?;
        let Some((_, market)) = market(&gateway, id) else { return Ok(PositionRecord::default()) };
        if market.kind() != VAULT {
            // The one position of a reserve market is in the market itself.
            let own = owner == id.reserve_owner();
            let (collateral, debt, version) = (market.total_collateral(), market.total_debt(), market.version());
            return Ok(if own { PositionRecord { collateral, debt, version } } else { PositionRecord::default() });
        }
        Ok(self.link.vault_position(found.into_iter().next().flatten()))
    }

    async fn collateral_held(&self, collateral: AssetId) -> Result<u128, ChainError> {
        self.link.token_balance("collateral held", collateral, self.link.addresses.vault(collateral)).await
    }

    async fn collateral_balance(&self, collateral: AssetId, account: Account) -> Result<u128, ChainError> {
        self.balance(collateral, account).await
    }
}

#[async_trait]
impl Token for Solana {
    async fn supply(&self, id: AssetId) -> Result<u128, ChainError> {
        let registered = self.link.registered("supply", id).await?;
        let found = self.link.accounts("supply", &[registered.mint]).await?.into_iter().next().flatten();
        let supply = found.filter(is_token).and_then(|found| integer(&found.data, mint::SUPPLY)).unwrap_or_default();
        self.link.canonical("supply", &registered, supply)
    }

    async fn balance(&self, id: AssetId, account: Account) -> Result<u128, ChainError> {
        let registered = self.link.registered("balance", id).await?;
        self.link.token_balance("balance", id, token_account(&pubkey(&account), &registered.mint)).await
    }
}

/// What never changes about a registered asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Registered {
    /// Its number in the gateway's table.
    pub(crate) index: u8,
    pub(crate) mint: Pubkey,
    pub(crate) decimals: u8,
    pub(crate) native_decimals: u8,
}

impl Registered {
    pub(crate) fn of((index, asset): (u8, Asset<&[u8]>)) -> Self {
        Self {
            index,
            mint: Pubkey::new_from_array(asset.mint()),
            decimals: asset.decimals(),
            native_decimals: asset.native_decimals(),
        }
    }
}

impl Link {
    /// An asset that the gateway must have.
    pub(crate) async fn registered(&self, what: &'static str, id: AssetId) -> Result<Registered, ChainError> {
        let gateway = self.gateway(what).await?;
        asset(&gateway, id).map(Registered::of).ok_or_else(|| self.rejected(what, format!("UnknownAsset {id}")))
    }

    /// The vault position in an account; all zero where there is none.
    pub(crate) fn vault_position(&self, found: Option<Found>) -> PositionRecord {
        let position = self.own(found).and_then(|data| Position::new(data).ok());
        position.map_or_else(PositionRecord::default, |position| PositionRecord {
            collateral: position.collateral(),
            debt: position.debt(),
            version: position.version(),
        })
    }

    /// The balance of a token account, in canonical units, rounded down.
    async fn token_balance(&self, what: &'static str, id: AssetId, holder: Pubkey) -> Result<u128, ChainError> {
        let (gateway, found) = self.gateway_and(what, &[holder]).await?;
        let registered = asset(&gateway, id).map(Registered::of);
        let registered = registered.ok_or_else(|| self.rejected(what, format!("UnknownAsset {id}")))?;
        let found = found.into_iter().next().flatten();
        let balance = found.filter(is_token).and_then(|found| integer(&found.data, token::AMOUNT)).unwrap_or_default();
        self.canonical(what, &registered, balance)
    }

    fn canonical(&self, what: &'static str, asset: &Registered, native: u64) -> Result<u128, ChainError> {
        scale(native.into(), asset.native_decimals, asset.decimals, Rounding::Down)
            .map_err(|error| self.transient(what, error.to_string()))
    }
}

/// Whether an account belongs to the token program.
pub(crate) fn is_token(found: &Found) -> bool {
    found.owner == token_program()
}

/// The integer at a place of an account.
pub(crate) fn integer(data: &[u8], at: usize) -> Option<u64> {
    data.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}
