//! The images of one finding and one origin, with the patient of each.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use mobilenet_lung::findings::canonical;

use super::error::CompositeError;
use crate::data::{GroupTable, Walk, escape, file_name, read_dir, table_key};

/// One image.
#[derive(Clone, Debug)]
pub(super) struct Member {
    /// Its file below the data folder.
    pub(super) file: String,
    /// Where it lies.
    pub(super) path: PathBuf,
    /// Its patient.
    pub(super) group: String,
}

/// The images that a composite may be made of.
#[derive(Debug)]
pub(super) struct Members {
    /// The name of their class folder.
    pub(super) finding: String,
    /// Their origin.
    pub(super) origin: String,
    /// In the order of their files.
    pub(super) list: Vec<Member>,
}

impl Members {
    /// Those of a class folder of `data` whose origin is `origin`.
    ///
    /// # Errors
    /// No such folder, table, finding or origin; an image without a group.
    pub(super) fn of(data: &Path, finding: &str, origin: &str) -> Result<Self, CompositeError> {
        if !data.is_dir() {
            return Err(crate::data::DataError::NoFolder(data.to_owned()).into());
        }
        let mut table = GroupTable::of(data, "origin")?
            .ok_or_else(|| CompositeError::NoGroups(data.to_owned()))?;
        let (path, name) = class_folder(data, finding)?;
        let walked = Walk::within(data, &[])?.under(&path, &name)?;
        let mut list = Vec::new();
        let mut origins = BTreeSet::new();
        for image in walked.images {
            let file = escape(&image.name);
            let row = table.take(&image.name);
            let Some((group, from)) = row.map(|row| (row.group, row.origin)) else {
                return Err(CompositeError::NoGroup { file });
            };
            let Some(group) = group else {
                return Err(CompositeError::NoGroup { file });
            };
            let from = from.unwrap_or_default();
            let same = canonical(&from) == canonical(origin);
            origins.insert(from);
            if same {
                let path = image.path;
                list.push(Member { file, path, group });
            }
        }
        if list.is_empty() {
            return Err(CompositeError::NoOrigin {
                origin: origin.to_owned(),
                finding: name,
                there: origins.into_iter().filter(|o| !o.is_empty()).collect(),
            });
        }
        Ok(Self {
            finding: name,
            origin: origin.to_owned(),
            list,
        })
    }

    /// Has images of at least `asked` patients.
    ///
    /// # Errors
    /// [`CompositeError::TooFewPatients`].
    pub(super) fn require(&self, asked: usize) -> Result<(), CompositeError> {
        let patients: BTreeSet<&str> = self.list.iter().map(|m| m.group.as_str()).collect();
        if patients.len() >= asked {
            return Ok(());
        }
        Err(CompositeError::TooFewPatients {
            finding: self.finding.clone(),
            origin: self.origin.clone(),
            patients: patients.len(),
            asked,
        })
    }

    /// The place of a file in the list.
    ///
    /// # Errors
    /// [`CompositeError::NoSeed`].
    pub(super) fn seed(&self, file: &str) -> Result<usize, CompositeError> {
        let wanted = table_key(file);
        (self.list.iter().position(|m| table_key(&m.file) == wanted)).ok_or_else(|| {
            CompositeError::NoSeed {
                file: file.to_owned(),
                finding: self.finding.clone(),
                origin: self.origin.clone(),
            }
        })
    }
}

/// The class folder of a finding, and its name.
fn class_folder(data: &Path, finding: &str) -> Result<(PathBuf, String), CompositeError> {
    let mut there = Vec::new();
    for entry in read_dir(data)? {
        let (path, name) = (entry.path(), file_name(&entry.file_name()));
        if !path.is_dir() || name.starts_with('.') {
            continue;
        }
        if canonical(&name) == canonical(finding) {
            return Ok((path, name));
        }
        there.push(escape(&name));
    }
    there.sort();
    Err(CompositeError::NoFinding {
        finding: finding.to_owned(),
        data: data.to_owned(),
        there,
    })
}
