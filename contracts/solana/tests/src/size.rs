//! Bytes of a transaction on the wire, of which there may be 1,232.

use std::collections::BTreeSet;

use solana_address::Address;
use solana_instruction::Instruction;

use crate::world::compute_limit;

/// Bytes of a length.
fn compact(length: usize) -> usize {
    if length < 0x80 { 1 } else { 2 }
}

/// Bytes of a version 0 transaction with a limit of its compute units, signed by the payer and whoever else has to; the accounts in
/// `table` are named by one address lookup table.
pub fn of(payer: &Address, instruction: &Instruction, table: &BTreeSet<[u8; 32]>) -> usize {
    let instructions = [compute_limit(0), instruction.clone()];
    let mut keys = vec![(payer.to_bytes(), true)];
    for instruction in &instructions {
        for meta in &instruction.accounts {
            match keys.iter_mut().find(|(key, _)| *key == meta.pubkey.to_bytes()) {
                Some((_, signer)) => *signer |= meta.is_signer,
                None => keys.push((meta.pubkey.to_bytes(), meta.is_signer)),
            }
        }
        if keys.iter().all(|(key, _)| *key != instruction.program_id.to_bytes()) {
            keys.push((instruction.program_id.to_bytes(), false));
        }
    }
    let programs: Vec<[u8; 32]> = instructions.iter().map(|instruction| instruction.program_id.to_bytes()).collect();
    let looked_up = |key: &[u8; 32], signer: bool| table.contains(key) && !signer && !programs.contains(key);
    let (indirect, direct): (Vec<_>, Vec<_>) = keys.iter().partition(|(key, signer)| looked_up(key, *signer));
    let signatures = direct.iter().filter(|(_, signer)| *signer).count();
    let bodies: usize = instructions
        .iter()
        .map(|instruction| {
            let (accounts, data) = (instruction.accounts.len(), instruction.data.len());
            1 + compact(accounts) + accounts + compact(data) + data
        })
        .sum();
    let lookups = if indirect.is_empty() { 0 } else { 32 + 2 + indirect.len() };
    compact(signatures)
        + 64 * signatures
        + 1
        + 3
        + compact(direct.len())
        + 32 * direct.len()
        + 32
        + 1
        + bodies
        + 1
        + lookups
}

/// What a relayer keeps in its lookup table: the gateway's own accounts, mints, vaults, routes, programs.
pub fn table(
    world: &crate::World,
    site: &crate::Site,
    peers: &[tim3_domain::identity::GatewayId],
) -> BTreeSet<[u8; 32]> {
    use tim3_solana_interface::external;
    let page = site.read(world, |gateway| gateway.page());
    let mut table: BTreeSet<[u8; 32]> = [external::SYSTEM_PROGRAM, external::TOKEN_PROGRAM].into();
    table.extend([site.gateway, site.authority, site.price].map(|address| address.to_bytes()));
    table.extend(site.mints.iter().chain(&site.vaults).map(Address::to_bytes));
    table.extend((page..page + 4).map(|page| site.events_at(page).to_bytes()));
    for peer in peers {
        table.extend(
            [site.route_at(*peer), site.peer_at(*peer), site.slots_at(*peer, 0), site.outgoing_at(*peer, 0)]
                .map(|a| a.to_bytes()),
        );
    }
    let treasury = crate::world::address("treasury");
    table.extend(
        [site.wallet(&treasury, 0), site.claimable_at(crate::world::holder(&treasury), 0)].map(|a| a.to_bytes()),
    );
    table
}
