//! Inference on the CPU: operators that keep a feature map channels last, with weights packed once.
//!
//! Channels last, a 1 x 1 convolution is one matrix product for the whole map, a depthwise one a vector operation
//! along the channels, and neither has to lay anything out anew. [`InvertedResidual`] does a whole block of MobileNetV2
//! a few rows and channels at a time, so that its wide hidden map never leaves the cache.
//!
//! The vectors are as wide as the processor has them ([`pulp`] decides at run time; in wasm, at compile time), and every
//! position of a [`Map`] is padded to whole vectors. There is no burn here. Natively threads share each layer, and the
//! only `unsafe` is where they are lent it.

mod bands;
mod block;
mod depthwise;
#[cfg(not(target_family = "wasm"))]
mod groups;
mod map;
mod pointwise;
mod positions;
mod rehearse;
mod rows;
mod stem;
#[cfg(not(target_family = "wasm"))]
mod threads;
mod vectors;

pub use block::{InvertedResidual, Residual};
pub use depthwise::Depthwise;
pub use map::Map;
pub use pointwise::Pointwise;
pub use rehearse::rehearse;
pub use stem::Stem;
