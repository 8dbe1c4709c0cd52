//! Grey levels, what they mean, and how brightness is made of them: enough to window a radiograph anew.

use dicom_core::VR;
use dicom_dictionary_std::tags;
use image::imageops::thumbnail;
use image::{ImageBuffer, Luma};

use super::elements::Elements;
use super::flaw::Flaw;
use super::layout::{Colour, Layout};
use super::table::LookupTable;
use super::window::{Window, WindowOrigin, WindowShape};
use crate::plane::zeros;
use crate::{DecodeError, Limits, luma};

/// A window, and the brightness of every level in it.
pub(super) struct Shown {
    pub(super) window: Window,
    pub(super) table: Vec<f32>,
}

/// Grey levels and what they mean.
///
/// A level is what is stored, counted from the least that can be stored, so that it has no sign: `stored + 2^(bits - 1)` where
/// what is stored is signed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Greys {
    width: u32,
    height: u32,
    /// Row by row, each below `2^bits`.
    levels: Vec<u16>,
    bits: u8,
    /// What is stored for level 0.
    least: i32,
    scale: Scale,
    /// First and last level that stand for "no pixel", and are black.
    padding: Option<(u16, u16)>,
    /// Whether the least value is white.
    inverted: bool,
    /// The least and the greatest value of a pixel.
    range: [f64; 2],
}

/// What is stored -> what was measured, in the unit that windows are in (PS3.3, C.11.1).
#[derive(Debug, Clone, PartialEq)]
enum Scale {
    Linear { slope: f64, intercept: f64 },
    Table { first: i32, entries: Vec<u16> },
}

impl Scale {
    /// Of pixels between `stored` ones.
    fn from_elements(
        elements: &Elements<'_>,
        layout: &Layout,
        stored: [f64; 2],
    ) -> Result<Self, Flaw> {
        if let Some(item) = elements.item(tags::MODALITY_LUT_SEQUENCE)
            // An item may be there for nothing but to be there.
            && (item.bytes(tags::LUT_DESCRIPTOR).is_some() || item.bytes(tags::LUT_DATA).is_some())
        {
            let (first, table) = lookup(&item, stored)
                .ok_or(Flaw::Corrupt("its table of what was measured is damaged"))?;
            return Ok(Self::Table {
                first,
                entries: table.entries,
            });
        }
        let transformation = elements.functional_group(tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE);
        let number = |tag| {
            let inner = || transformation.as_ref()?.number(tag);
            elements.number(tag).or_else(inner)
        };
        let slope = number(tags::RESCALE_SLOPE).filter(|&slope| slope != 0.0 && slope.abs() < 1e9);
        let intercept = number(tags::RESCALE_INTERCEPT).filter(|intercept| intercept.abs() < 1e12);
        Ok(Self::Linear {
            slope: slope.unwrap_or(1.0) * layout.unit,
            intercept: intercept.unwrap_or(0.0),
        })
    }

    fn value(&self, stored: i32) -> f64 {
        match self {
            Self::Linear { slope, intercept } => f64::from(stored) * slope + intercept,
            Self::Table { first, entries } => f64::from(entry(entries, stored - first)),
        }
    }

    /// How far apart the values of two neighbouring levels are.
    fn unit(&self) -> f64 {
        match self {
            Self::Linear { slope, .. } => slope.abs(),
            Self::Table { .. } => 1.0,
        }
    }
}

/// An entry of a table; the first and the last reach beyond its ends.
fn entry(entries: &[u16], index: i32) -> u16 {
    let index = usize::try_from(index).unwrap_or(0).min(entries.len() - 1);
    entries[index]
}

/// A table of a sequence, and what its first entry is for. Whether that has a sign, files say wrongly: where more of the `values` that
/// are looked up are within the table, it is right.
fn lookup(item: &Elements<'_>, values: [f64; 2]) -> Option<(i32, LookupTable)> {
    let table = LookupTable::from_elements(item, tags::LUT_DESCRIPTOR, tags::LUT_DATA)?;
    let (plain, signed) = (i32::from(table.first), i32::from(table.first.cast_signed()));
    let within = |first: i32| {
        let (from, to) = (
            f64::from(first),
            f64::from(first) + table.entries.len() as f64,
        );
        values[1].min(to) - values[0].max(from)
    };
    let first = if within(signed) > within(plain) {
        signed
    } else if within(signed) < within(plain) {
        plain
    } else if item.kind(tags::LUT_DESCRIPTOR) == Some(VR::SS) {
        signed
    } else {
        plain
    };
    Some((first, table))
}

impl Greys {
    /// Greys of levels, and by level whether a pixel has it that stands for one.
    ///
    /// # Errors
    /// [`DecodeError::Blank`] if all pixels are nearly the same.
    pub(super) fn from_levels(
        elements: &Elements<'_>,
        layout: &Layout,
        mut levels: Vec<u16>,
    ) -> Result<(Self, Vec<bool>), Flaw> {
        let bits = layout.stored;
        let mask = u16::MAX >> (16 - bits);
        // Flipping the sign is adding half of the range.
        let flip = if layout.signed {
            1_u16 << (bits - 1)
        } else {
            0
        };
        for level in &mut levels {
            *level = (*level & mask) ^ flip;
        }
        let mut seen = vec![false; usize::from(mask) + 1];
        for &level in &levels {
            seen[usize::from(level)] = true;
        }
        let least = -i32::from(flip);
        let padding = elements.short(tags::PIXEL_PADDING_VALUE).and_then(|one| {
            let other = elements
                .short(tags::PIXEL_PADDING_RANGE_LIMIT)
                .unwrap_or(one);
            let level = |word: u16| {
                let stored = if layout.signed {
                    i32::from(word.cast_signed())
                } else {
                    i32::from(word)
                };
                u16::try_from(stored - least)
                    .ok()
                    .filter(|&level| level <= mask)
            };
            let (one, other) = level(one).zip(level(other))?;
            Some((one.min(other), one.max(other)))
        });
        if let Some((first, last)) = padding {
            seen[usize::from(first)..=usize::from(last)].fill(false);
        }
        let used = || {
            seen.iter()
                .enumerate()
                .filter_map(|(level, &seen)| seen.then_some(level as i32))
        };
        // As many levels as of another file with so many bits.
        let (first, last) = used()
            .next()
            .zip(used().next_back())
            .ok_or(DecodeError::Blank)?;
        if last - first < if bits <= 8 { 4 } else { 16 } {
            return Err(DecodeError::Blank.into());
        }
        let stored = [first, last].map(|level| f64::from(level + least));
        let scale = Scale::from_elements(elements, layout, stored)?;
        let range = used()
            .map(|level| scale.value(level + least))
            .fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], value| {
                [low.min(value), high.max(value)]
            });
        if range[0] >= range[1] {
            return Err(DecodeError::Blank.into());
        }
        let greys = Self {
            width: layout.columns,
            height: layout.rows,
            levels,
            bits,
            least,
            scale,
            padding,
            inverted: layout.colour == (Colour::Grey { inverted: true }),
            range,
        };
        Ok((greys, seen))
    }

    /// The least and the greatest value of a pixel.
    pub(super) fn range(&self) -> [f64; 2] {
        self.range
    }

    /// What the file wants to be shown, or all there is, if that is nothing; `seen` says by level whether there is a pixel of it.
    pub(super) fn default_window(
        &self,
        elements: &Elements<'_>,
        seen: &[bool],
    ) -> Result<Shown, Flaw> {
        let groups = elements.functional_group(tags::FRAME_VOILUT_SEQUENCE);
        for elements in std::iter::once(elements).chain(&groups) {
            if let Some(shown) = self.file_window(elements, seen) {
                return Ok(shown);
            }
        }
        for elements in std::iter::once(elements).chain(&groups) {
            if let Some(shown) = self.file_table(elements, seen) {
                return Ok(shown);
            }
        }
        let [low, high] = self.range;
        Ok(self.shown(Window {
            centre: (low + high) / 2.0,
            width: high - low,
            shape: WindowShape::LinearExact,
            origin: WindowOrigin::Pixels,
        }))
    }

    /// The first window of a file in which there is anything to see.
    fn file_window(&self, elements: &Elements<'_>, seen: &[bool]) -> Option<Shown> {
        let says = |function| elements.says(tags::VOILUT_FUNCTION, function);
        let shape = if says("SIGMOID") {
            WindowShape::Sigmoid
        } else if says("LINEAR_EXACT") {
            WindowShape::LinearExact
        } else {
            WindowShape::Linear
        };
        elements
            .numbers(tags::WINDOW_CENTER)
            .zip(elements.numbers(tags::WINDOW_WIDTH))
            .take(MOST_WINDOWS)
            .filter_map(|(centre, width)| {
                let window = Window {
                    centre: centre?,
                    width: width?,
                    shape,
                    origin: WindowOrigin::File,
                };
                Some(window.fitting(self.scale.unit()))
            })
            .filter(Window::is_sound)
            .map(|window| self.shown(window))
            .find(|shown| shows(shown, seen))
    }

    /// The table of brightness of a file, if there is anything to see with it.
    fn file_table(&self, elements: &Elements<'_>, seen: &[bool]) -> Option<Shown> {
        let (first, table) = lookup(&elements.item(tags::VOILUT_SEQUENCE)?, self.range)?;
        let last = table.entries.len() as f64 - 1.0;
        let window = Window {
            centre: f64::from(first) + last / 2.0,
            width: last.max(1.0),
            shape: WindowShape::Table,
            origin: WindowOrigin::File,
        };
        let most = f64::from(table.most);
        let shown = Shown {
            window,
            table: self.table(|value| {
                let index = (value - f64::from(first)).round() as i32;
                f64::from(entry(&table.entries, index)) / most
            }),
        };
        shows(&shown, seen).then_some(shown)
    }

    /// The brightness of every pixel in the caller's window, or `None` if there is no such window.
    pub(crate) fn windowed(&self, centre: f64, width: f64) -> Option<(Window, Vec<f32>)> {
        let window = Window {
            centre,
            width,
            shape: WindowShape::LinearExact,
            origin: WindowOrigin::Caller,
        };
        let table = window.is_sound().then(|| self.shown(window).table)?;
        let luma = self.levels.iter().map(|&level| table[usize::from(level)]);
        Some((window, luma.collect()))
    }

    /// The brightness of every pixel, by that of its level.
    pub(super) fn luma(&self, table: &[f32], limits: &Limits) -> Result<Vec<f32>, DecodeError> {
        let mut luma = zeros::<f32>(self.levels.len() as u64, limits)?;
        for (value, &level) in luma.iter_mut().zip(&self.levels) {
            *value = table[usize::from(level)];
        }
        Ok(luma)
    }

    /// The same, redrawn as `width` x `height`.
    pub(crate) fn shrunk(&self, width: u32, height: u32) -> Option<Self> {
        let image = ImageBuffer::<Luma<u16>, _>::from_raw(self.width, self.height, &*self.levels)?;
        let least = [width.min(self.width), height.min(self.height)];
        let shrunk = thumbnail(&image, least[0], least[1]).into_raw();
        let mix = |a: u16, b: u16, share: f32| {
            let (a, b) = (f32::from(a), f32::from(b));
            (a + (b - a) * share + 0.5) as u16
        };
        Some(Self {
            width,
            height,
            levels: luma::enlarge(shrunk, least, [width, height], mix),
            scale: self.scale.clone(),
            ..*self
        })
    }

    fn shown(&self, window: Window) -> Shown {
        Shown {
            window,
            table: self.table(|value| window.brightness(value)),
        }
    }

    /// The brightness of every level, `0..=1`, for one of every value.
    fn table(&self, brightness: impl Fn(f64) -> f64) -> Vec<f32> {
        let most = i32::from(u16::MAX >> (16 - self.bits));
        let mut table: Vec<f32> = (0..=most)
            .map(|level| {
                let brightness =
                    brightness(self.scale.value(level + self.least)).clamp(0.0, 1.0) as f32;
                if self.inverted {
                    1.0 - brightness
                } else {
                    brightness
                }
            })
            .collect();
        if let Some((first, last)) = self.padding {
            table[usize::from(first)..=usize::from(last)].fill(0.0);
        }
        table
    }
}

/// Whether there is anything to see of the levels that are seen.
fn shows(shown: &Shown, seen: &[bool]) -> bool {
    let (low, high) = (shown.table.iter().zip(seen))
        .filter(|&(_, &seen)| seen)
        .fold((1.0_f32, 0.0_f32), |(low, high), (&value, _)| {
            (low.min(value), high.max(value))
        });
    high - low >= LEAST_RANGE
}

/// Windows of a file that are tried, each of which takes a look at all levels.
const MOST_WINDOWS: usize = 16;

/// The least difference in brightness of what is not blank: four levels of 256.
const LEAST_RANGE: f32 = 3.5 / 255.0;
