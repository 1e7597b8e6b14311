//! A program at the address of Pyth's receiver. Like it, it keeps prices in accounts of its own; unlike it, it takes them from anybody, because nobody
//! here has the keys of Pyth's publishers. It does one thing: it copies an instruction's data into the first account.

use tim3_solana_interface::external::PriceUpdate;

/// Where the program begins in memory, and its read-only data.
const CODE: u64 = 1 << 32;
const DATA: u64 = 0;
/// Eight bytes of read-only data: there have to be some.
const NAME: [u8; 8] = *b"receiver";

/// Bytes of a file's header, and of each of the two that say where its parts are.
const HEADER: u64 = 64;
const PART: u64 = 56;

/// Where in the runtime's input the data of the only account are, and those of the instruction: after room for the account to grow.
const ACCOUNT: usize = 96;
const INSTRUCTION: usize = 10_488;

/// The program, as a file that a validator takes: ELF for SBPF version 3.
pub(super) fn program() -> Vec<u8> {
    let code = code();
    let name = u64::try_from(NAME.len()).unwrap_or_default();
    let length = u64::try_from(code.len()).unwrap_or_default();
    let first = HEADER.saturating_add(PART.saturating_mul(2));
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    let words: [u16; 2] = [3, 247];
    words.into_iter().for_each(|word| file.extend(word.to_le_bytes())); // a shared object for BPF
    file.extend(1_u32.to_le_bytes());
    [CODE, HEADER, 0].into_iter().for_each(|word| file.extend(word.to_le_bytes())); // entry, parts, no sections
    file.extend(3_u32.to_le_bytes()); // the version of SBPF
    let words: [u16; 6] = [64, 56, 2, 64, 0, 0];
    words.into_iter().for_each(|word| file.extend(word.to_le_bytes()));
    part(&mut file, 4, first, DATA, name);
    part(&mut file, 1, first.saturating_add(name), CODE, length);
    file.extend(NAME);
    file.extend(code);
    file
}

/// The header of a part of the file: readable (4) or executable (1).
fn part(file: &mut Vec<u8>, flags: u32, offset: u64, address: u64, length: u64) {
    const LOAD: u32 = 1;
    [LOAD, flags].into_iter().for_each(|word| file.extend(word.to_le_bytes()));
    [offset, address, address, length, length, 0].into_iter().for_each(|word| file.extend(word.to_le_bytes()));
}

/// Moves as many bytes as a price account has, with the widest moves that fit, and returns 0.
fn code() -> Vec<u8> {
    /// Widths of moves, with what loads and what stores so many bytes.
    const MOVES: [(usize, u8, u8); 4] = [(8, 0x79, 0x7b), (4, 0x61, 0x63), (2, 0x69, 0x6b), (1, 0x71, 0x73)];
    const SET: u8 = 0xb7;
    const RETURN: u8 = 0x95;
    let mut code = Vec::new();
    let mut done = 0_usize;
    while let Some((width, load, store)) =
        MOVES.into_iter().find(|(width, ..)| done.saturating_add(*width) <= PriceUpdate::LENGTH)
    {
        // Register 1 has the address of the input, register 2 what is moved.
        code.extend(operation(load, 2, 1, INSTRUCTION.saturating_add(done)));
        code.extend(operation(store, 1, 2, ACCOUNT.saturating_add(done)));
        done = done.saturating_add(width);
    }
    code.extend(operation(SET, 0, 0, 0));
    code.extend(operation(RETURN, 0, 0, 0));
    code
}

fn operation(code: u8, to: u8, from: u8, offset: usize) -> [u8; 8] {
    let [low, high] = u16::try_from(offset).unwrap_or_default().to_le_bytes();
    [code, from << 4 | to, low, high, 0, 0, 0, 0]
}
