//! The surface over real HTTP.

mod support;

use std::{sync::atomic::Ordering, time::Duration};

use futures::StreamExt;
use support::{Served, TOKEN, answer, known, operation};
use tim3_api::{
    Limits, OperationQuery, OperatorAction,
    view::{EventBody, EventView, OperationView, Page},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn served() -> Served {
    Served::start(Limits::default(), true).await
}

#[tokio::test]
async fn readiness_can_become_false_again_and_says_why() {
    let served = served().await;
    assert_eq!(served.get("/readyz").await.0, 200);
    served.daemon.ready.store(false, Ordering::SeqCst);
    let (status, body) = served.get("/readyz").await;
    assert_eq!(status, 503);
    assert_eq!(body["reasons"][0]["subject"], "a");
    assert_eq!(body["reasons"][0]["reason"], "no endpoint answers");
    assert_eq!(served.get("/healthz").await.0, 200, "alive, although not ready");
    served.daemon.ready.store(true, Ordering::SeqCst);
    assert_eq!(served.get("/readyz").await.0, 200);
}

#[tokio::test]
async fn operations_are_filtered_and_paged_by_the_query() {
    let served = served().await;
    let path = format!("/api/v1/operations?phase=held&open=true&asset=TIM3&chain=a&before={}&limit=5", known());
    let (status, body) = served.get(&path).await;
    assert_eq!(status, 200);
    assert_eq!(body["items"][0]["amount"], u128::MAX.to_string(), "amounts keep every digit");
    let page: Page<OperationView> = serde_json::from_value(body).unwrap();
    assert_eq!(page, Page { items: vec![operation()], next: Some(known().to_string()) });
    let expected = OperationQuery {
        phase: Some("held".into()),
        open: true,
        asset: Some("TIM3".into()),
        chain: Some("a".into()),
        before: Some(known()),
        limit: 5,
    };
    assert_eq!(*served.daemon.queries.lock().unwrap(), [expected]);
}

#[tokio::test]
async fn a_wrong_query_is_refused_in_words() {
    let served = served().await;
    for (query, word) in
        [("limit=0", "1 to 1000"), ("limit=1001", "1 to 1000"), ("phse=held", "phse"), ("before=7", "0x")]
    {
        let (status, body) = served.get(&format!("/api/v1/operations?{query}")).await;
        assert_eq!((status, &body["error"]["code"]), (400, &"invalid".into()), "{query}");
        assert!(body["error"]["message"].as_str().unwrap().contains(word), "{query}: {body}");
    }
    assert!(served.daemon.queries.lock().unwrap().is_empty());
}

#[tokio::test]
async fn errors_of_the_daemon_keep_their_meaning() {
    let served = served().await;
    let unknown = "0x".to_owned() + &"00".repeat(32);
    let (status, body) = served.get(&format!("/api/v1/operations/{unknown}/explain")).await;
    assert_eq!((status, &body["error"]["code"]), (404, &"not_found".into()));
    assert!(body["error"]["message"].as_str().unwrap().contains("tim3d ops list"));
    let (status, body) = served.get("/api/v1/status").await;
    assert_eq!((status, &body["error"]["code"]), (503, &"unavailable".into()));
    let (status, body) = served.post(&format!("/api/v1/operations/{}/retry", known()), r#"{"reason":"x"}"#).await;
    assert_eq!((status, &body["error"]["code"]), (409, &"conflict".into()));
    assert_eq!(served.get("/api/v2").await.0, 404);
    let (status, body) = served.post("/api/v1/config/reload", r#"{"reason":"x"}"#).await;
    assert_eq!((status, &body["error"]["message"]), (400, &"a.toml:2: api.listen: found nothing".into()));
    assert_eq!(served.post("/readyz", "").await.0, 405);
}

#[tokio::test]
async fn a_change_needs_the_token_and_a_reason() {
    let served = served().await;
    let path = format!("/api/v1/operations/{}/approve", known());
    let body = r#"{"reason":" seen by treasury "}"#;
    for token in [None, Some("wrong"), Some("")] {
        let request = served.client.post(served.url(&path)).header("content-type", "application/json").body(body);
        let request =
            token.map_or_else(|| request.try_clone().unwrap(), |token| request.try_clone().unwrap().bearer_auth(token));
        assert_eq!(answer(request).await.0, 401, "{token:?}");
    }
    for bad in ["", "{}", r#"{"reason":""}"#, r#"{"reason":"a\nb"}"#, r#"{"reason":"x","force":true}"#, "[]"] {
        assert_eq!(served.post(&path, bad).await.0, 400, "{bad}");
    }
    assert!(served.daemon.acts.lock().unwrap().is_empty(), "nothing was done so far");
    assert_eq!(served.post(&path, body).await.0, 200);
    let acts = served.daemon.acts.lock().unwrap().clone();
    assert_eq!(acts, [(known(), OperatorAction::Approve, "seen by treasury".to_owned())]);
}

#[tokio::test]
async fn an_asset_is_paused_and_resumed() {
    let served = served().await;
    let (_, body) = served.post("/api/v1/assets/TIM3/pause", r#"{"reason":"maintenance"}"#).await;
    assert_eq!(body["halted"], "maintenance");
    let (_, body) = served.post("/api/v1/assets/TIM3/resume", r#"{"reason":"done"}"#).await;
    assert!(body.get("halted").is_none());
}

#[tokio::test]
async fn off_loopback_only_health_and_readiness_are_open() {
    let served = Served::start(Limits::default(), false).await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(served.get(path).await.0, 200, "{path}");
    }
    for path in ["/metrics", "/api/v1/operations", "/api/v1/audit", "/api/v1/events"] {
        assert_eq!(served.get(path).await.0, 401, "{path}");
    }
    let response = served.client.get(served.url("/metrics")).bearer_auth(TOKEN).send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "tim3_up 1\n");
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused() {
    let served = served().await;
    let long = format!(r#"{{"reason":"{}"}}"#, "x".repeat(20_000));
    let (status, body) = served.post(&format!("/api/v1/operations/{}/void", known()), &long).await;
    assert_eq!((status, &body["error"]["code"]), (413, &"too_large".into()));
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_ended() {
    let limits = Limits { time: Duration::from_millis(20), ..Limits::default() };
    let served = Served::start(limits, true).await;
    let (status, body) = served.get("/api/v1/positions").await;
    assert_eq!((status, &body["error"]["code"]), (504, &"timeout".into()));
}

#[tokio::test]
async fn requests_beyond_the_limit_are_told_to_come_back() {
    let limits = Limits { requests: 1, ..Limits::default() };
    let served = Served::start(limits, true).await;
    let url = served.url("/api/v1/positions");
    let slow = tokio::spawn(served.client.get(url).send());
    served.daemon.positions_asked.notified().await;
    let (status, body) = served.get("/api/v1/audit").await;
    assert_eq!((status, &body["error"]["code"]), (503, &"busy".into()));
    served.daemon.positions_may_answer.notify_one();
    assert_eq!(slow.await.unwrap().unwrap().status(), 200);
    assert_eq!(served.get("/api/v1/audit").await.0, 200, "the slot is free again");
}

#[tokio::test]
async fn events_arrive_as_they_happen_and_the_stream_ends_with_the_daemon() {
    let served = served().await;
    let response = served.client.get(served.url("/api/v1/events")).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let body = EventBody::Paused { asset: "TIM3".into(), reason: None };
    served.daemon.events.send(EventView { at_ms: 7, body }).unwrap();
    let mut text = String::new();
    let mut body = response.bytes_stream();
    while !text.contains("\n\n") {
        text.push_str(std::str::from_utf8(&body.next().await.unwrap().unwrap()).unwrap());
    }
    assert_eq!(text, "event: paused\ndata: {\"at_ms\":7,\"type\":\"paused\",\"asset\":\"TIM3\"}\n\n");
    served.stop.cancel();
    while let Some(rest) = body.next().await {
        rest.unwrap();
    }
    served.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn streams_beyond_the_limit_are_refused_and_a_closed_one_makes_room() {
    let limits = Limits { streams: 1, ..Limits::default() };
    let served = Served::start(limits, true).await;
    let first = served.client.get(served.url("/api/v1/events")).send().await.unwrap();
    assert_eq!(first.status(), 200);
    assert_eq!(served.get("/api/v1/events").await.0, 503);
    drop(first);
    while served.client.get(served.url("/api/v1/events")).send().await.unwrap().status() != 200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_makes_room() {
    let limits = Limits { connections: 1, idle: Duration::from_millis(20), ..Limits::default() };
    let served = Served::start(limits, true).await;
    let mut idle = tokio::net::TcpStream::connect(served.address).await.unwrap();
    idle.write_all(b"GET /hea").await.unwrap();
    assert_eq!(served.get("/healthz").await.0, 200);
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
}

#[test]
fn no_path_and_no_body_makes_the_surface_fail() {
    use proptest::prelude::*;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let served = runtime.block_on(served());
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(64));
    let strategy = ("[ -~]{0,40}", proptest::collection::vec(any::<u8>(), 0..64));
    let result = runner.run(&strategy, |(path, body)| {
        let mut url = reqwest::Url::parse(&served.url("/")).unwrap();
        url.path_segments_mut().unwrap().extend(["api", "v1", "operations", path.as_str(), "void"]);
        let request = served.client.post(url).bearer_auth(TOKEN).header("content-type", "application/json").body(body);
        let status = runtime.block_on(answer(request)).0;
        prop_assert!((400..500).contains(&status), "{status} for {path:?}");
        Ok(())
    });
    result.unwrap();
}
