//! The layers that the networks are made of, with torchvision's parameters and first values.

use burn::module::{Initializer, Module, Param, RunningState};
use burn::tensor::activation::relu;
use burn::tensor::module::{avg_pool2d, conv2d, max_pool2d};
use burn::tensor::ops::{AvgPoolOptions, ConvOptions, MaxPoolOptions};
use burn::tensor::{Device, Tensor};
pub(super) use lung_kernels::Activation;
use lung_kernels::{Geometry, Normalisation, Normalised};

/// How many findings the networks tell apart: the paper's three.
pub const FINDINGS: usize = 3;

/// PyTorch's defaults for batch norm.
const EPSILON: f32 = 1e-5;
const MOMENTUM: f64 = 0.1;

/// What an activation makes of a map.
fn activate(activation: Activation, input: Tensor<4>) -> Tensor<4> {
    match activation {
        Activation::Linear => input,
        Activation::Relu => relu(input),
        Activation::Relu6 => input.clamp(0.0, 6.0),
    }
}

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

/// Sizes of a [`Conv`].
#[derive(Clone, Copy, Debug)]
pub(super) struct ConvConfig {
    pub(super) input: usize,
    pub(super) output: usize,
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) padding: usize,
    pub(super) groups: usize,
    pub(super) activation: Activation,
}

impl ConvConfig {
    /// Padded by half of the kernel on every side, not grouped.
    pub(super) const fn new(
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

    /// 3 x 3, each channel by itself.
    pub(super) const fn depthwise(channels: usize, stride: usize, activation: Activation) -> Self {
        Self {
            groups: channels,
            ..Self::new(channels, channels, 3, stride, activation)
        }
    }

    fn fans(&self) -> (usize, usize) {
        let area = self.kernel * self.kernel;
        // As PyTorch counts them: the groups do not lessen the fan out.
        (self.input / self.groups * area, self.output * area)
    }

    /// A convolution with bias 0 and weights of the fan in's variance.
    ///
    /// Without batch norm to repair it, the variance has to survive by itself.
    pub(super) fn init(&self, device: &Device) -> Conv {
        self.with_weights(
            Initializer::KaimingNormal {
                gain: self.activation.gain(),
                fan_out_only: false,
            },
            true,
            device,
        )
    }

    /// A convolution whose weights are drawn by `initializer`.
    pub(super) fn with_weights(
        &self,
        initializer: Initializer,
        bias: bool,
        device: &Device,
    ) -> Conv {
        let (fan_in, fan_out) = self.fans();
        Conv {
            weight: initializer.init_with(
                [
                    self.output,
                    self.input / self.groups,
                    self.kernel,
                    self.kernel,
                ],
                Some(fan_in),
                Some(fan_out),
                device,
            ),
            bias: bias.then(|| Initializer::Zeros.init([self.output], device)),
            stride: self.stride,
            padding: self.padding,
            groups: self.groups,
            activation: self.activation,
        }
    }

    /// With `norm`, a convolution without bias, weights of the fan out's variance as torchvision draws them, and a
    /// batch norm before the activation; else [`ConvConfig::init`].
    pub(super) fn normed(&self, norm: bool, device: &Device) -> ConvNorm {
        if !norm {
            return ConvNorm {
                conv: self.init(device),
                norm: None,
            };
        }
        let linear = Self {
            activation: Activation::Linear,
            ..*self
        };
        ConvNorm {
            conv: linear.with_weights(
                Initializer::KaimingNormal {
                    gain: std::f64::consts::SQRT_2,
                    fan_out_only: true,
                },
                false,
                device,
            ),
            norm: Some(BatchNorm::init(self.output, self.activation, device)),
        }
    }
}

/// A convolution, its bias where it has one, and what follows.
#[derive(Module, Debug)]
pub(super) struct Conv {
    /// `[output, input / groups, kernel, kernel]`
    pub(super) weight: Param<Tensor<4>>,
    /// `[output]`
    pub(super) bias: Option<Param<Tensor<1>>>,
    stride: usize,
    padding: usize,
    groups: usize,
    #[module(skip)]
    activation: Activation,
}

impl Conv {
    /// `[batch, input, height, width]` to `[batch, output, ..]`.
    pub(super) fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let weight = self.weight.val();
        let [output, _, kernel, _] = weight.dims();
        let geometry = Geometry {
            stride: self.stride,
            groups: self.groups,
            activation: self.activation,
        };
        if self.padding == kernel / 2 {
            let bias = match &self.bias {
                Some(bias) => bias.val(),
                None => Tensor::zeros([output], &input.device()),
            };
            return lung_kernels::convolution(input, weight, bias, geometry);
        }
        let output = conv2d(
            input,
            weight,
            self.bias.as_ref().map(Param::val),
            ConvOptions::new([self.stride; 2], [self.padding; 2], [1, 1], self.groups),
        );
        activate(self.activation, output)
    }

    pub(super) fn walk(&self, walk: Walk) -> Walk {
        let [output, per_group, kernel, _] = self.weight.lazy_shape().dims();
        let walk = walk.window(kernel, self.stride, self.padding);
        walk.costs(output * per_group * kernel * kernel * walk.side * walk.side)
    }
}

/// Batch norm (Ioffe and Szegedy 2015, arXiv 1502.03167), and what follows.
///
/// In training (on a device with autodiff) with the statistics of the batch, which the running ones follow; else with
/// the running ones.
#[derive(Module, Debug)]
pub(super) struct BatchNorm {
    /// `[channels]`
    pub(super) weight: Param<Tensor<1>>,
    /// `[channels]`
    pub(super) bias: Param<Tensor<1>>,
    /// `[channels]`
    pub(super) running_mean: RunningState<Tensor<1>>,
    /// `[channels]`, of the sample (n - 1), as PyTorch has it.
    pub(super) running_var: RunningState<Tensor<1>>,
    #[module(skip)]
    activation: Activation,
}

impl BatchNorm {
    pub(super) fn init(channels: usize, activation: Activation, device: &Device) -> Self {
        Self {
            weight: Initializer::Ones.init([channels], device),
            bias: Initializer::Zeros.init([channels], device),
            running_mean: RunningState::new(Tensor::zeros([channels], device)),
            running_var: RunningState::new(Tensor::ones([channels], device)),
            activation,
        }
    }

    /// `[batch, channels, height, width]` to the same shape.
    pub(super) fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let (weight, bias) = (self.weight.val(), self.bias.val());
        let [batch, channels, height, width] = input.dims();
        if !input.device().is_autodiff() {
            // One line for each channel.
            let variance = self.running_var.value().add_scalar(EPSILON);
            let scale = weight.div(variance.sqrt());
            let shift = bias - self.running_mean.value() * scale.clone();
            let [scale, shift] = [scale, shift].map(|t| t.reshape([1, channels, 1, 1]));
            return activate(self.activation, input * scale + shift);
        }
        let how = Normalisation {
            epsilon: EPSILON,
            activation: self.activation,
        };
        let Normalised {
            output,
            mean,
            variance,
        } = lung_kernels::normalise(input, weight, bias, how);
        let count = (batch * height * width) as f64;
        let of_the_sample = count / (count - 1.0).max(1.0);
        follow(&self.running_mean, mean);
        follow(&self.running_var, variance.mul_scalar(of_the_sample));
        output
    }
}

/// Moves a running statistic towards that of a batch.
fn follow(running: &RunningState<Tensor<1>>, batch: Tensor<1>) {
    let next = running
        .value_sync()
        .mul_scalar(1.0 - MOMENTUM)
        .add(batch.detach().mul_scalar(MOMENTUM));
    running.update(next.detach());
    // Whoever visits the module sees what is synchronised.
    running.value_sync();
}

/// A convolution and its batch norm, or one convolution that the norm was folded into.
#[derive(Module, Debug)]
pub(super) struct ConvNorm {
    pub(super) conv: Conv,
    pub(super) norm: Option<BatchNorm>,
}

impl ConvNorm {
    pub(super) fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let output = self.conv.forward(input);
        match &self.norm {
            Some(norm) => norm.forward(output),
            None => output,
        }
    }

    pub(super) fn walk(&self, walk: Walk) -> Walk {
        self.conv.walk(walk)
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

    pub(super) fn walk(&self, walk: Walk) -> Walk {
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
