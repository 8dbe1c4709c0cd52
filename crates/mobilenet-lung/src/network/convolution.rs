//! One convolution with what follows it: the only layer that MobileNetV2 is made of.

use burn::module::{Initializer, Module, Param};
use burn::tensor::{Device, Tensor};
use lung_kernels::{Activation, Geometry};

use super::norm::{BatchNorm, BatchNorms};

/// Size, stride and grouping of a [`Convolution`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvolutionConfig {
    /// Channels in.
    pub input: usize,
    /// Channels out.
    pub output: usize,
    /// Side of the square kernel.
    pub kernel: usize,
    /// Stride in both directions.
    pub stride: usize,
    /// Zeros on every side.
    pub padding: usize,
    /// 1, or the number of channels for a depthwise convolution.
    pub groups: usize,
    /// What follows.
    pub activation: Activation,
}

impl ConvolutionConfig {
    /// Padded by half of the kernel on every side, not grouped.
    pub const fn new(
        input: usize,
        output: usize,
        kernel: usize,
        stride: usize,
        activation: Activation,
    ) -> Self {
        Self {
            input,
            output,
            kernel,
            stride,
            padding: kernel / 2,
            groups: 1,
            activation,
        }
    }

    /// A 1 x 1 convolution of stride 1.
    pub const fn pointwise(input: usize, output: usize, activation: Activation) -> Self {
        Self::new(input, output, 1, 1, activation)
    }

    /// A 3 x 3 convolution of each channel by itself, with ReLU6.
    pub const fn depthwise(channels: usize, stride: usize) -> Self {
        Self {
            groups: channels,
            ..Self::new(channels, channels, 3, stride, Activation::Relu6)
        }
    }

    /// A layer with random weights, allocated when it is first used: a layer that is loaded from a file never is.
    ///
    /// Folded, its bias is zero and its weights are He et al.'s (2015, arXiv 1502.01852), fan in, with the gain of what follows: without
    /// batch norm to repair it, the variance has to survive by itself. With a norm they are torchvision's, fan out.
    pub fn init(&self, norms: BatchNorms, device: &Device) -> Convolution {
        let normal = |gain, fan_out_only| Initializer::KaimingNormal { gain, fan_out_only };
        match norms {
            BatchNorms::Folded => self.with_weights(normal(self.activation.gain(), false), device),
            BatchNorms::Kept => self.normed(normal(std::f64::consts::SQRT_2, true), device),
        }
    }

    /// A layer whose weights are drawn by `initializer`, with a bias of zero.
    pub fn with_weights(&self, initializer: Initializer, device: &Device) -> Convolution {
        Convolution {
            bias: Some(Initializer::Zeros.init([self.output], device)),
            ..self.without_bias(initializer, device)
        }
    }

    /// A layer whose weights are drawn by `initializer`, with a batch norm between it and the activation.
    pub fn normed(&self, initializer: Initializer, device: &Device) -> Convolution {
        let linear = Self {
            activation: Activation::Linear,
            ..*self
        };
        Convolution {
            norm: Some(BatchNorm::init(self.output, self.activation, device)),
            ..linear.without_bias(initializer, device)
        }
    }

    /// A layer whose weights are drawn by `initializer`, and no bias.
    pub fn without_bias(&self, initializer: Initializer, device: &Device) -> Convolution {
        let (per_group, area) = (self.input / self.groups, self.kernel * self.kernel);
        Convolution {
            // The fan out as PyTorch counts it: the groups do not lessen it.
            weight: initializer.init_with(
                [self.output, per_group, self.kernel, self.kernel],
                Some(per_group * area),
                Some(self.output * area),
                device,
            ),
            bias: None,
            norm: None,
            stride: self.stride,
            padding: self.padding,
            groups: self.groups,
            activation: self.activation,
        }
    }
}

/// A convolution, its bias or its batch norm, and what follows. Batch norm is folded into weight and bias where there is none.
#[derive(Module, Debug)]
pub struct Convolution {
    /// `[output, input / groups, kernel, kernel]`
    pub weight: Param<Tensor<4>>,
    /// `[output]`
    pub bias: Option<Param<Tensor<1>>>,
    /// After it, where there is one, with the activation.
    pub norm: Option<BatchNorm>,
    stride: usize,
    padding: usize,
    groups: usize,
    #[module(skip)]
    activation: Activation,
}

impl Convolution {
    /// How the kernel meets its input, and what follows; with a batch norm, what follows that is the norm's.
    pub fn geometry(&self) -> Geometry {
        Geometry {
            stride: self.stride,
            padding: self.padding,
            groups: self.groups,
            activation: self.activation,
        }
    }

    /// Zeros on every side of the input.
    pub fn padding(&self) -> usize {
        self.padding
    }

    /// `[batch, input, height, width]` to `[batch, output, ..]`; padded by half of its kernel, the sides are `ceil(height / stride)` and
    /// `ceil(width / stride)`.
    pub fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let output = self.convolve(input);
        match &self.norm {
            Some(norm) => norm.forward(output),
            None => output,
        }
    }

    fn convolve(&self, input: Tensor<4>) -> Tensor<4> {
        let weight = self.weight.val();
        let bias = match &self.bias {
            Some(bias) => bias.val(),
            None => Tensor::zeros([weight.dims()[0]], &input.device()),
        };
        lung_kernels::convolution(input, weight, bias, self.geometry())
    }
}
