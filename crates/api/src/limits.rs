//! What one client can take from the daemon at most.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
};
use tokio::sync::Semaphore;

use crate::{error::Failure, server::Shared};

/// The bounds of the surface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open connections; further ones wait to be accepted.
    pub connections: usize,
    /// Requests that are worked on at once; further ones are told to come back.
    pub requests: usize,
    /// Event streams at once.
    pub streams: usize,
    /// Bytes of a request's body. The largest that is needed is a reason of 500 characters.
    pub body: usize,
    /// How long one request may take.
    pub time: Duration,
    /// How long a connection may lie idle.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            requests: 64,
            streams: 32,
            body: 16 * 1024,
            time: Duration::from_secs(10),
            idle: Duration::from_secs(60),
        }
    }
}

/// The limits that are counted.
#[derive(Debug)]
pub(crate) struct Slots {
    requests: Semaphore,
    pub(crate) streams: Arc<Semaphore>,
    time: Duration,
}

impl Slots {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            requests: Semaphore::new(limits.requests),
            streams: Arc::new(Semaphore::new(limits.streams)),
            time: limits.time,
        }
    }
}

/// Answers within the time, or says that it could not.
pub(crate) async fn bound(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let slots = &shared.slots;
    let Ok(_slot) = slots.requests.try_acquire() else {
        let message = "too many requests at once; try again in a moment";
        return Failure::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message).into_response();
    };
    match tokio::time::timeout(slots.time, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let message = format!("no answer within {} s; see the daemon's log", slots.time.as_secs());
            Failure::new(StatusCode::GATEWAY_TIMEOUT, "timeout", message).into_response()
        }
    }
}
