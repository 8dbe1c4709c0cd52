//! JPEG 2000 (ITU T.800), decoded by `hayro-jpeg2000`, which takes memory for what a stream says: so that is looked at first.

use hayro_jpeg2000::{DecodeSettings, DecoderContext, Image};

use super::Flaw;
use super::markers::{self, OTHER_SIZE, u16_be, u32_be};
use crate::header::CUT_SHORT;

/// What a sample takes while it is decoded: three floating-point numbers, and its share of tables.
pub(super) const WORKING_BYTES: u64 = 16;

/// What a codestream begins with: its first two markers.
const CODESTREAM: &[u8] = b"\xff\x4f\xff\x51";
/// What a codestream in a file of its own begins with. In DICOM it should not be.
const BOXED: &[u8] = b"\0\0\0\x0cjP  \r\n\x87\n";

/// Whether a frame is JPEG 2000.
pub(super) fn is(frame: &[u8]) -> bool {
    frame.starts_with(CODESTREAM) || frame.starts_with(BOXED)
}

/// Writes the samples of the stream to `cells`, interleaved, and returns how many bits each has.
///
/// # Errors
/// If the stream is of another size than `width` x `height` x `samples`, is damaged, or ends early.
#[inline(never)]
pub(super) fn decode(
    frame: &[u8],
    width: usize,
    height: usize,
    samples: usize,
    cells: &mut [u16],
) -> Result<u8, Flaw> {
    // The file around a codestream only says how it is to be shown, which the DICOM file does.
    let start = frame
        .windows(CODESTREAM.len())
        .position(|bytes| bytes == CODESTREAM);
    let stream = start
        .and_then(|start| frame.get(start..))
        .ok_or(Flaw::Corrupt(CUT_SHORT))?;
    let size = Size::examine(stream)?;
    if (size.width, size.height, size.samples) != (width, height, samples) {
        return Err(Flaw::Corrupt(OTHER_SIZE));
    }
    let settings = DecodeSettings {
        strict: true,
        ..DecodeSettings::default()
    };
    let damaged = |_| Flaw::Corrupt("its JPEG 2000 stream is damaged");
    let image = Image::new(stream, &settings).map_err(damaged)?;
    let mut context = DecoderContext::default();
    let decoded = image.decode(&mut context).map_err(damaged)?;
    let components = decoded.components();
    if components.len() != samples
        || components
            .iter()
            .any(|component| component.samples().len() != width * height)
    {
        return Err(Flaw::Corrupt(OTHER_SIZE));
    }
    let most = f32::from(u16::MAX >> (16 - size.precision));
    // The decoder adds half of the range to signed samples too.
    let flip = if size.signed {
        1 << (size.precision - 1)
    } else {
        0
    };
    for (channel, component) in components.iter().enumerate() {
        let place = cells.iter_mut().skip(channel).step_by(samples);
        for (cell, &sample) in place.zip(component.samples()) {
            *cell = (sample + 0.5).clamp(0.0, most) as u16 ^ flip;
        }
    }
    Ok(size.precision)
}

/// What the header of a codestream says.
struct Size {
    width: usize,
    height: usize,
    samples: usize,
    precision: u8,
    signed: bool,
}

/// Tiles, blocks and precincts smaller than these are no radiograph's, and each takes its share of memory.
const LEAST_TILE: u32 = 32;
const LEAST_BLOCK_BITS: u8 = 3;
const LEAST_PRECINCT_BITS: u8 = 5;

/// What is wrong with a stream whose tables would be larger than its image.
const SPLIT: &str = "it is split into too many parts";

impl Size {
    /// Reads the header of a codestream, and walks over its tiles: they have to be there, and may not be split up so finely
    /// that it is the splitting that takes memory.
    fn examine(stream: &[u8]) -> Result<Self, Flaw> {
        let body = segment(stream, 2)?;
        let [right, bottom, left, top] = [2, 6, 10, 14].map(|at| u32_be(body, at));
        let [tile_width, tile_height] = [18, 22].map(|at| u32_be(body, at));
        let (width, height) = (right?.checked_sub(left?), bottom?.checked_sub(top?));
        let (width, height) = width.zip(height).ok_or(Flaw::Corrupt(OTHER_SIZE))?;
        let (tile_width, tile_height) = (tile_width?, tile_height?);
        if tile_width < LEAST_TILE.min(width) || tile_height < LEAST_TILE.min(height) {
            return Err(Flaw::Corrupt(SPLIT));
        }
        let samples = usize::from(u16_be(body, 34)?);
        let (components, _) = body.get(36..).unwrap_or_default().as_chunks::<3>();
        let components = components.get(..samples).ok_or(Flaw::Corrupt(CUT_SHORT))?;
        let Some(&[kind, 1, 1]) = components.first() else {
            return Err(Flaw::Unsupported("JPEG 2000 with subsampled colours"));
        };
        if components
            .iter()
            .any(|&component| component != [kind, 1, 1])
        {
            return Err(Flaw::Unsupported("JPEG 2000 with channels that differ"));
        }
        let precision = (kind & 0x7f) + 1;
        if precision > 16 {
            return Err(Flaw::Unsupported("pixels of more than 16 bits"));
        }
        let size = Self {
            width: width as usize,
            height: height as usize,
            samples,
            precision,
            signed: kind & 0x80 != 0,
        };
        size.walk(stream, 2)?;
        Ok(size)
    }

    /// Walks over the markers from `at` on, tile after tile, to the end of the codestream.
    fn walk(&self, stream: &[u8], mut at: usize) -> Result<(), Flaw> {
        // Where the current tile ends.
        let mut end = None;
        loop {
            let marker = u16_be(stream, at)?;
            match marker {
                0xffd9 => return Ok(()),
                // The data of a tile, which are as long as its header said.
                0xff93 => {
                    let Some(next) = end.take() else {
                        return Err(Flaw::Corrupt(CUT_SHORT));
                    };
                    if next <= at {
                        return Err(Flaw::Corrupt(CUT_SHORT));
                    }
                    at = next;
                    continue;
                }
                _ => {}
            }
            let body = segment(stream, at)?;
            match marker {
                // A tile: its number, its length from here on, or 0 for all there is.
                0xff90 => {
                    let length = u32_be(body, 2)? as usize;
                    let last = stream.len().saturating_sub(2);
                    end = match length {
                        // Up to the last marker; a byte may follow that.
                        0 if stream.ends_with(b"\xff\xd9") => Some(last),
                        0 if stream.ends_with(b"\xff\xd9\0") => Some(last - 1),
                        0 => return Err(Flaw::Corrupt(CUT_SHORT)),
                        length => at.checked_add(length),
                    };
                }
                0xff52 => coding(body, 0, 5)?,
                // The same for one component.
                0xff53 => coding(body, 1, 2)?,
                _ => {}
            }
            at += 2 + usize::from(u16_be(stream, at + 2)?).max(2);
        }
    }
}

/// Checks how a component is split up (T.800, A.6.1 and A.6.2): its style is at `style`, its levels are at `levels`.
fn coding(body: &[u8], style: usize, levels: usize) -> Result<(), Flaw> {
    let at = |index: usize| body.get(index).copied().ok_or(Flaw::Corrupt(CUT_SHORT));
    let has_precincts = at(style)? & 1 == 1;
    if at(levels)? > 32 {
        return Err(Flaw::Corrupt("it has too many levels"));
    }
    // Both are stored as 2 less than they are.
    if (at(levels + 1)? & 15) + 2 < LEAST_BLOCK_BITS
        || (at(levels + 2)? & 15) + 2 < LEAST_BLOCK_BITS
    {
        return Err(Flaw::Corrupt(SPLIT));
    }
    if has_precincts {
        let precincts = body.get(levels + 5..).unwrap_or_default();
        // The first is of the smallest level, where there is little to split.
        if precincts
            .iter()
            .skip(1)
            .any(|size| size & 15 < LEAST_PRECINCT_BITS || size >> 4 < LEAST_PRECINCT_BITS)
        {
            return Err(Flaw::Corrupt(SPLIT));
        }
    }
    Ok(())
}

/// What belongs to the marker at `at`, without its length.
fn segment(stream: &[u8], at: usize) -> Result<&[u8], Flaw> {
    let length = usize::from(markers::u16_be(stream, at + 2)?);
    stream
        .get(at + 2..)
        .and_then(|rest| rest.get(2..length))
        .ok_or(Flaw::Corrupt(CUT_SHORT))
}
