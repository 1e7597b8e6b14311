// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {console} from "forge-std/console.sol";

import {Handler} from "./Handler.sol";

/// @notice Conservation, exactly; one outcome a replay key; never minted and refunded; the running hash is that of the events.
contract GatewaysInvariants is Test {
    Handler private handler;

    function setUp() public {
        handler = new Handler();
        handler.setUp();
        targetContract(address(handler));
        bytes4[] memory selectors = new bytes4[](15);
        selectors[0] = Handler.lock.selector;
        selectors[1] = Handler.burn.selector;
        selectors[2] = Handler.repay.selector;
        selectors[3] = Handler.withdraw.selector;
        selectors[4] = Handler.redeem.selector;
        selectors[5] = Handler.liquidate.selector;
        selectors[6] = Handler.cover.selector;
        selectors[7] = Handler.setController.selector;
        selectors[8] = Handler.claim.selector;
        selectors[9] = Handler.deliver.selector;
        selectors[10] = Handler.void.selector;
        selectors[11] = Handler.refund.selector;
        selectors[12] = Handler.conflict.selector;
        selectors[13] = Handler.pause.selector;
        selectors[14] = Handler.pass.selector;
        targetSelector(FuzzSelector(address(handler), selectors));
    }

    /// forge-config: default.invariant.runs = 32
    /// forge-config: default.invariant.depth = 256
    /// forge-config: default.invariant.fail-on-revert = true
    function invariant_everythingIsAccountedFor() public view {
        handler.checkGateways();
        handler.checkFates();
    }

    function afterInvariant() public view {
        string[13] memory actions = [
            "lock",
            "burn",
            "repay",
            "withdraw",
            "redeem",
            "liquidate",
            "cover",
            "claim",
            "deliver",
            "void",
            "refund",
            "conflict",
            "pause"
        ];
        for (uint256 i = 0; i < actions.length; ++i) {
            console.log(actions[i], handler.done(actions[i]));
        }
    }
}
