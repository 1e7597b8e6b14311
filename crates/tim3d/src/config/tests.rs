use std::{collections::BTreeMap, path::PathBuf};

use proptest::prelude::*;

use super::{Config, Inputs, KeyRef, Loaded, Policy, Problems, SecretRef, changes, hash, in_force, load};

pub(super) mod kinds;

/// The least that is accepted.
const MINIMAL: &str = r#"
[journal]
path = "journal.redb"
[chains.a]
kind = "ethereum"
chain = "eip155:31337"
gateway = "0x1111111111111111111111111111111111111111"
gateway_salt = "0x0000000000000000000000000000000000000000000000000000000000000001"
endpoints = [{ url = "http://127.0.0.1:8545" }]
submit.signer = { env = "SUBMITTER" }
[assets.TIM3]
[attesters.one]
key = { env = "ATTESTER" }
"#;

/// What an operator wrote, in files of its own directory, the environment and the command line.
pub(crate) struct Case {
    directory: tempfile::TempDir,
    inputs: Inputs,
}

impl Case {
    pub(super) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), inputs: Inputs::default() }
    }

    pub(crate) fn file(mut self, name: &str, text: &str) -> Self {
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        self.inputs.files.push(path);
        self
    }

    fn environment(mut self, name: &str, value: &str) -> Self {
        self.inputs.environment.push((name.into(), value.into()));
        self
    }

    pub(super) fn flag(mut self, flag: &str) -> Self {
        self.inputs.flags.push(flag.into());
        self
    }

    pub(super) fn load(&self) -> Result<Loaded, Problems> {
        load(&self.inputs)
    }

    pub(crate) fn config(&self) -> Config {
        self.load().unwrap_or_else(|problems| panic!("{problems}")).config
    }

    /// The problems as lines, with the directory left out.
    fn problems(&self) -> Vec<String> {
        let directory = format!("{}/", self.directory.path().display());
        let problems = self.load().expect_err("accepted").0;
        problems.iter().map(|problem| problem.to_string().replace(&directory, "")).collect()
    }
}

pub(crate) fn minimal() -> Case {
    Case::new().file("a.toml", MINIMAL)
}

/// The minimum with `from` replaced by `to`.
fn with(from: &str, to: &str) -> Case {
    assert!(MINIMAL.contains(from));
    Case::new().file("a.toml", &MINIMAL.replacen(from, to, 1))
}

#[test]
fn the_minimum_is_accepted_with_defaults() {
    let case = minimal();
    let config = case.config();
    assert_eq!(config.journal, case.directory.path().join("journal.redb"), "relative to the file");
    assert_eq!(config.shutdown_timeout.as_secs(), 25);
    assert_eq!(config.api.listen.to_string(), "127.0.0.1:9180");
    let chain = &config.chains[0];
    assert_eq!((chain.quorum, chain.finality.policy, chain.mirror), (1, Policy::Finalized, true));
    assert_eq!(chain.endpoints[0].name, "127.0.0.1:8545");
    assert_eq!(chain.submit.max_fee, 500_000_000_000);
    assert_eq!(chain.submit.signer, KeyRef::Plain(SecretRef::Environment("SUBMITTER".into())));
    assert!(case.load().unwrap().warnings.is_empty(), "one local endpoint is a node of one's own");
}

#[test]
fn the_example_is_accepted_and_says_the_defaults() {
    let case = Case::new().file("example.toml", super::EXAMPLE);
    let loaded = case.load().unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(loaded.warnings, []);
    // Every key that is commented out has its default: taking away its `# ` changes nothing.
    let is_key = |key: &str| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let default = |line: &str| {
        let rest = line.strip_prefix("# ")?;
        rest.split_once(" = ").filter(|(key, _)| is_key(key)).map(|_| rest.to_owned())
    };
    assert!(super::EXAMPLE.lines().filter_map(default).count() > 20);
    let explicit: Vec<_> =
        super::EXAMPLE.lines().map(|line| default(line).unwrap_or_else(|| line.to_owned())).collect();
    let explicit =
        Case::new().file("example.toml", &explicit.join("\n")).load().unwrap_or_else(|problems| panic!("{problems}"));
    let values = |loaded: Loaded| -> BTreeMap<_, _> { loaded.settings.into_iter().map(|s| (s.key, s.value)).collect() };
    assert_eq!(values(explicit), values(loaded));
}

#[test]
fn later_files_the_environment_and_flags_win_in_this_order() {
    let listen = |case: Case| case.config().api.listen.port();
    assert_eq!(listen(minimal().file("b.toml", "api.listen = \"127.0.0.1:1\"")), 1);
    let case =
        || minimal().file("b.toml", "api.listen = \"127.0.0.1:1\"").environment("TIM3D__API__LISTEN", "127.0.0.1:2");
    assert_eq!(listen(case()), 2);
    assert_eq!(listen(case().flag("api.listen=127.0.0.1:3")), 3);
}

#[test]
fn the_environment_reaches_every_key_with_its_type() {
    let case = minimal()
        .environment("TIM3D__CHAINS__A__MIRROR", "false")
        .environment("TIM3D__CHAINS__A__SUBMIT__MAX_ORDERS", "7")
        .environment(
            "TIM3D__CHAINS__A__ENDPOINTS",
            r#"[{ url = "http://127.0.0.1:1" }, { url = "http://127.0.0.1:2" }]"#,
        )
        .environment("TIM3D__ASSETS__TIM3__VALUE_HOLD", "12.5")
        .environment("TIM3D__API__LISTEN", "[::1]:9181")
        .environment("UNRELATED", "x");
    let config = case.config();
    assert!(!config.chains[0].mirror);
    assert_eq!(config.chains[0].submit.max_orders, 7);
    assert_eq!(config.chains[0].quorum, 2, "the majority of what the environment says");
    assert_eq!(config.assets[0].value_hold, Some(12_500_000));
    assert_eq!(config.api.listen.to_string(), "[::1]:9181");
}

#[test]
fn another_form_of_a_secret_in_a_later_layer_replaces_the_first() {
    let keystore = r#"attesters.one.key = { keystore = "k.json", password = { file = "pw" } }"#;
    let case =
        minimal().file("b.toml", keystore).environment("TIM3D__ATTESTERS__ONE__KEY__PASSWORD__CREDENTIAL", "pw2");
    let file = case.directory.path().join("k.json");
    let password = SecretRef::Credential("pw2".into());
    assert_eq!(case.config().attesters[0].key, KeyRef::Keystore { file, password });
}

#[test]
fn three_mistakes_are_reported_at_once_with_place_and_remedy() {
    let text = MINIMAL
        .replace("chain = \"eip155:31337\"", "chain = \"ethereum\"\nquorum = 3\npol_interval = \"1s\"")
        .replace("kind = \"ethereum\"", "kind = \"ethereum\"\npoll_interval = \"5 parsecs\"");
    let problems = Case::new().file("a.toml", &text).problems();
    assert_eq!(
        problems,
        [
            "a.toml:7: chains.a.chain: found \"ethereum\", expected the CAIP-2 name of an EVM chain, for example \"eip155:1\"; correct it",
            "a.toml:8: chains.a.quorum: found 3, expected 1 to 1, the number of endpoints of this chain; add endpoints or lower the quorum",
            "a.toml:6: chains.a.poll_interval: found \"5 parsecs\", expected a duration from 50ms to 10m, for example \"5s\", \"250ms\", \"10m\", \"2h\" or \"1d\"; correct it",
            "a.toml:9: chains.a.pol_interval: found an unknown key, expected poll_interval; rename it to poll_interval or remove it",
        ]
    );
}

#[test]
fn each_mistake_has_its_text() {
    for (case, expected) in [
        (
            with("path = \"journal.redb\"", ""),
            "a.toml:2: journal.path: found nothing, expected the path of the journal, for example \"/var/lib/tim3d/journal.redb\"; set journal.path",
        ),
        (
            with("[journal]\npath = \"journal.redb\"", ""),
            "a.toml: journal.path: found nothing, expected the path of the journal, for example \"/var/lib/tim3d/journal.redb\"; set journal.path",
        ),
        (
            minimal().file(
                "b.toml",
                "[markets.usda]\nkind = \"reserve\"\nhome = \"b\"\nsynthetic = \"TIM3\"\ncollateral = \"USDA\"",
            ),
            "b.toml:3: markets.usda.home: found \"b\", expected a name out of [chains]: a; name one of them, or add [chains.b]",
        ),
        (
            with("submit.signer", "submit.tip = \"11 gwei\"\nsubmit.signer"),
            "a.toml:10: chains.a.submit.tip: found 11000000000 wei, expected at most max_tip, 10000000000 wei; lower tip or raise max_tip",
        ),
        (
            with("[assets.TIM3]", "[assets.tim3]"),
            "a.toml:11: assets.tim3: found the name \"tim3\", expected a symbol of 1 to 12 of A-Z 0-9, for example TIM3; rename it",
        ),
        (
            with("chains.a]", "chains.A]"),
            "a.toml:4: chains.A: found the name \"A\", expected a name of 1 to 32 of a-z 0-9 _, beginning with a letter, without __; rename it",
        ),
        (
            with("[journal]", "[daemon]\nshutdown_timeout = 25\n[journal]"),
            "a.toml:3: daemon.shutdown_timeout: found 25, expected a duration from 1s to 10m, for example \"5s\", \"250ms\", \"10m\", \"2h\" or \"1d\"; correct it",
        ),
        (
            with("[journal]", "[api]\nlisten = \"0.0.0.0:80\"\n[journal]"),
            "a.toml:3: api.listen: found 0.0.0.0:80, which others can reach, expected api.token, which they then need; set api.token, or listen on 127.0.0.1",
        ),
        (
            with("http://127.0.0.1:8545", "ftp://user:hunter2@host"),
            "a.toml:9: chains.a.endpoints[0].url: found a text, not shown because it may be a secret, expected a URL with http or https, for example \"https://node.example/key\"; correct it",
        ),
        (
            with("{ url = \"http://127.0.0.1:8545\" }", ""),
            "a.toml:9: chains.a.endpoints: found an empty list, expected at least one endpoint, for example [{ url = \"http://127.0.0.1:8545\" }]; add one",
        ),
        (
            with("key = { env = \"ATTESTER\" }", "key = \"0xac0974bec39a17e3\""),
            "a.toml:13: attesters.one.key: found a value that is not shown because it may be the secret itself, expected { keystore = \"file\", password = { env | file | credential = \"…\" } }, or for development { env = \"NAME\" } or { file = \"path\" }; move it out of the configuration and name its place; replace it if it was ever committed",
        ),
        (
            with("key = { env = \"ATTESTER\" }", "key = { env = \"A\", file = \"b\" }"),
            "a.toml:13: attesters.one.key.file: found several forms of one thing, expected one of keystore, env, file, credential only; keep one",
        ),
        (
            with("[assets.TIM3]", "[assets.TIM3]\nt_max = \"2h\"\nlimit = { amount = \"5\", period = \"1h\" }"),
            "a.toml:12: assets.TIM3.t_max: found 7200 s, expected at least four times limit.period, 14400 s; raise it, or operations that wait for the limit are voided",
        ),
        (
            with("submit.signer", "finality = { policy = \"depth\" }\nsubmit.signer"),
            "a.toml:10: chains.a.finality.depth: found nothing, expected how many blocks below the head are final, because policy is \"depth\"; set chains.a.finality.depth",
        ),
        (
            with(
                "submit.signer",
                "finality = { policy = \"depth\", depth = 5, tiers = [{ from = \"1\", depth = 4 }] }\nsubmit.signer",
            ),
            "a.toml:10: chains.a.finality.tiers: found tiers out of order, expected amounts and depths that rise from tier to tier, above depth 5; more value has to wait longer: sort them",
        ),
        (
            with("0x1111111111111111111111111111111111111111", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD_"),
            "a.toml:7: chains.a.gateway: found \"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD_\", expected an address of 0x and 40 hexadecimal digits, not zero; correct it",
        ),
        (
            with("0x1111111111111111111111111111111111111111", "0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
            "a.toml:7: chains.a.gateway: found \"0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed\", expected the checksummed address 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed, if these are its digits; correct it",
        ),
        (
            minimal().environment("TIM3D__CHAINS__A__QUORUM", "many"),
            "environment variable TIM3D__CHAINS__A__QUORUM: chains.a.quorum: found \"many\", expected a whole number from 1 to 100; correct it",
        ),
        (
            minimal().flag("log.filter=inof"),
            "flag --set log.filter: log.filter: found \"inof\", expected levels (off, error, warn, info, debug, trace) by module, for example \"info,tim3_ethereum=debug\"; correct it",
        ),
        (
            minimal().environment("TIM3D__API", "x"),
            "environment variable TIM3D__API: api: found \"x\", expected a table; correct it",
        ),
        (
            minimal().flag("api.lissten=127.0.0.1:1"),
            "flag --set api.lissten: api.lissten: found an unknown key, expected listen; rename it to listen or remove it",
        ),
        (
            minimal().file("b.toml", "[api\n"),
            "b.toml:1: found a syntax error (unclosed table, expected `]`), expected a TOML file; correct the syntax; texts need quotation marks",
        ),
    ] {
        assert_eq!(case.problems(), [expected]);
    }
}

#[test]
fn sections_are_compared_with_each_other() {
    let chain_b = MINIMAL.split("[chains.a]").nth(1).unwrap().split("[assets").next().unwrap();
    let text = format!("{MINIMAL}\n[attesters.two]\nkey = {{ env = \"ATTESTER\" }}\n[chains.b]{chain_b}");
    let problems = Case::new().file("a.toml", &text).problems();
    assert_eq!(
        problems,
        [
            "a.toml:19: chains.b.chain: found the chain of chains.a, expected another chain; correct one of them, or remove it",
            "a.toml:20: chains.b.gateway: found the gateway of chains.a, expected a gateway of its own; correct gateway and gateway_id",
            "a.toml:16: attesters.two.key: found the key of attesters.one, expected a key of its own; remove this attester or name its own key",
        ]
    );
}

#[test]
fn an_endpoint_has_one_voice() {
    let twice = r#"endpoints = [{ url = "http://127.0.0.1:8545" }, { url = "http://127.0.0.1:8545", name = "other" }]"#;
    let problems = with(r#"endpoints = [{ url = "http://127.0.0.1:8545" }]"#, twice).problems();
    assert_eq!(
        problems,
        [
            "a.toml:9: chains.a.endpoints: found the URL of \"other\" twice, expected different endpoints, because each has a voice in the quorum; remove one"
        ]
    );
}

#[test]
fn a_quorum_of_one_strange_endpoint_is_warned_of() {
    let case = with("http://127.0.0.1:8545", "https://node.example/k3y");
    let warnings = case.load().unwrap().warnings;
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].key, "chains.a.quorum");
}

#[test]
fn no_configuration_says_what_is_missing() {
    let problems = Case::new().problems();
    assert!(problems[0].contains("found no file") && problems[0].contains("tim3d config init"), "{problems:?}");
    let problems = &problems[1..];
    let keys: Vec<_> = problems.iter().map(|problem| problem.split(": ").nth(1).unwrap()).collect();
    assert_eq!(keys, ["journal.path", "chains", "assets", "attesters"]);
    let absent = Inputs { files: vec![PathBuf::from("/nonexistent/a.toml")], ..Inputs::default() };
    let first = load(&absent).unwrap_err().0.remove(0).to_string();
    assert!(first.starts_with("/nonexistent/a.toml: found No such file or directory"), "{first}");
}

#[test]
fn settings_name_their_source_and_hide_keys_in_urls() {
    let case = with("http://127.0.0.1:8545", "http://user:hunter2@127.0.0.1:8545/k3y")
        .environment("TIM3D__LOG__FILTER", "debug");
    let settings = case.load().unwrap().settings;
    let find = |key: &str| settings.iter().find(|setting| setting.key == key).unwrap();
    assert_eq!(find("chains.a.endpoints[0].url").value, "\"http://127.0.0.1:8545/…\"");
    assert!(find("chains.a.endpoints[0].url").source.ends_with("a.toml:9"));
    assert_eq!(
        (find("log.filter").value.as_str(), find("log.filter").source.as_str()),
        ("\"debug\"", "environment variable TIM3D__LOG__FILTER")
    );
    assert_eq!(find("daemon.shutdown_timeout").source, "default");
    assert!(!format!("{settings:?}").contains("hunter2"));
}

#[test]
fn what_can_change_while_it_runs_is_told_from_what_cannot() {
    let before = with("[assets.TIM3]", "[assets.TIM3]\nvalue_hold = \"5\"").load().unwrap();
    let text = MINIMAL
        .replace(
            "[assets.TIM3]",
            "[assets.TIM3]\nlimit = { amount = \"9\", period = \"1m\" }\n[assets.NEW]\nt_max = \"1d\"",
        )
        .replace("8545\" }]", "8545\" }, { url = \"http://127.0.0.1:8546\" }]\nmirror = false")
        + "\n[log]\nfilter = \"debug\"\nformat = \"json\"\n";
    let after = Case::new().file("a.toml", &text).load().unwrap();
    let found = changes(&before, &after);
    let of = |live: bool| -> Vec<_> { found.iter().filter(|it| it.live == live).map(|it| it.key.as_str()).collect() };
    assert_eq!(
        of(true),
        [
            "assets.TIM3.limit.amount",
            "assets.TIM3.limit.period",
            "assets.TIM3.value_hold",
            "chains.a.endpoints[1].priority",
            "chains.a.endpoints[1].url",
            "chains.a.quorum",
            "log.filter",
        ]
    );
    assert_eq!(of(false), ["assets.NEW.t_max", "chains.a.mirror", "log.format"]);
    let hold = found.iter().find(|it| it.key == "assets.TIM3.value_hold").unwrap();
    assert_eq!((hold.before.as_deref(), hold.after.as_deref()), (Some("\"5\""), None));

    // What is in force has the one and not the other, and only the other is left to change.
    let now = in_force(&before, &after);
    let asset = &now.config.assets[0];
    assert_eq!((now.config.assets.len(), asset.value_hold, asset.limit.unwrap().amount), (1, None, 9_000_000));
    let chain = &now.config.chains[0];
    assert_eq!((chain.endpoints.len(), chain.quorum, chain.mirror), (2, 2, true));
    assert_eq!(now.config.log.filter, "debug");
    let left = changes(&now, &after);
    assert!(left.iter().all(|change| !change.live) && left.len() == 3, "{left:?}");
    assert_ne!(hash(&now), hash(&before));
    assert_ne!(hash(&now), hash(&after));
}

#[test]
fn a_chain_that_becomes_another_one_needs_a_restart_with_everything_of_it() {
    let before = minimal().load().unwrap();
    let text = MINIMAL.replace("eip155:31337", "eip155:31338").replace("8545", "8546");
    let found = changes(&before, &Case::new().file("a.toml", &text).load().unwrap());
    assert!(found.iter().all(|change| !change.live) && found.len() == 2, "{found:?}");
}

#[test]
fn the_hash_is_of_what_holds_and_not_of_what_set_it() {
    let plain = minimal().load().unwrap();
    let otherwise = minimal().environment("TIM3D__AUDIT__INTERVAL", "30s").load().unwrap();
    // The journal is beside each file.
    let same = |loaded: &Loaded| hash(&Loaded { settings: without_journal(loaded), ..loaded.clone() });
    assert_eq!(same(&plain), same(&otherwise), "the default, said by a variable");
    let changed = minimal().flag("audit.interval=31s").load().unwrap();
    assert_ne!(same(&plain), same(&changed));
}

fn without_journal(loaded: &Loaded) -> Vec<super::Setting> {
    loaded.settings.iter().filter(|setting| setting.key != "journal.path").cloned().collect()
}

/// TOML that is right, wrong, and nearly right: keys of ours with values of every type.
fn toml() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("chains"),
        Just("a"),
        Just("endpoints"),
        Just("url"),
        Just("assets"),
        Just("TIM3"),
        Just("limit"),
        Just("submit"),
        Just("signer"),
        Just("key"),
        Just("env"),
        Just("daemon"),
        Just("journal"),
        Just("\"a[99999999999]\""),
        Just("\"\""),
        Just("\"x.y\""),
    ];
    let path = proptest::collection::vec(word, 1..5).prop_map(|words| words.join("."));
    let value = prop_oneof![
        Just("1".to_owned()),
        Just("-99999999999999999999999".to_owned()),
        Just("1e400".to_owned()),
        Just("true".to_owned()),
        Just("1979-05-27T07:32:00Z".to_owned()),
        Just("[]".to_owned()),
        Just("[{}]".to_owned()),
        Just("{}".to_owned()),
        "\"[ -!#-\\[\\]-~]{0,12}\"",
        "[ -~]{0,8}",
    ];
    let line = prop_oneof![
        4 => (path.clone(), value).prop_map(|(path, value)| format!("{path} = {value}")),
        1 => path.prop_map(|path| format!("[{path}]")),
        1 => "[ -~\\n]{0,20}",
    ];
    proptest::collection::vec(line, 0..12).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn arbitrary_configuration_is_accepted_or_explained(text in toml(), variable in "[A-Z_\\[\\]0-9]{0,12}", value in any::<String>(), flag in any::<String>()) {
        let case = minimal().file("b.toml", &text).environment(&format!("TIM3D__{variable}"), &value).flag(&flag);
        if let Err(problems) = case.load() {
            prop_assert!(!problems.0.is_empty(), "refused without a reason");
        }
    }
}
