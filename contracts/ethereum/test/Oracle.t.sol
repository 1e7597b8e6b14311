// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {TestAggregator} from "../dev/TestAggregator.sol";
import {IGateway} from "../src/IGateway.sol";
import {Terms} from "../src/Types.sol";
import {Codec} from "../src/libraries/Codec.sol";
import {AggregatorV3Interface} from "../src/oracle/AggregatorV3Interface.sol";
import {ChainlinkOracle} from "../src/oracle/ChainlinkOracle.sol";
import {Verdict} from "../src/oracle/IOracle.sol";
import {Fixture} from "./Fixture.sol";

contract OracleTest is Fixture {
    AggregatorV3Interface private constant NONE = AggregatorV3Interface(address(0));
    TestAggregator private first;
    TestAggregator private second;
    TestAggregator private sequencer;
    ChainlinkOracle private oracle;

    function setUp() public override {
        super.setUp();
        first = new TestAggregator(8, 100e8);
        second = new TestAggregator(18, 101e18);
        sequencer = new TestAggregator(0, 0);
        oracle = new ChainlinkOracle(first, 1 hours, second, 1 days, sequencer, 30 minutes);
        vm.warp(vm.getBlockTimestamp() + 30 minutes + 1);
    }

    function _expect(Verdict verdict, uint256 lower, uint256 higher) private view {
        (Verdict v, uint128 l, uint128 h) = oracle.quote();
        assertEq(uint8(v), uint8(verdict));
        if (verdict == Verdict.Valid) {
            assertEq(l, lower);
            assertEq(h, higher);
        }
    }

    function test_lowerAndHigherOfTwo() public {
        _expect(Verdict.Valid, 100e18, 101e18);
        second.set(99e18);
        _expect(Verdict.Valid, 99e18, 100e18);
    }

    function test_oneFeedIsBothPrices() public {
        oracle = new ChainlinkOracle(first, 1 hours, NONE, 0, NONE, 0);
        _expect(Verdict.Valid, 100e18, 100e18);
    }

    function test_theWorseVerdictCounts() public {
        second.set(0);
        _expect(Verdict.NonPositive, 0, 0);
        second.set(101e18);
        first.set(-1);
        _expect(Verdict.NonPositive, 0, 0);
        first.set(type(int256).max);
        _expect(Verdict.NonPositive, 0, 0);
    }

    function test_staleness() public {
        (,,, uint256 updated,) = first.latestRoundData();
        vm.warp(updated + 1 hours);
        _expect(Verdict.Valid, 100e18, 101e18);
        vm.warp(vm.getBlockTimestamp() + 1);
        _expect(Verdict.Stale, 0, 0);
        first.set(100e8);
        _expect(Verdict.Valid, 100e18, 101e18);
    }

    function test_rounds() public {
        first.setRound(5, 100e8, block.timestamp, 0, 5);
        _expect(Verdict.Incomplete, 0, 0);
        first.setRound(5, 100e8, block.timestamp, block.timestamp + 1, 5);
        _expect(Verdict.Incomplete, 0, 0);
        first.setRound(5, 100e8, block.timestamp, block.timestamp, 4);
        _expect(Verdict.Incomplete, 0, 0);
        first.setRound(5, 100e8, block.timestamp, block.timestamp, 5);
        _expect(Verdict.Valid, 100e18, 101e18);
    }

    function test_sequencer() public {
        sequencer.setRound(2, 1, block.timestamp - 1 days, block.timestamp, 2);
        _expect(Verdict.SequencerDown, 0, 0);
        sequencer.setRound(3, 0, block.timestamp - 30 minutes, block.timestamp, 3);
        _expect(Verdict.SequencerDown, 0, 0);
        sequencer.setRound(3, 0, block.timestamp - 30 minutes - 1, block.timestamp, 3);
        _expect(Verdict.Valid, 100e18, 101e18);
        sequencer.setRound(3, 0, 0, block.timestamp, 3);
        _expect(Verdict.SequencerDown, 0, 0);
        vm.mockCallRevert(address(sequencer), abi.encodeWithSelector(sequencer.latestRoundData.selector), "");
        _expect(Verdict.SequencerDown, 0, 0);
    }

    function test_aFeedThatReverts() public {
        vm.mockCallRevert(address(second), abi.encodeWithSelector(second.latestRoundData.selector), "");
        _expect(Verdict.Unavailable, 0, 0);
    }

    function test_configuration() public {
        vm.expectRevert(ChainlinkOracle.InvalidConfiguration.selector);
        new ChainlinkOracle(first, 0, NONE, 0, NONE, 0);
        vm.expectRevert(ChainlinkOracle.InvalidConfiguration.selector);
        new ChainlinkOracle(first, 1, second, 0, NONE, 0);
        vm.expectRevert(ChainlinkOracle.InvalidConfiguration.selector);
        new ChainlinkOracle(first, 1, first, 1, NONE, 0);
        TestAggregator fine = new TestAggregator(37, 1);
        vm.expectRevert(ChainlinkOracle.InvalidConfiguration.selector);
        new ChainlinkOracle(fine, 1, NONE, 0, NONE, 0);
    }

    function testFuzz_decimals(uint8 decimals, int256 answer) public {
        decimals = uint8(bound(decimals, 0, 36));
        oracle = new ChainlinkOracle(new TestAggregator(decimals, answer), 1 hours, NONE, 0, NONE, 0);
        (Verdict v, uint128 lower, uint128 higher) = oracle.quote();
        assertEq(lower, higher);
        if (v == Verdict.Valid) {
            uint256 price =
                decimals <= 18 ? uint256(answer) * 10 ** (18 - decimals) : uint256(answer) / 10 ** (decimals - 18);
            assertEq(lower, price);
        } else {
            assertEq(uint8(v), uint8(Verdict.NonPositive));
        }
    }

    // ------------------------------------------------------------------------------------------------------- in the gateway

    function test_eachSideUsesItsPrice() public {
        Terms memory terms = _vaultTerms(address(oracle));
        first.set(2000e8);
        second.set(1900e18);
        _change(home, abi.encodeCall(IGateway.setMarket, (TIM3, WETH, 1, terms)));
        first.set(2000e8);
        second.set(1900e18);
        _fund(home, alice, home.vault, 1e18);
        vm.startPrank(alice);
        vm.expectRevert(IGateway.Undercollateralized.selector);
        home.gateway.lock(home.vault, 1e18, uint128(1425 * UNIT + 1), home.id, _account(alice), 0, 0);
        home.gateway.lock(home.vault, 1e18, uint128(1425 * UNIT), home.id, _account(alice), 0, 0);
        vm.stopPrank();
        // At the lower price it would be liquidated, at the higher it is not.
        second.set(1700e18);
        vm.expectRevert(IGateway.Healthy.selector);
        home.gateway.liquidate(home.vault, _account(alice), 1, 0);
    }

    function test_noPriceNoDrawNoWithdrawal() public {
        _lockIn(home, alice, home.vault, 1e18, 1000 * UNIT, home.id);
        vm.warp(vm.getBlockTimestamp() + 2 hours);
        bytes memory stale = abi.encodeWithSelector(IGateway.PriceUnavailable.selector, Verdict.Stale);
        vm.startPrank(alice);
        vm.expectRevert(stale);
        home.gateway.lock(home.vault, 0, 1, home.id, _account(alice), 0, 0);
        vm.expectRevert(stale);
        home.gateway.withdraw(home.vault, 1, _account(alice));
        // Without debt no price is needed.
        home.gateway.repay(home.vault, _account(alice), type(uint128).max);
        home.gateway.withdraw(home.vault, 1e18, _account(alice));
        vm.stopPrank();
    }

    function test_depegBoundOfAReserve() public {
        Terms memory terms = _reserveTerms();
        terms.oracle = address(_oracle(first));
        terms.depeg = 100; // 1 %
        _change(home, abi.encodeCall(IGateway.setMarket, (TIM3, USDA, 0, terms)));
        first.set(0.99e8);
        _mintAtHome(home, alice, UNIT);
        first.set(0.99e8 - 1);
        _fund(home, alice, home.reserve, 1e18);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IGateway.Depegged.selector, 0.98999999e18));
        home.gateway.lock(home.reserve, 1e18, uint128(UNIT), home.id, _account(alice), 0, 0);
        // What is out can be redeemed at par all the same.
        vm.prank(alice);
        home.gateway.redeem(home.reserve, home.reserve, uint128(UNIT), 0, _account(alice));
    }

    function test_anOracleThatRevertsIsUnavailable() public {
        _lockIn(home, alice, home.vault, 1e18, 1000 * UNIT, home.id);
        address broken = home.gateway.market(home.vault).terms.oracle;
        vm.mockCallRevert(broken, abi.encodeWithSelector(oracle.quote.selector), "");
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IGateway.PriceUnavailable.selector, Verdict.Unavailable));
        home.gateway.withdraw(home.vault, 1, _account(alice));
    }
}
