//! The rows of a strip or tile, as numbers.

use super::layout::{Layout, Numbers, compression, corrupt, unsupported};
use crate::DecodeError;

/// Undoes the prediction of a row of `samples` samples that are stored together, in place; returns whether its numbers are
/// little-endian.
pub(super) fn unpredict(layout: &Layout<'_>, row: &mut [u8]) -> Result<bool, DecodeError> {
    let little = layout.directory.file.little;
    let samples = layout.together();
    // libtiff predicts nothing else either.
    if matches!(layout.compression, compression::NONE) {
        return Ok(little);
    }
    match (layout.predictor, layout.bits) {
        (0 | 1, _) => Ok(little),
        (2, bits @ (8 | 16 | 32 | 64)) => {
            let size = bits / 8;
            for at in (samples * size..row.len().saturating_sub(size - 1)).step_by(size) {
                let before = number(&row[at - samples * size..][..size], little);
                let sum = number(&row[at..at + size], little).wrapping_add(before);
                if little {
                    row[at..at + size].copy_from_slice(&sum.to_le_bytes()[..size]);
                } else {
                    row[at..at + size].copy_from_slice(&sum.to_be_bytes()[8 - size..]);
                }
            }
            Ok(little)
        }
        (3, bits @ (16 | 24 | 32 | 64)) if layout.numbers == Numbers::Float => {
            for at in samples..row.len() {
                row[at] = row[at].wrapping_add(row[at - samples]);
            }
            // All first bytes, then all second ones, from the highest on.
            let size = bits / 8;
            let count = row.len() / size;
            let planes = row.to_vec();
            for (index, place) in row.chunks_exact_mut(size).enumerate() {
                for (byte, value) in place.iter_mut().enumerate() {
                    *value = planes[byte * count + index];
                }
            }
            Ok(false)
        }
        (1..=3, bits) => Err(unsupported(format!("prediction of samples of {bits} bits"))),
        _ => Err(corrupt("it names an unknown predictor")),
    }
}

/// The number in up to eight bytes.
fn number(bytes: &[u8], little: bool) -> u64 {
    let fold = |number, &byte| number << 8 | u64::from(byte);
    if little {
        bytes.iter().rev().fold(0, fold)
    } else {
        bytes.iter().fold(0, fold)
    }
}

/// Reads numbers of up to 16 bits, the highest bit first; signed ones are moved so that the least is 0.
pub(super) fn small(layout: &Layout<'_>, row: &[u8], little: bool, mut put: impl FnMut(u16)) {
    let bits = layout.bits;
    let flip = if layout.numbers == Numbers::Signed {
        1_u16 << (bits - 1)
    } else {
        0
    };
    match bits {
        8 => row.iter().for_each(|&byte| put(u16::from(byte) ^ flip)),
        16 => {
            for &pair in row.as_chunks::<2>().0 {
                let number = if little {
                    u16::from_le_bytes(pair)
                } else {
                    u16::from_be_bytes(pair)
                };
                put(number ^ flip);
            }
        }
        _ => {
            let (mut held, mut count) = (0_u32, 0);
            for &byte in row {
                held = held << 8 | u32::from(byte);
                count += 8;
                while count >= bits {
                    count -= bits;
                    put((held >> count) as u16 & (0xffff >> (16 - bits)) ^ flip);
                }
                held &= (1 << count) - 1;
            }
        }
    }
}

/// Reads numbers of 24 to 64 bits, and fractions.
pub(super) fn large(layout: &Layout<'_>, row: &[u8], little: bool, mut put: impl FnMut(f32)) {
    let bits = layout.bits;
    for bytes in row.chunks_exact(bits / 8) {
        let number = number(bytes, little);
        put(match (layout.numbers, bits) {
            (Numbers::Float, 16) => half(number as u16),
            // A sign, seven bits of exponent, sixteen of fraction: with its parts moved to where they are in 32 bits.
            (Numbers::Float, 24) => half_of_24(number as u32),
            (Numbers::Float, 32) => f32::from_bits(number as u32),
            (Numbers::Float, _) => f64::from_bits(number) as f32,
            (Numbers::Signed, _) => {
                let unused = 64 - bits as u32;
                ((number << unused).cast_signed() >> unused) as f32
            }
            (Numbers::Unsigned, _) => number as f32,
        });
    }
}

/// A floating-point number of 16 bits (IEEE 754).
fn half(bits: u16) -> f32 {
    narrow(u32::from(bits), 5, 10)
}

/// A floating-point number of 24 bits (TIFF, technical note 3).
fn half_of_24(bits: u32) -> f32 {
    narrow(bits, 7, 16)
}

/// A floating-point number of a sign, and of so many bits of exponent and fraction.
fn narrow(bits: u32, exponent_bits: u32, fraction_bits: u32) -> f32 {
    let most = (1_u32 << exponent_bits) - 1;
    let exponent = bits >> fraction_bits & most;
    let fraction = (bits & ((1 << fraction_bits) - 1)) as f32 / (1_u32 << fraction_bits) as f32;
    let bias = (most / 2).cast_signed();
    let size = match exponent {
        0 => fraction * 2_f32.powi(1 - bias),
        // Infinite, or not a number.
        _ if exponent == most => {
            if fraction == 0.0 {
                f32::INFINITY
            } else {
                f32::NAN
            }
        }
        _ => (1.0 + fraction) * 2_f32.powi(exponent.cast_signed() - bias),
    };
    if bits >> (exponent_bits + fraction_bits) & 1 == 1 {
        -size
    } else {
        size
    }
}
