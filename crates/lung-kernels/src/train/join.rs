//! Maps side by side as an operator of burn, whose own copies them on one thread.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, DispatchDevice, backend_extension};
use burn::tensor::Tensor;

/// The operators as burn's backends see them.
#[backend_extension(Flex, Autodiff: cfg(feature = "autodiff"))]
pub trait Concatenation: Backend {
    /// See [`concatenate`].
    fn concatenate(first: FloatTensor<Self>, second: FloatTensor<Self>) -> FloatTensor<Self>;

    /// The other way round: the first `channels`, and the rest.
    fn divide(input: FloatTensor<Self>, channels: usize) -> (FloatTensor<Self>, FloatTensor<Self>);
}

/// The channels of both: `[batch, channels, height, width]`, alike but for the channels. Of burn's own operator on other devices than the CPU.
///
/// # Panics
/// As burn's operator does, for shapes that do not fit.
pub fn concatenate(first: Tensor<4>, second: Tensor<4>) -> Tensor<4> {
    let device = first.device().without_autodiff();
    let [a, b] = [first.dims(), second.dims()];
    let alike = [a[0], a[2], a[3]] == [b[0], b[2], b[3]];
    let numbers = a.iter().chain(&b).all(|size| *size > 0);
    if alike && numbers && matches!(device.as_dispatch(), DispatchDevice::Flex(_)) {
        return Tensor::from_dispatch(Dispatch::concatenate(
            first.into_dispatch(),
            second.into_dispatch(),
        ));
    }
    Tensor::cat(vec![first, second], 1)
}
