//! Twenty changes of a radiograph that leave what it shows as it is.

use radiograph::{Radiograph, phantom};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::dicom::monochrome1;
use crate::augment::{gaussian, normal};

/// A change that keeps the label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// 6% cut off each side.
    Crop6,
    /// 12% cut off each side.
    Crop12,
    /// 12% cut off at the top and the left.
    CropCorner,
    /// A black margin of 20% all around.
    BlackMargin,
    /// A grey margin of 20% all around.
    GreyMargin,
    /// Black bars of 20% above and below.
    Bars,
    /// 6% to the right and down, the edge repeated.
    Shift,
    /// 7 degrees clockwise, the edge repeated.
    Rotation,
    /// Intensities to the power of 0.7: brighter.
    Brighter,
    /// Intensities to the power of 1.4: darker.
    Darker,
    /// The darkest and the brightest 3% clipped.
    Contrast,
    /// A Gaussian blur of 0.7% of the longer side.
    Blur,
    /// Normal noise of 3% of the range on each pixel of a 224-pixel image, and more on finer ones.
    Noise,
    /// A JPEG of quality 30.
    Jpeg,
    /// Reduced to a longer side of 128 pixels.
    Resampling,
    /// Squeezed to 80% of its width.
    Aspect,
    /// A DICOM file with inverted values that it declares as MONOCHROME1.
    Monochrome1,
    /// A film photographed from below: the top 10% narrower at each side.
    Perspective,
    /// A film photographed with a lamp reflected in it.
    Glare,
    /// A film photographed from a screen whose pixels beat with the camera's.
    Moire,
}

impl Change {
    /// Every change.
    pub const ALL: [Self; 20] = [
        Self::Crop6,
        Self::Crop12,
        Self::CropCorner,
        Self::BlackMargin,
        Self::GreyMargin,
        Self::Bars,
        Self::Shift,
        Self::Rotation,
        Self::Brighter,
        Self::Darker,
        Self::Contrast,
        Self::Blur,
        Self::Noise,
        Self::Jpeg,
        Self::Resampling,
        Self::Aspect,
        Self::Monochrome1,
        Self::Perspective,
        Self::Glare,
        Self::Moire,
    ];

    /// In words, for a table.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Crop6 => "6% cut off each side",
            Self::Crop12 => "12% cut off each side",
            Self::CropCorner => "12% cut off top and left",
            Self::BlackMargin => "black margin of 20%",
            Self::GreyMargin => "grey margin of 20%",
            Self::Bars => "black bars above and below",
            Self::Shift => "shifted by 6%",
            Self::Rotation => "rotated by 7 degrees",
            Self::Brighter => "brighter, gamma 0.7",
            Self::Darker => "darker, gamma 1.4",
            Self::Contrast => "more contrast",
            Self::Blur => "blurred",
            Self::Noise => "noise",
            Self::Jpeg => "JPEG of quality 30",
            Self::Resampling => "reduced to 128 pixels",
            Self::Aspect => "squeezed to 80% of its width",
            Self::Monochrome1 => "MONOCHROME1 in DICOM",
            Self::Perspective => "photographed: perspective",
            Self::Glare => "photographed: glare",
            Self::Moire => "photographed: moire",
        }
    }

    /// Whether it cuts by up to 12% a side or adds a margin of up to 20%: what the worst of is asked for.
    pub const fn is_framing(self) -> bool {
        matches!(
            self,
            Self::Crop6
                | Self::Crop12
                | Self::CropCorner
                | Self::BlackMargin
                | Self::GreyMargin
                | Self::Bars
        )
    }

    /// The changed radiograph. Two calls give the same.
    ///
    /// # Errors
    /// A file that could not be written or read again, in one sentence.
    pub fn apply(self, radiograph: &Radiograph) -> Result<Radiograph, String> {
        let picture = Picture::of(radiograph);
        let (width, height) = (picture.width, picture.height);
        let changed = match self {
            Self::Crop6 => picture.cut([0.06; 4]),
            Self::Crop12 => picture.cut([0.12; 4]),
            Self::CropCorner => picture.cut([0.12, 0.0, 0.12, 0.0]),
            Self::BlackMargin => picture.margin([0.2; 4], 0.0),
            Self::GreyMargin => picture.margin([0.2; 4], 0.5),
            Self::Bars => picture.margin([0.0, 0.0, 0.2, 0.2], 0.0),
            Self::Shift => picture.warp(width, height, |x, y| (x - 0.06, y - 0.06)),
            Self::Rotation => {
                let (sin, cos) = (-7f32).to_radians().sin_cos();
                let ratio = width as f32 / height as f32;
                picture.warp(width, height, |x, y| {
                    // Turned in pixels, not in shares of two different sides.
                    let (u, v) = ((x - 0.5) * ratio, y - 0.5);
                    (0.5 + (cos * u - sin * v) / ratio, 0.5 + sin * u + cos * v)
                })
            }
            Self::Brighter => picture.tone(|value| value.powf(0.7)),
            Self::Darker => picture.tone(|value| value.powf(1.4)),
            Self::Contrast => {
                let (low, high) = picture.quantiles(0.03);
                picture.tone(|value| (value - low) / (high - low).max(f32::MIN_POSITIVE))
            }
            Self::Blur => picture.blurred(0.007 * width.max(height) as f32),
            Self::Noise => {
                let mut rng = ChaCha8Rng::seed_from_u64(1);
                // A pixel of 224 is the mean of as many of these.
                let deviation = 0.03 * ((width * height) as f32).sqrt() / 224.0;
                picture.tone(|value| value + deviation * normal(&mut rng))
            }
            Self::Jpeg => {
                let file = phantom::jpeg(radiograph, 30).map_err(|error| error.to_string())?;
                return Radiograph::decode(&file).map_err(|error| error.to_string());
            }
            Self::Resampling => {
                return radiograph.picture(128).map_err(|error| error.to_string());
            }
            Self::Aspect => {
                let narrow = (width * 4).div_ceil(5);
                picture.warp(narrow, height, |x, y| (x, y))
            }
            Self::Monochrome1 => {
                let file = monochrome1(radiograph)?;
                return Radiograph::decode(&file).map_err(|error| error.to_string());
            }
            Self::Perspective => picture.warp(width, height, |x, y| {
                let narrow = 1.0 - 0.2 * (1.0 - y);
                (0.5 + (x - 0.5) / narrow, y)
            }),
            Self::Glare => picture.lit(|x, y, value| {
                let far = ((x - 0.65) / 0.16).powi(2) + ((y - 0.3) / 0.12).powi(2);
                value + 0.5 * (-far).exp()
            }),
            Self::Moire => picture.lit(|x, y, value| {
                let wave = (std::f32::consts::TAU * (23.0 * x + 9.0 * y)).sin();
                value * (0.94 + 0.06 * wave)
            }),
        };
        changed.into_radiograph()
    }
}

/// A plane of brightness that is changed.
#[derive(Clone)]
pub(super) struct Picture {
    pub(super) width: usize,
    pub(super) height: usize,
    /// `[height * width]`, 0..=1 where nothing was added to it.
    pub(super) luma: Vec<f32>,
}

impl Picture {
    pub(super) fn of(radiograph: &Radiograph) -> Self {
        Self {
            width: radiograph.width() as usize,
            height: radiograph.height() as usize,
            luma: radiograph.luma().to_vec(),
        }
    }

    pub(super) fn into_radiograph(self) -> Result<Radiograph, String> {
        Radiograph::from_luma(self.width as u32, self.height as u32, self.luma)
            .map_err(|error| error.to_string())
    }

    /// Another picture, whose pixels at shares of its sides lie where `place` says in this one; the edge is repeated.
    fn warp(&self, width: usize, height: usize, place: impl Fn(f32, f32) -> (f32, f32)) -> Self {
        let share = |at: usize, of: usize| (at as f32 + 0.5) / of as f32;
        let luma = (0..width * height)
            .map(|i| {
                let (x, y) = place(share(i % width, width), share(i / width, height));
                self.at(x, y)
            })
            .collect();
        Self {
            width,
            height,
            luma,
        }
    }

    /// The brightness at a place, bilinearly; the edge is repeated.
    fn at(&self, x: f32, y: f32) -> f32 {
        let place = |share: f32, side: usize| {
            let at = (share * side as f32 - 0.5).clamp(0.0, (side - 1) as f32);
            let low = at as usize;
            (low, (low + 1).min(side - 1), at - low as f32)
        };
        let (x0, x1, fx) = place(x, self.width);
        let (y0, y1, fy) = place(y, self.height);
        let of = |y: usize, x: usize| self.luma[y * self.width + x];
        let top = of(y0, x0) + (of(y0, x1) - of(y0, x0)) * fx;
        let bottom = of(y1, x0) + (of(y1, x1) - of(y1, x0)) * fx;
        top + (bottom - top) * fy
    }

    /// Without these shares at `[left, right, top, bottom]`, at least a pixel being left.
    fn cut(&self, cut: [f32; 4]) -> Self {
        let pixels = |share: f32, side: usize| (share * side as f32).round() as usize;
        let (left, top) = (pixels(cut[0], self.width), pixels(cut[2], self.height));
        let width = (self.width - left - pixels(cut[1], self.width)).max(1);
        let height = (self.height - top - pixels(cut[3], self.height)).max(1);
        let luma = (0..width * height)
            .map(|i| self.luma[(top + i / width) * self.width + left + i % width])
            .collect();
        Self {
            width,
            height,
            luma,
        }
    }

    /// With margins of these shares of its sides at `[left, right, top, bottom]`.
    fn margin(&self, margin: [f32; 4], grey: f32) -> Self {
        let pixels = |share: f32, side: usize| (share * side as f32).round() as usize;
        let (left, top) = (
            pixels(margin[0], self.width),
            pixels(margin[2], self.height),
        );
        let width = self.width + left + pixels(margin[1], self.width);
        let height = self.height + top + pixels(margin[3], self.height);
        let mut luma = vec![grey; width * height];
        for (y, row) in self.luma.chunks_exact(self.width).enumerate() {
            luma[(top + y) * width + left..][..self.width].copy_from_slice(row);
        }
        Self {
            width,
            height,
            luma,
        }
    }

    fn tone(mut self, mut of: impl FnMut(f32) -> f32) -> Self {
        for value in &mut self.luma {
            *value = of(*value);
        }
        self
    }

    /// Each pixel by its place, shares of the sides, and its brightness.
    fn lit(mut self, of: impl Fn(f32, f32, f32) -> f32) -> Self {
        let (width, height) = (self.width, self.height);
        for (i, value) in self.luma.iter_mut().enumerate() {
            let (x, y) = ((i % width) as f32, (i / width) as f32);
            *value = of((x + 0.5) / width as f32, (y + 0.5) / height as f32, *value);
        }
        self
    }

    /// The brightness that a share of the pixels is below, and that which the same share is above.
    fn quantiles(&self, share: f32) -> (f32, f32) {
        let mut sorted = self.luma.clone();
        sorted.sort_by(f32::total_cmp);
        let place = (share * (sorted.len() - 1) as f32) as usize;
        (sorted[place], sorted[sorted.len() - 1 - place])
    }

    /// Blurred by a Gaussian of `sigma` pixels.
    fn blurred(mut self, sigma: f32) -> Self {
        gaussian(&mut self.luma, self.width, self.height, sigma);
        self
    }
}

#[cfg(test)]
mod tests {
    use radiograph::phantom::Pattern;

    use super::*;

    fn drawn() -> Radiograph {
        phantom::phantom(Pattern::Focal, 3, 160)
    }

    /// The mean difference of two radiographs of one size.
    fn apart(a: &Radiograph, b: &Radiograph) -> f32 {
        let pairs = a.luma().iter().zip(b.luma());
        pairs.map(|(a, b)| (a - b).abs()).sum::<f32>() / a.luma().len() as f32
    }

    #[test]
    fn every_change_gives_another_picture_and_always_the_same() {
        let before = drawn();
        for change in Change::ALL {
            let after = change.apply(&before).unwrap();
            assert_eq!(
                after.luma(),
                change.apply(&before).unwrap().luma(),
                "{change:?}"
            );
            let same = after.luma() == before.luma();
            assert!(!same, "{change:?} changes nothing");
        }
        let words: std::collections::BTreeSet<_> = Change::ALL.map(Change::words).into();
        assert_eq!(words.len(), Change::ALL.len());
    }

    #[test]
    fn a_declared_inversion_is_undone_and_a_jpeg_is_near() {
        let before = drawn();
        // 12 bits are stored.
        assert!(apart(&before, &Change::Monochrome1.apply(&before).unwrap()) < 1e-3);
        let jpeg = apart(&before, &Change::Jpeg.apply(&before).unwrap());
        assert!((0.001..0.03).contains(&jpeg), "{jpeg}");
    }

    #[test]
    fn frames_have_the_size_that_they_name() {
        let size = |change: Change| {
            let after = change.apply(&drawn()).unwrap();
            (after.width(), after.height())
        };
        assert_eq!(size(Change::Crop12), (160 - 2 * 19, 160 - 2 * 19));
        assert_eq!(size(Change::CropCorner), (160 - 19, 160 - 19));
        assert_eq!(size(Change::BlackMargin), (160 + 64, 160 + 64));
        assert_eq!(size(Change::Bars), (160, 160 + 64));
        assert_eq!(size(Change::Aspect), (128, 160));
        assert_eq!(size(Change::Resampling), (128, 128));
    }

    #[test]
    fn margins_surround_what_was_there() {
        let before = drawn();
        let after = Change::GreyMargin.apply(&before).unwrap();
        let row = |y: usize| &after.luma()[y * 224..(y + 1) * 224];
        assert!(row(31).iter().all(|value| *value == 0.5));
        assert_eq!(&row(32)[32..192], &before.luma()[..160]);
        assert!(row(40)[..32].iter().all(|value| *value == 0.5));
    }

    #[test]
    fn a_turned_picture_turned_back_is_the_same_in_its_middle() {
        let before = Picture::of(&drawn());
        let turned = Picture::of(&Change::Rotation.apply(&drawn()).unwrap());
        let (sin, cos) = 7f32.to_radians().sin_cos();
        let back = turned.warp(160, 160, |x, y| {
            let (u, v) = (x - 0.5, y - 0.5);
            (0.5 + cos * u - sin * v, 0.5 + sin * u + cos * v)
        });
        let far = (60..100).flat_map(|y| (60..100).map(move |x| y * 160 + x));
        let mean = far
            .map(|i| (before.luma[i] - back.luma[i]).abs())
            .sum::<f32>()
            / 1600.0;
        // Two interpolations of its noise.
        assert!(mean < 0.03, "{mean}");
    }
}
