//! What a file says about itself, read without decoding it: its dimensions, what its decoder will need, whether it is
//! all there.
//!
//! The decoders check limits of their own, but not all of them everything, and not always before they take memory. In
//! WebAssembly memory that cannot be had and panics are the end of the whole instance, so what can be known beforehand
//! is checked here, the same for every format.
//!
//! What is known to get through: a lossless WebP may declare 65,536 groups of Huffman tables, which take its decoder some
//! 200 times the bytes that the tables take in the file. Only decoding it would tell.

#[cfg(feature = "readers")]
pub(crate) mod bmp;
pub(crate) mod directory;
mod examine;
#[cfg(feature = "readers")]
pub(crate) mod gif;
pub(crate) mod jpeg;
pub(crate) mod jpeg2000;
pub(crate) mod png;
mod summary;
#[cfg(feature = "readers")]
mod webp;

pub(crate) use examine::examine;
pub(crate) use summary::{Fault, Header};
