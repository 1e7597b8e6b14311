//! Prices in documents of JSON. Total: whatever a server sends is a reading or an error.

use std::time::Duration;

use serde_json::Value;
use tim3_domain::price::read_answer;
use tim3_keeper::price::Reading;
use tim3_rpc::{CallError, Http, http::is_success};
use tokio::time::timeout;

/// How long a server may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The largest document that is looked into.
pub(super) const MAX_DOCUMENT: usize = 1 << 20;
/// Times from here on are milliseconds: in seconds they lie in the year 5138.
const MILLISECONDS: u64 = 100_000_000_000;

/// A document, and where in it the price is.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) http: Http,
    pub(super) path: String,
    pub(super) time_path: Option<String>,
}

impl Document {
    /// What it says now.
    pub(super) async fn read(&self, now: u64) -> Result<Reading, String> {
        let answer =
            timeout(PATIENCE, self.http.get::<String>("")).await.map_err(|_| "no answer in time".to_owned())?;
        let response = answer.map_err(|error| match error {
            CallError::Transport(detail) | CallError::Garbage(detail) => detail,
            other => other.class().to_owned(),
        })?;
        if !is_success(response.status) {
            return Err(format!("HTTP status {}", response.status));
        }
        if response.body.len() > MAX_DOCUMENT {
            return Err(format!("the document is larger than {MAX_DOCUMENT} bytes"));
        }
        reading(&response.body, &self.path, self.time_path.as_deref(), now)
    }
}

/// The reading in a document.
pub(super) fn reading(body: &[u8], path: &str, time_path: Option<&str>, now: u64) -> Result<Reading, String> {
    let document: Value = serde_json::from_slice(body).map_err(|error| format!("no JSON: {error}"))?;
    let text = scalar(&document, path)?;
    let (answer, decimals) =
        read_answer(text.trim()).ok_or_else(|| format!("at {path} there is {text:?}, which is no price"))?;
    let published = match time_path {
        None => now,
        Some(path) => {
            let text = scalar(&document, path)?;
            let time: u64 = text.parse().map_err(|_| format!("at {path} there is {text:?}, which is no time"))?;
            if time >= MILLISECONDS { time / 1_000 } else { time }
        }
    };
    // The clocks of two machines are never quite the same.
    let published = if published.saturating_sub(now) <= 5 { published.min(now) } else { published };
    Ok(Reading { endpoint: 0, answer, confidence: 0, decimals, published })
}

/// The text or number at the end of a path; what is shown of it is short.
fn scalar(document: &Value, path: &str) -> Result<String, String> {
    fn step<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
        match value {
            Value::Array(items) => items.get(name.parse::<usize>().ok()?),
            Value::Object(fields) => fields.get(name),
            _ => None,
        }
    }
    let found = path.split('.').try_fold(document, step);
    match found {
        Some(Value::String(text)) => Ok(text.chars().take(80).collect()),
        // The shortest decimal that means this number: what the server wrote, for as many digits as prices have.
        Some(Value::Number(number)) => Ok(number.to_string()),
        Some(_) => Err(format!("at {path} there is no text and no number")),
        None => Err(format!("there is nothing at {path}")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(body: &str, path: &str, time_path: Option<&str>) -> Result<(i128, u8, u64), String> {
        reading(body.as_bytes(), path, time_path, 1_700_000_000).map(|it| (it.answer, it.decimals, it.published))
    }

    #[test]
    fn prices_are_found_as_texts_and_numbers_with_their_digits() {
        let now = 1_700_000_000;
        let body = r#"{"data": [{"price": "1999.1200", "n": 1999.12, "i": 7, "at": 1699999990, "ms": 1699999990123, "ahead": 1700000003}]}"#;
        assert_eq!(read(body, "data.0.price", None), Ok((19_991_200, 4, now)));
        assert_eq!(read(body, "data.0.n", None), Ok((199_912, 2, now)));
        assert_eq!(read(body, "data.0.i", Some("data.0.at")), Ok((7, 0, 1_699_999_990)));
        assert_eq!(read(body, "data.0.i", Some("data.0.ms")), Ok((7, 0, 1_699_999_990)));
        assert_eq!(read(body, "data.0.i", Some("data.0.ahead")), Ok((7, 0, now)), "a clock that is a little ahead");
        assert_eq!(read(r#"{"p": 2.5e-7}"#, "p", None), Ok((25, 8, now)));
        assert_eq!(read(r#"{"p": "-5"}"#, "p", None), Ok((-5, 0, now)), "the core calls it no price");
        let long = format!(r#"{{"p": "1.{}"}}"#, "3".repeat(40));
        assert_eq!(read(&long, "p", None).map(|read| read.1), Ok(18));
    }

    #[test]
    fn what_is_no_price_is_told_where() {
        for (body, path, expected) in [
            ("<html>", "p", "no JSON"),
            (r#"{"p": {}}"#, "p", "no text and no number"),
            (r#"{"p": "1e"}"#, "p", "which is no price"),
            (r#"{"p": ""}"#, "p", "which is no price"),
            (r#"{"p": "NaN"}"#, "p", "which is no price"),
            (r#"{"p": [1]}"#, "p.1", "nothing at p.1"),
            (r#"{"p": [1]}"#, "p.x", "nothing at p.x"),
            ("7", "p", "nothing at p"),
        ] {
            let error = read(body, path, None).unwrap_err();
            assert!(error.contains(expected), "{body}: {error}");
        }
        let error = read(r#"{"p": "1", "t": "soon"}"#, "p", Some("t")).unwrap_err();
        assert!(error.contains("which is no time"), "{error}");
    }

    proptest! {
        #[test]
        fn any_document_is_a_reading_or_an_error(body in prop::collection::vec(any::<u8>(), 0..200), path in "[a-z0-9.]{0,9}", now: u64) {
            let _ = reading(&body, &path, Some(&path), now);
        }

        #[test]
        fn any_number_is_a_reading_or_an_error(text in "-?[0-9]{0,45}(\\.[0-9]{0,45})?", now: u64) {
            let body = serde_json::json!({ "p": text }).to_string();
            let _ = reading(body.as_bytes(), "p", None, now);
        }
    }
}
