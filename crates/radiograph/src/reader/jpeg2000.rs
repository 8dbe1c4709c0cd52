//! JPEG 2000 (ITU T.800), decoded by `hayro-jpeg2000`, which takes memory for what a stream says: so that is looked at first.

use std::borrow::Cow;

use hayro_jpeg2000::{ComponentData, DecodeSettings, DecoderContext, Image};
use image::ColorType;

use crate::elsewhere::Samples;
use crate::error::CUT_SHORT;
use crate::header::Fault;
use crate::header::jpeg2000::{
    BOXED, WORKING_BYTES, codestream, is_high_throughput, number16, number32, segment,
};
use crate::plane::{Raster, check_dimensions, check_memory, zeros};
use crate::{DecodeError, Format, Limits};

/// What is wrong with a stream that cannot be decoded.
const DAMAGED: &str = "its JPEG 2000 stream is damaged";

/// What is wrong with a stream that is not as large as what is around it says.
const OTHER_SIZE: &str = "its compressed image has another size";

/// Writes the samples of the stream within another file to `cells`, interleaved.
///
/// # Errors
/// If the stream is of another size than `width` x `height` x `samples`, is damaged, or ends early.
#[inline(never)]
pub(crate) fn decode_jpeg2000_samples(
    frame: &[u8],
    width: usize,
    height: usize,
    samples: usize,
    cells: &mut [u16],
) -> Result<Samples, Fault> {
    let stream = codestream(frame)?;
    let (size, unended) = Size::examine(stream)?;
    if (size.width, size.height, size.samples) != (width, height, samples) {
        return Err(OTHER_SIZE.into());
    }
    let stream = ended(stream, unended);
    let image = open(&stream)?;
    let mut context = DecoderContext::default();
    let decoded = image.decode(&mut context).map_err(|_| DAMAGED)?;
    let components = decoded.components();
    let fits = |component: &ComponentData| component.samples().len() == width * height;
    if components.len() != samples || !components.iter().all(fits) {
        return Err(OTHER_SIZE.into());
    }
    let greatest = f32::from(u16::MAX >> (16 - size.precision));
    // The decoder adds half of the range to signed samples too.
    let flip = if size.signed {
        1 << (size.precision - 1)
    } else {
        0
    };
    for (channel, component) in components.iter().enumerate() {
        let place = cells.iter_mut().skip(channel).step_by(samples);
        for (cell, &sample) in place.zip(component.samples()) {
            *cell = (sample + 0.5).clamp(0.0, greatest) as u16 ^ flip;
        }
    }
    Ok(Samples {
        precision: size.precision,
        signed: size.signed,
        ended: unended.is_none(),
    })
}

/// Returns the pixels of a JPEG 2000 file: a codestream, by itself or in boxes (JP2, ITU T.800, annex I) that say what its colours are.
///
/// # Errors
/// If the file is damaged, ends early, has colours that are not read here, or takes more memory than `limits` allow.
#[inline(never)]
pub(crate) fn decode_jpeg2000(bytes: &[u8], limits: &Limits) -> Result<Raster, DecodeError> {
    let fail = |fault: Fault| fault.into_error(Format::Jpeg2000);
    let stream = codestream(bytes).map_err(fail)?;
    if is_high_throughput(stream) {
        return Err(fail(unsupported("high-throughput JPEG 2000")));
    }
    let (size, unended) = Size::examine(stream).map_err(fail)?;
    // Both came from `u32`.
    let (width, height) = (size.width as u32, size.height as u32);
    check_dimensions(width, height, limits)?;
    // A table of colours may make four channels of one.
    let channels = size.samples.max(4) as u64;
    let pixels = u64::from(width) * u64::from(height);
    let raw_bytes = 2 * channels * pixels;
    check_memory(
        width,
        height,
        raw_bytes,
        WORKING_BYTES * channels * pixels,
        limits,
    )?;
    let boxed = bytes.starts_with(BOXED);
    let file = match unended {
        None if boxed => Cow::Borrowed(bytes),
        // Where the boxes end is in them.
        Some(_) if boxed => return Err(fail(CUT_SHORT.into())),
        _ => ended(stream, unended),
    };
    raster(&file, width, height, limits).map_err(fail)
}

/// The pixels of a file whose header has been examined.
fn raster(file: &[u8], width: u32, height: u32, limits: &Limits) -> Result<Raster, Fault> {
    let image = open(file)?;
    let mut context = DecoderContext::default();
    let pixels = width as usize * height as usize;
    let decoded = image.decode(&mut context).map_err(|_| DAMAGED)?;
    let components = decoded.components();
    let fits = |component: &ComponentData| component.samples().len() == pixels;
    if !components.iter().all(fits) {
        return Err(OTHER_SIZE.into());
    }
    let (colours, alpha) = (image.color_space().num_channels(), image.has_alpha());
    let color_type = match (colours, alpha, components.len()) {
        (1, false, 1) => ColorType::L16,
        (1, true, 2) => ColorType::La16,
        (3, false, 3) => ColorType::Rgb16,
        (3, true, 4) => ColorType::Rgba16,
        _ => {
            return Err(unsupported(
                "JPEG 2000 with channels that are not grey or RGB",
            ));
        }
    };
    let narrow = components
        .iter()
        .all(|component| component.bit_depth() <= 8);
    let (color_type, each) = match (color_type, narrow) {
        (ColorType::L16, true) => (ColorType::L8, 1),
        (ColorType::La16, true) => (ColorType::La8, 1),
        (ColorType::Rgb16, true) => (ColorType::Rgb8, 1),
        (ColorType::Rgba16, true) => (ColorType::Rgba8, 1),
        (wide, _) => (wide, 2),
    };
    let mut raw = zeros::<u8>((pixels * components.len() * each) as u64, limits)?;
    let white = if narrow { 255.0 } else { 65535.0 };
    for (channel, component) in components.iter().enumerate() {
        let scale = white / f32::from(u16::MAX >> (16 - component.bit_depth().clamp(1, 16)));
        let levels = component.samples().iter();
        let levels = levels.map(|sample| (sample * scale + 0.5).clamp(0.0, white) as u16);
        let places = raw.chunks_exact_mut(each).skip(channel);
        for (place, level) in places.step_by(components.len()).zip(levels) {
            match place {
                [byte] => *byte = level as u8,
                word => word.copy_from_slice(&level.to_ne_bytes()),
            }
        }
    }
    Ok(Raster {
        width,
        height,
        orientation: 1,
        color_type,
        raw,
    })
}

/// The stream with its last marker, where it lacks that and ends at `unended`.
fn ended(stream: &[u8], unended: Option<usize>) -> Cow<'_, [u8]> {
    match unended {
        None => Cow::Borrowed(stream),
        Some(end) => Cow::Owned([&stream[..end], b"\xff\xd9"].concat()),
    }
}

fn open(file: &[u8]) -> Result<Image<'_>, Fault> {
    let settings = DecodeSettings {
        strict: true,
        ..DecodeSettings::default()
    };
    Image::new(file, &settings).map_err(|_| DAMAGED.into())
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
    fn examine(stream: &[u8]) -> Result<(Self, Option<usize>), Fault> {
        let body = segment(stream, 2)?;
        let [right, bottom, left, top] = [2, 6, 10, 14].map(|at| number32(body, at));
        let [tile_width, tile_height] = [18, 22].map(|at| number32(body, at));
        let (width, height) = (right?.checked_sub(left?), bottom?.checked_sub(top?));
        let (width, height) = width.zip(height).ok_or(OTHER_SIZE)?;
        let (tile_width, tile_height) = (tile_width?, tile_height?);
        let tiles_in = |end: usize, tile_start: usize, side: u32| {
            let (end, start) = (number32(body, end)?, number32(body, tile_start)?);
            Ok::<_, Fault>(u64::from(end.saturating_sub(start)).div_ceil(u64::from(side.max(1))))
        };
        let tiles = tiles_in(2, 26, tile_width)? * tiles_in(6, 30, tile_height)?;
        if tile_width < LEAST_TILE.min(width) || tile_height < LEAST_TILE.min(height) {
            return Err(SPLIT.into());
        }
        let samples = usize::from(number16(body, 34)?);
        let (components, _) = body.get(36..).unwrap_or_default().as_chunks::<3>();
        let components = components.get(..samples).ok_or(CUT_SHORT)?;
        let Some(&[kind, ..]) = components.first() else {
            return Err(unsupported("JPEG 2000 without channels"));
        };
        if components
            .iter()
            .any(|&[_, across, down]| (across, down) != (1, 1))
        {
            return Err(unsupported("JPEG 2000 with subsampled colours"));
        }
        if components.iter().any(|component| component[0] != kind) {
            return Err(unsupported("JPEG 2000 with channels that differ"));
        }
        let precision = (kind & 0x7f) + 1;
        if precision > 16 {
            return Err(unsupported("pixels of more than 16 bits"));
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
    fn walk(&self, stream: &[u8], mut at: usize) -> Result<Option<usize>, Fault> {
        // Where the current tile ends.
        let mut end = None;
        // Tiles that have begun, the parts that they say they have, and those that were seen.
        let (mut tiles, mut said, mut seen) = (0_u64, 0_u64, 0_u64);
        loop {
            if end.is_none() && tiles == self.tiles && said <= seen {
                let rest = stream.get(at..).ok_or(CUT_SHORT)?;
                if rest.iter().all(|&byte| byte == 0) {
                    return Ok(Some(at));
                }
            }
            let marker = number16(stream, at)?;
            match marker {
                0xffd9 => return Ok(None),
                // The data of a tile, which are as long as its header said.
                0xff93 => {
                    let Some(next) = end.take() else {
                        return Err(CUT_SHORT.into());
                    };
                    if next <= at {
                        return Err(CUT_SHORT.into());
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
                    let length = number32(body, 2)? as usize;
                    let last = stream.len().saturating_sub(2);
                    let (number, count) = body.get(6).zip(body.get(7)).ok_or(CUT_SHORT)?;
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
            at += 2 + usize::from(number16(stream, at + 2)?).max(2);
        }
    }
}

/// Checks how a component is split up (T.800, A.6.1 and A.6.2): its style is at `style`, its levels are at `levels`.
fn coding(body: &[u8], style: usize, levels: usize) -> Result<(), Fault> {
    let at = |index: usize| body.get(index).copied().ok_or(CUT_SHORT);
    let has_precincts = at(style)? & 1 == 1;
    if at(levels)? > 32 {
        return Err("it has too many levels".into());
    }
    // Both are stored as 2 less than they are.
    if (at(levels + 1)? & 15) + 2 < LEAST_BLOCK_BITS
        || (at(levels + 2)? & 15) + 2 < LEAST_BLOCK_BITS
    {
        return Err(SPLIT.into());
    }
    if has_precincts {
        let precincts = body.get(levels + 5..).unwrap_or_default();
        // The first is of the smallest level, where there is little to split.
        if precincts
            .iter()
            .skip(1)
            .any(|size| size & 15 < LEAST_PRECINCT_BITS || size >> 4 < LEAST_PRECINCT_BITS)
        {
            return Err(SPLIT.into());
        }
    }
    Ok(())
}

fn unsupported(what: &str) -> Fault {
    Fault::Unsupported(what.to_owned())
}
