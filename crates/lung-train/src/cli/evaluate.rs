//! `lung evaluate` and `lung audit`.

use std::path::PathBuf;

use clap::Args;
use lung_train::data::{Dataset, FOLDS, Selection};
use lung_train::evaluate::audit::{Audit, Wanted};
use lung_train::evaluate::{Tests, to_test};
use lung_train::files::write_atomically;
use lung_train::predict::load_classifier;
use lung_train::report::{Page, audit_page, command_in_words};
use lung_train::train::read_epochs;
use mobilenet_lung::{Bundle, Classifier};

use super::predict::at;
use super::terminal::say;

/// A model, and the labelled images that it is tested on.
#[derive(Args)]
pub(crate) struct TestedArgs {
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
    /// The model, at the operating point that is asked for.
    fn model(&self) -> anyhow::Result<(Bundle, Classifier)> {
        anyhow::ensure!(
            self.fold.is_none_or(|fold| fold < FOLDS),
            "--fold must be 0 to {}",
            FOLDS - 1
        );
        let (bundle, classifier) = load_classifier(&self.model)?;
        let classifier = at(classifier, self.operating_point.as_deref())?;
        Ok((bundle, classifier))
    }

    /// The images. It may have to read all of them.
    fn images(&self, classifier: &Classifier) -> anyhow::Result<Dataset> {
        let selection = Selection {
            leave_out: &self.leave_out,
            description: self.dataset.as_deref(),
            findings: Some(classifier.findings()),
        };
        to_test(&self.data, &selection, self.fold)
    }
}

/// Test a model on labelled radiographs.
///
/// Prints accuracy with its 95% Wilson interval, whether its probabilities and prediction sets hold, what it refuses,
/// precision, recall, F1 and areas under the curves of each finding, the confusion matrix, and what patients of each
/// origin were called. Several folders are reported on one by one, then together.
#[derive(Args)]
pub(crate) struct EvaluateArgs {
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
    #[command(flatten)]
    peer: super::peer::PeerArgs,
}

/// Show what a model's score is made of.
///
/// Counts the calls that change when a radiograph is cropped, framed, turned, compressed or photographed, 20 changes that
/// leave what it shows as it is. Says what is still called rightly with the lungs hidden, and how well the folder, format
/// and origin of an image can be told from its embedding. Each image is classified 26 times.
#[derive(Args)]
pub(crate) struct AuditArgs {
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

/// Tests a model.
pub(crate) fn run_evaluate(args: &EvaluateArgs) -> anyhow::Result<()> {
    let (bundle, classifier) = args.tested.model()?;
    // Before minutes of work, not after.
    let epochs = match &args.run {
        Some(run) => read_epochs(run)?,
        None => Vec::new(),
    };
    let peer = args.peer.load(classifier.findings())?;
    let dataset = args.tested.images(&classifier)?;
    let tests = Tests::run(
        &classifier,
        &dataset,
        args.tested.fold,
        args.foreign.as_deref(),
    )?;
    let tests = super::peer::beside(tests, peer.as_ref(), classifier.findings())?;
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

/// Audits a model.
pub(crate) fn run_audit(args: &AuditArgs) -> anyhow::Result<()> {
    let (_, classifier) = args.tested.model()?;
    let dataset = args.tested.images(&classifier)?;
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
