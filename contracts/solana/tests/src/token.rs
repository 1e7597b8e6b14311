//! Mints and token accounts of the classic token program, written as they are: the tests need no mint authority and no faucet.

use solana_account::Account;
use solana_address::Address;
use tim3_solana_interface::external::{TOKEN_PROGRAM, mint, token_account};

/// A token account's state that forbids transfers.
pub const FROZEN: u8 = 2;

/// A mint with `authority` (or none) and `supply`.
pub fn mint_account(authority: Option<&Address>, decimals: u8, supply: u64) -> Account {
    let mut data = vec![0; mint::LENGTH];
    if let Some(authority) = authority {
        data[mint::HAS_AUTHORITY] = 1;
        data[mint::AUTHORITY..][..32].copy_from_slice(authority.as_array());
    }
    data[mint::SUPPLY..][..8].copy_from_slice(&supply.to_le_bytes());
    data[mint::DECIMALS] = decimals;
    data[mint::INITIALIZED] = 1;
    owned(data)
}

/// A token account.
pub fn holding(mint: &Address, owner: &Address, amount: u64) -> Account {
    let mut data = vec![0; token_account::LENGTH];
    data[token_account::MINT..][..32].copy_from_slice(mint.as_array());
    data[token_account::OWNER..][..32].copy_from_slice(owner.as_array());
    data[token_account::AMOUNT..][..8].copy_from_slice(&amount.to_le_bytes());
    data[token_account::STATE] = 1;
    owned(data)
}

/// What a token account holds; 0 where there is none.
pub fn amount(account: Option<&Account>) -> u64 {
    account
        .filter(|account| account.data.len() == token_account::LENGTH)
        .map_or(0, |account| u64::from_le_bytes(account.data[token_account::AMOUNT..][..8].try_into().unwrap()))
}

/// The supply of a mint.
pub fn supply(account: &Account) -> u64 {
    u64::from_le_bytes(account.data[mint::SUPPLY..][..8].try_into().unwrap())
}

fn owned(data: Vec<u8>) -> Account {
    Account { lamports: 10_000_000, data, owner: Address::from(TOKEN_PROGRAM), executable: false, rent_epoch: u64::MAX }
}
