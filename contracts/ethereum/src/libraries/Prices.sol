// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IGateway} from "../IGateway.sol";
import {Market, Store} from "../Types.sol";
import {IOracle, Verdict} from "../oracle/IOracle.sol";
import {Gas} from "./Gas.sol";
import {Health} from "./Health.sol";

/// @title The price of a market's collateral, and how far to trust it
library Prices {
    /// @dev What an oracle may burn; one that needs more does not answer.
    uint256 internal constant ORACLE_GAS = 300_000;

    /// @notice The oracle's answer. One that reverts with the whole of `ORACLE_GAS` is unavailable.
    function read(Market storage m) internal view returns (Verdict verdict, uint128 lower, uint128 higher) {
        Gas.ensure(ORACLE_GAS);
        try IOracle(m.terms.oracle).quote{gas: ORACLE_GAS}() returns (Verdict v, uint128 low, uint128 high) {
            return (v, low, high);
        } catch {
            return (Verdict.Unavailable, 0, 0);
        }
    }

    /// @notice Both prices, valid, or it reverts.
    function valid(Market storage m) internal view returns (uint128 lower, uint128 higher) {
        Verdict verdict;
        (verdict, lower, higher) = read(m);
        if (verdict != Verdict.Valid) revert IGateway.PriceUnavailable(uint8(verdict));
    }

    function scales(Store storage s, Market storage m, uint256 price) internal view returns (Health.Scales memory) {
        return
            Health.Scales({
                price: price, target: s.assets[m.synthetic].target, decimals: s.assets[m.collateral].decimals
            });
    }
}
