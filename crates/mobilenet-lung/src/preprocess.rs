//! From a radiograph of any size to the numbers that the network reads.
//!
//! One function for both worlds: training, `lung predict` and the browser call [`Preprocessing::apply`].

use image::imageops::{FilterType, resize};
use image::{ImageBuffer, Luma};
use radiograph::Radiograph;
use serde::{Deserialize, Serialize};

/// How a radiograph becomes a network input; part of every bundle, so that a model always meets
/// the pixels it was trained on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preprocessing {
    /// Width and height of the network's input in pixels.
    pub side: u32,
    /// Width and height in pixels of the square that a radiograph is reduced to before it is brought to `side`, so that
    /// radiographs of every source have the same detail; at most `side`, which loses none. Finer detail tells which
    /// resampling and which JPEG encoder a picture has been through before it tells anything about lungs.
    #[serde(default = "full_detail")]
    pub detail: u32,
    /// Mean of each channel, in units of the stretched intensity 0..1.
    pub mean: [f32; 3],
    /// Standard deviation of each channel, in the same units.
    pub std: [f32; 3],
    /// Which part of a radiograph is taken.
    #[serde(default, skip_serializing_if = "Framing::is_whole")]
    pub framing: Framing,
}

/// Which part of a radiograph is taken before it is reduced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Framing {
    /// How the part is found.
    pub method: FramingMethod,
    /// What is left around it on each side, as a share of its width and height; 0 for the whole.
    #[serde(default)]
    pub margin: f32,
}

/// How the part of a radiograph that is taken is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FramingMethod {
    /// All of it is taken.
    #[default]
    Whole,
    /// A method of a later version. No bundle with it is read.
    #[serde(other)]
    Unknown,
}

impl Framing {
    /// All of the radiograph.
    pub const WHOLE: Self = Self {
        method: FramingMethod::Whole,
        margin: 0.0,
    };

    fn is_whole(&self) -> bool {
        *self == Self::WHOLE
    }
}

impl Preprocessing {
    /// 224 x 224 with ImageNet's channel statistics, as torchvision's pretrained networks expect.
    pub const IMAGENET: Self = Self {
        side: 224,
        detail: 224,
        mean: [0.485, 0.456, 0.406],
        std: [0.229, 0.224, 0.225],
        framing: Framing::WHOLE,
    };

    /// Squashes the radiograph to a square of the input's detail and stretches it to its own darkest and brightest pixel.
    ///
    /// Returns `[detail * detail]` intensities in 0..=1, row by row. The aspect ratio is given up on
    /// purpose: the training set was published squashed, and a network that sees letterboxed lungs
    /// sees something it was never trained on. The filter is a triangle widened to the reduction
    /// (bilinear with antialiasing), so that a 3000-pixel original and its thumbnail agree.
    pub fn reduce(&self, radiograph: &Radiograph) -> Vec<f32> {
        let mut pixels = self.shrink(radiograph);
        Self::stretch(&mut pixels);
        pixels
    }

    /// Maps the smallest value to 0 and the largest to 1; a constant image becomes all 0.
    pub fn stretch(pixels: &mut [f32]) {
        let (low, high) = pixels
            .iter()
            .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &value| {
                (low.min(value), high.max(value))
            });
        let range = high - low;
        // The reciprocal of a subnormal range would be infinite, and such a range is rounding error.
        let scale = if range >= f32::MIN_POSITIVE {
            1.0 / range
        } else {
            0.0
        };
        for value in pixels {
            *value = (*value - low) * scale;
        }
    }

    /// Squashes the radiograph to a square of the input's detail, `[detail * detail]` intensities that keep their range.
    pub fn shrink(&self, radiograph: &Radiograph) -> Vec<f32> {
        let size = (radiograph.width(), radiograph.height());
        resample(radiograph.luma(), size, self.detail)
    }

    /// [`reduce`](Self::reduce)d and brought to the input's size: `[side * side]` intensities in 0..=1, row by row.
    pub fn squash(&self, radiograph: &Radiograph) -> Vec<f32> {
        self.enlarge(&self.reduce(radiograph))
    }

    /// Brings `[detail * detail]` intensities to `[side * side]`, bilinearly.
    pub fn enlarge(&self, pixels: &[f32]) -> Vec<f32> {
        resample(pixels, (self.detail, self.detail), self.side)
    }

    /// Repeats grey intensities in 0..=1 over three channels and normalises each.
    ///
    /// `pixels` is `[side * side]`; appends `[3, side, side]` to `out`.
    pub fn normalise_into(&self, pixels: &[f32], out: &mut Vec<f32>) {
        for (mean, std) in self.mean.iter().zip(self.std) {
            let (scale, offset) = (1.0 / std, -mean / std);
            out.extend(pixels.iter().map(|value| value * scale + offset));
        }
    }

    /// The network input of one radiograph, `[3, side, side]`: squashed, stretched, normalised.
    pub fn apply(&self, radiograph: &Radiograph) -> Vec<f32> {
        let pixels = self.squash(radiograph);
        let mut out = Vec::with_capacity(pixels.len() * 3);
        self.normalise_into(&pixels, &mut out);
        out
    }
}

fn full_detail() -> u32 {
    Preprocessing::IMAGENET.side
}

/// Brings an image of `width * height` pixels to `side * side` by a triangle filter, widened where it is reduced.
fn resample(pixels: &[f32], (width, height): (u32, u32), side: u32) -> Vec<f32> {
    if (width, height) == (side, side) {
        return pixels.to_vec();
    }
    let Some(image) = ImageBuffer::<Luma<f32>, _>::from_raw(width, height, pixels) else {
        // A `Radiograph` holds width * height pixels by construction, and so does what comes from one. Should that ever break, no
        // picture may be classified in its place.
        unreachable!("{} pixels are no {width} x {height}", pixels.len());
    };
    resize(&image, side, side, FilterType::Triangle).into_raw()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(width: u32, height: u32) -> Radiograph {
        let luma = (0..width * height)
            .map(|i| 0.25 + 0.5 * (i % width) as f32 / (width - 1) as f32)
            .collect();
        Radiograph::from_luma(width, height, luma).unwrap()
    }

    #[test]
    fn squash_stretches_to_the_whole_range_whatever_the_size() {
        for (width, height) in [(224, 224), (500, 400), (60, 90)] {
            let pixels = Preprocessing::IMAGENET.squash(&ramp(width, height));
            assert_eq!(pixels.len(), 224 * 224);
            let low = pixels.iter().copied().fold(f32::INFINITY, f32::min);
            let high = pixels.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            // Rounding of one multiplication.
            assert!(low == 0.0 && (high - 1.0).abs() < 1e-6, "{low} {high}");
        }
    }

    #[test]
    fn a_radiograph_and_its_double_give_nearly_the_same_input() {
        let small = Preprocessing::IMAGENET.squash(&ramp(300, 300));
        let large = Preprocessing::IMAGENET.squash(&ramp(600, 600));
        let worst = small
            .iter()
            .zip(&large)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        // Half a source pixel of the smaller ramp: 0.5 / 299.
        assert!(worst < 2e-3, "{worst}");
    }

    #[test]
    fn detail_beyond_the_reduced_square_is_lost_and_the_rest_kept() {
        let reduced = Preprocessing {
            detail: 112,
            ..Preprocessing::IMAGENET
        };
        let coarse = reduced.squash(&ramp(448, 448));
        assert_eq!(coarse.len(), 224 * 224);
        for (a, b) in coarse
            .iter()
            .zip(Preprocessing::IMAGENET.squash(&ramp(448, 448)))
        {
            // Each end is the mean of a wider strip, and the range is stretched to it: a pixel of the reduced ramp.
            assert!((a - b).abs() < 1.0 / 112.0, "{a} {b}");
        }
        // Stripes two pixels wide are finer than the reduced square: what is left is the ramp below them.
        let striped = (0..448 * 448)
            .map(|i| 0.5 * (i % 448) as f32 / 447.0 + 0.5 * ((i / 2) % 2) as f32)
            .collect();
        let pixels = reduced.squash(&Radiograph::from_luma(448, 448, striped).unwrap());
        let steps = |row: &[f32]| {
            row[20..200]
                .windows(2)
                .map(|pair| pair[1] - pair[0])
                .fold((f32::MAX, f32::MIN), |(low, high), step| {
                    (low.min(step), high.max(step))
                })
        };
        let (low, high) = steps(&pixels[100 * 224..101 * 224]);
        // Half the range over 224 pixels, whatever of it the stretch made the whole.
        assert!(low > 0.0 && high < 2.0 / 224.0, "{low} {high}");
    }

    #[test]
    fn a_range_too_small_to_divide_by_counts_as_constant() {
        // Found by fuzzing: 0 times infinity reached the network.
        let mut luma = vec![0.0; 64 * 64];
        luma[7] = f32::from_bits(1);
        let faint = Radiograph::from_luma(64, 64, luma).unwrap();
        for detail in [64, 224] {
            let preprocessing = Preprocessing {
                detail,
                ..Preprocessing::IMAGENET
            };
            assert!(
                preprocessing
                    .squash(&faint)
                    .iter()
                    .all(|value| *value == 0.0)
            );
        }
    }

    #[test]
    fn channels_are_normalised_one_by_one() {
        let mut out = Vec::new();
        Preprocessing::IMAGENET.normalise_into(&[0.0, 1.0], &mut out);
        let expected: Vec<f32> = [(0.485, 0.229), (0.456, 0.224), (0.406, 0.225)]
            .iter()
            .flat_map(|(mean, std)| [(0.0 - mean) / std, (1.0 - mean) / std])
            .collect();
        for (got, want) in out.iter().zip(&expected) {
            assert!((got - want).abs() < 1e-5);
        }
    }
}
