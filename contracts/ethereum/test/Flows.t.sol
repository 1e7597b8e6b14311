// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IGateway} from "../src/IGateway.sol";
import {Controller, Intent, Operation, Order, PeerTotals, Position, Totals, Window} from "../src/Types.sol";
import {Codec} from "../src/libraries/Codec.sol";
import {Fixture} from "./Fixture.sol";

/// @notice What users do and what becomes of it, on paths where nothing goes wrong.
contract FlowsTest is Fixture {
    uint256 private constant HUNDRED = 100 * UNIT;

    function _fee(uint256 amount) private pure returns (uint256) {
        return UNIT / 10 + amount / 1000;
    }

    function test_lockMintsAtHomeAtOnce() public {
        _fund(home, alice, home.reserve, 100e18);
        (uint64 sequence,) = home.gateway.head();
        vm.expectEmit(address(home.gateway));
        emit IGateway.Event(
            sequence,
            1,
            uint64(block.timestamp),
            abi.encode(home.reserve, home.reserve, 100e18, HUNDRED, _account(alice), 100e18, HUNDRED, _account(bob))
        );
        vm.prank(alice);
        bytes32 operationId = home.gateway.lock(home.reserve, 100e18, uint128(HUNDRED), home.id, _account(bob), 0, 0);
        assertEq(operationId, 0);
        assertEq(home.tim3.balanceOf(bob), HUNDRED);
        assertEq(home.usda.balanceOf(address(home.gateway)), 100e18);
        Position memory p = _position(home, home.reserve, home.reserve);
        assertEq(p.collateral, 100e18);
        assertEq(p.debt, HUNDRED);
        assertEq(p.version, sequence);
        assertEq(home.gateway.market(home.reserve).totalDebt, HUNDRED);
        _checkLaw(home, away.id);
    }

    function test_lockHereMintThere() public {
        Operation memory op = _lock(home, alice, away.id, HUNDRED);
        assertEq(op.kind, 1);
        assertEq(op.nonce, 0);
        assertEq(op.owner, home.reserve);
        assertEq(op.actor, _account(alice));
        assertEq(op.wanted, 100e18);
        assertEq(op.fee, _fee(HUNDRED));
        assertEq(op.timestamp, block.timestamp);
        assertEq(home.gateway.outgoing(away.id, 0), Codec.operationId(op));
        assertEq(home.gateway.nextNonce(away.id), 1);
        assertEq(home.gateway.peerTotals(TIM3, away.id).sent, HUNDRED);
        _checkLaw(home, away.id);

        Order memory order = _order(away, 1, op);
        assertEq(_execute(away, order), DONE);
        assertEq(away.tim3.balanceOf(alice), HUNDRED - op.fee);
        assertEq(away.tim3.balanceOf(treasury), op.fee);
        assertEq(away.gateway.slot(home.id, 0), 1);
        assertEq(away.gateway.peerTotals(TIM3, home.id).settled, HUNDRED);
        assertEq(away.gateway.window(TIM3, 1).available, int128(uint128(WINDOW - HUNDRED)));
        _checkLaw(away, home.id);

        _skips(away, order, ALREADY_DONE, abi.encodeWithSelector(IGateway.AlreadyDone.selector));
        assertEq(away.tim3.balanceOf(alice), HUNDRED - op.fee);
    }

    function test_noncesAreDensePerDestination() public {
        assertEq(_lock(home, alice, away.id, HUNDRED).nonce, 0);
        _mintAtHome(home, alice, HUNDRED);
        assertEq(_transfer(home, alice, away.id, HUNDRED / 2).nonce, 1);
        Operation memory last = _lock(home, bob, away.id, HUNDRED);
        assertEq(last.nonce, 2);
        assertEq(home.gateway.nextNonce(away.id), 3);
        _do(away, 1, last);
        uint8[] memory slots = away.gateway.slots(home.id, 0, 3);
        assertEq(slots[0] + slots[1], 0);
        assertEq(slots[2], 1);
    }

    function test_transferAndRedeem() public {
        _mintAtHome(home, alice, HUNDRED);
        Operation memory there = _transfer(home, alice, away.id, HUNDRED);
        assertEq(home.tim3.balanceOf(alice), 0);
        _checkLaw(home, away.id);
        _do(away, 1, there);
        uint256 arrived = away.tim3.balanceOf(alice);
        assertEq(arrived, HUNDRED - _fee(HUNDRED));

        Intent memory intent = Intent(2, home.id, home.reserve, home.reserve, _account(bob), 0);
        Operation memory back = _burn(away, alice, intent, arrived);
        _do(home, 2, back);
        uint256 paid = arrived - back.fee;
        assertEq(home.usda.balanceOf(bob), paid * 1e12);
        assertEq(home.tim3.balanceOf(treasury), back.fee);
        Position memory p = _position(home, home.reserve, home.reserve);
        assertEq(p.debt, HUNDRED - paid);
        assertEq(p.collateral, 100e18 - paid * 1e12);
        _checkLaw(home, away.id);
        _checkLaw(away, home.id);
    }

    function test_redeemAtHomePaysAtParAndTheRestAsTokens() public {
        _mintAtHome(home, alice, HUNDRED);
        // Tokens from elsewhere: more than the reserve's debt.
        Operation memory op = _lock(away, bob, home.id, 2 * HUNDRED);
        _do(home, 1, op);
        uint256 has = home.tim3.balanceOf(bob);
        vm.prank(bob);
        home.gateway.redeem(home.reserve, home.reserve, uint128(has), 0, _account(carol));
        assertEq(home.usda.balanceOf(carol), 100e18);
        assertEq(home.tim3.balanceOf(carol), has - HUNDRED);
        assertEq(home.tim3.balanceOf(bob), 0);
        assertEq(_position(home, home.reserve, home.reserve).debt, 0);
        // The surplus came out of the mint window, the whole out of the release window.
        assertEq(home.gateway.window(TIM3, 2).available, int128(uint128(WINDOW - has)));
        assertEq(home.gateway.window(TIM3, 1).available, int128(uint128(WINDOW - 2 * HUNDRED - (has - HUNDRED))));
        _checkLaw(home, away.id);
    }

    function test_vaultLifeAtHome() public {
        _lockIn(home, alice, home.vault, 1e18, 1000 * UNIT, home.id);
        assertEq(home.tim3.balanceOf(alice), 1000 * UNIT);
        bytes32 owner = _account(alice);

        // 1 WETH = 2000, max LTV 75 %: 1500 is the most.
        vm.startPrank(alice);
        vm.expectRevert(IGateway.Undercollateralized.selector);
        home.gateway.lock(home.vault, 0, uint128(500 * UNIT + 1), home.id, owner, 0, 0);
        home.gateway.lock(home.vault, 0, uint128(500 * UNIT), home.id, owner, 0, 0);

        home.gateway.repay(home.vault, owner, uint128(750 * UNIT));
        vm.expectRevert(IGateway.Undercollateralized.selector);
        home.gateway.withdraw(home.vault, 0.5e18 + 1, owner);
        home.gateway.withdraw(home.vault, 0.5e18, owner);
        assertEq(home.weth.balanceOf(alice), 0.5e18);

        // Takes no more than the debt.
        home.gateway.repay(home.vault, owner, type(uint128).max);
        assertEq(home.tim3.balanceOf(alice), 0);
        home.gateway.withdraw(home.vault, 0.5e18, owner);
        vm.stopPrank();
        Position memory p = _position(home, home.vault, owner);
        assertEq(p.collateral + p.debt, 0);
        assertEq(home.gateway.market(home.vault).totalCollateral, 0);
        assertEq(home.gateway.market(home.vault).totalDebt, 0);
        _checkLaw(home, away.id);
    }

    function test_collateralOnlyLockMakesNoOperation() public {
        Operation memory op = _lockIn(home, alice, home.vault, 1e18, 0, away.id);
        assertEq(op.kind, 0);
        assertEq(_position(home, home.vault, _account(alice)).collateral, 1e18);
        vm.prank(alice);
        vm.expectRevert(IGateway.ZeroAmount.selector);
        home.gateway.lock(home.vault, 0, 0, away.id, 0, 0, 0);
    }

    function test_redeemOfOwnVaultKeepsLtv() public {
        _lockIn(home, alice, home.vault, 1e18, 1500 * UNIT, home.id);
        vm.prank(alice);
        home.gateway.redeem(home.vault, _account(alice), uint128(750 * UNIT), type(uint128).max, _account(alice));
        assertEq(home.weth.balanceOf(alice), 0.5e18);
        Position memory p = _position(home, home.vault, _account(alice));
        assertEq(p.debt, 750 * UNIT);
        assertEq(p.collateral, 0.5e18);
    }

    function test_strangerRepaysAVaultButWithdrawsNothing() public {
        _lockIn(home, alice, home.vault, 1e18, 1000 * UNIT, home.id);
        vm.prank(alice);
        assertTrue(home.tim3.transfer(bob, 1000 * UNIT));
        vm.prank(bob);
        home.gateway.redeem(home.vault, _account(alice), uint128(1000 * UNIT), 1e18, _account(bob));
        assertEq(home.weth.balanceOf(bob), 0);
        Position memory p = _position(home, home.vault, _account(alice));
        assertEq(p.debt, 0);
        assertEq(p.collateral, 1e18);
    }

    function test_controllerRedeemsFromElsewhere() public {
        Operation memory op = _lockIn(home, alice, home.vault, 1e18, 1000 * UNIT, away.id);
        _do(away, 1, op);
        uint256 has = away.tim3.balanceOf(alice);
        Intent memory intent = Intent(2, home.id, home.vault, _account(alice), _account(carol), 1e17);

        // The same address on another chain is not the owner.
        Operation memory first = _burn(away, alice, intent, has / 2);
        _do(home, 2, first);
        assertEq(home.weth.balanceOf(carol), 0);
        assertEq(_position(home, home.vault, _account(alice)).debt, 1000 * UNIT - (first.amount - first.fee));

        vm.prank(alice);
        home.gateway.setController(home.vault, away.id, _account(alice));
        Controller memory c = home.gateway.controller(home.vault, _account(alice));
        assertEq(c.gateway, away.id);
        Operation memory second = _burn(away, alice, intent, has / 4);
        _do(home, 2, second);
        assertEq(home.weth.balanceOf(carol), 1e17);

        // Revoked before it arrives: read when Release executes.
        Operation memory third = _burn(away, alice, intent, has / 8);
        vm.prank(alice);
        home.gateway.setController(home.vault, 0, 0);
        _do(home, 2, third);
        assertEq(home.weth.balanceOf(carol), 1e17);
        _checkLaw(home, away.id);
    }

    function test_releaseWithoutPricePaysOnlyWhenTheDebtIsGone() public {
        Operation memory op = _lockIn(home, alice, home.vault, 1e18, 1000 * UNIT, away.id);
        _do(away, 1, op);
        _mintAtHome(away, alice, 100 * UNIT);
        vm.prank(alice);
        home.gateway.setController(home.vault, away.id, _account(alice));
        Intent memory intent = Intent(2, home.id, home.vault, _account(alice), _account(alice), 1e18);
        Operation memory part = _burn(away, alice, intent, 500 * UNIT);
        vm.warp(vm.getBlockTimestamp() + 2 hours);
        _do(home, 2, part);
        assertEq(home.weth.balanceOf(alice), 0, "stale price, debt left: nothing");
        Operation memory rest = _burn(away, alice, intent, away.tim3.balanceOf(alice));
        _do(home, 2, rest);
        assertEq(home.weth.balanceOf(alice), 1e18, "no debt left: all, without a price");
        _checkLaw(home, away.id);
    }

    function test_releaseOfAPositionThatDoesNotExistPaysTokens() public {
        Operation memory op = _lock(home, alice, away.id, HUNDRED);
        _do(away, 1, op);
        Intent memory intent = Intent(2, home.id, home.vault, _account(bob), _account(carol), 5);
        Operation memory back = _burn(away, alice, intent, 50 * UNIT);
        Order memory order = _order(home, 2, back);
        (uint64 sequence,) = home.gateway.head();
        vm.expectEmit(address(home.gateway));
        emit IGateway.Event(
            sequence,
            4,
            uint64(block.timestamp),
            bytes.concat(
                abi.encode(Codec.operationId(back), away.id, 0, TIM3, 50 * UNIT, back.fee, 0, 50 * UNIT - back.fee),
                abi.encode(0, _account(carol), home.vault, _account(bob), 0, 0)
            )
        );
        assertEq(_execute(home, order), DONE);
        assertEq(home.tim3.balanceOf(carol), 50 * UNIT - back.fee);
        _checkLaw(home, away.id);
    }

    function test_surplusMayDriveTheMintWindowNegative() public {
        Operation memory op = _lock(home, alice, away.id, HUNDRED);
        _do(away, 1, op);
        _change(home, abi.encodeCall(IGateway.setWindow, (TIM3, 1, uint128(10 * UNIT), PERIOD)));
        Intent memory intent = Intent(2, home.id, home.vault, _account(bob), _account(carol), 0);
        Operation memory back = _burn(away, alice, intent, 50 * UNIT);
        _do(home, 2, back);
        Window memory w = home.gateway.window(TIM3, 1);
        assertEq(w.available, int128(uint128(10 * UNIT)) - int128(uint128(50 * UNIT) - back.fee));
        assertLt(w.available, 0);

        // It has to refill before anything is minted again.
        Operation memory small = _lock(away, bob, home.id, 2 * UNIT);
        assertEq(_execute(home, _order(home, 1, small)), DELAYED);
        vm.warp(vm.getBlockTimestamp() + 10 * PERIOD);
        _do(home, 1, small);
    }

    function test_totalsMoveAsTheProtocolSays() public {
        Operation memory op = _lock(home, alice, away.id, HUNDRED);
        _do(away, 1, op);
        Totals memory t = home.gateway.totals(TIM3);
        assertEq(t.debt, HUNDRED);
        assertEq(t.minted, 0);
        Totals memory u = away.gateway.totals(TIM3);
        assertEq(u.minted, HUNDRED);
        assertEq(u.debt, 0);
        PeerTotals memory p = away.gateway.peerTotals(TIM3, home.id);
        assertEq(p.settled, HUNDRED);
        assertEq(p.voided, 0);
    }
}
