// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {TransientSlot} from "@openzeppelin/contracts/utils/TransientSlot.sol";

import {IGateway} from "../IGateway.sol";
import {Store} from "../Types.sol";

/// @title The numbered events under the running hash, and the one lock of the gateway
/// @notice A *session* is one call of a user, submitter or admin. It holds the reentrancy lock, and keeps count and hash in transient
/// storage, so that a batch of a hundred orders writes each of them once. An order that reverts takes its own events back with it.
library Ledger {
    using TransientSlot for bytes32;
    using TransientSlot for TransientSlot.BooleanSlot;
    using TransientSlot for TransientSlot.Bytes32Slot;
    using TransientSlot for TransientSlot.Uint256Slot;

    uint8 internal constant LOCKED = 1;
    uint8 internal constant BURNED = 2;
    uint8 internal constant MINTED = 3;
    uint8 internal constant RELEASED = 4;
    uint8 internal constant VOIDED = 5;
    uint8 internal constant REFUNDED = 6;
    uint8 internal constant LIQUIDATED = 7;
    uint8 internal constant REPAID = 8;
    uint8 internal constant WITHDRAWN = 9;
    uint8 internal constant CLAIMABLE = 10;
    uint8 internal constant CLAIMED = 11;
    uint8 internal constant BAD_DEBT = 12;
    uint8 internal constant COVERED = 13;
    uint8 internal constant CONTROLLER_SET = 14;
    uint8 internal constant PAUSE_SET = 15;
    uint8 internal constant ATTESTERS_SET = 16;
    uint8 internal constant LIMITS_SET = 17;
    uint8 internal constant TREASURY_SET = 18;
    uint8 internal constant TOMBSTONED = 19;

    bytes32 private constant LOCK = keccak256("tim3.ledger.lock");
    bytes32 private constant COUNT = keccak256("tim3.ledger.count");
    bytes32 private constant HASH = keccak256("tim3.ledger.hash");

    function open(Store storage s) internal {
        if (LOCK.asBoolean().tload()) revert IGateway.Reentered();
        LOCK.asBoolean().tstore(true);
        uint64 count = s.head.count;
        COUNT.asUint256().tstore(count);
        HASH.asBytes32().tstore(s.checkpoints[count]);
    }

    function close(Store storage s) internal {
        uint64 count = next();
        if (count != s.head.count) {
            s.head.count = count;
            s.checkpoints[count] = HASH.asBytes32().tload();
        }
        LOCK.asBoolean().tstore(false);
    }

    /// @notice The sequence of the next event: the version of a position that it moves.
    function next() internal view returns (uint64) {
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint64(COUNT.asUint256().tload());
    }

    /// @notice Count and running hash so far.
    function current() internal view returns (uint64, bytes32) {
        return (next(), HASH.asBytes32().tload());
    }

    /// @notice Appends an event and folds it into the running hash.
    /// @param body the words of the event
    function append(uint8 kind, bytes memory body) internal {
        uint64 sequence = next();
        uint64 timestamp = uint64(block.timestamp);
        bytes32 hash = HASH.asBytes32().tload();
        HASH.asBytes32()
            .tstore(keccak256(abi.encodePacked(hash, uint256(sequence), uint256(kind), uint256(timestamp), body)));
        COUNT.asUint256().tstore(sequence + 1);
        emit IGateway.Event(sequence, kind, timestamp, body);
    }
}
