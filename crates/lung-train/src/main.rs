//! The command `lung`: train, evaluate, export and run MobileNet-Lung.

mod cli;
mod compare_args;
mod memory;
mod predict_args;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use lung_train::config::TrainConfig;
use lung_train::data::{Dataset, FOLDS, Selection, Shown as _, write_phantoms, write_phantoms_of};
use lung_train::evaluate::audit::{Audit, Wanted};
use lung_train::evaluate::{Tests, to_test};
use lung_train::export::{export, export_again, export_onnx, read_sentences};
use lung_train::files::write_atomically;
use lung_train::predict::{load_classifier, write_picture};
use lung_train::report::{Page, audit_page, command_in_words};
use lung_train::tell;
use lung_train::train::{TrainOptions, read_epochs, train};
use mobilenet_lung::{Bundle, Classifier};

/// Train, evaluate, export and run MobileNet-Lung, a chest X-ray classifier.
///
/// It calls a radiograph one of the findings that it was trained on. It is research software, not a medical device.
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
    Predict(predict_args::PredictArgs),
    Picture(PictureArgs),
    Phantom(PhantomArgs),
    Compare(compare_args::CompareArgs),
    #[command(flatten)]
    Tool(cli::Tool),
}

/// Train a model on a folder of labelled radiographs.
///
/// DIR holds 2 to 20 class folders, of any names. A dataset.toml beside them says what folders count as where they are no
/// findings of their own (docs/reference/dataset.md). If DIR holds a groups.csv (file,label,group,origin,fold), no group is ever
/// divided between training and testing; else patients are told by the names of files where those have numbers of a known
/// form, and folds are made of a hash of names. Images that are identical, or all but, are one group, and are
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
    /// Override how many passes over the images the network itself is trained (fine_tune.epochs)
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Override after how many epochs without a lower validation loss the training ends; 0 is never (fine_tune.patience)
    #[arg(long, value_name = "N")]
    patience: Option<usize>,
    /// What the class folders count as [default: the dataset.toml beside them, if there is one]
    #[arg(long, value_name = "FILE.toml")]
    dataset: Option<PathBuf>,
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

/// A model, and the labelled images that it is tested on.
#[derive(Args)]
struct TestedArgs {
    /// Weights file that `lung export` wrote
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Folder of class folders; may be given again
    #[arg(long, value_name = "DIR", required = true)]
    data: Vec<PathBuf>,
    /// Only this fold, 0 to 4 [default: all images]
    #[arg(long)]
    fold: Option<usize>,
    /// What the class folders count as [default: the dataset.toml beside them, if there is one]
    #[arg(long, value_name = "FILE.toml")]
    dataset: Option<PathBuf>,
    /// Operating point of the model [default: the one that it names]
    #[arg(long, value_name = "NAME")]
    operating_point: Option<String>,
    /// Leave out folders and files of this name, such as masks or '*_mask.png'; may be given again
    #[arg(long, value_name = "NAME")]
    leave_out: Vec<String>,
}

impl TestedArgs {
    /// The model at the operating point that is asked for, and the images.
    fn load(&self) -> anyhow::Result<(Bundle, Classifier, Dataset)> {
        anyhow::ensure!(
            self.fold.is_none_or(|fold| fold < FOLDS),
            "--fold must be 0 to {}",
            FOLDS - 1
        );
        let (bundle, classifier) = load_classifier(&self.model)?;
        let classifier = predict_args::at(classifier, self.operating_point.as_deref())?;
        let selection = Selection {
            leave_out: &self.leave_out,
            description: self.dataset.as_deref(),
            findings: Some(classifier.findings()),
        };
        let dataset = to_test(&self.data, &selection, self.fold)?;
        Ok((bundle, classifier, dataset))
    }
}

/// Test a model on labelled radiographs.
///
/// Prints accuracy with its 95% Wilson interval, whether its probabilities and prediction sets hold, what it refuses,
/// precision, recall, F1 and areas under the curves of each finding, the confusion matrix, and what patients of each
/// origin were called. Several folders are reported on one by one, then together.
#[derive(Args)]
struct EvaluateArgs {
    #[command(flatten)]
    tested: TestedArgs,
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
    #[command(flatten)]
    tested: TestedArgs,
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
/// The ONNX file is f32 and takes `input` [batch, 3, 224, 224] to `logits` [batch, findings] and `evidence`
/// [batch, findings, 7, 7], both at the default operating point.
#[derive(Args)]
struct ExportArgs {
    /// What to write
    #[arg(long, value_enum, default_value_t = ExportFormat::Bundle)]
    format: ExportFormat,
    /// Folder of a finished run
    #[arg(long, value_name = "RUN", required_unless_present_any = ["model", "format"])]
    run: Option<PathBuf>,
    /// Weights file to write as ONNX, or again in today's format with the same answers
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
    /// Names of the class folders, 2 to 20, separated by commas [default: Normal, Lung_Opacity, Viral Pneumonia]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    classes: Vec<String>,
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
        Command::Predict(args) => return predict_args::run(&args),
        Command::Tool(tool) => cli::run(tool, Cli::command(), say),
        Command::Compare(args) => compare_args::run(args).and_then(|text| say(&text)),
        Command::Picture(args) => run_picture(&args),
        Command::Phantom(args) => match args.classes.is_empty() {
            true => write_phantoms(&args.out, args.per_class, args.seed),
            false => write_phantoms_of(&args.out, &args.classes, args.per_class, args.seed),
        },
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
    if let Some(epochs) = args.epochs {
        config.fine_tune.epochs = epochs;
    }
    if let Some(patience) = args.patience {
        config.fine_tune.patience = patience;
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
        description: args.dataset,
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
    let (bundle, classifier, dataset) = args.tested.load()?;
    // Before minutes of work, not after.
    let epochs = match &args.run {
        Some(run) => read_epochs(run)?,
        None => Vec::new(),
    };
    let tests = Tests::run(
        &classifier,
        &dataset,
        args.tested.fold,
        args.foreign.as_deref(),
    )?;
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
    let (_, classifier, dataset) = args.tested.load()?;
    let wanted = Wanted {
        fold: args.tested.fold,
        per_group: args.per_group,
    };
    let audit = Audit::run(&classifier, &dataset, wanted)?;
    if let Some(path) = &args.json {
        write_atomically(path, serde_json::to_string_pretty(&audit)?.as_bytes())?;
    }
    if let Some(path) = &args.html {
        let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
        write_atomically(
            path,
            audit_page(&audit, &command_in_words(words))?.as_bytes(),
        )?;
    }
    say(&audit.to_text())
}

fn run_export(args: &ExportArgs) -> anyhow::Result<()> {
    let run = match (args.format, &args.run, &args.model) {
        (ExportFormat::Onnx, _, Some(model)) => {
            let file = export_onnx(model, &args.out)?;
            return say(&format!("written to {}\n", file.shown()));
        }
        (ExportFormat::Bundle, Some(run), _) => run,
        (ExportFormat::Bundle, None, Some(model)) => {
            let file = export_again(model, &args.out)?;
            return say(&format!("written to {}\n", file.shown()));
        }
        (ExportFormat::Onnx, _, None) => bail!("--format onnx needs --model, a weights file"),
        (ExportFormat::Bundle, None, None) => {
            bail!("a weights file is made of a --run, or written again from a --model")
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
