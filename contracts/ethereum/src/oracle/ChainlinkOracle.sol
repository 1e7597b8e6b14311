// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AggregatorV3Interface} from "./AggregatorV3Interface.sol";
import {IOracle, Verdict} from "./IOracle.sol";

/// @title A price from one or two Chainlink feeds
/// @notice With two feeds the lower price serves whoever draws or withdraws, the higher one whoever liquidates; both must be valid.
/// On a rollup the sequencer's uptime feed is asked first, because a feed cannot be fresh while the sequencer was down.
contract ChainlinkOracle is IOracle {
    AggregatorV3Interface public immutable PRIMARY;
    AggregatorV3Interface public immutable SECONDARY; // zero: there is one feed
    AggregatorV3Interface public immutable SEQUENCER; // zero: the chain has none
    uint256 public immutable PRIMARY_MAX_AGE; // seconds; the feed's heartbeat and a margin
    uint256 public immutable SECONDARY_MAX_AGE;
    uint256 public immutable GRACE_PERIOD; // seconds the sequencer must have been back for
    uint8 private immutable PRIMARY_DECIMALS;
    uint8 private immutable SECONDARY_DECIMALS;

    uint8 private constant DECIMALS = 18;

    error InvalidConfiguration();

    constructor(
        AggregatorV3Interface primary,
        uint256 primaryMaxAge,
        AggregatorV3Interface secondary,
        uint256 secondaryMaxAge,
        AggregatorV3Interface sequencer,
        uint256 gracePeriod
    ) {
        bool two = address(secondary) != address(0);
        if (primaryMaxAge == 0 || (two && secondaryMaxAge == 0) || address(primary) == address(secondary)) {
            revert InvalidConfiguration();
        }
        PRIMARY = primary;
        SECONDARY = secondary;
        SEQUENCER = sequencer;
        PRIMARY_MAX_AGE = primaryMaxAge;
        SECONDARY_MAX_AGE = secondaryMaxAge;
        GRACE_PERIOD = gracePeriod;
        PRIMARY_DECIMALS = primary.decimals();
        SECONDARY_DECIMALS = two ? secondary.decimals() : 0;
        if (PRIMARY_DECIMALS > 36 || SECONDARY_DECIMALS > 36) revert InvalidConfiguration();
    }

    /// @inheritdoc IOracle
    function quote() external view returns (Verdict verdict, uint128 lower, uint128 higher) {
        if (!_sequencerUp()) return (Verdict.SequencerDown, 0, 0);
        (verdict, lower) = _read(PRIMARY, PRIMARY_DECIMALS, PRIMARY_MAX_AGE);
        higher = lower;
        if (address(SECONDARY) == address(0)) return (verdict, lower, higher);

        (Verdict second, uint128 price) = _read(SECONDARY, SECONDARY_DECIMALS, SECONDARY_MAX_AGE);
        if (second < verdict) verdict = second;
        if (price < lower) lower = price;
        if (price > higher) higher = price;
    }

    function _read(AggregatorV3Interface feed, uint8 decimals, uint256 maxAge) private view returns (Verdict, uint128) {
        try feed.latestRoundData() returns (uint80 round, int256 answer, uint256, uint256 updated, uint80 answeredIn) {
            if (answer <= 0 || answer > type(int128).max) return (Verdict.NonPositive, 0);
            if (updated == 0 || updated > block.timestamp || answeredIn < round) return (Verdict.Incomplete, 0);
            // forge-lint: disable-next-line(unsafe-typecast)
            uint256 price = uint256(answer); // positive
            // slither-disable-next-line divide-before-multiply (one or the other)
            price = decimals <= DECIMALS ? price * 10 ** (DECIMALS - decimals) : price / 10 ** (decimals - DECIMALS);
            if (price == 0 || price > type(uint128).max) return (Verdict.NonPositive, 0);
            // forge-lint: disable-next-line(unsafe-typecast)
            return (block.timestamp - updated > maxAge ? Verdict.Stale : Verdict.Valid, uint128(price));
        } catch {
            return (Verdict.Unavailable, 0);
        }
    }

    function _sequencerUp() private view returns (bool) {
        if (address(SEQUENCER) == address(0)) return true;
        // 0 is up; startedAt is when the status last changed, and 0 before the first round.
        try SEQUENCER.latestRoundData() returns (uint80, int256 answer, uint256 started, uint256, uint80) {
            return answer == 0 && started != 0 && block.timestamp >= started && block.timestamp - started > GRACE_PERIOD;
        } catch {
            return false;
        }
    }
}
