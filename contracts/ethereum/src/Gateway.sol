// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";

import {IGateway} from "./IGateway.sol";
import {
    Asset,
    BadDebt,
    Controller,
    Intent,
    LockRequest,
    Market,
    MarketKind,
    Mirror,
    MirrorRecord,
    Order,
    Peer,
    PeerTotals,
    Position,
    Route,
    Store,
    Terms,
    Totals,
    Window
} from "./Types.sol";
import {Actions} from "./libraries/Actions.sol";
import {Codec} from "./libraries/Codec.sol";
import {Governance} from "./libraries/Governance.sol";
import {Ledger} from "./libraries/Ledger.sol";
import {Orders} from "./libraries/Orders.sol";
import {Pauses} from "./libraries/Pauses.sol";
import {Slots} from "./libraries/Slots.sol";
import {Windows} from "./libraries/Windows.sol";

/// @title The TIM3 gateway of an EVM chain
/// @notice Not upgradeable. Users' actions, orders and settings are in three linked libraries (Actions, Orders, Governance), which are
/// stateless, have no links of their own and work on `store` by delegate call; deploy them in any order, then this.
contract Gateway is IGateway {
    /// @dev How long a change that is ready may be made.
    uint64 public constant CHANGE_LIFETIME = 14 days;

    // Answers of `execute`; what is done keeps the initial 0.
    uint8 private constant ALREADY_DONE = 1;
    uint8 private constant DELAYED = 2;
    uint8 private constant REJECTED = 3;

    // What `execute` wants to see before it tries an order, so that one that runs out of gas cannot take the others with it. The most
    // an order was measured to use, and a margin; what calls foreign contracts asks for more by itself (see Gas).
    uint256 private constant ORDER_GAS = 350_000;
    uint256 private constant SIGNATURE_GAS = 8_000;
    uint256 private constant SKIP_GAS = 15_000;

    bytes32 private immutable ID;
    bytes32 private immutable SALT;
    bytes32 private immutable DOMAIN;
    uint64 private immutable DELAY;

    Store private store;

    /// @dev One call that may make events. It excludes every other one, so no token can call back.
    modifier session() {
        Ledger.open(store);
        _;
        Ledger.close(store);
    }

    /// @dev What users and submitters do.
    modifier whenActive() {
        if (!store.head.active) revert NotActive();
        Ledger.open(store);
        _;
        Ledger.close(store);
    }

    /// @dev Settings: the admin's at once during set-up, and later this contract's own, out of `applyChange`, in whose session they are.
    modifier configures() {
        bool outermost = _enterConfiguration();
        _;
        if (outermost) Ledger.close(store);
    }

    modifier onlyAdmin() {
        _checkAdmin();
        _;
    }

    /// @param salt_ 32 random bytes, so that no other gateway, not even one redeployed at this address, has this one's id
    /// @param delay_ seconds between the announcement of a change and its making, once the gateway is active
    constructor(bytes32 salt_, address admin_, address guardian_, uint64 delay_) {
        if (salt_ == 0 || admin_ == address(0) || guardian_ == address(0)) revert InvalidValue();
        // A freeze must outlast the replacement of the attesters.
        if (delay_ == 0 || delay_ >= Pauses.FREEZE_SECONDS) revert InvalidValue();
        bytes32 chain = keccak256(bytes(string.concat("eip155:", Strings.toString(block.chainid))));
        SALT = salt_;
        ID = Codec.gatewayId(chain, Codec.toAccount(address(this)), salt_);
        DOMAIN = Codec.domainSeparator(ID);
        DELAY = delay_;
        store.admin = admin_;
        store.guardian = guardian_;
        store.checkpoints[0] = ID;
        emit AdminTransferred(address(0), admin_);
        emit GuardianSet(guardian_);
    }

    // ------------------------------------------------------------------------------------------------------------------- users

    /// @inheritdoc IGateway
    function lock(
        bytes32 marketId,
        uint256 collateral,
        uint128 debt,
        bytes32 destination,
        bytes32 recipient,
        bytes32 refundTo,
        uint128 maxFee
    ) external whenActive returns (bytes32) {
        return Actions.lock(
            store, LockRequest(marketId, collateral, debt, destination, recipient, refundTo, maxFee), ID
        );
    }

    /// @inheritdoc IGateway
    function burn(bytes32 assetId, uint128 amount, Intent calldata intent, bytes32 refundTo, uint128 maxFee)
        external
        whenActive
        returns (bytes32)
    {
        return Actions.burn(store, assetId, amount, intent, refundTo, maxFee, ID);
    }

    /// @inheritdoc IGateway
    function repay(bytes32 marketId, bytes32 owner, uint128 amount) external whenActive {
        Actions.repay(store, marketId, owner, amount);
    }

    /// @inheritdoc IGateway
    function withdraw(bytes32 marketId, uint128 collateral, bytes32 to) external whenActive {
        Actions.withdraw(store, marketId, collateral, to);
    }

    /// @inheritdoc IGateway
    function redeem(bytes32 marketId, bytes32 owner, uint128 amount, uint128 wanted, bytes32 recipient)
        external
        whenActive
    {
        Actions.redeem(store, marketId, owner, amount, wanted, recipient, ID);
    }

    /// @inheritdoc IGateway
    function liquidate(bytes32 marketId, bytes32 owner, uint128 maxRepay, uint128 minSeized) external whenActive {
        Actions.liquidate(store, marketId, owner, maxRepay, minSeized);
    }

    /// @inheritdoc IGateway
    function cover(bytes32 marketId, uint128 amount) external whenActive {
        Actions.cover(store, marketId, amount);
    }

    /// @inheritdoc IGateway
    function setController(bytes32 marketId, bytes32 gateway, bytes32 account) external whenActive {
        Actions.setController(store, marketId, gateway, account);
    }

    /// @inheritdoc IGateway
    function claim(bytes32 assetId, bytes32 to) external whenActive {
        Actions.claim(store, assetId, to);
    }

    // ------------------------------------------------------------------------------------------------------------------ orders

    /// @inheritdoc IGateway
    function execute(Order[] calldata orders) external whenActive returns (uint8[] memory codes) {
        if (store.head.retired) revert Retired();
        codes = new uint8[](orders.length);
        for (uint256 i = 0; i < orders.length; ++i) {
            Order calldata order = orders[i];
            bytes memory reason;
            // slither-disable-next-line divide-before-multiply (whole signatures)
            uint256 floor = ORDER_GAS + SIGNATURE_GAS * (order.signatures.length / 65) + SKIP_GAS * (orders.length - i);
            if (gasleft() < floor) {
                reason = abi.encodeWithSelector(InsufficientGas.selector, gasleft(), floor);
            } else {
                // A call of its own: what the order did is undone when it fails.
                try Orders.run(store, order, ID, DOMAIN) {
                    continue;
                } catch (bytes memory failure) {
                    reason = failure;
                }
            }
            codes[i] = _code(reason);
            emit Skipped(i, Codec.contentHash(order.action, order.content), order.action, codes[i], reason);
        }
    }

    function _code(bytes memory reason) private pure returns (uint8) {
        // forge-lint: disable-next-line(unsafe-typecast)
        bytes4 selector = bytes4(reason); // shorter ones are padded
        if (selector == AlreadyDone.selector) return ALREADY_DONE;
        if (selector == WindowFull.selector) return DELAYED;
        return REJECTED;
    }

    // ----------------------------------------------------------------------------------------------------------- administration

    /// @inheritdoc IGateway
    function activate() external onlyAdmin {
        if (store.head.active) revert AlreadyActive();
        if (store.head.threshold == 0 || store.treasury == address(0)) revert NotReady();
        store.head.active = true;
        emit Activated();
    }

    /// @inheritdoc IGateway
    function schedule(bytes calldata call) external onlyAdmin {
        bytes32 change = keccak256(call);
        if (store.scheduled[change] != 0) revert AlreadyRegistered(change);
        uint64 ready = uint64(block.timestamp) + DELAY;
        store.scheduled[change] = ready;
        emit Scheduled(change, ready, call);
    }

    /// @inheritdoc IGateway
    function applyChange(bytes calldata call) external onlyAdmin session {
        bytes32 change = keccak256(call);
        uint64 ready = store.scheduled[change];
        if (ready == 0) revert NotScheduled(change);
        if (block.timestamp < ready) revert TooEarly(ready);
        if (block.timestamp > ready + CHANGE_LIFETIME) revert Expired(ready + CHANGE_LIFETIME);
        delete store.scheduled[change];
        // Everything else here either opens a session, which this one excludes, or is for the admin, which this contract is not.
        (bool success, bytes memory failure) = address(this).call(call);
        if (!success) {
            assembly ("memory-safe") {
                revert(add(failure, 32), mload(failure))
            }
        }
        emit Applied(change);
    }

    /// @inheritdoc IGateway
    function cancel(bytes calldata call) external {
        // A guardian may stop any change but the one that replaces him.
        if (msg.sender != store.admin && (msg.sender != store.guardian || bytes4(call) == this.setGuardian.selector)) {
            revert NotGuardian();
        }
        bytes32 change = keccak256(call);
        if (store.scheduled[change] == 0) revert NotScheduled(change);
        delete store.scheduled[change];
        emit Cancelled(change);
    }

    /// @inheritdoc IGateway
    function acceptAdmin() external {
        if (msg.sender != store.pendingAdmin) revert NotAdmin();
        emit AdminTransferred(store.admin, msg.sender);
        store.admin = msg.sender;
        delete store.pendingAdmin;
    }

    /// @inheritdoc IGateway
    function setPause(bytes32 assetId, uint8 level) external session {
        Governance.setPause(store, assetId, level);
    }

    function addSynthetic(string calldata symbol, address token, uint128 target) external configures {
        Governance.addSynthetic(store, symbol, token, target);
    }

    function addCollateral(string calldata symbol, address token, uint8 decimals) external configures {
        Governance.addCollateral(store, symbol, token, decimals);
    }

    function setMarket(bytes32 synthetic, bytes32 collateral, uint8 kind, Terms calldata terms) external configures {
        if (kind > uint8(MarketKind.Vault)) revert InvalidValue();
        Governance.setMarket(store, synthetic, collateral, MarketKind(kind), terms, ID);
    }

    function setWindow(bytes32 assetId, uint8 kind, uint128 limit, uint64 period) external configures {
        Governance.setWindow(store, assetId, kind, limit, period);
    }

    function setRoute(bytes32 assetId, bytes32 gateway, Route calldata route_) external configures {
        Governance.setRoute(store, assetId, gateway, route_, ID);
    }

    function setAttesters(uint8 threshold, address[] calldata signers) external configures {
        Governance.setAttesters(store, threshold, signers);
    }

    function setTreasury(address treasury_) external configures {
        Governance.setTreasury(store, treasury_);
    }

    function setGuardian(address guardian_) external configures {
        if (guardian_ == address(0)) revert InvalidValue();
        store.guardian = guardian_;
        emit GuardianSet(guardian_);
    }

    function transferAdmin(address admin_) external configures {
        if (admin_ == address(this)) revert InvalidValue();
        store.pendingAdmin = admin_;
        emit AdminTransferStarted(store.admin, admin_);
    }

    function tombstone(bytes32 gateway, uint64 finalCount, bytes32 finalHash) external configures {
        Governance.tombstone(store, gateway, finalCount, finalHash, ID);
    }

    function _checkAdmin() private view {
        if (msg.sender != store.admin) revert NotAdmin();
    }

    /// @return outermost whether a session was opened here
    function _enterConfiguration() private returns (bool outermost) {
        if (msg.sender == address(this)) return false;
        _checkAdmin();
        if (store.head.active) revert AlreadyActive();
        Ledger.open(store);
        return true;
    }

    // ------------------------------------------------------------------------------------------------------------------- views

    function id() external view returns (bytes32) {
        return ID;
    }

    function salt() external view returns (bytes32) {
        return SALT;
    }

    function domainSeparator() external view returns (bytes32) {
        return DOMAIN;
    }

    function delay() external view returns (uint64) {
        return DELAY;
    }

    function active() external view returns (bool) {
        return store.head.active;
    }

    function retired() external view returns (bool) {
        return store.head.retired;
    }

    function admin() external view returns (address) {
        return store.admin;
    }

    function pendingAdmin() external view returns (address) {
        return store.pendingAdmin;
    }

    function guardian() external view returns (address) {
        return store.guardian;
    }

    function scheduled(bytes calldata call) external view returns (uint64) {
        return store.scheduled[keccak256(call)];
    }

    function head() external view returns (uint64 count, bytes32 hash) {
        count = store.head.count;
        hash = store.checkpoints[count];
    }

    function checkpoint(uint64 count) external view returns (bytes32) {
        return store.checkpoints[count];
    }

    function outgoing(bytes32 destination, uint64 nonce) external view returns (bytes32) {
        return store.outgoing[destination][nonce];
    }

    function slot(bytes32 origin, uint64 nonce) external view returns (uint8) {
        return Slots.get(store, origin, nonce);
    }

    function slots(bytes32 origin, uint64 from, uint64 count) external view returns (uint8[] memory outcomes) {
        outcomes = new uint8[](count);
        for (uint64 i = 0; i < count; ++i) {
            outcomes[i] = Slots.get(store, origin, from + i);
        }
    }

    function refunded(bytes32 destination, uint64 nonce) external view returns (bool) {
        return Slots.refunded(store, destination, nonce);
    }

    function nextNonce(bytes32 destination) external view returns (uint64) {
        return store.peers[destination].nextNonce;
    }

    function peer(bytes32 gateway) external view returns (Peer memory) {
        return store.peers[gateway];
    }

    function totals(bytes32 assetId) external view returns (Totals memory) {
        return store.totals[assetId];
    }

    function peerTotals(bytes32 assetId, bytes32 gateway) external view returns (PeerTotals memory) {
        return store.peerTotals[assetId][gateway];
    }

    function assets() external view returns (bytes32[] memory) {
        return store.assetIds;
    }

    function asset(bytes32 assetId) external view returns (Asset memory) {
        return store.assets[assetId];
    }

    function markets() external view returns (bytes32[] memory) {
        return store.marketIds;
    }

    function market(bytes32 marketId) external view returns (Market memory m) {
        m = store.markets[marketId];
        if (m.kind == MarketKind.Reserve) {
            Position storage p = store.positions[marketId][marketId];
            (m.totalCollateral, m.totalDebt) = (p.collateral, p.debt);
        }
    }

    function badDebt(bytes32 marketId) external view returns (BadDebt memory) {
        return store.badDebts[marketId];
    }

    function position(bytes32 marketId, bytes32 owner) external view returns (uint128, uint128, uint64) {
        Position storage p = store.positions[marketId][owner];
        return (p.collateral, p.debt, p.version);
    }

    function positions(bytes32 marketId, bytes32[] calldata owners) external view returns (Position[] memory found) {
        found = new Position[](owners.length);
        for (uint256 i = 0; i < owners.length; ++i) {
            found[i] = store.positions[marketId][owners[i]];
        }
    }

    function controller(bytes32 marketId, bytes32 owner) external view returns (Controller memory) {
        return store.controllers[marketId][owner];
    }

    function mirror(bytes32 marketId, bytes32 owner) external view returns (Mirror memory) {
        MirrorRecord storage r = store.mirrors[marketId][owner];
        return Mirror(r.exists ? store.mirrorHomes[marketId] : bytes32(0), r.collateral, r.debt, r.version);
    }

    function window(bytes32 assetId, uint8 kind) external view returns (Window memory w) {
        w = store.windows[assetId][kind];
        // forge-lint: disable-next-line(unsafe-typecast)
        w.available = int128(Windows.availableNow(w)); // at most the limit
        w.updated = uint64(block.timestamp);
    }

    function route(bytes32 assetId, bytes32 gateway) external view returns (Route memory) {
        return store.routes[assetId][gateway];
    }

    function pauseLevel(bytes32 assetId) external view returns (uint8) {
        return Pauses.level(store.assets[assetId]);
    }

    function attesters() external view returns (uint64 epoch, uint8 threshold, address[] memory signers) {
        return (store.head.epoch, store.head.threshold, store.signers);
    }

    function claimable(bytes32 account, bytes32 assetId) external view returns (uint128) {
        return store.claimables[account][assetId];
    }

    function treasury() external view returns (address) {
        return store.treasury;
    }
}
