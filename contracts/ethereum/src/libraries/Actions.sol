// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IGateway} from "../IGateway.sol";
import {
    AssetKind,
    BadDebt,
    Controller,
    Intent,
    LockRequest,
    Market,
    MarketKind,
    Operation,
    Position,
    Store,
    Terms
} from "../Types.sol";
import {Amounts} from "./Amounts.sol";
import {Book} from "./Book.sol";
import {Codec} from "./Codec.sol";
import {Health} from "./Health.sol";
import {Ledger} from "./Ledger.sol";
import {Outbox} from "./Outbox.sol";
import {Pauses} from "./Pauses.sol";
import {Prices} from "./Prices.sol";
import {Tokens} from "./Tokens.sol";

/// @title What users do
library Actions {
    // -------------------------------------------------------------------------------------------------------------- lock, burn

    function lock(Store storage s, LockRequest calldata r, bytes32 id) external returns (bytes32 operationId) {
        Market storage m = Book.market(s, r.market);
        Pauses.check(s, m.synthetic, Pauses.NORMAL);
        if (r.collateral == 0 && r.debt == 0) revert IGateway.ZeroAmount();
        // The foreign token first, while the gateway's session keeps it from calling back.
        uint128 brought = Tokens.pull(s.assets[m.collateral], r.collateral);

        bytes32 actor = Codec.toAccount(msg.sender);
        bytes32 owner = m.kind == MarketKind.Reserve ? r.market : actor;
        Position memory p = s.positions[r.market][owner];
        uint128 collateral = p.collateral + brought;
        uint128 debt = p.debt + r.debt;
        if (r.debt != 0) _checkDraw(s, m, brought, r.debt, collateral, debt);
        Book.save(s, r.market, owner, p, collateral, debt);

        bytes memory locked = abi.encode(r.market, owner, collateral, debt, actor, brought);
        if (r.debt == 0) {
            Ledger.append(Ledger.LOCKED, abi.encodePacked(locked, uint256(0), uint256(0)));
        } else if (r.destination == id) {
            address recipient = Codec.toAddress(r.recipient);
            Ledger.append(Ledger.LOCKED, abi.encodePacked(locked, uint256(r.debt), r.recipient));
            Tokens.mint(s, m.synthetic, recipient, r.debt);
        } else {
            Operation memory op;
            op.kind = Codec.KIND_MINT;
            op.origin = id;
            op.destination = r.destination;
            op.asset = m.synthetic;
            op.market = r.market;
            op.owner = owner;
            op.actor = actor;
            op.refundTo = r.refundTo;
            op.recipient = r.recipient;
            op.amount = r.debt;
            op.wanted = brought;
            operationId = Outbox.dispatch(s, op, r.maxFee);
            Ledger.append(Ledger.LOCKED, abi.encodePacked(locked, uint256(0), uint256(0), abi.encode(op)));
        }
    }

    /// @dev What drawing debt needs: room under the ceiling; in a reserve market as much collateral as debt, at par; in a vault
    /// market LTV within the maximum at the lower price, and no dust.
    function _checkDraw(
        Store storage s,
        Market storage m,
        uint128 brought,
        uint128 drawn,
        uint128 collateral,
        uint128 debt
    ) private view {
        Terms memory terms = m.terms;
        bool reserve = m.kind == MarketKind.Reserve;
        uint256 total = reserve ? debt : uint256(m.totalDebt) + drawn;
        if (total > terms.ceiling) revert IGateway.CeilingExceeded(total, terms.ceiling);
        if (debt < terms.dust) revert IGateway.BelowDust(debt, terms.dust);
        if (reserve) {
            // What this lock brings must carry what it draws: the surplus of a reserve is nobody's to draw against.
            uint8 decimals = s.assets[m.collateral].decimals;
            if (Amounts.scale(drawn, Amounts.SYNTHETIC_DECIMALS, decimals) > brought) {
                revert IGateway.Undercollateralized();
            }
            if (Amounts.scale(brought, decimals, Amounts.SYNTHETIC_DECIMALS) < drawn) {
                revert IGateway.Undercollateralized();
            }
            if (terms.oracle == address(0)) return;
            (uint128 price,) = Prices.valid(m);
            if (price * Amounts.ONE < uint256(s.assets[m.synthetic].target) * (Amounts.ONE - terms.depeg)) {
                revert IGateway.Depegged(price);
            }
        } else {
            (uint128 lower,) = Prices.valid(m);
            if (!Health.covers(collateral, debt, terms.maxLtv, Amounts.ONE, Prices.scales(s, m, lower))) {
                revert IGateway.Undercollateralized();
            }
        }
    }

    function burn(
        Store storage s,
        bytes32 asset,
        uint128 amount,
        Intent calldata intent,
        bytes32 refundTo,
        uint128 maxFee,
        bytes32 id
    ) external returns (bytes32 operationId) {
        bool redeemed = intent.kind == Codec.KIND_REDEEM;
        Pauses.check(s, asset, redeemed ? Pauses.NO_SUPPLY : Pauses.NO_RISK);
        if (redeemed ? intent.market == 0 || intent.owner == 0 : intent.kind != Codec.KIND_TRANSFER) {
            revert IGateway.InvalidIntent();
        }
        if (!redeemed && (intent.market != 0 || intent.owner != 0 || intent.wanted != 0)) {
            revert IGateway.InvalidIntent();
        }
        if (intent.destination == id) revert IGateway.InvalidIntent();
        Operation memory op;
        op.kind = intent.kind;
        op.origin = id;
        op.destination = intent.destination;
        op.asset = asset;
        op.market = intent.market;
        op.owner = intent.owner;
        op.actor = Codec.toAccount(msg.sender);
        op.refundTo = refundTo;
        op.recipient = intent.recipient;
        op.amount = amount;
        op.wanted = intent.wanted;
        operationId = Outbox.dispatch(s, op, maxFee);
        Ledger.append(Ledger.BURNED, abi.encode(op));
        Tokens.burn(s, asset, msg.sender, amount);
    }

    // --------------------------------------------------------------------------------------------------------------- positions

    function repay(Store storage s, bytes32 marketId, bytes32 owner, uint128 amount) external {
        Market storage m = Book.market(s, marketId);
        Position memory p = s.positions[marketId][owner];
        if (amount > p.debt) amount = p.debt;
        if (p.debt == 0) revert IGateway.NoDebt();
        if (amount == 0) revert IGateway.ZeroAmount();
        Book.save(s, marketId, owner, p, p.collateral, p.debt - amount);
        Ledger.append(
            Ledger.REPAID,
            abi.encode(marketId, owner, p.collateral, p.debt - amount, Codec.toAccount(msg.sender), amount)
        );
        Tokens.burn(s, m.synthetic, msg.sender, amount);
    }

    function withdraw(Store storage s, bytes32 marketId, uint128 collateral, bytes32 to) external {
        Market storage m = _vault(s, marketId);
        Pauses.check(s, m.synthetic, Pauses.NO_SUPPLY);
        bytes32 owner = Codec.toAccount(msg.sender);
        Position memory p = s.positions[marketId][owner];
        uint128 amount = Tokens.payable_(s.assets[m.collateral], collateral);
        if (amount == 0) revert IGateway.ZeroAmount();
        if (amount > p.collateral) revert IGateway.AmountOutOfRange(amount, 1, p.collateral);
        uint128 left = p.collateral - amount;
        if (p.debt != 0) {
            (uint128 lower,) = Prices.valid(m);
            if (!Health.covers(left, p.debt, m.terms.maxLtv, Amounts.ONE, Prices.scales(s, m, lower))) {
                revert IGateway.Undercollateralized();
            }
        }
        Book.save(s, marketId, owner, p, left, p.debt);
        Ledger.append(Ledger.WITHDRAWN, abi.encode(marketId, owner, left, p.debt, to, amount));
        Tokens.pay(s.assets[m.collateral], Codec.toAddress(to), amount);
    }

    function redeem(
        Store storage s,
        bytes32 marketId,
        bytes32 owner,
        uint128 amount,
        uint128 wanted,
        bytes32 recipient,
        bytes32 id
    ) external {
        if (amount == 0) revert IGateway.ZeroAmount();
        bytes32 asset = Book.market(s, marketId).synthetic;
        Tokens.burn(s, asset, msg.sender, amount);
        Book.release(
            s,
            Book.Release({
                operation: 0,
                peer: id,
                nonce: 0,
                asset: asset,
                market: marketId,
                owner: owner,
                recipient: recipient,
                amount: amount,
                fee: 0,
                actor: Codec.toAccount(msg.sender),
                wanted: wanted
            })
        );
    }

    function setController(Store storage s, bytes32 marketId, bytes32 gateway, bytes32 account) external {
        _vault(s, marketId);
        if ((gateway == 0) != (account == 0)) revert IGateway.InvalidAccount(account);
        bytes32 owner = Codec.toAccount(msg.sender);
        s.controllers[marketId][owner] = Controller(gateway, account);
        Ledger.append(Ledger.CONTROLLER_SET, abi.encode(marketId, owner, gateway, account));
    }

    // ------------------------------------------------------------------------------------------------------------- liquidation

    function liquidate(Store storage s, bytes32 marketId, bytes32 owner, uint128 maxRepay, uint128 minSeized) external {
        Market storage m = _vault(s, marketId);
        Pauses.check(s, m.synthetic, Pauses.NO_SUPPLY);
        Position memory p = s.positions[marketId][owner];
        if (p.debt == 0) revert IGateway.NoDebt();
        (uint128 repaid, uint128 seized, uint128 bad) = _liquidation(s, m, p, maxRepay);
        if (seized < minSeized) revert IGateway.SeizedTooLittle(seized, minSeized);

        uint128 collateral = p.collateral - seized;
        uint128 debt = p.debt - repaid - bad;
        Book.save(s, marketId, owner, p, collateral, debt);
        if (bad != 0) {
            s.totals[m.synthetic].badDebt += bad;
            s.badDebts[marketId].asset = m.synthetic;
            s.badDebts[marketId].amount += bad;
        }
        Ledger.append(
            Ledger.LIQUIDATED,
            abi.encode(marketId, owner, collateral, debt, Codec.toAccount(msg.sender), repaid, seized, bad)
        );
        Tokens.burn(s, m.synthetic, msg.sender, repaid);
        Tokens.pay(s.assets[m.collateral], msg.sender, seized);
    }

    /// @dev Part of the debt is repaid where that makes the position healthier, which is while C >= (1 + bonus) * D. Below that the
    /// position is taken whole: all collateral for C / (1 + bonus), and the debt that is left is bad.
    function _liquidation(Store storage s, Market storage m, Position memory p, uint128 maxRepay)
        private
        view
        returns (uint128 repaid, uint128 seized, uint128 bad)
    {
        Terms memory terms = m.terms;
        (, uint128 higher) = Prices.valid(m);
        Health.Scales memory x = Prices.scales(s, m, higher);
        if (Health.covers(p.collateral, p.debt, terms.liquidationThreshold, Amounts.ONE, x)) {
            revert IGateway.Healthy();
        }

        if (!Health.covers(p.collateral, p.debt, Amounts.ONE, Amounts.ONE + terms.bonus, x)) {
            uint256 whole = Amounts.min(Health.repayFor(p.collateral, terms.bonus, x), p.debt);
            if (maxRepay < whole) revert IGateway.MustTakeWhole(whole);
            repaid = SafeCast.toUint128(whole);
            return (repaid, p.collateral, p.debt - repaid);
        }

        bool deep = !Health.covers(p.collateral, p.debt, terms.liquidationThreshold, Health.DEEP, x);
        uint256 closable = Health.closable(p.debt, terms.closeFactor, terms.dust, deep);
        repaid = SafeCast.toUint128(Amounts.min(closable, maxRepay));
        if (repaid == 0) revert IGateway.ZeroAmount();
        if (repaid < p.debt && p.debt - repaid < terms.dust) revert IGateway.BelowDust(p.debt - repaid, terms.dust);
        seized =
            Tokens.payable_(s.assets[m.collateral], Amounts.min(Health.seizable(repaid, terms.bonus, x), p.collateral));
    }

    function cover(Store storage s, bytes32 marketId, uint128 amount) external {
        BadDebt memory bad = s.badDebts[marketId];
        if (amount > bad.amount) amount = bad.amount;
        if (bad.amount == 0) revert IGateway.NoDebt();
        if (amount == 0) revert IGateway.ZeroAmount();
        uint128 left = bad.amount - amount;
        s.badDebts[marketId].amount = left;
        s.totals[bad.asset].badDebt -= amount;
        Ledger.append(Ledger.COVERED, abi.encode(marketId, bad.asset, Codec.toAccount(msg.sender), amount, left));
        Tokens.burn(s, bad.asset, msg.sender, amount);
    }

    // ------------------------------------------------------------------------------------------------------------------ claims

    /// @dev Collateral may be claimed unless a synthetic that it backs is frozen; a synthetic only while supply may be handed out.
    function claim(Store storage s, bytes32 asset, bytes32 to) external {
        bool synthetic = s.assets[asset].kind == AssetKind.Synthetic;
        if (synthetic) Pauses.check(s, asset, Pauses.NO_RISK);
        bytes32[] storage backed = s.backed[asset];
        for (uint256 i = 0; i < backed.length; ++i) {
            Pauses.check(s, backed[i], Pauses.NO_SUPPLY);
        }
        bytes32 account = Codec.toAccount(msg.sender);
        uint128 amount = s.claimables[account][asset];
        if (amount == 0) revert IGateway.NothingToClaim();
        s.claimables[account][asset] = 0;
        s.totals[asset].claimable -= amount;
        Ledger.append(Ledger.CLAIMED, abi.encode(account, asset, amount, to));
        Tokens.pay(s.assets[asset], Codec.toAddress(to), amount);
    }

    function _vault(Store storage s, bytes32 marketId) private view returns (Market storage m) {
        m = Book.market(s, marketId);
        if (m.kind != MarketKind.Vault) revert IGateway.WrongMarketKind(marketId);
    }
}
