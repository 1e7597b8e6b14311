//! JSON-RPC 2.0 over HTTP: one request or a batch.

use std::fmt;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    CallError, Http, SecretUrl, SetupError,
    http::{Response, is_success},
};

/// One method call.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The method.
    pub method: &'static str,
    /// Its parameters, an array.
    pub params: Value,
}

impl Request {
    /// A call of `method` with `params`.
    #[must_use]
    pub fn new(method: &'static str, params: Value) -> Self {
        Self { method, params }
    }
}

/// An error body: what the endpoint answered instead of a result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Fault {
    /// The JSON-RPC error code.
    #[serde(default)]
    pub code: i64,
    /// What the endpoint says.
    #[serde(default)]
    pub message: String,
    /// What it says besides, for example the bytes of a revert.
    #[serde(default)]
    pub data: Option<Value>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (code {})", self.message.chars().take(300).collect::<String>(), self.code)
    }
}

#[derive(Deserialize)]
struct Reply {
    id: Option<Value>,
    #[serde(default)]
    result: Option<Value>,
    #[serde(default)]
    error: Option<Fault>,
}

/// A client of one JSON-RPC endpoint, with connections that are kept alive.
#[derive(Clone, Debug)]
pub struct JsonRpc {
    http: Http,
}

impl JsonRpc {
    /// A client of the endpoint at `url`.
    ///
    /// # Errors
    /// [`SetupError::Url`] for another scheme than http and https, [`SetupError::Client`] where TLS cannot be set up.
    pub fn new(url: SecretUrl) -> Result<Self, SetupError> {
        Http::new(url).map(|http| Self { http })
    }

    /// Where it speaks to.
    #[must_use]
    pub fn url(&self) -> &SecretUrl {
        self.http.url()
    }

    /// Sends `requests` in one HTTP request and gives one result for each, in order.
    ///
    /// # Errors
    /// [`CallError`] where there are no results at all; what the methods themselves say is inside.
    pub async fn batch<R>(&self, requests: &[Request]) -> Result<Vec<Result<Value, Fault>>, CallError<R>> {
        let one = |(id, request): (usize, &Request)| json!({"jsonrpc": "2.0", "id": id, "method": request.method, "params": request.params});
        let mut bodies: Vec<Value> = requests.iter().enumerate().map(one).collect();
        let body = if bodies.len() == 1 { bodies.pop().unwrap_or_default() } else { Value::Array(bodies) };
        let bytes = self.post(body.to_string()).await?;
        results(&bytes, requests.len())
    }

    async fn post<R>(&self, body: String) -> Result<Vec<u8>, CallError<R>> {
        let Response { status, body } = self.http.post("", "application/json", body.into_bytes()).await?;
        // Some nodes send error bodies with an error status; what is inside then says more than the status.
        if !is_success(status) && serde_json::from_slice::<Reply>(&body).is_ok_and(|reply| reply.error.is_some()) {
            return Ok(body);
        }
        if !is_success(status) {
            return Err(CallError::Transport(format!("HTTP status {status}")));
        }
        Ok(body)
    }
}

/// The results in an answer to `count` requests, in the order of the requests.
///
/// # Errors
/// [`CallError::Garbage`] where the bytes are no such answer, [`CallError::RateLimited`] and [`CallError::Fault`] where one error stands for
/// all of a batch.
pub fn results<R>(bytes: &[u8], count: usize) -> Result<Vec<Result<Value, Fault>>, CallError<R>> {
    let garbage = |what: &str| CallError::Garbage(format!("{what}: {}", excerpt(bytes)));
    let value: Value = serde_json::from_slice(bytes).map_err(|_| garbage("not JSON"))?;
    let many = value.is_array();
    let replies: Vec<Reply> =
        if many { Vec::deserialize(value) } else { Reply::deserialize(value).map(|one| vec![one]) }
            .map_err(|_| garbage("not JSON-RPC"))?;
    if count > 1 && !many {
        // One error for the whole batch.
        return Err(match replies.into_iter().next().and_then(|reply| reply.error) {
            Some(fault) if is_rate_limit(&fault) => CallError::RateLimited { retry_after: None },
            Some(fault) => CallError::Fault(fault.to_string()),
            None => garbage("one answer to a batch"),
        });
    }
    let mut ordered: Vec<Option<Result<Value, Fault>>> = vec![None; count];
    for reply in replies {
        let index = match &reply.id {
            // A request that could not be read has no id; with one request there is no doubt which it was.
            None | Some(Value::Null) if count == 1 => Some(0),
            id => id.as_ref().and_then(Value::as_u64).and_then(|id| usize::try_from(id).ok()),
        };
        let slot = index.and_then(|index| ordered.get_mut(index)).ok_or_else(|| garbage("an answer to no request"))?;
        let result = match reply.error {
            Some(fault) if is_rate_limit(&fault) => return Err(CallError::RateLimited { retry_after: None }),
            Some(fault) => Err(fault),
            None => Ok(reply.result.unwrap_or_default()),
        };
        if slot.replace(result).is_some() {
            return Err(garbage("two answers to one request"));
        }
    }
    ordered.into_iter().collect::<Option<_>>().ok_or_else(|| garbage("a request without an answer"))
}

/// Whether an error body says "too many calls". The codes alone do not: -32005 is also "too many results".
fn is_rate_limit(fault: &Fault) -> bool {
    let message = fault.message.to_ascii_lowercase();
    fault.code == 429
        || [
            "rate limit",
            "too many requests",
            "request limit",
            "requests per second",
            "compute units",
            "capacity exceeded",
        ]
        .iter()
        .any(|words| message.contains(words))
}

fn excerpt(bytes: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(bytes).chars().filter(|c| !c.is_control()).take(80).collect();
    format!("{text:?}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str, count: usize) -> Result<Vec<Result<Value, Fault>>, CallError<()>> {
        results(text.as_bytes(), count)
    }

    #[test]
    fn whoever_has_a_client_has_chosen_the_cryptography_of_tls() {
        JsonRpc::new("http://127.0.0.1:1".parse().expect("a URL")).expect("a client");
        assert!(rustls::crypto::CryptoProvider::get_default().is_some());
    }

    #[test]
    fn answers_are_put_in_the_order_of_the_requests() {
        let text = r#"[{"id":1,"result":"b"},{"id":0,"error":{"code":-32000,"message":"header not found"}}]"#;
        let fault = Fault { code: -32000, message: "header not found".to_owned(), data: None };
        assert_eq!(read(text, 2), Ok(vec![Err(fault), Ok(json!("b"))]));
    }

    #[test]
    fn an_answer_to_fewer_or_other_requests_is_garbage() {
        for (text, count) in [
            ("", 1),
            ("<html>", 1),
            ("{}", 2),
            ("[]", 1),
            (r#"[{"id":0,"result":1},{"id":0,"result":2}]"#, 2),
            (r#"[{"id":0,"result":1},{"id":7,"result":2}]"#, 2),
            (r#"{"id":5,"result":1}"#, 1),
        ] {
            assert!(matches!(read(text, count), Err(CallError::Garbage(_))), "{text}");
        }
    }

    #[test]
    fn an_error_for_all_is_told_from_a_rate_limit() {
        let limit =
            r#"{"id":null,"error":{"code":-32005,"message":"daily request count exceeded, request rate limited"}}"#;
        assert_eq!(read(limit, 3), Err(CallError::RateLimited { retry_after: None }));
        let large = r#"{"id":null,"error":{"code":-32000,"message":"batch too large"}}"#;
        assert!(matches!(read(large, 3), Err(CallError::Fault(_))));
        let results = r#"{"id":0,"error":{"code":-32005,"message":"query returned more than 10000 results"}}"#;
        assert!(matches!(read(results, 1), Ok(results) if results[0].is_err()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panicking(bytes in prop::collection::vec(any::<u8>(), 0..300), count in 0_usize..4) {
            let _ = results::<()>(&bytes, count);
        }

        #[test]
        fn any_json_gives_one_result_a_request_or_an_error(
            replies in prop::collection::vec((prop::option::of(0_u64..4), any::<bool>(), any::<bool>()), 0..5), count in 1_usize..4
        ) {
            let replies: Vec<_> = replies.into_iter().map(|(id, fault, null)| match (fault, null) {
                (true, _) => json!({"id": id, "error": {"code": 1, "message": "m"}}),
                (false, true) => json!({"id": id, "result": null}),
                (false, false) => json!({"id": id, "result": 7}),
            }).collect();
            if let Ok(results) = results::<()>(Value::Array(replies).to_string().as_bytes(), count) {
                prop_assert_eq!(results.len(), count);
            }
        }
    }
}
