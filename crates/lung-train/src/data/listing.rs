//! Which images data folders hold, and what is said of them: nothing here looks into an image.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::finding::Finding;

use super::class::Class;
use super::error::DataError;
use super::folds::{Member, folds};
use super::names::{Shown as _, composed, escape, name};
use super::table::Table;
use super::walk::{Walk, Walked, read_dir, real};
use super::{Dataset, Example};
use crate::tell;

/// How many folders of a class are named one by one.
const NAMED: usize = 12;

/// Data folders as they were found, before any image is read.
#[derive(Clone, Debug)]
pub struct Listing {
    /// Their images.
    pub dataset: Dataset,
    /// What they hold, folder by folder: lines for people.
    pub found: Vec<String>,
    /// What was left out or looks odd: sentences for people.
    pub notes: Vec<String>,
    /// What the fold of each example is made of.
    pub(crate) members: Vec<Member>,
    /// The place among the folders of each example's.
    pub(crate) places: Vec<usize>,
}

impl Listing {
    /// Lists data folders as one data set. Each has some class folder, all of them together every class. Folders and files whose
    /// names fit one of `leave_out`, in which `*` stands for any characters, are left out.
    ///
    /// # Errors
    /// No folder, no class folder, a class without images, masks or thumbnails, a table that does not fit the folder, a group in two
    /// folds.
    pub fn of(folders: &[PathBuf], leave_out: &[String]) -> Result<Self, DataError> {
        let mut listing = Self {
            dataset: Dataset {
                folders: folders.to_vec(),
                examples: Vec::new(),
                grouped: true,
            },
            found: Vec::new(),
            notes: Vec::new(),
            members: Vec::new(),
            places: Vec::new(),
        };
        let mut seen = String::new();
        let mut doubtful = Vec::new();
        let mut reals: Vec<PathBuf> = Vec::new();
        for (place, folder) in folders.iter().enumerate() {
            if !folder.is_dir() {
                return Err(DataError::NoFolder(folder.clone()));
            }
            let real = real(folder)?;
            if reals.contains(&real) {
                return Err(DataError::Twice(folder.clone()));
            }
            reals.push(real);
            let contents = Contents::of(folder, leave_out)?;
            doubtful.extend(contents.doubtful());
            seen += &contents.not_understood();
            listing.add(place, folder, contents)?;
        }
        if let Some((_, example)) = doubtful.first() {
            return Err(DataError::Doubtful {
                example: example.clone(),
                found: doubtful.into_iter().map(|(line, _)| line).collect(),
            });
        }
        for finding in Finding::ALL {
            if !(listing.dataset.examples.iter()).any(|example| example.finding == finding) {
                return Err(DataError::EmptyClass {
                    finding,
                    data: listing.dataset.name(),
                    seen,
                });
            }
        }
        for (example, fold) in (listing.dataset.examples.iter_mut()).zip(folds(&listing.members)?) {
            example.fold = fold;
        }
        Ok(listing)
    }

    /// Whether tables say the fold of every image.
    pub fn folds_are_given(&self) -> bool {
        self.members.iter().all(|member| member.given.is_some())
    }

    /// Tells people what was found, and what was left out.
    pub fn tell(&self) {
        for line in self.found.iter().chain(&self.notes) {
            tell!("{line}");
        }
    }

    /// Adds the images of one folder, whose folds are not known yet.
    fn add(&mut self, place: usize, folder: &Path, contents: Contents) -> Result<(), DataError> {
        let source = name_of(folder);
        contents.describe(&source, &mut self.found);
        self.notes.extend(contents.notes(folder));
        let mut table = Table::of(folder)?;
        self.dataset.grouped &= table.is_some();
        let mut missing = Vec::new();
        let mut without_group = 0;
        let images = (contents.classes.into_iter()).flat_map(|part| {
            part.walked
                .images
                .into_iter()
                .map(move |image| (part.class, image))
        });
        let mut images: Vec<_> = images.collect();
        images.sort_by(|(_, a), (_, b)| a.name.cmp(&b.name));
        for (Class { finding, bacterial }, image) in images {
            let file = escape(&image.name);
            let row = match &mut table {
                None => None,
                Some(table) => match table.take(&image.name) {
                    None => {
                        missing.push(file);
                        continue;
                    }
                    Some(row)
                        if Class::from_name(&row.label).map(|c| c.finding) != Some(finding) =>
                    {
                        return Err(table.fault(format!(
                            "{file} is labelled {}, but lies in the folder of {finding}",
                            escape(&row.label)
                        )));
                    }
                    Some(row) => Some(row),
                },
            };
            // From the class folder on, so that the class folder may be renamed.
            let inner = image.name.split_once('/').map_or("", |(_, inner)| inner);
            let (group, origin, fold) =
                row.map_or((None, None, None), |row| (row.group, row.origin, row.fold));
            without_group += usize::from(table.is_some() && group.is_none());
            self.members.push(Member {
                name: group.clone().unwrap_or_else(|| composed(inner)),
                // No table can write a group so: it is shared with no other file.
                group: group.unwrap_or_else(|| format!("\t{place}\t{}", image.name)),
                given: fold,
                called: format!("{source}/{file}"),
            });
            self.places.push(place);
            self.dataset.examples.push(Example {
                path: image.path,
                source: source.clone(),
                group: String::new(),
                origin: origin.map_or_else(|| source.clone(), |origin| escape(&origin)),
                fold: 0,
                file,
                finding,
                bacterial,
            });
        }
        if let Some(table) = &table {
            if let Some(first) = missing.first() {
                let more = match missing.len() - 1 {
                    0 => String::new(),
                    more => format!(" and {more} others"),
                };
                return Err(table.fault(format!("it has no line for {first}{more}")));
            }
            if without_group > 0 {
                self.notes.push(format!(
                    "groups.csv of {source} names no group for {without_group} images: each is held to be a patient of its own"
                ));
            }
            self.notes.extend(table.leftover());
        }
        for (example, member) in self.dataset.examples.iter_mut().zip(&self.members) {
            example.group.clone_from(&member.group);
        }
        Ok(())
    }
}

/// The images of one class folder.
struct Part {
    class: Class,
    walked: Walked,
}

/// A folder whose name is no class.
struct Unknown {
    path: PathBuf,
    name: String,
}

/// What one data folder holds.
struct Contents {
    classes: Vec<Part>,
    unknown: Vec<Unknown>,
    /// Files beside the class folders, which belong to none.
    loose: usize,
    notes: Vec<String>,
}

impl Contents {
    fn of(folder: &Path, leave_out: &[String]) -> Result<Self, DataError> {
        let mut walk = Walk::within(folder, leave_out)?;
        let mut contents = Self {
            classes: Vec::new(),
            unknown: Vec::new(),
            loose: 0,
            notes: Vec::new(),
        };
        let mut parts: Vec<(Class, PathBuf, String)> = Vec::new();
        for entry in read_dir(folder)? {
            let path = entry.path();
            let name = name(&entry.file_name());
            if !path.is_dir() {
                contents.loose += usize::from(super::walk::is_image_by_name(&name));
            } else if walk.leaves_out(&name) {
                let note = format!("left out {}, as --leave-out has it", path.shown());
                contents.notes.push(note);
            } else if let Some(class) = Class::from_name(&name) {
                match walk.keep(&path)? {
                    None => parts.push((class, path, name)),
                    Some(before) => {
                        return Err(DataError::TwoClasses {
                            found: vec![format!(
                                "all of {}, which is a link to {before}",
                                path.shown()
                            )],
                        });
                    }
                }
            } else if !name.starts_with('.') && name != "__MACOSX" {
                contents.unknown.push(Unknown { path, name });
            }
        }
        if parts.is_empty() {
            return Err(DataError::NoClasses {
                data: folder.to_owned(),
                seen: contents.not_understood(),
            });
        }
        for (class, path, name) in parts {
            let walked = walk.under(&path, &name)?;
            contents.classes.push(Part { class, walked });
        }
        Ok(contents)
    }

    /// Masks and thumbnails: a line for people, and what to pass to `--leave-out`.
    fn doubtful(&self) -> Vec<(String, String)> {
        let doubtful = self.classes.iter().flat_map(|part| &part.walked.doubtful);
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
                (format!("{}: {}", escape(name), images(*count)), quoted)
            })
            .collect()
    }

    /// Lines on what there is, by folder.
    fn describe(&self, source: &str, found: &mut Vec<String>) {
        let total: usize = (self.classes.iter())
            .map(|part| part.walked.images.len())
            .sum();
        found.push(format!("{source}: {}", images(total)));
        for Part { class, walked } in &self.classes {
            let kind = match class.bacterial {
                true => format!("{}, bacterial pneumonia", class.finding),
                false => class.finding.to_string(),
            };
            let folders = walked.by_folder();
            for (folder, count) in folders.iter().take(NAMED) {
                found.push(format!(
                    "  {}: {} of {kind}",
                    escape(folder),
                    images(*count)
                ));
            }
            let rest: Vec<usize> = folders.values().skip(NAMED).copied().collect();
            if !rest.is_empty() {
                found.push(format!(
                    "  {} further folders of {kind}: {}",
                    rest.len(),
                    images(rest.iter().sum())
                ));
            }
        }
    }

    /// Sentences on what is not read.
    fn notes(&self, folder: &Path) -> Vec<String> {
        let mut notes = self.notes.clone();
        for Part { walked, .. } in &self.classes {
            notes.extend(walked.notes.iter().cloned());
        }
        let mut others: BTreeMap<String, usize> = BTreeMap::new();
        for (ending, count) in self.classes.iter().flat_map(|part| &part.walked.others) {
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
                images(self.loose),
                folder.shown()
            ));
        }
        for unknown in &self.unknown {
            notes.push(format!(
                "left out {}: its name is no class",
                unknown.in_words()
            ));
        }
        notes
    }

    /// Sentences on folders that were not understood, and what to do.
    fn not_understood(&self) -> String {
        let mut text = String::new();
        if self.loose > 0 {
            write!(
                text,
                "It holds {} that lie in no class folder. ",
                images(self.loose)
            )
            .ok();
        }
        let holders: Vec<PathBuf> = (self.unknown.iter())
            .flat_map(|unknown| class_parents(&unknown.path, DEPTH))
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
            text += "Rename each folder to the class that its images show; bacterial_pneumonia is a Lung_Opacity";
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
            true => format!("{} ({})", escape(&self.name), images(count)),
            false => format!(
                "{} ({} in {})",
                escape(&self.name),
                images(count),
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
            images += usize::from(super::walk::is_image_by_name(&name(&entry.file_name())));
        } else if depth > 0 {
            images += count(&entry.path(), depth - 1, budget);
        }
    }
    images
}

/// The folders under and with this one that hold class folders.
fn class_parents(folder: &Path, depth: usize) -> Vec<PathBuf> {
    let folders: Vec<PathBuf> = (read_dir(folder).unwrap_or_default().iter())
        .map(std::fs::DirEntry::path)
        .filter(|path| path.is_dir())
        .collect();
    let is_class = |path: &PathBuf| {
        let last = path.file_name().map(name).unwrap_or_default();
        Class::from_name(&last).is_some()
    };
    if folders.iter().any(is_class) {
        return vec![folder.to_owned()];
    }
    match depth {
        0 => Vec::new(),
        _ => (folders.iter().take(100))
            .flat_map(|path| class_parents(path, depth - 1))
            .collect(),
    }
}

/// A number of images in words.
pub(crate) fn images(count: usize) -> String {
    match count {
        1 => "1 image".to_owned(),
        _ => format!("{count} images"),
    }
}

/// The name of a data folder: the last part of its path.
pub fn name_of(folder: &Path) -> String {
    folder
        .canonicalize()
        .unwrap_or_else(|_| folder.to_owned())
        .file_name()
        .map_or_else(|| "data".to_owned(), |last| escape(&name(last)))
}
