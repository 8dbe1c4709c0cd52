//! Dividing a data set into images to train on, to validate on and to test on.

use std::collections::{BTreeMap, BTreeSet};

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::dataset::{Dataset, Example, FOLDS};
use super::error::DataError;

impl Dataset {
    /// Refuses a fold of which the first data folder has no image: a model is reported on by its test there.
    ///
    /// # Errors
    /// [`DataError::Split`] says which folds have some.
    pub fn has_test(&self, fold: usize) -> Result<(), DataError> {
        let sources = self.sources();
        let Some(first) = sources.first() else {
            return Err(DataError::Split("there is no data folder".to_owned()));
        };
        let is_tested =
            |example: &&Example| example.source == *first && example.is_tested(Some(fold));
        if self.examples.iter().any(|example| is_tested(&example)) {
            return Ok(());
        }
        let filled: Vec<String> = (0..FOLDS)
            .filter(|fold| !self.fold_of(first, *fold).is_empty())
            .map(|fold| fold.to_string())
            .collect();
        Err(DataError::Split(format!(
            "fold {fold} of {first} has no image to test on; it has some in {}, which test_fold may name, or give folds in \
             groups.csv",
            filled.join(", ")
        )))
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
        let strata: BTreeSet<(usize, &str)> = self
            .examples
            .iter()
            .filter(|e| !e.test_only)
            .map(|e| (e.finding, e.source.as_str()))
            .collect();
        for stratum in strata {
            let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
            for example in &self.examples {
                if (example.finding, example.source.as_str()) == stratum
                    && !example.is_tested(Some(test_fold))
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
            if example.is_tested(Some(test_fold)) {
                split.test.push(index);
            } else if validation_groups.contains(example.group.as_str()) {
                split.validation.push(index);
            } else {
                split.train.push(index);
            }
        }
        for row in 0..self.findings.len() {
            if self.lacks(&split.train, row) {
                let finding = self.id(row);
                return Err(DataError::Split(format!(
                    "no {finding} image is left to train on: {} is too small to be divided",
                    self.name()
                )));
            }
        }
        Ok(split)
    }

    /// Whether none of these examples is trained towards the finding of a row.
    pub fn lacks(&self, examples: &[usize], row: usize) -> bool {
        let share = |index: &usize| self.class(*index).target.get(row).copied();
        !examples
            .iter()
            .any(|index| share(index).is_some_and(|share| share > 0.0))
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
    /// Those images for which `wanted` holds.
    #[must_use]
    pub fn only(&self, wanted: impl Fn(usize) -> bool) -> Self {
        let of = |part: &[usize]| {
            part.iter()
                .copied()
                .filter(|index| wanted(*index))
                .collect()
        };
        Self {
            train: of(&self.train),
            validation: of(&self.validation),
            test: of(&self.test),
        }
    }

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
                for row in 0..dataset.findings.len() {
                    if dataset.lacks(&train, row) {
                        let finding = dataset.id(row);
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
