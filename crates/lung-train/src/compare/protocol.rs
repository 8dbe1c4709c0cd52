//! Who is trained, watched and tested on: the paper's division by file, and folds by patient.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::data::{DataError, Dataset, FOLDS, Split};

/// Seed of the divisions. Fixed: every network and every seed meets the same images.
const SEED: u64 = 0;

/// Tenths of the paper's division.
const TENTHS: usize = 10;

/// Share of what is not tested that validates.
const VALIDATION: f64 = 0.1;

/// How images are divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// The paper's: 80% train, 10% validate, 10% test, at random by file. Images of one patient may be on both sides.
    Paper,
    /// The folds of `groups.csv`: no patient is on both sides.
    Grouped,
    /// Folds 1 to 4 of `groups.csv` alone, to choose by: fold 0 is neither trained nor tested on.
    Inner,
}

impl Protocol {
    /// Its name in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Paper => "paper",
            Self::Grouped => "grouped",
            Self::Inner => "inner",
        }
    }

    /// The name for people; `grouped` where a groups.csv says who belongs together.
    pub(super) fn title(self, grouped: bool) -> String {
        let unit = if grouped {
            "by patient"
        } else {
            "by file (there is no groups.csv)"
        };
        match self {
            Self::Paper => "the paper's protocol: 80/10/10 at random by file".to_owned(),
            Self::Grouped => format!("folds {unit}"),
            Self::Inner => {
                format!("cross-validation within folds 1 to 4, {unit}; fold 0 is not touched")
            }
        }
    }

    /// The folds that it has.
    pub fn folds(self) -> std::ops::Range<usize> {
        match self {
            Self::Paper | Self::Grouped => 0..FOLDS,
            Self::Inner => 1..FOLDS,
        }
    }

    /// Divides the data set for one of its [`Protocol::folds`].
    ///
    /// # Errors
    /// [`DataError::Split`] when no image of some class is left to train or to test on.
    pub fn split(self, dataset: &Dataset, fold: usize) -> Result<Split, DataError> {
        let mut split = match self {
            Self::Paper => by_file(dataset, fold),
            Self::Grouped | Self::Inner => dataset.split(fold, VALIDATION, SEED)?,
        };
        if self == Self::Inner {
            for part in [&mut split.train, &mut split.validation, &mut split.test] {
                part.retain(|index| dataset.examples[*index].fold != 0);
            }
        }
        for row in 0..dataset.findings.len() {
            let finding = dataset.id(row);
            for (part, what) in [(&split.train, "train"), (&split.test, "test")] {
                if !part
                    .iter()
                    .any(|index| dataset.examples[*index].finding == row)
                {
                    return Err(DataError::Split(format!(
                        "fold {fold} leaves no {finding} image to {what} on: {} is too small to be divided",
                        dataset.name()
                    )));
                }
            }
        }
        Ok(split)
    }
}

/// A data set of the paper's three findings.
///
/// # Errors
/// For other findings.
pub(super) fn of_the_paper(dataset: Dataset) -> anyhow::Result<Dataset> {
    let three = mobilenet_lung::Findings::lung_xray();
    anyhow::ensure!(
        dataset.findings.ids().eq(three.ids()),
        "the comparison is of the paper's three findings, {}; the data has {}. Pass --leave-out for other folders",
        three.ids().collect::<Vec<_>>().join(", "),
        dataset.findings.ids().collect::<Vec<_>>().join(", ")
    );
    Ok(dataset)
}

/// Tenths by file, class by class: the fold's own tenth tests and the next validates.
fn by_file(dataset: &Dataset, fold: usize) -> Split {
    let mut split = Split::default();
    for row in 0..dataset.findings.len() {
        let mut indices: Vec<usize> = (0..dataset.examples.len())
            .filter(|index| dataset.examples[*index].finding == row)
            .collect();
        indices.shuffle(&mut ChaCha8Rng::seed_from_u64(SEED));
        for (place, index) in indices.into_iter().enumerate() {
            let tenth = place % TENTHS;
            if tenth == fold {
                split.test.push(index);
            } else if tenth == (fold + 1) % TENTHS {
                split.validation.push(index);
            } else {
                split.train.push(index);
            }
        }
    }
    for part in [&mut split.train, &mut split.validation, &mut split.test] {
        part.sort_unstable();
    }
    split
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    /// 30 images a class, in pairs of one patient. Nothing here looks into a file.
    fn dataset() -> (TempDir, Dataset) {
        let folder = TempDir::new().unwrap();
        let mut table = "file,label,group,origin,fold\n".to_owned();
        for name in mobilenet_lung::Findings::lung_xray().ids() {
            fs::create_dir(folder.path().join(name)).unwrap();
            for number in 0..30 {
                fs::write(folder.path().join(name).join(format!("{number}.png")), b"").unwrap();
                let group = number / 2;
                writeln!(
                    table,
                    "{name}/{number}.png,{name},{name}-{group},adult,{}",
                    group % FOLDS
                )
                .unwrap();
            }
        }
        fs::write(folder.path().join("groups.csv"), table).unwrap();
        let dataset = Dataset::open(folder.path()).unwrap();
        (folder, dataset)
    }

    #[test]
    fn the_paper_s_division_is_80_10_10_of_every_class_and_tests_each_image_once() {
        let (_folder, dataset) = dataset();
        let mut tested = vec![0; dataset.examples.len()];
        for fold in Protocol::Paper.folds() {
            let split = Protocol::Paper.split(&dataset, fold).unwrap();
            assert_eq!(
                [split.train.len(), split.validation.len(), split.test.len()],
                [72, 9, 9]
            );
            let mut all = [split.train, split.validation, split.test.clone()].concat();
            all.sort_unstable();
            assert_eq!(all, (0..90).collect::<Vec<_>>());
            for index in split.test {
                tested[index] += 1;
            }
        }
        assert!(tested.iter().all(|times| *times <= 1));
        assert_eq!(tested.iter().sum::<usize>(), 45);
    }

    #[test]
    fn patients_are_whole_and_fold_0_stays_out_of_a_choice() {
        let (_folder, dataset) = dataset();
        for protocol in [Protocol::Grouped, Protocol::Inner] {
            for fold in protocol.folds() {
                let split = protocol.split(&dataset, fold).unwrap();
                let parts = [&split.train, &split.validation, &split.test];
                for example in &dataset.examples {
                    let of_the_group = |part: &&&Vec<usize>| {
                        part.iter()
                            .any(|index| dataset.examples[*index].group == example.group)
                    };
                    assert!(parts.iter().filter(of_the_group).count() <= 1);
                }
                let in_fold_0 = parts
                    .iter()
                    .flat_map(|part| part.iter())
                    .filter(|index| dataset.examples[**index].fold == 0)
                    .count();
                assert_eq!(in_fold_0, if protocol == Protocol::Inner { 0 } else { 18 });
            }
        }
    }
}
