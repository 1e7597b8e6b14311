//! Events as they happen, as server-sent events.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::StatusCode,
    response::sse::{Event, KeepAlive, Sse},
};
use futures::{Stream, StreamExt};

use crate::{error::Failure, server::Shared};

/// Often enough that proxies and the idle limit of the listener leave a quiet stream open.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// `GET /api/v1/events`. Ends when the daemon stops.
pub(crate) async fn stream(
    State(shared): State<Shared>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Failure> {
    let Ok(permit) = Arc::clone(&shared.slots.streams).try_acquire_owned() else {
        return Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "too many event streams are open"));
    };
    let events = shared.control.events().take_until(shared.stop.cancelled_owned()).map(move |event| {
        let _open = &permit;
        // Every variant is a map with string keys, which JSON has a form for.
        let data = serde_json::to_string(&event).unwrap_or_default();
        Ok(Event::default().event(event.body.name()).data(data))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}
