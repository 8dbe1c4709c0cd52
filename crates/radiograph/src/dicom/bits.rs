//! Which bits of a sample count, where what the file says of them is not what its pixels are.

use super::elements::Elements;
use super::layout::Layout;
use super::repairs::Repair;

/// Puts the bits that count at the bottom of each cell, which has `precision` of them; those above may be anything afterwards.
/// Returns the layout of what is found.
pub(super) fn settle(
    cells: &mut [u16],
    precision: u8,
    mut layout: Layout,
    elements: &Elements<'_>,
) -> Layout {
    let precision = precision.clamp(1, 16);
    layout.stored = layout.stored.min(precision);
    // Compressed samples seldom have a gap below them, whatever the file says.
    layout.shift = layout.shift.min(precision - layout.stored);
    if layout.shift > 0 && !is_shifted(cells, &layout) {
        elements.note(Repair::Bits);
        layout.shift = 0;
    }
    if layout.shift > 0 {
        for cell in &mut *cells {
            *cell >>= layout.shift;
        }
        return layout;
    }
    let (_, embedded) = elements.overlays();
    if layout.stored < precision && !embedded && reaches_above(cells, precision, &layout) {
        elements.note(Repair::Bits);
        layout.stored = precision;
    }
    layout
}

/// Whether there is a gap below the bits that count: not if it is in use, and none of the highest is.
fn is_shifted(cells: &[u16], layout: &Layout) -> bool {
    let gap = (1_u16 << layout.shift) - 1;
    let used_below = cells.iter().any(|cell| cell & gap != 0);
    let within = |&cell: &u16| extended(cell, layout.stored, layout.signed) == whole(cell, layout);
    !(used_below && cells.iter().all(within))
}

/// Whether the bits above those that are said to count are brightness too. The standard leaves them undefined. They are brightness where
/// the next ones are in use, and the picture is no rougher for its range with them than without: drawings and rubbish are.
fn reaches_above(cells: &[u16], precision: u8, layout: &Layout) -> bool {
    let with = |cell: u16| extended(cell, precision, layout.signed);
    let without = |cell: u16| extended(cell, layout.stored, layout.signed);
    // Of ordinary files this is all. Without an early end, so that it takes many cells at once.
    if (cells.iter()).fold(0, |found, &cell| found | (with(cell) ^ without(cell))) == 0 {
        return false;
    }
    let next_in_use = if layout.signed {
        // Negative values whose sign goes up to the top show that the others mean what they are.
        cells
            .iter()
            .any(|&cell| with(cell) < 0 && with(cell) == without(cell))
    } else {
        let above = (cells.iter())
            .filter(|&&cell| with(cell) != without(cell))
            .fold(0, |bits, cell| bits | cell >> layout.stored);
        above & (above + 1) == 0
    };
    next_in_use && roughness(cells, with) <= 1.05 * roughness(cells, without)
}

/// The sum of the differences between neighbours, for the range of the values; each of `cells` has one, of at most 16 bits.
fn roughness<T: Copy>(cells: &[T], value: impl Fn(T) -> i32) -> f64 {
    const PIECE: usize = 512;
    let (mut least, mut most, mut sum) = (i32::MAX, i32::MIN, 0_u64);
    let mut before = cells.first().map_or(0, |&cell| value(cell));
    // A piece at a time, so that each loop takes many values at once.
    let mut values = [0; PIECE + 1];
    for piece in cells.chunks(PIECE) {
        let values = &mut values[..=piece.len()];
        values[0] = before;
        for (to, &cell) in values[1..].iter_mut().zip(piece) {
            *to = value(cell);
        }
        before = values[piece.len()];
        least = values.iter().fold(least, |least, &value| least.min(value));
        most = values.iter().fold(most, |most, &value| most.max(value));
        let pairs = values.iter().zip(&values[1..]);
        sum += u64::from(pairs.fold(0, |sum, (a, b)| sum + a.abs_diff(*b)));
    }
    sum as f64 / f64::from(most.saturating_sub(least).max(1))
}

fn whole(cell: u16, layout: &Layout) -> i32 {
    extended(cell, 16, layout.signed)
}

/// The value of the lowest `bits` of a cell.
fn extended(cell: u16, bits: u8, signed: bool) -> i32 {
    let unused = 16 - u32::from(bits.clamp(1, 16));
    match signed {
        true => i32::from((cell << unused).cast_signed() >> unused),
        false => i32::from(cell << unused >> unused),
    }
}

/// Whether words make more of a picture with their bytes the other way round: far less rough for their range.
pub(super) fn is_swapped(bytes: &[u8], big: bool, signed: bool) -> bool {
    const GLANCE: usize = 1 << 12;
    const WORDS: usize = 1 << 16;
    let (words, _) = bytes.as_chunks::<2>();
    // From the middle, where there is a picture.
    let middle = |count: usize| {
        let from = words.len().saturating_sub(count) / 2;
        words
            .get(from..words.len().min(from + count))
            .unwrap_or_default()
    };
    let rough = |count: usize, big: bool| {
        roughness(middle(count), |word| {
            let word = match big {
                true => u16::from_be_bytes(word),
                false => u16::from_le_bytes(word),
            };
            extended(word, 16, signed)
        })
    };
    // A glance is enough for most files that are as they say.
    let plain = 2.0 * rough(GLANCE, big) < rough(GLANCE, !big);
    !plain && 4.0 * rough(WORDS, !big) < rough(WORDS, big)
}
