//! One network, trained once and tested once.

use std::time::Instant;

use anyhow::ensure;
use burn::module::Module as _;
use burn::tensor::{Device, Tensor};
use mobilenet_lung::{load_state_dict, state_dict};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{Protocol, Recipe};
use crate::data::{Dataset, Pixels, Split};
use crate::networks::{Architecture, Network};
use crate::train::{
    Batches, Diverged, Images, Optimizer, Outcomes, Rate, Targets, fit, one_hot, top,
};

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
        dataset,
        pixels,
        split,
        ..
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
    let training = Training {
        cell,
        origin: origin.as_ref(),
        material,
        train: &train,
    };
    let (network, train_loss) = training.run(network)?;
    let images = Images { dataset, pixels };
    let device = Device::flex();
    let answers = |part: &[usize]| images.outcomes(&|input| network.forward(input), part, &device);
    let (tested, watched) = (answers(&test)?, answers(&validation)?);
    Ok(Outcome {
        cell,
        images: [train.len(), validation.len(), test.len()],
        train_loss,
        validation_accuracy: (!watched.labels.is_empty()).then(|| watched.accuracy()),
        tested: answers_of(dataset, &tested),
        seconds: start.elapsed().as_secs_f64(),
        origin,
    })
}

fn answers_of(dataset: &Dataset, outcomes: &Outcomes) -> Vec<Tested> {
    let answers = outcomes.labels.iter().zip(&outcomes.logits);
    (outcomes.examples.iter().zip(answers))
        .map(|(index, (label, logits))| Tested {
            file: dataset.examples[*index].file.clone(),
            truth: dataset.id(*label).to_owned(),
            called: dataset.id(top(logits)).to_owned(),
            probabilities: mobilenet_lung::softmax(logits, 1.0),
        })
        .collect()
}

/// One training of the comparison.
struct Training<'a> {
    cell: Cell,
    origin: Option<&'a Origin>,
    material: &'a Material<'a>,
    train: &'a [usize],
}

impl Training<'_> {
    /// Whether a parameter starts from scratch.
    fn is_fresh(&self, name: &str) -> bool {
        self.origin.is_none_or(|origin| {
            name.starts_with(self.cell.network.head())
                || name.contains(".attention.")
                || origin.fresh.iter().any(|fresh| fresh == name)
        })
    }

    /// The network of the averaged weights, without gradients, and the mean loss of each epoch.
    fn run(&self, mut network: Network) -> anyhow::Result<(Network, Vec<f64>)> {
        let recipe = self.material.recipe;
        let mut optimizer = Optimizer::new(recipe.average);
        let mut losses = Vec::with_capacity(recipe.epochs);
        for epoch in 0..recipe.epochs {
            network = self.epoch(network, &mut optimizer, epoch, &mut losses)?;
        }
        let network = load_state_dict(network.valid(), &optimizer.average(), false)?;
        Ok((network, losses))
    }

    fn epoch(
        &self,
        network: Network,
        optimizer: &mut Optimizer,
        epoch: usize,
        losses: &mut Vec<f64>,
    ) -> anyhow::Result<Network> {
        let Material {
            recipe,
            dataset,
            pixels,
            ..
        } = self.material;
        // A stream an epoch: a cell is the same whatever was trained before it.
        let mut rng = ChaCha8Rng::seed_from_u64(self.cell.seed);
        rng.set_stream(epoch as u64 + 1);
        let mut order = self.train.to_vec();
        order.shuffle(&mut rng);
        let name = self.cell.name();
        let pass = Batches {
            batches: batches(&order, recipe.batch),
            epoch,
            epochs: recipe.epochs,
            warm_up: recipe.warm_up,
            title: format!("{name}, epoch {} of {}", epoch + 1, recipe.epochs),
        };
        let device = Device::flex().autodiff();
        let images = Images { dataset, pixels };
        let forward =
            |network: &Network, step: usize, batch: &[usize]| -> anyhow::Result<Tensor<2>> {
                let side = recipe.side as usize;
                let first = step * recipe.batch;
                let input =
                    images.augmented(batch, &device, &recipe.augmentation, side, &rng, first)?;
                Ok(network.forward(input))
            };
        let targets =
            |batch: &[usize]| -> Targets { one_hot(dataset, batch, recipe.label_smoothing) };
        let rate = |name: &str, share: f64| Rate {
            rate: share
                * match self.is_fresh(name) {
                    true => recipe.fresh_learning_rate,
                    false => recipe.learning_rate,
                },
            decay: recipe.weight_decay,
            scales: None,
        };
        let (network, tally) = fit(
            network, optimizer, &device, &pass, &forward, &targets, &rate,
        )
        .map_err(|error| match error.downcast_ref::<Diverged>() {
            Some(_) => {
                anyhow::anyhow!("{name}: the loss is no longer a number; lower the learning rates")
            }
            None => error,
        })?;
        losses.push(tally.loss());
        Ok(network)
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
