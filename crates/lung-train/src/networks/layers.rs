//! What the networks are made of beside convolutions, with torchvision's parameters and first values; and what all of it costs.

use burn::module::{Initializer, Module, Param};
use burn::tensor::module::avg_pool2d;
use burn::tensor::ops::AvgPoolOptions;
use burn::tensor::{Device, Distribution, Tensor, TensorData};
use lung_kernels::{Geometry, Window};
pub(super) use mobilenet_lung::network::{
    Activation, BatchNorm, BatchNorms, Convolution, ConvolutionConfig,
};
use rayon::prelude::*;

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
            padding: 0,
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
    let window = Window {
        side: kernel,
        stride,
        padding,
        ceil,
    };
    lung_kernels::max_pool(input, window)
}

/// The mean of each 2 x 2 window.
pub(super) fn halve(input: Tensor<4>) -> Tensor<4> {
    avg_pool2d(input, AvgPoolOptions::new([2, 2]))
}

/// The mean of each channel: `[batch, channels, height, width]` to `[batch, channels]`.
pub(super) fn global_mean(input: Tensor<4>) -> Tensor<2> {
    input.flatten::<3>(2, 3).mean_dim(2).squeeze_dim(2)
}

/// Dropout of maps in training: a share `rate` of the numbers becomes 0, and the others grow as much as keeps the mean.
///
/// burn's own draws its numbers one after the other, which for SqueezeNet's last maps takes a tenth of a step. Here it draws 48 bits alone. The
/// rest follows from them and the place, by SplitMix64 (Steele, Lea and Flood 2014).
pub(super) fn drop_out(input: Tensor<4>, rate: f64) -> Tensor<4> {
    let device = input.device();
    if !device.is_autodiff() {
        return input;
    }
    let bits = || {
        let drawn: f32 = Tensor::<1>::random([1], Distribution::Default, &device).into_scalar();
        (drawn * (1 << 24) as f32) as u64
    };
    let seed = bits() << 24 | bits();
    let dims = input.dims();
    let factors = factors(seed, dims.iter().product(), rate);
    input * Tensor::from_data(TensorData::new(factors, dims), &device)
}

/// What dropout multiplies so many numbers with.
fn factors(seed: u64, count: usize, rate: f64) -> Vec<f32> {
    let kept = (1.0 / (1.0 - rate)) as f32;
    let limit = (rate * 2f64.powi(32)) as u64;
    (0..count as u64)
        .into_par_iter()
        .map(|place| match split_mix(seed.wrapping_add(place)) >> 32 {
            drawn if drawn < limit => 0.0,
            _ => kept,
        })
        .collect()
}

/// A number whose bits look random, of one that need not.
fn split_mix(place: u64) -> u64 {
    let mut z = place.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_numbers_of_split_mix_are_its_authors() {
        // Of the state 0, as in java.util.SplittableRandom and the reference code at prng.di.unimi.it.
        let numbers = [1, 2, 3].map(split_mix);
        let published = [
            0xe220_a839_7b1d_cdaf,
            0x6e78_9e6a_a1b9_65f4,
            0x06c4_5d18_8009_454f,
        ];
        assert_eq!(numbers, published);
    }

    #[test]
    fn dropout_keeps_the_mean_and_follows_the_seed() {
        let first = factors(7, 40_000, 0.25);
        assert_eq!(first, factors(7, 40_000, 0.25));
        assert_ne!(first, factors(8 << 24, 40_000, 0.25));
        let zeros = first.iter().filter(|factor| **factor == 0.0).count();
        // Five standard deviations are 433.
        assert!(zeros.abs_diff(10_000) < 433, "{zeros}");
        let others = first.iter().filter(|factor| **factor != 0.0);
        assert!(
            others
                .into_iter()
                .all(|factor| (factor - 4.0 / 3.0).abs() < 1e-6)
        );
    }

    #[test]
    fn dropout_is_for_training_alone() {
        let ones = |device: &Device| -> Vec<f32> {
            let maps = Tensor::<4>::ones([2, 16, 9, 9], device);
            drop_out(maps, 0.5).into_data().try_into_vec().unwrap()
        };
        assert!(ones(&Device::flex()).iter().all(|value| *value == 1.0));
        assert!(ones(&Device::flex().autodiff()).contains(&0.0));
    }
}
