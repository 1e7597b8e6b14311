//! The virtual machine, who acts in it, and how a transaction is sent.

use std::{collections::BTreeMap, env, fs, path::PathBuf};

use agave_feature_set::FeatureSet;
use k256::ecdsa::SigningKey;
use litesvm::{LiteSVM, types::TransactionMetadata};
use sha3::{Digest as _, Keccak256};
use solana_account::Account;
use solana_address::Address;
use solana_clock::Clock;
use solana_instruction::Instruction;
use solana_instruction_error::InstructionError;
use solana_keypair::Keypair;
use solana_message::Message;
use solana_signer::Signer as _;
use solana_transaction::Transaction;
use solana_transaction_error::TransactionError;
use tim3_domain::{identity::Account as Holder, word::Word};
use tim3_solana_interface::{GatewayError, external, seeds};

use crate::token;

/// Where the program's time begins.
pub const START: u64 = 1_700_000_000;
/// Lamports of everybody who pays.
const RICH: u64 = 1_000_000_000_000;
/// The most a transaction may be.
pub const PACKET: usize = 1_232;

/// Why a transaction failed.
#[derive(Debug)]
pub struct Failure {
    /// The gateway's own error, if it is one.
    pub gateway: Option<GatewayError>,
    /// The error of the runtime.
    pub error: TransactionError,
    /// What the programs logged.
    pub logs: Vec<String>,
}

/// One chain with the program on it.
#[derive(Clone)]
pub struct World {
    /// The virtual machine.
    pub svm: LiteSVM,
    /// Address of the program.
    pub program: Address,
    names: BTreeMap<[u8; 32], &'static str>,
    /// Keys of the three attesters, ascending by address.
    pub attesters: Vec<SigningKey>,
    /// Who pays the fee of a transaction. Whoever does has signed, whatever an instruction says of him.
    pub fee_payer: &'static str,
}

/// The keypair behind a name: the same name is the same account in every run.
pub fn key(name: &str) -> Keypair {
    Keypair::new_from_array(Keccak256::digest(name).into())
}

/// The address behind a name.
pub fn address(name: &str) -> Address {
    key(name).pubkey()
}

/// The attester key behind a name.
pub fn attester(name: &str) -> SigningKey {
    SigningKey::from_slice(&Keccak256::digest(name)).unwrap()
}

/// The EVM address of an attester's key.
pub fn evm_address(key: &SigningKey) -> [u8; 20] {
    let point = key.verifying_key().to_encoded_point(false);
    Keccak256::digest(&point.as_bytes()[1..])[12..].try_into().unwrap()
}

/// An address as an account of the protocol.
pub fn holder(address: &Address) -> Holder {
    Holder(Word(address.to_bytes()))
}

/// The canonical token account of a wallet.
pub fn associated(wallet: &Address, mint: &Address) -> Address {
    let (wallet, mint) = (wallet.to_bytes(), mint.to_bytes());
    let program = Address::from(external::ASSOCIATED_TOKEN_PROGRAM);
    Address::find_program_address(&seeds::associated_token(&wallet, &mint), &program).0
}

/// The program's file: `TIM3_GATEWAY_SO`, or the committed artifact.
pub fn program_file() -> PathBuf {
    env::var_os("TIM3_GATEWAY_SO").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../artifacts/tim3_gateway.so")),
        PathBuf::from,
    )
}

impl World {
    /// A chain with the program and people who can pay, and no gateway.
    pub fn empty() -> Self {
        // As on a chain where every feature is active, which is what the local validator is: SBPF v3 among them.
        let mut svm = LiteSVM::default()
            .with_feature_set(FeatureSet::all_enabled())
            .with_builtins()
            .with_lamports(u64::MAX / 4)
            .with_sysvars()
            .with_feature_accounts()
            .with_default_programs()
            .with_sigverify(true)
            .with_blockhash_check(true)
            .with_log_bytes_limit(None);
        let program = address("program");
        let file = program_file();
        let bytes = fs::read(&file)
            .unwrap_or_else(|error| panic!("{}: {error}; contracts/solana/build.sh makes it", file.display()));
        svm.add_program(program, &bytes).unwrap_or_else(|error| panic!("{}: {error:?}", file.display()));
        let mut attesters: Vec<_> = ["attester 1", "attester 2", "attester 3"].map(attester).into();
        attesters.sort_by_key(evm_address);
        let mut world = Self { svm, program, names: BTreeMap::new(), attesters, fee_payer: "payer" };
        for name in ["payer", "admin", "guardian", "treasury", "alice", "bob", "carol", "relayer"] {
            world.enrich(name);
        }
        world.set_time(START);
        world
    }

    /// Lets `name` sign and pay.
    pub fn enrich(&mut self, name: &'static str) -> Address {
        let address = address(name);
        self.names.insert(address.to_bytes(), name);
        self.set(&address, Account { lamports: RICH, ..Account::default() });
        address
    }

    /// Chain time, seconds.
    pub fn time(&self) -> u64 {
        self.svm.get_sysvar::<Clock>().unix_timestamp.try_into().unwrap()
    }

    /// Sets the chain's time.
    pub fn set_time(&mut self, seconds: u64) {
        let mut clock = self.svm.get_sysvar::<Clock>();
        clock.unix_timestamp = seconds.try_into().unwrap();
        clock.slot += 1;
        self.svm.set_sysvar(&clock);
    }

    /// Lets time pass.
    pub fn pass(&mut self, seconds: u64) {
        self.set_time(self.time() + seconds);
    }

    /// An account, unless it does not exist.
    pub fn account(&self, address: &Address) -> Option<Account> {
        self.svm.get_account(address).filter(|account| account.lamports > 0)
    }

    /// An account's bytes; empty where there is none.
    pub fn data(&self, address: &Address) -> Vec<u8> {
        self.account(address).map(|account| account.data).unwrap_or_default()
    }

    /// Writes an account, past all programs.
    pub fn set(&mut self, address: &Address, account: Account) {
        self.svm.set_account(*address, account).unwrap();
    }

    /// What a token account holds.
    pub fn balance(&self, account: &Address) -> u64 {
        token::amount(self.account(account).as_ref())
    }

    /// Gives `wallet` tokens, in its canonical account.
    pub fn fund(&mut self, wallet: &Address, mint: &Address, amount: u64) -> Address {
        let account = associated(wallet, mint);
        let held = self.balance(&account);
        self.set(&account, token::holding(mint, wallet, held.checked_add(amount).unwrap()));
        let mut data = self.account(mint).unwrap();
        let supply = token::supply(&data).checked_add(amount).unwrap();
        data.data[external::mint::SUPPLY..][..8].copy_from_slice(&supply.to_le_bytes());
        self.set(mint, data);
        account
    }

    /// Freezes or thaws a token account.
    pub fn set_state(&mut self, token_account: &Address, state: u8) {
        let mut account = self.account(token_account).unwrap();
        account.data[external::token_account::STATE] = state;
        self.set(token_account, account);
    }

    /// Sends one instruction, signed by everybody it says.
    pub fn send(&mut self, instruction: &Instruction) -> Result<TransactionMetadata, Failure> {
        self.send_all(std::slice::from_ref(instruction))
    }

    /// Sends instructions in one transaction, with the compute budget of a whole transaction.
    pub fn send_all(&mut self, instructions: &[Instruction]) -> Result<TransactionMetadata, Failure> {
        let payer = key(self.fee_payer);
        let mut all = vec![compute_limit(1_400_000)];
        all.extend_from_slice(instructions);
        let message = Message::new(&all, Some(&payer.pubkey()));
        let signers: Vec<Keypair> = message.account_keys[..usize::from(message.header.num_required_signatures)]
            .iter()
            .map(|address| {
                key(self.names.get(&address.to_bytes()).unwrap_or_else(|| panic!("nobody signs for {address}")))
            })
            .collect();
        // A transaction is refused that was sent before.
        self.svm.expire_blockhash();
        let transaction = Transaction::new(&signers.iter().collect::<Vec<_>>(), message, self.svm.latest_blockhash());
        self.svm.send_transaction(transaction).map_err(|failed| Failure {
            gateway: gateway_error(&failed.err),
            error: failed.err,
            logs: failed.meta.logs,
        })
    }

    /// Sends an instruction that must succeed.
    #[track_caller]
    pub fn ok(&mut self, instruction: &Instruction) -> TransactionMetadata {
        match self.send(instruction) {
            Ok(meta) => meta,
            Err(failure) => panic!("{:?} {:?}\n{}", failure.gateway, failure.error, failure.logs.join("\n")),
        }
    }

    /// Sends an instruction that must be refused for this reason, and change nothing.
    #[track_caller]
    pub fn refuses(&mut self, instruction: &Instruction, reason: GatewayError) {
        let failure = self.send(instruction).expect_err("it was not refused");
        assert_eq!(failure.gateway, Some(reason), "{:?}\n{}", failure.error, failure.logs.join("\n"));
    }
}

/// The gateway's error in a failed transaction.
pub fn gateway_error(error: &TransactionError) -> Option<GatewayError> {
    match error {
        TransactionError::InstructionError(_, InstructionError::Custom(code)) => GatewayError::from_code(*code),
        _ => None,
    }
}

/// The instruction that sets the compute units of a transaction.
pub fn compute_limit(units: u32) -> Instruction {
    let mut data = vec![2];
    data.extend_from_slice(&units.to_le_bytes());
    let program = solana_address::address!("ComputeBudget111111111111111111111111111111");
    Instruction { program_id: program, accounts: vec![], data }
}
