//! What is asked of a run, what it came to, and the files that say so.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use mobilenet_lung::bundle::read_tensors;
use mobilenet_lung::{Findings, StateDict};
use serde::{Deserialize, Serialize};

use super::calibration::Calibration;
use super::device::TrainingDevice;
use super::points::{OperatingPoint, Point};
use crate::config::TrainConfig;
use crate::data::{Described, Description, ListHash, Shown as _};

/// What a run came to.
pub(super) const RESULT: &str = "result.json";

/// The weights that a training ended with.
pub(super) const MODEL: &str = "model.safetensors";

/// What was asked of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Names of the data folders.
    pub data_name: String,
    /// The data folders as they were given.
    pub data: Vec<PathBuf>,
    /// Name of the pretrained weights' file; `None` for a start from random weights.
    pub pretrained: Option<String>,
    /// Hex digits of the sha256 of that file; `None` in runs from before it was kept too.
    #[serde(default)]
    pub pretrained_sha256: Option<String>,
    /// How it was trained, in the end.
    pub config: TrainConfig,
    /// On what it was begun; `cpu` in runs from before there was a choice.
    #[serde(default)]
    pub device: TrainingDevice,
    /// The findings, in the order of the network's outputs; `None` in runs from before there were others than the three of
    /// the "Lung X-Ray Image Dataset".
    #[serde(default)]
    pub findings: Option<Findings>,
    /// What its folders count as; `None` in runs from before that could be said.
    #[serde(default)]
    pub description: Option<Description>,
    /// Where it was resumed with lower learning rates.
    #[serde(default)]
    pub slowed: Vec<Slowed>,
    /// Names of folders and files that were left out.
    #[serde(default)]
    pub leave_out: Vec<String>,
    /// Whether images that are there twice stayed where they are.
    #[serde(default)]
    pub allow_duplicates: bool,
    /// The list of its images, `files.csv`; `None` in runs from before there was one.
    #[serde(default)]
    pub files: Option<ListHash>,
    /// Images trained on, validated on, left for the test.
    pub images: [usize; 3],
    /// Images that could not be read and were left out.
    pub unreadable: usize,
}

impl Run {
    /// What its folders count as.
    pub(crate) fn described(&self) -> Described {
        let described = self.description.clone().map(|description| Described {
            description,
            path: Some(PathBuf::from("run.json")),
        });
        described.unwrap_or_else(|| self.config.described(Described::built_in()))
    }

    /// The findings, in the order of the network's outputs.
    pub fn findings(&self) -> Findings {
        self.findings.clone().unwrap_or_else(Findings::lung_xray)
    }
}

/// A run that was resumed with lower learning rates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slowed {
    /// How many epochs of the model had been trained.
    pub after_epochs: usize,
    /// How they, and the epochs of trainings without a fold so far, had been trained.
    pub before: TrainConfig,
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunResult {
    /// What fits best what the model answers to the validation images and the trainings without a fold to it, together; changes
    /// nothing where there is neither. See [`to_calibrate`](super::outcomes::Outcomes::to_calibrate).
    pub calibration: Calibration,
    /// How many images that was fitted on.
    pub calibrated_on: usize,
    /// The same for each training without a fold, by fold, fitted to the images of the others alone; empty without
    /// [`TrainConfig::cross_fit`].
    #[serde(default)]
    pub without_fold: BTreeMap<usize, Calibration>,
    /// For whom else the model is calibrated; empty where it is calibrated by what training draws.
    #[serde(default)]
    pub points: BTreeMap<Point, OperatingPoint>,
    /// Mean cross-entropy of the model on the validation images, before calibration.
    pub validation_loss: Option<f64>,
    /// Share of the validation images that the model classifies correctly.
    pub validation_accuracy: Option<f64>,
}

/// What to train on what.
#[derive(Clone, Debug)]
pub struct TrainOptions {
    /// Folders of class folders; what is reported of a model is its test on the first.
    pub data: Vec<PathBuf>,
    /// Backbone to start from; random weights where `None`.
    pub pretrained: Option<PathBuf>,
    /// Folder of the run.
    pub out: PathBuf,
    /// How.
    pub config: TrainConfig,
    /// On what.
    pub device: TrainingDevice,
    /// Go on from the run's checkpoint.
    pub resume: bool,
    /// Leave out images that cannot be read.
    pub skip_unreadable: bool,
    /// Names of folders and files to leave out; `*` stands for any characters.
    pub leave_out: Vec<String>,
    /// A description of the data set; without it, the `dataset.toml` beside the class folders counts.
    pub description: Option<PathBuf>,
    /// Go on with images that are there twice, in two classes or in two folds.
    pub allow_duplicates: bool,
    /// Stop after this many epochs in all, as if killed there; for tests.
    pub stop_after: Option<usize>,
}

/// The folder of the training that is not given a fold, in that of its run.
pub fn folder_without(run: &Path, fold: usize) -> PathBuf {
    run.join(format!("without-fold-{fold}"))
}

/// The weights that the training in a folder ended with.
///
/// # Errors
/// A training that is not finished, or a damaged file.
pub fn weights(folder: &Path) -> anyhow::Result<StateDict> {
    let path = folder.join(MODEL);
    let bytes = fs::read(&path).with_context(|| {
        format!(
            "{} cannot be read: is the run finished? `lung train --resume` goes on with it",
            path.shown()
        )
    })?;
    read_tensors(&bytes).with_context(|| format!("{} is damaged", path.shown()))
}
