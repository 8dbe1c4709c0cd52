//! A folder of labelled radiographs: one folder a class, and who may be tested on what.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use mobilenet_lung::{Finding, Preprocessing};
use radiograph::Radiograph;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Deserialize;

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
    /// Its file, under the data folder, with `/` between folders.
    pub file: String,
    /// Its class.
    pub finding: Finding,
    /// Patient or near-duplicates: a group is never divided between training and testing.
    pub group: String,
    /// Where the patient comes from (`adult`, `paediatric`); `unknown` where nothing says so.
    pub origin: String,
    /// Which of the [`FOLDS`] folds it is in.
    pub fold: usize,
}

/// The examples of a data folder.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// The folder.
    pub folder: PathBuf,
    /// In the order of their file names.
    pub examples: Vec<Example>,
    /// Whether the folds come from `groups.csv` (else they are made here, by file).
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
        if !folder.is_dir() {
            return Err(DataError::NoFolder(folder.to_owned()));
        }
        let mut files: BTreeMap<String, Finding> = BTreeMap::new();
        let mut any_class = false;
        for entry in read_dir(folder)? {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some(finding) = Finding::from_name(&name).filter(|_| entry.path().is_dir()) else {
                continue;
            };
            any_class = true;
            collect_images(&entry.path(), &name, &mut |file| {
                files.insert(file, finding);
            })?;
        }
        if !any_class {
            return Err(DataError::NoClasses(folder.to_owned()));
        }
        for finding in Finding::ALL {
            if !files.values().any(|found| *found == finding) {
                return Err(DataError::EmptyClass {
                    finding,
                    data: folder.to_owned(),
                });
            }
        }
        let table = folder.join(GROUPS);
        let grouped = table.is_file();
        let examples = if grouped {
            from_table(&table, &files)?
        } else {
            files
                .into_iter()
                .map(|(file, finding)| Example {
                    group: file.clone(),
                    origin: "unknown".to_owned(),
                    fold: FOLDS,
                    file,
                    finding,
                })
                .collect()
        };
        let mut dataset = Self {
            folder: folder.to_owned(),
            examples,
            grouped,
        };
        dataset.fill_folds();
        Ok(dataset)
    }

    /// The name of the data folder.
    pub fn name(&self) -> String {
        self.folder
            .canonicalize()
            .unwrap_or_else(|_| self.folder.clone())
            .file_name()
            .map_or_else(
                || "data".to_owned(),
                |name| name.to_string_lossy().into_owned(),
            )
    }

    /// Gives a fold to each group that has none yet, class by class, so that folds are alike.
    fn fill_folds(&mut self) {
        let mut groups: BTreeMap<&str, Finding> = BTreeMap::new();
        for example in self.examples.iter().filter(|e| e.fold >= FOLDS) {
            groups.entry(&example.group).or_insert(example.finding);
        }
        let mut fold_of: HashMap<String, usize> = HashMap::new();
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
    /// Groups are whole, classes keep their shares, and the seed decides who validates.
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
        for finding in Finding::ALL {
            let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
            for example in &self.examples {
                if example.finding == finding && example.fold != test_fold {
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
                    self.folder.display()
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

/// Reads `groups.csv` and checks it against the files that are there.
fn from_table(table: &Path, files: &BTreeMap<String, Finding>) -> Result<Vec<Example>, DataError> {
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
    files
        .iter()
        .map(|(file, finding)| {
            let row = rows
                .get(file)
                .ok_or_else(|| fail(format!("it has no line for {file}")))?;
            if Finding::from_name(&row.label) != Some(*finding) {
                return Err(fail(format!(
                    "{file} is labelled {}, but lies in the folder of {finding}",
                    row.label
                )));
            }
            Ok(Example {
                file: file.clone(),
                finding: *finding,
                group: row.group.clone(),
                origin: row.origin.clone().unwrap_or_else(|| "unknown".to_owned()),
                fold: row.fold.unwrap_or(FOLDS),
            })
        })
        .collect()
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

/// Squashed, stretched 8-bit pixels of many examples, held in memory: `side * side` bytes each.
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
        skip_unreadable: bool,
        progress: &ProgressBar,
    ) -> Result<(Self, Vec<(PathBuf, String)>), DataError> {
        Self::load_as(
            Preprocessing::IMAGENET,
            dataset,
            wanted,
            skip_unreadable,
            progress,
        )
    }

    /// [`Pixels::load`] with another preprocessing, for networks of another side.
    ///
    /// # Errors
    /// [`DataError::Unreadable`] names every file that could not be read.
    pub fn load_as(
        preprocessing: Preprocessing,
        dataset: &Dataset,
        wanted: &[usize],
        skip_unreadable: bool,
        progress: &ProgressBar,
    ) -> Result<(Self, Vec<(PathBuf, String)>), DataError> {
        type Decoded = Result<Box<[u8]>, String>;
        let decoded: Vec<(usize, Decoded)> = wanted
            .par_iter()
            .map(|&index| {
                let path = dataset.folder.join(&dataset.examples[index].file);
                let pixels = read_radiograph(&path).map(|radiograph| {
                    preprocessing
                        .squash(&radiograph)
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
                    failures.push((dataset.folder.join(&dataset.examples[index].file), reason));
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

    /// `[side * side]` grey levels of an example; `None` if it was not loaded or could not be read.
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
