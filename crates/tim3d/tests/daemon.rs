//! The daemon on two real chains: what it refuses to run on, how it serves, how it ends.

#![expect(clippy::unwrap_used, reason = "what a test needs fails the test")]

mod support;

use std::time::Duration;

use support::{GATEWAY, GATEWAY_ID, Site, ended};
use tim3_devnet::{
    Devnet, Options,
    daemon::{Program, free_port, until_async},
    plan::STABLE,
};

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

async fn devnet(site: &Site) -> Devnet {
    Devnet::start(&Options::new(site.path("net"), free_port().unwrap())).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_ours_is_refused_in_one_line() {
    let site = Site::new();
    let devnet = devnet(&site).await;
    let token = devnet.a.deployment.tokens[STABLE].to_string();
    for (set, words) in [
        ("chain=eip155:5".to_owned(), ["a: the endpoints serve chain id 31337, expected 5", "correct"]),
        (format!("gateway={GATEWAY}"), ["a: there is no contract at 0x1111", "tim3d contracts deploy"]),
        (format!("gateway={token}"), ["is not a tim3 gateway of this chain", "correct gateway"]),
        (
            format!("gateway_id={GATEWAY_ID}"),
            [&format!("expected {GATEWAY_ID}: another deployment"), "correct gateway"],
        ),
    ] {
        let set = format!("chains.a.{set}");
        let run = site.run(&["-c", "net/tim3d.toml", "--set", "log.filter=error", "--set", &set, "run"]);
        run.assert_one_line_error(1, &words);
    }
    // The same is a finding where it is asked for.
    let set = format!("chains.a.gateway_id={GATEWAY_ID}");
    let check = site.run(&["-c", "net/tim3d.toml", "--set", &set, "contracts", "check", "a"]);
    check.assert_one_line_error(3, &["not as expected: a"]);
    assert!(check.out.contains("WRONG  id, as configured"), "{}", check.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_serves_takes_decisions_and_stops_when_told() {
    let site = Site::new();
    let devnet = devnet(&site).await;
    let program = Program::new(env!("CARGO_BIN_EXE_tim3d"), devnet.configuration());
    let mut daemon = program.run(&site.path("log")).unwrap();
    daemon.ready(&program, PATIENCE).await.unwrap();
    let run = |arguments: &[&str]| site.run(&[&["-c", "net/tim3d.toml"], arguments].concat());

    let status = run(&["status", "--json"]).json();
    assert_eq!(status["readiness"]["ready"], true);
    assert_eq!(status["chains"].as_array().map(Vec::len), Some(2));
    assert_eq!(status["chains"][0]["endpoints"][0]["healthy"], true);
    assert_eq!(run(&["contracts", "check"]).code, 0);
    run(&["--set", "api.listen=127.0.0.1:0", "run"])
        .assert_one_line_error(1, &["journal.redb", "in use by a running tim3d"]);

    // Changing something needs the token of the configuration.
    let reason = ["--reason", "maintenance"];
    let paused = run(&[["pause", "TIM3"], reason].concat());
    assert_eq!(paused.out, "TIM3: stopped: maintenance\n");
    let status = run(&["status", "--json"]);
    assert_eq!((status.code, &status.json()["assets"][0]["halted"]), (3, &"maintenance".into()));

    // What an operator stopped stays so over a kill.
    daemon.kill().unwrap();
    let mut daemon = program.run(&site.path("log")).unwrap();
    let ready = url(&site) + "/readyz";
    let stopped = async || {
        let Ok(answer) = reqwest::get(&ready).await else { return Ok(None) };
        let is_ready = answer.status().is_success();
        let reasons = answer.text().await?;
        Ok((!is_ready && reasons.contains("signing is stopped: maintenance")).then_some(()))
    };
    until_async(PATIENCE, stopped).await.unwrap();

    run(&[["resume", "TIM3"], reason, ["--token-file", "nowhere"]].concat())
        .assert_one_line_error(1, &["the API token", "nowhere", "--token-file"]);
    site.write_secret("wrong", "wrong");
    run(&[["resume", "TIM3"], reason, ["--token-file", "wrong"]].concat())
        .assert_one_line_error(1, &["the bearer token is not the api.token of this daemon"]);
    assert_eq!(run(&[["resume", "TIM3"], reason].concat()).out, "TIM3: signing\n");
    daemon.ready(&program, PATIENCE).await.unwrap();
    run(&[["pause", "SPACE"], reason].concat()).assert_one_line_error(1, &["\"SPACE\" is not known", "carries TIM3"]);
    run(&[["ops", "approve"], [GATEWAY_ID, "--reason"], ["x", "--json"]].concat())
        .assert_one_line_error(1, &["operation", "is not known"]);

    let metrics = reqwest::get(format!("{}/metrics", url(&site))).await.unwrap().text().await.unwrap();
    for name in ["tim3_chain_head_height{chain=\"a\"}", "tim3_endpoint_usable{", "tim3_journal_"] {
        assert!(metrics.contains(name), "{name}");
    }

    let status = daemon.terminate(PATIENCE).await.unwrap();
    assert_eq!(status.code(), Some(0), "{}", support::last_line(&site.path("log")));
    assert!(support::last_line(&site.path("log")).contains("stopped"));
    assert_eq!(run(&["journal", "verify"]).code, 0);
    run(&["status"]).assert_one_line_error(1, &["no tim3d answers", "tim3d run"]);
}

/// What the first signal waits for here is a request whose body does not come.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_it_at_once() {
    use std::io::{Read as _, Write as _};
    let site = Site::new();
    let devnet = devnet(&site).await;
    let program = Program::new(env!("CARGO_BIN_EXE_tim3d"), devnet.configuration());
    let mut daemon = program.run(&site.path("log")).unwrap();
    daemon.ready(&program, PATIENCE).await.unwrap();
    let token = std::fs::read_to_string(site.path("net/api.token")).unwrap();
    let request = format!(
        "POST /api/v1/assets/TIM3/pause HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: 99\r\nExpect: 100-continue\r\n\r\n",
        token.trim()
    );
    let mut half = std::net::TcpStream::connect(url(&site).trim_start_matches("http://")).unwrap();
    half.set_read_timeout(Some(PATIENCE)).unwrap();
    half.write_all(request.as_bytes()).unwrap();
    let mut answer = [0_u8; 12];
    half.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100", "it waits for the body");

    let signal = || {
        let sent = std::process::Command::new("kill").arg(daemon.pid().to_string()).status().unwrap();
        assert!(sent.success());
    };
    let logged = async |words: &str| {
        let found = async || Ok(std::fs::read_to_string(site.path("log"))?.contains(words).then_some(()));
        until_async(PATIENCE, found).await.unwrap_or_else(|_| panic!("never logged: {words}"));
    };
    signal();
    logged("a second signal ends at once").await;
    signal();
    logged("ended at once; the journal holds what was under way").await;
    let status = daemon.terminate(PATIENCE).await.unwrap();
    assert_eq!(status.code(), Some(1));
    let verify = site.run(&["-c", "net/tim3d.toml", "journal", "verify"]);
    assert_eq!(verify.code, 0, "{verify:?}");
}

fn url(site: &Site) -> String {
    let shown = ended(site.command(&["-c", "net/tim3d.toml", "config", "show", "--json"])).json();
    let listen = shown.as_array().unwrap().iter().find(|setting| setting["key"] == "api.listen").unwrap();
    format!("http://{}", listen["value"].as_str().unwrap().trim_matches('"'))
}
