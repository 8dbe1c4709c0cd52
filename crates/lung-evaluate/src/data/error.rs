//! Why a data folder cannot be used.

use std::path::{Path, PathBuf};

use mobilenet_lung::FindingsError;

use super::description::DescriptionError;
use super::names::{Shown as _, escape};

/// Why a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// There is no such folder.
    #[error("there is no data folder at {}; pass it with --data", .0.shown())]
    NoFolder(PathBuf),
    /// A folder was given twice.
    #[error("the data folder {} is given twice; name each once", .0.shown())]
    Twice(PathBuf),
    /// A file or folder could not be read.
    #[error("cannot read {}: {source}", .path.shown())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The folder holds no class folder at all.
    #[error("{} has no class folder; the data folder must hold one folder a class. {seen}", .data.shown())]
    NoClasses {
        /// The data folder.
        data: PathBuf,
        /// What it holds instead, and what to do, in whole sentences.
        seen: String,
    },
    /// A class has no folder or no image.
    #[error("the class {} has no image in {data}; every class needs some. {seen}", escape(.finding))]
    EmptyClass {
        /// Which class.
        finding: String,
        /// The data folders.
        data: String,
        /// What they hold that was not understood, and what to do, in whole sentences.
        seen: String,
    },
    /// All images are of one class.
    #[error(
        "all images of {data} are of one class, {}; a network tells 2 to 20 apart. {seen}", escape(.class)
    )]
    OneClass {
        /// The class.
        class: String,
        /// The data folders.
        data: String,
        /// What they hold that was not understood, and what to do, in whole sentences.
        seen: String,
    },
    /// There are more classes than a network tells apart.
    #[error(
        "{data} has {} class folders, and a network tells 2 to 20 apart: {}. Leave some out by --leave-out, or put several into one \
         finding in dataset.toml",
        .classes.len(),
        escape(&.classes.join(", "))
    )]
    TooMany {
        /// Their names.
        classes: Vec<String>,
        /// The data folders.
        data: String,
    },
    /// Two class folders whose names are the same but for case, spaces and punctuation.
    #[error(
        "the class folders {} and {} of {} are the same but for case, spaces and punctuation; rename one, or put them together",
        escape(.one), escape(.other), .data.shown()
    )]
    TwinFolders {
        /// One.
        one: String,
        /// The other.
        other: String,
        /// The data folder.
        data: PathBuf,
    },
    /// Class folders cannot be findings.
    #[error(
        "the class folders of {data} cannot be findings: {source}. Rename the folder, or map it in dataset.toml"
    )]
    Findings {
        /// The data folders.
        data: String,
        /// Why.
        source: FindingsError,
    },
    /// `dataset.toml` is not what it should be.
    #[error("{}: {source}", .path.shown())]
    Description {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: DescriptionError,
    },
    /// Two data folders are described differently.
    #[error("{} and {} differ; pass the one that holds by --dataset", .one.shown(), .other.shown())]
    TwoDescriptions {
        /// One.
        one: PathBuf,
        /// The other.
        other: PathBuf,
    },
    /// None of the images are of a finding of the model.
    #[error("{data} has no image of a finding of the model, which are {findings}. {seen}")]
    OtherFindings {
        /// The data folders.
        data: String,
        /// The model's.
        findings: String,
        /// What they hold instead, in whole sentences.
        seen: String,
    },
    /// There are masks or thumbnails among the images.
    #[error(
        "these look like masks or thumbnails, not like radiographs:\n{}\nMove them out of the data folder, or pass \
         --leave-out {example}. If they are radiographs, rename them",
        lines(.found)
    )]
    Doubtful {
        /// Folders or files, with the number of images.
        found: Vec<String>,
        /// What `--leave-out` may be given.
        example: String,
    },
    /// `groups.csv` is not what it should be.
    #[error("{}: {detail}", .path.shown())]
    Groups {
        /// The table.
        path: PathBuf,
        /// What is wrong, with its line.
        detail: String,
    },
    /// A group is in two folds.
    #[error(
        "the group {group} is in two folds: {first} and {second}. A group is one patient, also in several folders, and must not \
         be divided: give all its images the same fold in groups.csv, or name the groups differently"
    )]
    TwoFolds {
        /// The group.
        group: String,
        /// One image of it, with its fold.
        first: String,
        /// Another.
        second: String,
    },
    /// The same image is in two classes.
    #[error(
        "{} images lie in two classes:\n{}\nRemove each from the class that it does not belong to, or pass --allow-duplicates to \
         go on with them as they are",
        .found.len(),
        lines(.found)
    )]
    TwoClasses {
        /// The files of each, in words.
        found: Vec<String>,
    },
    /// The same image, or one like it, is in two folds of a table.
    #[error(
        "{} images, or images all but identical to them, are in two folds:\n{}\nGive them the same group and fold in groups.csv, \
         or remove all but one, or pass --allow-duplicates to go on with them as they are",
        .found.len(),
        lines(.found)
    )]
    DividedDuplicates {
        /// The files of each, in words.
        found: Vec<String>,
    },
    /// Some images could not be read.
    #[error(
        "{} of {total} images could not be read:\n{}\nRemove them, or pass --skip-unreadable to go on without them",
        .failures.len(),
        lines(&failed(.failures))
    )]
    Unreadable {
        /// File and reason.
        failures: Vec<(PathBuf, String)>,
        /// How many were tried.
        total: usize,
    },
    /// A list of files that a run was trained on cannot be read, or is not the one that the run names.
    #[error("{}: {detail}", .path.shown())]
    List {
        /// The list.
        path: PathBuf,
        /// What is wrong, and what to do.
        detail: String,
    },
    /// The images are not those that a run was trained on.
    #[error(
        "the images are not those that the run in {} was trained on:\n{}\nOther images are divided otherwise, and some that were \
         trained on could be tested on. Put the folder back as it was, or train anew with another --out",
        .run.shown(),
        lines(.differences)
    )]
    Changed {
        /// The folder of the run.
        run: PathBuf,
        /// What differs: how many, and which for example.
        differences: Vec<String>,
    },
    /// A part of a split has no image.
    #[error("{0}")]
    Split(String),
}

impl DataError {
    /// That a file or folder could not be read.
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}

fn failed(failures: &[(PathBuf, String)]) -> Vec<String> {
    (failures.iter())
        .map(|(path, reason)| format!("{}: {reason}", path.shown()))
        .collect()
}

/// How many lines of a list an error shows.
const SHOWN: usize = 20;

/// A list, a line an item, of which the first are shown.
pub(crate) fn lines(items: &[String]) -> String {
    let mut lines: Vec<String> = (items.iter().take(SHOWN))
        .map(|item| format!("  {item}"))
        .collect();
    if items.len() > SHOWN {
        lines.push(format!("  and {} more", items.len() - SHOWN));
    }
    lines.join("\n")
}
