// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IGateway} from "../src/IGateway.sol";
import {Position} from "../src/Types.sol";
import {Amounts} from "../src/libraries/Amounts.sol";
import {Health} from "../src/libraries/Health.sol";
import {Verdict} from "../src/oracle/IOracle.sol";
import {Fixture} from "./Fixture.sol";

/// @notice alice holds 1 WETH against 1500 TIM3 (threshold 80 %, bonus 5 %, close factor 50 %, dust 100); bob liquidates.
contract LiquidationTest is Fixture {
    bytes32 private owner;

    function setUp() public override {
        super.setUp();
        owner = _account(alice);
        _lockIn(home, alice, home.vault, 1e18, 1500 * UNIT, home.id);
        _mintAtHome(home, bob, 10_000 * UNIT);
    }

    function _liquidate(uint256 maxRepay, uint256 minSeized) private returns (uint256 repaid, uint256 seized) {
        uint256 tokens = home.tim3.balanceOf(bob);
        uint256 weth = home.weth.balanceOf(bob);
        vm.prank(bob);
        home.gateway.liquidate(home.vault, owner, uint128(maxRepay), uint128(minSeized));
        repaid = tokens - home.tim3.balanceOf(bob);
        seized = home.weth.balanceOf(bob) - weth;
        _checkLaw(home, away.id);
    }

    function test_healthyIsLeftAlone() public {
        home.feed.set(1875e8); // 1875 * 0.8 = 1500: exactly healthy
        vm.expectRevert(IGateway.Healthy.selector);
        this.liquidate(type(uint128).max, 0);
        home.feed.set(1875e8 - 1);
        _liquidate(type(uint128).max, 0);
    }

    function liquidate(uint256 maxRepay, uint256 minSeized) external {
        _liquidate(maxRepay, minSeized);
    }

    function test_closeFactorLimitsAPartialOne() public {
        home.feed.set(1800e8);
        (uint256 repaid, uint256 seized) = _liquidate(type(uint128).max, 0);
        assertEq(repaid, 750 * UNIT);
        assertEq(seized, uint256(787.5e18) / 1800);
        Position memory p = _position(home, home.vault, owner);
        assertEq(p.debt, 750 * UNIT);
        assertEq(p.collateral, 1e18 - seized);
        assertEq(home.gateway.market(home.vault).totalDebt, p.debt);
        // It helped.
        vm.expectRevert(IGateway.Healthy.selector);
        this.liquidate(type(uint128).max, 0);
    }

    function test_callerSetsHisLimits() public {
        home.feed.set(1800e8);
        vm.expectRevert(abi.encodeWithSelector(IGateway.SeizedTooLittle.selector, uint256(105e18) / 1800, 0.06e18));
        this.liquidate(100 * UNIT, 0.06e18);
        (uint256 repaid,) = _liquidate(100 * UNIT, 0.058e18);
        assertEq(repaid, 100 * UNIT);
        vm.expectRevert(IGateway.ZeroAmount.selector);
        this.liquidate(0, 0);
    }

    function test_deepUnderWaterMayBeTakenWhole() public {
        home.feed.set(1700e8); // health 0.907
        (uint256 repaid, uint256 seized) = _liquidate(type(uint128).max, 0);
        assertEq(repaid, 1500 * UNIT);
        assertEq(seized, uint256(1575e18) / 1700);
        Position memory p = _position(home, home.vault, owner);
        assertEq(p.debt, 0);
        // What is left is the owner's.
        vm.prank(alice);
        home.gateway.withdraw(home.vault, p.collateral, owner);
        assertEq(home.weth.balanceOf(alice), 1e18 - seized);
    }

    function test_noDustIsLeft() public {
        home.feed.set(1700e8);
        vm.expectRevert(abi.encodeWithSelector(IGateway.BelowDust.selector, 99 * UNIT, 100 * UNIT));
        this.liquidate(1401 * UNIT, 0);
        (uint256 repaid,) = _liquidate(1400 * UNIT, 0);
        assertEq(repaid, 1400 * UNIT);
    }

    function test_aSmallPositionIsTakenWhole() public {
        vm.prank(alice);
        home.gateway.repay(home.vault, owner, uint128(1301 * UNIT));
        vm.prank(alice);
        home.gateway.withdraw(home.vault, uint128(1e18 - uint256(199e18) / 1500 - 1), owner);
        home.feed.set(1800e8);
        (uint256 repaid,) = _liquidate(type(uint128).max, 0);
        assertEq(repaid, 199 * UNIT, "half of it would leave dust");
    }

    function test_belowTheBonusItIsTakenWholeAndTheRestIsBadDebt() public {
        home.feed.set(1050e8); // C = 1050, D = 1500: C / 1.05 = 1000
        vm.expectRevert(abi.encodeWithSelector(IGateway.MustTakeWhole.selector, 1000 * UNIT));
        this.liquidate(1000 * UNIT - 1, 0);
        (uint256 repaid, uint256 seized) = _liquidate(1000 * UNIT, 1e18);
        assertEq(repaid, 1000 * UNIT);
        assertEq(seized, 1e18);
        Position memory p = _position(home, home.vault, owner);
        assertEq(p.debt + p.collateral, 0);
        assertEq(home.gateway.badDebt(home.vault).amount, 500 * UNIT);
        assertEq(home.gateway.totals(TIM3).badDebt, 500 * UNIT);
        vm.startPrank(bob);
        home.gateway.cover(home.vault, uint128(200 * UNIT));
        assertEq(home.gateway.badDebt(home.vault).amount, 300 * UNIT);
        home.gateway.cover(home.vault, type(uint128).max);
        vm.stopPrank();
        assertEq(home.gateway.totals(TIM3).badDebt, 0);
        _checkLaw(home, away.id);
    }

    function test_priceForbids() public {
        home.feed.set(1000e8);
        vm.warp(vm.getBlockTimestamp() + 1 hours + 1);
        vm.expectRevert(abi.encodeWithSelector(IGateway.PriceUnavailable.selector, Verdict.Stale));
        this.liquidate(type(uint128).max, 0);
        home.feed.set(0);
        vm.expectRevert(abi.encodeWithSelector(IGateway.PriceUnavailable.selector, Verdict.NonPositive));
        this.liquidate(type(uint128).max, 0);
    }

    function test_notInAReserveNorWithoutDebt() public {
        vm.expectRevert(abi.encodeWithSelector(IGateway.WrongMarketKind.selector, home.reserve));
        home.gateway.liquidate(home.reserve, home.reserve, 1, 0);
        vm.expectRevert(IGateway.NoDebt.selector);
        home.gateway.liquidate(home.vault, _account(carol), 1, 0);
        vm.expectRevert(abi.encodeWithSelector(IGateway.UnknownMarket.selector, TIM3));
        home.gateway.liquidate(TIM3, owner, 1, 0);
    }

    /// @dev Whatever the price and the amount: the liquidator never gets more than bonus, health never falls, books stay exact.
    function testFuzz_liquidation(uint256 price, uint256 maxRepay) public {
        price = bound(price, 1e8, 1875e8 - 1);
        maxRepay = bound(maxRepay, 1, 2000 * UNIT);
        home.feed.set(int256(price));
        vm.prank(bob);
        (bool success,) =
            address(home.gateway).call(abi.encodeCall(IGateway.liquidate, (home.vault, owner, uint128(maxRepay), 0)));
        if (!success) return;
        Position memory p = _position(home, home.vault, owner);
        uint256 repaid = 10_000 * UNIT - home.tim3.balanceOf(bob);
        uint256 seized = home.weth.balanceOf(bob);
        assertLe(repaid, maxRepay);
        // seized * price <= repaid * 1.05, in 10^32ths
        assertLe(seized * price * Amounts.ONE, repaid * 1e20 * (Amounts.ONE + 500));
        assertEq(p.collateral + seized, 1e18);
        uint256 bad = home.gateway.badDebt(home.vault).amount;
        assertEq(p.debt + repaid + bad, 1500 * UNIT);
        if (bad != 0) assertEq(p.collateral + p.debt, 0);
        else if (p.debt != 0) assertGe(uint256(p.collateral) * 1500 * UNIT, uint256(p.debt) * 1e18, "health fell");
        assertTrue(p.debt == 0 || p.debt >= 100 * UNIT, "dust");
        _checkLaw(home, away.id);
    }

    /// @dev The comparison by cross multiplication against rationals that cannot overflow at these sizes.
    function testFuzz_healthComparison(uint64 c, uint64 d, uint64 price, uint16 num, uint8 decimals) public pure {
        vm.assume(price != 0 && num != 0);
        decimals = uint8(bound(decimals, 0, 27));
        Health.Scales memory x = Health.Scales(price, 1e18, decimals);
        bool covers = Health.covers(c, d, num, 10_000, x);
        uint256 left = uint256(c) * price * num * 1e6;
        uint256 right = uint256(d) * 1e18 * 10_000 * 10 ** decimals;
        assertEq(covers, left >= right);
        uint256 needed = Health.collateralFor(d, num, 10_000, x);
        assertTrue(Health.covers(needed, d, num, 10_000, x));
        if (needed != 0) assertFalse(Health.covers(needed - 1, d, num, 10_000, x));
    }

    function testFuzz_healthNeverOverflows(uint128 c, uint128 d, uint128 price, uint128 target, uint16 num, uint8 k)
        public
        pure
    {
        vm.assume(price != 0 && target != 0 && num != 0);
        Health.Scales memory x = Health.Scales(price, target, uint8(bound(k, 0, 27)));
        Health.covers(c, d, num, 10_000, x);
        Health.collateralFor(d, num, 10_000, x);
        Health.seizable(d, num, x);
        Health.repayFor(c, num, x);
    }
}
