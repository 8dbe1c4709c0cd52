//! The network for inference: weights packed once for where they run, few passes over memory.

mod attention;
mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod halves;
mod parameters;
mod tail;

pub(crate) use attention::dot;
pub use cpu::{CpuNetwork, INPUT};
#[cfg(feature = "gpu")]
pub use gpu::GpuNetwork;
pub use halves::{LONGEST_EXCHANGE, Partner, PartnerLost};
pub use parameters::Inference;
