// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IGateway} from "../IGateway.sol";
import {Controller, Market, MarketKind, Position, Store, Window} from "../Types.sol";
import {Verdict} from "../oracle/IOracle.sol";
import {Amounts} from "./Amounts.sol";
import {Codec} from "./Codec.sol";
import {Health} from "./Health.sol";
import {Ledger} from "./Ledger.sol";
import {Pauses} from "./Pauses.sol";
import {Prices} from "./Prices.sol";
import {Tokens} from "./Tokens.sol";
import {Windows} from "./Windows.sol";

/// @title The positions at home, and the one rule by which debt is undone: Release, redeem at home, and Refund of a lock
library Book {
    using Windows for Window;

    /// @dev Debt undone: `net = paid + surplus`; then the position.
    struct Undone {
        uint128 paid;
        uint128 surplus;
        uint128 payout;
        uint128 collateral;
        uint128 debt;
    }

    /// @dev A Release, or a redeem at home (operation, nonce and fee are zero, and the peer is this gateway).
    struct Release {
        bytes32 operation;
        bytes32 peer;
        uint64 nonce;
        bytes32 asset;
        bytes32 market;
        bytes32 owner;
        bytes32 recipient;
        uint128 amount;
        uint128 fee;
        bytes32 actor;
        uint128 wanted;
    }

    function market(Store storage s, bytes32 marketId) internal view returns (Market storage m) {
        m = s.markets[marketId];
        if (m.synthetic == 0) revert IGateway.UnknownMarket(marketId);
    }

    /// @notice Writes a position; its version is the event that the caller appends next.
    function save(
        Store storage s,
        bytes32 marketId,
        bytes32 owner,
        Position memory before,
        uint128 collateral,
        uint128 debt
    ) internal {
        Market storage m = s.markets[marketId];
        Position storage p = s.positions[marketId][owner];
        (p.collateral, p.debt, p.version) = (collateral, debt, Ledger.next());
        if (debt != before.debt) {
            s.totals[m.synthetic].debt = s.totals[m.synthetic].debt - before.debt + debt;
        }
        // The one position of a reserve market is its total.
        if (m.kind == MarketKind.Vault) {
            m.totalCollateral = m.totalCollateral - before.collateral + collateral;
            m.totalDebt = m.totalDebt - before.debt + debt;
        }
    }

    /// @notice Lets the debt fall by at most `net`, and finds out what collateral that frees.
    /// @param cap the most collateral to pay, in canonical units
    function undo(Store storage s, bytes32 marketId, bytes32 owner, uint128 net, uint128 cap)
        internal
        returns (Undone memory r)
    {
        Market storage m = s.markets[marketId];
        Position memory before = s.positions[marketId][owner];
        r.paid = net < before.debt ? net : before.debt;
        r.surplus = net - r.paid;
        r.debt = before.debt - r.paid;

        uint256 free = m.kind == MarketKind.Reserve
            ? Amounts.scale(r.paid, Amounts.SYNTHETIC_DECIMALS, s.assets[m.collateral].decimals)
            : cap == 0 ? 0 : _free(s, m, before.collateral, r.debt);
        r.payout = Tokens.payable_(s.assets[m.collateral], Amounts.min(Amounts.min(free, cap), before.collateral));
        r.collateral = before.collateral - r.payout;
        save(s, marketId, owner, before, r.collateral, r.debt);
    }

    /// @notice Collateral that may leave while LTV stays within the maximum at the lower price: all without debt, none without a price.
    function _free(Store storage s, Market storage m, uint256 collateral, uint256 debt) private view returns (uint256) {
        if (debt == 0) return collateral;
        (Verdict verdict, uint128 lower,) = Prices.read(m);
        if (verdict != Verdict.Valid) return 0;
        uint256 needed = Health.collateralFor(debt, m.terms.maxLtv, Amounts.ONE, Prices.scales(s, m, lower));
        return collateral > needed ? collateral - needed : 0;
    }

    /// @notice The rule of Release: fee to the treasury, debt down, collateral and surplus to the recipient.
    function release(Store storage s, Release memory x) internal {
        Market storage m = market(s, x.market);
        if (m.synthetic != x.asset) revert IGateway.UnknownMarket(x.market);
        Pauses.check(s, x.asset, Pauses.NO_SUPPLY);
        s.windows[x.asset][Windows.RELEASE].take(x.amount);

        Undone memory r = undo(s, x.market, x.owner, x.amount - x.fee, _cap(s, m, x));
        if (r.surplus != 0) s.windows[x.asset][Windows.MINT].force(r.surplus);
        Ledger.append(
            Ledger.RELEASED,
            abi.encodePacked(
                abi.encode(x.operation, x.peer, x.nonce, x.asset, x.amount, x.fee, r.paid, r.surplus),
                abi.encode(r.payout, x.recipient, x.market, x.owner, r.collateral, r.debt)
            )
        );

        Tokens.mint(s, x.asset, s.treasury, x.fee);
        if (Pauses.level(s.assets[x.asset]) < Pauses.NO_SUPPLY) {
            Tokens.mint(s, x.asset, Codec.toAddress(x.recipient), r.surplus);
        } else if (r.surplus != 0) {
            Tokens.mint(s, x.asset, address(this), r.surplus);
            Tokens.credit(s, x.asset, x.recipient, r.surplus, x.operation);
        }
        if (x.operation == 0) Tokens.pay(s.assets[m.collateral], Codec.toAddress(x.recipient), r.payout);
        else Tokens.push(s, m.collateral, x.recipient, r.payout, x.operation);
    }

    /// @dev A reserve market pays whoever burns; a vault market only the owner at home, or his controller.
    function _cap(Store storage s, Market storage m, Release memory x) private view returns (uint128) {
        if (m.kind == MarketKind.Reserve) {
            if (x.owner != x.market) revert IGateway.WrongOwner(x.owner);
            return type(uint128).max;
        }
        if (x.operation == 0 && x.actor == x.owner) return x.wanted;
        Controller storage c = s.controllers[x.market][x.owner];
        return c.gateway == x.peer && c.account == x.actor ? x.wanted : 0;
    }
}
