//! What is changed about a training image, and how far each change may go.

use mobilenet_lung::Preprocessing;
use radiograph::{Radiograph, phantom};
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::blur::gaussian;
use super::framing::Framing;
use super::pose::{Picture, Pose, Reach};
use super::random::{normal, up_to, within};
use super::tone::Tone;

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
    /// Largest change of width against height, as a share: radiographs come squashed from many shapes.
    pub stretch: f32,
    /// Largest shift in either direction, as a share of the side.
    pub shift: f32,
    /// Largest change of brightness, as a share of the whole range.
    pub brightness: f32,
    /// Largest change of contrast about the middle grey, as a share.
    pub contrast: f32,
    /// Largest natural logarithm, either way, of the exponent that intensities are raised to.
    pub gamma: f32,
    /// Largest standard deviation of a Gaussian blur, in pixels of the reduced square.
    pub blur: f32,
    /// Largest standard deviation of normal noise on the reduced square, as a share of the whole range.
    pub noise: f32,
    /// Probability, each, of a plain margin on a side and of a small bright or dark mark: what differs between machines
    /// and hospitals but says nothing of lungs.
    pub clutter: f32,
    /// Probability that the reduced square is stored as a JPEG of random quality and read again, 0..1: which compression a
    /// picture has been through says which folder it is from.
    pub recompress: f32,
    /// Other frames: cut closer, or with margins.
    pub framing: Framing,
    /// Other tones: as other machines and other software would have shown the same film.
    pub tone: Tone,
}

impl Default for Augmentation {
    fn default() -> Self {
        Self {
            flip: true,
            rotation: 8.0,
            scale: 0.1,
            stretch: 0.06,
            shift: 0.05,
            brightness: 0.08,
            contrast: 0.15,
            gamma: 0.2,
            blur: 0.8,
            noise: 0.01,
            clutter: 0.1,
            recompress: 0.0,
            framing: Framing::NONE,
            tone: Tone::NONE,
        }
    }
}

/// Widest margin that clutter makes, as a share of the side.
const MARGIN: f32 = 0.1;

/// Longest side of a mark that clutter makes, as a share of the side.
const MARK: f32 = 0.1;

/// Range of the JPEG qualities of [`Augmentation::recompress`]: at 30 blocks are seen, at 95 hardly anything is lost.
const WORST_QUALITY: u8 = 30;
const BEST_QUALITY: u8 = 95;

impl Augmentation {
    /// No change at all.
    pub const NONE: Self = Self {
        flip: false,
        rotation: 0.0,
        scale: 0.0,
        stretch: 0.0,
        shift: 0.0,
        brightness: 0.0,
        contrast: 0.0,
        gamma: 0.0,
        blur: 0.0,
        noise: 0.0,
        clutter: 0.0,
        recompress: 0.0,
        framing: Framing::NONE,
        tone: Tone::NONE,
    };

    /// One random change of `pixels` (`[detail * detail]` grey levels), as `[side * side]` intensities in 0..=1.
    ///
    /// Blur or sharpening, noise and compression; then one affine map (rotation, scale, stretch, shift, flip about the centre) with bilinear
    /// sampling, the border repeated outward; a frame, and where there is one the stretch to the image's own range; then
    /// gamma, contrast and brightness, clamped; then other tones; then clutter.
    pub fn apply(&self, pixels: &[u8], detail: usize, side: usize, rng: &mut impl Rng) -> Vec<f32> {
        let mut source: Vec<f32> = pixels.iter().map(|p| f32::from(*p) / 255.0).collect();
        let blur = up_to(self.blur, rng);
        if blur > 0.0 {
            gaussian(&mut source, detail, detail, blur);
        }
        self.tone.sharpen(&mut source, detail, rng);
        let noise = up_to(self.noise, rng);
        if noise > 0.0 {
            for value in &mut source {
                *value += noise * normal(rng);
            }
        }
        if self.recompress > 0.0 && rng.random_bool(f64::from(self.recompress)) {
            recompress(
                &mut source,
                detail,
                rng.random_range(WORST_QUALITY..=BEST_QUALITY),
            );
        }
        let reach = Reach {
            rotation: self.rotation,
            scale: self.scale,
            stretch: self.stretch,
            shift: self.shift,
        };
        let pose = Pose::draw(&reach, rng);
        let gamma = within(self.gamma, rng).exp();
        let (brightness, contrast) = (
            within(self.brightness, rng),
            1.0 + within(self.contrast, rng),
        );
        let mirror = self.flip && rng.random_bool(0.5);
        let frame = self.framing.draw(rng);
        let picture = Picture {
            source: &source,
            detail,
            pose: Pose { mirror, ..pose },
        };
        let mut out = match frame {
            Some(frame) => picture.framed(&frame, side, rng),
            None => picture.whole(side),
        };
        for value in &mut out {
            if gamma != 1.0 {
                *value = value.clamp(0.0, 1.0).powf(gamma);
            }
            *value = ((*value - 0.5) * contrast + 0.5 + brightness).clamp(0.0, 1.0);
        }
        self.tone.change(&mut out, side, rng);
        self.add_clutter(&mut out, side, rng);
        out
    }

    fn add_clutter(&self, image: &mut [f32], side: usize, rng: &mut impl Rng) {
        let probability = f64::from(self.clutter);
        let mut fill = |rows: std::ops::Range<usize>, columns: std::ops::Range<usize>, value| {
            for y in rows {
                image[y * side..][columns.clone()].fill(value);
            }
        };
        if rng.random_bool(probability) {
            let width = (rng.random_range(0.0..MARGIN) * side as f32) as usize;
            let value = if rng.random_bool(0.8) { 0.0 } else { 1.0 };
            match rng.random_range(0..4) {
                0 => fill(0..width, 0..side, value),
                1 => fill(side - width..side, 0..side, value),
                2 => fill(0..side, 0..width, value),
                _ => fill(0..side, side - width..side, value),
            }
        }
        if rng.random_bool(probability) {
            let mut length = || 1 + (rng.random_range(0.02..MARK) * side as f32) as usize;
            let (height, width) = (length(), length());
            let (y, x) = (
                rng.random_range(0..side - height.min(side - 1)),
                rng.random_range(0..side - width.min(side - 1)),
            );
            let value = if rng.random_bool(0.7) { 1.0 } else { 0.0 };
            fill(y..(y + height).min(side), x..(x + width).min(side), value);
        }
    }

    /// The network input of one changed image, `[3, side, side]`; `side` may be another than the preprocessing's.
    pub fn input(
        &self,
        pixels: &[u8],
        preprocessing: &Preprocessing,
        side: usize,
        rng: &mut impl Rng,
    ) -> Vec<f32> {
        let changed = self.apply(pixels, preprocessing.detail as usize, side, rng);
        let mut out = Vec::with_capacity(changed.len() * 3);
        preprocessing.normalise_into(&changed, &mut out);
        out
    }
}

/// Stores a `[side * side]` image of intensities 0..=1 as a JPEG of this quality and reads it again.
///
/// An image that no file can hold, which none of a network's size is, stays as it is.
fn recompress(image: &mut [f32], side: usize, quality: u8) {
    let stored = Radiograph::from_luma(side as u32, side as u32, image.to_vec())
        .ok()
        .and_then(|radiograph| phantom::jpeg(&radiograph, quality).ok())
        .and_then(|file| Radiograph::decode(&file).ok());
    if let Some(read) = stored {
        image.copy_from_slice(read.luma());
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
        let out = Augmentation::NONE.apply(&pixels, 32, 32, &mut ChaCha8Rng::seed_from_u64(1));
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
            let out = flip.apply(&pixels, 32, 32, &mut ChaCha8Rng::seed_from_u64(seed));
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
    fn enlarging_is_what_preprocessing_does() {
        let preprocessing = Preprocessing {
            detail: 112,
            ..Preprocessing::IMAGENET
        };
        let pixels = picture(112);
        let plain: Vec<f32> = pixels.iter().map(|p| f32::from(*p) / 255.0).collect();
        let side = preprocessing.side as usize;
        let out = Augmentation::NONE.apply(&pixels, 112, side, &mut ChaCha8Rng::seed_from_u64(1));
        for (a, b) in out.iter().zip(preprocessing.enlarge(&plain)) {
            // The two round the places between pixels differently.
            assert!((a - b).abs() < 1e-3, "{a} {b}");
        }
    }

    #[test]
    fn recompression_keeps_the_picture_and_leaves_traces() {
        let side = 64;
        let picture: Vec<f32> = (0..side * side)
            .map(|i| 0.5 + 0.4 * ((i % side) as f32 / 5.0).sin() * ((i / side) as f32 / 7.0).cos())
            .collect();
        let farthest = |quality: u8| {
            let mut image = picture.clone();
            recompress(&mut image, side, quality);
            let far = image.iter().zip(&picture).map(|(a, b)| (a - b).abs());
            far.fold(0.0, f32::max)
        };
        let (worst, best) = (farthest(WORST_QUALITY), farthest(BEST_QUALITY));
        assert!(
            best < 0.03 && best < worst && worst < 0.15,
            "{best} {worst}"
        );
    }

    #[test]
    fn the_same_seed_gives_the_same_image_and_values_stay_in_range() {
        let pixels = picture(48);
        let all = Augmentation::default();
        let run = |seed| all.apply(&pixels, 48, 64, &mut ChaCha8Rng::seed_from_u64(seed));
        assert_eq!(run(5), run(5));
        assert_ne!(run(5), run(6));
        assert!(run(5).iter().all(|value| (0.0..=1.0).contains(value)));
    }
}
