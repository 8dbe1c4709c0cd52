//! From a run to a bundle that the browser loads.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use mobilenet_lung::bundle::{ARCHITECTURE, FORMAT_VERSION, read_tensors, sha256};
use mobilenet_lung::network::AttentionConfig;
use mobilenet_lung::{Bundle, Classifier, Distribution, Finding, Metadata};
use serde::{Deserialize, Serialize};

use crate::data::Dataset;
use crate::metrics::{Evaluation, Share};
use crate::onnx::to_onnx;
use crate::predict::{evaluate, load_classifier};
use crate::train::{Run, RunResult, bar, write_atomically};
use crate::trust;

/// What every reader of a model has to be told.
const NOTICE: &str = "Research software, not a medical device. Every viral pneumonia image it was trained on is of a child, \
no opacity image is known to be, and about 13% of the normal ones are: it can tell children from adults instead of viral \
from other findings.";

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
    /// The test on the run's test fold.
    pub evaluation: Evaluation,
}

/// Exports the model of `run` into `out`, tested on the run's test fold.
///
/// # Errors
/// A run that is not finished, test data that cannot be read, a folder that cannot be written.
pub fn export(run_folder: &Path, out: &Path, data: &[PathBuf]) -> anyhow::Result<Exported> {
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
    let mut state = read_tensors(&read("model.safetensors")?)?;
    let bias = state
        .get_mut("classifier.1.bias")
        .context("model.safetensors has no `classifier.1.bias`")?;
    for (bias, offset) in bias.values.iter_mut().zip(result.calibration.offsets) {
        *bias += offset;
    }

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
        notice: NOTICE.to_owned(),
    };
    // What is calibrated and tested are the numbers that ship: in f16, through the code that the browser runs.
    let through_f16 = |distribution: Option<&Distribution>, metadata: &Metadata| {
        let (_, bytes) = Bundle::write(&state, distribution, metadata)?;
        Ok::<_, anyhow::Error>(Classifier::on_cpu(&Bundle::read(&bytes, None)?)?)
    };
    let dataset = Dataset::open_all(if data.is_empty() { &run.data } else { data })?;
    let fold = run.config.test_fold;
    let split = dataset.split(fold, run.config.validation, run.config.seed)?;
    let classifier = through_f16(None, &metadata)?;
    metadata.prediction_sets = trust::prediction_sets(&classifier, &dataset, &split.validation)?;
    let distribution = trust::distribution(&classifier, &dataset, &split, &run.config)?;
    let classifier = through_f16(distribution.as_ref(), &metadata)?;
    let wanted: Vec<usize> = (0..dataset.examples.len())
        .filter(|i| dataset.examples[*i].fold == fold)
        .collect();
    ensure!(
        !wanted.is_empty(),
        "fold {fold} of {} has no image to test on",
        dataset.name()
    );
    let progress = bar(wanted.len(), "testing");
    let mut evaluation = evaluate(
        &classifier,
        &dataset,
        &wanted,
        format!("{}, fold {fold}", dataset.name()),
        &progress,
    );
    progress.finish_and_clear();
    metadata.test = Some(evaluation.test_metrics());
    let (name, bytes) = Bundle::write(&state, distribution.as_ref(), &metadata)?;
    metadata = Bundle::read(&bytes, Some(&name))?.metadata().clone();
    evaluation.model = Bundle::read(&bytes, Some(&name))?.id().to_owned();

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
        evaluation,
    })
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

impl Exported {
    /// The model card: Markdown made of the bundle's metadata and its test alone.
    pub fn model_card(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        self.write_card(&mut text).ok();
        text
    }

    fn write_card(&self, out: &mut String) -> std::fmt::Result {
        let Self {
            metadata,
            evaluation,
            ..
        } = self;
        let AttentionConfig {
            kind,
            place,
            reduction,
        } = metadata.attention;
        let percent = |share: f64| format!("{:.1}%", share * 100.0);
        let with_interval = |share: &Share| {
            let [low, high] = share.interval;
            format!(
                "{} | {} to {} | {}",
                percent(share.share),
                percent(low),
                percent(high),
                share.images
            )
        };
        writeln!(out, "# Model card: {}\n", evaluation.model)?;
        writeln!(
            out,
            "Written by `lung export --card` from the model's metadata and its test; not edited by hand.\n"
        )?;
        writeln!(out, "> {}\n", metadata.notice)?;
        writeln!(out, "## What it is\n")?;
        writeln!(
            out,
            "MobileNetV2 at 224 x 224 with attention within its feature layers ({kind:?}, {place:?}, reduction {reduction}), after Liu, Yu and Tan (arXiv 2408.13180). It divides its belief among {}. Probabilities are divided by a temperature of {:.3}, fitted on validation images.\n",
            metadata.findings.join(", "),
            metadata.temperature
        )?;
        writeln!(out, "- Trained on: {}", metadata.trained_on)?;
        writeln!(out, "- Licence: {}", metadata.licence)?;
        if !metadata.commit.is_empty() {
            writeln!(out, "- Exported at commit: {}", metadata.commit)?;
        }
        writeln!(out, "\n## How it did on images it was not trained on\n")?;
        writeln!(
            out,
            "{}; intervals are Wilson's at 95%.\n",
            evaluation.split
        )?;
        writeln!(
            out,
            "| images | accuracy | interval | number |\n| --- | --- | --- | --- |"
        )?;
        writeln!(out, "| all | {} |", with_interval(&evaluation.accuracy))?;
        for (origin, share) in &evaluation.by_origin {
            writeln!(out, "| {origin} | {} |", with_interval(share))?;
        }
        writeln!(out, "\nMacro F1 {:.3}.\n", evaluation.macro_f1)?;
        writeln!(
            out,
            "| finding | precision | recall | F1 | images |\n| --- | --- | --- | --- | --- |"
        )?;
        for finding in Finding::ALL {
            if let Some(c) = evaluation.classes.get(finding.name()) {
                writeln!(
                    out,
                    "| {finding} | {:.3} | {:.3} | {:.3} | {} |",
                    c.precision, c.recall, c.f1, c.images
                )?;
            }
        }
        writeln!(
            out,
            "\n| truth \\ called | Normal | Lung_Opacity | Viral Pneumonia |\n| --- | --- | --- | --- |"
        )?;
        for finding in Finding::ALL {
            let [a, b, c] = evaluation.confusion[finding.index()];
            writeln!(out, "| {finding} | {a} | {b} | {c} |")?;
        }
        writeln!(out, "{DATA_CAVEATS}")
    }
}

/// What is known of the "Lung X-Ray Image Dataset" that a reader of the figures has to know.
const DATA_CAVEATS: &str = "
## What the figures do not say

- Every viral image of the data set is of a child, no opacity image is known to be, and about 13% of the normal ones are.
  A linear classifier on 32 x 32 thumbnails reaches 83%. A model can score well by telling children from adults; this one
  has not been shown not to. Look at the rows by origin.
- 118 viral files are corrupt as published (only their top third is an image). Where they have been repaired, scores are
  those of the repaired images; corrupt ones betray their class and flatter.
- The published files are false-colour, squashed to a square and stretched to each image's own range. The loader undoes
  the colour; other sources have other grey levels and other borders, and no other hospital was tested.
- It knows three findings and always divides all its belief among them, also for an image that is no chest X-ray.
";

fn trained_on(run: &Run) -> String {
    let [train, validation, _] = run.images;
    format!(
        "{}: {train} images to train on and {validation} to validate, fold {} left out{}",
        run.data_name,
        run.config.test_fold,
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
