//! What speaks against a model, as its card has it.

use mobilenet_lung::Findings;
use serde::{Deserialize, Serialize};

use super::share::ShareRow;
use crate::data::Class;
use crate::evaluate::metrics::{Evaluation, percent};
use crate::export::{Exported, Material};

/// What a card says against its model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// What it may tell instead of one finding from another.
    pub shortcut: Shortcut,
    /// Called rightly in each data folder; empty where it was trained on one.
    pub by_folder: Vec<FolderRecalls>,
    /// Classes whose target was divided in training.
    pub divided: Vec<DividedClass>,
    /// What its prediction sets promise; null where it has none.
    pub prediction_sets: Option<SetPromise>,
    /// Whether it can refuse images.
    pub can_refuse: bool,
    /// Whether its findings are those of the "Lung X-Ray Image Dataset".
    pub built_in_findings: bool,
}

/// What is known of groups of patients among the images that a model was trained and calibrated on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "patients", rename_all = "kebab-case")]
pub enum Shortcut {
    /// Some are known to be of the first group.
    Known {
        /// The group, in the plural.
        group: String,
        /// `children from adults`.
        confusable: String,
        /// How many of each finding are of the group.
        shares: Vec<ShareRow>,
    },
    /// Nothing is known.
    Unknown {
        /// `children from adults`.
        confusable: String,
    },
    /// All are of other groups.
    Others,
}

/// The recall of each finding in one data folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FolderRecalls {
    /// Data folder and fold, in words.
    pub split: String,
    /// Of the findings that have images there.
    pub recalls: Vec<FindingShare>,
}

/// A share for a finding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FindingShare {
    /// Its id.
    pub finding: String,
    /// The share, 0..=1.
    pub share: f64,
}

/// A class whose images were trained as several findings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DividedClass {
    /// Label and kind.
    pub label: String,
    /// How many images were trained and calibrated on.
    pub images: usize,
    /// Why, in a sentence.
    pub why: Option<String>,
    /// What they were trained as.
    pub target: Vec<FindingShare>,
    /// Ids of the findings that count as correct.
    pub correct: Vec<String>,
}

/// What prediction sets promise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetPromise {
    /// The share of the images of each finding whose set holds it, 0..=1.
    pub coverage: f64,
    /// How many images of each finding they were calibrated on.
    pub calibrated_on: Vec<FindingCount>,
}

/// A number of images of a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingCount {
    /// Its id.
    pub finding: String,
    /// How many.
    pub images: usize,
}

impl Limits {
    pub(super) fn new(exported: &Exported) -> Self {
        let material = &exported.material;
        let sets = exported.metadata.prediction_sets();
        let folders = match material.of_several_folders() {
            true => exported.tests.folders.as_slice(),
            false => &[],
        };
        Self {
            shortcut: Shortcut::new(material),
            by_folder: folders.iter().map(FolderRecalls::new).collect(),
            divided: (material.divided.iter())
                .map(|(class, images)| DividedClass::new(class, *images, &material.findings))
                .collect(),
            prediction_sets: sets.map(|sets| SetPromise {
                coverage: sets.coverage,
                calibrated_on: (sets.calibrated_on.iter())
                    .map(|(id, images)| FindingCount {
                        finding: id.to_owned(),
                        images: *images,
                    })
                    .collect(),
            }),
            can_refuse: exported.metadata.in_distribution.is_some(),
            built_in_findings: material.findings == Findings::lung_xray(),
        }
    }
}

impl Shortcut {
    fn new(material: &Material) -> Self {
        match material.of_first_patients() {
            Some((group, shares)) => Self::Known {
                group: group.plural.clone(),
                confusable: material.confusable(),
                shares: (material.findings.ids().zip(shares))
                    .map(|(id, share)| ShareRow {
                        finding: id.to_owned(),
                        share,
                    })
                    .collect(),
            },
            None if material.is_of_unknown_patients() => Self::Unknown {
                confusable: match material.patients.is_empty() {
                    true => "children from adults".to_owned(),
                    false => material.confusable(),
                },
            },
            None => Self::Others,
        }
    }
}

impl FolderRecalls {
    fn new(test: &Evaluation) -> Self {
        let classes = test.classes.iter().filter(|(_, class)| class.images > 0);
        Self {
            split: test.split.clone(),
            recalls: classes
                .map(|(id, class)| FindingShare {
                    finding: id.to_owned(),
                    share: class.recall,
                })
                .collect(),
        }
    }
}

impl FindingShare {
    /// `75.0%`.
    pub(super) fn percent(&self) -> String {
        percent(self.share)
    }
}

impl DividedClass {
    fn new(class: &Class, images: usize, findings: &Findings) -> Self {
        let target = findings.ids().zip(&class.target);
        Self {
            label: class.label(findings),
            images,
            why: class.why.clone(),
            target: target
                .filter(|(_, share)| **share > 0.0)
                .map(|(id, share)| FindingShare {
                    finding: id.to_owned(),
                    share: f64::from(*share),
                })
                .collect(),
            correct: (class.correct.iter())
                .filter_map(|row| Some(findings.get(*row)?.id.clone()))
                .collect(),
        }
    }
}

impl SetPromise {
    /// `90.0%`.
    pub(super) fn coverage_in_words(&self) -> String {
        percent(self.coverage)
    }
}
