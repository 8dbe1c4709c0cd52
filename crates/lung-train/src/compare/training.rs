//! One network, trained once and tested once.

use std::process::Command;
use std::time::Instant;

use anyhow::ensure;
use burn::module::Module as _;
use burn::tensor::{Device, Tensor};
use mobilenet_lung::{load_state_dict, state_dict};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::cell::{Cell, Origin, Outcome, Tested, VERSION, image_key};
use super::recipe::{Recipe, RecipeKind};
use crate::augment::Augmentation;
use crate::data::{Dataset, ListHash, Pixels, Split};
use crate::networks::Network;
use crate::train::{
    Batches, Diverged, Images, Optimizer, Outcomes, Rate, Targets, draw, fit, freeze, one_hot,
    relative, top,
};

/// What a cell is trained with.
pub(super) struct Material<'a> {
    pub(super) recipe: &'a Recipe,
    pub(super) dataset: &'a Dataset,
    pub(super) data: &'a ListHash,
    pub(super) pixels: &'a Pixels,
    pub(super) split: &'a Split,
    /// With autodiff.
    pub(super) device: &'a Device,
}

/// Trains and tests `network`, of which `origin` says what is pretrained; returns it trained, too. Everything random comes from the cell's seed.
pub(super) fn run(
    cell: Cell,
    network: Network,
    origin: Option<Origin>,
    material: &Material<'_>,
) -> anyhow::Result<(Outcome, Network)> {
    let start = Instant::now();
    let Material {
        recipe,
        dataset,
        pixels,
        split,
        device,
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
    let plain = (*device).clone().without_autodiff();
    let answers = |part: &[usize]| images.outcomes(&|input| network.forward(input), part, &plain);
    let (tested, watched) = (answers(&test)?, answers(&validation)?);
    let outcome = Outcome {
        version: VERSION,
        cell,
        recipe: (*recipe).clone(),
        data: material.data.clone(),
        commit: commit(),
        images: [train.len(), validation.len(), test.len()],
        train_loss,
        validation_accuracy: (!watched.labels.is_empty()).then(|| watched.accuracy()),
        findings: dataset.findings.ids().map(str::to_owned).collect(),
        tested: answers_of(dataset, &tested),
        seconds: start.elapsed().as_secs_f64(),
        origin,
        elsewhere: None,
    };
    Ok((outcome, network))
}

fn answers_of(dataset: &Dataset, outcomes: &Outcomes) -> Vec<Tested> {
    let answers = outcomes.labels.iter().zip(&outcomes.logits);
    (outcomes.examples.iter().zip(answers))
        .map(|(index, (label, logits))| Tested {
            image: image_key(&dataset.examples[*index].file),
            truth: *label,
            called: top(logits),
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
        let mut losses = Vec::with_capacity(recipe.head_epochs + recipe.epochs);
        let scales = match recipe.kind {
            RecipeKind::Plain => Default::default(),
            RecipeKind::Shipped => relative(&state_dict(&network)?, |name| !self.is_fresh(name)),
        };
        let rate = |name: &str, share: f64| Rate {
            rate: share
                * match self.is_fresh(name) {
                    true => recipe.fresh_learning_rate,
                    false => recipe.learning_rate,
                },
            decay: recipe.weight_decay,
            scales: scales.get(name).map(Vec::as_slice),
        };
        if self.origin.is_some() && recipe.head_epochs > 0 {
            network = freeze(network, &|name| !self.is_fresh(name));
            for epoch in 0..recipe.head_epochs {
                let stage = Stage::Head;
                network = self.epoch(network, &mut optimizer, stage, epoch, &rate, &mut losses)?;
            }
            network = freeze(network, &|_| false);
            optimizer.begin_anew();
        }
        for epoch in 0..recipe.epochs {
            let stage = Stage::All;
            network = self.epoch(network, &mut optimizer, stage, epoch, &rate, &mut losses)?;
        }
        let network = load_state_dict(network.valid(), &optimizer.average(), false)?;
        Ok((network, losses))
    }

    /// The images of an epoch, in order.
    fn order(&self, rng: &mut ChaCha8Rng) -> Vec<usize> {
        let Material {
            recipe, dataset, ..
        } = self.material;
        match recipe.kind {
            RecipeKind::Plain => {
                let mut order = self.train.to_vec();
                order.shuffle(rng);
                order
            }
            RecipeKind::Shipped => draw(dataset, self.train, recipe.balance, recipe.draws, rng)
                .into_iter()
                .map(|place| self.train[place])
                .collect(),
        }
    }

    fn epoch<'r>(
        &self,
        network: Network,
        optimizer: &mut Optimizer,
        stage: Stage,
        epoch: usize,
        rate: &dyn Fn(&str, f64) -> Rate<'r>,
        losses: &mut Vec<f64>,
    ) -> anyhow::Result<Network> {
        let Material {
            recipe,
            dataset,
            pixels,
            device,
            ..
        } = self.material;
        let (epochs, first, none) = match stage {
            Stage::Head => (recipe.head_epochs, 1u64 << 32, Some(Augmentation::NONE)),
            Stage::All => (recipe.epochs, 1, None),
        };
        // A stream an epoch: a cell is the same whatever was trained before it.
        let mut rng = ChaCha8Rng::seed_from_u64(self.cell.seed);
        rng.set_stream(epoch as u64 + first);
        let order = self.order(&mut rng);
        let name = self.cell.name();
        let pass = Batches {
            batches: batches(&order, recipe.batch),
            epoch,
            epochs,
            warm_up: recipe.warm_up,
            title: format!("{name}, epoch {} of {epochs}", epoch + 1),
        };
        let images = Images { dataset, pixels };
        let augmentation = none.as_ref().unwrap_or(&recipe.augmentation);
        let side = match stage {
            Stage::Head => recipe.side as usize,
            Stage::All => recipe.side_of(epoch, self.cell.network.least_side()),
        };
        let forward =
            |network: &Network, step: usize, batch: &[usize]| -> anyhow::Result<Tensor<2>> {
                let first = step * recipe.batch;
                let input = images.augmented(batch, device, augmentation, side, &rng, first)?;
                Ok(network.forward(input))
            };
        let targets =
            |batch: &[usize]| -> Targets { one_hot(dataset, batch, recipe.label_smoothing) };
        let (network, tally) = fit(network, optimizer, device, &pass, &forward, &targets, rate)
            .map_err(|error| match error.downcast_ref::<Diverged>() {
                Some(_) => anyhow::anyhow!(
                    "{name}: the loss is no longer a number; lower the learning rates"
                ),
                None => error,
            })?;
        losses.push(tally.loss());
        Ok(network)
    }
}

/// What is trained.
#[derive(Clone, Copy)]
enum Stage {
    /// What starts from scratch, on a frozen rest.
    Head,
    /// Everything.
    All,
}

/// The commit of the clone that this command was built in, with `+` where files differ from it; `None` for a command that lies elsewhere.
fn commit() -> Option<String> {
    let command = std::env::current_exe().ok()?;
    let folder = command.parent()?;
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.arg("-C").arg(folder).args(arguments);
        let output = git.output().ok().filter(|output| output.status.success())?;
        String::from_utf8(output.stdout).ok()
    };
    // Another project's clone may hold it too.
    git(&[
        "ls-files",
        "--error-unmatch",
        ":/crates/lung-train/src/compare/training.rs",
    ])?;
    let head = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])?;
    let mark = if changed.trim().is_empty() { "" } else { "+" };
    Some(format!("{}{mark}", head.trim()))
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
