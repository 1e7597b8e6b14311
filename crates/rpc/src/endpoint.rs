//! What an operator says about one endpoint, and the pool that several make.

use std::{collections::BTreeSet, sync::Arc};

use crate::{Observer, Policy, Pool, Rate, SecretUrl, SetupError, Spec};

/// One endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointConfig {
    /// Its name in logs and metrics; scheme, host and port of the URL where none is given.
    pub name: Option<String>,
    /// Where it answers over HTTP.
    pub url: SecretUrl,
    /// A websocket that announces news; only ever a hint.
    pub ws_url: Option<SecretUrl>,
    /// Lower is asked first.
    pub priority: u32,
    /// The most it is asked.
    pub rate_limit: Option<Rate>,
}

impl EndpointConfig {
    /// An endpoint known by its URL alone.
    #[must_use]
    pub fn new(url: SecretUrl) -> Self {
        Self { name: None, url, ws_url: None, priority: 0, rate_limit: None }
    }

    /// What it is called in logs and metrics.
    #[must_use]
    pub fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.url.to_string())
    }
}

impl<C: Send + Sync + 'static> Pool<C> {
    /// A pool of endpoints; `client` makes an adapter's client of one.
    ///
    /// # Errors
    /// As [`Pool::new`], and for a URL that is given twice or cannot be spoken with.
    pub fn of_endpoints(
        name: &str,
        endpoints: &[EndpointConfig],
        quorum: usize,
        policy: Policy,
        observer: Option<Arc<dyn Observer>>,
        client: impl Fn(SecretUrl) -> Result<C, SetupError>,
    ) -> Result<Self, SetupError> {
        let mut urls = BTreeSet::new();
        let mut specs = Vec::with_capacity(endpoints.len());
        for endpoint in endpoints {
            if !urls.insert(endpoint.url.expose().clone()) {
                return Err(SetupError::Duplicate(endpoint.url.to_string()));
            }
            specs.push(Spec {
                name: endpoint.label(),
                priority: endpoint.priority,
                rate: endpoint.rate_limit,
                client: client(endpoint.url.clone())?,
            });
        }
        Self::new(name, specs, quorum, policy, observer)
    }
}
