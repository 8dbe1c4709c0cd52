//! Labelled radiographs, and what is known of each.

use std::path::PathBuf;

use mobilenet_lung::Findings;

use super::description::Patients;
use super::names::folder_name;
use super::scheme::Class;

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
        self.folders
            .iter()
            .map(|folder| folder_name(folder))
            .collect()
    }

    /// Indices of the examples of one fold of one data folder.
    pub fn fold_of(&self, source: &str, fold: usize) -> Vec<usize> {
        (0..self.examples.len())
            .filter(|i| self.examples[*i].fold == fold && self.examples[*i].source == source)
            .collect()
    }
}
