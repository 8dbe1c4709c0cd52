//! `lung picture` and `lung phantom`.

use std::path::PathBuf;

use clap::Args;
use lung_train::config::TrainConfig;
use lung_train::data::{write_phantoms, write_phantoms_of};
use lung_train::predict::{load_classifier, write_picture};

use super::terminal::say;

/// Write what is read of a file as PNG, to check it by eye.
///
/// The picture is upright, in the window that the file asks for, and stretched from its darkest to its brightest pixel. What the file
/// says against being a frontal chest radiograph is printed. The exit status is 1 if the file cannot be read.
#[derive(Args)]
pub(crate) struct PictureArgs {
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
pub(crate) struct PhantomArgs {
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

/// Writes the picture of a file.
pub(crate) fn run_picture(args: &PictureArgs) -> anyhow::Result<()> {
    let input = match (&args.model, args.input) {
        (Some(model), _) => Some(load_classifier(model)?.0.metadata().preprocessing),
        (None, true) => Some(TrainConfig::default().preprocessing()),
        (None, false) => None,
    };
    say(&write_picture(&args.file, &args.out, input)?)
}

/// Writes generated radiographs.
pub(crate) fn run_phantom(args: &PhantomArgs) -> anyhow::Result<()> {
    match args.classes.is_empty() {
        true => write_phantoms(&args.out, args.per_class, args.seed),
        false => write_phantoms_of(&args.out, &args.classes, args.per_class, args.seed),
    }
}
