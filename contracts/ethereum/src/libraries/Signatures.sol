// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IGateway} from "../IGateway.sol";
import {Store} from "../Types.sol";

/// @title t of n attesters over one digest
library Signatures {
    uint256 internal constant BYTES = 65;
    /// @dev Half the order of secp256k1: above it a signature has a twin with the same meaning.
    uint256 private constant HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    /// @notice Reverts unless `signatures` is at least `threshold` valid ones of current signers, strictly ascending by address.
    function check(Store storage s, bytes32 digest, bytes calldata signatures) internal view {
        // slither-disable-next-line divide-before-multiply (what is no multiple is refused below)
        uint256 count = signatures.length / BYTES;
        uint256 threshold = s.head.threshold;
        if (signatures.length != count * BYTES || count > s.head.signers) revert IGateway.InvalidSignature(count);
        if (count < threshold) revert IGateway.TooFewSignatures(count, threshold);
        uint64 epoch = s.head.epoch;
        address last = address(0);
        for (uint256 i = 0; i < count; ++i) {
            address signer = _recover(digest, signatures, i);
            if (signer <= last) revert IGateway.UnorderedSigners(i);
            if (s.signerEpochs[signer] != epoch) revert IGateway.UnknownSigner(signer);
            last = signer;
        }
    }

    function _recover(bytes32 digest, bytes calldata signatures, uint256 i) private pure returns (address signer) {
        bytes32 r;
        bytes32 s;
        uint8 v;
        // In place; `check` has made sure that the bytes are there.
        assembly ("memory-safe") {
            let at := add(signatures.offset, mul(i, 65))
            r := calldataload(at)
            s := calldataload(add(at, 32))
            v := byte(0, calldataload(add(at, 64)))
        }
        if (uint256(s) > HALF_ORDER || (v != 27 && v != 28)) revert IGateway.InvalidSignature(i);
        signer = ecrecover(digest, v, r, s);
        if (signer == address(0)) revert IGateway.InvalidSignature(i);
    }
}
