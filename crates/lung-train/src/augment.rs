//! Small random changes that a radiograph of the same patient could have had.

use mobilenet_lung::Preprocessing;
use rand::Rng;
use serde::{Deserialize, Serialize};

/// How far each change may go. All zero (and `flip = false`) leaves images as they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Augmentation {
    /// Mirror every second image left to right.
    pub flip: bool,
    /// Largest rotation to either side, in degrees.
    pub rotation: f32,
    /// Largest enlargement or reduction, as a share.
    pub scale: f32,
    /// Largest shift in either direction, as a share of the side.
    pub shift: f32,
    /// Largest change of brightness, as a share of the whole range.
    pub brightness: f32,
    /// Largest change of contrast about the middle grey, as a share.
    pub contrast: f32,
}

impl Default for Augmentation {
    fn default() -> Self {
        Self {
            flip: true,
            rotation: 8.0,
            scale: 0.1,
            shift: 0.05,
            brightness: 0.1,
            contrast: 0.15,
        }
    }
}

impl Augmentation {
    /// No change at all.
    pub const NONE: Self = Self {
        flip: false,
        rotation: 0.0,
        scale: 0.0,
        shift: 0.0,
        brightness: 0.0,
        contrast: 0.0,
    };

    /// One random change of `pixels` (`[side * side]` grey levels), as intensities in 0..=1.
    ///
    /// One affine map (rotation, scale, shift, flip about the centre) with bilinear sampling, the border repeated
    /// outward; then contrast and brightness, clamped.
    pub fn apply(&self, pixels: &[u8], side: usize, rng: &mut impl Rng) -> Vec<f32> {
        let mut within = |limit: f32| {
            if limit > 0.0 {
                rng.random_range(-limit..=limit)
            } else {
                0.0
            }
        };
        let angle = within(self.rotation).to_radians();
        let scale = 1.0 + within(self.scale);
        let (dx, dy) = (
            within(self.shift) * side as f32,
            within(self.shift) * side as f32,
        );
        let (brightness, contrast) = (within(self.brightness), 1.0 + within(self.contrast));
        let mirror = self.flip && rng.random_bool(0.5);

        let (sin, cos) = (angle.sin() / scale, angle.cos() / scale);
        let centre = (side as f32 - 1.0) / 2.0;
        let last = side - 1;
        let mut out = Vec::with_capacity(side * side);
        for y in 0..side {
            let v = y as f32 - centre - dy;
            for x in 0..side {
                let mut u = x as f32 - centre - dx;
                if mirror {
                    u = -u;
                }
                let sx = (cos * u + sin * v + centre).clamp(0.0, last as f32);
                let sy = (cos * v - sin * u + centre).clamp(0.0, last as f32);
                let (x0, y0) = (sx as usize, sy as usize);
                let (x1, y1) = ((x0 + 1).min(last), (y0 + 1).min(last));
                let (fx, fy) = (sx - x0 as f32, sy - y0 as f32);
                let at = |y: usize, x: usize| f32::from(pixels[y * side + x]);
                let top = at(y0, x0) + (at(y0, x1) - at(y0, x0)) * fx;
                let bottom = at(y1, x0) + (at(y1, x1) - at(y1, x0)) * fx;
                let value = (top + (bottom - top) * fy) / 255.0;
                out.push(((value - 0.5) * contrast + 0.5 + brightness).clamp(0.0, 1.0));
            }
        }
        out
    }

    /// The network input of one changed image, `[3, side, side]`.
    pub fn input(
        &self,
        pixels: &[u8],
        preprocessing: &Preprocessing,
        rng: &mut impl Rng,
    ) -> Vec<f32> {
        let changed = self.apply(pixels, preprocessing.side as usize, rng);
        let mut out = Vec::with_capacity(changed.len() * 3);
        preprocessing.normalise_into(&changed, &mut out);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    fn picture(side: usize) -> Vec<u8> {
        (0..side * side)
            .map(|i| ((i % side) * 7 + (i / side) * 3) as u8)
            .collect()
    }

    #[test]
    fn no_augmentation_changes_nothing() {
        let pixels = picture(32);
        let out = Augmentation::NONE.apply(&pixels, 32, &mut ChaCha8Rng::seed_from_u64(1));
        for (value, pixel) in out.iter().zip(&pixels) {
            // Rounding in the affine map of the identity.
            assert!((value * 255.0 - f32::from(*pixel)).abs() < 1e-2);
        }
    }

    #[test]
    fn a_flip_is_an_exact_mirror() {
        let flip = Augmentation {
            flip: true,
            ..Augmentation::NONE
        };
        let pixels = picture(32);
        let mut mirrored = 0;
        for seed in 0..16 {
            let out = flip.apply(&pixels, 32, &mut ChaCha8Rng::seed_from_u64(seed));
            if (out[0] * 255.0 - f32::from(pixels[31])).abs() < 1e-2 {
                mirrored += 1;
                for y in 0..32 {
                    for x in 0..32 {
                        let want = f32::from(pixels[y * 32 + 31 - x]);
                        assert!((out[y * 32 + x] * 255.0 - want).abs() < 1e-2);
                    }
                }
            }
        }
        assert!((1..16).contains(&mirrored));
    }

    #[test]
    fn the_same_seed_gives_the_same_image_and_values_stay_in_range() {
        let pixels = picture(48);
        let all = Augmentation::default();
        let run = |seed| all.apply(&pixels, 48, &mut ChaCha8Rng::seed_from_u64(seed));
        assert_eq!(run(5), run(5));
        assert_ne!(run(5), run(6));
        assert!(run(5).iter().all(|value| (0.0..=1.0).contains(value)));
    }
}
