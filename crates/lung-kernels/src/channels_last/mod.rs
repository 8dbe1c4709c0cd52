//! Inference on the CPU: operators that keep a feature map channels last, with weights packed once.
//!
//! Channels last, a 1 x 1 convolution is one matrix product for the whole map, a depthwise one a vector operation
//! along the channels, and neither has to lay anything out anew. [`InvertedResidual`] does a whole block of MobileNetV2
//! a few rows at a time, so that its wide hidden map never leaves the cache.
//!
//! The vectors are as wide as the processor has them ([`pulp`] decides at run time; in wasm, at compile time), and every
//! position of a [`Map`] is padded to whole vectors. There is no burn here, and no `unsafe`.

mod block;
mod depthwise;
mod map;
mod pointwise;
mod stem;

pub use block::InvertedResidual;
pub use depthwise::Depthwise;
pub use map::Map;
pub use pointwise::Pointwise;
pub use stem::Stem;

use pulp::{Arch, Simd, WithSimd};

/// Runs every inner loop, on zeros, so long that a browser begins to optimise it: what it calls for the first time, it runs three
/// times as slowly. Takes some milliseconds, which are free while the weights are on their way.
pub fn rehearse() {
    const SIDE: usize = 28;
    const CHANNELS: usize = 96;
    const TIMES: usize = 3;
    let map = Map::zeros(SIDE, SIDE, CHANNELS);
    let mut out = Map::default();
    let lanes = lanes();
    for _ in 0..TIMES {
        // A panel of each width that the network has: its channels are multiples of eight, which is two of a browser's vectors.
        for vectors in (2..=pointwise::PANEL).step_by(2) {
            let bias = vec![0.0; vectors * lanes];
            let weight = vec![0.0; bias.len() * CHANNELS];
            Pointwise::new(&weight, &bias, true).forward(&map, &mut out);
        }
        let depthwise = Depthwise::new(&[0.0; CHANNELS * 9], &[0.0; CHANNELS], 1);
        let project = Pointwise::new(&vec![0.0; CHANNELS * lanes], &vec![0.0; lanes], false);
        InvertedResidual::new(None, depthwise, project).forward(&map, false, &mut out);
    }
}

/// Numbers in a vector of this processor.
pub(crate) fn lanes() -> usize {
    struct Lanes;
    impl WithSimd for Lanes {
        type Output = usize;
        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }
    Arch::new().dispatch(Lanes)
}

/// `channels` rounded up to whole vectors.
pub(crate) fn padded(channels: usize) -> usize {
    channels.next_multiple_of(lanes())
}

/// `values` in a vector of whole vectors, filled up with zeros.
pub(crate) fn pad(values: &[f32]) -> Vec<f32> {
    let mut values = values.to_vec();
    values.resize(padded(values.len()), 0.0);
    values
}

/// The slice as vectors; what does not fill one is left out, and nothing here is of that kind.
#[inline(always)]
pub(crate) fn vectors<S: Simd>(values: &[f32]) -> &[S::f32s] {
    S::as_simd_f32s(values).0
}

/// The slice as vectors; what does not fill one is left out, and nothing here is of that kind.
#[inline(always)]
pub(crate) fn vectors_mut<S: Simd>(values: &mut [f32]) -> &mut [S::f32s] {
    S::as_mut_simd_f32s(values).0
}

/// ReLU6 where asked for.
#[inline(always)]
pub(crate) fn clamp<S: Simd>(simd: S, values: S::f32s, relu6: bool) -> S::f32s {
    if relu6 {
        simd.min_f32s(
            simd.max_f32s(values, simd.splat_f32s(0.0)),
            simd.splat_f32s(6.0),
        )
    } else {
        values
    }
}
