//! `lung predict`: what it is told, and the lines that it writes.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use indicatif::ProgressBar;
use lung_train::data::{Shown as _, escape};
use lung_train::files::Unfinished;
use lung_train::predict::{
    Prediction, Shard, expand, load_classifier, predict_file, predict_to_parquet, read_manifest,
};
use mobilenet_lung::{Classifier, InDistribution};

use super::terminal::{bar, tell};

/// Classify radiographs: files, or folders of them.
///
/// One line a file, in order. A file that cannot be read gets a line that says why, and the next one goes on. The exit
/// status is 0 if every file was read, 1 if any was not, 2 if nothing could be started.
#[derive(Args)]
pub(crate) struct PredictArgs {
    /// Weights file that `lung export` wrote
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Operating point of the model [default: the one that it names]
    #[arg(long, value_name = "NAME")]
    operating_point: Option<String>,
    /// How a line looks [default: as the ending of --out has it, else text]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Files and folders
    #[arg(required_unless_present = "manifest", value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Instead of files and folders: a text file with a path a line, relative to its own folder; quotes, UTF-16 and \ for / do
    /// not matter
    #[arg(long, value_name = "FILE", conflicts_with = "paths")]
    manifest: Option<PathBuf>,
    /// Of the manifest, every N-th line from line I on: 0/N to N-1/N together are all of it
    #[arg(long, value_name = "I/N", requires = "manifest", default_value = "0/1")]
    shard: Shard,
    /// A file to write to, .txt, .ndjson or .parquet; it must not exist, and appears when it is complete
    #[arg(long, value_name = "FILE", required_if_eq("format", "parquet"))]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One JSON object a line: file, finding, probabilities; or file, error {code, message, advice}
    Ndjson,
    /// A Parquet file with a row an image, for archives: see --out
    Parquet,
}

/// Classifies what is asked for; the exit status says whether all could be read.
pub(crate) fn run(args: &PredictArgs) -> ExitCode {
    match predict(args) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            tell(&format!("error: {error:#}"));
            ExitCode::from(2)
        }
    }
}

/// Classifies what is asked for, and returns how many files could not be read.
fn predict(args: &PredictArgs) -> anyhow::Result<usize> {
    let format = format_of(args)?;
    let (_, classifier) = load_classifier(&args.model)?;
    let classifier = at(classifier, args.operating_point.as_deref())?;
    let files = match &args.manifest {
        Some(manifest) => read_manifest(manifest, args.shard)?,
        None => expand(&args.paths)?,
    };
    // Lines go to a pipe or a file most of the time: the bar is for the terminal beside it.
    let progress = || match files.len() {
        0 | 1 => ProgressBar::hidden(),
        count => bar(count, "classifying"),
    };
    let Some(out) = args.out.as_deref() else {
        let out = std::io::stdout().lock();
        return match write_lines(&classifier, &files, format, out, &progress()) {
            // Whoever read the lines has gone, as `head` does.
            Err(error) if is_broken_pipe(&error) => Ok(1),
            result => result.context("cannot write to standard output"),
        };
    };
    let refused = match format {
        Format::Parquet => predict_to_parquet(&classifier, &files, out)?,
        Format::Text | Format::Ndjson => {
            let unfinished = Unfinished::begin(out)?;
            let lines = std::io::BufWriter::new(unfinished.file()?);
            let refused = write_lines(&classifier, &files, format, lines, &progress())
                .with_context(|| format!("cannot write {}", out.shown()))?;
            unfinished.finish()?;
            refused
        }
    };
    if refused > 0 {
        tell(&format!(
            "{refused} of {} files could not be read",
            files.len()
        ));
    }
    Ok(refused)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// The format that is asked for, by name or by the ending of the file to write.
fn format_of(args: &PredictArgs) -> anyhow::Result<Format> {
    let ending = args.out.as_deref().and_then(std::path::Path::extension);
    let by_ending = match ending.map(|ending| ending.to_string_lossy().to_lowercase()) {
        None => None,
        Some(ending) => match ending.as_str() {
            "parquet" => Some(Format::Parquet),
            "ndjson" | "jsonl" | "json" => Some(Format::Ndjson),
            "txt" => Some(Format::Text),
            _ => None,
        },
    };
    let name = |format: Format| {
        let value = format.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    };
    match (args.format, by_ending) {
        (Some(format), Some(other)) if format != other => bail!(
            "--format is {}, and --out ends as {} does; make them agree",
            name(format),
            name(other)
        ),
        (format, by_ending) => Ok(format.or(by_ending).unwrap_or(Format::Text)),
    }
}

/// Writes a line for each file, in their order, and returns how many could not be read.
fn write_lines(
    classifier: &Classifier,
    files: &[PathBuf],
    format: Format,
    mut out: impl std::io::Write,
    progress: &ProgressBar,
) -> anyhow::Result<usize> {
    let mut refused = 0;
    for file in files {
        let prediction = predict_file(classifier, file);
        refused += usize::from(matches!(prediction, Prediction::Refused { .. }));
        let line = match format {
            Format::Text => text_line(&prediction),
            // Parquet has an --out, and so never comes here.
            Format::Ndjson | Format::Parquet => serde_json::to_string(&prediction)?,
        };
        progress.suspend(|| writeln!(out, "{line}").and_then(|()| out.flush()))?;
        progress.inc(1);
    }
    progress.finish_and_clear();
    Ok(refused)
}

fn text_line(prediction: &Prediction) -> String {
    match prediction {
        Prediction::Read {
            file,
            finding,
            probabilities,
            in_distribution,
            cautions,
            ..
        } => {
            let shares: Vec<String> = probabilities
                .iter()
                .map(|(finding, probability)| format!("{finding} {probability:.3}"))
                .collect();
            let shares = shares.join("  ");
            let cautions: String = cautions
                .iter()
                .map(|caution| format!("  Caution: {}", caution.message))
                .collect();
            let called = match in_distribution {
                Some(InDistribution {
                    accepted: false, ..
                }) => "does not look like a frontal chest radiograph".to_owned(),
                _ => finding.clone(),
            };
            format!("{}: {called}  ({shares}){cautions}", escape(file))
        }
        Prediction::Refused { file, error } => {
            let message = escape(&error.message);
            format!("{}: not read: {message} {}", escape(file), error.advice)
        }
    }
}

/// The classifier at an operating point of the model.
pub(crate) fn at(
    classifier: Classifier,
    operating_point: Option<&str>,
) -> anyhow::Result<Classifier> {
    classifier
        .at(operating_point)
        .map_err(|error| anyhow::anyhow!("{error} {}", error.advice()))
}
