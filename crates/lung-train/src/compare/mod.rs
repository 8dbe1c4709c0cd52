//! `lung compare`: several networks under one protocol, and whether they differ.
//!
//! The comparison is a grid of cells: network, start, division of the images, fold and seed. Each is trained and tested by
//! itself, with everything random drawn from its seed, and leaves one file in `RUN/cells`. A run that was killed goes on
//! with the cells that are missing, and one that is asked for more of them adds those. When all are there, `table.md` and
//! `table.json` are written from the files.

mod cell;
mod mcnemar;
mod measure;
mod protocol;
mod table;

pub use cell::{Cell, Origin, Outcome, Tested};
pub use mcnemar::mcnemar;
pub use measure::{Speed, measure};
pub use protocol::Protocol;
pub use table::{Part, Row, Size, Table, Versus};

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use burn::tensor::Device;
use mobilenet_lung::Preprocessing;
use mobilenet_lung::bundle::sha256;
use mobilenet_lung::network::BatchNorms;
use serde::{Deserialize, Serialize};

use crate::augment::Augmentation;
use crate::data::{Dataset, FileList, ListHash, Listing, Pixels, Reading, Shown as _, Split};
use crate::files::{FolderLock, write_atomically};
use crate::networks::{Architecture, Network, start_from};
use crate::{data, progress};
use tracing::info;

/// What all networks have in common: one budget, one optimizer, one schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// Width and height of the networks' input.
    pub side: u32,
    /// Passes over the training images.
    pub epochs: usize,
    /// Images a step.
    pub batch: usize,
    /// Peak learning rate of what starts from scratch: whole networks, heads, attention.
    pub fresh_learning_rate: f64,
    /// Peak learning rate of what somebody else has trained.
    pub learning_rate: f64,
    /// Share of the training in which the learning rates rise from 0 to their peaks; a cosine takes them back to 0.
    pub warm_up: f64,
    /// AdamW's decay of weights; biases and norms do not decay.
    pub weight_decay: f32,
    /// Share of each target that is spread over all classes, 0..1.
    pub label_smoothing: f32,
    /// Decay of the running average of the weights, per step, 0..1.
    pub average: f32,
    /// Random changes of training images.
    pub augmentation: Augmentation,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            side: 96,
            epochs: 10,
            batch: 32,
            fresh_learning_rate: 1e-3,
            learning_rate: 3e-4,
            warm_up: 0.15,
            weight_decay: 0.05,
            label_smoothing: 0.05,
            average: 0.98,
            augmentation: Augmentation::default(),
        }
    }
}

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
    /// Leave out images that cannot be read.
    pub skip_unreadable: bool,
    /// Names of folders and files to leave out; `*` stands for any characters.
    pub leave_out: Vec<String>,
    /// Go on with images that are there twice, in two classes or in two folds.
    pub allow_duplicates: bool,
    /// Stop after this many new cells, as if killed there; for tests.
    pub stop_after: Option<usize>,
}

/// What a comparison was begun as: `compare.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Begun {
    data_name: String,
    examples: usize,
    recipe: Recipe,
    /// The list of its images, `files.csv`; `None` in comparisons from before there was one.
    #[serde(default)]
    files: Option<ListHash>,
}

/// A weights file that was read and found to fit.
struct Weights {
    network: Network,
    origin: Origin,
}

/// Trains and tests every cell that is still missing, and writes the tables. `None` if it stopped at
/// [`CompareOptions::stop_after`].
///
/// # Errors
/// Options that make no sense, data or weights that cannot be used, a folder of another comparison.
pub fn compare(options: &CompareOptions) -> anyhow::Result<Option<Table>> {
    check(options)?;
    let mut listing = Listing::of(std::slice::from_ref(&options.data), &options.leave_out)?;
    listing.tell();
    let _lock = FolderLock::of(&options.out)?;
    let reading = begin(options, &mut listing)?;
    let dataset = protocol::of_the_paper(listing.dataset)?;
    // All weights are read once before anything is trained: a file that does not fit is known at once.
    let device = Device::flex().autodiff();
    for network in &options.networks {
        if let Some(weights) = weights_of(options, *network, &device)?
            && !weights.origin.fresh.is_empty()
        {
            info!(
                "{}: {} of its tensors are not in {} and start from scratch: {}",
                network.title(),
                weights.origin.fresh.len(),
                weights.origin.file,
                weights.origin.fresh.join(", ")
            );
        }
    }
    let cells = cells(options);
    let splits = splits(options, &dataset)?;
    let mut missing = Vec::new();
    for cell in &cells {
        match read_cell(options, *cell)? {
            Some(_) => {}
            None => missing.push(*cell),
        }
    }
    if !missing.is_empty() {
        for (done, cell) in missing.iter().enumerate() {
            if options.stop_after.is_some_and(|limit| done >= limit) {
                return Ok(None);
            }
            let outcome = train_cell(options, *cell, &dataset, &reading.pixels, &splits)?;
            let right = outcome.tested.iter().filter(|t| t.truth == t.called);
            info!(
                "{} of {}: {}: {:.3} of {} test images right ({:.0} s)",
                cells.len() - missing.len() + done + 1,
                cells.len(),
                cell.name(),
                right.count() as f64 / outcome.tested.len() as f64,
                outcome.tested.len(),
                outcome.seconds
            );
            write_atomically(
                &cell_path(options, *cell),
                serde_json::to_string(&outcome)?.as_bytes(),
            )?;
        }
    }
    let table = table::make(options, &dataset)?;
    write_atomically(
        &options.out.join("table.json"),
        serde_json::to_string_pretty(&table)?.as_bytes(),
    )?;
    write_atomically(
        &options.out.join("table.md"),
        table.to_markdown().as_bytes(),
    )?;
    Ok(Some(table))
}

/// Refuses options that make no sense.
fn check(options: &CompareOptions) -> anyhow::Result<()> {
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

/// Reads the images, and makes the folder or holds it against what is asked.
fn begin(options: &CompareOptions, listing: &mut Listing) -> anyhow::Result<Reading> {
    let out = &options.out;
    let path = out.join("compare.json");
    let before: Option<Begun> = match fs::read(&path) {
        Ok(bytes) => Some(
            serde_json::from_slice(&bytes)
                .with_context(|| format!("{} is damaged", path.shown()))?,
        ),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", path.shown()));
        }
    };
    let mut begun = Begun {
        data_name: listing.dataset.name(),
        examples: listing.dataset.examples.len(),
        recipe: options.recipe.clone(),
        files: before.as_ref().and_then(|before| before.files.clone()),
    };
    let without_list = before.as_ref().is_some_and(|before| before.files.is_none());
    if before.as_ref().is_some_and(|before| *before != begun)
        || (without_list && !listing.folds_are_given())
    {
        bail!(
            "{} holds a comparison on other images or with another side, budget or learning rate; choose another --out",
            out.shown()
        );
    }
    let reading = read_images(options, listing)?;
    match (before, &begun.files) {
        (_, Some(hash)) => {
            let list = FileList::read(out, hash)?;
            list.check_read(listing, &reading, out)?;
            list.apply(listing);
        }
        // Begun when no list was kept.
        (Some(_), None) => {}
        (None, None) => {
            let listed = listing.clone();
            data::tell_copies(&reading.join(listing, options.allow_duplicates)?);
            let list = FileList::new(&listed, listing, &reading);
            fs::create_dir_all(out.join("cells"))
                .with_context(|| format!("cannot make {}", out.shown()))?;
            list.write(out)?;
            begun.files = Some(list.hash()?);
            write_atomically(&path, serde_json::to_string_pretty(&begun)?.as_bytes())?;
        }
    }
    Ok(reading)
}

/// Reads the images that any division needs: without fold 0 where it is not even tested on, it is not decoded.
fn read_images(options: &CompareOptions, listing: &Listing) -> anyhow::Result<Reading> {
    let examples = &listing.dataset.examples;
    let inner = (options.protocols.iter()).all(|protocol| *protocol == Protocol::Inner);
    let wanted: Vec<usize> = (0..examples.len())
        .filter(|index| !(inner && examples[*index].fold == 0))
        .collect();
    let preprocessing = Preprocessing {
        side: options.recipe.side,
        detail: options.recipe.side,
        ..Preprocessing::IMAGENET
    };
    let progress = progress::begin(wanted.len(), "reading images");
    let reading = Reading::of(listing, &wanted, |_| true, preprocessing, &progress);
    progress.finish_and_clear();
    if !options.skip_unreadable {
        reading.all_readable()?;
    }
    for (path, reason) in &reading.failures {
        info!("left out {}: {reason}", path.shown());
    }
    Ok(reading)
}

/// Every cell, those of a table's part together. A network without weights of its own starts from scratch in either part:
/// that is one cell.
fn cells(options: &CompareOptions) -> Vec<Cell> {
    let mut cells = Vec::new();
    // Seeds and folds outermost, so that a run that is cut short has all networks on something.
    for &seed in &options.seeds {
        for &fold in &options.folds {
            for &protocol in &options.protocols {
                for &start in &options.starts {
                    for &network in &options.networks {
                        let cell = cell_of(options, start, network, protocol, fold, seed);
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

fn cell_of(
    options: &CompareOptions,
    start: StartKind,
    network: Architecture,
    protocol: Protocol,
    fold: usize,
    seed: u64,
) -> Cell {
    Cell {
        network,
        pretrained: start == StartKind::Best && pretrained_file(options, network).is_some(),
        protocol,
        fold,
        seed,
    }
}

/// The weights file for a network.
fn pretrained_file(options: &CompareOptions, network: Architecture) -> Option<&Path> {
    let given = |wanted: Architecture| {
        options
            .pretrained
            .iter()
            .find(|(network, _)| *network == wanted)
            .map(|(_, path)| path.as_path())
    };
    given(network).or_else(|| match network {
        Architecture::MobileNetLung(_) => given(Architecture::MobileNetV2),
        _ => None,
    })
}

/// A network with the weights that were given for it.
fn weights_of(
    options: &CompareOptions,
    network: Architecture,
    device: &Device,
) -> anyhow::Result<Option<Weights>> {
    if !options.starts.contains(&StartKind::Best) {
        return Ok(None);
    }
    let Some(path) = pretrained_file(options, network) else {
        return Ok(None);
    };
    let start = start_from(network, path, device)?;
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.shown()))?;
    Ok(Some(Weights {
        network: start.network,
        origin: Origin {
            file: path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default(),
            sha256: sha256(&bytes),
            fresh: start.fresh,
            folded: start.norms == BatchNorms::Folded,
        },
    }))
}

fn cell_path(options: &CompareOptions, cell: Cell) -> PathBuf {
    options
        .out
        .join("cells")
        .join(format!("{}.json", cell.name()))
}

/// The outcome of a cell; `None` where it is still missing.
fn read_cell(options: &CompareOptions, cell: Cell) -> anyhow::Result<Option<Outcome>> {
    let path = cell_path(options, cell);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", path.shown()));
        }
    };
    let outcome: Outcome = serde_json::from_slice(&bytes).with_context(|| {
        format!(
            "{} is damaged; remove it, and the cell is trained again",
            path.shown()
        )
    })?;
    let given = pretrained_file(options, cell.network)
        .and_then(Path::file_name)
        .map(|name| name.to_string_lossy().into_owned());
    if let Some(origin) = &outcome.origin
        && given.as_ref() != Some(&origin.file)
    {
        bail!(
            "{} was trained from {}; choose another --out for another start",
            path.shown(),
            origin.file
        );
    }
    Ok(Some(outcome))
}

/// The division of each protocol and fold, in their order.
type Splits = Vec<(Protocol, usize, Split)>;

fn splits(options: &CompareOptions, dataset: &Dataset) -> anyhow::Result<Splits> {
    let mut splits = Vec::new();
    for &protocol in &options.protocols {
        for &fold in &options.folds {
            splits.push((protocol, fold, protocol.split(dataset, fold)?));
        }
    }
    Ok(splits)
}

fn train_cell(
    options: &CompareOptions,
    cell: Cell,
    dataset: &Dataset,
    pixels: &Pixels,
    splits: &Splits,
) -> anyhow::Result<Outcome> {
    let (.., split) = splits
        .iter()
        .find(|(protocol, fold, _)| (*protocol, *fold) == (cell.protocol, cell.fold))
        .context("a cell has no division")?;
    let device = Device::flex().autodiff();
    // First weights and dropout.
    device.seed(cell.seed);
    let (network, origin) = match cell.pretrained {
        true => {
            let weights = weights_of(options, cell.network, &device)?
                .context("the weights of a cell are gone")?;
            (weights.network, Some(weights.origin))
        }
        false => (Network::init(cell.network, BatchNorms::Kept, &device), None),
    };
    let network = cell::drawn(network)?;
    let material = cell::Material {
        recipe: &options.recipe,
        dataset,
        pixels,
        split,
    };
    cell::run(cell, network, origin, &material)
}
