// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice How far a price may be trusted, from worst to best. The gateway acts only on `Valid`.
enum Verdict {
    Unavailable, // a feed did not answer
    NonPositive, // zero, negative, or beyond 128 bits
    Incomplete, // the round has no time, or lies in the future
    SequencerDown, // the chain's sequencer is down, or has not been back for long enough
    Stale,
    Valid
}

/// @title The price of one whole collateral, with 18 decimals
interface IOracle {
    /// @notice Never reverts on account of a feed. The prices mean something only with `Valid`.
    /// @return verdict of the worst feed
    /// @return lower for drawing debt and withdrawing
    /// @return higher for liquidation
    function quote() external view returns (Verdict verdict, uint128 lower, uint128 higher);
}
