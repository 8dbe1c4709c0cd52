//! Convolutions: a whole block, the end of a block with an attention, the stem.

use cubecl::prelude::*;

use crate::infer::gpu::geometry::GROUP;

/// What one unit computes of a 1 x 1 convolution at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Tile {
    /// Neighbouring positions.
    pub(crate) positions: usize,
    /// Channels; divides [`GROUP`].
    pub(crate) channels: usize,
    /// Units of a workgroup.
    pub(crate) units: usize,
    /// Whether what happens once for each position is written out for each, which keeps sums in registers, or a loop,
    /// which is far less to compile.
    pub(crate) unrolled: bool,
}

/// Side of the depthwise and the stem's kernel.
const SIDE: usize = 3;

/// A convolution's image, in positions.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub(crate) struct Plane {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) width_out: usize,
    /// Positions of a row that one workgroup does.
    pub(crate) segment: usize,
}

/// Where a 1 x 1 convolution finds what, in floats.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub(crate) struct Pointwise {
    /// Channels in, without padding.
    pub(crate) depth: usize,
    /// Channels in and out, with padding.
    pub(crate) input_stride: usize,
    pub(crate) output_stride: usize,
    /// Start of `[depth, output_stride]` weights and of the bias.
    pub(crate) weight: usize,
    pub(crate) bias: usize,
    /// Start of input and output in the state.
    pub(crate) input: usize,
    pub(crate) output: usize,
}

/// `min(max(x, 0), 6)`
#[cube]
fn relu6(x: f32) -> f32 {
    clamp(x, 0.0f32, 6.0f32)
}

/// Nine taps on each channel of `count` positions from `start` of the row `y`, with ReLU6.
///
/// `filters` is `[9, channels]`, followed by `[channels]` of bias.
#[cube]
#[allow(clippy::too_many_arguments)]
fn depthwise_row(
    input: &[f32],
    filters: &[f32],
    state: &mut [f32],
    plane: &Plane,
    places: &Places,
    channels: usize,
    y: usize,
    start: usize,
    count: usize,
    #[comptime] stride: usize,
    #[comptime] tile: Tile,
) {
    let positions = comptime!(tile.positions);
    let columns = comptime!((tile.positions - 1) * stride + SIDE);
    let strips = count.div_ceil(positions);
    let mut item = UNIT_POS as usize;
    while item < strips * channels {
        let channel = item % channels;
        let x = start + (item / channels) * positions;
        let bias = filters[SIDE * SIDE * channels + channel];
        let mut sums = Array::<f32>::new(positions);
        #[unroll]
        for p in 0..positions {
            sums[p] = bias;
        }
        for tap in 0..SIDE {
            // One row above the image wraps around to a row far below it.
            let row = y * stride + tap - 1;
            if row < plane.height {
                let row_at = row * plane.width;
                let filter = tap * SIDE * channels + channel;
                let left = filters[filter];
                let middle = filters[filter + channels];
                let right = filters[filter + 2 * channels];
                let mut values = Sequence::<f32>::new();
                #[unroll]
                for c in 0..columns {
                    let column = x * stride + c - 1;
                    let inside = min(column, plane.width - 1);
                    let value = input[places.hidden + (row_at + inside) * channels + channel];
                    values.push(select(column < plane.width, value, 0.0f32));
                }
                #[unroll]
                for p in 0..positions {
                    let c = comptime!(p * stride);
                    sums[p] = sums[p]
                        + values[c] * left
                        + values[comptime!(c + 1)] * middle
                        + values[comptime!(c + 2)] * right;
                }
            }
        }
        let row_out = y * plane.width_out;
        #[unroll(comptime!(tile.unrolled))]
        for p in 0..positions {
            if x + p < start + count {
                state[places.filtered + (row_out + x + p) * channels + channel] = relu6(sums[p]);
            }
        }
        item += CUBE_DIM as usize;
    }
}

/// A 1 x 1 convolution of `count` positions from `first`, within `state`.
///
/// With `add`, the same positions of the residual from `residual_at` are added; the result is held between `low` and
/// `high`.
#[cube]
#[allow(clippy::too_many_arguments)]
fn pointwise_row(
    state: &mut [f32],
    weights: &[f32],
    residual: &[f32],
    shape: &Pointwise,
    first: usize,
    count: usize,
    residual_at: usize,
    add: bool,
    low: f32,
    high: f32,
    #[comptime] tile: Tile,
) {
    let positions = comptime!(tile.positions);
    let channels = comptime!(tile.channels);
    // Units that share a group of channels; each takes every so manieth.
    let lanes = comptime!(GROUP / tile.channels);
    let groups = shape.output_stride / GROUP;
    let strips = count.div_ceil(positions);
    let mut item = UNIT_POS as usize;
    while item < strips * groups * lanes {
        let channel = (item / lanes) % groups * GROUP + item % lanes;
        let start = item / (lanes * groups) * positions;
        let mut sums = Array::<f32>::new(comptime!(positions * channels));
        #[unroll]
        for q in 0..channels {
            let bias = weights[shape.bias + channel + comptime!(q * lanes)];
            #[unroll]
            for p in 0..positions {
                sums[comptime!(p * channels + q)] = bias;
            }
        }
        // What reaches over the end computes the last position once more.
        let mut inputs = Sequence::<usize>::new();
        #[unroll]
        for p in 0..positions {
            let row = first + min(start + p, count - 1);
            inputs.push(shape.input + row * shape.input_stride);
        }
        let weight = shape.weight + channel;
        for k in 0..shape.depth {
            let at = weight + k * shape.output_stride;
            let mut factors = Sequence::<f32>::new();
            #[unroll]
            for q in 0..channels {
                factors.push(weights[at + comptime!(q * lanes)]);
            }
            #[unroll]
            for p in 0..positions {
                let value = state[inputs[p] + k];
                #[unroll]
                for q in 0..channels {
                    let i = comptime!(p * channels + q);
                    sums[i] += value * factors[q];
                }
            }
        }
        #[unroll(comptime!(tile.unrolled))]
        for p in 0..positions {
            if start + p < count {
                let at = (first + start + p) * shape.output_stride + channel;
                #[unroll]
                for q in 0..channels {
                    let mut sum = sums[p * channels + q];
                    if add {
                        sum += residual[residual_at + at + comptime!(q * lanes)];
                    }
                    state[shape.output + at + comptime!(q * lanes)] = clamp(sum, low, high);
                }
            }
        }
        item += CUBE_DIM as usize;
    }
}

/// No number that a sum may reach: the clamp that holds nothing.
const UNLIMITED: f32 = 3.0e38;

/// Where a block's image and residual start in their buffers, and its scratch in the state; whether to add.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub(crate) struct Places {
    pub(crate) hidden: usize,
    pub(crate) residual: usize,
    pub(crate) filtered: usize,
    /// 0 or 1.
    pub(crate) add: usize,
}

/// From one expanded image to the next: depthwise filter, projection, residual, expansion.
///
/// Only the filter looks at neighbours, so a workgroup can do the rest for its positions by itself. `hidden` is
/// `[height, width, channels]`; `weights` holds filters, then what `project` and `widen` point to; `state` has room for
/// the filtered image, the output and its expansion.
#[cube(launch_unchecked)]
#[allow(clippy::too_many_arguments)]
pub(crate) fn block(
    hidden: &[f32],
    residual: &[f32],
    weights: &[f32],
    state: &mut [f32],
    plane: Plane,
    places: Places,
    project: Pointwise,
    widen: Pointwise,
    #[comptime] stride: usize,
    #[comptime] tile: Tile,
) {
    let y = CUBE_POS_Y as usize;
    let start = CUBE_POS_X as usize * plane.segment;
    let count = min(plane.segment, plane.width_out - start);
    let first = y * plane.width_out + start;
    depthwise_row(
        hidden,
        weights,
        state,
        &plane,
        &places,
        project.input_stride,
        y,
        start,
        count,
        stride,
        tile,
    );
    // One after the other by the same code: it is long, and compiled by the browser at first use.
    for phase in 0..2usize {
        let projects = phase == 0;
        sync_storage();
        let shape = Pointwise {
            depth: select(projects, project.depth, widen.depth),
            input_stride: select(projects, project.input_stride, widen.input_stride),
            output_stride: select(projects, project.output_stride, widen.output_stride),
            weight: select(projects, project.weight, widen.weight),
            bias: select(projects, project.bias, widen.bias),
            input: select(projects, project.input, widen.input),
            output: select(projects, project.output, widen.output),
        };
        pointwise_row(
            state,
            weights,
            residual,
            &shape,
            first,
            count,
            places.residual,
            places.add > phase,
            select(projects, -UNLIMITED, 0.0f32),
            select(projects, UNLIMITED, 6.0f32),
            tile,
        );
    }
}

/// An image times its gates plus the residual, and its expansion: how a block with an attention ends.
///
/// `state` has room for both.
#[cube(launch_unchecked)]
#[allow(clippy::too_many_arguments)]
pub(crate) fn gated_expansion(
    input: &[f32],
    channel_gates: &[f32],
    position_gates: &[f32],
    residual: &[f32],
    weights: &[f32],
    state: &mut [f32],
    positions: usize,
    segment: usize,
    input_at: usize,
    residual_at: usize,
    add: u32,
    widen: Pointwise,
    #[comptime] by_position: bool,
    #[comptime] tile: Tile,
) {
    let first = CUBE_POS_X as usize * segment;
    let count = min(segment, positions - first);
    let channels = widen.input_stride;
    let mut item = UNIT_POS as usize;
    while item < count * channels {
        let at = first * channels + item;
        let mut value = input[input_at + at] * channel_gates[item % channels];
        if comptime!(by_position) {
            value *= position_gates[at / channels];
        }
        if add == 1u32 {
            value += residual[residual_at + at];
        }
        state[widen.input + at] = value;
        item += CUBE_DIM as usize;
    }
    sync_storage();
    pointwise_row(
        state, weights, residual, &widen, first, count, 0usize, false, 0.0f32, 6.0f32, tile,
    );
}

/// The stem: 3 x 3 with stride 2 over planes, `[channels_in, height, width]`, to `[positions, output_stride]`.
///
/// `weights` is `[channels_in, 3, 3, output_stride]`, followed by `[output_stride]` of bias.
#[cube(launch_unchecked)]
pub(crate) fn stem(
    image: &[f32],
    weights: &[f32],
    output: &mut [f32],
    plane: Plane,
    depth: usize,
    output_stride: usize,
    #[comptime] tile: Tile,
) {
    let stride = comptime!(2usize);
    let positions = comptime!(tile.positions);
    let channels = comptime!(tile.channels);
    let lanes = comptime!(GROUP / tile.channels);
    let columns = comptime!((tile.positions - 1) * 2 + SIDE);
    let y = CUBE_POS_Y as usize;
    let start = CUBE_POS_X as usize * plane.segment;
    let count = min(plane.segment, plane.width_out - start);
    let groups = output_stride / GROUP;
    let strips = count.div_ceil(positions);
    let mut item = UNIT_POS as usize;
    while item < strips * groups * lanes {
        let channel = (item / lanes) % groups * GROUP + item % lanes;
        let x = start + item / (lanes * groups) * positions;
        let mut sums = Array::<f32>::new(comptime!(positions * channels));
        #[unroll]
        for q in 0..channels {
            let bias =
                weights[depth * SIDE * SIDE * output_stride + channel + comptime!(q * lanes)];
            #[unroll]
            for p in 0..positions {
                sums[comptime!(p * channels + q)] = bias;
            }
        }
        for line in 0..depth * SIDE {
            let row = y * stride + line % SIDE - 1;
            if row < plane.height {
                let row_at = (line / SIDE * plane.height + row) * plane.width;
                let mut values = Sequence::<f32>::new();
                #[unroll]
                for c in 0..columns {
                    let column = x * stride + c - 1;
                    let value = image[row_at + min(column, plane.width - 1)];
                    values.push(select(column < plane.width, value, 0.0f32));
                }
                #[unroll]
                for q in 0..channels {
                    let at = line * SIDE * output_stride + channel + comptime!(q * lanes);
                    let left = weights[at];
                    let middle = weights[at + output_stride];
                    let right = weights[at + 2 * output_stride];
                    #[unroll]
                    for p in 0..positions {
                        let i = comptime!(p * channels + q);
                        let c = comptime!(p * stride);
                        sums[i] = sums[i]
                            + values[c] * left
                            + values[comptime!(c + 1)] * middle
                            + values[comptime!(c + 2)] * right;
                    }
                }
            }
        }
        #[unroll(comptime!(tile.unrolled))]
        for p in 0..positions {
            if x + p < start + count {
                let at = (y * plane.width_out + x + p) * output_stride + channel;
                #[unroll]
                for q in 0..channels {
                    output[at + comptime!(q * lanes)] = relu6(sums[p * channels + q]);
                }
            }
        }
        item += CUBE_DIM as usize;
    }
}
