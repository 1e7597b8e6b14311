//! Accounts with one record each.

account! {
    /// A gateway that this one sends to.
    Peer, b"t3peer\0\0", 136, {
        /// Gateway account it belongs to.
        gateway, set_gateway: word @ 8;
        /// GatewayId of the peer.
        peer, set_peer: word @ 40;
        /// Nonce of the next operation to it.
        next_nonce, set_next_nonce: u64 @ 72;
        /// 1 when it is dead.
        tombstoned, set_tombstoned: u8 @ 80;
        /// Bump of its address.
        bump, set_bump: u8 @ 81;
        /// Count of its events when it died.
        final_count, set_final_count: u64 @ 88;
        /// Its running hash when it died.
        final_hash, set_final_hash: word @ 96;
    }
}

account! {
    /// Limits and totals of (asset, peer). An order from a peer without a route makes one that is closed, for the totals.
    Route, b"t3route\0", 224, {
        /// Gateway account it belongs to.
        gateway, set_gateway: word @ 8;
        /// AssetId.
        asset, set_asset: word @ 40;
        /// GatewayId of the peer.
        peer, set_peer: word @ 72;
        /// 1 when operations may start.
        enabled, set_enabled: u8 @ 104;
        /// 1 when accounts at the peer are EVM addresses.
        evm, set_evm: u8 @ 105;
        /// Fee, basis points.
        fee_bps, set_fee_bps: u16 @ 106;
        /// Bump of its address.
        bump, set_bump: u8 @ 108;
        /// Smallest gross amount.
        min, set_min: u128 @ 112;
        /// Largest gross amount.
        max, set_max: u128 @ 128;
        /// Flat fee.
        flat_fee, set_flat_fee: u128 @ 144;
        /// Gross sent to the peer.
        sent, set_sent: u128 @ 160;
        /// Gross refunded of what was sent to the peer.
        refunded, set_refunded: u128 @ 176;
        /// Gross settled of what came from the peer.
        settled, set_settled: u128 @ 192;
        /// Gross voided of what came from the peer.
        voided, set_voided: u128 @ 208;
    }
}

account! {
    /// A vault position and its controller.
    Position, b"t3positn", 248, {
        /// Gateway account it belongs to.
        gateway, set_gateway: word @ 8;
        /// MarketId.
        market, set_market: word @ 40;
        /// Owner.
        owner, set_owner: word @ 72;
        /// Who paid its rent and gets it back.
        payer, set_payer: word @ 104;
        /// Collateral.
        collateral, set_collateral: u128 @ 136;
        /// Debt.
        debt, set_debt: u128 @ 152;
        /// Sequence of the event that made it so.
        version, set_version: u64 @ 168;
        /// Gateway of the account that may withdraw by burning there, or zero.
        controller_gateway, set_controller_gateway: word @ 176;
        /// The account there, or zero.
        controller_account, set_controller_account: word @ 208;
        /// Bump of its address.
        bump, set_bump: u8 @ 240;
    }
}

account! {
    /// What could not be delivered to an account.
    Claimable, b"t3claim\0", 160, {
        /// Gateway account it belongs to.
        gateway, set_gateway: word @ 8;
        /// Account that may claim.
        account, set_account: word @ 40;
        /// AssetId.
        asset, set_asset: word @ 72;
        /// Who paid its rent and gets it back.
        payer, set_payer: word @ 104;
        /// Amount.
        amount, set_amount: u128 @ 136;
        /// Bump of its address.
        bump, set_bump: u8 @ 152;
    }
}

account! {
    /// Bad debt of a market, which need not be at home here (the Conflict order).
    BadDebt, b"t3baddbt", 128, {
        /// Gateway account it belongs to.
        gateway, set_gateway: word @ 8;
        /// MarketId.
        market, set_market: word @ 40;
        /// AssetId of the synthetic.
        asset, set_asset: word @ 72;
        /// Amount.
        amount, set_amount: u128 @ 104;
        /// Bump of its address.
        bump, set_bump: u8 @ 120;
    }
}

account! {
    /// The copy of a position whose home is another gateway. It authorises nothing.
    Mirror, b"t3mirror", 152, {
        /// Gateway account it belongs to.
        gateway, set_gateway: word @ 8;
        /// MarketId.
        market, set_market: word @ 40;
        /// Owner.
        owner, set_owner: word @ 72;
        /// Collateral.
        collateral, set_collateral: u128 @ 104;
        /// Debt.
        debt, set_debt: u128 @ 120;
        /// Sequence of the event at home that made it so.
        version, set_version: u64 @ 136;
        /// Bump of its address.
        bump, set_bump: u8 @ 144;
    }
}

account! {
    /// The home of a mirrored market.
    MirrorHome, b"t3mrhome", 112, {
        /// Gateway account it belongs to.
        gateway, set_gateway: word @ 8;
        /// MarketId.
        market, set_market: word @ 40;
        /// GatewayId of its home.
        home, set_home: word @ 72;
        /// Bump of its address.
        bump, set_bump: u8 @ 104;
    }
}

account! {
    /// An announced change. The encoded [`Call`](crate::instruction::Call) is at [`Change::CALL`], `length` bytes of it.
    Change, b"t3change", 120 + crate::limits::CHANGE_BYTES, {
        /// Gateway account it belongs to.
        gateway, set_gateway: word @ 8;
        /// Keccak-256 of the encoded call.
        hash, set_hash: word @ 40;
        /// Who paid its rent and gets it back.
        payer, set_payer: word @ 72;
        /// When it may be made.
        ready, set_ready: u64 @ 104;
        /// Bytes of the call.
        length, set_length: u16 @ 112;
        /// Bump of its address.
        bump, set_bump: u8 @ 114;
    }
}

impl Change<()> {
    /// Where the encoded call is.
    pub const CALL: usize = 120;
}

impl<B: AsRef<[u8]>> Change<B> {
    /// The encoded call.
    #[must_use]
    pub fn call(&self) -> &[u8] {
        self.0.as_ref().get(Change::CALL..).and_then(|rest| rest.get(..self.length().into())).unwrap_or_default()
    }
}

impl<B: AsMut<[u8]> + AsRef<[u8]>> Change<B> {
    /// Writes [`Self::call`], at most [`CHANGE_BYTES`](crate::limits::CHANGE_BYTES).
    pub fn set_call(&mut self, call: &[u8]) {
        crate::bytes::put(self.0.as_mut(), Change::CALL, call);
        self.set_length(u16::try_from(call.len()).unwrap_or_default());
    }
}
