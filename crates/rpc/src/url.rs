//! URLs that may carry credentials.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize, Serializer};
use url::Url;

use crate::SetupError;

/// A URL of which only scheme, host and port are ever shown: user, password, path and query may be an API key.
#[derive(Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct SecretUrl(Url);

impl SecretUrl {
    /// The URL itself, for the client that connects to it and nobody else.
    #[must_use]
    pub fn expose(&self) -> &Url {
        &self.0
    }

    /// `text` without any part of this URL that may be a credential: for messages of libraries that print what they were given.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        let url = &self.0;
        let shown = self.to_string();
        let mut clean = text.replace(url.as_str(), &shown).replace(url.as_str().trim_end_matches('/'), &shown);
        let parts = url
            .path_segments()
            .into_iter()
            .flatten()
            .chain(url.password())
            .chain(Some(url.username()))
            .map(str::to_owned)
            .chain(url.query_pairs().map(|(_, value)| value.into_owned()));
        // Shorter parts are words such as `v2` or `rpc`, which hide nothing.
        for part in parts.filter(|part| part.len() >= 6) {
            clean = clean.replace(&part, "…");
        }
        clean
    }
}

impl From<Url> for SecretUrl {
    fn from(url: Url) -> Self {
        Self(url)
    }
}

impl FromStr for SecretUrl {
    type Err = SetupError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // The text itself stays out of the message.
        let url = Url::parse(text).map_err(|error| SetupError::Url(error.to_string()))?;
        match url.host_str() {
            Some(host) if !host.is_empty() => Ok(Self(url)),
            _ => Err(SetupError::Url("no host".to_owned())),
        }
    }
}

impl TryFrom<String> for SecretUrl {
    type Error = SetupError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.0.scheme(), self.0.host_str().unwrap_or_default())?;
        if let Some(port) = self.0.port() {
            write!(f, ":{port}")?;
        }
        if self.0.path().len() > 1 || self.0.query().is_some() || self.0.fragment().is_some() {
            f.write_str("/…")?;
        }
        Ok(())
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for SecretUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_scheme_host_and_port_are_shown() {
        for (url, shown) in [
            ("http://127.0.0.1:8545", "http://127.0.0.1:8545"),
            ("https://eth.example.org/v2/abcdef0123456789", "https://eth.example.org/…"),
            ("wss://user:hunter2@node.example:9000/?key=topsecret", "wss://node.example:9000/…"),
            ("https://node.example?key=topsecret", "https://node.example/…"),
        ] {
            let url: SecretUrl = url.parse().expect("a URL");
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), shown);
            assert_eq!(serde_json::to_string(&url).expect("json"), format!("\"{shown}\""));
        }
    }

    #[test]
    fn a_wrong_url_is_refused_without_being_repeated() {
        for text in ["topsecret", "http://user:topsecret@", "file:///topsecret", "http://[topsecret"] {
            let error = text.parse::<SecretUrl>().expect_err(text).to_string();
            assert!(!error.contains("topsecret"), "{error}");
        }
    }

    #[test]
    fn a_message_that_repeats_the_url_is_cleaned() {
        let url: SecretUrl =
            "https://u:hunter22@node.example/v2/0123456789abcdef?key=topsecret".parse().expect("a URL");
        let message = format!("error sending request for url ({}) with topsecret and 0123456789abcdef", url.expose());
        let clean = url.redact(&message);
        for secret in ["hunter22", "topsecret", "0123456789abcdef"] {
            assert!(!clean.contains(secret), "{clean}");
        }
    }

    proptest! {
        #[test]
        fn no_key_in_a_path_or_query_is_ever_shown(key in "[a-z0-9]{12,40}", form in 0_usize..3) {
            let text = [format!("https://h.example/{key}"), format!("https://h.example/?k={key}"), format!("https://a:{key}@h.example/")][form].clone();
            let url: SecretUrl = text.parse().expect("a URL");
            let shown = format!("{url}{url:?}{}", url.redact(&format!("failed: {text}: {key}")));
            prop_assert!(!shown.contains(&key), "{}", shown);
        }
    }
}
