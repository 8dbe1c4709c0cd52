//! A dense convolution without a matrix of patches: sums of a few positions of a row and some vectors of channels stay in registers, while all
//! that they depend on passes by.
//!
//! The gradient of the input is such a convolution too, of the gradient of the output; with stride 2 it is four, one for each kind of place.

use std::cmp::Reverse;
use std::mem::MaybeUninit;

use pulp::{Arch, Simd, WithSimd};

use super::planes::{Border, Planes, together};
use super::threads::{made_by_columns, made_in_chunks, threads};
use crate::Activation;
use crate::train::shape::Shape;

/// How the positions of one direction meet the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Axis {
    /// Positions of the output: the first, how far apart, and how many.
    first: usize,
    step: usize,
    count: usize,
    /// Where in a plane the first position's first tap is, and how far that of the next.
    from: usize,
    stride: usize,
    taps: usize,
}

impl Axis {
    /// The output of a convolution.
    fn forward(count: usize, stride: usize, taps: usize) -> Self {
        Self {
            first: 0,
            step: 1,
            count,
            from: 0,
            stride,
            taps,
        }
    }

    /// Those positions of the input that meet the kernel's taps `kind`, `kind + stride`, .. : position `i` meets tap `t` of output `o` where
    /// `i + padding = o * stride + t`. `None` if there are no such positions or taps.
    fn backward(
        size: usize,
        padding: usize,
        stride: usize,
        side: usize,
        kind: usize,
    ) -> Option<Self> {
        let first = (kind + stride * padding - padding) % stride;
        let taps = side.saturating_sub(kind).div_ceil(stride);
        let count = size.saturating_sub(first).div_ceil(stride);
        (taps > 0 && count > 0).then_some(Self {
            first,
            step: stride,
            count,
            // Of the output that the last tap meets; its border is still to be added.
            from: (first + padding - kind) / stride,
            stride: 1,
            taps,
        })
    }
}

/// All positions of the input in one direction, and the zeros that the output's gradient needs around it.
fn backward_axes(shape: &Shape, size: usize, size_out: usize) -> (Vec<(usize, Axis)>, [usize; 2]) {
    let padding = shape.padding;
    let mut axes: Vec<(usize, Axis)> = (0..shape.stride)
        .filter_map(|kind| {
            Axis::backward(size, padding, shape.stride, shape.side, kind).map(|axis| (kind, axis))
        })
        .collect();
    let (mut before, mut after) = (0, 0);
    for (_, axis) in &axes {
        before = before.max((axis.taps - 1).saturating_sub(axis.from));
        after = after.max((axis.from + axis.count).saturating_sub(size_out));
    }
    for (_, axis) in &mut axes {
        axis.from = axis.from + before + 1 - axis.taps;
    }
    (axes, [before, after])
}

/// How many vectors of so many channels are summed up at a time, of these choices: as few of them empty as can be, and then as many as can be.
pub(super) fn vectors_at_once(channels: usize, choices: &[usize]) -> usize {
    let all = channels.div_ceil(lanes());
    let best = |vectors: &&usize| (all.next_multiple_of(**vectors), Reverse(**vectors));
    choices.iter().min_by_key(best).copied().unwrap_or(1)
}

/// The same for a convolution. With two, fourteen positions fit into 32 registers, and each number of the weight that comes from the cache is
/// used as often. But if a few images have so few channels that some threads would have nothing to do, one.
fn one_or_two(channels: usize, images: usize) -> usize {
    let pairs = images * channels.div_ceil(2 * lanes());
    vectors_at_once(channels, if pairs < threads() { &[1] } else { &[1, 2] })
}

/// Numbers in a vector of this processor.
pub(super) fn lanes() -> usize {
    Arch::new().dispatch(Vectors)[0]
}

/// Registers for vectors.
pub(super) fn registers() -> usize {
    Arch::new().dispatch(Vectors)[1]
}

struct Vectors;

impl WithSimd for Vectors {
    type Output = [usize; 2];

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> [usize; 2] {
        [S::F32_LANES, S::REGISTER_COUNT]
    }
}

/// A weight `[output, input, taps]` in blocks of output channels: `[blocks, input, taps, channels of the block]`.
pub(super) fn by_output(shape: &Shape, weight: &[f32], block: usize) -> Vec<f32> {
    let taps = shape.patch();
    let size = taps * block;
    let (values, _) = made_in_chunks(shape.output.div_ceil(block) * size, size, |number, into| {
        let rows = &weight[number * size..];
        together(rows, block.min(rows.len() / taps), taps, taps, into, block);
    });
    values
}

/// A weight in blocks of input channels, of some of its taps: `[blocks, output, taps, channels of the block]`.
pub(super) fn by_input(shape: &Shape, weight: &[f32], block: usize, taps: &[usize]) -> Vec<f32> {
    let all = shape.side * shape.side;
    let size = shape.output * taps.len() * block;
    let (values, _) = made_in_chunks(shape.input.div_ceil(block) * size, size, |number, into| {
        let first = number * block;
        let count = block.min(shape.input - first);
        for (output, into) in into.chunks_exact_mut(taps.len() * block).enumerate() {
            let from = &weight[(output * shape.input + first) * all..][..count * all];
            for (into, tap) in into.chunks_exact_mut(block).zip(taps) {
                for (value, from) in into.iter_mut().zip(from.chunks_exact(all)) {
                    *value = from[*tap];
                }
            }
        }
    });
    values
}

/// The output, `[batch, output, height_out, width_out]`.
pub(super) fn forward(shape: &Shape, input: &[f32], weight: &[f32], bias: &[f32]) -> Vec<f32> {
    let planes = Planes::of_input(shape, input);
    let vectors = one_or_two(shape.output, shape.batch);
    let block = vectors * lanes();
    let weights = by_output(shape, weight, block);
    let pass = Pass {
        y: Axis::forward(shape.height_out, shape.stride, shape.side),
        x: Axis::forward(shape.width_out, shape.stride, shape.side),
        planes: &planes,
        channels: shape.input,
        vectors,
        weights: &weights,
        size_out: [shape.height_out, shape.width_out],
        bias: Some(bias),
        activation: shape.activation,
    };
    run(&[pass], shape.batch, shape.output, block)
}

/// The gradient of the input, of the output's gradient where the clamp let it through.
pub(super) fn backward(
    shape: &Shape,
    weight: &[f32],
    output: &[f32],
    gradient: &[f32],
) -> Vec<f32> {
    let vectors = one_or_two(shape.input, shape.batch);
    let block = vectors * lanes();
    let (ys, [top, bottom]) = backward_axes(shape, shape.height, shape.height_out);
    let (xs, [left, right]) = backward_axes(shape, shape.width, shape.width_out);
    let border = Border {
        before: [top, left],
        after: [bottom, right],
    };
    let masked = Planes::of_gradient(shape, output, gradient, border);
    let side = shape.side;
    let mut kinds = Vec::new();
    for &(kind_y, y) in &ys {
        for &(kind_x, x) in &xs {
            // Later outputs meet earlier taps.
            let taps: Vec<usize> = (0..y.taps * x.taps)
                .map(|tap| {
                    let ky = kind_y + shape.stride * (y.taps - 1 - tap / x.taps);
                    let kx = kind_x + shape.stride * (x.taps - 1 - tap % x.taps);
                    ky * side + kx
                })
                .collect();
            let weights = by_input(shape, weight, block, &taps);
            kinds.push((y, x, weights));
        }
    }
    let passes: Vec<Pass<'_>> = kinds
        .iter()
        .map(|(y, x, weights)| Pass {
            y: *y,
            x: *x,
            planes: &masked,
            channels: shape.output,
            vectors,
            weights,
            size_out: [shape.height, shape.width],
            bias: None,
            activation: Activation::Linear,
        })
        .collect();
    run(&passes, shape.batch, shape.input, block)
}

/// All of these, image by image and block by block.
fn run(passes: &[Pass<'_>], images: usize, channels: usize, block: usize) -> Vec<f32> {
    let Some(Pass { size_out, .. }) = passes.first() else {
        return Vec::new();
    };
    let area = size_out[0] * size_out[1];
    let blocks = channels.div_ceil(block);
    // The last block of an image may have fewer channels, so chunks are images, or blocks where one fills them all.
    let (chunk, columns) = if channels.is_multiple_of(block) {
        (block * area, blocks)
    } else {
        (channels * area, 1)
    };
    let arch = Arch::new();
    let all = passes
        .iter()
        .map(|pass| pass.y.count * pass.x.count)
        .sum::<usize>()
        == area;
    let work = |task: usize, into: &mut [MaybeUninit<f32>]| {
        let first = task * chunk / area;
        for (number, out) in into.chunks_mut(block * area).enumerate() {
            let (image, place) = (first / channels, first % channels / block + number);
            debug_assert!(place < blocks, "a block beyond the last");
            if !all {
                out.fill(MaybeUninit::new(0.0));
            }
            for pass in passes {
                arch.dispatch(Block {
                    pass,
                    image,
                    number: place,
                    out,
                });
            }
        }
    };
    // SAFETY: each pass writes its own positions of every channel of a block. Either these are all there are, or zeros are written before.
    #[allow(unsafe_code)]
    unsafe {
        made_by_columns(images * channels * area, chunk, columns, work).0
    }
}

/// A convolution of all images.
struct Pass<'a> {
    y: Axis,
    x: Axis,
    planes: &'a Planes,
    /// Channels of an image of the planes.
    channels: usize,
    /// Vectors of channels of a block.
    vectors: usize,
    weights: &'a [f32],
    /// Height and width of a whole map of the output.
    size_out: [usize; 2],
    bias: Option<&'a [f32]>,
    activation: Activation,
}

/// One image and one block of a pass.
struct Block<'a> {
    pass: &'a Pass<'a>,
    image: usize,
    number: usize,
    /// `[channels of the block, height, width]`
    out: &'a mut [MaybeUninit<f32>],
}

impl WithSimd for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (vectors, count) = (self.pass.vectors, self.pass.x.count);
        // Sums, a panel of weights and a number of the input have to be held. Of short rows two at a time, where there are registers for both.
        if S::REGISTER_COUNT >= 32 {
            match (vectors, count) {
                (2, 14..) => self.rows::<S, 2, 14, 1>(simd),
                (2, 7..) => self.rows::<S, 2, 7, 2>(simd),
                (2, 4..) => self.rows::<S, 2, 4, 2>(simd),
                (2, 2..) => self.rows::<S, 2, 2, 2>(simd),
                (2, _) => self.rows::<S, 2, 1, 1>(simd),
                (_, 28..) => self.rows::<S, 1, 28, 1>(simd),
                (_, 7..) => self.rows::<S, 1, 7, 2>(simd),
                (_, 2..) => self.rows::<S, 1, 2, 2>(simd),
                (_, _) => self.rows::<S, 1, 1, 1>(simd),
            }
        } else {
            match (vectors, count) {
                (2, 9..) => self.rows::<S, 2, 6, 1>(simd),
                (2, 4..) => self.rows::<S, 2, 4, 1>(simd),
                (2, 2..) => self.rows::<S, 2, 2, 2>(simd),
                (2, _) => self.rows::<S, 2, 1, 1>(simd),
                (_, 7..) => self.rows::<S, 1, 7, 1>(simd),
                (_, 2..) => self.rows::<S, 1, 2, 2>(simd),
                (_, _) => self.rows::<S, 1, 1, 1>(simd),
            }
        }
    }
}

impl Block<'_> {
    /// All rows, `LINES` at a time.
    #[inline(always)]
    fn rows<S: Simd, const WIDE: usize, const POSITIONS: usize, const LINES: usize>(self, simd: S) {
        let Pass { y, x, .. } = *self.pass;
        let line = x.count * WIDE * S::F32_LANES;
        let mut sums = vec![0.0; LINES * line];
        let mut row = 0;
        while row < y.count {
            let lines = if row + LINES <= y.count { LINES } else { 1 };
            // Never where `LINES` is 1: the compiler leaves that code out.
            let single = LINES > 1 && lines == 1;
            for start in (0..x.count).step_by(POSITIONS) {
                // The last ones overlap those before: the same sums again.
                let at = start.min(x.count - POSITIONS);
                match (single, x.stride) {
                    (false, 1) => {
                        self.tile::<S, WIDE, POSITIONS, LINES, 1>(simd, row, at, &mut sums)
                    }
                    (false, _) => {
                        self.tile::<S, WIDE, POSITIONS, LINES, 2>(simd, row, at, &mut sums)
                    }
                    (true, 1) => self.tile::<S, WIDE, POSITIONS, 1, 1>(simd, row, at, &mut sums),
                    (true, _) => self.tile::<S, WIDE, POSITIONS, 1, 2>(simd, row, at, &mut sums),
                }
            }
            for sums in sums.chunks_exact(line).take(lines) {
                let block = WIDE * S::F32_LANES;
                store(self.pass, self.number * block, row, sums, block, self.out);
                row += 1;
            }
        }
    }

    /// The sums of some positions of some rows into `[rows, positions, channels of the block]`.
    #[inline(always)]
    fn tile<
        S: Simd,
        const WIDE: usize,
        const POSITIONS: usize,
        const LINES: usize,
        const STRIDE: usize,
    >(
        &self,
        simd: S,
        row: usize,
        at: usize,
        into: &mut [f32],
    ) {
        let Pass {
            y,
            x,
            planes,
            channels,
            weights,
            ..
        } = *self.pass;
        let size = channels * y.taps * x.taps * WIDE * S::F32_LANES;
        let weights = &weights[self.number * size..][..size];
        let mut weights = S::as_simd_f32s(weights).0.as_chunks::<WIDE>().0.iter();
        let mut sums = [[[simd.splat_f32s(0.0); WIDE]; POSITIONS]; LINES];
        let first = (y.from + row * y.stride) * planes.width + x.from + at * STRIDE;
        let next = y.stride * planes.width;
        let reach = (POSITIONS - 1) * STRIDE + 1;
        let image = &planes.values[self.image * channels * planes.plane()..];
        for plane in image.chunks_exact(planes.plane()).take(channels) {
            for tap_y in 0..y.taps {
                let start = first + tap_y * planes.width;
                let mut from: [&[f32]; LINES] = [&[]; LINES];
                for (line, from) in from.iter_mut().enumerate() {
                    *from = &plane[start + line * next..][..reach + x.taps - 1];
                }
                for (tap_x, weights) in (0..x.taps).zip(&mut weights) {
                    let weights = *weights;
                    for line in 0..LINES {
                        let from = &from[line][tap_x..tap_x + reach];
                        for position in 0..POSITIONS {
                            let value = simd.splat_f32s(from[position * STRIDE]);
                            let sums = &mut sums[line][position];
                            for wide in 0..WIDE {
                                sums[wide] = simd.mul_add_e_f32s(value, weights[wide], sums[wide]);
                            }
                        }
                    }
                }
            }
        }
        let into = S::as_mut_simd_f32s(into).0.as_chunks_mut::<WIDE>().0;
        for (into, sums) in into.chunks_exact_mut(x.count).zip(sums) {
            into[at..at + POSITIONS].copy_from_slice(&sums);
        }
    }
}

/// The sums of a row, `[positions, block]`, as a line of each channel's map.
#[inline(always)]
fn store(
    pass: &Pass<'_>,
    first_channel: usize,
    row: usize,
    sums: &[f32],
    block: usize,
    out: &mut [MaybeUninit<f32>],
) {
    let Pass { y, x, size_out, .. } = *pass;
    let [height, width] = size_out;
    let line = (y.first + row * y.step) * width;
    let [low, high] = pass.activation.limits();
    for (channel, map) in out.chunks_exact_mut(height * width).enumerate() {
        let bias = pass.bias.map_or(0.0, |bias| bias[first_channel + channel]);
        let from = sums[channel..].iter().step_by(block);
        let into = &mut map[line..line + width];
        if pass.activation == Activation::Linear {
            let into = into[x.first..].iter_mut().step_by(x.step);
            for (value, sum) in into.zip(from) {
                value.write(sum + bias);
            }
        } else {
            for (value, sum) in into.iter_mut().zip(from) {
                value.write((sum + bias).clamp(low, high));
            }
        }
    }
}
