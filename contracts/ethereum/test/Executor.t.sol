// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Test} from "forge-std/Test.sol";

import {TestToken} from "../dev/TestToken.sol";
import {Executor} from "../src/Executor.sol";

/// Gives two of one token for one of another.
contract Exchange {
    TestToken private immutable FROM;
    TestToken private immutable TO;

    error Closed(uint256 amount);

    constructor(TestToken from, TestToken to) {
        FROM = from;
        TO = to;
    }

    function exchange(uint256 amount) external {
        if (amount == 13) revert Closed(amount);
        FROM.transferFrom(msg.sender, address(this), amount);
        TO.mint(msg.sender, 2 * amount);
    }
}

contract ExecutorTest is Test {
    TestToken private one = new TestToken("One", "ONE", 18);
    TestToken private two = new TestToken("Two", "TWO", 6);
    Exchange private exchange = new Exchange(one, two);
    Executor private executor = new Executor(address(this));

    function setUp() public {
        one.mint(address(this), 100);
        one.approve(address(executor), type(uint256).max);
    }

    function _run(uint256 taken, uint256 used, uint256 least, uint64 deadline) private {
        Executor.Part[] memory takes = new Executor.Part[](1);
        takes[0] = Executor.Part(address(one), taken);
        Executor.Call[] memory calls = new Executor.Call[](2);
        calls[0] = Executor.Call(address(one), abi.encodeCall(IERC20.approve, (address(exchange), used)));
        calls[1] = Executor.Call(address(exchange), abi.encodeCall(Exchange.exchange, (used)));
        Executor.Part[] memory gives = new Executor.Part[](2);
        gives[0] = Executor.Part(address(two), least);
        gives[1] = Executor.Part(address(one), 0);
        executor.run(takes, calls, gives, deadline);
    }

    function test_bringsAtLeastWhatItMustAndGivesBackWhatIsLeft() public {
        _run(50, 30, 60, uint64(block.timestamp));
        assertEq(one.balanceOf(address(this)), 70);
        assertEq(two.balanceOf(address(this)), 60);
        assertEq(one.balanceOf(address(executor)) + two.balanceOf(address(executor)), 0);
        assertEq(one.allowance(address(executor), address(exchange)), 0);
    }

    function test_nothingHappensForLess() public {
        vm.expectRevert(abi.encodeWithSelector(Executor.TooLittle.selector, address(two), 60, 61));
        _run(50, 30, 61, uint64(block.timestamp));
        vm.expectRevert(abi.encodeWithSelector(Exchange.Closed.selector, 13));
        _run(50, 13, 0, uint64(block.timestamp));
        vm.warp(1_000);
        vm.expectRevert(abi.encodeWithSelector(Executor.Expired.selector, 999));
        _run(50, 30, 0, 999);
        assertEq(one.balanceOf(address(this)), 100);
    }

    function test_obeysItsOwnerAloneAndCallsWhatIsThere() public {
        Executor.Call[] memory calls = new Executor.Call[](1);
        calls[0] = Executor.Call(address(1234), "");
        Executor.Part[] memory none = new Executor.Part[](0);
        vm.expectRevert(abi.encodeWithSelector(Executor.NothingThere.selector, address(1234)));
        executor.run(none, calls, none, type(uint64).max);
        vm.prank(address(1));
        vm.expectRevert(Executor.NotOwner.selector);
        executor.run(none, calls, none, type(uint64).max);
    }
}
