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
    /// Where the finding's logit comes from: the cells of a map sum to its calibrated logit.
    pub evidence: ByFinding<EvidenceMap>,
    /// Id of the model: its name and the start of its hash.
    pub model: String,
    /// `webgpu`, `cpu` or the name of another device.
    pub device: String,
    /// How long it took.
    pub timings: Timings,
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
