//! An endpoint in front of an anvil or a validator that counts calls and, on demand, fails in the ways that real endpoints fail.

mod plan;
mod tamper;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use anyhow::{Context as _, Result};
use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle};
use url::Url;

pub use self::plan::{EVERY_FAULT, EVERY_SOLANA_FAULT, Fault, Plan};

/// The calls that send a transaction, of either kind of chain.
const SENDS: [&str; 2] = ["eth_sendRawTransaction", "sendTransaction"];

/// A running proxy. Dropping it closes the port.
#[derive(Debug)]
pub struct Proxy {
    url: Url,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    upstream: Url,
    client: reqwest::Client,
    plan: RwLock<Plan>,
    requests: AtomicU64,
    calls: Mutex<BTreeMap<String, u64>>,
    accepted: Mutex<Vec<(String, Instant)>>,
    swallowed: AtomicU64,
    /// What was answered first while the endpoint stood still.
    still: Mutex<BTreeMap<String, Value>>,
}

impl Proxy {
    /// Listens on a free port of 127.0.0.1 and passes on to `upstream`.
    ///
    /// # Errors
    /// Where no port can be had.
    pub async fn start(upstream: Url, plan: Plan) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("cannot listen on 127.0.0.1")?;
        let url = Url::parse(&format!("http://{}", listener.local_addr()?))?;
        let shared = Arc::new(Shared {
            upstream,
            client: reqwest::Client::builder().tcp_nodelay(true).no_proxy().build()?,
            plan: RwLock::new(plan),
            requests: AtomicU64::new(0),
            calls: Mutex::default(),
            accepted: Mutex::default(),
            swallowed: AtomicU64::new(0),
            still: Mutex::default(),
        });
        // Batches of signed transactions are larger than any default limit.
        let router = Router::new().fallback(answer).layer(DefaultBodyLimit::disable()).with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            // It ends only with the listener, which lives as long as the proxy.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { url, shared, server })
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// What is wrong from now on. Numbers of requests go on.
    pub fn set_plan(&self, plan: Plan) {
        *self.shared.plan.write().unwrap_or_else(PoisonError::into_inner) = plan;
    }

    /// JSON-RPC calls so far by method, also of those that failed.
    #[must_use]
    pub fn calls(&self) -> BTreeMap<String, u64> {
        self.shared.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The transactions that the node took through here as they were sent, by hash, with the time of its answer.
    #[must_use]
    pub fn accepted(&self) -> Vec<(String, Instant)> {
        self.shared.accepted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Requests so far whose transactions went nowhere.
    #[must_use]
    pub fn swallowed(&self) -> u64 {
        self.shared.swallowed.load(Ordering::Relaxed)
    }

    /// HTTP requests so far, each with one call or a batch.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Shared {
    /// Counts a request and says what is to be wrong with it.
    fn take(&self, body: &Value) -> Fault {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        for method in tamper::methods(body) {
            let count = calls.entry(method.to_owned()).or_default();
            *count = count.saturating_add(1);
        }
        let request = self.requests.fetch_add(1, Ordering::Relaxed);
        self.plan.read().unwrap_or_else(PoisonError::into_inner).fault(request)
    }

    /// Keeps the hashes that answer transactions.
    fn note_accepted(&self, body: &Value, answer: &[u8]) {
        for method in SENDS {
            if !tamper::methods(body).contains(&method) {
                continue;
            }
            let (now, answer) = (Instant::now(), serde_json::from_slice(answer).unwrap_or_default());
            let hashes = tamper::results(body, &answer, method);
            let mut accepted = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
            accepted.extend(hashes.filter_map(Value::as_str).map(|hash| (hash.to_owned(), now)));
        }
    }

    /// Gives the answers that were given before.
    fn stand_still(&self, body: &Value, answers: &mut Value) {
        let mut still = self.still.lock().unwrap_or_else(PoisonError::into_inner);
        tamper::each(body, answers, |request, result| {
            // What is asked for; not how new it must be.
            let key = format!("{} {:?}", request["method"], request.pointer("/params/0"));
            *result = still.entry(key).or_insert_with(|| result.clone()).clone();
        });
    }

    async fn forward(&self, body: Bytes) -> reqwest::Result<Bytes> {
        let request = self.client.post(self.upstream.clone()).header(CONTENT_TYPE, "application/json").body(body);
        request.send().await?.bytes().await
    }
}

async fn answer(State(shared): State<Arc<Shared>>, bytes: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let fault = shared.take(&body);
    if fault == Fault::Swallow
        && let Some(taken) = tamper::taken(&body)
    {
        shared.swallowed.fetch_add(1, Ordering::Relaxed);
        return json(taken.to_string().into());
    }
    match fault {
        // Until the client hangs up.
        Fault::Stall => std::future::pending().await,
        Fault::RateLimited => StatusCode::TOO_MANY_REQUESTS.into_response(),
        Fault::Garbage => json("<html>it works</html>".to_owned().into()),
        Fault::InternalError => json(tamper::refuse(&body).to_string().into()),
        _ => match shared.forward(bytes).await {
            Ok(answer) if fault == Fault::None => {
                shared.note_accepted(&body, &answer);
                json(answer)
            }
            Ok(answer) => {
                let mut answers: Value = serde_json::from_slice(&answer).unwrap_or_default();
                match fault {
                    Fault::Still => shared.stand_still(&body, &mut answers),
                    Fault::Disown => tamper::disown(&body, &mut answers),
                    _ => tamper::tamper(fault, &body, &mut answers),
                }
                json(answers.to_string().into())
            }
            Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
        },
    }
}

fn json(body: Bytes) -> Response {
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}
