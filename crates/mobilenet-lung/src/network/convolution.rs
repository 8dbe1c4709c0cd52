//! One convolution with its bias and clamp: the only layer that MobileNetV2 is made of.

use burn::module::{Initializer, Module, Param};
use burn::tensor::{Device, Tensor};
use lung_kernels::{Activation, Geometry};

/// Size, stride and grouping of a [`Convolution`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvolutionConfig {
    /// Channels in.
    pub input: usize,
    /// Channels out.
    pub output: usize,
    /// Side of the square kernel; it is padded by `kernel / 2` on every side.
    pub kernel: usize,
    /// Stride in both directions.
    pub stride: usize,
    /// 1, or the number of channels for a depthwise convolution.
    pub groups: usize,
    /// What follows.
    pub activation: Activation,
}

impl ConvolutionConfig {
    /// A 1 x 1 convolution of stride 1.
    pub const fn pointwise(input: usize, output: usize, activation: Activation) -> Self {
        Self {
            input,
            output,
            kernel: 1,
            stride: 1,
            groups: 1,
            activation,
        }
    }

    /// A 3 x 3 convolution of each channel by itself, with ReLU6.
    pub const fn depthwise(channels: usize, stride: usize) -> Self {
        Self {
            input: channels,
            output: channels,
            kernel: 3,
            stride,
            groups: channels,
            activation: Activation::Relu6,
        }
    }

    /// A layer with random weights and zero bias, allocated when it is first used: a layer that is loaded from a file
    /// never is.
    ///
    /// He et al. 2015 (arXiv 1502.01852), fan in, with the gain of what follows: without batch norm to repair it, the
    /// variance has to survive by itself.
    pub fn init(&self, device: &Device) -> Convolution {
        let per_group = self.input / self.groups;
        let area = self.kernel * self.kernel;
        Convolution {
            weight: Initializer::KaimingNormal {
                gain: self.activation.gain(),
                fan_out_only: false,
            }
            .init_with(
                [self.output, per_group, self.kernel, self.kernel],
                Some(per_group * area),
                Some(self.output * area),
                device,
            ),
            bias: Initializer::Zeros.init([self.output], device),
            stride: self.stride,
            groups: self.groups,
            activation: self.activation,
        }
    }
}

/// A convolution with batch norm folded into weight and bias, and what follows it.
#[derive(Module, Debug)]
pub struct Convolution {
    /// `[output, input / groups, kernel, kernel]`
    pub weight: Param<Tensor<4>>,
    /// `[output]`
    pub bias: Param<Tensor<1>>,
    stride: usize,
    groups: usize,
    #[module(skip)]
    activation: Activation,
}

impl Convolution {
    /// How the kernel meets its input, and what follows.
    pub fn geometry(&self) -> Geometry {
        Geometry {
            stride: self.stride,
            groups: self.groups,
            activation: self.activation,
        }
    }

    /// `[batch, input, height, width]` to `[batch, output, ceil(height / stride), ceil(width / stride)]`.
    pub fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let (weight, bias) = (self.weight.val(), self.bias.val());
        lung_kernels::convolution(input, weight, bias, self.geometry())
    }
}
