// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IGateway} from "../IGateway.sol";
import {Synthetic} from "../Synthetic.sol";
import {Asset, Store} from "../Types.sol";
import {Amounts} from "./Amounts.sol";
import {Codec} from "./Codec.sol";
import {Gas} from "./Gas.sol";
import {Ledger} from "./Ledger.sol";

/// @title How tokens come in and go out
/// @notice Amounts are canonical; this is the only place that knows native units.
library Tokens {
    using SafeERC20 for IERC20;

    /// @dev What a push to a recipient may burn. A push that fails with all of it is undeliverable.
    uint256 internal constant PUSH_GAS = 300_000;

    // --------------------------------------------------------------------------------------------------------------- synthetic

    function mint(Store storage s, bytes32 asset, address to, uint128 amount) internal {
        if (amount == 0) return;
        s.totals[asset].minted += amount;
        Synthetic(s.assets[asset].token).mint(to, amount);
    }

    function burn(Store storage s, bytes32 asset, address from, uint128 amount) internal {
        s.totals[asset].burned += amount;
        Synthetic(s.assets[asset].token).burn(from, amount);
    }

    // -------------------------------------------------------------------------------------------------------------- collateral

    /// @notice Takes `native` units from the caller and returns them in canonical units. What is not exact is refused, and so is a
    /// token that delivers another amount than it was asked for.
    function pull(Asset storage a, uint256 native) internal returns (uint128) {
        if (native == 0) return 0;
        (uint8 nativeDecimals, uint8 decimals) = (a.nativeDecimals, a.decimals);
        uint256 amount = Amounts.scale(native, nativeDecimals, decimals);
        if (Amounts.scale(amount, decimals, nativeDecimals) != native) revert IGateway.Unrepresentable(native);

        IERC20 token = IERC20(a.token);
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), native);
        uint256 received = token.balanceOf(address(this)) - before;
        if (received != native) revert IGateway.InexactTransfer(native, received);
        return SafeCast.toUint128(amount);
    }

    /// @notice `amount` rounded down to what the token can pay.
    function payable_(Asset storage a, uint256 amount) internal view returns (uint128) {
        (uint8 nativeDecimals, uint8 decimals) = (a.nativeDecimals, a.decimals);
        return
            SafeCast.toUint128(Amounts.scale(Amounts.scale(amount, decimals, nativeDecimals), nativeDecimals, decimals));
    }

    /// @notice Pays, or reverts.
    function pay(Asset storage a, address to, uint128 amount) internal {
        if (amount == 0) return;
        IERC20(a.token).safeTransfer(to, Amounts.scale(amount, a.decimals, a.nativeDecimals));
    }

    /// @notice Pays, or credits the account when the token refuses with the whole of `PUSH_GAS`. With less gas it reverts: an
    /// executor cannot turn a payout into a claim.
    /// @param cause operation whose payout this is
    function push(Store storage s, bytes32 asset, bytes32 account, uint128 amount, bytes32 cause) internal {
        if (amount == 0) return;
        Asset storage a = s.assets[asset];
        bytes memory data = abi.encodeCall(
            IERC20.transfer, (Codec.toAddress(account), Amounts.scale(amount, a.decimals, a.nativeDecimals))
        );
        if (!_try(a.token, data)) credit(s, asset, account, amount, cause);
    }

    /// @notice Makes an amount that the gateway holds claimable.
    function credit(Store storage s, bytes32 asset, bytes32 account, uint128 amount, bytes32 cause) internal {
        s.claimables[account][asset] += amount;
        s.totals[asset].claimable += amount;
        Ledger.append(Ledger.CLAIMABLE, abi.encode(account, asset, amount, cause));
    }

    /// @dev One word of the answer is read, however much a token returns, so that a large one cannot use up the batch's gas.
    function _try(address token, bytes memory data) private returns (bool) {
        Gas.ensure(PUSH_GAS);
        bool success;
        uint256 size;
        uint256 answer;
        assembly ("memory-safe") {
            mstore(0, 0)
            success := call(PUSH_GAS, token, 0, add(data, 32), mload(data), 0, 32)
            size := returndatasize()
            answer := mload(0)
        }
        return success && (size == 0 ? token.code.length != 0 : size >= 32 && answer == 1);
    }
}
