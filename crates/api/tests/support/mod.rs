//! A daemon of a few variables behind the real HTTP surface.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test's support fails the test")]

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use futures::{StreamExt, stream, stream::BoxStream};
use tim3_api::{
    Access, Control, ControlError, Limits, OperationQuery, OperatorAction, PositionQuery, Surface,
    view::{
        AnchorView, AssetView, AuditView, BlockView, ChainView, EventView, OperationView, Page, PlaceView,
        PositionView, ReadinessView, ReasonView, ReloadView, StatusView, TimelineView, Units, V1OperationView,
    },
};
use tim3_domain::identity::OperationId;
use tokio::sync::{Notify, broadcast};
use tokio_util::sync::CancellationToken;

pub(crate) const TOKEN: &str = "correct horse";

/// A daemon that knows one operation.
pub(crate) struct Daemon {
    pub(crate) ready: AtomicBool,
    pub(crate) acts: Mutex<Vec<(OperationId, OperatorAction, String)>>,
    pub(crate) queries: Mutex<Vec<OperationQuery>>,
    pub(crate) events: broadcast::Sender<EventView>,
    /// `positions` answers once this is notified.
    pub(crate) positions_may_answer: Notify,
    pub(crate) positions_asked: Notify,
}

pub(crate) fn known() -> OperationId {
    format!("0x{}", "ab".repeat(32)).parse().unwrap()
}

pub(crate) fn operation() -> OperationView {
    let block = BlockView { height: 7, hash: "0x07".into(), timestamp: 1_700_000_000 };
    OperationView {
        id: known().to_string(),
        kind: "mint".into(),
        phase: "held".into(),
        step: None,
        reason: Some("over the value hold".into()),
        ended: false,
        actions: vec!["approve".into(), "void".into()],
        asset: "TIM3".into(),
        // Above 2^64: as a JSON number it would lose digits.
        amount: Units(u128::MAX),
        fee: Units(0),
        decimals: 6,
        market: Some("usda".into()),
        owner: None,
        origin: PlaceView { chain: "a".into(), block, transaction: "0x01".into() },
        nonce: 0,
        actor: "eip155:1:0x01".into(),
        refund_to: "eip155:1:0x01".into(),
        destination: "b".into(),
        recipient: "eip155:2:0x02".into(),
        outcome: None,
        attempts: 0,
        updated_ms: 1,
    }
}

#[async_trait]
impl Control for Daemon {
    fn readiness(&self) -> ReadinessView {
        let reason = ReasonView { subject: "a".into(), reason: "no endpoint answers".into() };
        ReadinessView::from_reasons(if self.ready.load(Ordering::SeqCst) { vec![] } else { vec![reason] })
    }

    async fn status(&self) -> Result<StatusView, ControlError> {
        Err(ControlError::Unavailable("the journal failed".into()))
    }

    async fn chains(&self) -> Result<Vec<ChainView>, ControlError> {
        Ok(vec![])
    }

    async fn operations(&self, query: &OperationQuery) -> Result<Page<OperationView>, ControlError> {
        self.queries.lock().unwrap().push(query.clone());
        Ok(Page { items: vec![operation()], next: Some(known().to_string()) })
    }

    async fn operation(&self, id: OperationId) -> Result<OperationView, ControlError> {
        if id == known() {
            return Ok(operation());
        }
        Err(ControlError::NotFound { what: "operation", name: id.to_string(), hint: "see `tim3d ops list`".into() })
    }

    async fn explain(&self, id: OperationId) -> Result<TimelineView, ControlError> {
        Ok(TimelineView { operation: self.operation(id).await?, entries: vec![], waits_for: None })
    }

    async fn positions(&self, _: &PositionQuery) -> Result<Page<PositionView>, ControlError> {
        self.positions_asked.notify_one();
        self.positions_may_answer.notified().await;
        Ok(Page { items: vec![], next: None })
    }

    async fn audit(&self) -> Result<AuditView, ControlError> {
        Ok(AuditView::default())
    }

    async fn v1_operations(&self, _: &str) -> Result<Vec<V1OperationView>, ControlError> {
        Ok(Vec::new())
    }

    async fn anchor(&self, period_ms: u64) -> Result<AnchorView, ControlError> {
        if period_ms != 3_600_000 {
            return Err(ControlError::NotFound {
                what: "reserve report",
                name: period_ms.to_string(),
                hint: "x".into(),
            });
        }
        Ok(AnchorView { period_ms, digest: "0x01".into(), transactions: vec!["A".into()], height: None, problem: None })
    }

    async fn act(&self, id: OperationId, action: OperatorAction, reason: &str) -> Result<OperationView, ControlError> {
        if action == OperatorAction::Retry {
            return Err(ControlError::Conflict("the operation is held; only a dead letter can be retried".into()));
        }
        self.acts.lock().unwrap().push((id, action, reason.to_owned()));
        Ok(operation())
    }

    async fn pause(&self, asset: &str, paused: bool, reason: &str) -> Result<AssetView, ControlError> {
        Ok(AssetView { symbol: asset.into(), id: String::new(), halted: paused.then(|| reason.to_owned()) })
    }

    async fn reload(&self) -> Result<ReloadView, ControlError> {
        Err(ControlError::Invalid("a.toml:2: api.listen: found nothing".into()))
    }

    fn events(&self) -> BoxStream<'static, EventView> {
        let receiver = self.events.subscribe();
        stream::unfold(receiver, |mut receiver| async { Some((receiver.recv().await.ok()?, receiver)) }).boxed()
    }
}

/// The surface, served on a port of its own until dropped.
pub(crate) struct Served {
    pub(crate) daemon: Arc<Daemon>,
    pub(crate) address: SocketAddr,
    pub(crate) stop: CancellationToken,
    pub(crate) client: reqwest::Client,
    pub(crate) task: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Served {
    pub(crate) async fn start(limits: Limits, open_reads: bool) -> Self {
        let daemon = Arc::new(Daemon {
            ready: AtomicBool::new(true),
            acts: Mutex::default(),
            queries: Mutex::default(),
            events: broadcast::channel(16).0,
            positions_may_answer: Notify::new(),
            positions_asked: Notify::new(),
        });
        let stop = CancellationToken::new();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let surface = Surface {
            control: daemon.clone(),
            metrics: Arc::new(|| "tim3_up 1\n".to_owned()),
            access: Access::new(Some(TOKEN.to_owned().into()), open_reads),
            limits,
            stop: stop.clone(),
        };
        let task = tokio::spawn(tim3_api::serve(listener, surface));
        Self { daemon, address, stop, client: reqwest::Client::new(), task }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, serde_json::Value) {
        answer(self.client.get(self.url(path))).await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> (u16, serde_json::Value) {
        let request = self.client.post(self.url(path)).header("content-type", "application/json");
        answer(request.bearer_auth(TOKEN).body(body.to_owned())).await
    }
}

pub(crate) async fn answer(request: reqwest::RequestBuilder) -> (u16, serde_json::Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, response.json().await.expect("every answer is JSON"))
}
