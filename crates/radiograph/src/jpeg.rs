//! JPEG, read by the decoder that `image` reads it with, but strictly.
//!
//! Through `image` that decoder fills what it cannot decode with grey and reports success. In a radiograph grey is a
//! finding.

use image::ColorType;
use image::metadata::Orientation;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};

use crate::decode::{self, Pixels};
use crate::header::Header;
use crate::{DecodeError, Format, Limits};

/// Returns the pixels of a JPEG file whose markers have been walked over by [`crate::header::examine`].
#[inline(never)]
pub(crate) fn read(bytes: &[u8], header: &Header, limits: &Limits) -> Result<Pixels, DecodeError> {
    // Headers are read leniently: some devices leave bytes between their segments, which does no harm.
    let options = DecoderOptions::default()
        .set_strict_mode(false)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(explain)?;
    let corrupt = || DecodeError::Corrupt {
        format: Format::Jpeg,
        detail: "it has no image".to_owned(),
    };
    let (width, height) = decoder.dimensions().ok_or_else(corrupt)?;
    let (width, height) = u32::try_from(width)
        .ok()
        .zip(u32::try_from(height).ok())
        .ok_or_else(corrupt)?;
    let grey = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let (out, color_type) = if grey {
        (ColorSpace::Luma, ColorType::L8)
    } else {
        (ColorSpace::RGB, ColorType::Rgb8)
    };
    decoder.set_options(options.set_strict_mode(true).jpeg_set_out_colorspace(out));

    let raw_bytes = u64::from(width) * u64::from(height) * u64::from(color_type.bytes_per_pixel());
    decode::check_memory(width, height, raw_bytes, header.working_bytes, limits)?;
    let orientation = decoder
        .exif()
        .and_then(|exif| Orientation::from_exif_chunk(exif))
        .map_or(1, Orientation::to_exif);
    let mut raw = decode::zeros::<u8>(raw_bytes, limits)?;
    decoder.decode_into(&mut raw).map_err(explain)?;
    Ok(Pixels {
        width,
        height,
        orientation,
        color_type,
        raw,
    })
}

/// The channels of an image as they were coded: nothing has been made of luminance and colour differences.
pub(crate) struct Planes {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) channels: usize,
    /// `[height * width * channels]`, row by row.
    pub(crate) raw: Vec<u8>,
}

/// Returns the channels of a JPEG stream within another file, which knows what they are. Its markers have been walked over by
/// [`crate::header::examine`].
#[inline(never)]
pub(crate) fn read_planes(
    bytes: &[u8],
    header: &Header,
    limits: &Limits,
) -> Result<Planes, DecodeError> {
    let options = DecoderOptions::default()
        .set_strict_mode(false)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(explain)?;
    let space = decoder.input_colorspace().unwrap_or(ColorSpace::YCbCr);
    decoder.set_options(options.set_strict_mode(true).jpeg_set_out_colorspace(space));
    let (width, height) = header.dimensions.unwrap_or_default();
    let channels = space.num_components();
    let raw_bytes = u64::from(width) * u64::from(height) * channels as u64;
    decode::check_memory(width, height, raw_bytes, header.working_bytes, limits)?;
    let mut raw = decode::zeros::<u8>(raw_bytes, limits)?;
    decoder.decode_into(&mut raw).map_err(explain)?;
    Ok(Planes {
        width,
        height,
        channels,
        raw,
    })
}

fn explain(error: DecodeErrors) -> DecodeError {
    let format = Format::Jpeg;
    match error {
        DecodeErrors::Unsupported(scheme) => DecodeError::Unsupported {
            format,
            detail: decode::sentence(&format!("{scheme:?}")),
        },
        DecodeErrors::ExhaustedData => DecodeError::Corrupt {
            format,
            detail: crate::header::CUT_SHORT.to_owned(),
        },
        error => DecodeError::Corrupt {
            format,
            detail: decode::sentence(&format!("{error:?}")),
        },
    }
}
