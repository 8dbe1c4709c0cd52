//! Folders of labelled radiographs: one folder a class, and who may be tested on what.
//!
//! A [`Listing`] is what lies in the folders, by names and tables alone. [`Reading`] looks into the files: it decodes them, and
//! finds images that are there twice. A [`FileList`] is what a run remembers of both, so that it is never tested on what it was
//! trained on.

mod contents;
mod described;
mod description;
mod error;
#[cfg(test)]
pub(crate) mod examples;
mod folds;
mod likeness;
mod list;
mod listing;
mod names;
mod patients;
mod pixels;
mod reading;
mod scheme;
mod split;
mod table;
pub(crate) mod text;
mod walk;

use std::path::{Path, PathBuf};

use mobilenet_lung::Findings;

pub(crate) use self::described::Described;
pub use self::description::{
    Declared, Description, DescriptionError, Origin, Patients, Rule, Target,
};
pub use self::error::DataError;
pub use self::list::{FileList, ListHash};
pub(crate) use self::listing::name_of;
pub use self::listing::name_of as folder_name;
pub use self::listing::{Listing, Selection};
pub use self::names::{Shown, escape};
pub(crate) use self::names::{composed, decomposed, exact, name as file_name, path_of};
pub(crate) use self::pixels::read_bytes;
pub use self::pixels::{Pixels, read_radiograph};
pub use self::reading::Reading;
pub use self::scheme::Class;
pub use self::split::{Part, Split};
pub(crate) use self::table::{Table as GroupTable, key as table_key};
pub(crate) use self::walk::{Walk, read_dir};

/// How many folds a data set is divided into.
pub const FOLDS: usize = 5;

/// One labelled radiograph.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// Its file, under its data folder, with `/` between folders; on one line, whatever its name.
    pub file: String,
    /// Where it lies.
    pub path: PathBuf,
    /// Name of the data folder that it is from.
    pub source: String,
    /// The row of its label among the findings.
    pub finding: usize,
    /// The place of its class among those of the data set.
    pub class: usize,
    /// Whether it is tested on and never trained on.
    pub test_only: bool,
    /// Patient or near-duplicates: a group is never divided between training and testing.
    pub group: String,
    /// Where the patient comes from, such as `adult`; the data folder's name where its table does not say.
    pub origin: String,
    /// Which of the [`FOLDS`] folds it is in.
    pub fold: usize,
}

impl Example {
    /// Whether it is among those to test on: of this fold or of any, or never trained on.
    pub fn is_tested(&self, fold: Option<usize>) -> bool {
        self.test_only || fold.is_none_or(|fold| self.fold == fold)
    }

    /// What it has in common with others of its kind: finding, origin and data folder.
    pub fn stratum(&self) -> (usize, &str, &str) {
        (self.finding, &self.origin, &self.source)
    }
}

/// The examples of one data folder, or of several.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// The folders.
    pub folders: Vec<PathBuf>,
    /// The findings, in the order of a network's outputs.
    pub findings: Findings,
    /// What images are trained and tested as; the first are those of the findings.
    pub classes: Vec<Class>,
    /// Groups of patients by their origins.
    pub patients: Vec<Patients>,
    /// Folder by folder, in the order of their file names.
    pub examples: Vec<Example>,
    /// Whether every folder has a `groups.csv` (else files are held to be groups of their own, but for images that are all but
    /// identical).
    pub grouped: bool,
}

impl Dataset {
    /// Lists a data folder: 2 to 20 class folders, `groups.csv` and `dataset.toml` where there are any.
    ///
    /// # Errors
    /// No folder, folders that make no findings, a class without images, or a table that does not fit the folder.
    pub fn open(folder: &Path) -> Result<Self, DataError> {
        Self::open_all(&[folder.to_owned()])
    }

    /// Lists several data folders as one data set. Each has some class folder, all of them together every class.
    ///
    /// # Errors
    /// As [`open`](Self::open), and for no folder at all.
    pub fn open_all(folders: &[PathBuf]) -> Result<Self, DataError> {
        Listing::of(folders, &[]).map(|listing| listing.dataset)
    }

    /// What an example is trained and tested as.
    pub fn class(&self, example: usize) -> &Class {
        &self.classes[self.examples[example].class]
    }

    /// The id of the finding of a row.
    pub fn id(&self, row: usize) -> &str {
        self.findings.get(row).map_or("", |finding| &finding.id)
    }

    /// The label of an example and its kind: `Lung_Opacity (bacterial)`.
    pub fn label(&self, example: &Example) -> String {
        self.classes[example.class].label(&self.findings)
    }

    /// The names of the data folders.
    pub fn name(&self) -> String {
        self.sources().join(" and ")
    }

    /// The names of the data folders, one by one, in their order.
    pub fn sources(&self) -> Vec<String> {
        self.folders.iter().map(|folder| name_of(folder)).collect()
    }

    /// Indices of the examples of one fold of one data folder.
    pub fn fold_of(&self, source: &str, fold: usize) -> Vec<usize> {
        (0..self.examples.len())
            .filter(|i| self.examples[*i].fold == fold && self.examples[*i].source == source)
            .collect()
    }
}

/// The image files under a folder, in the order of their names, and what was left out, in sentences. `leave_out` is as for
/// [`Listing::of`]; masks, thumbnails and a system's own files are left out too.
///
/// # Errors
/// [`DataError::Io`] for a folder that cannot be listed.
pub fn images_under(folder: &Path) -> Result<(Vec<PathBuf>, Vec<String>), DataError> {
    let walked = Walk::within(folder, &[])?.under(folder, "")?;
    let mut notes = walked.notes.clone();
    for (name, count) in &walked.doubtful {
        notes.push(format!(
            "left out {} of {}: by its name it holds masks or thumbnails ({})",
            escape(name),
            folder.shown(),
            contents::images(*count)
        ));
    }
    if !walked.others.is_empty() {
        notes.push(format!(
            "left out files of {} that are no image that can be read: {}",
            folder.shown(),
            walked.others_in_words()
        ));
    }
    Ok((
        walked.images.into_iter().map(|image| image.path).collect(),
        notes,
    ))
}
