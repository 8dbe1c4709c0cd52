//! How logits become probabilities.

use serde::{Deserialize, Serialize};

/// How logits become probabilities: `softmax((scales * logits + offsets) / temperature)`.
///
/// Temperature scaling with a scale for each finding (vector scaling, Guo et al. 2017, arXiv 1706.04599, section 4.2): how far the
/// targets of training are smoothed differs among findings, and how often each is drawn there is not how often it comes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct Calibration {
    /// Above 0.
    pub temperature: f32,
    /// What each logit is multiplied by: above 0, their product 1.
    pub scales: Vec<f32>,
    /// Added to the scaled logits.
    pub offsets: Vec<f32>,
}

/// A calibration as a file may have it.
#[derive(Deserialize)]
struct Stored {
    temperature: f32,
    /// Missing from before there were scales.
    scales: Option<Vec<f32>>,
    offsets: Vec<f32>,
}

impl From<Stored> for Calibration {
    fn from(stored: Stored) -> Self {
        Self {
            temperature: stored.temperature,
            scales: (stored.scales).unwrap_or_else(|| vec![1.0; stored.offsets.len()]),
            offsets: stored.offsets,
        }
    }
}

impl Calibration {
    /// One of this many findings that changes nothing.
    pub fn none(findings: usize) -> Self {
        Self {
            temperature: 1.0,
            scales: vec![1.0; findings],
            offsets: vec![0.0; findings],
        }
    }

    /// Calibrated probabilities.
    pub fn probabilities(&self, logits: &[f32]) -> Vec<f32> {
        let changed: Vec<f32> = self.changed(logits).collect();
        mobilenet_lung::softmax(&changed, self.temperature)
    }

    /// The negative logarithm of the calibrated probability of `label`, in nats, at most that of 1e-30.
    pub fn loss(&self, logits: &[f32], label: usize) -> f64 {
        let most = self.changed(logits).fold(f32::NEG_INFINITY, f32::max);
        let scaled = |logit: f32| f64::from(logit - most) / f64::from(self.temperature);
        let all: f64 = self.changed(logits).map(|logit| scaled(logit).exp()).sum();
        let own = self
            .changed(logits)
            .nth(label)
            .map_or(f64::NEG_INFINITY, scaled);
        (all.ln() - own).min(-(1e-30f64).ln())
    }

    fn changed(&self, logits: &[f32]) -> impl Iterator<Item = f32> {
        let changes = self.scales.iter().zip(&self.offsets);
        (logits.iter().zip(changes)).map(|(logit, (scale, offset))| logit * scale + offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_calibration_from_before_there_were_scales_is_read() {
        let text = r#"{"temperature": 0.7, "offsets": [0.1, 0.2, 0.3]}"#;
        let read: Calibration = serde_json::from_str(text).unwrap();
        assert_eq!(read.scales, [1.0; 3]);
    }
}
