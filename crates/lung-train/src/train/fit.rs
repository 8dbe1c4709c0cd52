//! One pass over batches: the loop of `lung train` and of `lung compare`.

use anyhow::ensure;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Tensor, TensorData};
use mobilenet_lung::network::TorchvisionNames;

use super::optimizer::{Optimizer, Rate};
use super::outcomes::predictions;
use crate::data::{Class, Dataset};
use crate::progress::begin;

/// The steps of one pass, and where they stand in their stage.
pub(crate) struct Batches<'a> {
    /// What each step sees, in numbers that only forward pass and targets know the meaning of.
    pub(crate) batches: Vec<&'a [usize]>,
    /// Passes of the stage before this one.
    pub(crate) epoch: usize,
    /// Passes of the stage.
    pub(crate) epochs: usize,
    /// Share of the stage in which the learning rates rise.
    pub(crate) warm_up: f64,
    /// What is shown beside the progress.
    pub(crate) title: String,
}

/// What a step's logits are to become.
pub(crate) struct Targets {
    /// The row of the true finding of each image.
    pub(crate) labels: Vec<usize>,
    /// A row for each image, of which all together sum to 1.
    pub(crate) shares: Vec<f32>,
}

/// Sums over a pass.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    loss: f64,
    correct: usize,
    images: usize,
    steps: usize,
}

impl Tally {
    /// Mean loss of the steps.
    pub(crate) fn loss(&self) -> f64 {
        self.loss / self.steps.max(1) as f64
    }

    /// Share of the images that were called rightly as they passed.
    pub(crate) fn accuracy(&self) -> f64 {
        self.correct as f64 / self.images.max(1) as f64
    }
}

/// A loss that is no number any more.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the loss is no longer a number: a learning rate is too high")]
pub(crate) struct Diverged;

/// What takes the network, the number of a step and its batch to logits.
pub(crate) type Forward<'a, N> = dyn Fn(&N, usize, &[usize]) -> anyhow::Result<Tensor<2>> + 'a;

/// The network after one pass, and what it came to.
///
/// `rate` takes a parameter's name and the share of the peak learning rate at a step to how the parameter is moved there.
///
/// # Errors
/// [`Diverged`]; what `forward` refuses; a device that does not give its numbers.
pub(crate) fn fit<'r, N: TorchvisionNames>(
    mut network: N,
    optimizer: &mut Optimizer,
    device: &Device,
    pass: &Batches<'_>,
    forward: &Forward<'_, N>,
    targets: &dyn Fn(&[usize]) -> Targets,
    rate: &dyn Fn(&str, f64) -> Rate<'r>,
) -> anyhow::Result<(N, Tally)> {
    let steps = pass.batches.len();
    let total = (pass.epochs * steps) as f64;
    let progress = begin(
        pass.batches.iter().map(|batch| batch.len()).sum(),
        &pass.title,
    );
    let mut tally = Tally::default();
    for (number, batch) in pass.batches.iter().enumerate() {
        let done = (pass.epoch * steps + number) as f64;
        let share = schedule(done / total, pass.warm_up);
        let logits = forward(&network, number, batch)?;
        let Targets { labels, shares } = targets(batch);
        let findings = logits.dims()[1];
        let shares =
            Tensor::<2>::from_data(TensorData::new(shares, [labels.len(), findings]), device);
        let loss = (log_softmax(logits.clone(), 1) * shares).sum().neg();
        let value: f32 = loss.clone().into_scalar();
        ensure!(value.is_finite(), Diverged);
        tally.loss += f64::from(value);
        tally.steps += 1;
        tally.images += labels.len();
        tally.correct += predictions(logits.inner())?
            .iter()
            .zip(&labels)
            .filter(|(got, want)| got == want)
            .count();
        network = optimizer.step(network, loss.backward(), &|name| rate(name, share))?;
        progress.inc(batch.len() as u64);
        progress.set_message(format!("{}, loss {:.3}", pass.title, tally.loss()));
    }
    progress.finish_and_clear();
    Ok((network, tally))
}

/// The targets of some examples: those of their classes, of which `smoothing` goes to all findings alike, each as heavy as `weight` says
/// of its finding.
pub(crate) fn targets(
    dataset: &Dataset,
    examples: &[usize],
    smoothing: f32,
    weight: &dyn Fn(usize) -> f32,
) -> Targets {
    let labels: Vec<usize> = (examples.iter())
        .map(|index| dataset.examples[*index].finding)
        .collect();
    let total: f32 = labels.iter().map(|label| weight(*label)).sum();
    let shares = (examples.iter())
        .flat_map(|index| {
            let class = dataset.class(*index);
            let share = weight(class.finding) / total;
            target(class, smoothing).map(move |part| part * share)
        })
        .collect();
    Targets { labels, shares }
}

/// The targets of some examples: the finding of each, less `smoothing`, which goes to all findings alike.
pub(crate) fn one_hot(dataset: &Dataset, examples: &[usize], smoothing: f32) -> Targets {
    let findings = dataset.findings.len();
    let labels: Vec<usize> = (examples.iter())
        .map(|index| dataset.examples[*index].finding)
        .collect();
    let share = 1.0 / labels.len().max(1) as f32;
    let even = smoothing / findings as f32;
    let target = |label: usize, row: usize| match row == label {
        true => even + 1.0 - smoothing,
        false => even,
    };
    let shares = (labels.iter())
        .flat_map(|label| (0..findings).map(move |row| target(*label, row) * share))
        .collect();
    Targets { labels, shares }
}

/// How the target of a class is divided among the findings, of which `smoothing` goes to all alike; sums to 1.
fn target(class: &Class, smoothing: f32) -> impl Iterator<Item = f32> {
    let even = smoothing / class.target.len() as f32;
    (class.target.iter()).map(move |share| even + (1.0 - smoothing) * share)
}

/// Share of the peak learning rate at `progress` (0..1): a line up, then half a cosine down.
fn schedule(progress: f64, warm_up: f64) -> f64 {
    if progress < warm_up {
        progress / warm_up
    } else {
        let rest = (progress - warm_up) / (1.0 - warm_up);
        0.5 * (1.0 + (std::f64::consts::PI * rest).cos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_learning_rate_rises_in_a_line_and_falls_as_a_cosine() {
        assert_eq!(schedule(0.0, 0.1), 0.0);
        assert!((schedule(0.05, 0.1) - 0.5).abs() < 1e-12);
        assert_eq!(schedule(0.1, 0.1), 1.0);
        assert!((schedule(0.55, 0.1) - 0.5).abs() < 1e-12);
        assert!(schedule(1.0, 0.1).abs() < 1e-12);
        assert_eq!(schedule(0.0, 0.0), 1.0);
    }
}
