//! Random numbers of the changes.

use rand::Rng;

/// A number between `-limit` and `limit`.
pub(super) fn within(limit: f32, rng: &mut impl Rng) -> f32 {
    if limit > 0.0 {
        rng.random_range(-limit..=limit)
    } else {
        0.0
    }
}

/// A number between 0 and `limit`.
pub(super) fn up_to(limit: f32, rng: &mut impl Rng) -> f32 {
    within(limit, rng).abs()
}

/// A number of the standard normal distribution (Box and Muller 1958).
pub(crate) fn normal(rng: &mut impl Rng) -> f32 {
    let radius = (-2.0 * (1.0 - rng.random::<f32>()).ln()).sqrt();
    radius * (std::f32::consts::TAU * rng.random::<f32>()).cos()
}
