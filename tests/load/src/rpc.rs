//! JSON-RPC as a user's program speaks it: text in, text out, many calls in one request.

use std::{fmt::Write as _, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use url::Url;

/// Longer than any answer takes, also while a backlog is mined.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client of one endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    url: Url,
    http: reqwest::Client,
}

impl Client {
    pub(crate) fn new(url: Url) -> Result<Self> {
        let http = reqwest::Client::builder().no_proxy().tcp_nodelay(true).timeout(PATIENCE).build()?;
        Ok(Self { url, http })
    }

    /// Sends signed transactions in one request; all of them must be taken.
    pub(crate) async fn send(&self, raw: &[String]) -> Result<()> {
        let mut body = String::from("[");
        for (id, raw) in raw.iter().enumerate() {
            let comma = if id == 0 { "" } else { "," };
            write!(
                body,
                r#"{comma}{{"jsonrpc":"2.0","id":{id},"method":"eth_sendRawTransaction","params":["{raw}"]}}"#
            )?;
        }
        body.push(']');
        let answers = self.post(body).await?;
        let answers = answers.as_array().with_context(|| format!("no batch: {answers}"))?;
        ensure!(answers.len() == raw.len(), "{} answers to {} transactions", answers.len(), raw.len());
        match answers.iter().find_map(|answer| answer.get("error")) {
            Some(error) => bail!("a transaction was refused: {error}"),
            None => Ok(()),
        }
    }

    /// Sends one signed transaction, as anybody would.
    pub(crate) async fn send_one(&self, raw: &str) -> Result<()> {
        self.call("eth_sendRawTransaction", &json!([raw])).await.map(|_| ())
    }

    /// Sends one signed transaction and waits until it is mined.
    pub(crate) async fn send_and_wait(&self, raw: &str) -> Result<()> {
        let receipt = self.call("eth_sendRawTransactionSync", &json!([raw])).await?;
        ensure!(receipt.get("status").is_some_and(|status| status == "0x1"), "a transaction reverted: {receipt}");
        Ok(())
    }

    pub(crate) async fn call(&self, method: &str, params: &Value) -> Result<Value> {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
        let mut answer = self.post(body).await?;
        match answer.get("error") {
            Some(error) => bail!("{method}: {error}"),
            None => Ok(answer.get_mut("result").map(Value::take).unwrap_or_default()),
        }
    }

    async fn post(&self, body: String) -> Result<Value> {
        let request = self.http.post(self.url.clone()).header(CONTENT_TYPE, "application/json").body(body);
        let answer = request.send().await?.bytes().await?;
        serde_json::from_slice(&answer).with_context(|| format!("{} answered no JSON", self.url))
    }
}
