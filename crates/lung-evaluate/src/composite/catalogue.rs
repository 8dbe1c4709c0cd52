//! What is said of a composite: a text for people, and an entry in a list for programs.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use mobilenet_lung::findings::canonical;
use serde::{Deserialize, Serialize};

use super::error::CompositeError;
use super::members::Members;
use super::options::CompositeOptions;
use crate::data::folder_name;

/// The list of the composites of a folder.
pub(super) const INDEX: &str = "index.json";

/// The version of that list.
const FORMAT: u32 = 1;

/// A composite, as the list has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Its file in the folder.
    pub file: String,
    /// The name of the class folder.
    pub finding: String,
    /// The origin of the patients.
    pub origin: String,
    /// How many images were averaged, each of another patient.
    pub images: usize,
    /// What the data set is called.
    pub set: String,
    /// The licence of the images.
    pub licence: String,
    /// The command that makes it again.
    pub command: String,
}

impl Sample {
    /// What there is to say of a composite that is made with these options.
    ///
    /// # Errors
    /// A name that is not one of a file in the folder.
    pub(super) fn new(
        options: &CompositeOptions,
        members: &Members,
        seed: usize,
        images: usize,
    ) -> Result<Self, CompositeError> {
        let name = match &options.name {
            Some(name) => name.clone(),
            None => format!(
                "{}-{}",
                hyphened(&members.finding),
                hyphened(&options.origin)
            ),
        };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || !name.chars().all(is_plain) || name == "index" {
            return Err(CompositeError::Name(name));
        }
        let command = format!(
            "lung composite --data {} --finding {} --origin {} --seed-image {} --images {images} --side {} --name {name} \
             --set {} --licence {} --out {}",
            quoted(&folder_name(&options.data)),
            quoted(&members.finding),
            quoted(&members.origin),
            quoted(&members.list[seed].file),
            options.side,
            quoted(&options.set),
            quoted(&options.licence),
            quoted(&folder_name(&options.out)),
        );
        Ok(Self {
            file: format!("{name}.jpg"),
            finding: members.finding.clone(),
            origin: members.origin.clone(),
            images,
            set: options.set.clone(),
            licence: options.licence.clone(),
            command,
        })
    }

    /// The file of its text.
    pub(super) fn text_file(&self) -> String {
        format!("{}txt", self.file.strip_suffix("jpg").unwrap_or(&self.file))
    }

    /// Its text.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for (name, value) in [
            ("file", self.file.as_str()),
            (
                "what",
                "a composite radiograph: the average of many, which shows no patient",
            ),
            ("finding", &self.finding),
            ("origin", &self.origin),
            ("images", &self.images.to_string()),
            ("patients", &self.images.to_string()),
            ("set", &self.set),
            ("licence", &self.licence),
            ("command", &self.command),
        ] {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name}: {value}");
        }
        text
    }
}

/// The composites of a folder.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Index {
    format: u32,
    samples: Vec<Sample>,
}

impl Index {
    /// That of a folder, empty where there is none.
    ///
    /// # Errors
    /// [`CompositeError::Index`] for a file that is not such a list.
    pub(super) fn read(folder: &Path) -> Result<Self, CompositeError> {
        let path = folder.join(INDEX);
        let wrong = |reason: String| CompositeError::Index {
            path: path.clone(),
            reason,
        };
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self {
                    format: FORMAT,
                    samples: Vec::new(),
                });
            }
            Err(error) => return Err(wrong(error.to_string())),
        };
        let index: Self = serde_json::from_slice(&bytes)
            .map_err(|error| wrong(format!("it is no list of samples ({error})")))?;
        match index.format {
            FORMAT => Ok(index),
            other => Err(wrong(format!(
                "it is a list of format {other}, and this program knows format {FORMAT}"
            ))),
        }
    }

    /// Adds a composite, in the place of the one with its name.
    pub(super) fn put(&mut self, sample: Sample) {
        self.samples.retain(|other| other.file != sample.file);
        self.samples.push(sample);
        self.samples.sort_by(|a, b| a.file.cmp(&b.file));
    }

    /// The list as JSON.
    ///
    /// # Errors
    /// Never for what this module makes.
    pub(super) fn json(&self) -> Result<String, CompositeError> {
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| CompositeError::Picture(error.to_string()))?;
        Ok(text + "\n")
    }
}

/// A name in small letters, its words with hyphens between them.
fn hyphened(name: &str) -> String {
    let words = name.split(|c: char| !c.is_alphanumeric());
    let words: Vec<String> = words
        .filter(|word| !word.is_empty())
        .map(canonical)
        .collect();
    words.join("-")
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}
