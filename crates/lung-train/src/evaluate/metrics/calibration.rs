//! Whether probabilities mean what they say.

use serde::Serialize;

use super::outcome::Outcome;

/// Bins of the top probability, all equally wide.
pub const BINS: usize = 15;

/// How far probabilities are what they say.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CalibrationMetrics {
    /// Mean gap between probability and accuracy over the bins, by their images, 0..=1 (Guo et al. 2017, arXiv
    /// 1706.04599, equation 3).
    pub expected_error: f64,
    /// Mean negative logarithm of the probability of the truth, in nats, at least 0.
    pub log_loss: f64,
    /// Mean squared distance of the probabilities from the truth, summed over the findings, 0..=2 (Brier 1950).
    pub brier: f64,
    /// The bins of the reliability diagram, from the lowest probability on.
    pub bins: Vec<Bin>,
}

/// The images whose most probable finding has a probability above `lower` and at most `upper`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bin {
    /// Above this.
    pub lower: f64,
    /// Up to this.
    pub upper: f64,
    /// How many there are.
    pub images: usize,
    /// Their mean top probability; `None` without images.
    pub confidence: Option<f64>,
    /// Share of them classified correctly; `None` without images.
    pub accuracy: Option<f64>,
}

impl CalibrationMetrics {
    /// `None` without images.
    pub fn new(outcomes: &[Outcome]) -> Option<Self> {
        if outcomes.is_empty() {
            return None;
        }
        let count = outcomes.len() as f64;
        let mut sums = [(0usize, 0.0f64, 0usize); BINS];
        for outcome in outcomes {
            let top = f64::from(outcome.top());
            let bin = ((top * BINS as f64).ceil() as usize).clamp(1, BINS) - 1;
            let (images, confidence, correct) = &mut sums[bin];
            *images += 1;
            *confidence += top;
            *correct += usize::from(outcome.correct());
        }
        let bins: Vec<Bin> = sums
            .iter()
            .enumerate()
            .map(|(place, (images, confidence, correct))| {
                let mean = |sum: f64| (*images > 0).then(|| sum / *images as f64);
                Bin {
                    lower: place as f64 / BINS as f64,
                    upper: (place + 1) as f64 / BINS as f64,
                    images: *images,
                    confidence: mean(*confidence),
                    accuracy: mean(*correct as f64),
                }
            })
            .collect();
        let expected_error = sums
            .iter()
            .map(|(_, confidence, correct)| (confidence - *correct as f64).abs() / count)
            .sum();
        let brier = |outcome: &Outcome| -> f64 {
            (outcome.probabilities.iter())
                .map(|(id, probability)| {
                    let is = f64::from(u8::from(id == outcome.counted()));
                    (f64::from(*probability) - is).powi(2)
                })
                .sum()
        };
        Some(Self {
            expected_error,
            log_loss: outcomes.iter().map(Outcome::loss).sum::<f64>() / count,
            brier: outcomes.iter().map(brier).sum::<f64>() / count,
            bins,
        })
    }
}
