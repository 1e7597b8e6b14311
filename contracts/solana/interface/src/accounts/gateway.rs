//! The gateway account: settings, head, and the tables of assets and markets. One read of it is a consistent view of them all.

use crate::{
    Word,
    limits::{ASSETS, DICTIONARY, FREEZE_SECONDS, MARKETS, SIGNERS},
    protocol::level,
    words::Dictionary,
};

const SIGNERS_AT: usize = 384;
const DICTIONARY_AT: usize = SIGNERS_AT + SIGNERS * 20;
const ASSETS_AT: usize = DICTIONARY_AT + DICTIONARY * 32;
const MARKETS_AT: usize = ASSETS_AT + ASSETS * ASSET_BYTES;
const ASSET_BYTES: usize = 336;
const MARKET_BYTES: usize = 240;

account! {
    /// The gateway.
    Gateway, b"t3gatewy", MARKETS_AT + MARKETS * MARKET_BYTES, {
        /// Layout version: 1.
        version, set_version: u8 @ 8;
        /// Bump of its address.
        bump, set_bump: u8 @ 9;
        /// Bump of its authority's address.
        authority_bump, set_authority_bump: u8 @ 10;
        /// 1 when the set-up is over.
        active, set_active: u8 @ 11;
        /// 1 when it executes nothing and sends nothing any more.
        retired, set_retired: u8 @ 12;
        /// How many attesters must sign.
        threshold, set_threshold: u8 @ 13;
        /// How many attesters there are.
        signer_count, set_signer_count: u8 @ 14;
        /// How many assets there are.
        asset_count, set_asset_count: u8 @ 15;
        /// How many markets there are.
        market_count, set_market_count: u8 @ 16;
        /// How many words the dictionary has.
        dictionary_count, set_dictionary_count: u8 @ 17;
        /// The page that the next event goes to, unless it has no room left.
        page, set_page: u32 @ 20;
        /// Sequence of the next event.
        count, set_count: u64 @ 24;
        /// Running hash after the last event; the gateway's id before the first.
        hash, set_hash: word @ 32;
        /// GatewayId.
        id, set_id: word @ 64;
        /// Chain word, as the deployer gave it.
        chain, set_chain: word @ 96;
        /// Instance salt.
        salt, set_salt: word @ 128;
        /// EIP-712 domain separator.
        domain, set_domain: word @ 160;
        /// Admin.
        admin, set_admin: word @ 192;
        /// Who becomes admin by accepting, or zero.
        pending_admin, set_pending_admin: word @ 224;
        /// Guardian.
        guardian, set_guardian: word @ 256;
        /// Wallet that gets the fees, or zero before it is set.
        treasury, set_treasury: word @ 288;
        /// Seconds between announcing and making a change.
        delay, set_delay: u64 @ 320;
        /// Epoch of the attesters; 0 before the first.
        epoch, set_epoch: u64 @ 328;
        /// The latest time this gateway has seen. Its time never goes back.
        time, set_time: u64 @ 336;
        /// Slot in which it was made.
        born, set_born: u64 @ 344;
        /// Mint authority of the synthetics and owner of the vaults.
        authority, set_authority: word @ 352;
    }
}

impl Gateway<()> {
    /// Where the attesters' addresses are.
    pub const SIGNERS: usize = SIGNERS_AT;
    /// Where the dictionary is.
    pub const DICTIONARY: usize = DICTIONARY_AT;
    /// Where the assets are.
    pub const ASSETS: usize = ASSETS_AT;
    /// Where the markets are.
    pub const MARKETS: usize = MARKETS_AT;
}

impl<B: AsRef<[u8]>> Gateway<B> {
    fn bytes(&self, at: usize, length: usize) -> &[u8] {
        self.0.as_ref().get(at..).and_then(|rest| rest.get(..length)).unwrap_or_default()
    }

    /// Addresses of the attesters, ascending.
    #[must_use]
    pub fn signers(&self) -> &[[u8; 20]] {
        let (signers, _) = self.bytes(SIGNERS_AT, SIGNERS.saturating_mul(20)).as_chunks();
        signers.get(..self.signer_count().into()).unwrap_or_default()
    }

    /// The words that records and orders name by number.
    #[must_use]
    pub fn dictionary(&self) -> Dictionary<'_> {
        Dictionary::new(self.bytes(DICTIONARY_AT, usize::from(self.dictionary_count()).saturating_mul(32)))
    }

    /// The asset with a number.
    #[must_use]
    pub fn asset(&self, index: u8) -> Option<Asset<&[u8]>> {
        let at = entry(ASSETS_AT, ASSET_BYTES, index, self.asset_count())?;
        self.0.as_ref().get(at..)?.get(..ASSET_BYTES).map(Asset)
    }

    /// The market with a number.
    #[must_use]
    pub fn market(&self, index: u8) -> Option<Market<&[u8]>> {
        let at = entry(MARKETS_AT, MARKET_BYTES, index, self.market_count())?;
        self.0.as_ref().get(at..)?.get(..MARKET_BYTES).map(Market)
    }

    /// The number of an asset.
    #[must_use]
    pub fn asset_index(&self, id: &Word) -> Option<u8> {
        (0..self.asset_count()).find(|index| self.asset(*index).is_some_and(|asset| asset.id() == *id))
    }

    /// The number of a market.
    #[must_use]
    pub fn market_index(&self, id: &Word) -> Option<u8> {
        (0..self.market_count()).find(|index| self.market(*index).is_some_and(|market| market.id() == *id))
    }
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> Gateway<B> {
    /// The asset with a number, to be changed.
    #[must_use]
    pub fn asset_mut(&mut self, index: u8) -> Option<Asset<&mut [u8]>> {
        let at = entry(ASSETS_AT, ASSET_BYTES, index, self.asset_count())?;
        self.0.as_mut().get_mut(at..)?.get_mut(..ASSET_BYTES).map(Asset)
    }

    /// The market with a number, to be changed.
    #[must_use]
    pub fn market_mut(&mut self, index: u8) -> Option<Market<&mut [u8]>> {
        let at = entry(MARKETS_AT, MARKET_BYTES, index, self.market_count())?;
        self.0.as_mut().get_mut(at..)?.get_mut(..MARKET_BYTES).map(Market)
    }

    /// Adds an asset and gives its number; `None` when the table is full.
    pub fn push_asset(&mut self) -> Option<u8> {
        let index = self.asset_count();
        let more = index.checked_add(1).filter(|count| usize::from(*count) <= ASSETS)?;
        self.set_asset_count(more);
        Some(index)
    }

    /// Adds a market and gives its number; `None` when the table is full.
    pub fn push_market(&mut self) -> Option<u8> {
        let index = self.market_count();
        let more = index.checked_add(1).filter(|count| usize::from(*count) <= MARKETS)?;
        self.set_market_count(more);
        Some(index)
    }

    /// Adds a word to the dictionary, unless it is there or there is no room.
    pub fn learn(&mut self, word: &Word) {
        let index = self.dictionary_count();
        if usize::from(index) >= DICTIONARY || self.dictionary().index(word).is_some() {
            return;
        }
        let at = DICTIONARY_AT.saturating_add(usize::from(index).saturating_mul(32));
        crate::bytes::put(self.0.as_mut(), at, word);
        self.set_dictionary_count(index.saturating_add(1));
    }

    /// Replaces the attesters' addresses, at most [`SIGNERS`] of them.
    pub fn set_signers(&mut self, signers: &[[u8; 20]]) {
        crate::bytes::put(self.0.as_mut(), SIGNERS_AT, &[0; SIGNERS * 20]);
        crate::bytes::put(self.0.as_mut(), SIGNERS_AT, signers.as_flattened());
        self.set_signer_count(u8::try_from(signers.len()).unwrap_or_default());
    }
}

fn entry(base: usize, length: usize, index: u8, count: u8) -> Option<usize> {
    if index >= count {
        return None;
    }
    base.checked_add(usize::from(index).checked_mul(length)?)
}

layout! {
    /// A registered token. Its windows are at [`WINDOW_MINT`] and [`WINDOW_RELEASE`]. `decimals` are canonical, `native_decimals` what the mint says.
    Asset, ASSET_BYTES, {
        /// AssetId.
        id, set_id: word @ 0;
        /// Mint.
        mint, set_mint: word @ 32;
        /// Symbol, padded with zero bytes.
        symbol, set_symbol: symbol @ 64;
        /// 1 synthetic, 2 collateral.
        kind, set_kind: u8 @ 76;
        /// Canonical decimals.
        decimals, set_decimals: u8 @ 77;
        /// Decimals of the mint.
        native_decimals, set_native_decimals: u8 @ 78;
        /// Pause level as it was set; see [`Self::level_at`].
        level, set_level: u8 @ 79;
        /// When level 3 falls to 2.
        frozen_until, set_frozen_until: u64 @ 80;
        /// Price of one whole synthetic, 18 decimals.
        target, set_target: u128 @ 96;
        /// Synthetic minted since the beginning.
        minted, set_minted: u128 @ 112;
        /// Synthetic burned by the gateway since the beginning.
        burned, set_burned: u128 @ 128;
        /// Debt of the markets at home here.
        debt, set_debt: u128 @ 144;
        /// Debt whose collateral is gone.
        bad_debt, set_bad_debt: u128 @ 160;
        /// What waits to be claimed.
        claimable, set_claimable: u128 @ 176;
        /// Always 0 here: payouts are synchronous.
        pending, set_pending: u128 @ 192;
        /// The gateway's token account: collateral of the positions, and what waits to be claimed.
        vault, set_vault: word @ 304;
    }
}

/// Where in an [`Asset`] its Mint window is.
pub const WINDOW_MINT: usize = 208;
/// Where in an [`Asset`] its Release window is.
pub const WINDOW_RELEASE: usize = 256;

impl<B: AsRef<[u8]>> Asset<B> {
    /// The pause level at a time.
    #[must_use]
    pub fn level_at(&self, now: u64) -> u8 {
        let level = self.level();
        if level == level::FROZEN && now >= self.frozen_until() { level::NO_SUPPLY } else { level }
    }

    /// The window at [`WINDOW_MINT`] or [`WINDOW_RELEASE`].
    #[must_use]
    pub fn window(&self, at: usize) -> Window<&[u8]> {
        Window(self.0.as_ref().get(at..).unwrap_or_default())
    }
}

impl<B: AsMut<[u8]>> Asset<B> {
    /// The window at [`WINDOW_MINT`] or [`WINDOW_RELEASE`], to be changed.
    #[must_use]
    pub fn window_mut(&mut self, at: usize) -> Window<&mut [u8]> {
        Window(self.0.as_mut().get_mut(at..).unwrap_or_default())
    }
}

/// The end of a freeze that is set at `now`.
#[must_use]
pub fn frozen_until(now: u64) -> u64 {
    now.saturating_add(FREEZE_SECONDS)
}

layout! {
    /// A bucket of `limit` that refills within `period` seconds.
    Window, 48, {
        /// What it holds when it is full.
        limit, set_limit: u128 @ 0;
        /// What it held at `updated`; it may be negative.
        available, set_available: i128 @ 16;
        /// Seconds in which it refills; 0 when it was never set.
        period, set_period: u64 @ 32;
        /// When `available` was written.
        updated, set_updated: u64 @ 40;
    }
}

layout! {
    /// A market at its home. Ratios are basis points.
    Market, MARKET_BYTES, {
        /// MarketId.
        id, set_id: word @ 0;
        /// Number of the synthetic.
        synthetic, set_synthetic: u8 @ 32;
        /// Number of the collateral.
        collateral, set_collateral: u8 @ 33;
        /// 0 reserve, 1 vault.
        kind, set_kind: u8 @ 34;
        /// 1 when the market has an oracle.
        has_oracle, set_has_oracle: u8 @ 35;
        /// Highest debt to collateral value of a draw or withdrawal.
        max_ltv, set_max_ltv: u16 @ 36;
        /// Above it a position may be liquidated.
        liquidation_threshold, set_liquidation_threshold: u16 @ 38;
        /// What a liquidator gets on top.
        bonus, set_bonus: u16 @ 40;
        /// Part of the debt that one liquidation may repay.
        close_factor, set_close_factor: u16 @ 42;
        /// How far below the target the collateral's lower price may be for a lock (reserve).
        depeg, set_depeg: u16 @ 44;
        /// Widest confidence interval of a price, of the price.
        max_confidence, set_max_confidence: u16 @ 46;
        /// Oldest price, seconds.
        max_age, set_max_age: u64 @ 48;
        /// Program that owns the price account.
        oracle_program, set_oracle_program: word @ 56;
        /// The one price account.
        oracle_account, set_oracle_account: word @ 88;
        /// Feed that the price account must be of.
        oracle_feed, set_oracle_feed: word @ 120;
        /// Version of the reserve market's one position.
        version, set_version: u64 @ 152;
        /// Highest total debt.
        ceiling, set_ceiling: u128 @ 160;
        /// Least debt of a position.
        dust, set_dust: u128 @ 176;
        /// Collateral of all positions; in a reserve market that of its one position.
        total_collateral, set_total_collateral: u128 @ 192;
        /// Debt of all positions; in a reserve market that of its one position.
        total_debt, set_total_debt: u128 @ 208;
    }
}
