// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Store} from "../Types.sol";

/// @title Outcome bits in pages: a batch of consecutive nonces writes one word
library Slots {
    uint8 internal constant NONE = 0;
    uint8 internal constant DONE = 1;
    uint8 internal constant VOID = 2;

    /// @notice Outcome of an operation at its destination, two bits each.
    function get(Store storage s, bytes32 origin, uint64 nonce) internal view returns (uint8) {
        return uint8((s.slots[origin][nonce >> 7] >> ((nonce & 127) << 1)) & 3);
    }

    /// @dev The slot must be `NONE`.
    function set(Store storage s, bytes32 origin, uint64 nonce, uint8 outcome) internal {
        s.slots[origin][nonce >> 7] |= uint256(outcome) << ((nonce & 127) << 1);
    }

    /// @notice Whether an operation was refunded at its origin, one bit each.
    function refunded(Store storage s, bytes32 destination, uint64 nonce) internal view returns (bool) {
        return (s.refunds[destination][nonce >> 8] >> (nonce & 255)) & 1 != 0;
    }

    function setRefunded(Store storage s, bytes32 destination, uint64 nonce) internal {
        s.refunds[destination][nonce >> 8] |= uint256(1) << (nonce & 255);
    }
}
