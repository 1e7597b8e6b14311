// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IGateway} from "../IGateway.sol";
import {Window} from "../Types.sol";

/// @title A bucket of `limit` that refills by floor(elapsed * limit / period), never above `limit`
library Windows {
    uint8 internal constant MINT = 1;
    uint8 internal constant RELEASE = 2;

    /// @notice What the bucket holds after `elapsed` seconds. It may be negative.
    function refill(int256 available, uint256 limit, uint256 period, uint256 elapsed) internal pure returns (int256) {
        if (period == 0) return 0; // a window that was never set lets nothing pass
        // Below 2^192, as limit and elapsed come from 128 and 64 bits.
        // forge-lint: disable-next-line(unsafe-typecast)
        int256 refilled = available + int256((limit * elapsed) / period);
        // forge-lint: disable-next-line(unsafe-typecast)
        return refilled < int256(limit) ? refilled : int256(limit);
    }

    function availableNow(Window memory w) internal view returns (int256) {
        return refill(w.available, w.limit, w.period, block.timestamp - w.updated);
    }

    /// @notice Takes `amount`, or reverts with what there was: the order is delayed.
    function take(Window storage window, uint256 amount) internal {
        Window memory w = window;
        int256 available = availableNow(w);
        // forge-lint: disable-next-line(unsafe-typecast)
        int256 left = available - int256(amount);
        if (left < 0) revert IGateway.WindowFull(available, amount);
        _store(window, left);
    }

    /// @notice Takes `amount` even where that leaves the bucket negative.
    function force(Window storage window, uint256 amount) internal {
        // forge-lint: disable-next-line(unsafe-typecast)
        int256 left = availableNow(window) - int256(amount);
        _store(window, left < type(int128).min ? type(int128).min : left);
    }

    function _store(Window storage window, int256 available) private {
        // At most `limit`, which fits; at least the minimum, by the callers.
        // forge-lint: disable-next-line(unsafe-typecast)
        window.available = int128(available);
        window.updated = uint64(block.timestamp);
    }
}
