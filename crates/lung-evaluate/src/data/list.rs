//! The list of files that a run was trained on: a change of it is noticed, and a test goes by the same groups and folds.

use std::collections::BTreeMap;
use std::path::Path;

use mobilenet_lung::bundle::sha256;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::error::DataError;
use super::listing::{Listing, NO_GROUP};
use super::names::{composed, images_in_words};
use super::pixels::read_bytes;
use super::reading::{Content, Reading};

/// The list's name in the folder of a run.
const FILES: &str = "files.csv";

/// How many files of each kind of change are named.
const NAMED: usize = 3;

/// What `run.json` says of the list, so that it cannot be changed beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListHash {
    /// How many files it has.
    pub count: usize,
    /// Hex digits of the sha256 of the list.
    pub sha256: String,
}

/// One file of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Row {
    /// The place of its folder among the data folders.
    folder: usize,
    file: String,
    label: String,
    /// The group that a table gives it; empty for none.
    group: String,
    /// The fold that a table gives it.
    fold: Option<usize>,
    /// The group that it was trained in, images that are all but identical included.
    trained_group: String,
    /// The fold that it was trained in.
    trained_fold: usize,
    /// Its size; nothing where it cannot be read at all.
    bytes: Option<u64>,
    sha256: String,
}

/// The files of a run with what they were trained as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileList {
    rows: Vec<Row>,
}

impl FileList {
    /// The list of the images of data folders: `as_listed` before images that are alike were put together, `trained` after that.
    pub fn new(as_listed: &Listing, trained: &Listing, reading: &Reading) -> Self {
        Self::with_contents(as_listed, trained, &reading.contents)
    }

    fn with_contents(as_listed: &Listing, trained: &Listing, contents: &[Option<Content>]) -> Self {
        let examples = as_listed.dataset.examples.iter().zip(&as_listed.members);
        let trained = trained.dataset.examples.iter();
        let rows = examples.zip(&as_listed.places).zip(trained).zip(contents);
        Self {
            rows: rows
                .map(|((((example, member), place), trained), content)| Row {
                    folder: *place,
                    file: composed(&example.file),
                    label: as_listed.dataset.label(example),
                    group: match member.group.starts_with(NO_GROUP) {
                        true => String::new(),
                        false => member.group.clone(),
                    },
                    fold: member.given,
                    trained_group: trained.group.clone(),
                    trained_fold: trained.fold,
                    bytes: content.as_ref().map(|content| content.bytes),
                    sha256: content
                        .as_ref()
                        .map(|content| content.sha256.clone())
                        .unwrap_or_default(),
                })
                .collect(),
        }
    }

    /// What `run.json` is to say of it.
    ///
    /// # Errors
    /// Never, unless memory for it cannot be written to.
    pub fn hash(&self) -> anyhow::Result<ListHash> {
        Ok(ListHash {
            count: self.rows.len(),
            sha256: sha256(&self.to_csv()?),
        })
    }

    /// Writes it into the folder of a run.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, run: &Path) -> anyhow::Result<()> {
        crate::files::write_atomically(&run.join(FILES), &self.to_csv()?)
    }

    /// Reads it from the folder of a run.
    ///
    /// # Errors
    /// [`DataError::List`] when it is missing, damaged, or not the one of `hash`.
    pub fn read(run: &Path, hash: &ListHash) -> Result<Self, DataError> {
        let path = run.join(FILES);
        let fail = |detail: String| DataError::List {
            path: path.clone(),
            detail,
        };
        let bytes =
            std::fs::read(&path).map_err(|error| fail(format!("it cannot be read: {error}")))?;
        if sha256(&bytes) != hash.sha256 {
            return Err(fail(
                "it is not the list of files that this run was trained on; put it back from a copy of the run".to_owned(),
            ));
        }
        let rows = csv::Reader::from_reader(&bytes[..]).into_deserialize();
        let rows: Result<Vec<Row>, csv::Error> = rows.collect();
        Ok(Self {
            rows: rows.map_err(|error| fail(error.to_string()))?,
        })
    }

    fn to_csv(&self) -> anyhow::Result<Vec<u8>> {
        let mut table = csv::Writer::from_writer(Vec::new());
        for row in &self.rows {
            table.serialize(row)?;
        }
        table
            .into_inner()
            .map_err(|error| anyhow::anyhow!("{error}"))
    }

    /// Holds the images of data folders against the list of the run in `run`, by names, labels and tables.
    ///
    /// # Errors
    /// [`DataError::Changed`] says what differs.
    pub fn check_names(&self, listing: &Listing, run: &Path) -> Result<(), DataError> {
        let unread = vec![None; listing.members.len()];
        let now = Self::with_contents(listing, listing, &unread);
        self.refuse_other(&now, false, run)
    }

    /// Holds the images of data folders against the list of the run in `run`, by the bytes of each file too.
    ///
    /// # Errors
    /// [`DataError::Changed`] says what differs.
    pub fn check_contents(&self, listing: &Listing, run: &Path) -> Result<(), DataError> {
        self.check_names(listing, run)?;
        let contents: Vec<Option<Content>> = (listing.dataset.examples.par_iter())
            .map(|example| {
                let bytes = read_bytes(&example.path).ok()?;
                Some(Content {
                    bytes: bytes.len() as u64,
                    sha256: sha256(&bytes),
                })
            })
            .collect();
        let now = Self::with_contents(listing, listing, &contents);
        self.refuse_other(&now, true, run)
    }

    /// As [`check_contents`](Self::check_contents), for files that have been read.
    pub fn check_read(
        &self,
        listing: &Listing,
        reading: &Reading,
        run: &Path,
    ) -> Result<(), DataError> {
        self.refuse_other(&Self::new(listing, listing, reading), true, run)
    }

    /// Gives every image the group and fold that it was trained in.
    ///
    /// The images must be those of the list.
    pub fn apply(&self, listing: &mut Listing) {
        let trained = self.by_file();
        for (example, place) in listing.dataset.examples.iter_mut().zip(&listing.places) {
            if let Some(row) = trained.get(&(*place, composed(&example.file).as_str())) {
                example.group.clone_from(&row.trained_group);
                example.fold = row.trained_fold;
            }
        }
        listing.hold_back();
    }

    fn by_file(&self) -> BTreeMap<(usize, &str), &Row> {
        let named = |row| (key(row), row);
        self.rows.iter().map(named).collect()
    }

    fn refuse_other(&self, now: &Self, contents: bool, run: &Path) -> Result<(), DataError> {
        let differences = self.differences(now, contents);
        match differences.is_empty() {
            true => Ok(()),
            false => Err(DataError::Changed {
                run: run.to_owned(),
                differences,
            }),
        }
    }

    /// What differs in another list, in lines for people.
    fn differences(&self, now: &Self, contents: bool) -> Vec<String> {
        let (before, after) = (self.by_file(), now.by_file());
        let both = || {
            let before = &before;
            (after.iter()).filter_map(move |(key, row)| Some((*before.get(key)?, *row)))
        };
        let files =
            |rows: Vec<&Row>| -> Vec<String> { rows.iter().map(|row| row.file.clone()).collect() };
        let only = |of: &BTreeMap<_, &Row>, other: &BTreeMap<_, _>| {
            let rows = of.iter().filter(|(key, _)| !other.contains_key(*key));
            rows.map(|(_, row)| row.file.clone()).collect::<Vec<_>>()
        };
        let labels = both().filter(|(a, b)| a.label != b.label);
        let groups = both().filter(|(a, b)| (&a.group, a.fold) != (&b.group, b.fold));
        let bytes =
            both().filter(|(a, b)| contents && (a.bytes, &a.sha256) != (b.bytes, &b.sha256));
        [
            ("added", only(&after, &before)),
            ("removed", only(&before, &after)),
            (
                "of another label",
                files(labels.map(|(_, row)| row).collect()),
            ),
            (
                "of another group or fold in groups.csv",
                files(groups.map(|(_, row)| row).collect()),
            ),
            (
                "changed in themselves",
                files(bytes.map(|(_, row)| row).collect()),
            ),
        ]
        .into_iter()
        .filter(|(_, files)| !files.is_empty())
        .map(|(what, files)| {
            let more = match files.len().saturating_sub(NAMED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let named: Vec<&str> = files.iter().take(NAMED).map(String::as_str).collect();
            let count = images_in_words(files.len());
            format!("{count} {what}: {}{more}", named.join(", "))
        })
        .collect()
    }
}

fn key(row: &Row) -> (usize, &str) {
    (row.folder, &row.file)
}
