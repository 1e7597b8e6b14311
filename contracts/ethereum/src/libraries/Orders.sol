// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IGateway} from "../IGateway.sol";
import {BadDebt, MirrorRecord, Operation, Order, Store, Window} from "../Types.sol";
import {Book} from "./Book.sol";
import {Codec} from "./Codec.sol";
import {Ledger} from "./Ledger.sol";
import {Pauses} from "./Pauses.sol";
import {Signatures} from "./Signatures.sol";
import {Slots} from "./Slots.sol";
import {Tokens} from "./Tokens.sol";
import {Windows} from "./Windows.sol";

/// @title Orders of the attesters, one at a time
/// @notice `run` either does all of an order or reverts with the reason. The checks that need no signature come first: an order that
/// somebody else was faster with costs its submitter little.
library Orders {
    using Windows for Window;

    /// @param id this gateway
    /// @param domain its EIP-712 domain separator
    function run(Store storage s, Order calldata order, bytes32 id, bytes32 domain) external {
        uint8 action = order.action;
        bytes calldata words = order.content;
        if (action == 0 || action > Codec.ACTION_MIRROR) revert IGateway.UnknownAction(action);
        if (
            words.length
                != (action == Codec.ACTION_MIRROR
                        ? Codec.MIRROR_BYTES
                        : action == Codec.ACTION_CONFLICT ? Codec.CONFLICT_BYTES : Codec.OPERATION_BYTES)
        ) revert IGateway.MalformedContent();

        bytes32 content = Codec.contentHash(action, words);
        bytes32 digest = Codec.digest(domain, action, s.head.epoch, content);
        if (action == Codec.ACTION_MIRROR) return _mirror(s, order, digest, id);

        Operation calldata op = Codec.operation(words);
        if (op.kind < Codec.KIND_MINT || op.kind > Codec.KIND_TRANSFER) revert IGateway.WrongKind(op.kind);
        if (action == Codec.ACTION_REFUND || action == Codec.ACTION_CONFLICT) {
            bytes32 operationId = Codec.contentHash(Codec.ACTION_REFUND, words[:Codec.OPERATION_BYTES]);
            _checkOrigin(s, op, id, operationId);
            Signatures.check(s, digest, order.signatures);
            _refund(s, op, operationId);
            if (action == Codec.ACTION_CONFLICT) _orphan(s, op, operationId, words);
            return;
        }
        _checkDestination(s, op, id, action == Codec.ACTION_VOID ? Slots.VOID : Slots.DONE);
        Signatures.check(s, digest, order.signatures);
        if (action == Codec.ACTION_MINT) _mint(s, op, content);
        else if (action == Codec.ACTION_RELEASE) _release(s, op, content);
        else _void(s, op, content);
    }

    // ---------------------------------------------------------------------------------------------------------- at the destination

    /// @dev The operation is for this gateway, and its slot is free.
    function _checkDestination(Store storage s, Operation calldata op, bytes32 id, uint8 outcome) private view {
        if (op.destination != id) revert IGateway.WrongGateway(op.destination);
        if (op.origin == id || op.origin == 0) revert IGateway.WrongGateway(op.origin);
        uint8 slot = Slots.get(s, op.origin, op.nonce);
        if (slot == outcome) revert IGateway.AlreadyDone();
        if (slot != Slots.NONE) revert IGateway.SlotTaken(slot);
    }

    function _mint(Store storage s, Operation calldata op, bytes32 operationId) private {
        if (op.kind == Codec.KIND_REDEEM) revert IGateway.WrongKind(op.kind);
        if (op.fee >= op.amount) revert IGateway.FeeTooHigh(op.fee, op.amount);
        Pauses.check(s, op.asset, Pauses.NO_RISK);
        address recipient = Codec.toAddress(op.recipient);
        s.windows[op.asset][Windows.MINT].take(op.amount);

        uint128 paid = op.amount - op.fee;
        Slots.set(s, op.origin, op.nonce, Slots.DONE);
        s.peerTotals[op.asset][op.origin].settled += op.amount;
        Ledger.append(
            Ledger.MINTED,
            abi.encode(operationId, op.origin, op.nonce, op.asset, op.amount, op.fee, paid, uint256(0), op.recipient)
        );
        Tokens.mint(s, op.asset, recipient, paid);
        Tokens.mint(s, op.asset, s.treasury, op.fee);
    }

    function _release(Store storage s, Operation calldata op, bytes32 operationId) private {
        if (op.kind != Codec.KIND_REDEEM) revert IGateway.WrongKind(op.kind);
        if (op.fee >= op.amount) revert IGateway.FeeTooHigh(op.fee, op.amount);
        Codec.checkLocal(op.recipient);
        Slots.set(s, op.origin, op.nonce, Slots.DONE);
        s.peerTotals[op.asset][op.origin].settled += op.amount;
        Book.release(
            s,
            Book.Release({
                operation: operationId,
                peer: op.origin,
                nonce: op.nonce,
                asset: op.asset,
                market: op.market,
                owner: op.owner,
                recipient: op.recipient,
                amount: op.amount,
                fee: op.fee,
                actor: op.actor,
                wanted: op.wanted
            })
        );
    }

    /// @dev Needs nothing of the operation to be known here, so that whatever cannot be delivered can be voided, at every level.
    function _void(Store storage s, Operation calldata op, bytes32 operationId) private {
        Slots.set(s, op.origin, op.nonce, Slots.VOID);
        s.peerTotals[op.asset][op.origin].voided += op.amount;
        Ledger.append(
            Ledger.VOIDED,
            abi.encode(
                operationId, op.origin, op.nonce, op.asset, op.amount, uint256(0), uint256(0), uint256(0), op.kind
            )
        );
    }

    // --------------------------------------------------------------------------------------------------------------- at the origin

    /// @dev The operation is one that this gateway made, word for word, and it was not refunded.
    function _checkOrigin(Store storage s, Operation calldata op, bytes32 id, bytes32 operationId) private view {
        if (op.origin != id) revert IGateway.WrongGateway(op.origin);
        bytes32 stored = s.outgoing[op.destination][op.nonce];
        if (stored != operationId) revert IGateway.UnknownOperation(stored);
        if (Slots.refunded(s, op.destination, op.nonce)) revert IGateway.AlreadyDone();
        Pauses.check(s, op.asset, Pauses.NO_SUPPLY);
    }

    /// @dev Gross, and outside the windows: it gives back what this gateway itself took.
    function _refund(Store storage s, Operation calldata op, bytes32 operationId) private {
        Slots.setRefunded(s, op.destination, op.nonce);
        s.peerTotals[op.asset][op.destination].refunded += op.amount;
        bytes memory position = new bytes(4 * 32);
        Book.Undone memory r;
        if (op.kind == Codec.KIND_MINT) {
            r = Book.undo(s, op.market, op.owner, op.amount, op.wanted);
            position = abi.encode(op.market, op.owner, r.collateral, r.debt);
        } else {
            r.surplus = op.amount;
        }
        // Two runs of whole words: nothing can move from one to the other.
        // slither-disable-next-line encode-packed-collision
        Ledger.append(
            Ledger.REFUNDED,
            abi.encodePacked(
                abi.encode(
                    operationId,
                    op.destination,
                    op.nonce,
                    op.asset,
                    op.amount,
                    uint256(0),
                    r.paid,
                    r.surplus,
                    r.payout,
                    op.refundTo
                ),
                position
            )
        );
        Tokens.mint(s, op.asset, Codec.toAddress(op.refundTo), r.surplus);
        if (r.payout != 0) Tokens.push(s, s.markets[op.market].collateral, op.refundTo, r.payout, operationId);
    }

    /// @dev What an operation that no longer exists has minted at the destination: counted as sent, and as bad debt of a market.
    function _orphan(Store storage s, Operation calldata op, bytes32 operationId, bytes calldata words) private {
        bytes32 orphan = Codec.word(words, 14);
        bytes32 market = Codec.word(words, 15);
        uint128 amount = Codec.amount(Codec.word(words, 16));
        bytes32 asset = op.asset;
        BadDebt storage bad = s.badDebts[market];
        if (orphan == 0 || orphan == operationId || market == 0 || amount == 0) revert IGateway.MalformedContent();
        if (bad.asset != 0 && bad.asset != asset) revert IGateway.UnknownAsset(asset);

        bad.asset = asset;
        bad.amount += amount;
        s.totals[asset].badDebt += amount;
        s.peerTotals[asset][op.destination].sent += amount;
        Ledger.append(Ledger.BAD_DEBT, abi.encode(market, asset, amount, orphan));
    }

    // -------------------------------------------------------------------------------------------------------------------- mirrors

    /// @dev The newest version wins. It is keyed by market and owner; the market stands for its home.
    function _mirror(Store storage s, Order calldata order, bytes32 digest, bytes32 id) private {
        bytes calldata words = order.content;
        bytes32 home = Codec.word(words, 0);
        bytes32 market = Codec.word(words, 1);
        uint128 collateral = Codec.amount(Codec.word(words, 3));
        uint128 debt = Codec.amount(Codec.word(words, 4));
        uint64 version = Codec.sequence(Codec.word(words, 5));
        if (home == id || home == 0) revert IGateway.WrongGateway(home);

        bytes32 known = s.mirrorHomes[market];
        MirrorRecord storage record = s.mirrors[market][Codec.word(words, 2)];
        bool same = record.collateral == collateral && record.debt == debt;
        if (record.exists && known == home && (version < record.version || (version == record.version && same))) {
            revert IGateway.AlreadyDone();
        }
        // A conflict stops whoever sees it, so only the attesters can make one.
        Signatures.check(s, digest, order.signatures);
        if ((record.exists && version == record.version) || (known != 0 && known != home)) {
            revert IGateway.MirrorConflict(version);
        }
        if (known == 0) s.mirrorHomes[market] = home;
        (record.collateral, record.debt, record.version, record.exists) = (collateral, debt, version, true);
    }
}
