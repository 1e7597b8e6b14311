// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

/// @title Several calls of one account in one transaction: all of them, or none
/// @notice For keepers: a trade through pools and a gateway either brings what it must, or nothing has happened. Between transactions it
/// holds nothing, and it gives nobody an allowance that a call does not use up. Its owner allows it the tokens that it trades with.
contract Executor {
    using SafeERC20 for IERC20;

    /// An amount of a token: to be taken, or the least to be given back.
    struct Part {
        address token;
        uint256 amount;
    }

    struct Call {
        address target;
        bytes data;
    }

    address public immutable OWNER;

    error NotOwner();
    error Expired(uint64 deadline);
    error NothingThere(address target);
    error TooLittle(address token, uint256 found, uint256 least);

    constructor(address owner) {
        // slither-disable-next-line missing-zero-check (nobody could use it: no loss)
        OWNER = owner;
    }

    /// @notice Takes from the owner, calls, and gives back all there is of each token of `gives`.
    /// @param takes what the owner brings
    /// @param gives every token that may be left over, with the least to accept of it
    /// @param deadline last second at which it may happen
    function run(Part[] calldata takes, Call[] calldata calls, Part[] calldata gives, uint64 deadline) external {
        if (msg.sender != OWNER) revert NotOwner();
        if (block.timestamp > deadline) revert Expired(deadline);
        for (uint256 i = 0; i < takes.length; ++i) {
            IERC20(takes[i].token).safeTransferFrom(msg.sender, address(this), takes[i].amount);
        }
        for (uint256 i = 0; i < calls.length; ++i) {
            _call(calls[i].target, calls[i].data);
        }
        for (uint256 i = 0; i < gives.length; ++i) {
            IERC20 token = IERC20(gives[i].token);
            // slither-disable-next-line calls-loop (the owner's own list)
            uint256 found = token.balanceOf(address(this));
            if (found < gives[i].amount) revert TooLittle(address(token), found, gives[i].amount);
            if (found != 0) token.safeTransfer(msg.sender, found);
        }
    }

    /// @dev A refusal is passed on with its reason.
    function _call(address target, bytes calldata data) private {
        if (target.code.length == 0) revert NothingThere(target);
        // slither-disable-next-line calls-loop (the owner's own list)
        (bool success, bytes memory answer) = target.call(data);
        if (!success) {
            assembly ("memory-safe") {
                revert(add(answer, 32), mload(answer))
            }
        }
    }
}
