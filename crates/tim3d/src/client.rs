//! The API of the running daemon, from the command line.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use reqwest::{Client, RequestBuilder};
use serde::{Serialize, de::DeserializeOwned};
use tim3_api::{ErrorBody, Reason};
use url::Url;
use zeroize::Zeroizing;

use crate::{
    cli,
    config::{Config, SecretRef},
};

/// A client of one daemon.
#[derive(Debug)]
pub(crate) struct Api {
    base: Url,
    client: Client,
    /// Why it could not be read matters only to those who need it.
    token: Result<Option<Zeroizing<String>>>,
}

/// What came back.
#[derive(Debug)]
pub(crate) enum Answer<T> {
    /// An answer.
    Is(T),
    /// Nobody listens there: in words.
    NotRunning(String),
}

impl<T> Answer<T> {
    /// The answer, or an error with a hint.
    pub(crate) fn required(self) -> Result<T> {
        match self {
            Self::Is(value) => Ok(value),
            Self::NotRunning(why) => bail!("{why}; start it with `tim3d run`, or name its address with --url"),
        }
    }
}

impl Api {
    /// The daemon that `args` and the configuration name; without a configuration, the one at the default address.
    pub(crate) fn new(args: &cli::Api, config: Option<&Config>) -> Result<Self> {
        let listen = config.map_or_else(|| "127.0.0.1:9180".to_owned(), |config| reachable(config).to_string());
        let base = args.url.clone().map_or_else(|| format!("http://{listen}").parse(), Ok)?;
        let from_file = args.token_file.clone().map(SecretRef::File);
        let place =
            from_file.or_else(|| config.and_then(|config| config.api.token.clone()).filter(|_| args.url.is_none()));
        let token = place.map(|place| place.read().context("the API token")).transpose();
        // The daemon answers every request within 10 s, or says that it could not.
        let client = Client::builder().timeout(Duration::from_secs(20)).no_proxy().build()?;
        Ok(Self { base, client, token })
    }

    /// Reads `path`.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str, query: &impl Serialize) -> Result<Answer<T>> {
        self.send(self.client.get(self.url(path)?).query(query)).await
    }

    /// Changes something at `path`, with a reason.
    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str, reason: &str) -> Result<T> {
        if let Err(error) = &self.token {
            bail!("{error:#}; name another with --token-file");
        }
        let body = Reason { reason: reason.to_owned() };
        self.send(self.client.post(self.url(path)?).json(&body)).await?.required()
    }

    fn url(&self, path: &str) -> Result<Url> {
        self.base.join(path).with_context(|| format!("{path} at {}", self.base))
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<Answer<T>> {
        let request = match &self.token {
            Ok(Some(token)) => request.bearer_auth(token.as_str()),
            // Whoever only reads may do without.
            Ok(None) | Err(_) => request,
        };
        let base = self.base.as_str().trim_end_matches('/');
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) if error.is_connect() => return Ok(Answer::NotRunning(format!("no tim3d answers at {base}"))),
            Err(error) if error.is_timeout() => bail!("tim3d at {base} does not answer in time; see its log"),
            Err(error) => return Err(error).with_context(|| format!("asking tim3d at {base}")),
        };
        let status = response.status();
        let body = response.bytes().await.with_context(|| format!("the answer of tim3d at {base} broke off"))?;
        if status.is_success()
            && let Ok(value) = serde_json::from_slice(&body)
        {
            return Ok(Answer::Is(value));
        }
        match serde_json::from_slice::<ErrorBody>(&body) {
            Ok(ErrorBody { error }) => bail!("{}", error.message),
            Err(_) => bail!("{base} answers {status}, but not as a tim3d of this version does; check --url"),
        }
    }
}

/// Where a daemon that listens everywhere can be reached from its own machine.
fn reachable(config: &Config) -> std::net::SocketAddr {
    let mut listen = config.api.listen;
    if listen.ip().is_unspecified() {
        listen.set_ip(if listen.is_ipv4() { [127, 0, 0, 1].into() } else { std::net::Ipv6Addr::LOCALHOST.into() });
    }
    listen
}
