//! Batch norm in training, and the clamp that follows, as an operator of burn.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, DispatchDevice, backend_extension};
use burn::tensor::Tensor;
use burn::tensor::module::batch_norm_train;

use crate::Activation;

/// How batch norm is done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalisation {
    /// Added to the variance, above 0.
    pub epsilon: f32,
    /// What follows.
    pub activation: Activation,
}

/// The operators as burn's backends see them.
#[backend_extension(Flex, Autodiff: cfg(feature = "autodiff"))]
pub trait BatchNormalisation: Backend {
    /// Output, mean and variance: see [`normalise`].
    fn normalise(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        how: Normalisation,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// Gradients of the output of [`normalise`] for input, weight and bias. `mean` and `variance` are what it gave.
    #[allow(clippy::too_many_arguments)]
    fn normalise_backward(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        how: Normalisation,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

/// What [`normalise`] gives.
#[derive(Clone, Debug)]
pub struct Normalised {
    /// Of the input's shape.
    pub output: Tensor<4>,
    /// Mean of each channel over batch and positions, `[channels]`; no gradient comes through it.
    pub mean: Tensor<1>,
    /// Variance of each channel (of the population, without epsilon), `[channels]`; no gradient comes through it.
    pub variance: Tensor<1>,
}

/// Batch norm by the statistics of the batch itself (Ioffe and Szegedy 2015, arXiv 1502.03167), clamped; of burn's own operators
/// where [`can_normalise`] says that no kernel of ours runs.
///
/// `input` is `[batch, channels, height, width]`, `weight` and `bias` are `[channels]`.
///
/// # Panics
/// As burn's operators do, for shapes that do not fit.
pub fn normalise(
    input: Tensor<4>,
    weight: Tensor<1>,
    bias: Tensor<1>,
    how: Normalisation,
) -> Normalised {
    if !can_normalise(&input) {
        let of_burn = batch_norm_train(input, weight, bias, f64::from(how.epsilon));
        return Normalised {
            output: how.activation.apply(of_burn.output),
            mean: of_burn.mean,
            variance: of_burn.variance,
        };
    }
    let (output, mean, variance) = Dispatch::normalise(
        input.into_dispatch(),
        weight.into_dispatch(),
        bias.into_dispatch(),
        how,
    );
    Normalised {
        output: Tensor::from_dispatch(output),
        mean: Tensor::from_dispatch(mean),
        variance: Tensor::from_dispatch(variance),
    }
}

/// Whether [`normalise`] is one kernel of ours on the device of `input`.
pub fn can_normalise(input: &Tensor<4>) -> bool {
    let device = input.device().without_autodiff();
    matches!(device.as_dispatch(), DispatchDevice::Flex(_))
        && input.dims().iter().product::<usize>() > 0
}
