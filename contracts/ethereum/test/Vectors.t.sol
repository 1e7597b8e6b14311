// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";

import {IGateway} from "../src/IGateway.sol";
import {
    Asset,
    AssetKind,
    Controller,
    Market,
    MarketKind,
    Operation,
    Position,
    Store,
    Terms,
    Window
} from "../src/Types.sol";
import {Actions} from "../src/libraries/Actions.sol";
import {Amounts} from "../src/libraries/Amounts.sol";
import {Book} from "../src/libraries/Book.sol";
import {Codec} from "../src/libraries/Codec.sol";
import {Health} from "../src/libraries/Health.sol";
import {Ledger} from "../src/libraries/Ledger.sol";
import {Windows} from "../src/libraries/Windows.sol";
import {IOracle, Verdict} from "../src/oracle/IOracle.sol";

/// @dev The oracle and both tokens of one market; it counts what it is told.
contract Surroundings is IOracle {
    Verdict private verdict;
    uint128 private lower;
    uint128 private higher;
    uint256 public minted;
    uint256 public burned;
    uint256 public paid;

    constructor(Verdict verdict_, uint128 lower_, uint128 higher_) {
        (verdict, lower, higher) = (verdict_, lower_, higher_);
    }

    function quote() external view returns (Verdict, uint128, uint128) {
        return (verdict, lower, higher);
    }

    function mint(address, uint256 amount) external {
        minted += amount;
    }

    function burn(address, uint256 amount) external {
        burned += amount;
    }

    function transfer(address, uint256 amount) external returns (bool) {
        paid += amount;
        return true;
    }
}

/// @notice The golden vectors that every gateway and the daemon are checked against.
contract VectorsTest is Test {
    bytes32 private constant PEER = keccak256("peer");

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

    function test_loans() public view {
        uint256 n = _each("loans");
        for (uint256 i = 0; i < n; ++i) {
            string memory path = _at("loans", i);
            Health.Scales memory x =
                Health.Scales(_number(path, "price"), _number(path, "target"), uint8(_number(path, "decimals")));
            uint256 maxLtv = _number(path, "maxLtv");
            uint256 debt = _number(path, "debt");
            assertEq(
                Health.covers(_number(path, "collateral"), debt, maxLtv, Amounts.ONE, x), _flag(path, "covered"), path
            );
            uint256 least = Health.collateralFor(debt, maxLtv, Amounts.ONE, x);
            assertEq(Amounts.min(least, type(uint128).max), _number(path, "least"), path);
        }
    }

    function test_releases() public {
        uint256 n = _each("releases");
        for (uint256 i = 0; i < n; ++i) {
            string memory path = _at("releases", i);
            bool stale = bytes(_text(path, "price")).length == 0;
            // The other price would give other amounts.
            Surroundings around = stale
                ? new Surroundings(Verdict.Stale, type(uint128).max, type(uint128).max)
                : new Surroundings(Verdict.Valid, uint128(_number(path, "price")), type(uint128).max);
            Terms memory terms;
            terms.maxLtv = uint16(_number(path, "maxLtv"));
            (bytes32 market, bytes32 owner) = _open(path, around, MarketKind(uint8(_number(path, "kind"))), terms);
            if (_number(path, "action") == Codec.ACTION_RELEASE) _release(path, around, market, owner);
            else _refund(path, market, owner);

            Position memory left = store.positions[market][owner];
            assertEq(left.collateral, _number(path, "collateralAfter"), path);
            assertEq(left.debt, _number(path, "debtAfter"), path);
            assertEq(_number(path, "debt") - left.debt, _number(path, "paid"), path);
            assertEq(_number(path, "collateral") - left.collateral, _number(path, "payout"), path);
        }
    }

    function _release(string memory path, Surroundings around, bytes32 market, bytes32 owner) private {
        bytes32 synthetic = store.markets[market].synthetic;
        bytes32 actor = keccak256("actor");
        store.controllers[market][owner] = Controller(PEER, _flag(path, "controller") ? actor : keccak256("other"));
        Ledger.open(store);
        Book.release(
            store,
            Book.Release({
                operation: keccak256(bytes(path)),
                peer: PEER,
                nonce: 0,
                asset: synthetic,
                market: market,
                owner: owner,
                recipient: Codec.toAccount(address(0xbeef)),
                amount: uint128(_number(path, "amount")),
                fee: uint128(_number(path, "fee")),
                actor: actor,
                wanted: uint128(_number(path, "wanted"))
            })
        );
        Ledger.close(store);
        assertEq(around.minted(), _number(path, "fee") + _number(path, "surplus"), path);
        assertEq(around.paid(), _native(path, "payout"), path);
    }

    /// @dev What the Refund of a lock does to its position.
    function _refund(string memory path, bytes32 market, bytes32 owner) private {
        Ledger.open(store);
        Book.Undone memory undone =
            Book.undo(store, market, owner, uint128(_number(path, "amount")), uint128(_number(path, "wanted")));
        Ledger.close(store);
        assertEq(undone.paid, _number(path, "paid"), path);
        assertEq(undone.surplus, _number(path, "surplus"), path);
        assertEq(undone.payout, _number(path, "payout"), path);
    }

    function test_liquidations() public {
        uint256 n = _each("liquidations");
        for (uint256 i = 0; i < n; ++i) {
            string memory path = _at("liquidations", i);
            Surroundings around = new Surroundings(Verdict.Valid, 1, uint128(_number(path, "price")));
            Terms memory terms;
            terms.liquidationThreshold = uint16(_number(path, "threshold"));
            terms.bonus = uint16(_number(path, "bonus"));
            terms.closeFactor = uint16(_number(path, "closeFactor"));
            terms.dust = uint128(_number(path, "dust"));
            (bytes32 market, bytes32 owner) = _open(path, around, MarketKind.Vault, terms);

            Ledger.open(store);
            bytes4 refused;
            try Actions.liquidate(store, market, owner, uint128(_number(path, "maxRepay")), 0) {}
            catch (bytes memory reason) {
                refused = bytes4(reason);
            }
            Ledger.close(store);
            assertEq(refused, _refusal(_text(path, "refused")), path);
            assertEq(around.burned(), _number(path, "repaid"), path);
            assertEq(around.paid(), _native(path, "seized"), path);
            uint256 bad = _number(path, "badDebt");
            assertEq(store.badDebts[market].amount, bad, path);
            Position memory left = store.positions[market][owner];
            assertEq(left.collateral, _number(path, "collateral") - _number(path, "seized"), path);
            assertEq(left.debt, _number(path, "debt") - _number(path, "repaid") - bad, path);
        }
    }

    function _refusal(string memory name) private pure returns (bytes4) {
        if (bytes(name).length == 0) return 0;
        if (keccak256(bytes(name)) == keccak256("Healthy")) return IGateway.Healthy.selector;
        if (keccak256(bytes(name)) == keccak256("MustTakeWhole")) return IGateway.MustTakeWhole.selector;
        if (keccak256(bytes(name)) == keccak256("ZeroAmount")) return IGateway.ZeroAmount.selector;
        if (keccak256(bytes(name)) == keccak256("BelowDust")) return IGateway.BelowDust.selector;
        revert(name);
    }

    /// @dev A market of its own for a vector, with the vector's one position.
    function _open(string memory path, Surroundings around, MarketKind kind, Terms memory terms)
        private
        returns (bytes32 market, bytes32 owner)
    {
        market = keccak256(bytes(path));
        owner = kind == MarketKind.Reserve ? market : keccak256("owner");
        (bytes32 synthetic, bytes32 collateral) = (keccak256(abi.encode(market, 1)), keccak256(abi.encode(market, 2)));
        (uint128 amount, uint128 debt) = (uint128(_number(path, "collateral")), uint128(_number(path, "debt")));
        uint8 decimals = uint8(_number(path, "decimals"));
        uint8 native = uint8(_number(path, "nativeDecimals"));
        uint128 target = uint128(_number(path, "target"));
        store.assets[synthetic] = Asset(address(around), AssetKind.Synthetic, 6, 6, 0, 0, target);
        store.assets[collateral] = Asset(address(around), AssetKind.Collateral, decimals, native, 0, 0, 0);
        store.windows[synthetic][Windows.RELEASE] =
            Window(uint128(type(int128).max), type(int128).max, 1, uint64(block.timestamp));
        store.totals[synthetic].debt = debt;
        store.treasury = address(0xfee);
        terms.oracle = address(around);
        store.markets[market] = Market(synthetic, collateral, kind, terms, amount, debt);
        store.positions[market][owner] = Position(amount, debt, 0);
    }

    /// @dev A canonical amount in what the token counts in.
    function _native(string memory path, string memory key) private view returns (uint256) {
        return
            Amounts.scale(_number(path, key), uint8(_number(path, "decimals")), uint8(_number(path, "nativeDecimals")));
    }

    function _flag(string memory path, string memory key) private view returns (bool) {
        return vm.parseJsonBool(json, string.concat(path, ".", key));
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
