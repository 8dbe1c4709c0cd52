//! The brightness of an image in colour.

use super::elements::Elements;
use super::flaw::Flaw;
use super::layout::{Colour, Layout, Photometric};
use super::table::Palette;
use crate::luma::{rgb32, to_u8};
use crate::plane::{Plane, Raster, zeros};
use crate::{Format, Limits};

/// Returns the brightness of an image in colour, and whether there is colour in it.
///
/// # Errors
/// [`DecodeError::Blank`](crate::DecodeError::Blank) if all pixels are nearly the same; if its table of colours is damaged.
pub(super) fn decode_colour(
    elements: &Elements<'_>,
    layout: &Layout,
    cells: &[u16],
    limits: &Limits,
) -> Result<(Plane, bool), Flaw> {
    let (width, height) = (layout.columns, layout.rows);
    let pixels = u64::from(width) * u64::from(height);
    // Of how many pixels each channel is not the same, in units that the eye sees.
    let mut coloured = 0_u64;
    let most = f32::from(u16::MAX >> (16 - layout.stored));
    let mask = u16::MAX >> (16 - layout.stored);
    let narrow = layout.stored <= 8;
    let plane = match &layout.colour {
        Colour::Rgb => {
            let channel = |cell: u16| f32::from(cell & mask) / most;
            let (bytes_each, color_type) = if narrow {
                (1, image::ColorType::Rgb8)
            } else {
                (2, image::ColorType::Rgb16)
            };
            let mut raw = zeros::<u8>(3 * pixels * bytes_each, limits)?;
            for (cell, place) in cells.iter().zip(raw.chunks_exact_mut(bytes_each as usize)) {
                if narrow {
                    place[0] = to_u8(channel(*cell));
                } else {
                    let level = (channel(*cell) * 65535.0 + 0.5) as u16;
                    place.copy_from_slice(&level.to_ne_bytes());
                }
            }
            for pixel in cells.as_chunks::<3>().0 {
                let [r, g, b] = pixel.map(channel);
                coloured += u64::from(r.max(g).max(b) - r.min(g).min(b) > VISIBLE);
            }
            let raster = Raster {
                width,
                height,
                orientation: 1,
                color_type,
                raw,
            };
            raster.into_plane(Format::Dicom, limits)?
        }
        Colour::Luminance => {
            let middle = 128.0 / 255.0;
            // From 16 to 235 of 255.
            let television = matches!(
                layout.photometric,
                Photometric::YbrPartial422 | Photometric::YbrPartial420
            );
            let mut luma = zeros::<f32>(pixels, limits)?;
            for (value, pixel) in luma.iter_mut().zip(cells.as_chunks::<3>().0) {
                let [y, b, r] = pixel.map(|cell| f32::from(cell & mask) / most);
                *value = if television {
                    ((y * 255.0 - 16.0) / 219.0).clamp(0.0, 1.0)
                } else {
                    y
                };
                coloured += u64::from((b - middle).abs().max((r - middle).abs()) > VISIBLE / 2.0);
            }
            plane_of(layout, luma)
        }
        Colour::Palette => {
            let palette = Palette::from_elements(elements)?;
            let mut luma = zeros::<f32>(pixels, limits)?;
            for (value, &cell) in luma.iter_mut().zip(cells) {
                let [r, g, b] = palette.colour(cell & mask);
                *value = rgb32(r, g, b);
                coloured += u64::from(r.max(g).max(b) - r.min(g).min(b) > VISIBLE);
            }
            plane_of(layout, luma)
        }
        Colour::Grey { .. } => return Err(Flaw::Unsupported("grey as colour")),
    };
    Ok((plane.checked()?, coloured * 100 > pixels))
}

/// A difference between channels that the eye sees, of `0..=1`.
const VISIBLE: f32 = 0.1;

/// A plane of these values.
fn plane_of(layout: &Layout, luma: Vec<f32>) -> Plane {
    Plane {
        width: layout.columns,
        height: layout.rows,
        luma,
        bits: 8,
        false_colour: false,
        orientation: 1,
    }
}
