//! How large and how fast a network is here.

use std::time::Instant;

use anyhow::Context as _;
use burn::tensor::{Device, Distribution, Tensor};
use mobilenet_lung::network::BatchNorms;
use serde::{Deserialize, Serialize};

use crate::networks::{Architecture, Network};
use crate::train::{Optimizer, Rate};

/// Repetitions of one image's inference.
const TIMES: usize = 21;

/// Repetitions of a training step, and those before that are not counted.
const STEPS: usize = 5;
const WARM: usize = 2;

/// Medians on this machine, with all of its threads.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Speed {
    /// One image to its logits, in milliseconds.
    pub inference_ms: f64,
    /// Images a second, forward and backward, every layer trained.
    pub gradients_per_second: f64,
    /// Images a second with the optimizer and the running average too.
    pub trained_per_second: f64,
}

/// Measures a network that starts from scratch, with batch norm or with it folded, on images of this side.
///
/// # Errors
/// When a device does not give its numbers.
pub fn measure(
    network: Architecture,
    norms: BatchNorms,
    side: usize,
    batch: usize,
) -> anyhow::Result<Speed> {
    let inference_ms = inference_ms(network, norms, side)?;
    let device = Device::flex().autodiff();
    let shape = [batch, 3, side, side];
    let images = Tensor::<4>::random(shape, Distribution::Normal(0.0, 1.0), &device);
    let mut trained = Network::init(network, norms, &device);
    let mut optimizer = Optimizer::new(0.98);
    let rate = Rate {
        rate: 1e-6,
        decay: 0.0,
        scales: None,
    };
    let (mut gradients, mut steps) = (Vec::new(), Vec::new());
    for number in 0..WARM + STEPS {
        let start = Instant::now();
        let loss = trained.forward(images.clone()).powi_scalar(2).mean();
        let found = loss.backward();
        let between = start.elapsed().as_secs_f64();
        trained = optimizer.step(trained, found, &|_| rate)?;
        if number >= WARM {
            gradients.push(between);
            steps.push(start.elapsed().as_secs_f64());
        }
    }
    Ok(Speed {
        inference_ms,
        gradients_per_second: batch as f64 / median(gradients)?,
        trained_per_second: batch as f64 / median(steps)?,
    })
}

/// One image to its logits, in milliseconds: the median.
pub(super) fn inference_ms(
    network: Architecture,
    norms: BatchNorms,
    side: usize,
) -> anyhow::Result<f64> {
    let device = Device::flex();
    let network = Network::init(network, norms, &device);
    let image = Tensor::<4>::random([1, 3, side, side], Distribution::Normal(0.0, 1.0), &device);
    let times = (0..TIMES)
        .map(|_| {
            let start = Instant::now();
            network.forward(image.clone()).into_data();
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    median(times)
}

fn median(mut times: Vec<f64>) -> anyhow::Result<f64> {
    times.sort_by(f64::total_cmp);
    times
        .get(times.len() / 2)
        .copied()
        .context("nothing was measured")
}
