// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IGateway} from "../IGateway.sol";

/// @title What an executor has to bring
library Gas {
    /// @dev What an order still does after its last call to a foreign contract.
    uint256 private constant AFTERWARDS = 100_000;

    /// @notice Reverts unless a call may get all of `amount` (EIP-150 keeps back 1/64) and enough is left to go on.
    function ensure(uint256 amount) internal view {
        uint256 floor = amount + amount / 63 + AFTERWARDS;
        uint256 left = gasleft();
        if (left < floor) revert IGateway.InsufficientGas(left, floor);
    }
}
