//! TIFF, read by the decoder that `image` reads it with, but in more of its variants and within limits on all of it.
//!
//! Through `image` that decoder reads no grey of 32 bits, in which detectors and ImageJ write, and takes memory for two
//! copies of the image and for whatever a tile says that it needs.

use std::io::Cursor;

use tiff::decoder::{Decoder, DecodingResult};
use tiff::tags::Tag;
use tiff::{ColorType, TiffError};

use crate::decode::{self, Upright};
use crate::{DecodeError, Format, Limits, header, luma, viridis};

/// What one row of a tile may take, and metadata.
const WORKING_BYTES: u64 = 16 * 1024 * 1024;

/// JPEG within TIFF, the only compression whose decoder takes memory for what the data say.
const COMPRESSION_JPEG: u16 = 7;

/// Returns the brightness in a TIFF file: that of its first image.
#[inline(never)]
pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Result<Upright, DecodeError> {
    let fail = |error| explain(error, limits);
    // Reads the directory of the first image only, with limits of its own on that.
    let mut decoder = Decoder::new(Cursor::new(bytes)).map_err(fail)?;
    let (width, height) = decoder.dimensions().map_err(fail)?;
    decode::check_dimensions(width, height, limits)?;
    let color = decoder.colortype().map_err(fail)?;
    let orientation = decoder
        .find_tag_unsigned::<u16>(Tag::Orientation)
        .ok()
        .flatten()
        .filter(|tag| (1..=8).contains(tag));
    let orientation = orientation.map_or(1, |tag| tag as u8);
    // 1 is alpha that the colours are already multiplied with, 2 is alpha that they are not, 0 is anything.
    let extra = decoder
        .find_tag_unsigned_vec::<u16>(Tag::ExtraSamples)
        .ok()
        .flatten()
        .and_then(|tags| tags.first().copied());

    let layout = decoder.image_buffer_layout().map_err(fail)?;
    let raw_bytes = layout.complete_len as u64;
    let working_bytes =
        WORKING_BYTES.saturating_add(check_chunks(&mut decoder, bytes, width, height, color)?);
    decode::check_memory(width, height, raw_bytes, working_bytes, limits)?;
    let mut theirs = tiff::decoder::Limits::default();
    theirs.decoding_buffer_size = layout.complete_len;
    theirs.intermediate_buffer_size = usize::try_from(working_bytes).unwrap_or(usize::MAX);
    let mut decoder = decoder.with_limits(theirs);
    let mut samples = DecodingResult::U8(Vec::new());
    decoder.read_image_to_buffer(&mut samples).map_err(fail)?;
    drop(decoder);

    let picture = Picture {
        width: width as usize,
        height: height as usize,
        orientation,
        color,
        plane: if layout.planes > 1 {
            Some(width as usize * height as usize)
        } else {
            None
        },
        extra,
    };
    picture.upright(&samples, limits)
}

/// Returns the bytes that decoding any one strip or tile takes beside its row.
///
/// # Errors
/// [`DecodeError::Corrupt`] if a strip or tile says that it is larger than it can be.
fn check_chunks(
    decoder: &mut Decoder<Cursor<&[u8]>>,
    bytes: &[u8],
    width: u32,
    height: u32,
    color: ColorType,
) -> Result<u64, DecodeError> {
    let corrupt = |detail: &str| DecodeError::Corrupt {
        format: Format::Tiff,
        detail: detail.to_owned(),
    };
    let mut number = |tag| decoder.find_tag_unsigned::<u64>(tag).ok().flatten();
    let tile = number(Tag::TileWidth).zip(number(Tag::TileLength));
    let (chunk_width, chunk_height) = tile.unwrap_or((
        u64::from(width),
        number(Tag::RowsPerStrip)
            .unwrap_or(u64::MAX)
            .min(u64::from(height)),
    ));
    let row = chunk_width
        .saturating_mul(u64::from(color.num_samples()))
        .saturating_mul(u64::from(color.bit_depth()).div_ceil(8));
    if row > WORKING_BYTES / 2 || chunk_height > WORKING_BYTES {
        return Err(corrupt("its tiles are too large"));
    }
    if number(Tag::Compression) != Some(u64::from(COMPRESSION_JPEG)) {
        return Ok(0);
    }
    // What is shared between the strips is put before each of them, so a frame in it would count there.
    let tables = decoder
        .find_tag(Tag::JPEGTables)
        .ok()
        .flatten()
        .and_then(|tag| tag.into_u8_vec().ok())
        .unwrap_or_default();
    if tables.windows(2).any(|pair| {
        pair[0] == 0xff && matches!(pair[1], 0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf)
    }) {
        return Err(corrupt("its JPEG tables hold a frame"));
    }
    let (offsets, lengths) = if tile.is_some() {
        (Tag::TileOffsets, Tag::TileByteCounts)
    } else {
        (Tag::StripOffsets, Tag::StripByteCounts)
    };
    let mut list = |tag| {
        decoder
            .find_tag_unsigned_vec::<u64>(tag)
            .ok()
            .flatten()
            .unwrap_or_default()
    };
    let (offsets, lengths) = (list(offsets), list(lengths));
    let mut most = 0;
    for (offset, length) in offsets.into_iter().zip(lengths) {
        let range = usize::try_from(offset)
            .ok()
            .zip(usize::try_from(offset.saturating_add(length)).ok());
        let chunk = range
            .and_then(|(from, to)| bytes.get(from..to))
            .ok_or_else(|| corrupt(header::CUT_SHORT))?;
        let needed = header::embedded_jpeg(chunk, chunk_width.saturating_mul(chunk_height));
        most = most.max(needed.ok_or_else(|| corrupt("one of its JPEG strips is damaged"))?);
    }
    Ok(most)
}

/// What is needed beside its samples to make sense of a TIFF image.
struct Picture {
    width: usize,
    height: usize,
    orientation: u8,
    color: ColorType,
    /// Samples from one channel to the next where each has a plane to itself, or `None` where they are interleaved.
    plane: Option<usize>,
    extra: Option<u16>,
}

impl Picture {
    fn upright(&self, samples: &DecodingResult, limits: &Limits) -> Result<Upright, DecodeError> {
        let place = luma::Placement::new(self.width, self.height, self.orientation);
        let mut luma = decode::zeros::<f32>((self.width * self.height) as u64, limits)?;
        let depth = self.color.bit_depth();
        let mut false_colour = false;
        let bits = match (samples, depth) {
            (DecodingResult::U8(values), 8) => {
                if matches!(self.color, ColorType::RGB(_) | ColorType::RGBA(_))
                    && self.plane.is_none()
                {
                    let step = usize::from(self.color.num_samples());
                    false_colour = viridis::recognise(
                        values
                            .chunks_exact(step)
                            .map(|pixel| [pixel[0], pixel[1], pixel[2]]),
                    );
                }
                if false_colour {
                    let step = usize::from(self.color.num_samples());
                    let pixel = |index: usize| {
                        viridis::undo([
                            values[index * step],
                            values[index * step + 1],
                            values[index * step + 2],
                        ])
                    };
                    place.fill_by(&mut luma, |index| {
                        pixel(index) * self.opacity(index, &|at| luma::of8(values[at]))
                    });
                } else {
                    self.fill(place, &mut luma, values.len(), |at| luma::of8(values[at]))?;
                }
                8
            }
            (DecodingResult::U8(values), 1 | 2 | 4) => {
                self.fill_packed(place, &mut luma, values, usize::from(depth))?;
                8
            }
            (DecodingResult::U16(values), 16) => {
                self.fill(place, &mut luma, values.len(), |at| luma::of16(values[at]))?;
                16
            }
            (DecodingResult::I8(values), 8) => {
                self.fill(place, &mut luma, values.len(), |at| {
                    (f32::from(values[at]) + 128.0) / 255.0
                })?;
                8
            }
            (DecodingResult::I16(values), 16) => {
                self.fill(place, &mut luma, values.len(), |at| {
                    (f32::from(values[at]) + 32768.0) / 65535.0
                })?;
                16
            }
            // What is stored in 32-bit integers rarely reaches their ends, so they are stretched like floats.
            (DecodingResult::U32(values), 32) => {
                self.fill(place, &mut luma, values.len(), |at| values[at] as f32)?;
                luma::normalise(&mut luma);
                32
            }
            (DecodingResult::I32(values), 32) => {
                self.fill(place, &mut luma, values.len(), |at| values[at] as f32)?;
                luma::normalise(&mut luma);
                32
            }
            (DecodingResult::F16(values), 16) => {
                self.fill(place, &mut luma, values.len(), |at| values[at].to_f32())?;
                luma::normalise(&mut luma);
                32
            }
            (DecodingResult::F32(values), 32) => {
                self.fill(place, &mut luma, values.len(), |at| values[at])?;
                luma::normalise(&mut luma);
                32
            }
            (DecodingResult::F64(values), 64) => {
                self.fill(place, &mut luma, values.len(), |at| values[at] as f32)?;
                luma::normalise(&mut luma);
                32
            }
            _ => return Err(self.unsupported()),
        };
        let (width, height) = place.upright();
        Ok(Upright {
            width,
            height,
            luma,
            bits,
            false_colour,
            orientation: self.orientation,
        })
    }

    fn unsupported(&self) -> DecodeError {
        DecodeError::Unsupported {
            format: Format::Tiff,
            detail: format!("pixels of type {:?}", self.color),
        }
    }

    /// Where the sample of a channel of a pixel is.
    fn at(&self, pixel: usize, channel: usize) -> usize {
        match self.plane {
            Some(stride) => channel * stride + pixel,
            None => pixel * usize::from(self.color.num_samples()) + channel,
        }
    }

    /// How opaque a pixel is, `0..=1`; 1 where that is already in its colours.
    fn opacity(&self, pixel: usize, sample: &impl Fn(usize) -> f32) -> f32 {
        let channel = match self.color {
            ColorType::RGBA(_) if matches!(self.extra, None | Some(2)) => 3,
            ColorType::GrayA(_) | ColorType::Multiband { num_samples: 2, .. }
                if self.extra == Some(2) =>
            {
                1
            }
            _ => return 1.0,
        };
        sample(self.at(pixel, channel))
    }

    /// Writes the brightness of every pixel to its place; `sample` gives a sample in `0..=1`, there are `count` of them.
    fn fill(
        &self,
        place: luma::Placement,
        luma: &mut [f32],
        count: usize,
        sample: impl Fn(usize) -> f32,
    ) -> Result<(), DecodeError> {
        let channels = usize::from(self.color.num_samples());
        if count < self.width * self.height * channels {
            return Err(DecodeError::Corrupt {
                format: Format::Tiff,
                detail: header::CUT_SHORT.to_owned(),
            });
        }
        match self.color {
            ColorType::Gray(_) => place.fill_by(luma, sample),
            // Grey with something beside it.
            ColorType::GrayA(_) | ColorType::Multiband { .. } => {
                place.fill_by(luma, |pixel| {
                    sample(self.at(pixel, 0)) * self.opacity(pixel, &sample)
                });
            }
            ColorType::RGB(_) | ColorType::RGBA(_) => place.fill_by(luma, |pixel| {
                let [r, g, b] = [0, 1, 2].map(|channel| sample(self.at(pixel, channel)));
                luma::rgb32(r, g, b) * self.opacity(pixel, &sample)
            }),
            ColorType::CMYK(_) => place.fill_by(luma, |pixel| {
                let [c, m, y, k] = [0, 1, 2, 3].map(|channel| sample(self.at(pixel, channel)));
                luma::rgb32(1.0 - c, 1.0 - m, 1.0 - y) * (1.0 - k)
            }),
            _ => return Err(self.unsupported()),
        }
        Ok(())
    }

    /// The same for grey of 1, 2 or 4 bits, several pixels to a byte, each row from a new byte.
    fn fill_packed(
        &self,
        place: luma::Placement,
        luma: &mut [f32],
        values: &[u8],
        depth: usize,
    ) -> Result<(), DecodeError> {
        if !matches!(self.color, ColorType::Gray(_)) {
            return Err(self.unsupported());
        }
        let row_bytes = (self.width * depth).div_ceil(8);
        if values.len() < row_bytes * self.height {
            return Err(DecodeError::Corrupt {
                format: Format::Tiff,
                detail: header::CUT_SHORT.to_owned(),
            });
        }
        let most = (1_u8 << depth) - 1;
        place.fill_by(luma, |pixel| {
            let (x, y) = (pixel % self.width, pixel / self.width);
            let bit = x * depth;
            let value = values[y * row_bytes + bit / 8] >> (8 - depth - bit % 8) & most;
            f32::from(value) / f32::from(most)
        });
        Ok(())
    }
}

fn explain(error: TiffError, limits: &Limits) -> DecodeError {
    let format = Format::Tiff;
    match error {
        TiffError::LimitsExceeded => DecodeError::TooMuchMemory {
            limit: limits.max_decoded_bytes,
        },
        TiffError::UnsupportedError(error) => DecodeError::Unsupported {
            format,
            detail: decode::sentence(&error.to_string()),
        },
        TiffError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            DecodeError::Corrupt {
                format,
                detail: header::CUT_SHORT.to_owned(),
            }
        }
        error => DecodeError::Corrupt {
            format,
            detail: decode::sentence(&error.to_string()),
        },
    }
}
