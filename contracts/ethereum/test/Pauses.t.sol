// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IGateway} from "../src/IGateway.sol";
import {Intent, Operation, Order} from "../src/Types.sol";
import {Codec} from "../src/libraries/Codec.sol";
import {Fixture} from "./Fixture.sol";

/// @notice Every cell of the table of pause levels, and who moves them.
contract PausesTest is Fixture {
    Operation private toMint;
    Operation private toVoid;
    Operation private toRelease;
    Operation private toRefund;

    function setUp() public override {
        super.setUp();
        // Whatever the table names is ready to be done at home.
        _mintAtHome(home, alice, 10_000 * UNIT);
        _lockIn(home, alice, home.vault, 2e18, 2000 * UNIT, home.id);
        _lockIn(home, bob, home.vault, 1e18, 1500 * UNIT, home.id);
        Operation memory funds = _lock(home, carol, away.id, 5000 * UNIT);
        _do(away, 1, funds);
        toMint = _lock(away, alice, home.id, 100 * UNIT);
        toVoid = _lock(away, alice, home.id, 100 * UNIT);
        toRelease = _burn(away, carol, Intent(2, home.id, home.reserve, home.reserve, _account(carol), 0), 100 * UNIT);
        toRefund = _lock(home, alice, away.id, 100 * UNIT);
        _do(away, 3, toRefund);
        // A claimable of collateral: the order found the account frozen.
        Operation memory undeliverable =
            _burn(away, carol, Intent(2, home.id, home.reserve, home.reserve, _account(carol), 0), 100 * UNIT);
        vm.mockCallRevert(address(home.usda), abi.encodeWithSelector(home.usda.transfer.selector), "frozen");
        _do(home, 2, undeliverable);
        vm.clearMockedCalls();
        assertGt(home.gateway.claimable(_account(carol), USDA), 0);
        home.feed.set(1800e8); // bob's position may be liquidated
        home.usda.mint(alice, 1e24);
    }

    /// @dev Tries everything at one level; `row` names in order what must succeed.
    function _try(uint8 level, bool[14] memory row) private {
        _pause(home, level);
        assertEq(home.gateway.pauseLevel(TIM3), level);
        bytes memory paused = abi.encodeWithSelector(IGateway.Paused.selector, TIM3, level);
        address g = address(home.gateway);

        _call(
            row[0],
            alice,
            abi.encodeCall(
                IGateway.lock, (home.reserve, 1e18, 1e6, away.id, _account(alice), _account(alice), type(uint128).max)
            ),
            paused
        );
        _call(
            row[1],
            alice,
            abi.encodeCall(IGateway.lock, (home.reserve, 1e18, 1e6, home.id, _account(alice), 0, 0)),
            paused
        );
        _orders(row[2], _order(home, 1, toMint), paused);
        _call(
            row[3],
            alice,
            abi.encodeCall(
                IGateway.burn,
                (TIM3, 2e6, Intent(3, away.id, 0, 0, _account(alice), 0), _account(alice), type(uint128).max)
            ),
            paused
        );
        _call(
            row[4],
            alice,
            abi.encodeCall(
                IGateway.burn,
                (
                    TIM3,
                    2e6,
                    Intent(2, away.id, away.reserve, away.reserve, _account(alice), 0),
                    _account(alice),
                    type(uint128).max
                )
            ),
            paused
        );
        _orders(row[5], _order(home, 2, toRelease), paused);
        _call(
            row[6],
            alice,
            abi.encodeCall(IGateway.redeem, (home.reserve, home.reserve, 1e6, 0, _account(alice))),
            paused
        );
        _call(row[7], alice, abi.encodeCall(IGateway.withdraw, (home.vault, 1e15, _account(alice))), paused);
        _call(
            row[8],
            alice,
            abi.encodeCall(IGateway.liquidate, (home.vault, _account(bob), uint128(200 * UNIT), 0)),
            paused
        );
        _call(row[9], alice, abi.encodeCall(IGateway.repay, (home.vault, _account(bob), 1e6)), paused);
        _call(row[10], carol, abi.encodeCall(IGateway.claim, (USDA, _account(carol))), paused);
        _orders(row[11], _order(home, 4, toRefund), paused);
        _orders(row[12], _order(home, 3, toVoid), paused);
        bytes memory words = abi.encode(away.id, away.vault, _account(bob), 1, 2, 3);
        _orders(row[13], _orderOf(home, 6, words, keccak256(bytes.concat(Codec.POSITION_TYPEHASH, words))), paused);
        // Cover is as free as repay: refused for want of bad debt, not for the pause.
        vm.expectRevert(IGateway.NoDebt.selector);
        IGateway(g).cover(home.reserve, 1);
        _checkLaw(home, away.id);
    }

    function _call(bool works, address user, bytes memory call, bytes memory paused) private {
        vm.prank(user);
        (bool success, bytes memory answer) = address(home.gateway).call(call);
        assertEq(success, works, vm.toString(call));
        if (!works) assertEq(answer, paused, vm.toString(call));
    }

    function _orders(bool works, Order memory order, bytes memory paused) private {
        if (works) assertEq(_execute(home, order), DONE);
        else _rejects(home, order, paused);
    }

    function test_level0() public {
        _try(0, [true, true, true, true, true, true, true, true, true, true, true, true, true, true]);
    }

    function test_level1NoNewRisk() public {
        _try(1, [false, false, true, true, true, true, true, true, true, true, true, true, true, true]);
    }

    function test_level2NoSupply() public {
        _try(2, [false, false, false, false, true, true, true, true, true, true, true, true, true, true]);
    }

    function test_level3Frozen() public {
        _try(3, [false, false, false, false, false, false, false, false, false, true, false, false, true, true]);
    }

    function test_freezeFallsToLevel2UnlessRenewed() public {
        vm.prank(guardian);
        home.gateway.setPause(TIM3, 3);
        vm.warp(vm.getBlockTimestamp() + 7 days - 1);
        assertEq(home.gateway.pauseLevel(TIM3), 3);
        // The guardian cannot renew, the admin can.
        vm.prank(guardian);
        vm.expectRevert(IGateway.NotGuardian.selector);
        home.gateway.setPause(TIM3, 3);
        _pause(home, 3);
        vm.warp(vm.getBlockTimestamp() + 7 days - 1);
        assertEq(home.gateway.pauseLevel(TIM3), 3);
        vm.warp(vm.getBlockTimestamp() + 1);
        assertEq(home.gateway.pauseLevel(TIM3), 2);
        _do(home, 4, toRefund);
    }

    function test_guardianRaisesAdminLowers() public {
        vm.startPrank(guardian);
        home.gateway.setPause(TIM3, 1);
        home.gateway.setPause(TIM3, 2);
        for (uint8 level = 0; level <= 2; ++level) {
            vm.expectRevert(IGateway.NotGuardian.selector);
            home.gateway.setPause(TIM3, level);
        }
        vm.stopPrank();
        vm.prank(alice);
        vm.expectRevert(IGateway.NotGuardian.selector);
        home.gateway.setPause(TIM3, 3);
        _pause(home, 0);
        assertEq(home.gateway.pauseLevel(TIM3), 0);
        vm.startPrank(admin);
        vm.expectRevert(IGateway.InvalidValue.selector);
        home.gateway.setPause(TIM3, 4);
        vm.expectRevert(abi.encodeWithSelector(IGateway.UnknownAsset.selector, USDA));
        home.gateway.setPause(USDA, 1);
        vm.stopPrank();
    }

    function test_surplusAtLevel2IsHeldInCustody() public {
        Operation memory back = _burn(
            away, carol, Intent(2, home.id, home.vault, _account(makeAddr("none")), _account(carol), 0), 50 * UNIT
        );
        _pause(home, 2);
        uint256 supply = home.tim3.totalSupply();
        _do(home, 2, back);
        uint256 surplus = back.amount - back.fee;
        assertEq(home.tim3.balanceOf(carol), 0);
        assertEq(home.gateway.claimable(_account(carol), TIM3), surplus);
        assertEq(home.gateway.totals(TIM3).claimable, surplus);
        assertEq(home.tim3.totalSupply(), supply + back.amount, "it counts as supply");
        _checkLaw(home, away.id);

        vm.startPrank(carol);
        vm.expectRevert(abi.encodeWithSelector(IGateway.Paused.selector, TIM3, 2));
        home.gateway.claim(TIM3, _account(carol));
        vm.stopPrank();
        _pause(home, 1);
        vm.startPrank(carol);
        home.gateway.claim(TIM3, _account(alice));
        vm.expectRevert(IGateway.NothingToClaim.selector);
        home.gateway.claim(TIM3, _account(carol));
        vm.stopPrank();
        _checkLaw(home, away.id);
    }

    function test_surplusOfARedeemAtHomeAtLevel2IsHeldInCustody() public {
        _pause(home, 2);
        vm.prank(alice);
        home.gateway.redeem(home.vault, _account(carol), uint128(50 * UNIT), 0, _account(carol));
        assertEq(home.gateway.claimable(_account(carol), TIM3), 50 * UNIT);
        _checkLaw(home, away.id);
    }
}
