use futures::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{WebSocketStream, accept_async, tungstenite::Message};

use super::*;

const NOW: u64 = 1_700_000_000;
/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(40);

/// A server that speaks as a test has it, and a source that listens to it.
struct Scene {
    server: TcpListener,
    heard: watch::Receiver<Heard>,
    _task: AbortOnDropHandle<Infallible>,
}

impl Scene {
    async fn start(silence: Duration) -> Self {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/v1/topsecret", server.local_addr().unwrap()).parse().unwrap();
        let settings = Settings {
            name: "exchange".to_owned(),
            url,
            path: "data.price".to_owned(),
            time_path: None,
            subscribe: Some(r#"{"op":"subscribe"}"#.to_owned()),
            silence,
            repeat: 60,
        };
        let (sender, heard) = watch::channel(Heard::default());
        let pauses = (Duration::from_millis(1), Duration::from_millis(5));
        let task = AbortOnDropHandle::new(tokio::spawn(listen(settings, sender, pauses, || NOW)));
        Self { server, heard, _task: task }
    }

    /// The next connection, with what is sent first.
    async fn accept(&self) -> Connection {
        let (stream, _) = self.server.accept().await.unwrap();
        let mut connection = Connection(accept_async(stream).await.unwrap());
        assert_eq!(connection.next().await, Some(r#"{"op":"subscribe"}"#.to_owned()));
        connection
    }

    /// Waits for a price of so many dollars.
    async fn price(&self, dollars: i128) -> Heard {
        self.wait(|heard| heard.newest.is_some_and(|it| it.answer == dollars)).await
    }

    /// Waits for a problem with such words.
    async fn problem(&self, words: &str) -> Heard {
        self.wait(|heard| heard.problem.as_ref().is_some_and(|problem| problem.contains(words))).await
    }

    async fn wait(&self, test: impl FnMut(&Heard) -> bool) -> Heard {
        let heard = self.heard.clone().wait_for(test).await.unwrap().clone();
        assert!(!format!("{heard:?}").contains("topsecret"), "{heard:?}");
        heard
    }
}

struct Connection(WebSocketStream<TcpStream>);

impl Connection {
    async fn say(&mut self, text: impl Into<String>) {
        self.0.send(Message::text(text.into())).await.unwrap();
    }

    async fn price(&mut self, dollars: i128) {
        self.say(format!(r#"{{"data": {{"price": "{dollars}"}}}}"#)).await;
    }

    /// The next text; none where the other side has gone.
    async fn next(&mut self) -> Option<String> {
        loop {
            match self.0.next().await? {
                Ok(Message::Text(text)) => return Some(text.to_string()),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }
}

#[tokio::test]
async fn the_newest_price_is_kept_and_a_connection_that_ends_is_made_anew() {
    let scene = Scene::start(LONG).await;
    let mut connection = scene.accept().await;
    for dollars in 1_990..=2_000 {
        connection.price(dollars).await;
    }
    let heard = scene.price(2_000).await;
    let newest = heard.newest.unwrap();
    assert_eq!((newest.published, newest.decimals, heard.problem), (NOW, 0, None));
    connection.0.close(None).await.unwrap();
    let heard = scene.problem("the server closed it").await;
    assert_eq!(heard.newest, Some(newest), "it is not forgotten");
    // Cut off without a word.
    drop(scene.accept().await);
    let mut connection = scene.accept().await;
    connection.price(2_100).await;
    assert_eq!(scene.price(2_100).await.problem, None);
}

#[tokio::test]
async fn silence_and_messages_without_a_price_are_told_and_end_the_connection() {
    let scene = Scene::start(SHORT).await;
    let mut silent = scene.accept().await;
    scene.problem("not a word for 40ms").await;
    assert_eq!(silent.next().await, None);

    let talk = async {
        loop {
            let mut talking = scene.accept().await;
            while talking.0.send(Message::text(r#"{"op":"ack"}"#)).await.is_ok() {
                tokio::task::yield_now().await;
            }
        }
    };
    let heard = tokio::select! {
        () = talk => unreachable!("it talks for ever"),
        heard = scene.problem("messages; of the last one: there is nothing at data.price") => heard,
    };
    assert_eq!(heard.newest, None);
}

#[tokio::test]
async fn garbage_is_passed_over_and_what_is_too_large_ends_the_connection() {
    let scene = Scene::start(LONG).await;
    let mut connection = scene.accept().await;
    for garbage in [r#"{"op":"ack"}"#, "", "[", r#"{"data":{"price":{}}}"#, r#"{"data":[]}"#] {
        connection.say(garbage).await;
    }
    connection.0.send(Message::binary(vec![0xff; 100])).await.unwrap();
    connection.0.send(Message::Ping(vec![7].into())).await.unwrap();
    connection.0.send(Message::binary(br#"{"data":{"price":2000}}"#.to_vec())).await.unwrap();
    scene.price(2_000).await;
    // Whoever refuses it may cut the connection before all of it was sent.
    let _ = connection.0.send(Message::text(" ".repeat(MAX_DOCUMENT + 1))).await;
    scene.problem("too long").await;
    scene.accept().await.price(2_001).await;
    scene.price(2_001).await;
}

#[tokio::test]
async fn a_server_that_is_none_is_told_and_tried_again() {
    let scene = Scene::start(LONG).await;
    // No websocket: it answers as a web server does.
    let (mut stream, _) = scene.server.accept().await.unwrap();
    let answer = b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await.unwrap();
    scene.problem("401").await;
    drop(stream);
    scene.accept().await.price(2_000).await;
    scene.price(2_000).await;
}

#[test]
fn the_same_price_is_news_only_after_a_while() {
    let reading = |answer, published| Reading { endpoint: 0, answer, confidence: 0, decimals: 2, published };
    let mut heard = Heard { newest: None, problem: Some("before".to_owned()) };
    for (answer, published, expected) in [(7, 100, 100), (7, 159, 100), (7, 160, 160), (8, 161, 161), (8, 162, 161)] {
        heard.take(reading(answer, published), 60);
        assert_eq!((heard.newest.unwrap().published, &heard.problem), (expected, &None));
    }
}
