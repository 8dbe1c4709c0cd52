//! The gates of attentions, of channels and of positions.

use cubecl::prelude::*;

/// Sizes of a channel gate.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub(crate) struct GateShape {
    /// Start of the image.
    pub(crate) input: usize,
    pub(crate) positions: usize,
    /// Channels, with padding.
    pub(crate) channels: usize,
    /// The hidden layer, with padding.
    pub(crate) hidden: usize,
    /// Channels without padding.
    pub(crate) depth: usize,
    /// The hidden layer without padding.
    pub(crate) hidden_depth: usize,
}

/// `2 * sigmoid(x)`
#[cube]
fn gate_of(x: f32) -> f32 {
    2.0f32 / (1.0f32 + f32::exp(-x))
}

/// Gates of all channels, by one workgroup: pool over positions, narrow, widen.
///
/// `weights` holds `[channels, hidden]` and its bias, then `[hidden, channels]` and its bias. `scratch` has room for two
/// of channels and of hidden. With `peaks`, what the maxima excite is added to what the means do (CBAM).
#[cube(launch_unchecked)]
pub(crate) fn channel_gate(
    input: &[f32],
    weights: &[f32],
    scratch: &mut [f32],
    gate: &mut [f32],
    shape: GateShape,
    #[comptime] peaks: bool,
) {
    let units = CUBE_DIM as usize;
    let channels = shape.channels;
    let hidden = shape.hidden;
    let mut channel = UNIT_POS as usize;
    while channel < channels {
        let mut sum = 0.0f32;
        let mut peak = input[shape.input + channel];
        for position in 0..shape.positions {
            let value = input[shape.input + position * channels + channel];
            sum += value;
            if comptime!(peaks) {
                peak = max(peak, value);
            }
        }
        scratch[channel] = sum / f32::cast_from(shape.positions);
        if comptime!(peaks) {
            scratch[channels + channel] = peak;
        }
        channel += units;
    }
    sync_storage();
    let pools = comptime!(if peaks { 2usize } else { 1usize });
    let narrow_bias = shape.depth * hidden;
    let hidden_at = 2 * channels;
    let mut item = UNIT_POS as usize;
    while item < pools * hidden {
        let unit = item % hidden;
        let pool = item / hidden * channels;
        let mut sum = weights[narrow_bias + unit];
        for k in 0..shape.depth {
            sum += scratch[pool + k] * weights[k * hidden + unit];
        }
        scratch[hidden_at + item] = max(sum, 0.0f32);
        item += units;
    }
    sync_storage();
    let wide = narrow_bias + hidden;
    let wide_bias = wide + shape.hidden_depth * channels;
    let mut channel = UNIT_POS as usize;
    while channel < channels {
        let mut sum = weights[wide_bias + channel] * f32::cast_from(pools);
        for k in 0..shape.hidden_depth {
            let mut value = scratch[hidden_at + k];
            if comptime!(peaks) {
                value += scratch[hidden_at + hidden + k];
            }
            sum += value * weights[wide + k * channels + channel];
        }
        gate[channel] = gate_of(sum);
        channel += units;
    }
}

/// Mean and maximum over the gated channels at each position, `[positions, 2]`.
#[cube(launch_unchecked)]
pub(crate) fn channel_summary(
    input: &[f32],
    gate: &[f32],
    summary: &mut [f32],
    input_at: usize,
    positions: usize,
    channels: usize,
    depth: usize,
) {
    let position = ABSOLUTE_POS;
    if position < positions {
        let mut sum = 0.0f32;
        let mut peak = input[input_at + position * channels] * gate[0];
        for k in 0..depth {
            let value = input[input_at + position * channels + k] * gate[k];
            sum += value;
            peak = max(peak, value);
        }
        summary[2 * position] = sum / f32::cast_from(depth);
        summary[2 * position + 1] = peak;
    }
}

/// Side of CBAM's kernel over positions.
pub(crate) const SPATIAL_SIDE: usize = 7;

/// Gates of all positions: a 7 x 7 convolution of their summaries.
///
/// `weights` is `[2, 7, 7]` and one bias.
#[cube(launch_unchecked)]
pub(crate) fn position_gate(
    summary: &[f32],
    weights: &[f32],
    gate: &mut [f32],
    height: usize,
    width: usize,
) {
    let position = ABSOLUTE_POS;
    if position < height * width {
        let y = position / width;
        let x = position % width;
        let taps = SPATIAL_SIDE * SPATIAL_SIDE;
        let mut sum = weights[2 * taps];
        for tap in 0..taps {
            // Above and left of the image wraps around to far below and right of it.
            let row = y + tap / SPATIAL_SIDE - SPATIAL_SIDE / 2;
            let column = x + tap % SPATIAL_SIDE - SPATIAL_SIDE / 2;
            if row < height && column < width {
                let at = 2 * (row * width + column);
                sum += summary[at] * weights[tap] + summary[at + 1] * weights[taps + tap];
            }
        }
        gate[position] = gate_of(sum);
    }
}
