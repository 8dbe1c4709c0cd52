//! What the classifier says of one radiograph.

use serde::{Deserialize, Serialize};

use crate::ByFinding;
use crate::architecture::GRID;
use crate::prediction_sets::PredictionSet;

/// One number for each cell of the 7 x 7 grid, row by row from the top left.
pub type EvidenceMap = [[f32; GRID]; GRID];

/// What the classifier says of one radiograph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Id of the most probable finding.
    pub finding: String,
    /// Calibrated probability of each finding; they sum to 1.
    pub probabilities: ByFinding<f32>,
    /// The findings that the image may have: of images with a finding, a share that the bundle names (90%) have it in their
    /// set. `None` where the operating point has no thresholds.
    pub prediction_set: Option<PredictionSet>,
    /// Whether the image looks like a frontal chest radiograph at all; `None` where the bundle cannot tell.
    pub in_distribution: Option<InDistribution>,
    /// Where the finding's logit comes from: the cells of a map sum to its calibrated logit.
    pub evidence: ByFinding<EvidenceMap>,
    /// Name of the operating point that it was classified at.
    pub operating_point: String,
    /// Id of the model: its name and the start of its hash.
    pub model: String,
}

/// How far an image is of the kind that the network was trained on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct InDistribution {
    /// Above 0 and at most 1: 1 for the most ordinary frontal chest radiograph, near 0 for what is nothing like one.
    pub score: f32,
    /// Whether the score is at least 0.5. Where it is not, the probabilities mean nothing.
    pub accepted: bool,
}

/// Probabilities of logits divided by a temperature above 0, computed without overflow.
pub fn softmax(logits: &[f32], temperature: f32) -> Vec<f32> {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut powers: Vec<f32> = logits
        .iter()
        .map(|logit| ((logit - top) / temperature).exp())
        .collect();
    let sum: f32 = powers.iter().sum();
    for power in &mut powers {
        *power /= sum;
    }
    powers
}
