//! One endpoint over HTTP, with a bound on what is read back.

use std::time::Duration;

use reqwest::{RequestBuilder, StatusCode, header};

use crate::{CallError, SecretUrl, SetupError};

/// The largest answer that is read. A page of 10,000 logs is below a tenth of it.
const MAX_ANSWER: usize = 64 << 20;

/// What was answered, whatever the status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// Whether a status says that the request was done.
#[must_use]
pub fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

/// Where a dependency brings further cryptography, rustls does not choose by itself, and websockets panic. It may be chosen already.
pub(crate) fn choose_cryptography() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// A client of one endpoint, with connections that are kept alive.
#[derive(Clone, Debug)]
pub struct Http {
    client: reqwest::Client,
    url: SecretUrl,
}

impl Http {
    /// A client of the endpoint at `url`.
    ///
    /// # Errors
    /// [`SetupError::Url`] for another scheme than http and https, [`SetupError::Client`] where TLS cannot be set up.
    pub fn new(url: SecretUrl) -> Result<Self, SetupError> {
        if !matches!(url.expose().scheme(), "http" | "https") {
            return Err(SetupError::Url("the scheme must be http or https".to_owned()));
        }
        choose_cryptography();
        let client = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .tcp_nodelay(true)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| SetupError::Client(error.without_url().to_string()))?;
        Ok(Self { client, url })
    }

    /// Where it speaks to.
    #[must_use]
    pub fn url(&self) -> &SecretUrl {
        &self.url
    }

    /// Gets `path`, which comes behind the URL's own path and may have a query.
    ///
    /// # Errors
    /// [`CallError`] where there is no answer, or one that asks for fewer calls.
    pub async fn get<R>(&self, path: &str) -> Result<Response, CallError<R>> {
        self.send(self.client.get(self.at(path))).await
    }

    /// Posts `body` to `path`, which comes behind the URL's own path and may have a query.
    ///
    /// # Errors
    /// As [`Http::get`].
    pub async fn post<R>(&self, path: &str, content_type: &str, body: Vec<u8>) -> Result<Response, CallError<R>> {
        self.send(self.client.post(self.at(path)).header(header::CONTENT_TYPE, content_type).body(body)).await
    }

    fn at(&self, path: &str) -> url::Url {
        let mut url = self.url.expose().clone();
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        if !path.is_empty() {
            let whole = format!("{}/{path}", url.path().trim_end_matches('/'));
            url.set_path(&whole);
        }
        if let Some(query) = query {
            let whole = url.query().map_or_else(|| query.to_owned(), |own| format!("{own}&{query}"));
            url.set_query(Some(&whole));
        }
        url
    }

    async fn send<R>(&self, request: RequestBuilder) -> Result<Response, CallError<R>> {
        let failed = |error: reqwest::Error| CallError::Transport(self.explain(error));
        let mut response = request.send().await.map_err(failed)?;
        let status = response.status();
        if status == StatusCode::TOO_MANY_REQUESTS {
            let seconds =
                response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
            return Err(CallError::RateLimited { retry_after: seconds.map(Duration::from_secs) });
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len().saturating_add(chunk.len()) > MAX_ANSWER {
                return Err(CallError::Garbage(format!("the answer is larger than {MAX_ANSWER} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Response { status: status.as_u16(), body })
    }

    /// The error and what caused it, without the URL.
    fn explain(&self, error: reqwest::Error) -> String {
        let error = error.without_url();
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(deeper) = cause {
            text = format!("{text}: {deeper}");
            cause = deeper.source();
        }
        self.url.redact(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_comes_behind_the_path_of_the_url_and_keeps_its_query() {
        for (url, path, expected) in [
            ("http://host:1", "", "http://host:1/"),
            ("http://host:1/v2/?key=a", "", "http://host:1/v2/?key=a"),
            ("http://host:1", "result/x?process-id=y", "http://host:1/result/x?process-id=y"),
            ("http://host:1/v2/?key=a", "x?limit=1", "http://host:1/v2/x?key=a&limit=1"),
        ] {
            let http = Http::new(url.parse().expect("a URL")).expect("a client");
            assert_eq!(http.at(path).as_str(), expected);
        }
    }
}
