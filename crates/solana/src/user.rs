//! What a user does at a gateway, with a key of its own.

use std::sync::Arc;

use async_trait::async_trait;
use solana_instruction::{AccountMeta, Instruction as Raw};
use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use tim3_chain::{Actor, ChainError, TxId, UserAction};
use tim3_domain::{
    amount::{Rounding, scale},
    identity::{Account, AssetId, GatewayId, MarketId},
    protocol::{OperationKind, SignedOrder},
};
use tim3_solana_interface::{
    accounts::{Claimable, Market, Peer},
    instruction::{BurnArgs, ClaimArgs, Instruction, LockArgs, RedeemArgs, RepayArgs, SetPauseArgs, WithdrawArgs},
};

use crate::{
    address::{account, associated_token_program, pubkey, system_program, token_account, token_program},
    link::{Link, Snapshot, asset, id_of, mint_of},
    message::{Budget, MAX_UNITS},
    orders::{self, common, outgoing},
    sender::{Sender, margin},
    submitter::written,
};

/// A user of a gateway. Many actions may be on their way at once.
#[derive(Debug)]
pub struct User {
    acts: Acts,
    sender: Sender,
}

/// What an account may do at a gateway, as instructions.
#[derive(Debug)]
pub(crate) struct Acts {
    pub(crate) link: Arc<Link>,
    pub(crate) me: Pubkey,
}

/// An instruction with its accounts by name, and the wallets that must have a token account for it.
struct Plan<'a> {
    instruction: Instruction<'a>,
    named: Vec<(&'static str, Pubkey)>,
    wallets: Vec<(Pubkey, Pubkey)>,
}

impl User {
    pub(crate) fn new(link: Arc<Link>, signer: Keypair) -> Self {
        let sender = Sender::new(Arc::clone(&link.network), signer, link.tables.clone());
        Self { acts: Acts { link, me: sender.address() }, sender }
    }

    /// The user's address.
    #[must_use]
    pub fn address(&self) -> Pubkey {
        self.sender.address()
    }

    /// Makes the canonical token account of `wallet` for an asset, at the user's expense, unless it is there.
    ///
    /// # Errors
    /// What the chain says.
    pub async fn open_token_account(&self, id: AssetId, wallet: Account) -> Result<TxId, ChainError> {
        let registered = self.acts.link.registered("token account", id).await?;
        let open = open(&self.address(), &pubkey(&wallet), &registered.mint);
        self.done("token account", &[open]).await
    }

    /// Executes orders as anybody may: exactly these, in this order, in one transaction, without simulation. Waits until it is confirmed.
    ///
    /// # Errors
    /// [`ChainError::Rejected`] where the transaction as a whole fails; what became of each order is told by events and skips.
    pub async fn execute(&self, orders: &[SignedOrder]) -> Result<TxId, ChainError> {
        let (gateway, placed) = self.acts.link.place(orders, 0).await?;
        let instructions = self.acts.link.execute(&gateway, &self.address(), &placed)?;
        self.sender.transact("execute", &instructions, Budget { units: MAX_UNITS, price: 0 }, &[]).await
    }

    /// Simulates, sends, and waits until it is confirmed.
    async fn done(&self, what: &'static str, instructions: &[Raw]) -> Result<TxId, ChainError> {
        let simulated = self.sender.simulate(instructions).await?;
        let simulated = simulated.map_err(|failure| failure.into_chain_error(self.acts.link.name.clone(), what))?;
        let price = self.sender.price(&written(instructions), &self.acts.link.config.fees).await;
        self.sender.transact(what, instructions, Budget { units: margin(simulated.units), price }, &[]).await
    }
}

impl Acts {
    fn planned(&self, gateway: &Snapshot, plan: Plan<'_>) -> Vec<Raw> {
        let me = self.me;
        let mut named = common(&self.link.addresses, gateway, &me);
        named.extend(plan.named);
        let opened = plan.wallets.iter().map(|(wallet, mint)| open(&me, wallet, mint));
        let instruction = orders::instruction(&self.link.addresses, &plan.instruction, &[], &named);
        opened.chain([instruction]).collect()
    }

    fn unknown(&self, what: &'static str, name: &str, id: &impl std::fmt::Display) -> ChainError {
        self.link.rejected(what, format!("Unknown{name} {id}"))
    }

    /// Route, peer and outgoing pages towards `destination`.
    async fn towards(
        &self,
        what: &'static str,
        asset: AssetId,
        destination: GatewayId,
    ) -> Result<Vec<(&'static str, Pubkey)>, ChainError> {
        let addresses = &self.link.addresses;
        let peer = addresses.peer(destination);
        let found = self.link.one(what, peer).await?;
        let next = found.and_then(|data| Peer::new(data).ok()).map_or(0, |peer| peer.next_nonce());
        let [page, next_page] = outgoing(addresses, destination, next);
        let route = addresses.route(asset, destination);
        Ok(vec![("route", route), ("peer", peer), ("outgoing", page), ("next_outgoing", next_page)])
    }

    #[expect(clippy::too_many_arguments, reason = "those of the gateway's instruction")]
    async fn lock(
        &self,
        id: MarketId,
        collateral: u128,
        debt: u128,
        destination: GatewayId,
        recipient: Account,
        refund_to: Account,
        max_fee: u128,
    ) -> Result<Vec<Raw>, ChainError> {
        const WHAT: &str = "lock";
        let gateway = self.link.gateway(WHAT).await?;
        let (index, market, synthetic, token) = self.link.parts(WHAT, &gateway, id)?;
        let native = scale(collateral, token.decimals(), token.native_decimals(), Rounding::Exact)
            .map_err(|error| self.link.rejected(WHAT, error.to_string()))?;
        let native = u64::try_from(native).map_err(|_| self.link.rejected(WHAT, "more than a token account holds"))?;
        let me = self.me;
        let (mint, synthetic_id) = (mint_of(&synthetic), id_of(&synthetic));
        let mut named = self.paid_from(&market, id, account(&me));
        named.push(("user_collateral", token_account(&me, &mint_of(&token))));
        named.push(("collateral_vault", self.link.addresses.vault(id_of(&token))));
        let mut wallets = Vec::new();
        if destination == self.link.id {
            named.extend([("synthetic_mint", mint), ("recipient_token", token_account(&pubkey(&recipient), &mint))]);
            if debt > 0 {
                wallets.push((pubkey(&recipient), mint));
            }
        } else {
            named.extend(self.towards(WHAT, synthetic_id, destination).await?);
        }
        let instruction = Instruction::Lock(LockArgs {
            market: index,
            collateral: native,
            debt,
            destination: destination.0.0,
            recipient: recipient.0.0,
            refund_to: refund_to.0.0,
            max_fee,
        });
        Ok(self.planned(&gateway, Plan { instruction, named, wallets }))
    }

    /// The position and price account of a vault market.
    fn paid_from(&self, market: &Market<&[u8]>, id: MarketId, owner: Account) -> Vec<(&'static str, Pubkey)> {
        let position = orders::position(&self.link.addresses, market, id, owner).map(|key| ("position", key));
        let price = orders::price(market).map(|key| ("price", key));
        position.into_iter().chain(price).collect()
    }

    async fn burn(
        &self,
        id: AssetId,
        args: impl FnOnce(u8) -> BurnArgs + Send,
        destination: GatewayId,
    ) -> Result<Vec<Raw>, ChainError> {
        const WHAT: &str = "burn";
        let gateway = self.link.gateway(WHAT).await?;
        let (index, synthetic) = asset(&gateway, id).ok_or_else(|| self.unknown(WHAT, "Asset", &id))?;
        let mint = mint_of(&synthetic);
        let mut named = self.towards(WHAT, id, destination).await?;
        named.extend([("user_token", token_account(&self.me, &mint)), ("synthetic_mint", mint)]);
        let instruction = Instruction::Burn(args(index));
        Ok(self.planned(&gateway, Plan { instruction, named, wallets: Vec::new() }))
    }

    async fn repay(&self, id: MarketId, owner: Account, amount: u128) -> Result<Vec<Raw>, ChainError> {
        const WHAT: &str = "repay";
        let gateway = self.link.gateway(WHAT).await?;
        let (index, market, synthetic, _) = self.link.parts(WHAT, &gateway, id)?;
        let mint = mint_of(&synthetic);
        let mut named = vec![("user_token", token_account(&self.me, &mint)), ("synthetic_mint", mint)];
        named.extend(orders::position(&self.link.addresses, &market, id, owner).map(|key| ("position", key)));
        let instruction = Instruction::Repay(RepayArgs { market: index, owner: owner.0.0, amount });
        Ok(self.planned(&gateway, Plan { instruction, named, wallets: Vec::new() }))
    }

    async fn withdraw(&self, id: MarketId, collateral: u128, to: Account) -> Result<Vec<Raw>, ChainError> {
        const WHAT: &str = "withdraw";
        let gateway = self.link.gateway(WHAT).await?;
        let (index, market, _, token) = self.link.parts(WHAT, &gateway, id)?;
        let (mint, wallet) = (mint_of(&token), pubkey(&to));
        let mut named = self.paid_from(&market, id, account(&self.me));
        named.push(("collateral_vault", self.link.addresses.vault(id_of(&token))));
        named.push(("recipient_collateral", token_account(&wallet, &mint)));
        let instruction = Instruction::Withdraw(WithdrawArgs { market: index, collateral, to: to.0.0 });
        Ok(self.planned(&gateway, Plan { instruction, named, wallets: vec![(wallet, mint)] }))
    }

    async fn redeem(
        &self,
        id: MarketId,
        owner: Account,
        amount: u128,
        wanted: u128,
        recipient: Account,
    ) -> Result<Vec<Raw>, ChainError> {
        const WHAT: &str = "redeem";
        let gateway = self.link.gateway(WHAT).await?;
        let (index, market, synthetic, token) = self.link.parts(WHAT, &gateway, id)?;
        let (mint, collateral, wallet) = (mint_of(&synthetic), mint_of(&token), pubkey(&recipient));
        let mut named = self.paid_from(&market, id, owner);
        named.extend([
            ("user_token", token_account(&self.me, &mint)),
            ("synthetic_mint", mint),
            ("collateral_vault", self.link.addresses.vault(id_of(&token))),
            ("recipient_collateral", token_account(&wallet, &collateral)),
            ("recipient_token", token_account(&wallet, &mint)),
            ("synthetic_vault", self.link.addresses.vault(id_of(&synthetic))),
            ("claimable", self.link.addresses.claimable(recipient, id_of(&synthetic))),
        ]);
        let instruction = Instruction::Redeem(RedeemArgs {
            market: index,
            owner: owner.0.0,
            amount,
            wanted,
            recipient: recipient.0.0,
        });
        let wallets = vec![(wallet, collateral), (wallet, mint)];
        Ok(self.planned(&gateway, Plan { instruction, named, wallets }))
    }

    async fn claim(&self, id: AssetId, to: Account) -> Result<Vec<Raw>, ChainError> {
        const WHAT: &str = "claim";
        let me = account(&self.me);
        let claimable = self.link.addresses.claimable(me, id);
        let (gateway, found) = self.link.gateway_and(WHAT, &[claimable]).await?;
        let (index, found_asset) = asset(&gateway, id).ok_or_else(|| self.unknown(WHAT, "Asset", &id))?;
        let found = self.link.own(found.into_iter().next().flatten());
        let found = found.and_then(|data| Claimable::new(data).ok());
        let rent_payer = found.map_or_else(|| self.me, |found| Pubkey::new_from_array(found.payer()));
        let (mint, wallet) = (mint_of(&found_asset), pubkey(&to));
        let named = vec![
            ("claimable", claimable),
            ("vault", self.link.addresses.vault(id)),
            ("recipient_token", token_account(&wallet, &mint)),
            ("rent_payer", rent_payer),
        ];
        let instruction = Instruction::Claim(ClaimArgs { asset: index, to: to.0.0 });
        Ok(self.planned(&gateway, Plan { instruction, named, wallets: vec![(wallet, mint)] }))
    }

    async fn pause(&self, id: AssetId, level: u8) -> Result<Vec<Raw>, ChainError> {
        const WHAT: &str = "pause";
        let gateway = self.link.gateway(WHAT).await?;
        let (index, _) = asset(&gateway, id).ok_or_else(|| self.unknown(WHAT, "Asset", &id))?;
        let instruction = Instruction::SetPause(SetPauseArgs { asset: index, level });
        Ok(self.planned(&gateway, Plan { instruction, named: Vec::new(), wallets: Vec::new() }))
    }

    /// The instructions that do it, after those that make token accounts for whom it pays.
    pub(crate) async fn instructions(&self, action: UserAction) -> Result<Vec<Raw>, ChainError> {
        match action {
            UserAction::Lock { market, collateral, debt, destination, recipient, refund_to, max_fee } => {
                self.lock(market, collateral, debt, destination, recipient, refund_to, max_fee).await
            }
            UserAction::Transfer { asset, amount, destination, recipient, refund_to, max_fee } => {
                let args = |index| BurnArgs {
                    asset: index,
                    kind: OperationKind::Transfer.code(),
                    amount,
                    destination: destination.0.0,
                    market: [0; 32],
                    owner: [0; 32],
                    recipient: recipient.0.0,
                    wanted: 0,
                    refund_to: refund_to.0.0,
                    max_fee,
                };
                self.burn(asset, args, destination).await
            }
            // At home a redeem is an instruction of its own, without a fee.
            UserAction::Redeem { home, market, owner, amount, wanted, recipient, .. } if home == self.link.id => {
                self.redeem(market, owner, amount, wanted, recipient).await
            }
            UserAction::Redeem { asset, amount, home, market, owner, recipient, wanted, refund_to, max_fee } => {
                let args = |index| BurnArgs {
                    asset: index,
                    kind: OperationKind::Redeem.code(),
                    amount,
                    destination: home.0.0,
                    market: market.0.0,
                    owner: owner.0.0,
                    recipient: recipient.0.0,
                    wanted,
                    refund_to: refund_to.0.0,
                    max_fee,
                };
                self.burn(asset, args, home).await
            }
            UserAction::Repay { market, owner, amount } => self.repay(market, owner, amount).await,
            UserAction::Withdraw { market, collateral, to } => self.withdraw(market, collateral, to).await,
            UserAction::Claim { asset, to } => self.claim(asset, to).await,
            UserAction::RaisePause { asset, level } => self.pause(asset, level).await,
        }
    }
}

/// Makes the canonical token account of a wallet, unless it is there.
pub(crate) fn open(payer: &Pubkey, wallet: &Pubkey, mint: &Pubkey) -> Raw {
    /// The tag of CreateIdempotent.
    const CREATE_IDEMPOTENT: u8 = 1;
    Raw {
        program_id: associated_token_program(),
        accounts: vec![
            AccountMeta::new(*payer, true),
            AccountMeta::new(token_account(wallet, mint), false),
            AccountMeta::new_readonly(*wallet, false),
            AccountMeta::new_readonly(*mint, false),
            AccountMeta::new_readonly(system_program(), false),
            AccountMeta::new_readonly(token_program(), false),
        ],
        data: vec![CREATE_IDEMPOTENT],
    }
}

#[async_trait]
impl Actor for User {
    fn account(&self) -> Account {
        account(&self.address())
    }

    async fn act(&self, action: UserAction) -> Result<TxId, ChainError> {
        let what = name(&action);
        self.done(what, &self.acts.instructions(action).await?).await
    }
}

impl User {
    /// Does the same `count` times in one transaction, which must hold it, and waits until it is confirmed: all of them or none.
    ///
    /// # Errors
    /// What the gateway says to any of them.
    pub async fn act_repeatedly(&self, action: UserAction, count: usize) -> Result<TxId, ChainError> {
        let what = name(&action);
        let instructions = self.acts.instructions(action).await?;
        let all: Vec<_> = std::iter::repeat_n(instructions, count).flatten().collect();
        self.done(what, &all).await
    }

    /// Sends what may use `units` compute units, without simulation, and waits for nothing: what became of it shows at the gateway. For loads.
    ///
    /// # Errors
    /// Where the action makes no transaction, or no endpoint takes it.
    pub async fn send(&self, action: UserAction, units: u32) -> Result<TxId, ChainError> {
        let instructions = self.acts.instructions(action).await?;
        let signed = self.sender.sign(&instructions, Budget { units, price: 0 }, &[]).await?;
        self.sender.send(&signed.raw).await?;
        Ok(signed.id)
    }
}

fn name(action: &UserAction) -> &'static str {
    match action {
        UserAction::Lock { .. } => "lock",
        UserAction::Transfer { .. } => "burn",
        UserAction::Redeem { .. } => "redeem",
        UserAction::Repay { .. } => "repay",
        UserAction::Withdraw { .. } => "withdraw",
        UserAction::Claim { .. } => "claim",
        UserAction::RaisePause { .. } => "pause",
    }
}
