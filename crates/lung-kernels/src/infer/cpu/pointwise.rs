//! The 1 x 1 convolution: a matrix product with bias, clamp and residual in the same pass.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use super::bands::bands;
use super::map::Map;
use super::vectors::{clamp, lanes, pad, padded, vectors, vectors_mut};
use crate::Activation;

/// Vectors of channels that one pass over the input makes at most.
///
/// Together with the positions that are multiplied with a panel at once it decides how many sums are held in registers.
/// Sixteen registers (AVX2) hold 4 x 3 with their operands, thirty-two (AVX-512, NEON) 7 x 3; every map of the network has a
/// multiple of seven positions. A browser's compiler has fewer for us, and does better with wide panels: in Chromium 156 on a
/// Zen 5, 2 x 6 took 0.86 of the time of 3 x 3, and 4 x 3 took 1.6 times as long. Without a fused multiply-add the products
/// need registers too: there 2 x 4 is best (0.96), and 2 x 6 took 1.4 times as long.
pub(super) const PANEL: usize = if cfg!(target_feature = "relaxed-simd") {
    6
} else if cfg!(target_family = "wasm") {
    4
} else {
    3
};

/// A 1 x 1 convolution with its weight packed.
#[derive(Clone, Debug)]
pub struct Pointwise {
    input: usize,
    output: usize,
    activation: Activation,
    /// Panels of [`PANEL`] vectors of output channels (the last may have fewer), each `[input, channels of the panel]`.
    panels: Vec<f32>,
    bias: Vec<f32>,
}

impl Pointwise {
    /// Packs a weight `[output, input]` and a bias `[output]`, followed by `activation`.
    ///
    /// # Panics
    /// When the lengths do not fit or there are no channels.
    pub fn new(weight: &[f32], bias: &[f32], activation: Activation) -> Self {
        let output = bias.len();
        assert!(output > 0 && !weight.is_empty(), "channels");
        assert_eq!(weight.len() % output, 0, "weight for each output channel");
        let input = weight.len() / output;
        let wide = PANEL * lanes();
        let mut panels = vec![0.0; padded(output) * input];
        for (panel, first) in panels
            .chunks_mut(wide * input)
            .zip((0..output).step_by(wide))
        {
            let width = panel.len() / input;
            let channels = &weight[first * input..];
            let channels = &channels[..channels.len().min(width * input)];
            for (four, channels) in channels.chunks(4 * input).enumerate() {
                interleave(channels, input, &mut panel[four * 4..], width);
            }
        }
        Self {
            input,
            output,
            activation,
            panels,
            bias: pad(bias),
        }
    }

    /// Channels in.
    pub fn input(&self) -> usize {
        self.input
    }

    /// Channels out.
    pub fn output(&self) -> usize {
        self.output
    }

    /// The convolution of a whole map.
    ///
    /// # Panics
    /// When the map has another number of channels.
    pub fn forward(&self, input: &Map, output: &mut Map) {
        self.reshape(input, output);
        let pitch_out = output.pitch();
        bands(
            output.values_mut(),
            input.height(),
            input.width() * pitch_out,
            1,
            |rows, out| self.band(input, rows, out),
        );
    }

    /// The rows `rows` of the output alone, on one thread; what the others are is left open.
    ///
    /// # Panics
    /// When the map has another number of channels, or there are no such rows.
    pub fn forward_rows(&self, input: &Map, rows: Range<usize>, output: &mut Map) {
        self.reshape(input, output);
        self.band(input, rows.clone(), output.rows_mut(rows));
    }

    /// Gives `output` its shape.
    fn reshape(&self, input: &Map, output: &mut Map) {
        assert_eq!(input.channels(), self.input, "channels of the map");
        output.reshape(input.height(), input.width(), self.output);
    }

    fn band(&self, input: &Map, rows: Range<usize>, out: &mut [f32]) {
        Arch::new().dispatch(Run {
            layer: self,
            input: input.rows(rows),
            pitch: input.pitch(),
            out,
        });
    }

    /// `input` to positions `out`; with `residual`, laid out like `out`, added.
    #[inline(always)]
    pub(super) fn run<S: Simd>(
        &self,
        simd: S,
        input: impl Positions,
        residual: Option<&[f32]>,
        out: &mut [f32],
    ) {
        let across = self.bias.len() / S::F32_LANES;
        let residual = residual.map(vectors::<S>);
        let out = vectors_mut::<S>(out);
        for number in 0..self.groups() {
            let place = Place {
                positions: out.len() / across,
                across,
                first: number * PANEL,
                row: usize::MAX,
                apart: 1,
                activation: self.activation,
            };
            self.panel(simd, number, place, input, residual, out);
        }
    }

    /// How many groups of [`PANEL`] vectors the output channels are.
    pub(super) fn groups(&self) -> usize {
        self.bias.len().div_ceil(PANEL * lanes())
    }

    /// One group of the output channels: of each of its vectors a plane, `apart` vectors long, of which each position of the map
    /// `values` gets one, and each row, `width` positions, one more at its left, which is left as it is.
    #[cfg(not(target_family = "wasm"))]
    #[inline(always)]
    pub(super) fn group<S: Simd>(
        &self,
        simd: S,
        number: usize,
        values: &[f32],
        width: usize,
        apart: usize,
        out: &mut [S::f32s],
    ) {
        let pitch = self.input.next_multiple_of(S::F32_LANES);
        let place = Place {
            positions: values.len() / pitch,
            across: 1,
            first: 1,
            row: width,
            apart,
            activation: self.activation,
        };
        self.panel(simd, number, place, Whole { values, pitch }, None, out);
    }

    /// One panel, with as many sums as there are registers for, never so few that each waits for the last.
    #[inline(always)]
    fn panel<S: Simd>(
        &self,
        simd: S,
        number: usize,
        place: Place,
        input: impl Positions,
        residual: Option<&[S::f32s]>,
        out: &mut [S::f32s],
    ) {
        let bias = &vectors::<S>(&self.bias)[number * PANEL..];
        let panel = vectors::<S>(&self.panels);
        let panel = &panel[number * PANEL * self.input..];
        let wide = bias.len().min(PANEL);
        let panel = &panel[..wide * self.input];
        match wide {
            wide if cfg!(target_family = "wasm") => match wide {
                1 => place.panel::<S, 6, 1>(simd, input, panel, bias, residual, out),
                2 => place.panel::<S, 4, 2>(simd, input, panel, bias, residual, out),
                3 => place.panel::<S, 3, 3>(simd, input, panel, bias, residual, out),
                4 => place.panel::<S, 2, 4>(simd, input, panel, bias, residual, out),
                5 => place.panel::<S, 2, 5>(simd, input, panel, bias, residual, out),
                _ => place.panel::<S, 2, 6>(simd, input, panel, bias, residual, out),
            },
            wide if many_registers::<S>() => match wide {
                1 => place.panel::<S, 14, 1>(simd, input, panel, bias, residual, out),
                2 => place.panel::<S, 7, 2>(simd, input, panel, bias, residual, out),
                _ => place.panel::<S, 7, 3>(simd, input, panel, bias, residual, out),
            },
            1 => place.panel::<S, 7, 1>(simd, input, panel, bias, residual, out),
            2 => place.panel::<S, 4, 2>(simd, input, panel, bias, residual, out),
            _ => place.panel::<S, 4, 3>(simd, input, panel, bias, residual, out),
        }
    }
}

/// Whether there are thirty-two registers for vectors, not sixteen.
pub(super) const fn many_registers<S: Simd>() -> bool {
    S::F32_LANES >= 16 || cfg!(target_arch = "aarch64")
}

/// What a panel is multiplied with: positions, each with a number for each channel.
pub(super) trait Positions: Copy {
    /// Adds the product of `ROWS` positions, from `at` on, and a panel to `sums`.
    fn add<S: Simd, const ROWS: usize, const WIDE: usize>(
        self,
        simd: S,
        at: usize,
        panel: &[[S::f32s; WIDE]],
        sums: &mut [[S::f32s; WIDE]; ROWS],
    );
}

/// Positions whose channels lie together, as in a map.
#[derive(Clone, Copy)]
pub(super) struct Whole<'a> {
    pub(super) values: &'a [f32],
    /// Numbers from one position to the next.
    pub(super) pitch: usize,
}

impl Positions for Whole<'_> {
    #[inline(always)]
    fn add<S: Simd, const ROWS: usize, const WIDE: usize>(
        self,
        simd: S,
        at: usize,
        panel: &[[S::f32s; WIDE]],
        sums: &mut [[S::f32s; WIDE]; ROWS],
    ) {
        let depth = panel.len();
        let mut from: [&[f32]; ROWS] = [&[]; ROWS];
        for (row, from) in from.iter_mut().enumerate() {
            *from = &self.values[(at + row) * self.pitch..][..depth];
        }
        let mut held = *sums;
        for (k, weights) in panel.iter().enumerate() {
            multiply(simd, column(&from, k), weights, &mut held);
        }
        *sums = held;
    }
}

/// Positions whose channels lie in groups, `[groups, positions, channels of the group]`.
#[cfg(not(target_family = "wasm"))]
#[derive(Clone, Copy)]
pub(super) struct Groups<'a> {
    pub(super) values: &'a [f32],
    /// The first position that is meant.
    pub(super) from: usize,
    /// Channels of a group; the last may have fewer.
    pub(super) group: usize,
    /// Numbers from one group to the next.
    pub(super) next: usize,
}

#[cfg(not(target_family = "wasm"))]
impl Positions for Groups<'_> {
    #[inline(always)]
    fn add<S: Simd, const ROWS: usize, const WIDE: usize>(
        self,
        simd: S,
        at: usize,
        panel: &[[S::f32s; WIDE]],
        sums: &mut [[S::f32s; WIDE]; ROWS],
    ) {
        let mut held = *sums;
        let mut values = self.values;
        for panel in panel.chunks(self.group) {
            let depth = panel.len();
            let pitch = depth.next_multiple_of(S::F32_LANES);
            let mut from: [&[f32]; ROWS] = [&[]; ROWS];
            for (row, from) in from.iter_mut().enumerate() {
                *from = &values[(self.from + at + row) * pitch..][..depth];
            }
            for (k, weights) in panel.iter().enumerate() {
                multiply(simd, column(&from, k), weights, &mut held);
            }
            values = values.get(self.next..).unwrap_or_default();
        }
        *sums = held;
    }
}

/// The `k`th number of each.
// By hand: without link-time optimisation `map` is a call for each number.
#[inline(always)]
fn column<const ROWS: usize>(from: &[&[f32]; ROWS], k: usize) -> [f32; ROWS] {
    let mut column = [0.0; ROWS];
    for (number, from) in column.iter_mut().zip(from) {
        *number = from[k];
    }
    column
}

/// Adds the product of one number of each position and one of each channel to `sums`.
#[inline(always)]
pub(super) fn multiply<S: Simd, const ROWS: usize, const WIDE: usize>(
    simd: S,
    positions: [f32; ROWS],
    weights: &[S::f32s; WIDE],
    sums: &mut [[S::f32s; WIDE]; ROWS],
) {
    // Whichever are fewer are held, the others pass by.
    if ROWS <= WIDE {
        let mut values = [simd.splat_f32s(0.0); ROWS];
        for row in 0..ROWS {
            values[row] = simd.splat_f32s(positions[row]);
        }
        for wide in 0..WIDE {
            let weight = weights[wide];
            for row in 0..ROWS {
                sums[row][wide] = simd.mul_add_e_f32s(values[row], weight, sums[row][wide]);
            }
        }
    } else {
        let weights = *weights;
        for row in 0..ROWS {
            let value = simd.splat_f32s(positions[row]);
            for wide in 0..WIDE {
                sums[row][wide] = simd.mul_add_e_f32s(value, weights[wide], sums[row][wide]);
            }
        }
    }
}

/// Up to four channels of a weight, `depth` numbers each, into the first places of every `step` numbers of `to`.
// Apart in wasm, where a function runs unoptimised until it has been called often enough.
#[cfg_attr(target_family = "wasm", inline(never))]
fn interleave(channels: &[f32], depth: usize, to: &mut [f32], step: usize) {
    if channels.len() == 4 * depth {
        let (a, rest) = channels.split_at(depth);
        let (b, rest) = rest.split_at(depth);
        let (c, d) = rest.split_at(depth);
        let fours = a.iter().zip(b).zip(c.iter().zip(d));
        for (((a, b), (c, d)), place) in fours.zip(to.chunks_mut(step)) {
            place[..4].copy_from_slice(&[*a, *b, *c, *d]);
        }
    } else {
        for (number, channel) in channels.chunks_exact(depth).enumerate() {
            for (value, place) in channel.iter().zip(to.iter_mut().skip(number).step_by(step)) {
                *place = *value;
            }
        }
    }
}

/// Where the output lies, and what follows it.
#[derive(Clone, Copy)]
struct Place {
    positions: usize,
    /// Vectors from one position of the output to the next.
    across: usize,
    /// The first vector of the panel within a position of the output.
    first: usize,
    /// Positions after which one is left out.
    row: usize,
    /// Vectors from one of the panel's to the next.
    apart: usize,
    activation: Activation,
}

impl Place {
    /// Whether the vectors of a panel lie one after the other, as they always do in wasm.
    #[inline(always)]
    fn together(&self) -> bool {
        cfg!(target_family = "wasm") || self.apart == 1
    }

    // Apart in wasm, where a function runs unoptimised until it has been called often enough.
    #[cfg_attr(target_family = "wasm", inline(never))]
    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    #[allow(clippy::too_many_arguments)]
    fn panel<S: Simd, const ROWS: usize, const WIDE: usize>(
        self,
        simd: S,
        input: impl Positions,
        panel: &[S::f32s],
        bias: &[S::f32s],
        residual: Option<&[S::f32s]>,
        out: &mut [S::f32s],
    ) {
        let panel = panel.as_chunks::<WIDE>().0;
        let Some(bias) = bias.first_chunk::<WIDE>() else {
            return;
        };
        let positions = self.positions;
        let mut done = 0;
        while done < positions {
            if positions >= ROWS {
                // The last tile may overlap the one before: the same numbers are computed again.
                let at = done.min(positions - ROWS);
                self.tile::<S, ROWS, WIDE>(simd, at, input, panel, bias, residual, out);
                done = at + ROWS;
            } else {
                self.tile::<S, 1, WIDE>(simd, done, input, panel, bias, residual, out);
                done += 1;
            }
        }
    }

    /// `ROWS` positions from `at` on times one panel.
    #[inline(always)]
    #[allow(clippy::too_many_arguments)]
    fn tile<S: Simd, const ROWS: usize, const WIDE: usize>(
        self,
        simd: S,
        at: usize,
        input: impl Positions,
        panel: &[[S::f32s; WIDE]],
        bias: &[S::f32s; WIDE],
        residual: Option<&[S::f32s]>,
        out: &mut [S::f32s],
    ) {
        let mut sums = [*bias; ROWS];
        input.add(simd, at, panel, &mut sums);
        let mut start = at * self.across + self.first;
        let mut column = 0;
        if !self.together() {
            start += at / self.row;
            column = at % self.row;
        }
        for sums in &sums {
            if !self.together() {
                for wide in 0..WIDE {
                    out[start + wide * self.apart] = clamp(simd, sums[wide], self.activation);
                }
                column += 1;
                if column == self.row {
                    column = 0;
                    start += 1;
                }
            } else if let Some(out) = out[start..].first_chunk_mut::<WIDE>() {
                let residual =
                    residual.and_then(|residual| residual[start..].first_chunk::<WIDE>());
                for wide in 0..WIDE {
                    let mut sum = sums[wide];
                    if let Some(residual) = residual {
                        sum = simd.add_f32s(sum, residual[wide]);
                    }
                    out[wide] = clamp(simd, sum, self.activation);
                }
            }
            start += self.across;
        }
    }
}

struct Run<'a> {
    layer: &'a Pointwise,
    input: &'a [f32],
    pitch: usize,
    out: &'a mut [f32],
}

impl WithSimd for Run<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (values, pitch) = (self.input, self.pitch);
        self.layer
            .run(simd, Whole { values, pitch }, None, self.out);
    }
}
