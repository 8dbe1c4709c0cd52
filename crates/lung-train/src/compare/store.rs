//! The folder of a comparison: what it was begun as, and a file for each finished cell.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use burn::tensor::Device;
use mobilenet_lung::bundle::{read_tensors, write_tensors};
use mobilenet_lung::{load_state_dict, state_dict};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::info;

use super::cell::{Cell, Outcome, VERSION};
use super::options::CompareOptions;
use super::recipe::Recipe;
use crate::data::{FileList, ListHash, Listing, Reading, Shown as _, tell_copies};
use crate::files::write_atomically;
use crate::networks::Network;

/// What a comparison was begun as: `compare.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Begun {
    pub(super) data_name: String,
    pub(super) examples: usize,
    pub(super) recipe: Recipe,
    /// The list of its images, `files.csv`.
    pub(super) files: ListHash,
    /// Whether a groups.csv says who belongs together.
    #[serde(default)]
    pub(super) grouped: bool,
}

/// Why a cell's file is left alone.
#[derive(Debug, thiserror::Error)]
pub enum CellError {
    /// It cannot be read, or is no cell.
    #[error("{path} is damaged: {reason}; remove it, and the cell is trained again")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A newer version of this command wrote it.
    #[error(
        "{path} is of version {found} of cells, and {VERSION} is read; use a newer version of this command"
    )]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its version.
        found: u64,
    },
    /// An earlier version of this command wrote it.
    #[error(
        "{path} is of version {found} of cells, and {VERSION} is read; remove it, and the cell is trained again"
    )]
    Older {
        /// Which file.
        path: PathBuf,
        /// Its version.
        found: u64,
    },
    /// It was trained on other images.
    #[error("{path} is of another data set than this comparison; move it to the folder of its own")]
    OtherData {
        /// Which file.
        path: PathBuf,
    },
    /// It was trained otherwise.
    #[error(
        "{path} was trained by another recipe than this comparison (side, budget or learning rates); move it to the folder of its own"
    )]
    OtherRecipe {
        /// Which file.
        path: PathBuf,
    },
}

impl Begun {
    /// What the comparison in a folder was begun as; `None` where there is none.
    ///
    /// # Errors
    /// A file that cannot be read or is damaged.
    pub(super) fn read(out: &Path) -> anyhow::Result<Option<Self>> {
        let path = out.join("compare.json");
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.shown()));
            }
        };
        let damaged = || format!("{} is damaged", path.shown());
        let value: Value = serde_json::from_slice(&bytes).with_context(damaged)?;
        // The first versions did not have it, and their cells are not read.
        ensure!(
            value.get("files").is_some_and(|files| !files.is_null()),
            "{} was begun by an earlier version of this command; choose another --out",
            out.shown()
        );
        serde_json::from_value(value)
            .map(Some)
            .with_context(damaged)
    }

    /// The outcome in a cell's file.
    ///
    /// # Errors
    /// A file that is damaged, of another version, or of another comparison.
    pub(super) fn read_cell(&self, path: &Path) -> Result<Outcome, CellError> {
        let damaged = |reason: String| CellError::Damaged {
            path: path.to_owned(),
            reason,
        };
        let bytes = fs::read(path).map_err(|error| damaged(error.to_string()))?;
        let value: Value =
            serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        // The first version had none.
        let found = value.get("version").and_then(Value::as_u64).unwrap_or(1);
        let owned = || path.to_owned();
        match found.cmp(&u64::from(VERSION)) {
            Ordering::Greater => {
                return Err(CellError::Newer {
                    path: owned(),
                    found,
                });
            }
            Ordering::Less => {
                return Err(CellError::Older {
                    path: owned(),
                    found,
                });
            }
            Ordering::Equal => {}
        }
        let outcome: Outcome =
            serde_json::from_value(value).map_err(|error| damaged(error.to_string()))?;
        let rows = outcome.findings.len();
        let is_row = |row: usize| row < rows;
        let mut tested = outcome.tested.iter();
        if !tested.all(|image| is_row(image.truth) && is_row(image.called)) {
            return Err(damaged("an answer is none of its findings".to_owned()));
        }
        match (outcome.data == self.files, outcome.recipe == self.recipe) {
            (false, _) => Err(CellError::OtherData {
                path: path.to_owned(),
            }),
            (true, false) => Err(CellError::OtherRecipe {
                path: path.to_owned(),
            }),
            (true, true) => Ok(outcome),
        }
    }

    /// The outcome of a cell; `None` where it is still missing.
    ///
    /// # Errors
    /// [`CellError`]; a cell that was trained from another weights file than is given now.
    pub(super) fn cell(
        &self,
        options: &CompareOptions,
        cell: Cell,
    ) -> anyhow::Result<Option<Outcome>> {
        let path = cell_path(&options.out, cell);
        if !path.exists() {
            return Ok(None);
        }
        let outcome = self.read_cell(&path)?;
        let given = options.pretrained_file(cell.network);
        let given = given
            .and_then(Path::file_name)
            .map(|name| name.to_string_lossy());
        if let Some(origin) = &outcome.origin
            && given.as_deref() != Some(&origin.file)
        {
            bail!(
                "{} was trained from {}; choose another --out for another start",
                path.shown(),
                origin.file
            );
        }
        Ok(Some(outcome))
    }

    /// Every cell of the folder. Files that are left alone are told of.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub(super) fn cells(&self, out: &Path) -> anyhow::Result<Vec<Outcome>> {
        let folder = out.join("cells");
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", folder.shown()));
            }
        };
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "json")
            {
                paths.push(path);
            }
        }
        paths.sort();
        let mut cells = Vec::new();
        for path in paths {
            match self.read_cell(&path) {
                Ok(outcome) => cells.push(outcome),
                Err(error) => info!("left out: {error}"),
            }
        }
        Ok(cells)
    }
}

fn cell_path(out: &Path, cell: Cell) -> PathBuf {
    out.join("cells").join(format!("{}.json", cell.name()))
}

/// Where a cell's trained network is kept.
pub(super) fn network_path(out: &Path, cell: Cell) -> PathBuf {
    out.join("networks")
        .join(format!("{}.safetensors", cell.name()))
}

/// Keeps a trained network, so that it can be asked of further images.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write_network(out: &Path, cell: Cell, network: &Network) -> anyhow::Result<()> {
    let path = network_path(out, cell);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.shown()))?;
    }
    let bytes = write_tensors(&state_dict(network)?, HashMap::new())?;
    write_atomically(&path, &bytes)
}

/// The trained network of a cell, on the CPU.
///
/// # Errors
/// A file that cannot be read, is damaged, or of another network.
pub(super) fn read_network(out: &Path, outcome: &Outcome) -> anyhow::Result<Network> {
    let path = network_path(out, outcome.cell);
    let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.shown()))?;
    let fits = || {
        format!(
            "{} is not the network of this cell; remove it",
            path.shown()
        )
    };
    let state = read_tensors(&bytes).with_context(fits)?;
    let network = Network::init(outcome.cell.network, outcome.norms(), &Device::flex());
    load_state_dict(network, &state, false).with_context(fits)
}

/// Writes a finished cell's file.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write_cell(out: &Path, outcome: &Outcome) -> anyhow::Result<()> {
    let text = serde_json::to_string(outcome)?;
    write_atomically(&cell_path(out, outcome.cell), text.as_bytes())
}

/// Makes the folder of a comparison on images that were read, or holds it against what is asked.
///
/// # Errors
/// A folder of another comparison; images that are not those that it was begun with.
pub(super) fn begin(
    options: &CompareOptions,
    listing: &mut Listing,
    read: impl FnOnce(&Listing) -> anyhow::Result<Reading>,
) -> anyhow::Result<(Begun, Reading)> {
    let out = &options.out;
    let before = Begun::read(out)?;
    let (data_name, examples) = (listing.dataset.name(), listing.dataset.examples.len());
    if let Some(before) = &before
        && (&before.data_name, before.examples, &before.recipe)
            != (&data_name, examples, &options.recipe)
    {
        bail!(
            "{} holds a comparison on other images or with another side, budget or learning rate; choose another --out",
            out.shown()
        );
    }
    let reading = read(listing)?;
    let is_listed = out.join("files.csv").exists();
    let before = match before {
        Some(before) if is_listed => {
            let list = FileList::read(out, &before.files)?;
            list.check_read(listing, &reading, out)?;
            list.apply(listing);
            return Ok((before, reading));
        }
        before => before,
    };
    let grouped = listing.dataset.grouped;
    let listed = listing.clone();
    tell_copies(&reading.join(listing, options.allow_duplicates)?);
    let list = FileList::new(&listed, listing, &reading);
    let begun = Begun {
        data_name,
        examples,
        recipe: options.recipe.clone(),
        files: list.hash()?,
        grouped,
    };
    // The list has names of files, so that a published comparison is without it: it is made again.
    if let Some(before) = before
        && before.files != begun.files
    {
        bail!(
            "{} holds a comparison on other images; choose another --out, or put the images back as they were",
            out.shown()
        );
    }
    fs::create_dir_all(out.join("cells"))
        .with_context(|| format!("cannot make {}", out.shown()))?;
    list.write(out)?;
    write_atomically(
        &out.join("compare.json"),
        serde_json::to_string_pretty(&begun)?.as_bytes(),
    )?;
    Ok((begun, reading))
}
