//! `lung elsewhere`.

use std::path::PathBuf;

use clap::Args;
use lung_train::data::folder_name;
use lung_train::evaluate::elsewhere::{Elsewhere, in_folder, read_table};
use lung_train::files::write_atomically;
use lung_train::predict::load_classifier;

use super::predict::at;
use super::terminal::say;

/// Count what a model calls images of other hospitals.
///
/// Their labels may be none of the model's findings: it shows what tuberculosis is called, and whether lateral views are refused.
/// Prints counts by label, age and hospital. A refused image is called nothing.
#[derive(Args)]
pub(crate) struct ElsewhereArgs {
    /// Weights file that `lung export` wrote
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Table with the columns file and label, and where known age_group, hospital and half
    #[arg(long, value_name = "FILE.csv", required_unless_present = "folder")]
    table: Option<PathBuf>,
    /// Images of one label under a folder, such as lateral=views/lateral; may be given again
    #[arg(long, value_name = "LABEL=DIR", value_parser = label_and_folder)]
    folder: Vec<(String, PathBuf)>,
    /// Operating point of the model [default: the one that it names]
    #[arg(long, value_name = "NAME")]
    operating_point: Option<String>,
    /// Write the counts as JSON too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn label_and_folder(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((label, folder)) if !label.is_empty() && !folder.is_empty() => {
            Ok((label.to_owned(), folder.into()))
        }
        _ => Err("a label and a folder are wanted, such as lateral=views/lateral".to_owned()),
    }
}

/// Counts.
pub(crate) fn run(args: &ElsewhereArgs) -> anyhow::Result<()> {
    // Before a model is loaded: a table may be wrong.
    let mut images = Vec::new();
    let mut images_of = Vec::new();
    if let Some(table) = &args.table {
        images.extend(read_table(table)?);
        let folder = table.parent().map(folder_name).unwrap_or_default();
        let file = table.file_name().unwrap_or_default().to_string_lossy();
        images_of.push(match folder.is_empty() {
            true => file.into_owned(),
            false => format!("{folder}/{file}"),
        });
    }
    for (label, folder) in &args.folder {
        images.extend(in_folder(label, folder)?);
        images_of.push(folder_name(folder));
    }
    let (_, classifier) = load_classifier(&args.model)?;
    let classifier = at(classifier, args.operating_point.as_deref())?;
    let counted = Elsewhere::count(&classifier, &images, images_of.join(" and "))?;
    if let Some(path) = &args.json {
        let json = serde_json::to_string_pretty(&counted)? + "\n";
        write_atomically(path, json.as_bytes())?;
    }
    say(&counted.to_text())
}
