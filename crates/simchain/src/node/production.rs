//! Making blocks, and taking them back.

use std::collections::{BTreeMap, HashMap};

use tim3_chain::Skip;
use tim3_domain::{
    identity::{Account, GatewayId},
    place::{BlockRef, Located, TxId},
    protocol::{OrderCode, SignedOrder},
    word::{Word, keccak_text, keccak_words},
};

use super::{
    Block, Config, Faults, Lie, Noise, Struck, Tx, World,
    faults::{Chance, count},
    mempool::{Mempool, Pending},
};
use crate::gateway::{Answer, Call, Gateway, Receipt, Reject};

/// Where a transaction is, and why it was refused as a whole if it was.
#[derive(Clone, Debug)]
pub(crate) struct Inclusion {
    pub(crate) height: u64,
    pub(crate) refused: Option<Reject>,
}

/// While the endpoints see nothing new.
#[derive(Clone, Copy, Debug)]
struct Stall {
    height: u64,
    blocks: u64,
}

/// The chain behind its lock.
#[derive(Debug)]
pub(crate) struct Inner {
    blocks: Vec<Block>,
    world: World,
    mempool: Mempool,
    included: HashMap<TxId, Inclusion>,
    chance: Chance,
    stall: Option<Stall>,
    /// Blocks made so far on any branch: what tells two blocks of one height apart.
    made: u64,
}

impl Inner {
    pub(super) fn genesis(config: &Config, calls: &[(Account, Call)]) -> Result<Self, Reject> {
        let gateway = Gateway::new(config.gateway(), config.account, config.admin, config.guardian);
        let mut inner = Self {
            blocks: Vec::new(),
            world: World::new(gateway),
            mempool: Mempool::default(),
            included: HashMap::new(),
            chance: Chance::new(Faults::default(), Struck::default()),
            stall: None,
            made: 0,
        };
        let mut block = inner.open(config.genesis_time);
        for (sender, call) in calls {
            let nonce = inner.world.nonce(sender);
            let tx = Tx { gateway: config.gateway(), sender: *sender, nonce, fee: 0, call: call.clone() };
            let receipt = inner.world.execute(&tx, config.genesis_time)?;
            record(&mut block, &tx, &tx.id(), receipt);
        }
        inner.close(config, block);
        Ok(inner)
    }

    pub(super) fn set_faults(&mut self, faults: Faults) {
        self.chance = Chance::new(faults, self.chance.struck);
        self.stall = None;
    }

    pub(crate) fn head(&self) -> BlockRef {
        self.blocks.last().map(|block| block.block).unwrap_or_default()
    }

    pub(crate) fn block(&self, height: u64) -> Option<&Block> {
        self.blocks.get(usize::try_from(height).ok()?)
    }

    pub(crate) fn world(&self) -> &World {
        &self.world
    }

    pub(crate) fn waiting(&self) -> usize {
        self.mempool.len()
    }

    pub(crate) fn pending(&self, id: &TxId) -> Option<&Pending> {
        self.mempool.get(id)
    }

    pub(crate) fn inclusion(&self, id: &TxId) -> Option<&Inclusion> {
        self.included.get(id)
    }

    /// The newest block that the endpoints see.
    pub(crate) fn visible(&self) -> u64 {
        self.stall.map_or(self.head().height, |stall| stall.height)
    }

    /// The newest final block: `depth` behind what is seen. It never falls back, because the head does not: a reorg replaces as many
    /// blocks as it removes.
    pub(crate) fn finalized(&self, depth: u64) -> u64 {
        self.visible().saturating_sub(depth)
    }

    pub(super) fn struck(&self) -> Struck {
        self.chance.struck
    }

    pub(crate) fn noise(&mut self) -> Option<Noise> {
        self.chance.noise()
    }

    pub(crate) fn lie(&mut self, endpoint: usize) -> Option<Lie> {
        self.chance.lie(endpoint)
    }

    pub(crate) fn loses_reply(&mut self) -> bool {
        self.chance.loses_reply()
    }

    /// Takes a transaction, or says why its nonce does not fit. One that is known already is taken again.
    pub(super) fn submit(&mut self, tx: Tx) -> Result<(), String> {
        let id = tx.id();
        if self.included.contains_key(&id) || self.mempool.get(&id).is_some() {
            return Ok(());
        }
        let next = self.world.nonce(&tx.sender);
        if tx.nonce < next {
            return Err(format!("nonce {} is used, the next is {next}", tx.nonce));
        }
        self.mempool.insert(tx, id, self.head().height);
        Ok(())
    }

    /// Takes a call of somebody who does not care about nonces.
    pub(super) fn submit_call(&mut self, gateway: GatewayId, sender: Account, call: Call) -> TxId {
        let nonce = self.mempool.free_nonce(sender, self.world.nonce(&sender));
        let tx = Tx { gateway, sender, nonce, fee: 0, call };
        let id = tx.id();
        self.mempool.insert(tx, id.clone(), self.head().height);
        id
    }

    /// Gives a waiting call that stands behind a nonce nobody uses that nonce, as a wallet does when the chain forgot what came before; the new
    /// name of its transaction. Nothing where it waits for what waits, too.
    pub(super) fn renumber(&mut self, id: &TxId) -> Option<TxId> {
        let Tx { gateway, sender, nonce, .. } = self.mempool.get(id)?.tx;
        if self.mempool.free_nonce(sender, self.world.nonce(&sender)) > nonce {
            return None;
        }
        let Pending { tx, .. } = self.mempool.remove(id)?;
        Some(self.submit_call(gateway, sender, tx.call))
    }

    /// The next block, after what the faults do.
    pub(super) fn mine(&mut self, config: &Config, timestamp: Option<u64>) -> BlockRef {
        let faults = &self.chance.faults;
        let (reorg, reorg_depth, stall, stall_blocks) =
            (faults.reorg, faults.reorg_depth, faults.stall, faults.stall_blocks);
        let before = self.visible();
        if self.chance.strikes(reorg) {
            let depth = self.chance.up_to(reorg_depth);
            self.replace(config, depth, true);
        }
        let head = self.produce(config, timestamp);
        self.stall = match self.stall {
            Some(Stall { height, blocks }) => {
                blocks.checked_sub(1).filter(|left| *left != 0).map(|blocks| Stall { height, blocks })
            }
            None if self.chance.strikes(stall) => {
                count(&mut self.chance.struck.stalls);
                Some(Stall { height: before, blocks: self.chance.up_to(stall_blocks) })
            }
            None => None,
        };
        head
    }

    pub(super) fn reorg(&mut self, config: &Config, depth: u64, keep: bool) -> BlockRef {
        self.replace(config, depth, keep);
        self.produce(config, None)
    }

    /// Replaces the newest blocks by as many others at the same times.
    fn replace(&mut self, config: &Config, depth: u64, keep: bool) {
        let mut gone = Vec::new();
        for _ in 0..depth {
            // The first block stays, and so does what a state is no longer kept for.
            let Some(after) = self.blocks.iter().rev().nth(1).and_then(|parent| parent.after.clone()) else { break };
            let Some(block) = self.blocks.pop() else { break };
            self.world = after;
            gone.push(block);
            count(&mut self.chance.struck.replaced_blocks);
        }
        if !gone.is_empty() {
            count(&mut self.chance.struck.reorgs);
        }
        for block in gone.iter().rev() {
            for pending in &block.transactions {
                self.included.remove(&pending.id);
                if keep {
                    self.mempool.restore(pending.clone());
                }
            }
        }
        for block in gone.iter().rev() {
            self.produce(config, Some(block.block.timestamp));
        }
    }

    fn produce(&mut self, config: &Config, timestamp: Option<u64>) -> BlockRef {
        let parent = self.head().timestamp;
        let now = timestamp.unwrap_or(parent.saturating_add(config.block_seconds)).max(parent);
        let mut block = self.open(now);
        for pending in self.choose(config) {
            self.copy(&mut block, &pending, config, now);
            self.include(&mut block, pending, now);
        }
        self.close(config, block)
    }

    fn open(&mut self, timestamp: u64) -> Block {
        self.made = self.made.saturating_add(1);
        let parent = self.blocks.last().map(|block| block.block);
        let height = parent.map_or(0, |parent| parent.height.saturating_add(1));
        let before = parent.map_or(Word::ZERO, |parent| parent.hash);
        let hash =
            keccak_words(&[self.world.gateway.id().0, before, height.into(), timestamp.into(), self.made.into()]);
        let block = BlockRef { height, hash, timestamp };
        Block { block, events: Vec::new(), skips: Vec::new(), transactions: Vec::new(), after: None }
    }

    fn close(&mut self, config: &Config, mut block: Block) -> BlockRef {
        block.after = Some(self.world.clone());
        let head = block.block;
        self.blocks.push(block);
        if let Some(old) = self.blocks.len().checked_sub(config.retention.max(2))
            && let Some(old) = old.checked_sub(1).and_then(|old| self.blocks.get_mut(old))
        {
            old.after = None;
            old.transactions = Vec::new();
        }
        head
    }

    /// What the next block includes, in order: nonces of a sender ascend, and otherwise first come, first served.
    fn choose(&mut self, config: &Config) -> Vec<Pending> {
        let faults = self.chance.faults.clone();
        let shuffled = self.chance.strikes(faults.reorder);
        let mut next: BTreeMap<(u64, Account), u64> = BTreeMap::new();
        let mut chosen = Vec::new();
        for sender in self.mempool.senders() {
            let nonce = self.world.nonce(&sender);
            self.mempool.forget_below(sender, nonce);
            self.enqueue(&mut next, sender, nonce, shuffled);
        }
        while chosen.len() < config.block_transactions {
            let Some(((_, sender), nonce)) = next.pop_first() else { break };
            let affordable = self
                .mempool
                .best(sender, nonce)
                .is_some_and(|pending| self.world.spent(&sender).saturating_add(pending.tx.fee) <= config.gas);
            if !affordable {
                continue;
            }
            if self.chance.strikes(faults.delay) {
                count(&mut self.chance.struck.delayed);
                continue;
            }
            let Some(pending) = self.mempool.take(sender, nonce) else { continue };
            if self.chance.strikes(faults.drop) {
                count(&mut self.chance.struck.dropped);
                continue;
            }
            chosen.push(pending);
            self.enqueue(&mut next, sender, nonce.saturating_add(1), shuffled);
        }
        chosen
    }

    fn enqueue(&mut self, next: &mut BTreeMap<(u64, Account), u64>, sender: Account, nonce: u64, shuffled: bool) {
        if let Some(arrival) = self.mempool.best(sender, nonce).map(|pending| pending.arrival) {
            let key = if shuffled { self.chance.key() } else { arrival };
            next.insert((key, sender), nonce);
        }
    }

    /// A stranger who is faster with the same orders.
    fn copy(&mut self, block: &mut Block, original: &Pending, config: &Config, now: u64) {
        let rate = self.chance.faults.copy;
        if matches!(original.tx.call, Call::Execute(_)) && self.chance.strikes(rate) {
            count(&mut self.chance.struck.copied);
            let sender = Account(keccak_text("tim3/sim/stranger"));
            let nonce = self.world.nonce(&sender);
            let tx = Tx { gateway: config.gateway(), sender, nonce, fee: 0, call: original.tx.call.clone() };
            let copied = Pending { id: tx.id(), tx, arrival: original.arrival, since: original.since };
            self.include(block, copied, now);
        }
    }

    fn include(&mut self, block: &mut Block, pending: Pending, now: u64) {
        let result = self.world.execute(&pending.tx, now);
        let refused = result.as_ref().err().cloned();
        if let Ok(receipt) = result {
            record(block, &pending.tx, &pending.id, receipt);
        }
        self.included.insert(pending.id.clone(), Inclusion { height: block.block.height, refused });
        block.transactions.push(pending);
    }
}

/// Adds what a transaction did to its block.
fn record(block: &mut Block, tx: &Tx, id: &TxId, receipt: Receipt) {
    let place = block.block;
    let located = |event| Located { event, block: place, transaction: id.clone() };
    block.events.extend(receipt.events.into_iter().map(located));
    if let Call::Execute(batch) = &tx.call {
        let skips = batch.iter().zip(&receipt.answers).filter_map(|(signed, answer)| skip(signed, answer, place, id));
        block.skips.extend(skips);
    }
}

fn skip(signed: &SignedOrder, answer: &Answer, block: BlockRef, transaction: &TxId) -> Option<Skip> {
    (answer.code != OrderCode::Done).then(|| Skip {
        transaction: transaction.clone(),
        block,
        content: signed.order.content.hash(),
        action: signed.order.action,
        code: answer.code,
        reason: answer.reason.as_ref().map(ToString::to_string).unwrap_or_default(),
    })
}
