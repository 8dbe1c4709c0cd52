//! The 1 x 1 convolution: a matrix product with bias, clamp and residual in the same pass.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use super::bands::{bands, chunks, threads};
use super::map::Map;
use super::positions::{Positions, Whole};
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

/// Positions up to which they are divided evenly among tiles and threads: of so few, each panel of the weight is used a few times only, and
/// its way from memory takes as long as the arithmetic.
pub(super) const FEW: usize = 64;
/// The fewest positions of a tile of so few.
const FEWEST: usize = 7;

/// How many of at most [`FEW`] positions each thread has: as many as the others, and not less than a tile, of which a thread would compute one
/// position at a time.
pub(super) fn each_of_few(positions: usize) -> usize {
    positions.div_ceil(threads()).max(FEWEST)
}

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
        let positions = input.height() * input.width();
        if positions <= FEW && threads() > 1 {
            let each = each_of_few(positions);
            let (values, pitch) = (input.values(), input.pitch());
            return chunks(output.values_mut(), each * pitch_out, |number, out| {
                self.positions(&values[number * each * pitch..], pitch, out);
            });
        }
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
        self.positions(input.rows(rows), input.pitch(), out);
    }

    /// As many positions as there is room for in `out`, from the first of `input` on.
    fn positions(&self, input: &[f32], pitch: usize, out: &mut [f32]) {
        Arch::new().dispatch(Run {
            layer: self,
            input,
            pitch,
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
        let (panel, ahead) = panel.split_at(wide * self.input);
        if many_registers::<S>()
            && wide == 3
            && place.few::<S, 3>(simd, input, panel, ahead, bias, residual, out)
        {
            return;
        }
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
                self.tile::<S, ROWS, WIDE>(simd, at, input, panel, &[], bias, residual, out);
                done = at + ROWS;
            } else {
                self.tile::<S, 1, WIDE>(simd, done, input, panel, &[], bias, residual, out);
                done += 1;
            }
        }
    }

    /// A panel and up to [`FEW`] positions in tiles of seven to nine, while the panel after it, `ahead`, is fetched; whether they can be
    /// divided so.
    #[inline(always)]
    #[allow(clippy::too_many_arguments)]
    fn few<S: Simd, const WIDE: usize>(
        self,
        simd: S,
        input: impl Positions,
        panel: &[S::f32s],
        ahead: &[S::f32s],
        bias: &[S::f32s],
        residual: Option<&[S::f32s]>,
        out: &mut [S::f32s],
    ) -> bool {
        let tiles = self.positions.div_ceil(9);
        if cfg!(target_family = "wasm")
            || tiles == 0
            || self.positions > FEW
            || self.positions / tiles < FEWEST
        {
            return false;
        }
        let Some(bias) = bias.first_chunk::<WIDE>() else {
            return false;
        };
        let (each, more) = (self.positions / tiles, self.positions % tiles);
        let ahead = &ahead[..ahead.len().min(panel.len())];
        let mut parts = ahead.chunks(ahead.len().div_ceil(tiles).max(1));
        let panel = panel.as_chunks::<WIDE>().0;
        let mut at = 0;
        for tile in 0..tiles {
            let ahead = parts.next().unwrap_or_default();
            let rows = each + usize::from(tile < more);
            match rows {
                7 => self.tile::<S, 7, WIDE>(simd, at, input, panel, ahead, bias, residual, out),
                8 => self.tile::<S, 8, WIDE>(simd, at, input, panel, ahead, bias, residual, out),
                _ => self.tile::<S, 9, WIDE>(simd, at, input, panel, ahead, bias, residual, out),
            }
            at += rows;
        }
        true
    }

    /// `ROWS` positions from `at` on times one panel, while `ahead` is fetched.
    #[inline(always)]
    #[allow(clippy::too_many_arguments)]
    fn tile<S: Simd, const ROWS: usize, const WIDE: usize>(
        self,
        simd: S,
        at: usize,
        input: impl Positions,
        panel: &[[S::f32s; WIDE]],
        ahead: &[S::f32s],
        bias: &[S::f32s; WIDE],
        residual: Option<&[S::f32s]>,
        out: &mut [S::f32s],
    ) {
        let mut sums = [*bias; ROWS];
        input.add(simd, at, panel, ahead, &mut sums);
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
