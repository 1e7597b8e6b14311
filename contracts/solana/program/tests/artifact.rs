//! What must be so in the built programs and cannot be seen in their source.

/// The read-only data of an SBPF v3 program begin at address zero, and Rust takes an object there for none: `Option<&T>` and iterators over
/// slices are silently wrong about it. So the first bytes have to be those that nobody refers to.
#[test]
fn nothing_that_is_referred_to_lies_at_address_zero() {
    for (program, expected) in [("tim3_gateway.so", b"tim3 gateway/1\0\0"), ("tim3_pool.so", b"tim3 pool/1\0\0\0\0\0")]
    {
        let path = format!(concat!(env!("CARGO_MANIFEST_DIR"), "/../artifacts/{}"), program);
        let file = std::fs::read(path).expect("contracts/solana/build.sh makes the programs");
        let number = |at: usize, length: usize| {
            file[at..][..length].iter().rev().fold(0_usize, |number, byte| (number << 8) | usize::from(*byte))
        };
        let (headers, count) = (number(32, 8), number(56, 2));
        let data = (0..count)
            .map(|index| headers + 56 * index)
            .find(|header| number(*header, 4) == 1 && number(header + 16, 8) == 0)
            .map(|header| number(header + 8, 8))
            .expect("a segment at address zero");
        assert_eq!(&file[data..][..16], expected, "{program}");
    }
}
