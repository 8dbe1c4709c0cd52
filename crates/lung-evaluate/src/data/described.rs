//! Which description of a data set holds: one that is named, one beside the class folders, or the one that is built in.

use std::path::{Path, PathBuf};

use super::description::Description;
use super::error::DataError;
use super::text;

/// The description's name in a data folder.
pub(crate) const DATASET: &str = "dataset.toml";

/// A description, and where it is from.
#[derive(Clone, Debug, PartialEq)]
pub struct Described {
    /// What it says.
    pub description: Description,
    /// Its file; none for the one that is built in.
    pub path: Option<PathBuf>,
}

impl Described {
    /// The description at `file`, else the one beside the class folders of `folders`, else the one that is built in.
    ///
    /// # Errors
    /// A description that cannot be read or used, and two that differ.
    pub fn find(file: Option<&Path>, folders: &[PathBuf]) -> Result<Self, DataError> {
        if let Some(file) = file {
            return Self::read(file.to_owned());
        }
        let mut found: Option<Self> = None;
        for path in folders.iter().map(|folder| folder.join(DATASET)) {
            if !path.is_file() {
                continue;
            }
            let own = Self::read(path)?;
            match &found {
                Some(first) if first.description != own.description => {
                    return Err(DataError::TwoDescriptions {
                        one: first.path.clone().unwrap_or_default(),
                        other: own.path.unwrap_or_default(),
                    });
                }
                Some(_) => {}
                None => found = Some(own),
            }
        }
        Ok(found.unwrap_or_else(Self::built_in))
    }

    /// The description that is built in.
    pub fn built_in() -> Self {
        Self {
            description: Description::lung_xray(),
            path: None,
        }
    }

    fn read(path: PathBuf) -> Result<Self, DataError> {
        let text = text::read(&path).map_err(|error| DataError::io(&path, error))?;
        match Description::from_toml(&text) {
            Ok(description) => Ok(Self {
                description,
                path: Some(path),
            }),
            Err(source) => Err(DataError::Description { path, source }),
        }
    }
}
