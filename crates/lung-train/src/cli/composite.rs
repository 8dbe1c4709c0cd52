//! `lung composite`: what it takes, and what it prints.

use std::path::PathBuf;

use clap::Args;
use lung_train::composite::{CompositeOptions, LEAST, composite};
use lung_train::data::Shown as _;

/// Average similar radiographs into a sample that shows no patient.
///
/// DIR is a data folder as for `lung train`, with a groups.csv that names the patient of each image. The images of the
/// finding and origin that resemble a seed image most, one a patient, are moved over it and averaged. At each pixel the
/// middle half of the values counts, so that no letter or marker of a single image is left.
///
/// Writes NAME.jpg, NAME.txt with the number of images, the data set, its licence and this command, and index.json, which
/// lists the samples of the folder. Look at the picture before you publish it.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct CompositeArgs {
    /// Folder of class folders
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Name of the class folder, in any spelling
    #[arg(long, value_name = "NAME")]
    finding: String,
    /// What the column origin of groups.csv says, such as adult or paediatric
    #[arg(long)]
    origin: String,
    /// File to begin from, as groups.csv names it [default: the image whose neighbours resemble it most]
    #[arg(long, value_name = "FILE")]
    seed_image: Option<String>,
    /// Images to average, each of another patient; at least 16
    #[arg(long, value_name = "N", default_value_t = LEAST)]
    images: usize,
    /// Width and height in pixels
    #[arg(long, default_value_t = 299)]
    side: u32,
    /// What the data set is called [default: the folder's name]
    #[arg(long)]
    set: Option<String>,
    /// Licence of the images, which is that of the composite
    #[arg(long)]
    licence: String,
    /// Folder for the composite
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// File name without its ending [default: finding and origin]
    #[arg(long)]
    name: Option<String>,
}

/// Makes the composite and returns what to print.
pub fn run(args: CompositeArgs) -> anyhow::Result<String> {
    let set = match args.set {
        Some(set) => set,
        None => lung_train::data::folder_name(&args.data),
    };
    let out = args.out.clone();
    let sample = composite(&CompositeOptions {
        data: args.data,
        finding: args.finding,
        origin: args.origin,
        seed: args.seed_image,
        images: args.images,
        side: args.side,
        set,
        licence: args.licence,
        out: args.out,
        name: args.name,
    })?;
    Ok(format!(
        "{}: composite of {} radiographs, each of another patient; look at it before you publish it\n",
        out.join(&sample.file).shown(),
        sample.images
    ))
}
