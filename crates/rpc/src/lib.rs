//! A pool of endpoints for any chain: which one to ask next, how long to wait for it, whom to believe.
//!
//! * [`Pool::call`] asks one endpoint, and the next one where that does not answer.
//! * [`Pool::everyone`] asks them all: for what one of them might swallow.
//! * [`Pool::quorum`] asks until k distinct endpoints give the same value. Error bodies and timeouts never count as votes.
//! * [`Pool::adopt`] replaces the endpoints while they are asked.
//! * [`Pool::watch`] follows every endpoint's head, so that one that stands still or falls behind is noticed, and brings back what recovered.
//! * [`Http`] is a bounded client of one endpoint over HTTP, [`JsonRpc`] one for the chains that speak that.
//! * [`Websocket`] is a bounded connection on which one server sends what it likes.
//! * [`EndpointConfig`] is what an operator says about one of them; [`news`] follows the websockets that announce news.
//! * [`SecretUrl`] is a URL that never prints what may be a credential.
//!
//! The rules ([`health`], [`quorum`], [`bucket`]) are pure: time comes in as the duration since the pool was made. The pool around them only
//! waits and counts. What an answer means is the adapter's business: it gives back a [`CallError`] that says which of the few things
//! happened that matter here.
//!
//! What does not live here: anything that knows one chain, retries over time (the callers' loops), and metrics (see [`Observer`]).

pub mod bucket;
pub mod endpoint;
pub mod error;
pub mod health;
pub mod http;
pub mod json;
pub mod news;
pub mod observe;
pub mod pool;
pub mod quorum;
pub mod url;
pub mod websocket;

pub use crate::{
    bucket::Rate,
    endpoint::EndpointConfig,
    error::{CallError, Failure, PoolError, SetupError},
    health::{Grade, Policy},
    http::{Http, Response},
    json::{Fault, JsonRpc, Request},
    observe::{EndpointStatus, Observer, Outcome},
    pool::{Agreed, Answer, Call, Pool, Spec},
    url::SecretUrl,
    websocket::Websocket,
};
