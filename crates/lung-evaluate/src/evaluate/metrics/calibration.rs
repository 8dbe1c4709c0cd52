//! Whether probabilities mean what they say.

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::outcome::Outcome;

/// Bins of the top probability, all equally wide.
pub const BINS: usize = 15;

/// How often chance is played through, and how many images that may take together.
const DRAWS: usize = 1000;
const DRAWN: usize = 20_000_000;

/// How far probabilities are what they say.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CalibrationMetrics {
    /// Mean gap between probability and accuracy over the bins, by their images, 0..=1 (Guo et al. 2017, arXiv
    /// 1706.04599, equation 3).
    pub expected_error: f64,
    /// The same less what chance alone adds: the mean gap of so many images whose truth is drawn from their own probabilities
    /// (consistency resampling: Bröcker and Smith 2007, doi 10.1175/WAF993.1). At least 0.
    pub debiased_error: f64,
    /// Its 95% interval: the spread of the gap over images drawn again, with repetition (Efron 1979).
    pub debiased_interval: [f64; 2],
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
            let (images, confidence, correct) = &mut sums[bin_of(top)];
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
        let images: Vec<(f64, bool)> = (outcomes.iter())
            .map(|outcome| (f64::from(outcome.top()), outcome.correct()))
            .collect();
        let expected_error = gap(images.iter().copied());
        let (debiased_error, debiased_interval) = debiased(&images, expected_error);
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
            debiased_error,
            debiased_interval,
            log_loss: outcomes.iter().map(Outcome::loss).sum::<f64>() / count,
            brier: outcomes.iter().map(brier).sum::<f64>() / count,
            bins,
        })
    }
}

/// The bin of a probability.
fn bin_of(top: f64) -> usize {
    ((top * BINS as f64).ceil() as usize).clamp(1, BINS) - 1
}

/// The mean gap between top probability and accuracy over the bins, by their images.
fn gap(images: impl Iterator<Item = (f64, bool)>) -> f64 {
    let mut sums = [0.0f64; BINS];
    let mut count = 0usize;
    for (top, correct) in images {
        sums[bin_of(top)] += top - f64::from(u8::from(correct));
        count += 1;
    }
    sums.iter().map(|sum| sum.abs()).sum::<f64>() / count.max(1) as f64
}

/// The gap `found` among images, less what chance alone adds, and the interval of that. Chance always falls the same way.
fn debiased(images: &[(f64, bool)], found: f64) -> (f64, [f64; 2]) {
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let draws = (DRAWN / images.len().max(1)).clamp(100, DRAWS);
    let by_chance: f64 = (0..draws)
        .map(|_| {
            let drawn = (images.iter()).map(|(top, _)| (*top, random.random::<f64>() < *top));
            gap(drawn)
        })
        .sum();
    let debiased = found - by_chance / draws as f64;
    let mut again: Vec<f64> = (0..draws)
        .map(|_| gap((0..images.len()).map(|_| images[random.random_range(0..images.len())])))
        .collect();
    again.sort_by(f64::total_cmp);
    let mean = again.iter().sum::<f64>() / draws as f64;
    let quantile = |share: f64| again[((draws - 1) as f64 * share).round() as usize] - mean;
    let interval = [0.025, 0.975].map(|share| (debiased + quantile(share)).max(0.0));
    (debiased.max(0.0), interval)
}
