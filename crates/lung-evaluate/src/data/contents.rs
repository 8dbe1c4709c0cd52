//! What one data folder holds: class folders, and what is none.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use mobilenet_lung::findings::canonical;

use super::described::Described;
use super::description::Description;
use super::error::DataError;
use super::names::{Shown as _, escape, images_in_words, name};
use super::scheme::{Placed, Scheme};
use super::walk::{Walk, Walked, is_doubtful, is_image_by_name, read_dir};

/// How many folders of a class are named one by one.
const NAMED: usize = 12;

/// Names of folders that divide a data set, and hold class folders themselves.
const DIVISIONS: [&str; 8] = [
    "train",
    "training",
    "val",
    "valid",
    "validation",
    "dev",
    "test",
    "testing",
];

/// The images of one class folder.
pub(super) struct Part {
    pub(super) name: String,
    path: PathBuf,
    pub(super) walked: Walked,
    /// What it counts as, once that is known.
    pub(super) placed: Option<Placed>,
}

/// A folder that is no class.
struct Unknown {
    path: PathBuf,
    name: String,
    why: &'static str,
}

/// What one data folder holds.
pub(super) struct Contents {
    pub(super) parts: Vec<Part>,
    unknown: Vec<Unknown>,
    /// Files beside the class folders, which belong to none.
    loose: usize,
    notes: Vec<String>,
}

impl Contents {
    pub(super) fn of(
        folder: &Path,
        leave_out: &[String],
        described: &Described,
    ) -> Result<Self, DataError> {
        let mut walk = Walk::within(folder, leave_out)?;
        let mut contents = Self {
            parts: Vec::new(),
            unknown: Vec::new(),
            loose: 0,
            notes: Vec::new(),
        };
        let is_known = |name: &str| is_known(&described.description, name);
        let mut folders: Vec<(PathBuf, String)> = Vec::new();
        for entry in read_dir(folder)? {
            let path = entry.path();
            let name = name(&entry.file_name());
            if !path.is_dir() {
                contents.loose += usize::from(is_image_by_name(&name));
            } else if walk.leaves_out(&name) {
                let note = format!("left out {}, as --leave-out has it", path.shown());
                contents.notes.push(note);
            } else if name.starts_with('.') || name == "__MACOSX" {
                // A system's own.
            } else if !is_known(&name)
                && (is_doubtful(&name)
                    || is_division(&name, &path)
                    || !class_parents(&path, DEPTH, &is_known).is_empty())
            {
                let why = "its name is no class";
                contents.unknown.push(Unknown { path, name, why });
            } else {
                match walk.keep(&path)? {
                    None => folders.push((path, name)),
                    Some(before) => {
                        return Err(DataError::TwoClasses {
                            found: vec![format!(
                                "all of {}, which is a link to {before}",
                                path.shown()
                            )],
                        });
                    }
                }
            }
        }
        let mut twins: BTreeMap<String, String> = BTreeMap::new();
        for (path, name) in folders {
            let walked = walk.under(&path, &name)?;
            if walked.images.is_empty() && walked.doubtful.is_empty() && !is_known(&name) {
                let why = "it holds no image";
                contents.unknown.push(Unknown { path, name, why });
                continue;
            }
            let canonical = canonical(&name);
            if !canonical.is_empty()
                && let Some(one) = twins.insert(canonical, name.clone())
            {
                return Err(DataError::TwinFolders {
                    one,
                    other: name,
                    data: folder.to_owned(),
                });
            }
            contents.parts.push(Part {
                name,
                path,
                walked,
                placed: None,
            });
        }
        if contents.parts.is_empty() {
            return Err(DataError::NoClasses {
                data: folder.to_owned(),
                seen: contents.not_understood(),
            });
        }
        Ok(contents)
    }

    /// Leaves out folders that are none of the findings.
    pub(super) fn settle(&mut self, scheme: &Scheme, given: bool) {
        let why = match given {
            true => "the model has no such finding",
            false => "dataset.toml declares no such finding",
        };
        for mut part in std::mem::take(&mut self.parts) {
            part.placed = scheme.place(&part.name);
            match part.placed {
                Some(_) => self.parts.push(part),
                None => self.unknown.push(Unknown {
                    path: part.path,
                    name: part.name,
                    why,
                }),
            }
        }
    }

    /// Masks and thumbnails: a line for people, and what to pass to `--leave-out`.
    pub(super) fn doubtful(&self) -> Vec<(String, String)> {
        let doubtful = self.parts.iter().flat_map(|part| &part.walked.doubtful);
        doubtful
            .map(|(name, count)| {
                let last = name.rsplit('/').next().unwrap_or(name);
                let quoted = match last
                    .chars()
                    .all(|c| c.is_alphanumeric() || "._-@".contains(c))
                {
                    true => escape(last),
                    false => format!("'{}'", escape(last)),
                };
                (
                    format!("{}: {}", escape(name), images_in_words(*count)),
                    quoted,
                )
            })
            .collect()
    }

    /// Lines on what there is, by folder.
    pub(super) fn describe(&self, source: &str, scheme: &Scheme, found: &mut Vec<String>) {
        let total: usize = (self.parts.iter())
            .map(|part| part.walked.images.len())
            .sum();
        found.push(format!("{source}: {}", images_in_words(total)));
        for Part { walked, placed, .. } in &self.parts {
            let Some(placed) = placed else { continue };
            let tested = if placed.test_only {
                ", only to test on"
            } else {
                ""
            };
            let label = escape(&scheme.classes[placed.class].label(&scheme.findings));
            let kind = format!("{label}{tested}");
            let folders = walked.by_folder();
            for (folder, count) in folders.iter().take(NAMED) {
                found.push(format!(
                    "  {}: {} of {kind}",
                    escape(folder),
                    images_in_words(*count)
                ));
            }
            let rest: Vec<usize> = folders.values().skip(NAMED).copied().collect();
            if !rest.is_empty() {
                found.push(format!(
                    "  {} further folders of {kind}: {}",
                    rest.len(),
                    images_in_words(rest.iter().sum())
                ));
            }
        }
    }

    /// Sentences on what is not read.
    pub(super) fn notes(&self, folder: &Path) -> Vec<String> {
        let mut notes = self.notes.clone();
        for Part { walked, .. } in &self.parts {
            notes.extend(walked.notes.iter().cloned());
        }
        let mut others: BTreeMap<String, usize> = BTreeMap::new();
        for (ending, count) in self.parts.iter().flat_map(|part| &part.walked.others) {
            *others.entry(ending.clone()).or_default() += count;
        }
        let others = Walked {
            others,
            ..Walked::default()
        };
        if !others.others.is_empty() {
            notes.push(format!(
                "left out files of {} that are no image that can be read: {}",
                folder.shown(),
                others.others_in_words()
            ));
        }
        if self.loose > 0 {
            notes.push(format!(
                "left out {} beside the class folders of {}",
                images_in_words(self.loose),
                folder.shown()
            ));
        }
        for unknown in &self.unknown {
            notes.push(format!("left out {}: {}", unknown.in_words(), unknown.why));
        }
        notes
    }

    /// Sentences on folders that were not understood, and what to do.
    pub(super) fn not_understood(&self) -> String {
        let mut text = String::new();
        if self.loose > 0 {
            write!(
                text,
                "It holds {} that lie in no class folder. ",
                images_in_words(self.loose)
            )
            .ok();
        }
        let known = |name: &str| is_known(&Description::lung_xray(), name);
        let holders: Vec<PathBuf> = (self.unknown.iter())
            .flat_map(|unknown| match is_division(&unknown.name, &unknown.path) {
                true => vec![unknown.path.clone()],
                false => class_parents(&unknown.path, DEPTH, &known),
            })
            .collect();
        if !self.unknown.is_empty() {
            let mut names: Vec<String> = (self.unknown.iter().take(NAMED))
                .map(Unknown::in_words)
                .collect();
            if self.unknown.len() > NAMED {
                names.push(format!("{} more", self.unknown.len() - NAMED));
            }
            write!(
                text,
                "Folders that were not understood: {}. ",
                names.join("; ")
            )
            .ok();
        }
        if holders.is_empty() {
            text += "Put the images of each finding into a folder of its name";
        } else {
            let options: Vec<String> = (holders.iter())
                .map(|path| format!("--data {}", path.shown()))
                .collect();
            write!(
                text,
                "Class folders lie deeper: pass the folders that hold them, {}. Such a division into train and test is not gone \
                 by, folds are made anew",
                options.join(" ")
            )
            .ok();
        }
        text
    }
}

/// Whether a description, or the built-in one, speaks of a folder.
fn is_known(description: &Description, name: &str) -> bool {
    let speaks = |description: &Description| {
        description.rule(name).is_some()
            || (description.findings.iter())
                .any(|declared| canonical(&declared.id) == canonical(name))
    };
    speaks(description) || speaks(&Description::lung_xray())
}

/// Whether a folder divides a data set: by its name, and in that folders are all that it holds.
fn is_division(folder: &str, path: &Path) -> bool {
    let entries = || read_dir(path).unwrap_or_default();
    DIVISIONS.contains(&canonical(folder).as_str())
        && entries().iter().any(|entry| entry.path().is_dir())
        && !(entries().iter()).any(|entry| is_image_by_name(&name(&entry.file_name())))
}

impl Unknown {
    /// Its name, and what it holds.
    fn in_words(&self) -> String {
        let folders: Vec<String> = (read_dir(&self.path).unwrap_or_default().iter())
            .filter(|entry| entry.path().is_dir())
            .map(|entry| escape(&name(&entry.file_name())))
            .take(5)
            .collect();
        let count = count(&self.path, DEPTH, &mut BUDGET.clone());
        match folders.is_empty() {
            true => format!("{} ({})", escape(&self.name), images_in_words(count)),
            false => format!(
                "{} ({} in {})",
                escape(&self.name),
                images_in_words(count),
                folders.join(", ")
            ),
        }
    }
}

/// How deep folders that were not understood are looked into.
const DEPTH: usize = 3;

/// How many files and folders of a folder that was not understood are looked at.
const BUDGET: usize = 50_000;

/// How many files under a folder are named as images.
fn count(folder: &Path, depth: usize, budget: &mut usize) -> usize {
    let mut images = 0;
    // What cannot be listed holds nothing that could be named.
    for entry in read_dir(folder).unwrap_or_default() {
        if *budget == 0 {
            break;
        }
        *budget -= 1;
        if !entry.path().is_dir() {
            images += usize::from(is_image_by_name(&name(&entry.file_name())));
        } else if depth > 0 {
            images += count(&entry.path(), depth - 1, budget);
        }
    }
    images
}

/// The folders under and with this one that hold class folders of known names.
fn class_parents(folder: &Path, depth: usize, is_known: &dyn Fn(&str) -> bool) -> Vec<PathBuf> {
    let folders: Vec<PathBuf> = (read_dir(folder).unwrap_or_default().iter())
        .map(std::fs::DirEntry::path)
        .filter(|path| path.is_dir())
        .collect();
    let is_class = |path: &PathBuf| {
        let last = path.file_name().map(name).unwrap_or_default();
        is_known(&last)
    };
    if folders.iter().any(is_class) {
        return vec![folder.to_owned()];
    }
    match depth {
        0 => Vec::new(),
        _ => (folders.iter().take(100))
            .flat_map(|path| class_parents(path, depth - 1, is_known))
            .collect(),
    }
}
