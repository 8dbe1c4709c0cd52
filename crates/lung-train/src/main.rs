//! The command `lung`: train, evaluate, export and run MobileNet-Lung.

mod cli;
mod compare_args;
mod memory;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use indicatif::ProgressBar;
use lung_train::archive::predict_to_parquet;
use lung_train::audit::{Audit, Wanted};
use lung_train::config::TrainConfig;
use lung_train::data::{FOLDS, Shown as _, escape};
use lung_train::evaluate::{Tests, to_test};
use lung_train::export::{export, export_onnx};
use lung_train::files::{Unfinished, write_atomically};
use lung_train::html::{Page, command_in_words};
use lung_train::manifest::{Shard, read_manifest};
use lung_train::phantoms::write_phantoms;
use lung_train::picture::write_picture;
use lung_train::predict::{Prediction, expand, load_classifier, predict_file};
use lung_train::progress::bar;
use lung_train::sentences::read_sentences;
use lung_train::tell;
use lung_train::train::{TrainOptions, read_epochs, train};
use mobilenet_lung::{Classifier, InDistribution};

/// Train, evaluate, export and run MobileNet-Lung, a chest X-ray classifier.
///
/// It calls a radiograph normal, lung opacity or viral pneumonia. It is research software, not a medical device.
///
/// A first try without any data:
///     lung phantom --out phantoms
///     lung train --data phantoms --out runs/first
///     lung export --run runs/first --out models
///     lung predict --model models/mobilenet-lung-*.safetensors phantoms
#[derive(Parser)]
#[command(version, verbatim_doc_comment)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Train(TrainArgs),
    Evaluate(EvaluateArgs),
    Audit(AuditArgs),
    Export(ExportArgs),
    Predict(PredictArgs),
    Picture(PictureArgs),
    Phantom(PhantomArgs),
    Compare(compare_args::CompareArgs),
    #[command(flatten)]
    Tool(cli::Tool),
}

/// Train a model on a folder of labelled radiographs.
///
/// DIR holds one folder a class: Normal, Lung_Opacity, Viral Pneumonia (any case, spaces or underscores). If it holds a
/// groups.csv (file,label,group,origin,fold), no group is ever divided between training and testing; else images are
/// divided by file, by a hash of their names, into five folds. Images that are identical, or all but, are one group, and are
/// listed; the same image in two classes stops the training. Of the fold that is left for the test, nothing is trained on.
///
/// First the head and the attention are trained on the features of the frozen backbone, then the network from its last
/// feature layers down; then all of that again without each of the other folds, to calibrate the model by (cross_fit =
/// false leaves that out). What these trainings answer to the images that each was not given is in RUN/labels.csv, the
/// labels that they believe least first: some may be wrong. RUN holds a log line and a checkpoint for each epoch; after a
/// kill, the same command with --resume goes on and ends where an unbroken run would. Images and configuration must be those
/// that the run was begun with; only learning rates may be lower, after a loss that is no number.
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct TrainArgs {
    /// Folder of class folders; may be given again for more images to train on, each folder with a test fold of its own
    #[arg(long, value_name = "DIR", required = true)]
    data: Vec<PathBuf>,
    /// MobileNetV2 backbone to start from: safetensors, torchvision's names, batch norm folded [default: random weights]
    #[arg(long, value_name = "FILE")]
    pretrained: Option<PathBuf>,
    /// Folder of the run; must not hold another
    #[arg(long, value_name = "RUN")]
    out: PathBuf,
    /// TOML file with what differs from the defaults; `lung train --print-config` shows all of them
    #[arg(long, value_name = "FILE.toml")]
    config: Option<PathBuf>,
    /// Override the configuration's seed
    #[arg(long)]
    seed: Option<u64>,
    /// Override how many images an epoch draws; 0 is as many as there are
    #[arg(long, value_name = "N")]
    draws: Option<usize>,
    /// Go on from the run's last checkpoint
    #[arg(long)]
    resume: bool,
    /// Leave out images that cannot be read (they are named and counted) instead of stopping
    #[arg(long)]
    skip_unreadable: bool,
    /// Leave out folders and files of this name, such as masks or '*_mask.png'; may be given again
    #[arg(long, value_name = "NAME")]
    leave_out: Vec<String>,
    /// Go on with an image that is in two classes, or in two folds of groups.csv, instead of stopping
    #[arg(long)]
    allow_duplicates: bool,
    /// Print the configuration in force and stop
    #[arg(long)]
    print_config: bool,
}

/// Test a model on labelled radiographs.
///
/// Prints accuracy with its 95% Wilson interval, whether its probabilities and prediction sets hold, what it refuses,
/// precision, recall, F1 and areas under the curves of each finding, the confusion matrix, and what patients of each
/// origin were called. Several folders are reported on one by one, then together.
#[derive(Args)]
struct EvaluateArgs {
    /// Weights file that `lung export` wrote
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Folder of class folders; may be given again
    #[arg(long, value_name = "DIR", required = true)]
    data: Vec<PathBuf>,
    /// Only this fold, 0 to 4 [default: all images]
    #[arg(long)]
    fold: Option<usize>,
    /// Leave out folders and files of this name, such as masks or '*_mask.png'; may be given again
    #[arg(long, value_name = "NAME")]
    leave_out: Vec<String>,
    /// Folder of images that are no frontal chest radiographs, to see which of them are refused
    #[arg(long, value_name = "DIR")]
    foreign: Option<PathBuf>,
    /// Write the evaluation as JSON too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the evaluation as a page too, with charts and the images that the model is most wrong about
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Folder of the run that the model came from: the page shows its training
    #[arg(long, value_name = "RUN", requires = "html")]
    run: Option<PathBuf>,
}

/// Show what a model's score is made of.
///
/// Counts the calls that change when a radiograph is cropped, framed, turned, compressed or photographed, 20 changes that
/// leave what it shows as it is. Says what is still called rightly with the lungs hidden, and how well the folder, format
/// and origin of an image can be told from its embedding. Each image is classified 26 times.
#[derive(Args)]
struct AuditArgs {
    /// Weights file that `lung export` wrote
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Folder of class folders; may be given again
    #[arg(long, value_name = "DIR", required = true)]
    data: Vec<PathBuf>,
    /// Only this fold, 0 to 4 [default: all images]
    #[arg(long)]
    fold: Option<usize>,
    /// Leave out folders and files of this name, such as masks or '*_mask.png'; may be given again
    #[arg(long, value_name = "NAME")]
    leave_out: Vec<String>,
    /// At most this many images of each finding, origin and folder, drawn at random but always the same [default: all]
    #[arg(long, value_name = "N")]
    per_group: Option<usize>,
    /// Write the audit as JSON too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the audit as a page too
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// Write the model of a finished run as a weights file for the browser, or a weights file as ONNX.
///
/// The weights file has weights in 8 bits or f16, batch norm folded; it is named by its hash, has everything its reader needs in its
/// metadata, and an index.json names it as the current one. It is tested on the run's test fold of each data folder first; the figures
/// go into the metadata.
///
/// The ONNX file is f32 and takes `input` [batch, 3, 224, 224] to `logits` [batch, 3] and `evidence` [batch, 3, 7, 7],
/// both calibrated.
#[derive(Args)]
struct ExportArgs {
    /// What to write
    #[arg(long, value_enum, default_value_t = ExportFormat::Bundle)]
    format: ExportFormat,
    /// Folder of a finished run
    #[arg(long, value_name = "RUN", required_unless_present_any = ["model", "format"])]
    run: Option<PathBuf>,
    /// Weights file to write as ONNX
    #[arg(
        long,
        value_name = "FILE",
        required_if_eq("format", "onnx"),
        conflicts_with_all = ["run", "data", "card", "foreign", "sentences"]
    )]
    model: Option<PathBuf>,
    /// Folder for what is written
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Where the run's data lies now, as often as it was given [default: where it was trained]
    #[arg(long, value_name = "DIR")]
    data: Vec<PathBuf>,
    /// Folder of images that are no frontal chest radiographs: the model card says how many of them are refused
    #[arg(long, value_name = "DIR")]
    foreign: Option<PathBuf>,
    /// TOML file of sentences for particular prediction sets, as recipes/lung-xray-sentences.toml has them
    #[arg(long, value_name = "FILE.toml")]
    sentences: Option<PathBuf>,
    /// Write a model card in Markdown too
    #[arg(long, value_name = "FILE")]
    card: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum ExportFormat {
    /// The weights file that the browser and `lung predict` read, and index.json
    Bundle,
    /// A file for other runtimes
    Onnx,
}

/// Classify radiographs: files, or folders of them.
///
/// One line a file, in order. A file that cannot be read gets a line that says why, and the next one goes on. The exit
/// status is 0 if every file was read, 1 if any was not, 2 if nothing could be started.
#[derive(Args)]
struct PredictArgs {
    /// Weights file that `lung export` wrote
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
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

/// Write what is read of a file as PNG, to check it by eye.
///
/// The picture is upright, in the window that the file asks for, and stretched from its darkest to its brightest pixel. What the file
/// says against being a frontal chest radiograph is printed. The exit status is 1 if the file cannot be read.
#[derive(Args)]
struct PictureArgs {
    /// An X-ray
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where the PNG file goes
    #[arg(long, value_name = "PNG")]
    out: PathBuf,
    /// Write the network's input instead: 224 x 224, before the channels are normalised
    #[arg(long)]
    input: bool,
    /// Weights file whose network's input is meant [default: what `lung train` trains by default]
    #[arg(long, value_name = "FILE", requires = "input")]
    model: Option<PathBuf>,
}

/// Write a data folder of generated radiographs, to try things out without a patient's image.
#[derive(Args)]
struct PhantomArgs {
    /// Folder for the class folders
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Images a class
    #[arg(long, default_value_t = 20)]
    per_class: u64,
    /// Another seed gives other images
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    memory::keep();
    let result = match Cli::parse().command {
        Command::Train(args) => run_train(args),
        Command::Evaluate(args) => run_evaluate(&args),
        Command::Audit(args) => run_audit(&args),
        Command::Export(args) => run_export(&args),
        Command::Predict(args) => return run_predict(&args),
        Command::Tool(tool) => cli::run(tool, Cli::command(), say),
        Command::Compare(args) => compare_args::run(args).and_then(|text| say(&text)),
        Command::Picture(args) => run_picture(&args),
        Command::Phantom(args) => write_phantoms(&args.out, args.per_class, args.seed),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Prints; a reader that has gone, as `head` does, is no error.
fn say(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}

fn run_train(args: TrainArgs) -> anyhow::Result<()> {
    let mut config = match &args.config {
        Some(path) => TrainConfig::read(path)?,
        None => TrainConfig::default(),
    };
    if let Some(seed) = args.seed {
        config.seed = seed;
    }
    if let Some(draws) = args.draws {
        config.draws = draws;
    }
    if args.print_config {
        return say(&toml::to_string(&config)?);
    }
    let out = args.out.clone();
    let result = train(&TrainOptions {
        data: args.data,
        pretrained: args.pretrained,
        out: args.out,
        config,
        resume: args.resume,
        skip_unreadable: args.skip_unreadable,
        leave_out: args.leave_out,
        allow_duplicates: args.allow_duplicates,
        stop_after: None,
    })?;
    if let Some(result) = result {
        if let Some(accuracy) = result.validation_accuracy {
            say(&format!(
                "validation accuracy {accuracy:.3}, temperature {:.2}\n",
                result.calibration.temperature
            ))?;
        }
        say(&format!(
            "next: lung export --run {} --out www/models\n",
            out.shown()
        ))?;
    }
    Ok(())
}

fn run_evaluate(args: &EvaluateArgs) -> anyhow::Result<()> {
    check_fold(args.fold)?;
    let (bundle, classifier) = load_classifier(&args.model)?;
    let dataset = to_test(&args.data, &args.leave_out, args.fold)?;
    // Before minutes of work, not after.
    let epochs = match &args.run {
        Some(run) => read_epochs(run)?,
        None => Vec::new(),
    };
    let tests = Tests::run(&classifier, &dataset, args.fold, args.foreign.as_deref())?;
    if let Some(path) = &args.json {
        write_atomically(path, serde_json::to_string_pretty(&tests)?.as_bytes())?;
    }
    if let Some(path) = &args.html {
        let page = Page {
            tests: &tests,
            metadata: bundle.metadata(),
            epochs: &epochs,
            command: &command_in_words(
                std::env::args_os().map(|word| word.to_string_lossy().into_owned()),
            ),
        };
        write_atomically(path, page.to_html()?.as_bytes())?;
    }
    say(&tests.to_text())
}

fn run_audit(args: &AuditArgs) -> anyhow::Result<()> {
    check_fold(args.fold)?;
    let (_, classifier) = load_classifier(&args.model)?;
    let dataset = to_test(&args.data, &args.leave_out, args.fold)?;
    let wanted = Wanted {
        fold: args.fold,
        per_group: args.per_group,
    };
    let audit = Audit::run(&classifier, &dataset, wanted)?;
    if let Some(path) = &args.json {
        write_atomically(path, serde_json::to_string_pretty(&audit)?.as_bytes())?;
    }
    if let Some(path) = &args.html {
        let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
        write_atomically(path, audit.to_html(&command_in_words(words))?.as_bytes())?;
    }
    say(&audit.to_text())
}

fn check_fold(fold: Option<usize>) -> anyhow::Result<()> {
    anyhow::ensure!(
        fold.is_none_or(|fold| fold < FOLDS),
        "--fold must be 0 to {}",
        FOLDS - 1
    );
    Ok(())
}

fn run_export(args: &ExportArgs) -> anyhow::Result<()> {
    let run = match (args.format, &args.run, &args.model) {
        (ExportFormat::Onnx, _, Some(model)) => {
            let file = export_onnx(model, &args.out)?;
            return say(&format!("written to {}\n", file.shown()));
        }
        (ExportFormat::Bundle, Some(run), _) => run,
        (ExportFormat::Onnx, _, None) => bail!("--format onnx needs --model, a weights file"),
        (ExportFormat::Bundle, None, _) => {
            bail!("--model is for --format onnx; a weights file is made of a --run")
        }
    };
    let sentences = match &args.sentences {
        Some(path) => read_sentences(path)?,
        None => Vec::new(),
    };
    let foreign = args.foreign.as_deref();
    let exported = export(run, &args.out, &args.data, foreign, sentences)?;
    if let Some(card) = &args.card {
        write_atomically(card, exported.model_card().as_bytes())?;
    }
    say(&format!(
        "{}\nwritten to {}\n",
        exported.tests.to_text(),
        exported.file.shown()
    ))
}

fn run_picture(args: &PictureArgs) -> anyhow::Result<()> {
    let input = match (&args.model, args.input) {
        (Some(model), _) => Some(load_classifier(model)?.0.metadata().preprocessing),
        (None, true) => Some(TrainConfig::default().preprocessing()),
        (None, false) => None,
    };
    say(&write_picture(&args.file, &args.out, input)?)
}

fn run_predict(args: &PredictArgs) -> ExitCode {
    match predict(args) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            tell!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Classifies what is asked for, and returns how many files could not be read.
fn predict(args: &PredictArgs) -> anyhow::Result<usize> {
    let format = format_of(args)?;
    let (_, classifier) = load_classifier(&args.model)?;
    let files = match &args.manifest {
        Some(manifest) => read_manifest(manifest, args.shard)?,
        None => expand(&args.paths)?,
    };
    // Lines go to a pipe or a file most of the time: the bar is for the terminal beside it.
    let progress = if files.len() > 1 {
        bar(files.len(), "classifying")
    } else {
        ProgressBar::hidden()
    };
    let Some(out) = args.out.as_deref() else {
        let out = std::io::stdout().lock();
        return match write_lines(&classifier, &files, format, out, &progress) {
            // Whoever read the lines has gone, as `head` does.
            Err(error) if is_broken_pipe(&error) => Ok(1),
            result => result.context("cannot write to standard output"),
        };
    };
    let refused = match format {
        Format::Parquet => predict_to_parquet(&classifier, &files, out, &progress)?,
        Format::Text | Format::Ndjson => {
            let unfinished = Unfinished::begin(out)?;
            let lines = std::io::BufWriter::new(unfinished.file()?);
            let refused = write_lines(&classifier, &files, format, lines, &progress)
                .with_context(|| format!("cannot write {}", out.shown()))?;
            unfinished.finish()?;
            refused
        }
    };
    progress.finish_and_clear();
    if refused > 0 {
        tell!("{refused} of {} files could not be read", files.len());
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
