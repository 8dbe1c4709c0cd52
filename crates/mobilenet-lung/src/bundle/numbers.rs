//! How a weights file stores numbers, and what they stand for.

use std::ops::Range;

use half::bf16;
use safetensors::tensor::Dtype;

use super::error::BundleError;
use super::format::PIECE;
use crate::state::Array;

/// What is added to the name of a tensor of 8-bit integers to name its scales: one number for each of its rows.
pub(super) const SCALE: &str = "_scale";

/// The smallest parameter that is stored in 8 bits, in numbers. Those of the first blocks are smaller: to leave them in f16 costs 19 kB, and
/// moved the probabilities of 591 images of folds 1 to 4 by 0.0007 in the mean instead of 0.0017, and 0.011 at most instead of 0.044.
const LEAST_NUMBERS: usize = 5000;

/// The largest magnitude of an 8-bit integer that is written: -128 would have no counterpart.
const LARGEST: f32 = 127.0;

/// Whether a parameter is written in 8 bits: the larger 1 x 1 convolutions of the network and layers of its attention, which are
/// most of it.
pub(super) fn in_8_bits(name: &str, shape: &[usize]) -> bool {
    let numbers = match *shape {
        [rows, row] | [rows, row, 1, 1] => rows * row,
        _ => return false,
    };
    name.starts_with("features.") && name.ends_with(".weight") && numbers >= LEAST_NUMBERS
}

/// Whether all that a row of this scale may hold is finite: the largest magnitude of an 8-bit integer is 128.
pub(super) fn is_scale(scale: f32) -> bool {
    (scale * 128.0).is_finite()
}

/// 8-bit integers, and for each row the number that they are to be multiplied by.
pub(super) struct Scaled {
    pub(super) integers: Vec<u8>,
    pub(super) scales: Vec<bf16>,
}

impl Scaled {
    /// The nearest to a parameter, each row by itself; `None` if a number is not finite, before or after.
    ///
    /// The largest magnitude of a row becomes 127, so that none is off by more than half a scale. (Of the largest itself it is up to a
    /// quarter of one, since a scale has only the 8 bits of a bf16: with these, what has been read and is written again
    /// stays the same.)
    pub(super) fn nearest(array: &Array) -> Option<Self> {
        let rows = array.shape.first().copied().unwrap_or(0);
        let row = array.values.len().checked_div(rows).unwrap_or(0).max(1);
        let mut scaled = Self {
            integers: Vec::with_capacity(array.values.len()),
            scales: Vec::with_capacity(rows),
        };
        for values in array.values.chunks(row) {
            if !values.iter().all(|value| value.is_finite()) {
                return None;
            }
            let largest = values
                .iter()
                .fold(0f32, |most, value| most.max(value.abs()));
            let scale = bf16::from_f32(largest / LARGEST);
            let step = scale.to_f32();
            if !is_scale(step) {
                return None;
            }
            scaled.scales.push(scale);
            scaled.integers.extend(values.iter().map(|value| {
                let steps = match step {
                    0.0 => 0.0,
                    _ => (value / step).round().clamp(-LARGEST, LARGEST),
                };
                (steps as i8).cast_unsigned()
            }));
        }
        Some(scaled)
    }
}

/// Where a tensor lies in the file, and how.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) shape: Vec<usize>,
    pub(super) how: How,
    /// Bytes of the file; within it.
    pub(super) place: Range<usize>,
}

/// What the bytes of a tensor mean.
#[derive(Clone, Debug)]
pub(super) enum How {
    /// Its numbers.
    Plain(Width),
    /// 8-bit integers, each row to be multiplied by one of these.
    Scaled(Vec<f32>),
}

impl Stored {
    /// The numbers of the tensor in a file; `None` if its place is not within it.
    pub(super) fn numbers(&self, file: &[u8]) -> Option<Vec<f32>> {
        let bytes = file.get(self.place.clone())?;
        Some(match &self.how {
            How::Plain(width) => width.numbers(bytes),
            How::Scaled(scales) => {
                let row = bytes.len().checked_div(scales.len()).unwrap_or(0).max(1);
                let mut values = Vec::with_capacity(bytes.len());
                for (integers, scale) in bytes.chunks(row).zip(scales) {
                    multiply_all(integers, *scale, &mut values);
                }
                values
            }
        })
    }
}

/// How a number is stored that means itself.
#[derive(Clone, Copy, Debug)]
pub(super) enum Width {
    Bf16,
    F16,
    F32,
}

impl Width {
    /// # Errors
    /// [`BundleError::Dtype`], for integers too.
    pub(super) fn of(name: &str, dtype: Dtype) -> Result<Self, BundleError> {
        match dtype {
            Dtype::BF16 => Ok(Self::Bf16),
            Dtype::F16 => Ok(Self::F16),
            Dtype::F32 => Ok(Self::F32),
            other => Err(BundleError::Dtype {
                name: name.to_owned(),
                found: format!("{other:?}"),
            }),
        }
    }

    /// The numbers that `bytes` hold.
    pub(super) fn numbers(self, bytes: &[u8]) -> Vec<f32> {
        match self {
            Self::Bf16 => {
                let halves = bytes.as_chunks::<2>().0.iter();
                halves
                    .map(|half| bf16::from_le_bytes(*half).to_f32())
                    .collect()
            }
            Self::F16 => {
                let halves = bytes.as_chunks::<2>().0;
                let mut values = Vec::with_capacity(halves.len());
                for piece in halves.chunks(PIECE) {
                    widen_all(piece, &mut values);
                }
                values
            }
            Self::F32 => {
                let floats = bytes.as_chunks::<4>().0;
                floats
                    .iter()
                    .map(|quad| f32::from_le_bytes(*quad))
                    .collect()
            }
        }
    }

    /// Whether all of them are finite numbers.
    pub(super) fn finite(self, bytes: &[u8]) -> bool {
        match self {
            Self::Bf16 => {
                let mut halves = bytes.as_chunks::<2>().0.iter();
                halves.all(|half| bf16::from_le_bytes(*half).is_finite())
            }
            Self::F16 => bytes.as_chunks().0.chunks(PIECE).all(finite_halves),
            Self::F32 => {
                let mut floats = bytes.as_chunks::<4>().0.iter();
                floats.all(|quad| f32::from_le_bytes(*quad).is_finite())
            }
        }
    }
}

/// The f32 that the bits of an f16 stand for, exactly; without a branch, so that it is done for many at a time.
///
/// The exponent is moved to its place and then set right by a product (of 2 to the 127 - 15), which makes subnormal numbers
/// normal. Infinities and NaNs would become finite: they all become
/// infinities, which are refused as well.
fn widen(bits: u16) -> f32 {
    const REBIAS: f32 = f32::from_bits((127 + (127 - 15)) << 23);
    let sign = u32::from(bits & 0x8000) << 16;
    let rest = u32::from(bits & 0x7fff) << 13;
    let finite = f32::from_bits(rest) * REBIAS;
    let value = if bits & 0x7c00 == 0x7c00 {
        f32::INFINITY
    } else {
        finite
    };
    f32::from_bits(value.to_bits() | sign)
}

#[cfg_attr(target_family = "wasm", inline(never))]
fn multiply_all(integers: &[u8], scale: f32, values: &mut Vec<f32>) {
    values.extend((integers.iter()).map(|integer| f32::from(integer.cast_signed()) * scale));
}

#[cfg_attr(target_family = "wasm", inline(never))]
fn widen_all(halves: &[[u8; 2]], values: &mut Vec<f32>) {
    values.extend(halves.iter().map(|half| widen(u16::from_le_bytes(*half))));
}

/// Whether all are finite: the largest exponent tells, without a branch for each.
#[cfg_attr(target_family = "wasm", inline(never))]
fn finite_halves(halves: &[[u8; 2]]) -> bool {
    const EXPONENT: u16 = 0x1f << 10;
    let exponents = halves
        .iter()
        .map(|half| u16::from_le_bytes(*half) & EXPONENT);
    exponents.fold(0, u16::max) < EXPONENT
}

#[cfg(test)]
mod tests {
    use half::f16;

    use super::*;

    #[test]
    fn every_f16_is_widened_to_what_it_is() {
        for bits in 0..=u16::MAX {
            let want = f16::from_bits(bits).to_f32();
            let got = widen(bits);
            let stored = [0, 0, bits.to_le_bytes()[0], bits.to_le_bytes()[1], 0, 60];
            assert_eq!(Width::F16.finite(&stored), want.is_finite(), "{bits:#06x}");
            if want.is_finite() {
                assert_eq!(got.to_bits(), want.to_bits(), "{bits:#06x}");
            } else {
                assert!(!got.is_finite(), "{bits:#06x}");
            }
        }
    }

    /// A parameter in 8 bits, and what is read of it.
    fn there_and_back(array: &Array) -> (Scaled, Vec<f32>) {
        let scaled = Scaled::nearest(array).unwrap();
        let stored = Stored {
            shape: array.shape.clone(),
            how: How::Scaled(scaled.scales.iter().map(|scale| scale.to_f32()).collect()),
            place: 0..scaled.integers.len(),
        };
        let read = stored.numbers(&scaled.integers).unwrap();
        (scaled, read)
    }

    #[test]
    fn eight_bits_are_the_nearest_and_stay_what_they_are() {
        // Rows of very different size, as folded batch norm leaves them, down to what an f16 could not tell from 0.
        let sizes = [1.0f32, 3e4, 1e-9, 0.017, 250.0, 0.0];
        let values = sizes.iter().enumerate().flat_map(|(row, size)| {
            (0..23u16).map(move |at| size * (f32::from(at) * 1.7 + row as f32).sin())
        });
        let array = Array {
            shape: vec![6, 23, 1, 1],
            values: values.collect(),
        };
        let (scaled, read) = there_and_back(&array);
        for (row, (values, read)) in (array.values.chunks(23).zip(read.chunks(23))).enumerate() {
            let largest = values
                .iter()
                .fold(0f32, |most, value| most.max(value.abs()));
            for (value, read) in values.iter().zip(read) {
                // Half a step, and a step is wider by half a unit in the last place of a bf16 at most.
                let bound = largest / 127.0 * 0.5 * (1.0 + 1.0 / 256.0);
                assert!((value - read).abs() <= bound, "row {row}: {value} {read}");
            }
        }
        let again = Array {
            values: read,
            ..array
        };
        let (same, _) = there_and_back(&again);
        assert_eq!(same.integers, scaled.integers);
        assert_eq!(same.scales, scaled.scales);
    }

    #[test]
    fn no_infinity_is_scaled() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX] {
            let array = Array {
                shape: vec![2, 2],
                values: vec![1.0, 2.0, bad, 0.0],
            };
            assert!(Scaled::nearest(&array).is_none());
        }
    }

    #[test]
    fn large_products_of_matrices_have_8_bits() {
        for (name, shape, want) in [
            ("features.5.conv.0.0.weight", &[192, 32, 1, 1][..], true),
            ("features.2.conv.0.0.weight", &[96, 16, 1, 1], false),
            ("features.18.attention.reduce.weight", &[40, 1280], true),
            ("features.17.conv.1.0.weight", &[960, 1, 3, 3], false),
            ("features.0.0.weight", &[32, 3, 3, 3], false),
            ("features.17.conv.0.0.bias", &[960], false),
            ("classifier.1.weight", &[3, 1280], false),
            ("in_distribution.directions", &[16, 1280], false),
        ] {
            assert_eq!(in_8_bits(name, shape), want, "{name}");
        }
    }
}
