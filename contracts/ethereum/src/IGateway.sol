// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {
    Asset,
    BadDebt,
    Controller,
    Intent,
    Market,
    Mirror,
    Order,
    Peer,
    PeerTotals,
    Position,
    Route,
    Terms,
    Totals,
    Window
} from "./Types.sol";

/// @title TIM3 on one chain: Lock (collateral), Token (the synthetic) and State (mirrored positions)
/// @notice The encodings are those of contracts/PROTOCOL.md. Accounts are 32-byte words, an EVM address left-padded with zeros.
interface IGateway {
    // ------------------------------------------------------------------------------------------------------------------ events

    /// @notice A change, under the running hash. `body` is the words of contracts/PROTOCOL.md section 4.
    event Event(uint64 indexed sequence, uint8 indexed kind, uint64 timestamp, bytes body);
    /// @notice An order of a batch that changed nothing: 1 already done, 2 delayed by a window, 3 rejected. `reason` is an error of
    /// this interface; it is empty when the order failed without one. Not sequenced.
    event Skipped(uint256 indexed index, bytes32 indexed content, uint8 action, uint8 code, bytes reason);

    event Activated();
    event Scheduled(bytes32 indexed change, uint64 ready, bytes call);
    event Cancelled(bytes32 indexed change);
    event Applied(bytes32 indexed change);
    event AdminTransferStarted(address indexed admin, address indexed pending);
    event AdminTransferred(address indexed previous, address indexed admin);
    event GuardianSet(address indexed guardian);

    // ------------------------------------------------------------------------------------------------------------------ errors

    // Who and when.
    error NotActive();
    error AlreadyActive();
    error NotReady();
    error Retired();
    error NotAdmin();
    error NotGuardian();
    error NotOwner();
    error Reentered();
    error Paused(bytes32 asset, uint8 level);

    // What was asked for.
    error UnknownAsset(bytes32 asset);
    error UnknownMarket(bytes32 market);
    error WrongMarketKind(bytes32 market);
    error InvalidAccount(bytes32 account);
    error InvalidIntent();
    error ZeroAmount();
    error Unrepresentable(uint256 amount);
    error InexactTransfer(uint256 expected, uint256 received);
    error TransferFailed();
    error RouteClosed(bytes32 asset, bytes32 peer);
    error AmountOutOfRange(uint256 amount, uint256 min, uint256 max);
    error FeeTooHigh(uint256 fee, uint256 max);
    error NothingToClaim();

    // Positions.
    error CeilingExceeded(uint256 debt, uint256 ceiling);
    error BelowDust(uint256 debt, uint256 dust);
    error Undercollateralized();
    error PriceUnavailable(uint8 verdict);
    error Depegged(uint256 price);
    error NoDebt();
    error Healthy();
    error MustTakeWhole(uint256 repay);
    error SeizedTooLittle(uint256 seized, uint256 min);

    // Orders. The first two are the codes 1 and 2, all others code 3.
    error AlreadyDone();
    error WindowFull(int256 available, uint256 needed);
    error SlotTaken(uint8 outcome);
    error UnknownAction(uint8 action);
    error MalformedContent();
    error WrongGateway(bytes32 gateway);
    error WrongKind(uint8 kind);
    error WrongOwner(bytes32 owner);
    error UnknownOperation(bytes32 stored);
    error MirrorConflict(uint64 version);
    error InvalidSignature(uint256 index);
    error UnorderedSigners(uint256 index);
    error UnknownSigner(address signer);
    error TooFewSignatures(uint256 count, uint256 threshold);
    error InsufficientGas(uint256 left, uint256 floor);

    // Administration.
    error InvalidValue();
    error AlreadyRegistered(bytes32 id);
    error NotScheduled(bytes32 change);
    error TooEarly(uint64 ready);
    error Expired(uint64 deadline);

    // ------------------------------------------------------------------------------------------------------------------- users

    /// @notice Brings collateral into a market and draws debt, minted at `destination`. The position is the caller's (vault) or
    /// the market's (reserve). Debt 0 only adds collateral; then the other arguments are ignored.
    /// @param collateral native units of the collateral token, pulled from the caller
    /// @param debt synthetic to draw, gross of the route fee
    /// @param refundTo account on this chain that is paid if the operation is voided
    /// @param maxFee the highest route fee the caller accepts
    /// @return operationId zero when no operation was made (debt 0, or this gateway is the destination)
    function lock(
        bytes32 market,
        uint256 collateral,
        uint128 debt,
        bytes32 destination,
        bytes32 recipient,
        bytes32 refundTo,
        uint128 maxFee
    ) external returns (bytes32 operationId);

    /// @notice Burns the caller's synthetic and sends it to another gateway, or redeems it at a market's home.
    function burn(bytes32 asset, uint128 amount, Intent calldata intent, bytes32 refundTo, uint128 maxFee)
        external
        returns (bytes32 operationId);

    /// @notice Burns the caller's synthetic against the debt of any position here; takes no more than the debt.
    function repay(bytes32 market, bytes32 owner, uint128 amount) external;

    /// @notice Pays collateral of the caller's own vault position, as far as max LTV allows at the lower price.
    /// @param collateral canonical units, rounded down to what the token can represent
    function withdraw(bytes32 market, uint128 collateral, bytes32 to) external;

    /// @notice Redeems at home by the rule of Release, without a fee.
    /// @param wanted collateral asked for; counts only for the owner or his controller, and not at all in a reserve market
    function redeem(bytes32 market, bytes32 owner, uint128 amount, uint128 wanted, bytes32 recipient) external;

    /// @notice Repays debt of an unhealthy vault position and takes its collateral plus a bonus. Permissionless.
    /// @param maxRepay the most synthetic the caller lets be burned
    /// @param minSeized the least collateral, in canonical units, the caller wants for it
    function liquidate(bytes32 market, bytes32 owner, uint128 maxRepay, uint128 minSeized) external;

    /// @notice Burns the caller's synthetic against the bad debt of a market; takes no more than there is.
    function cover(bytes32 market, uint128 amount) external;

    /// @notice Names the account on another gateway that may withdraw from the caller's vault position; two zeros revoke it.
    function setController(bytes32 market, bytes32 gateway, bytes32 account) external;

    /// @notice Pays the caller what could not be delivered to him.
    function claim(bytes32 asset, bytes32 to) external;

    /// @notice Executes orders of the attesters. Permissionless; no order fails another.
    /// @return codes 0 Done, 1 AlreadyDone, 2 Delayed, 3 Rejected
    function execute(Order[] calldata orders) external returns (uint8[] memory codes);

    // ----------------------------------------------------------------------------------------------------------- administration

    /// @notice Ends the set-up phase: users may act, and changes have to wait from now on.
    function activate() external;
    /// @notice Announces a change: the encoded call of one of the functions below, up to `tombstone`.
    function schedule(bytes calldata call) external;
    /// @notice Makes an announced change after the delay.
    function applyChange(bytes calldata call) external;
    /// @notice Withdraws an announced change. The guardian may, too.
    function cancel(bytes calldata call) external;
    function acceptAdmin() external;
    /// @notice Sets the pause level of a synthetic: the guardian raises, the admin sets any. Not delayed.
    function setPause(bytes32 asset, uint8 level) external;

    function addSynthetic(string calldata symbol, address token, uint128 target) external;
    function addCollateral(string calldata symbol, address token, uint8 decimals) external;
    function setMarket(bytes32 synthetic, bytes32 collateral, uint8 kind, Terms calldata terms) external;
    function setWindow(bytes32 asset, uint8 kind, uint128 limit, uint64 period) external;
    function setRoute(bytes32 asset, bytes32 peer, Route calldata route) external;
    function setAttesters(uint8 threshold, address[] calldata signers) external;
    function setTreasury(address treasury) external;
    function setGuardian(address guardian) external;
    function transferAdmin(address admin) external;
    /// @notice Declares a gateway dead at its last final state: nothing is sent to it any more. Naming this gateway itself retires
    /// it: it never executes an order nor makes an operation again, and the arguments must be zero.
    function tombstone(bytes32 peer, uint64 finalCount, bytes32 finalHash) external;

    // ------------------------------------------------------------------------------------------------------------------- views

    function id() external view returns (bytes32);
    function salt() external view returns (bytes32);
    function domainSeparator() external view returns (bytes32);
    function delay() external view returns (uint64);
    function active() external view returns (bool);
    function retired() external view returns (bool);
    function admin() external view returns (address);
    function pendingAdmin() external view returns (address);
    function guardian() external view returns (address);
    function scheduled(bytes calldata call) external view returns (uint64 ready);

    /// @return count the next sequence
    /// @return hash the running hash after the last event
    function head() external view returns (uint64 count, bytes32 hash);
    function checkpoint(uint64 count) external view returns (bytes32 hash);
    function outgoing(bytes32 destination, uint64 nonce) external view returns (bytes32 operationId);
    /// @return outcome 0 none, 1 done, 2 void
    function slot(bytes32 origin, uint64 nonce) external view returns (uint8 outcome);
    function slots(bytes32 origin, uint64 from, uint64 count) external view returns (uint8[] memory outcomes);
    function refunded(bytes32 destination, uint64 nonce) external view returns (bool);
    function nextNonce(bytes32 destination) external view returns (uint64);
    function peer(bytes32 gateway) external view returns (Peer memory);
    function totals(bytes32 asset) external view returns (Totals memory);
    function peerTotals(bytes32 asset, bytes32 peer) external view returns (PeerTotals memory);
    function assets() external view returns (bytes32[] memory);
    function asset(bytes32 assetId) external view returns (Asset memory);
    function markets() external view returns (bytes32[] memory);
    function market(bytes32 marketId) external view returns (Market memory);
    function badDebt(bytes32 marketId) external view returns (BadDebt memory);
    function position(bytes32 marketId, bytes32 owner)
        external
        view
        returns (uint128 collateral, uint128 debt, uint64 version);
    function positions(bytes32 marketId, bytes32[] calldata owners) external view returns (Position[] memory);
    function controller(bytes32 marketId, bytes32 owner) external view returns (Controller memory);
    /// @notice The newest copy of a position of another gateway; all zero when there is none.
    function mirror(bytes32 marketId, bytes32 owner) external view returns (Mirror memory);
    /// @param kind 1 Mint, 2 Release
    /// @return the window with `available` as of this block
    function window(bytes32 asset, uint8 kind) external view returns (Window memory);
    function route(bytes32 asset, bytes32 peer) external view returns (Route memory);
    function pauseLevel(bytes32 asset) external view returns (uint8);
    function attesters() external view returns (uint64 epoch, uint8 threshold, address[] memory signers);
    function claimable(bytes32 account, bytes32 asset) external view returns (uint128 amount);
    function treasury() external view returns (address);
}
