//! Bytes -> radiograph: what kind of file, whether it may be read, its pixels, their brightness.

use std::io::Cursor;

use image::codecs::{bmp::BmpDecoder, gif::GifDecoder, png::PngDecoder, webp::WebPDecoder};
use image::{ColorType, ImageDecoder, ImageError};

use crate::format::{self, Format, Kind};
use crate::header::{self, Header};
use crate::{Caution, DecodeError, Limits, Radiograph, Source, dicom, jpeg, luma, tiff, viridis};

/// Returns the radiograph in `bytes`; see [`Radiograph::decode_with`].
pub(crate) fn decode(bytes: &[u8], limits: &Limits) -> Result<Radiograph, DecodeError> {
    if bytes.is_empty() {
        return Err(DecodeError::Empty);
    }
    if bytes.len() as u64 > limits.max_bytes {
        return Err(DecodeError::TooManyBytes {
            bytes: bytes.len() as u64,
            limit: limits.max_bytes,
        });
    }
    let format = match format::sniff(bytes) {
        Kind::Image(format) => format,
        Kind::Other(found) => return Err(DecodeError::UnknownFormat { found }),
    };
    contain_panics(format, || decode_image(format, bytes, limits))
}

/// Returns what `work` returns, or [`DecodeError::Corrupt`] if a decoder underneath it panics.
///
/// The decoders are other people's and meant not to panic, but a user's file must not be what proves them wrong. Nothing
/// that `work` touches outlives it, so there is no broken state to see afterwards. Where a panic aborts, as in
/// WebAssembly, there is nothing to catch, and the checks of [`header`] have to do.
fn contain_panics(
    format: Format,
    work: impl FnOnce() -> Result<Radiograph, DecodeError>,
) -> Result<Radiograph, DecodeError> {
    #[cfg(panic = "unwind")]
    return std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(DecodeError::Corrupt {
            format,
            detail: "its decoder gave up on it".to_owned(),
        })
    });
    #[cfg(not(panic = "unwind"))]
    {
        let _ = format;
        work()
    }
}

/// Every decoder is a function of its own, here and below: a browser compiles a function when it is called for the first time, and one
/// with all of them inside took 40 ms of the first image.
fn decode_image(format: Format, bytes: &[u8], limits: &Limits) -> Result<Radiograph, DecodeError> {
    let header = header::examine(format, bytes)?;
    if let Some((width, height)) = header.dimensions {
        check_dimensions(width, height, limits)?;
    }
    let (upright, images) = match format {
        Format::Tiff => tiff::read(bytes, limits)?,
        Format::Dicom => return dicom::read(bytes, limits),
        Format::Luma => return Err(DecodeError::UnknownFormat { found: None }),
        _ => {
            let pixels = read_pixels(format, bytes, &header, limits)?;
            (convert(format, pixels, limits)?, header.images)
        }
    };
    let mut radiograph = finish(format, upright)?;
    if images > 1 {
        radiograph
            .cautions
            .push(Caution::FirstFrame { frames: images });
    }
    Ok(radiograph)
}

/// Returns the pixels of a file in a format that has a decoder of its own.
fn read_pixels(
    format: Format,
    bytes: &[u8],
    header: &Header,
    limits: &Limits,
) -> Result<Pixels, DecodeError> {
    match format {
        Format::Png => read_png(bytes, header, limits),
        Format::WebP => read(
            format,
            || WebPDecoder::new(Cursor::new(bytes)),
            header,
            limits,
        ),
        Format::Bmp => read_bmp(bytes, header, limits),
        Format::Gif => read_gif(bytes, header, limits),
        _ => jpeg::read(bytes, header, limits),
    }
}

fn read_png(bytes: &[u8], header: &Header, limits: &Limits) -> Result<Pixels, DecodeError> {
    let file = header::png::mended(bytes);
    // Takes its limits when it is made or not at all, and they do not count the image itself.
    let mut theirs = image::Limits::no_limits();
    theirs.max_alloc = Some(header::png::WORKING_BYTES);
    let decoder = || PngDecoder::with_limits(Cursor::new(&*file), theirs);
    read(Format::Png, decoder, header, limits)
        .map_err(|error| with_share(error, || Some(header::png::missing(bytes))))
}

fn read_bmp(bytes: &[u8], header: &Header, limits: &Limits) -> Result<Pixels, DecodeError> {
    let file = header::bmp::mended(bytes);
    let decoder = || BmpDecoder::new(Cursor::new(&*file));
    let mut pixels = read(Format::Bmp, decoder, header, limits)
        .map_err(|error| with_share(error, || header::bmp::missing(&file)))?;
    // Where nothing at all could be seen, the fourth byte means nothing, as in most files that have one (image-rs/image#539).
    if pixels.color_type == ColorType::Rgba8 {
        let (each, _) = pixels.raw.as_chunks_mut::<4>();
        if each.iter().all(|pixel| pixel[3] == 0) {
            each.iter_mut().for_each(|pixel| pixel[3] = 255);
        }
    }
    Ok(pixels)
}

fn read_gif(bytes: &[u8], header: &Header, limits: &Limits) -> Result<Pixels, DecodeError> {
    let file = header::gif::mended(bytes).map_err(|share| DecodeError::Corrupt {
        format: Format::Gif,
        detail: header::cut_short(share),
    })?;
    let decoder = || GifDecoder::new(Cursor::new(&*file));
    read(Format::Gif, decoder, header, limits)
        .map_err(|error| with_share(error, || header::gif::missing(bytes)))
}

/// Returns the error of a decoder, with the share of the image that is missing where one is: only then did the file end too early.
fn with_share(error: DecodeError, share: impl FnOnce() -> Option<f64>) -> DecodeError {
    match error {
        DecodeError::Corrupt { format, detail } => {
            let detail = match share() {
                Some(share) if share > 0.0 => header::cut_short(share),
                Some(_) if detail == header::CUT_SHORT => "its last bytes are damaged".to_owned(),
                _ => detail,
            };
            DecodeError::Corrupt { format, detail }
        }
        error => error,
    }
}

/// Pixels as a decoder gives them.
pub(crate) struct Pixels {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// As in EXIF, 1 to 8; not yet applied.
    pub(crate) orientation: u8,
    pub(crate) color_type: ColorType,
    /// Row by row, 16-bit channels in the byte order of the machine.
    pub(crate) raw: Vec<u8>,
}

/// Brightness, turned as its file says: a radiograph but for being worth the name.
pub(crate) struct Upright {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) luma: Vec<f32>,
    pub(crate) bits: u8,
    pub(crate) false_colour: bool,
    /// As in EXIF, 1 to 8; applied.
    pub(crate) orientation: u8,
}

/// # Errors
/// If an image of these dimensions cannot be a chest X-ray, or is too large to be read.
pub(crate) fn check_dimensions(
    width: u32,
    height: u32,
    limits: &Limits,
) -> Result<(), DecodeError> {
    let short = width.min(height);
    let long = width.max(height);
    if u64::from(width) * u64::from(height) > limits.max_pixels {
        return Err(DecodeError::TooManyPixels {
            width,
            height,
            limit: limits.max_pixels,
        });
    }
    if short < limits.min_side.max(1) {
        return Err(DecodeError::TooSmall {
            width,
            height,
            limit: limits.min_side,
        });
    }
    if f64::from(long) > f64::from(short) * limits.max_aspect {
        return Err(DecodeError::BadShape { width, height });
    }
    Ok(())
}

/// # Errors
/// If an image whose pixels take `raw_bytes`, and its decoder `working_bytes`, cannot be decoded within `limits`.
pub(crate) fn check_memory(
    width: u32,
    height: u32,
    raw_bytes: u64,
    working_bytes: u64,
    limits: &Limits,
) -> Result<(), DecodeError> {
    let luma_bytes = u64::from(width) * u64::from(height) * size_of::<f32>() as u64;
    // The decoder is gone when the pixels are converted.
    if raw_bytes.saturating_add(working_bytes.max(luma_bytes)) > limits.max_decoded_bytes {
        return Err(DecodeError::TooMuchMemory {
            limit: limits.max_decoded_bytes,
        });
    }
    Ok(())
}

/// Reads the pixels that the decoder is ready to give, once it is certain that they fit.
#[inline(never)]
fn read<D: ImageDecoder>(
    format: Format,
    decoder: impl FnOnce() -> Result<D, ImageError>,
    header: &Header,
    limits: &Limits,
) -> Result<Pixels, DecodeError> {
    let fail = |error| explain(format, error, limits);
    let mut decoder = decoder().map_err(fail)?;
    let (width, height) = decoder.dimensions();
    check_dimensions(width, height, limits)?;
    let raw_bytes = decoder.total_bytes();
    check_memory(width, height, raw_bytes, header.working_bytes, limits)?;

    let color_type = decoder.color_type();
    let mut theirs = image::Limits::no_limits();
    theirs.max_alloc = Some(limits.max_decoded_bytes - raw_bytes);
    decoder.set_limits(theirs).map_err(fail)?;
    let mut raw = zeros::<u8>(raw_bytes, limits)?;
    decoder.read_image(&mut raw).map_err(fail)?;
    Ok(Pixels {
        width,
        height,
        orientation: header.orientation.unwrap_or(1),
        color_type,
        raw,
    })
}

/// Returns the upright brightness of `pixels`.
#[inline(never)]
pub(crate) fn convert(
    format: Format,
    pixels: Pixels,
    limits: &Limits,
) -> Result<Upright, DecodeError> {
    let Pixels {
        width,
        height,
        orientation,
        color_type,
        raw,
    } = pixels;
    let mut luma = zeros::<f32>(u64::from(width) * u64::from(height), limits)?;
    let place = luma::Placement::new(width as usize, height as usize, orientation);
    let mut false_colour = false;
    let bits = match color_type {
        ColorType::L8 => {
            place.fill(&raw, &mut luma, |[l]: [u8; 1]| luma::of8(l));
            8
        }
        ColorType::La8 => {
            place.fill(&raw, &mut luma, |[l, a]: [u8; 2]| {
                luma::of8(l) * luma::of8(a)
            });
            8
        }
        ColorType::Rgb8 => {
            false_colour = viridis::recognise(raw.chunks_exact(3).map(|p| [p[0], p[1], p[2]]));
            if false_colour {
                place.fill(&raw, &mut luma, viridis::undo);
            } else {
                place.fill(&raw, &mut luma, |[r, g, b]: [u8; 3]| luma::rgb8(r, g, b));
            }
            8
        }
        ColorType::Rgba8 => {
            false_colour = viridis::recognise(raw.chunks_exact(4).map(|p| [p[0], p[1], p[2]]));
            if false_colour {
                place.fill(&raw, &mut luma, |[r, g, b, a]: [u8; 4]| {
                    viridis::undo([r, g, b]) * luma::of8(a)
                });
            } else {
                place.fill(&raw, &mut luma, |[r, g, b, a]: [u8; 4]| {
                    luma::rgb8(r, g, b) * luma::of8(a)
                });
            }
            8
        }
        ColorType::L16 => {
            place.fill(&raw, &mut luma, |l: [u8; 2]| {
                luma::of16(u16::from_ne_bytes(l))
            });
            16
        }
        ColorType::La16 => {
            place.fill(&raw, &mut luma, |p: [u8; 4]| {
                let [l, a] = luma::words(p);
                luma::of16(l) * luma::of16(a)
            });
            16
        }
        ColorType::Rgb16 => {
            place.fill(&raw, &mut luma, |p: [u8; 6]| {
                let [r, g, b] = luma::words(p);
                luma::rgb16(r, g, b)
            });
            16
        }
        ColorType::Rgba16 => {
            place.fill(&raw, &mut luma, |p: [u8; 8]| {
                let [r, g, b, a] = luma::words(p);
                luma::rgb16(r, g, b) * luma::of16(a)
            });
            16
        }
        _ => {
            return Err(DecodeError::Unsupported {
                format,
                detail: format!("pixels of type {color_type:?}"),
            });
        }
    };
    let (width, height) = place.upright();
    Ok(Upright {
        width,
        height,
        luma,
        bits,
        false_colour,
        orientation,
    })
}

/// Returns the radiograph, if there is anything to see in it.
#[inline(never)]
pub(crate) fn finish(format: Format, upright: Upright) -> Result<Radiograph, DecodeError> {
    let Upright {
        width,
        height,
        luma,
        bits,
        false_colour,
        orientation,
    } = upright;
    let (low, high) = luma
        .iter()
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &value| {
            (low.min(value), high.max(value))
        });
    if high - low < least_range(bits) {
        return Err(DecodeError::Blank);
    }
    Ok(Radiograph {
        width,
        height,
        luma,
        source: Source {
            format,
            bits,
            false_colour,
            orientation,
        },
        greys: None,
        dicom: None,
        cautions: Vec::new(),
    })
}

/// The least difference between the darkest and the brightest pixel of an image that is not blank.
///
/// Four levels of 8 bits: fewer are what JPEG makes of an even grey. Sixteen levels of 16: a detector of 10 or 12 bits uses
/// hundreds of them, and its noise alone more. Floating-point values were stretched if they needed it.
fn least_range(bits: u8) -> f32 {
    match bits {
        8 => 3.5 / 255.0,
        16 => 15.5 / 65535.0,
        _ => 1e-6,
    }
}

/// Returns `len` zeros, or an error where the allocator has no room for them, which in WebAssembly is soon.
pub(crate) fn zeros<T: Copy + Default>(len: u64, limits: &Limits) -> Result<Vec<T>, DecodeError> {
    let too_much = DecodeError::TooMuchMemory {
        limit: limits.max_decoded_bytes,
    };
    let Ok(len) = usize::try_from(len) else {
        return Err(too_much);
    };
    let mut values = Vec::new();
    if values.try_reserve_exact(len).is_err() {
        return Err(too_much);
    }
    values.resize(len, T::default());
    Ok(values)
}

/// Returns the error of a decoder in our terms.
fn explain(format: Format, error: ImageError, limits: &Limits) -> DecodeError {
    match error {
        ImageError::Limits(_) => DecodeError::TooMuchMemory {
            limit: limits.max_decoded_bytes,
        },
        ImageError::Unsupported(error) => DecodeError::Unsupported {
            format,
            detail: sentence(&error.to_string()),
        },
        ImageError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            DecodeError::Corrupt {
                format,
                detail: header::CUT_SHORT.to_owned(),
            }
        }
        error => DecodeError::Corrupt {
            format,
            detail: sentence(&error.to_string()),
        },
    }
}

/// Returns `detail` on one line, short enough to show, and without the full stop that our own sentence brings.
pub(crate) fn sentence(detail: &str) -> String {
    let line = detail.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut short: String = line.chars().take(160).collect();
    while short.ends_with(['.', ' ']) {
        short.pop();
    }
    short
}
