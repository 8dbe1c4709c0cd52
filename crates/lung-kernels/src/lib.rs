//! The operators of MobileNetV2, written for it.
//!
//! MobileNetV2 is little arithmetic and much memory traffic, so every operator here does in one pass over memory what is
//! composed of several elsewhere.
//!
//! - [`channels_last`]: inference on the CPU, natively and in wasm, a block of the network at a time. No burn.
//! - `convolution` (feature `burn`): convolution, bias and ReLU6 as one operator of burn, forward and, with the feature
//!   `autodiff`, backward, on the CPU (burn's Flex backend). It covers the three shapes that the network has: 1 x 1,
//!   3 x 3 depthwise, and the dense 3 x 3 stem. `supports` says whether a tensor is where it runs; on other devices, and
//!   as the reference that tests compare with, the plain burn operators serve. Dense kernels of other networks are covered
//!   too, and `normalise` is batch norm in training, with the clamp that follows it.
//!
#![cfg_attr(
    feature = "burn",
    doc = r#"
```
use burn::tensor::{Device, Tensor};
use lung_kernels::{Geometry, convolution, supports};

let device = Device::flex();
let input = Tensor::<4>::ones([1, 8, 14, 14], &device);
let weight = Tensor::<4>::ones([8, 1, 3, 3], &device);
let bias = Tensor::<1>::zeros([8], &device);
let geometry = Geometry { stride: 2, groups: 8, relu6: true };
assert!(supports(&input, [8, 1, 3, 3], geometry));
assert_eq!(convolution(input, weight, bias, geometry).dims(), [1, 8, 7, 7]);
```
"#
)]

#[cfg(feature = "autodiff")]
mod autodiff;
pub mod channels_last;
#[cfg(feature = "burn")]
mod convolution;
#[cfg(feature = "burn")]
mod cpu;
#[cfg(feature = "burn")]
mod cpu_normalise;
#[cfg(feature = "burn")]
mod flex;
#[cfg(feature = "gpu")]
pub mod gpu;
#[cfg(feature = "burn")]
mod normalise;

#[cfg(feature = "burn")]
pub use convolution::{FusedConvolution, Geometry, convolution, supports};
#[cfg(feature = "burn")]
pub use normalise::{BatchNormalisation, Normalisation, Normalised, can_normalise, normalise};
