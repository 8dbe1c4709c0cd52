//! What a model was trained on, in numbers.

use std::collections::BTreeMap;

use mobilenet_lung::bundle::DataSource;
use mobilenet_lung::{ByFinding, Findings};

use crate::data::{Class, Dataset, Patients, Split};
use crate::evaluate::metrics::{Share, percent, share_of};
use crate::train::RunResult;

/// The images that a model was trained, watched and calibrated on.
#[derive(Clone, Debug, PartialEq)]
pub struct Material {
    /// The findings.
    pub findings: Findings,
    /// How many of each finding, by data folder and origin.
    pub images: BTreeMap<(String, String), Vec<usize>>,
    /// The classes whose target is divided, with how many images each has.
    pub divided: Vec<(Class, usize)>,
    /// Groups of patients by their origins.
    pub patients: Vec<Patients>,
    /// How many images its probabilities were fitted on.
    pub calibrated_on: usize,
    /// How many trainings without one more fold it was calibrated by.
    pub cross_fitted: usize,
}

impl Material {
    /// Counts the images of a split that are not left for the test.
    pub fn new(dataset: &Dataset, split: &Split, result: &RunResult) -> Self {
        let mut images: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
        let mut of_class = vec![0; dataset.classes.len()];
        for index in split.train.iter().chain(&split.validation) {
            let example = &dataset.examples[*index];
            let key = (example.source.clone(), example.origin.clone());
            let counts = images
                .entry(key)
                .or_insert_with(|| vec![0; dataset.findings.len()]);
            counts[example.finding] += 1;
            of_class[example.class] += 1;
        }
        let classes = dataset.classes.iter().cloned().zip(of_class);
        Self {
            findings: dataset.findings.clone(),
            images,
            divided: classes
                .filter(|(class, count)| class.is_divided() && *count > 0)
                .collect(),
            patients: dataset.patients.clone(),
            calibrated_on: result.calibrated_on,
            cross_fitted: result.without_fold.len(),
        }
    }

    /// The data folders as a bundle names them, with what was trained and calibrated on.
    pub fn data(&self, dataset: &Dataset) -> Vec<DataSource> {
        let mut sources = dataset.sources();
        sources.dedup();
        let of = |source: String| {
            let mut images = vec![0; self.findings.len()];
            for ((own, _), counts) in &self.images {
                if *own == source {
                    for (sum, count) in images.iter_mut().zip(counts) {
                        *sum += count;
                    }
                }
            }
            DataSource {
                name: source,
                licence: "not stated".to_owned(),
                url: String::new(),
                images: Some(ByFinding::new(&self.findings, images)),
            }
        };
        sources.into_iter().map(of).collect()
    }

    /// Of the images of each finding, how many are known to be of the first group of patients; `None` where none is.
    pub(crate) fn of_first_patients(&self) -> Option<(&Patients, Vec<Share>)> {
        let group = self.patients.first().filter(|group| self.has(group))?;
        let count = |row: usize, wanted: &dyn Fn(&str) -> bool| -> usize {
            (self.images.iter())
                .filter(|((_, origin), _)| wanted(origin))
                .map(|(_, counts)| counts[row])
                .sum()
        };
        let share = |row| {
            share_of(
                count(row, &|origin| group.has(origin)),
                count(row, &|_| true),
            )
        };
        Some((group, (0..self.findings.len()).map(share).collect()))
    }

    fn has(&self, group: &Patients) -> bool {
        self.images.keys().any(|(_, origin)| group.has(origin))
    }

    /// Whether nothing is known of the groups of the patients.
    pub(crate) fn is_of_unknown_patients(&self) -> bool {
        !self.patients.iter().any(|group| self.has(group))
    }

    /// `children from adults`.
    pub(crate) fn confusable(&self) -> String {
        let mut plurals = self.patients.iter().map(|group| group.plural.as_str());
        let first = plurals.next().unwrap_or("some patients");
        format!("{first} from {}", plurals.next().unwrap_or("others"))
    }

    /// Whether there are images of several data folders.
    pub(crate) fn of_several_folders(&self) -> bool {
        let mut folders = self.images.keys().map(|(source, _)| source);
        let first = folders.next();
        folders.any(|folder| Some(folder) != first)
    }

    /// What every reader of the model has to be told.
    pub fn notice(&self) -> String {
        let mut notice = "Research software, not a medical device.".to_owned();
        match self.of_first_patients() {
            Some((group, shares)) => {
                notice += &format!(
                    " Of the images it was trained on, {} are known to be of {}. It may tell {} instead of one finding \
                     from another.",
                    self.in_words(&shares),
                    group.plural,
                    self.confusable()
                );
            }
            None if self.is_of_unknown_patients() => {
                notice += " Nothing is known of the age of the patients it was trained on.";
            }
            None => {}
        }
        notice
    }

    /// `38 of 250 Normal (15.2%), ...`.
    pub(crate) fn in_words(&self, shares: &[Share]) -> String {
        let parts: Vec<String> = (self.findings.ids().zip(shares))
            .map(|(finding, share)| {
                format!(
                    "{} of {} {finding} ({})",
                    share.correct,
                    share.images,
                    percent(share.share)
                )
            })
            .collect();
        parts.join(", ")
    }
}
