//! Shares with their intervals.

use serde::Serialize;

pub use mobilenet_lung::bundle::Share;

/// Quantile of the normal distribution for a two-sided 95% interval.
pub(crate) const Z95: f64 = 1.959_963_984_540_054;

/// The Wilson score interval of a share at 95% (Wilson 1927); `[0, 1]` for no trials at all.
pub fn wilson(successes: usize, trials: usize) -> [f64; 2] {
    if trials == 0 {
        return [0.0, 1.0];
    }
    let (n, share) = (trials as f64, successes as f64 / trials as f64);
    let z2 = Z95 * Z95;
    let centre = share + z2 / (2.0 * n);
    let spread = Z95 * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z2 / n;
    [
        ((centre - spread) / scale).max(0.0),
        ((centre + spread) / scale).min(1.0),
    ]
}

/// A share as a percentage.
pub fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

/// A share with its interval.
pub fn share_of(correct: usize, images: usize) -> Share {
    Share {
        correct,
        images,
        share: correct as f64 / images.max(1) as f64,
        interval: wilson(correct, images),
    }
}

/// Precision, recall and F1 of one finding, each 0..=1 (0 where undefined).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ClassMetrics {
    /// Of the images called so, the share that are.
    pub precision: f64,
    /// Of the images that are, the share called so.
    pub recall: f64,
    /// Harmonic mean of the two.
    pub f1: f64,
    /// How many images are.
    pub images: usize,
}
