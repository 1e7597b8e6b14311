// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";

import {Operation, Store} from "../src/Types.sol";
import {Amounts} from "../src/libraries/Amounts.sol";
import {Codec} from "../src/libraries/Codec.sol";
import {Ledger} from "../src/libraries/Ledger.sol";
import {Windows} from "../src/libraries/Windows.sol";

/// @notice The golden vectors that every gateway and the daemon are checked against.
contract VectorsTest is Test {
    string private json;
    Store private store;

    function setUp() public {
        json = vm.readFile("../vectors.json");
    }

    function test_gateways() public view {
        uint256 n = _each("gateways");
        for (uint256 i = 0; i < n; ++i) {
            string memory path = _at("gateways", i);
            bytes32 id =
                Codec.gatewayId(keccak256(bytes(_text(path, "caip2"))), _word(path, "account"), _word(path, "salt"));
            assertEq(id, _word(path, "id"));
            assertEq(Codec.domainSeparator(id), _word(path, "domainSeparator"));
        }
    }

    function test_assetsAndMarkets() public view {
        uint256 n = _each("assets");
        for (uint256 i = 0; i < n; ++i) {
            string memory path = _at("assets", i);
            assertEq(Codec.assetId(_text(path, "symbol")), _word(path, "id"));
        }
        n = _each("markets");
        for (uint256 i = 0; i < n; ++i) {
            string memory path = _at("markets", i);
            assertEq(
                Codec.marketId(
                    _word(path, "home"),
                    _word(path, "synthetic"),
                    _word(path, "collateral"),
                    uint8(_number(path, "kind"))
                ),
                _word(path, "id")
            );
        }
    }

    function test_operations() public view {
        uint256 n = _each("operations");
        for (uint256 i = 0; i < n; ++i) {
            string memory path = _at("operations", i);
            Operation memory op = Operation({
                kind: uint8(_number(path, "kind")),
                origin: _word(path, "origin"),
                destination: _word(path, "destination"),
                nonce: uint64(_number(path, "nonce")),
                asset: _word(path, "asset"),
                market: _word(path, "market"),
                owner: _word(path, "owner"),
                actor: _word(path, "actor"),
                refundTo: _word(path, "refundTo"),
                recipient: _word(path, "recipient"),
                amount: uint128(_number(path, "amount")),
                fee: uint128(_number(path, "fee")),
                wanted: uint128(_number(path, "wanted")),
                timestamp: uint64(_number(path, "timestamp"))
            });
            bytes32[] memory words = vm.parseJsonBytes32Array(json, string.concat(path, ".words"));
            assertEq(abi.encode(op), abi.encodePacked(words));
            assertEq(Codec.operationId(op), _word(path, "id"));
        }
    }

    function test_events() public {
        uint256 n = _each("events");
        for (uint256 i = 0; i < n; ++i) {
            string memory path = _at("events", i);
            uint64 sequence = uint64(_number(path, "sequence"));
            vm.warp(_number(path, "timestamp"));
            this.append(
                sequence,
                _word(path, "before"),
                uint8(_number(path, "kind")),
                vm.parseJsonBytes(json, string.concat(path, ".body"))
            );
            assertEq(store.head.count, sequence + 1);
            assertEq(store.checkpoints[sequence + 1], _word(path, "after"));
        }
    }

    function test_orders() public view {
        uint256 n = _each("orders");
        for (uint256 i = 0; i < n; ++i) {
            string memory path = _at("orders", i);
            uint8 action = uint8(_number(path, "action"));
            bytes32 content = _word(path, "content");
            // Resend is executed by other chains only: this one has no hash for it.
            if (action <= 6) {
                assertEq(this.contentHash(action, vm.parseJsonBytes(json, string.concat(path, ".words"))), content);
            }
            bytes32 digest = Codec.digest(
                Codec.domainSeparator(_word(path, "gateway")), action, uint64(_number(path, "epoch")), content
            );
            assertEq(digest, _word(path, "digest"));
            for (uint256 j = 0;; ++j) {
                string memory signed = string.concat(path, ".signatures[", vm.toString(j), "]");
                if (!vm.keyExistsJson(json, signed)) break;
                _checkSignature(signed, digest);
            }
        }
    }

    function _checkSignature(string memory path, bytes32 digest) private view {
        bytes memory signature = vm.parseJsonBytes(json, string.concat(path, ".signature"));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(uint256(_word(path, "key")), digest);
        assertEq(signature, abi.encodePacked(r, s, v));
        assertEq(ecrecover(digest, v, r, s), vm.parseJsonAddress(json, string.concat(path, ".address")));
    }

    function test_fees() public view {
        uint256 n = _each("fees");
        for (uint256 i = 0; i < n; ++i) {
            string memory path = _at("fees", i);
            uint256 amount = _number(path, "amount");
            uint256 fee = Amounts.routeFee(amount, _number(path, "flat"), _number(path, "bps"));
            // An empty text: refused, as not below the amount.
            if (bytes(_text(path, "fee")).length == 0) assertGe(fee, amount);
            else assertEq(fee, _number(path, "fee"));
        }
    }

    function test_scales() public view {
        uint256 n = _each("scales");
        for (uint256 i = 0; i < n; ++i) {
            string memory path = _at("scales", i);
            uint256 scaled =
                Amounts.scale(_number(path, "amount"), uint8(_number(path, "from")), uint8(_number(path, "to")));
            assertEq(scaled, _number(path, "down"));
        }
    }

    function test_windows() public view {
        uint256 n = _each("windows");
        for (uint256 i = 0; i < n; ++i) {
            string memory path = _at("windows", i);
            int256 available = Windows.refill(
                vm.parseJsonInt(json, string.concat(path, ".available")),
                _number(path, "limit"),
                _number(path, "period"),
                _number(path, "now") - _number(path, "updated")
            );
            assertEq(available, vm.parseJsonInt(json, string.concat(path, ".availableAt")));
        }
    }

    /// @dev A call of its own, so that the time is read after it was set.
    function append(uint64 sequence, bytes32 before, uint8 kind, bytes calldata body) external {
        store.head.count = sequence;
        store.checkpoints[sequence] = before;
        Ledger.open(store);
        Ledger.append(kind, body);
        Ledger.close(store);
    }

    function contentHash(uint8 action, bytes calldata words) external pure returns (bytes32) {
        return Codec.contentHash(action, words);
    }

    /// @dev How many there are; none would test nothing.
    function _each(string memory list) private view returns (uint256 n) {
        while (vm.keyExistsJson(json, _at(list, n))) ++n;
        assertGt(n, 0, list);
    }

    function _at(string memory list, uint256 i) private pure returns (string memory) {
        return string.concat(".", list, "[", vm.toString(i), "]");
    }

    function _text(string memory path, string memory key) private view returns (string memory) {
        return vm.parseJsonString(json, string.concat(path, ".", key));
    }

    function _word(string memory path, string memory key) private view returns (bytes32) {
        return vm.parseJsonBytes32(json, string.concat(path, ".", key));
    }

    function _number(string memory path, string memory key) private view returns (uint256) {
        return vm.parseJsonUint(json, string.concat(path, ".", key));
    }
}
