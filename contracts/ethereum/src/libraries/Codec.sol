// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IGateway} from "../IGateway.sol";
import {Operation} from "../Types.sol";

/// @title Identifiers, content hashes and digests (contracts/PROTOCOL.md sections 1, 2, 3 and 5)
library Codec {
    // Kinds of operations.
    uint8 internal constant KIND_MINT = 1;
    uint8 internal constant KIND_REDEEM = 2;
    uint8 internal constant KIND_TRANSFER = 3;

    // Actions of orders. 7, Resend, is for chains whose payouts are messages.
    uint8 internal constant ACTION_MINT = 1;
    uint8 internal constant ACTION_RELEASE = 2;
    uint8 internal constant ACTION_VOID = 3;
    uint8 internal constant ACTION_REFUND = 4;
    uint8 internal constant ACTION_CONFLICT = 5;
    uint8 internal constant ACTION_MIRROR = 6;

    uint256 internal constant OPERATION_BYTES = 14 * 32;
    uint256 internal constant CONFLICT_BYTES = 17 * 32;
    uint256 internal constant MIRROR_BYTES = 6 * 32;

    bytes32 internal constant OPERATION_TYPEHASH = keccak256(
        "Operation(uint8 kind,bytes32 origin,bytes32 destination,uint64 nonce,bytes32 asset,bytes32 market,bytes32 owner,bytes32 actor,bytes32 refundTo,bytes32 recipient,uint128 amount,uint128 fee,uint128 wanted,uint64 timestamp)"
    );
    bytes32 internal constant CONFLICT_TYPEHASH =
        keccak256("Conflict(bytes32 operation,bytes32 orphan,bytes32 market,uint128 orphanAmount)");
    bytes32 internal constant POSITION_TYPEHASH =
        keccak256("Position(bytes32 home,bytes32 market,bytes32 owner,uint128 collateral,uint128 debt,uint64 version)");
    bytes32 internal constant ORDER_TYPEHASH = keccak256("Order(uint8 action,uint64 epoch,bytes32 content)");
    bytes32 internal constant DOMAIN_TYPEHASH = keccak256("EIP712Domain(string name,string version,bytes32 salt)");

    // ------------------------------------------------------------------------------------------------------------- identifiers

    function gatewayId(bytes32 chain, bytes32 account, bytes32 salt) internal pure returns (bytes32) {
        return keccak256(abi.encode(keccak256("tim3/gateway/1"), chain, account, salt));
    }

    function assetId(string memory symbol) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked("tim3/asset/", symbol));
    }

    function marketId(bytes32 home, bytes32 synthetic, bytes32 collateral, uint8 kind) internal pure returns (bytes32) {
        return keccak256(abi.encode(keccak256("tim3/market/1"), home, synthetic, collateral, uint256(kind)));
    }

    function domainSeparator(bytes32 gateway) internal pure returns (bytes32) {
        return keccak256(abi.encode(DOMAIN_TYPEHASH, keccak256("TIM3"), keccak256("1"), gateway));
    }

    function operationId(Operation memory op) internal pure returns (bytes32) {
        return keccak256(abi.encode(OPERATION_TYPEHASH, op));
    }

    // ------------------------------------------------------------------------------------------------------------------ orders

    /// @notice The word of the digest that stands for the content of an order. Never reverts: what is malformed gets a hash that
    /// names it in logs and that nobody signs.
    function contentHash(uint8 action, bytes calldata content) internal pure returns (bytes32) {
        if (action == ACTION_CONFLICT && content.length == CONFLICT_BYTES) {
            bytes32 refunded = keccak256(abi.encodePacked(OPERATION_TYPEHASH, content[:OPERATION_BYTES]));
            return keccak256(abi.encodePacked(CONFLICT_TYPEHASH, refunded, content[OPERATION_BYTES:]));
        }
        return keccak256(abi.encodePacked(action == ACTION_MIRROR ? POSITION_TYPEHASH : OPERATION_TYPEHASH, content));
    }

    function digest(bytes32 domain, uint8 action, uint64 epoch, bytes32 content) internal pure returns (bytes32) {
        bytes32 order = keccak256(abi.encode(ORDER_TYPEHASH, action, epoch, content));
        return keccak256(abi.encodePacked(hex"1901", domain, order));
    }

    /// @notice The operation that an order carries, read in place. Every word is checked to be in its range.
    function operation(bytes calldata content) internal pure returns (Operation calldata op) {
        if (
            uint256(word(content, 0)) >> 8 != 0 || uint256(word(content, 3)) >> 64 != 0
                || uint256(word(content, 10)) >> 128 != 0 || uint256(word(content, 11)) >> 128 != 0
                || uint256(word(content, 12)) >> 128 != 0 || uint256(word(content, 13)) >> 64 != 0
        ) revert IGateway.MalformedContent();
        // The words of a static struct are its ABI encoding, so the content can be read as one without a copy.
        assembly ("memory-safe") {
            op := content.offset
        }
    }

    /// @notice Word `index` of `content`.
    function word(bytes calldata content, uint256 index) internal pure returns (bytes32) {
        return bytes32(content[index * 32:(index + 1) * 32]);
    }

    function amount(bytes32 w) internal pure returns (uint128) {
        if (uint256(w) >> 128 != 0) revert IGateway.MalformedContent();
        return uint128(uint256(w));
    }

    function sequence(bytes32 w) internal pure returns (uint64) {
        if (uint256(w) >> 64 != 0) revert IGateway.MalformedContent();
        return uint64(uint256(w));
    }

    // ---------------------------------------------------------------------------------------------------------------- accounts

    function toAccount(address a) internal pure returns (bytes32) {
        return bytes32(uint256(uint160(a)));
    }

    /// @notice The address behind an account of this chain. The gateway itself is nobody's account: what it holds is in custody.
    function toAddress(bytes32 account) internal view returns (address a) {
        checkLocal(account);
        return address(uint160(uint256(account)));
    }

    /// @notice Refuses what cannot be an account here.
    function checkLocal(bytes32 account) internal view {
        address a = address(uint160(uint256(account)));
        if (a == address(0) || a == address(this) || uint256(account) >> 160 != 0) {
            revert IGateway.InvalidAccount(account);
        }
    }

    /// @notice Refuses what cannot be an account at a peer.
    function checkRemote(bytes32 account, bool evm) internal pure {
        if (account == 0 || (evm && (uint256(account) >> 160 != 0 || uint160(uint256(account)) == 0))) {
            revert IGateway.InvalidAccount(account);
        }
    }
}
