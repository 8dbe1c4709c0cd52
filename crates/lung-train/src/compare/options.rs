//! What is asked of a comparison, and what of that makes no sense.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use serde::{Deserialize, Serialize};

use super::cell::Cell;
use super::protocol::Protocol;
use super::recipe::Recipe;
use crate::data::Shown as _;
use crate::networks::Architecture;
use crate::train::TrainingDevice;

/// Where networks start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StartKind {
    /// Each from the weights that were given for it, else from scratch.
    Best,
    /// All from scratch.
    Scratch,
}

/// What to compare on what.
#[derive(Clone, Debug)]
pub struct CompareOptions {
    /// Folder of class folders.
    pub data: PathBuf,
    /// Folder of the comparison.
    pub out: PathBuf,
    /// The networks, in the order of the table.
    pub networks: Vec<Architecture>,
    /// The one that the others are held against; one of [`CompareOptions::networks`].
    pub reference: Architecture,
    /// Weights to start from. Those of MobileNetV2 are MobileNet-Lung's too, where it has none of its own.
    pub pretrained: Vec<(Architecture, PathBuf)>,
    /// Where they start.
    pub starts: Vec<StartKind>,
    /// How images are divided.
    pub protocols: Vec<Protocol>,
    /// Folds of each division.
    pub folds: Vec<usize>,
    /// Seeds.
    pub seeds: Vec<u64>,
    /// How all are trained.
    pub recipe: Recipe,
    /// On what.
    pub device: TrainingDevice,
    /// Leave out images that cannot be read.
    pub skip_unreadable: bool,
    /// Names of folders and files to leave out; `*` stands for any characters.
    pub leave_out: Vec<String>,
    /// Go on with images that are there twice, in two classes or in two folds.
    pub allow_duplicates: bool,
    /// A table of images of other hospitals, which each network is asked of too.
    pub elsewhere: Option<PathBuf>,
    /// Stop after this many new cells, as if killed there; for tests.
    pub stop_after: Option<usize>,
}

impl CompareOptions {
    /// Every cell, those of a table's part together. A network without weights of its own starts from scratch in either part: that is one
    /// cell.
    pub(super) fn cells(&self) -> Vec<Cell> {
        let mut cells = Vec::new();
        // Seeds and folds outermost, so that a run that is cut short has all networks on something.
        for &seed in &self.seeds {
            for &fold in &self.folds {
                for &protocol in &self.protocols {
                    for &start in &self.starts {
                        for &network in &self.networks {
                            let given = self.pretrained_file(network).is_some();
                            let cell = Cell {
                                network,
                                pretrained: start == StartKind::Best && given,
                                protocol,
                                fold,
                                seed,
                            };
                            if !cells.contains(&cell) {
                                cells.push(cell);
                            }
                        }
                    }
                }
            }
        }
        cells
    }

    /// The weights file for a network.
    pub(super) fn pretrained_file(&self, network: Architecture) -> Option<&Path> {
        let given = |wanted: Architecture| {
            let mut files = self.pretrained.iter();
            let file = files.find(|(network, _)| *network == wanted);
            file.map(|(_, path)| path.as_path())
        };
        given(network).or_else(|| match network {
            Architecture::MobileNetLung(_) => given(Architecture::MobileNetV2),
            _ => None,
        })
    }
}

/// Refuses options that make no sense.
///
/// # Errors
/// One sentence that names the option.
pub(super) fn check(options: &CompareOptions) -> anyhow::Result<()> {
    check_recipe(options)?;
    for protocol in &options.protocols {
        for fold in &options.folds {
            ensure!(
                protocol.folds().contains(fold),
                "--folds has {fold}; the {} protocol has folds {} to {}",
                protocol.name(),
                protocol.folds().start,
                protocol.folds().end - 1
            );
        }
    }
    let lists = [
        ("--networks", options.networks.len()),
        ("--start", options.starts.len()),
        ("--protocol", options.protocols.len()),
        ("--folds", options.folds.len()),
        ("--seeds", options.seeds.len()),
    ];
    for (name, length) in lists {
        ensure!(length > 0, "{name} is empty");
    }
    fn twice<T: PartialEq>(list: &[T]) -> bool {
        list.iter()
            .enumerate()
            .any(|(i, item)| list[..i].contains(item))
    }
    ensure!(
        !(twice(&options.networks) || twice(&options.folds) || twice(&options.seeds)),
        "a network, a fold or a seed is named twice"
    );
    ensure!(
        options.networks.contains(&options.reference),
        "--networks has no {} to hold the others against",
        options.reference
    );
    for (network, path) in &options.pretrained {
        ensure!(
            path.is_file(),
            "there is no weights file {} for {network}",
            path.shown()
        );
    }
    Ok(())
}

fn check_recipe(options: &CompareOptions) -> anyhow::Result<()> {
    let recipe = &options.recipe;
    ensure!(recipe.epochs > 0, "--epochs is 0; it must be at least 1");
    ensure!(
        recipe.batch > 1,
        "--batch is {}; it must be at least 2",
        recipe.batch
    );
    ensure!(
        (1..=1024).contains(&recipe.side),
        "--side is {}; it must be 1 to 1024",
        recipe.side
    );
    for network in &options.networks {
        ensure!(
            recipe.side as usize >= network.least_side(),
            "--side is {}; {} needs at least {}",
            recipe.side,
            network.title(),
            network.least_side()
        );
    }
    for rate in [recipe.learning_rate, recipe.fresh_learning_rate] {
        ensure!(
            rate.is_finite() && rate > 0.0,
            "a learning rate is {rate}; it must be above 0"
        );
    }
    Ok(())
}
