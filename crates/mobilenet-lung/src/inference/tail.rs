//! What comes after the last feature layer: little arithmetic, on the CPU wherever the rest was done.

use lung_kernels::infer::cpu::Map;

use super::attention::{Attention, dot};
use super::parameters::layer;
use crate::architecture::{AttentionConfig, FEATURE_LAYERS};
use crate::state::{Parameters, StateError};

/// The attention after the last feature layer, where there is one, and the head.
#[derive(Debug)]
pub(super) struct Tail {
    attention: Option<Attention>,
    /// `[n, channels]`
    head: Vec<f32>,
    /// `[n]`
    head_bias: Vec<f32>,
}

impl Tail {
    pub(super) fn new(
        state: &impl Parameters,
        attention: &AttentionConfig,
    ) -> Result<Self, StateError> {
        let (head, head_bias) = layer(state, "classifier.1")?;
        Ok(Self {
            attention: attention
                .after_last()
                .then(|| Attention::new(state, attention, FEATURE_LAYERS - 1))
                .transpose()?,
            head: head.into_owned(),
            head_bias: head_bias.into_owned(),
        })
    }

    /// Evidence `[n, height, width]` of the last feature layer, which is gated on the way: its sums over the positions
    /// are the logits.
    pub(super) fn evidence(&self, features: &mut Map) -> Vec<f32> {
        if let Some(attention) = &self.attention {
            attention.apply(features);
        }
        let positions = features.positions().len();
        let mut evidence = vec![0.0; self.head_bias.len() * positions];
        for (finding, (weight, bias)) in self
            .head
            .chunks_exact(features.channels().max(1))
            .zip(&self.head_bias)
            .enumerate()
        {
            for (position, there) in features.positions().enumerate() {
                evidence[finding * positions + position] =
                    (dot(weight, there) + bias) / positions as f32;
            }
        }
        evidence
    }
}

/// The mean of a map over its positions, `[channels]`.
pub(super) fn embedding(map: &Map) -> Vec<f32> {
    let mut mean = vec![0.0; map.channels()];
    for there in map.positions() {
        for (mean, value) in mean.iter_mut().zip(there) {
            *mean += value;
        }
    }
    let positions = map.positions().len() as f32;
    for mean in &mut mean {
        *mean /= positions;
    }
    mean
}
