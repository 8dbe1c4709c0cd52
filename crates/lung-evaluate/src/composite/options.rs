//! What a composite is made of.

use std::path::PathBuf;

/// The fewest patients whose average is held to show none of them.
pub const LEAST: usize = 16;

/// What a composite is made of.
#[derive(Clone, Debug)]
pub struct CompositeOptions {
    /// Data folder with class folders and a `groups.csv`.
    pub data: PathBuf,
    /// Name of a class folder, in any spelling.
    pub finding: String,
    /// What the column `origin` of `groups.csv` says.
    pub origin: String,
    /// File below the data folder to begin from; without it, the image whose neighbours resemble it most.
    pub seed: Option<String>,
    /// How many images are averaged, each of another patient; at least [`LEAST`].
    pub images: usize,
    /// Width and height of the composite in pixels.
    pub side: u32,
    /// What the data set is called.
    pub set: String,
    /// The licence of its images.
    pub licence: String,
    /// Folder for the composite.
    pub out: PathBuf,
    /// File name without its ending; without it, finding and origin.
    pub name: Option<String>,
}
