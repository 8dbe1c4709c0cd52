//! A folder of labelled radiographs: one folder a class, and who may be tested on what.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use mobilenet_lung::Preprocessing;
use radiograph::Radiograph;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Deserialize;

use crate::finding::Finding;

/// How many folds a data set is divided into.
pub const FOLDS: usize = 5;

/// The seed of the folds that are made here. Fixed: the test fold of a data set must not depend on how it is trained.
const FOLD_SEED: u64 = 0;

/// The table of labels, groups, origins and folds beside the class folders.
const GROUPS: &str = "groups.csv";

const EXTENSIONS: [&str; 10] = [
    "png", "jpg", "jpeg", "webp", "bmp", "tif", "tiff", "gif", "dcm", "dicom",
];

/// Why a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// There is no such folder.
    #[error("there is no data folder at {0}; pass it with --data")]
    NoFolder(PathBuf),
    /// A file or folder could not be read.
    #[error("cannot read {path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The folder holds no class folder at all.
    #[error(
        "{0} has no folder named Normal, Lung_Opacity or Viral Pneumonia; the data folder must hold one folder a class"
    )]
    NoClasses(PathBuf),
    /// A class has no folder or no image.
    #[error("the class {finding} has no image in {data}; every class needs some")]
    EmptyClass {
        /// Which class.
        finding: Finding,
        /// The data folder.
        data: PathBuf,
    },
    /// `groups.csv` is not what it should be.
    #[error("{path}: {detail}")]
    Groups {
        /// The table.
        path: PathBuf,
        /// What is wrong, with its line.
        detail: String,
    },
    /// Some images could not be read.
    #[error(
        "{} of {total} images could not be read:\n{}\nRemove them, or pass --skip-unreadable to go on without them",
        .failures.len(),
        list(.failures)
    )]
    Unreadable {
        /// File and reason.
        failures: Vec<(PathBuf, String)>,
        /// How many were tried.
        total: usize,
    },
    /// A part of a split has no image.
    #[error("{0}")]
    Split(String),
}

fn list(failures: &[(PathBuf, String)]) -> String {
    const SHOWN: usize = 20;
    let mut lines: Vec<String> = failures
        .iter()
        .take(SHOWN)
        .map(|(path, reason)| format!("  {}: {reason}", path.display()))
        .collect();
    if failures.len() > SHOWN {
        lines.push(format!("  and {} more", failures.len() - SHOWN));
    }
    lines.join("\n")
}

/// One labelled radiograph.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// Its file, under its data folder, with `/` between folders.
    pub file: String,
    /// Where it lies.
    pub path: PathBuf,
    /// Name of the data folder that it is from.
    pub source: String,
    /// Its class.
    pub finding: Finding,
    /// Whether its label is bacterial pneumonia, which is a [`Finding::LungOpacity`].
    pub bacterial: bool,
    /// Patient or near-duplicates: a group is never divided between training and testing.
    pub group: String,
    /// Where the patient comes from (`adult`, `paediatric`); the data folder's name where its table does not say.
    pub origin: String,
    /// Which of the [`FOLDS`] folds it is in.
    pub fold: usize,
}

impl Example {
    /// What it has in common with others of its kind: finding, origin and data folder.
    pub fn stratum(&self) -> (Finding, &str, &str) {
        (self.finding, &self.origin, &self.source)
    }
}

/// The examples of one data folder, or of several.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// The folders.
    pub folders: Vec<PathBuf>,
    /// Folder by folder, in the order of their file names.
    pub examples: Vec<Example>,
    /// Whether every folder has a `groups.csv` (else files are held to be groups of their own).
    pub grouped: bool,
}

#[derive(Deserialize)]
struct Row {
    file: String,
    label: String,
    group: String,
    #[serde(default)]
    origin: Option<String>,
    #[serde(default)]
    fold: Option<usize>,
}

impl Dataset {
    /// Lists a data folder: class folders by any spelling of their names, `groups.csv` where there is one.
    ///
    /// # Errors
    /// No folder, no class folder, a class without images, or a table that does not fit the folder.
    pub fn open(folder: &Path) -> Result<Self, DataError> {
        Self::open_all(&[folder.to_owned()])
    }

    /// Lists several data folders as one data set. Each has some class folder, all of them together every class.
    ///
    /// # Errors
    /// As [`open`](Self::open), and for no folder at all.
    pub fn open_all(folders: &[PathBuf]) -> Result<Self, DataError> {
        let mut examples = Vec::new();
        let mut grouped = true;
        for folder in folders {
            let (more, has_table) = list_folder(folder)?;
            grouped &= has_table;
            examples.extend(more);
        }
        for finding in Finding::ALL {
            if !examples.iter().any(|e: &Example| e.finding == finding) {
                return Err(DataError::EmptyClass {
                    finding,
                    data: folders.first().cloned().unwrap_or_default(),
                });
            }
        }
        let mut dataset = Self {
            folders: folders.to_vec(),
            examples,
            grouped,
        };
        dataset.fill_folds();
        Ok(dataset)
    }

    /// The names of the data folders.
    pub fn name(&self) -> String {
        let names: Vec<String> = self.folders.iter().map(|folder| name_of(folder)).collect();
        names.join(" and ")
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

    /// Gives a fold to each group that has none yet, class by class, so that folds are alike.
    fn fill_folds(&mut self) {
        // A group may have its fold from the table of another folder.
        let mut fold_of: HashMap<String, usize> = self
            .examples
            .iter()
            .filter(|e| e.fold < FOLDS)
            .map(|e| (e.group.clone(), e.fold))
            .collect();
        let mut groups: BTreeMap<&str, Finding> = BTreeMap::new();
        for example in self.examples.iter().filter(|e| e.fold >= FOLDS) {
            if !fold_of.contains_key(&example.group) {
                groups.entry(&example.group).or_insert(example.finding);
            }
        }
        for finding in Finding::ALL {
            let mut names: Vec<&str> = groups
                .iter()
                .filter(|(_, f)| **f == finding)
                .map(|(name, _)| *name)
                .collect();
            names.shuffle(&mut ChaCha8Rng::seed_from_u64(FOLD_SEED));
            for (place, name) in names.into_iter().enumerate() {
                fold_of.insert(name.to_owned(), place % FOLDS);
            }
        }
        for example in &mut self.examples {
            if let Some(fold) = fold_of.get(&example.group) {
                example.fold = *fold;
            }
        }
    }

    /// Divides the data set: the test fold is left out, and of the other groups a share validates.
    ///
    /// Groups are whole, the classes of each folder keep their shares, and the seed decides who validates.
    ///
    /// # Errors
    /// [`DataError::Split`] when a part has no image of some class.
    pub fn split(
        &self,
        test_fold: usize,
        validation_share: f64,
        seed: u64,
    ) -> Result<Split, DataError> {
        let mut validation_groups = BTreeSet::new();
        let strata: BTreeSet<(Finding, &str)> = self
            .examples
            .iter()
            .map(|e| (e.finding, e.source.as_str()))
            .collect();
        for stratum in strata {
            let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
            for example in &self.examples {
                if (example.finding, example.source.as_str()) == stratum
                    && example.fold != test_fold
                {
                    *sizes.entry(&example.group).or_default() += 1;
                }
            }
            let wanted = (sizes.values().sum::<usize>() as f64 * validation_share).round() as usize;
            let mut names: Vec<&str> = sizes.keys().copied().collect();
            names.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
            let mut taken = 0;
            for name in names {
                if taken >= wanted {
                    break;
                }
                taken += sizes.get(name).copied().unwrap_or_default();
                validation_groups.insert(name);
            }
        }
        let mut split = Split::default();
        for (index, example) in self.examples.iter().enumerate() {
            if example.fold == test_fold {
                split.test.push(index);
            } else if validation_groups.contains(example.group.as_str()) {
                split.validation.push(index);
            } else {
                split.train.push(index);
            }
        }
        for finding in Finding::ALL {
            let has = |part: &[usize]| part.iter().any(|i| self.examples[*i].finding == finding);
            if !has(&split.train) {
                return Err(DataError::Split(format!(
                    "no {finding} image is left to train on: {} is too small to be divided",
                    self.name()
                )));
            }
        }
        Ok(split)
    }
}

/// Indices into [`Dataset::examples`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Split {
    /// What is trained on.
    pub train: Vec<usize>,
    /// What is watched, and calibrated on.
    pub validation: Vec<usize>,
    /// What is not touched before the final test.
    pub test: Vec<usize>,
}

/// One division of the images that are trained on, for cross-fitting: a fold of them is left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The fold.
    pub fold: usize,
    /// The images of the other folds.
    pub train: Vec<usize>,
    /// The images of the fold.
    pub held_out: Vec<usize>,
}

impl Split {
    /// The images trained on with each of their folds left out in turn. Validation and test images are in no part.
    ///
    /// # Errors
    /// [`DataError::Split`] when a part has no image of some class to train on.
    pub fn parts(&self, dataset: &Dataset) -> Result<Vec<Part>, DataError> {
        let folds: BTreeSet<usize> = (self.train.iter())
            .map(|index| dataset.examples[*index].fold)
            .collect();
        folds
            .into_iter()
            .map(|fold| {
                let (held_out, train): (Vec<usize>, Vec<usize>) =
                    (self.train.iter()).partition(|index| dataset.examples[**index].fold == fold);
                for finding in Finding::ALL {
                    if !train.iter().any(|i| dataset.examples[*i].finding == finding) {
                        return Err(DataError::Split(format!(
                            "no {finding} image is left to train on without fold {fold}: {} is too small to leave each fold \
                             out in turn; set cross_fit = false",
                            dataset.name()
                        )));
                    }
                }
                Ok(Part {
                    fold,
                    train,
                    held_out,
                })
            })
            .collect()
    }
}

/// The name of a data folder: the last part of its path.
fn name_of(folder: &Path) -> String {
    folder
        .canonicalize()
        .unwrap_or_else(|_| folder.to_owned())
        .file_name()
        .map_or_else(
            || "data".to_owned(),
            |name| name.to_string_lossy().into_owned(),
        )
}

/// The examples of one folder, without folds where its table gives none, and whether it has a table.
fn list_folder(folder: &Path) -> Result<(Vec<Example>, bool), DataError> {
    if !folder.is_dir() {
        return Err(DataError::NoFolder(folder.to_owned()));
    }
    let mut files: BTreeMap<String, (Finding, bool)> = BTreeMap::new();
    let mut any_class = false;
    for entry in read_dir(folder)? {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(finding) = Finding::from_name(&name).filter(|_| entry.path().is_dir()) else {
            continue;
        };
        any_class = true;
        let bacterial = name.to_lowercase().contains("bacterial");
        collect_images(&entry.path(), &name, &mut |file| {
            files.insert(file, (finding, bacterial));
        })?;
    }
    if !any_class {
        return Err(DataError::NoClasses(folder.to_owned()));
    }
    let table = folder.join(GROUPS);
    let mut rows = match table.is_file() {
        true => Some(read_table(&table)?),
        false => None,
    };
    let fail = |detail: String| DataError::Groups {
        path: table.clone(),
        detail,
    };
    let source = name_of(folder);
    let grouped = rows.is_some();
    let examples = files
        .into_iter()
        .map(|(file, (finding, bacterial))| {
            let row = match &mut rows {
                None => None,
                Some(rows) => {
                    let row = rows
                        .remove(&file)
                        .ok_or_else(|| fail(format!("it has no line for {file}")))?;
                    if Finding::from_name(&row.label) != Some(finding) {
                        return Err(fail(format!(
                            "{file} is labelled {}, but lies in the folder of {finding}",
                            row.label
                        )));
                    }
                    Some(row)
                }
            };
            let (group, origin, fold) = match row {
                Some(row) => (row.group, row.origin, row.fold),
                None => (file.clone(), None, None),
            };
            Ok(Example {
                path: folder.join(&file),
                source: source.clone(),
                group,
                origin: origin.unwrap_or_else(|| source.clone()),
                fold: fold.unwrap_or(FOLDS),
                file,
                finding,
                bacterial,
            })
        })
        .collect::<Result<_, _>>()?;
    Ok((examples, grouped))
}

/// Reads `groups.csv`: its lines by file.
fn read_table(table: &Path) -> Result<HashMap<String, Row>, DataError> {
    let fail = |detail: String| DataError::Groups {
        path: table.to_owned(),
        detail,
    };
    let mut reader = csv::Reader::from_path(table).map_err(|error| fail(error.to_string()))?;
    let mut rows: HashMap<String, Row> = HashMap::new();
    for (line, row) in reader.deserialize::<Row>().enumerate() {
        let row = row.map_err(|error| fail(error.to_string()))?;
        if row.fold.is_some_and(|fold| fold >= FOLDS) {
            return Err(fail(format!(
                "line {}: fold {} is not one of 0..{}",
                line + 2,
                row.fold.unwrap_or_default(),
                FOLDS - 1
            )));
        }
        rows.insert(row.file.replace('\\', "/"), row);
    }
    // A group in two folds would be tested on what it was trained on.
    let mut folds: HashMap<&str, Option<usize>> = HashMap::new();
    for row in rows.values() {
        if *folds.entry(&row.group).or_insert(row.fold) != row.fold {
            return Err(fail(format!("group {} is in two folds", row.group)));
        }
    }
    drop(folds);
    Ok(rows)
}

fn read_dir(path: &Path) -> Result<Vec<std::fs::DirEntry>, DataError> {
    let io = |source| DataError::Io {
        path: path.to_owned(),
        source,
    };
    let mut entries = std::fs::read_dir(path)
        .map_err(io)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(io)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    Ok(entries)
}

/// Calls `found` with each image under `path`, named from `prefix` on.
///
/// # Errors
/// [`DataError::Io`] for a folder that cannot be listed.
pub fn collect_images(
    path: &Path,
    prefix: &str,
    found: &mut dyn FnMut(String),
) -> Result<(), DataError> {
    for entry in read_dir(path)? {
        let name = entry.file_name().to_string_lossy().into_owned();
        let inner = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}/{name}")
        };
        if entry.path().is_dir() {
            collect_images(&entry.path(), &inner, found)?;
        } else if Path::new(&name).extension().is_some_and(|extension| {
            EXTENSIONS.contains(&extension.to_string_lossy().to_lowercase().as_str())
        }) {
            found(inner);
        }
    }
    Ok(())
}

/// Reduced, stretched 8-bit pixels of many examples, held in memory: `detail * detail` bytes each.
#[derive(Debug)]
pub struct Pixels {
    /// How pixels were made and become inputs.
    pub preprocessing: Preprocessing,
    images: Vec<Option<Box<[u8]>>>,
}

impl Pixels {
    /// Decodes and preprocesses the examples `wanted` of a data set on all cores.
    ///
    /// With `skip_unreadable`, files that cannot be read are returned instead of refused.
    ///
    /// # Errors
    /// [`DataError::Unreadable`] names every file that could not be read.
    pub fn load(
        dataset: &Dataset,
        wanted: &[usize],
        preprocessing: Preprocessing,
        skip_unreadable: bool,
        progress: &ProgressBar,
    ) -> Result<(Self, Vec<(PathBuf, String)>), DataError> {
        type Decoded = Result<Box<[u8]>, String>;
        let decoded: Vec<(usize, Decoded)> = wanted
            .par_iter()
            .map(|&index| {
                let path = &dataset.examples[index].path;
                let pixels = read_radiograph(path).map(|radiograph| {
                    preprocessing
                        .reduce(&radiograph)
                        .iter()
                        // Half a grey level is well under the noise of an 8-bit JPEG.
                        .map(|value| (value * 255.0).round() as u8)
                        .collect()
                });
                progress.inc(1);
                (index, pixels)
            })
            .collect();
        let mut images: Vec<Option<Box<[u8]>>> = Vec::new();
        images.resize_with(dataset.examples.len(), || None);
        let mut failures = Vec::new();
        for (index, pixels) in decoded {
            match pixels {
                Ok(pixels) => images[index] = Some(pixels),
                Err(reason) => {
                    failures.push((dataset.examples[index].path.clone(), reason));
                }
            }
        }
        if !failures.is_empty() && !skip_unreadable {
            return Err(DataError::Unreadable {
                failures,
                total: wanted.len(),
            });
        }
        Ok((
            Self {
                preprocessing,
                images,
            },
            failures,
        ))
    }

    /// `[detail * detail]` grey levels of an example; `None` if it was not loaded or could not be read.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        self.images.get(index)?.as_deref()
    }
}

/// Reads and decodes one file.
///
/// # Errors
/// One sentence of what is wrong with it.
pub fn read_radiograph(path: &Path) -> Result<Radiograph, String> {
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    Radiograph::decode(&bytes).map_err(|error| error.to_string())
}
