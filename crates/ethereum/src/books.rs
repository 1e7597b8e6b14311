//! The books of a synthetic: the gateway's totals, its markets and the tokens, all at the hash of one block.

use std::collections::BTreeMap;

use alloy::primitives::Bytes;
use tim3_chain::{BlockRef, Books, ChainError, Holding, PeerBooks};
use tim3_domain::identity::{AssetId, GatewayId};

use crate::{
    abi::{self, Gateway, Token, call_data},
    link::Link,
};

const WHAT: &str = "books";

impl Link {
    pub(crate) async fn read_books(
        &self,
        asset: AssetId,
        peers: &[GatewayId],
        block: &BlockRef,
    ) -> Result<Books, ChainError> {
        let id = abi::b256(asset);
        let mut calls = vec![call_data(&Gateway::totalsCall { asset: id }), call_data(&Gateway::marketsCall {})];
        calls
            .extend(peers.iter().map(|peer| call_data(&Gateway::peerTotalsCall { asset: id, peer: abi::b256(*peer) })));
        let answers = self.agreed(WHAT, &calls, block).await?;
        let [totals, markets, peers @ ..] = answers.as_slice() else { return Err(self.missing()) };
        let totals = self.decode::<Gateway::totalsCall>(WHAT, totals)?;
        let peer = |bytes| {
            let found = self.decode::<Gateway::peerTotalsCall>(WHAT, bytes)?;
            let Gateway::PeerTotals { sent, refunded, settled, voided } = found;
            Ok(PeerBooks { sent, refunded, settled, voided })
        };
        Ok(Books {
            minted: totals.minted,
            burned: totals.burned,
            debt: totals.debt,
            bad_debt: totals.badDebt,
            claimable: totals.claimable,
            pending: totals.pending,
            supply: self.supply_at(asset, block).await?,
            holdings: self.holdings(asset, markets, block).await?,
            peers: peers.iter().map(peer).collect::<Result<_, ChainError>>()?,
        })
    }

    /// What the token counts as its supply; nothing where the gateway does not have the asset.
    async fn supply_at(&self, asset: AssetId, block: &BlockRef) -> Result<u128, ChainError> {
        let Some(registered) = self.asset(asset).await? else { return Ok(0) };
        let call = (registered.token, call_data(&Token::totalSupplyCall {}));
        let answers = self.agreed_of(WHAT, &[call], block).await?;
        let supply = self.decode::<Token::totalSupplyCall>(WHAT, answers.first().ok_or_else(|| self.missing())?)?;
        self.canonical(WHAT, registered, supply)
    }

    /// What backs `synthetic`, out of the list of all markets here.
    async fn holdings(
        &self,
        synthetic: AssetId,
        markets: &Bytes,
        block: &BlockRef,
    ) -> Result<Vec<Holding>, ChainError> {
        let ids = self.decode::<Gateway::marketsCall>(WHAT, markets)?;
        let calls: Vec<_> = ids.iter().map(|id| call_data(&Gateway::marketCall { marketId: *id })).collect();
        let answers = self.agreed(WHAT, &calls, block).await?;
        // Collateral may back several synthetics: what is recorded counts over all, as what is held does.
        let mut recorded: BTreeMap<AssetId, (u128, bool)> = BTreeMap::new();
        for bytes in &answers {
            let market = self.decode::<Gateway::marketCall>(WHAT, bytes)?;
            let (sum, backs) = recorded.entry(AssetId(abi::word(market.collateral))).or_default();
            *sum = sum.saturating_add(market.totalCollateral);
            *backs |= market.synthetic == abi::b256(synthetic);
        }
        recorded.retain(|_, (_, backs)| *backs);
        let mut calls = Vec::new();
        let mut tokens = Vec::new();
        for collateral in recorded.keys() {
            let registered = self.known_asset(WHAT, *collateral).await?;
            let totals = Gateway::totalsCall { asset: abi::b256(*collateral) };
            let balance = Token::balanceOfCall { account: self.config.gateway };
            calls.extend([(self.config.gateway, call_data(&totals)), (registered.token, call_data(&balance))]);
            tokens.push(registered);
        }
        let answers = self.agreed_of(WHAT, &calls, block).await?;
        let (pairs, _) = answers.as_chunks::<2>();
        let found = recorded.into_iter().zip(tokens).zip(pairs);
        found
            .map(|(((collateral, (recorded, _)), registered), [totals, balance])| {
                let totals = self.decode::<Gateway::totalsCall>(WHAT, totals)?;
                let balance = self.decode::<Token::balanceOfCall>(WHAT, balance)?;
                let held = self.canonical(WHAT, registered, balance)?;
                let (claimable, pending) = (totals.claimable, totals.pending);
                // Payouts are synchronous here: what was paid is debited.
                Ok(Holding { collateral, held, recorded, claimable, pending, undebited: 0 })
            })
            .collect()
    }

    fn missing(&self) -> ChainError {
        self.transient(WHAT, "an answer is missing")
    }
}
