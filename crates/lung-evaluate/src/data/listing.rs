//! Which images data folders hold, and what is said of them: nothing here looks into an image.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mobilenet_lung::findings::canonical;
use mobilenet_lung::{Findings, FindingsError};
use tracing::info;

use super::contents::Contents;
use super::dataset::{Dataset, Example};
use super::described::Described;
use super::description::Description;
use super::error::DataError;
use super::folds::{Member, folds};
use super::names::{composed, escape, folder_name, images_in_words};
use super::patients::patient_of;
use super::scheme::{Placed, Scheme};
use super::table::{Row, Table};
use super::walk::real;

/// What begins the group of an image that no table gives one. No table can write a group so: it is shared with no other file.
pub(crate) const NO_GROUP: char = '\t';

/// Which images of data folders are meant, and what they count as.
#[derive(Clone, Copy, Debug, Default)]
pub struct Selection<'a> {
    /// Folders and files whose names fit one of these, in which `*` stands for any characters, are left out.
    pub leave_out: &'a [String],
    /// A description; without it, the `dataset.toml` beside the class folders counts, else what is built in.
    pub description: Option<&'a Path>,
    /// The findings of a model: what is none of them is left out. Without them every class needs an image.
    pub findings: Option<&'a Findings>,
}

/// Data folders as they were found, before any image is read.
#[derive(Clone, Debug)]
pub struct Listing {
    /// Their images.
    pub dataset: Dataset,
    /// What they hold, folder by folder: lines for people.
    pub found: Vec<String>,
    /// What was left out or looks odd: sentences for people.
    pub notes: Vec<String>,
    /// What their folders count as, as it was written.
    pub description: Description,
    /// What the fold of each example is made of.
    pub(crate) members: Vec<Member>,
    /// The place among the folders of each example's.
    pub(crate) places: Vec<usize>,
}

/// What tables and names of files say of the images of one folder.
#[derive(Default)]
struct Seen {
    /// Images that the table has no line for.
    missing: Vec<String>,
    /// How many the table names no group for.
    without_group: usize,
    /// How many are of each patient, by the names of files.
    patients: BTreeMap<String, usize>,
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
}

impl Listing {
    /// Lists data folders as one data set to train on. Each has some class folder. `leave_out` is as in [`Selection`].
    ///
    /// # Errors
    /// As [`selected`](Self::selected).
    pub fn of(folders: &[PathBuf], leave_out: &[String]) -> Result<Self, DataError> {
        let selection = Selection {
            leave_out,
            ..Selection::default()
        };
        Self::selected(folders, &selection)
    }

    /// Lists data folders as one data set.
    ///
    /// # Errors
    /// No folder, no class folder, fewer than 2 or more than 20 classes, names that are none, a class without images, masks or
    /// thumbnails, a description or a table that does not fit the folders, a group in two folds.
    pub fn selected(folders: &[PathBuf], selection: &Selection<'_>) -> Result<Self, DataError> {
        let described = Described::find(selection.description, folders)?;
        Self::described(folders, selection, &described)
    }

    /// As [`selected`](Self::selected), by a description that has been read.
    pub fn described(
        folders: &[PathBuf],
        selection: &Selection<'_>,
        described: &Described,
    ) -> Result<Self, DataError> {
        let mut reals: Vec<PathBuf> = Vec::new();
        let mut contents = Vec::new();
        for folder in folders {
            if !folder.is_dir() {
                return Err(DataError::NoFolder(folder.clone()));
            }
            let real = real(folder)?;
            if reals.contains(&real) {
                return Err(DataError::Twice(folder.clone()));
            }
            reals.push(real);
            contents.push(Contents::of(folder, selection.leave_out, described)?);
        }
        let data = || {
            folders
                .iter()
                .map(|folder| folder_name(folder))
                .collect::<Vec<_>>()
                .join(" and ")
        };
        let scheme = scheme(&contents, described, selection.findings, &data)?;
        let mut listing = Self {
            dataset: Dataset {
                folders: folders.to_vec(),
                findings: scheme.findings.clone(),
                classes: scheme.classes.clone(),
                patients: described.description.origin.patients.clone(),
                examples: Vec::new(),
                grouped: true,
            },
            found: Vec::new(),
            notes: Vec::new(),
            description: described.description.clone(),
            members: Vec::new(),
            places: Vec::new(),
        };
        let mut seen = String::new();
        let mut doubtful = Vec::new();
        for (place, (folder, mut contents)) in folders.iter().zip(contents).enumerate() {
            contents.settle(&scheme, selection.findings.is_some());
            doubtful.extend(contents.doubtful());
            seen += &contents.not_understood();
            listing.add(place, folder, contents, &scheme)?;
        }
        if let Some((_, example)) = doubtful.first() {
            return Err(DataError::Doubtful {
                example: example.clone(),
                found: doubtful.into_iter().map(|(line, _)| line).collect(),
            });
        }
        listing.is_whole(selection.findings, seen)?;
        for (example, fold) in (listing.dataset.examples.iter_mut()).zip(folds(&listing.members)?) {
            example.fold = fold;
        }
        listing.hold_back();
        Ok(listing)
    }

    /// Refuses a class without an image; of the findings of a model, some image of any is enough.
    fn is_whole(&self, given: Option<&Findings>, seen: String) -> Result<(), DataError> {
        let dataset = &self.dataset;
        let data = dataset.name();
        if let Some(findings) = given {
            return match dataset.examples.is_empty() {
                true => Err(DataError::OtherFindings {
                    data,
                    findings: findings.ids().collect::<Vec<_>>().join(", "),
                    seen,
                }),
                false => Ok(()),
            };
        }
        let all: Vec<usize> = (0..dataset.examples.len()).collect();
        let trained = |index: &usize| !dataset.examples[*index].test_only;
        let trained: Vec<usize> = all.into_iter().filter(trained).collect();
        match (0..dataset.findings.len()).find(|row| dataset.lacks(&trained, *row)) {
            Some(row) => Err(DataError::EmptyClass {
                finding: dataset.id(row).to_owned(),
                data,
                seen,
            }),
            None => Ok(()),
        }
    }

    /// Never trains on an image whose group has one that is only tested on.
    pub(crate) fn hold_back(&mut self) {
        let held: std::collections::BTreeSet<String> = (self.dataset.examples.iter())
            .filter(|example| example.test_only)
            .map(|example| example.group.clone())
            .collect();
        for example in &mut self.dataset.examples {
            example.test_only |= held.contains(&example.group);
        }
    }

    /// Whether tables say the fold of every image.
    pub fn folds_are_given(&self) -> bool {
        self.members.iter().all(|member| member.given.is_some())
    }

    /// Tells people what was found, and what was left out.
    pub fn tell(&self) {
        for line in self.found.iter().chain(&self.notes) {
            info!("{line}");
        }
    }

    /// Adds the images of one folder, whose folds are not known yet.
    fn add(
        &mut self,
        place: usize,
        folder: &Path,
        contents: Contents,
        scheme: &Scheme,
    ) -> Result<(), DataError> {
        let source = folder_name(folder);
        contents.describe(&source, scheme, &mut self.found);
        self.notes.extend(contents.notes(folder));
        let mut table = Table::of(folder, &self.description.origin.column)?;
        self.dataset.grouped &= table.is_some();
        let mut seen = Seen::default();
        let files = (contents.parts.into_iter()).flat_map(|part| {
            let placed = part.placed;
            let images = part.walked.images.into_iter();
            images.filter_map(move |image| Some((placed?, image)))
        });
        let mut files: Vec<_> = files.collect();
        files.sort_by(|(_, a), (_, b)| a.name.cmp(&b.name));
        for (Placed { class, test_only }, image) in files {
            let file = escape(&image.name);
            let row = match &mut table {
                None => None,
                Some(table) => match table.take(&image.name) {
                    None => {
                        seen.missing.push(file);
                        continue;
                    }
                    Some(row) => {
                        self.is_labelled(&row, &image.name, class, scheme)
                            .map_err(|detail| table.fault(detail))?;
                        Some(row)
                    }
                },
            };
            // From the class folder on, so that the class folder may be renamed.
            let inner = image.name.split_once('/').map_or("", |(_, inner)| inner);
            let (group, origin, fold) =
                row.map_or((None, None, None), |row| (row.group, row.origin, row.fold));
            seen.without_group += usize::from(table.is_some() && group.is_none());
            let patient = match table {
                None => patient_of(inner),
                Some(_) => None,
            };
            if let Some(patient) = &patient {
                *seen.patients.entry(patient.clone()).or_default() += 1;
            }
            self.members.push(Member {
                name: (group.clone().or_else(|| patient.clone()))
                    .unwrap_or_else(|| composed(inner)),
                group: group.unwrap_or_else(|| match patient {
                    Some(patient) => format!("{NO_GROUP}{patient}"),
                    None => format!("{NO_GROUP}{place}\t{}", image.name),
                }),
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
                finding: scheme.classes[class].finding,
                class,
                test_only,
            });
        }
        self.note(&source, table.as_ref(), &seen)?;
        for (example, member) in self.dataset.examples.iter_mut().zip(&self.members) {
            example.group.clone_from(&member.group);
        }
        Ok(())
    }

    /// Refuses a table that lacks images, and notes what it, or names of files, say of patients.
    fn note(&mut self, source: &str, table: Option<&Table>, seen: &Seen) -> Result<(), DataError> {
        if let Some(table) = table {
            if let Some(first) = seen.missing.first() {
                let more = match seen.missing.len() - 1 {
                    0 => String::new(),
                    more => format!(" and {more} others"),
                };
                return Err(table.fault(format!("it has no line for {first}{more}")));
            }
            if seen.without_group > 0 {
                self.notes.push(format!(
                    "groups.csv of {source} names no group for {} images: each is held to be a patient of its own",
                    seen.without_group
                ));
            }
            self.notes.extend(table.leftover());
        } else if !seen.patients.is_empty() {
            self.notes.push(format!(
                "{source} has no groups.csv: by their files' names, {} are of {} patients, and none of these is divided",
                images_in_words(seen.patients.values().sum()),
                seen.patients.len()
            ));
        }
        Ok(())
    }

    /// Refuses a table's label that means another finding than the folder; a message says so.
    fn is_labelled(
        &self,
        row: &Row,
        file: &str,
        class: usize,
        scheme: &Scheme,
    ) -> Result<(), String> {
        let folder = file.split_once('/').map_or(file, |(folder, _)| folder);
        let finding = scheme.classes[class].finding;
        let placed = scheme
            .place(&row.label)
            .map(|placed| scheme.classes[placed.class].finding);
        if canonical(&row.label) == canonical(folder)
            || placed == Some(finding)
            || scheme.findings.row_of_name(&row.label) == Some(finding)
        {
            return Ok(());
        }
        Err(format!(
            "{} is labelled {}, but lies in the folder of {}",
            escape(file),
            escape(&row.label),
            self.dataset.id(finding)
        ))
    }
}

/// What folders count as, that hold images.
fn scheme(
    contents: &[Contents],
    described: &Described,
    given: Option<&Findings>,
    data: &dyn Fn() -> String,
) -> Result<Scheme, DataError> {
    let parts = || contents.iter().flat_map(|contents| &contents.parts);
    let mut names: Vec<&str> = parts().map(|part| part.name.as_str()).collect();
    let mut known = std::collections::BTreeSet::new();
    names.retain(|name| known.insert(canonical(name)) || canonical(name).is_empty());
    Scheme::new(described, &names, given).map_err(|source| match source {
        FindingsError::Count { count: 1 } if described.path.is_none() => DataError::OneClass {
            class: names.first().copied().unwrap_or_default().to_owned(),
            data: data(),
            seen: contents.iter().map(Contents::not_understood).collect(),
        },
        FindingsError::Count { count } if count > mobilenet_lung::findings::MOST => {
            DataError::TooMany {
                classes: names.iter().map(|&name| name.to_owned()).collect(),
                data: data(),
            }
        }
        source => DataError::Findings {
            data: data(),
            source,
        },
    })
}
