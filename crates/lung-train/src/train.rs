//! Training a model, and the trainings without a fold that it is calibrated by.
//!
//! A run is a folder: `run.json` (what was asked), `files.csv` (on which images, and who is in which fold), `log.jsonl` (a line
//! an epoch), `events.out.tfevents.0.lung` (the same for TensorBoard), `checkpoint.json` and the folder it names (everything needed to go on), and at the end `model.safetensors` and
//! `result.json`. One process at a time writes to it. With
//! [`TrainConfig::cross_fit`] each training without a fold has such a folder in that of the run (`without-fold-2`), and
//! `labels.csv` says what these trainings make of the labels.
//! Everything random is drawn from the seed, the stage and the epoch, so a run that was killed and resumed ends where an
//! unbroken one does.

mod calibration;
mod calibrations;
mod checkpoint;
mod device;
mod draws;
mod eta;
mod events;
mod fit;
mod fit_calibration;
mod folder;
mod images;
mod labels;
mod log;
mod optimizer;
mod outcomes;
mod parameters;
mod points;
mod run;
mod trainer;

use std::collections::BTreeMap;

use anyhow::ensure;
use burn::tensor::Device;
use mobilenet_lung::network::MobileNetLung;
use mobilenet_lung::{StateDict, load_state_dict};

pub use self::calibration::Calibration;
use self::calibrations::Calibrations;
pub use self::device::{DeviceError, TrainingDevice};
pub(crate) use self::draws::draw;
pub(crate) use self::fit::{Batches, Diverged, Targets, fit, one_hot};
use self::folder::{Prepared, enter, finished, note_slower, prepare, pretrained_hash, write_run};
pub use self::folder::{read_run, recorded_list};
pub(crate) use self::images::Images;
use self::labels::HeldOut;
pub use self::log::{EpochLog, Stage, read_epochs};
pub(crate) use self::optimizer::{Optimizer, Rate};
pub use self::outcomes::{Outcomes, rows, top};
pub(crate) use self::parameters::{freeze, relative};
pub use self::points::{OperatingPoint, Point};
use self::run::{MODEL, RESULT};
pub use self::run::{Run, RunResult, Slowed, TrainOptions, folder_without, weights};
use self::trainer::{Trainer, Training};
use crate::config::TrainConfig;
use crate::data::{Dataset, Part, Shown as _, Split};
use crate::files::write_atomically;
use tracing::info;

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
            images.outcomes(&|images| network.forward(images), &part.held_out, &device)?,
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
    let validation = images.outcomes(
        &|images| network.forward(images),
        &split.validation,
        &device,
    )?;
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
