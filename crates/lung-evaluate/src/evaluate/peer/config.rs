//! How another network is described: its input, and which of its numbers mean what.

use std::collections::BTreeMap;
use std::path::Path;

use mobilenet_lung::{Findings, Preprocessing};
use radiograph::Radiograph;
use serde::Deserialize;

use super::error::PeerError;
use super::meaning::{Activation, Meaning};

/// The sides that an input may have, in pixels.
const SIDES: std::ops::RangeInclusive<u32> = 8..=2048;

/// What a TOML file says of another classifier.
///
/// ```toml
/// side = 224
/// mean = [0.485, 0.456, 0.406]
/// std = [0.229, 0.224, 0.225]
///
/// [outputs]
/// normal = [0]
/// lung_opacity = [1]
/// viral_pneumonia = [2]
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerConfig {
    /// Width and height of the input in pixels: radiographs are squashed to a square.
    pub side: u32,
    /// Share of the shorter side, above 0 and at most 1, that a square at the centre keeps; radiographs are squashed whole
    /// where it is left out.
    #[serde(default)]
    pub crop: Option<f64>,
    /// Side of a smaller square that radiographs are reduced to before that; `side` where it is left out.
    #[serde(default)]
    pub detail: Option<u32>,
    /// Whether each radiograph is stretched to its own darkest and brightest pixel.
    #[serde(default = "yes")]
    pub stretch: bool,
    /// Factor on the brightness 0..=1 before the mean is subtracted: 255 for a network that takes bytes.
    #[serde(default = "one")]
    pub scale: f32,
    /// Subtracted from each channel, in the order of `colours`.
    #[serde(default = "zeros")]
    pub mean: Vec<f32>,
    /// Divisor of each channel after that.
    #[serde(default = "ones")]
    pub std: Vec<f32>,
    /// Channels and their order.
    #[serde(default)]
    pub colours: Colours,
    /// Whether channels come last, `[1, side, side, channels]`.
    #[serde(default)]
    pub channels_last: bool,
    /// Name of the output; the first where it is left out.
    #[serde(default)]
    pub output: Option<String>,
    /// How the output becomes probabilities.
    #[serde(default)]
    pub activation: Activation,
    /// Numbers of the output, counted from 0, that mean any finding but the normal one. For a network that only tells ill from
    /// healthy.
    #[serde(default)]
    pub ill: Vec<usize>,
    /// By name of a finding the numbers of the output, counted from 0, that mean it. Where only the normal one is named, or
    /// only `ill`, the other is what is missing to 1.
    #[serde(default)]
    pub outputs: BTreeMap<String, Vec<usize>>,
}

/// The channels of an input. A radiograph is grey: the order decides which mean belongs to which channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Colours {
    /// Three, red first.
    #[default]
    Rgb,
    /// Three, blue first.
    Bgr,
    /// One.
    Grey,
}

fn yes() -> bool {
    true
}

fn one() -> f32 {
    1.0
}

fn zeros() -> Vec<f32> {
    vec![0.0; 3]
}

fn ones() -> Vec<f32> {
    vec![1.0; 3]
}

impl PeerConfig {
    /// Reads a TOML file.
    ///
    /// # Errors
    /// A file that cannot be read, an unknown or ill-typed field, a value out of its range.
    pub fn read(path: &Path) -> Result<Self, PeerError> {
        let text = std::fs::read_to_string(path).map_err(|source| PeerError::Io {
            path: path.to_owned(),
            source,
        })?;
        let config: Self = toml::from_str(&text).map_err(|error| PeerError::Syntax {
            path: path.to_owned(),
            why: error.to_string(),
        })?;
        config.check()?;
        Ok(config)
    }

    pub(super) fn check(&self) -> Result<(), PeerError> {
        let must = |holds: bool, field: &'static str, value: String, range: String| match holds {
            true => Ok(()),
            false => Err(PeerError::Range {
                field,
                value,
                range,
            }),
        };
        let (least, most) = (SIDES.start(), SIDES.end());
        must(
            SIDES.contains(&self.side),
            "side",
            self.side.to_string(),
            format!("{least} to {most}"),
        )?;
        let crop = self.crop.unwrap_or(1.0);
        must(
            crop > 0.0 && crop <= 1.0,
            "crop",
            crop.to_string(),
            "above 0 and at most 1".to_owned(),
        )?;
        let detail = self.detail();
        must(
            (*least..=self.side).contains(&detail),
            "detail",
            detail.to_string(),
            format!("{least} to side, which is {}", self.side),
        )?;
        must(
            self.scale.is_finite() && self.scale > 0.0,
            "scale",
            self.scale.to_string(),
            "a number above 0".to_owned(),
        )?;
        let channels = self.channels();
        must(
            self.mean.len() >= channels && self.mean.iter().all(|mean| mean.is_finite()),
            "mean",
            format!("{:?}", self.mean),
            format!("a number for each of {channels} channels"),
        )?;
        must(
            self.std.len() >= channels && self.std.iter().all(|std| std.is_finite() && *std > 0.0),
            "std",
            format!("{:?}", self.std),
            format!("a number above 0 for each of {channels} channels"),
        )?;
        let mut places: Vec<usize> = self
            .outputs
            .values()
            .chain([&self.ill])
            .flatten()
            .copied()
            .collect();
        places.sort_unstable();
        match places.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(PeerError::Twice(pair[0])),
            None => Ok(()),
        }
    }

    fn detail(&self) -> u32 {
        self.detail.unwrap_or(self.side)
    }

    /// How many channels the input has.
    pub fn channels(&self) -> usize {
        match self.colours {
            Colours::Grey => 1,
            Colours::Rgb | Colours::Bgr => 3,
        }
    }

    /// The shape of the input.
    pub fn shape(&self) -> [usize; 4] {
        let (side, channels) = (self.side as usize, self.channels());
        match self.channels_last {
            false => [1, channels, side, side],
            true => [1, side, side, channels],
        }
    }

    /// The input of one radiograph, of [`shape`](Self::shape).
    pub fn input(&self, radiograph: &Radiograph) -> Vec<f32> {
        let preprocessing = Preprocessing {
            side: self.side,
            detail: self.detail(),
            ..Preprocessing::IMAGENET
        };
        let cropped = self.crop.and_then(|share| centre(radiograph, share));
        let radiograph = cropped.as_ref().unwrap_or(radiograph);
        let reduced = match self.stretch {
            true => preprocessing.reduce(radiograph),
            false => preprocessing.shrink(radiograph),
        };
        let grey = preprocessing.enlarge(&reduced);
        // Every channel has the same grey, so the order of colours is only that of mean and std.
        let normalised = |value: f32, channel: usize| {
            (value * self.scale - self.mean[channel]) / self.std[channel]
        };
        let channels = 0..self.channels();
        match self.channels_last {
            false => channels
                .flat_map(|channel| grey.iter().map(move |value| normalised(*value, channel)))
                .collect(),
            true => (grey.iter())
                .flat_map(|value| {
                    channels
                        .clone()
                        .map(move |channel| normalised(*value, channel))
                })
                .collect(),
        }
    }

    /// What the numbers of the output mean for our findings.
    ///
    /// # Errors
    /// A name that is no finding, a finding without a number, `ill` beside other findings than the normal one.
    pub fn meaning(&self, findings: &Findings) -> Result<Meaning, PeerError> {
        Meaning::new(self.activation, &self.outputs, &self.ill, findings)
    }
}

/// The square at the centre that keeps `share` of the shorter side; `None` where that is the whole radiograph.
fn centre(radiograph: &Radiograph, share: f64) -> Option<Radiograph> {
    let (width, height) = (radiograph.width(), radiograph.height());
    let side = ((f64::from(width.min(height)) * share).round() as u32).max(1);
    if (side, side) == (width, height) {
        return None;
    }
    let (left, top) = ((width - side) / 2, (height - side) / 2);
    let rows = (radiograph.luma().chunks_exact(width as usize))
        .skip(top as usize)
        .take(side as usize);
    let luma = rows
        .flat_map(|row| &row[left as usize..(left + side) as usize])
        .copied()
        .collect();
    Radiograph::from_luma(side, side, luma).ok()
}
