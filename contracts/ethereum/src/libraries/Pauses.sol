// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IGateway} from "../IGateway.sol";
import {Asset, AssetKind, Store} from "../Types.sol";

/// @title Pause levels of a synthetic (contracts/PROTOCOL.md section 6)
library Pauses {
    uint8 internal constant NORMAL = 0;
    uint8 internal constant NO_RISK = 1;
    uint8 internal constant NO_SUPPLY = 2;
    uint8 internal constant FROZEN = 3;
    /// @dev How long a freeze lasts unless the admin renews it.
    uint64 internal constant FREEZE_SECONDS = 7 days;

    function level(Asset storage a) internal view returns (uint8 current) {
        current = a.level;
        if (current == FROZEN && block.timestamp >= a.frozenUntil) current = NO_SUPPLY;
    }

    /// @notice Refuses what is no synthetic, and a level above `highest`.
    function check(Store storage s, bytes32 asset, uint8 highest) internal view {
        Asset storage a = s.assets[asset];
        if (a.kind != AssetKind.Synthetic) revert IGateway.UnknownAsset(asset);
        uint8 current = level(a);
        if (current > highest) revert IGateway.Paused(asset, current);
    }
}
