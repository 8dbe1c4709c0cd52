//! How a convolution's kernel meets its input.

use crate::Activation;

/// How a square kernel meets its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Stride in both directions: 1 or 2.
    pub stride: usize,
    /// Zeros around the input: 0 for a 1 x 1 kernel, 1 for a depthwise one, and at most half of the side for any other.
    pub padding: usize,
    /// 1, or the number of channels for a depthwise convolution.
    pub groups: usize,
    /// What follows.
    pub activation: Activation,
}
