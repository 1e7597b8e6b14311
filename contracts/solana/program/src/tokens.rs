//! How tokens come in and go out. Amounts are canonical; this is the only place that knows native units.

use pinocchio::{
    AccountView,
    cpi::{Seed, Signer},
};
use pinocchio_token::instructions::{Burn, MintTo, Transfer};
use tim3_solana_interface::{
    GatewayError, Word, ZERO, bytes,
    external::{TOKEN_PROGRAM, mint, token_account},
    protocol::asset,
};

use crate::{
    access::{address, succeeded},
    delivery::{Delivery, Due, credit},
    ledger::Session,
    rules::payout::Precision,
};

/// What the program needs to know of an asset while it moves it.
#[derive(Clone, Copy)]
pub(crate) struct Token {
    /// Its number.
    pub index: u8,
    /// AssetId.
    pub id: Word,
    /// Mint.
    pub mint: Word,
    /// The gateway's own token account.
    pub vault: Word,
    /// Decimals.
    pub precision: Precision,
    /// Whether it is a synthetic.
    pub synthetic: bool,
}

impl Token {
    /// The asset with a number.
    pub(crate) fn load(s: &Session<'_>, index: u8) -> Result<Self, GatewayError> {
        let asset = s.gateway.asset(index).ok_or(GatewayError::UnknownAsset)?;
        Ok(Self {
            index,
            id: asset.id(),
            mint: asset.mint(),
            vault: asset.vault(),
            precision: Precision { decimals: asset.decimals(), native: asset.native_decimals() },
            synthetic: asset.kind() == asset::SYNTHETIC,
        })
    }

    /// The native units of an amount, which a token account can hold.
    pub(crate) fn native(&self, amount: u128) -> Result<u64, GatewayError> {
        u64::try_from(self.precision.to_native(amount)).map_err(|_| GatewayError::AmountOutOfRange)
    }

    /// Checks that an account is the mint.
    pub(crate) fn check_mint(&self, account: Option<&AccountView>) -> Result<(), GatewayError> {
        expect(account, &self.mint)
    }

    /// Checks that an account is the gateway's own token account.
    pub(crate) fn check_vault(&self, account: Option<&AccountView>) -> Result<(), GatewayError> {
        expect(account, &self.vault)
    }
}

/// Checks that a writable account was given, and is the one of this address.
pub(crate) fn expect(account: Option<&AccountView>, expected: &Word) -> Result<(), GatewayError> {
    let account = account.ok_or(GatewayError::AccountMissing)?;
    if address(account) != expected {
        return Err(GatewayError::WrongAddress);
    }
    if account.is_writable() { Ok(()) } else { Err(GatewayError::NotWritable) }
}

/// A token account.
pub(crate) struct Holding {
    /// Its mint.
    pub mint: Word,
    /// Its owner.
    pub owner: Word,
    /// Native units.
    pub amount: u64,
    /// Initialized, and not frozen.
    pub usable: bool,
}

impl Holding {
    /// Reads a token account of the classic token program.
    pub(crate) fn read(account: &AccountView) -> Option<Self> {
        if account.data_len() != token_account::LENGTH || !is_token_programs(account) {
            return None;
        }
        let data = account.try_borrow().ok()?;
        let [state] = bytes::array::<1>(&data, token_account::STATE);
        Some(Self {
            mint: bytes::array(&data, token_account::MINT),
            owner: bytes::array(&data, token_account::OWNER),
            amount: u64::from_le_bytes(bytes::array(&data, token_account::AMOUNT)),
            usable: state == 1,
        })
    }
}

pub(crate) fn is_token_programs(account: &AccountView) -> bool {
    account.owned_by(&TOKEN_PROGRAM.into())
}

// ----------------------------------------------------------------------------------------------------------------------- synthetic

/// Accounts for a mint.
#[derive(Clone, Copy)]
pub(crate) struct Press<'a> {
    /// The mint.
    pub mint: Option<&'a AccountView>,
    /// The gateway's token account: custody.
    pub custody: Option<&'a AccountView>,
    /// The gateway's authority.
    pub authority: Option<&'a AccountView>,
}

impl Press<'_> {
    /// Checks that everything is there to mint `amount`, some of it into custody or none.
    #[inline(never)]
    pub(crate) fn check(
        &self,
        s: &Session<'_>,
        token: &Token,
        custody: bool,
        amount: &u128,
    ) -> Result<(), GatewayError> {
        if *amount == 0 {
            return Ok(());
        }
        token.check_mint(self.mint)?;
        if self.authority.is_none_or(|account| *address(account) != s.gateway.authority()) {
            return Err(GatewayError::WrongAddress);
        }
        if custody {
            token.check_vault(self.custody)?;
        }
        let supply = self.mint.and_then(|mint| mint.try_borrow().ok());
        let supply = supply.map(|data| u64::from_le_bytes(bytes::array(&data, mint::SUPPLY)));
        let supply = supply.ok_or(GatewayError::AliasedAccount)?;
        let fits = u64::try_from(*amount).ok().and_then(|amount| supply.checked_add(amount));
        if fits.is_some() { Ok(()) } else { Err(GatewayError::AmountOutOfRange) }
    }

    /// Mints what is due, to its account or into custody.
    #[inline(never)]
    pub(crate) fn mint(&self, s: &mut Session<'_>, token: &Token, due: &Due<'_>) -> Result<(), GatewayError> {
        let (Some(mint), Some(authority)) = (self.mint, self.authority) else {
            return if due.amount == 0 { Ok(()) } else { Err(GatewayError::AccountMissing) };
        };
        let target = match due.delivery {
            Delivery::Nothing => return Ok(()),
            Delivery::Account(account) => account,
            Delivery::Claim(_) => self.custody.ok_or(GatewayError::AccountMissing)?,
        };
        let mut asset = s.gateway.asset_mut(token.index).ok_or(GatewayError::UnknownAsset)?;
        let minted = asset.minted().checked_add(due.amount).ok_or(GatewayError::Overflow)?;
        asset.set_minted(minted);
        let amount = token.native(due.amount)?;
        let bump = [s.gateway.authority_bump()];
        let seeds = [Seed::from(b"authority"), Seed::from(s.address), Seed::from(&bump)];
        let call = MintTo { mint, account: target, mint_authority: authority, amount };
        succeeded(call.invoke_signed(&[Signer::from(&seeds)]))?;
        match due.delivery {
            Delivery::Claim(account) => credit(s, token, due, account),
            _ => Ok(()),
        }
    }
}

/// Burns the user's synthetic.
#[inline(never)]
pub(crate) fn burn(
    s: &mut Session<'_>,
    token: &Token,
    accounts: [&AccountView; 3],
    amount: &u128,
) -> Result<(), GatewayError> {
    let [account, mint, authority] = accounts;
    token.check_mint(Some(mint))?;
    let native = token.native(*amount)?;
    let mut asset = s.gateway.asset_mut(token.index).ok_or(GatewayError::UnknownAsset)?;
    let burned = asset.burned().checked_add(*amount).ok_or(GatewayError::Overflow)?;
    asset.set_burned(burned);
    if native == 0 {
        return Ok(());
    }
    succeeded(Burn { account, mint, authority, amount: native }.invoke())
}

// ---------------------------------------------------------------------------------------------------------------------- collateral

/// Takes `native` units from the user and gives them in canonical units. What is not exact is refused.
#[inline(never)]
pub(crate) fn pull(
    token: &Token,
    accounts: [Option<&AccountView>; 3],
    native: u64,
    amount: &mut u128,
) -> Result<(), GatewayError> {
    *amount = 0;
    if native == 0 {
        return Ok(());
    }
    *amount = token.precision.to_canonical(native).ok_or(GatewayError::Unrepresentable)?;
    let [Some(from), Some(to), Some(authority)] = accounts else { return Err(GatewayError::AccountMissing) };
    token.check_vault(Some(to))?;
    succeeded(Transfer { from, to, authority, amount: native }.invoke())
}

/// Accounts for a payment out of the gateway's own token account.
#[derive(Clone, Copy)]
pub(crate) struct Vault<'a> {
    /// The token account.
    pub account: Option<&'a AccountView>,
    /// The gateway's authority.
    pub authority: Option<&'a AccountView>,
}

impl Vault<'_> {
    /// Checks that the gateway can pay `amount`.
    #[inline(never)]
    pub(crate) fn check(&self, s: &Session<'_>, token: &Token, amount: &u128) -> Result<(), GatewayError> {
        if *amount == 0 {
            return Ok(());
        }
        token.check_vault(self.account)?;
        if self.authority.is_none_or(|account| *address(account) != s.gateway.authority()) {
            return Err(GatewayError::WrongAddress);
        }
        let native = token.native(*amount)?;
        let held = self.account.and_then(Holding::read).ok_or(GatewayError::VaultUnavailable)?;
        if held.usable && held.amount >= native { Ok(()) } else { Err(GatewayError::VaultUnavailable) }
    }

    /// Pays what is due, or makes it claimable.
    #[inline(never)]
    pub(crate) fn pay(&self, s: &mut Session<'_>, token: &Token, due: &Due<'_>) -> Result<(), GatewayError> {
        let to = match due.delivery {
            Delivery::Nothing => return Ok(()),
            Delivery::Claim(account) => return credit(s, token, due, account),
            Delivery::Account(account) => account,
        };
        let (Some(from), Some(authority)) = (self.account, self.authority) else {
            return Err(GatewayError::AccountMissing);
        };
        let amount = token.native(due.amount)?;
        if amount == 0 {
            return Ok(());
        }
        let bump = [s.gateway.authority_bump()];
        let seeds = [Seed::from(b"authority"), Seed::from(s.address), Seed::from(&bump)];
        succeeded(Transfer { from, to, authority, amount }.invoke_signed(&[Signer::from(&seeds)]))
    }
}

/// Refuses what cannot be an account here. What the gateway itself holds is in custody, so it is nobody's account.
pub(crate) fn check_local(s: &Session<'_>, account: &Word) -> Result<(), GatewayError> {
    if *account == ZERO || account == s.address || *account == s.gateway.authority() {
        Err(GatewayError::InvalidAccount)
    } else {
        Ok(())
    }
}

/// Refuses what cannot be an account at a peer.
pub(crate) fn check_remote(account: &Word, evm: bool) -> Result<(), GatewayError> {
    let (high, _) = account.split_first_chunk::<12>().ok_or(GatewayError::InvalidAccount)?;
    if *account == ZERO || (evm && *high != [0; 12]) { Err(GatewayError::InvalidAccount) } else { Ok(()) }
}
