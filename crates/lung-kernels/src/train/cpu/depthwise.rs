//! The depthwise convolution, plane by plane.
//!
//! What is read at nine places lies in padded rows, so that each place is a shift of one slice. Rows are worked on a vector at a time, and the last
//! vector of a row may reach beyond it: what it reads there counts for nothing, and what it writes there is written over by the next row. With a
//! stride of 2, even and odd columns lie apart, and nothing is computed that is thrown away.

use std::mem::MaybeUninit;

use pulp::{Simd, WithSimd};

use super::sums::let_through;
use crate::train::shape::{SIDE, Shape, TAPS};

/// As many numbers as the widest vector has: so far a load or store may reach beyond the last row.
const SLACK: usize = 16;

/// Numbers of a result that are put aside before they are written to where they belong: little enough for the first cache.
const ASIDE: usize = 2048;

/// Where planes are worked on. What is a border stays 0.
pub(super) struct Buffers {
    /// A plane of the input, in padded rows; with a stride of 2, each has its even columns first.
    input: Vec<f32>,
    /// A plane of the output's gradient, in padded rows.
    gradient: Vec<f32>,
    /// Some rows of a result.
    aside: Vec<f32>,
    /// Of two rows of the input, even and odd columns.
    columns: [Vec<f32>; 4],
    /// Of their gradients.
    back: [Vec<f32>; 4],
}

impl Buffers {
    pub(super) fn forward(shape: &Shape) -> Self {
        Self {
            input: vec![0.0; (shape.height + 2) * pitch(shape) + SLACK],
            ..Self::for_rows(shape.width_out)
        }
    }

    pub(super) fn backward(shape: &Shape) -> Self {
        let columns = || vec![0.0; shape.width_out + SLACK];
        let mut buffers = Self {
            gradient: vec![0.0; (shape.height_out + 2) * (shape.width_out + 2) + SLACK],
            ..Self::for_rows(shape.width)
        };
        if shape.stride == 2 {
            buffers.columns = std::array::from_fn(|_| columns());
            buffers.back = std::array::from_fn(|_| columns());
        }
        buffers
    }

    fn for_rows(width: usize) -> Self {
        Self {
            input: Vec::new(),
            gradient: Vec::new(),
            aside: vec![0.0; rows_aside(width) * width + SLACK],
            columns: std::array::from_fn(|_| Vec::new()),
            back: std::array::from_fn(|_| Vec::new()),
        }
    }
}

/// How many rows are put aside: an even number, since a stride of 2 brings a pair at a time.
fn rows_aside(width: usize) -> usize {
    (ASIDE / width / 2).max(1) * 2
}

/// From a padded row of the input to the next.
fn pitch(shape: &Shape) -> usize {
    match shape.stride {
        1 => shape.width + 2,
        _ => 2 * (shape.width_out + 1),
    }
}

/// Copies a plane of the input into padded rows.
#[inline(always)]
fn pad(shape: &Shape, plane: &[f32], padded: &mut [f32]) {
    let pitch = pitch(shape);
    let rows = plane.chunks_exact(shape.width);
    for (row, into) in rows.zip(padded[pitch..].chunks_mut(pitch)) {
        if shape.stride == 1 {
            into[1..=shape.width].copy_from_slice(row);
        } else {
            // The padding is a column of its own: what was even is odd.
            let (even, odd) = into.split_at_mut(pitch / 2);
            split(row, odd, &mut even[1..]);
        }
    }
}

/// Even and odd columns of a row.
#[inline(always)]
fn split(row: &[f32], even: &mut [f32], odd: &mut [f32]) {
    let (pairs, last) = row.as_chunks::<2>();
    for (([a, b], even), odd) in pairs.iter().zip(&mut *even).zip(odd) {
        *even = *a;
        *odd = *b;
    }
    if let [last] = last {
        even[pairs.len()] = *last;
    }
}

/// A row of its even and odd columns.
#[inline(always)]
fn weave(row: &mut [f32], even: &[f32], odd: &[f32]) {
    let (pairs, last) = row.as_chunks_mut::<2>();
    for ((pair, even), odd) in pairs.iter_mut().zip(even).zip(odd) {
        *pair = [*even, *odd];
    }
    if let [last] = last {
        *last = even[pairs.len()];
    }
}

#[inline(always)]
fn splat<S: Simd>(simd: S, weight: &[f32]) -> [S::f32s; TAPS] {
    let mut taps = [simd.splat_f32s(0.0); TAPS];
    for (tap, weight) in taps.iter_mut().zip(weight) {
        *tap = simd.splat_f32s(*weight);
    }
    taps
}

/// So many numbers from a place, as whole vectors that may reach beyond them.
#[inline(always)]
fn vectors<S: Simd>(from: &[f32], count: usize) -> &[S::f32s] {
    S::as_simd_f32s(&from[..count.next_multiple_of(S::F32_LANES)]).0
}

#[inline(always)]
fn vectors_mut<S: Simd>(from: &mut [f32], count: usize) -> &mut [S::f32s] {
    S::as_mut_simd_f32s(&mut from[..count.next_multiple_of(S::F32_LANES)]).0
}

/// The forward pass of one plane.
pub(super) struct DepthwisePlane<'a> {
    pub(super) shape: &'a Shape,
    pub(super) plane: &'a [f32],
    pub(super) weight: &'a [f32],
    pub(super) bias: f32,
    /// All of it is written.
    pub(super) out: &'a mut [MaybeUninit<f32>],
    pub(super) buffers: &'a mut Buffers,
}

impl WithSimd for DepthwisePlane<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { shape, buffers, .. } = self;
        pad(shape, self.plane, &mut buffers.input);
        let taps = splat(simd, self.weight);
        let (zero, bias) = (simd.splat_f32s(0.0), simd.splat_f32s(self.bias));
        let [low, high] = shape.activation.limits();
        let (pitch, width) = (pitch(shape), shape.width_out);
        let columns = match shape.stride {
            1 => [0, 1, 2],
            _ => [0, pitch / 2, 1],
        };
        let rows = rows_aside(width);
        for (group, out) in self.out.chunks_mut(rows * width).enumerate() {
            for y in 0..out.len() / width {
                let first = (group * rows + y) * shape.stride * pitch;
                // Loops, not `map`: what `map` calls is not compiled for the vector registers at hand.
                let mut sources = [&[][..]; TAPS];
                let into = vectors_mut::<S>(&mut buffers.aside[y * width..], width);
                for tap in 0..TAPS {
                    let from = &buffers.input[first + tap / SIDE * pitch + columns[tap % SIDE]..];
                    sources[tap] = &vectors::<S>(from, width)[..into.len()];
                }
                for (i, into) in into.iter_mut().enumerate() {
                    // Three short chains instead of one of nine.
                    let mut sums = [bias, zero, zero];
                    for tap in 0..TAPS {
                        sums[tap / SIDE] =
                            simd.mul_add_e_f32s(sources[tap][i], taps[tap], sums[tap / SIDE]);
                    }
                    *into = simd.add_f32s(sums[0], simd.add_f32s(sums[1], sums[2]));
                }
            }
            for (value, from) in out.iter_mut().zip(&buffers.aside) {
                value.write(from.clamp(low, high));
            }
        }
    }
}

/// The backward pass of one image.
pub(super) struct DepthwiseBackward<'a> {
    pub(super) shape: &'a Shape,
    pub(super) input: &'a [f32],
    pub(super) weight: &'a [f32],
    pub(super) output: &'a [f32],
    pub(super) gradient: &'a [f32],
    /// All of it is written.
    pub(super) into: Option<&'a mut [MaybeUninit<f32>]>,
    pub(super) weight_sum: &'a mut [f32],
    pub(super) bias_sum: &'a mut [f32],
    pub(super) buffers: &'a mut Buffers,
}

impl WithSimd for DepthwiseBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let Self { shape, buffers, .. } = self;
        let (area, area_out) = (shape.area(), shape.area_out());
        let rows = rows_aside(shape.width);
        for channel in 0..shape.output {
            let output = &self.output[channel * area_out..][..area_out];
            let gradient = &self.gradient[channel * area_out..][..area_out];
            let bias = mask(simd, shape, output, gradient, &mut buffers.gradient);
            self.bias_sum[channel] += simd.reduce_sum_f32s(bias);
            let plane = &self.input[channel * area..][..area];
            let mut plane_into = self
                .into
                .as_deref_mut()
                .map(|into| into[channel * area..][..area].chunks_mut(rows * shape.width));
            let taps = splat(simd, &self.weight[channel * TAPS..][..TAPS]);
            let mut sums = [simd.splat_f32s(0.0); TAPS];
            for (group, plane) in plane.chunks(rows * shape.width).enumerate() {
                if shape.stride == 1 {
                    for (y, row) in plane.chunks_exact(shape.width).enumerate() {
                        let into = &mut buffers.aside[y * shape.width..];
                        let gradient = &buffers.gradient[(group * rows + y) * (shape.width + 2)..];
                        back_row(simd, row, gradient, &taps, &mut sums, into);
                    }
                } else {
                    for (pair, two) in plane.chunks(2 * shape.width).enumerate() {
                        back_two_rows(
                            simd,
                            shape,
                            group * rows / 2 + pair,
                            two,
                            &taps,
                            &mut sums,
                            buffers,
                        );
                        let into = &mut buffers.aside[pair * 2 * shape.width..][..two.len()];
                        for (row, back) in into
                            .chunks_exact_mut(shape.width)
                            .zip(buffers.back.chunks_exact(2))
                        {
                            weave(row, &back[0], &back[1]);
                        }
                    }
                }
                if let Some(into) = plane_into.as_mut().and_then(Iterator::next) {
                    into.write_copy_of_slice(&buffers.aside[..into.len()]);
                }
            }
            let weight_sums = &mut self.weight_sum[channel * TAPS..][..TAPS];
            for (total, sum) in weight_sums.iter_mut().zip(sums) {
                *total += simd.reduce_sum_f32s(sum);
            }
        }
    }
}

/// The gradient of a plane where the clamp let it through, in padded rows, and its sum by lanes.
#[inline(always)]
fn mask<S: Simd>(
    simd: S,
    shape: &Shape,
    output: &[f32],
    gradient: &[f32],
    padded: &mut [f32],
) -> S::f32s {
    let width = shape.width_out;
    let rows = output.chunks_exact(width).zip(gradient.chunks_exact(width));
    let mut sum = simd.splat_f32s(0.0);
    for ((output, gradient), into) in rows.zip(padded[width + 2..].chunks_mut(width + 2)) {
        let into = &mut into[1..=width];
        let lanes = let_through(simd, shape.activation, output, gradient, into);
        sum = simd.add_f32s(sum, lanes);
    }
    sum
}

/// With a stride of 1, what a row of the input gets back, and what it adds to the sums for each tap. `gradient` begins with the
/// padded row above.
#[inline(always)]
fn back_row<S: Simd>(
    simd: S,
    row: &[f32],
    gradient: &[f32],
    taps: &[S::f32s; TAPS],
    sums: &mut [S::f32s; TAPS],
    into: &mut [f32],
) {
    let width = row.len();
    let (whole, rest) = S::as_simd_f32s(row);
    let into = vectors_mut::<S>(into, width);
    let mut sources = [&[][..]; TAPS];
    for tap in 0..TAPS {
        // What a tap has read above and to the left gets it back from below and from the right.
        let from = &gradient[(2 - tap / SIDE) * (width + 2) + 2 - tap % SIDE..];
        sources[tap] = &vectors::<S>(from, width)[..into.len()];
    }
    for (i, here) in whole.iter().enumerate() {
        into[i] = back_vector(simd, &sources, i, *here, taps, sums);
    }
    if !rest.is_empty() {
        let i = whole.len();
        into[i] = back_vector(simd, &sources, i, simd.partial_load_f32s(rest), taps, sums);
    }
}

#[inline(always)]
fn back_vector<S: Simd>(
    simd: S,
    sources: &[&[S::f32s]; TAPS],
    i: usize,
    here: S::f32s,
    taps: &[S::f32s; TAPS],
    sums: &mut [S::f32s; TAPS],
) -> S::f32s {
    let mut back = [simd.splat_f32s(0.0); SIDE];
    for tap in 0..TAPS {
        let gradient = sources[tap][i];
        back[tap / SIDE] = simd.mul_add_e_f32s(gradient, taps[tap], back[tap / SIDE]);
        sums[tap] = simd.mul_add_e_f32s(gradient, here, sums[tap]);
    }
    simd.add_f32s(back[0], simd.add_f32s(back[1], back[2]))
}

/// For each of what two rows of the input have in even and odd columns, the taps that have read it, and where the gradient that they had lies:
/// here, to the right, below, or both.
const READ_BY: [&[(usize, usize)]; 4] = [
    &[(4, 0)],
    &[(3, 1), (5, 0)],
    &[(1, 2), (7, 0)],
    &[(0, 3), (2, 2), (6, 1), (8, 0)],
];

/// With a stride of 2, what a pair of rows of the input gets back, into `buffers.back`, and what it adds to the sums for each tap.
/// The last pair may be one row.
#[inline(always)]
fn back_two_rows<S: Simd>(
    simd: S,
    shape: &Shape,
    pair: usize,
    rows: &[f32],
    taps: &[S::f32s; TAPS],
    sums: &mut [S::f32s; TAPS],
    buffers: &mut Buffers,
) {
    let width = shape.width_out;
    if rows.len() <= shape.width {
        buffers.columns[2].fill(0.0);
        buffers.columns[3].fill(0.0);
    }
    let columns = buffers.columns.chunks_exact_mut(2);
    for (row, columns) in rows.chunks_exact(shape.width).zip(columns) {
        let [even, odd] = columns else { return };
        split(row, even, odd);
    }
    let first = (pair + 1) * (width + 2) + 1;
    let mut gradients = [&[][..]; 4];
    let mut here = [&[][..]; 4];
    let count = width.div_ceil(S::F32_LANES);
    for place in 0..4 {
        let from = &buffers.gradient[first + place / 2 * (width + 2) + place % 2..];
        gradients[place] = &vectors::<S>(from, width)[..count];
        here[place] = &vectors::<S>(&buffers.columns[place], width)[..count];
    }
    let [a, b, c, d] = &mut buffers.back;
    let back = [
        vectors_mut::<S>(a, width),
        vectors_mut::<S>(b, width),
        vectors_mut::<S>(c, width),
        vectors_mut::<S>(d, width),
    ];
    for i in 0..count {
        for (place, taps_of_place) in READ_BY.iter().enumerate() {
            let mut sum = simd.splat_f32s(0.0);
            for &(tap, gradient) in *taps_of_place {
                let gradient = gradients[gradient][i];
                sum = simd.mul_add_e_f32s(gradient, taps[tap], sum);
                sums[tap] = simd.mul_add_e_f32s(gradient, here[place][i], sums[tap]);
            }
            back[place][i] = sum;
        }
    }
}
