//! From a run to a bundle that the browser loads.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use mobilenet_lung::bundle::{OperatingPoint, SetSentence};
use mobilenet_lung::{Bundle, ByFinding, Classifier, Distribution, Findings, Metadata, StateDict};

use super::exported::Exported;
use super::index::publish;
use super::trained_on::Material;
use super::trust::{self, Held};
use crate::data::{Dataset, Listing, Part, Patients, Selection, Shown as _};
use crate::evaluate::metrics::{Evaluation, Outcome, Tested};
use crate::evaluate::{Tests, check_foreign};
use crate::predict::load_classifier;
use crate::train::{Calibration, Run, RunResult, folder_without, read_run, recorded_list, weights};

/// Exports the model of `run` into `out`, tested on the run's test fold of each data folder and on images under `foreign`
/// that are no frontal chest radiographs. `sentences` are shown with the prediction sets that they name.
///
/// # Errors
/// A run that is not finished, test data that cannot be read, a sentence for findings that the model does not have, a folder
/// that cannot be written.
pub fn export(
    run_folder: &Path,
    out: &Path,
    data: &[PathBuf],
    foreign: Option<&Path>,
    sentences: Vec<SetSentence>,
) -> anyhow::Result<Exported> {
    check_foreign(foreign)?;
    let (run, result) = finished(run_folder)?;
    let state = weights(run_folder)?;

    let dataset = data_of(&run, run_folder, data)?;
    let fold = run.config.test_fold;
    dataset.has_test(fold)?;
    let split = dataset.split(fold, run.config.validation, run.config.seed)?;
    let parts = match run.config.cross_fit {
        true => split.parts(&dataset)?,
        false => Vec::new(),
    };
    let material = Material::new(&dataset, &split, &result);

    let plain = Metadata {
        preprocessing: run.config.preprocessing(),
        trained_on: trained_on(&run),
        commit: commit(),
        notice: material.notice(),
        set_sentences: sentences,
        data: material.data(&dataset),
        ..Metadata::plain(run.findings(), run.config.attention)
    };
    let mut metadata = with_calibration(plain.clone(), &result.calibration);
    let points = operating_points(&metadata.findings, &dataset.patients, &result);
    if let Some(first) = points.first() {
        metadata.default_operating_point.clone_from(&first.name);
        metadata.operating_points = points;
    }
    let mut held = Vec::with_capacity(parts.len() + 1);
    for part in parts {
        held.push(held_by(part, run_folder, &result, plain.clone())?);
    }
    held.push(Held {
        classifier: through_the_file(&state, None, &metadata)?,
        train: split.train,
        held_out: split.validation,
    });
    let answers = trust::answers_held_out(&held, &dataset);
    if result.points.is_empty() {
        for point in &mut metadata.operating_points {
            point.prediction_sets = trust::prediction_sets(&answers, &dataset);
        }
    }
    let distribution = trust::distribution(&held, &dataset, &run.config)?;
    let classifier = through_the_file(&state, distribution.as_ref(), &metadata)?;
    let mut tests = Tests::run(&classifier, &dataset, Some(fold), foreign)?;
    metadata.tests = (tests.folders.iter())
        .map(Evaluation::test_figures)
        .collect();
    let (_, bytes) = Bundle::write(&state, distribution.as_ref(), &metadata)?;
    let (name, bytes) = Bundle::read(&bytes, None)?.with_known_evidence(&metadata)?;
    metadata = Bundle::read(&bytes, Some(&name))?.metadata().clone();
    tests.name_model(Bundle::read(&bytes, Some(&name))?.id());
    let held_out = match run.config.cross_fit {
        true => evaluate_held_out(&answers, &dataset, &metadata.default_operating_point),
        false => Vec::new(),
    };
    Ok(Exported {
        file: publish(out, name, &bytes)?,
        metadata,
        tests,
        held_out,
        material,
    })
}

/// A finished run, and what came of it.
fn finished(run_folder: &Path) -> anyhow::Result<(Run, RunResult)> {
    let run = read_run(run_folder)
        .with_context(|| format!("is the run in {} finished?", run_folder.shown()))?;
    let path = run_folder.join("result.json");
    let result = fs::read(&path).with_context(|| {
        format!(
            "{} is not there: is the run in {} finished?",
            path.shown(),
            run_folder.shown()
        )
    })?;
    let result = serde_json::from_slice(&result).context("result.json is damaged")?;
    Ok((run, result))
}

/// The data of a run, in the groups and folds that it was trained in, from where it lies now.
fn data_of(run: &Run, run_folder: &Path, data: &[PathBuf]) -> anyhow::Result<Dataset> {
    ensure!(
        data.is_empty() || data.len() == run.data.len(),
        "the run was trained on {} data folders, and --data names {}: name each as often as it was, in the same order",
        run.data.len(),
        data.len()
    );
    let folders = if data.is_empty() { &run.data } else { data };
    let findings = run.findings();
    let selection = Selection {
        leave_out: &run.leave_out,
        description: None,
        findings: Some(&findings),
    };
    let mut listing = Listing::described(folders, &selection, &run.described())?;
    if let Some(list) = recorded_list(run, &listing, run_folder)? {
        list.check_contents(&listing, run_folder)?;
        list.apply(&mut listing);
    }
    Ok(listing.dataset)
}

/// A model as its file stores it, through the code that the browser runs: what is calibrated and tested are the numbers that ship.
fn through_the_file(
    state: &StateDict,
    distribution: Option<&Distribution>,
    metadata: &Metadata,
) -> anyhow::Result<Classifier> {
    let (_, bytes) = Bundle::write(state, distribution, metadata)?;
    Ok(Classifier::on_cpu(&Bundle::read(&bytes, None)?)?)
}

/// The training without one more fold, and what it was given.
fn held_by(
    part: Part,
    run_folder: &Path,
    result: &RunResult,
    plain: Metadata,
) -> anyhow::Result<Held> {
    let calibration = (result.without_fold.get(&part.fold)).with_context(|| {
        format!(
            "{} was not trained without fold {}, which its configuration asks for; go on with it by `lung train --resume`",
            run_folder.shown(),
            part.fold
        )
    })?;
    let state = weights(&folder_without(run_folder, part.fold))?;
    let metadata = with_calibration(plain, calibration);
    Ok(Held {
        classifier: through_the_file(&state, None, &metadata)?,
        train: part.train,
        held_out: part.held_out,
    })
}

/// Writes the model in the weights file `model`, of whatever format, in today's into `out`, and returns the file's path. Its answers
/// stay the same; known evidence is worked out on the CPU where the file has none.
///
/// # Errors
/// A weights file that is missing or refused, a folder that cannot be written.
pub fn export_again(model: &Path, out: &Path) -> anyhow::Result<PathBuf> {
    let (bundle, _) = load_classifier(model)?;
    let (name, bytes) = (bundle.with_known_evidence(bundle.metadata()))
        .with_context(|| format!("{} cannot be written again", model.shown()))?;
    publish(out, name, &bytes)
}

/// The operating points of a run, the default first; none where it is calibrated by what training draws.
fn operating_points(
    findings: &Findings,
    patients: &[Patients],
    result: &RunResult,
) -> Vec<OperatingPoint> {
    // They are in the order of their kinds, which begins with the default.
    (result.points.iter())
        .map(|(point, own)| OperatingPoint {
            description: point.description(patients),
            offsets: ByFinding::new(
                findings,
                (own.offsets.iter()).map(|offset| offset / result.calibration.temperature),
            ),
            prediction_sets: Some(own.prediction_sets.clone()),
            ..OperatingPoint::plain(point.name(), findings)
        })
        .collect()
}

/// Makes a calibration part of what a bundle says: scales for all operating points, and the offsets of the only one.
fn with_calibration(metadata: Metadata, calibration: &Calibration) -> Metadata {
    let each = |values: &[f32]| {
        let divided = values.iter().map(|value| value / calibration.temperature);
        ByFinding::new(&metadata.findings, divided)
    };
    let (scales, offsets) = (each(&calibration.scales), each(&calibration.offsets));
    let mut points = metadata.operating_points.clone();
    for point in &mut points {
        point.offsets = offsets.clone();
    }
    Metadata {
        scales,
        operating_points: points,
        ..metadata
    }
}

/// Answers to images that the answering network was not trained on, summed up for each data folder.
fn evaluate_held_out(
    answers: &[Outcome],
    dataset: &Dataset,
    operating_point: &str,
) -> Vec<Evaluation> {
    let tested = Tested {
        model: "",
        operating_point,
        findings: &dataset.findings,
    };
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
            Evaluation::new(&tested, split, &answers, Vec::new())
        })
        .collect()
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
    use mobilenet_lung::architecture::AttentionConfig;

    use super::*;

    #[test]
    fn scales_and_offsets_of_a_bundle_are_the_calibration() {
        let calibration = Calibration {
            temperature: 0.8,
            scales: vec![0.4, 1.25, 2.0],
            offsets: vec![-0.3, 0.1, 0.7],
        };
        let plain = Metadata::plain(Findings::lung_xray(), AttentionConfig::NONE);
        let metadata = with_calibration(plain, &calibration);
        let logits = [1.7, -0.4, 0.6];
        let changes = metadata.scales.values();
        let changes = changes.zip(metadata.operating_points[0].offsets.values());
        let calibrated: Vec<f32> = (logits.iter().zip(changes))
            .map(|(logit, (scale, offset))| logit * scale + offset)
            .collect();
        let got = mobilenet_lung::softmax(&calibrated, 1.0);
        for (got, want) in got.iter().zip(calibration.probabilities(&logits)) {
            assert!((got - want).abs() < 1e-6, "{got} {want}");
        }
    }
}
