// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";

import {IGateway} from "../IGateway.sol";
import {Synthetic} from "../Synthetic.sol";
import {Asset, AssetKind, Market, MarketKind, Peer, Route, Store, Terms, Window} from "../Types.sol";
import {IOracle} from "../oracle/IOracle.sol";
import {Amounts} from "./Amounts.sol";
import {Codec} from "./Codec.sol";
import {Ledger} from "./Ledger.sol";
import {Pauses} from "./Pauses.sol";
import {Windows} from "./Windows.sol";

/// @title What the admin sets. Who may, and after what delay, is the gateway's business.
library Governance {
    // What a LimitsSet event is about.
    uint256 private constant WINDOW = 1;
    uint256 private constant ROUTE = 2;
    uint256 private constant MARKET = 3;
    uint256 private constant ASSET = 4;

    uint8 private constant MAX_DECIMALS = 27;
    uint256 private constant MAX_SIGNERS = 32;

    // ------------------------------------------------------------------------------------------------------------------ assets

    /// @param target price of one whole synthetic, 18 decimals
    function addSynthetic(Store storage s, string calldata symbol, address token, uint128 target) external {
        if (target == 0 || Synthetic(token).GATEWAY() != address(this)) revert IGateway.InvalidValue();
        if (Synthetic(token).decimals() != Amounts.SYNTHETIC_DECIMALS) revert IGateway.InvalidValue();
        _add(s, symbol, token, AssetKind.Synthetic, Amounts.SYNTHETIC_DECIMALS, target);
    }

    /// @param decimals canonical decimals
    function addCollateral(Store storage s, string calldata symbol, address token, uint8 decimals) external {
        _add(s, symbol, token, AssetKind.Collateral, decimals, 0);
    }

    function _add(
        Store storage s,
        string calldata symbol,
        address token,
        AssetKind kind,
        uint8 decimals,
        uint128 target
    ) private {
        _checkSymbol(bytes(symbol));
        bytes32 asset = Codec.assetId(symbol);
        if (s.assets[asset].kind != AssetKind.None) revert IGateway.AlreadyRegistered(asset);
        // Two assets over one token would count its balance twice.
        for (uint256 i = 0; i < s.assetIds.length; ++i) {
            if (s.assets[s.assetIds[i]].token == token) revert IGateway.AlreadyRegistered(s.assetIds[i]);
        }
        uint8 nativeDecimals = IERC20Metadata(token).decimals();
        if (decimals > MAX_DECIMALS || nativeDecimals > MAX_DECIMALS) revert IGateway.InvalidValue();
        s.assets[asset] = Asset({
            token: token,
            kind: kind,
            decimals: decimals,
            nativeDecimals: nativeDecimals,
            level: Pauses.NORMAL,
            frozenUntil: 0,
            target: target
        });
        s.assetIds.push(asset);
        _limits(ASSET, asset, 0, abi.encode(kind, token, decimals, nativeDecimals, target));
    }

    /// @dev 1 to 12 of A to Z and 0 to 9.
    function _checkSymbol(bytes calldata symbol) private pure {
        if (symbol.length == 0 || symbol.length > 12) revert IGateway.InvalidValue();
        for (uint256 i = 0; i < symbol.length; ++i) {
            bytes1 c = symbol[i];
            if (!((c >= "0" && c <= "9") || (c >= "A" && c <= "Z"))) revert IGateway.InvalidValue();
        }
    }

    // ------------------------------------------------------------------------------------------------------------------ limits

    function setMarket(
        Store storage s,
        bytes32 synthetic,
        bytes32 collateral,
        MarketKind kind,
        Terms calldata terms,
        bytes32 id
    ) external {
        if (s.assets[synthetic].kind != AssetKind.Synthetic) {
            revert IGateway.UnknownAsset(synthetic);
        }
        if (s.assets[collateral].kind != AssetKind.Collateral) revert IGateway.UnknownAsset(collateral);
        if (!(kind == MarketKind.Vault ? _saneVault(terms) : _saneReserve(terms))) revert IGateway.InvalidValue();
        // Refuses an address that is no oracle; whether it has a price now does not matter.
        if (terms.oracle != address(0)) IOracle(terms.oracle).quote();

        bytes32 marketId = Codec.marketId(id, synthetic, collateral, uint8(kind));
        Market storage m = s.markets[marketId];
        if (m.synthetic == 0) {
            (m.synthetic, m.collateral, m.kind) = (synthetic, collateral, kind);
            s.marketIds.push(marketId);
            s.backed[collateral].push(synthetic);
        }
        m.terms = terms;
        _limits(MARKET, marketId, 0, abi.encode(terms));
    }

    /// @dev Max LTV below the threshold, and a threshold that leaves room for the bonus: otherwise liquidation makes bad debt.
    function _saneVault(Terms calldata t) private pure returns (bool) {
        return t.oracle != address(0) && t.maxLtv != 0 && t.maxLtv < t.liquidationThreshold
            && uint256(t.liquidationThreshold) * (Amounts.ONE + t.bonus) <= Amounts.ONE * Amounts.ONE
            && t.closeFactor != 0 && t.closeFactor <= Amounts.ONE && t.depeg == 0;
    }

    function _saneReserve(Terms calldata t) private pure returns (bool) {
        return t.maxLtv == 0 && t.liquidationThreshold == 0 && t.bonus == 0 && t.closeFactor == 0
            && t.depeg < Amounts.ONE && (t.depeg == 0 || t.oracle != address(0));
    }

    function setWindow(Store storage s, bytes32 asset, uint8 kind, uint128 limit, uint64 period) external {
        if (s.assets[asset].kind != AssetKind.Synthetic) revert IGateway.UnknownAsset(asset);
        if (limit == 0 || limit > uint128(type(int128).max) || period == 0) revert IGateway.InvalidValue();
        if (kind != Windows.MINT && kind != Windows.RELEASE) revert IGateway.InvalidValue();
        Window storage w = s.windows[asset][kind];
        // A new window is full; a changed one keeps what it has, as far as the new limit holds it.
        int256 available = w.period == 0 ? int256(uint256(limit)) : Windows.availableNow(w);
        if (available > int256(uint256(limit))) available = int256(uint256(limit));
        // forge-lint: disable-next-line(unsafe-typecast)
        (w.limit, w.period, w.available, w.updated) = (limit, period, int128(available), uint64(block.timestamp));
        _limits(WINDOW, asset, 0, abi.encode(kind, limit, period));
    }

    function setRoute(Store storage s, bytes32 asset, bytes32 peer, Route calldata route, bytes32 id) external {
        if (s.assets[asset].kind != AssetKind.Synthetic) revert IGateway.UnknownAsset(asset);
        if (peer == 0 || peer == id) revert IGateway.WrongGateway(peer);
        if (route.min == 0 || route.min > route.max || route.feeBps >= Amounts.ONE) revert IGateway.InvalidValue();
        s.routes[asset][peer] = route;
        _limits(
            ROUTE, asset, peer, abi.encode(route.enabled, route.min, route.max, route.flatFee, route.feeBps, route.evm)
        );
    }

    function _limits(uint256 what, bytes32 subject, bytes32 peer, bytes memory values) private {
        Ledger.append(Ledger.LIMITS_SET, abi.encode(what, subject, peer, keccak256(values)));
    }

    function setPause(Store storage s, bytes32 asset, uint8 level) external {
        Asset storage a = s.assets[asset];
        if (a.kind != AssetKind.Synthetic) revert IGateway.UnknownAsset(asset);
        if (level > Pauses.FROZEN) revert IGateway.InvalidValue();
        if (msg.sender != s.admin) {
            if (msg.sender != s.guardian || level <= Pauses.level(a)) revert IGateway.NotGuardian();
        }
        a.level = level;
        a.frozenUntil = level == Pauses.FROZEN ? uint64(block.timestamp) + Pauses.FREEZE_SECONDS : 0;
        Ledger.append(Ledger.PAUSE_SET, abi.encode(asset, level, Codec.toAccount(msg.sender)));
    }

    // ----------------------------------------------------------------------------------------------------- attesters, treasury

    /// @notice Starts a new epoch: what was signed in an earlier one is no longer valid.
    function setAttesters(Store storage s, uint8 threshold, address[] calldata signers) external {
        if (threshold == 0 || threshold > signers.length || signers.length > MAX_SIGNERS) {
            revert IGateway.InvalidValue();
        }
        uint64 epoch = s.head.epoch + 1;
        address last = address(0);
        for (uint256 i = 0; i < signers.length; ++i) {
            if (signers[i] <= last) revert IGateway.UnorderedSigners(i);
            last = signers[i];
            s.signerEpochs[last] = epoch;
        }
        s.signers = signers;
        (s.head.epoch, s.head.threshold, s.head.signers) = (epoch, threshold, uint8(signers.length));
        Ledger.append(
            Ledger.ATTESTERS_SET, abi.encode(epoch, threshold, signers.length, keccak256(abi.encodePacked(signers)))
        );
    }

    function setTreasury(Store storage s, address treasury) external {
        s.treasury = Codec.toAddress(Codec.toAccount(treasury));
        Ledger.append(Ledger.TREASURY_SET, abi.encode(treasury));
    }

    /// @notice Fixes the last final state of a dead gateway, or retires this one in the state it is in.
    function tombstone(Store storage s, bytes32 peer, uint64 finalCount, bytes32 finalHash, bytes32 id) external {
        if (peer == 0) revert IGateway.WrongGateway(peer);
        if (peer == id) {
            if (finalCount != 0 || finalHash != 0) revert IGateway.InvalidValue();
            (finalCount, finalHash) = Ledger.current();
            s.head.retired = true;
        }
        Peer storage p = s.peers[peer];
        if (p.tombstoned) revert IGateway.AlreadyRegistered(peer);
        (p.tombstoned, p.finalCount, p.finalHash) = (true, finalCount, finalHash);
        Ledger.append(Ledger.TOMBSTONED, abi.encode(peer, finalCount, finalHash));
    }
}
