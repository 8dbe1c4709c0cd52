//! Batch norm, for networks that start from scratch.

use burn::module::{Initializer, Module, Param, RunningState};
use burn::tensor::{Device, Tensor};
use lung_kernels::{Activation, Normalisation, Normalised};

/// PyTorch's defaults for batch norm.
const EPSILON: f32 = 1e-5;
const MOMENTUM: f64 = 0.1;

/// Whether a network has batch norms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BatchNorms {
    /// They are folded into the convolutions, as in the model that ships.
    #[default]
    Folded,
    /// Each convolution is followed by one: a start from scratch needs them.
    Kept,
}

/// Batch norm (Ioffe and Szegedy 2015, arXiv 1502.03167), and what follows.
///
/// In training (on a device with autodiff) with the statistics of the batch, which the running ones follow; else with the running ones.
#[derive(Module, Debug)]
pub struct BatchNorm {
    /// `[channels]`
    pub weight: Param<Tensor<1>>,
    /// `[channels]`
    pub bias: Param<Tensor<1>>,
    /// `[channels]`
    pub running_mean: RunningState<Tensor<1>>,
    /// `[channels]`, of the sample (n - 1), as PyTorch has it.
    pub running_var: RunningState<Tensor<1>>,
    #[module(skip)]
    activation: Activation,
}

impl BatchNorm {
    /// A norm that only divides by the deviation yet, and an activation after it.
    pub fn init(channels: usize, activation: Activation, device: &Device) -> Self {
        Self {
            weight: Initializer::Ones.init([channels], device),
            bias: Initializer::Zeros.init([channels], device),
            running_mean: RunningState::new(Tensor::zeros([channels], device)),
            running_var: RunningState::new(Tensor::ones([channels], device)),
            activation,
        }
    }

    /// `[batch, channels, height, width]` to the same shape.
    pub fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let (weight, bias) = (self.weight.val(), self.bias.val());
        let [batch, channels, height, width] = input.dims();
        if !input.device().is_autodiff() {
            // One line for each channel.
            let variance = self.running_var.value().add_scalar(EPSILON);
            let scale = weight.div(variance.sqrt());
            let shift = bias - self.running_mean.value() * scale.clone();
            let [scale, shift] = [scale, shift].map(|t| t.reshape([1, channels, 1, 1]));
            return self.activation.apply(input * scale + shift);
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
