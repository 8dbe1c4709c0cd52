//! Why a composite cannot be made.

use std::path::PathBuf;

use super::options::LEAST;
use crate::data::{DataError, Shown as _};

/// Why a composite cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum CompositeError {
    /// The data folder cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Fewer images were asked for than hide a patient.
    #[error("a composite of {asked} images could show a patient; pass --images {LEAST} or more")]
    TooFewImages {
        /// How many were asked for.
        asked: usize,
    },
    /// Nobody says which images are of one patient.
    #[error(
        "{} has no groups.csv, so nobody knows which images are of one patient; write one with the columns file, label, \
         group and origin", .0.shown()
    )]
    NoGroups(PathBuf),
    /// The table has no group for an image.
    #[error(
        "groups.csv names no group for {file}; give it the name of its patient, which is the group"
    )]
    NoGroup {
        /// The image.
        file: String,
    },
    /// No class folder has this name.
    #[error("{} has no folder for the finding {finding}; it has {}", .data.shown(), list(.there))]
    NoFinding {
        /// What was asked for.
        finding: String,
        /// The data folder.
        data: PathBuf,
        /// What it has.
        there: Vec<String>,
    },
    /// No image of the finding has this origin.
    #[error("no image of {finding} has the origin {origin}; there is {}", list(.there))]
    NoOrigin {
        /// What was asked for.
        origin: String,
        /// The finding.
        finding: String,
        /// The origins of its images.
        there: Vec<String>,
    },
    /// There are not enough patients.
    #[error(
        "{finding} of the origin {origin} has images of {patients} patients, and {asked} are needed; choose another finding or \
         origin, or a data folder with more patients"
    )]
    TooFewPatients {
        /// The finding.
        finding: String,
        /// The origin.
        origin: String,
        /// How many patients there are.
        patients: usize,
        /// How many images were asked for.
        asked: usize,
    },
    /// The seed is no image of the finding and origin.
    #[error(
        "the seed {file} is no image of {finding} with the origin {origin}; name it as groups.csv does"
    )]
    NoSeed {
        /// The file.
        file: String,
        /// The finding.
        finding: String,
        /// The origin.
        origin: String,
    },
    /// A name that would be written elsewhere than in the folder.
    #[error("{0:?} is no name for a file; use letters, digits, hyphens and underscores")]
    Name(String),
    /// A side that no picture has.
    #[error("a composite of {0} x {0} pixels cannot be made; pass --side 64 to 1024")]
    Side(u32),
    /// An image cannot be read.
    #[error("cannot read {}: {reason}. Remove it, and its line in groups.csv", .path.shown())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The average is no picture.
    #[error("the average is no picture: {0}; choose another seed")]
    Picture(String),
    /// The folder's list of samples is not what this command writes.
    #[error("{}: {reason}. Remove it, or choose another --out", .path.shown())]
    Index {
        /// The list.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Something cannot be written.
    #[error("cannot write {}: {reason}", .path.shown())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

fn list(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        names => names.join(", "),
    }
}
