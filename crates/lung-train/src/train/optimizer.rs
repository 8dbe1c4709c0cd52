//! AdamW and the running average of the weights, in one pass over memory.
//!
//! burn's AdamW is a dozen operators over every parameter, each with a new tensor of its size. VGG11 has 129 million numbers: composed
//! like that, a step on them takes longer than the network itself.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::mem;

use anyhow::Context as _;
use burn::module::{ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Tensor, TensorData, Transaction};
use mobilenet_lung::network::TorchvisionNames;
use mobilenet_lung::{Array, StateDict};
use rayon::prelude::*;

const BETA_1: f32 = 0.9;
const BETA_2: f32 = 0.999;
const EPSILON: f32 = 1e-8;

/// Numbers a task.
const CHUNK: usize = 1 << 14;

/// How a step changes one parameter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate<'a> {
    /// Learning rate.
    pub(crate) rate: f64,
    /// AdamW's decay of weights; vectors (biases, norms) never decay.
    pub(crate) decay: f32,
    /// What each row of the parameter (its first dimension) multiplies its step and decay by, or the whole of it; 1 where there is none.
    pub(crate) scales: Option<&'a [f32]>,
}

/// What is remembered of one parameter.
#[derive(Default)]
struct Memory {
    /// Steps that it was moved by, which are fewer than those of the training where it was frozen first.
    steps: i32,
    shape: Vec<usize>,
    moment_1: Vec<f32>,
    moment_2: Vec<f32>,
    /// Empty before the first step: the average begins with what that makes.
    average: Vec<f32>,
}

/// AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101) with a running average of the weights (Polyak and Juditsky 1992, with exponential
/// forgetting). The running statistics of batch norms are averaged along.
pub(crate) struct Optimizer {
    /// Decay of the average a step, 0..1.
    decay: f32,
    /// Steps of the average.
    steps: u32,
    /// By torchvision's name of the parameter.
    memory: BTreeMap<String, Memory>,
}

/// What a parameter's memory is called in a file: `moment_1/features.0.0.weight`.
const STEPS: &str = "steps";
const MOMENT_1: &str = "moment_1";
const MOMENT_2: &str = "moment_2";
const AVERAGE: &str = "average";

impl Optimizer {
    /// One that has not moved anything; `average` is the decay of the average a step, 0..1.
    pub(crate) fn new(average: f32) -> Self {
        Self {
            decay: average,
            steps: 0,
            memory: BTreeMap::new(),
        }
    }

    /// One that goes on where [`Optimizer::state`] was taken, after so many [`Optimizer::steps`].
    ///
    /// # Errors
    /// A state that a part is missing from, or of other sizes.
    pub(crate) fn from_state(average: f32, steps: u32, state: &StateDict) -> anyhow::Result<Self> {
        let mut memory = BTreeMap::new();
        for (key, average) in state {
            let Some((AVERAGE, name)) = key.split_once('/') else {
                continue;
            };
            let of = |part: &str| {
                let array = state.get(&format!("{part}/{name}"));
                array.map_or_else(Vec::new, |array| array.values.clone())
            };
            let own = Memory {
                steps: of(STEPS).first().map_or(0, |steps| *steps as i32),
                shape: average.shape.clone(),
                moment_1: of(MOMENT_1),
                moment_2: of(MOMENT_2),
                average: average.values.clone(),
            };
            // None while it was frozen.
            let whole = match own.steps {
                0 => 0,
                _ => own.average.len(),
            };
            anyhow::ensure!(
                [own.moment_1.len(), own.moment_2.len()] == [whole; 2],
                "what the optimizer remembers of `{name}` is of another size"
            );
            memory.insert(name.to_owned(), own);
        }
        Ok(Self {
            decay: average,
            steps,
            memory,
        })
    }

    /// Steps of the average since the optimizer was made, or made anew.
    pub(crate) fn steps(&self) -> u32 {
        self.steps
    }

    /// All that it remembers, by name.
    pub(crate) fn state(&self) -> StateDict {
        let mut state = StateDict::new();
        for (name, memory) in &self.memory {
            let mut add = |part: &str, shape: &[usize], values: &[f32]| {
                let array = Array {
                    shape: shape.to_vec(),
                    values: values.to_vec(),
                };
                state.insert(format!("{part}/{name}"), array);
            };
            add(AVERAGE, &memory.shape, &memory.average);
            if memory.steps > 0 {
                // A training has far fewer steps than an f32 counts exactly.
                add(STEPS, &[1], &[memory.steps as f32]);
                add(MOMENT_1, &memory.shape, &memory.moment_1);
                add(MOMENT_2, &memory.shape, &memory.moment_2);
            }
        }
        state
    }

    /// Forgets the moments, which were gathered at other learning rates, and lets the average forget as fast as at the start.
    pub(crate) fn begin_anew(&mut self) {
        self.steps = 0;
        for memory in self.memory.values_mut() {
            memory.steps = 0;
            memory.moment_1.clear();
            memory.moment_2.clear();
        }
    }

    /// The network after one step. `rate` says how a parameter of a name is moved; one without a gradient is not.
    ///
    /// # Errors
    /// When a device does not give its numbers.
    pub(crate) fn step<'r, N: TorchvisionNames>(
        &mut self,
        network: N,
        gradients: Gradients,
        rate: &dyn Fn(&str) -> Rate<'r>,
    ) -> anyhow::Result<N> {
        // Short at first, so that the start of the training is forgotten.
        let steps = self.steps as f32;
        let keep = self.decay.min((1.0 + steps) / (10.0 + steps));
        self.steps += 1;
        let (gradients, values) = read(&network, gradients)?;
        let mut step = Step::<'_, 'r, N> {
            path: Vec::new(),
            memory: &mut self.memory,
            gradients,
            values,
            rate,
            keep,
            error: None,
            network: PhantomData,
        };
        let network = network.map(&mut step);
        match step.error {
            Some(error) => Err(error),
            None => Ok(network),
        }
    }

    /// The averaged weights by name; none before the first step.
    pub(crate) fn average(&self) -> StateDict {
        (self.memory.iter())
            .map(|(name, memory)| {
                let array = Array {
                    shape: memory.shape.clone(),
                    values: memory.average.clone(),
                };
                (name.clone(), array)
            })
            .collect()
    }

    /// Whether every averaged weight is a number.
    pub(crate) fn is_finite(&self) -> bool {
        let finite = |memory: &Memory| memory.average.iter().all(|value| value.is_finite());
        self.memory.values().all(finite)
    }
}

/// Numbers by the name of their parameter.
type Numbers = BTreeMap<String, Vec<f32>>;

/// The gradients of a step, and on another device than the CPU the parameters too, all of them read at once: each reading by itself waits for
/// the device.
///
/// # Errors
/// When the device does not give its numbers.
fn read<N: TorchvisionNames>(
    network: &N,
    gradients: Gradients,
) -> anyhow::Result<(Numbers, Numbers)> {
    let mut reader = Reader::<N> {
        path: Vec::new(),
        gradients,
        names: Vec::new(),
        transaction: Transaction::default(),
        network: PhantomData,
    };
    network.visit(&mut reader);
    let read = (reader.transaction.try_execute())
        .map_err(|error| anyhow::anyhow!("{error:?}"))
        .context("cannot train further: the device does not give its numbers")?;
    let (mut gradients, mut values) = (Numbers::new(), Numbers::new());
    for ((what, name), data) in reader.names.into_iter().zip(read) {
        let numbers = numbers(data, &name)?;
        match what {
            What::Gradient => gradients.insert(name, numbers),
            What::Value => values.insert(name, numbers),
        };
    }
    Ok((gradients, values))
}

fn numbers(data: TensorData, name: &str) -> anyhow::Result<Vec<f32>> {
    data.try_into_vec::<f32>()
        .map_err(|error| anyhow::anyhow!("cannot train further: {name}: {error:?}"))
}

/// What is read of a parameter.
enum What {
    Gradient,
    Value,
}

struct Reader<N> {
    path: Vec<String>,
    gradients: Gradients,
    /// What the transaction reads, in its order.
    names: Vec<(What, String)>,
    transaction: Transaction,
    network: PhantomData<N>,
}

impl<N> Reader<N> {
    fn register<const D: usize>(&mut self, what: What, name: String, tensor: Tensor<D>) {
        self.names.push((what, name));
        self.transaction = mem::take(&mut self.transaction).register(tensor);
    }
}

impl<N: TorchvisionNames> ModuleVisitor for Reader<N> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let name = N::torchvision_name(&self.path);
        let tensor = param.val();
        if let Some(gradient) = tensor.grad_remove(&mut self.gradients) {
            self.register(What::Gradient, name.clone(), gradient);
        }
        let values = tensor.inner();
        // On the CPU the step moves them, and a second hold on them would make that a copy.
        if values.device() != Device::flex() {
            self.register(What::Value, name, values);
        }
    }
}

struct Step<'a, 'r, N> {
    path: Vec<String>,
    memory: &'a mut BTreeMap<String, Memory>,
    gradients: Numbers,
    /// Of the parameters that are not on the CPU.
    values: Numbers,
    rate: &'a dyn Fn(&str) -> Rate<'r>,
    /// What the average keeps of itself.
    keep: f32,
    error: Option<anyhow::Error>,
    network: PhantomData<N>,
}

impl<N: TorchvisionNames> ModuleMapper for Step<'_, '_, N> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = N::torchvision_name(&self.path);
        let gradient = self.gradients.remove(&name);
        let read = self.values.remove(&name);
        let (keep, error) = (self.keep, &mut self.error);
        let how = (self.rate)(&name);
        let memory = self.memory.entry(name.clone()).or_default();
        param.map(|tensor| {
            let tracked = tensor.is_require_grad();
            let device: Device = tensor.device();
            let dims = tensor.dims();
            let values = match read {
                Some(values) => Ok(values),
                // Nothing else holds the numbers any more, so this moves them and copies none.
                None => numbers(tensor.inner().into_data(), &name),
            };
            let mut values = match values {
                Ok(values) => values,
                Err(reason) => {
                    error.get_or_insert(reason);
                    return Tensor::zeros(dims, &device);
                }
            };
            memory.shape = dims.to_vec();
            match &gradient {
                Some(gradient) => {
                    let decay = if D > 1 { how.decay } else { 0.0 };
                    memory.step(&mut values, gradient, Rate { decay, ..how }, keep);
                }
                None => memory.follow(&values, keep),
            }
            let tensor = Tensor::from_data(TensorData::new(values, dims), &device);
            if tracked {
                tensor.require_grad()
            } else {
                tensor
            }
        })
    }
}

impl Memory {
    /// Moves a parameter against its gradient, and the average after it.
    fn step(&mut self, values: &mut [f32], gradient: &[f32], how: Rate<'_>, keep: f32) {
        self.steps += 1;
        self.moment_1.resize(values.len(), 0.0);
        self.moment_2.resize(values.len(), 0.0);
        let is_first = self.average.is_empty();
        self.average.resize(values.len(), 0.0);
        let bias_1 = 1.0 - BETA_1.powi(self.steps);
        let bias_2 = 1.0 - BETA_2.powi(self.steps);
        let rate = how.rate as f32;
        let lost = (how.rate * f64::from(how.decay)) as f32;
        let row = match how.scales {
            Some(scales) => values.len().div_ceil(scales.len().max(1)),
            None => CHUNK,
        }
        .max(1);
        (values.par_chunks_mut(row))
            .zip(gradient.par_chunks(row))
            .zip(self.moment_1.par_chunks_mut(row))
            .zip(self.moment_2.par_chunks_mut(row))
            .zip(self.average.par_chunks_mut(row))
            .enumerate()
            .with_min_len(CHUNK.div_ceil(row))
            .for_each(
                |(number, ((((values, gradient), moment_1), moment_2), average))| {
                    let scale = how.scales.and_then(|scales| scales.get(number));
                    let scale = scale.copied().unwrap_or(1.0);
                    let (rate, kept) = (rate * scale, 1.0 - lost * scale);
                    let moments = moment_1.iter_mut().zip(moment_2);
                    let numbers = values.iter_mut().zip(gradient).zip(moments);
                    for (((value, g), (m, v)), average) in numbers.zip(average) {
                        *m = *m * BETA_1 + g * (1.0 - BETA_1);
                        *v = *v * BETA_2 + g * g * (1.0 - BETA_2);
                        let step = (*m / bias_1) / ((*v / bias_2).sqrt() + EPSILON);
                        *value = *value * kept - step * rate;
                        *average += (1.0 - keep) * (*value - *average);
                    }
                },
            );
        if is_first {
            self.average.copy_from_slice(values);
        }
    }

    /// Moves the average after the values.
    fn follow(&mut self, values: &[f32], keep: f32) {
        if self.average.is_empty() {
            self.average = values.to_vec();
            return;
        }
        (self.average.par_chunks_mut(CHUNK))
            .zip(values.par_chunks(CHUNK))
            .for_each(|(average, values)| {
                for (average, value) in average.iter_mut().zip(values) {
                    *average += (1.0 - keep) * (*value - *average);
                }
            });
    }
}

#[cfg(test)]
mod tests;
