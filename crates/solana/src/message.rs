//! Versioned transactions: put together, measured, signed, and read back.

use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_message::{AddressLookupTableAccount, Hash, VersionedMessage, v0};
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use solana_transaction::versioned::VersionedTransaction;
use tim3_chain::{Transaction, TxId};

/// Bytes of a transaction, at most.
pub const PACKET: usize = 1_232;
/// Compute units of a transaction, at most.
pub const MAX_UNITS: u32 = 1_400_000;

/// What a transaction may use and what it offers for that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// Compute units, at most.
    pub units: u32,
    /// Millionths of a lamport for each.
    pub price: u64,
}

/// A signed transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Its first signature.
    pub id: TxId,
    /// What is sent.
    pub raw: Vec<u8>,
    /// The block height up to which it may be included.
    pub last_valid: u64,
}

impl Signed {
    /// It as the ports know it.
    #[must_use]
    pub fn transaction(self, replaces: Option<&Transaction>) -> Transaction {
        let Self { id, raw, last_valid } = self;
        Transaction { id, raw, nonce: last_valid, replaces: replaces.map(|old| old.id.clone()) }
    }
}

/// The message of `instructions` under `budget`, with accounts named by `tables` where those have them; `None` where an account is named more
/// often than can be counted.
#[must_use]
pub fn message(
    payer: &Pubkey,
    instructions: &[Instruction],
    budget: Budget,
    blockhash: Hash,
    tables: &[AddressLookupTableAccount],
) -> Option<VersionedMessage> {
    let mut all = vec![
        ComputeBudgetInstruction::set_compute_unit_limit(budget.units),
        ComputeBudgetInstruction::set_compute_unit_price(budget.price),
    ];
    all.extend_from_slice(instructions);
    v0::Message::try_compile(payer, &all, tables, blockhash).ok().map(VersionedMessage::V0)
}

/// The transaction with room for its signatures, for simulation and for measuring.
#[must_use]
pub fn unsigned(message: VersionedMessage) -> Vec<u8> {
    let count = message.header().num_required_signatures.into();
    encoded(&VersionedTransaction { signatures: vec![Signature::default(); count], message })
}

/// Whether `instructions` fit in one transaction.
#[must_use]
pub fn fits(payer: &Pubkey, instructions: &[Instruction], tables: &[AddressLookupTableAccount]) -> bool {
    let most = Budget { units: MAX_UNITS, price: u64::MAX };
    message(payer, instructions, most, Hash::default(), tables).is_some_and(|message| unsigned(message).len() <= PACKET)
}

/// Signs a message; `None` where `signers` are not those it needs.
#[must_use]
pub fn sign(message: VersionedMessage, signers: &[&Keypair], last_valid: u64) -> Option<Signed> {
    let transaction = VersionedTransaction::try_new(message, signers).ok()?;
    let id = TxId(transaction.signatures.first()?.to_string());
    Some(Signed { id, raw: encoded(&transaction), last_valid })
}

fn encoded(transaction: &VersionedTransaction) -> Vec<u8> {
    // Writing to memory does not fail.
    bincode::serialize(transaction).unwrap_or_default()
}

/// The transaction in `raw`, if `payer` signed it and nothing was changed since.
#[must_use]
pub fn verified(raw: &[u8], payer: &Pubkey) -> Option<VersionedTransaction> {
    let transaction: VersionedTransaction = bincode::deserialize(raw).ok()?;
    let own = transaction.message.static_account_keys().first() == Some(payer);
    let signed = transaction.signatures.first()?.verify(payer.as_ref(), &transaction.message.serialize());
    (own && signed).then_some(transaction)
}

/// A message with another blockhash and price. What it does is the same.
#[must_use]
pub fn renewed(mut message: VersionedMessage, blockhash: Hash, price: u64) -> VersionedMessage {
    message.set_recent_blockhash(blockhash);
    let offer = ComputeBudgetInstruction::set_compute_unit_price(price);
    if let VersionedMessage::V0(message) = &mut message {
        let keys = &message.account_keys;
        for instruction in &mut message.instructions {
            let budget = keys.get(usize::from(instruction.program_id_index)) == Some(&offer.program_id);
            // The tag of SetComputeUnitPrice.
            if budget && instruction.data.first() == offer.data.first() {
                instruction.data.clone_from(&offer.data);
            }
        }
    }
    message
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use solana_instruction::AccountMeta;
    use solana_signer::Signer as _;

    use super::*;

    fn instruction(bytes: usize, accounts: usize) -> Instruction {
        let account = |number: usize| {
            let mut key = [3; 32];
            key[..8].copy_from_slice(&number.to_le_bytes());
            AccountMeta::new(Pubkey::new_from_array(key), false)
        };
        Instruction {
            program_id: Pubkey::new_from_array([9; 32]),
            accounts: (0..accounts).map(account).collect(),
            data: vec![1; bytes],
        }
    }

    #[test]
    fn what_was_signed_is_verified_and_what_was_changed_is_not() {
        let key = Keypair::new_from_array([5; 32]);
        let budget = Budget { units: 10, price: 20 };
        let message = message(&key.pubkey(), &[instruction(40, 3)], budget, Hash::default(), &[]).expect("a message");
        let signed = sign(message, &[&key], 77).expect("signed");
        assert_eq!(signed.last_valid, 77);
        assert!(verified(&signed.raw, &key.pubkey()).is_some());
        assert!(verified(&signed.raw, &Pubkey::new_from_array([6; 32])).is_none(), "another's");
        let mut changed = signed.raw;
        let last = changed.len().saturating_sub(2);
        changed[last] ^= 1;
        assert!(verified(&changed, &key.pubkey()).is_none(), "changed");
    }

    #[test]
    fn a_table_saves_31_bytes_for_each_account_beside_its_own_address() {
        let key = Keypair::new_from_array([5; 32]);
        let instructions = [instruction(9, 20)];
        let addresses = instructions[0].accounts.iter().map(|meta| meta.pubkey).collect();
        let table = AddressLookupTableAccount { key: Pubkey::new_from_array([8; 32]), addresses };
        let size = |tables: &[AddressLookupTableAccount]| {
            let message = message(&key.pubkey(), &instructions, Budget::default(), Hash::default(), tables);
            unsigned(message.expect("one")).len()
        };
        // The table is named by its address, and how many are written and read.
        assert_eq!(size(&[]).checked_sub(size(&[table])), Some(20 * 31 - 34));
    }

    #[test]
    fn a_renewed_message_differs_in_blockhash_and_price_alone() {
        let key = Keypair::new_from_array([5; 32]);
        let with = |price, hash| {
            message(&key.pubkey(), &[instruction(9, 2)], Budget { units: 7, price }, hash, &[]).expect("one")
        };
        let hash = Hash::new_from_array([8; 32]);
        assert_eq!(renewed(with(1, Hash::default()), hash, 50), with(50, hash));
    }

    proptest! {
        #[test]
        fn what_fits_is_no_larger_than_a_packet(bytes in 0_usize..1_300, accounts in 0_usize..40) {
            let key = Keypair::new_from_array([5; 32]);
            let instructions = [instruction(bytes, accounts)];
            let budget = Budget { units: 1, price: 1 };
            let message = message(&key.pubkey(), &instructions, budget, Hash::default(), &[]).expect("one");
            let signed = sign(message, &[&key], 1).expect("signed");
            prop_assert_eq!(fits(&key.pubkey(), &instructions, &[]), signed.raw.len() <= PACKET);
        }

        #[test]
        fn any_bytes_are_verified_or_not(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(verified(&bytes, &Pubkey::new_from_array([1; 32])).is_none());
        }
    }
}
