//! Training on the CPU: the arithmetic on plain slices, channels first.

mod batch;
pub(super) mod convolution;
mod dense;
mod depthwise;
pub(super) mod normalise;
mod pointwise;
mod sums;
mod threads;
