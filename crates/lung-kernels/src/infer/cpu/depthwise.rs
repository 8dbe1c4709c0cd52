//! The 3 x 3 convolution of each channel by itself, with ReLU6.

use pulp::Simd;

#[cfg(not(target_family = "wasm"))]
use super::pointwise::many_registers;
use super::vectors::{clamp, lanes, pad, padded, vectors, vectors_mut};
use crate::Activation;

const SIDE: usize = 3;
const TAPS: usize = SIDE * SIDE;

/// Positions of a row that are computed together: neighbours share their input and each tap.
const TILE: usize = 4;

/// A 3 x 3 depthwise convolution with padding 1 and ReLU6, its weight packed.
#[derive(Clone, Debug)]
pub struct Depthwise {
    channels: usize,
    stride: usize,
    /// `[vector of channels, tap, lane]`: what one vector of the output needs lies together.
    taps: Vec<f32>,
    bias: Vec<f32>,
}

impl Depthwise {
    /// Packs a weight `[channels, 3, 3]` and a bias `[channels]`; `stride` is 1 or 2.
    ///
    /// # Panics
    /// When the lengths do not fit or the stride is another.
    pub fn new(weight: &[f32], bias: &[f32], stride: usize) -> Self {
        let channels = bias.len();
        assert!(channels > 0, "channels");
        assert_eq!(weight.len(), channels * TAPS, "taps for each channel");
        assert!(matches!(stride, 1 | 2), "stride 1 or 2");
        let lanes = lanes();
        let mut taps = vec![0.0; padded(channels) * TAPS];
        for channel in 0..channels {
            for tap in 0..TAPS {
                taps[(channel / lanes * TAPS + tap) * lanes + channel % lanes] =
                    weight[channel * TAPS + tap];
            }
        }
        Self {
            channels,
            stride,
            taps,
            bias: pad(bias),
        }
    }

    /// Channels, in and out.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Stride in both directions.
    pub fn stride(&self) -> usize {
        self.stride
    }
}

#[cfg(not(target_family = "wasm"))]
impl Depthwise {
    /// One vector of channels, the `number`th, of rows of the output, `width_out` positions each. `plane` is `[rows, width + 1]` with
    /// one more at the end, from the row above the first on, with a column of zeros at the left, which is also the one right of the
    /// row before. In `out` the vectors are `apart`.
    #[inline(always)]
    #[allow(clippy::too_many_arguments)]
    pub(super) fn plane<S: Simd>(
        &self,
        simd: S,
        number: usize,
        plane: &[S::f32s],
        width: usize,
        width_out: usize,
        apart: usize,
        out: &mut [S::f32s],
    ) {
        let taps = vectors::<S>(&self.taps).as_chunks::<TAPS>().0[number];
        let place = Filter {
            taps,
            bias: vectors::<S>(&self.bias)[number],
            across: width + 1,
            apart,
        };
        for (y, out) in out.chunks_mut(width_out * apart).enumerate() {
            let rows = &plane[y * self.stride * (width + 1)..];
            match (self.stride, many_registers::<S>()) {
                (1, true) => place.row::<S, 1, 7>(simd, rows, width_out, out),
                (1, false) => place.row::<S, 1, TILE>(simd, rows, width_out, out),
                (_, true) => place.row::<S, 2, 7>(simd, rows, width_out, out),
                (_, false) => place.row::<S, 2, TILE>(simd, rows, width_out, out),
            }
        }
    }
}

/// The filter of one vector of channels.
#[cfg(not(target_family = "wasm"))]
struct Filter<V> {
    taps: [V; TAPS],
    bias: V,
    /// Positions from one row of the input to the next.
    across: usize,
    /// Vectors from one position of the output to the next.
    apart: usize,
}

#[cfg(not(target_family = "wasm"))]
impl<V: Copy> Filter<V> {
    /// A row of the output, `COUNT` positions at a time.
    #[inline(always)]
    fn row<S: Simd<f32s = V>, const STRIDE: usize, const COUNT: usize>(
        &self,
        simd: S,
        rows: &[V],
        width: usize,
        out: &mut [V],
    ) {
        let mut done = 0;
        while done < width {
            if width >= COUNT {
                // The last tile may overlap the one before: the same numbers are computed again.
                let at = done.min(width - COUNT);
                let out = &mut out[at * self.apart..];
                self.tile::<S, STRIDE, COUNT>(simd, &rows[at * STRIDE..], out);
                done = at + COUNT;
            } else {
                let out = &mut out[done * self.apart..];
                self.tile::<S, STRIDE, 1>(simd, &rows[done * STRIDE..], out);
                done += 1;
            }
        }
    }

    /// `COUNT` positions; `rows` begins with the first that they need.
    #[inline(always)]
    fn tile<S: Simd<f32s = V>, const STRIDE: usize, const COUNT: usize>(
        &self,
        simd: S,
        rows: &[V],
        out: &mut [V],
    ) {
        let mut sums = [self.bias; COUNT];
        for dy in 0..SIDE {
            let row = &rows[dy * self.across..][..(COUNT - 1) * STRIDE + SIDE];
            for dx in 0..SIDE {
                for count in 0..COUNT {
                    let value = row[count * STRIDE + dx];
                    sums[count] =
                        simd.mul_add_e_f32s(value, self.taps[dy * SIDE + dx], sums[count]);
                }
            }
        }
        for count in 0..COUNT {
            out[count * self.apart] = clamp(simd, sums[count], Activation::Relu6);
        }
    }
}

impl Depthwise {
    /// One row of the output from the three rows of the input around it, each `width` positions; `None` is a row
    /// outside of the map.
    #[inline(always)]
    pub(super) fn row<S: Simd>(
        &self,
        simd: S,
        rows: [Option<&[f32]>; SIDE],
        width: usize,
        out: &mut [f32],
    ) {
        match self.stride {
            1 => self.columns::<S, 1, { TILE + 2 }>(simd, rows, width, out),
            _ => self.columns::<S, 2, { 2 * TILE + 1 }>(simd, rows, width, out),
        }
    }

    /// The row, one vector of channels after the other: its taps stay in registers from the first column to the last.
    // Apart in wasm, where a function runs unoptimised until it has been called often enough.
    #[cfg_attr(target_family = "wasm", inline(never))]
    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    fn columns<S: Simd, const STRIDE: usize, const COLUMNS: usize>(
        &self,
        simd: S,
        rows: [Option<&[f32]>; SIDE],
        width: usize,
        out: &mut [f32],
    ) {
        let bias = vectors::<S>(&self.bias);
        let across = bias.len();
        let taps = &vectors::<S>(&self.taps).as_chunks::<TAPS>().0[..across];
        let out = vectors_mut::<S>(out);
        let positions = out.len() / across;
        // Positions all of whose columns there are.
        let inside = 1..((width.max(STRIDE) - STRIDE) / STRIDE).max(1);
        for vector in 0..across {
            let mut strip = Strip {
                taps: taps[vector],
                bias: bias[vector],
                rows: [&[]; SIDE],
                across,
                width,
            };
            for (dy, row) in rows.iter().enumerate() {
                match row.or(rows[1]) {
                    Some(row) => strip.rows[dy] = &vectors::<S>(row)[vector..],
                    None => return,
                }
                if row.is_none() {
                    // What is outside of the map counts for nothing, whatever is read in its place.
                    strip.taps[dy * SIDE..][..SIDE].fill(simd.splat_f32s(0.0));
                }
            }
            let out = &mut out[vector..];
            let mut done = 0;
            while done < positions {
                if inside.contains(&done) && inside.len() >= TILE {
                    // The last tile may overlap the one before: the same numbers are computed again.
                    let at = done.min(inside.end - TILE);
                    strip.tile::<S, STRIDE, COLUMNS>(simd, at, &mut out[at * across..]);
                    done = at + TILE;
                } else {
                    out[done * across] = strip.one::<S, STRIDE>(simd, done);
                    done += 1;
                }
            }
        }
    }
}

/// One vector of channels of three rows.
struct Strip<'a, V> {
    taps: [V; TAPS],
    bias: V,
    rows: [&'a [V]; SIDE],
    /// Vectors from one position to the next.
    across: usize,
    /// Positions of a row.
    width: usize,
}

impl<V: Copy> Strip<'_, V> {
    /// [`TILE`] positions from `at` on, none of them at a border, from `COLUMNS` columns of the input.
    #[inline(always)]
    fn tile<S: Simd<f32s = V>, const STRIDE: usize, const COLUMNS: usize>(
        &self,
        simd: S,
        at: usize,
        out: &mut [V],
    ) {
        let mut sums = [self.bias; TILE];
        let first = (at * STRIDE - 1) * self.across;
        let last = (COLUMNS - 1) * self.across;
        for dy in 0..SIDE {
            let row = &self.rows[dy][first..][..last + 1];
            for column in 0..COLUMNS {
                let value = row[column * self.across];
                for (number, sum) in sums.iter_mut().enumerate() {
                    let dx = column.wrapping_sub(number * STRIDE);
                    if dx < SIDE {
                        *sum = simd.mul_add_e_f32s(value, self.taps[dy * SIDE + dx], *sum);
                    }
                }
            }
        }
        for number in 0..TILE {
            out[number * self.across] = clamp(simd, sums[number], Activation::Relu6);
        }
    }

    /// The position `at`, some of whose columns may be outside of the map.
    #[inline(always)]
    fn one<S: Simd<f32s = V>, const STRIDE: usize>(&self, simd: S, at: usize) -> V {
        let mut sum = self.bias;
        for dy in 0..SIDE {
            for dx in 0..SIDE {
                let column = (at * STRIDE + dx).wrapping_sub(1);
                if column < self.width {
                    let value = self.rows[dy][column * self.across];
                    sum = simd.mul_add_e_f32s(value, self.taps[dy * SIDE + dx], sum);
                }
            }
        }
        clamp(simd, sum, Activation::Relu6)
    }
}
