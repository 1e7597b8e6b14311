//! `tim3d keys`, as an operator runs it.

mod support;

use std::os::unix::fs::PermissionsExt as _;

use support::{Site, ended};

/// The first account of the well-known test mnemonic.
const KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const ADDRESS: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";

#[test]
fn a_key_is_imported_listed_and_used() {
    let site = Site::new();
    site.write_secret("password", "correct horse\n");
    let mut import =
        site.command(&["keys", "import", "submitter", "--key-env", "KEY", "--password-file", "password", "--json"]);
    import.env("KEY", KEY);
    let imported = ended(import);
    assert_eq!(imported.code, 0, "{imported:?}");
    assert_eq!(imported.json()["address"], ADDRESS);
    let mode = std::fs::metadata(site.path("keys/submitter.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = std::fs::read_to_string(site.path("keys/submitter.json")).unwrap();
    assert!(!text.contains(KEY.trim_start_matches("0x")));

    assert_eq!(site.run(&["keys", "address", "keys/submitter.json"]).out.trim(), ADDRESS);
    assert_eq!(site.run(&["keys", "list", "--json"]).json()[0]["address"], ADDRESS);
    let again = site.run(&["keys", "new", "submitter", "--password-file", "password"]);
    again.assert_one_line_error(1, &["keys/submitter.json", "exists already"]);
}

#[test]
fn a_key_of_solana_keygen_is_imported_and_listed_in_base58() {
    let site = Site::new();
    site.write_secret("password", "correct horse\n");
    let key = tim3_solana::Keypair::new_from_array([7; 32]);
    let (text, address) = (format!("{:?}", key.to_bytes()), tim3_solana::Signer::pubkey(&key).to_string());
    site.write_secret("id.json", &text);
    let import = ["keys", "import", "payer", "--key-file", "id.json", "--password-file", "password"];
    site.run(&import).assert_one_line_error(1, &["solana-keygen", "--kind solana"]);
    let imported = site.run(&[import.as_slice(), &["--kind", "solana"]].concat());
    assert_eq!(imported.code, 0, "{imported:?}");
    assert!(imported.out.contains(&address), "{imported:?}");
    assert_eq!(site.run(&["keys", "address", "keys/payer.json"]).out.trim(), address);
    assert_eq!(site.run(&["keys", "new", "attester", "--password-file", "password"]).code, 0);
    let list = site.run(&["keys", "list", "--json"]).json();
    assert_eq!((&list[0]["kind"], &list[1]["kind"]), (&"ethereum".into(), &"solana".into()), "{list}");
    assert_eq!(list[1]["address"], address);
    site.write_secret("half.json", &text.replace("]", ", 1]"));
    let half = ["keys", "import", "half", "--kind", "solana", "--key-file", "half.json", "--password-file", "password"];
    site.run(&half).assert_one_line_error(1, &["not a private key", "solana-keygen"]);
}

#[test]
fn a_key_file_of_arweave_is_imported_and_listed() {
    let site = Site::new();
    site.write_secret("password", "correct horse\n");
    site.write_secret("wallet.json", include_str!("../../arweave/tests/wallet.json"));
    let import = ["keys", "import", "owner", "--key-file", "wallet.json", "--password-file", "password"];
    site.run(&import).assert_one_line_error(1, &["an Arweave wallet", "--kind ao"]);
    let imported = site.run(&[import.as_slice(), &["--kind", "ao", "--json"]].concat());
    assert_eq!(imported.code, 0, "{imported:?}");
    let address = tim3_arweave::keys::from_file(&site.path("wallet.json")).unwrap().address().to_string();
    assert_eq!(imported.json()["address"], address.as_str());
    assert_eq!(site.run(&["keys", "new", "voter", "--kind", "ao", "--password-file", "password"]).code, 0);
    let list = site.run(&["keys", "list", "--json"]).json();
    assert_eq!((&list[0]["kind"], &list[1]["kind"]), (&"ao".into(), &"ao".into()), "{list}");
    let opened = site.run(&["keys", "address", "keys/owner.json"]);
    assert_eq!(opened.out.trim(), address);
}

#[test]
fn a_new_key_is_random_and_opens_with_its_password_only() {
    let site = Site::new();
    support::unreachable(&site);
    site.write_secret("password", "one");
    for name in ["a", "b"] {
        assert_eq!(site.run(&["keys", "new", name, "--password-file", "password"]).code, 0);
    }
    let list = site.run(&["keys", "list", "--json"]).json();
    assert_ne!(list[0]["address"], list[1]["address"]);
    site.write_secret("wrong", "two");
    let overlay = "chains.a.submit.signer = { keystore = 'keys/a.json', password = { file = 'PASSWORD' } }";
    site.write("keys.toml", &overlay.replace("PASSWORD", "password"));
    let check = ["-c", "tim3d.toml", "-c", "keys.toml", "config", "check", "--keys"];
    assert_eq!(site.run(&check).code, 0);
    site.write("keys.toml", &overlay.replace("PASSWORD", "wrong"));
    site.run(&check).assert_one_line_error(1, &["key of chains.a.submit", "keys/a.json", "password does not open"]);
}

#[test]
fn what_others_can_read_is_no_secret() {
    let site = Site::new();
    support::unreachable(&site);
    site.write("password", "one");
    let told = |arguments: &[&str], file: &str| {
        site.run(arguments).assert_one_line_error(1, &[file, "mode 0644", "chmod 600"]);
        std::fs::set_permissions(site.path(file), std::fs::Permissions::from_mode(0o600)).unwrap();
    };
    told(&["keys", "new", "a", "--password-file", "password"], "password");
    assert_eq!(site.run(&["keys", "new", "a", "--password-file", "password"]).code, 0);
    site.write("keys.toml", "chains.a.submit.signer = { keystore = 'keys/a.json', password = { file = 'password' } }\napi.token = { file = 'token' }");
    site.write_secret("token", "t0ken");
    let check = ["-c", "tim3d.toml", "-c", "keys.toml", "config", "check", "--keys"];
    assert_eq!(site.run(&check).code, 0);
    for file in ["password", "keys/a.json", "token"] {
        std::fs::set_permissions(site.path(file), std::fs::Permissions::from_mode(0o644)).unwrap();
        told(&check, file);
    }
}

#[test]
fn without_a_terminal_it_says_where_a_password_can_come_from() {
    let site = Site::new();
    // A session of its own has no terminal to ask on, wherever this test runs.
    let binary = env!("CARGO_BIN_EXE_tim3d");
    let mut command = std::process::Command::new("setsid");
    command.args(["--wait", binary, "keys", "new", "a"]).current_dir(site.path("")).stdin(std::process::Stdio::null());
    ended(command).assert_one_line_error(1, &["no terminal", "--password-file or --password-env"]);
}
