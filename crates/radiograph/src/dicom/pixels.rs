//! The pixels of a frame, whatever they are compressed with, as one number a sample.

use std::borrow::Cow;

use dicom_core::VR;
use dicom_dictionary_std::tags;

use super::dataset::{Body, Compression, Cover, Dataset};
use super::{Flaw, Photometric, jpeg_ls, jpeg2000, lossless, markers, rle};
use crate::decode::{self, Upright};
use crate::header::{self, CUT_SHORT};
use crate::{Format, Limits, jpeg};

/// How an image is stored.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) columns: u32,
    pub(super) rows: u32,
    pub(super) frames: u32,
    /// Bits of memory for a sample, 8 or 16.
    allocated: u8,
    /// Bits of a sample that count, 1 to `allocated`.
    pub(super) stored: u8,
    /// Unused bits below those that count.
    shift: u8,
    pub(super) signed: bool,
    /// Whether each channel has a plane to itself.
    planar: bool,
    pub(super) photometric: Photometric,
    pub(super) colour: Colour,
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
    pub(super) fn read(dataset: &Dataset<'_>) -> Result<Self, Flaw> {
        let missing = Flaw::Corrupt("it does not say how its pixels are stored");
        let number = |tag| dataset.short(tag);
        let (rows, columns) = number(tags::ROWS)
            .zip(number(tags::COLUMNS))
            .ok_or(missing.clone())?;
        let allocated = number(tags::BITS_ALLOCATED).ok_or(missing.clone())?;
        let allocated = match allocated {
            8 | 16 => allocated as u8,
            1 => return Err(Flaw::Unsupported("pixels of one bit")),
            12 => {
                return Err(Flaw::Unsupported(
                    "pixels of 12 bits without a gap between them",
                ));
            }
            24 | 32 | 64 => return Err(Flaw::Unsupported("pixels of more than 16 bits")),
            _ => return Err(missing),
        };
        let stored = number(tags::BITS_STORED).unwrap_or(u16::from(allocated));
        let high = number(tags::HIGH_BIT).unwrap_or(stored.saturating_sub(1));
        if stored == 0
            || stored > u16::from(allocated)
            || high >= u16::from(allocated)
            || high + 1 < stored
        {
            return Err(Flaw::Corrupt(
                "it contradicts itself in how many bits its pixels have",
            ));
        }
        let samples = number(tags::SAMPLES_PER_PIXEL);
        let photometric = match (dataset.text(tags::PHOTOMETRIC_INTERPRETATION), samples) {
            (Some("MONOCHROME1"), _) => Photometric::Monochrome1,
            (Some("MONOCHROME2"), _) | (None, None | Some(1)) => Photometric::Monochrome2,
            (Some("PALETTE COLOR"), _) => Photometric::PaletteColor,
            (Some("RGB"), _) => Photometric::Rgb,
            (Some("YBR_FULL"), _) => Photometric::YbrFull,
            (Some("YBR_FULL_422"), _) => Photometric::YbrFull422,
            (Some("YBR_ICT"), _) => Photometric::YbrIct,
            (Some("YBR_RCT"), _) => Photometric::YbrRct,
            (Some("YBR_PARTIAL_422" | "YBR_PARTIAL_420"), _) => {
                return Err(Flaw::Unsupported("colours in the range of television"));
            }
            (Some("ARGB" | "CMYK" | "HSV"), _) => {
                return Err(Flaw::Unsupported(
                    "colours in a retired way (ARGB, CMYK or HSV)",
                ));
            }
            _ => return Err(Flaw::Unsupported("an unknown photometric interpretation")),
        };
        let colour = match photometric {
            Photometric::Monochrome1 => Colour::Grey { inverted: true },
            Photometric::Monochrome2 => Colour::Grey { inverted: false },
            Photometric::PaletteColor => Colour::Palette,
            Photometric::Rgb | Photometric::YbrIct | Photometric::YbrRct => Colour::Rgb,
            Photometric::YbrFull | Photometric::YbrFull422 => Colour::Luminance,
        };
        let expected = if matches!(colour, Colour::Grey { .. } | Colour::Palette) {
            1
        } else {
            3
        };
        if samples.is_some_and(|samples| samples != expected) {
            return Err(Flaw::Corrupt(
                "it contradicts itself in what its pixels are",
            ));
        }
        Ok(Self {
            columns: u32::from(columns),
            rows: u32::from(rows),
            frames: dataset
                .text(tags::NUMBER_OF_FRAMES)
                .and_then(|frames| frames.parse().ok())
                .unwrap_or(1)
                .max(1),
            allocated,
            // Both are at most 16.
            stored: stored as u8,
            shift: (high + 1 - stored) as u8,
            signed: number(tags::PIXEL_REPRESENTATION) == Some(1),
            planar: number(tags::PLANAR_CONFIGURATION) == Some(1),
            photometric,
            colour,
        })
    }

    fn pixels(&self) -> usize {
        self.columns as usize * self.rows as usize
    }

    fn samples(&self) -> usize {
        match self.colour {
            Colour::Grey { .. } | Colour::Palette => 1,
            Colour::Rgb | Colour::Luminance => 3,
        }
    }

    /// A plane of brightness as what [`decode::finish`] takes.
    pub(super) fn upright(&self, luma: Vec<f32>) -> Upright {
        Upright {
            width: self.columns,
            height: self.rows,
            luma,
            bits: 8,
            false_colour: false,
            orientation: 1,
        }
    }
}

/// Returns the samples of the first frame, interleaved, each with the bits that count at the bottom. Those above may be anything.
///
/// Where the compressed image knows better than the file what its colours are, `layout` follows it.
pub(super) fn read(
    dataset: &Dataset<'_>,
    layout: &mut Layout,
    body: &Body<'_>,
    limits: &Limits,
) -> Result<Vec<u16>, Flaw> {
    let (frame, cover) = dataset.first_frame(layout.frames, body.compression)?;
    let kind = match (cover, body.compression) {
        (Cover::Plain, _) | (_, Compression::None) => Kind::Plain,
        (_, Compression::RunLength) => Kind::RunLength,
        _ => Kind::of(&frame)?,
    };
    let count = layout.pixels() * layout.samples();
    let dct = match kind {
        Kind::Dct => Some(header::examine(Format::Jpeg, &frame)?),
        _ => None,
    };
    let codec_bytes = match kind {
        Kind::Jpeg2000 => jpeg2000::WORKING_BYTES * count as u64,
        // The samples once more, as bytes.
        Kind::Dct => dct.map_or(0, |header| header.working_bytes) + count as u64,
        _ => 0,
    };
    let joined = match &frame {
        Cow::Borrowed(_) => 0,
        Cow::Owned(frame) => frame.len() as u64,
    };
    let kept = body.memory() + joined + 2 * count as u64;
    // Channels are there once more when colour is made of them.
    let channels = if layout.samples() == 3 {
        2 * count as u64
    } else {
        0
    };
    decode::check_memory(
        layout.columns,
        layout.rows,
        kept + channels,
        codec_bytes,
        limits,
    )?;
    let mut cells = decode::zeros::<u16>(count as u64, limits)?;
    let (width, height) = (layout.columns as usize, layout.rows as usize);
    let samples = layout.samples();
    // How many bits the samples have, counted from the bottom, those that do not count among them.
    let precision = match kind {
        Kind::Plain => {
            plain(&frame, dataset, layout, &mut cells)?;
            layout.allocated
        }
        Kind::RunLength => {
            let bytes_each = usize::from(layout.allocated / 8);
            rle::decode(&frame, samples, bytes_each, &mut cells)?;
            layout.allocated
        }
        Kind::Dct => {
            let header = dct.unwrap_or_default();
            let mut stream = frame;
            if samples == 3
                && let Some((colour, adobe)) = colour_of(&stream)?
            {
                layout.colour = colour;
                if let Some(at) = adobe {
                    // The decoder takes three channels that Adobe did not transform for four. Its note becomes another's.
                    stream.to_mut()[at] = 0xef;
                }
            }
            let planes = jpeg::read_planes(&stream, &header, limits)?;
            if (planes.width, planes.height, planes.channels)
                != (layout.columns, layout.rows, samples)
            {
                return Err(Flaw::Corrupt(markers::OTHER_SIZE));
            }
            for (cell, &sample) in cells.iter_mut().zip(&planes.raw) {
                *cell = u16::from(sample);
            }
            8
        }
        Kind::Lossless => lossless::decode(&frame, width, height, samples, &mut cells)?,
        Kind::JpegLs => jpeg_ls::decode(&frame, width, height, samples, &mut cells)?,
        Kind::Jpeg2000 => jpeg2000::decode(&frame, width, height, samples, &mut cells)?,
    };
    // Compressed samples seldom have a gap below them, whatever the file says.
    let shift = layout.shift.min(precision.saturating_sub(layout.stored));
    if shift > 0 {
        for cell in &mut cells {
            *cell >>= shift;
        }
    }
    Ok(cells)
}

/// What pixels are stored as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    RunLength,
    /// JPEG with loss: baseline, extended or progressive, of 8 bits.
    Dct,
    Lossless,
    JpegLs,
    Jpeg2000,
}

impl Kind {
    /// Which codestream it is, by what it begins with: transfer syntaxes are mixed up too often.
    fn of(frame: &[u8]) -> Result<Self, Flaw> {
        if jpeg2000::is(frame) {
            return Ok(Self::Jpeg2000);
        }
        if !frame.starts_with(b"\xff\xd8") {
            return Err(Flaw::Corrupt(
                "its compressed image is not what it says it is",
            ));
        }
        let mut walk = markers::Walk::new(frame);
        while let Some(segment) = walk.next()? {
            return match (segment.marker, segment.body.first()) {
                (0xc0..=0xc2, Some(8)) => Ok(Self::Dct),
                (0xc0..=0xc2, _) => Err(Flaw::Unsupported("JPEG with loss of 12 bits")),
                (0xc3, _) => Ok(Self::Lossless),
                (0xf7, _) => Ok(Self::JpegLs),
                (0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf, _) => {
                    Err(Flaw::Unsupported("hierarchical or arithmetic-coded JPEG"))
                }
                (0xda, _) => break,
                _ => continue,
            };
        }
        Err(Flaw::Corrupt(CUT_SHORT))
    }
}

/// What JPEG says of its colours itself, in the markers of JFIF and of Adobe; and where the marker of the latter is.
fn colour_of(frame: &[u8]) -> Result<Option<(Colour, Option<usize>)>, Flaw> {
    let mut walk = markers::Walk::new(frame);
    while let Some(segment) = walk.next()? {
        match segment.marker {
            0xe0 if segment.body.starts_with(b"JFIF\0") => {
                return Ok(Some((Colour::Luminance, None)));
            }
            0xee if segment.body.starts_with(b"Adobe") => {
                let transformed = segment
                    .body
                    .get(11)
                    .is_some_and(|&transform| transform != 0);
                let colour = if transformed {
                    Colour::Luminance
                } else {
                    Colour::Rgb
                };
                // Its length is between the two.
                let at = frame.len() - walk.rest().len() - segment.body.len() - 3;
                return Ok(Some((colour, Some(at))));
            }
            0xda => break,
            _ => {}
        }
    }
    Ok(None)
}

/// Writes samples that are not compressed to `cells`.
fn plain(
    frame: &[u8],
    dataset: &Dataset<'_>,
    layout: &Layout,
    cells: &mut [u16],
) -> Result<(), Flaw> {
    let pixels = layout.pixels();
    // Two pixels share their colour differences: Y Y Cb Cr.
    let halved = layout.photometric == Photometric::YbrFull422;
    if halved && !layout.columns.is_multiple_of(2) {
        return Err(Flaw::Corrupt("its rows have half a colour too many"));
    }
    let count = if halved { 2 * pixels } else { cells.len() };
    let wide = layout.allocated == 16;
    if frame.len() < count * if wide { 2 } else { 1 } {
        return Err(Flaw::Corrupt(CUT_SHORT));
    }
    let big = dataset.is_big_endian();
    // In big-endian files bytes are swapped too, where they are said to be words.
    let swapped = usize::from(big && dataset.kind(tags::PIXEL_DATA) == Some(VR::OW));
    let sample = |index: usize| {
        if !wide {
            return u16::from(frame.get(index ^ swapped).copied().unwrap_or(0));
        }
        let word = [frame[2 * index], frame[2 * index + 1]];
        if big {
            u16::from_be_bytes(word)
        } else {
            u16::from_le_bytes(word)
        }
    };
    if halved {
        for (pair, cells) in cells.chunks_exact_mut(6).enumerate() {
            let [y0, y1, b, r] = std::array::from_fn(|part| sample(4 * pair + part));
            cells.copy_from_slice(&[y0, b, r, y1, b, r]);
        }
    } else if layout.planar && layout.samples() == 3 {
        for (pixel, cells) in cells.chunks_exact_mut(3).enumerate() {
            for (channel, cell) in cells.iter_mut().enumerate() {
                *cell = sample(channel * pixels + pixel);
            }
        }
    } else {
        for (index, cell) in cells.iter_mut().enumerate() {
            *cell = sample(index);
        }
    }
    Ok(())
}

/// A table of colours (PS3.3, C.7.6.3.1.5 and 6).
pub(super) struct Palette {
    first: u16,
    /// Red, green and blue, `0..=1`.
    colours: Vec<[f32; 3]>,
}

impl Palette {
    pub(super) fn read(dataset: &Dataset<'_>) -> Result<Self, Flaw> {
        if dataset.has(tags::SEGMENTED_RED_PALETTE_COLOR_LOOKUP_TABLE_DATA) {
            return Err(Flaw::Unsupported("a table of colours in segments"));
        }
        let broken = Flaw::Corrupt("its table of colours is damaged");
        let channels = [
            (
                tags::RED_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
                tags::RED_PALETTE_COLOR_LOOKUP_TABLE_DATA,
            ),
            (
                tags::GREEN_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
                tags::GREEN_PALETTE_COLOR_LOOKUP_TABLE_DATA,
            ),
            (
                tags::BLUE_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
                tags::BLUE_PALETTE_COLOR_LOOKUP_TABLE_DATA,
            ),
        ];
        let mut first_entry = 0;
        let mut colours = Vec::new();
        for (channel, (descriptor, data)) in channels.into_iter().enumerate() {
            let table = Table::read(dataset, descriptor, data).ok_or(broken.clone())?;
            first_entry = table.first;
            colours.resize(table.entries.len().max(colours.len()), [0.0; 3]);
            let most = f32::from(table.most);
            for (colour, &entry) in colours.iter_mut().zip(&table.entries) {
                colour[channel] = f32::from(entry) / most;
            }
        }
        Ok(Self {
            first: first_entry,
            colours,
        })
    }

    /// The colour of an entry; the first and the last reach beyond the ends.
    pub(super) fn colour(&self, entry: u16) -> [f32; 3] {
        let index = usize::from(entry.saturating_sub(self.first));
        self.colours[index.min(self.colours.len() - 1)]
    }
}

/// A table of values, as there are for colours, for what is measured and for what is shown (PS3.3, C.11.1.1).
pub(super) struct Table {
    /// What its first entry is for, as it is written: 16 bits that may have a sign.
    pub(super) first: u16,
    /// At least one.
    pub(super) entries: Vec<u16>,
    /// The greatest value that an entry may have; at least 1.
    pub(super) most: u16,
}

impl Table {
    /// `None` if it is not there or damaged.
    pub(super) fn read(
        dataset: &Dataset<'_>,
        descriptor: dicom_core::Tag,
        data: dicom_core::Tag,
    ) -> Option<Self> {
        let mut described = dataset.shorts(descriptor)?;
        let (count, first, bits) = (described.next()?, described.next()?, described.next()?);
        // There is no 65536 in 16 bits.
        let count = if count == 0 {
            65536
        } else {
            usize::from(count)
        };
        let bytes = dataset.bytes(data)?;
        let entries: Vec<u16> = if bits <= 8 && bytes.len() < 2 * count {
            bytes
                .iter()
                .take(count)
                .map(|&byte| u16::from(byte))
                .collect()
        } else {
            dataset.words(bytes).take(count).collect()
        };
        if entries.len() < count {
            return None;
        }
        let said = u16::MAX >> (16 - bits.clamp(1, 16));
        // More than it says, where it says too little.
        let most = said.max(entries.iter().copied().max().unwrap_or(0));
        Some(Self {
            first,
            entries,
            most,
        })
    }
}
