//! Inference: one image at a time, no gradients.

pub mod cpu;
#[cfg(feature = "gpu")]
pub mod gpu;
