// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {console} from "forge-std/console.sol";

import {Intent, Operation, Order} from "../src/Types.sol";
import {Fixture} from "./Fixture.sol";

/// @notice What the daemon pays. Each figure is of a transaction of its own, with cold storage, and includes the 21,000 and the
/// calldata; the bounds keep it from growing unnoticed.
/// forge-config: default.isolate = true
contract GasTest is Fixture {
    uint256 private constant BATCH = 100;
    Operation[] private ops;

    function test_lock() public {
        _lock(home, alice, away.id, 10 * UNIT);
        _lock(home, alice, away.id, 10 * UNIT);
        uint256 used = vm.lastCallGas().gasTotalUsed;
        console.log("lock", used);
        assertLt(used, 250_000);
    }

    function test_burn() public {
        _mintAtHome(home, alice, 1000 * UNIT);
        _transfer(home, alice, away.id, 10 * UNIT);
        _transfer(home, alice, away.id, 10 * UNIT);
        uint256 used = vm.lastCallGas().gasTotalUsed;
        console.log("burn", used);
        assertLt(used, 200_000);
    }

    function test_mintOrdersToNewAccounts() public {
        for (uint256 i = 0; i < BATCH; ++i) {
            ops.push(_lock(home, makeAddr(vm.toString(i)), away.id, 10 * UNIT));
        }
        uint256 used = _run(away, 1);
        console.log("mint order in a batch of 100, new accounts", used);
        assertLt(used, 75_000);
    }

    function test_mintOrdersToOneAccount() public {
        for (uint256 i = 0; i < BATCH; ++i) {
            ops.push(_lock(home, alice, away.id, 10 * UNIT));
        }
        uint256 used = _run(away, 1);
        console.log("mint order in a batch of 100, one account", used);
        assertLt(used, 55_000);
    }

    function test_releaseOrders() public {
        _mintAtHome(home, bob, 10_000 * UNIT);
        _do(away, 1, _lock(home, alice, away.id, 10_000 * UNIT));
        for (uint256 i = 0; i < BATCH; ++i) {
            ops.push(_burn(away, alice, Intent(2, home.id, home.reserve, home.reserve, _account(alice), 0), 10 * UNIT));
        }
        uint256 used = _run(home, 2);
        console.log("release order in a batch of 100", used);
        assertLt(used, 75_000);
    }

    /// @dev What an order may use at most must be below what `execute` keeps ready for it.
    function test_theDearestMintFitsItsFloor() public {
        Operation memory op = _lock(home, makeAddr("new"), away.id, 10 * UNIT);
        Order[] memory orders = new Order[](1);
        orders[0] = _order(away, 1, op);
        away.gateway.execute(orders);
        assertLt(vm.lastCallGas().gasTotalUsed, 350_000);
    }

    function _run(Site memory s, uint8 action) private returns (uint256) {
        Order[] memory orders = new Order[](BATCH);
        for (uint256 i = 0; i < BATCH; ++i) {
            orders[i] = _order(s, action, ops[i]);
        }
        uint8[] memory codes = s.gateway.execute(orders);
        uint256 used = vm.lastCallGas().gasTotalUsed;
        for (uint256 i = 0; i < BATCH; ++i) {
            assertEq(codes[i], DONE);
        }
        return used / BATCH;
    }
}
