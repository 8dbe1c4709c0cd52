//! JPEG with loss within DICOM: what its colours are, the stream itself says.

use std::borrow::Cow;

use super::markers;
use crate::dicom::elements::Elements;
use crate::dicom::flaw::{Flaw, OTHER_SIZE};
use crate::dicom::layout::{Colour, Layout};
use crate::dicom::repairs::Repair;
use crate::header::{self, Header};
use crate::reader::decode_channels;
use crate::{Format, Limits, luma};

/// Returns the stream with a height, where it has none and its file has one.
pub(in crate::dicom) fn with_height<'a>(
    mut stream: Cow<'a, [u8]>,
    rows: u32,
    elements: &Elements<'_>,
) -> Result<Cow<'a, [u8]>, Flaw> {
    let mut walk = markers::Walk::new(&stream);
    let mut height = None;
    while let Some(segment) = walk.next()? {
        match segment.marker {
            0xc0..=0xc2 if segment.body.get(1..3) == Some(&[0, 0]) => {
                height = Some(stream.len() - walk.rest().len() - segment.body.len() + 1);
            }
            0xc0..=0xc2 | 0xda => break,
            _ => {}
        }
    }
    if let Some(at) = height
        && header::examine(Format::Jpeg, &stream).is_err()
        && let [.., high, low] = rows.to_be_bytes()
    {
        elements.note(Repair::Lengths);
        stream.to_mut()[at..at + 2].copy_from_slice(&[high, low]);
    }
    Ok(stream)
}

/// Writes the samples of JPEG with loss to `cells`, and returns the layout with the colours that the stream says it has.
///
/// # Errors
/// If the stream is of another size, is damaged, or ends early.
#[inline(never)]
pub(in crate::dicom) fn decode_dct(
    mut stream: Cow<'_, [u8]>,
    mut layout: Layout,
    header: &Header,
    limits: &Limits,
    cells: &mut [u16],
) -> Result<Layout, Flaw> {
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
    let decoded = decode_channels(&stream, header, limits)?;
    if (decoded.width, decoded.height, decoded.channels)
        != (layout.columns, layout.rows, layout.samples)
    {
        return Err(Flaw::Corrupt(OTHER_SIZE));
    }
    let made_grey = direct && layout.is_grey_in_colour();
    if made_grey {
        let pixels = decoded.raw.as_chunks::<3>().0;
        for (cells, &[r, g, b]) in cells.as_chunks_mut::<3>().0.iter_mut().zip(pixels) {
            cells[0] = u16::from(luma::to_u8(luma::rgb8(r, g, b)));
        }
        return Ok(layout);
    }
    for (cell, &sample) in cells.iter_mut().zip(&decoded.raw) {
        *cell = u16::from(sample);
    }
    Ok(layout)
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
