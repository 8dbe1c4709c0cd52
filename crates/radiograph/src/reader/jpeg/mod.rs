//! JPEG, read by the decoder that `image` reads it with, but strictly.
//!
//! Through `image` that decoder fills what it cannot decode with grey and reports success. In a radiograph grey is a
//! finding.

mod rare;

use std::borrow::Cow;

use image::ColorType;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};

use crate::error::{CUT_SHORT, sentence};
use crate::header::{self, Header, jpeg::Markers};
use crate::plane::{Raster, check_memory, zeros};
use crate::{DecodeError, Format, Limits};

/// Returns the pixels of a JPEG file whose markers have been walked over by [`crate::header::examine`].
#[inline(never)]
pub(crate) fn decode_jpeg(
    bytes: &[u8],
    header: &Header,
    limits: &Limits,
) -> Result<Raster, DecodeError> {
    if header.rare {
        return decode_slowly(bytes, limits);
    }
    let stream = ended(bytes, header, limits)?;
    match decode_fast(&stream, header, limits) {
        // What the fast decoder stumbles over may still be right, and what is not is better explained there.
        Err(DecodeError::Corrupt { .. } | DecodeError::Unsupported { .. }) => {
            decode_slowly(bytes, limits)
        }
        read => read,
    }
}

/// Returns the stream with an end marker, where it has none and all of its image is there nevertheless.
fn ended<'a>(
    bytes: &'a [u8],
    header: &Header,
    limits: &Limits,
) -> Result<Cow<'a, [u8]>, DecodeError> {
    if !header.endless {
        return Ok(Cow::Borrowed(bytes));
    }
    // The fast decoder fills up what is missing; the slow one does not.
    channels_slowly(bytes, limits)?;
    Ok(Cow::Owned([bytes, b"\xff\xd9"].concat()))
}

fn options() -> DecoderOptions {
    // Headers are read leniently: some devices leave bytes between their segments, which does no harm.
    DecoderOptions::default()
        .set_strict_mode(false)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX)
}

fn decode_fast(bytes: &[u8], header: &Header, limits: &Limits) -> Result<Raster, DecodeError> {
    let options = options();
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(explain)?;
    let (width, height) = header.dimensions.unwrap_or_default();
    let grey = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let (out, color_type) = if grey {
        (ColorSpace::Luma, ColorType::L8)
    } else {
        (ColorSpace::RGB, ColorType::Rgb8)
    };
    decoder.set_options(options.set_strict_mode(true).jpeg_set_out_colorspace(out));

    let raw_bytes = u64::from(width) * u64::from(height) * u64::from(color_type.bytes_per_pixel());
    check_memory(width, height, raw_bytes, header.working_bytes, limits)?;
    let mut raw = zeros::<u8>(raw_bytes, limits)?;
    decoder.decode_into(&mut raw).map_err(explain)?;
    Ok(Raster {
        width,
        height,
        orientation: header.orientation.unwrap_or(1),
        color_type,
        raw,
    })
}

/// Pixels times scans that the slow decoder may walk over. The largest image may have 31 scans; ten are usual.
const MOST_SCANNED: u64 = 1_000_000_000;

/// Returns the channels of a stream by the slow decoder, and what its markers say.
fn channels_slowly(bytes: &[u8], limits: &Limits) -> Result<(Channels, Markers), DecodeError> {
    let fault = |fault: header::Fault| fault.into_error(Format::Jpeg);
    let markers = header::jpeg::walk(bytes).map_err(fault)?;
    let (width, height) = markers.size();
    let pixels = u64::from(width) * u64::from(height);
    if pixels * markers.scans as u64 > MOST_SCANNED {
        return Err(fault("it has too many scans".into()));
    }
    let raw_bytes = pixels * markers.components;
    // Coefficients are kept, whatever the fast decoder would need.
    let working = (2 * markers.components + 1) * (u64::from(width) + 32) * (u64::from(height) + 32);
    check_memory(width, height, raw_bytes, working, limits)?;
    let rare::Frame { channels, raw } = rare::decode(bytes, &markers, limits).map_err(fault)?;
    let decoded = Channels {
        width,
        height,
        channels,
        raw,
    };
    Ok((decoded, markers))
}

#[inline(never)]
fn decode_slowly(bytes: &[u8], limits: &Limits) -> Result<Raster, DecodeError> {
    let (decoded, markers) = channels_slowly(bytes, limits)?;
    let Channels {
        width,
        height,
        channels,
        mut raw,
    } = decoded;
    let color_type = match channels {
        1 => ColorType::L8,
        3 => {
            if markers.transform != Some(0) && markers.names != *b"RGB" {
                for pixel in raw.as_chunks_mut::<3>().0 {
                    *pixel = rgb(*pixel);
                }
            }
            ColorType::Rgb8
        }
        4 => {
            // Inks, inverted as Adobe stores them: colours times black.
            let pixels = raw.as_chunks::<4>().0.iter().flat_map(|&[c, m, y, k]| {
                let inks = if markers.transform == Some(2) {
                    rgb([c, m, y])
                } else {
                    [c, m, y]
                };
                inks.map(|ink| (u16::from(ink) * u16::from(k) / 255) as u8)
            });
            raw = pixels.collect();
            ColorType::Rgb8
        }
        _ => {
            return Err(DecodeError::Unsupported {
                format: Format::Jpeg,
                detail: format!("{channels} channels"),
            });
        }
    };
    Ok(Raster {
        width,
        height,
        orientation: markers.orientation.unwrap_or(1),
        color_type,
        raw,
    })
}

/// Red, green and blue of luminance and colour differences (JFIF 1.02).
fn rgb([y, cb, cr]: [u8; 3]) -> [u8; 3] {
    let (y, cb, cr) = (f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    // `as` saturates.
    [
        y + 1.402 * cr,
        y - 0.344_136 * cb - 0.714_136 * cr,
        y + 1.772 * cb,
    ]
    .map(|value| (value + 0.5) as u8)
}

/// The channels of an image as they were coded: nothing has been made of luminance and colour differences.
pub(crate) struct Channels {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) channels: usize,
    /// `[height * width * channels]`, row by row.
    pub(crate) raw: Vec<u8>,
}

/// Returns the channels of a JPEG stream within another file, which knows what they are. Its markers have been walked over by
/// [`crate::header::examine`].
#[inline(never)]
pub(crate) fn decode_channels(
    bytes: &[u8],
    header: &Header,
    limits: &Limits,
) -> Result<Channels, DecodeError> {
    if header.rare {
        return Ok(channels_slowly(bytes, limits)?.0);
    }
    let stream = ended(bytes, header, limits)?;
    match channels_fast(&stream, header, limits) {
        Err(DecodeError::Corrupt { .. } | DecodeError::Unsupported { .. }) => {
            Ok(channels_slowly(bytes, limits)?.0)
        }
        read => read,
    }
}

fn channels_fast(bytes: &[u8], header: &Header, limits: &Limits) -> Result<Channels, DecodeError> {
    let options = options();
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(explain)?;
    let space = decoder.input_colorspace().unwrap_or(ColorSpace::YCbCr);
    decoder.set_options(options.set_strict_mode(true).jpeg_set_out_colorspace(space));
    let (width, height) = header.dimensions.unwrap_or_default();
    let channels = space.num_components();
    let raw_bytes = u64::from(width) * u64::from(height) * channels as u64;
    check_memory(width, height, raw_bytes, header.working_bytes, limits)?;
    let mut raw = zeros::<u8>(raw_bytes, limits)?;
    decoder.decode_into(&mut raw).map_err(explain)?;
    Ok(Channels {
        width,
        height,
        channels,
        raw,
    })
}

/// Returns the channels of a JPEG stream within another file, which has at most `max_pixels` pixels.
pub(crate) fn decode_embedded(
    bytes: &[u8],
    max_pixels: u64,
    limits: &Limits,
) -> Result<Channels, DecodeError> {
    let corrupt = |detail: &str| DecodeError::Corrupt {
        format: Format::Jpeg,
        detail: detail.to_owned(),
    };
    if !bytes.starts_with(b"\xff\xd8") {
        return Err(corrupt("it is no JPEG stream"));
    }
    let header = header::examine(Format::Jpeg, bytes)?;
    let (width, height) = header.dimensions.unwrap_or_default();
    if u64::from(width) * u64::from(height) > max_pixels {
        return Err(corrupt("it is larger than its file says"));
    }
    decode_channels(bytes, &header, limits)
}

fn explain(error: DecodeErrors) -> DecodeError {
    let format = Format::Jpeg;
    match error {
        DecodeErrors::Unsupported(scheme) => DecodeError::Unsupported {
            format,
            detail: sentence(&format!("{scheme:?}")),
        },
        DecodeErrors::ExhaustedData => DecodeError::Corrupt {
            format,
            detail: CUT_SHORT.to_owned(),
        },
        error => DecodeError::Corrupt {
            format,
            detail: sentence(&format!("{error:?}")),
        },
    }
}
