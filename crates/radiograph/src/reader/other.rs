//! WebP, BMP and GIF, decoded by `image`, each by a function of its own.

use std::io::Cursor;

use image::ColorType;
use image::codecs::{bmp::BmpDecoder, gif::GifDecoder, webp::WebPDecoder};

use super::raster::{decode_with, with_share};
use crate::error::cut_short;
use crate::header::{Header, bmp, gif};
use crate::plane::Raster;
use crate::{DecodeError, Format, Limits};

pub(super) fn decode_webp(
    bytes: &[u8],
    header: &Header,
    limits: &Limits,
) -> Result<Raster, DecodeError> {
    let decoder = || WebPDecoder::new(Cursor::new(bytes));
    decode_with(Format::WebP, decoder, header, limits)
}

pub(super) fn decode_bmp(
    bytes: &[u8],
    header: &Header,
    limits: &Limits,
) -> Result<Raster, DecodeError> {
    let file = bmp::mended(bytes);
    let decoder = || BmpDecoder::new(Cursor::new(&*file));
    let mut raster = decode_with(Format::Bmp, decoder, header, limits)
        .map_err(|error| with_share(error, || bmp::missing(&file)))?;
    // Where nothing at all could be seen, the fourth byte means nothing, as in most files that have one (image-rs/image#539).
    if raster.color_type == ColorType::Rgba8 {
        let (each, _) = raster.raw.as_chunks_mut::<4>();
        if each.iter().all(|pixel| pixel[3] == 0) {
            each.iter_mut().for_each(|pixel| pixel[3] = 255);
        }
    }
    Ok(raster)
}

pub(super) fn decode_gif(
    bytes: &[u8],
    header: &Header,
    limits: &Limits,
) -> Result<Raster, DecodeError> {
    let file = gif::mended(bytes).map_err(|share| DecodeError::Corrupt {
        format: Format::Gif,
        detail: cut_short(share),
    })?;
    let decoder = || GifDecoder::new(Cursor::new(&*file));
    decode_with(Format::Gif, decoder, header, limits)
        .map_err(|error| with_share(error, || gif::missing(bytes)))
}
