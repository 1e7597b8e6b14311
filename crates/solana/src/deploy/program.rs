//! The gateway program: uploaded with the upgradeable loader, and who may replace it.

use futures::{StreamExt, TryStreamExt, stream};
use solana_keypair::Keypair;
use solana_loader_v3_interface::{instruction as loader, state::UpgradeableLoaderState};
use solana_pubkey::Pubkey;
use solana_signer::Signer as _;
use tracing::info;

use super::Deployer;
use crate::{SolanaError, message::Budget, submitter::sol};

/// Bytes of a program in one transaction.
const CHUNK: usize = 900;
/// Slots after which a program that was deployed can be called everywhere: not in its own, and an endpoint may be one behind.
const VISIBLE_AFTER: u64 = 3;
/// Transactions of an upload at once.
const UPLOADS: usize = 24;
/// What signatures and a small account may cost beside a program's rent, in lamports.
const BESIDE: u64 = 20_000_000;

impl Deployer {
    /// Uploads a program under the address of `program`; the deployer can replace it. Room is left for programs twice as large.
    ///
    /// # Errors
    /// [`SolanaError::Deploy`] where the deployer cannot pay for it; otherwise what the chain says.
    pub async fn program(&self, elf: &[u8], program: &Keypair) -> Result<Pubkey, SolanaError> {
        let (me, buffer) = (self.address(), Keypair::new());
        let room = elf.len().saturating_mul(2);
        let needed = self.rent(UpgradeableLoaderState::size_of_programdata(room)).await?.saturating_add(BESIDE);
        let has = self.network.lamports(self.address()).await?;
        if has < needed {
            let (has, needed) = (sol(has), sol(needed));
            return Err(SolanaError::Deploy(format!(
                "{me} has {has}, and uploading the program takes {needed}: send it more"
            )));
        }
        let rent = self.rent(UpgradeableLoaderState::size_of_buffer(elf.len())).await?;
        let failed = |error| SolanaError::Deploy(format!("upload: {error}"));
        let create = loader::create_buffer(&me, &buffer.pubkey(), &me, rent, elf.len()).map_err(failed)?;
        self.done("buffer", &create, &[&buffer]).await?;
        let write = |(index, bytes): (usize, &[u8])| {
            let offset = u32::try_from(index.saturating_mul(CHUNK)).unwrap_or(u32::MAX);
            let write = loader::write(&buffer.pubkey(), &me, offset, bytes.to_vec());
            async move {
                let budget = Budget { units: 20_000, price: 0 };
                self.sender.transact("upload", &[write], budget, &[]).await.map(|_| ())
            }
        };
        stream::iter(elf.chunks(CHUNK).enumerate().map(write)).buffer_unordered(UPLOADS).try_collect::<()>().await?;
        let rent = self.rent(UpgradeableLoaderState::size_of_program()).await?;
        let deploy = loader::deploy_with_max_program_len(&me, &program.pubkey(), &buffer.pubkey(), &me, rent, room)
            .map_err(failed)?;
        self.done("deploy", &deploy, &[program]).await?;
        self.pass_slots(VISIBLE_AFTER).await?;
        info!(chain = self.network.name, program = %program.pubkey(), bytes = elf.len(), "program deployed");
        Ok(program.pubkey())
    }

    /// Hands over who may replace a program of the deployer's; `None`: nobody may, for ever.
    ///
    /// # Errors
    /// What the chain says.
    pub async fn set_upgrade_authority(&self, program: &Pubkey, to: Option<&Pubkey>) -> Result<(), SolanaError> {
        let set = loader::set_upgrade_authority(program, &self.address(), to);
        self.done("upgrade authority", &[set], &[]).await
    }
}
