//! The output, and the gradient of the input, which is the same with the kernel turned around.

use std::mem::MaybeUninit;
use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use super::super::direct::{by_input, by_output, lanes};
use super::super::threads::{Scratch, made_by_columns, made_in_chunks};
use super::maps::Maps;
use super::sizes::{PLACES, REACH, TILE, WIDE};
use super::transform::{Input, Kernel, Output, Transform, gathered};
use crate::Activation;
use crate::train::shape::Shape;

/// Tiles of a task at least, if there are as many: the whole weight is read for them.
const TASK: usize = 32;
/// Tiles that are transformed before they are multiplied, at least and at most, and the bytes that they and their sums should not be above.
const AT_ONCE: [usize; 2] = [56, 112];
const BYTES: usize = 2 << 20;

/// The output, `[batch, output, height_out, width_out]`.
pub(in super::super) fn forward(
    shape: &Shape,
    input: &[f32],
    weight: &[f32],
    bias: &[f32],
) -> Vec<f32> {
    let block = WIDE * lanes();
    let weights = by_output(shape, weight, block);
    let mut padded = vec![0.0; shape.output.next_multiple_of(block)];
    padded[..shape.output].copy_from_slice(bias);
    let convolution = Convolution {
        maps: Maps::of_input(shape, input),
        kernels: &transformed(&weights, shape.input),
        channels: shape.output,
        size: [shape.height_out, shape.width_out],
        bias: &padded,
        activation: shape.activation,
    };
    convolution.run(shape.batch)
}

/// The gradient of the input.
pub(in super::super) fn backward(
    shape: &Shape,
    weight: &[f32],
    output: &[f32],
    gradient: &[f32],
) -> Vec<f32> {
    let block = WIDE * lanes();
    // Later outputs meet earlier taps.
    let weights = by_input(shape, weight, block, &[8, 7, 6, 5, 4, 3, 2, 1, 0]);
    let convolution = Convolution {
        maps: Maps::around_gradient(shape, output, gradient),
        kernels: &transformed(&weights, shape.output),
        channels: shape.input,
        size: [shape.height, shape.width],
        bias: &vec![0.0; shape.input.next_multiple_of(block)],
        activation: Activation::Linear,
    };
    convolution.run(shape.batch)
}

/// Kernels `[blocks, depth, taps, channels of a block]` as `[blocks, places, depth, channels of a block]`.
fn transformed(kernels: &[f32], depth: usize) -> Vec<f32> {
    let taps = depth * 9 * WIDE * lanes();
    let size = depth * PLACES * WIDE * lanes();
    let length = kernels.len() / taps * size;
    let arch = Arch::new();
    let work = |number: usize, into: &mut [f32]| {
        arch.dispatch(Kernels {
            taps: &kernels[number * taps..][..taps],
            into,
        });
    };
    made_in_chunks(length, size, work).0
}

struct Kernels<'a> {
    /// `[depth, taps, vectors]`
    taps: &'a [f32],
    /// `[places, depth, vectors]`
    into: &'a mut [f32],
}

impl WithSimd for Kernels<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let taps = S::as_simd_f32s(self.taps).0.as_chunks::<{ 9 * WIDE }>().0;
        let into = S::as_mut_simd_f32s(self.into).0;
        for (number, kernel) in taps.iter().enumerate() {
            for wide in 0..WIDE {
                let mut square = [[simd.splat_f32s(0.0); 3]; 3];
                for (tap, value) in square.as_flattened_mut().iter_mut().enumerate() {
                    *value = kernel[tap * WIDE + wide];
                }
                let kernel = Kernel::square(simd, square);
                for (place, value) in kernel.as_flattened().iter().enumerate() {
                    into[(place * taps.len() + number) * WIDE + wide] = *value;
                }
            }
        }
    }
}

/// A convolution of all images.
struct Convolution<'a> {
    maps: Maps<'a>,
    /// `[blocks of the output, places, channels of the input, channels of a block]`
    kernels: &'a [f32],
    /// Of the output.
    channels: usize,
    /// Height and width of the output.
    size: [usize; 2],
    /// For each channel of the blocks.
    bias: &'a [f32],
    activation: Activation,
}

impl Convolution<'_> {
    fn run(&self, images: usize) -> Vec<f32> {
        let image = self.channels * self.size[0] * self.size[1];
        let at_once = TASK.div_ceil(self.maps.tiles.count());
        let arch = Arch::new();
        let work = |task: usize, out: &mut [MaybeUninit<f32>]| {
            arch.dispatch(Images {
                convolution: self,
                first: task * at_once,
                out,
            });
        };
        // SAFETY: the tiles cover each map of each image.
        #[allow(unsafe_code)]
        unsafe {
            made_by_columns(images * image, at_once * image, 1, work).0
        }
    }
}

/// Some images of it.
struct Images<'a> {
    convolution: &'a Convolution<'a>,
    first: usize,
    /// `[images, channels, height, width]`
    out: &'a mut [MaybeUninit<f32>],
}

impl WithSimd for Images<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let Convolution {
            maps,
            kernels,
            channels,
            size: [height, width],
            ..
        } = self.convolution;
        let tiles = maps.tiles;
        let block = WIDE * S::F32_LANES;
        let pairs = channels.div_ceil(block);
        let room = BYTES / (PLACES * size_of::<f32>() * (maps.channels + pairs * block));
        let [least, most] = AT_ONCE;
        let rows = self.out.len() / (channels * height * width) * tiles.down;
        let tall = (room.clamp(least, most) / tiles.across).clamp(1, rows);
        for first in (0..rows).step_by(tall) {
            let some = first..(first + tall).min(rows);
            let count = some.len() * tiles.across;
            // Places a power of two apart would share their lines of the cache.
            let inputs_pitch = count * maps.channels + block;
            let sums_pitch = count * pairs * block + block;
            let mut inputs = Scratch::new(PLACES * inputs_pitch);
            let mut sums = Scratch::new(PLACES * sums_pitch);
            let (inputs, sums) = (inputs.numbers(), sums.numbers());
            maps.transformed::<S, Input, REACH, 1>(
                simd,
                self.first,
                some.clone(),
                0..maps.channels / S::F32_LANES,
                inputs,
                inputs_pitch / S::F32_LANES,
            );
            let size = maps.channels * block;
            for (place, (inputs, sums)) in inputs
                .chunks_exact(inputs_pitch)
                .zip(sums.chunks_exact_mut(sums_pitch))
                .enumerate()
            {
                let inputs = &inputs[..count * maps.channels];
                for (pair, sums) in sums.chunks_exact_mut(count * block).take(pairs).enumerate() {
                    let kernel = &kernels[(pair * PLACES + place) * size..][..size];
                    product(simd, kernel, inputs, sums, count);
                }
            }
            self.write(simd, some, sums, sums_pitch / block);
        }
    }
}

/// Of one place, the sums over the input's channels: `kernel` is `[depth, vectors]`, `inputs` `[vectors, tiles, channels of a vector]`, and `sums`
/// `[tiles, vectors]`.
#[inline(always)]
fn product<S: Simd>(simd: S, kernel: &[f32], inputs: &[f32], sums: &mut [f32], count: usize) {
    // Sums, a panel of the kernel and a number of the input have to be held.
    if S::REGISTER_COUNT >= 32 {
        match best(count, &[14, 8, 7, 4, 1]) {
            14 => tiles::<S, 14>(simd, kernel, inputs, sums, count),
            8 => tiles::<S, 8>(simd, kernel, inputs, sums, count),
            7 => tiles::<S, 7>(simd, kernel, inputs, sums, count),
            4 => tiles::<S, 4>(simd, kernel, inputs, sums, count),
            _ => tiles::<S, 1>(simd, kernel, inputs, sums, count),
        }
    } else {
        match best(count, &[6, 4, 1]) {
            6 => tiles::<S, 6>(simd, kernel, inputs, sums, count),
            4 => tiles::<S, 4>(simd, kernel, inputs, sums, count),
            _ => tiles::<S, 1>(simd, kernel, inputs, sums, count),
        }
    }
}

/// How many tiles at a time take least, of these choices. Less than four take as long as four.
#[inline(always)]
fn best(count: usize, choices: &[usize]) -> usize {
    let cost = |tiles: &&usize| count.div_ceil(**tiles) * (**tiles).max(4);
    let fitting = choices.iter().filter(|tiles| **tiles <= count);
    fitting.min_by_key(cost).copied().unwrap_or(1)
}

#[inline(always)]
fn tiles<S: Simd, const TILES: usize>(
    simd: S,
    kernel: &[f32],
    inputs: &[f32],
    sums: &mut [f32],
    count: usize,
) {
    let kernel = S::as_simd_f32s(kernel).0.as_chunks::<WIDE>().0;
    let into = S::as_mut_simd_f32s(sums).0.as_chunks_mut::<WIDE>().0;
    for start in (0..count).step_by(TILES) {
        // The last ones overlap those before: the same sums again.
        let at = start.min(count - TILES);
        let mut sums = [[simd.splat_f32s(0.0); WIDE]; TILES];
        for (block, kernel) in inputs
            .chunks_exact(count * S::F32_LANES)
            .zip(kernel.chunks_exact(S::F32_LANES))
        {
            let from = &block[at * S::F32_LANES..][..TILES * S::F32_LANES];
            for (lane, kernel) in kernel.iter().enumerate() {
                for tile in 0..TILES {
                    let value = simd.splat_f32s(from[tile * S::F32_LANES + lane]);
                    for wide in 0..WIDE {
                        sums[tile][wide] =
                            simd.mul_add_e_f32s(value, kernel[wide], sums[tile][wide]);
                    }
                }
            }
        }
        into[at..at + TILES].copy_from_slice(&sums);
    }
}

impl Images<'_> {
    /// Writes the outputs of some rows of tiles, of their sums, places `pitch` blocks apart: `[pairs of vectors, tiles, vectors]`.
    #[inline(always)]
    fn write<S: Simd>(&mut self, simd: S, rows: Range<usize>, sums: &[f32], pitch: usize) {
        let Convolution {
            maps,
            channels,
            size: [height, width],
            bias,
            activation,
            ..
        } = self.convolution;
        let tiles = maps.tiles;
        let area = height * width;
        let block = WIDE * S::F32_LANES;
        let count = rows.len() * tiles.across;
        let sums = S::as_simd_f32s(sums).0.as_chunks::<WIDE>().0;
        let bias = S::as_simd_f32s(bias).0.as_chunks::<WIDE>().0;
        let [low, high] = activation.limits();
        let (low, high) = (simd.splat_f32s(low), simd.splat_f32s(high));
        let line = tiles.across * TILE * block;
        let mut lines = Scratch::new(TILE * line);
        let lines = lines.numbers();
        for (pair, bias) in bias.iter().enumerate() {
            for (number, row) in rows.clone().enumerate() {
                let into = S::as_mut_simd_f32s(lines).0.as_chunks_mut::<WIDE>().0;
                for across in 0..tiles.across {
                    let at = pair * count + number * tiles.across + across;
                    for wide in 0..WIDE {
                        let tile = Output::square(simd, gathered(simd, sums, pitch, at, wide));
                        for y in 0..TILE {
                            for x in 0..TILE {
                                let mut sum = simd.add_f32s(tile[y][x], bias[wide]);
                                // A clamp of vectors would make a number of what is none.
                                if *activation != Activation::Linear {
                                    sum = simd.min_f32s(simd.max_f32s(sum, low), high);
                                }
                                into[(y * tiles.across + across) * TILE + x][wide] = sum;
                            }
                        }
                    }
                }
                let (image, top) = (row / tiles.down, row % tiles.down * TILE);
                let first = pair * block;
                let maps = &mut self.out[(image * channels + first) * area..];
                let maps = maps
                    .chunks_exact_mut(area)
                    .take((channels - first).min(block));
                for (channel, map) in maps.enumerate() {
                    let into = map[top * width..].chunks_exact_mut(*width);
                    for (into, from) in into.zip(lines.chunks_exact(line)) {
                        apart(&from[channel..], block, into);
                    }
                }
            }
        }
    }
}

/// Numbers that are `pitch` apart, as many as `into` has room for.
#[inline(always)]
fn apart(from: &[f32], pitch: usize, into: &mut [MaybeUninit<f32>]) {
    // Four at a time, so that they are written together.
    let (fours, rest) = into.as_chunks_mut::<4>();
    let done = 4 * pitch * fours.len();
    for (number, four) in fours.iter_mut().enumerate() {
        let from = &from[4 * number * pitch..][..3 * pitch + 1];
        for (place, value) in four.iter_mut().enumerate() {
            value.write(from[place * pitch]);
        }
    }
    for (value, from) in rest
        .iter_mut()
        .zip(from[done.min(from.len())..].iter().step_by(pitch))
    {
        value.write(*from);
    }
}
