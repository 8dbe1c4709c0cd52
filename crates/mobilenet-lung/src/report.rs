//! What the classifier says of one radiograph.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::Finding;
use crate::architecture::GRID;

/// One number for each cell of the 7 x 7 grid, row by row from the top left.
pub type EvidenceMap = [[f32; GRID]; GRID];

/// What the classifier says of one radiograph.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The most probable finding.
    pub finding: Finding,
    /// Calibrated probability of each finding; they sum to 1.
    pub probabilities: ByFinding<f32>,
    /// The findings that cannot be ruled out, the most probable first: of images with a finding, a share that the bundle
    /// names (90%) have it in their set. It may be empty. `None` where the bundle has no thresholds.
    pub prediction_set: Option<Vec<Finding>>,
    /// Whether the image looks like a frontal chest radiograph at all; `None` where the bundle cannot tell.
    pub in_distribution: Option<InDistribution>,
    /// Where the finding's logit comes from: the cells of a map sum to its calibrated logit.
    pub evidence: ByFinding<EvidenceMap>,
    /// Id of the model: its name and the start of its hash.
    pub model: String,
    /// `webgpu`, `cpu` or the name of another device.
    pub device: String,
    /// How long it took.
    pub timings: Timings,
}

/// How far an image is of the kind that the network was trained on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct InDistribution {
    /// Above 0 and at most 1: 1 for the most ordinary frontal chest radiograph, near 0 for what is nothing like one.
    pub score: f32,
    /// Whether the score is at least 0.5. Where it is not, the probabilities mean nothing.
    pub accepted: bool,
}

/// Milliseconds of wall clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Timings {
    /// From radiograph to network input.
    pub preprocess_ms: f64,
    /// From network input to evidence, read back from the device.
    pub inference_ms: f64,
}

/// One value for each finding, written as a map from the finding's name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ByFinding<T>(pub [T; Finding::COUNT]);

impl<T> std::ops::Index<Finding> for ByFinding<T> {
    type Output = T;

    fn index(&self, finding: Finding) -> &T {
        &self.0[finding.index()]
    }
}

impl<T: Serialize> Serialize for ByFinding<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            Finding::ALL
                .into_iter()
                .map(|finding| (finding.name(), &self[finding])),
        )
    }
}

impl<'de, T: serde::Deserialize<'de>> serde::Deserialize<'de> for ByFinding<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut values = BTreeMap::<String, T>::deserialize(deserializer)?;
        let mut take = |finding: Finding| {
            values
                .remove(finding.name())
                .ok_or_else(|| serde::de::Error::missing_field(finding.name()))
        };
        Ok(Self([
            take(Finding::Normal)?,
            take(Finding::LungOpacity)?,
            take(Finding::ViralPneumonia)?,
        ]))
    }
}

/// Probabilities of logits divided by a temperature above 0, computed without overflow.
pub fn softmax(logits: [f32; Finding::COUNT], temperature: f32) -> [f32; Finding::COUNT] {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers = logits.map(|logit| ((logit - top) / temperature).exp());
    let sum: f32 = powers.iter().sum();
    powers.map(|power| power / sum)
}
