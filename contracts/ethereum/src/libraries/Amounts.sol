// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Exact conversion between decimals, and the route fee
library Amounts {
    /// @dev Decimals of every synthetic.
    uint8 internal constant SYNTHETIC_DECIMALS = 6;
    /// @dev Basis points in one.
    uint256 internal constant ONE = 10_000;

    /// @notice `amount` at `from` decimals expressed at `to` decimals, rounded down.
    /// @dev Reverts where the result does not fit 256 bits.
    function scale(uint256 amount, uint8 from, uint8 to) internal pure returns (uint256) {
        if (to >= from) return amount * 10 ** (to - from);
        return amount / 10 ** (from - to);
    }

    /// @notice The route fee: flat plus basis points, rounded down. Whether it is acceptable is the caller's question.
    function routeFee(uint256 amount, uint256 flat, uint256 bps) internal pure returns (uint256) {
        return flat + (amount * bps) / ONE;
    }

    function min(uint256 a, uint256 b) internal pure returns (uint256) {
        return a < b ? a : b;
    }
}
