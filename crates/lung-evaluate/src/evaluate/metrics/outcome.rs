//! What one image is, and what it was called.

use std::path::PathBuf;

use mobilenet_lung::{ByFinding, EvidenceMap, InDistribution};
use serde::Serialize;

/// One classified image.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// Its file, under its data folder.
    pub file: String,
    /// Where it lies.
    #[serde(skip)]
    pub path: PathBuf,
    /// Name of the data folder.
    pub source: String,
    /// Where the patient comes from.
    pub origin: String,
    /// Id of what it is.
    pub truth: String,
    /// Ids of what else is correct, as the data set has it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also_correct: Vec<String>,
    /// Id of what it was called.
    pub called: String,
    /// Calibrated probability of each finding.
    pub probabilities: ByFinding<f32>,
    /// The findings that cannot be ruled out; `None` where the model has no thresholds.
    pub prediction_set: Option<Vec<String>>,
    /// Whether it looks like a frontal chest radiograph; `None` where the model cannot tell.
    pub in_distribution: Option<InDistribution>,
    /// Where the logits come from.
    #[serde(skip)]
    pub evidence: ByFinding<EvidenceMap>,
}

impl Outcome {
    /// Whether a finding is what it is, or correct too.
    pub fn is(&self, id: &str) -> bool {
        self.truth == id || self.also_correct.iter().any(|other| other == id)
    }

    /// Whether only one finding is correct.
    pub fn is_certain(&self) -> bool {
        self.also_correct.is_empty()
    }

    /// What it is counted as: what it was called where that is correct, else its label.
    pub fn counted(&self) -> &str {
        if self.is(&self.called) {
            &self.called
        } else {
            &self.truth
        }
    }

    /// Whether it was called what it is.
    pub fn correct(&self) -> bool {
        self.is(&self.called)
    }

    /// The probability of a finding, 0..=1.
    pub fn probability(&self, id: &str) -> f32 {
        self.probabilities.get(id).copied().unwrap_or_default()
    }

    /// Probability of what it was called, 0..=1.
    pub fn top(&self) -> f32 {
        self.probability(&self.called)
    }

    /// Negative logarithm of the probability of what is correct, in nats; 87.3 where that is 0 in `f32`.
    pub fn loss(&self) -> f64 {
        let correct = self.probabilities.iter().filter(|(id, _)| self.is(id));
        let correct: f32 = correct.map(|(_, probability)| probability).sum();
        -f64::from(correct.max(f32::MIN_POSITIVE)).ln()
    }
}
