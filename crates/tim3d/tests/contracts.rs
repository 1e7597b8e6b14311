//! `tim3d contracts` on two real chains.

mod support;

use support::Site;
use tim3_devnet::anvil::{Anvil, AnvilOptions, Mining};

/// The first account of anvil, which it funds.
const DEPLOYER: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

fn gateway(name: &str, anvil: &Anvil, chain_id: u64, salt: u8) -> String {
    format!(
        r#"
[gateways.{name}]
chain_id = {chain_id}
url = "{url}"
deployer = {{ file = "deployer.key" }}
[gateways.{name}.gateway]
salt = "0x{salt}"
guardian = "0x2222222222222222222222222222222222222222"
treasury = "0x3333333333333333333333333333333333333333"
delay_seconds = 60
threshold = 1
attesters = ["0x4444444444444444444444444444444444444444"]
synthetics = [{{ symbol = "TIM3", name = "TIM3", target = 1000000000000000000, mint_window = {{ limit = 2000000, period_seconds = 60 }}, release_window = {{ limit = 2000000, period_seconds = 60 }} }}]
collaterals = [{{ symbol = "USDA", decimals = 6, token = {{ test = {{ name = "USDA", decimals = 18 }} }} }}]
markets = [{{ synthetic = "TIM3", collateral = "USDA", kind = "reserve", debt_ceiling = 1000000 }}]
"#,
        url = anvil.url(),
        salt = format!("{salt:02x}").repeat(32),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn gateways_are_deployed_once_and_are_then_what_was_planned() {
    let site = Site::new();
    site.write_secret("deployer.key", DEPLOYER);
    support::keys(&site);
    let options = |chain_id| AnvilOptions {
        chain_id,
        port: 0,
        mining: Mining::Auto,
        gas_limit: 1_000_000_000,
        slots_in_an_epoch: 2,
    };
    let (a, b) = (Anvil::start(&options(31_337)).await.unwrap(), Anvil::start(&options(31_338)).await.unwrap());
    let route = |from: &str, to: &str| {
        format!("[[routes]]\nasset = \"TIM3\"\nfrom = \"{from}\"\nto = \"{to}\"\nmin = 1\nmax = 1000000\n")
    };
    let plan =
        [gateway("a", &a, 31_337, 0xa1), gateway("b", &b, 31_338, 0xb2), route("a", "b"), route("b", "a")].concat();
    site.write("plan.toml", &plan);

    let deployed = site.run(&["contracts", "deploy", "plan.toml"]);
    assert_eq!(deployed.code, 0, "{deployed:?}");
    let again = site.run(&["contracts", "deploy", "plan.toml"]);
    assert_eq!((again.out, again.err.as_str()), (deployed.out.clone(), ""), "nothing is left to do");

    // What it printed is a configuration, with endpoints and keys beside it.
    let endpoint = |name: &str, anvil: &Anvil| {
        format!(
            "[chains.{name}]\nendpoints = [{{ url = \"{}\" }}]\nsubmit.signer = {{ file = \"submitter.key\" }}\n",
            anvil.url()
        )
    };
    site.write("chains.toml", &deployed.out);
    site.write("endpoints.toml", &[endpoint("a", &a), endpoint("b", &b)].concat());
    site.write(
        "rest.toml",
        "journal.path = \"journal.redb\"\n[assets.TIM3]\n[attesters.one]\nkey = { file = \"attester.key\" }\n",
    );
    let files = ["-c", "chains.toml", "-c", "endpoints.toml", "-c", "rest.toml"];
    let check = |arguments: &[&str]| site.run(&[&files, ["contracts", "check"].as_slice(), arguments].concat());
    let checked = check(&["--plan", "plan.toml"]);
    // The key that is configured is not the attester of the plan, and nothing else is wrong.
    checked.assert_one_line_error(3, &["not as expected: a, b"]);
    let wrong: Vec<_> = checked.out.lines().filter(|line| line.starts_with("WRONG")).collect();
    assert_eq!(wrong.len(), 2, "{}", checked.out);
    assert!(wrong.iter().all(|line| line.contains("attesters of this configuration")), "{wrong:?}");
    assert!(checked.out.contains("TIM3: route to b: enabled true, 1 to 1000000"), "{}", checked.out);

    site.write("other.toml", &plan.replace("debt_ceiling = 1000000", "debt_ceiling = 2"));
    let differs = check(&["a", "--plan", "other.toml", "--json"]);
    assert_eq!(differs.code, 3);
    assert!(differs.json()["a"]["findings"].to_string().contains("ceiling 2,"), "{}", differs.out);
    check(&["c"]).assert_one_line_error(1, &["no chain is named \"c\"", "a, b"]);
}
