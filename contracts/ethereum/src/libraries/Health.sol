// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {Amounts} from "./Amounts.sol";

/// @title The arithmetic of over-collateralised positions
/// @notice C is the value of the collateral, D that of the debt. Values are compared by cross multiplication in 512 bits, so nothing
/// is rounded and nothing overflows. What is rounded is rounded against whoever starts the action.
library Health {
    /// @dev Below this health (C * threshold / D, basis points) a position may be liquidated whole.
    uint256 internal constant DEEP = 9_500;

    /// @dev What turns amounts into values. Prices have 18 decimals.
    struct Scales {
        uint256 price; // of one whole collateral
        uint256 target; // of one whole synthetic
        uint8 decimals; // canonical, of the collateral
    }

    /// @notice Whether C * num >= D * den.
    function covers(uint256 collateral, uint256 debt, uint256 num, uint256 den, Scales memory x)
        internal
        pure
        returns (bool)
    {
        // c * price / 10^decimals * num >= d * target / 10^6 * den, with the powers of ten on the side where they are whole.
        (uint256 up, uint256 down) = _powers(x.decimals);
        (uint256 ch, uint256 cl) = Math.mul512(collateral * x.price, num * up);
        (uint256 dh, uint256 dl) = Math.mul512(debt * x.target, den * down);
        return ch > dh || (ch == dh && cl >= dl);
    }

    /// @notice The least collateral for which C * num >= D * den, saturated.
    function collateralFor(uint256 debt, uint256 num, uint256 den, Scales memory x) internal pure returns (uint256) {
        (uint256 up, uint256 down) = _powers(x.decimals);
        return _mulDiv(debt * x.target, den * down, x.price * num * up, Math.Rounding.Ceil);
    }

    /// @notice The collateral a liquidator gets for `repay`: its value plus the bonus, rounded down.
    function seizable(uint256 repay, uint256 bonus, Scales memory x) internal pure returns (uint256) {
        (uint256 up, uint256 down) = _powers(x.decimals);
        return _mulDiv(repay * x.target, (Amounts.ONE + bonus) * down, x.price * Amounts.ONE * up, Math.Rounding.Floor);
    }

    /// @notice The debt that buys all of `collateral` with the bonus, rounded up: C / (1 + bonus).
    function repayFor(uint256 collateral, uint256 bonus, Scales memory x) internal pure returns (uint256) {
        (uint256 up, uint256 down) = _powers(x.decimals);
        return
            _mulDiv(collateral * x.price, Amounts.ONE * up, x.target * (Amounts.ONE + bonus) * down, Math.Rounding.Ceil);
    }

    /// @notice The most debt that may be repaid in one liquidation of a position that a partial one helps.
    /// @dev All of it when the position is deep under water or would be left with less than `dust`.
    function closable(uint256 debt, uint256 closeFactor, uint256 dust, bool deep) internal pure returns (uint256) {
        uint256 part = (debt * closeFactor) / Amounts.ONE;
        return deep || debt - part < dust ? debt : part;
    }

    function _powers(uint8 decimals) private pure returns (uint256 up, uint256 down) {
        return decimals < Amounts.SYNTHETIC_DECIMALS
            ? (10 ** (Amounts.SYNTHETIC_DECIMALS - decimals), uint256(1))
            : (uint256(1), 10 ** (decimals - Amounts.SYNTHETIC_DECIMALS));
    }

    /// @dev a * b / d in 512 bits, saturated.
    function _mulDiv(uint256 a, uint256 b, uint256 d, Math.Rounding rounding) private pure returns (uint256) {
        (uint256 high,) = Math.mul512(a, b);
        if (high >= d) return type(uint256).max;
        uint256 result = Math.mulDiv(a, b, d);
        if (rounding == Math.Rounding.Ceil && mulmod(a, b, d) != 0 && result != type(uint256).max) ++result;
        return result;
    }
}
