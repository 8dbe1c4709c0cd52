//! Training on the CPU: the arithmetic on plain slices, channels first.

mod batch;
pub(super) mod convolution;
mod depthwise;
mod direct;
mod direct_weight;
pub(super) mod join;
pub(super) mod normalise;
mod planes;
mod pointwise;
pub(super) mod pool;
mod sums;
mod threads;
mod winograd;
