//! The operators for inference in a browser's instructions, by the tests of their crate.

#![cfg(target_arch = "wasm32")]
#![allow(missing_docs)]

#[path = "../../crates/lung-kernels/tests/channels_last.rs"]
mod channels_last;
