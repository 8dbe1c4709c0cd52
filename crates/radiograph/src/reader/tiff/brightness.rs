//! The brightness of the samples of a TIFF image, whatever colours they are in.

use super::layout::{Colour, Layout, corrupt, tag, unsupported};
use super::samples::Samples;
use crate::header::directory;
use crate::plane::{Plane, zeros};
use crate::{DecodeError, Limits, luma, viridis};

/// The brightness of the image, turned as the file says.
pub(super) fn plane_of(
    samples: &Samples,
    layout: &Layout<'_>,
    limits: &Limits,
) -> Result<Plane, DecodeError> {
    let orientation = directory::orientation(&layout.directory).unwrap_or(1);
    let place = luma::Placement::new(layout.width, layout.height, orientation);
    let mut luma = zeros::<f32>((layout.width * layout.height) as u64, limits)?;
    let most = ((1_u64 << layout.bits.min(16)) - 1) as f32;
    let mut false_colour = false;
    let bits = match samples {
        Samples::Bytes(samples) => {
            if let Some(colours) = Colours::find(layout, samples)? {
                let opacity = Picture::new(layout, |at| f32::from(samples[at]) / most);
                let count = layout.width * layout.height;
                false_colour = viridis::recognise((0..count).map(|at| colours.rgb(at)));
                place.fill_by(&mut luma, |at| {
                    let brightness = if false_colour {
                        viridis::undo(colours.rgb(at))
                    } else {
                        colours.brightness(at)
                    };
                    brightness * opacity.opacity(at)
                });
            } else {
                Picture::new(layout, |at| f32::from(samples[at]) / most).fill(place, &mut luma)?;
            }
            8
        }
        Samples::Words(samples) => {
            if layout.colour == Colour::Palette {
                let palette = palette(layout)?;
                let entry = |at: usize| usize::from(samples[at * layout.samples]);
                place.fill_by(&mut luma, |at| {
                    let [r, g, b] = palette.get(entry(at)).copied().unwrap_or_default();
                    luma::rgb16(r, g, b)
                });
            } else {
                Picture::new(layout, |at| f32::from(samples[at]) / most).fill(place, &mut luma)?;
            }
            16
        }
        Samples::Floats(samples) => {
            Picture::new(layout, |at| samples[at]).fill(place, &mut luma)?;
            // What is stored in 32-bit integers rarely reaches their ends, so they are stretched like floats.
            luma::normalise(&mut luma);
            32
        }
    };
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

/// The colours of 8-bit pixels, where they have to be known: that they may be false, and what they are in.
enum Colours<'a> {
    Rgb {
        samples: &'a [u8],
        step: usize,
    },
    Palette {
        samples: &'a [u8],
        step: usize,
        entries: Vec<[u16; 3]>,
    },
    YCbCr {
        samples: &'a [u8],
        step: usize,
        /// Weights of red, green and blue in luminance.
        weights: [f32; 3],
        /// What is added to the samples, and then multiplied with.
        offset: [f32; 3],
        scale: [f32; 3],
    },
}

impl<'a> Colours<'a> {
    fn find(layout: &Layout<'_>, samples: &'a [u8]) -> Result<Option<Self>, DecodeError> {
        let step = layout.samples;
        Ok(match layout.colour {
            Colour::Rgb if layout.bits == 8 => Some(Self::Rgb { samples, step }),
            Colour::Palette => Some(Self::Palette {
                samples,
                step,
                entries: palette(layout)?,
            }),
            Colour::YCbCr if layout.bits == 8 => {
                let weights = layout.directory.values(tag::YCBCR_COEFFICIENTS);
                let usual = [0.299, 0.587, 0.114];
                let mut weights =
                    std::array::from_fn(|at| weights.fraction(at).unwrap_or(usual[at]) as f32);
                if weights.iter().any(|&weight| weight <= 0.0 || weight > 1.0) {
                    weights = usual.map(|weight| weight as f32);
                }
                let reference = layout.directory.values(tag::REFERENCE_BLACK_WHITE);
                let usual = [0.0, 255.0, 128.0, 255.0, 128.0, 255.0];
                let range: [f32; 6] =
                    std::array::from_fn(|at| reference.fraction(at).unwrap_or(usual[at]) as f32);
                let full = [255.0, 127.0, 127.0];
                let width: [f32; 3] = std::array::from_fn(|at| range[2 * at + 1] - range[2 * at]);
                let fits = width.iter().all(|&width| width >= 1.0);
                Some(Self::YCbCr {
                    samples,
                    step,
                    weights,
                    offset: std::array::from_fn(|at| {
                        if fits {
                            -range[2 * at]
                        } else {
                            -(usual[2 * at] as f32)
                        }
                    }),
                    scale: std::array::from_fn(|at| if fits { full[at] / width[at] } else { 1.0 }),
                })
            }
            _ => None,
        })
    }

    fn brightness(&self, at: usize) -> f32 {
        match self {
            Self::Palette {
                samples,
                step,
                entries,
            } => {
                let [r, g, b] = entry(samples[at * step], entries);
                luma::rgb16(r, g, b)
            }
            _ => {
                let [r, g, b] = self.rgb(at);
                luma::rgb8(r, g, b)
            }
        }
    }

    fn rgb(&self, at: usize) -> [u8; 3] {
        match self {
            Self::Rgb { samples, step } => {
                let pixel = &samples[at * step..];
                [pixel[0], pixel[1], pixel[2]]
            }
            Self::Palette {
                samples,
                step,
                entries,
            } => entry(samples[at * step], entries).map(|channel| (channel >> 8) as u8),
            Self::YCbCr {
                samples,
                step,
                weights,
                offset,
                scale,
            } => {
                let [y, b, r] = std::array::from_fn(|channel| {
                    (f32::from(samples[at * step + channel]) + offset[channel]) * scale[channel]
                });
                let red = y + r * (2.0 - 2.0 * weights[0]);
                let blue = y + b * (2.0 - 2.0 * weights[2]);
                let green = (y - weights[0] * red - weights[2] * blue) / weights[1];
                // `as` saturates.
                [red, green, blue].map(|channel| (channel + 0.5) as u8)
            }
        }
    }
}

/// The 16-bit colour that an entry of a palette has; black beyond its end.
fn entry(index: u8, entries: &[[u16; 3]]) -> [u16; 3] {
    entries.get(usize::from(index)).copied().unwrap_or_default()
}

/// The colours of a palette, in 16 bits.
fn palette(layout: &Layout<'_>) -> Result<Vec<[u16; 3]>, DecodeError> {
    let map = layout.directory.values(tag::COLOR_MAP);
    let count = map.len() / 3;
    if count == 0 {
        return Err(corrupt("it has no palette"));
    }
    let channel = |index: usize| map.get(index).unwrap_or(0) as u16;
    // Some writers put 8 bits where 16 belong.
    let narrow = (0..3 * count).all(|index| channel(index) < 256);
    let scale = if narrow { 257 } else { 1 };
    Ok((0..count.min(1 << layout.bits))
        .map(|entry| std::array::from_fn(|at| channel(at * count + entry) * scale))
        .collect())
}

/// What is needed beside its samples to make sense of an image; `sample` gives one, in `0..=1` or in any unit.
struct Picture<F> {
    colour: Colour,
    samples: usize,
    /// Which sample of a pixel is how opaque it is, if one is and is not in its colours already.
    alpha: Option<usize>,
    sample: F,
}

impl<F: Fn(usize) -> f32> Picture<F> {
    fn new(layout: &Layout<'_>, sample: F) -> Self {
        let (colours, alpha) = layout.colours();
        Self {
            colour: layout.colour,
            samples: layout.samples,
            alpha: alpha.then_some(colours),
            sample,
        }
    }

    /// How opaque a pixel is, `0..=1`; 1 where that is already in its colours.
    fn opacity(&self, pixel: usize) -> f32 {
        self.alpha
            .map_or(1.0, |channel| (self.sample)(pixel * self.samples + channel))
    }

    /// Writes the brightness of every pixel to its place.
    fn fill(&self, place: luma::Placement, luma: &mut [f32]) -> Result<(), DecodeError> {
        let at = |pixel: usize, channel: usize| (self.sample)(pixel * self.samples + channel);
        match self.colour {
            Colour::BlackIsZero => {
                place.fill_by(luma, |pixel| at(pixel, 0) * self.opacity(pixel));
            }
            Colour::WhiteIsZero => {
                place.fill_by(luma, |pixel| (1.0 - at(pixel, 0)) * self.opacity(pixel));
            }
            Colour::Rgb => place.fill_by(luma, |pixel| {
                let [r, g, b] = [0, 1, 2].map(|channel| at(pixel, channel));
                luma::rgb32(r, g, b) * self.opacity(pixel)
            }),
            Colour::Cmyk => place.fill_by(luma, |pixel| {
                let [c, m, y, k] = [0, 1, 2, 3].map(|channel| at(pixel, channel));
                luma::rgb32(1.0 - c, 1.0 - m, 1.0 - y) * (1.0 - k)
            }),
            Colour::Palette | Colour::YCbCr => {
                return Err(unsupported("its colours in samples of so many bits"));
            }
        }
        Ok(())
    }
}
