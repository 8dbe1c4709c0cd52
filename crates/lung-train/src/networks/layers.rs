//! What the networks are made of beside convolutions, with torchvision's parameters and first values; and what all of it costs.

use burn::module::{Initializer, Module, Param};
use burn::tensor::module::{avg_pool2d, max_pool2d};
use burn::tensor::ops::{AvgPoolOptions, MaxPoolOptions};
use burn::tensor::{Device, Tensor};
use lung_kernels::Geometry;
pub(super) use mobilenet_lung::network::{
    Activation, BatchNorm, BatchNorms, Convolution, ConvolutionConfig,
};

/// How many findings the networks tell apart: the paper's three.
pub const FINDINGS: usize = 3;

/// How a map changes size, and what that costs: what a walk through a network collects.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    /// Height and width of the map.
    pub(super) side: usize,
    /// Multiply-adds of convolutions and linear layers so far, for one image.
    pub(super) multiply_adds: u64,
}

impl Walk {
    pub(super) fn new(side: usize) -> Self {
        Self {
            side,
            multiply_adds: 0,
        }
    }

    /// A window that moves over the map.
    pub(super) fn window(self, kernel: usize, stride: usize, padding: usize) -> Self {
        Self {
            side: (self.side + 2 * padding).saturating_sub(kernel) / stride + 1,
            ..self
        }
    }

    pub(super) fn costs(self, multiply_adds: usize) -> Self {
        Self {
            multiply_adds: self.multiply_adds + multiply_adds as u64,
            ..self
        }
    }
}

/// A layer that a walk goes through.
pub(super) trait Walked {
    /// The map after the layer, and what it has cost.
    fn walk(&self, walk: Walk) -> Walk;
}

impl Walked for Convolution {
    fn walk(&self, walk: Walk) -> Walk {
        let [output, per_group, kernel, _] = self.weight.lazy_shape().dims();
        let walk = walk.window(kernel, self.geometry().stride, self.padding());
        walk.costs(output * per_group * kernel * kernel * walk.side * walk.side)
    }
}

/// A linear layer with its weight as PyTorch lays it.
#[derive(Module, Debug)]
pub(super) struct Linear {
    /// `[output, input]`
    pub(super) weight: Param<Tensor<2>>,
    /// `[output]`
    pub(super) bias: Param<Tensor<1>>,
}

impl Linear {
    /// torchvision's start for a classifier: normal with deviation 0.01, bias 0.
    pub(super) fn init(input: usize, output: usize, device: &Device) -> Self {
        Self {
            weight: Initializer::Normal {
                mean: 0.0,
                std: 0.01,
            }
            .init([output, input], device),
            bias: Initializer::Zeros.init([output], device),
        }
    }

    /// PyTorch's own start: uniform within 1 / sqrt(input).
    pub(super) fn uniform(input: usize, output: usize, device: &Device) -> Self {
        let limit = 1.0 / (input as f64).sqrt();
        let uniform = Initializer::Uniform {
            min: -limit,
            max: limit,
        };
        Self {
            weight: uniform.init([output, input], device),
            bias: uniform.init([output], device),
        }
    }

    /// `[batch, input]` to `[batch, output]`.
    ///
    /// As a 1 x 1 convolution of maps of one position: its gradient comes in the layout of the weight, where that of a
    /// product with a transposed matrix has to be turned, which for VGG11's 103 million numbers is slow.
    pub(super) fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        let weight = self.weight.val();
        let [output, inputs] = weight.dims();
        let [batch, _] = input.dims();
        let geometry = Geometry {
            stride: 1,
            groups: 1,
            activation: Activation::Linear,
        };
        let maps: Tensor<4> = input.clone().reshape([batch, inputs, 1, 1]);
        if lung_kernels::supports(&maps, [output, inputs, 1, 1], geometry) {
            let kernel = weight.reshape([output, inputs, 1, 1]);
            return lung_kernels::convolution(maps, kernel, self.bias.val(), geometry)
                .reshape([batch, output]);
        }
        input.matmul(weight.transpose()) + self.bias.val().unsqueeze()
    }
}

impl Walked for Linear {
    fn walk(&self, walk: Walk) -> Walk {
        let [output, input] = self.weight.lazy_shape().dims();
        walk.costs(output * input)
    }
}

/// The largest value of each window.
pub(super) fn max_pool(
    input: Tensor<4>,
    kernel: usize,
    stride: usize,
    padding: usize,
    ceil: bool,
) -> Tensor<4> {
    let mut options = MaxPoolOptions::new([kernel; 2]);
    options.stride = [stride; 2];
    options.padding = [(padding, padding); 2];
    options.ceil_mode = ceil;
    max_pool2d(input, options)
}

/// The mean of each 2 x 2 window.
pub(super) fn halve(input: Tensor<4>) -> Tensor<4> {
    avg_pool2d(input, AvgPoolOptions::new([2, 2]))
}

/// The mean of each channel: `[batch, channels, height, width]` to `[batch, channels]`.
pub(super) fn global_mean(input: Tensor<4>) -> Tensor<2> {
    input.flatten::<3>(2, 3).mean_dim(2).squeeze_dim(2)
}
