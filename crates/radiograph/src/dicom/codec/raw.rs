//! Pixels that are not compressed: of any number of bytes, in either order, interleaved or in planes.

use dicom_core::VR;
use dicom_dictionary_std::tags;

use crate::dicom::bits::is_swapped;
use crate::dicom::elements::Elements;
use crate::dicom::flaw::Flaw;
use crate::dicom::layout::{Layout, Sampling};
use crate::dicom::repairs::Repair;
use crate::error::CUT_SHORT;

/// Writes samples that are not compressed to `cells`, and returns the layout of what was kept of them.
///
/// # Errors
/// If they end early.
pub(in crate::dicom) fn decode_raw(
    frame: &[u8],
    elements: &Elements<'_>,
    layout: Layout,
    big_pixels: bool,
    cells: &mut [u16],
) -> Result<Layout, Flaw> {
    if layout.packed {
        if elements.is_big_endian() {
            return Err(Flaw::Unsupported("packed 12 bits with the high byte first"));
        }
        unpack_12(frame, cells);
        return Ok(layout);
    }
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
    let mut big = elements.is_big_endian() || big_pixels;
    if layout.bytes_each == 2 && is_swapped(frame, big, layout.signed) {
        elements.note(Repair::Claim);
        big = !big;
    }
    // In big-endian files bytes are swapped too, where they are said to be words.
    let swapped =
        usize::from(elements.is_big_endian() && elements.kind(tags::PIXEL_DATA) == Some(VR::OW));
    match layout.bytes_each {
        1 => arrange(&layout, cells, |index| {
            u16::from(frame.get(index ^ swapped).copied().unwrap_or(0))
        }),
        2 => arrange(&layout, cells, |index| {
            let word = [frame[2 * index], frame[2 * index + 1]];
            if big {
                u16::from_be_bytes(word)
            } else {
                u16::from_le_bytes(word)
            }
        }),
        each => {
            let wide = Wide::new(frame, each, big, &layout);
            arrange(&layout, cells, |index| wide.sample(index));
            return Ok(wide.settled(layout));
        }
    }
    Ok(layout)
}

/// Takes samples of 12 bits apart, of which two lie in three bytes, the lowest bits first (PS3.5, 8.1.1, until 2015).
fn unpack_12(frame: &[u8], cells: &mut [u16]) {
    for (bytes, cells) in frame.chunks(3).zip(cells.chunks_mut(2)) {
        let [a, b, c] = [0, 1, 2].map(|at| u16::from(bytes.get(at).copied().unwrap_or(0)));
        cells[0] = a | (b & 15) << 8;
        if let Some(second) = cells.get_mut(1) {
            *second = b >> 4 | c << 4;
        }
    }
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

    /// Returns the layout with how many bits are left, and what a unit of them is worth.
    fn settled(&self, mut layout: Layout) -> Layout {
        layout.bytes_each = 2;
        layout.shift = 0;
        layout.unit = (self.drop as f64).exp2();
        layout.stored = match self.drop {
            0 => layout.stored.min(16),
            _ => 16,
        };
        layout
    }
}
