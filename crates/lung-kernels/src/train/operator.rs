//! The fused convolution as an operator of burn.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, DispatchDevice, backend_extension};
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;

use super::geometry::Geometry;
use super::shape::Shape;
use crate::Activation;

/// The operators as burn's backends see them.
#[backend_extension(Flex, Autodiff: cfg(feature = "autodiff"))]
pub trait FusedConvolution: Backend {
    /// See [`convolution`].
    fn fused_convolution(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        geometry: Geometry,
    ) -> FloatTensor<Self>;

    /// Gradients of [`convolution`] for input, weight and bias, of the shapes of each.
    ///
    /// `output` is what the forward pass gave: it says where the clamp held. Without `for_input`, the first gradient
    /// is not computed and has no elements.
    fn fused_convolution_backward(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        output: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        geometry: Geometry,
        for_input: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

/// Convolution, bias and activation; of burn's own operators where [`supports`] says that no kernel of ours runs.
///
/// `input` is `[batch, channels_in, height, width]`, `weight` `[channels_out, channels_in / groups, side, side]`, `bias`
/// `[channels_out]`; the result is `[batch, channels_out, ..]` with sides of `(height + 2 * padding - side) / stride + 1`, rounded down. The
/// kernel's side is 1, 3, 5 or 7 (3 for a depthwise convolution).
///
/// # Panics
/// As burn's operators do, for shapes that do not fit.
pub fn convolution(
    input: Tensor<4>,
    weight: Tensor<4>,
    bias: Tensor<1>,
    geometry: Geometry,
) -> Tensor<4> {
    if !supports(&input, weight.dims(), geometry) {
        return composed(input, weight, bias, geometry);
    }
    Tensor::from_dispatch(Dispatch::fused_convolution(
        input.into_dispatch(),
        weight.into_dispatch(),
        bias.into_dispatch(),
        geometry,
    ))
}

/// [`convolution`] of burn's operators, which run on every device.
fn composed(input: Tensor<4>, weight: Tensor<4>, bias: Tensor<1>, geometry: Geometry) -> Tensor<4> {
    let padding = [geometry.padding; 2];
    let options = ConvOptions::new([geometry.stride; 2], padding, [1, 1], geometry.groups);
    (geometry.activation).apply(conv2d(input, weight, Some(bias), options))
}

impl Activation {
    /// What it makes of a tensor, by burn's operators.
    pub fn apply<const D: usize>(self, input: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Linear => input,
            Self::Relu => relu(input),
            Self::Relu6 => input.clamp(0.0, 6.0),
        }
    }
}

/// Whether [`convolution`] is one kernel of ours on the device of `input` with a weight of shape `weight`.
pub fn supports(input: &Tensor<4>, weight: [usize; 4], geometry: Geometry) -> bool {
    let device = input.device().without_autodiff();
    matches!(device.as_dispatch(), DispatchDevice::Flex(_))
        && Shape::new(input.dims(), weight, geometry).is_some()
}
