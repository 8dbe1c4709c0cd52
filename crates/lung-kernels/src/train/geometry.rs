//! How a convolution's kernel meets its input.

use crate::Activation;

/// How a square kernel, padded by half its side, meets its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Stride in both directions: 1 or 2.
    pub stride: usize,
    /// 1, or the number of channels for a depthwise convolution.
    pub groups: usize,
    /// What follows.
    pub activation: Activation,
}
