//! Whole blocks of MobileNetV2 as one kernel each, for WebGPU and whatever else CubeCL compiles for.
//!
//! [`stem`] and one [`block`] for each inverted residual: 18 dispatches for a network with attention after the last
//! layer at most. A block filters the expanded image, projects, adds the residual and expands for the next block, the
//! last of them to the feature layer. What comes after that is little, and done on the CPU.
//!
//! Each kernel reads [`Image`]s, channels last and padded with zeros to [`padded`], and writes them. Weights are packed
//! once, by the `pack_*` functions, into one flat tensor for each kernel. One image at a time; no gradients.
//!
//! Kernels are compiled once for each stride and each setting of their flags, not for each size, and tuned by no trial.

mod geometry;
mod kernel;
mod launch;
mod operators;
mod pack;
mod register;
mod transfer;

pub use geometry::{
    BlockGeometry, BlockPlaces, GateGeometry, GatedPlaces, Image, Place, Tuning, launches, padded,
    supports, tune,
};
pub use operators::{
    FusedBlocks, block, channel_gate, gated_expansion, position_gate, projection, stem,
};
pub use pack::{Linear, pack_block, pack_channel_gate, pack_position_gate, pack_stem};
pub use register::register_operations;
pub use transfer::{download, upload};
