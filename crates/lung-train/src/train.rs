//! Training a model, and the trainings without a fold that it is calibrated by.
//!
//! A run is a folder: `run.json` (what was asked), `files.csv` (on which images, and who is in which fold), `log.jsonl` (a line
//! an epoch), `events.out.tfevents.0.lung` (the same for TensorBoard), `checkpoint.json` and the folder it names (everything needed to go on), and at the end `model.safetensors` and
//! `result.json`. One process at a time writes to it. With
//! [`TrainConfig::cross_fit`] each training without a fold has such a folder in that of the run (`without-fold-2`), and
//! `labels.csv` says what these trainings make of the labels.
//! Everything random is drawn from the seed, the stage and the epoch, so a run that was killed and resumed ends where an
//! unbroken one does.

mod average;
mod calibration;
mod device;
mod eta;
mod events;
mod folder;
mod images;
mod labels;
mod log;
mod outcomes;
mod parameters;
mod points;
mod trainer;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use burn::tensor::Device;
use mobilenet_lung::bundle::read_tensors;
use mobilenet_lung::network::MobileNetLung;
use mobilenet_lung::{Findings, StateDict, load_state_dict};
use serde::{Deserialize, Serialize};

pub use self::calibration::Calibration;
use self::calibration::Calibrations;
pub use self::device::{DeviceError, TrainingDevice};
use self::folder::{Prepared, enter, finished, note_slower, prepare, pretrained_hash, write_run};
pub use self::folder::{read_run, recorded_list};
use self::images::Images;
use self::labels::HeldOut;
pub use self::log::{EpochLog, Stage};
pub use self::outcomes::{Outcomes, rows, top};
pub use self::points::{OperatingPoint, Point};
pub(crate) use self::trainer::schedule;
use self::trainer::{Trainer, Training};
use crate::config::TrainConfig;
use crate::data::{Dataset, Described, Description, ListHash, Part, Shown as _, Split};
use crate::files::write_atomically;
use tracing::info;

/// A line an epoch.
const LOG: &str = "log.jsonl";

/// What a run came to.
const RESULT: &str = "result.json";

/// The weights that a training ended with.
const MODEL: &str = "model.safetensors";

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
    /// nothing where there is neither. See [`Outcomes::to_calibrate`].
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

/// Trains a model; the run's folder holds it afterwards. `None` if it stopped at [`TrainOptions::stop_after`].
///
/// # Errors
/// Data, weights or a run folder that cannot be used; see each message.
pub fn train(options: &TrainOptions) -> anyhow::Result<Option<RunResult>> {
    options.config.check()?;
    // Refused before anything is read or written.
    options.device.open()?;
    let (_lock, begun) = enter(options)?;
    let Prepared {
        dataset,
        description,
        reading,
        split,
        list,
        hash,
    } = prepare(options, begun.as_ref())?;
    if let Some(result) = finished(options)? {
        info!("the run in {} is finished", options.out.shown());
        return Ok(Some(result));
    }
    has_all_findings(&dataset, &split)?;
    let parts = match options.config.cross_fit {
        true => split.parts(&dataset)?,
        false => Vec::new(),
    };
    let run = Run {
        data_name: dataset.name(),
        data: options.data.clone(),
        pretrained: options
            .pretrained
            .as_ref()
            .and_then(|path| path.file_name())
            .map(|name| name.to_string_lossy().into_owned()),
        pretrained_sha256: pretrained_hash(options)?,
        config: options.config.clone(),
        device: options.device,
        findings: Some(dataset.findings.clone()),
        description: Some(description),
        slowed: Vec::new(),
        leave_out: options.leave_out.clone(),
        allow_duplicates: options.allow_duplicates,
        files: Some(hash),
        images: [split.train.len(), split.validation.len(), split.test.len()],
        unreadable: reading.failures.len(),
    };
    match begun {
        // The list first: nothing names one that is not there.
        None => {
            list.write(&options.out)?;
            write_run(&options.out, &run)?;
        }
        Some(begun) => note_slower(options, begun)?,
    }
    info!(
        "{}: {} images to train on, {} to validate, {} left for the test{}",
        run.data_name,
        run.images[0],
        run.images[1],
        run.images[2],
        if dataset.grouped {
            " (no group divided)"
        } else {
            " (without groups.csv: divided by patients in files' names where there are any, copies together)"
        }
    );
    let images = Images {
        dataset: &dataset,
        pixels: &reading.pixels,
    };
    let training = Training {
        folder: &options.out,
        images,
        split: &split,
        more: parts.len(),
    };
    let Some(state) = trained(options, &training, options.stop_after)? else {
        return Ok(None);
    };
    let Some(held_out) = cross_fit(options, images, &parts)? else {
        return Ok(None);
    };
    finish(options, images, &split, &state, held_out).map(Some)
}

/// Refuses a split that has no image of some finding to train on.
fn has_all_findings(dataset: &Dataset, split: &Split) -> anyhow::Result<()> {
    for row in 0..dataset.findings.len() {
        ensure!(
            !dataset.lacks(&split.train, row),
            "no readable image of {} is left to train on",
            dataset.id(row)
        );
    }
    Ok(())
}

/// Trains without each fold in turn and returns what each training answers to the fold that it was not given, by fold. `None`
/// if it stopped at [`TrainOptions::stop_after`].
fn cross_fit(
    options: &TrainOptions,
    images: Images<'_>,
    parts: &[Part],
) -> anyhow::Result<Option<BTreeMap<usize, Outcomes>>> {
    let config = &options.config;
    let mut held_out = BTreeMap::new();
    for (place, part) in parts.iter().enumerate() {
        let folder = folder_without(&options.out, part.fold);
        info!(
            "without fold {}, to calibrate ({} of {}): {} images to train on",
            part.fold,
            place + 1,
            parts.len(),
            part.train.len()
        );
        // Nothing is chosen by an epoch of it, so that none is validated.
        let split = Split {
            train: part.train.clone(),
            ..Split::default()
        };
        let before = (place + 1) * (config.head.epochs + config.fine_tune.epochs);
        let limit = options.stop_after.map(|limit| limit.saturating_sub(before));
        let training = Training {
            folder: &folder,
            images,
            split: &split,
            more: parts.len() - place - 1,
        };
        let Some(state) = trained(options, &training, limit)? else {
            return Ok(None);
        };
        let (network, device) = without_gradients(config, images, &state)?;
        held_out.insert(
            part.fold,
            images.outcomes(&network, &part.held_out, &device)?,
        );
    }
    Ok(Some(held_out))
}

/// The weights that the training in `folder` ends with, or ended with; `None` if it stopped after `limit` epochs.
fn trained(
    options: &TrainOptions,
    training: &Training<'_>,
    limit: Option<usize>,
) -> anyhow::Result<Option<StateDict>> {
    if training.folder.join(MODEL).exists() {
        return weights(training.folder).map(Some);
    }
    Trainer::new(options, training)?.run(limit)
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

/// A network of these weights, and the device that it is on.
fn without_gradients(
    config: &TrainConfig,
    images: Images<'_>,
    state: &StateDict,
) -> anyhow::Result<(MobileNetLung, Device)> {
    let device = Device::flex();
    let network = config.network(images.dataset.findings.len()).init(&device);
    Ok((load_state_dict(network, state, false)?, device))
}

/// Calibrates the model of `state` and the trainings without a fold, reports on them and writes `result.json`.
fn finish(
    options: &TrainOptions,
    images: Images<'_>,
    split: &Split,
    state: &StateDict,
    held_out: BTreeMap<usize, Outcomes>,
) -> anyhow::Result<RunResult> {
    let (network, device) = without_gradients(&options.config, images, state)?;
    let validation = images.outcomes(&network, &split.validation, &device)?;
    let watched = !validation.labels.is_empty();
    let Calibrations {
        model: calibration,
        calibrated_on,
        without_fold,
        points,
    } = Calibrations::fit(images.dataset, &options.config, &validation, &held_out);
    let report = |what: &str, outcomes: &Outcomes, calibration: &Calibration| {
        let other = outcomes.only(|example| !images.dataset.class(example).is_divided());
        let undivided = match other.labels.len() == outcomes.labels.len() {
            true => String::new(),
            false => format!(
                ", without targets that are divided {:.3}",
                other.loss(calibration)
            ),
        };
        info!(
            "{what}: log loss {:.3}{undivided}",
            outcomes.loss(calibration)
        );
        for (stratum, calls) in outcomes.calls(images.dataset, calibration) {
            info!(
                "{what}, {stratum}: called {}",
                (images.dataset.findings.ids().zip(calls))
                    .map(|(id, count)| format!("{id} {count}"))
                    .collect::<Vec<_>>()
                    .join(", ")
            );
        }
    };
    let held_out: Vec<HeldOut> = held_out
        .into_iter()
        .zip(without_fold.values())
        .map(|((fold, outcomes), calibration)| {
            report(&format!("without fold {fold}"), &outcomes, calibration);
            HeldOut {
                fold,
                outcomes,
                calibration: calibration.clone(),
            }
        })
        .collect();
    if !held_out.is_empty() {
        labels::write(&options.out, images.dataset, &held_out)?;
    }
    let result = RunResult {
        calibration,
        calibrated_on,
        without_fold,
        points,
        validation_loss: watched
            .then(|| validation.loss(&Calibration::none(images.dataset.findings.len()))),
        validation_accuracy: watched.then(|| validation.accuracy()),
    };
    report("validation", &validation, &result.calibration);
    write_atomically(
        &options.out.join(RESULT),
        serde_json::to_string_pretty(&result)?.as_bytes(),
    )?;
    Ok(result)
}

/// The epochs that a run, or one training of it, has logged; a last line that a kill cut off is left out.
///
/// # Errors
/// A log that is missing, or a line of it that is none.
pub fn read_epochs(run: &Path) -> anyhow::Result<Vec<EpochLog>> {
    let path = run.join(LOG);
    let text = fs::read_to_string(&path).with_context(|| {
        format!(
            "{} cannot be read: is {} the folder of a run?",
            path.shown(),
            run.shown()
        )
    })?;
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole
        .lines()
        .enumerate()
        .map(|(place, line)| {
            serde_json::from_str(line)
                .with_context(|| format!("line {} of {} is damaged", place + 1, path.shown()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_read_up_to_where_a_kill_cut_it_off() {
        let folder = tempfile::TempDir::new().unwrap();
        let line = r#"{"stage":"head","epoch":1,"train_loss":1,"train_accuracy":0.5,"validation_loss":null,"validation_accuracy":null,"from_layer":null,"seconds":1}"#;
        let log = folder.path().join("log.jsonl");
        fs::write(&log, format!("{line}\n{}", &line[..20])).unwrap();
        assert_eq!(read_epochs(folder.path()).unwrap().len(), 1);
        fs::write(&log, format!("nonsense\n{line}\n")).unwrap();
        let error = format!("{:#}", read_epochs(folder.path()).unwrap_err());
        assert!(error.contains("line 1 of"), "{error}");
        let error = format!(
            "{:#}",
            read_epochs(&folder.path().join("gone")).unwrap_err()
        );
        assert!(error.contains("the folder of a run"), "{error}");
    }
}
