//! The pixels of a frame, whatever they are compressed with, as one number a sample.

use std::borrow::Cow;

use super::bits;
use super::body::Body;
use super::codec::dct::{decode_dct, with_height};
use super::codec::decode_rare;
use super::codec::lossless::decode_lossless;
use super::codec::raw::decode_raw;
use super::codec::rle;
use super::elements::Elements;
use super::flaw::Flaw;
use super::frame::Frame;
use super::layout::Layout;
use super::repairs::Repair;
use super::syntax::Codec;
use crate::header::jpeg2000;
use crate::plane::{check_memory, zeros};
use crate::{DecodeError, Format, Limits, header, luma};

/// Returns the samples of a frame, interleaved, each with the bits that count at the bottom; those above may be anything. And the layout,
/// corrected where the pixels know better than the file how they are stored.
///
/// # Errors
/// If the frame is damaged, ends early, or takes more memory than `limits` allow.
pub(super) fn decode_frame(
    frame: Frame<'_>,
    layout: Layout,
    elements: &Elements<'_>,
    body: &Body<'_>,
    limits: &Limits,
) -> Result<(Layout, Vec<u16>), Flaw> {
    let Frame {
        bytes,
        codec,
        channels,
    } = frame;
    let mut layout = match (codec, channels) {
        (Codec::Raw, _) => layout.of_raw(bytes.len(), elements)?,
        (Codec::Rle, _) => layout.of_segments(rle::segments(&bytes)?, elements)?,
        (_, Some(channels)) => layout.of_stream(channels, elements)?,
        _ => layout,
    };
    let count = layout.pixels() * layout.samples;
    let bytes = match codec {
        Codec::Dct => with_height(bytes, layout.rows, elements)?,
        _ => bytes,
    };
    let dct = match codec {
        Codec::Dct => Some(header::examine(Format::Jpeg, &bytes)?),
        _ => None,
    };
    let joined = match &bytes {
        Cow::Borrowed(_) => 0,
        Cow::Owned(bytes) => bytes.len() as u64,
    };
    let dct_bytes = dct.map_or(0, |header| header.working_bytes);
    check_frame(codec, &layout, body.memory() + joined, dct_bytes, limits)?;
    let mut cells = zeros::<u16>(count as u64, limits)?;
    let (width, height) = (layout.columns as usize, layout.rows as usize);
    let samples = layout.samples;
    // How many bits the samples have, counted from the bottom, those that do not count among them.
    let precision = match codec {
        Codec::Raw => {
            layout = decode_raw(&bytes, elements, layout, body.syntax.big_pixels, &mut cells)?;
            layout.bits_each()
        }
        Codec::Rle => {
            rle::decode_rle(&bytes, samples, layout.bytes_each, &mut cells)?;
            layout.bits_each()
        }
        Codec::Dct => {
            let header = dct.unwrap_or_default();
            layout = decode_dct(bytes, layout, &header, limits, &mut cells)?;
            8
        }
        Codec::Lossless => decode_lossless(&bytes, width, height, samples, &mut cells)?,
        Codec::JpegLs | Codec::Jpeg2000 => {
            let found = decode_rare(codec, &bytes, [width, height, samples], limits, &mut cells)?;
            if !found.ended {
                elements.note(Repair::End);
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
    let layout = bits::settle(
        &mut cells,
        precision,
        layout.with_settled_colour(),
        elements,
    );
    Ok((layout, cells))
}

/// Checks that a frame can be decoded within `limits`, beside what is kept of the file and what a decoder of JPEG takes.
fn check_frame(
    codec: Codec,
    layout: &Layout,
    kept: u64,
    dct_bytes: u64,
    limits: &Limits,
) -> Result<(), DecodeError> {
    let count = layout.pixels() * layout.samples;
    let codec_bytes = match codec {
        Codec::Jpeg2000 => jpeg2000::WORKING_BYTES * count as u64,
        // The samples once more, as bytes.
        Codec::Dct => dct_bytes + count as u64,
        _ => 0,
    };
    let kept = kept + 2 * count as u64;
    // Channels are there once more when colour or grey is made of them.
    let once_more = match layout.samples {
        3 => 2 * count as u64,
        _ => 0,
    };
    check_memory(
        layout.columns,
        layout.rows,
        kept + once_more,
        codec_bytes,
        limits,
    )
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
