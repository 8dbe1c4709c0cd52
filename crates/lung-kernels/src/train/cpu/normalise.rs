//! The arithmetic of batch norm on plain slices, channels first.
//!
//! Two passes forward (statistics, output) and two backward (sums, gradient), where composed operators take a dozen each.
//! Statistics are divided among the threads by channel and the rest by map, so that sums do not depend on their number.

use std::mem::MaybeUninit;

use pulp::{Arch, Simd, WithSimd};

use super::threads::{made_by_columns, map_parts, maps_at_once};
use crate::train::normalise::Normalisation;

/// Partial sums, so that a sum fills vector registers.
const LANES: usize = 16;

/// Sizes of a batch of maps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Maps {
    pub(crate) channels: usize,
    /// Positions of a map.
    pub(crate) area: usize,
}

impl Maps {
    /// The map of one channel in each image.
    #[inline(always)]
    fn of_channel<'a>(&self, values: &'a [f32], channel: usize) -> impl Iterator<Item = &'a [f32]> {
        let Self { channels, area } = *self;
        values
            .chunks_exact(channels * area)
            .map(move |image| &image[channel * area..][..area])
    }

    /// Numbers of one channel.
    fn count(&self, values: &[f32]) -> f32 {
        (values.len() / self.channels) as f32
    }
}

/// What each channel is multiplied by and what is added.
struct Lines {
    scale: Vec<f32>,
    shift: Vec<f32>,
    /// One over the deviation.
    inverse: Vec<f32>,
}

impl Lines {
    fn new([weight, bias, mean, variance]: [&[f32]; 4], how: Normalisation) -> Self {
        let inverse: Vec<f32> = variance
            .iter()
            .map(|variance| 1.0 / (variance + how.epsilon).sqrt())
            .collect();
        let scale: Vec<f32> = weight.iter().zip(&inverse).map(|(w, i)| w * i).collect();
        let shift = bias
            .iter()
            .zip(mean)
            .zip(&scale)
            .map(|((bias, mean), scale)| bias - mean * scale)
            .collect();
        Self {
            scale,
            shift,
            inverse,
        }
    }
}

/// Output, and mean and variance of each channel.
pub(crate) fn forward(
    maps: Maps,
    input: &[f32],
    weight: &[f32],
    bias: &[f32],
    how: Normalisation,
) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let arch = Arch::new();
    let (mean, variance): (Vec<f32>, Vec<f32>) =
        map_parts((0..maps.channels).collect(), |channel| {
            arch.dispatch(Statistics {
                maps,
                input,
                channel,
            })
        })
        .into_iter()
        .unzip();
    let lines = Lines::new([weight, bias, &mean, &variance], how);
    let at_once = maps_at_once(maps.area);
    let work = |task: usize, into: &mut [MaybeUninit<f32>]| {
        arch.dispatch(Output {
            maps,
            first: task * at_once,
            input: &input[task * at_once * maps.area..][..into.len()],
            into,
            lines: &lines,
            limits: how.activation.limits(),
        });
    };
    // SAFETY: all of each map is written.
    #[allow(unsafe_code)]
    let (out, _) = unsafe { made_by_columns(input.len(), at_once * maps.area, 1, work) };
    (out, mean, variance)
}

/// Gradients for input, weight and bias.
pub(crate) fn backward(
    maps: Maps,
    input: &[f32],
    channelwise: [&[f32]; 4],
    gradient: &[f32],
    how: Normalisation,
) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let arch = Arch::new();
    let lines = Lines::new(channelwise, how);
    let [_, _, mean, _] = channelwise;
    let (for_weight, for_bias): (Vec<f32>, Vec<f32>) =
        map_parts((0..maps.channels).collect(), |channel| {
            arch.dispatch(Sums {
                maps,
                input,
                gradient,
                channel,
                mean: mean[channel],
                lines: &lines,
                limits: how.activation.limits(),
            })
        })
        .into_iter()
        .unzip();
    // scale * (g - mean of g - normalised x * mean of g * normalised x): g times the scale, and a line in x.
    let count = maps.count(input);
    let slope: Vec<f32> = (0..maps.channels)
        .map(|c| -lines.scale[c] * for_weight[c] / count * lines.inverse[c])
        .collect();
    let offset: Vec<f32> = (0..maps.channels)
        .map(|c| -lines.scale[c] * for_bias[c] / count - slope[c] * mean[c])
        .collect();
    let at_once = maps_at_once(maps.area);
    let work = |task: usize, into: &mut [MaybeUninit<f32>]| {
        let range = task * at_once * maps.area..task * at_once * maps.area + into.len();
        arch.dispatch(InputGradient {
            maps,
            first: task * at_once,
            input: &input[range.clone()],
            gradient: &gradient[range],
            into,
            lines: &lines,
            slope: &slope,
            offset: &offset,
            limits: how.activation.limits(),
        });
    };
    // SAFETY: all of each map is written.
    #[allow(unsafe_code)]
    let (for_input, _) = unsafe { made_by_columns(input.len(), at_once * maps.area, 1, work) };
    (for_input, for_weight, for_bias)
}

/// Sums `of` over the numbers of two maps of one size.
#[inline(always)]
fn sum(a: &[f32], b: &[f32], of: impl Fn(f32, f32) -> f32) -> f32 {
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0f32; LANES];
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += of(a[lane], b[lane]);
        }
    }
    let mut sum = 0.0;
    if !a_chunks.is_empty() {
        for lane in sums {
            sum += lane;
        }
    }
    for (a, b) in a_rest.iter().zip(b_rest) {
        sum += of(*a, *b);
    }
    sum
}

/// The gradient where the clamp let it through, 0 elsewhere. The same arithmetic as forward, so that it says the same of
/// where that was.
#[inline(always)]
fn passed(x: f32, g: f32, scale: f32, shift: f32, [low, high]: [f32; 2]) -> f32 {
    let y = x * scale + shift;
    if y > low && y < high { g } else { 0.0 }
}

/// Mean and variance of one channel.
struct Statistics<'a> {
    maps: Maps,
    input: &'a [f32],
    channel: usize,
}

impl WithSimd for Statistics<'_> {
    type Output = (f32, f32);

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> (f32, f32) {
        // Map by map, so that the second pass finds it in the cache: squares about the map's own mean do not cancel out where that is
        // large. Then what the means differ by (Chan, Golub and LeVeque 1979).
        let area = self.maps.area as f32;
        let (mut mean, mut squares, mut count) = (0.0, 0.0, 0.0);
        for map in self.maps.of_channel(self.input, self.channel) {
            let mean_of_map = sum(map, map, |x, _| x) / area;
            squares += sum(map, map, |x, _| (x - mean_of_map) * (x - mean_of_map));
            let apart = mean_of_map - mean;
            let share = area / (count + area);
            mean += apart * share;
            squares += apart * apart * count * share;
            count += area;
        }
        (mean, squares / count)
    }
}

/// The output of some maps.
struct Output<'a> {
    maps: Maps,
    /// Number of the first map.
    first: usize,
    input: &'a [f32],
    into: &'a mut [MaybeUninit<f32>],
    lines: &'a Lines,
    limits: [f32; 2],
}

impl WithSimd for Output<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let [low, high] = self.limits;
        let Maps { channels, area } = self.maps;
        for (number, (into, from)) in self
            .into
            .chunks_exact_mut(area)
            .zip(self.input.chunks_exact(area))
            .enumerate()
        {
            let channel = (self.first + number) % channels;
            let (scale, shift) = (self.lines.scale[channel], self.lines.shift[channel]);
            for (value, x) in into.iter_mut().zip(from) {
                value.write((x * scale + shift).clamp(low, high));
            }
        }
    }
}

/// Gradients of one channel's weight and bias.
struct Sums<'a> {
    maps: Maps,
    input: &'a [f32],
    gradient: &'a [f32],
    channel: usize,
    mean: f32,
    lines: &'a Lines,
    limits: [f32; 2],
}

impl WithSimd for Sums<'_> {
    type Output = (f32, f32);

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> (f32, f32) {
        let (scale, shift) = (
            self.lines.scale[self.channel],
            self.lines.shift[self.channel],
        );
        let (mean, limits) = (self.mean, self.limits);
        let (mut for_weight, mut for_bias) = (0.0, 0.0);
        for (x, g) in self
            .maps
            .of_channel(self.input, self.channel)
            .zip(self.maps.of_channel(self.gradient, self.channel))
        {
            for_weight += sum(x, g, |x, g| passed(x, g, scale, shift, limits) * (x - mean));
            for_bias += sum(x, g, |x, g| passed(x, g, scale, shift, limits));
        }
        (for_weight * self.lines.inverse[self.channel], for_bias)
    }
}

/// The input's gradient for some maps.
struct InputGradient<'a> {
    maps: Maps,
    /// Number of the first map.
    first: usize,
    input: &'a [f32],
    gradient: &'a [f32],
    into: &'a mut [MaybeUninit<f32>],
    lines: &'a Lines,
    slope: &'a [f32],
    offset: &'a [f32],
    limits: [f32; 2],
}

impl WithSimd for InputGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Maps { channels, area } = self.maps;
        for (number, ((into, x), g)) in self
            .into
            .chunks_exact_mut(area)
            .zip(self.input.chunks_exact(area))
            .zip(self.gradient.chunks_exact(area))
            .enumerate()
        {
            let channel = (self.first + number) % channels;
            let (scale, shift) = (self.lines.scale[channel], self.lines.shift[channel]);
            let (slope, offset) = (self.slope[channel], self.offset[channel]);
            for ((value, x), g) in into.iter_mut().zip(x).zip(g) {
                let g = passed(*x, *g, scale, shift, self.limits);
                value.write(g * scale + x * slope + offset);
            }
        }
    }
}
