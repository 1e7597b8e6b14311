// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Vm} from "forge-std/Test.sol";

import {IGateway} from "../src/IGateway.sol";
import {Intent, Mirror, Operation, Order, PeerTotals, Position, Totals} from "../src/Types.sol";
import {Codec} from "../src/libraries/Codec.sol";
import {Fixture} from "./Fixture.sol";

/// @notice Orders that are refused, delayed, void, refunded, in conflict, or copies of positions.
contract OrdersTest is Fixture {
    uint256 private constant HUNDRED = 100 * UNIT;

    // ------------------------------------------------------------------------------------------------------------- malformed

    function test_rejectsUnknownActions() public {
        Operation memory op = _lock(home, alice, away.id, HUNDRED);
        Order memory order = _order(away, 7, op);
        _rejects(away, order, abi.encodeWithSelector(IGateway.UnknownAction.selector, 7));
        order.action = 0;
        _rejects(away, order, abi.encodeWithSelector(IGateway.UnknownAction.selector, 0));
    }

    function test_rejectsEveryOtherLength(uint16 length) public {
        length %= 700;
        for (uint8 action = 1; action <= 6; ++action) {
            uint256 right = action == 6 ? 192 : action == 5 ? 544 : 448;
            if (length == right) continue;
            Order memory order = Order(action, new bytes(length), "");
            _rejects(away, order, abi.encodeWithSelector(IGateway.MalformedContent.selector));
        }
    }

    function test_rejectsWordsOutOfRange() public {
        Operation memory op = _lock(home, alice, away.id, HUNDRED);
        uint8[6] memory fields = [0, 3, 10, 11, 12, 13];
        uint8[6] memory bits = [8, 64, 128, 128, 128, 64];
        for (uint256 i = 0; i < 6; ++i) {
            bytes memory words = abi.encode(op);
            uint256 offset = 32 + uint256(fields[i]) * 32;
            uint256 flag = uint256(1) << bits[i];
            assembly {
                mstore(add(words, offset), or(mload(add(words, offset)), flag))
            }
            bytes32 content = keccak256(bytes.concat(Codec.OPERATION_TYPEHASH, words));
            _rejects(
                away, _orderOf(away, 1, words, content), abi.encodeWithSelector(IGateway.MalformedContent.selector)
            );
        }
    }

    function test_rejectsWrongGatewaysKindsAndOwners() public {
        Operation memory op = _lock(home, alice, away.id, HUNDRED);
        // At home itself, and at a gateway that is neither.
        _rejects(home, _order(home, 1, op), abi.encodeWithSelector(IGateway.WrongGateway.selector, away.id));
        _rejects(away, _order(away, 4, op), abi.encodeWithSelector(IGateway.WrongGateway.selector, home.id));
        // A Mint operation is not released, a Redeem not minted.
        _rejects(away, _order(away, 2, op), abi.encodeWithSelector(IGateway.WrongKind.selector, 1));
        _do(away, 1, op);
        Operation memory back =
            _burn(away, alice, Intent(2, home.id, home.reserve, _account(bob), _account(bob), 0), 50 * UNIT);
        _rejects(home, _order(home, 1, back), abi.encodeWithSelector(IGateway.WrongKind.selector, 2));
        // In a reserve market the owner is the market.
        _rejects(home, _order(home, 2, back), abi.encodeWithSelector(IGateway.WrongOwner.selector, _account(bob)));

        op.nonce = 9;
        op.origin = away.id;
        _rejects(away, _order(away, 1, op), abi.encodeWithSelector(IGateway.WrongGateway.selector, away.id));
        op.origin = home.id;
        op.kind = 4;
        _rejects(away, _order(away, 3, op), abi.encodeWithSelector(IGateway.WrongKind.selector, 4));
        op.kind = 1;
        op.fee = op.amount;
        _rejects(away, _order(away, 1, op), abi.encodeWithSelector(IGateway.FeeTooHigh.selector, op.fee, op.amount));
        back.fee = back.amount;
        _rejects(
            home, _order(home, 2, back), abi.encodeWithSelector(IGateway.FeeTooHigh.selector, back.fee, back.amount)
        );
        // But whatever an origin made can be voided.
        _do(home, 3, back);
    }

    function test_rejectsAccountsThatAreNone() public {
        Operation memory op = _lock(home, alice, away.id, HUNDRED);
        bytes32[4] memory bad =
            [bytes32(0), bytes32(uint256(1) << 160), bytes32(uint256(1) << 160 | 5), _account(address(away.gateway))];
        for (uint256 i = 0; i < bad.length; ++i) {
            op.recipient = bad[i];
            _rejects(away, _order(away, 1, op), abi.encodeWithSelector(IGateway.InvalidAccount.selector, bad[i]));
        }
    }

    function test_rejectsAssetsAndMarketsThatAreUnknown() public {
        Operation memory op = _lock(home, alice, away.id, HUNDRED);
        op.asset = keccak256("tim3/asset/TIME");
        _rejects(away, _order(away, 1, op), abi.encodeWithSelector(IGateway.UnknownAsset.selector, op.asset));
        // But it can be voided: nothing that is undeliverable is stuck.
        assertEq(_execute(away, _order(away, 3, op)), DONE);

        op = _lock(home, alice, away.id, HUNDRED);
        _do(away, 1, op);
        bytes32 market = keccak256("no market");
        Operation memory back =
            _burn(away, alice, Intent(2, home.id, market, _account(bob), _account(bob), 0), 50 * UNIT);
        _rejects(home, _order(home, 2, back), abi.encodeWithSelector(IGateway.UnknownMarket.selector, market));
        _do(home, 3, back);
        _do(away, 4, back);
    }

    // -------------------------------------------------------------------------------------------------------------- signatures

    function test_signatureNegatives() public {
        Operation memory op = _lock(home, alice, away.id, HUNDRED);
        bytes32 digest = _digest(away, 1, Codec.operationId(op));
        bytes memory words = abi.encode(op);

        // Too few, none, duplicate, unsorted, foreign.
        _refuses(
            words, _signatures(digest, 2), abi.encodeWithSelector(IGateway.TooFewSignatures.selector, 2, THRESHOLD)
        );
        _refuses(words, "", abi.encodeWithSelector(IGateway.TooFewSignatures.selector, 0, THRESHOLD));
        bytes memory first = _signature(keys[0], digest);
        bytes memory second = _signature(keys[1], digest);
        bytes memory third = _signature(keys[2], digest);
        _refuses(
            words, bytes.concat(first, first, second), abi.encodeWithSelector(IGateway.UnorderedSigners.selector, 1)
        );
        _refuses(
            words, bytes.concat(first, third, second), abi.encodeWithSelector(IGateway.UnorderedSigners.selector, 2)
        );
        (address foreign, uint256 key) = _foreignAbove(vm.addr(keys[1]));
        _refuses(
            words,
            bytes.concat(first, second, _signature(key, digest)),
            abi.encodeWithSelector(IGateway.UnknownSigner.selector, foreign)
        );
        // A valid threshold does not excuse a bad one more.
        _refuses(
            words,
            bytes.concat(first, second, third, first),
            abi.encodeWithSelector(IGateway.UnorderedSigners.selector, 3)
        );
        // More than there are signers.
        _refuses(words, new bytes(6 * 65), abi.encodeWithSelector(IGateway.InvalidSignature.selector, 6));
        // Short and long.
        bytes memory good = _signatures(digest, 3);
        bytes memory cut = new bytes(good.length - 1);
        for (uint256 i = 0; i < cut.length; ++i) {
            cut[i] = good[i];
        }
        _refuses(words, cut, abi.encodeWithSelector(IGateway.InvalidSignature.selector, 2));
        _refuses(words, bytes.concat(good, hex"00"), abi.encodeWithSelector(IGateway.InvalidSignature.selector, 3));

        // What remains is the good one, and five are as good as three.
        assertEq(_execute(away, Order(1, words, _signatures(digest, 5))), DONE);
    }

    function test_refusesHighSAndOtherV() public {
        Operation memory op = _lock(home, alice, away.id, HUNDRED);
        bytes32 digest = _digest(away, 1, Codec.operationId(op));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keys[0], digest);
        bytes memory rest = bytes.concat(_signature(keys[1], digest), _signature(keys[2], digest));
        bytes memory words = abi.encode(op);

        uint256 order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
        bytes memory twin = abi.encodePacked(r, bytes32(order - uint256(s)), v == 27 ? uint8(28) : uint8(27));
        bytes memory expected = abi.encodeWithSelector(IGateway.InvalidSignature.selector, 0);
        _refuses(words, bytes.concat(twin, rest), expected);
        _refuses(words, bytes.concat(abi.encodePacked(r, s, v - 27), rest), expected);
        _refuses(words, bytes.concat(abi.encodePacked(r, s, v + 8), rest), expected);
        // Recovers to nobody.
        _refuses(words, bytes.concat(abi.encodePacked(bytes32(0), s, v), rest), expected);
        assertEq(_execute(away, Order(1, words, _signatures(digest, 3))), DONE);
    }

    function test_signaturesOfAnotherEpochGatewayActionOrContentCountForNothing() public {
        Operation memory op = _lock(home, alice, away.id, HUNDRED);
        bytes memory words = abi.encode(op);
        bytes32 content = Codec.operationId(op);
        // What another content, action, gateway or epoch recovers to is a stranger, or out of order.
        _refusesAny(words, Codec.digest(Codec.domainSeparator(away.id), 1, 2, content));
        _refusesAny(words, Codec.digest(Codec.domainSeparator(away.id), 1, 0, content));
        _refusesAny(words, Codec.digest(Codec.domainSeparator(away.id), 3, 1, content));
        _refusesAny(words, Codec.digest(Codec.domainSeparator(home.id), 1, 1, content));
        _refusesAny(words, Codec.digest(Codec.domainSeparator(away.id), 1, 1, keccak256("other")));

        // The same chain and code under another salt, and the same salt under another chain, are other gateways.
        bytes32 account = _account(address(away.gateway));
        bytes32 chain = keccak256("eip155:31337");
        assertEq(Codec.gatewayId(chain, account, keccak256("away")), away.id);
        bytes32 salted = Codec.gatewayId(chain, account, keccak256("away again"));
        bytes32 elsewhere = Codec.gatewayId(keccak256("eip155:1"), account, keccak256("away"));
        _refusesAny(words, Codec.digest(Codec.domainSeparator(salted), 1, 1, content));
        _refusesAny(words, Codec.digest(Codec.domainSeparator(elsewhere), 1, 1, content));

        // Signed in an epoch that has ended.
        Order memory order = _order(away, 1, op);
        _change(away, abi.encodeCall(IGateway.setAttesters, (THRESHOLD, _signers())));
        (uint8 code,) = _executeFor(away, order);
        assertEq(code, REJECTED);
        _do(away, 1, op);
    }

    function testFuzz_noRandomBytesAreSignatures(bytes memory junk) public {
        Operation memory op = _lock(home, alice, away.id, HUNDRED);
        (uint8 code,) = _executeFor(away, Order(1, abi.encode(op), junk));
        assertEq(code, REJECTED);
    }

    function testFuzz_contentIsSignedToTheLastBit(uint256 bit) public {
        Operation memory op = _lock(home, alice, away.id, HUNDRED);
        Order memory order = _order(away, 1, op);
        bit = bound(bit, 0, order.content.length * 8 - 1);
        order.content[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        (uint8 code,) = _executeFor(away, order);
        assertEq(code, REJECTED);
    }

    // ----------------------------------------------------------------------------------------------------------------- batches

    function test_noOrderFailsItsNeighbour() public {
        Operation memory good = _lock(home, alice, away.id, HUNDRED);
        Operation memory big = _lock(home, alice, away.id, WINDOW - 50 * UNIT);
        Operation memory other = _lock(home, bob, away.id, HUNDRED / 2);
        Order[] memory orders = new Order[](6);
        orders[0] = Order(9, "", "");
        orders[1] = _order(away, 1, good);
        orders[2] = _order(away, 1, big); // over what the window has left
        orders[3] = _order(away, 1, good);
        orders[4] = Order(1, abi.encode(other), "");
        orders[5] = _order(away, 1, other);
        vm.recordLogs();
        uint8[] memory codes = away.gateway.execute(orders);
        assertEq(abi.encode(codes), abi.encode(_codes(REJECTED, DONE, DELAYED, ALREADY_DONE, REJECTED, DONE)));
        assertEq(away.tim3.balanceOf(alice), HUNDRED - good.fee);
        assertEq(away.tim3.balanceOf(bob), HUNDRED / 2 - other.fee);

        // Each skipped order says which it was and why, under its content hash.
        Vm.Log[] memory logs = vm.getRecordedLogs();
        uint256 skipped;
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] != IGateway.Skipped.selector) continue;
            ++skipped;
            uint256 index = uint256(logs[i].topics[1]);
            if (index == 2) {
                assertEq(logs[i].topics[2], Codec.operationId(big));
                (,, bytes memory reason) = abi.decode(logs[i].data, (uint8, uint8, bytes));
                int256 left = int256(uint256(WINDOW)) - int256(HUNDRED);
                assertEq(reason, abi.encodeWithSelector(IGateway.WindowFull.selector, left, uint256(big.amount)));
            }
        }
        assertEq(skipped, 4);

        // One checkpoint for the call, none between.
        (uint64 count, bytes32 hash) = away.gateway.head();
        assertEq(away.gateway.checkpoint(count), hash);
        assertEq(away.gateway.checkpoint(count - 1), 0);
    }

    function test_delayedUntilTheWindowRefills() public {
        Operation memory all = _lock(home, alice, away.id, WINDOW);
        Operation memory more = _lock(home, bob, away.id, WINDOW / 2);
        _do(away, 1, all);
        Order memory order = _order(away, 1, more);
        _skips(away, order, DELAYED, abi.encodeWithSelector(IGateway.WindowFull.selector, 0, uint256(WINDOW / 2)));
        vm.warp(vm.getBlockTimestamp() + PERIOD / 2 - 1);
        assertEq(_execute(away, order), DELAYED);
        vm.warp(vm.getBlockTimestamp() + 1);
        assertEq(_execute(away, order), DONE);
        assertEq(away.gateway.window(TIM3, 1).available, 0);
    }

    function test_releaseIsDelayedAndThenDone() public {
        Operation memory all = _lock(home, alice, away.id, WINDOW);
        _do(away, 1, all);
        _mintAtHome(home, bob, HUNDRED);
        vm.prank(bob);
        home.gateway.redeem(home.reserve, home.reserve, uint128(HUNDRED), 0, _account(bob));
        Intent memory intent = Intent(2, home.id, home.reserve, home.reserve, _account(alice), 0);
        Operation memory back = _burn(away, alice, intent, WINDOW - 50 * UNIT - all.fee);
        _change(home, abi.encodeCall(IGateway.setWindow, (TIM3, 2, uint128(HUNDRED), PERIOD)));
        Order memory order = _order(home, 2, back);
        assertEq(_execute(home, order), DELAYED);
        assertEq(home.gateway.slot(away.id, back.nonce), 0);
        _change(home, abi.encodeCall(IGateway.setWindow, (TIM3, 2, WINDOW * 4, PERIOD)));
        assertEq(_execute(home, order), DELAYED, "a wider window is not a full one");
        vm.warp(vm.getBlockTimestamp() + PERIOD);
        assertEq(_execute(home, order), DONE);
    }

    // ------------------------------------------------------------------------------------------------------- void and refund

    function test_voidThenRefundOfALock() public {
        Operation memory op = _lock(home, alice, away.id, HUNDRED);
        _do(away, 3, op);
        assertEq(away.gateway.slot(home.id, op.nonce), 2);
        assertEq(away.gateway.peerTotals(TIM3, home.id).voided, HUNDRED);
        _skips(away, _order(away, 3, op), ALREADY_DONE, abi.encodeWithSelector(IGateway.AlreadyDone.selector));
        _rejects(away, _order(away, 1, op), abi.encodeWithSelector(IGateway.SlotTaken.selector, 2));

        Order memory refund = _order(home, 4, op);
        assertEq(_execute(home, refund), DONE);
        assertEq(home.usda.balanceOf(alice), 100e18, "gross: no fee");
        assertTrue(home.gateway.refunded(away.id, op.nonce));
        Position memory p = _position(home, home.reserve, home.reserve);
        assertEq(p.debt + p.collateral, 0);
        _skips(home, refund, ALREADY_DONE, abi.encodeWithSelector(IGateway.AlreadyDone.selector));
        _checkLaw(home, away.id);
        _checkLaw(away, home.id);
    }

    function test_doneIsNeverVoided() public {
        Operation memory op = _lock(home, alice, away.id, HUNDRED);
        _do(away, 1, op);
        _rejects(away, _order(away, 3, op), abi.encodeWithSelector(IGateway.SlotTaken.selector, 1));
    }

    function test_refundOfABurnMintsAgainOutsideTheWindow() public {
        _mintAtHome(home, alice, HUNDRED);
        Operation memory op = _transfer(home, alice, away.id, HUNDRED);
        _do(away, 3, op);
        int128 before = home.gateway.window(TIM3, 1).available;
        _do(home, 4, op);
        assertEq(home.tim3.balanceOf(alice), HUNDRED);
        assertEq(home.gateway.window(TIM3, 1).available, before);
        _checkLaw(home, away.id);
    }

    function test_refundOfAVaultLockGivesBackWhatItBrought() public {
        _lockIn(home, alice, home.vault, 1e18, 1000 * UNIT, home.id);
        Operation memory op = _lockIn(home, alice, home.vault, 1e18, 1000 * UNIT, away.id);
        _do(away, 3, op);
        _do(home, 4, op);
        Position memory p = _position(home, home.vault, _account(alice));
        assertEq(p.debt, 1000 * UNIT);
        assertEq(p.collateral, 1e18);
        assertEq(home.weth.balanceOf(alice), 1e18);
    }

    function test_refundOfALockWhoseDebtIsGonePaysTokens() public {
        Operation memory op = _lockIn(home, alice, home.vault, 1e18, 1000 * UNIT, away.id);
        _mintAtHome(home, bob, 1000 * UNIT);
        vm.prank(bob);
        home.gateway.repay(home.vault, _account(alice), uint128(400 * UNIT));
        _do(away, 3, op);
        _do(home, 4, op);
        assertEq(home.tim3.balanceOf(alice), 400 * UNIT);
        assertEq(home.weth.balanceOf(alice), 1e18);
        Position memory p = _position(home, home.vault, _account(alice));
        assertEq(p.debt + p.collateral, 0);
        _checkLaw(home, away.id);
    }

    function test_refundNeedsTheGatewaysOwnRecord() public {
        Operation memory op = _lock(home, alice, away.id, HUNDRED);
        bytes32 stored = Codec.operationId(op);
        op.amount *= 2;
        _rejects(home, _order(home, 4, op), abi.encodeWithSelector(IGateway.UnknownOperation.selector, stored));
        op.nonce = 1;
        _rejects(home, _order(home, 4, op), abi.encodeWithSelector(IGateway.UnknownOperation.selector, bytes32(0)));
    }

    // ---------------------------------------------------------------------------------------------------------------- conflict

    function test_conflictReturnsTheReplacementAndOwnsTheOrphan() public {
        // Finality broke: `orphan` was executed there, and here `op` has taken its nonce.
        Operation memory op = _lock(home, alice, away.id, HUNDRED);
        Operation memory orphan = abi.decode(abi.encode(op), (Operation));
        orphan.amount = uint128(70 * UNIT);
        orphan.recipient = _account(carol);
        _do(away, 1, orphan);

        Order memory order = _conflict(op, Codec.operationId(orphan), home.reserve, orphan.amount);
        (uint64 sequence,) = home.gateway.head();
        vm.expectEmit(address(home.gateway));
        emit IGateway.Event(
            sequence + 1,
            12,
            uint64(block.timestamp),
            abi.encode(home.reserve, TIM3, orphan.amount, Codec.operationId(orphan))
        );
        assertEq(_execute(home, order), DONE);
        assertEq(home.usda.balanceOf(alice), 100e18);
        assertEq(home.gateway.badDebt(home.reserve).amount, orphan.amount);
        _checkLaw(home, away.id);
        _checkLaw(away, home.id);
        PeerTotals memory p = home.gateway.peerTotals(TIM3, away.id);
        assertEq(p.sent - p.refunded, away.gateway.peerTotals(TIM3, home.id).settled, "nothing is in flight");

        // It and a plain refund exclude each other.
        _skips(home, order, ALREADY_DONE, abi.encodeWithSelector(IGateway.AlreadyDone.selector));
        assertEq(_execute(home, _order(home, 4, op)), ALREADY_DONE);

        // And it is paid for by whoever covers it.
        _mintAtHome(home, bob, HUNDRED);
        vm.prank(bob);
        home.gateway.cover(home.reserve, type(uint128).max);
        assertEq(home.tim3.balanceOf(bob), 30 * UNIT);
        assertEq(home.gateway.badDebt(home.reserve).amount, 0);
        _checkLaw(home, away.id);
        vm.expectRevert(IGateway.NoDebt.selector);
        home.gateway.cover(home.reserve, 1);
    }

    function test_conflictNegatives() public {
        Operation memory op = _lock(home, alice, away.id, HUNDRED);
        bytes memory malformed = abi.encodeWithSelector(IGateway.MalformedContent.selector);
        _rejects(home, _conflict(op, 0, home.reserve, 1), malformed);
        _rejects(home, _conflict(op, keccak256("o"), 0, 1), malformed);
        _rejects(home, _conflict(op, keccak256("o"), home.reserve, 0), malformed);
        _rejects(home, _conflict(op, Codec.operationId(op), home.reserve, 1), malformed);
        _rejects(home, _conflict(op, keccak256("o"), home.reserve, uint256(1) << 128), malformed);
        assertFalse(home.gateway.refunded(away.id, 0));
        // The signatures of a refund are not those of a conflict.
        Order memory order = _conflict(op, keccak256("o"), home.reserve, 1);
        order.signatures = _order(home, 4, op).signatures;
        assertEq(_execute(home, order), REJECTED);
    }

    // ----------------------------------------------------------------------------------------------------------------- mirrors

    function test_mirrorNewestWins() public {
        bytes32 owner = _account(alice);
        assertEq(_execute(away, _mirror(home.id, home.vault, owner, 5, 6, 10)), DONE);
        assertEq(_execute(away, _mirror(home.id, home.vault, owner, 7, 8, 12)), DONE);
        bytes memory done = abi.encodeWithSelector(IGateway.AlreadyDone.selector);
        _skips(away, _mirror(home.id, home.vault, owner, 1, 1, 11), ALREADY_DONE, done);
        _skips(away, _mirror(home.id, home.vault, owner, 7, 8, 12), ALREADY_DONE, done);
        _rejects(
            away,
            _mirror(home.id, home.vault, owner, 7, 9, 12),
            abi.encodeWithSelector(IGateway.MirrorConflict.selector, 12)
        );
        _rejects(
            away,
            _mirror(keccak256("liar"), home.vault, owner, 7, 9, 13),
            abi.encodeWithSelector(IGateway.MirrorConflict.selector, 13)
        );
        Mirror memory m = away.gateway.mirror(home.vault, owner);
        assertEq(m.home, home.id);
        assertEq(m.collateral, 7);
        assertEq(m.debt, 8);
        assertEq(m.version, 12);
        (uint64 count,) = away.gateway.head();
        assertEq(away.gateway.checkpoint(count) != 0, true, "a mirror makes no event");
    }

    function test_onlyAttestersMakeAConflict() public {
        bytes32 owner = _account(alice);
        assertEq(_execute(away, _mirror(home.id, home.vault, owner, 5, 6, 10)), DONE);
        Order memory forged = _mirror(home.id, home.vault, owner, 5, 7, 10);
        forged.signatures = "";
        _rejects(away, forged, abi.encodeWithSelector(IGateway.TooFewSignatures.selector, 0, THRESHOLD));
    }

    function test_mirrorNegatives() public {
        bytes32 owner = _account(alice);
        _rejects(
            away,
            _mirror(away.id, away.vault, owner, 5, 6, 10),
            abi.encodeWithSelector(IGateway.WrongGateway.selector, away.id)
        );
        _rejects(
            away,
            _mirror(0, home.vault, owner, 5, 6, 10),
            abi.encodeWithSelector(IGateway.WrongGateway.selector, bytes32(0))
        );
        bytes memory words = abi.encode(home.id, home.vault, owner, uint256(1) << 128, 0, 0);
        Order memory order = _orderOf(away, 6, words, keccak256(bytes.concat(Codec.POSITION_TYPEHASH, words)));
        _rejects(away, order, abi.encodeWithSelector(IGateway.MalformedContent.selector));
        // Version 0 is a version.
        assertEq(_execute(away, _mirror(home.id, home.vault, owner, 1, 1, 0)), DONE);
        assertEq(_execute(away, _mirror(home.id, home.vault, owner, 1, 1, 0)), ALREADY_DONE);
    }

    // ----------------------------------------------------------------------------------------------------------------- helpers

    function _refuses(bytes memory words, bytes memory signatures, bytes memory expected) private {
        _rejects(away, Order(1, words, signatures), expected);
    }

    function _refusesAny(bytes memory words, bytes32 digest) private {
        (uint8 code,) = _executeFor(away, Order(1, words, _signatures(digest, 5)));
        assertEq(code, REJECTED);
    }

    function _foreignAbove(address least) private view returns (address signer, uint256 key) {
        for (uint256 i = 0;; ++i) {
            key = uint256(keccak256(abi.encode("foreign", i)));
            signer = vm.addr(key);
            if (signer > least) return (signer, key);
        }
    }

    function _conflict(Operation memory op, bytes32 orphan, bytes32 market, uint256 amount)
        private
        view
        returns (Order memory)
    {
        bytes memory words = bytes.concat(abi.encode(op), abi.encode(orphan, market, amount));
        bytes32 content = keccak256(abi.encode(Codec.CONFLICT_TYPEHASH, Codec.operationId(op), orphan, market, amount));
        return _orderOf(home, 5, words, content);
    }

    function _mirror(bytes32 of_, bytes32 market, bytes32 owner, uint256 collateral, uint256 debt, uint256 version)
        private
        view
        returns (Order memory)
    {
        bytes memory words = abi.encode(of_, market, owner, collateral, debt, version);
        return _orderOf(away, 6, words, keccak256(bytes.concat(Codec.POSITION_TYPEHASH, words)));
    }

    function _codes(uint8 a, uint8 b, uint8 c, uint8 d, uint8 e, uint8 f) private pure returns (uint8[] memory r) {
        r = new uint8[](6);
        (r[0], r[1], r[2], r[3], r[4], r[5]) = (a, b, c, d, e, f);
    }
}
