//! Where a gateway's accounts are. Every one follows from the program, the gateway's own account and what it is about.

use solana_pubkey::Pubkey;
use tim3_domain::{
    identity::{Account, AssetId, GatewayId, MarketId},
    word::Word,
};
use tim3_solana_interface::{external, seeds};

/// The addresses of one gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The gateway program.
    pub program: Pubkey,
    /// The gateway.
    pub gateway: Pubkey,
}

impl Addresses {
    /// The gateway of a program that was made with `salt`.
    #[must_use]
    pub fn of_salt(program: Pubkey, salt: Word) -> Self {
        let (gateway, _) = Pubkey::find_program_address(&seeds::gateway(&salt.0), &program);
        Self { program, gateway }
    }

    fn derived(&self, seeds: &[&[u8]]) -> Pubkey {
        Pubkey::find_program_address(seeds, &self.program).0
    }

    fn own(&self) -> [u8; 32] {
        self.gateway.to_bytes()
    }

    /// Mint authority and owner of the vaults.
    #[must_use]
    pub fn authority(&self) -> Pubkey {
        self.derived(&seeds::authority(&self.own()))
    }

    /// The gateway's own token account of an asset.
    #[must_use]
    pub fn vault(&self, asset: AssetId) -> Pubkey {
        self.derived(&seeds::vault(&self.own(), &asset.0.0))
    }

    /// A page of events.
    #[must_use]
    pub fn events(&self, page: u32) -> Pubkey {
        self.derived(&seeds::events(&self.own(), &page.to_le_bytes()))
    }

    /// A page of the outcomes of operations from `origin`.
    #[must_use]
    pub fn slots(&self, origin: GatewayId, page: u32) -> Pubkey {
        self.derived(&seeds::slots(&self.own(), &origin.0.0, &page.to_le_bytes()))
    }

    /// A page of the ids of operations to `destination`.
    #[must_use]
    pub fn outgoing(&self, destination: GatewayId, page: u32) -> Pubkey {
        self.derived(&seeds::outgoing(&self.own(), &destination.0.0, &page.to_le_bytes()))
    }

    /// A gateway that is sent to.
    #[must_use]
    pub fn peer(&self, peer: GatewayId) -> Pubkey {
        self.derived(&seeds::peer(&self.own(), &peer.0.0))
    }

    /// Limits and totals of an asset towards a peer.
    #[must_use]
    pub fn route(&self, asset: AssetId, peer: GatewayId) -> Pubkey {
        self.derived(&seeds::route(&self.own(), &asset.0.0, &peer.0.0))
    }

    /// A vault position.
    #[must_use]
    pub fn position(&self, market: MarketId, owner: Account) -> Pubkey {
        self.derived(&seeds::position(&self.own(), &market.0.0, &owner.0.0))
    }

    /// What waits for an account.
    #[must_use]
    pub fn claimable(&self, account: Account, asset: AssetId) -> Pubkey {
        self.derived(&seeds::claimable(&self.own(), &account.0.0, &asset.0.0))
    }

    /// Bad debt of a market.
    #[must_use]
    pub fn bad_debt(&self, market: MarketId) -> Pubkey {
        self.derived(&seeds::bad_debt(&self.own(), &market.0.0))
    }

    /// The copy of a position.
    #[must_use]
    pub fn mirror(&self, market: MarketId, owner: Account) -> Pubkey {
        self.derived(&seeds::mirror(&self.own(), &market.0.0, &owner.0.0))
    }

    /// The home of a mirrored market.
    #[must_use]
    pub fn mirror_home(&self, market: MarketId) -> Pubkey {
        self.derived(&seeds::mirror_home(&self.own(), &market.0.0))
    }
}

/// The canonical token account of a wallet.
#[must_use]
pub fn token_account(wallet: &Pubkey, mint: &Pubkey) -> Pubkey {
    let (wallet, mint) = (wallet.to_bytes(), mint.to_bytes());
    Pubkey::find_program_address(&seeds::associated_token(&wallet, &mint), &associated_token_program()).0
}

/// The token program.
#[must_use]
pub fn token_program() -> Pubkey {
    Pubkey::new_from_array(external::TOKEN_PROGRAM)
}

/// The associated token account program.
#[must_use]
pub fn associated_token_program() -> Pubkey {
    Pubkey::new_from_array(external::ASSOCIATED_TOKEN_PROGRAM)
}

/// The program of Pyth that receives prices and keeps them in accounts, `rec5EKMGg6MxZYaMdyBfgwp4d5rB9T1VQH5pJv5LtFJ`.
pub const PYTH_RECEIVER: Pubkey = Pubkey::from_str_const("rec5EKMGg6MxZYaMdyBfgwp4d5rB9T1VQH5pJv5LtFJ");

/// The system program.
#[must_use]
pub fn system_program() -> Pubkey {
    Pubkey::new_from_array(external::SYSTEM_PROGRAM)
}

/// An account of this chain in the form the protocol carries.
#[must_use]
pub fn account(address: &Pubkey) -> Account {
    Account(Word(address.to_bytes()))
}

/// The address behind an account of the protocol.
#[must_use]
pub fn pubkey(account: &Account) -> Pubkey {
    Pubkey::new_from_array(account.0.0)
}
