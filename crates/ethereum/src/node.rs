//! One endpoint, in the words of Ethereum.

use alloy::{
    eips::BlockNumberOrTag,
    primitives::{Address, B256, Bytes},
    rpc::types::{Header, Log},
    sol_types::SolCall,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tim3_chain::BlockRef;
use tim3_rpc::{CallError, Fault, JsonRpc, Request};

use crate::{
    abi,
    fault::{FaultClass, Refusal},
};

pub(crate) type NodeError = CallError<Refusal>;
pub(crate) type Pool = tim3_rpc::Pool<Node>;

/// A client of one endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Node(pub(crate) JsonRpc);

/// The results of one batch, taken in the order of the requests.
#[derive(Debug)]
pub(crate) struct Results(std::vec::IntoIter<Result<Value, Fault>>);

/// What a block's header says that matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) block: BlockRef,
    /// Base fee, in wei per gas; 0 before EIP-1559.
    pub(crate) base_fee: u128,
}

/// What became of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Receipt {
    #[serde(with = "alloy::serde::quantity")]
    status: u64,
    block_hash: B256,
    #[serde(with = "alloy::serde::quantity")]
    pub(crate) block_number: u64,
    #[serde(with = "alloy::serde::quantity")]
    pub(crate) gas_used: u64,
    pub(crate) contract_address: Option<Address>,
}

impl Receipt {
    pub(crate) fn succeeded(&self) -> bool {
        self.status == 1
    }

    /// The block, without its time: receipts do not say it.
    pub(crate) fn block(&self) -> BlockRef {
        BlockRef { height: self.block_number, hash: abi::word(self.block_hash), timestamp: 0 }
    }
}

impl Node {
    pub(crate) async fn batch(&self, requests: &[Request]) -> Result<Results, NodeError> {
        Ok(Results(self.0.batch(requests).await?.into_iter()))
    }

    pub(crate) async fn one(&self, request: Request) -> Result<Results, NodeError> {
        self.batch(&[request]).await
    }

    /// The height of its head.
    pub(crate) async fn height(&self) -> Result<u64, NodeError> {
        self.one(Request::new("eth_blockNumber", json!([]))).await?.quantity()
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

    pub(crate) fn quantity(&mut self) -> Result<u64, NodeError> {
        let value = self.wide()?;
        u64::try_from(value).map_err(|_| CallError::Garbage(format!("{value} is above 64 bits")))
    }

    pub(crate) fn wide(&mut self) -> Result<u128, NodeError> {
        let value = self.value()?;
        let digits = value.as_str().and_then(|text| text.strip_prefix("0x"));
        digits
            .and_then(|digits| u128::from_str_radix(digits, 16).ok())
            .ok_or_else(|| CallError::Garbage("not a quantity".to_owned()))
    }

    /// The next result as a block, or `None` where the endpoint has none.
    pub(crate) fn block(&mut self) -> Result<Option<Seen>, NodeError> {
        let header: Option<Header> = self.read("block")?;
        Ok(header.map(|header| Seen {
            block: BlockRef {
                height: header.inner.number,
                hash: abi::word(header.hash),
                timestamp: header.inner.timestamp,
            },
            base_fee: header.inner.base_fee_per_gas.unwrap_or_default().into(),
        }))
    }

    /// The next result as a block that every synced endpoint has.
    pub(crate) fn known_block(&mut self, what: &str) -> Result<Seen, NodeError> {
        self.block()?.ok_or_else(|| CallError::Behind(format!("no {what} block")))
    }

    pub(crate) fn logs(&mut self) -> Result<Vec<Log>, NodeError> {
        self.read("logs")
    }

    pub(crate) fn receipt(&mut self) -> Result<Option<Receipt>, NodeError> {
        self.read("receipt")
    }

    pub(crate) fn bytes(&mut self) -> Result<Bytes, NodeError> {
        self.read("bytes")
    }

    /// The next result as what `C` returns.
    pub(crate) fn returns<C: SolCall>(&mut self) -> Result<C::Return, NodeError> {
        let bytes = self.bytes()?;
        returned::<C>(&bytes)
    }
}

/// What the bytes that a call of `C` gave mean.
pub(crate) fn returned<C: SolCall>(bytes: &Bytes) -> Result<C::Return, NodeError> {
    C::abi_decode_returns_validate(bytes).map_err(|error| CallError::Garbage(format!("{}: {error}", C::SIGNATURE)))
}

/// What an error body is to the pool.
fn decided(fault: &Fault) -> NodeError {
    let refusal = Refusal::of(fault);
    match refusal.class {
        FaultClass::UnknownBlock => CallError::Behind(refusal.reason),
        FaultClass::Undecided | FaultClass::Unsupported => CallError::Fault(fault.to_string()),
        _ => CallError::Refused(refusal),
    }
}

/// Which state a call sees.
#[derive(Clone, Copy, Debug)]
pub(crate) enum At<'a> {
    /// The newest.
    Latest,
    /// That of a block, by its hash, as long as it is canonical (EIP-1898).
    Block(&'a BlockRef),
}

impl At<'_> {
    fn json(self) -> Value {
        match self {
            Self::Latest => json!("latest"),
            Self::Block(block) => json!({"blockHash": block.hash, "requireCanonical": true}),
        }
    }
}

pub(crate) fn call(to: Address, data: &Bytes, at: At<'_>) -> Request {
    Request::new("eth_call", json!([{"to": to, "data": data}, at.json()]))
}

pub(crate) fn block(number: BlockNumberOrTag) -> Request {
    Request::new("eth_getBlockByNumber", json!([number, false]))
}

pub(crate) fn receipt(id: &str) -> Request {
    Request::new("eth_getTransactionReceipt", json!([id]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Results as an endpoint could have sent them.
    fn hostile() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            "0x[0-9a-f]{0,80}".prop_map(Value::from),
            "\\PC{0,20}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 40, 6, |inner| {
            let names = prop::sample::select(vec![
                "number",
                "hash",
                "timestamp",
                "baseFeePerGas",
                "address",
                "topics",
                "data",
                "blockNumber",
                "blockHash",
                "transactionHash",
                "logIndex",
                "removed",
                "status",
                "gasUsed",
                "contractAddress",
                "parentHash",
            ]);
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec((names, inner), 0..8).prop_map(|fields| {
                    Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_an_endpoint_sends_is_a_value_or_an_error(value in hostile()) {
            let results = || Results(vec![Ok(value.clone())].into_iter());
            let _ = results().block();
            let _ = results().logs();
            let _ = results().receipt();
            let _ = results().quantity();
            let _ = results().wide();
            let _ = results().returns::<abi::Gateway::headCall>();
            let _ = results().returns::<abi::Gateway::executeCall>();
            let _ = results().returns::<abi::Gateway::attestersCall>();
        }
    }
}
