//! The gateway's interface as the daemon uses it, and the conversion of words. `tests/artifact.rs` holds it to the compiled contracts.

use alloy::{
    primitives::{Address, B256, Bytes, U256},
    sol,
    sol_types::SolCall,
};
use tim3_domain::{identity::Account, word::Word};

sol! {
    #![sol(all_derives, abi)]

    /// `contracts/ethereum/src/IGateway.sol`; enumerations are their numbers.
    interface Gateway {
        struct Order { uint8 action; bytes content; bytes signatures; }
        struct Intent { uint8 kind; bytes32 destination; bytes32 market; bytes32 owner; bytes32 recipient; uint128 wanted; }
        struct Asset { address token; uint8 kind; uint8 decimals; uint8 nativeDecimals; uint8 level; uint64 frozenUntil; uint128 target; }
        struct Totals { uint128 minted; uint128 burned; uint128 debt; uint128 badDebt; uint128 claimable; uint128 pending; }
        struct PeerTotals { uint128 sent; uint128 refunded; uint128 settled; uint128 voided; }
        struct Window { uint128 limit; int128 available; uint64 period; uint64 updated; }
        struct Route { uint128 min; uint128 max; uint128 flatFee; uint16 feeBps; bool enabled; bool evm; }
        struct Terms {
            address oracle; uint16 maxLtv; uint16 liquidationThreshold; uint16 bonus; uint16 closeFactor; uint16 depeg;
            uint128 ceiling; uint128 dust;
        }
        struct Market {
            bytes32 synthetic; bytes32 collateral; uint8 kind; Terms terms; uint128 totalCollateral; uint128 totalDebt;
        }
        struct Position { uint128 collateral; uint128 debt; uint64 version; }
        struct Mirror { bytes32 home; uint128 collateral; uint128 debt; uint64 version; }

        event Event(uint64 indexed sequence, uint8 indexed kind, uint64 timestamp, bytes body);
        event Skipped(uint256 indexed index, bytes32 indexed content, uint8 action, uint8 code, bytes reason);

        error NotActive();
        error AlreadyActive();
        error NotReady();
        error Retired();
        error NotAdmin();
        error NotGuardian();
        error NotOwner();
        error Reentered();
        error Paused(bytes32 asset, uint8 level);
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
        error CeilingExceeded(uint256 debt, uint256 ceiling);
        error BelowDust(uint256 debt, uint256 dust);
        error Undercollateralized();
        error PriceUnavailable(uint8 verdict);
        error Depegged(uint256 price);
        error NoDebt();
        error Healthy();
        error MustTakeWhole(uint256 repay);
        error SeizedTooLittle(uint256 seized, uint256 min);
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
        error InvalidValue();
        error AlreadyRegistered(bytes32 id);
        error NotScheduled(bytes32 change);
        error TooEarly(uint64 ready);
        error Expired(uint64 deadline);

        function lock(bytes32 market, uint256 collateral, uint128 debt, bytes32 destination, bytes32 recipient, bytes32 refundTo, uint128 maxFee)
            external returns (bytes32 operationId);
        function burn(bytes32 asset, uint128 amount, Intent intent, bytes32 refundTo, uint128 maxFee) external returns (bytes32 operationId);
        function repay(bytes32 market, bytes32 owner, uint128 amount) external;
        function withdraw(bytes32 market, uint128 collateral, bytes32 to) external;
        function redeem(bytes32 market, bytes32 owner, uint128 amount, uint128 wanted, bytes32 recipient) external;
        function liquidate(bytes32 market, bytes32 owner, uint128 maxRepay, uint128 minSeized) external;
        function claim(bytes32 asset, bytes32 to) external;
        function execute(Order[] orders) external returns (uint8[] codes);

        function activate() external;
        function setPause(bytes32 asset, uint8 level) external;
        function addSynthetic(string symbol, address token, uint128 target) external;
        function addCollateral(string symbol, address token, uint8 decimals) external;
        function setMarket(bytes32 synthetic, bytes32 collateral, uint8 kind, Terms terms) external;
        function setWindow(bytes32 asset, uint8 kind, uint128 limit, uint64 period) external;
        function setRoute(bytes32 asset, bytes32 peer, Route route) external;
        function setAttesters(uint8 threshold, address[] signers) external;
        function setTreasury(address treasury) external;
        function transferAdmin(address admin) external;

        function id() external view returns (bytes32);
        function salt() external view returns (bytes32);
        function delay() external view returns (uint64);
        function active() external view returns (bool);
        function retired() external view returns (bool);
        function admin() external view returns (address);
        function pendingAdmin() external view returns (address);
        function guardian() external view returns (address);
        function head() external view returns (uint64 count, bytes32 hash);
        function slot(bytes32 origin, uint64 nonce) external view returns (uint8 outcome);
        function refunded(bytes32 destination, uint64 nonce) external view returns (bool);
        function totals(bytes32 asset) external view returns (Totals);
        function peerTotals(bytes32 asset, bytes32 peer) external view returns (PeerTotals);
        function asset(bytes32 assetId) external view returns (Asset);
        function markets() external view returns (bytes32[]);
        function market(bytes32 marketId) external view returns (Market);
        function position(bytes32 marketId, bytes32 owner) external view returns (uint128 collateral, uint128 debt, uint64 version);
        function positions(bytes32 marketId, bytes32[] owners) external view returns (Position[]);
        function mirror(bytes32 marketId, bytes32 owner) external view returns (Mirror);
        function window(bytes32 asset, uint8 kind) external view returns (Window);
        function route(bytes32 asset, bytes32 peer) external view returns (Route);
        function pauseLevel(bytes32 asset) external view returns (uint8);
        function attesters() external view returns (uint64 epoch, uint8 threshold, address[] signers);
        function claimable(bytes32 account, bytes32 asset) external view returns (uint128 amount);
        function treasury() external view returns (address);
    }

    /// What every token has, with the errors of OpenZeppelin's.
    interface Token {
        error ERC20InsufficientBalance(address sender, uint256 balance, uint256 needed);
        error ERC20InsufficientAllowance(address spender, uint256 allowance, uint256 needed);
        error ERC20InvalidReceiver(address receiver);
        error ERC20InvalidSender(address sender);
        error SafeERC20FailedOperation(address token);

        event Transfer(address indexed from, address indexed to, uint256 value);

        function decimals() external view returns (uint8);
        function totalSupply() external view returns (uint256);
        function balanceOf(address account) external view returns (uint256);
        function allowance(address owner, address spender) external view returns (uint256);
        function approve(address spender, uint256 amount) external returns (bool);
        function transfer(address to, uint256 amount) external returns (bool);
        /// Of synthetics, whose gateway mints, and of the devnet's tokens, which anybody does.
        function mint(address to, uint256 amount) external;
    }

    /// `contracts/ethereum/src/Executor.sol`.
    interface Executor {
        struct Part { address token; uint256 amount; }
        struct Call { address target; bytes data; }
        struct Loan { address pair; address router; address lent; uint256 amount; address owed; }

        error NotOwner();
        error Expired(uint64 deadline);
        error NothingThere(address target);
        error TooLittle(address token, uint256 found, uint256 least);
        error NotLent();

        event Swept(address indexed token, address indexed to, uint256 amount);

        function OWNER() external view returns (address);
        function run(Part[] takes, Call[] calls, Part[] gives, address to, uint64 deadline) external;
        function flash(Loan loan, Call[] calls, Part[] gives, address to, uint64 deadline) external;
    }

    /// A pool as Uniswap V2 has them.
    interface Pair {
        function token0() external view returns (address);
        function token1() external view returns (address);
        function price0CumulativeLast() external view returns (uint256);
        function price1CumulativeLast() external view returns (uint256);
        function getReserves() external view returns (uint112 reserve0, uint112 reserve1, uint32 blockTimestampLast);
    }

    /// What knows all pools.
    interface Factory {
        function getPair(address tokenA, address tokenB) external view returns (address pair);
    }

    /// What swaps in them: `UniswapV2Router02`, of which others have the same functions.
    interface Router {
        function factory() external view returns (address);
        function getAmountOut(uint256 amountIn, uint256 reserveIn, uint256 reserveOut) external pure returns (uint256 amountOut);
        function getAmountsOut(uint256 amountIn, address[] path) external view returns (uint256[] amounts);
        function getAmountsIn(uint256 amountOut, address[] path) external view returns (uint256[] amounts);
        function swapExactTokensForTokens(uint256 amountIn, uint256 amountOutMin, address[] path, address to, uint256 deadline)
            external returns (uint256[] amounts);
        function swapTokensForExactTokens(uint256 amountOut, uint256 amountInMax, address[] path, address to, uint256 deadline)
            external returns (uint256[] amounts);
    }

    /// What a Chainlink feed answers.
    interface Aggregator {
        function decimals() external view returns (uint8);
        function latestRoundData()
            external view returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound);
    }

    /// `contracts/ethereum/src/oracle/ChainlinkOracle.sol`.
    interface ChainlinkOracle {
        function PRIMARY() external view returns (address);
        function SECONDARY() external view returns (address);
    }

    /// What the devnet's price feeds have: anybody sets the answer.
    interface TestAggregator {
        function set(int256 answer) external;
    }

    /// The reasons that Solidity itself gives.
    interface Solidity {
        error Error(string reason);
        error Panic(uint256 code);
    }
}

/// The number of the Mint window.
pub const MINT_WINDOW: u8 = 1;
/// The number of the Release window.
pub const RELEASE_WINDOW: u8 = 2;
pub(crate) fn b256(word: impl Into<Word>) -> B256 {
    B256::new(word.into().0)
}

pub(crate) fn word(bytes: B256) -> Word {
    Word(bytes.0)
}

pub(crate) fn address(account: &Account) -> Option<Address> {
    account.to_evm().map(Address::new)
}

pub(crate) fn account(address: Address) -> Account {
    Account::from_evm(address.into_array())
}

/// Call data of one call.
pub(crate) fn call_data(call: &impl SolCall) -> Bytes {
    call.abi_encode().into()
}

/// The amount, or `None` above 128 bits.
pub(crate) fn amount(value: U256) -> Option<u128> {
    u128::try_from(value).ok()
}
