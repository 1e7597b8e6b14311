// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IGateway} from "../IGateway.sol";
import {Operation, Peer, Route, Store} from "../Types.sol";
import {Amounts} from "./Amounts.sol";
import {Codec} from "./Codec.sol";

/// @title Operations that leave this gateway
library Outbox {
    /// @notice Completes an operation with nonce, fee and time, and records it.
    /// @param op everything but nonce, fee and timestamp
    /// @param maxFee the highest fee its user accepts
    function dispatch(Store storage s, Operation memory op, uint128 maxFee) internal returns (bytes32 operationId) {
        if (s.head.retired) revert IGateway.Retired();
        Route memory route = s.routes[op.asset][op.destination];
        Peer storage peer = s.peers[op.destination];
        if (!route.enabled || peer.tombstoned) revert IGateway.RouteClosed(op.asset, op.destination);
        if (op.amount < route.min || op.amount > route.max) {
            revert IGateway.AmountOutOfRange(op.amount, route.min, route.max);
        }
        uint256 fee = Amounts.routeFee(op.amount, route.flatFee, route.feeBps);
        if (fee >= op.amount || fee > maxFee) revert IGateway.FeeTooHigh(fee, maxFee);
        Codec.checkLocal(op.refundTo);
        Codec.checkRemote(op.recipient, route.evm);

        op.fee = SafeCast.toUint128(fee);
        op.nonce = peer.nextNonce++;
        op.timestamp = uint64(block.timestamp);
        operationId = Codec.operationId(op);
        s.outgoing[op.destination][op.nonce] = operationId;
        s.peerTotals[op.asset][op.destination].sent += op.amount;
    }
}
