// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {TestToken} from "../dev/TestToken.sol";
import {Gateway} from "../src/Gateway.sol";
import {IGateway} from "../src/IGateway.sol";
import {Intent, Operation, Order, Position} from "../src/Types.sol";
import {Codec} from "../src/libraries/Codec.sol";
import {Fixture} from "./Fixture.sol";

/// @dev A collateral token that misbehaves as it is told.
contract OddToken is TestToken {
    enum Mode {
        Good,
        FeeOnTransfer,
        ReturnsFalse,
        ReturnsNothing,
        ReturnsMuch,
        BurnsGas,
        Reenters,
        Frozen
    }

    Mode public mode;
    address public frozen;
    bytes public call;
    bytes public answer;

    constructor(uint8 decimals_) TestToken("Odd", "ODD", decimals_) {}

    function set(Mode mode_) external {
        mode = mode_;
    }

    function freeze(address account) external {
        (mode, frozen) = (Mode.Frozen, account);
    }

    function reenter(bytes calldata call_) external {
        (mode, call) = (Mode.Reenters, call_);
    }

    /// @dev What a rebase takes from everybody's point of view.
    function confiscate(address from, uint256 amount) external {
        _burn(from, amount);
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        _before(to);
        if (mode == Mode.ReturnsFalse) return false;
        super.transfer(to, amount);
        return _after();
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        _before(to);
        if (mode == Mode.ReturnsFalse) return false;
        super.transferFrom(from, to, mode == Mode.FeeOnTransfer ? amount - amount / 100 : amount);
        return _after();
    }

    function _before(address to) private {
        if (mode == Mode.Frozen) require(to != frozen, "frozen");
        if (mode == Mode.BurnsGas) {
            assembly {
                invalid()
            }
        }
        if (mode == Mode.Reenters) {
            (, answer) = msg.sender.call(call);
        }
    }

    function _after() private view returns (bool) {
        if (mode == Mode.ReturnsNothing) {
            assembly {
                return(0, 0)
            }
        }
        if (mode == Mode.ReturnsMuch) {
            assembly {
                mstore(0, 1)
                return(0, 20000)
            }
        }
        return true;
    }
}

/// @notice Collateral of every kind and precision, payouts that cannot be delivered, and executors who bring too little gas.
contract TokensTest is Fixture {
    bytes32 private constant ODD = keccak256("tim3/asset/ODD");
    OddToken private odd;
    bytes32 private market;

    function _list(uint8 native, uint8 canonical) private {
        odd = new OddToken(native);
        _change(home, abi.encodeCall(IGateway.addCollateral, ("ODD", address(odd), canonical)));
        _change(home, abi.encodeCall(IGateway.setMarket, (TIM3, ODD, 0, _reserveTerms())));
        market = Codec.marketId(home.id, TIM3, ODD, 0);
    }

    function _bring(address user, uint256 native, uint256 debt, bytes32 destination) private returns (bytes32) {
        odd.mint(user, native);
        vm.startPrank(user);
        odd.approve(address(home.gateway), native);
        bytes32 operationId = home.gateway
            .lock(market, native, uint128(debt), destination, _account(user), _account(user), type(uint128).max);
        vm.stopPrank();
        return operationId;
    }

    /// @dev Tokens elsewhere that are burned to redeem `amount` from the odd market to `recipient`.
    function _redeemed(address recipient, uint256 amount) private returns (Operation memory) {
        Operation memory op = _lock(home, bob, away.id, amount * 2);
        _do(away, 1, op);
        return _burn(away, bob, Intent(2, home.id, market, market, _account(recipient), 0), amount);
    }

    // ---------------------------------------------------------------------------------------------------------------- decimals

    function test_everyPrecision() public {
        uint8[5] memory natives = [0, 6, 8, 18, 27];
        uint8[4] memory canonicals = [0, 6, 8, 18];
        for (uint256 i = 0; i < natives.length; ++i) {
            for (uint256 j = 0; j < canonicals.length; ++j) {
                uint256 snapshot = vm.snapshotState();
                _list(natives[i], canonicals[j]);
                _bring(alice, 100 * 10 ** natives[i], 100 * UNIT, home.id);
                Position memory p = _position(home, market, market);
                assertEq(p.collateral, 100 * 10 ** canonicals[j]);
                vm.prank(alice);
                home.gateway.redeem(market, market, uint128(40 * UNIT), 0, _account(alice));
                assertEq(odd.balanceOf(alice), 40 * 10 ** natives[i]);
                _checkSolvent();
                vm.revertToState(snapshot);
            }
        }
    }

    function test_whatIsNotExactIsRefused() public {
        _list(18, 6);
        odd.mint(alice, 1e30);
        vm.startPrank(alice);
        odd.approve(address(home.gateway), type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(IGateway.Unrepresentable.selector, 1e18 + 1));
        home.gateway.lock(market, 1e18 + 1, 1, home.id, _account(alice), 0, 0);
        vm.stopPrank();
    }

    function test_payoutBelowNativePrecisionStaysInThePosition() public {
        _list(2, 6); // pays in hundredths
        _bring(alice, 10_000, 100 * UNIT, home.id);
        vm.prank(alice);
        home.gateway.redeem(market, market, uint128(10 * UNIT + 9_999), 0, _account(alice));
        assertEq(odd.balanceOf(alice), 1_000);
        Position memory p = _position(home, market, market);
        assertEq(p.collateral, 90 * UNIT);
        assertEq(p.debt, 90 * UNIT - 9_999);
        _checkSolvent();
    }

    function test_aReserveIsNeverDrawnAgainstBelowPar() public {
        _list(0, 0); // whole units only
        vm.expectRevert(IGateway.Undercollateralized.selector);
        this.bring(alice, 1, UNIT + 1);
        vm.expectRevert(IGateway.Undercollateralized.selector);
        this.bring(alice, 0, 1);
        _bring(alice, 1, UNIT, home.id);
    }

    function bring(address user, uint256 native, uint256 debt) external {
        _bring(user, native, debt, home.id);
    }

    // ------------------------------------------------------------------------------------------------------------- odd collateral

    function test_feeOnTransferIsRefused() public {
        _list(18, 18);
        odd.set(OddToken.Mode.FeeOnTransfer);
        vm.expectRevert(abi.encodeWithSelector(IGateway.InexactTransfer.selector, 100e18, 99e18));
        this.bring(alice, 100e18, 100 * UNIT);
    }

    function test_falseIsRefusedAndNothingIsAccepted() public {
        _list(18, 18);
        odd.set(OddToken.Mode.ReturnsFalse);
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(odd)));
        this.bring(alice, 100e18, 100 * UNIT);
        odd.set(OddToken.Mode.ReturnsNothing);
        _bring(alice, 100e18, 100 * UNIT, home.id);
        Operation memory op = _redeemed(carol, 10 * UNIT);
        _do(home, 2, op);
        assertGt(odd.balanceOf(carol), 0);
        odd.set(OddToken.Mode.ReturnsMuch);
        op = _redeemed(carol, 10 * UNIT);
        _do(home, 2, op);
        assertEq(home.gateway.claimable(_account(carol), ODD), 0);
        _checkSolvent();
    }

    function test_undeliverablePayoutsBecomeClaimable() public {
        OddToken.Mode[3] memory modes = [OddToken.Mode.ReturnsFalse, OddToken.Mode.BurnsGas, OddToken.Mode.Frozen];
        for (uint256 i = 0; i < modes.length; ++i) {
            uint256 snapshot = vm.snapshotState();
            _list(18, 18);
            _bring(alice, 100e18, 100 * UNIT, home.id);
            Operation memory op = _redeemed(carol, 50 * UNIT);
            odd.freeze(carol);
            odd.set(modes[i]);
            Order memory order = _order(home, 2, op);
            (uint64 sequence,) = home.gateway.head();
            uint256 paid = (op.amount - op.fee) * 1e12;
            vm.expectEmit(address(home.gateway));
            emit IGateway.Event(
                sequence + 1,
                10,
                uint64(vm.getBlockTimestamp()),
                abi.encode(_account(carol), ODD, paid, Codec.operationId(op))
            );
            assertEq(_execute(home, order), DONE);
            assertEq(home.gateway.claimable(_account(carol), ODD), paid);
            assertEq(home.gateway.totals(ODD).claimable, paid);
            _checkSolvent();

            // Only the account itself claims, to wherever it can be paid.
            vm.expectRevert(IGateway.NothingToClaim.selector);
            home.gateway.claim(ODD, _account(alice));
            odd.freeze(carol);
            vm.startPrank(carol);
            vm.expectRevert("frozen");
            home.gateway.claim(ODD, _account(carol));
            uint256 had = odd.balanceOf(alice);
            home.gateway.claim(ODD, _account(alice));
            vm.stopPrank();
            assertEq(odd.balanceOf(alice), had + paid);
            assertEq(home.gateway.totals(ODD).claimable, 0);
            _checkSolvent();
            vm.revertToState(snapshot);
        }
    }

    function test_refundThatCannotBeDeliveredBecomesClaimable() public {
        _list(18, 18);
        vm.recordLogs();
        bytes32 operationId = _bring(alice, 100e18, 100 * UNIT, away.id);
        Operation memory op = _made(operationId);
        _do(away, 3, op);
        odd.freeze(alice);
        _do(home, 4, op);
        assertEq(home.gateway.claimable(_account(alice), ODD), 100e18);
        vm.prank(alice);
        home.gateway.claim(ODD, _account(bob));
        assertEq(odd.balanceOf(bob), 100e18);
        _checkSolvent();
    }

    function test_aRebaseThatTakesLeavesAClaim() public {
        _list(18, 18);
        _bring(alice, 100e18, 100 * UNIT, home.id);
        Operation memory op = _redeemed(carol, 50 * UNIT);
        odd.confiscate(address(home.gateway), 99e18);
        _do(home, 2, op);
        assertEq(odd.balanceOf(carol), 0);
        assertGt(home.gateway.claimable(_account(carol), ODD), 0);
    }

    function test_reentranceIsRefusedEverywhere() public {
        _list(18, 18);
        bytes memory refused = abi.encodeWithSelector(IGateway.Reentered.selector);
        bytes[] memory calls = new bytes[](10);
        bytes32 me = _account(address(odd));
        calls[0] = abi.encodeCall(IGateway.lock, (market, 0, 1, home.id, me, me, 0));
        calls[1] = abi.encodeCall(IGateway.burn, (TIM3, 1, Intent(3, away.id, 0, 0, me, 0), me, 0));
        calls[2] = abi.encodeCall(IGateway.repay, (market, market, 1));
        calls[3] = abi.encodeCall(IGateway.withdraw, (market, 1, me));
        calls[4] = abi.encodeCall(IGateway.redeem, (market, market, 1, 0, me));
        calls[5] = abi.encodeCall(IGateway.liquidate, (market, market, 1, 0));
        calls[6] = abi.encodeCall(IGateway.cover, (market, 1));
        calls[7] = abi.encodeCall(IGateway.claim, (ODD, me));
        calls[8] = abi.encodeCall(IGateway.execute, (new Order[](0)));
        calls[9] = abi.encodeCall(IGateway.setController, (market, 0, 0));
        for (uint256 i = 0; i < calls.length; ++i) {
            odd.reenter(calls[i]);
            _bring(alice, 1e18, UNIT, home.id);
            assertEq(odd.answer(), refused);
        }
        // The same out of a payout, in the middle of a batch.
        Operation memory op = _redeemed(carol, 5 * UNIT);
        odd.reenter(abi.encodeCall(IGateway.execute, (new Order[](0))));
        _do(home, 2, op);
        assertEq(odd.answer(), refused);
        assertEq(odd.balanceOf(carol), (op.amount - op.fee) * 1e12);
        _checkSolvent();
    }

    // --------------------------------------------------------------------------------------------------------------------- gas

    /// @dev However little gas an executor brings: he loses his transaction, or the order is skipped, or it is done. Never a claim.
    function test_littleGasSkipsAndNeverMakesAClaim() public {
        _list(18, 18);
        _bring(alice, 100e18, 100 * UNIT, home.id);
        Operation memory op = _redeemed(carol, 50 * UNIT);
        Operation memory mint = _lock(away, alice, home.id, 10 * UNIT);
        Order[] memory orders = new Order[](3);
        orders[0] = _order(home, 1, mint);
        orders[1] = _order(home, 2, op);
        orders[2] = Order(9, "", "");
        bytes memory call = abi.encodeCall(IGateway.execute, (orders));
        uint256 lost;
        uint256 skipped;
        uint256 done;
        for (uint256 gas = 10_000; gas < 1_400_000; gas += 7_500) {
            uint256 snapshot = vm.snapshotState();
            (bool success, bytes memory answer) = address(home.gateway).call{gas: gas}(call);
            if (!success) {
                ++lost;
                assertEq(home.gateway.slot(away.id, mint.nonce), 0);
            } else {
                uint8[] memory codes = abi.decode(answer, (uint8[]));
                if (codes[1] == REJECTED) ++skipped;
                if (codes[1] == DONE) {
                    ++done;
                    assertEq(codes[0], DONE);
                    assertGt(odd.balanceOf(carol), 0);
                }
            }
            assertEq(home.gateway.claimable(_account(carol), ODD), 0, "a claim for want of gas");
            vm.revertToState(snapshot);
        }
        assertGt(lost, 0);
        assertGt(skipped, 0);
        assertGt(done, 0);
    }

    /// @dev The recorded collateral and the claims are there.
    function _checkSolvent() private view {
        Position memory p = _position(home, market, market);
        uint256 owed = uint256(p.collateral) + home.gateway.totals(ODD).claimable;
        uint8 canonical = home.gateway.asset(ODD).decimals;
        uint8 native = home.gateway.asset(ODD).nativeDecimals;
        uint256 held = odd.balanceOf(address(home.gateway));
        assertGe(held * 10 ** canonical, owed * 10 ** native);
        _checkLaw(home, away.id);
    }
}
