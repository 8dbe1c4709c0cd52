//! The 3 x 3 convolution of each channel by itself, with ReLU6.

use pulp::Simd;

use super::{clamp, padded, vectors, vectors_mut};

const SIDE: usize = 3;
const TAPS: usize = SIDE * SIDE;

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
        let lanes = super::lanes();
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
            bias: super::pad(bias),
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
        let zeros = vectors::<S>(&self.zeros);
        let across = zeros.len();
        let rows = rows.map_each(|row| row.map(vectors::<S>));
        let (taps, _) = vectors::<S>(&self.taps).as_chunks::<TAPS>();
        let bias = vectors::<S>(&self.bias);
        for (x, out) in vectors_mut::<S>(out).chunks_exact_mut(across).enumerate() {
            let centre = x * self.stride;
            let mut around = [zeros; TAPS];
            for (dy, row) in rows.iter().enumerate() {
                let Some(row) = row else { continue };
                for dx in 0..SIDE {
                    // Left of the map wraps round to a column that is not there either.
                    let column = (centre + dx).wrapping_sub(1);
                    if column < width {
                        around[dy * SIDE + dx] = &row[column * across..][..across];
                    }
                }
            }
            for vector in 0..across {
                let taps = &taps[vector];
                let mut sum = bias[vector];
                for tap in 0..TAPS {
                    sum = simd.mul_add_e_f32s(around[tap][vector], taps[tap], sum);
                }
                out[vector] = clamp(simd, sum, true);
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
