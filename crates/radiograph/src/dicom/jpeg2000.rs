//! JPEG 2000 (ITU T.800), decoded by `hayro-jpeg2000`, which takes memory for what a stream says: so that is looked at first.

use hayro_jpeg2000::{DecodeSettings, DecoderContext, Image};

use super::Flaw;
use super::markers::{self, OTHER_SIZE, u16_be, u32_be};
use crate::header::CUT_SHORT;

/// What a sample takes while it is decoded: three floating-point numbers, and its share of tables.
pub(super) const WORKING_BYTES: u64 = 13;

/// What a codestream begins with: its first two markers.
const CODESTREAM: &[u8] = b"\xff\x4f\xff\x51";
/// What a codestream in a file of its own begins with. In DICOM it should not be.
const BOXED: &[u8] = b"\0\0\0\x0cjP  \r\n\x87\n";

/// Whether a frame is JPEG 2000.
pub(super) fn is(frame: &[u8]) -> bool {
    frame.starts_with(CODESTREAM) || frame.starts_with(BOXED)
}

/// The codestream in a frame. What is around it only says how it is to be shown, which the DICOM file does.
fn codestream(frame: &[u8]) -> Result<&[u8], Flaw> {
    frame
        .windows(CODESTREAM.len())
        .position(|bytes| bytes == CODESTREAM)
        .and_then(|start| frame.get(start..))
        .ok_or(Flaw::Corrupt(CUT_SHORT))
}

/// Whether a codestream is of part 15, which packs its blocks otherwise: its size says that it needs more than part 1.
pub(super) fn is_high_throughput(frame: &[u8]) -> bool {
    codestream(frame)
        .and_then(|stream| u16_be(segment(stream, 2)?, 0))
        .is_ok_and(|needs| needs & 0x4000 != 0)
}

/// How many components a codestream has.
pub(super) fn channels(frame: &[u8]) -> Result<usize, Flaw> {
    let body = segment(codestream(frame)?, 2)?;
    Ok(usize::from(u16_be(body, 34)?))
}

/// What the samples of a stream are.
pub(super) struct Samples {
    /// How many bits each has.
    pub(super) precision: u8,
    pub(super) signed: bool,
    /// Whether the stream has its last marker.
    pub(super) ended: bool,
}

/// Writes the samples of the stream to `cells`, interleaved.
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
) -> Result<Samples, Flaw> {
    let stream = codestream(frame)?;
    let (size, unended) = Size::examine(stream)?;
    if (size.width, size.height, size.samples) != (width, height, samples) {
        return Err(Flaw::Corrupt(OTHER_SIZE));
    }
    let settings = DecodeSettings {
        strict: true,
        ..DecodeSettings::default()
    };
    let mut stream = std::borrow::Cow::Borrowed(stream);
    if let Some(end) = unended {
        let stream = stream.to_mut();
        stream.truncate(end);
        stream.extend_from_slice(b"\xff\xd9");
    }
    let damaged = |_| Flaw::Corrupt("its JPEG 2000 stream is damaged");
    let image = Image::new(&stream, &settings).map_err(damaged)?;
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
    Ok(Samples {
        precision: size.precision,
        signed: size.signed,
        ended: unended.is_none(),
    })
}

/// What the header of a codestream says.
struct Size {
    width: usize,
    height: usize,
    samples: usize,
    precision: u8,
    signed: bool,
    /// How many tiles the image is made of.
    tiles: u64,
}

/// Tiles, blocks and precincts smaller than these are no radiograph's, and each takes its share of memory.
const LEAST_TILE: u32 = 32;
const LEAST_BLOCK_BITS: u8 = 3;
const LEAST_PRECINCT_BITS: u8 = 5;

/// What is wrong with a stream whose tables would be larger than its image.
const SPLIT: &str = "it is split into too many parts";

impl Size {
    /// Reads the header of a codestream, and walks over its tiles: they have to be there, and may not be split up so finely
    /// that it is the splitting that takes memory. Also returns where the last of
    /// them ends in a stream without its last marker.
    fn examine(stream: &[u8]) -> Result<(Self, Option<usize>), Flaw> {
        let body = segment(stream, 2)?;
        let [right, bottom, left, top] = [2, 6, 10, 14].map(|at| u32_be(body, at));
        let [tile_width, tile_height] = [18, 22].map(|at| u32_be(body, at));
        let (width, height) = (right?.checked_sub(left?), bottom?.checked_sub(top?));
        let (width, height) = width.zip(height).ok_or(Flaw::Corrupt(OTHER_SIZE))?;
        let (tile_width, tile_height) = (tile_width?, tile_height?);
        let tiles_in = |end: usize, tile_start: usize, side: u32| {
            let (end, start) = (u32_be(body, end)?, u32_be(body, tile_start)?);
            Ok::<_, Flaw>(u64::from(end.saturating_sub(start)).div_ceil(u64::from(side.max(1))))
        };
        let tiles = tiles_in(2, 26, tile_width)? * tiles_in(6, 30, tile_height)?;
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
            tiles,
        };
        let unended = size.walk(stream, 2)?;
        Ok((size, unended))
    }

    /// Walks over the markers from `at` on, tile after tile, to the end of the codestream. A stream without its last marker has to have
    /// every part of every tile; then returns where they end.
    fn walk(&self, stream: &[u8], mut at: usize) -> Result<Option<usize>, Flaw> {
        // Where the current tile ends.
        let mut end = None;
        // Tiles that have begun, the parts that they say they have, and those that were seen.
        let (mut tiles, mut said, mut seen) = (0_u64, 0_u64, 0_u64);
        loop {
            if end.is_none() && tiles == self.tiles && said <= seen {
                let rest = stream.get(at..).ok_or(Flaw::Corrupt(CUT_SHORT))?;
                if rest.iter().all(|&byte| byte == 0) {
                    return Ok(Some(at));
                }
            }
            let marker = u16_be(stream, at)?;
            match marker {
                0xffd9 => return Ok(None),
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
                    let (number, count) = body
                        .get(6)
                        .zip(body.get(7))
                        .ok_or(Flaw::Corrupt(CUT_SHORT))?;
                    tiles += u64::from(*number == 0);
                    said += u64::from(*count) * u64::from(*number == 0);
                    seen += 1;
                    end = match length {
                        // Up to the last marker; a byte may follow that.
                        0 if stream.ends_with(b"\xff\xd9") => Some(last),
                        0 if stream.ends_with(b"\xff\xd9\0") => Some(last - 1),
                        0 => Some(stream.len()),
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
