//! The weights file: one safetensors file that carries everything its reader needs.
//!
//! Tensors are named as torchvision names them, batch norm folded. The larger weights of 1 x 1 convolutions and of the attention are 8-bit
//! integers, which are multiplied by a bf16 for each output channel: that of `X.weight` is in `X.weight_scale`. All else is f16. (Any
//! of them may be f16, bf16 or f32, as all were in format 1. What formats 1 and 2 say is brought to today's when it is read.) The safetensors metadata has
//! one entry, `bundle`, whose text is [`Metadata`] as JSON. Beside the network there may be the two tensors of a
//! [`Distribution`](crate::Distribution) and the two of [`KnownEvidence`], in f32. The file is named
//! `<architecture>-<first 12 hex digits of its sha256>.safetensors`.

mod error;
mod file;
mod format;
mod known;
mod metadata;
mod numbers;
mod older;
mod read;
mod write;

pub use error::BundleError;
pub use file::Bundle;
pub use format::{ARCHITECTURE, FORMAT_VERSION, MAX_BYTES, sha256};
pub use known::{INPUTS, KnownEvidence, input};
pub use metadata::{
    Confusion, DataSource, Metadata, OperatingPoint, OriginFigures, SetSentence, Share, TestFigures,
};
pub use read::{Unverified, read_tensors};
pub use write::write_tensors;
