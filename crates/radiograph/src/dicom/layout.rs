//! How an image is stored, by what the file says, and by what its pixels say where that contradicts itself.

use dicom_dictionary_std::tags;
use serde::{Deserialize, Serialize};

use super::elements::Elements;
use super::flaw::{Flaw, OTHER_RUN_LENGTHS};
use super::repairs::Repair;

/// What the values of pixels stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum Photometric {
    /// Greys, the least of which is white.
    Monochrome1,
    /// Greys, the least of which is black.
    Monochrome2,
    /// Places in a table of colours.
    #[serde(rename = "PALETTE COLOR")]
    PaletteColor,
    /// Red, green and blue.
    Rgb,
    /// Luminance and two colour differences.
    YbrFull,
    /// The same, with half as many colour differences in a row.
    #[serde(rename = "YBR_FULL_422")]
    YbrFull422,
    /// The same, in the range of television.
    #[serde(rename = "YBR_PARTIAL_422")]
    YbrPartial422,
    /// The same, with half as many colour differences in a column too.
    #[serde(rename = "YBR_PARTIAL_420")]
    YbrPartial420,
    /// Red, green and blue, as JPEG 2000 transforms them with loss.
    YbrIct,
    /// Red, green and blue, as JPEG 2000 transforms them without loss.
    YbrRct,
}

/// How an image is stored.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) columns: u32,
    pub(super) rows: u32,
    pub(super) frames: u32,
    /// Bits of memory for a sample, as the file says.
    allocated: u16,
    /// Bytes of memory for a sample that is not compressed, 1 to 8.
    pub(super) bytes_each: usize,
    /// Bits of a sample that count: 1 to 16 once the pixels are read.
    pub(super) stored: u8,
    /// Unused bits below those that count.
    pub(super) shift: u8,
    /// How much of a value a unit of what is stored is: more than 1 where there were more than 16 bits.
    pub(super) unit: f64,
    pub(super) signed: bool,
    /// Whether each channel has a plane to itself.
    pub(super) planar: bool,
    /// Whether samples of 12 bits lie side by side, two in three bytes.
    pub(super) packed: bool,
    /// Channels of a pixel, 1 or 3.
    pub(super) samples: usize,
    /// How colour differences are sampled, where pixels are not compressed.
    pub(super) sampling: Sampling,
    pub(super) photometric: Photometric,
    pub(super) colour: Colour,
}

/// How many colour differences there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sampling {
    /// Two for each pixel.
    Full,
    /// Two for two pixels of a row: Y Y Cb Cr.
    Half,
    /// Two for four pixels, in planes of their own.
    Quarter,
}

/// What the samples of a pixel are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colour {
    /// One grey; whether the least is white.
    Grey { inverted: bool },
    /// A place in a table of colours.
    Palette,
    /// Red, green, blue.
    Rgb,
    /// Luminance and two colour differences.
    Luminance,
}

impl Layout {
    pub(super) fn from_elements(elements: &Elements<'_>) -> Result<Self, Flaw> {
        let missing = Flaw::Corrupt("it does not say how its pixels are stored");
        let number = |tag| elements.short(tag);
        let (rows, columns) = number(tags::ROWS)
            .zip(number(tags::COLUMNS))
            .ok_or(missing.clone())?;
        let allocated = number(tags::BITS_ALLOCATED).ok_or(missing.clone())?;
        match allocated {
            1 => return Err(Flaw::Unsupported("pixels of one bit")),
            2..=64 => {}
            _ => return Err(missing),
        }
        let bytes_each = usize::from(allocated.div_ceil(8));
        let said = number(tags::BITS_STORED).unwrap_or(allocated);
        // More than are allocated is settled by the pixels.
        let stored = match said {
            0 => allocated,
            said => said.min(64),
        };
        let high = number(tags::HIGH_BIT).unwrap_or(stored.saturating_sub(1));
        if said == 0 || said > allocated || high >= allocated || high + 1 < stored {
            elements.note(Repair::Bits);
        }
        let shift = match high {
            high if high >= allocated.max(stored) => 0,
            high => (high + 1).saturating_sub(stored),
        };
        let samples = number(tags::SAMPLES_PER_PIXEL).map(usize::from);
        let photometric = photometric(elements, samples)?;
        let mut colour = Colour::of(photometric);
        if let Colour::Grey { inverted } = &mut colour {
            // It says what is white once; where the other element does too, it is the same.
            *inverted |= elements.says(tags::PRESENTATION_LUT_SHAPE, "INVERSE");
        }
        let expected = colour.samples();
        let samples = match samples {
            Some(samples @ (1 | 3)) => samples,
            None => expected,
            Some(_) => {
                return Err(Flaw::Corrupt(
                    "it contradicts itself in what its pixels are",
                ));
            }
        };
        let sampling = match photometric {
            Photometric::YbrFull422 | Photometric::YbrPartial422 => Sampling::Half,
            Photometric::YbrPartial420 => Sampling::Quarter,
            _ => Sampling::Full,
        };
        let frames = elements.text(tags::NUMBER_OF_FRAMES);
        Ok(Self {
            columns: u32::from(columns),
            rows: u32::from(rows),
            frames: frames
                .and_then(|frames| frames.parse().ok())
                .unwrap_or(1)
                .max(1),
            allocated,
            bytes_each,
            // Both are at most 64.
            stored: stored as u8,
            shift: shift as u8,
            unit: 1.0,
            signed: number(tags::PIXEL_REPRESENTATION) == Some(1),
            planar: number(tags::PLANAR_CONFIGURATION) == Some(1),
            packed: false,
            samples,
            sampling,
            photometric,
            colour,
        })
    }

    pub(super) fn pixels(&self) -> usize {
        self.columns as usize * self.rows as usize
    }

    /// Bytes of a frame that is not compressed.
    pub(super) fn frame_bytes(&self) -> usize {
        if self.packed {
            return (12 * self.pixels()).div_ceil(8);
        }
        self.bytes_each * self.frame_samples(self.samples, self.sampling)
    }

    fn frame_samples(&self, samples: usize, sampling: Sampling) -> usize {
        let pixels = self.pixels();
        match sampling {
            _ if samples == 1 => pixels,
            Sampling::Full => 3 * pixels,
            Sampling::Half => 2 * pixels,
            Sampling::Quarter => {
                pixels + 2 * (self.columns as usize).div_ceil(2) * (self.rows as usize).div_ceil(2)
            }
        }
    }

    /// Returns the layout of pixels that are not compressed, `bytes` of them: it follows them in how many bytes and channels each has.
    ///
    /// # Errors
    /// [`Flaw::Short`] if they are too few, however they are stored.
    pub(super) fn of_raw(mut self, bytes: usize, elements: &Elements<'_>) -> Result<Self, Flaw> {
        let expected = self.colour.samples();
        let frames = self.frames as usize;
        let need = |this: &Self, each: usize, samples: usize, sampling| {
            each * this.frame_samples(samples, sampling)
        };
        // As many as all frames have, and perhaps one to make them even.
        let exactly = |need: usize| {
            need.checked_mul(frames)
                .is_some_and(|all| bytes == all || bytes == all + all % 2)
        };
        if self.samples != expected {
            let (sampling, each) = (self.sampling, self.bytes_each);
            let other = need(&self, each, expected, sampling);
            if exactly(other) || (expected > self.samples && bytes >= other) {
                self.samples = expected;
            }
            elements.note(Repair::Channels);
        }
        if self.samples == 3
            && self.sampling != Sampling::Full
            && exactly(need(&self, self.bytes_each, 3, Sampling::Full))
        {
            // As many colour differences as pixels, whatever is said.
            self.sampling = Sampling::Full;
            elements.note(Repair::Channels);
            return Ok(self);
        }
        let wide = usize::from(self.stored).div_ceil(8);
        if wide > self.bytes_each && bytes >= need(&self, wide, self.samples, self.sampling) {
            // Fewer are allocated than are stored, but there are as many.
            self.bytes_each = wide;
            return Ok(self);
        }
        let packed = (12 * self.pixels()).saturating_mul(frames).div_ceil(8);
        if self.allocated == 12 && self.samples == 1 && matches!(bytes - packed.min(bytes), 0 | 1) {
            // As many as the standard once wanted, and perhaps one to make them even.
            self.packed = bytes >= packed;
        }
        let said = self.frame_bytes();
        if bytes >= said {
            return Ok(self);
        }
        let cut = elements
            .find(tags::PIXEL_DATA)
            .is_some_and(|element| element.cut);
        for (each, samples, sampling, repair) in [
            (self.bytes_each, 3, Sampling::Half, Repair::Channels),
            (self.bytes_each, 3, Sampling::Quarter, Repair::Channels),
            (self.bytes_each, 1, Sampling::Full, Repair::Channels),
            (2, self.samples, self.sampling, Repair::Bits),
            (1, self.samples, self.sampling, Repair::Bits),
        ] {
            // Where the file was cut, that there are so many bytes is chance.
            if !cut
                && samples <= self.samples
                && (each == self.bytes_each || each < self.bytes_each && wide <= each)
                && exactly(need(&self, each, samples, sampling))
            {
                elements.note(repair);
                (self.bytes_each, self.sampling) = (each, sampling);
                self.samples = samples;
                return Ok(self);
            }
        }
        Err(Flaw::Short {
            have: bytes,
            need: said,
        })
    }

    /// Returns the layout of a stream of so many channels.
    pub(super) fn of_stream(
        mut self,
        channels: usize,
        elements: &Elements<'_>,
    ) -> Result<Self, Flaw> {
        if !matches!(channels, 1 | 3) {
            return Err(Flaw::Corrupt(
                "its compressed image has neither one nor three channels",
            ));
        }
        if channels != self.samples || channels != self.colour.samples() {
            elements.note(Repair::Channels);
        }
        self.samples = channels;
        self.sampling = Sampling::Full;
        Ok(self)
    }

    /// Whether colours are stored where greys are said to be.
    pub(super) fn is_grey_in_colour(&self) -> bool {
        self.samples == 3 && matches!(self.colour, Colour::Grey { .. })
    }

    /// Returns the layout with colours that follow from the number of channels.
    pub(super) fn with_settled_colour(mut self) -> Self {
        self.colour = match (self.samples, self.colour) {
            (1, Colour::Rgb | Colour::Luminance) => Colour::Grey { inverted: false },
            (3, Colour::Palette) => Colour::Rgb,
            (_, colour) => colour,
        };
        self
    }

    /// Returns the layout of run lengths in so many segments: `bytes_each` and `samples` are what they must be.
    pub(super) fn of_segments(
        mut self,
        segments: usize,
        elements: &Elements<'_>,
    ) -> Result<Self, Flaw> {
        if segments != self.samples * self.bytes_each || self.samples != self.colour.samples() {
            let wide = usize::from(self.stored).div_ceil(8);
            let (samples, each) = match segments {
                _ if segments == self.samples * wide => (self.samples, wide),
                1 | 2 | 4 => (1, segments),
                3 => (3, 1),
                6 => (3, 2),
                _ => return Err(Flaw::Corrupt(OTHER_RUN_LENGTHS)),
            };
            let repair = match samples == self.samples {
                true => Repair::Bits,
                false => Repair::Channels,
            };
            elements.note(repair);
            (self.samples, self.bytes_each) = (samples, each);
        }
        Ok(self)
    }

    /// Bits of memory for a sample that is not compressed.
    pub(super) fn bits_each(&self) -> u8 {
        let bits = (8 * self.bytes_each).min(64) as u16;
        // Ten or twelve that are said to be allocated are in two bytes.
        self.allocated.max(bits).min(bits) as u8
    }
}

impl Colour {
    fn of(photometric: Photometric) -> Self {
        match photometric {
            Photometric::Monochrome1 => Self::Grey { inverted: true },
            Photometric::Monochrome2 => Self::Grey { inverted: false },
            Photometric::PaletteColor => Self::Palette,
            Photometric::Rgb | Photometric::YbrIct | Photometric::YbrRct => Self::Rgb,
            Photometric::YbrFull
            | Photometric::YbrFull422
            | Photometric::YbrPartial422
            | Photometric::YbrPartial420 => Self::Luminance,
        }
    }

    fn samples(self) -> usize {
        match self {
            Self::Grey { .. } | Self::Palette => 1,
            Self::Rgb | Self::Luminance => 3,
        }
    }
}

/// What the values of pixels stand for, in capitals or not, with or without spaces.
fn photometric(elements: &Elements<'_>, samples: Option<usize>) -> Result<Photometric, Flaw> {
    let text = elements.text(tags::PHOTOMETRIC_INTERPRETATION);
    let letters: String = text
        .unwrap_or_default()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|letter| letter.to_ascii_uppercase())
        .collect();
    Ok(match (&*letters, samples) {
        ("MONOCHROME1", _) => Photometric::Monochrome1,
        ("MONOCHROME2", _) | ("", None | Some(1)) => Photometric::Monochrome2,
        ("PALETTECOLOR", _) => Photometric::PaletteColor,
        ("RGB", _) | ("", Some(3)) => Photometric::Rgb,
        ("YBRFULL", _) => Photometric::YbrFull,
        ("YBRFULL422", _) => Photometric::YbrFull422,
        ("YBRICT", _) => Photometric::YbrIct,
        ("YBRRCT", _) => Photometric::YbrRct,
        ("YBRPARTIAL422", _) => Photometric::YbrPartial422,
        ("YBRPARTIAL420", _) => Photometric::YbrPartial420,
        ("ARGB" | "CMYK" | "HSV", _) => {
            return Err(Flaw::Unsupported(
                "colours in a retired way (ARGB, CMYK or HSV)",
            ));
        }
        _ => return Err(Flaw::Unsupported("an unknown photometric interpretation")),
    })
}
