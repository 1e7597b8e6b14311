// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {TransientSlot} from "@openzeppelin/contracts/utils/TransientSlot.sol";

/// @dev A pool as Uniswap V2 has them: with `data`, the receiver is called before it has to pay.
interface IPair {
    function token0() external view returns (address);
    function swap(uint256 amount0Out, uint256 amount1Out, address to, bytes calldata data) external;
}

/// @dev What knows the fees of pools.
interface IRouter {
    function getAmountsIn(uint256 amountOut, address[] calldata path) external view returns (uint256[] memory amounts);
}

/// @title Several calls of one account in one transaction: all of them, or none
/// @notice For keepers: a trade through pools and a gateway either brings what it must, or nothing has happened. Between transactions it
/// holds nothing, and it gives nobody an allowance that a call does not use up. Its owner allows it the tokens that it trades with.
contract Executor {
    using SafeERC20 for IERC20;
    using TransientSlot for bytes32;
    using TransientSlot for TransientSlot.Bytes32Slot;

    /// @dev The hash of the loan that is asked for, and of what is to be done with it, until the pool has called.
    bytes32 private constant LOAN = keccak256("tim3.executor.loan");

    /// An amount of a token: to be taken, or the least to be given back.
    struct Part {
        address token;
        uint256 amount;
    }

    struct Call {
        address target;
        bytes data;
    }

    /// What a pool hands out before it is paid, in another token, what it takes for it then.
    struct Loan {
        address pair;
        address router;
        address lent;
        uint256 amount;
        address owed;
    }

    address public immutable OWNER;

    /// @notice What went to somebody else than the owner, because he said so.
    event Swept(address indexed token, address indexed to, uint256 amount);

    error NotOwner();
    error Expired(uint64 deadline);
    error NothingThere(address target);
    error TooLittle(address token, uint256 found, uint256 least);
    error NotLent();

    constructor(address owner) {
        // slither-disable-next-line missing-zero-check (nobody could use it: no loss)
        OWNER = owner;
    }

    modifier onlyOwnerUntil(uint64 deadline) {
        if (msg.sender != OWNER) revert NotOwner();
        if (block.timestamp > deadline) revert Expired(deadline);
        _;
    }

    /// @notice Takes from the owner, calls, and gives all there is then of each token of `gives`.
    /// @param takes what the owner brings
    /// @param gives every token that may be left over, with the least to accept of it
    /// @param to who gets that: the owner, or his treasury
    /// @param deadline last second at which it may happen
    function run(Part[] calldata takes, Call[] calldata calls, Part[] calldata gives, address to, uint64 deadline)
        external
        onlyOwnerUntil(deadline)
    {
        for (uint256 i = 0; i < takes.length; ++i) {
            IERC20(takes[i].token).safeTransferFrom(msg.sender, address(this), takes[i].amount);
        }
        for (uint256 i = 0; i < calls.length; ++i) {
            _call(calls[i].target, calls[i].data);
        }
        _give(gives, to);
    }

    /// @notice The same with what a pool lends instead of the owner's own: it is paid after the calls, out of what they brought.
    function flash(Loan calldata loan, Call[] calldata calls, Part[] calldata gives, address to, uint64 deadline)
        external
        onlyOwnerUntil(deadline)
    {
        bytes memory data = abi.encode(loan, calls);
        bool isFirst = IPair(loan.pair).token0() == loan.lent;
        LOAN.asBytes32().tstore(keccak256(data));
        IPair(loan.pair).swap(isFirst ? loan.amount : 0, isFirst ? 0 : loan.amount, address(this), data);
        // It was to call.
        if (LOAN.asBytes32().tload() != 0) revert NotLent();
        _give(gives, to);
    }

    /// @notice The pool's call. Whatever calls, and whatever it says: only what the owner asked for in this very transaction is done, once, when the pool that he
    /// named asks for it.
    function uniswapV2Call(address sender, uint256, uint256, bytes calldata data) external {
        if (keccak256(data) != LOAN.asBytes32().tload()) revert NotLent();
        (Loan memory loan, Call[] memory calls) = abi.decode(data, (Loan, Call[]));
        if (msg.sender != loan.pair || sender != address(this)) revert NotLent();
        LOAN.asBytes32().tstore(0);
        for (uint256 i = 0; i < calls.length; ++i) {
            _call(calls[i].target, calls[i].data);
        }
        address[] memory path = new address[](2);
        (path[0], path[1]) = (loan.owed, loan.lent);
        uint256 owed = IRouter(loan.router).getAmountsIn(loan.amount, path)[0];
        IERC20 token = IERC20(loan.owed);
        uint256 found = token.balanceOf(address(this));
        if (found < owed) revert TooLittle(loan.owed, found, owed);
        token.safeTransfer(loan.pair, owed);
    }

    function _give(Part[] calldata gives, address to) private {
        for (uint256 i = 0; i < gives.length; ++i) {
            IERC20 token = IERC20(gives[i].token);
            // slither-disable-next-line calls-loop (the owner's own list)
            uint256 found = token.balanceOf(address(this));
            if (found < gives[i].amount) revert TooLittle(address(token), found, gives[i].amount);
            if (found != 0) {
                token.safeTransfer(to, found);
                if (to != msg.sender) emit Swept(address(token), to, found);
            }
        }
    }

    /// @dev A refusal is passed on with its reason.
    function _call(address target, bytes memory data) private {
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
