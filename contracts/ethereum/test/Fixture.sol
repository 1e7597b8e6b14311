// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Test, Vm} from "forge-std/Test.sol";

import {TestAggregator} from "../dev/TestAggregator.sol";
import {TestToken} from "../dev/TestToken.sol";
import {Gateway} from "../src/Gateway.sol";
import {IGateway} from "../src/IGateway.sol";
import {Synthetic} from "../src/Synthetic.sol";
import {Intent, Operation, Order, PeerTotals, Position, Route, Terms, Totals} from "../src/Types.sol";
import {Codec} from "../src/libraries/Codec.sol";
import {Ledger} from "../src/libraries/Ledger.sol";
import {AggregatorV3Interface} from "../src/oracle/AggregatorV3Interface.sol";
import {ChainlinkOracle} from "../src/oracle/ChainlinkOracle.sol";

/// @notice Two gateways that are each other's peer, with a reserve market (USDA, 18 decimals) and a vault market (WETH) on each,
/// three of five attesters, and what tests need to act on them.
abstract contract Fixture is Test {
    bytes32 internal constant TIM3 = keccak256("tim3/asset/TIM3");
    bytes32 internal constant USDA = keccak256("tim3/asset/USDA");
    bytes32 internal constant WETH = keccak256("tim3/asset/WETH");
    uint256 internal constant UNIT = 1e6; // one TIM3
    uint64 internal constant DELAY = 2 days;
    uint8 internal constant THRESHOLD = 3;
    uint128 internal constant WINDOW = uint128(1_000_000 * UNIT);
    uint64 internal constant PERIOD = 1 days;
    int256 internal constant WETH_PRICE = 2_000e8;

    uint8 internal constant DONE = 0;
    uint8 internal constant ALREADY_DONE = 1;
    uint8 internal constant DELAYED = 2;
    uint8 internal constant REJECTED = 3;

    /// @dev A gateway and what belongs to it.
    struct Site {
        Gateway gateway;
        bytes32 id;
        Synthetic tim3;
        TestToken usda;
        TestToken weth;
        TestAggregator feed;
        bytes32 reserve;
        bytes32 vault;
    }

    Site internal home;
    Site internal away;
    address internal admin = makeAddr("admin");
    address internal guardian = makeAddr("guardian");
    address internal treasury = makeAddr("treasury");
    address internal alice = makeAddr("alice");
    address internal bob = makeAddr("bob");
    address internal carol = makeAddr("carol");
    uint256[] internal keys; // of the attesters, ascending by address

    function setUp() public virtual {
        vm.warp(1_700_000_000);
        for (uint256 i = 1; i <= 5; ++i) {
            keys.push(uint256(keccak256(abi.encode("attester", i))));
        }
        _sort(keys);
        home = _deploy("home");
        away = _deploy("away");
        _connect(home, away.id);
        _connect(away, home.id);
        _activate(home);
        _activate(away);
    }

    // ------------------------------------------------------------------------------------------------------------------ set-up

    function _deploy(string memory name) internal returns (Site memory s) {
        s.gateway = new Gateway(keccak256(bytes(name)), admin, guardian, DELAY);
        s.id = s.gateway.id();
        s.tim3 = new Synthetic("TIM3", "TIM3", address(s.gateway));
        s.usda = new TestToken("USDA", "USDA", 18);
        s.weth = new TestToken("WETH", "WETH", 18);
        s.feed = new TestAggregator(8, WETH_PRICE);
        ChainlinkOracle oracle = _oracle(s.feed);
        vm.startPrank(admin);
        s.gateway.addSynthetic("TIM3", address(s.tim3), 1e18);
        s.gateway.addCollateral("USDA", address(s.usda), 18);
        s.gateway.addCollateral("WETH", address(s.weth), 18);
        s.gateway.setMarket(TIM3, USDA, 0, _reserveTerms());
        s.gateway.setMarket(TIM3, WETH, 1, _vaultTerms(address(oracle)));
        s.gateway.setWindow(TIM3, 1, WINDOW, PERIOD);
        s.gateway.setWindow(TIM3, 2, WINDOW, PERIOD);
        s.gateway.setAttesters(THRESHOLD, _signers());
        s.gateway.setTreasury(treasury);
        vm.stopPrank();
        s.reserve = Codec.marketId(s.id, TIM3, USDA, 0);
        s.vault = Codec.marketId(s.id, TIM3, WETH, 1);
    }

    function _connect(Site memory s, bytes32 peer) internal {
        vm.prank(admin);
        s.gateway.setRoute(TIM3, peer, _route());
    }

    function _activate(Site memory s) internal {
        vm.prank(admin);
        s.gateway.activate();
    }

    function _route() internal pure returns (Route memory) {
        return
            Route({min: uint128(UNIT), max: WINDOW, flatFee: uint128(UNIT / 10), feeBps: 10, enabled: true, evm: true});
    }

    function _reserveTerms() internal pure returns (Terms memory t) {
        t.ceiling = uint128(10_000_000 * UNIT);
    }

    function _vaultTerms(address oracle) internal pure returns (Terms memory) {
        return Terms({
            oracle: oracle,
            maxLtv: 7_500,
            liquidationThreshold: 8_000,
            bonus: 500,
            closeFactor: 5_000,
            depeg: 0,
            ceiling: uint128(10_000_000 * UNIT),
            dust: uint128(100 * UNIT)
        });
    }

    function _oracle(TestAggregator feed) internal returns (ChainlinkOracle) {
        return
            new ChainlinkOracle(
                feed, 1 hours, AggregatorV3Interface(address(0)), 0, AggregatorV3Interface(address(0)), 0
            );
    }

    /// @dev A change after activation: announced, waited for, made.
    function _change(Site memory s, bytes memory call) internal {
        vm.startPrank(admin);
        s.gateway.schedule(call);
        vm.warp(vm.getBlockTimestamp() + DELAY);
        s.gateway.applyChange(call);
        vm.stopPrank();
    }

    function _pause(Site memory s, uint8 level) internal {
        vm.prank(admin);
        s.gateway.setPause(TIM3, level);
    }

    // ------------------------------------------------------------------------------------------------------------------ actions

    function _account(address a) internal pure returns (bytes32) {
        return bytes32(uint256(uint160(a)));
    }

    /// @dev Gives `user` USDA and locks it at par for a mint at `destination` to himself.
    function _lock(Site memory s, address user, bytes32 destination, uint256 debt)
        internal
        returns (Operation memory op)
    {
        return _lockIn(s, user, s.reserve, debt * 1e12, debt, destination);
    }

    function _lockIn(Site memory s, address user, bytes32 market, uint256 collateral, uint256 debt, bytes32 destination)
        internal
        returns (Operation memory op)
    {
        _fund(s, user, market, collateral);
        vm.recordLogs();
        vm.prank(user);
        bytes32 operationId = s.gateway
            .lock(market, collateral, uint128(debt), destination, _account(user), _account(user), type(uint128).max);
        if (operationId != 0) op = _made(operationId);
    }

    function _fund(Site memory s, address user, bytes32 market, uint256 collateral) internal {
        TestToken token = market == s.reserve ? s.usda : s.weth;
        token.mint(user, collateral);
        vm.prank(user);
        token.approve(address(s.gateway), type(uint256).max);
    }

    /// @dev Locks at home for tokens at home.
    function _mintAtHome(Site memory s, address user, uint256 amount) internal {
        _lock(s, user, s.id, amount);
    }

    function _transfer(Site memory s, address user, bytes32 destination, uint256 amount)
        internal
        returns (Operation memory)
    {
        return _burn(s, user, Intent(3, destination, 0, 0, _account(user), 0), amount);
    }

    function _burn(Site memory s, address user, Intent memory intent, uint256 amount)
        internal
        returns (Operation memory)
    {
        vm.recordLogs();
        vm.prank(user);
        bytes32 operationId = s.gateway.burn(TIM3, uint128(amount), intent, _account(user), type(uint128).max);
        return _made(operationId);
    }

    /// @dev The operation in the last event recorded.
    function _made(bytes32 operationId) internal returns (Operation memory op) {
        op = _operationIn(vm.getRecordedLogs());
        assertEq(Codec.operationId(op), operationId, "the event carries the operation");
    }

    function _operationIn(Vm.Log[] memory logs) internal pure returns (Operation memory op) {
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] != IGateway.Event.selector) continue;
            (, bytes memory body) = abi.decode(logs[i].data, (uint64, bytes));
            uint8 kind = uint8(uint256(logs[i].topics[2]));
            if (kind == Ledger.LOCKED && body.length == 22 * 32) op = abi.decode(_tail(body, 8), (Operation));
            if (kind == Ledger.BURNED) op = abi.decode(body, (Operation));
        }
    }

    /// @dev The words of `body` from `from` on.
    function _tail(bytes memory body, uint256 from) internal pure returns (bytes memory tail) {
        tail = new bytes(body.length - from * 32);
        for (uint256 i = 0; i < tail.length; ++i) {
            tail[i] = body[i + from * 32];
        }
    }

    // ------------------------------------------------------------------------------------------------------------------- orders

    function _order(Site memory s, uint8 action, Operation memory op) internal view returns (Order memory) {
        return _orderOf(s, action, abi.encode(op), Codec.operationId(op));
    }

    function _orderOf(Site memory s, uint8 action, bytes memory words, bytes32 content)
        internal
        view
        returns (Order memory)
    {
        return Order(action, words, _signatures(_digest(s, action, content), THRESHOLD));
    }

    function _digest(Site memory s, uint8 action, bytes32 content) internal view returns (bytes32) {
        (uint64 epoch,,) = s.gateway.attesters();
        return Codec.digest(Codec.domainSeparator(s.id), action, epoch, content);
    }

    function _signatures(bytes32 digest, uint256 count) internal view returns (bytes memory all) {
        for (uint256 i = 0; i < count; ++i) {
            all = bytes.concat(all, _signature(keys[i], digest));
        }
    }

    function _signature(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    /// @dev Executes one order alone.
    function _execute(Site memory s, Order memory order) internal returns (uint8 code) {
        (code,) = _executeFor(s, order);
    }

    /// @dev Executes one order alone and returns the reason when it was skipped.
    function _executeFor(Site memory s, Order memory order) internal returns (uint8 code, bytes memory reason) {
        Order[] memory orders = new Order[](1);
        orders[0] = order;
        vm.recordLogs();
        code = s.gateway.execute(orders)[0];
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] == IGateway.Skipped.selector) {
                uint8 action;
                uint8 logged;
                (action, logged, reason) = abi.decode(logs[i].data, (uint8, uint8, bytes));
                assertEq(action, order.action);
                assertEq(logged, code);
            }
        }
    }

    function _do(Site memory s, uint8 action, Operation memory op) internal {
        assertEq(_execute(s, _order(s, action, op)), DONE, "order not done");
    }

    function _rejects(Site memory s, Order memory order, bytes memory expected) internal {
        _skips(s, order, REJECTED, expected);
    }

    /// @dev The order is skipped with this code and reason, and makes no event.
    function _skips(Site memory s, Order memory order, uint8 expectedCode, bytes memory expected) internal {
        (uint64 count, bytes32 hash) = s.gateway.head();
        (uint8 code, bytes memory reason) = _executeFor(s, order);
        assertEq(code, expectedCode, "code");
        assertEq(reason, expected, "reason");
        (uint64 countAfter, bytes32 hashAfter) = s.gateway.head();
        assertEq(count, countAfter, "a skipped order makes no event");
        assertEq(hash, hashAfter);
    }

    // ------------------------------------------------------------------------------------------------------------------- checks

    /// @dev The local law: debt + badDebt - (minted - burned) = sent - refunded - settled.
    function _checkLaw(Site memory s, bytes32 peer) internal view {
        Totals memory t = s.gateway.totals(TIM3);
        PeerTotals memory p = s.gateway.peerTotals(TIM3, peer);
        assertEq(
            int256(uint256(t.debt)) + int256(uint256(t.badDebt)) - int256(uint256(t.minted))
                + int256(uint256(t.burned)),
            int256(uint256(p.sent)) - int256(uint256(p.refunded)) - int256(uint256(p.settled)),
            "conservation at one gateway"
        );
        assertEq(s.tim3.totalSupply(), t.minted - t.burned, "supply");
        assertEq(s.tim3.balanceOf(address(s.gateway)), t.claimable, "custody");
    }

    function _position(Site memory s, bytes32 market, bytes32 owner) internal view returns (Position memory p) {
        (p.collateral, p.debt, p.version) = s.gateway.position(market, owner);
    }

    function _signers() internal view returns (address[] memory signers) {
        signers = new address[](keys.length);
        for (uint256 i = 0; i < keys.length; ++i) {
            signers[i] = vm.addr(keys[i]);
        }
    }

    function _sort(uint256[] storage list) private {
        for (uint256 i = 1; i < list.length; ++i) {
            for (uint256 j = i; j > 0 && vm.addr(list[j]) < vm.addr(list[j - 1]); --j) {
                (list[j], list[j - 1]) = (list[j - 1], list[j]);
            }
        }
    }
}
