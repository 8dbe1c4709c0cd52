//! One network, trained once and tested once.

use std::time::Instant;

use anyhow::{Context as _, ensure};
use burn::module::Module;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Tensor, TensorData};
use mobilenet_lung::{Preprocessing, load_state_dict, state_dict};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::optimizer::{Optimizer, Rates};
use super::{Protocol, Recipe};
use crate::data::{Dataset, Pixels, Split};
use crate::networks::{Architecture, FINDINGS, Network};
use crate::progress::begin;
use crate::train::{rows, schedule};

/// Which cell of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// The network.
    pub network: Architecture,
    /// Whether it starts from somebody else's weights.
    pub pretrained: bool,
    /// How images are divided.
    pub protocol: Protocol,
    /// Which division.
    pub fold: usize,
    /// Seed of first weights, order, augmentation and dropout.
    pub seed: u64,
}

impl Cell {
    /// The name of its file, without `.json`.
    pub fn name(&self) -> String {
        format!(
            "{}-{}-{}-fold{}-seed{}",
            self.network,
            if self.pretrained {
                "pretrained"
            } else {
                "scratch"
            },
            self.protocol.name(),
            self.fold,
            self.seed
        )
    }
}

/// Where a network's weights come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Name of the weights file.
    pub file: String,
    /// Hex digits of the sha256 of its content.
    pub sha256: String,
    /// Parameters of the body that it lacks, by name.
    pub fresh: Vec<String>,
    /// Whether the network is without batch norms, as the file is.
    pub folded: bool,
}

/// One test image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tested {
    /// Its file under the data folder.
    pub file: String,
    /// Id of what it is.
    pub truth: String,
    /// Id of what it was called.
    pub called: String,
    /// Probability of each finding, not calibrated, in the order of the findings.
    pub probabilities: Vec<f32>,
}

/// What came of a cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Which cell.
    pub cell: Cell,
    /// Where the weights came from; `None` from scratch.
    pub origin: Option<Origin>,
    /// Images trained on, validated on, tested on.
    pub images: [usize; 3],
    /// Mean loss of each epoch.
    pub train_loss: Vec<f64>,
    /// Share of the validation images called rightly at the end; nothing was chosen by it.
    pub validation_accuracy: Option<f64>,
    /// Every test image, in the order of the files.
    pub tested: Vec<Tested>,
    /// Wall clock of training and test.
    pub seconds: f64,
}

/// What a cell is trained with.
pub(super) struct Material<'a> {
    pub(super) recipe: &'a Recipe,
    pub(super) dataset: &'a Dataset,
    pub(super) pixels: &'a Pixels,
    pub(super) split: &'a Split,
}

/// Trains and tests `network`, of which `origin` says what is pretrained. Everything random comes from the cell's seed.
pub(super) fn run(
    cell: Cell,
    network: Network,
    origin: Option<Origin>,
    material: &Material<'_>,
) -> anyhow::Result<Outcome> {
    let start = Instant::now();
    let Material {
        recipe,
        dataset,
        pixels,
        split,
    } = material;
    let readable = |part: &[usize]| -> Vec<usize> {
        part.iter()
            .copied()
            .filter(|index| pixels.get(*index).is_some())
            .collect()
    };
    let (train, validation, test) = (
        readable(&split.train),
        readable(&split.validation),
        readable(&split.test),
    );
    ensure!(
        !train.is_empty() && !test.is_empty(),
        "no readable image is left to train or test on"
    );
    let head = cell.network.head();
    let fresh = |name: &str| match &origin {
        None => true,
        Some(origin) => {
            name.starts_with(head)
                || name.contains(".attention.")
                || origin.fresh.iter().any(|fresh| fresh == name)
        }
    };
    let mut trainer = Trainer {
        recipe,
        dataset,
        pixels,
        device: Device::flex().autodiff(),
        optimizer: Optimizer::new(recipe.average),
    };
    let mut network = network;
    let mut train_loss = Vec::with_capacity(recipe.epochs);
    for epoch in 0..recipe.epochs {
        let loss;
        (network, loss) = trainer.epoch(network, &train, cell, epoch, &fresh)?;
        train_loss.push(loss);
    }
    let network = load_state_dict(network.valid(), &trainer.optimizer.average(), false)?;
    let tested = classify(&network, &test, material)?;
    let watched = classify(&network, &validation, material)?;
    Ok(Outcome {
        cell,
        origin,
        images: [train.len(), validation.len(), test.len()],
        train_loss,
        validation_accuracy: (!watched.is_empty()).then(|| {
            let right = watched.iter().filter(|image| image.truth == image.called);
            right.count() as f64 / watched.len() as f64
        }),
        tested,
        seconds: start.elapsed().as_secs_f64(),
    })
}

struct Trainer<'a> {
    recipe: &'a Recipe,
    dataset: &'a Dataset,
    pixels: &'a Pixels,
    device: Device,
    optimizer: Optimizer,
}

impl Trainer<'_> {
    /// The network after one pass over `train`, and the mean loss.
    fn epoch(
        &mut self,
        mut network: Network,
        train: &[usize],
        cell: Cell,
        epoch: usize,
        fresh: &dyn Fn(&str) -> bool,
    ) -> anyhow::Result<(Network, f64)> {
        // A stream an epoch: a cell is the same whatever was trained before it.
        let mut rng = ChaCha8Rng::seed_from_u64(cell.seed);
        rng.set_stream(epoch as u64 + 1);
        let mut order = train.to_vec();
        order.shuffle(&mut rng);
        let batches = batches(&order, self.recipe.batch);
        let total = (self.recipe.epochs * batches.len()) as f64;
        let progress = begin(batches.len(), &cell.name());
        let mut sum = 0.0;
        for (number, batch) in batches.iter().enumerate() {
            let shape = schedule(
                (epoch * batches.len() + number) as f64 / total,
                self.recipe.warm_up,
            );
            let rates = Rates {
                pretrained: self.recipe.learning_rate * shape,
                fresh: self.recipe.fresh_learning_rate * shape,
                decay: self.recipe.weight_decay,
            };
            let images = self.augmented(batch, &rng, number)?;
            let loss = self.loss(network.forward(images), batch);
            let value: f32 = loss.clone().into_scalar();
            ensure!(
                value.is_finite(),
                "{}: the loss is no longer a number; lower the learning rates",
                cell.name()
            );
            sum += f64::from(value);
            network = self
                .optimizer
                .step(network, loss.backward(), rates, fresh)?;
            progress.inc(1);
            progress.set_message(format!(
                "{}, epoch {} of {}, loss {:.3}",
                cell.name(),
                epoch + 1,
                self.recipe.epochs,
                sum / (number + 1) as f64
            ));
        }
        progress.finish_and_clear();
        Ok((network, sum / batches.len().max(1) as f64))
    }

    /// Mean cross-entropy with label smoothing.
    fn loss(&self, logits: Tensor<2>, batch: &[usize]) -> Tensor<1> {
        let smoothing = self.recipe.label_smoothing;
        let spread = smoothing / FINDINGS as f32;
        let targets: Vec<f32> = batch
            .iter()
            .flat_map(|index| {
                let truth = self.dataset.examples[*index].finding;
                (0..FINDINGS).map(move |row| match row == truth {
                    true => spread + 1.0 - smoothing,
                    false => spread,
                })
            })
            .collect();
        let targets = Tensor::<2>::from_data(
            TensorData::new(targets, [batch.len(), FINDINGS]),
            &self.device,
        );
        (log_softmax(logits, 1) * targets)
            .sum()
            .neg()
            .div_scalar(batch.len() as f64)
    }

    /// Images each changed at random, `[batch, 3, side, side]`.
    fn augmented(
        &self,
        batch: &[usize],
        rng: &ChaCha8Rng,
        number: usize,
    ) -> anyhow::Result<Tensor<4>> {
        inputs(
            self.pixels,
            batch,
            &self.device,
            |pixels, preprocessing, place| {
                // A stretch of the epoch's stream for each image, whichever thread it falls to.
                let mut rng = rng.clone();
                rng.set_word_pos(((number * self.recipe.batch + place + 1) as u128) << 24);
                self.recipe.augmentation.input(
                    pixels,
                    preprocessing,
                    preprocessing.side as usize,
                    &mut rng,
                )
            },
        )
    }
}

/// Batches in order. What is left over at the end is a batch of its own only if it is no less than half of one: the
/// statistics of a few images are none to normalise by.
fn batches(order: &[usize], batch: usize) -> Vec<&[usize]> {
    let mut batches: Vec<&[usize]> = order.chunks(batch).collect();
    if batches.len() > 1 && batches.last().is_some_and(|last| last.len() * 2 < batch) {
        batches.pop();
    }
    batches
}

/// Calls every image, in order.
fn classify(
    network: &Network,
    indices: &[usize],
    material: &Material<'_>,
) -> anyhow::Result<Vec<Tested>> {
    let device = Device::flex();
    let mut tested = Vec::with_capacity(indices.len());
    for batch in indices.chunks(material.recipe.batch) {
        let images = inputs(
            material.pixels,
            batch,
            &device,
            |pixels, preprocessing, _| {
                let grey: Vec<f32> = pixels.iter().map(|p| f32::from(*p) / 255.0).collect();
                let mut out = Vec::with_capacity(grey.len() * 3);
                preprocessing.normalise_into(&grey, &mut out);
                out
            },
        )?;
        for (logits, index) in rows(network.forward(images))?.iter().zip(batch) {
            let example = &material.dataset.examples[*index];
            tested.push(Tested {
                file: example.file.clone(),
                truth: material.dataset.id(example.finding).to_owned(),
                called: material.dataset.id(crate::train::top(logits)).to_owned(),
                probabilities: mobilenet_lung::softmax(logits, 1.0),
            });
        }
    }
    Ok(tested)
}

/// Network inputs of some images, `[batch, 3, side, side]`.
fn inputs(
    pixels: &Pixels,
    batch: &[usize],
    device: &Device,
    make: impl Fn(&[u8], &Preprocessing, usize) -> Vec<f32> + Sync,
) -> anyhow::Result<Tensor<4>> {
    let preprocessing = pixels.preprocessing;
    let side = preprocessing.side as usize;
    let inputs: Vec<Vec<f32>> = batch
        .par_iter()
        .enumerate()
        .map(|(place, index)| {
            let pixels = pixels.get(*index).context("an image was not loaded")?;
            Ok(make(pixels, &preprocessing, place))
        })
        .collect::<anyhow::Result<_>>()?;
    Ok(Tensor::from_data(
        TensorData::new(inputs.concat(), [batch.len(), 3, side, side]),
        device,
    ))
}

/// Draws every weight that is still to be drawn, now and in one order.
pub(super) fn drawn(network: Network) -> anyhow::Result<Network> {
    state_dict(&network)?;
    Ok(network)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rest_of_a_batch_counts_from_its_half_on() {
        let order: Vec<usize> = (0..10).collect();
        let sizes =
            |batch| -> Vec<usize> { batches(&order, batch).iter().map(|b| b.len()).collect() };
        assert_eq!(sizes(4), [4, 4, 2]);
        assert_eq!(sizes(3), [3, 3, 3]);
        assert_eq!(sizes(5), [5, 5]);
        assert_eq!(sizes(64), [10]);
    }
}
