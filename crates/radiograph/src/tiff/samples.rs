//! The samples of a TIFF image, and their brightness.

use super::chunks::{self, Chunks};
use super::{Colour, Layout, Numbers, WORKING_BYTES, corrupt, old_jpeg, tag, unpack, unsupported};
use crate::decode::{self, Upright};
use crate::{DecodeError, Limits, header, luma, viridis};

/// All samples of an image, `[height * width * samples]`, those of a pixel together.
pub(super) enum Samples {
    /// Of up to 8 bits.
    Bytes(Vec<u8>),
    /// Of up to 16 bits.
    Words(Vec<u16>),
    /// Of more bits, and fractions, in any unit.
    Floats(Vec<f32>),
}

/// What one strip or tile is of the image.
struct Place {
    /// Of its first row and column.
    x: usize,
    y: usize,
    /// As many of its rows and columns as are within the image.
    columns: usize,
    rows: usize,
    /// Its first channel.
    channel: usize,
}

impl Samples {
    /// Reads all strips or tiles.
    pub(super) fn read(layout: &Layout<'_>, limits: &Limits) -> Result<Self, DecodeError> {
        let chunks = Chunks::find(layout)?;
        let count = layout.width as u64 * layout.height as u64 * layout.samples as u64;
        let floats = layout.bits > 16 || layout.numbers == Numbers::Float;
        let each = match layout.bits {
            _ if floats => 4,
            ..=8 => 1,
            _ => 2,
        };
        let jpeg = matches!(layout.compression, chunks::JPEG | chunks::OLD_JPEG);
        let chunk_bytes = layout.chunk_bytes(layout.chunk_height);
        let working = if jpeg { 0 } else { chunk_bytes } as u64 + WORKING_BYTES;
        let (width, height) = (layout.width as u32, layout.height as u32);
        decode::check_memory(width, height, count * each, working, limits)?;
        if jpeg && (each != 1 || layout.bits != 8) {
            return Err(unsupported(format!("JPEG of {} bits", layout.bits)));
        }
        if layout.in_units() && (layout.bits != 8 || layout.planar) {
            return Err(unsupported("chroma that is sampled less often, in planes"));
        }
        let mut samples = match each {
            1 => Self::Bytes(decode::zeros(count, limits)?),
            2 => Self::Words(decode::zeros(count, limits)?),
            _ => Self::Floats(decode::zeros(count, limits)?),
        };
        let rest = Limits {
            max_decoded_bytes: limits.max_decoded_bytes - count * each,
            ..limits.clone()
        };
        if layout.compression == chunks::OLD_JPEG {
            let planes = old_jpeg::read(layout, &chunks, &rest)?;
            let whole = Place {
                x: 0,
                y: 0,
                columns: layout.width,
                rows: layout.height,
                channel: 0,
            };
            samples.put_planes(layout, &whole, &planes)?;
        } else {
            samples.read_chunks(layout, &chunks, jpeg, &rest)?;
        }
        Ok(samples)
    }

    fn read_chunks(
        &mut self,
        layout: &Layout<'_>,
        chunks: &Chunks<'_, '_>,
        jpeg: bool,
        limits: &Limits,
    ) -> Result<(), DecodeError> {
        let across = layout.width.div_ceil(layout.chunk_width);
        let down = layout.height.div_ceil(layout.chunk_height);
        // Of what is beside the colours in planes of its own, only what is needed, because the rest is missing in some files.
        let (colours, alpha) = layout.colours();
        let planes = if layout.planar {
            colours + usize::from(alpha)
        } else {
            1
        };
        let mut buffer = Vec::new();
        if !jpeg {
            buffer = decode::zeros(layout.chunk_bytes(layout.chunk_height) as u64, limits)?;
        }
        // Of rows that there should be, and of those that there are.
        let (mut needed, mut found) = (0_u64, 0_u64);
        for index in 0..planes * down * across {
            let (x, y) = (index % across, index / across % down);
            let place = Place {
                x: x * layout.chunk_width,
                y: y * layout.chunk_height,
                columns: layout
                    .chunk_width
                    .min(layout.width - x * layout.chunk_width),
                rows: layout
                    .chunk_height
                    .min(layout.height - y * layout.chunk_height),
                channel: index / across / down,
            };
            if jpeg {
                if index >= chunks.len() {
                    return Err(corrupt(header::cut_short(1.0 - y as f64 / down as f64)));
                }
                let most = layout.chunk_width * layout.chunk_height.max(8);
                let planes = chunks::jpeg_planes(&chunks.jpeg(index), most, limits)?;
                self.put_planes(layout, &place, &planes)?;
                continue;
            }
            let bytes = layout.chunk_bytes(place.rows);
            let out = &mut buffer[..bytes];
            out.fill(0);
            let expanded = if index < chunks.len() {
                chunks.expand(index, place.rows, out)?
            } else {
                0
            };
            needed += bytes as u64;
            found += expanded.min(bytes) as u64;
            self.put_rows(layout, &place, out)?;
        }
        if found < needed {
            let missing = 1.0 - found as f64 / needed as f64;
            return Err(corrupt(header::cut_short(missing)));
        }
        Ok(())
    }

    /// Takes over the rows of a strip or tile.
    fn put_rows(
        &mut self,
        layout: &Layout<'_>,
        place: &Place,
        rows: &mut [u8],
    ) -> Result<(), DecodeError> {
        if layout.in_units() {
            if let Self::Bytes(samples) = self {
                put_units(layout, place, rows, samples);
            }
            return Ok(());
        }
        let row_bytes = layout.row_bytes();
        let together = layout.together();
        for (index, row) in rows
            .chunks_exact_mut(row_bytes)
            .take(place.rows)
            .enumerate()
        {
            let little = unpack::unpredict(layout, row)?;
            let first = ((place.y + index) * layout.width + place.x) * layout.samples;
            let range = first..first + place.columns * layout.samples;
            let step = layout.samples / together;
            match self {
                Self::Bytes(samples) => {
                    let mut places = samples[range][place.channel..].iter_mut().step_by(step);
                    unpack::small(layout, row, little, |number| {
                        if let Some(place) = places.next() {
                            *place = number as u8;
                        }
                    });
                }
                Self::Words(samples) => {
                    let mut places = samples[range][place.channel..].iter_mut().step_by(step);
                    unpack::small(layout, row, little, |number| {
                        if let Some(place) = places.next() {
                            *place = number;
                        }
                    });
                }
                Self::Floats(samples) => {
                    let mut places = samples[range][place.channel..].iter_mut().step_by(step);
                    unpack::large(layout, row, little, |number| {
                        if let Some(place) = places.next() {
                            *place = number;
                        }
                    });
                }
            }
        }
        Ok(())
    }

    /// Takes over a strip or tile of JPEG.
    fn put_planes(
        &mut self,
        layout: &Layout<'_>,
        place: &Place,
        planes: &crate::jpeg::Planes,
    ) -> Result<(), DecodeError> {
        let together = layout.together();
        let (width, height) = (planes.width as usize, planes.height as usize);
        if planes.channels != together || width < place.columns || height < place.rows {
            return Err(corrupt("one of its JPEG strips has another size"));
        }
        let Self::Bytes(samples) = self else {
            return Err(unsupported("JPEG of more than 8 bits"));
        };
        for row in 0..place.rows {
            let from = &planes.raw[row * width * together..][..place.columns * together];
            let first = ((place.y + row) * layout.width + place.x) * layout.samples + place.channel;
            let step = layout.samples / together;
            let places = samples[first..].iter_mut().step_by(step);
            for (place, &value) in places.zip(from) {
                *place = value;
            }
        }
        Ok(())
    }

    /// The brightness of the image, turned as the file says.
    pub(super) fn upright(
        &self,
        layout: &Layout<'_>,
        limits: &Limits,
    ) -> Result<Upright, DecodeError> {
        let orientation = super::directory::orientation(&layout.directory).unwrap_or(1);
        let place = luma::Placement::new(layout.width, layout.height, orientation);
        let mut luma = decode::zeros::<f32>((layout.width * layout.height) as u64, limits)?;
        let most = ((1_u64 << layout.bits.min(16)) - 1) as f32;
        let mut false_colour = false;
        let bits = match self {
            Self::Bytes(samples) => {
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
                    Picture::new(layout, |at| f32::from(samples[at]) / most)
                        .fill(place, &mut luma)?;
                }
                8
            }
            Self::Words(samples) => {
                if layout.colour == Colour::Palette {
                    let palette = palette(layout)?;
                    let entry = |at: usize| usize::from(samples[at * layout.samples]);
                    place.fill_by(&mut luma, |at| {
                        let [r, g, b] = palette.get(entry(at)).copied().unwrap_or_default();
                        luma::rgb16(r, g, b)
                    });
                } else {
                    Picture::new(layout, |at| f32::from(samples[at]) / most)
                        .fill(place, &mut luma)?;
                }
                16
            }
            Self::Floats(samples) => {
                Picture::new(layout, |at| samples[at]).fill(place, &mut luma)?;
                // What is stored in 32-bit integers rarely reaches their ends, so they are stretched like floats.
                luma::normalise(&mut luma);
                32
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
}

impl Layout<'_> {
    /// How many samples of a pixel are its colours, and whether the next one is how opaque it is and not in its colours already.
    fn colours(&self) -> (usize, bool) {
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
    fn row_bytes(&self) -> usize {
        (self.chunk_width * self.together() * self.bits).div_ceil(8)
    }

    /// The bytes of so many rows of a strip or tile.
    fn chunk_bytes(&self, rows: usize) -> usize {
        if self.in_units() {
            let (across, down) = self.subsampling;
            let units = self.chunk_width.div_ceil(across) * rows.div_ceil(down);
            units * (across * down + 2) + units * (self.samples - 3)
        } else {
            self.row_bytes() * rows
        }
    }
}

/// Takes over units of several luminances and the chroma that they share (TIFF 6.0, section 21).
fn put_units(layout: &Layout<'_>, place: &Place, rows: &[u8], samples: &mut [u8]) {
    let (across, down) = layout.subsampling;
    let size = across * down + layout.samples - 1;
    let units = layout.chunk_width.div_ceil(across);
    for (index, unit) in rows.chunks_exact(size).enumerate() {
        for (inner, &luminance) in unit[..across * down].iter().enumerate() {
            let x = index % units * across + inner % across;
            let y = index / units * down + inner / across;
            if x < place.columns && y < place.rows {
                let at = ((place.y + y) * layout.width + place.x + x) * layout.samples;
                samples[at] = luminance;
                samples[at + 1..at + layout.samples].copy_from_slice(&unit[across * down..]);
            }
        }
    }
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
                let entry = usize::from(samples[at * step]);
                let [r, g, b] = entries.get(entry).copied().unwrap_or_default();
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
            } => {
                let entry = usize::from(samples[at * step]);
                let colour = entries.get(entry).copied().unwrap_or_default();
                colour.map(|channel| (channel >> 8) as u8)
            }
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
