//! What stands in the way of `tim3d run`, and how it is told.

mod support;

use std::net::TcpListener;

use support::{Site, unreachable};

#[test]
fn an_unreachable_endpoint_is_one_line() {
    let site = Site::new();
    unreachable(&site);
    site.run(&["run"]).assert_one_line_error(1, &["a: ", "check that the endpoints are reachable"]);
}

#[test]
fn a_start_waits_for_an_endpoint_and_says_so() {
    let site = Site::new();
    unreachable(&site);
    let ended = site.run(&["--set", "daemon.start_patience=1s", "--set", "log.format=text", "run"]);
    ended.assert_one_line_error(1, &["a: ", "check that the endpoints are reachable"]);
    let waits = ended.err.lines().filter(|line| line.contains("did not answer at the start, trying again")).count();
    assert!(waits > 1, "{}", ended.err);
}

#[test]
fn everything_that_stands_in_the_way_is_told_at_once() {
    let site = Site::new();
    unreachable(&site);
    std::fs::remove_file(site.path("attester.key")).unwrap();
    let ended = site.run(&["run"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    let errors: Vec<_> = ended.err.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 2, "{}", ended.err);
    assert!(errors[0].contains("key of attesters.one"), "{}", ended.err);
    assert!(errors[1].contains("endpoints are reachable"), "{}", ended.err);
}

#[test]
fn a_key_that_others_can_read_is_refused_with_the_command_that_corrects_it() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::new();
    unreachable(&site);
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(site.path("submitter.key"), open).unwrap();
    site.run(&["run"]).assert_one_line_error(1, &["key of chains.a.submit", "0644", "chmod 600"]);
}

#[test]
fn a_port_that_is_taken_is_one_line() {
    let site = Site::new();
    unreachable(&site);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("api.listen={}", taken.local_addr().unwrap());
    site.run(&["--set", &listen, "run"]).assert_one_line_error(1, &["cannot listen on 127.0.0.1:", "api.listen"]);
}

/// A daemon that cannot even start has nothing under way.
#[test]
fn a_signal_ends_a_start_that_waits_for_an_endpoint() {
    let site = Site::new();
    unreachable(&site);
    // It takes connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("chains.a.endpoints=[{{ url = 'http://{}' }}]", silent.local_addr().unwrap());
    let arguments = ["--set", &endpoint, "--set", "chains.a.request_timeout=1m", "run"];
    let mut daemon = site.command(&arguments).spawn().unwrap();
    // It has asked, so that it is waiting now.
    let (_asked, _) = silent.accept().unwrap();
    let kill = std::process::Command::new("kill").arg(daemon.id().to_string()).status().unwrap();
    assert!(kill.success());
    assert_eq!(daemon.wait().unwrap().code(), Some(0));
}
