//! `lung export`.

use std::path::{Path, PathBuf};

use anyhow::{bail, ensure};
use clap::{Args, ValueEnum};
use lung_train::data::Shown as _;
use lung_train::evaluate::audit::Audit;
use lung_train::evaluate::elsewhere::Elsewhere;
use lung_train::export::{export, export_again, export_onnx, read_sentences};
use lung_train::report::ModelCard;

use super::card::{figures_beside, write_card};
use super::terminal::say;

/// Write the model of a finished run as a weights file for the browser, or a weights file as ONNX.
///
/// The weights file has weights in 8 bits or f16, batch norm folded; it is named by its hash, has everything its reader needs in its
/// metadata, and an index.json names it as the current one. It is tested on the run's test fold of each data folder first; the figures
/// go into the metadata.
///
/// The ONNX file is f32 and takes `input` [batch, 3, 224, 224] to `logits` [batch, findings] and `evidence`
/// [batch, findings, 7, 7], both at the default operating point.
#[derive(Args)]
pub(crate) struct ExportArgs {
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
        conflicts_with_all = ["run", "data", "card", "foreign", "sentences", "audit", "elsewhere"]
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
    /// Write a model card in Markdown too, and its figures beside it as .json
    #[arg(long, value_name = "FILE.md")]
    card: Option<PathBuf>,
    /// What `lung audit --json` wrote, for the card; may be given again for another model on the same images
    #[arg(long, value_name = "FILE.json", requires = "card")]
    audit: Vec<PathBuf>,
    /// What `lung elsewhere --json` wrote for this model, for the card
    #[arg(long, value_name = "FILE.json", requires = "card")]
    elsewhere: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum ExportFormat {
    /// The weights file that the browser and `lung predict` read, and index.json
    Bundle,
    /// A file for other runtimes
    Onnx,
}

/// Writes what is asked for, and prints the tests.
pub(crate) fn run(args: &ExportArgs) -> anyhow::Result<()> {
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
    // What is written last is not to fail after all the rest.
    if let Some(card) = &args.card {
        figures_beside(card)?;
    }
    if let Some(folder) = args.card.as_deref().and_then(Path::parent)
        && !folder.as_os_str().is_empty()
    {
        ensure!(
            folder.is_dir(),
            "the model card cannot be written: there is no folder {}",
            folder.shown()
        );
    }
    let sentences = match &args.sentences {
        Some(path) => read_sentences(path)?,
        None => Vec::new(),
    };
    let audits = Audit::read_all(&args.audit)?;
    let elsewhere = args.elsewhere.as_deref().map(Elsewhere::read).transpose()?;
    let foreign = args.foreign.as_deref();
    let exported = export(run, &args.out, &args.data, foreign, sentences)?;
    if let Some(card) = &args.card {
        let mut contents = ModelCard::new(&exported, &audits);
        if let Some(elsewhere) = &elsewhere {
            contents.add_elsewhere(elsewhere)?;
        }
        write_card(&contents, card)?;
    }
    say(&format!(
        "{}\nwritten to {}\n",
        exported.tests.to_text(),
        exported.file.shown()
    ))
}
