//! What a bundle says of itself.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::error::BundleError;
use super::format::{ARCHITECTURE, FORMAT_VERSION};
use crate::ByFinding;
use crate::architecture::{AttentionConfig, FEATURES};
use crate::distribution::Spread;
use crate::findings::{Findings, Translations, unknown_language};
use crate::prediction_sets::PredictionSets;
use crate::preprocess::{FramingMethod, Preprocessing};

/// What a bundle says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// Version of this layout: [`FORMAT_VERSION`]. What was read of an older file is brought to it.
    pub format_version: u32,
    /// Name of the architecture: [`ARCHITECTURE`].
    pub architecture: String,
    /// Kind, place and width of the attention.
    pub attention: AttentionConfig,
    /// The findings in the order of the head's rows.
    #[serde(deserialize_with = "Findings::unchecked")]
    pub findings: Findings,
    /// How a radiograph becomes the network's input.
    pub preprocessing: Preprocessing,
    /// What the logit of each finding is multiplied by before the softmax, at every operating point; above 0. (Alike for all
    /// it is the reciprocal of the temperature of Guo et al. 2017, arXiv 1706.04599.)
    pub scales: ByFinding<f32>,
    /// The operating points, at least one.
    pub operating_points: Vec<OperatingPoint>,
    /// Name of the operating point where nobody asks for another.
    pub default_operating_point: String,
    /// Sentences for particular prediction sets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set_sentences: Vec<SetSentence>,
    /// What the tensors of the [`Distribution`](crate::Distribution) go with; none where the file has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_distribution: Option<Spread>,
    /// What it was trained on, in words.
    pub trained_on: String,
    /// The data it was trained on, and what allows its use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<DataSource>,
    /// How it did on images that it was not trained on, the most telling test first; empty where nobody measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tests: Vec<TestFigures>,
    /// SPDX expression.
    pub licence: String,
    /// The commit of the code that trained it; empty where unknown.
    pub commit: String,
    /// What every reader has to be told.
    pub notice: String,
}

/// How probabilities become calls: which mix of patients they are weighed for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OperatingPoint {
    /// Its name for programs, such as `clinic`.
    pub name: String,
    /// Whom it is for, in a sentence.
    pub description: String,
    /// The description in other languages.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub translations: Translations,
    /// What is added to the scaled logit of each finding.
    pub offsets: ByFinding<f32>,
    /// Thresholds of prediction sets; none where nothing was there to calibrate on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prediction_sets: Option<PredictionSets>,
}

impl OperatingPoint {
    /// The name of the one that a bundle has where nobody weighed anything.
    pub const DEFAULT: &'static str = "default";

    /// An operating point that adds nothing, without prediction sets.
    pub fn plain(name: &str, findings: &Findings) -> Self {
        Self {
            name: name.to_owned(),
            description: String::new(),
            translations: Translations::new(),
            offsets: ByFinding::new(findings, findings.iter().map(|_| 0.0)),
            prediction_sets: None,
        }
    }
}

/// A sentence for images whose prediction set holds just these findings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetSentence {
    /// Ids of the findings, in any order.
    pub findings: Vec<String>,
    /// The sentence in English.
    pub sentence: String,
    /// The sentence in other languages.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub translations: Translations,
}

/// Data that a model was trained on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataSource {
    /// Its name, or the name of its folder.
    pub name: String,
    /// Its licence: an SPDX expression, or words where there is none.
    pub licence: String,
    /// Where it is from; empty where unknown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// How many of its images were trained on, by finding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<ByFinding<usize>>,
}

/// What images were called: `confusion[truth][called]`, in the order of the findings.
pub type Confusion = Vec<Vec<usize>>;

/// How a model did on held-out images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestFigures {
    /// Which images, in words: data set and fold.
    pub split: String,
    /// The operating point that they were classified at.
    pub operating_point: String,
    /// How many were classified correctly, by what the data counts as correct.
    pub accuracy: Share,
    /// Mean of the F1 scores of the findings, 0..=1.
    pub macro_f1: f64,
    /// What they were called; none of a file of format 1 or 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confusion: Option<Confusion>,
    /// The images of each origin of the patient.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_origin: BTreeMap<String, OriginFigures>,
    /// Expected calibration error of the most probable finding in 15 bins, 0..=1 (Guo et al. 2017, arXiv 1706.04599).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration_error: Option<f64>,
    /// Mean negative logarithm of the probability of the truth, in nats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_loss: Option<f64>,
    /// Mean squared distance of the probabilities from the truth, 0..=2 (Brier 1950).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brier: Option<f64>,
    /// Of the images of each finding, how many have it in their prediction set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<ByFinding<Share>>,
    /// Mean number of findings in a prediction set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_set_size: Option<f64>,
    /// How many of the images were held to be no frontal chest radiograph.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Share>,
}

/// How a model did on the images of one origin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OriginFigures {
    /// How many were classified correctly.
    pub accuracy: Share,
    /// What they were called; none of a file of format 1 or 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confusion: Option<Confusion>,
}

/// A share of images with its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// How many of `images`.
    pub correct: usize,
    /// Of how many.
    pub images: usize,
    /// `correct / images`, 0..=1; 0 of none.
    pub share: f64,
    /// 95% Wilson score interval; 0 to 1 of none.
    pub interval: [f64; 2],
}

impl Metadata {
    /// The metadata of a network that nobody has calibrated or tested: one operating point that adds nothing.
    pub fn plain(findings: Findings, attention: AttentionConfig) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            architecture: ARCHITECTURE.to_owned(),
            attention,
            preprocessing: Preprocessing::IMAGENET,
            scales: ByFinding::new(&findings, findings.iter().map(|_| 1.0)),
            operating_points: vec![OperatingPoint::plain(OperatingPoint::DEFAULT, &findings)],
            default_operating_point: OperatingPoint::DEFAULT.to_owned(),
            set_sentences: Vec::new(),
            in_distribution: None,
            trained_on: String::new(),
            data: Vec::new(),
            tests: Vec::new(),
            licence: "MIT OR Apache-2.0".to_owned(),
            commit: String::new(),
            notice: String::new(),
            findings,
        }
    }

    /// The names of the operating points.
    pub fn operating_point_names(&self) -> Vec<String> {
        let points = self.operating_points.iter();
        points.map(|point| point.name.clone()).collect()
    }

    /// The operating point where nobody asks for another.
    pub fn default_point(&self) -> Option<&OperatingPoint> {
        let mut points = self.operating_points.iter();
        points.find(|point| point.name == self.default_operating_point)
    }

    /// The prediction sets of the default operating point.
    pub fn prediction_sets(&self) -> Option<&PredictionSets> {
        self.default_point()?.prediction_sets.as_ref()
    }

    /// Checks everything, and brings what is by finding into the order of the findings.
    ///
    /// # Errors
    /// The first flaw, with its culprit.
    pub(super) fn check(&mut self) -> Result<(), BundleError> {
        let foreign = |detail: String| BundleError::Foreign { detail };
        if self.architecture != ARCHITECTURE {
            let architecture = &self.architecture;
            return Err(foreign(format!("its architecture is `{architecture}`")));
        }
        self.findings.check()?;
        let Preprocessing {
            side,
            detail,
            mean,
            std,
            framing,
        } = self.preprocessing;
        // The evidence map is 7 x 7 for 224; another side would silently mean another grid.
        let usable = side == Preprocessing::IMAGENET.side
            && (1..=side).contains(&detail)
            && mean.iter().all(|value| value.is_finite())
            && std.iter().all(|value| value.is_finite() && *value > 0.0);
        if !usable {
            return Err(foreign("its preprocessing is out of range".to_owned()));
        }
        if framing.method == FramingMethod::Unknown || framing.margin != 0.0 {
            return Err(BundleError::Framing);
        }
        let reduction = self.attention.reduction;
        if !(1..=FEATURES).contains(&reduction) {
            return Err(foreign(format!("its attention has reduction {reduction}")));
        }
        if !self.in_distribution.as_ref().is_none_or(Spread::usable) {
            return Err(foreign(
                "its statistics of embeddings are out of range".to_owned(),
            ));
        }
        let findings = &self.findings;
        let entry = |entry: &'static str, detail: String| BundleError::Entry { entry, detail };
        arranged("scales", &mut self.scales, findings, |scale| {
            scale.is_finite() && *scale > 0.0
        })?;
        check_points(
            &mut self.operating_points,
            &self.default_operating_point,
            findings,
        )?;
        let mut sets = BTreeSet::new();
        for sentence in &self.set_sentences {
            let mut ids: Vec<&str> = sentence.findings.iter().map(String::as_str).collect();
            ids.sort_unstable();
            let named = ids.join(", ");
            let flaw = if let Some(id) = ids.iter().find(|id| findings.row(id).is_none()) {
                format!("one is for `{id}`, which is no finding of the model")
            } else if ids.is_empty() || ids.windows(2).any(|pair| pair.first() == pair.last()) {
                format!("one is for the findings `{named}`, which are no set")
            } else if sentence.sentence.trim().is_empty() {
                format!("that for {named} is empty")
            } else if let Some(language) = unknown_language(&sentence.translations) {
                format!("that for {named} is translated into `{language}`, which is not known")
            } else if !sets.insert(ids) {
                format!("there are two for {named}")
            } else {
                continue;
            };
            return Err(entry("set_sentences", flaw));
        }
        for source in &mut self.data {
            if let Some(images) = &mut source.images {
                arranged("data", images, findings, |_| true)?;
            }
        }
        for test in &mut self.tests {
            check_test(test, findings)?;
        }
        Ok(())
    }
}

#[cfg(feature = "burn")]
impl Metadata {
    /// The network that the metadata describes.
    pub fn network(&self) -> crate::network::MobileNetLungConfig {
        crate::network::MobileNetLungConfig {
            attention: self.attention,
            findings: self.findings.len(),
            ..crate::network::MobileNetLungConfig::default()
        }
    }
}

/// Brings values into the order of the findings and checks each.
fn arranged<T: std::fmt::Debug>(
    entry: &'static str,
    values: &mut ByFinding<T>,
    findings: &Findings,
    usable: impl Fn(&T) -> bool,
) -> Result<(), BundleError> {
    let error = |detail: String| BundleError::Entry { entry, detail };
    (values.arrange(findings)).map_err(|id| error(not_one_each(&id)))?;
    match values.iter().find(|(_, value)| !usable(value)) {
        Some((id, value)) => Err(error(format!(
            "the value {value:?} of `{id}` is out of range"
        ))),
        None => Ok(()),
    }
}

fn not_one_each(id: &str) -> String {
    format!("it does not have one value for each finding; look at `{id}`")
}

fn check_points(
    points: &mut [OperatingPoint],
    default: &str,
    findings: &Findings,
) -> Result<(), BundleError> {
    let mut names = Vec::new();
    for point in points {
        let name = point.name.clone();
        let error = |detail: String| BundleError::OperatingPoint {
            name: name.clone(),
            detail,
        };
        if point.name.trim().is_empty() || names.contains(&point.name) {
            return Err(error("each needs a name of its own".to_owned()));
        }
        if let Some(language) = unknown_language(&point.translations) {
            return Err(error(format!(
                "its description is translated into `{language}`, which is not known"
            )));
        }
        let missing = |id: String| error(not_one_each(&id));
        point.offsets.arrange(findings).map_err(missing)?;
        if let Some((id, offset)) = (point.offsets.iter()).find(|(_, offset)| !offset.is_finite()) {
            return Err(error(format!("its offset for `{id}` is {offset}")));
        }
        if let Some(sets) = &mut point.prediction_sets {
            sets.thresholds.arrange(findings).map_err(missing)?;
            sets.calibrated_on.arrange(findings).map_err(missing)?;
            if !(sets.coverage > 0.0 && sets.coverage < 1.0) {
                let coverage = sets.coverage;
                return Err(error(format!(
                    "its prediction sets have coverage {coverage}, not above 0 and below 1"
                )));
            }
            let outside = |(_, threshold): &(&str, &f32)| !(0.0..=1.0).contains(*threshold);
            if let Some((id, threshold)) = sets.thresholds.iter().find(outside) {
                return Err(error(format!(
                    "its threshold for `{id}` is {threshold}, not between 0 and 1"
                )));
            }
        }
        names.push(name);
    }
    match names.iter().any(|name| name == default) {
        true => Ok(()),
        false => Err(BundleError::DefaultOperatingPoint {
            default: default.to_owned(),
            names,
        }),
    }
}

fn check_test(test: &mut TestFigures, findings: &Findings) -> Result<(), BundleError> {
    let count = findings.len();
    let square = |confusion: &Option<Confusion>| {
        confusion
            .as_ref()
            .is_none_or(|rows| rows.len() == count && rows.iter().all(|row| row.len() == count))
    };
    let origins = test.by_origin.values();
    if !(square(&test.confusion) && origins.map(|o| &o.confusion).all(square)) {
        return Err(BundleError::Entry {
            entry: "tests",
            detail: format!(
                "a confusion matrix of `{}` is not {count} x {count}",
                test.split
            ),
        });
    }
    match &mut test.coverage {
        Some(coverage) => arranged("tests", coverage, findings, |_| true),
        None => Ok(()),
    }
}
