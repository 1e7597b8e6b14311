// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

// The shapes that the gateway, its libraries and its callers share. Amounts of a synthetic have 6 decimals; amounts of a collateral
// are in its *canonical* decimals unless a name says native. Prices have 18 decimals. Ratios are basis points.

/// @dev One piece of cross-chain work, fourteen words in the order in which they are hashed.
struct Operation {
    uint8 kind;
    bytes32 origin;
    bytes32 destination;
    uint64 nonce;
    bytes32 asset;
    bytes32 market;
    bytes32 owner;
    bytes32 actor;
    bytes32 refundTo;
    bytes32 recipient;
    uint128 amount;
    uint128 fee;
    uint128 wanted;
    uint64 timestamp;
}

/// @dev An instruction of the attesters. `content` holds the words that the action carries, `signatures` 65 bytes (r, s, v) each.
struct Order {
    uint8 action;
    bytes content;
    bytes signatures;
}

/// @dev What a burn is for: a Transfer (market, owner and wanted are zero) or a Redeem (destination is the market's home).
struct Intent {
    uint8 kind;
    bytes32 destination;
    bytes32 market;
    bytes32 owner;
    bytes32 recipient;
    uint128 wanted;
}

/// @dev The arguments of `lock`. `collateral` is in native units.
struct LockRequest {
    bytes32 market;
    uint256 collateral;
    uint128 debt;
    bytes32 destination;
    bytes32 recipient;
    bytes32 refundTo;
    uint128 maxFee;
}

/// @dev Hot values in one slot. `count` is the next sequence.
struct Head {
    uint64 count;
    uint64 epoch;
    uint8 threshold;
    uint8 signers;
    bool active;
    bool retired;
}

/// @dev A registered token. `decimals` are canonical, `nativeDecimals` what the token contract says of itself.
struct Asset {
    address token;
    AssetKind kind;
    uint8 decimals;
    uint8 nativeDecimals;
    uint8 level;
    uint64 frozenUntil;
    uint128 target;
}

enum AssetKind {
    None,
    Synthetic,
    Collateral
}

/// @dev Cumulative totals of one asset. `minted` and `burned` only grow. `pending` is always 0 here: payouts are synchronous.
struct Totals {
    uint128 minted;
    uint128 burned;
    uint128 debt;
    uint128 badDebt;
    uint128 claimable;
    uint128 pending;
}

/// @dev Cumulative gross totals with one peer: `sent` and `refunded` as destination, `settled` and `voided` as origin. They only grow.
struct PeerTotals {
    uint128 sent;
    uint128 refunded;
    uint128 settled;
    uint128 voided;
}

/// @dev A bucket of `limit` that refills within `period` seconds. `available` is what it held at `updated`; it may be negative.
struct Window {
    uint128 limit;
    int128 available;
    uint64 period;
    uint64 updated;
}

/// @dev Where operations in an asset may go. `evm` says that accounts there are EVM addresses, so that their form can be checked here.
struct Route {
    uint128 min;
    uint128 max;
    uint128 flatFee;
    uint16 feeBps;
    bool enabled;
    bool evm;
}

/// @dev What the admin sets for a market. Ratios are basis points; `ceiling` and `dust` are in the synthetic's units.
/// `depeg` (reserve only) is how far below the target the collateral's lower price may be for a lock.
struct Terms {
    address oracle;
    uint16 maxLtv;
    uint16 liquidationThreshold;
    uint16 bonus;
    uint16 closeFactor;
    uint16 depeg;
    uint128 ceiling;
    uint128 dust;
}

/// @dev A market at its home. `totalCollateral` and `totalDebt` are over all positions.
struct Market {
    bytes32 synthetic;
    bytes32 collateral;
    MarketKind kind;
    Terms terms;
    uint128 totalCollateral;
    uint128 totalDebt;
}

enum MarketKind {
    Reserve,
    Vault
}

/// @dev A position; `version` is the sequence of the event that made it so.
struct Position {
    uint128 collateral;
    uint128 debt;
    uint64 version;
}

/// @dev The account on another gateway that may withdraw collateral of a position by burning there.
struct Controller {
    bytes32 gateway;
    bytes32 account;
}

/// @dev The copy of a position whose home is another gateway. It authorises nothing.
struct Mirror {
    bytes32 home;
    uint128 collateral;
    uint128 debt;
    uint64 version;
}

/// @dev What a mirror needs in storage: the home belongs to the market and is kept once.
struct MirrorRecord {
    uint128 collateral;
    uint128 debt;
    uint64 version;
    bool exists;
}

/// @dev A gateway this one sends operations to.
struct Peer {
    uint64 nextNonce;
    bool tombstoned;
    uint64 finalCount;
    bytes32 finalHash;
}

/// @dev Bad debt of a market, which need not be a market of this gateway (see the Conflict order).
struct BadDebt {
    bytes32 asset;
    uint128 amount;
}

/// @dev All state of a gateway. The linked libraries work on it by delegate call.
struct Store {
    Head head;
    mapping(uint64 count => bytes32 hash) checkpoints;
    mapping(bytes32 gateway => Peer) peers;
    mapping(bytes32 destination => mapping(uint64 nonce => bytes32 operation)) outgoing;
    mapping(bytes32 origin => mapping(uint256 page => uint256 bits)) slots;
    mapping(bytes32 destination => mapping(uint256 page => uint256 bits)) refunds;
    mapping(bytes32 asset => Asset) assets;
    mapping(bytes32 asset => Totals) totals;
    mapping(bytes32 asset => mapping(bytes32 peer => PeerTotals)) peerTotals;
    mapping(bytes32 asset => mapping(uint8 kind => Window)) windows;
    mapping(bytes32 asset => mapping(bytes32 peer => Route)) routes;
    mapping(bytes32 market => Market) markets;
    mapping(bytes32 market => mapping(bytes32 owner => Position)) positions;
    mapping(bytes32 market => mapping(bytes32 owner => Controller)) controllers;
    mapping(bytes32 market => BadDebt) badDebts;
    mapping(bytes32 market => bytes32 home) mirrorHomes;
    mapping(bytes32 market => mapping(bytes32 owner => MirrorRecord)) mirrors;
    mapping(bytes32 account => mapping(bytes32 asset => uint128 amount)) claimables;
    mapping(bytes32 collateral => bytes32[] synthetics) backed;
    mapping(address signer => uint64 epoch) signerEpochs;
    address[] signers;
    bytes32[] assetIds;
    bytes32[] marketIds;
    address treasury;
    address admin;
    address pendingAdmin;
    address guardian;
    mapping(bytes32 change => uint64 ready) scheduled;
}
