//! What a classifier still gets right when most of a radiograph has been taken away.
//!
//! Where it is right without the lungs, it reads something else.

use radiograph::Radiograph;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::changes::Picture;
use super::spectrum::{SIDE, Spectrum};

/// What is left of a radiograph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Remains {
    /// Everything but two ellipses where lungs are, which show the mean grey.
    LungsHidden,
    /// The outer 12% at each side; the middle shows the mean grey.
    Border,
    /// 32 x 32 pixels.
    Thumbnail,
    /// The amplitudes of its frequencies, with the phases of noise: how it was made, not where anything lies.
    Amplitude,
    /// The phases of its frequencies, with the mean amplitudes of all radiographs.
    Phase,
}

impl Remains {
    /// Each of them.
    pub const ALL: [Self; 5] = [
        Self::LungsHidden,
        Self::Border,
        Self::Thumbnail,
        Self::Amplitude,
        Self::Phase,
    ];

    /// In words, for a table.
    pub const fn words(self) -> &'static str {
        match self {
            Self::LungsHidden => "lungs hidden",
            Self::Border => "border only",
            Self::Thumbnail => "32 x 32 pixels",
            Self::Amplitude => "amplitude spectrum only",
            Self::Phase => "phase spectrum only",
        }
    }

    /// What remains of a radiograph; `mean` has the mean amplitudes of all, `[SIDE * SIDE]`.
    ///
    /// # Errors
    /// An image that could not be made, in one sentence.
    pub(super) fn of(self, radiograph: &Radiograph, mean: &[f32]) -> Result<Radiograph, String> {
        match self {
            Self::LungsHidden => hide(radiograph, |x, y| {
                [0.3, 0.7]
                    .iter()
                    .any(|centre| ((x - centre) / 0.2).powi(2) + ((y - 0.48) / 0.36).powi(2) < 1.0)
            }),
            Self::Border => hide(radiograph, |x, y| {
                [x, y].iter().all(|at| (0.12..0.88).contains(at))
            }),
            Self::Thumbnail => Spectrum::squared(radiograph, 32)?.into_radiograph(),
            Self::Amplitude => {
                // The phases of a real picture: those of noise.
                let mut rng = ChaCha8Rng::seed_from_u64(1);
                let noise: Vec<f32> = (0..SIDE * SIDE).map(|_| rng.random::<f32>()).collect();
                let own = Spectrum::of(&square_of(radiograph)?);
                Spectrum::of(&noise)
                    .with_amplitudes(&own.amplitudes())
                    .picture()
            }
            Self::Phase => Spectrum::of(&square_of(radiograph)?)
                .with_amplitudes(mean)
                .picture(),
        }
    }
}

/// A radiograph as the square whose spectrum is taken.
pub(super) fn square_of(radiograph: &Radiograph) -> Result<Vec<f32>, String> {
    Ok(Spectrum::squared(radiograph, SIDE)?.luma)
}

/// The radiograph with its mean grey where `hidden` says so of a place, both coordinates 0..=1.
fn hide(radiograph: &Radiograph, hidden: impl Fn(f32, f32) -> bool) -> Result<Radiograph, String> {
    let mut picture = Picture::of(radiograph);
    let (width, height) = (picture.width, picture.height);
    let mean = picture.luma.iter().sum::<f32>() / picture.luma.len() as f32;
    for (i, value) in picture.luma.iter_mut().enumerate() {
        let share = |at: usize, of: usize| (at as f32 + 0.5) / of as f32;
        if hidden(share(i % width, width), share(i / width, height)) {
            *value = mean;
        }
    }
    picture.into_radiograph()
}

#[cfg(test)]
mod tests {
    use radiograph::phantom::{Pattern, phantom};

    use super::*;

    #[test]
    fn lungs_and_middle_are_hidden_and_the_rest_is_left() {
        let before = phantom(Pattern::Clear, 5, 200);
        let mean = before.luma().iter().sum::<f32>() / before.luma().len() as f32;
        for (remains, hidden, left) in [
            (Remains::LungsHidden, (60, 96), (100, 10)),
            (Remains::Border, (100, 100), (10, 100)),
        ] {
            let after = remains.of(&before, &[]).unwrap();
            let at = |(x, y): (usize, usize)| after.luma()[y * 200 + x];
            assert_eq!(at(hidden), mean);
            let (x, y) = left;
            assert_eq!(at(left), before.luma()[y * 200 + x]);
        }
    }

    #[test]
    fn a_spectrum_without_its_other_half_is_another_picture() {
        let before = phantom(Pattern::Clear, 5, 200);
        let square = square_of(&before).unwrap();
        let amplitudes = Spectrum::of(&square).amplitudes();
        // With its own amplitudes, the phases are the whole picture.
        let whole = Remains::Phase.of(&before, &amplitudes).unwrap();
        let far = |other: &Radiograph| {
            let (low, high) = range(&square);
            let pairs = square.iter().zip(other.luma());
            pairs
                .map(|(a, b)| ((a - low) / (high - low) - b).abs())
                .sum::<f32>()
                / square.len() as f32
        };
        assert!(far(&whole) < 1e-3, "{}", far(&whole));
        let amplitude = Remains::Amplitude.of(&before, &amplitudes).unwrap();
        assert!(far(&amplitude) > 0.1, "{}", far(&amplitude));
        let kept = Spectrum::of(amplitude.luma()).amplitudes();
        // Up to the stretch to the range, which changes the mean, and one factor for all others.
        let ratio = kept[1] / amplitudes[1];
        for place in [2, SIDE, 3 * SIDE + 4] {
            assert!((kept[place] / amplitudes[place] / ratio - 1.0).abs() < 0.01);
        }
    }

    fn range(values: &[f32]) -> (f32, f32) {
        let low = values.iter().copied().fold(f32::INFINITY, f32::min);
        (
            low,
            values.iter().copied().fold(f32::NEG_INFINITY, f32::max),
        )
    }
}
