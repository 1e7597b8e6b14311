// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";

import {Store} from "../../src/Types.sol";
import {Amounts} from "../../src/libraries/Amounts.sol";
import {Health} from "../../src/libraries/Health.sol";
import {Slots} from "../../src/libraries/Slots.sol";
import {Windows} from "../../src/libraries/Windows.sol";

/// @notice The core arithmetic. `check_` is proved for all inputs by symbolic execution (`halmos --match-contract Proofs`); `testFuzz_` is
/// what needs 256-bit multiplication and division in one formula, which the solvers do not finish.
contract Proofs is Test {
    Store private store;

    // -------------------------------------------------------------------------------------------------------------------- fees

    /// @dev Basis points below one never take the whole amount, and rounding is down.
    function testFuzz_feeIsBelowTheAmount(uint128 amount, uint16 bps) public pure {
        vm.assume(bps < Amounts.ONE && amount != 0);
        uint256 fee = Amounts.routeFee(amount, 0, bps);
        assert(fee < amount);
        assert(fee * Amounts.ONE <= uint256(amount) * bps);
    }

    function check_feeNeverOverflows(uint128 amount, uint128 flat, uint16 bps) public pure {
        assert(Amounts.routeFee(amount, flat, bps) >= flat);
    }

    // ------------------------------------------------------------------------------------------------------------------- scale

    function testFuzz_scaleUpAndDownIsExact(uint128 amount) public pure {
        assert(Amounts.scale(Amounts.scale(amount, 6, 18), 18, 6) == amount);
        assert(Amounts.scale(Amounts.scale(amount, 0, 27), 27, 0) == amount);
    }

    /// @dev What is rounded away stays: a payout is never more than what was recorded.
    function testFuzz_scaleDownAndUpIsNotMore(uint128 amount) public pure {
        uint256 back = Amounts.scale(Amounts.scale(amount, 18, 6), 6, 18);
        assert(back <= amount);
        assert(amount - back < 1e12);
    }

    // ----------------------------------------------------------------------------------------------------------------- windows

    function check_windowNeverHoldsMoreThanItsLimit(int128 available, uint128 limit, uint64 period, uint64 elapsed)
        public
        pure
    {
        assert(Windows.refill(available, limit, period, elapsed) <= int256(uint256(limit)));
    }

    function check_windowOnlyRefills(int128 available, uint128 limit, uint64 period, uint64 elapsed) public pure {
        vm.assume(period != 0 && available <= int256(uint256(limit)));
        assert(Windows.refill(available, limit, period, elapsed) >= available);
    }

    function testFuzz_windowIsFullAfterAPeriod(uint128 limit, uint64 period) public pure {
        vm.assume(period != 0);
        assert(Windows.refill(0, limit, period, period) == int256(uint256(limit)));
    }

    function check_windowUnsetLetsNothingPass(int128 available, uint128 limit, uint64 elapsed) public pure {
        assert(Windows.refill(available, limit, 0, elapsed) == 0);
    }

    // ------------------------------------------------------------------------------------------------------------ close factor

    function check_closableIsWithinTheDebtAndLeavesNoDust(uint128 debt, uint16 closeFactor, uint128 dust, bool deep)
        public
        pure
    {
        vm.assume(closeFactor <= Amounts.ONE);
        uint256 closable = Health.closable(debt, closeFactor, dust, deep);
        assert(closable <= debt);
        assert(closable == debt || debt - closable >= dust);
        assert(!deep || closable == debt);
    }

    // ------------------------------------------------------------------------------------------------------------------- slots

    /// @dev Setting one slot changes that one and no other.
    function check_slotsAreIndependent(uint64 nonce, uint64 other, uint8 outcome) public {
        vm.assume(outcome <= Slots.VOID && nonce != other);
        uint8 before = Slots.get(store, "origin", other);
        vm.assume(Slots.get(store, "origin", nonce) == Slots.NONE);
        Slots.set(store, "origin", nonce, outcome);
        assert(Slots.get(store, "origin", nonce) == outcome);
        assert(Slots.get(store, "origin", other) == before);
    }

    function check_refundBitsAreIndependent(uint64 nonce, uint64 other) public {
        vm.assume(nonce != other);
        bool before = Slots.refunded(store, "destination", other);
        Slots.setRefunded(store, "destination", nonce);
        assert(Slots.refunded(store, "destination", nonce));
        assert(Slots.refunded(store, "destination", other) == before);
    }

    // ------------------------------------------------------------------------------------------------------------------ health

    /// @dev Without debt every position is healthy; without collateral none with debt is.
    function check_healthAtTheEnds(uint128 amount, uint96 price, uint16 num) public pure {
        vm.assume(price != 0 && amount != 0);
        Health.Scales memory x = Health.Scales(price, 1e18, 18);
        assert(Health.covers(amount, 0, num, Amounts.ONE, x));
        assert(!Health.covers(0, amount, num, Amounts.ONE, x));
    }

    /// @dev The 512-bit comparison is that of the exact rationals wherever those fit 256 bits.
    function testFuzz_healthIsTheRationalComparison(uint32 collateral, uint32 debt, uint32 price, uint16 num)
        public
        pure
    {
        Health.Scales memory x = Health.Scales(price, 1e18, 6);
        bool exact = uint256(collateral) * price * num >= uint256(debt) * 1e18 * Amounts.ONE;
        assert(Health.covers(collateral, debt, num, Amounts.ONE, x) == exact);
    }
}
