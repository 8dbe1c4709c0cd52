//! Counting what images are called.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};
use mobilenet_lung::{Classifier, Reading};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::table::{Labelled, Stratum};
use crate::data::Shown as _;
use crate::evaluate::metrics::{Share, Tested, share_of};
use crate::evaluate::trials::tested;
use crate::predict::{read, read_at};
use crate::progress::begin;

/// What the images of one stratum are called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StratumCalls {
    /// Which images.
    #[serde(flatten)]
    pub stratum: Stratum,
    /// How many could be read.
    pub images: usize,
    /// Of those not refused, how many are called each finding, in the order of the findings.
    pub called: Vec<usize>,
    /// How many are refused as no frontal chest radiographs.
    pub refused: usize,
    /// How many are not refused, but have a caution: their file says that they may be no frontal chest radiograph.
    pub cautioned: usize,
}

/// What a model calls images of other hospitals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elsewhere {
    /// Id of the model.
    pub model: String,
    /// Name of the operating point.
    pub operating_point: String,
    /// Where the images are from, in words.
    pub images_of: String,
    /// Ids of the findings, in the order of the network's outputs.
    pub findings: Vec<String>,
    /// The images by what they have in common.
    pub strata: Vec<StratumCalls>,
    /// Images that could not be read, with the reason. They are in no stratum.
    pub unreadable: Vec<(String, String)>,
}

/// What was said of one image.
enum Said {
    Refused,
    Called { finding: usize, cautioned: bool },
}

impl Elsewhere {
    /// Classifies `images` and counts. `images_of` says in words where they are from.
    ///
    /// # Errors
    /// No image that can be read.
    pub fn count(
        classifier: &Classifier,
        images: &[Labelled],
        images_of: String,
    ) -> anyhow::Result<Self> {
        let progress = begin(images.len(), "classifying");
        let results: Vec<Result<Said, String>> = images
            .par_iter()
            .map(|image| {
                let said = said(classifier, &image.path);
                progress.inc(1);
                said
            })
            .collect();
        progress.finish_and_clear();
        let Tested {
            model,
            operating_point,
            findings,
        } = tested(classifier);
        let count = findings.len();
        let mut strata: BTreeMap<&Stratum, StratumCalls> = BTreeMap::new();
        let mut unreadable = Vec::new();
        for (image, result) in images.iter().zip(results) {
            let said = match result {
                Ok(said) => said,
                Err(reason) => {
                    unreadable.push((image.file.clone(), reason));
                    continue;
                }
            };
            let calls = (strata.entry(&image.stratum))
                .or_insert_with(|| StratumCalls::none(image.stratum.clone(), count));
            calls.images += 1;
            match said {
                Said::Refused => calls.refused += 1,
                Said::Called { finding, cautioned } => {
                    calls.called[finding] += 1;
                    calls.cautioned += usize::from(cautioned);
                }
            }
        }
        ensure!(!strata.is_empty(), "none of the images could be read");
        Ok(Self {
            model: model.to_owned(),
            operating_point: operating_point.to_owned(),
            images_of,
            findings: findings.ids().map(str::to_owned).collect(),
            strata: strata.into_values().collect(),
            unreadable,
        })
    }

    /// Reads what `lung elsewhere --json` wrote.
    ///
    /// # Errors
    /// A file that cannot be read, or is nothing of that kind.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.shown()))?;
        let read: Self = serde_json::from_str(&text).with_context(|| {
            format!(
                "{} has no counts of other hospitals; `lung elsewhere --json` writes them",
                path.shown()
            )
        })?;
        let count = read.findings.len();
        ensure!(
            (read.strata.iter()).all(|calls| calls.called.len() == count),
            "{} counts other findings than it names",
            path.shown()
        );
        Ok(read)
    }

    /// The counts of all strata that `of` makes the same; those that it makes nothing of are left out.
    pub fn summed(&self, of: impl Fn(&StratumCalls) -> Option<Stratum>) -> Vec<StratumCalls> {
        summed(&self.strata, of)
    }

    /// The counts by label, age and half, of all hospitals together.
    pub fn by_label(&self) -> Vec<StratumCalls> {
        self.summed(|calls| {
            Some(Stratum {
                hospital: None,
                ..calls.stratum.clone()
            })
        })
    }

    /// The counts by hospital, label and age, of hospitals that have at least `least` images of such a kind.
    pub fn by_hospital(&self, least: usize) -> Vec<StratumCalls> {
        self.summed(|calls| {
            (calls.stratum.hospital.is_some() && calls.images >= least)
                .then(|| calls.stratum.clone())
        })
    }
}

/// The counts of all of `strata` that `of` makes the same; those that it makes nothing of are left out.
pub fn summed<'a>(
    strata: impl IntoIterator<Item = &'a StratumCalls>,
    of: impl Fn(&StratumCalls) -> Option<Stratum>,
) -> Vec<StratumCalls> {
    let mut sums: BTreeMap<Stratum, StratumCalls> = BTreeMap::new();
    for calls in strata {
        if let Some(stratum) = of(calls) {
            (sums.entry(stratum.clone()))
                .or_insert_with(|| StratumCalls::none(stratum, calls.called.len()))
                .add(calls);
        }
    }
    sums.into_values().collect()
}

impl StratumCalls {
    /// No image yet.
    pub fn none(stratum: Stratum, findings: usize) -> Self {
        Self {
            stratum,
            images: 0,
            called: vec![0; findings],
            refused: 0,
            cautioned: 0,
        }
    }

    fn add(&mut self, other: &Self) {
        self.images += other.images;
        for (sum, count) in self.called.iter_mut().zip(&other.called) {
            *sum += count;
        }
        self.refused += other.refused;
        self.cautioned += other.cautioned;
    }

    /// The share of its images that `count` of them are.
    pub fn share(&self, count: usize) -> Share {
        share_of(count, self.images)
    }
}

/// What a classifier says of a file.
fn said(classifier: &Classifier, path: &Path) -> Result<Said, String> {
    let reading = read(path).and_then(|radiograph| read_at(classifier, &radiograph, None));
    let Reading {
        report, cautions, ..
    } = reading.map_err(|refusal| refusal.message)?;
    if report
        .in_distribution
        .is_some_and(|judged| !judged.accepted)
    {
        return Ok(Said::Refused);
    }
    let finding = (classifier.findings().row(&report.finding))
        .ok_or_else(|| format!("the model has no finding {}", report.finding))?;
    Ok(Said::Called {
        finding,
        cautioned: !cautions.is_empty(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(label: &str, hospital: &str, called: [usize; 2], refused: usize) -> StratumCalls {
        StratumCalls {
            stratum: Stratum {
                label: label.to_owned(),
                age: None,
                hospital: Some(hospital.to_owned()),
                half: None,
            },
            images: called.iter().sum::<usize>() + refused,
            called: called.to_vec(),
            refused,
            cautioned: 1,
        }
    }

    #[test]
    fn hospitals_add_up_to_their_labels() {
        let elsewhere = Elsewhere {
            model: "model".to_owned(),
            operating_point: "clinic".to_owned(),
            images_of: "index.csv".to_owned(),
            findings: vec!["Normal".to_owned(), "Ill".to_owned()],
            strata: vec![
                calls("normal", "East", [3, 1], 1),
                calls("normal", "West", [20, 2], 0),
                calls("cough", "West", [1, 1], 0),
            ],
            unreadable: Vec::new(),
        };
        let labels = elsewhere.by_label();
        assert_eq!(labels.len(), 2);
        let normal = &labels[1];
        assert_eq!(
            (normal.stratum.to_string(), normal.images),
            ("normal".to_owned(), 27)
        );
        assert_eq!((&normal.called[..], normal.refused), (&[23, 3][..], 1));
        assert_eq!(normal.share(23).correct, 23);
        let hospitals = elsewhere.by_hospital(10);
        assert_eq!(hospitals.len(), 1);
        assert_eq!(hospitals[0].stratum.hospital.as_deref(), Some("West"));
    }

    #[test]
    fn only_what_the_command_wrote_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("elsewhere.json");
        let written = serde_json::json!({
            "model": "m", "operating_point": "p", "images_of": "t", "findings": ["a", "b"],
            "strata": [{"label": "a", "age": null, "hospital": null, "half": null, "images": 1, "called": [1], "refused": 0, "cautioned": 0}],
            "unreadable": [],
        });
        for (text, words) in [
            ("{}".to_owned(), "`lung elsewhere --json` writes them"),
            (written.to_string(), "other findings than it names"),
        ] {
            fs::write(&path, text).unwrap();
            let error = Elsewhere::read(&path).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
