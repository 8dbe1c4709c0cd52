//! The 3 x 3 convolution of each channel by itself, with ReLU6.

use pulp::Simd;

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
    /// As many zeros as a position has numbers, for what lies outside of the map.
    zeros: Vec<f32>,
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
            zeros: vec![0.0; padded(channels)],
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

    /// One row of the output from the three rows of the input around it, each `width` positions; `None` is a row
    /// outside of the map.
    // Apart in wasm, where a function runs unoptimised until it has been called often enough.
    #[cfg_attr(target_family = "wasm", inline(never))]
    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    pub(crate) fn row<S: Simd>(
        &self,
        simd: S,
        rows: [Option<&[f32]>; SIDE],
        width: usize,
        out: &mut [f32],
    ) {
        match self.stride {
            1 => self.tiles::<S, 1, { TILE + 2 }>(simd, rows, width, out),
            _ => self.tiles::<S, 2, { 2 * TILE + 1 }>(simd, rows, width, out),
        }
    }

    /// [`TILE`] positions at a time, from `COLUMNS` columns of the input.
    #[inline(always)]
    fn tiles<S: Simd, const STRIDE: usize, const COLUMNS: usize>(
        &self,
        simd: S,
        rows: [Option<&[f32]>; SIDE],
        width: usize,
        out: &mut [f32],
    ) {
        let across = self.zeros.len() / S::F32_LANES;
        let rows = rows.map_each(|row| row.map(vectors::<S>));
        let out = vectors_mut::<S>(out);
        let positions = out.len() / across;
        let mut done = 0;
        while done < positions {
            if positions >= TILE {
                // The last tile may overlap the one before: the same numbers are computed again.
                let at = done.min(positions - TILE);
                let out = &mut out[at * across..];
                self.tile::<S, STRIDE, TILE, COLUMNS>(simd, rows, width, at, out);
                done = at + TILE;
            } else {
                let out = &mut out[done * across..];
                self.tile::<S, STRIDE, 1, SIDE>(simd, rows, width, done, out);
                done += 1;
            }
        }
    }

    /// `WIDE` positions from `at` on.
    #[inline(always)]
    fn tile<S: Simd, const STRIDE: usize, const WIDE: usize, const COLUMNS: usize>(
        &self,
        simd: S,
        rows: [Option<&[S::f32s]>; SIDE],
        width: usize,
        at: usize,
        out: &mut [S::f32s],
    ) {
        let zeros = vectors::<S>(&self.zeros);
        let across = zeros.len();
        let taps = &vectors::<S>(&self.taps).as_chunks::<TAPS>().0[..across];
        let bias = &vectors::<S>(&self.bias)[..across];
        let mut around = [[zeros; COLUMNS]; SIDE];
        for (row, around) in rows.iter().zip(&mut around) {
            let Some(row) = row else { continue };
            for (number, place) in around.iter_mut().enumerate() {
                // Left of the map wraps round to a column that is not there either.
                let column = (at * STRIDE + number).wrapping_sub(1);
                if column < width {
                    *place = &row[column * across..][..across];
                }
            }
        }
        let mut positions = out.chunks_exact_mut(across);
        let out: [&mut [S::f32s]; WIDE] =
            std::array::from_fn(|_| &mut positions.next().unwrap_or_default()[..across]);
        for vector in 0..across {
            let taps = &taps[vector];
            let mut sums = [bias[vector]; WIDE];
            for dy in 0..SIDE {
                for dx in 0..SIDE {
                    for wide in 0..WIDE {
                        let value = around[dy][wide * STRIDE + dx][vector];
                        sums[wide] = simd.mul_add_e_f32s(value, taps[dy * SIDE + dx], sums[wide]);
                    }
                }
            }
            for wide in 0..WIDE {
                out[wide][vector] = clamp(simd, sums[wide], Activation::Relu6);
            }
        }
    }
}

/// `[T; 3]::map`, which is not always inlined into the vector context.
trait MapEach<T: Copy> {
    fn map_each<U>(self, with: impl Fn(T) -> U) -> [U; SIDE];
}

impl<T: Copy> MapEach<T> for [T; SIDE] {
    #[inline(always)]
    fn map_each<U>(self, with: impl Fn(T) -> U) -> [U; SIDE] {
        [with(self[0]), with(self[1]), with(self[2])]
    }
}
