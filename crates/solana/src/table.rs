//! Lookup tables: what names the gateway's lasting accounts in one byte each instead of 32, so that more orders fit in a transaction.

use solana_message::AddressLookupTableAccount;
use solana_pubkey::Pubkey;
use tim3_domain::{identity::AssetId, word::Word};
use tim3_solana_interface::accounts::Gateway;

use crate::{
    SolanaError,
    address::{Addresses, associated_token_program, system_program, token_account, token_program},
    link::Network,
    node::Found,
};

/// The program of lookup tables.
const PROGRAM: Pubkey = Pubkey::from_str_const("AddressLookupTab1e1111111111111111111111111");
/// Bytes before the addresses.
const HEADER: usize = 56;
/// What an account of the program begins with when it is a table.
const TABLE: [u8; 4] = 1_u32.to_le_bytes();

/// The accounts of a gateway that orders name again and again: all that do not come and go with operations. `routes` are those of its peers.
pub(crate) fn lasting<B: AsRef<[u8]>>(
    addresses: &Addresses,
    gateway: &Gateway<B>,
    routes: impl IntoIterator<Item = Pubkey>,
) -> Vec<Pubkey> {
    let mut keys = vec![
        addresses.gateway,
        addresses.authority(),
        system_program(),
        token_program(),
        associated_token_program(),
        addresses.program,
    ];
    let treasury = Pubkey::new_from_array(gateway.treasury());
    for asset in (0..gateway.asset_count()).filter_map(|index| gateway.asset(index)) {
        let (id, mint) = (AssetId(Word(asset.id())), Pubkey::new_from_array(asset.mint()));
        keys.extend([mint, addresses.vault(id), token_account(&treasury, &mint)]);
    }
    let markets = (0..gateway.market_count()).filter_map(|index| gateway.market(index));
    keys.extend(markets.filter_map(|market| crate::orders::price(&market)));
    keys.extend(routes);
    keys
}

/// Reads the table at an address.
pub(crate) async fn read(network: &Network, key: Pubkey) -> Result<AddressLookupTableAccount, SolanaError> {
    let found = network.accounts("lookup table", &[key]).await?.into_iter().next().flatten();
    let addresses = found.as_ref().and_then(addresses);
    let addresses = addresses.ok_or_else(|| SolanaError::NoTable { chain: network.name.clone(), table: key })?;
    Ok(AddressLookupTableAccount { key, addresses })
}

fn addresses(found: &Found) -> Option<Vec<Pubkey>> {
    if found.owner != PROGRAM || !found.data.starts_with(&TABLE) {
        return None;
    }
    let (keys, []) = found.data.get(HEADER..)?.as_chunks::<32>() else { return None };
    Some(keys.iter().copied().map(Pubkey::new_from_array).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(owner: Pubkey, data: Vec<u8>) -> Found {
        Found { owner, lamports: 1, data }
    }

    #[test]
    fn a_table_is_read_and_what_is_none_is_not() {
        let table = |rest: &[u8]| [&TABLE[..], &[0; HEADER - 4], rest].concat();
        let keys = [[3_u8; 32], [4; 32]].concat();
        let read = addresses(&found(PROGRAM, table(&keys))).expect("a table");
        assert_eq!(read, [Pubkey::new_from_array([3; 32]), Pubkey::new_from_array([4; 32])]);
        assert_eq!(addresses(&found(PROGRAM, table(&keys[1..]))), None, "half an address");
        assert_eq!(addresses(&found(token_program(), table(&keys))), None, "of another program");
        assert_eq!(addresses(&found(PROGRAM, vec![0; 88])), None, "not made yet");
    }

    proptest! {
        #[test]
        fn any_account_is_a_table_or_not(data in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = addresses(&found(PROGRAM, data));
        }
    }
}
