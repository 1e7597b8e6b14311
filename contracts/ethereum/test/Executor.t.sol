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

/// A pool that takes three of one token for two of another, and its own router. It is honest, or does what it is told to.
contract Pool {
    TestToken public immutable token0;
    TestToken private immutable OTHER;
    enum Way {
        Honest,
        Silent,
        OtherData,
        Accomplice,
        Twice,
        AnotherSender
    }
    Way private way;
    bytes private forged;

    constructor(TestToken lent, TestToken owed) {
        (token0, OTHER) = (lent, owed);
    }

    function become(Way way_, bytes calldata forged_) external {
        (way, forged) = (way_, forged_);
    }

    function getAmountsIn(uint256 amount, address[] calldata path) external view returns (uint256[] memory amounts) {
        assert(path[0] == address(OTHER) && path[1] == address(token0));
        amounts = new uint256[](2);
        (amounts[0], amounts[1]) = ((amount * 3) / 2, amount);
    }

    function _data(bytes calldata data) private view returns (bytes memory) {
        if (way == Way.OtherData) return forged;
        return data;
    }

    function swap(uint256 amount0, uint256 amount1, address to, bytes calldata data) external {
        token0.transfer(to, amount0);
        assert(amount1 == 0);
        uint256 before = OTHER.balanceOf(address(this));
        Executor executor = Executor(to);
        if (way == Way.Silent) return;
        if (way == Way.Accomplice) return new Accomplice().call(executor, data);
        address sender = way == Way.AnotherSender ? address(this) : msg.sender;
        executor.uniswapV2Call(sender, amount0, amount1, _data(data));
        if (way == Way.Twice) executor.uniswapV2Call(sender, amount0, amount1, data);
        assert(OTHER.balanceOf(address(this)) - before >= (amount0 * 3) / 2);
    }
}

contract Accomplice {
    function call(Executor executor, bytes calldata data) external {
        executor.uniswapV2Call(address(executor), 0, 0, data);
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
        _runFor(address(this), taken, used, least, deadline);
    }

    function _runFor(address to, uint256 taken, uint256 used, uint256 least, uint64 deadline) private {
        Executor.Part[] memory takes = new Executor.Part[](1);
        takes[0] = Executor.Part(address(one), taken);
        Executor.Call[] memory calls = new Executor.Call[](2);
        calls[0] = Executor.Call(address(one), abi.encodeCall(IERC20.approve, (address(exchange), used)));
        calls[1] = Executor.Call(address(exchange), abi.encodeCall(Exchange.exchange, (used)));
        Executor.Part[] memory gives = new Executor.Part[](2);
        gives[0] = Executor.Part(address(two), least);
        gives[1] = Executor.Part(address(one), 0);
        executor.run(takes, calls, gives, to, deadline);
    }

    function test_bringsAtLeastWhatItMustAndGivesBackWhatIsLeft() public {
        _run(50, 30, 60, uint64(block.timestamp));
        assertEq(one.balanceOf(address(this)), 70);
        assertEq(two.balanceOf(address(this)), 60);
        assertEq(one.balanceOf(address(executor)) + two.balanceOf(address(executor)), 0);
        assertEq(one.allowance(address(executor), address(exchange)), 0);
    }

    function test_whatIsLeftGoesToTheTreasuryThatIsNamed() public {
        address treasury = address(0x7ea5);
        vm.expectEmit(address(executor));
        emit Executor.Swept(address(two), treasury, 60);
        vm.expectEmit(address(executor));
        emit Executor.Swept(address(one), treasury, 20);
        _runFor(treasury, 50, 30, 60, uint64(block.timestamp));
        assertEq(one.balanceOf(treasury), 20);
        assertEq(two.balanceOf(treasury), 60);
        assertEq(one.balanceOf(address(this)), 50);
        (, Executor.Loan memory loan, Executor.Call[] memory calls) = _loan(25);
        executor.flash(loan, calls, _gives(5, 5), treasury, uint64(block.timestamp));
        assertEq(one.balanceOf(treasury), 25);
        assertEq(two.balanceOf(treasury), 65);
        assertEq(one.balanceOf(address(executor)) + two.balanceOf(address(executor)), 0);
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
        executor.run(none, calls, none, address(this), type(uint64).max);
        vm.prank(address(1));
        vm.expectRevert(Executor.NotOwner.selector);
        executor.run(none, calls, none, address(this), type(uint64).max);
    }

    /// Borrows 30 of the one, exchanges `used` of them for twice as many of the other, and pays 45 of those back.
    function _loan(uint256 used) private returns (Pool pool, Executor.Loan memory loan, Executor.Call[] memory calls) {
        pool = new Pool(one, two);
        one.mint(address(pool), 30);
        loan = Executor.Loan(address(pool), address(pool), address(one), 30, address(two));
        calls = new Executor.Call[](2);
        calls[0] = Executor.Call(address(one), abi.encodeCall(IERC20.approve, (address(exchange), used)));
        calls[1] = Executor.Call(address(exchange), abi.encodeCall(Exchange.exchange, (used)));
    }

    function _gives(uint256 first, uint256 second) private view returns (Executor.Part[] memory gives) {
        gives = new Executor.Part[](2);
        (gives[0], gives[1]) = (Executor.Part(address(one), first), Executor.Part(address(two), second));
    }

    function test_whatAPoolLendsIsPaidOutOfWhatItBrings() public {
        (, Executor.Loan memory loan, Executor.Call[] memory calls) = _loan(25);
        executor.flash(loan, calls, _gives(5, 5), address(this), uint64(block.timestamp));
        assertEq(one.balanceOf(address(this)), 105, "not one of its own was needed");
        assertEq(two.balanceOf(address(this)), 5);
        assertEq(two.balanceOf(loan.pair), 45);
        assertEq(one.balanceOf(address(executor)) + two.balanceOf(address(executor)), 0);
    }

    function test_nothingIsBorrowedForLess() public {
        (, Executor.Loan memory loan, Executor.Call[] memory calls) = _loan(25);
        uint64 now_ = uint64(block.timestamp);
        vm.expectRevert(abi.encodeWithSelector(Executor.TooLittle.selector, address(one), 5, 6));
        executor.flash(loan, calls, _gives(6, 0), address(this), now_);
        vm.expectRevert(abi.encodeWithSelector(Executor.TooLittle.selector, address(two), 5, 6));
        executor.flash(loan, calls, _gives(0, 6), address(this), now_);
        (, loan, calls) = _loan(22);
        vm.expectRevert(abi.encodeWithSelector(Executor.TooLittle.selector, address(two), 44, 45));
        executor.flash(loan, calls, _gives(0, 0), address(this), now_);
        vm.warp(1_000);
        vm.expectRevert(abi.encodeWithSelector(Executor.Expired.selector, 999));
        executor.flash(loan, calls, _gives(0, 0), address(this), 999);
        vm.prank(address(1));
        vm.expectRevert(Executor.NotOwner.selector);
        executor.flash(loan, calls, _gives(0, 0), address(this), type(uint64).max);
    }

    /// @dev The executor may take all that its owner has: nobody else may say what for.
    function test_onlyThePoolThatWasAskedGetsOnlyWhatWasAskedFor() public {
        Executor.Call[] memory theft = new Executor.Call[](1);
        theft[0] =
            Executor.Call(address(one), abi.encodeCall(IERC20.transferFrom, (address(this), address(0xbad), 100)));
        for (uint8 way = uint8(Pool.Way.Silent); way <= uint8(Pool.Way.AnotherSender); ++way) {
            (Pool pool, Executor.Loan memory loan, Executor.Call[] memory calls) = _loan(25);
            pool.become(Pool.Way(way), abi.encode(loan, theft));
            vm.expectRevert(Executor.NotLent.selector);
            executor.flash(loan, calls, _gives(0, 0), address(this), uint64(block.timestamp));
        }
        (, Executor.Loan memory asked,) = _loan(25);
        bytes memory data = abi.encode(asked, theft);
        vm.prank(asked.pair);
        vm.expectRevert(Executor.NotLent.selector);
        executor.uniswapV2Call(address(executor), 30, 0, data);
        vm.expectRevert();
        executor.uniswapV2Call(address(executor), 30, 0, "");
        assertEq(one.balanceOf(address(this)), 100);
    }
}
