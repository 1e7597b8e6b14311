// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Vm} from "forge-std/Test.sol";

import {IGateway} from "../../src/IGateway.sol";
import {Intent, Operation, Order, Position, Totals} from "../../src/Types.sol";
import {Codec} from "../../src/libraries/Codec.sol";
import {Ledger} from "../../src/libraries/Ledger.sol";
import {Fixture} from "../Fixture.sol";

/// @notice Random users and attesters of two gateways. The attesters keep their rules (only a void is refunded), the submitters do
/// not: they deliver anything, twice, in any order. What the gateways report is folded into a model that knows nothing else of them.
contract Handler is Fixture {
    /// @dev What became of an operation, by the events.
    struct Fate {
        uint8 done;
        uint8 voided;
        uint8 refunded;
        bool conflict;
    }

    /// @dev A gateway as its events tell it.
    struct Model {
        uint64 count;
        bytes32 hash;
    }

    Operation[] internal made;
    mapping(bytes32 operationId => Fate) internal fates;
    mapping(bytes32 gateway => Model) internal models;
    address[3] internal users;
    mapping(string action => uint256) public done;

    function setUp() public override {
        vm.recordLogs();
        super.setUp();
        users = [alice, bob, carol];
        models[home.id] = Model(0, home.id);
        models[away.id] = Model(0, away.id);
        _fold("setUp");
        for (uint256 i = 0; i < users.length; ++i) {
            _fund(home, users[i], home.reserve, 1e28);
            _fund(home, users[i], home.vault, 1e28);
            _fund(away, users[i], away.reserve, 1e28);
            _fund(away, users[i], away.vault, 1e28);
            this.lock(i * 2, 10_000 * UNIT, false, false, 0);
            this.lock(i * 2 + 1, 10_000 * UNIT, false, false, 0);
        }
    }

    // -------------------------------------------------------------------------------------------------------------------- users

    function lock(uint256 seed, uint256 amount, bool remote, bool vault, uint256 collateral) external {
        (Site memory s, Site memory other, address user) = _pick(seed);
        amount = bound(amount, UNIT, 50_000 * UNIT);
        collateral = vault ? bound(collateral, 0, amount * 1e12 / 800) : amount * 1e12 + collateral % 3;
        if (vault && collateral % 5 == 0) amount = 0;
        _call(
            s,
            user,
            abi.encodeCall(
                IGateway.lock,
                (
                    vault ? s.vault : s.reserve,
                    collateral,
                    uint128(amount),
                    remote ? other.id : s.id,
                    _account(user),
                    _account(user),
                    type(uint128).max
                )
            ),
            "lock"
        );
    }

    function burn(uint256 seed, uint256 amount, uint256 kind, uint256 ownerSeed, uint128 wanted) external {
        (Site memory s, Site memory other, address user) = _pick(seed);
        uint256 has = s.tim3.balanceOf(user);
        if (has < UNIT) return;
        amount = bound(amount, UNIT, has);
        Intent memory intent = Intent(3, other.id, 0, 0, _account(user), 0);
        if (kind % 3 == 1) intent = Intent(2, other.id, other.reserve, other.reserve, _account(user), 0);
        if (kind % 3 == 2) {
            bytes32 owner = _account(users[ownerSeed % 3]);
            intent = Intent(2, other.id, other.vault, owner, _account(user), wanted % 1e22);
        }
        _call(
            s,
            user,
            abi.encodeCall(IGateway.burn, (TIM3, uint128(amount), intent, _account(user), type(uint128).max)),
            "burn"
        );
    }

    function repay(uint256 seed, uint256 ownerSeed, uint256 amount) external {
        (Site memory s,, address user) = _pick(seed);
        amount = bound(amount, 0, s.tim3.balanceOf(user));
        bytes memory call = abi.encodeCall(IGateway.repay, (s.vault, _account(users[ownerSeed % 3]), uint128(amount)));
        _call(s, user, call, "repay");
    }

    function withdraw(uint256 seed, uint256 amount) external {
        (Site memory s,, address user) = _pick(seed);
        Position memory p = _position(s, s.vault, _account(user));
        amount = bound(amount, 0, uint256(p.collateral));
        _call(s, user, abi.encodeCall(IGateway.withdraw, (s.vault, uint128(amount), _account(user))), "withdraw");
    }

    function redeem(uint256 seed, uint256 ownerSeed, uint256 amount, bool vault, uint128 wanted) external {
        (Site memory s,, address user) = _pick(seed);
        amount = bound(amount, 0, s.tim3.balanceOf(user));
        bytes32 market = vault ? s.vault : s.reserve;
        bytes32 owner = vault ? _account(users[ownerSeed % 3]) : market;
        bytes memory call =
            abi.encodeCall(IGateway.redeem, (market, owner, uint128(amount), wanted % 1e22, _account(user)));
        _call(s, user, call, "redeem");
    }

    function liquidate(uint256 seed, uint256 ownerSeed, uint256 price) external {
        (Site memory s,, address user) = _pick(seed);
        s.feed.set(int256(bound(price, 200e8, 2200e8)));
        bytes memory call = abi.encodeCall(
            IGateway.liquidate, (s.vault, _account(users[ownerSeed % 3]), uint128(s.tim3.balanceOf(user)), 0)
        );
        _call(s, user, call, "liquidate");
        s.feed.set(WETH_PRICE);
    }

    function cover(uint256 seed, uint256 amount, bool vault) external {
        (Site memory s,, address user) = _pick(seed);
        amount = bound(amount, 0, s.tim3.balanceOf(user));
        _call(s, user, abi.encodeCall(IGateway.cover, (vault ? s.vault : s.reserve, uint128(amount))), "cover");
    }

    function setController(uint256 seed, uint256 accountSeed) external {
        (Site memory s, Site memory other, address user) = _pick(seed);
        bytes memory call =
            abi.encodeCall(IGateway.setController, (s.vault, other.id, _account(users[accountSeed % 3])));
        _call(s, user, call, "setController");
    }

    function claim(uint256 seed, uint256 assetSeed) external {
        (Site memory s,, address user) = _pick(seed);
        bytes32 asset = assetSeed % 3 == 0 ? TIM3 : assetSeed % 3 == 1 ? USDA : WETH;
        _call(s, user, abi.encodeCall(IGateway.claim, (asset, _account(user))), "claim");
    }

    // ------------------------------------------------------------------------------------------------------------------ orders

    /// @dev Delivers a batch of any operations, whatever became of them; now and then the recipients are frozen.
    function deliver(uint256 seed, uint256 first, uint8 count, bool frozen) external {
        if (made.length == 0) return;
        (Site memory s,,) = _pick(seed);
        Order[] memory orders = new Order[](bound(count, 1, 6));
        for (uint256 i = 0; i < orders.length; ++i) {
            Operation memory op = made[(first % 1e9 + i) % made.length];
            orders[i] = _order(s, op.kind == 2 ? 2 : 1, op);
        }
        if (frozen && first % 4 == 0) _freeze(s);
        _execute(s, orders, "deliver");
        vm.clearMockedCalls();
    }

    function void(uint256 index) external {
        if (made.length == 0) return;
        Operation memory op = made[index % made.length];
        _executeOne(_site(op.destination), 3, op, "void");
    }

    /// @dev Only what the destination has voided: the rule of the attesters that no gateway can check.
    function refund(uint256 index, bool frozen) external {
        if (made.length == 0) return;
        Operation memory op = made[index % made.length];
        if (_site(op.destination).gateway.slot(op.origin, op.nonce) != 2) return;
        Site memory s = _site(op.origin);
        if (frozen) _freeze(s);
        _executeOne(s, 4, op, "refund");
        vm.clearMockedCalls();
    }

    /// @dev Finality broke: an operation that is gone was executed, and another one has its nonce.
    function conflict(uint256 seed, uint256 amount) external {
        (Site memory s, Site memory other, address user) = _pick(seed);
        if (s.gateway.pauseLevel(TIM3) != 0 || other.gateway.pauseLevel(TIM3) != 0) return;
        uint256 before = made.length;
        this.lock(seed, amount, true, false, 0);
        if (made.length == before) return;
        Operation memory op = made[before];
        Operation memory orphan = abi.decode(abi.encode(op), (Operation));
        orphan.refundTo = _account(treasury);
        _executeOne(other, 1, orphan, "orphan");
        if (other.gateway.slot(s.id, op.nonce) != 1) {
            _executeOne(other, 3, op, "void"); // the window was full
            return;
        }
        bytes32 orphanId = Codec.operationId(orphan);
        bytes memory words = bytes.concat(abi.encode(op), abi.encode(orphanId, s.reserve, orphan.amount));
        bytes32 content =
            keccak256(abi.encode(Codec.CONFLICT_TYPEHASH, Codec.operationId(op), orphanId, s.reserve, orphan.amount));
        Order[] memory orders = new Order[](1);
        orders[0] = _orderOf(s, 5, words, content);
        fates[Codec.operationId(op)].conflict = true;
        uint8[] memory codes = _execute(s, orders, "conflict");
        assertEq(codes[0], DONE, user == address(0) ? "" : "conflict");
    }

    function pause(uint256 seed, uint8 level) external {
        (Site memory s,,) = _pick(seed);
        // Mostly open, or nothing would happen.
        level = level % 16 > 3 ? 0 : level % 16;
        _call(s, admin, abi.encodeCall(IGateway.setPause, (TIM3, level)), "pause");
    }

    function pass(uint32 time) external {
        vm.warp(vm.getBlockTimestamp() + time % 2 days);
        home.feed.set(WETH_PRICE);
        away.feed.set(WETH_PRICE);
    }

    // ------------------------------------------------------------------------------------------------------------------- model

    function _call(Site memory s, address user, bytes memory call, string memory action) private {
        vm.recordLogs();
        vm.prank(user);
        (bool success,) = address(s.gateway).call(call);
        if (success) _fold(action);
    }

    function _executeOne(Site memory s, uint8 action, Operation memory op, string memory name) private {
        Order[] memory orders = new Order[](1);
        orders[0] = _order(s, action, op);
        _execute(s, orders, name);
    }

    function _execute(Site memory s, Order[] memory orders, string memory action)
        private
        returns (uint8[] memory codes)
    {
        vm.recordLogs();
        codes = s.gateway.execute(orders);
        _fold(action);
    }

    /// @dev Folds what was recorded into the running hashes and the fates.
    function _fold(string memory action) private {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] != IGateway.Event.selector) continue;
            Site memory s = logs[i].emitter == address(home.gateway) ? home : away;
            (uint64 timestamp, bytes memory body) = abi.decode(logs[i].data, (uint64, bytes));
            uint256 sequence = uint256(logs[i].topics[1]);
            uint256 kind = uint256(logs[i].topics[2]);
            Model storage model = models[s.id];
            assertEq(sequence, model.count, "sequences are dense");
            model.hash = keccak256(
                bytes.concat(model.hash, bytes32(sequence), bytes32(kind), bytes32(uint256(timestamp)), body)
            );
            ++model.count;
            ++done[action];
            _remember(kind, body);
        }
    }

    function _remember(uint256 kind, bytes memory body) private {
        if (kind == Ledger.LOCKED && body.length == 22 * 32) made.push(abi.decode(_tail(body, 8), (Operation)));
        if (kind == Ledger.BURNED) made.push(abi.decode(body, (Operation)));
        bytes32 operationId = bytes32(body);
        if (operationId == 0) return; // a redeem at home
        if (kind == Ledger.MINTED || kind == Ledger.RELEASED) ++fates[operationId].done;
        if (kind == Ledger.VOIDED) ++fates[operationId].voided;
        if (kind == Ledger.REFUNDED) ++fates[operationId].refunded;
    }

    function _pick(uint256 seed) private view returns (Site memory s, Site memory other, address user) {
        (s, other) = seed % 2 == 0 ? (home, away) : (away, home);
        user = users[(seed >> 1) % 3];
    }

    function _site(bytes32 id) private view returns (Site memory) {
        return id == home.id ? home : away;
    }

    function _freeze(Site memory s) private {
        vm.mockCallRevert(address(s.usda), abi.encodeWithSelector(s.usda.transfer.selector), "frozen");
        vm.mockCallRevert(address(s.weth), abi.encodeWithSelector(s.weth.transfer.selector), "frozen");
    }

    // ------------------------------------------------------------------------------------------------------------------ checks

    function checkGateways() external view {
        _checkGateway(home, away);
        _checkGateway(away, home);
        assertEq(_supply(home) + _supply(away) + _flight(home, away) + _flight(away, home), _debts(home) + _debts(away));
    }

    function _checkGateway(Site memory s, Site memory other) private view {
        _checkLaw(s, other.id);
        Model memory model = models[s.id];
        (uint64 count, bytes32 hash) = s.gateway.head();
        assertEq(count, model.count, "count");
        assertEq(hash, model.hash, "running hash");
        assertEq(s.gateway.checkpoint(count), hash);

        Position memory r = _position(s, s.reserve, s.reserve);
        assertGe(r.collateral, uint256(r.debt) * 1e12, "the reserve carries its debt");
        assertGe(s.usda.balanceOf(address(s.gateway)), uint256(r.collateral) + s.gateway.totals(USDA).claimable, "USDA");
        uint256 collateral;
        uint256 debt;
        for (uint256 i = 0; i < users.length; ++i) {
            Position memory p = _position(s, s.vault, _account(users[i]));
            collateral += p.collateral;
            debt += p.debt;
        }
        assertEq(s.gateway.market(s.vault).totalCollateral, collateral);
        assertEq(s.gateway.market(s.vault).totalDebt, debt);
        assertGe(s.weth.balanceOf(address(s.gateway)), collateral + s.gateway.totals(WETH).claimable, "WETH");
        Totals memory t = s.gateway.totals(TIM3);
        assertEq(t.debt, debt + r.debt);
        assertEq(t.badDebt, s.gateway.badDebt(s.vault).amount + s.gateway.badDebt(s.reserve).amount);
    }

    function checkFates() external view {
        uint256[2] memory open;
        for (uint256 i = 0; i < made.length; ++i) {
            Operation memory op = made[i];
            bytes32 operationId = Codec.operationId(op);
            Fate memory f = fates[operationId];
            assertLe(f.done + f.voided, 1, "one outcome at the destination");
            assertLe(f.refunded, 1, "refunded once");
            assertLe(f.done + f.refunded, 1, "minted and refunded");
            uint8 slot = _site(op.destination).gateway.slot(op.origin, op.nonce);
            assertEq(slot, f.conflict || f.done == 1 ? 1 : f.voided == 1 ? 2 : 0);
            assertEq(_site(op.origin).gateway.refunded(op.destination, op.nonce), f.refunded == 1);
            assertEq(_site(op.origin).gateway.outgoing(op.destination, op.nonce), operationId);
            if (f.done + f.refunded == 0) open[op.origin == home.id ? 0 : 1] += op.amount;
        }
        assertEq(_flight(home, away), int256(open[0]), "in flight from home");
        assertEq(_flight(away, home), int256(open[1]), "in flight from away");
    }

    function _supply(Site memory s) private view returns (int256) {
        return int256(s.tim3.totalSupply());
    }

    function _debts(Site memory s) private view returns (int256) {
        Totals memory t = s.gateway.totals(TIM3);
        return int256(uint256(t.debt) + t.badDebt);
    }

    /// @dev Sent by `from` and neither settled by `to` nor refunded; read in the order of the protocol.
    function _flight(Site memory from, Site memory to) private view returns (int256) {
        int256 settled = int256(uint256(to.gateway.peerTotals(TIM3, from.id).settled));
        int256 refunded = int256(uint256(from.gateway.peerTotals(TIM3, to.id).refunded));
        int256 voided = int256(uint256(to.gateway.peerTotals(TIM3, from.id).voided));
        int256 sent = int256(uint256(from.gateway.peerTotals(TIM3, to.id).sent));
        assertGe(sent, settled, "settled is contained in sent");
        assertGe(sent - settled, refunded, "refunded once");
        assertGe(voided + settled, refunded, "refunded is contained in voided, but for conflicts");
        return sent - settled - refunded;
    }
}
