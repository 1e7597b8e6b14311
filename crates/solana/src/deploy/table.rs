//! A gateway's lookup table.

use solana_address_lookup_table_interface::instruction::{create_lookup_table, extend_lookup_table};
use solana_pubkey::Pubkey;
use tracing::info;

use super::{Deployer, plan::RoutePlan};
use crate::{
    SolanaError,
    address::Addresses,
    node::{self, Commitment},
    table::lasting,
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
        let gateway = self.snapshot(addresses).await?;
        let routes = routes.iter().map(|route| addresses.route(route.asset, route.peer));
        let keys = lasting(addresses, &gateway, routes);
        let me = self.address();
        // A slot that has ended, and that every endpoint knows.
        let recent = self
            .network
            .ask("slot", |node| async move { node.one(node::slot(Commitment::Finalized)).await?.read("slot") })
            .await?;
        let (create, table) = create_lookup_table(me, me, recent);
        self.done("lookup table", &[create], &[]).await?;
        for keys in keys.chunks(ADDED) {
            self.done("lookup table", &[extend_lookup_table(table, me, Some(me), keys.to_vec())], &[]).await?;
        }
        // What was added can be used from the next slot on.
        self.pass_slots(1).await?;
        info!(chain = self.network.name, %table, addresses = keys.len(), "lookup table made");
        Ok(table)
    }
}
