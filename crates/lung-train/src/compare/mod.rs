//! `lung compare`: several networks under one protocol, and whether they differ.
//!
//! The comparison is a grid of cells: network, start, division of the images, fold and seed. Each is trained and tested by
//! itself, with everything random drawn from its seed, and leaves one small file in `RUN/cells`. A run that was killed goes on
//! with the cells that are missing, also from a copy of these files and `compare.json` alone, and one that is asked for more of them adds
//! those. `RUN/networks` keeps what was trained, so that it can be asked of images of other hospitals too. When all cells are there, `table.md` and `table.json` are written from the files.

mod cell;
mod elsewhere;
mod markdown;
mod measure;
mod options;
mod protocol;
mod recipe;
mod store;
mod table;
mod training;

pub use cell::{CalledElsewhere, Cell, Origin, Outcome, Tested, image_key};
pub use elsewhere::KindElsewhere;
pub use measure::{Speed, measure};
pub use options::{CompareOptions, StartKind};
pub use protocol::Protocol;
pub use recipe::{Recipe, RecipeKind};
pub use store::CellError;
pub use table::{Part, Row, Size, Table, Versus};

use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};
use burn::module::Module as _;
use burn::tensor::Device;
use mobilenet_lung::bundle::sha256;
use mobilenet_lung::network::BatchNorms;
use mobilenet_lung::state_dict;

use self::elsewhere::Elsewhere;
use self::store::Begun;
use crate::data::{Dataset, Listing, Reading, Shown as _, Split};
use crate::files::{FolderLock, write_atomically};
use crate::networks::{Architecture, Network, start_from};
use crate::progress::begin;
use crate::train::TrainingDevice;
use tracing::info;

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
    options::check(options)?;
    let device = options.device.open()?.autodiff();
    let mut listing = Listing::of(std::slice::from_ref(&options.data), &options.leave_out)?;
    listing.tell();
    let _lock = FolderLock::of(&options.out)?;
    let (begun, reading) = store::begin(options, &mut listing, |listing| {
        read_images(options, listing)
    })?;
    let dataset = protocol::of_the_paper(listing.dataset)?;
    check_weights(options)?;
    let elsewhere = Elsewhere::of(options)?;
    let cells = options.cells();
    let splits = splits(options, &dataset)?;
    let mut outcomes = Vec::new();
    let mut missing = Vec::new();
    for cell in &cells {
        match begun.cell(options, *cell)? {
            Some(outcome) => outcomes.push(outcome),
            None => missing.push(*cell),
        }
    }
    for (done, cell) in missing.iter().enumerate() {
        if options.stop_after.is_some_and(|limit| done >= limit) {
            return Ok(None);
        }
        let (.., split) = splits
            .iter()
            .find(|(protocol, fold, _)| (*protocol, *fold) == (cell.protocol, cell.fold))
            .context("a cell has no division")?;
        let material = training::Material {
            recipe: &options.recipe,
            dataset: &dataset,
            data: &begun.files,
            pixels: &reading.pixels,
            split,
            device: &device,
        };
        let (network, origin) = first_network(options, *cell, &device)?;
        let (outcome, network) = training::run(*cell, network, origin, &material)?;
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
        // The cell first: a disk that is too full for a network must not cost a training.
        store::write_cell(&options.out, &outcome)?;
        store::write_network(&options.out, *cell, &network)?;
        outcomes.push(outcome);
    }
    if let Some(elsewhere) = elsewhere {
        elsewhere.ask(options, &dataset, &mut outcomes)?;
    }
    let networks = &options.networks;
    tables(&options.out, &begun, &outcomes, networks, options.reference).map(Some)
}

/// Writes the tables of the cells that a folder has, without any images.
///
/// # Errors
/// A folder without cells, or whose cells do not go together.
pub fn tables_only(out: &Path, networks: &[Architecture]) -> anyhow::Result<Table> {
    let without = || {
        format!(
            "{0} holds no cells of a comparison; `lung compare --data DIR --out {0}` trains them",
            out.shown()
        )
    };
    let begun = Begun::read(out)?.with_context(without)?;
    let mut cells = begun.cells(out)?;
    cells.retain(|outcome| networks.is_empty() || networks.contains(&outcome.cell.network));
    ensure!(!cells.is_empty(), without());
    let mut order: Vec<Architecture> = match networks.is_empty() {
        true => Architecture::of_the_paper().to_vec(),
        false => networks.to_vec(),
    };
    for outcome in &cells {
        if !order.contains(&outcome.cell.network) {
            order.push(outcome.cell.network);
        }
    }
    order.retain(|network| cells.iter().any(|outcome| outcome.cell.network == *network));
    let reference = *order.first().with_context(without)?;
    tables(out, &begun, &cells, &order, reference)
}

/// Makes the tables of cells and writes them.
fn tables(
    out: &Path,
    begun: &Begun,
    cells: &[Outcome],
    networks: &[Architecture],
    reference: Architecture,
) -> anyhow::Result<Table> {
    let table = table::make(out, begun, cells, networks, reference)?;
    write_atomically(
        &out.join("table.json"),
        serde_json::to_string_pretty(&table)?.as_bytes(),
    )?;
    write_atomically(&out.join("table.md"), table.to_markdown()?.as_bytes())?;
    Ok(table)
}

/// Reads all weights once before anything is trained: a file that does not fit is known at once.
fn check_weights(options: &CompareOptions) -> anyhow::Result<()> {
    for network in &options.networks {
        if let Some(weights) = weights_of(options, *network)?
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
    Ok(())
}

/// Reads the images that any division needs: without fold 0 where it is not even tested on, it is not decoded.
fn read_images(options: &CompareOptions, listing: &Listing) -> anyhow::Result<Reading> {
    let examples = &listing.dataset.examples;
    let inner = (options.protocols.iter()).all(|protocol| *protocol == Protocol::Inner);
    let wanted: Vec<usize> = (0..examples.len())
        .filter(|index| !(inner && examples[*index].fold == 0))
        .collect();
    let preprocessing = options.recipe.preprocessing();
    let progress = begin(wanted.len(), "reading images");
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

/// A network with the weights that were given for it, on the CPU.
fn weights_of(options: &CompareOptions, network: Architecture) -> anyhow::Result<Option<Weights>> {
    if !options.starts.contains(&StartKind::Best) {
        return Ok(None);
    }
    let Some(path) = options.pretrained_file(network) else {
        return Ok(None);
    };
    let start = start_from(network, path, &Device::flex().autodiff())?;
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

/// The network that a cell starts from, every weight of it drawn from the cell's seed, right after that.
fn first_network(
    options: &CompareOptions,
    cell: Cell,
    device: &Device,
) -> anyhow::Result<(Network, Option<Origin>)> {
    // Drawn on the CPU whatever it is trained on: a seed is one start.
    let cpu = Device::flex().autodiff();
    cpu.seed(cell.seed);
    let (network, origin) = match cell.pretrained {
        true => {
            let weights =
                weights_of(options, cell.network)?.context("the weights of a cell are gone")?;
            (weights.network, Some(weights.origin))
        }
        false => (Network::init(cell.network, BatchNorms::Kept, &cpu), None),
    };
    // Draws all of them now instead of whenever each is first used.
    state_dict(&network)?;
    let network = match options.device {
        TrainingDevice::Cpu => network,
        TrainingDevice::Gpu => {
            // For dropout; the CPU goes on with the numbers after those of the weights.
            device.seed(cell.seed);
            network.fork(device)
        }
    };
    Ok((network, origin))
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
