//! A gateway's lookup table.

use solana_address_lookup_table_interface::instruction::{create_lookup_table, extend_lookup_table};
use solana_pubkey::Pubkey;
use tracing::info;

use super::{Deployer, plan::RoutePlan};
use crate::{
    SolanaError,
    address::Addresses,
    node::{self, Commitment},
    table,
};

/// Addresses that are added in one transaction.
const ADDED: usize = 20;

impl Deployer {
    /// Makes a lookup table of the gateway's lasting accounts and the routes to its peers, for the configuration of whoever submits. It
    /// belongs to the deployer, and only ever saves bytes: a submitter does without it, too.
    ///
    /// # Errors
    /// What the chain says.
    pub async fn lookup_table(&self, addresses: &Addresses, routes: &[RoutePlan]) -> Result<Pubkey, SolanaError> {
        let keys = self.lasting(addresses, routes).await?;
        let me = self.address();
        // A slot that has ended, and that every endpoint knows.
        let recent = self
            .network
            .ask("slot", |node| async move { node.one(node::slot(Commitment::Finalized)).await?.read("slot") })
            .await?;
        let (create, table) = create_lookup_table(me, me, recent);
        self.done("lookup table", &[create], &[]).await?;
        self.add(table, &keys).await?;
        info!(chain = self.network.name, %table, addresses = keys.len(), "lookup table made");
        Ok(table)
    }

    /// Adds what a lookup table of the deployer's lacks of the gateway's lasting accounts and these routes; gives how many addresses that were. Who
    /// uses it finds them there at its next start.
    ///
    /// # Errors
    /// [`SolanaError::NoTable`], and what the chain says, also where it is somebody else's.
    pub async fn extend_lookup_table(
        &self,
        table: Pubkey,
        addresses: &Addresses,
        routes: &[RoutePlan],
    ) -> Result<usize, SolanaError> {
        let there = table::read(&self.network, table).await?.addresses;
        let mut keys = self.lasting(addresses, routes).await?;
        keys.retain(|key| !there.contains(key));
        self.add(table, &keys).await?;
        Ok(keys.len())
    }

    async fn lasting(&self, addresses: &Addresses, routes: &[RoutePlan]) -> Result<Vec<Pubkey>, SolanaError> {
        let gateway = self.snapshot(addresses).await?;
        let routes = routes.iter().map(|route| addresses.route(route.asset, route.peer));
        Ok(table::lasting(addresses, &gateway, routes))
    }

    async fn add(&self, table: Pubkey, keys: &[Pubkey]) -> Result<(), SolanaError> {
        if keys.is_empty() {
            return Ok(());
        }
        let me = self.address();
        for keys in keys.chunks(ADDED) {
            self.done("lookup table", &[extend_lookup_table(table, me, Some(me), keys.to_vec())], &[]).await?;
        }
        // What was added can be used from the next slot on.
        self.pass_slots(1).await
    }
}
