//! A bundle as an ONNX file, for other runtimes: the same network with the same numbers.
//!
//! The graph takes `input`, `[batch, 3, side, side]` as [`mobilenet_lung::Preprocessing::apply`] makes it, and gives
//! `evidence`, `[batch, findings, 7, 7]`, and `logits`, `[batch, findings]`: the two of a [`mobilenet_lung::Report`] at the
//! default operating point, already scaled and moved. A softmax over the logits gives the report's probabilities.
//!
//! Only operators that every runtime has are used. An attention's fully connected layers are written as 1 x 1
//! convolutions, which they are, so that nothing has to be reshaped.

mod error;
mod graph;
mod model;
mod proto;
#[cfg(test)]
mod tests;

pub use self::error::OnnxError;
pub use self::graph::{EVIDENCE, INPUT, LOGITS};
pub use self::model::{export_onnx, to_onnx};
