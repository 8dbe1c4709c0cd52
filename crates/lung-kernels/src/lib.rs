//! The operators of MobileNetV2, written for it: each does in one pass over memory what is composed of several elsewhere.
//!
//! There are three entry points, which share nothing but [`Activation`]:
//!
//! | to | use | feature | runs on |
//! | --- | --- | --- | --- |
//! | classify on the CPU | [`infer::cpu`] | none | natively on all threads, in wasm on one; no burn |
//! | classify on a GPU | `infer::gpu` | `gpu` | WebGPU, Vulkan, Metal, DirectX: a block of the network a kernel |
//! | train | `convolution`, `normalise` | `burn`, with gradients `autodiff` | the CPU, burn's Flex backend; elsewhere as burn's operators |
//!
//! The feature `relaxed-simd` adds the fused multiply-add of wasm to the first. Only builds for browsers that have it may ask for it.
//!
//! # Classify on the CPU
//!
//! ```
//! use lung_kernels::Activation;
//! use lung_kernels::infer::cpu::{Map, Pointwise};
//!
//! let layer = Pointwise::new(&[1.0, 0.5], &[0.25], Activation::Relu6);
//! let mut output = Map::default();
//! layer.forward(&Map::from_planes(&[2.0, 4.0], 2, 1, 1), &mut output);
//! assert_eq!(output.to_planes(), [4.25]);
//! ```
//!
//! # Train
//!
//! `convolution` is convolution, bias and activation as one operator of burn. It covers the three shapes that the network has: 1 x 1,
//! 3 x 3 depthwise, and the dense 3 x 3 stem; and the dense kernels of other networks, for which there are `max_pool` and `concatenate` too.
//! `normalise` is batch norm in training, with the activation that follows it. `supports` and `can_normalise` say whether a tensor is where
//! they are one kernel.
//! On other devices, such as a GPU, they are composed of burn's own operators.
//!
#![cfg_attr(
    feature = "burn",
    doc = r#"
```
use burn::tensor::{Device, Tensor};
use lung_kernels::{Activation, Geometry, convolution, supports};

let device = Device::flex();
let input = Tensor::<4>::ones([1, 8, 14, 14], &device);
let weight = Tensor::<4>::ones([8, 1, 3, 3], &device);
let bias = Tensor::<1>::zeros([8], &device);
let geometry = Geometry { stride: 2, padding: 1, groups: 8, activation: Activation::Relu6 };
assert!(supports(&input, [8, 1, 3, 3], geometry));
assert_eq!(convolution(input, weight, bias, geometry).dims(), [1, 8, 7, 7]);
```
"#
)]

mod activation;
pub mod infer;
#[cfg(feature = "burn")]
mod train;

pub use activation::Activation;
#[cfg(feature = "burn")]
pub use train::{
    BatchNormalisation, Concatenation, FusedConvolution, Geometry, MaxPooling, Normalisation,
    Normalised, Window, can_normalise, concatenate, convolution, max_pool, normalise, supports,
};
