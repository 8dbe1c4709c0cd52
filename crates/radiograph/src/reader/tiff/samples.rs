//! The samples of a TIFF image, put together from its strips or tiles.

use super::chunks::{self, Chunks};
use super::layout::{Layout, Numbers, WORKING_BYTES, compression, corrupt, unsupported};
use super::old_jpeg::decode_old_jpeg;
use super::unpack;
use crate::error::cut_short;
use crate::plane::{check_memory, zeros};
use crate::reader::jpeg::Channels;
use crate::{DecodeError, Limits};

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
    pub(super) fn decode(layout: &Layout<'_>, limits: &Limits) -> Result<Self, DecodeError> {
        let chunks = Chunks::find(layout)?;
        let count = layout.width as u64 * layout.height as u64 * layout.samples as u64;
        let floats = layout.bits > 16 || layout.numbers == Numbers::Float;
        let each = match layout.bits {
            _ if floats => 4,
            ..=8 => 1,
            _ => 2,
        };
        let jpeg = matches!(
            layout.compression,
            compression::JPEG | compression::OLD_JPEG
        );
        let chunk_bytes = layout.chunk_bytes(layout.chunk_height);
        let chunk_bytes = if jpeg { 0 } else { chunk_bytes as u64 };
        let working = chunk_bytes.saturating_add(WORKING_BYTES);
        let (width, height) = (layout.width as u32, layout.height as u32);
        check_memory(width, height, count * each, working, limits)?;
        if jpeg && (each != 1 || layout.bits != 8) {
            return Err(unsupported(format!("JPEG of {} bits", layout.bits)));
        }
        if layout.in_units() && (layout.bits != 8 || layout.planar) {
            return Err(unsupported("chroma that is sampled less often, in planes"));
        }
        let mut samples = match each {
            1 => Self::Bytes(zeros(count, limits)?),
            2 => Self::Words(zeros(count, limits)?),
            _ => Self::Floats(zeros(count, limits)?),
        };
        let rest = Limits {
            max_decoded_bytes: limits.max_decoded_bytes - count * each,
            ..limits.clone()
        };
        if layout.compression == compression::OLD_JPEG {
            let decoded = decode_old_jpeg(layout, &chunks, &rest)?;
            let whole = Place {
                x: 0,
                y: 0,
                columns: layout.width,
                rows: layout.height,
                channel: 0,
            };
            samples.put_channels(layout, &whole, &decoded)?;
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
        chunks.check_overlap()?;
        let mut buffer = Vec::new();
        if !jpeg {
            buffer = zeros(layout.chunk_bytes(layout.chunk_height) as u64, limits)?;
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
                    return Err(corrupt(cut_short(1.0 - y as f64 / down as f64)));
                }
                let most = layout.chunk_width * layout.chunk_height.max(8);
                let decoded = chunks::jpeg_channels(&chunks.jpeg(index), most, limits)?;
                self.put_channels(layout, &place, &decoded)?;
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
            return Err(corrupt(cut_short(missing)));
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
                // Most files: nothing has to be taken apart.
                Self::Bytes(samples) if layout.is_plain_bytes() && step == 1 => {
                    for (place, &byte) in samples[range].iter_mut().zip(&*row) {
                        *place = byte;
                    }
                }
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
    fn put_channels(
        &mut self,
        layout: &Layout<'_>,
        place: &Place,
        decoded: &Channels,
    ) -> Result<(), DecodeError> {
        let together = layout.together();
        let (width, height) = (decoded.width as usize, decoded.height as usize);
        if decoded.channels != together || width < place.columns || height < place.rows {
            return Err(corrupt("one of its JPEG strips has another size"));
        }
        let Self::Bytes(samples) = self else {
            return Err(unsupported("JPEG of more than 8 bits"));
        };
        for row in 0..place.rows {
            let from = &decoded.raw[row * width * together..][..place.columns * together];
            let first = ((place.y + row) * layout.width + place.x) * layout.samples + place.channel;
            let step = layout.samples / together;
            let places = samples[first..].iter_mut().step_by(step);
            for (place, &value) in places.zip(from) {
                *place = value;
            }
        }
        Ok(())
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
