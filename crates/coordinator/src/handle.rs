//! What an operator's surface talks to.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tim3_chain::Chain;
use tim3_domain::identity::{AssetId, GatewayId, OperationId};
use tim3_journal::{Journal, JournalError};
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::{
    board::{AssetBoard, Board, ChainBoard},
    bus::{Bus, Notice},
    coordinator::{Command, Links, Message},
    settings::AssetSettings,
};

/// One synthetic's coordinator and auditor, from outside.
#[derive(Clone, Debug)]
pub(crate) struct AssetHandle {
    pub(crate) settings: AssetSettings,
    pub(crate) coordinator: mpsc::Sender<Message>,
    pub(crate) audit: mpsc::Sender<()>,
}

/// The running daemon, from outside. Clones talk to the same one.
#[derive(Clone)]
pub struct Handle {
    pub(crate) links: Links,
    pub(crate) assets: BTreeMap<AssetId, AssetHandle>,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) board: Board,
    pub(crate) bus: Bus,
    pub(crate) audit_interval: Duration,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").field("links", &self.links).finish_non_exhaustive()
    }
}

impl Handle {
    /// The chains, by gateway.
    pub fn chains(&self) -> impl Iterator<Item = (GatewayId, &Arc<dyn Chain>, ChainBoard)> {
        self.links.iter().map(|(gateway, link)| (*gateway, &link.chain, self.board.chain(*gateway)))
    }

    /// The chain of a gateway.
    #[must_use]
    pub fn chain(&self, gateway: GatewayId) -> Option<&Arc<dyn Chain>> {
        self.links.get(&gateway).map(|link| &link.chain)
    }

    /// The synthetics.
    pub fn assets(&self) -> impl Iterator<Item = (&AssetSettings, AssetBoard)> {
        self.assets.values().map(|asset| (&asset.settings, self.board.asset(asset.settings.asset)))
    }

    /// Pause between two audits.
    #[must_use]
    pub fn audit_interval(&self) -> Duration {
        self.audit_interval
    }

    /// A synthetic whose coordinator has not come round for longer than `patience`: the journal does not answer it, or it is stuck.
    #[must_use]
    pub fn stuck(&self, patience: Duration) -> Option<&AssetSettings> {
        let is_stuck = |board: AssetBoard| board.worked.is_some_and(|worked| worked.elapsed() > patience);
        self.assets().find_map(|(asset, board)| is_stuck(board).then_some(asset))
    }

    /// The journal, for reading.
    #[must_use]
    pub fn journal(&self) -> &Arc<dyn Journal> {
        &self.journal
    }

    /// What happens from now on.
    #[must_use]
    pub fn notices(&self) -> broadcast::Receiver<Notice> {
        self.bus.subscribe()
    }

    /// Tells whoever listens: for parts that run beside this daemon's own.
    pub fn tell(&self, notice: Notice) {
        self.bus.send(notice);
    }

    /// Does to an operation what an operator wants. The wish and its reason are durable when this returns.
    ///
    /// # Errors
    /// In words: why it cannot be done.
    pub async fn operate(&self, id: OperationId, command: Command) -> Result<(), String> {
        let record = self.journal.operation(id).map_err(|error: JournalError| error.to_string())?;
        let asset = record.ok_or("no operation has this id")?.operation.asset;
        self.command(asset, command).await
    }

    /// Stops or resumes signing for a synthetic.
    ///
    /// # Errors
    /// In words: why it cannot be done.
    pub async fn command(&self, asset: AssetId, command: Command) -> Result<(), String> {
        let stopping = || "the daemon is stopping".to_owned();
        let asset = self.assets.get(&asset).ok_or("this daemon does not carry that asset")?;
        let (reply, answer) = oneshot::channel();
        asset.coordinator.send(Message::Command(command, reply)).await.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())?
    }

    /// Asks for an audit now; its verdict comes as a notice and on the board.
    pub fn audit_now(&self) {
        for asset in self.assets.values() {
            // Full means that one is asked for already.
            let _ = asset.audit.try_send(());
        }
    }
}
