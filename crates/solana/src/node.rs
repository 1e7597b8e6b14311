//! One endpoint, in the words of Solana. Answers are read by total functions; accounts and blocks come as bytes and words.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use solana_client::{
    rpc_request::RpcRequest,
    rpc_response::{Response, RpcBlockhash, RpcPrioritizationFee},
};
use solana_pubkey::Pubkey;
use tim3_chain::BlockRef;
use tim3_domain::word::Word;
use tim3_rpc::{CallError, Fault, JsonRpc, Request};

use crate::fault::{Refusal, decided};

pub(crate) type NodeError = CallError<Refusal>;
pub(crate) type Pool = tim3_rpc::Pool<Node>;

/// A client of one endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Node(pub(crate) JsonRpc);

/// The results of one batch, taken in the order of the requests.
#[derive(Debug)]
pub(crate) struct Results(std::vec::IntoIter<Result<Value, Fault>>);

/// How far the state that is read has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Commitment {
    /// Voted for: a hint.
    Confirmed,
    /// Never taken back.
    Finalized,
}

impl Commitment {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Finalized => "finalized",
        }
    }
}

/// An account as an endpoint gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) owner: Pubkey,
    pub(crate) lamports: u64,
    pub(crate) data: Vec<u8>,
}

/// Accounts of one slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Accounts {
    pub(crate) slot: u64,
    pub(crate) accounts: Vec<Option<Found>>,
}

/// A blockhash, and the block height up to which a transaction with it may be included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recent {
    pub(crate) hash: String,
    pub(crate) last_valid: u64,
}

/// What became of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) slot: u64,
    pub(crate) error: Option<Value>,
    pub(crate) commitment: Option<Commitment>,
}

/// A transaction that names an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mention {
    pub(crate) signature: String,
    pub(crate) slot: u64,
    pub(crate) failed: bool,
}

impl Node {
    pub(crate) async fn batch(&self, requests: &[Request]) -> Result<Results, NodeError> {
        if requests.is_empty() {
            return Ok(Results(Vec::new().into_iter()));
        }
        Ok(Results(self.0.batch(requests).await?.into_iter()))
    }

    pub(crate) async fn one(&self, request: Request) -> Result<Results, NodeError> {
        self.batch(&[request]).await
    }

    /// Its newest finalized slot.
    pub(crate) async fn height(&self) -> Result<u64, NodeError> {
        self.one(slot(Commitment::Finalized)).await?.read("slot")
    }
}

impl Results {
    /// The next result as it is.
    pub(crate) fn value(&mut self) -> Result<Value, NodeError> {
        match self.0.next() {
            Some(Ok(value)) => Ok(value),
            Some(Err(fault)) => Err(decided(&fault)),
            None => Err(CallError::Garbage("an answer is missing".to_owned())),
        }
    }

    /// The next result as a `T`.
    pub(crate) fn read<T: DeserializeOwned>(&mut self, what: &str) -> Result<T, NodeError> {
        let value = self.value()?;
        serde_json::from_value(value).map_err(|error| CallError::Garbage(format!("{what}: {error}")))
    }

    /// The next result as `count` accounts of a slot that is not before `least`.
    pub(crate) fn accounts(&mut self, count: usize, least: u64) -> Result<Accounts, NodeError> {
        #[derive(Deserialize)]
        struct Raw {
            owner: String,
            lamports: u64,
            data: (String, String),
        }
        let found: Response<Vec<Option<Raw>>> = self.read("accounts")?;
        let garbage = |what: &str| CallError::Garbage(format!("accounts: {what}"));
        if found.value.len() != count {
            return Err(garbage("another number of accounts than was asked for"));
        }
        let account = |raw: Raw| {
            let (data, encoding) = raw.data;
            if encoding != "base64" {
                return Err(garbage("another encoding than was asked for"));
            }
            Ok(Found {
                owner: raw.owner.parse().map_err(|_| garbage("an owner that is no address"))?,
                lamports: raw.lamports,
                data: BASE64_STANDARD.decode(data).map_err(|_| garbage("data that are not base64"))?,
            })
        };
        reached(found.context.slot, least)?;
        let accounts = found.value.into_iter().map(|raw| raw.map(account).transpose()).collect::<Result<_, _>>()?;
        Ok(Accounts { slot: found.context.slot, accounts })
    }

    /// The next result as the block at `slot`, or `None` where there is none.
    pub(crate) fn block(&mut self, slot: u64) -> Result<Option<BlockRef>, NodeError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Raw {
            blockhash: String,
            block_time: Option<i64>,
        }
        let raw: Option<Raw> = match self.read("block") {
            Err(CallError::Refused(Refusal::NoBlock)) => return Ok(None),
            raw => raw?,
        };
        let Some(raw) = raw else { return Ok(None) };
        let hash: Pubkey = raw.blockhash.parse().map_err(|_| CallError::Garbage("block: no hash".to_owned()))?;
        let timestamp = raw.block_time.and_then(|time| u64::try_from(time).ok()).unwrap_or_default();
        Ok(Some(BlockRef { height: slot, hash: Word(hash.to_bytes()), timestamp }))
    }

    /// The next result as a blockhash for transactions.
    pub(crate) fn recent(&mut self) -> Result<Recent, NodeError> {
        let found: Response<RpcBlockhash> = self.read("blockhash")?;
        Ok(Recent { hash: found.value.blockhash, last_valid: found.value.last_valid_block_height })
    }

    /// The next result as whether a blockhash is valid, by a state that is not before `least`.
    pub(crate) fn is_recent(&mut self, least: u64) -> Result<bool, NodeError> {
        let found: Response<bool> = self.read("whether a blockhash is valid")?;
        reached(found.context.slot, least)?;
        Ok(found.value)
    }

    /// The next result as statuses of `count` transactions.
    pub(crate) fn statuses(&mut self, count: usize) -> Result<Vec<Option<Status>>, NodeError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Raw {
            slot: u64,
            err: Option<Value>,
            confirmation_status: Option<String>,
        }
        let found: Response<Vec<Option<Raw>>> = self.read("statuses")?;
        if found.value.len() != count {
            return Err(CallError::Garbage("another number of statuses than was asked for".to_owned()));
        }
        let commitment = |name: &str| match name {
            "confirmed" => Some(Commitment::Confirmed),
            "finalized" => Some(Commitment::Finalized),
            _ => None,
        };
        let status = |raw: Raw| Status {
            slot: raw.slot,
            error: raw.err,
            commitment: raw.confirmation_status.as_deref().and_then(commitment),
        };
        Ok(found.value.into_iter().map(|raw| raw.map(status)).collect())
    }

    /// The next result as the transactions that name an account, newest first.
    pub(crate) fn mentions(&mut self) -> Result<Vec<Mention>, NodeError> {
        #[derive(Deserialize)]
        struct Raw {
            signature: String,
            slot: u64,
            err: Option<Value>,
        }
        let found: Vec<Raw> = self.read("signatures")?;
        let mention = |raw: Raw| Mention { signature: raw.signature, slot: raw.slot, failed: raw.err.is_some() };
        Ok(found.into_iter().map(mention).collect())
    }

    /// The next result as what others paid lately, in millionths of a lamport per compute unit.
    pub(crate) fn prices(&mut self) -> Result<Vec<u64>, NodeError> {
        let found: Vec<RpcPrioritizationFee> = self.read("fees")?;
        Ok(found.into_iter().map(|fee| fee.prioritization_fee).collect())
    }
}

/// Fails where an endpoint, told how new its state must be, answers about an older one.
pub(crate) fn reached(slot: u64, least: u64) -> Result<(), NodeError> {
    if slot >= least { Ok(()) } else { Err(CallError::Behind(format!("answered for slot {slot}, asked for {least}"))) }
}

fn request(method: RpcRequest, params: Value) -> Request {
    Request::new(method.as_str(), params)
}

pub(crate) fn genesis() -> Request {
    request(RpcRequest::GetGenesisHash, json!([]))
}

pub(crate) fn slot(commitment: Commitment) -> Request {
    request(RpcRequest::GetSlot, json!([{"commitment": commitment.name()}]))
}

pub(crate) fn block_height(commitment: Commitment) -> Request {
    request(RpcRequest::GetBlockHeight, json!([{"commitment": commitment.name()}]))
}

/// Accounts of one slot that is not before `least`.
pub(crate) fn accounts(keys: &[Pubkey], commitment: Commitment, least: u64) -> Request {
    let keys: Vec<_> = keys.iter().map(ToString::to_string).collect();
    let config = json!({"encoding": "base64", "commitment": commitment.name(), "minContextSlot": least});
    request(RpcRequest::GetMultipleAccounts, json!([keys, config]))
}

/// The same, of each only the first `length` bytes.
pub(crate) fn beginnings(keys: &[Pubkey], commitment: Commitment, length: usize) -> Request {
    let keys: Vec<_> = keys.iter().map(ToString::to_string).collect();
    let slice = json!({"offset": 0, "length": length});
    let config = json!({"encoding": "base64", "commitment": commitment.name(), "dataSlice": slice});
    request(RpcRequest::GetMultipleAccounts, json!([keys, config]))
}

pub(crate) fn block(slot: u64) -> Request {
    let config = json!({
        "transactionDetails": "none", "rewards": false, "maxSupportedTransactionVersion": 0, "commitment": "confirmed",
    });
    request(RpcRequest::GetBlock, json!([slot, config]))
}

pub(crate) fn recent(commitment: Commitment) -> Request {
    request(RpcRequest::GetLatestBlockhash, json!([{"commitment": commitment.name()}]))
}

/// Whether transactions with this blockhash may be included, by a state that is not before `least`.
pub(crate) fn is_recent(hash: &str, least: u64) -> Request {
    let config = json!({"commitment": Commitment::Confirmed.name(), "minContextSlot": least});
    request(RpcRequest::IsBlockhashValid, json!([hash, config]))
}

/// `history`: also those that have left the recent blocks, which costs the endpoint a look into its archive.
pub(crate) fn statuses<'a>(ids: impl IntoIterator<Item = &'a str>, history: bool) -> Request {
    let ids: Vec<_> = ids.into_iter().collect();
    request(RpcRequest::GetSignatureStatuses, json!([ids, {"searchTransactionHistory": history}]))
}

pub(crate) fn mentions(address: &Pubkey, before: Option<&str>) -> Request {
    let mut config = json!({"commitment": "confirmed", "limit": MENTIONS});
    if let (Some(before), Some(fields)) = (before, config.as_object_mut()) {
        fields.insert("before".to_owned(), before.into());
    }
    request(RpcRequest::GetSignaturesForAddress, json!([address.to_string(), config]))
}

/// How many mentions one answer gives, at most.
pub(crate) const MENTIONS: usize = 1_000;

pub(crate) fn transaction(id: &str) -> Request {
    let config = json!({"encoding": "base64", "commitment": "confirmed", "maxSupportedTransactionVersion": 0});
    request(RpcRequest::GetTransaction, json!([id, config]))
}

pub(crate) fn prices(keys: &[Pubkey]) -> Request {
    let keys: Vec<_> = keys.iter().map(ToString::to_string).collect();
    request(RpcRequest::GetRecentPrioritizationFees, json!([keys]))
}

/// On a state that is not before `least`.
pub(crate) fn simulate(raw: &[u8], least: u64) -> Request {
    let config = json!({
        "encoding": "base64", "commitment": "confirmed", "sigVerify": false, "replaceRecentBlockhash": true,
        "minContextSlot": least,
    });
    request(RpcRequest::SimulateTransaction, json!([BASE64_STANDARD.encode(raw), config]))
}

/// Nothing is simulated again: that was done before it was signed.
pub(crate) fn send(raw: &[u8]) -> Request {
    let config = json!({"encoding": "base64", "skipPreflight": true, "maxRetries": 0});
    request(RpcRequest::SendTransaction, json!([BASE64_STANDARD.encode(raw), config]))
}

pub(crate) fn balance(address: &Pubkey) -> Request {
    request(RpcRequest::GetBalance, json!([address.to_string(), {"commitment": "confirmed"}]))
}

pub(crate) fn rent(bytes: usize) -> Request {
    request(RpcRequest::GetMinimumBalanceForRentExemption, json!([bytes]))
}
