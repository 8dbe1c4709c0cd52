//! The gradient of the weight and bias: products of transformed tiles of the input and of the output's gradient, summed over tiles.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use super::super::direct::lanes;
use super::super::sums::{add, bias_of_parts, images_at_a_time};
use super::super::threads::{Scratch, made_in_chunks, map_parts};
use super::maps::Maps;
use super::sizes::{PLACES, REACH, TILE, WIDE};
use super::transform::{Gradient, Input, Taps, Transform};
use crate::train::shape::Shape;

/// Output channels of a part, at most: its sums should stay in the cache.
const OUTPUTS: usize = 64;

/// The place of a transformed tile of the gradient that is the sum of all four by four.
const SUM: usize = REACH + 1;

/// Tiles that are transformed before they are multiplied, about.
const AT_ONCE: usize = 56;

/// `[output, input, side, side]` and `[output]`.
pub(in super::super) fn weight_gradient(
    shape: &Shape,
    input: &[f32],
    output: &[f32],
    gradient: &[f32],
) -> (Vec<f32>, Vec<f32>) {
    let wide = WIDE * lanes();
    // Whole pairs of vectors.
    let pairs = shape.output.div_ceil(wide);
    let pairs_at_once = (OUTPUTS / wide).min(pairs);
    let groups = pairs.div_ceil(pairs_at_once);
    let per_part = images_at_a_time(shape.batch, groups);
    let parts = shape.batch.div_ceil(per_part);
    let size = PLACES * shape.input * wide;
    let arch = Arch::new();
    let sums = map_parts((0..groups * parts).collect(), |task: usize| {
        let first = task % parts * per_part;
        let pair = task / parts * pairs_at_once;
        let count = pairs_at_once.min(pairs - pair);
        let mut part = Part {
            input: Maps::of_input(shape, input),
            gradient: Maps::of_gradient(shape, output, gradient),
            pairs: pair..pair + count,
            images: first..(first + per_part).min(shape.batch),
            weight: vec![0.0; count * size],
            bias: vec![0.0; count * wide],
        };
        arch.dispatch(&mut part);
        (part.weight, part.bias)
    });
    // A vector of output channels at a time.
    let rows = 9 * shape.input;
    let (weight, _) = made_in_chunks(shape.output * rows, lanes() * rows, |vector, rows| {
        let pair = vector / WIDE;
        let start = pair % pairs_at_once * size;
        let of_group = &sums[pair / pairs_at_once * parts..][..parts];
        arch.dispatch(Sums {
            sums: &of_group
                .iter()
                .map(|(sums, _)| &sums[start..][..size])
                .collect::<Vec<_>>(),
            lane: vector % WIDE,
            rows,
        });
    });
    let bias = bias_of_parts(shape.output, pairs_at_once * wide, &sums, parts);
    (weight, bias)
}

/// The sums of some images for some pairs of vectors of output channels.
struct Part<'a> {
    input: Maps<'a>,
    gradient: Maps<'a>,
    pairs: Range<usize>,
    images: Range<usize>,
    /// `[pairs, places, input, channels of a pair]`
    weight: Vec<f32>,
    /// `[channels of the pairs]`
    bias: Vec<f32>,
}

impl WithSimd for &mut Part<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Part {
            input, gradient, ..
        } = *self;
        let tiles = input.tiles;
        let depth = input.channels;
        let block = WIDE * S::F32_LANES;
        let pairs = self.pairs.len();
        let vectors = self.pairs.start * WIDE..self.pairs.end * WIDE;
        let vectors = vectors.start..vectors.end.min(gradient.channels / S::F32_LANES);
        let rows = self.images.len() * tiles.down;
        let tall = (AT_ONCE / tiles.across).clamp(1, rows);
        for first in (0..rows).step_by(tall) {
            let some = first..(first + tall).min(rows);
            let count = some.len() * tiles.across;
            // Places a power of two apart would share their lines of the cache.
            let inputs_pitch = count * depth + block;
            let gradients_pitch = count * pairs * block + block;
            let mut inputs = Scratch::new(PLACES * inputs_pitch);
            let mut gradients = Scratch::new(PLACES * gradients_pitch);
            let (inputs, gradients) = (inputs.numbers(), gradients.numbers());
            input.transformed::<S, Input, REACH, 1>(
                simd,
                self.images.start,
                some.clone(),
                0..depth / S::F32_LANES,
                inputs,
                inputs_pitch / S::F32_LANES,
            );
            gradient.transformed::<S, Gradient, TILE, WIDE>(
                simd,
                self.images.start,
                some,
                vectors.clone(),
                gradients,
                gradients_pitch / S::F32_LANES,
            );
            for (place, (inputs, gradients)) in inputs
                .chunks_exact(inputs_pitch)
                .zip(gradients.chunks_exact(gradients_pitch))
                .enumerate()
            {
                let inputs = &inputs[..count * depth];
                for (pair, gradients) in gradients
                    .chunks_exact(count * block)
                    .take(pairs)
                    .enumerate()
                {
                    if place == SUM {
                        let bias = &mut self.bias[pair * block..][..block];
                        for gradients in gradients.chunks_exact(block) {
                            add(bias, gradients);
                        }
                    }
                    let size = depth * block;
                    let sums = &mut self.weight[(pair * PLACES + place) * size..][..size];
                    // Sums, vectors of the gradient and a number of the input have to be held.
                    if S::REGISTER_COUNT >= 32 && S::F32_LANES >= 8 {
                        add_products::<S, 8>(simd, inputs, gradients, sums, count);
                    } else {
                        add_products::<S, 4>(simd, inputs, gradients, sums, count);
                    }
                }
            }
        }
    }
}

/// Of one place, adds the products of `inputs`, `[blocks, tiles, channels of a block]`, and `gradients`, `[tiles, vectors]`, to `sums`,
/// `[depth, vectors]`.
#[inline(always)]
fn add_products<S: Simd, const CHANNELS: usize>(
    simd: S,
    inputs: &[f32],
    gradients: &[f32],
    sums: &mut [f32],
    count: usize,
) {
    let gradients = S::as_simd_f32s(gradients).0.as_chunks::<WIDE>().0;
    let sums = S::as_mut_simd_f32s(sums).0.as_chunks_mut::<WIDE>().0;
    let sums = sums.as_chunks_mut::<CHANNELS>().0;
    for (block, sums) in inputs
        .chunks_exact(count * S::F32_LANES)
        .zip(sums.chunks_exact_mut(S::F32_LANES / CHANNELS))
    {
        for (number, sums) in sums.iter_mut().enumerate() {
            let mut held = *sums;
            for (tile, gradient) in block.chunks_exact(S::F32_LANES).zip(gradients) {
                let from = &tile[number * CHANNELS..][..CHANNELS];
                for channel in 0..CHANNELS {
                    let value = simd.splat_f32s(from[channel]);
                    for wide in 0..WIDE {
                        held[channel][wide] =
                            simd.mul_add_e_f32s(value, gradient[wide], held[channel][wide]);
                    }
                }
            }
            *sums = held;
        }
    }
}

/// The taps of the sums of all parts for a vector of output channels.
struct Sums<'a, 'b> {
    /// Of each part, `[places, input, channels of a pair]`.
    sums: &'a [&'a [f32]],
    /// Which vector of the pair.
    lane: usize,
    /// `[output, input, taps]`
    rows: &'b mut [f32],
}

impl WithSimd for Sums<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let depth = self.rows.len() / (9 * S::F32_LANES);
        let mut nine = vec![0.0; 9 * S::F32_LANES];
        for channel in 0..depth {
            let mut total = [[simd.splat_f32s(0.0); REACH]; REACH];
            for sums in self.sums {
                let sums = S::as_simd_f32s(sums).0.as_chunks::<WIDE>().0;
                for place in 0..PLACES {
                    let sum = sums[place * depth + channel][self.lane];
                    let total = &mut total[place / REACH][place % REACH];
                    *total = simd.add_f32s(*total, sum);
                }
            }
            let taps = Taps::square(simd, total);
            let into = S::as_mut_simd_f32s(&mut nine).0;
            into.copy_from_slice(taps.as_flattened());
            for (number, row) in self.rows.chunks_exact_mut(9 * depth).enumerate() {
                for (tap, value) in row[channel * 9..][..9].iter_mut().enumerate() {
                    *value = nine[tap * S::F32_LANES + number];
                }
            }
        }
    }
}
