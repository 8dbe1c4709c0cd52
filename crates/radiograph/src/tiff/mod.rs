//! TIFF, in the variants that scanners, detectors and image programs write.
//!
//! The containers are read here, what is compressed in them by the crates that `image` reads with. `tiff`, through which `image` reads,
//! panics on tiles in planes, ignores FillOrder, and has no palettes, no 10, 12 or 14 bits and no YCbCr (image-rs/image#2530, #1977).

mod chunks;
mod directory;
mod old_jpeg;
mod samples;
mod unpack;

pub(crate) use directory::{exif_orientation, images_of_multi_picture};

use crate::decode::{self, Upright};
use crate::{DecodeError, Format, Limits};
use directory::{Directory, File};
use samples::Samples;

/// What one row of a tile may take, and what compression keeps for itself.
const WORKING_BYTES: u64 = 16 * 1024 * 1024;

/// The most samples a pixel may have: those of its colour, and some that are of no use here.
const MAX_SAMPLES: u64 = 16;

mod tag {
    pub(super) const NEW_SUBFILE_TYPE: u16 = 254;
    pub(super) const SUBFILE_TYPE: u16 = 255;
    pub(super) const WIDTH: u16 = 256;
    pub(super) const HEIGHT: u16 = 257;
    pub(super) const BITS: u16 = 258;
    pub(super) const COMPRESSION: u16 = 259;
    pub(super) const PHOTOMETRIC: u16 = 262;
    pub(super) const FILL_ORDER: u16 = 266;
    pub(super) const STRIP_OFFSETS: u16 = 273;
    pub(super) const SAMPLES: u16 = 277;
    pub(super) const ROWS_PER_STRIP: u16 = 278;
    pub(super) const STRIP_BYTES: u16 = 279;
    pub(super) const PLANAR: u16 = 284;
    pub(super) const T4_OPTIONS: u16 = 292;
    pub(super) const PREDICTOR: u16 = 317;
    pub(super) const COLOR_MAP: u16 = 320;
    pub(super) const TILE_WIDTH: u16 = 322;
    pub(super) const TILE_HEIGHT: u16 = 323;
    pub(super) const TILE_OFFSETS: u16 = 324;
    pub(super) const TILE_BYTES: u16 = 325;
    pub(super) const SUB_IFDS: u16 = 330;
    pub(super) const EXTRA_SAMPLES: u16 = 338;
    pub(super) const SAMPLE_FORMAT: u16 = 339;
    pub(super) const JPEG_TABLES: u16 = 347;
    pub(super) const JPEG_STREAM: u16 = 513;
    pub(super) const JPEG_STREAM_BYTES: u16 = 514;
    pub(super) const JPEG_RESTART: u16 = 515;
    pub(super) const JPEG_Q_TABLES: u16 = 519;
    pub(super) const JPEG_DC_TABLES: u16 = 520;
    pub(super) const JPEG_AC_TABLES: u16 = 521;
    pub(super) const YCBCR_COEFFICIENTS: u16 = 529;
    pub(super) const YCBCR_SUBSAMPLING: u16 = 530;
    pub(super) const REFERENCE_BLACK_WHITE: u16 = 532;
}

/// What the numbers of a sample mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbers {
    Unsigned,
    Signed,
    Float,
}

/// What the samples of a pixel mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colour {
    WhiteIsZero,
    BlackIsZero,
    Rgb,
    Palette,
    Cmyk,
    YCbCr,
}

/// How an image is stored.
#[derive(Debug, Clone)]
pub(super) struct Layout<'a> {
    pub(super) directory: Directory<'a>,
    pub(super) width: usize,
    pub(super) height: usize,
    /// Samples of a pixel.
    pub(super) samples: usize,
    /// Bits of a sample.
    pub(super) bits: usize,
    pub(super) numbers: Numbers,
    pub(super) colour: Colour,
    /// Whether each channel has strips or tiles of its own.
    pub(super) planar: bool,
    pub(super) compression: u64,
    pub(super) predictor: u64,
    /// Whether the lowest bit of a byte comes first.
    pub(super) low_bit_first: bool,
    pub(super) chunk_width: usize,
    pub(super) chunk_height: usize,
    /// How many times less often chroma is sampled, across and down.
    pub(super) subsampling: (usize, usize),
}

fn corrupt(detail: impl Into<String>) -> DecodeError {
    DecodeError::Corrupt {
        format: Format::Tiff,
        detail: detail.into(),
    }
}

fn unsupported(detail: impl Into<String>) -> DecodeError {
    DecodeError::Unsupported {
        format: Format::Tiff,
        detail: detail.into(),
    }
}

/// Returns the brightness in a TIFF file, and how many images it holds: that of the first one that is no reduced copy of another.
#[inline(never)]
pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Result<(Upright, u32), DecodeError> {
    let file = File::open(bytes).ok_or_else(|| corrupt("it has no header"))?;
    let (directory, pages) = choose(file)?;
    let layout = Layout::read(directory, limits)?;
    let samples = Samples::read(&layout, limits)?;
    Ok((samples.upright(&layout, limits)?, pages))
}

/// The directory of the image to show, and how many images there are that are neither reduced copies nor masks.
fn choose(file: File<'_>) -> Result<(Directory<'_>, u32), DecodeError> {
    let mut directories = file.directories();
    let is_picture = |directory: &Directory<'_>| {
        let kind = directory.number(tag::NEW_SUBFILE_TYPE).unwrap_or(0);
        let old = directory.number(tag::SUBFILE_TYPE).unwrap_or(0);
        // Reduced, or a mask of another.
        kind & 0b101 == 0 && old != 2 && directory.number(tag::WIDTH).is_some()
    };
    // Some put the picture below its own thumbnail.
    if let Some(first) = directories.first().copied()
        && !is_picture(&first)
    {
        let below = first.values(tag::SUB_IFDS);
        let below = (0..below.len().min(16)).filter_map(|index| file.directory(below.get(index)?));
        directories.extend(below.collect::<Vec<_>>());
    }
    let pages = directories.iter().filter(|page| is_picture(page)).count();
    let side = |page: &Directory<'_>, tag| page.number(tag).unwrap_or(0);
    let mut pictures = directories.iter().filter(|page| is_picture(page));
    let mut chosen = pictures.next().or(directories.first());
    // A thumbnail that does not say that it is one: of the same shape as the next picture, and at most half as large.
    if let Some((first, second)) = chosen.zip(pictures.next()) {
        let (width, height) = (side(first, tag::WIDTH), side(first, tag::HEIGHT));
        let (wider, higher) = (side(second, tag::WIDTH), side(second, tag::HEIGHT));
        let turned = width
            .saturating_mul(higher)
            .abs_diff(height.saturating_mul(wider));
        if width * 2 <= wider && height * 2 <= higher && turned <= wider.max(higher) {
            chosen = Some(second);
        }
    }
    let chosen =
        *chosen.ok_or_else(|| corrupt("the directory of its image is missing or cut off"))?;
    Ok((chosen, u32::try_from(pages.max(1)).unwrap_or(u32::MAX)))
}

impl<'a> Layout<'a> {
    fn read(directory: Directory<'a>, limits: &Limits) -> Result<Self, DecodeError> {
        let number = |tag, otherwise| directory.number(tag).unwrap_or(otherwise);
        let side = |tag| {
            let side = directory
                .number(tag)
                .and_then(|side| u32::try_from(side).ok());
            side.ok_or_else(|| corrupt("it does not say how large its image is"))
        };
        let (width, height) = (side(tag::WIDTH)?, side(tag::HEIGHT)?);
        decode::check_dimensions(width, height, limits)?;

        let compression = number(tag::COMPRESSION, 1);
        let samples = number(
            tag::SAMPLES,
            directory.values(tag::BITS).len().max(1) as u64,
        );
        if !(1..=MAX_SAMPLES).contains(&samples) {
            return Err(unsupported(format!("{samples} samples a pixel")));
        }
        let bits = same(directory, tag::BITS, samples)?.unwrap_or(
            // What JPEG did not say in its first years.
            if compression == chunks::OLD_JPEG {
                8
            } else {
                1
            },
        );
        if !matches!(bits, 1..=16 | 24 | 32 | 64) {
            return Err(unsupported(format!("samples of {bits} bits")));
        }
        let numbers = match same(directory, tag::SAMPLE_FORMAT, samples)?.unwrap_or(1) {
            2 if bits >= 8 => Numbers::Signed,
            3 if matches!(bits, 16 | 24 | 32 | 64) => Numbers::Float,
            1 | 4 => Numbers::Unsigned,
            format => {
                return Err(unsupported(format!(
                    "samples of {bits} bits and format {format}"
                )));
            }
        };
        let colour = match number(tag::PHOTOMETRIC, if samples >= 3 { 2 } else { 1 }) {
            0 => Colour::WhiteIsZero,
            1 | 4 => Colour::BlackIsZero,
            2 if samples >= 3 => Colour::Rgb,
            3 if bits <= 16 && numbers == Numbers::Unsigned => Colour::Palette,
            5 if samples >= 4 => Colour::Cmyk,
            6 if samples >= 3 => Colour::YCbCr,
            6 if samples == 1 => Colour::BlackIsZero,
            8..=10 => return Err(unsupported("colours as CIE L*a*b*")),
            32803 => return Err(unsupported("the raw mosaic of a camera")),
            32844 | 32845 => return Err(unsupported("colours as CIE Luv")),
            other => return Err(unsupported(format!("photometric interpretation {other}"))),
        };
        let planar = number(tag::PLANAR, 1) == 2 && samples > 1;
        let tiled = directory.number(tag::TILE_WIDTH).is_some();
        let (chunk_width, chunk_height) = if tiled {
            (number(tag::TILE_WIDTH, 0), number(tag::TILE_HEIGHT, 0))
        } else {
            let rows = number(tag::ROWS_PER_STRIP, u64::from(height));
            (u64::from(width), rows.min(u64::from(height)))
        };
        let row = chunk_width
            .saturating_mul(samples)
            .saturating_mul(bits)
            .div_ceil(8);
        let padded =
            |side: u32, chunk: u64| u64::from(side).div_ceil(chunk.max(1)).saturating_mul(chunk);
        let area = padded(width, chunk_width).saturating_mul(padded(height, chunk_height));
        let pixels = u64::from(width) * u64::from(height);
        if chunk_width == 0 || chunk_height == 0 {
            return Err(corrupt("its strips or tiles are empty"));
        }
        if row > WORKING_BYTES / 2 || area > pixels.saturating_mul(16).saturating_add(1 << 24) {
            return Err(corrupt("its tiles are too large"));
        }
        let subsampling = directory.values(tag::YCBCR_SUBSAMPLING);
        let subsampling = (
            subsampling.get(0).unwrap_or(2) as usize,
            subsampling.get(1).unwrap_or(2) as usize,
        );
        if colour == Colour::YCbCr && !matches!(subsampling, (1 | 2 | 4, 1 | 2 | 4)) {
            return Err(corrupt("its chroma is sampled unevenly"));
        }
        Ok(Self {
            directory,
            width: width as usize,
            height: height as usize,
            samples: samples as usize,
            bits: bits as usize,
            numbers,
            colour,
            planar,
            compression,
            predictor: number(tag::PREDICTOR, 1),
            low_bit_first: number(tag::FILL_ORDER, 1) == 2,
            chunk_width: chunk_width as usize,
            chunk_height: chunk_height as usize,
            subsampling,
        })
    }

    /// Samples of a pixel that are stored together.
    pub(super) fn together(&self) -> usize {
        if self.planar { 1 } else { self.samples }
    }

    /// Whether chroma is stored less often than luminance, in units of several pixels, and not as JPEG does it.
    pub(super) fn in_units(&self) -> bool {
        self.colour == Colour::YCbCr
            && self.subsampling != (1, 1)
            && !matches!(self.compression, chunks::JPEG | chunks::OLD_JPEG)
    }
}

/// The number that a tag has for every sample.
fn same(directory: Directory<'_>, tag: u16, samples: u64) -> Result<Option<u64>, DecodeError> {
    let values = directory.values(tag);
    let first = values.get(0);
    let count = (samples as usize).min(values.len());
    if (1..count).any(|index| values.get(index) != first) {
        return Err(unsupported("channels of different depths"));
    }
    Ok(first)
}
