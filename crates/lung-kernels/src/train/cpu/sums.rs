//! Sums, dot products and clamps of plain slices.

use pulp::{Arch, Simd, WithSimd};

use crate::Activation;
use crate::train::shape::Shape;

/// The gradient where the clamp let it through, 0 elsewhere, and its sum.
pub(super) fn mask(shape: &Shape, output: &[f32], gradient: &[f32], masked: &mut [f32]) -> f32 {
    Arch::new().dispatch(Mask {
        output,
        gradient,
        masked,
        activation: shape.activation,
    })
}

struct Mask<'a> {
    output: &'a [f32],
    gradient: &'a [f32],
    masked: &'a mut [f32],
    activation: Activation,
}

impl WithSimd for Mask<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let sum = let_through(
            simd,
            self.activation,
            self.output,
            self.gradient,
            self.masked,
        );
        simd.reduce_sum_f32s(sum)
    }
}

/// Writes the gradient where the clamp let it through, 0 elsewhere, and returns its sum by lanes. All three are of one length.
#[inline(always)]
pub(super) fn let_through<S: Simd>(
    simd: S,
    activation: Activation,
    output: &[f32],
    gradient: &[f32],
    into: &mut [f32],
) -> S::f32s {
    if activation == Activation::Linear {
        into.copy_from_slice(gradient);
        return lanes_of_total(simd, gradient);
    }
    // Not number by number: what is let through looks like chance, which a branch cannot foresee.
    let [low, high] = activation.limits();
    let (low, high) = (simd.splat_f32s(low), simd.splat_f32s(high));
    let (outputs, output) = S::as_simd_f32s(output);
    let (gradients, gradient) = S::as_simd_f32s(gradient);
    let (vectors, rest) = S::as_mut_simd_f32s(into);
    let mut sum = simd.splat_f32s(0.0);
    for ((into, gradient), output) in vectors.iter_mut().zip(gradients).zip(outputs) {
        *into = passed(simd, low, high, *output, *gradient);
        sum = simd.add_f32s(sum, *into);
    }
    if !rest.is_empty() {
        let output = simd.partial_load_f32s(output);
        let gradient = simd.partial_load_f32s(gradient);
        let passed = passed(simd, low, high, output, gradient);
        simd.partial_store_f32s(rest, passed);
        // Beyond the row the gradient is 0.
        sum = simd.add_f32s(sum, passed);
    }
    sum
}

#[inline(always)]
fn passed<S: Simd>(
    simd: S,
    low: S::f32s,
    high: S::f32s,
    output: S::f32s,
    gradient: S::f32s,
) -> S::f32s {
    let above = simd.less_than_f32s(low, output);
    let below = simd.less_than_f32s(output, high);
    simd.select_f32s(simd.and_m32s(above, below), gradient, simd.splat_f32s(0.0))
}

/// Adds the bias of its channel to a row, and clamps it.
pub(super) struct Finish<'a> {
    pub(super) row: &'a mut [f32],
    pub(super) bias: f32,
    pub(super) limits: [f32; 2],
}

impl WithSimd for Finish<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let [low, high] = self.limits;
        for value in self.row {
            *value = (*value + self.bias).clamp(low, high);
        }
    }
}

pub(super) fn add(into: &mut [f32], from: &[f32]) {
    for (a, b) in into.iter_mut().zip(from) {
        *a += b;
    }
}

/// Sum of a row.
pub(super) fn total(values: &[f32]) -> f32 {
    Arch::new().dispatch(Total(values))
}

struct Total<'a>(&'a [f32]);

impl WithSimd for Total<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        simd.reduce_sum_f32s(lanes_of_total(simd, self.0))
    }
}

/// Sum of a row by lanes, in four chains: one addition need not wait for the last.
#[inline(always)]
fn lanes_of_total<S: Simd>(simd: S, values: &[f32]) -> S::f32s {
    let (vectors, rest) = S::as_simd_f32s(values);
    let (fours, singles) = vectors.as_chunks::<4>();
    let mut sums = [simd.splat_f32s(0.0); 4];
    for four in fours {
        for lane in 0..4 {
            sums[lane] = simd.add_f32s(sums[lane], four[lane]);
        }
    }
    for single in singles {
        sums[0] = simd.add_f32s(sums[0], *single);
    }
    sums[1] = simd.add_f32s(sums[1], simd.partial_load_f32s(rest));
    simd.add_f32s(
        simd.add_f32s(sums[0], sums[1]),
        simd.add_f32s(sums[2], sums[3]),
    )
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
