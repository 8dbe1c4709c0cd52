//! What the format is called, and its hash.

use sha2::{Digest, Sha256};

/// The format that this version writes; it reads all from 1 on.
pub const FORMAT_VERSION: u32 = 3;

/// The largest file that is looked into: several times what the network needs in f32.
pub const MAX_BYTES: usize = 64 << 20;

/// The only architecture.
pub const ARCHITECTURE: &str = "mobilenet-lung";

pub(super) const MEAN: &str = "in_distribution.mean";
pub(super) const DIRECTIONS: &str = "in_distribution.directions";
pub(super) const METADATA_KEY: &str = "bundle";
pub(super) const EXTENSION: &str = "safetensors";
/// Hex digits of a file's sha256 that its name and the bundle's id carry.
pub(super) const HASH_DIGITS: usize = 12;

/// Numbers that are looked at together: a browser optimises a function that is called often, not one that runs for long.
pub(super) const PIECE: usize = 1 << 12;

/// The full sha256 of a file in hex.
pub fn sha256(bytes: &[u8]) -> String {
    let mut hash = Sha256::new();
    // In pieces: a browser optimises a function that is called often, not one that runs for long.
    for piece in bytes.chunks(4 * PIECE) {
        hash.update(piece);
    }
    hash.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The digits of the hash that are in the name of a file.
pub(super) fn short_hash(bytes: &[u8]) -> String {
    let mut hash = sha256(bytes);
    hash.truncate(HASH_DIGITS);
    hash
}
