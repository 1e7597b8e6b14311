//! The deep hash of Arweave: SHA-384 over a tree of lists and blobs.

use aws_lc_rs::digest::{Context, SHA384, digest};

/// A deep hash.
pub type DeepHash = [u8; 48];

fn sha384(parts: &[&[u8]]) -> DeepHash {
    let mut context = Context::new(&SHA384);
    for part in parts {
        context.update(part);
    }
    context.finish().as_ref().first_chunk().copied().unwrap_or([0; 48])
}

/// The deep hash of a blob.
#[must_use]
pub fn blob(bytes: &[u8]) -> DeepHash {
    let tag = sha384(&[format!("blob{}", bytes.len()).as_bytes()]);
    sha384(&[&tag, digest(&SHA384, bytes).as_ref()])
}

/// The deep hash of a list of elements with these hashes.
#[must_use]
pub fn list(elements: &[DeepHash]) -> DeepHash {
    let begin = sha384(&[format!("list{}", elements.len()).as_bytes()]);
    elements.iter().fold(begin, |hash, element| sha384(&[&hash, element]))
}
