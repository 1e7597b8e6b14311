use proptest::prelude::*;

use super::*;

const ADDRESS: &str = "0xab16a96d359ec26a11e2c2b3d8f8b8942d5bfcdb";

fn any_chain() -> impl Strategy<Value = ChainId> {
    "[-a-z0-9]{2,8}:[-_a-zA-Z0-9]{1,32}"
        .prop_filter("addresses there have a form of their own", |text| !text.starts_with("eip155:"))
        .prop_map(|text| text.parse().unwrap())
}

#[test]
fn one_evm_account_has_one_name() {
    let lower: AccountId = format!("eip155:1:{ADDRESS}").parse().unwrap();
    let upper: AccountId = format!("eip155:1:0x{}", ADDRESS[2..].to_uppercase()).parse().unwrap();
    assert_eq!(lower, upper);
    let account = lower.to_evm().unwrap();
    assert_eq!(AccountId::evm(ChainId::eip155(1), account), Some(lower));
    let asset: AssetType = format!("eip155:1/erc20:{}", ADDRESS.replace('a', "A")).parse().unwrap();
    assert_eq!(asset.to_string(), format!("eip155:1/erc20:{ADDRESS}"));
}

#[test]
fn names_of_other_chains_are_kept_as_they_are() {
    for text in [
        "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp:7S3P4HxJpyyigGzodYwHtCxZyUQe9JiBMHyRWXArAaKv",
        "ao:mainnet:0syT13r0s0tgPmIed95bJnuSqaD29HQNN8D3ElLSrsc_-",
    ] {
        let id: AccountId = text.parse().unwrap();
        assert_eq!(id.to_string(), text);
        assert_eq!(id.to_evm(), None);
        assert_eq!(AccountId::evm(id.chain().clone(), Account::from_evm([1; 20])), None);
    }
    for text in ["eip155:1/slip44:60", "ao:mainnet/token:0syT13r0s0tgPmIed95bJnuSqaD29HQNN8D3ElLSrsc"] {
        assert_eq!(text.parse::<AssetType>().unwrap().to_string(), text);
    }
}

#[test]
fn what_is_no_name_is_refused_with_what_would_be_one() {
    for text in ["", ":", "eip155:1", "eip155:1:", "eip155:1:0x12", "eip155::0x12", ADDRESS, "eip155:1:a b", "a:1:x"] {
        let error = text.parse::<AccountId>().unwrap_err().to_string();
        assert!(error.contains("for example eip155:1:0x"), "{error}");
    }
    for text in
        ["", "/", "eip155:1", "eip155:1/erc20", "eip155:1/erc20:0x12", "eip155:1/erc721:1/2", "eip155:1/ERC20:1"]
    {
        let error = text.parse::<AssetType>().unwrap_err().to_string();
        assert!(error.contains("for example eip155:1/erc20"), "{error}");
    }
}

#[test]
fn an_account_without_address_form_has_no_evm_name() {
    assert_eq!(AccountId::evm(ChainId::eip155(1), Account(crate::word::Word([0xff; 32]))), None);
    let zero: AccountId = format!("eip155:1:0x{}", "0".repeat(40)).parse().unwrap();
    assert_eq!(zero.to_evm(), None);
}

proptest! {
    #[test]
    fn every_text_is_read_or_refused_and_what_is_read_is_written_as_it_was(text in "\\PC{0,60}") {
        if let Ok(id) = text.parse::<AccountId>() {
            prop_assert!(id.to_string().eq_ignore_ascii_case(&text));
        }
        if let Ok(asset) = text.parse::<AssetType>() {
            prop_assert!(asset.to_string().eq_ignore_ascii_case(&text));
        }
    }

    #[test]
    fn texts_that_are_almost_names_are_read_or_refused(text in "[ae:/0-9ix._%-]{0,12}(:0x[0-9a-f]{0,41})?") {
        let _ = (text.parse::<AccountId>(), text.parse::<AssetType>());
    }

    #[test]
    fn names_round_trip(
        chain in any_chain(), address in "[-.%_a-zA-Z0-9]{1,128}", namespace in "[-a-z0-9]{3,8}",
    ) {
        let id = AccountId::new(chain.clone(), &address).unwrap();
        prop_assert_eq!(id.to_string().parse::<AccountId>(), Ok(id.clone()));
        prop_assert_eq!((id.chain(), id.address()), (&chain, address.as_str()));
        let json = serde_json::to_string(&id).unwrap();
        prop_assert_eq!(serde_json::from_str::<AccountId>(&json).unwrap(), id);

        let asset = AssetType::new(chain.clone(), &namespace, &address).unwrap();
        prop_assert_eq!(asset.to_string().parse::<AssetType>(), Ok(asset.clone()));
        prop_assert_eq!((asset.chain(), asset.namespace(), asset.reference()), (&chain, namespace.as_str(), address.as_str()));
    }

    #[test]
    fn evm_accounts_round_trip(address: [u8; 20], chain_id: u64) {
        prop_assume!(address != [0; 20]);
        let id = AccountId::evm(ChainId::eip155(chain_id), Account::from_evm(address)).unwrap();
        let read: AccountId = id.to_string().parse().unwrap();
        prop_assert_eq!(read.to_evm(), Some(Account::from_evm(address)));
    }
}
