//! A 3 x 3 convolution with stride 1 by Winograd's way: four by four outputs at a time, with 36 products for each pair of channels where
//! there were 144.
//!
//! Tiles of the input and the kernel are transformed, multiplied place by place and summed over channels, and the sums are transformed back:
//! `Y = A' [(G g G') * (B' d B)] A`. The gradients are the same sums, turned around. Matrices and names are those of F(4 x 4, 3 x 3) in Lavin
//! and Gray, *Fast Algorithms for Convolutional Neural Networks*, arXiv 1509.09308, section 4.3.
//!
//! Rounding errors are larger than those of direct sums: with 64 channels, an output is up to 1.5e-5 of a usual one off.

mod convolve;
mod maps;
mod sizes;
mod transform;
mod weight;

pub(super) use convolve::{backward, forward};
pub(super) use sizes::pays;
pub(super) use weight::weight_gradient;
