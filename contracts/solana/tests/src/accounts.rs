//! Instructions of a gateway with the accounts they need: by the names of the interface's tables, which also say who signs.

use std::collections::BTreeMap;

use solana_address::Address;
use solana_instruction::{AccountMeta, Instruction as Wire};
use tim3_domain::{
    identity::{Account as Holder, GatewayId},
    word::Word,
};
use tim3_solana_interface::{
    accounts::OutgoingPage,
    instruction::{
        AccountSpec, BurnArgs, Call, ClaimArgs, CoverArgs, Instruction, LiquidateArgs, LockArgs, RedeemArgs, RepayArgs,
        SetControllerArgs, SetPauseArgs, WithdrawArgs,
    },
    seeds,
};

use crate::{
    site::{RESERVE, Site, TIM3, USDA, VAULT, WETH},
    world::{World, address, holder},
};

/// The accounts of one instruction, by name.
#[derive(Clone, Debug)]
pub struct Target<'a> {
    site: &'a Site,
    accounts: BTreeMap<&'static str, Address>,
}

impl<'a> Target<'a> {
    /// What nearly every instruction takes: gateway, payer, programs, authority, and the current and next page of events.
    pub fn new(world: &World, site: &'a Site) -> Self {
        let data = world.data(&site.gateway);
        let page = tim3_solana_interface::accounts::Gateway::new(&data[..]).map_or(0, |gateway| gateway.page());
        let target = Self { site, accounts: BTreeMap::new() };
        target
            .with("gateway", site.gateway)
            .with("payer", address("payer"))
            .with("authority", site.authority)
            .with("page", site.events_at(page))
            .with("next_page", site.events_at(page + 1))
    }

    /// Names an account.
    pub fn with(mut self, name: &'static str, address: Address) -> Self {
        self.accounts.insert(name, address);
        self
    }

    /// Names the accounts of a synthetic operation that starts here.
    fn outgoing(self, world: &World, destination: GatewayId) -> Self {
        let site = self.site;
        let page = OutgoingPage::of(site.next_nonce(world, destination)).unwrap();
        self.with("route", site.route_at(destination))
            .with("peer", site.peer_at(destination))
            .with("outgoing", site.outgoing_at(destination, page))
            .with("next_outgoing", site.outgoing_at(destination, page + 1))
    }

    /// The accounts of the vault market's position and price; nothing in a reserve market.
    fn position(self, market: u8, owner: Holder) -> Self {
        let site = self.site;
        if market == VAULT { self.with("position", site.position_at(owner)).with("price", site.price) } else { self }
    }

    /// The caller's synthetic, which is burned.
    fn burning(self, user: Address) -> Self {
        let site = self.site;
        self.with("user", user).with("user_token", site.wallet(&user, TIM3)).with("synthetic_mint", site.mints[0])
    }

    /// The instruction.
    pub fn build(&self, instruction: &Instruction<'_>) -> Wire {
        self.build_with(instruction, &[])
    }

    /// The instruction with further accounts.
    pub fn build_with(&self, instruction: &Instruction<'_>, more: &[AccountSpec]) -> Wire {
        let specs = instruction.spec().accounts.iter().chain(more);
        let accounts = specs.map(|spec| self.meta(spec)).collect();
        Wire { program_id: self.site.program, accounts, data: instruction.encode() }
    }

    fn meta(&self, spec: &AccountSpec) -> AccountMeta {
        let named =
            spec.address.map(|address| Address::from(*address)).or_else(|| self.accounts.get(spec.name).copied());
        match named {
            Some(pubkey) => AccountMeta { pubkey, is_signer: spec.signer, is_writable: spec.writable },
            None if spec.optional => AccountMeta::new_readonly(self.site.program, false),
            None => panic!("no account for {}", spec.name),
        }
    }
}

/// The collateral of a market.
pub fn collateral_of(market: u8) -> u8 {
    if market == RESERVE { USDA } else { WETH }
}

impl Site {
    /// Lock with what the arguments need.
    pub fn lock(&self, world: &World, user: Address, args: LockArgs) -> Wire {
        let asset = collateral_of(args.market);
        let mut target = Target::new(world, self)
            .with("user", user)
            .with("user_collateral", self.wallet(&user, asset))
            .with("collateral_vault", self.vaults[usize::from(asset)])
            .position(args.market, holder(&user));
        if args.debt > 0 && args.destination == self.id.0.0 {
            target = target
                .with("synthetic_mint", self.mints[0])
                .with("recipient_token", self.wallet(&Address::from(args.recipient), TIM3));
        } else if args.debt > 0 {
            target = target.outgoing(world, GatewayId(Word(args.destination)));
        }
        target.build(&Instruction::Lock(args))
    }

    /// A lock by `user` for himself, here and there, with any fee.
    pub fn lock_args(
        &self,
        user: Address,
        market: u8,
        collateral: u128,
        debt: u128,
        destination: GatewayId,
    ) -> LockArgs {
        LockArgs {
            market,
            collateral: Self::native(collateral_of(market), collateral),
            debt,
            destination: destination.0.0,
            recipient: user.to_bytes(),
            refund_to: user.to_bytes(),
            max_fee: u128::MAX,
        }
    }

    /// Burn.
    pub fn burn(&self, world: &World, user: Address, args: BurnArgs) -> Wire {
        Target::new(world, self)
            .burning(user)
            .outgoing(world, GatewayId(Word(args.destination)))
            .build(&Instruction::Burn(args))
    }

    /// A transfer by `user` to himself at `destination`.
    pub fn transfer_args(&self, user: Address, amount: u128, destination: GatewayId) -> BurnArgs {
        BurnArgs {
            asset: TIM3,
            kind: 3,
            amount,
            destination: destination.0.0,
            market: [0; 32],
            owner: [0; 32],
            recipient: user.to_bytes(),
            wanted: 0,
            refund_to: user.to_bytes(),
            max_fee: u128::MAX,
        }
    }

    /// A redeem by `user` of a market of `home`, for himself.
    pub fn redeem_args(&self, user: Address, amount: u128, home: &Self, market: u8, wanted: u128) -> BurnArgs {
        let id = home.markets[usize::from(market)];
        let owner = if market == RESERVE { id.0.0 } else { user.to_bytes() };
        BurnArgs { kind: 2, market: id.0.0, owner, wanted, ..self.transfer_args(user, amount, home.id) }
    }

    /// Repay.
    pub fn repay(&self, world: &World, user: Address, args: RepayArgs) -> Wire {
        let target = Target::new(world, self).burning(user).position(args.market, Holder(Word(args.owner)));
        target.build(&Instruction::Repay(args))
    }

    /// Withdraw.
    pub fn withdraw(&self, world: &World, user: Address, args: WithdrawArgs) -> Wire {
        Target::new(world, self)
            .with("user", user)
            .with("collateral_vault", self.vaults[usize::from(WETH)])
            .with("recipient_collateral", self.wallet(&Address::from(args.to), WETH))
            .position(VAULT, holder(&user))
            .build(&Instruction::Withdraw(args))
    }

    /// Redeem at home.
    pub fn redeem(&self, world: &World, user: Address, args: RedeemArgs) -> Wire {
        let (asset, recipient) = (collateral_of(args.market), Address::from(args.recipient));
        Target::new(world, self)
            .burning(user)
            .with("collateral_vault", self.vaults[usize::from(asset)])
            .with("recipient_collateral", self.wallet(&recipient, asset))
            .with("recipient_token", self.wallet(&recipient, TIM3))
            .with("synthetic_vault", self.vaults[0])
            .with("claimable", self.claimable_at(holder(&recipient), TIM3))
            .position(args.market, Holder(Word(args.owner)))
            .build(&Instruction::Redeem(args))
    }

    /// Liquidate.
    pub fn liquidate(&self, world: &World, user: Address, args: LiquidateArgs) -> Wire {
        Target::new(world, self)
            .burning(user)
            .with("collateral_vault", self.vaults[usize::from(WETH)])
            .with("user_collateral", self.wallet(&user, WETH))
            .with("bad_debt", self.bad_debt_at(self.markets[1]))
            .position(VAULT, Holder(Word(args.owner)))
            .build(&Instruction::Liquidate(args))
    }

    /// Cover.
    pub fn cover(&self, world: &World, user: Address, args: CoverArgs) -> Wire {
        let bad_debt = self.find(&seeds::bad_debt(&self.gateway.to_bytes(), &args.market));
        Target::new(world, self).burning(user).with("bad_debt", bad_debt).build(&Instruction::Cover(args))
    }

    /// `SetController` for the user's position in the vault market.
    pub fn set_controller(&self, world: &World, user: Address, gateway: GatewayId, account: Holder) -> Wire {
        let args = SetControllerArgs { market: VAULT, gateway: gateway.0.0, account: account.0.0 };
        let target = Target::new(world, self).with("user", user).position(VAULT, holder(&user));
        target.build(&Instruction::SetController(args))
    }

    /// Claim into the claimer's own wallet.
    pub fn claim(&self, world: &World, user: Address, asset: u8) -> Wire {
        let args = ClaimArgs { asset, to: user.to_bytes() };
        Target::new(world, self)
            .with("user", user)
            .with("claimable", self.claimable_at(holder(&user), asset))
            .with("vault", self.vaults[usize::from(asset)])
            .with("recipient_token", self.wallet(&user, asset))
            .with("rent_payer", address("payer"))
            .build(&Instruction::Claim(args))
    }

    /// `ClosePosition`.
    pub fn close_position(&self, world: &World, owner: Address) -> Wire {
        let target = Target::new(world, self).position(VAULT, holder(&owner)).with("rent_payer", address("payer"));
        target.build(&Instruction::ClosePosition)
    }

    /// `SetPause` by `who`.
    pub fn set_pause(&self, world: &World, who: Address, level: u8) -> Wire {
        let args = SetPauseArgs { asset: TIM3, level };
        Target::new(world, self).with("authorized", who).build(&Instruction::SetPause(args))
    }

    /// `OpenPage`: the page after the current one.
    pub fn open_page(&self, world: &World) -> Wire {
        Target::new(world, self).build(&Instruction::OpenPage)
    }

    /// Where an announced change is.
    pub fn change_at(&self, call: &Call<'_>) -> Address {
        let hash = tim3_domain::word::keccak_bytes(&call.encode());
        self.find(&seeds::change(&self.gateway.to_bytes(), &hash.0))
    }

    /// Announces a change.
    pub fn schedule(&self, world: &World, call: &Call<'_>) -> Wire {
        Target::new(world, self)
            .with("admin", address("admin"))
            .with("change", self.change_at(call))
            .build(&Instruction::Schedule(&call.encode()))
    }

    /// Makes an announced change.
    pub fn apply(&self, world: &World, call: &Call<'_>) -> Wire {
        self.change_target(world, call)
            .with("admin", address("admin"))
            .with("change", self.change_at(call))
            .with("rent_payer", address("payer"))
            .build_with(&Instruction::Apply, call.accounts())
    }

    /// Withdraws an announced change.
    pub fn cancel(&self, world: &World, who: Address, call: &Call<'_>) -> Wire {
        Target::new(world, self)
            .with("authorized", who)
            .with("change", self.change_at(call))
            .with("rent_payer", address("payer"))
            .build(&Instruction::Cancel)
    }

    /// Announces a change, waits for the delay and makes it.
    pub fn change(&self, world: &mut World, call: &Call<'_>) {
        world.ok(&self.schedule(world, call));
        world.pass(crate::site::DELAY);
        world.ok(&self.apply(world, call));
    }
}
