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
