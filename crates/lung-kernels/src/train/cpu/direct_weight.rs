//! The gradient of a dense convolution's weight and bias, without a matrix of patches: sums of some taps and some vectors of output channels
//! stay in registers, while the positions pass by.

use pulp::{Arch, Simd, WithSimd};

use super::direct::{lanes, registers, vectors_at_once};
use super::planes::{Planes, together};
use super::sums::{bias_of_parts, images_at_a_time, let_through};
use super::threads::{made_in_chunks, map_parts};
use crate::train::shape::Shape;

/// Positions that pass by before the sums are put down: what they are multiplied with should stay in the cache.
const POSITIONS: usize = 224;

/// `[output, input, side, side]` and `[output]`, of the input in `planes` and the output's gradient, where the clamp let it through.
pub(super) fn weight_gradient(
    shape: &Shape,
    planes: &Planes,
    output: &[f32],
    gradient: &[f32],
) -> (Vec<f32>, Vec<f32>) {
    let choices: &[usize] = match registers() {
        32.. => &[1, 2, 4],
        _ => &[1, 2],
    };
    let vectors = vectors_at_once(shape.output, choices);
    let block = vectors * lanes();
    let blocks = shape.output.div_ceil(block);
    let per_part = images_at_a_time(shape.batch, blocks);
    let parts = shape.batch.div_ceil(per_part);
    let taps = shape.patch();
    let arch = Arch::new();
    let sums = map_parts((0..blocks * parts).collect(), |task: usize| {
        let first = task % parts * per_part;
        let mut part = Part {
            shape,
            planes,
            output,
            gradient,
            vectors,
            block: task / parts,
            images: first..(first + per_part).min(shape.batch),
            weight: vec![0.0; taps * block],
            bias: vec![0.0; block],
        };
        arch.dispatch(&mut part);
        (part.weight, part.bias)
    });
    // A vector of channels at a time, of which each block has some.
    let (weight, _) = made_in_chunks(shape.output * taps, lanes() * taps, |task, rows| {
        let channel = task * lanes();
        let count = rows.len() / taps;
        for (weight_sum, _) in &sums[channel / block * parts..][..parts] {
            for (tap, sums) in weight_sum.chunks_exact(block).enumerate() {
                for (number, sum) in sums[channel % block..].iter().take(count).enumerate() {
                    rows[number * taps + tap] += sum;
                }
            }
        }
    });
    (weight, bias_of_parts(shape.output, block, &sums, parts))
}

/// The sums of some images for one block of output channels.
struct Part<'a> {
    shape: &'a Shape,
    planes: &'a Planes,
    output: &'a [f32],
    gradient: &'a [f32],
    /// Vectors of channels of the block.
    vectors: usize,
    block: usize,
    images: std::ops::Range<usize>,
    /// `[input, side, side, channels of the block]`
    weight: Vec<f32>,
    /// `[channels of the block]`
    bias: Vec<f32>,
}

impl WithSimd for &mut Part<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // Sums, what they are multiplied with, and where the taps are have to be held.
        if S::REGISTER_COUNT >= 32 {
            match self.vectors {
                4 => self.bands::<S, 4, 6>(simd),
                2 => self.bands::<S, 2, 8>(simd),
                _ => self.bands::<S, 1, 8>(simd),
            }
        } else {
            match self.vectors {
                2 => self.bands::<S, 2, 6>(simd),
                _ => self.bands::<S, 1, 8>(simd),
            }
        }
    }
}

impl Part<'_> {
    #[inline(always)]
    fn bands<S: Simd, const WIDE: usize, const TAPS: usize>(&mut self, simd: S) {
        let shape = self.shape;
        let block = WIDE * S::F32_LANES;
        // Some rows of an image, or some images.
        let rows = POSITIONS.div_ceil(shape.width_out).min(shape.height_out);
        let images = (POSITIONS / shape.area_out()).max(1);
        let mut gradient = vec![0.0; rows * images * shape.width_out * block];
        let mut lines = Vec::with_capacity(rows * images);
        for first in self.images.clone().step_by(images) {
            for top in (0..shape.height_out).step_by(rows) {
                let bottom = (top + rows).min(shape.height_out);
                lines.clear();
                let mut into = &mut gradient[..];
                for image in first..(first + images).min(self.images.end) {
                    let size = (bottom - top) * shape.width_out * block;
                    let (some, rest) = into.split_at_mut(size);
                    self.gather(simd, image, top..bottom, some, block);
                    into = rest;
                    let plane = image * shape.input * self.planes.plane();
                    lines.extend(
                        (top..bottom).map(|y| plane + y * shape.stride * self.planes.width),
                    );
                }
                let count = lines.len() * shape.width_out * block;
                let gradient = S::as_simd_f32s(&gradient[..count]).0.as_chunks::<WIDE>().0;
                let band = Band {
                    shape,
                    planes: self.planes,
                    lines: &lines,
                    gradient,
                };
                let sums = S::as_mut_simd_f32s(&mut self.weight).0;
                let (tiles, rest) = sums.as_chunks_mut::<WIDE>().0.as_chunks_mut::<TAPS>();
                let done = tiles.len() * TAPS;
                for (number, sums) in tiles.iter_mut().enumerate() {
                    band.add(simd, number * TAPS, sums);
                }
                for (number, sums) in rest.iter_mut().enumerate() {
                    band.add(simd, done + number, std::array::from_mut(sums));
                }
            }
        }
    }

    /// The gradient of some rows with the channels of a position together, and its sum.
    #[inline(always)]
    fn gather<S: Simd>(
        &mut self,
        simd: S,
        image: usize,
        rows: std::ops::Range<usize>,
        into: &mut [f32],
        block: usize,
    ) {
        let shape = self.shape;
        let (area, width) = (shape.area_out(), shape.width_out);
        let first = self.block * block;
        let channels = first..shape.output.min(first + block);
        let size = rows.len() * width;
        let mut masked = vec![0.0; channels.len() * size];
        for ((channel, masked), bias) in channels
            .zip(masked.chunks_exact_mut(size))
            .zip(&mut self.bias)
        {
            let map = (image * shape.output + channel) * area;
            let range = map + rows.start * width..map + rows.end * width;
            let lanes = let_through(
                simd,
                shape.activation,
                &self.output[range.clone()],
                &self.gradient[range],
                masked,
            );
            *bias += simd.reduce_sum_f32s(lanes);
        }
        together(&masked, masked.len() / size, size, size, into, block);
    }
}

/// Some rows of the output, and what they are multiplied with.
struct Band<'a, V, const WIDE: usize> {
    shape: &'a Shape,
    planes: &'a Planes,
    /// For each row, where its first tap of the first channel is.
    lines: &'a [usize],
    /// `[rows, width_out]`
    gradient: &'a [[V; WIDE]],
}

impl<V: Copy, const WIDE: usize> Band<'_, V, WIDE> {
    /// Adds what the band gives for the taps from `first` on.
    #[inline(always)]
    fn add<S: Simd<f32s = V>, const TAPS: usize>(
        &self,
        simd: S,
        first: usize,
        sums: &mut [[V; WIDE]; TAPS],
    ) {
        let Self { shape, planes, .. } = self;
        let side = shape.side;
        let reach = (shape.width_out - 1) * shape.stride + 1;
        let mut starts = [0; TAPS];
        for (tap, start) in starts.iter_mut().enumerate() {
            let tap = first + tap;
            let (channel, y, x) = (tap / (side * side), tap / side % side, tap % side);
            *start = channel * planes.plane() + y * planes.width + x;
        }
        let mut held = *sums;
        for (line, gradient) in self
            .lines
            .iter()
            .zip(self.gradient.chunks_exact(shape.width_out))
        {
            let mut from: [&[f32]; TAPS] = [&[]; TAPS];
            for (from, start) in from.iter_mut().zip(starts) {
                *from = &planes.values[line + start..][..reach];
            }
            for (position, gradient) in gradient.iter().enumerate() {
                let gradient = *gradient;
                for tap in 0..TAPS {
                    let value = simd.splat_f32s(from[tap][position * shape.stride]);
                    for wide in 0..WIDE {
                        held[tap][wide] =
                            simd.mul_add_e_f32s(value, gradient[wide], held[tap][wide]);
                    }
                }
            }
        }
        *sums = held;
    }
}
