//! Operators to train with, as operators of burn: forward and, with the feature `autodiff`, backward.

#[cfg(feature = "autodiff")]
mod autodiff;
mod cpu;
mod flex;
mod geometry;
mod join;
mod normalise;
mod operator;
mod pool;
mod shape;

pub use geometry::Geometry;
pub use join::{Concatenation, concatenate};
pub use normalise::{BatchNormalisation, Normalisation, Normalised, can_normalise, normalise};
pub use operator::{FusedConvolution, convolution, supports};
pub use pool::{MaxPooling, Window, max_pool};
