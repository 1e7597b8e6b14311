//! Between the copy and the chain: forwards what reads, and nothing else. anvil is told of this address alone, so that the endpoint's own, which may carry a
//! key, stays in this process.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::post,
};
use serde_json::{Value, json};
use tim3_rpc::{CallError, Http, SecretUrl};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

/// What may be asked, beside everything that begins with `eth_get`.
const READS: [&str; 8] = [
    "eth_blockNumber",
    "eth_call",
    "eth_chainId",
    "eth_feeHistory",
    "eth_gasPrice",
    "eth_maxPriorityFeePerGas",
    "net_version",
    "web3_clientVersion",
];
/// The code of JSON-RPC for a method that is not there.
const NO_METHOD: i64 = -32_601;

/// The chain as the copy sees it. Dropping it ends that.
pub(super) struct Source {
    /// Where the copy asks.
    pub(super) url: String,
    upstream: Arc<Upstream>,
    _task: AbortOnDropHandle<()>,
}

struct Upstream {
    http: Http,
    problem: Mutex<Option<String>>,
}

impl Source {
    /// Serves what `endpoint` answers, on a free port of this machine.
    pub(super) async fn serve(endpoint: SecretUrl) -> Result<Self> {
        let upstream = Arc::new(Upstream { http: Http::new(endpoint)?, problem: Mutex::default() });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("no free port")?;
        let url = format!("http://{}", listener.local_addr()?);
        let router = Router::new().route("/", post(forward)).with_state(Arc::clone(&upstream));
        let serve = async move {
            // It ends with its task only.
            let _ = axum::serve(listener, router).await;
        };
        Ok(Self { url, upstream, _task: AbortOnDropHandle::new(tokio::spawn(serve)) })
    }

    /// What went wrong last with the endpoint.
    pub(super) fn problem(&self) -> Option<String> {
        self.upstream.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn forward(State(upstream): State<Arc<Upstream>>, body: Bytes) -> Response {
    const JSON: [(&str, &str); 1] = [("content-type", "application/json")];
    if let Err(refusal) = check(&body) {
        return (JSON, refusal.to_string()).into_response();
    }
    match upstream.http.post::<String>("", "application/json", body.to_vec()).await {
        Ok(answer) => {
            let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
            (status, JSON, answer.body).into_response()
        }
        Err(error) => {
            let is_too_much = matches!(error, CallError::RateLimited { .. });
            let problem = match error {
                CallError::Transport(detail) | CallError::Garbage(detail) => detail,
                other => other.class().to_owned(),
            };
            *upstream.problem.lock().unwrap_or_else(PoisonError::into_inner) = Some(problem);
            let status = if is_too_much { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::BAD_GATEWAY };
            status.into_response()
        }
    }
}

/// That every request in the body reads; otherwise what is answered instead of asking.
fn check(body: &[u8]) -> Result<(), Value> {
    let refuse = |id: &Value, message: String| json!({"jsonrpc": "2.0", "id": id, "error": {"code": NO_METHOD, "message": message}});
    let Ok(parsed) = serde_json::from_slice::<Value>(body) else {
        return Err(refuse(&Value::Null, "no JSON".to_owned()));
    };
    let requests = match &parsed {
        Value::Array(requests) => requests.as_slice(),
        request => std::slice::from_ref(request),
    };
    for request in requests {
        let method = request.get("method").and_then(Value::as_str).unwrap_or_default();
        if !method.starts_with("eth_get") && !READS.contains(&method) {
            return Err(refuse(request.get("id").unwrap_or(&Value::Null), format!("a rehearsal only reads: {method}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_reads_is_forwarded() {
        let one = |method: &str| json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": []});
        let checked = |body: Value| check(body.to_string().as_bytes());
        for method in ["eth_getStorageAt", "eth_call", "eth_chainId"] {
            assert_eq!(checked(one(method)), Ok(()), "{method}");
        }
        for method in ["eth_sendRawTransaction", "eth_sendTransaction", "eth_sign", "personal_unlockAccount", ""] {
            let refused = checked(one(method)).expect_err(method);
            assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!(7), &json!(NO_METHOD)), "{method}");
            checked(json!([one("eth_call"), one(method)])).expect_err(method);
        }
        assert!(check(b"").is_err() && check(b"7").is_err());
    }
}
