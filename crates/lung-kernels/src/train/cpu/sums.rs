//! Sums, dot products and clamps of plain slices.

use pulp::{Arch, Simd, WithSimd};

use crate::Activation;
use crate::train::shape::Shape;

/// The gradient where the clamp let it through, 0 elsewhere.
pub(super) fn mask(shape: &Shape, output: &[f32], gradient: &[f32], masked: &mut [f32]) {
    if shape.activation == Activation::Linear {
        masked.copy_from_slice(gradient);
        return;
    }
    Arch::new().dispatch(Mask {
        output,
        gradient,
        masked,
        limits: shape.activation.limits(),
    });
}

struct Mask<'a> {
    output: &'a [f32],
    gradient: &'a [f32],
    masked: &'a mut [f32],
    limits: [f32; 2],
}

impl WithSimd for Mask<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let [low, high] = self.limits;
        for ((m, g), y) in self.masked.iter_mut().zip(self.gradient).zip(self.output) {
            *m = if *y > low && *y < high { *g } else { 0.0 };
        }
    }
}

/// Clamps a row in vector registers.
pub(super) struct Clamp<'a> {
    pub(super) row: &'a mut [f32],
    pub(super) limits: [f32; 2],
}

impl WithSimd for Clamp<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let [low, high] = self.limits;
        for value in self.row {
            *value = value.max(low).min(high);
        }
    }
}

pub(super) fn add(into: &mut [f32], from: &[f32]) {
    for (a, b) in into.iter_mut().zip(from) {
        *a += b;
    }
}

/// Sum with sixteen partial sums, so that it fills vector registers.
#[inline(always)]
pub(super) fn total(values: &[f32]) -> f32 {
    let (chunks, rest) = values.as_chunks::<16>();
    let mut sums = [0.0f32; 16];
    for chunk in chunks {
        for (sum, value) in sums.iter_mut().zip(chunk) {
            *sum += value;
        }
    }
    sums.iter().sum::<f32>() + rest.iter().sum::<f32>()
}

/// Into how many parts the work of a gradient of the weight is divided at least, whatever the number of threads.
const PARTS: usize = 8;

/// How many images a part has, where the work is divided by so many blocks of channels already.
pub(super) fn images_at_a_time(batch: usize, blocks: usize) -> usize {
    batch.div_ceil(PARTS.div_ceil(blocks))
}

/// The gradient of the bias, the second of each part: `parts` has those of the first block, of `size` channels, then those of the second, ..
pub(super) fn bias_of_parts(
    channels: usize,
    size: usize,
    parts: &[(Vec<f32>, Vec<f32>)],
    parts_of_block: usize,
) -> Vec<f32> {
    let mut totals = vec![0.0; channels];
    for (totals, parts) in totals.chunks_mut(size).zip(parts.chunks(parts_of_block)) {
        for (_, sums) in parts {
            add(totals, sums);
        }
    }
    totals
}

/// Dot product of two slices of one length, four vectors at a time so that one addition need not wait for the last.
#[inline(always)]
pub(super) fn dot<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    let (a_vectors, a_rest) = S::as_simd_f32s(a);
    let (b_vectors, b_rest) = S::as_simd_f32s(b);
    let (a_fours, a_singles) = a_vectors.as_chunks::<4>();
    let (b_fours, b_singles) = b_vectors.as_chunks::<4>();
    let mut sums = [simd.splat_f32s(0.0); 4];
    for (a, b) in a_fours.iter().zip(b_fours) {
        for lane in 0..4 {
            sums[lane] = simd.mul_add_e_f32s(a[lane], b[lane], sums[lane]);
        }
    }
    for (a, b) in a_singles.iter().zip(b_singles) {
        sums[0] = simd.mul_add_e_f32s(*a, *b, sums[0]);
    }
    sums[1] = simd.mul_add_e_f32s(
        simd.partial_load_f32s(a_rest),
        simd.partial_load_f32s(b_rest),
        sums[1],
    );
    simd.reduce_sum_f32s(simd.add_f32s(
        simd.add_f32s(sums[0], sums[1]),
        simd.add_f32s(sums[2], sums[3]),
    ))
}
