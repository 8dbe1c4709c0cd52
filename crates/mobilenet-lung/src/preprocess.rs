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
    /// Mean of each channel, in units of the stretched intensity 0..1.
    pub mean: [f32; 3],
    /// Standard deviation of each channel, in the same units.
    pub std: [f32; 3],
}

impl Preprocessing {
    /// 224 x 224 with ImageNet's channel statistics, as torchvision's pretrained networks expect.
    pub const IMAGENET: Self = Self {
        side: 224,
        mean: [0.485, 0.456, 0.406],
        std: [0.229, 0.224, 0.225],
    };

    /// Squashes the radiograph to a square and stretches it to its own darkest and brightest pixel.
    ///
    /// Returns `[side * side]` intensities in 0..=1, row by row. The aspect ratio is given up on
    /// purpose: the training set was published squashed, and a network that sees letterboxed lungs
    /// sees something it was never trained on. The filter is a triangle widened to the reduction
    /// (bilinear with antialiasing), so that a 3000-pixel original and its thumbnail agree.
    pub fn squash(&self, radiograph: &Radiograph) -> Vec<f32> {
        let (width, height) = (radiograph.width(), radiograph.height());
        let mut pixels = if (width, height) == (self.side, self.side) {
            radiograph.luma().to_vec()
        } else {
            match ImageBuffer::<Luma<f32>, _>::from_raw(width, height, radiograph.luma()) {
                Some(image) => {
                    resize(&image, self.side, self.side, FilterType::Triangle).into_raw()
                }
                // A `Radiograph` holds width * height pixels by construction.
                None => vec![0.0; (self.side * self.side) as usize],
            }
        };
        stretch(&mut pixels);
        pixels
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

/// Maps the smallest value to 0 and the largest to 1; a constant image becomes all 0.
fn stretch(pixels: &mut [f32]) {
    let (low, high) = pixels
        .iter()
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &value| {
            (low.min(value), high.max(value))
        });
    let range = high - low;
    let scale = if range > 0.0 { 1.0 / range } else { 0.0 };
    for value in pixels {
        *value = (*value - low) * scale;
    }
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
