// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {TestToken} from "../dev/TestToken.sol";
import {Gateway} from "../src/Gateway.sol";
import {IGateway} from "../src/IGateway.sol";
import {Synthetic} from "../src/Synthetic.sol";
import {Asset, Intent, Operation, Order, Peer, Route, Terms} from "../src/Types.sol";
import {Codec} from "../src/libraries/Codec.sol";
import {Fixture} from "./Fixture.sol";

/// @notice Set-up, the delay of every change, attester epochs, tombstones, and what settings are refused.
contract AdminTest is Fixture {
    Gateway private fresh;

    function setUp() public override {
        super.setUp();
        fresh = new Gateway("fresh", admin, guardian, DELAY);
    }

    // ------------------------------------------------------------------------------------------------------------------ set-up

    function test_constructorRefuses() public {
        vm.expectRevert(IGateway.InvalidValue.selector);
        new Gateway(0, admin, guardian, DELAY);
        vm.expectRevert(IGateway.InvalidValue.selector);
        new Gateway("s", address(0), guardian, DELAY);
        vm.expectRevert(IGateway.InvalidValue.selector);
        new Gateway("s", admin, address(0), DELAY);
        vm.expectRevert(IGateway.InvalidValue.selector);
        new Gateway("s", admin, guardian, 0);
        vm.expectRevert(IGateway.InvalidValue.selector);
        new Gateway("s", admin, guardian, 7 days);
    }

    function test_identity() public view {
        assertEq(fresh.id(), Codec.gatewayId(keccak256("eip155:31337"), _account(address(fresh)), "fresh"));
        assertEq(fresh.domainSeparator(), Codec.domainSeparator(fresh.id()));
        (uint64 count, bytes32 hash) = fresh.head();
        assertEq(count, 0);
        assertEq(hash, fresh.id());
        assertEq(fresh.salt(), "fresh");
        assertEq(fresh.delay(), DELAY);
        assertEq(fresh.admin(), admin);
        assertEq(fresh.guardian(), guardian);
        assertFalse(fresh.active());
    }

    function test_nothingWorksBeforeActivation() public {
        bytes[10] memory calls = _userCalls();
        for (uint256 i = 0; i < calls.length; ++i) {
            (bool success, bytes memory answer) = address(fresh).call(calls[i]);
            assertFalse(success);
            assertEq(answer, abi.encodeWithSelector(IGateway.NotActive.selector));
        }
        vm.startPrank(admin);
        vm.expectRevert(IGateway.NotReady.selector);
        fresh.activate();
        fresh.setAttesters(1, _signers());
        vm.expectRevert(IGateway.NotReady.selector);
        fresh.activate();
        fresh.setTreasury(treasury);
        fresh.activate();
        vm.expectRevert(IGateway.AlreadyActive.selector);
        fresh.activate();
        vm.stopPrank();
        assertTrue(fresh.active());
    }

    function test_settingsAreTheAdminsDuringSetUpAndNobodysLater() public {
        bytes[10] memory calls = _settings();
        for (uint256 i = 0; i < calls.length; ++i) {
            (bool success, bytes memory answer) = address(fresh).call(calls[i]);
            assertFalse(success);
            assertEq(answer, abi.encodeWithSelector(IGateway.NotAdmin.selector));
            vm.prank(admin);
            (success, answer) = address(home.gateway).call(calls[i]);
            assertFalse(success);
            assertEq(answer, abi.encodeWithSelector(IGateway.AlreadyActive.selector));
        }
    }

    // ------------------------------------------------------------------------------------------------------------------- delay

    function test_everySettingCanBeMadeAfterTheDelay() public {
        bytes[10] memory calls = _settings();
        for (uint256 i = 0; i < calls.length; ++i) {
            _change(home, calls[i]);
        }
        assertEq(home.gateway.treasury(), carol);
        assertEq(home.gateway.guardian(), carol);
        assertEq(home.gateway.pendingAdmin(), carol);
        (uint64 epoch, uint8 threshold, address[] memory signers) = home.gateway.attesters();
        assertEq(epoch, 2);
        assertEq(threshold, 2);
        assertEq(signers.length, 5);
        assertTrue(home.gateway.peer("dead").tombstoned);
        assertEq(home.gateway.assets().length, 5);
        assertEq(home.gateway.markets().length, 3);
        assertEq(home.gateway.window(TIM3, 1).limit, 7);
        assertEq(home.gateway.route(TIM3, "peer").max, WINDOW);
    }

    function test_theDelayIsKept() public {
        bytes memory call = abi.encodeCall(IGateway.setTreasury, (carol));
        vm.expectRevert(IGateway.NotAdmin.selector);
        home.gateway.schedule(call);
        vm.startPrank(admin);
        vm.expectRevert(abi.encodeWithSelector(IGateway.NotScheduled.selector, keccak256(call)));
        home.gateway.applyChange(call);
        home.gateway.schedule(call);
        uint64 ready = home.gateway.scheduled(call);
        assertEq(ready, vm.getBlockTimestamp() + DELAY);
        vm.expectRevert(abi.encodeWithSelector(IGateway.AlreadyRegistered.selector, keccak256(call)));
        home.gateway.schedule(call);
        vm.expectRevert(abi.encodeWithSelector(IGateway.TooEarly.selector, ready));
        home.gateway.applyChange(call);
        vm.warp(ready - 1);
        vm.expectRevert(abi.encodeWithSelector(IGateway.TooEarly.selector, ready));
        home.gateway.applyChange(call);
        vm.warp(ready);
        vm.stopPrank();
        vm.expectRevert(IGateway.NotAdmin.selector);
        home.gateway.applyChange(call);
        vm.startPrank(admin);
        home.gateway.applyChange(call);
        assertEq(home.gateway.treasury(), carol);
        vm.expectRevert(abi.encodeWithSelector(IGateway.NotScheduled.selector, keccak256(call)));
        home.gateway.applyChange(call);
        vm.stopPrank();
    }

    function test_aChangeExpires() public {
        bytes memory call = abi.encodeCall(IGateway.setTreasury, (carol));
        vm.startPrank(admin);
        home.gateway.schedule(call);
        uint64 deadline = home.gateway.scheduled(call) + home.gateway.CHANGE_LIFETIME();
        vm.warp(deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(IGateway.Expired.selector, deadline));
        home.gateway.applyChange(call);
        home.gateway.cancel(call);
        home.gateway.schedule(call);
        vm.stopPrank();
    }

    function test_cancelByAdminAndGuardian() public {
        bytes memory call = abi.encodeCall(IGateway.setTreasury, (carol));
        bytes memory replace = abi.encodeCall(IGateway.setGuardian, (carol));
        vm.startPrank(admin);
        home.gateway.schedule(call);
        home.gateway.schedule(replace);
        home.gateway.cancel(call);
        vm.expectRevert(abi.encodeWithSelector(IGateway.NotScheduled.selector, keccak256(call)));
        home.gateway.cancel(call);
        home.gateway.schedule(call);
        vm.stopPrank();
        vm.expectRevert(IGateway.NotGuardian.selector);
        home.gateway.cancel(call);
        vm.startPrank(guardian);
        home.gateway.cancel(call);
        vm.expectRevert(IGateway.NotGuardian.selector);
        home.gateway.cancel(replace);
        vm.stopPrank();
    }

    /// @dev What is scheduled is called by the gateway itself; it must not open doors that are closed to everybody.
    function test_onlySettingsCanBeApplied() public {
        bytes[10] memory calls = _userCalls();
        for (uint256 i = 0; i < calls.length; ++i) {
            _refusesToApply(calls[i], abi.encodeWithSelector(IGateway.Reentered.selector));
        }
        _refusesToApply(
            abi.encodeCall(IGateway.setPause, (TIM3, 1)), abi.encodeWithSelector(IGateway.Reentered.selector)
        );
        bytes memory notAdmin = abi.encodeWithSelector(IGateway.NotAdmin.selector);
        _refusesToApply(abi.encodeCall(IGateway.activate, ()), notAdmin);
        _refusesToApply(abi.encodeCall(IGateway.acceptAdmin, ()), notAdmin);
        _refusesToApply(abi.encodeCall(IGateway.schedule, ("")), notAdmin);
        _refusesToApply(abi.encodeCall(IGateway.applyChange, ("")), notAdmin);
        _refusesToApply(abi.encodeCall(IGateway.cancel, ("")), abi.encodeWithSelector(IGateway.NotGuardian.selector));
    }

    function _refusesToApply(bytes memory call, bytes memory expected) private {
        vm.startPrank(admin);
        home.gateway.schedule(call);
        vm.warp(vm.getBlockTimestamp() + DELAY);
        vm.expectRevert(expected);
        home.gateway.applyChange(call);
        vm.stopPrank();
    }

    function test_twoStepAdminTransfer() public {
        _change(home, abi.encodeCall(IGateway.transferAdmin, (carol)));
        assertEq(home.gateway.admin(), admin);
        vm.prank(bob);
        vm.expectRevert(IGateway.NotAdmin.selector);
        home.gateway.acceptAdmin();
        vm.prank(carol);
        home.gateway.acceptAdmin();
        assertEq(home.gateway.admin(), carol);
        assertEq(home.gateway.pendingAdmin(), address(0));
        vm.prank(admin);
        vm.expectRevert(IGateway.NotAdmin.selector);
        home.gateway.schedule("");
    }

    // ------------------------------------------------------------------------------------------------------ refused settings

    function test_attestersRefused() public {
        vm.startPrank(admin);
        address[] memory signers = _signers();
        vm.expectRevert(IGateway.InvalidValue.selector);
        fresh.setAttesters(0, signers);
        vm.expectRevert(IGateway.InvalidValue.selector);
        fresh.setAttesters(6, signers);
        vm.expectRevert(IGateway.InvalidValue.selector);
        fresh.setAttesters(1, new address[](33));
        vm.expectRevert(abi.encodeWithSelector(IGateway.UnorderedSigners.selector, 0));
        fresh.setAttesters(1, new address[](2));
        (signers[0], signers[1]) = (signers[1], signers[0]);
        vm.expectRevert(abi.encodeWithSelector(IGateway.UnorderedSigners.selector, 1));
        fresh.setAttesters(1, signers);
        signers[0] = signers[1];
        vm.expectRevert(abi.encodeWithSelector(IGateway.UnorderedSigners.selector, 1));
        fresh.setAttesters(1, signers);
        vm.stopPrank();
    }

    function test_attestersEventAndOldSigners() public {
        Operation memory op = _lock(home, alice, away.id, 10 * UNIT);
        Order memory order = _order(away, 1, op);
        address[] memory few = new address[](3);
        (few[0], few[1], few[2]) = (vm.addr(keys[0]), vm.addr(keys[1]), vm.addr(keys[2]));
        bytes memory call = abi.encodeCall(IGateway.setAttesters, (2, few));
        vm.startPrank(admin);
        away.gateway.schedule(call);
        vm.warp(vm.getBlockTimestamp() + DELAY);
        (uint64 sequence,) = away.gateway.head();
        vm.expectEmit(address(away.gateway));
        emit IGateway.Event(
            sequence,
            16,
            uint64(vm.getBlockTimestamp()),
            abi.encode(2, 2, 3, keccak256(abi.encode(few[0], few[1], few[2])))
        );
        away.gateway.applyChange(call);
        vm.stopPrank();
        assertEq(_execute(away, order), REJECTED);
        // One who is no longer a signer, over the right epoch.
        bytes32 digest = _digest(away, 1, Codec.operationId(op));
        order.signatures = bytes.concat(_signature(keys[0], digest), _signature(keys[4], digest));
        _rejects(away, order, abi.encodeWithSelector(IGateway.UnknownSigner.selector, vm.addr(keys[4])));
        order.signatures = _signatures(digest, 2);
        assertEq(_execute(away, order), DONE);
    }

    function test_assetsRefused() public {
        Synthetic token = new Synthetic("TIM3", "TIM3", address(fresh));
        TestToken other = new TestToken("A", "A", 28);
        vm.startPrank(admin);
        string[5] memory symbols = ["", "ABCDEFGHIJKLM", "tim3", "TI-3", unicode"Ä"];
        for (uint256 i = 0; i < symbols.length; ++i) {
            vm.expectRevert(IGateway.InvalidValue.selector);
            fresh.addSynthetic(symbols[i], address(token), 1e18);
        }
        vm.expectRevert(IGateway.InvalidValue.selector);
        fresh.addSynthetic("TIM3", address(home.tim3), 1e18); // another gateway's
        vm.expectRevert(IGateway.InvalidValue.selector);
        fresh.addSynthetic("TIM3", address(token), 0);
        fresh.addSynthetic("TIM3", address(token), 1e18);
        vm.expectRevert(abi.encodeWithSelector(IGateway.AlreadyRegistered.selector, TIM3));
        fresh.addSynthetic("TIM3", address(token), 1e18);
        vm.expectRevert(abi.encodeWithSelector(IGateway.AlreadyRegistered.selector, TIM3));
        fresh.addCollateral("COPY", address(token), 6);
        vm.expectRevert(IGateway.InvalidValue.selector);
        fresh.addCollateral("A", address(other), 18);
        vm.expectRevert(IGateway.InvalidValue.selector);
        fresh.addCollateral("USDA", address(home.usda), 28);
        vm.stopPrank();
        Asset memory a = fresh.asset(TIM3);
        assertEq(a.token, address(token));
        assertEq(a.decimals, 6);
    }

    function test_marketsRefused() public {
        Terms memory good = home.gateway.market(home.vault).terms;
        Terms memory t = good;
        _refusesMarket(USDA, WETH, 1, t, abi.encodeWithSelector(IGateway.UnknownAsset.selector, USDA));
        _refusesMarket(TIM3, TIM3, 1, t, abi.encodeWithSelector(IGateway.UnknownAsset.selector, TIM3));
        bytes memory invalid = abi.encodeWithSelector(IGateway.InvalidValue.selector);
        _refusesMarket(TIM3, WETH, 2, t, invalid);
        t.maxLtv = t.liquidationThreshold;
        _refusesMarket(TIM3, WETH, 1, t, invalid);
        t.maxLtv = 0;
        _refusesMarket(TIM3, WETH, 1, t, invalid);
        t.maxLtv = 7_500;
        t.bonus = 2_501; // 0.8 * 1.2501 > 1
        _refusesMarket(TIM3, WETH, 1, t, invalid);
        t.bonus = 500;
        t.closeFactor = 0;
        _refusesMarket(TIM3, WETH, 1, t, invalid);
        t.closeFactor = 10_001;
        _refusesMarket(TIM3, WETH, 1, t, invalid);
        t.closeFactor = 5_000;
        t.depeg = 1;
        _refusesMarket(TIM3, WETH, 1, t, invalid);
        t.depeg = 0;
        t.oracle = address(0);
        _refusesMarket(TIM3, WETH, 1, t, invalid);
        t.oracle = address(home.usda);
        _refusesMarket(TIM3, WETH, 1, t, "");

        Terms memory r = _reserveTerms();
        r.depeg = 1;
        _refusesMarket(TIM3, USDA, 0, r, invalid);
        r.oracle = good.oracle;
        r.depeg = 10_000;
        _refusesMarket(TIM3, USDA, 0, r, invalid);
        r.depeg = 1;
        r.bonus = 1;
        _refusesMarket(TIM3, USDA, 0, r, invalid);
    }

    function _refusesMarket(bytes32 synthetic, bytes32 collateral, uint8 kind, Terms memory t, bytes memory expected)
        private
    {
        uint256 snapshot = vm.snapshotState();
        bytes memory call = abi.encodeCall(IGateway.setMarket, (synthetic, collateral, kind, t));
        vm.startPrank(admin);
        home.gateway.schedule(call);
        vm.warp(vm.getBlockTimestamp() + DELAY);
        (bool success, bytes memory answer) = address(home.gateway).call(abi.encodeCall(IGateway.applyChange, (call)));
        vm.stopPrank();
        assertFalse(success);
        assertEq(answer, expected);
        vm.revertToState(snapshot);
    }

    function test_windowsAndRoutesRefused() public {
        _refuses(abi.encodeCall(IGateway.setWindow, (USDA, 1, 1, 1)), IGateway.UnknownAsset.selector);
        _refuses(abi.encodeCall(IGateway.setWindow, (TIM3, 0, 1, 1)), IGateway.InvalidValue.selector);
        _refuses(abi.encodeCall(IGateway.setWindow, (TIM3, 3, 1, 1)), IGateway.InvalidValue.selector);
        _refuses(abi.encodeCall(IGateway.setWindow, (TIM3, 1, 0, 1)), IGateway.InvalidValue.selector);
        _refuses(abi.encodeCall(IGateway.setWindow, (TIM3, 1, 1, 0)), IGateway.InvalidValue.selector);
        _refuses(abi.encodeCall(IGateway.setWindow, (TIM3, 1, 1 << 127, 1)), IGateway.InvalidValue.selector);
        Route memory r = _route();
        _refuses(abi.encodeCall(IGateway.setRoute, (USDA, "peer", r)), IGateway.UnknownAsset.selector);
        _refuses(abi.encodeCall(IGateway.setRoute, (TIM3, 0, r)), IGateway.WrongGateway.selector);
        _refuses(abi.encodeCall(IGateway.setRoute, (TIM3, home.id, r)), IGateway.WrongGateway.selector);
        r.min = 0;
        _refuses(abi.encodeCall(IGateway.setRoute, (TIM3, "peer", r)), IGateway.InvalidValue.selector);
        r.min = r.max + 1;
        _refuses(abi.encodeCall(IGateway.setRoute, (TIM3, "peer", r)), IGateway.InvalidValue.selector);
        r = _route();
        r.feeBps = 10_000;
        _refuses(abi.encodeCall(IGateway.setRoute, (TIM3, "peer", r)), IGateway.InvalidValue.selector);
        _refuses(abi.encodeCall(IGateway.setTreasury, (address(0))), IGateway.InvalidAccount.selector);
        _refuses(abi.encodeCall(IGateway.setTreasury, (address(home.gateway))), IGateway.InvalidAccount.selector);
        _refuses(abi.encodeCall(IGateway.setGuardian, (address(0))), IGateway.InvalidValue.selector);
        _refuses(abi.encodeCall(IGateway.transferAdmin, (address(home.gateway))), IGateway.InvalidValue.selector);
        _refuses(abi.encodeCall(IGateway.tombstone, (0, 1, "h")), IGateway.WrongGateway.selector);
        _refuses(abi.encodeCall(IGateway.tombstone, (home.id, 1, "h")), IGateway.InvalidValue.selector);
    }

    function _refuses(bytes memory call, bytes4 selector) private {
        uint256 snapshot = vm.snapshotState();
        vm.startPrank(admin);
        home.gateway.schedule(call);
        vm.warp(vm.getBlockTimestamp() + DELAY);
        vm.expectPartialRevert(selector);
        home.gateway.applyChange(call);
        vm.stopPrank();
        vm.revertToState(snapshot);
    }

    function test_aNarrowerWindowHoldsNoMore() public {
        _change(home, abi.encodeCall(IGateway.setWindow, (TIM3, 1, uint128(10 * UNIT), PERIOD)));
        assertEq(home.gateway.window(TIM3, 1).available, int128(uint128(10 * UNIT)));
        _change(home, abi.encodeCall(IGateway.setWindow, (TIM3, 1, uint128(100 * UNIT), 1000 * PERIOD)));
        assertEq(home.gateway.window(TIM3, 1).available, int128(uint128(10 * UNIT)), "it has to fill");
        assertEq(home.gateway.window(USDA, 1).available, 0, "never set");
    }

    // ------------------------------------------------------------------------------------------------------------ routes, ends

    function test_routesAreEnforced() public {
        _mintAtHome(home, alice, 1000 * UNIT);
        Intent memory intent = Intent(3, away.id, 0, 0, _account(alice), 0);
        _refusesBurn(intent, UNIT - 1, type(uint128).max, IGateway.AmountOutOfRange.selector);
        _refusesBurn(intent, WINDOW + 1, type(uint128).max, IGateway.AmountOutOfRange.selector);
        uint128 fee = uint128(UNIT / 10 + UNIT / 100);
        _refusesBurn(intent, 10 * UNIT, fee - 1, IGateway.FeeTooHigh.selector);
        intent.destination = "nowhere";
        _refusesBurn(intent, 10 * UNIT, type(uint128).max, IGateway.RouteClosed.selector);
        intent.destination = home.id;
        _refusesBurn(intent, 10 * UNIT, type(uint128).max, IGateway.InvalidIntent.selector);
        intent = Intent(3, away.id, 0, 0, 0, 0);
        _refusesBurn(intent, 10 * UNIT, type(uint128).max, IGateway.InvalidAccount.selector);
        intent.recipient = bytes32(uint256(1) << 160 | 1);
        _refusesBurn(intent, 10 * UNIT, type(uint128).max, IGateway.InvalidAccount.selector);
        intent = Intent(3, away.id, "m", 0, _account(alice), 0);
        _refusesBurn(intent, 10 * UNIT, type(uint128).max, IGateway.InvalidIntent.selector);
        intent = Intent(3, away.id, 0, 0, _account(alice), 1);
        _refusesBurn(intent, 10 * UNIT, type(uint128).max, IGateway.InvalidIntent.selector);
        intent = Intent(2, away.id, 0, "o", _account(alice), 1);
        _refusesBurn(intent, 10 * UNIT, type(uint128).max, IGateway.InvalidIntent.selector);
        intent = Intent(1, away.id, "m", "o", _account(alice), 1);
        _refusesBurn(intent, 10 * UNIT, type(uint128).max, IGateway.InvalidIntent.selector);

        // Accounts of a chain that is not EVM only have to be something.
        Route memory r = _route();
        r.evm = false;
        _change(home, abi.encodeCall(IGateway.setRoute, (TIM3, away.id, r)));
        intent = Intent(3, away.id, 0, 0, bytes32(uint256(1) << 255), 0);
        assertEq(_burn(home, alice, intent, 10 * UNIT).recipient, intent.recipient);
        // A fee that eats the amount.
        r.flatFee = uint128(10 * UNIT);
        _change(home, abi.encodeCall(IGateway.setRoute, (TIM3, away.id, r)));
        _refusesBurn(intent, 10 * UNIT, type(uint128).max, IGateway.FeeTooHigh.selector);
        r.enabled = false;
        _change(home, abi.encodeCall(IGateway.setRoute, (TIM3, away.id, r)));
        _refusesBurn(intent, 100 * UNIT, type(uint128).max, IGateway.RouteClosed.selector);
    }

    function _refusesBurn(Intent memory intent, uint256 amount, uint128 maxFee, bytes4 selector) private {
        vm.prank(alice);
        vm.expectPartialRevert(selector);
        home.gateway.burn(TIM3, uint128(amount), intent, _account(alice), maxFee);
    }

    function test_refundAccountMustBeOneOfThisChainAndNotTheGateway() public {
        _mintAtHome(home, alice, 100 * UNIT);
        Intent memory intent = Intent(3, away.id, 0, 0, _account(alice), 0);
        bytes32[3] memory bad = [bytes32(0), bytes32(uint256(1) << 200), _account(address(home.gateway))];
        for (uint256 i = 0; i < bad.length; ++i) {
            vm.prank(alice);
            vm.expectRevert(abi.encodeWithSelector(IGateway.InvalidAccount.selector, bad[i]));
            home.gateway.burn(TIM3, uint128(10 * UNIT), intent, bad[i], type(uint128).max);
        }
    }

    function test_aTombstonedPeerGetsNothingMoreAndItsOperationsAreRefunded() public {
        Operation memory op = _lock(home, alice, away.id, 10 * UNIT);
        _change(home, abi.encodeCall(IGateway.tombstone, (away.id, 77, "final")));
        Peer memory p = home.gateway.peer(away.id);
        assertEq(p.finalCount, 77);
        assertEq(p.finalHash, "final");
        _mintAtHome(home, alice, 10 * UNIT);
        Intent memory intent = Intent(3, away.id, 0, 0, _account(alice), 0);
        _refusesBurn(intent, 10 * UNIT, type(uint128).max, IGateway.RouteClosed.selector);
        _do(home, 4, op);
        assertEq(home.usda.balanceOf(alice), 10e18);
        _refuses(abi.encodeCall(IGateway.tombstone, (away.id, 78, "other")), IGateway.AlreadyRegistered.selector);
    }

    function test_aRetiredGatewayExecutesAndSendsNothing() public {
        _mintAtHome(home, alice, 100 * UNIT);
        Operation memory op = _lock(away, alice, home.id, 10 * UNIT);
        (uint64 count, bytes32 hash) = home.gateway.head();
        _change(home, abi.encodeCall(IGateway.tombstone, (home.id, 0, 0)));
        assertTrue(home.gateway.retired());
        assertEq(home.gateway.peer(home.id).finalCount, count);
        assertEq(home.gateway.peer(home.id).finalHash, hash);
        Order[] memory orders = new Order[](1);
        orders[0] = _order(home, 1, op);
        vm.expectRevert(IGateway.Retired.selector);
        home.gateway.execute(orders);
        Intent memory intent = Intent(3, away.id, 0, 0, _account(alice), 0);
        _refusesBurn(intent, 10 * UNIT, type(uint128).max, IGateway.Retired.selector);
        // Who holds tokens here gets his collateral here.
        vm.prank(alice);
        home.gateway.redeem(home.reserve, home.reserve, uint128(100 * UNIT), 0, _account(alice));
        assertEq(home.usda.balanceOf(alice), 100e18);
    }

    function test_ceilingAndDust() public {
        Terms memory t = home.gateway.market(home.vault).terms;
        t.ceiling = uint128(1000 * UNIT);
        _change(home, abi.encodeCall(IGateway.setMarket, (TIM3, WETH, 1, t)));
        home.feed.set(WETH_PRICE);
        _lockIn(home, alice, home.vault, 1e18, 901 * UNIT, home.id);
        _fund(home, bob, home.vault, 1e18);
        vm.startPrank(bob);
        vm.expectRevert(abi.encodeWithSelector(IGateway.BelowDust.selector, 99 * UNIT, 100 * UNIT));
        home.gateway.lock(home.vault, 1e18, uint128(99 * UNIT), home.id, _account(bob), 0, 0);
        vm.expectRevert(abi.encodeWithSelector(IGateway.CeilingExceeded.selector, 1001 * UNIT, 1000 * UNIT));
        home.gateway.lock(home.vault, 1e18, uint128(100 * UNIT), home.id, _account(bob), 0, 0);
        vm.stopPrank();
    }

    // ----------------------------------------------------------------------------------------------------------------- helpers

    function _settings() private returns (bytes[10] memory calls) {
        Synthetic token = new Synthetic("TIME", "TIME", address(home.gateway));
        TestToken dai = new TestToken("DAI", "DAI", 18);
        calls[0] = abi.encodeCall(IGateway.addSynthetic, ("TIME", address(token), 1e18));
        calls[1] = abi.encodeCall(IGateway.addCollateral, ("DAI", address(dai), 18));
        calls[2] = abi.encodeCall(IGateway.setMarket, (TIM3, keccak256("tim3/asset/DAI"), 0, _reserveTerms()));
        calls[3] = abi.encodeCall(IGateway.setWindow, (TIM3, 1, 7, 1));
        calls[4] = abi.encodeCall(IGateway.setRoute, (TIM3, "peer", _route()));
        calls[5] = abi.encodeCall(IGateway.setAttesters, (2, _signers()));
        calls[6] = abi.encodeCall(IGateway.setTreasury, (carol));
        calls[7] = abi.encodeCall(IGateway.setGuardian, (carol));
        calls[8] = abi.encodeCall(IGateway.transferAdmin, (carol));
        calls[9] = abi.encodeCall(IGateway.tombstone, ("dead", 5, "hash"));
    }

    function _userCalls() private view returns (bytes[10] memory calls) {
        bytes32 me = _account(alice);
        calls[0] = abi.encodeCall(IGateway.lock, (home.reserve, 0, 1, home.id, me, me, 0));
        calls[1] = abi.encodeCall(IGateway.burn, (TIM3, 1, Intent(3, away.id, 0, 0, me, 0), me, 0));
        calls[2] = abi.encodeCall(IGateway.repay, (home.reserve, home.reserve, 1));
        calls[3] = abi.encodeCall(IGateway.withdraw, (home.vault, 1, me));
        calls[4] = abi.encodeCall(IGateway.redeem, (home.reserve, home.reserve, 1, 0, me));
        calls[5] = abi.encodeCall(IGateway.liquidate, (home.vault, me, 1, 0));
        calls[6] = abi.encodeCall(IGateway.cover, (home.reserve, 1));
        calls[7] = abi.encodeCall(IGateway.setController, (home.vault, 0, 0));
        calls[8] = abi.encodeCall(IGateway.claim, (USDA, me));
        calls[9] = abi.encodeCall(IGateway.execute, (new Order[](0)));
    }
}
