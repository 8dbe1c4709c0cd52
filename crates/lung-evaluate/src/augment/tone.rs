//! How brightness became grey: the tone curve, the shading and the sharpening of one machine and its software.
//!
//! Each hospital has its own, so that a network can tell hospitals by them, and none of them says anything of lungs.

use rand::Rng;
use serde::{Deserialize, Serialize};

use super::blur::gaussian;
use super::random::{up_to, within};

/// How far tones may differ. All zero leaves them as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tone {
    /// Largest change that a rising tone curve makes to a grey, as a share of the whole range, below 0.5.
    pub curve: f32,
    /// Largest natural logarithm, either way, of a slowly changing factor of the brightness.
    pub shading: f32,
    /// Largest strength of an unsharp mask: 1 doubles what differs from the blurred picture.
    pub sharpen: f32,
}

/// Places between the ends of a tone curve that are moved.
const KNOTS: usize = 3;

/// Factors of the shading along each side.
const FACTORS: usize = 3;

/// Range of the unsharp mask's standard deviation, as a share of the side.
const NARROWEST: f32 = 0.004;
const WIDEST: f32 = 0.04;

impl Tone {
    /// Tones stay as they are.
    pub const NONE: Self = Self {
        curve: 0.0,
        shading: 0.0,
        sharpen: 0.0,
    };

    /// Sharpens every second `[side * side]` image by an unsharp mask of random strength and width; draws no number where
    /// none may be sharpened.
    pub(super) fn sharpen(&self, image: &mut [f32], side: usize, rng: &mut impl Rng) {
        if self.sharpen <= 0.0 || rng.random_bool(0.5) {
            return;
        }
        let strength = up_to(self.sharpen, rng);
        let deviation = rng.random_range(NARROWEST..=WIDEST) * side as f32;
        let mut blurred = image.to_vec();
        gaussian(&mut blurred, side, side, deviation);
        for (value, blurred) in image.iter_mut().zip(blurred) {
            *value += strength * (*value - blurred);
        }
    }

    /// Shades a `[side * side]` image of intensities 0..=1 and bends its tones; the range stays 0..=1.
    pub(super) fn change(&self, image: &mut [f32], side: usize, rng: &mut impl Rng) {
        if self.shading > 0.0 {
            let factors: [[f32; FACTORS]; FACTORS] =
                [[0; FACTORS]; FACTORS].map(|row| row.map(|_| within(self.shading, rng)));
            shade(image, side, &factors);
        }
        if self.curve > 0.0 {
            let curve = Curve::draw(self.curve, rng);
            for value in image {
                *value = curve.at(*value);
            }
        }
    }
}

/// Multiplies by the exponential of what lies between the logarithms of a grid over the image.
fn shade(image: &mut [f32], side: usize, factors: &[[f32; FACTORS]; FACTORS]) {
    let place = |at: usize| {
        let place = at as f32 / (side - 1).max(1) as f32 * (FACTORS - 1) as f32;
        let whole = (place as usize).min(FACTORS - 2);
        (whole, place - whole as f32)
    };
    for (y, row) in image.chunks_exact_mut(side).enumerate() {
        let (top, down) = place(y);
        for (x, value) in row.iter_mut().enumerate() {
            let (left, along) = place(x);
            let mix = |row: &[f32; FACTORS]| row[left] + (row[left + 1] - row[left]) * along;
            let (above, below) = (mix(&factors[top]), mix(&factors[top + 1]));
            *value = (*value * (above + (below - above) * down).exp()).clamp(0.0, 1.0);
        }
    }
}

/// A rising, piecewise linear curve from (0, 0) to (1, 1).
struct Curve([f32; KNOTS + 2]);

impl Curve {
    fn draw(limit: f32, rng: &mut impl Rng) -> Self {
        let mut knots = [0.0; KNOTS + 2];
        for (at, knot) in knots.iter_mut().enumerate() {
            *knot = at as f32 / (KNOTS + 1) as f32;
        }
        for knot in &mut knots[1..=KNOTS] {
            *knot = (*knot + within(limit, rng)).clamp(0.0, 1.0);
        }
        // Sorted it rises, and no knot is farther from its place than before.
        knots.sort_by(f32::total_cmp);
        Self(knots)
    }

    fn at(&self, grey: f32) -> f32 {
        let place = grey.clamp(0.0, 1.0) * (KNOTS + 1) as f32;
        let left = (place as usize).min(KNOTS);
        self.0[left] + (self.0[left + 1] - self.0[left]) * (place - left as f32)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn rng() -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(3)
    }

    #[test]
    fn no_tone_draws_no_number_and_changes_nothing() {
        let (mut a, mut b) = (rng(), rng());
        let mut image = vec![0.2, 0.4, 0.6, 0.8];
        Tone::NONE.sharpen(&mut image, 2, &mut a);
        Tone::NONE.change(&mut image, 2, &mut a);
        assert_eq!(image, [0.2, 0.4, 0.6, 0.8]);
        assert_eq!(a.random::<u64>(), b.random::<u64>());
    }

    #[test]
    fn a_curve_rises_keeps_its_ends_and_stays_within_its_limit() {
        let mut rng = rng();
        let mut farthest: f32 = 0.0;
        for _ in 0..1000 {
            let curve = Curve::draw(0.15, &mut rng);
            let greys: Vec<f32> = (0..=100).map(|i| curve.at(i as f32 / 100.0)).collect();
            assert_eq!((greys[0], greys[100]), (0.0, 1.0));
            assert!(greys.windows(2).all(|pair| pair[1] >= pair[0] - 1e-6));
            for (i, grey) in greys.iter().enumerate() {
                farthest = farthest.max((grey - i as f32 / 100.0).abs());
            }
        }
        assert!((0.14..=0.15001).contains(&farthest), "{farthest}");
    }

    #[test]
    fn shading_changes_slowly_and_keeps_black() {
        let side = 33;
        let mut image = vec![0.5; side * side];
        image[0] = 0.0;
        let mut factors = [[0.0; FACTORS]; FACTORS];
        factors[1][1] = 0.2;
        shade(&mut image, side, &factors);
        assert_eq!(image[0], 0.0);
        assert!((image[16 * side + 16] - 0.5 * 0.2f32.exp()).abs() < 1e-6);
        assert!((image[side - 1] - 0.5).abs() < 1e-6);
        let steps = image[16 * side..17 * side]
            .windows(2)
            .map(|pair| (pair[1] - pair[0]).abs());
        assert!(steps.fold(0.0, f32::max) < 0.01);
    }

    #[test]
    fn sharpening_makes_an_edge_steeper_and_keeps_the_mean() {
        let side = 64;
        let edge: Vec<f32> = (0..side * side)
            .map(|i| if i % side < side / 2 { 0.3 } else { 0.7 })
            .collect();
        let tone = Tone {
            sharpen: 1.0,
            ..Tone::NONE
        };
        let mut sharpened = 0;
        let mut rng = rng();
        for _ in 0..32 {
            let mut image = edge.clone();
            tone.sharpen(&mut image, side, &mut rng);
            let contrast = |image: &[f32]| image[32 * side + 32] - image[32 * side + 31];
            let mean = |image: &[f32]| image.iter().sum::<f32>() / image.len() as f32;
            assert!((mean(&image) - mean(&edge)).abs() < 1e-3);
            sharpened += usize::from(contrast(&image) > contrast(&edge) + 1e-4);
        }
        assert!((8..=24).contains(&sharpened), "{sharpened}");
    }
}
