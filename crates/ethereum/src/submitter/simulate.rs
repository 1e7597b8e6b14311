//! What the gateway would answer to each order now, and why.

use std::{collections::BTreeMap, sync::Arc};

use alloy::{primitives::LogData, sol_types::SolEvent};
use serde::Deserialize;
use serde_json::json;
use tim3_chain::{ChainError, Reader as _};
use tim3_domain::protocol::OrderCode;
use tim3_rpc::{Call, CallError, Request};
use tracing::debug;

use super::Batches;
use crate::{
    abi::{Gateway, call_data},
    connect::Ethereum,
    link::lock,
    node::{Node, NodeError},
    reason,
};

/// How each order would end, and why where it is not `Done`.
pub(super) type Explained = Vec<(OrderCode, String)>;

impl Ethereum {
    /// What would become of `orders`, and the gas with which that holds. One call, where every order would be done.
    pub(super) async fn simulate(
        &self,
        batches: &Batches,
        orders: &[Gateway::Order],
        signatures: usize,
    ) -> Result<(Explained, u64), ChainError> {
        let input = call_data(&Gateway::executeCall { orders: orders.to_vec() });
        let most = batches.max_gas;
        let mut gas = lock(&batches.gas).limit(orders.len(), signatures).min(most);
        loop {
            let call = json!({
                "from": batches.sender.address(), "to": self.link.config.gateway, "input": input,
                "gas": format!("{gas:#x}"),
            });
            let request = Request::new("eth_call", json!([call.clone(), "latest"]));
            let codes = self.link.ask("simulate", |node| {
                let request = request.clone();
                async move { simulated(&node, request, orders.len()).await }
            });
            let codes = codes.await?;
            if codes.iter().all(|code| *code == OrderCode::Done) {
                return Ok((explain(&codes, &BTreeMap::new()), gas));
            }
            let reasons = self.reasons(call).await;
            let short_of_gas = codes.iter().enumerate().any(|(index, code)| {
                // Without a reason it may be that.
                *code == OrderCode::Rejected
                    && reasons.get(&index).is_none_or(|reason| reason.starts_with("InsufficientGas"))
            });
            if !short_of_gas || gas == most {
                return Ok((explain(&codes, &reasons), gas));
            }
            gas = most;
        }
    }

    /// Of each of `orders`, whether a quorum says that it can never be done, judged by a block that no reorg takes back. An order that is
    /// given up is voided, so one endpoint's word is not enough.
    pub(super) async fn refused_for_good(
        &self,
        batches: &Batches,
        orders: Vec<Gateway::Order>,
    ) -> Result<Vec<bool>, ChainError> {
        const WHAT: &str = "confirm a refusal";
        let count = orders.len();
        let call = json!({
            "from": batches.sender.address(), "to": self.link.config.gateway,
            "input": call_data(&Gateway::executeCall { orders }), "gas": format!("{:#x}", batches.max_gas),
        });
        let block = format!("{:#x}", self.tips().await?.finalized.height);
        let request = Request::new("eth_simulateV1", json!([{"blockStateCalls": [{"calls": [call]}]}, block]));
        let ask = |node: Arc<Node>| {
            let request = request.clone();
            async move {
                let reasons: BTreeMap<_, _> = logs(&node, request).await?.iter().filter_map(skipped).collect();
                let hopeless = |index| reasons.get(&index).is_some_and(|reason| reason::is_permanent(reason));
                Ok::<_, NodeError>((0..count).map(hopeless).collect::<Vec<_>>())
            }
        };
        let agreed = self.link.pool.quorum(Call::new(WHAT), ask).await;
        Ok(agreed.map_err(|error| self.link.error(WHAT, error))?.value)
    }

    /// Why orders would not be done, by index: `eth_call` shows no logs, `eth_simulateV1` does. Empty where no endpoint offers it.
    async fn reasons(&self, call: serde_json::Value) -> BTreeMap<usize, String> {
        let request = Request::new("eth_simulateV1", json!([{"blockStateCalls": [{"calls": [call]}]}, "latest"]));
        let logs = self
            .link
            .ask("reasons", |node| {
                let request = request.clone();
                async move { logs(&node, request).await }
            })
            .await;
        match logs {
            Ok(logs) => logs.iter().filter_map(skipped).collect(),
            Err(error) => {
                debug!(chain = self.link.name, %error, "no reasons for orders that are left out");
                BTreeMap::new()
            }
        }
    }
}

fn explain(codes: &[OrderCode], reasons: &BTreeMap<usize, String>) -> Explained {
    let why = |index: usize, code: OrderCode| match (code, reasons.get(&index)) {
        (OrderCode::Done, _) => String::new(),
        (_, Some(reason)) => reason.clone(),
        (OrderCode::AlreadyDone, None) => "AlreadyDone()".to_owned(),
        (OrderCode::Delayed, None) => "WindowFull".to_owned(),
        (OrderCode::Rejected, None) => "the endpoint does not say why (it has no eth_simulateV1)".to_owned(),
    };
    codes.iter().enumerate().map(|(index, code)| (*code, why(index, *code))).collect()
}

async fn simulated(node: &Arc<Node>, request: Request, orders: usize) -> Result<Vec<OrderCode>, NodeError> {
    let codes = node.one(request).await?.returns::<Gateway::executeCall>()?;
    if codes.len() != orders {
        return Err(CallError::Garbage(format!("{} codes for {orders} orders", codes.len())));
    }
    codes
        .into_iter()
        .map(|code| OrderCode::from_code(code).map_err(|error| CallError::Garbage(error.to_string())))
        .collect()
}

#[derive(Deserialize)]
struct SimulatedBlock {
    calls: Vec<SimulatedCall>,
}

#[derive(Deserialize)]
struct SimulatedCall {
    #[serde(default)]
    logs: Vec<LogData>,
}

async fn logs(node: &Node, request: Request) -> Result<Vec<LogData>, NodeError> {
    let blocks: Vec<SimulatedBlock> = node.one(request).await?.read("simulation")?;
    Ok(blocks.into_iter().flat_map(|block| block.calls).flat_map(|call| call.logs).collect())
}

/// Index and reason of an order that was skipped.
fn skipped(log: &LogData) -> Option<(usize, String)> {
    let skipped = Gateway::Skipped::decode_log_data_validate(log).ok()?;
    Some((usize::try_from(skipped.index).ok()?, reason::decode(&skipped.reason)))
}
