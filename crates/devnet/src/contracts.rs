//! The contracts as tests read and call them: declared from `contracts/ethereum/src/IGateway.sol`, not taken from the adapter.

#![expect(clippy::too_many_arguments, reason = "those of the gateway's calls")]

use alloy::sol;

sol! {
    #![sol(all_derives)]

    /// The gateway.
    #[sol(rpc)]
    interface IGateway {
        struct Totals { uint128 minted; uint128 burned; uint128 debt; uint128 badDebt; uint128 claimable; uint128 pending; }
        struct PeerTotals { uint128 sent; uint128 refunded; uint128 settled; uint128 voided; }
        struct Mirror { bytes32 home; uint128 collateral; uint128 debt; uint64 version; }
        struct Intent { uint8 kind; bytes32 destination; bytes32 market; bytes32 owner; bytes32 recipient; uint128 wanted; }
        struct Order { uint8 action; bytes content; bytes signatures; }

        event Event(uint64 indexed sequence, uint8 indexed kind, uint64 timestamp, bytes body);

        function lock(bytes32 market, uint256 collateral, uint128 debt, bytes32 destination, bytes32 recipient, bytes32 refundTo, uint128 maxFee)
            external returns (bytes32 operationId);
        function burn(bytes32 asset, uint128 amount, Intent intent, bytes32 refundTo, uint128 maxFee) external returns (bytes32 operationId);
        function setPause(bytes32 asset, uint8 level) external;
        function execute(Order[] orders) external returns (uint8[] codes);

        function head() external view returns (uint64 count, bytes32 hash);
        function slot(bytes32 origin, uint64 nonce) external view returns (uint8 outcome);
        function refunded(bytes32 destination, uint64 nonce) external view returns (bool);
        function totals(bytes32 asset) external view returns (Totals);
        function peerTotals(bytes32 asset, bytes32 peer) external view returns (PeerTotals);
        function position(bytes32 market, bytes32 owner) external view returns (uint128 collateral, uint128 debt, uint64 version);
        function mirror(bytes32 market, bytes32 owner) external view returns (Mirror);
        function claimable(bytes32 account, bytes32 asset) external view returns (uint128 amount);
        function attesters() external view returns (uint64 epoch, uint8 threshold, address[] signers);
    }

    /// The tokens.
    #[sol(rpc)]
    interface IToken {
        function totalSupply() external view returns (uint256);
        function balanceOf(address account) external view returns (uint256);
        function approve(address spender, uint256 amount) external returns (bool);
        function mint(address to, uint256 amount) external;
        function setFrozen(address account, bool frozen) external;
    }
}
