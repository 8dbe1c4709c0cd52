//! The pixels of a frame, whatever they are compressed with, as one number a sample.

use std::borrow::Cow;

use dicom_core::VR;
use dicom_dictionary_std::tags;

use super::dataset::Dataset;
use super::frame::{Codec, Frame};
use super::layout::{Colour, Layout, Sampling};
use super::open::Body;
use super::repairs::Repair;
use super::{Flaw, bits, jpeg_ls, jpeg2000, lossless, markers, rle};
use crate::header::{self, CUT_SHORT};
use crate::{Format, Limits, decode, jpeg, luma};

/// Returns the samples of the first frame, interleaved, each with the bits that count at the bottom. Those above may be anything.
///
/// Where the pixels know better than the file how they are stored, `layout` follows them.
pub(super) fn read(
    dataset: &Dataset<'_>,
    layout: &mut Layout,
    body: &Body<'_>,
    limits: &Limits,
) -> Result<Vec<u16>, Flaw> {
    let frame = Frame::read(dataset, layout.frames, layout.frame_bytes(), &body.syntax)?;
    let Frame {
        bytes,
        codec,
        channels,
    } = frame;
    match (codec, channels) {
        (Codec::Plain, _) => layout.follow(bytes.len(), dataset)?,
        (Codec::RunLength, _) => layout.follow_segments(rle::segments(&bytes)?, dataset)?,
        (_, Some(channels)) => layout.adopt(channels, dataset)?,
        _ => {}
    }
    let count = layout.pixels() * layout.samples;
    let dct = match codec {
        Codec::Dct => Some(header::examine(Format::Jpeg, &bytes)?),
        _ => None,
    };
    let codec_bytes = match codec {
        Codec::Jpeg2000 => jpeg2000::WORKING_BYTES * count as u64,
        // The samples once more, as bytes.
        Codec::Dct => dct.map_or(0, |header| header.working_bytes) + count as u64,
        _ => 0,
    };
    let joined = match &bytes {
        Cow::Borrowed(_) => 0,
        Cow::Owned(bytes) => bytes.len() as u64,
    };
    let kept = body.memory() + joined + 2 * count as u64;
    // Channels are there once more when colour or grey is made of them.
    let once_more = match layout.samples {
        3 => 2 * count as u64,
        _ => 0,
    };
    decode::check_memory(
        layout.columns,
        layout.rows,
        kept + once_more,
        codec_bytes,
        limits,
    )?;
    let mut cells = decode::zeros::<u16>(count as u64, limits)?;
    let (width, height) = (layout.columns as usize, layout.rows as usize);
    let samples = layout.samples;
    // How many bits the samples have, counted from the bottom, those that do not count among them.
    let precision = match codec {
        Codec::Plain => {
            plain(&bytes, dataset, layout, body.syntax.big_pixels, &mut cells)?;
            layout.bits_each()
        }
        Codec::RunLength => {
            rle::decode(&bytes, samples, layout.bytes_each, &mut cells)?;
            layout.bits_each()
        }
        Codec::Dct => {
            let header = dct.unwrap_or_default();
            dct_samples(bytes, layout, &header, limits, &mut cells)?;
            8
        }
        Codec::Lossless => lossless::decode(&bytes, width, height, samples, &mut cells)?,
        Codec::JpegLs => jpeg_ls::decode(&bytes, width, height, samples, &mut cells)?,
        Codec::Jpeg2000 => {
            let found = jpeg2000::decode(&bytes, width, height, samples, &mut cells)?;
            if !found.ended {
                dataset.note(Repair::End);
            }
            // What the stream says has been made use of.
            layout.signed |= found.signed;
            found.precision
        }
    };
    let mut cells = match layout.is_grey_in_colour() {
        true => grey(&cells, codec),
        false => cells,
    };
    if layout.is_grey_in_colour() {
        layout.samples = 1;
    }
    layout.settle_colour();
    bits::settle(&mut cells, precision, layout, dataset);
    Ok(cells)
}

/// Greys of channels that are said to be grey: the luminance.
fn grey(cells: &[u16], codec: Codec) -> Vec<u16> {
    let pixels = cells.as_chunks::<3>().0.iter();
    match codec {
        // The first of them already.
        Codec::Dct => pixels.map(|&[y, _, _]| y).collect(),
        _ => pixels
            .map(|&[r, g, b]| {
                let grey = luma::rgb32(f32::from(r), f32::from(g), f32::from(b));
                (grey + 0.5) as u16
            })
            .collect(),
    }
}

/// Writes the samples of JPEG with loss to `cells`.
fn dct_samples(
    mut stream: Cow<'_, [u8]>,
    layout: &mut Layout,
    header: &header::Header,
    limits: &Limits,
    cells: &mut [u16],
) -> Result<(), Flaw> {
    let mut direct = false;
    if layout.samples == 3
        && let Some((colour, adobe)) = colour_of(&stream)?
    {
        direct = colour == Colour::Rgb;
        if !layout.is_grey_in_colour() {
            layout.colour = colour;
        }
        if let Some(at) = adobe {
            // The decoder takes three channels that Adobe did not transform for four. Its note becomes another's.
            stream.to_mut()[at] = 0xef;
        }
    }
    let planes = jpeg::read_planes(&stream, header, limits)?;
    if (planes.width, planes.height, planes.channels)
        != (layout.columns, layout.rows, layout.samples)
    {
        return Err(Flaw::Corrupt(markers::OTHER_SIZE));
    }
    let made_grey = direct && layout.is_grey_in_colour();
    if made_grey {
        let pixels = planes.raw.as_chunks::<3>().0;
        for (cells, &[r, g, b]) in cells.as_chunks_mut::<3>().0.iter_mut().zip(pixels) {
            cells[0] = u16::from(luma::to_u8(luma::rgb8(r, g, b)));
        }
        return Ok(());
    }
    for (cell, &sample) in cells.iter_mut().zip(&planes.raw) {
        *cell = u16::from(sample);
    }
    Ok(())
}

/// What JPEG says of its colours itself, in the markers of JFIF and of Adobe; and where the marker of the latter is.
fn colour_of(frame: &[u8]) -> Result<Option<(Colour, Option<usize>)>, Flaw> {
    let mut walk = markers::Walk::new(frame);
    while let Some(segment) = walk.next()? {
        match segment.marker {
            0xe0 if segment.body.starts_with(b"JFIF\0") => {
                return Ok(Some((Colour::Luminance, None)));
            }
            0xee if segment.body.starts_with(b"Adobe") => {
                let transformed = segment
                    .body
                    .get(11)
                    .is_some_and(|&transform| transform != 0);
                let colour = if transformed {
                    Colour::Luminance
                } else {
                    Colour::Rgb
                };
                // Its length is between the two.
                let at = frame.len() - walk.rest().len() - segment.body.len() - 3;
                return Ok(Some((colour, Some(at))));
            }
            0xda => break,
            _ => {}
        }
    }
    Ok(None)
}

/// Writes samples that are not compressed to `cells`.
fn plain(
    frame: &[u8],
    dataset: &Dataset<'_>,
    layout: &mut Layout,
    big_pixels: bool,
    cells: &mut [u16],
) -> Result<(), Flaw> {
    let pixels = layout.pixels();
    if layout.sampling == Sampling::Half && !layout.columns.is_multiple_of(2) {
        return Err(Flaw::Corrupt("its rows have half a colour too many"));
    }
    let frame = frame
        .get(..layout.frame_bytes())
        .ok_or(Flaw::Corrupt(CUT_SHORT))
        // A byte that is swapped with one more.
        .map(|whole| {
            frame
                .get(..whole.len().next_multiple_of(2))
                .unwrap_or(whole)
        })?;
    let mut big = dataset.is_big_endian() || big_pixels;
    if layout.bytes_each == 2 && bits::is_swapped(frame, big, layout.signed) {
        dataset.note(Repair::Claim);
        big = !big;
    }
    // In big-endian files bytes are swapped too, where they are said to be words.
    let swapped =
        usize::from(dataset.is_big_endian() && dataset.kind(tags::PIXEL_DATA) == Some(VR::OW));
    match layout.bytes_each {
        1 => arrange(layout, cells, |index| {
            u16::from(frame.get(index ^ swapped).copied().unwrap_or(0))
        }),
        2 => arrange(layout, cells, |index| {
            let word = [frame[2 * index], frame[2 * index + 1]];
            if big {
                u16::from_be_bytes(word)
            } else {
                u16::from_le_bytes(word)
            }
        }),
        each => {
            let wide = Wide::new(frame, each, big, layout);
            arrange(layout, cells, |index| wide.sample(index));
            wide.settle(layout);
        }
    }
    debug_assert!(pixels <= cells.len(), "a cell for each pixel");
    Ok(())
}

/// Puts samples where they belong.
fn arrange(layout: &Layout, cells: &mut [u16], sample: impl Fn(usize) -> u16) {
    let pixels = layout.pixels();
    let columns = layout.columns as usize;
    match layout.sampling {
        _ if layout.samples == 1 => {
            for (index, cell) in cells.iter_mut().enumerate() {
                *cell = sample(index);
            }
        }
        Sampling::Half => {
            for (pair, cells) in cells.chunks_exact_mut(6).enumerate() {
                let [y0, y1, b, r] = std::array::from_fn(|part| sample(4 * pair + part));
                cells.copy_from_slice(&[y0, b, r, y1, b, r]);
            }
        }
        Sampling::Quarter => {
            let across = columns.div_ceil(2);
            let down = (layout.rows as usize).div_ceil(2);
            for (pixel, cells) in cells.chunks_exact_mut(3).enumerate() {
                let (x, y) = (pixel % columns, pixel / columns);
                let colour = pixels + y / 2 * across + x / 2;
                cells.copy_from_slice(&[
                    sample(pixel),
                    sample(colour),
                    sample(colour + across * down),
                ]);
            }
        }
        Sampling::Full if layout.planar => {
            for (pixel, cells) in cells.chunks_exact_mut(3).enumerate() {
                for (channel, cell) in cells.iter_mut().enumerate() {
                    *cell = sample(channel * pixels + pixel);
                }
            }
        }
        Sampling::Full => {
            for (index, cell) in cells.iter_mut().enumerate() {
                *cell = sample(index);
            }
        }
    }
}

/// Samples of more than two bytes, of which the 16 bits are kept that there is something in.
struct Wide<'a> {
    frame: &'a [u8],
    each: usize,
    big: bool,
    /// Bits that count, and those below them that do not.
    stored: u32,
    shift: u32,
    signed: bool,
    /// Bits that are left out at the bottom.
    drop: u32,
}

impl<'a> Wide<'a> {
    fn new(frame: &'a [u8], each: usize, big: bool, layout: &Layout) -> Self {
        let bits = 8 * each as u32;
        let stored = u32::from(layout.stored).clamp(1, bits);
        let mut wide = Self {
            frame,
            each,
            big,
            stored,
            shift: u32::from(layout.shift).min(bits - stored),
            signed: layout.signed,
            drop: 0,
        };
        let count = frame.len() / each;
        let (mut least, mut most) = (0, 0);
        for index in 0..count {
            let value = wide.value(index);
            (least, most) = (value.min(least), value.max(most));
        }
        let fits = |drop: u32| {
            let (least, most) = (least >> drop, most >> drop);
            match wide.signed {
                true => least >= i128::from(i16::MIN) && most <= i128::from(i16::MAX),
                false => most <= i128::from(u16::MAX),
            }
        };
        wide.drop = (0..bits).find(|&drop| fits(drop)).unwrap_or(0);
        wide
    }

    /// A sample, with its sign.
    fn value(&self, index: usize) -> i128 {
        let bytes = self.frame.get(index * self.each..(index + 1) * self.each);
        let bytes = bytes.unwrap_or_default().iter();
        let join = |all: u64, &byte: &u8| all << 8 | u64::from(byte);
        let raw = match self.big {
            true => bytes.fold(0, join),
            false => bytes.rev().fold(0, join),
        };
        let unused = 64 - self.stored;
        let raw = raw >> self.shift << unused;
        match self.signed {
            true => i128::from(raw.cast_signed() >> unused),
            false => i128::from(raw >> unused),
        }
    }

    fn sample(&self, index: usize) -> u16 {
        // It fits, with or without its sign.
        (self.value(index) >> self.drop) as u16
    }

    /// Says how many bits are left, and what a unit of them is worth.
    fn settle(&self, layout: &mut Layout) {
        layout.bytes_each = 2;
        layout.shift = 0;
        layout.unit = (self.drop as f64).exp2();
        layout.stored = match self.drop {
            0 => layout.stored.min(16),
            _ => 16,
        };
    }
}
