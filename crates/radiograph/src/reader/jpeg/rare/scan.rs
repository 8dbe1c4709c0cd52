//! A scan, and what one adds to the coefficients of a block.

use super::bits::{Bits, Huffman, Stop};
use super::transform::ZIGZAG;

/// What a scan says of itself (T.81, B.2.3).
pub(super) struct Scan<'t> {
    /// The channels in it, and their tables for the first coefficient and for the others.
    pub(super) channels: Vec<(usize, Option<&'t Huffman>, Option<&'t Huffman>)>,
    pub(super) from: usize,
    pub(super) to: usize,
    /// How many low bits were missing before, or 0 in the first scan of these coefficients, and how many are after it.
    pub(super) before: u8,
    pub(super) after: u8,
}

/// Coefficients from `at` on that are coded for the first time (T.81, F.2.2.2 and G.1.2.2).
pub(super) fn first(
    coefficients: &mut [i16],
    mut at: usize,
    scan: &Scan<'_>,
    table: &Huffman,
    bits: &mut Bits<'_>,
    empty: &mut i32,
) -> Result<(), Stop> {
    if *empty > 0 {
        *empty -= 1;
        return Ok(());
    }
    while at <= scan.to {
        let symbol = bits.symbol(table)?;
        let (run, size) = (symbol >> 4, symbol & 15);
        if size == 0 {
            if run < 15 {
                *empty = (1 << run) - 1 + bits.bits(run)?;
                break;
            }
            at += 16;
            continue;
        }
        at += usize::from(run);
        if at > scan.to {
            return Err(Stop::Damaged("a block has too many coefficients"));
        }
        coefficients[usize::from(ZIGZAG[at])] = (bits.number(size)? << scan.after) as i16;
        at += 1;
    }
    Ok(())
}

/// One more bit of coefficients (T.81, G.1.2.3).
pub(super) fn refine(
    coefficients: &mut [i16],
    scan: &Scan<'_>,
    table: &Huffman,
    bits: &mut Bits<'_>,
    empty: &mut i32,
) -> Result<(), Stop> {
    let step = 1_i16 << scan.after;
    let more = |coefficient: &mut i16, bits: &mut Bits<'_>| {
        if bits.bit()? == 1 && *coefficient & step == 0 {
            *coefficient = coefficient.wrapping_add(step * coefficient.signum());
        }
        Ok(())
    };
    let mut at = scan.from;
    if *empty == 0 {
        while at <= scan.to {
            let symbol = bits.symbol(table)?;
            let (mut run, size) = (symbol >> 4, symbol & 15);
            let new = match size {
                0 if run < 15 => {
                    *empty = (1 << run) + bits.bits(run)?;
                    break;
                }
                0 => 0,
                _ if bits.bit()? == 1 => step,
                _ => -step,
            };
            while at <= scan.to {
                let coefficient = &mut coefficients[usize::from(ZIGZAG[at])];
                at += 1;
                if *coefficient != 0 {
                    more(coefficient, bits)?;
                } else if run == 0 {
                    *coefficient = new;
                    break;
                } else {
                    run -= 1;
                }
            }
        }
    }
    if *empty > 0 {
        for &place in &ZIGZAG[at..=scan.to] {
            let coefficient = &mut coefficients[usize::from(place)];
            if *coefficient != 0 {
                more(coefficient, bits)?;
            }
        }
        *empty -= 1;
    }
    Ok(())
}
