// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AggregatorV3Interface} from "../src/oracle/AggregatorV3Interface.sol";

/// @title A price feed for devnets: anybody sets the answer
contract TestAggregator is AggregatorV3Interface {
    uint8 public immutable decimals;
    uint80 private _round;
    uint80 private _answeredIn;
    int256 private _answer;
    uint256 private _startedAt;
    uint256 private _updatedAt;

    constructor(uint8 decimals_, int256 answer) {
        decimals = decimals_;
        set(answer);
    }

    /// @notice A fresh round.
    function set(int256 answer) public {
        setRound(_round + 1, answer, block.timestamp, block.timestamp, _round + 1);
    }

    /// @notice A round as one likes it.
    function setRound(uint80 round, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredIn) public {
        (_round, _answer, _startedAt, _updatedAt, _answeredIn) = (round, answer, startedAt, updatedAt, answeredIn);
    }

    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80) {
        return (_round, _answer, _startedAt, _updatedAt, _answeredIn);
    }
}
