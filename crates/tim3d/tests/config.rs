//! `tim3d config`, as an operator runs it.

mod support;

use support::{Site, ended};

#[test]
fn init_writes_what_check_accepts_and_overwrites_nothing() {
    let site = Site::new();
    assert_eq!(site.run(&["config", "init"]).code, 0);
    let checked = site.run(&["config", "check"]);
    assert_eq!((checked.code, checked.err.as_str()), (0, ""));
    assert!(checked.out.starts_with("tim3d.toml: right (chains: 4, assets: 1, hash: "), "{}", checked.out);
    site.run(&["config", "init"]).assert_one_line_error(1, &["tim3d.toml", "File exists", "not there yet"]);
}

#[test]
fn three_mistakes_are_told_at_once_with_file_key_and_remedy() {
    let site = Site::new();
    site.run(&["config", "init", "good.toml"]);
    site.write(
        "bad.toml",
        "[api]\nlisten = \"localhost\"\n[chains.base]\nquorum = 9\n[chains.base.submit]\nmax_gass = 1\n",
    );
    let files = ["-c", "good.toml", "-c", "bad.toml"];
    for command in [vec!["config", "check"], vec!["config", "show"], vec!["run"], vec!["ops", "list"]] {
        let ended = site.run(&[files.as_slice(), &command].concat());
        assert_eq!(ended.code, 2, "{command:?}: {ended:?}");
        assert_eq!(
            ended.err,
            "error: 3 mistakes in the configuration\n  \
             bad.toml:2: api.listen: found \"localhost\", expected an address with a port, for example \"127.0.0.1:9180\" or \"[::1]:9180\"; correct it\n  \
             bad.toml:4: chains.base.quorum: found 9, expected 1 to 3, the number of endpoints of this chain; add endpoints or lower the quorum\n  \
             bad.toml:6: chains.base.submit.max_gass: found an unknown key, expected max_gas; rename it to max_gas or remove it\n"
        );
    }
    let json = site.run(&[files.as_slice(), &["config", "check", "--json"]].concat()).json();
    assert_eq!(json["ok"], false);
    let keys: Vec<_> = json["problems"].as_array().unwrap().iter().map(|problem| &problem["key"]).collect();
    assert_eq!(keys, ["api.listen", "chains.base.quorum", "chains.base.submit.max_gass"]);
}

#[test]
fn show_names_the_source_of_every_key_and_hides_secrets() {
    let site = Site::new();
    site.run(&["config", "init"]);
    let mut command = site.command(&["--set", "audit.interval=1m", "config", "show", "--json"]);
    command.env("TIM3D__CHAINS__BASE__ENDPOINTS", "[{ url = 'https://u:hunter2@h.example/k3y' }]");
    let shown = ended(command);
    assert_eq!(shown.code, 0, "{shown:?}");
    assert!(!shown.out.contains("hunter2") && !shown.out.contains("k3y"), "{}", shown.out);
    assert!(
        shown.err.contains("warning: environment variable TIM3D__CHAINS__BASE__ENDPOINTS: chains.base.quorum"),
        "{}",
        shown.err
    );
    let settings = shown.json();
    let find = |key: &str| settings.as_array().unwrap().iter().find(|setting| setting["key"] == key).unwrap().clone();
    assert_eq!(find("audit.interval")["source"], "flag --set audit.interval");
    assert_eq!(find("audit.interval")["value"], "\"1m\"");
    assert_eq!(find("chains.base.endpoints[0].url")["value"], "\"https://h.example/…\"");
    assert_eq!(find("chains.base.poll_interval")["source"], "default");
    let text = site.run(&["config", "show"]);
    assert!(
        text.out.lines().any(|line| line.starts_with("journal.path = ") && line.contains("# tim3d.toml:")),
        "{}",
        text.out
    );
}

#[test]
fn check_with_keys_tells_of_every_secret_that_is_not_there() {
    let site = Site::new();
    support::unreachable(&site);
    assert_eq!(site.run(&["config", "check", "--keys"]).code, 0);
    site.write("submitter.key", "not a key");
    std::fs::remove_file(site.path("attester.key")).unwrap();
    let ended = site.run(&["config", "check", "--keys"]);
    assert_eq!(ended.code, 1);
    assert!(
        ended.err.contains("key of chains.a.submit") && ended.err.contains("key of attesters.one"),
        "{}",
        ended.err
    );
    assert!(!ended.err.contains("not a key\""), "{}", ended.err);
}

#[test]
fn without_a_configuration_it_says_how_to_make_one() {
    let site = Site::new();
    let ended = site.run(&["run"]);
    assert_eq!(ended.code, 2);
    assert!(ended.err.contains("tim3d config init"), "{}", ended.err);
}

#[test]
fn help_teaches_and_a_wrong_command_line_is_exit_code_2() {
    let site = Site::new();
    let help = site.run(&["--help"]);
    assert_eq!(help.code, 0);
    for word in ["tim3d config init", "TIM3D__SECTION__KEY", "Exit codes:"] {
        assert!(help.out.contains(word), "{word}");
    }
    assert_eq!(site.run(&["ops", "void", "0x12"]).code, 2);
    let script = site.run(&["completions", "bash"]);
    assert_eq!(script.code, 0);
    assert!(script.out.contains("_tim3d"));
}
