//! One connection by websocket, with a bound on what is read and on how long anything takes that the other side can hold up.

use std::{sync::Arc, time::Duration};

use futures::{SinkExt as _, StreamExt as _};
use rustls::ClientConfig;
use rustls_platform_verifier::ConfigVerifierExt as _;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
    tungstenite::{Error, Message, protocol::WebSocketConfig},
};

use crate::{SecretUrl, http::choose_cryptography};

/// How long connecting, and sending, may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Read at once; messages are small.
const BUFFER: usize = 8 << 10;

/// A connection. It goes straight to its host: no proxy is asked.
#[derive(Debug)]
pub struct Websocket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    url: SecretUrl,
}

impl Websocket {
    /// Connects to a URL of scheme ws or wss, whose certificate must be good for the system's authorities. No message larger than `largest` bytes is read.
    ///
    /// # Errors
    /// Why it did not come to be, without what is secret in the URL.
    pub async fn connect(url: &SecretUrl, largest: usize) -> Result<Self, String> {
        if !url.expose().username().is_empty() || url.expose().password().is_some() {
            return Err("a websocket is given no user and password".to_owned());
        }
        choose_cryptography();
        let config = WebSocketConfig::default()
            .read_buffer_size(BUFFER)
            .max_message_size(Some(largest))
            .max_frame_size(Some(largest));
        let connector = match url.expose().scheme() {
            "ws" => Connector::Plain,
            _ => {
                let verified = ClientConfig::with_platform_verifier().map_err(|error| format!("TLS: {error}"))?;
                Connector::Rustls(Arc::new(verified))
            }
        };
        let connecting = connect_async_tls_with_config(url.expose().as_str(), Some(config), true, Some(connector));
        match in_time(connecting).await {
            Ok((stream, _)) => Ok(Self { stream, url: url.clone() }),
            Err(error) => Err(url.redact(&error)),
        }
    }

    /// Sends a text.
    ///
    /// # Errors
    /// Why it was not sent; the connection is then of no more use.
    pub async fn send(&mut self, text: &str) -> Result<(), String> {
        self.give(Message::text(text)).await
    }

    /// Asks the other side for a sign of life, which keeps alive what lies between, too.
    ///
    /// # Errors
    /// As [`Websocket::send`].
    pub async fn ping(&mut self) -> Result<(), String> {
        self.give(Message::Ping(Vec::new().into())).await
    }

    /// The next message, text or bytes; signs of life are answered and passed over. Nothing is lost where this is dropped while it waits.
    ///
    /// # Errors
    /// Why there will be none.
    pub async fn next(&mut self) -> Result<Vec<u8>, String> {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text.as_bytes().to_vec()),
                Some(Ok(Message::Binary(bytes))) => return Ok(bytes.to_vec()),
                Some(Ok(Message::Close(Some(frame)))) => {
                    let reason: String = frame.reason.chars().filter(|c| !c.is_control()).take(80).collect();
                    return Err(self.url.redact(&format!("the server closed it: {} {reason}", frame.code)));
                }
                Some(Ok(Message::Close(None))) | None => return Err("the server closed it".to_owned()),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(self.url.redact(&error.to_string())),
            }
        }
    }

    async fn give(&mut self, message: Message) -> Result<(), String> {
        in_time(self.stream.send(message)).await.map_err(|error| self.url.redact(&error))
    }
}

async fn in_time<T>(what: impl Future<Output = Result<T, Error>>) -> Result<T, String> {
    match timeout(PATIENCE, what).await {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(_) => Err(format!("nothing within {} s", PATIENCE.as_secs())),
    }
}
