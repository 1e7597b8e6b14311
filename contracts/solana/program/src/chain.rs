//! The system calls. On another machine hashing is done by a library and the rest answers that there is no chain, so that the rules and
//! encodings can be tested there.

use tim3_solana_interface::{GatewayError, Word, ZERO};

/// Keccak-256 of the parts, one after the other.
#[cfg(any(target_os = "solana", target_arch = "bpf"))]
#[inline(always)]
pub fn keccak(parts: &[&[u8]]) -> Word {
    let mut hash = ZERO;
    // SAFETY: a slice of slices is what the call takes as pairs of address and length, and it writes 32 bytes.
    unsafe {
        pinocchio::syscalls::sol_keccak256(parts.as_ptr().cast(), parts.len() as u64, hash.as_mut_ptr());
    }
    hash
}

/// Keccak-256 of the parts, one after the other.
#[cfg(not(any(target_os = "solana", target_arch = "bpf")))]
pub fn keccak(parts: &[&[u8]]) -> Word {
    use sha3::{Digest, Keccak256};
    let mut hasher = Keccak256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// The public key whose signature this is; `None` where there is none. `recovery` is 0 or 1.
#[inline(always)]
pub(crate) fn recover(digest: &Word, recovery: u8, signature: &[u8; 64]) -> Option<[u8; 64]> {
    #[cfg(any(target_os = "solana", target_arch = "bpf"))]
    {
        let mut key = [0; 64];
        // SAFETY: the addresses are those of 32, 64 and 64 bytes, which the call reads, reads and writes.
        let failed = unsafe {
            pinocchio::syscalls::sol_secp256k1_recover(
                digest.as_ptr(),
                recovery.into(),
                signature.as_ptr(),
                key.as_mut_ptr(),
            )
        };
        (failed == 0).then_some(key)
    }
    #[cfg(not(any(target_os = "solana", target_arch = "bpf")))]
    {
        let _ = (digest, recovery, signature);
        None
    }
}

/// Sets the transaction's return data.
#[inline(always)]
pub(crate) fn answer(data: &[u8]) {
    #[cfg(any(target_os = "solana", target_arch = "bpf"))]
    // SAFETY: the call reads `len` bytes at the address.
    unsafe {
        pinocchio::syscalls::sol_set_return_data(data.as_ptr(), data.len() as u64);
    }
    #[cfg(not(any(target_os = "solana", target_arch = "bpf")))]
    let _ = data;
}

/// Writes a `Program data:` line to the log.
#[inline(always)]
pub(crate) fn log(data: &[u8]) {
    let fields = [data];
    #[cfg(any(target_os = "solana", target_arch = "bpf"))]
    // SAFETY: a slice of slices is what the call takes as pairs of address and length.
    unsafe {
        pinocchio::syscalls::sol_log_data(fields.as_ptr().cast(), fields.len() as u64);
    }
    #[cfg(not(any(target_os = "solana", target_arch = "bpf")))]
    let _ = fields;
}

/// Slot and time of the chain, seconds; a time before 1970 counts as 1970.
#[inline(always)]
pub(crate) fn clock() -> Result<(u64, u64), GatewayError> {
    let mut clock = [0; 40];
    // pinocchio's own `Clock::get` and `Rent::get` are stubs on this target.
    pinocchio::sysvars::get_sysvar(&mut clock, &pinocchio::sysvars::clock::CLOCK_ID, 0)
        .map_err(|_| GatewayError::InvalidValue)?;
    let slot = u64::from_le_bytes(tim3_solana_interface::bytes::array(&clock, 0));
    let time = i64::from_le_bytes(tim3_solana_interface::bytes::array(&clock, 32));
    Ok((slot, u64::try_from(time).unwrap_or_default()))
}

/// The lamports that exempt `length` bytes from rent.
#[inline(always)]
pub(crate) fn rent(length: usize) -> Result<u64, GatewayError> {
    /// What an account costs besides its data.
    const OVERHEAD: u64 = 128;
    // The exemption threshold is a float; it is 2 years, or 1 since SIMD-0194.
    const ONE: u64 = 0x3ff0_0000_0000_0000;
    const TWO: u64 = 0x4000_0000_0000_0000;
    let mut rent = [0; 16];
    pinocchio::sysvars::get_sysvar(&mut rent, &pinocchio::sysvars::rent::RENT_ID, 0)
        .map_err(|_| GatewayError::InvalidValue)?;
    let each = u64::from_le_bytes(tim3_solana_interface::bytes::array(&rent, 0));
    let years = match u64::from_le_bytes(tim3_solana_interface::bytes::array(&rent, 8)) {
        ONE => 0,
        TWO => 1,
        _ => return Err(GatewayError::InvalidValue),
    };
    // Below 2^14 bytes at some thousands of lamports.
    Ok(OVERHEAD.saturating_add(length as u64).wrapping_mul(each) << years)
}

/// The canonical address of `seeds` and its bump.
#[inline(always)]
pub(crate) fn derive(seeds: &[&[u8]], program: &Word) -> Result<(Word, u8), GatewayError> {
    let (mut address, mut bump) = (ZERO, 255_u8);
    #[cfg(any(target_os = "solana", target_arch = "bpf"))]
    {
        // SAFETY: the call reads the seeds as pairs of address and length, and the program, and writes 32 bytes and one.
        let failed = unsafe {
            pinocchio::syscalls::sol_try_find_program_address(
                seeds.as_ptr().cast(),
                seeds.len() as u64,
                program.as_ptr(),
                address.as_mut_ptr(),
                &raw mut bump,
            )
        };
        if failed == 0 { Ok((address, bump)) } else { Err(GatewayError::WrongAddress) }
    }
    #[cfg(not(any(target_os = "solana", target_arch = "bpf")))]
    {
        let _ = (seeds, program, &mut address, &mut bump);
        Err(GatewayError::WrongAddress)
    }
}

/// The address of `seeds` with a bump that was found by [`derive`], so that it is known to be off the curve.
#[inline(always)]
pub(crate) fn derived_with(seeds: &[&[u8]], bump: u8, program: &Word) -> Word {
    let mut address = ZERO;
    let last = [bump];
    let empty: &[u8] = &[];
    let mut parts = [empty; 7];
    let end: [&[u8]; 3] = [&last, program, b"ProgramDerivedAddress"];
    for (place, part) in parts.iter_mut().zip(seeds.iter().copied().chain(end)) {
        *place = part;
    }
    #[cfg(any(target_os = "solana", target_arch = "bpf"))]
    // SAFETY: a slice of slices is what the call takes as pairs of address and length, and it writes 32 bytes.
    unsafe {
        pinocchio::syscalls::sol_sha256(parts.as_ptr().cast(), parts.len() as u64, address.as_mut_ptr());
    }
    #[cfg(not(any(target_os = "solana", target_arch = "bpf")))]
    let _ = (&mut address, parts);
    address
}
