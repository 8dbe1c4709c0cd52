//! Max pooling as an operator of burn.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, DispatchDevice, backend_extension};
use burn::tensor::Tensor;
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;

/// A square window that moves over a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Height and width, above 0.
    pub side: usize,
    /// How far it moves, above 0.
    pub stride: usize,
    /// Places beyond each edge of the map where it may begin, at most half of the side. They hold nothing.
    pub padding: usize,
    /// Whether a window that reaches beyond the last padding counts, if it begins before that.
    pub ceil: bool,
}

impl Window {
    /// How many of them there are along `size` places; `None` where there is not one, or the window is none.
    pub fn count(self, size: usize) -> Option<usize> {
        let Self {
            side,
            stride,
            padding,
            ceil,
        } = self;
        if side == 0 || stride == 0 || padding > side / 2 {
            return None;
        }
        let reach = size + 2 * padding;
        let moves = if ceil {
            // The last begins on the map or on the padding before it.
            let moves = (reach + stride - 1).checked_sub(side)? / stride;
            moves.min((size + padding).checked_sub(1)? / stride)
        } else {
            reach.checked_sub(side)? / stride
        };
        Some(moves + 1)
    }
}

/// The operators as burn's backends see them.
#[backend_extension(Flex, Autodiff: cfg(feature = "autodiff"))]
pub trait MaxPooling: Backend {
    /// See [`max_pool`].
    fn max_pool(input: FloatTensor<Self>, window: Window) -> FloatTensor<Self>;

    /// Gradient of [`max_pool`], of the shape of `input`. `output` is what the forward pass gave.
    fn max_pool_backward(
        input: FloatTensor<Self>,
        output: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        window: Window,
    ) -> FloatTensor<Self>;
}

/// The largest number of each window: `[batch, channels, height, width]` to as many windows as [`Window::count`] says. Its gradient goes to the
/// first of equal ones, row by row. Of burn's own operator on other devices than the CPU.
///
/// # Panics
/// As burn's operator does, where there is no window.
pub fn max_pool(input: Tensor<4>, window: Window) -> Tensor<4> {
    let device = input.device().without_autodiff();
    let [_, _, height, width] = input.dims();
    let fits = input.dims().iter().product::<usize>() > 0
        && window.count(height).is_some()
        && window.count(width).is_some();
    if fits && matches!(device.as_dispatch(), DispatchDevice::Flex(_)) {
        return Tensor::from_dispatch(Dispatch::max_pool(input.into_dispatch(), window));
    }
    let mut options = MaxPoolOptions::new([window.side; 2]);
    options.stride = [window.stride; 2];
    options.padding = [(window.padding, window.padding); 2];
    options.ceil_mode = window.ceil;
    max_pool2d(input, options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_counted_as_pytorch_counts_them() {
        // Side, stride, padding, ceil, size: torch.nn.functional.max_pool1d(torch.zeros(1, size), ..).shape[-1] of PyTorch 2.15.
        for (side, stride, padding, ceil, size, count) in [
            (3, 2, 1, false, 112, Some(56)),
            (3, 2, 0, true, 111, Some(55)),
            (3, 2, 0, true, 55, Some(27)),
            (3, 2, 0, true, 14, Some(7)),
            (3, 2, 0, false, 14, Some(6)),
            (2, 2, 0, false, 7, Some(3)),
            (2, 2, 1, true, 4, Some(3)),
            (3, 1, 0, true, 3, Some(1)),
            (2, 3, 1, true, 2, Some(1)),
            (3, 2, 0, true, 2, Some(1)),
            (3, 2, 0, false, 2, None),
            (2, 1, 2, false, 9, None),
        ] {
            let window = Window {
                side,
                stride,
                padding,
                ceil,
            };
            assert_eq!(window.count(size), count, "{window:?} on {size}");
        }
    }
}
