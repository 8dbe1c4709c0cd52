//! The two forms that an image has on its way: stored pixels, and upright brightness. And what both may cost.

use image::ColorType;

use crate::{DecodeError, Format, Limits, luma, viridis};

/// Stored pixels, as a decoder gives them.
pub(crate) struct Raster {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// As in EXIF, 1 to 8; not yet applied.
    pub(crate) orientation: u8,
    pub(crate) color_type: ColorType,
    /// Row by row, 16-bit channels in the byte order of the machine.
    pub(crate) raw: Vec<u8>,
}

/// Upright brightness: a radiograph but for being worth the name.
pub(crate) struct Plane {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Row-major `[height * width]`, `0..=1`.
    pub(crate) luma: Vec<f32>,
    /// Bits of a channel as decoded: 8, 16 or 32.
    pub(crate) bits: u8,
    pub(crate) false_colour: bool,
    /// The orientation that the file gave, as in EXIF, 1 to 8; applied.
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

impl Raster {
    /// Returns the upright brightness of the pixels, those of a file of this format.
    ///
    /// # Errors
    /// If they are of a type that no decoder here gives, or there is no memory for them.
    #[inline(never)]
    pub(crate) fn into_plane(self, format: Format, limits: &Limits) -> Result<Plane, DecodeError> {
        let Raster {
            width,
            height,
            orientation,
            color_type,
            raw,
        } = self;
        let mut luma = zeros::<f32>(u64::from(width) * u64::from(height), limits)?;
        let place = luma::Placement::new(width as usize, height as usize, orientation);
        let (bits, false_colour) =
            fill(place, &raw, color_type, &mut luma).ok_or_else(|| DecodeError::Unsupported {
                format,
                detail: format!("pixels of type {color_type:?}"),
            })?;
        let (width, height) = place.upright();
        Ok(Plane {
            width,
            height,
            luma,
            bits,
            false_colour,
            orientation,
        })
    }
}

/// Puts the brightness of each pixel where it belongs; returns how many bits a channel has, and whether its colours were false. `None` for
/// pixels of a type that no decoder here gives.
fn fill(
    place: luma::Placement,
    raw: &[u8],
    color_type: ColorType,
    luma: &mut [f32],
) -> Option<(u8, bool)> {
    let mut false_colour = false;
    let bits = match color_type {
        ColorType::L8 => {
            place.fill(raw, luma, |[l]: [u8; 1]| luma::of8(l));
            8
        }
        ColorType::La8 => {
            place.fill(raw, luma, |[l, a]: [u8; 2]| luma::of8(l) * luma::of8(a));
            8
        }
        ColorType::Rgb8 => {
            false_colour = viridis::recognise(raw.chunks_exact(3).map(|p| [p[0], p[1], p[2]]));
            if false_colour {
                place.fill(raw, luma, viridis::undo);
            } else {
                place.fill(raw, luma, |[r, g, b]: [u8; 3]| luma::rgb8(r, g, b));
            }
            8
        }
        ColorType::Rgba8 => {
            false_colour = viridis::recognise(raw.chunks_exact(4).map(|p| [p[0], p[1], p[2]]));
            if false_colour {
                place.fill(raw, luma, |[r, g, b, a]: [u8; 4]| {
                    viridis::undo([r, g, b]) * luma::of8(a)
                });
            } else {
                place.fill(raw, luma, |[r, g, b, a]: [u8; 4]| {
                    luma::rgb8(r, g, b) * luma::of8(a)
                });
            }
            8
        }
        ColorType::L16 => {
            place.fill(raw, luma, |l: [u8; 2]| luma::of16(u16::from_ne_bytes(l)));
            16
        }
        ColorType::La16 => {
            place.fill(raw, luma, |p: [u8; 4]| {
                let [l, a] = luma::words(p);
                luma::of16(l) * luma::of16(a)
            });
            16
        }
        ColorType::Rgb16 => {
            place.fill(raw, luma, |p: [u8; 6]| {
                let [r, g, b] = luma::words(p);
                luma::rgb16(r, g, b)
            });
            16
        }
        ColorType::Rgba16 => {
            place.fill(raw, luma, |p: [u8; 8]| {
                let [r, g, b, a] = luma::words(p);
                luma::rgb16(r, g, b) * luma::of16(a)
            });
            16
        }
        _ => return None,
    };
    Some((bits, false_colour))
}

impl Plane {
    /// Returns the plane, if there is anything to see in it.
    ///
    /// # Errors
    /// [`DecodeError::Blank`] if all pixels are nearly the same.
    #[inline(never)]
    pub(crate) fn checked(self) -> Result<Self, DecodeError> {
        let (low, high) = self
            .luma
            .iter()
            .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &value| {
                (low.min(value), high.max(value))
            });
        if high - low < least_range(self.bits) {
            return Err(DecodeError::Blank);
        }
        Ok(self)
    }
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
