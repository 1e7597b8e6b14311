//! A trade as the calls that the executor makes of it. Pure: amounts on the way come in as quoted.
//!
//! Each part of a trade that another one follows brings exactly what was quoted, or the whole fails: what the next part takes is fixed when it is signed.
//! The last part of a sale brings what there is. What is left over of any token goes back to the owner.

use alloy::primitives::{Address, B256, Bytes, U256};
use tim3_chain::{Liquidate, Sale};
use tim3_domain::{
    DomainError,
    amm::Size,
    amount::{Rounding, SYNTHETIC_DECIMALS, scale},
};

use crate::abi::{Executor, Gateway, Router, Token, b256, call_data};

/// A part of a trade that is one call: steps through pools of one router, or one through a reserve market.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Swap { router: Address, path: Vec<Address> },
    Mint(Reserve),
    Redeem(Reserve),
}

/// A reserve market with its tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reserve {
    pub(super) market: B256,
    pub(super) collateral: Address,
    /// Of the collateral's token.
    pub(super) decimals: u8,
    pub(super) synthetic: Address,
}

/// Who calls whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Site {
    pub(super) executor: Address,
    pub(super) gateway: Address,
    pub(super) gateway_id: B256,
    pub(super) keeper: Address,
}

impl Part {
    pub(super) fn from(&self) -> Address {
        match self {
            Self::Swap { path, .. } => path.first().copied().unwrap_or_default(),
            Self::Mint(reserve) => reserve.collateral,
            Self::Redeem(reserve) => reserve.synthetic,
        }
    }

    pub(super) fn to(&self) -> Address {
        match self {
            Self::Swap { path, .. } => path.last().copied().unwrap_or_default(),
            Self::Mint(reserve) => reserve.synthetic,
            Self::Redeem(reserve) => reserve.collateral,
        }
    }
}

impl Reserve {
    /// What minting gives for so much collateral; what redeeming takes for it, where `rounding` is up.
    pub(super) fn synthetic(&self, collateral: u128, rounding: Rounding) -> Result<u128, DomainError> {
        scale(collateral, self.decimals, SYNTHETIC_DECIMALS, rounding)
    }

    /// What redeeming gives for so much of the synthetic; what minting takes for it, where `rounding` is up.
    pub(super) fn collateral(&self, synthetic: u128, rounding: Rounding) -> Result<u128, DomainError> {
        scale(synthetic, SYNTHETIC_DECIMALS, self.decimals, rounding)
    }
}

/// The executor's call. `amounts` has what goes into each part, and what comes out of the last one.
pub(super) fn run(
    site: &Site,
    parts: &[Part],
    amounts: &[u128],
    size: Size,
    deadline: u64,
) -> Result<Executor::runCall, DomainError> {
    let (taken, least, sells) = match size {
        Size::Sell { input, min_output } => (input, min_output, true),
        Size::Buy { output, max_input } => (max_input, output, false),
    };
    let mut calls = Vec::new();
    let last = parts.len().saturating_sub(1);
    for ((index, part), ends) in parts.iter().enumerate().zip(amounts.windows(2)) {
        let [input, output] = ends else { continue };
        // The first part may use all that was taken.
        let input = if index == 0 { taken } else { *input };
        let call = |target, call: Bytes| Executor::Call { target, data: call };
        let approve = |spender, amount: u128| call_data(&Token::approveCall { spender, amount: U256::from(amount) });
        match part {
            Part::Swap { router, path } => {
                calls.push(call(part.from(), approve(*router, input)));
                let swap = Swap { path, to: site.executor, deadline: U256::from(deadline) };
                if sells && index == last {
                    calls.push(call(*router, swap.all(input)));
                } else {
                    calls.push(call(*router, swap.exactly(*output, input)));
                    calls.push(call(part.from(), approve(*router, 0)));
                }
            }
            Part::Mint(reserve) => {
                let needed = reserve.collateral(*output, Rounding::Up)?;
                calls.push(call(reserve.collateral, approve(site.gateway, needed)));
                let account = site.executor.into_word();
                let lock = Gateway::lockCall {
                    market: reserve.market,
                    collateral: U256::from(needed),
                    debt: *output,
                    destination: site.gateway_id,
                    recipient: account,
                    refundTo: account,
                    maxFee: 0,
                };
                calls.push(call(site.gateway, call_data(&lock)));
            }
            Part::Redeem(reserve) => {
                let amount = if index == 0 && !sells { reserve.synthetic(*output, Rounding::Up)? } else { input };
                let redeem = Gateway::redeemCall {
                    market: reserve.market,
                    // A reserve's one position is the market's own.
                    owner: reserve.market,
                    amount,
                    wanted: 0,
                    recipient: site.executor.into_word(),
                };
                calls.push(call(site.gateway, call_data(&redeem)));
            }
        }
    }
    let part = |token, amount: u128| Executor::Part { token, amount: U256::from(amount) };
    let (from, to) =
        (parts.first().map(Part::from).unwrap_or_default(), parts.last().map(Part::to).unwrap_or_default());
    let mut gives = vec![part(to, least)];
    for token in parts.iter().map(Part::from) {
        if gives.iter().all(|given| given.token != token) {
            gives.push(part(token, 0));
        }
    }
    Ok(Executor::runCall { takes: vec![part(from, taken)], calls, gives, to: site.keeper, deadline })
}

/// A liquidation with the sale of what it seizes, by addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sold {
    pub(super) gateway: Address,
    pub(super) pool: Address,
    pub(super) router: Address,
    pub(super) collateral: Address,
    pub(super) synthetic: Address,
    pub(super) executor: Address,
    pub(super) keeper: Address,
    pub(super) treasury: Address,
    pub(super) sale: Sale,
}

/// The executor's call. The gateway repays with what the executor has, and pays the collateral out to it; the pool gives `output` for as much of that as it asks for,
/// before or after. The keeper gets back what it brought, and the treasury what is left of either: of the synthetic no less than is sure.
pub(super) fn sale(sold: &Sold) -> Bytes {
    let Sold { gateway, pool, router, collateral, synthetic, executor, keeper, treasury: to, sale } = *sold;
    let Sale { liquidation, output, most, flash, deadline, .. } = sale;
    let Liquidate { market, owner, max_repay, min_seized } = liquidation;
    let call = |target, data: Bytes| Executor::Call { target, data };
    let approve = |amount: u128| call_data(&Token::approveCall { spender: router, amount: U256::from(amount) });
    let part = |token, amount: u128| Executor::Part { token, amount: U256::from(amount) };
    let (market, owner) = (b256(market), b256(owner));
    let liquidate = Gateway::liquidateCall { market, owner, maxRepay: max_repay, minSeized: min_seized };
    let liquidate = call(gateway, call_data(&liquidate));
    // No more than this is repaid, out of the loan or of what was brought.
    let gives = vec![part(synthetic, output.saturating_sub(max_repay)), part(collateral, 0)];
    if flash {
        let amount = U256::from(output);
        let loan = Executor::Loan { pair: pool, router, lent: synthetic, amount, owed: collateral };
        return call_data(&Executor::flashCall { loan, calls: vec![liquidate], gives, to, deadline });
    }
    // Where the sale may bring less than that back, nothing is left over before all of it is.
    let brought = U256::from(max_repay.min(output));
    let to = if output < max_repay { keeper } else { to };
    let path = [collateral, synthetic];
    let swap = Swap { path: &path, to: executor, deadline: U256::from(deadline) };
    let calls = vec![
        liquidate,
        call(collateral, approve(most)),
        call(router, swap.exactly(output, most)),
        call(collateral, approve(0)),
        call(synthetic, call_data(&Token::transferCall { to: keeper, amount: brought })),
    ];
    call_data(&Executor::runCall { takes: vec![part(synthetic, max_repay)], calls, gives, to, deadline })
}

struct Swap<'a> {
    path: &'a [Address],
    to: Address,
    deadline: U256,
}

impl Swap<'_> {
    /// The executor itself says what is too little.
    fn all(&self, input: u128) -> Bytes {
        call_data(&Router::swapExactTokensForTokensCall {
            amountIn: U256::from(input),
            amountOutMin: U256::ZERO,
            path: self.path.to_vec(),
            to: self.to,
            deadline: self.deadline,
        })
    }

    fn exactly(&self, output: u128, most: u128) -> Bytes {
        call_data(&Router::swapTokensForExactTokensCall {
            amountOut: U256::from(output),
            amountInMax: U256::from(most),
            path: self.path.to_vec(),
            to: self.to,
            deadline: self.deadline,
        })
    }
}

#[cfg(test)]
mod tests {
    use alloy::sol_types::SolCall as _;
    use tim3_chain::{TradeStep, Via};
    use tim3_domain::{identity::MarketId, word::Word};

    use super::*;
    use crate::abi;

    const SITE: Site = Site {
        executor: Address::repeat_byte(0xee),
        gateway: Address::repeat_byte(0x99),
        gateway_id: B256::repeat_byte(0x77),
        keeper: Address::repeat_byte(0x88),
    };
    const USDA: Address = Address::repeat_byte(1);
    const TIM3: Address = Address::repeat_byte(2);
    const ROUTER: Address = Address::repeat_byte(3);
    const RESERVE: Reserve = Reserve { market: B256::repeat_byte(5), collateral: USDA, decimals: 18, synthetic: TIM3 };
    const MILLION_MILLIONS: u128 = 1_000_000_000_000;

    fn swap(from: Address, to: Address) -> Part {
        Part::Swap { router: ROUTER, path: vec![from, to] }
    }

    fn gives(run: &Executor::runCall) -> Vec<(Address, u128)> {
        run.gives.iter().map(|part| (part.token, part.amount.to())).collect()
    }

    #[test]
    fn a_sale_takes_its_input_and_accepts_no_less_than_it_must() {
        let size = Size::Sell { input: 100, min_output: 90 };
        let run = run(&SITE, &[swap(USDA, TIM3)], &[100, 0], size, 7).unwrap();
        assert_eq!((run.takes[0].token, run.takes[0].amount), (USDA, U256::from(100)));
        assert_eq!(gives(&run), [(TIM3, 90), (USDA, 0)]);
        assert_eq!(run.calls.len(), 2, "what is approved is used");
        let all = Router::swapExactTokensForTokensCall::abi_decode(&run.calls[1].data).unwrap();
        assert_eq!((all.amountIn, all.to, all.deadline), (U256::from(100), SITE.executor, U256::from(7)));
    }

    #[test]
    fn a_purchase_leaves_no_allowance_and_gives_back_the_rest() {
        let size = Size::Buy { output: 90, max_input: 105 };
        let run = run(&SITE, &[swap(USDA, TIM3)], &[100, 90], size, 7).unwrap();
        assert_eq!(run.takes[0].amount, U256::from(105));
        assert_eq!(gives(&run), [(TIM3, 90), (USDA, 0)]);
        let exact = Router::swapTokensForExactTokensCall::abi_decode(&run.calls[1].data).unwrap();
        assert_eq!((exact.amountOut, exact.amountInMax), (U256::from(90), U256::from(105)));
        let after = Token::approveCall::abi_decode(&run.calls[2].data).unwrap();
        assert_eq!((after.spender, after.amount), (ROUTER, U256::ZERO));
    }

    #[test]
    fn what_is_minted_is_sold_and_dust_of_the_collateral_comes_back() {
        let input = 5 * MILLION_MILLIONS + 3;
        let size = Size::Sell { input, min_output: input + 1 };
        let parts = [Part::Mint(RESERVE), swap(TIM3, USDA)];
        let run = run(&SITE, &parts, &[input, 5, 0], size, 7).unwrap();
        assert_eq!(gives(&run), [(USDA, input + 1), (TIM3, 0)]);
        let lock = Gateway::lockCall::abi_decode(&run.calls[1].data).unwrap();
        assert_eq!((lock.collateral, lock.debt), (U256::from(5 * MILLION_MILLIONS), 5));
        assert_eq!((lock.destination, lock.recipient), (SITE.gateway_id, SITE.executor.into_word()));
    }

    fn sold(flash: bool) -> Sold {
        let account = |byte| abi::account(Address::repeat_byte(byte));
        let market = MarketId(Word([5; 32]));
        let liquidation = Liquidate { market, owner: account(8), max_repay: 90, min_seized: 40 };
        let via = Via::Pool { pool: account(4), router: account(3) };
        let step = TradeStep { via, from: account(1), to: account(2) };
        Sold {
            gateway: SITE.gateway,
            pool: Address::repeat_byte(4),
            router: ROUTER,
            collateral: USDA,
            synthetic: TIM3,
            executor: SITE.executor,
            keeper: SITE.keeper,
            treasury: Address::repeat_byte(6),
            sale: Sale { liquidation, step, output: 95, most: 42, flash, treasury: Some(account(6)), deadline: 7 },
        }
    }

    #[test]
    fn what_is_seized_is_sold_and_the_rest_of_it_comes_back() {
        let run = Executor::runCall::abi_decode(&sale(&sold(false))).unwrap();
        assert_eq!((run.takes[0].token, run.takes[0].amount), (TIM3, U256::from(90)));
        assert_eq!((gives(&run), run.to), (vec![(TIM3, 5), (USDA, 0)], Address::repeat_byte(6)));
        let back = Token::transferCall::abi_decode(&run.calls[4].data).unwrap();
        assert_eq!((run.calls[4].target, back.to, back.amount), (TIM3, SITE.keeper, U256::from(90)));
        let liquidate = Gateway::liquidateCall::abi_decode(&run.calls[0].data).unwrap();
        assert_eq!((run.calls[0].target, liquidate.maxRepay, liquidate.minSeized), (SITE.gateway, 90, 40));
        let exact = Router::swapTokensForExactTokensCall::abi_decode(&run.calls[2].data).unwrap();
        assert_eq!((exact.amountOut, exact.amountInMax), (U256::from(95), U256::from(42)));
        assert_eq!((exact.path, exact.to), (vec![USDA, TIM3], SITE.executor));
        let after = Token::approveCall::abi_decode(&run.calls[3].data).unwrap();
        assert_eq!((run.calls[3].target, after.amount), (USDA, U256::ZERO));
    }

    #[test]
    fn what_may_not_all_come_back_to_the_keeper_is_not_swept() {
        let all = sold(false);
        let run = |output| {
            let sale = Sale { output, ..all.sale };
            Executor::runCall::abi_decode(&super::sale(&Sold { sale, ..all })).unwrap().to
        };
        assert_eq!((run(89), run(90)), (SITE.keeper, Address::repeat_byte(6)));
    }

    #[test]
    fn what_is_lent_repays_and_more_than_it_costs_is_left() {
        let flash = Executor::flashCall::abi_decode(&sale(&sold(true))).unwrap();
        assert_eq!((flash.loan.pair, flash.loan.router), (Address::repeat_byte(4), ROUTER));
        assert_eq!((flash.loan.lent, flash.loan.amount, flash.loan.owed), (TIM3, U256::from(95), USDA));
        assert_eq!(flash.calls.len(), 1, "nothing else is done with it");
        let least: Vec<_> = flash.gives.iter().map(|part| (part.token, part.amount.to::<u128>())).collect();
        assert_eq!((least, flash.to), (vec![(TIM3, 5), (USDA, 0)], Address::repeat_byte(6)));
    }

    #[test]
    fn what_is_redeemed_is_bought_exactly() {
        let size = Size::Sell { input: 100, min_output: 101 };
        let parts = [swap(USDA, TIM3), Part::Redeem(RESERVE)];
        let run = run(&SITE, &parts, &[100, 40, 0], size, 7).unwrap();
        let exact = Router::swapTokensForExactTokensCall::abi_decode(&run.calls[1].data).unwrap();
        assert_eq!((exact.amountOut, exact.amountInMax), (U256::from(40), U256::from(100)));
        let redeem = Gateway::redeemCall::abi_decode(&run.calls[3].data).unwrap();
        assert_eq!((redeem.amount, redeem.owner, redeem.recipient), (40, RESERVE.market, SITE.executor.into_word()));
        assert_eq!(gives(&run), [(USDA, 101), (TIM3, 0)]);
    }
}
