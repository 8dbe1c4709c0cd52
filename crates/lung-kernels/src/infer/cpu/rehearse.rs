//! Every inner loop once, before the first image.

use super::block::{InvertedResidual, Residual};
use super::depthwise::Depthwise;
use super::map::Map;
use super::pointwise::{PANEL, Pointwise};
use super::vectors::lanes;
use crate::Activation;

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
        for vectors in (2..=PANEL).step_by(2) {
            let bias = vec![0.0; vectors * lanes];
            let weight = vec![0.0; bias.len() * CHANNELS];
            Pointwise::new(&weight, &bias, Activation::Relu6).forward(&map, &mut out);
        }
        let depthwise = Depthwise::new(&[0.0; CHANNELS * 9], &[0.0; CHANNELS], 1);
        let project = Pointwise::new(
            &vec![0.0; CHANNELS * lanes],
            &vec![0.0; lanes],
            Activation::Linear,
        );
        InvertedResidual::new(None, depthwise, project).forward(&map, Residual::None, &mut out);
    }
}
