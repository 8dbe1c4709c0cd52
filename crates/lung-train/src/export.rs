//! From a run to a bundle that the browser loads.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use mobilenet_lung::architecture::FEATURES;
use mobilenet_lung::bundle::{ARCHITECTURE, FORMAT_VERSION, sha256};
use mobilenet_lung::{Bundle, Classifier, Distribution, Finding, Metadata, StateDict};
use serde::{Deserialize, Serialize};

use crate::card::Material;
use crate::data::Dataset;
use crate::evaluate::Tests;
use crate::metrics::{Evaluation, Outcome};
use crate::onnx::to_onnx;
use crate::predict::load_classifier;
use crate::train::{Calibration, Run, RunResult, folder_without, weights, write_atomically};
use crate::trust::{self, Held};

/// `index.json` beside the bundles.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Index {
    /// File name of the bundle to use.
    pub current: String,
    /// Every bundle in the folder.
    pub models: Vec<IndexEntry>,
}

/// One bundle of an [`Index`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IndexEntry {
    /// File name.
    pub file: String,
    /// Size.
    pub bytes: usize,
    /// Hex digits of the sha256 of its content.
    pub sha256: String,
}

/// What [`export`] wrote, and how the model did.
#[derive(Clone, Debug)]
pub struct Exported {
    /// The weights file.
    pub file: PathBuf,
    /// What it says of itself.
    pub metadata: Metadata,
    /// The tests on the run's test fold, data folder by data folder, and on foreign images.
    pub tests: Tests,
    /// What it and the trainings without a fold answered to the images that each was not given, data folder by data folder;
    /// empty without [`TrainConfig::cross_fit`](crate::config::TrainConfig::cross_fit).
    pub held_out: Vec<Evaluation>,
    /// What it was trained on.
    pub material: Material,
}

/// Exports the model of `run` into `out`, tested on the run's test fold of each data folder and on images under `foreign`
/// that are no frontal chest radiographs.
///
/// # Errors
/// A run that is not finished, test data that cannot be read, a folder that cannot be written.
pub fn export(
    run_folder: &Path,
    out: &Path,
    data: &[PathBuf],
    foreign: Option<&Path>,
) -> anyhow::Result<Exported> {
    let read = |name: &str| {
        let path = run_folder.join(name);
        fs::read(&path).with_context(|| {
            format!(
                "{} is not there: is the run in {} finished?",
                path.display(),
                run_folder.display()
            )
        })
    };
    let run: Run = serde_json::from_slice(&read("run.json")?).context("run.json is damaged")?;
    let result: RunResult =
        serde_json::from_slice(&read("result.json")?).context("result.json is damaged")?;
    let state = with_calibration(weights(run_folder)?, &result.calibration)?;

    ensure!(
        data.is_empty() || data.len() == run.data.len(),
        "the run was trained on {} data folders, and --data names {}: name each as often as it was, in the same order",
        run.data.len(),
        data.len()
    );
    let dataset = Dataset::open_all(if data.is_empty() { &run.data } else { data })?;
    let fold = run.config.test_fold;
    let sources = dataset.sources();
    ensure!(
        (sources.first()).is_some_and(|first| !dataset.fold_of(first, fold).is_empty()),
        "fold {fold} of {} has no image to test on",
        sources.first().map_or("the data folder", String::as_str)
    );
    let split = dataset.split(fold, run.config.validation, run.config.seed)?;
    let parts = match run.config.cross_fit {
        true => split.parts(&dataset)?,
        false => Vec::new(),
    };
    let material = Material::new(&dataset, &split, &run.config, &result);

    let mut metadata = Metadata {
        format_version: FORMAT_VERSION,
        architecture: ARCHITECTURE.to_owned(),
        attention: run.config.attention,
        findings: Finding::ALL
            .map(|finding| finding.name().to_owned())
            .to_vec(),
        preprocessing: run.config.preprocessing(),
        temperature: result.calibration.temperature,
        prediction_sets: None,
        in_distribution: None,
        trained_on: trained_on(&run),
        test: None,
        further_tests: Vec::new(),
        licence: "MIT OR Apache-2.0".to_owned(),
        commit: commit(),
        notice: material.notice(),
    };
    // What is calibrated and tested are the numbers that ship: as the file stores them, through the code that the browser runs.
    let through_the_file =
        |state: &StateDict, distribution: Option<&Distribution>, metadata: &Metadata| {
            let (_, bytes) = Bundle::write(state, distribution, metadata)?;
            anyhow::Ok(Classifier::on_cpu(&Bundle::read(&bytes, None)?)?)
        };
    let mut held = Vec::with_capacity(parts.len() + 1);
    for part in parts {
        let calibration = (result.without_fold.get(&part.fold)).with_context(|| {
            format!(
                "{} was not trained without fold {}, which its configuration asks for; go on with it by `lung train --resume`",
                run_folder.display(),
                part.fold
            )
        })?;
        let state = with_calibration(
            weights(&folder_without(run_folder, part.fold))?,
            calibration,
        )?;
        let metadata = Metadata {
            temperature: calibration.temperature,
            ..metadata.clone()
        };
        held.push(Held {
            classifier: through_the_file(&state, None, &metadata)?,
            train: part.train,
            held_out: part.held_out,
        });
    }
    held.push(Held {
        classifier: through_the_file(&state, None, &metadata)?,
        train: split.train,
        held_out: split.validation,
    });
    let answers = trust::answers_held_out(&held, &dataset);
    metadata.prediction_sets = trust::prediction_sets(&answers, &dataset);
    let distribution = trust::distribution(&held, &dataset, &run.config)?;
    let classifier = through_the_file(&state, distribution.as_ref(), &metadata)?;
    let mut tests = Tests::run(&classifier, &dataset, Some(fold), foreign)?;
    let mut figures = tests.folders.iter().map(Evaluation::test_metrics);
    metadata.test = figures.next();
    metadata.further_tests = figures.collect();
    let (name, bytes) = Bundle::write(&state, distribution.as_ref(), &metadata)?;
    metadata = Bundle::read(&bytes, Some(&name))?.metadata().clone();
    tests.name_model(Bundle::read(&bytes, Some(&name))?.id());

    fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let path = out.join(&name);
    write_atomically(&path, &bytes)?;
    // The index last: it never names a bundle that is not complete.
    let index_path = out.join("index.json");
    let mut index: Index = match fs::read(&index_path) {
        Ok(text) => serde_json::from_slice(&text)
            .with_context(|| format!("{} is damaged", index_path.display()))?,
        Err(_) => Index::default(),
    };
    index
        .models
        .retain(|entry| entry.file != name && out.join(&entry.file).exists());
    index.models.push(IndexEntry {
        file: name.clone(),
        bytes: bytes.len(),
        sha256: sha256(&bytes),
    });
    index.current = name;
    let mut text = serde_json::to_string_pretty(&index)?;
    text.push('\n');
    write_atomically(&index_path, text.as_bytes())?;
    Ok(Exported {
        file: path,
        metadata,
        tests,
        held_out: match run.config.cross_fit {
            true => evaluate_held_out(&answers, &dataset),
            false => Vec::new(),
        },
        material,
    })
}

/// Makes scales and offsets of a calibration part of the head.
fn with_calibration(mut state: StateDict, calibration: &Calibration) -> anyhow::Result<StateDict> {
    let missing = "the weights of the run have no `classifier.1`";
    let weight = state.get_mut("classifier.1.weight").context(missing)?;
    for (row, scale) in weight.values.chunks_mut(FEATURES).zip(calibration.scales) {
        for value in row {
            *value *= scale;
        }
    }
    let bias = state.get_mut("classifier.1.bias").context(missing)?;
    let changes = calibration.scales.iter().zip(calibration.offsets);
    for (value, (scale, offset)) in bias.values.iter_mut().zip(changes) {
        *value = *value * scale + offset;
    }
    Ok(state)
}

/// Answers to images that the answering network was not trained on, summed up for each data folder.
fn evaluate_held_out(answers: &[Outcome], dataset: &Dataset) -> Vec<Evaluation> {
    dataset
        .sources()
        .into_iter()
        .map(|source| {
            let of_source: Vec<Outcome> = (answers.iter())
                .filter(|answer| answer.source == source)
                .cloned()
                .collect();
            (source, of_source)
        })
        .filter(|(_, answers)| !answers.is_empty())
        .map(|(source, answers)| {
            let split = format!("{source}, folds left out");
            Evaluation::new(String::new(), split, &answers, Vec::new())
        })
        .collect()
}

/// Writes the model in the weights file `model` as ONNX into `out`, and returns the file's path.
///
/// # Errors
/// A weights file that is missing or refused, a folder that cannot be written.
pub fn export_onnx(model: &Path, out: &Path) -> anyhow::Result<PathBuf> {
    let (bundle, _) = load_classifier(model)?;
    let bytes = to_onnx(&bundle).with_context(|| format!("{} as ONNX", model.display()))?;
    fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let path = out.join(format!("{}.onnx", bundle.id()));
    write_atomically(&path, &bytes)?;
    Ok(path)
}

fn trained_on(run: &Run) -> String {
    let [train, validation, _] = run.images;
    format!(
        "{}: {train} images to train on and {validation} to validate, fold {} left out{}{}",
        run.data_name,
        run.config.test_fold,
        match run.config.cross_fit {
            true => "; calibrated by trainings that each leave out one more fold",
            false => "",
        },
        match &run.pretrained {
            Some(name) => format!("; started from {name}"),
            None => "; started from random weights".to_owned(),
        }
    )
}

/// The commit that is checked out here; empty outside of a repository.
fn commit() -> String {
    Command::new("git")
        .args(["rev-parse", "HEAD"])
        .output()
        .ok()
        .filter(|output| output.status.success())
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .map(|text| text.trim().to_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use mobilenet_lung::{Array, softmax};

    use super::*;

    #[test]
    fn the_head_of_a_bundle_gives_calibrated_logits() {
        let calibration = Calibration {
            temperature: 0.8,
            scales: [0.4, 1.25, 2.0],
            offsets: [-0.3, 0.1, 0.7],
        };
        let features: Vec<f32> = (0..FEATURES).map(|i| (i % 7) as f32 / 64.0).collect();
        let weight = (0..Finding::COUNT * FEATURES).map(|i| ((i * 31) % 13) as f32 / 64.0 - 0.1);
        let head = |shape: Vec<usize>, values| Array { shape, values };
        let mut state = StateDict::new();
        state.insert(
            "classifier.1.weight".to_owned(),
            head(vec![Finding::COUNT, FEATURES], weight.collect()),
        );
        state.insert(
            "classifier.1.bias".to_owned(),
            head(vec![Finding::COUNT], vec![0.2, -0.4, 0.6]),
        );
        let logits = |state: &StateDict| {
            Finding::ALL.map(|finding| {
                let place = finding.index();
                let row = &state["classifier.1.weight"].values[place * FEATURES..][..FEATURES];
                let sum: f32 = row.iter().zip(&features).map(|(w, f)| w * f).sum();
                sum + state["classifier.1.bias"].values[place]
            })
        };
        let want = calibration.probabilities(logits(&state));
        let state = with_calibration(state, &calibration).unwrap();
        let got = softmax(logits(&state), calibration.temperature);
        for (got, want) in got.iter().zip(want) {
            assert!((got - want).abs() < 1e-5, "{got} {want}");
        }
        assert!(with_calibration(StateDict::new(), &calibration).is_err());
    }
}
