//! How an image in a TIFF file is stored, as its directory says.

use crate::header::directory::Directory;
use crate::plane::check_dimensions;
use crate::{DecodeError, Format, Limits};

/// What one row of a tile may take, and what compression keeps for itself.
pub(super) const WORKING_BYTES: u64 = 16 * 1024 * 1024;

/// The most samples a pixel may have: those of its colour, and some that are of no use here.
const MAX_SAMPLES: u64 = 16;

/// Tags of a directory.
pub(super) mod tag {
    pub(in crate::reader::tiff) const NEW_SUBFILE_TYPE: u16 = 254;
    pub(in crate::reader::tiff) const SUBFILE_TYPE: u16 = 255;
    pub(in crate::reader::tiff) const WIDTH: u16 = 256;
    pub(in crate::reader::tiff) const HEIGHT: u16 = 257;
    pub(in crate::reader::tiff) const BITS: u16 = 258;
    pub(in crate::reader::tiff) const COMPRESSION: u16 = 259;
    pub(in crate::reader::tiff) const PHOTOMETRIC: u16 = 262;
    pub(in crate::reader::tiff) const FILL_ORDER: u16 = 266;
    pub(in crate::reader::tiff) const STRIP_OFFSETS: u16 = 273;
    pub(in crate::reader::tiff) const SAMPLES: u16 = 277;
    pub(in crate::reader::tiff) const ROWS_PER_STRIP: u16 = 278;
    pub(in crate::reader::tiff) const STRIP_BYTES: u16 = 279;
    pub(in crate::reader::tiff) const PLANAR: u16 = 284;
    pub(in crate::reader::tiff) const T4_OPTIONS: u16 = 292;
    pub(in crate::reader::tiff) const PREDICTOR: u16 = 317;
    pub(in crate::reader::tiff) const COLOR_MAP: u16 = 320;
    pub(in crate::reader::tiff) const TILE_WIDTH: u16 = 322;
    pub(in crate::reader::tiff) const TILE_HEIGHT: u16 = 323;
    pub(in crate::reader::tiff) const TILE_OFFSETS: u16 = 324;
    pub(in crate::reader::tiff) const TILE_BYTES: u16 = 325;
    pub(in crate::reader::tiff) const SUB_IFDS: u16 = 330;
    pub(in crate::reader::tiff) const EXTRA_SAMPLES: u16 = 338;
    pub(in crate::reader::tiff) const SAMPLE_FORMAT: u16 = 339;
    pub(in crate::reader::tiff) const JPEG_TABLES: u16 = 347;
    pub(in crate::reader::tiff) const JPEG_STREAM: u16 = 513;
    pub(in crate::reader::tiff) const JPEG_STREAM_BYTES: u16 = 514;
    pub(in crate::reader::tiff) const JPEG_RESTART: u16 = 515;
    pub(in crate::reader::tiff) const JPEG_Q_TABLES: u16 = 519;
    pub(in crate::reader::tiff) const JPEG_DC_TABLES: u16 = 520;
    pub(in crate::reader::tiff) const JPEG_AC_TABLES: u16 = 521;
    pub(in crate::reader::tiff) const YCBCR_COEFFICIENTS: u16 = 529;
    pub(in crate::reader::tiff) const YCBCR_SUBSAMPLING: u16 = 530;
    pub(in crate::reader::tiff) const REFERENCE_BLACK_WHITE: u16 = 532;
}

/// The numbers of the tag Compression.
pub(super) mod compression {
    pub(in crate::reader::tiff) const NONE: u64 = 1;
    pub(in crate::reader::tiff) const FAX_3: u64 = 3;
    pub(in crate::reader::tiff) const FAX_4: u64 = 4;
    pub(in crate::reader::tiff) const LZW: u64 = 5;
    pub(in crate::reader::tiff) const OLD_JPEG: u64 = 6;
    pub(in crate::reader::tiff) const JPEG: u64 = 7;
    pub(in crate::reader::tiff) const DEFLATE: u64 = 8;
    pub(in crate::reader::tiff) const OLD_DEFLATE: u64 = 32946;
    pub(in crate::reader::tiff) const PACK_BITS: u64 = 32773;
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

/// What is wrong with a file.
pub(super) fn corrupt(detail: impl Into<String>) -> DecodeError {
    DecodeError::Corrupt {
        format: Format::Tiff,
        detail: detail.into(),
    }
}

/// What is not read.
pub(super) fn unsupported(detail: impl Into<String>) -> DecodeError {
    DecodeError::Unsupported {
        format: Format::Tiff,
        detail: detail.into(),
    }
}

/// Width and height of a strip or tile, of an image of this size and with so many bits a pixel.
fn chunk_of(
    directory: Directory<'_>,
    (width, height): (u32, u32),
    bits: u64,
) -> Result<(u64, u64), DecodeError> {
    let number = |tag, otherwise| directory.number(tag).unwrap_or(otherwise);
    let (chunk_width, chunk_height) = if directory.number(tag::TILE_WIDTH).is_some() {
        (number(tag::TILE_WIDTH, 0), number(tag::TILE_HEIGHT, 0))
    } else {
        let rows = number(tag::ROWS_PER_STRIP, u64::from(height));
        (u64::from(width), rows.min(u64::from(height)))
    };
    let row = chunk_width.saturating_mul(bits).div_ceil(8);
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
    Ok((chunk_width, chunk_height))
}

impl<'a> Layout<'a> {
    /// What a directory says of its image.
    pub(super) fn from_directory(
        directory: Directory<'a>,
        limits: &Limits,
    ) -> Result<Self, DecodeError> {
        let number = |tag, otherwise| directory.number(tag).unwrap_or(otherwise);
        let side = |tag| {
            let side = directory
                .number(tag)
                .and_then(|side| u32::try_from(side).ok());
            side.ok_or_else(|| corrupt("it does not say how large its image is"))
        };
        let (width, height) = (side(tag::WIDTH)?, side(tag::HEIGHT)?);
        check_dimensions(width, height, limits)?;

        let compressed = number(tag::COMPRESSION, 1);
        let samples = number(
            tag::SAMPLES,
            directory.values(tag::BITS).len().max(1) as u64,
        );
        if !(1..=MAX_SAMPLES).contains(&samples) {
            return Err(unsupported(format!("{samples} samples a pixel")));
        }
        let bits = same(directory, tag::BITS, samples)?.unwrap_or(
            // What JPEG did not say in its first years.
            if compressed == compression::OLD_JPEG {
                8
            } else {
                1
            },
        );
        if !matches!(bits, 1..=16 | 24 | 32 | 64) {
            return Err(unsupported(format!("samples of {bits} bits")));
        }
        let numbers = numbers_of(directory, samples, bits)?;
        let photometric = number(tag::PHOTOMETRIC, if samples >= 3 { 2 } else { 1 });
        let colour = colour_of(photometric, samples, bits, numbers)?;
        let planar = number(tag::PLANAR, 1) == 2 && samples > 1;
        let (chunk_width, chunk_height) = chunk_of(directory, (width, height), samples * bits)?;
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
            compression: compressed,
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

    /// Whether each byte is a sample as it is.
    pub(super) fn is_plain_bytes(&self) -> bool {
        self.bits == 8 && self.numbers == Numbers::Unsigned
    }

    /// Whether chroma is stored less often than luminance, in units of several pixels, and not as JPEG does it.
    pub(super) fn in_units(&self) -> bool {
        self.colour == Colour::YCbCr
            && self.subsampling != (1, 1)
            && !matches!(self.compression, compression::JPEG | compression::OLD_JPEG)
    }

    /// How many samples of a pixel are its colours, and whether the next one is how opaque it is and not in its colours already.
    pub(super) fn colours(&self) -> (usize, bool) {
        // 1 is alpha that the colours are already multiplied with, 2 is alpha that they are not, 0 is anything.
        let extra = self.directory.number(tag::EXTRA_SAMPLES);
        let (colours, said) = match self.colour {
            Colour::Rgb => (3, matches!(extra, None | Some(2))),
            Colour::Cmyk => (4, extra == Some(2)),
            Colour::YCbCr => (3, extra == Some(2)),
            _ => (1, extra == Some(2)),
        };
        (colours, said && self.samples > colours)
    }

    /// The bytes of a row of a strip or tile.
    pub(super) fn row_bytes(&self) -> usize {
        (self.chunk_width * self.together() * self.bits).div_ceil(8)
    }

    /// The bytes of so many rows of a strip or tile; the most there are where that is more than can be counted.
    pub(super) fn chunk_bytes(&self, rows: usize) -> usize {
        if self.in_units() {
            let (across, down) = self.subsampling;
            let units = self
                .chunk_width
                .div_ceil(across)
                .saturating_mul(rows.div_ceil(down));
            units.saturating_mul(across * down + self.samples - 1)
        } else {
            self.row_bytes().saturating_mul(rows)
        }
    }
}

/// What the numbers of a sample of so many bits mean.
fn numbers_of(directory: Directory<'_>, samples: u64, bits: u64) -> Result<Numbers, DecodeError> {
    Ok(
        match same(directory, tag::SAMPLE_FORMAT, samples)?.unwrap_or(1) {
            2 if bits >= 8 => Numbers::Signed,
            3 if matches!(bits, 16 | 24 | 32 | 64) => Numbers::Float,
            1 | 4 => Numbers::Unsigned,
            format => {
                return Err(unsupported(format!(
                    "samples of {bits} bits and format {format}"
                )));
            }
        },
    )
}

/// What the samples of a pixel mean.
fn colour_of(
    photometric: u64,
    samples: u64,
    bits: u64,
    numbers: Numbers,
) -> Result<Colour, DecodeError> {
    Ok(match photometric {
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
    })
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
