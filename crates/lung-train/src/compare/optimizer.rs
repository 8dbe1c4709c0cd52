//! AdamW and the running average of the weights, in one pass over memory.
//!
//! burn's AdamW is a dozen operators over every parameter, each with a new tensor of its size. VGG11 has 129 million
//! numbers: composed like that, a step on them takes longer than the network itself.

use std::collections::HashMap;

use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use mobilenet_lung::network::TorchvisionNames;
use mobilenet_lung::{Array, StateDict};
use rayon::prelude::*;

use crate::networks::Network;

const BETA_1: f32 = 0.9;
const BETA_2: f32 = 0.999;
const EPSILON: f32 = 1e-8;

/// Numbers a task.
const CHUNK: usize = 1 << 14;

/// How a step changes the weights.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rates {
    /// Learning rate of what somebody else has trained.
    pub(super) pretrained: f64,
    /// Learning rate of what starts from scratch.
    pub(super) fresh: f64,
    /// AdamW's decay of weights; vectors (biases, norms) do not decay.
    pub(super) decay: f32,
}

/// What is remembered of one parameter.
struct Memory {
    name: String,
    shape: Vec<usize>,
    moment_1: Vec<f32>,
    moment_2: Vec<f32>,
    average: Vec<f32>,
}

/// AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101) with a running average of the weights (Polyak and Juditsky 1992,
/// with exponential forgetting). The running statistics of batch norms are averaged along.
pub(super) struct Optimizer {
    /// Decay of the average a step, 0..1.
    decay: f32,
    steps: i32,
    memory: HashMap<ParamId, Memory>,
}

impl Optimizer {
    pub(super) fn new(average: f32) -> Self {
        Self {
            decay: average,
            steps: 0,
            memory: HashMap::new(),
        }
    }

    /// One step. `fresh` says of a parameter's name whether it starts from scratch.
    ///
    /// # Errors
    /// When a device does not give its numbers.
    pub(super) fn step(
        &mut self,
        network: Network,
        gradients: Gradients,
        rates: Rates,
        fresh: &dyn Fn(&str) -> bool,
    ) -> anyhow::Result<Network> {
        // Short at first, so that the start of the training is forgotten.
        let steps = self.steps as f32;
        let keep = self.decay.min((1.0 + steps) / (10.0 + steps));
        self.steps += 1;
        let mut step = Step {
            path: Vec::new(),
            optimizer: self,
            gradients,
            rates,
            fresh,
            keep,
            error: None,
        };
        let network = network.map(&mut step);
        match step.error {
            Some(error) => Err(anyhow::anyhow!("cannot train further: {error}")),
            None => Ok(network),
        }
    }

    /// The averaged weights by name.
    pub(super) fn average(self) -> StateDict {
        self.memory
            .into_values()
            .map(|memory| {
                let array = Array {
                    shape: memory.shape,
                    values: memory.average,
                };
                (memory.name, array)
            })
            .collect()
    }
}

struct Step<'a> {
    path: Vec<String>,
    optimizer: &'a mut Optimizer,
    gradients: Gradients,
    rates: Rates,
    fresh: &'a dyn Fn(&str) -> bool,
    /// What the average keeps of itself.
    keep: f32,
    error: Option<String>,
}

impl ModuleMapper for Step<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let id = param.id;
        let gradient = param.val().grad_remove(&mut self.gradients);
        let path = &self.path;
        let memory = self.optimizer.memory.entry(id).or_insert_with(|| {
            let shape = param.val().dims().to_vec();
            let count: usize = shape.iter().product();
            Memory {
                name: Network::torchvision_name(path),
                shape,
                moment_1: vec![0.0; count],
                moment_2: vec![0.0; count],
                average: vec![0.0; count],
            }
        });
        let gradient = match gradient.map(|g| g.into_data().try_into_vec::<f32>()) {
            None => None,
            Some(Ok(values)) => Some(values),
            Some(Err(error)) => {
                self.error = Some(format!("the gradient of {}: {error:?}", memory.name));
                return param;
            }
        };
        let rate = if (self.fresh)(&memory.name) {
            self.rates.fresh
        } else {
            self.rates.pretrained
        };
        let adam = AdamW {
            rate: rate as f32,
            kept: (1.0 - rate * f64::from(if D > 1 { self.rates.decay } else { 0.0 })) as f32,
            bias_1: 1.0 - BETA_1.powi(self.optimizer.steps),
            bias_2: 1.0 - BETA_2.powi(self.optimizer.steps),
        };
        let (keep, error) = (self.keep, &mut self.error);
        param.map(|tensor| {
            let tracked = tensor.is_require_grad();
            let device: Device = tensor.device();
            let dims = tensor.dims();
            // Nothing else holds the numbers any more, so this moves them and copies none.
            let mut values = match tensor.inner().into_data().try_into_vec::<f32>() {
                Ok(values) => values,
                Err(reason) => {
                    *error = Some(format!("{}: {reason:?}", memory.name));
                    return Tensor::zeros(dims, &device);
                }
            };
            memory.update(&mut values, gradient.as_deref(), adam, keep);
            let tensor = Tensor::from_data(TensorData::new(values, dims), &device);
            if tracked {
                tensor.require_grad()
            } else {
                tensor
            }
        })
    }
}

/// The factors of one step for one parameter.
#[derive(Clone, Copy)]
struct AdamW {
    rate: f32,
    /// What the decay leaves.
    kept: f32,
    bias_1: f32,
    bias_2: f32,
}

impl Memory {
    /// Moves the parameter, where it has a gradient, and the average after it.
    fn update(&mut self, values: &mut [f32], gradient: Option<&[f32]>, adam: AdamW, keep: f32) {
        let Some(gradient) = gradient else {
            self.average
                .iter_mut()
                .zip(values)
                .for_each(|(average, value)| *average += (1.0 - keep) * (*value - *average));
            return;
        };
        (values.par_chunks_mut(CHUNK))
            .zip(gradient.par_chunks(CHUNK))
            .zip(self.moment_1.par_chunks_mut(CHUNK))
            .zip(self.moment_2.par_chunks_mut(CHUNK))
            .zip(self.average.par_chunks_mut(CHUNK))
            .for_each(|((((values, gradient), moment_1), moment_2), average)| {
                for ((((value, g), m), v), average) in values
                    .iter_mut()
                    .zip(gradient)
                    .zip(moment_1)
                    .zip(moment_2)
                    .zip(average)
                {
                    *m = *m * BETA_1 + g * (1.0 - BETA_1);
                    *v = *v * BETA_2 + g * g * (1.0 - BETA_2);
                    let step = (*m / adam.bias_1) / ((*v / adam.bias_2).sqrt() + EPSILON);
                    *value = *value * adam.kept - step * adam.rate;
                    *average += (1.0 - keep) * (*value - *average);
                }
            });
    }
}

#[cfg(test)]
mod tests {
    use burn::optim::{AdamWConfig, GradientsParams};
    use mobilenet_lung::state_dict;

    use super::*;
    use crate::networks::Architecture;

    /// The same steps with burn's optimizer, on a network with convolutions, biases and norms.
    #[test]
    fn the_steps_are_those_of_burn_s_adamw() {
        let device = Device::flex().autodiff();
        device.seed(1);
        let network = Architecture::ResNet18.init(false, &device);
        let before = state_dict(&network).unwrap();
        let images = Tensor::<4>::random(
            [2, 3, 32, 32],
            burn::tensor::Distribution::Normal(0.0, 1.0),
            &device,
        );
        let mut ours = network.clone();
        let mut optimizer = Optimizer::new(0.0);
        let mut theirs = network;
        // Nothing decays in both: burn's decides by group, which is another test.
        let mut adam = AdamWConfig::new()
            .with_weight_decay(0.0)
            .with_epsilon(EPSILON)
            .init();
        for _ in 0..3 {
            let gradients = ours.forward(images.clone()).powi_scalar(2).sum().backward();
            let rates = Rates {
                pretrained: 1e-3,
                fresh: 1e-3,
                decay: 0.0,
            };
            ours = optimizer.step(ours, gradients, rates, &|_| true).unwrap();
            let gradients = theirs
                .forward(images.clone())
                .powi_scalar(2)
                .sum()
                .backward();
            let gradients = GradientsParams::from_grads(gradients, &theirs);
            theirs = adam.step(1e-3, theirs, gradients);
        }
        let (ours, theirs) = (state_dict(&ours).unwrap(), state_dict(&theirs).unwrap());
        for (name, want) in theirs.iter().filter(|(name, _)| !name.contains("running")) {
            assert_ne!(before[name], ours[name], "{name}");
            for (got, want) in ours[name].values.iter().zip(&want.values) {
                // Three steps of at most 1e-3; the last bits of small gradients decide their sign.
                assert!((got - want).abs() < 2e-5, "{name}: {got}, {want}");
            }
        }
        // An average that keeps nothing is the last weights. (The two networks share their running statistics, which are no
        // weights: those have moved on.)
        let average = optimizer.average();
        for (name, array) in ours.iter().filter(|(name, _)| !name.contains("running")) {
            for (got, want) in average[name].values.iter().zip(&array.values) {
                assert!((got - want).abs() < 1e-6, "{name}");
            }
        }
    }

    #[test]
    fn one_step_by_hand() {
        let mut memory = Memory {
            name: String::new(),
            shape: vec![2],
            moment_1: vec![0.0; 2],
            moment_2: vec![0.0; 2],
            average: vec![10.0; 2],
        };
        let mut values = [1.0, -2.0];
        let adam = AdamW {
            rate: 0.1,
            kept: 0.99,
            bias_1: 1.0 - BETA_1,
            bias_2: 1.0 - BETA_2,
        };
        memory.update(&mut values, Some(&[0.5, -4.0]), adam, 0.75);
        // The first step goes the whole rate against the gradient's sign, after a decay of a hundredth.
        for (got, want) in values.iter().zip([0.99 - 0.1, -1.98 + 0.1]) {
            assert!((got - want).abs() < 1e-5, "{got}, {want}");
        }
        for (got, value) in memory.average.iter().zip(values) {
            assert!((got - (7.5 + 0.25 * value)).abs() < 1e-5);
        }
    }
}
