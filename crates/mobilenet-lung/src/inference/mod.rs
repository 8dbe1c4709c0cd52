//! The network without burn's operators: weights packed once, few passes over memory.

#[cfg(feature = "gpu")]
mod gpu;

#[cfg(feature = "gpu")]
pub use gpu::GpuNetwork;
