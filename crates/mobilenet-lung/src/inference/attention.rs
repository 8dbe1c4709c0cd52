//! Attention for inference, on the CPU.

use lung_kernels::infer::cpu::Map;

use super::parameters::layer;
use crate::architecture::{AttentionConfig, AttentionKind, SPATIAL_KERNEL};
use crate::state::{Parameters, StateError};

/// Gates on channels and, for CBAM, on positions.
#[derive(Debug)]
pub(super) struct Attention {
    /// `[hidden, channels]`
    reduce: Vec<f32>,
    reduce_bias: Vec<f32>,
    /// `[channels, hidden]`
    expand: Vec<f32>,
    expand_bias: Vec<f32>,
    /// `[2, 7, 7]` and a bias; CBAM only.
    spatial: Option<(Vec<f32>, f32)>,
}

impl Attention {
    pub(super) fn new(
        state: &impl Parameters,
        config: &AttentionConfig,
        feature_layer: usize,
    ) -> Result<Self, StateError> {
        let named =
            |part: &str| layer(state, &format!("features.{feature_layer}.attention.{part}"));
        let (reduce, reduce_bias) = named("reduce")?;
        let (expand, expand_bias) = named("expand")?;
        let spatial = match config.kind {
            AttentionKind::Cbam => {
                let (weight, bias) = named("spatial")?;
                let [bias] = *bias else {
                    return Err(StateError::Shape {
                        name: format!("features.{feature_layer}.attention.spatial.bias"),
                        found: vec![bias.len()],
                        expected: vec![1],
                    });
                };
                Some((weight.into_owned(), bias))
            }
            AttentionKind::None | AttentionKind::SqueezeExcitation => None,
        };
        Ok(Self {
            reduce: reduce.into_owned(),
            reduce_bias: reduce_bias.into_owned(),
            expand: expand.into_owned(),
            expand_bias: expand_bias.into_owned(),
            spatial,
        })
    }

    /// Each value of the map times its gates.
    pub(super) fn apply(&self, map: &mut Map) {
        let (channels, positions) = (map.channels(), map.positions().len());
        let mut mean = vec![0.0; channels];
        let mut max = vec![f32::NEG_INFINITY; channels];
        for there in map.positions() {
            for ((mean, max), value) in mean.iter_mut().zip(&mut max).zip(there) {
                *mean += value;
                *max = max.max(*value);
            }
        }
        for mean in &mut mean {
            *mean /= positions as f32;
        }
        let mut gate = self.excite(&mean);
        if self.spatial.is_some() {
            for (gate, more) in gate.iter_mut().zip(self.excite(&max)) {
                *gate += more;
            }
        }
        for gate in &mut gate {
            *gate = twice_sigmoid(*gate);
        }
        for there in map.positions_mut() {
            for (value, gate) in there.iter_mut().zip(&gate) {
                *value *= gate;
            }
        }
        if let Some((weight, bias)) = &self.spatial {
            let gates = spatial_gates(map, weight, *bias);
            for (there, gate) in map.positions_mut().zip(gates) {
                for value in there {
                    *value *= gate;
                }
            }
        }
    }

    /// The hidden layer of the channel gate.
    fn excite(&self, pooled: &[f32]) -> Vec<f32> {
        let hidden: Vec<f32> = self
            .reduce
            .chunks_exact(pooled.len())
            .zip(&self.reduce_bias)
            .map(|(weight, bias)| (dot(weight, pooled) + bias).max(0.0))
            .collect();
        self.expand
            .chunks_exact(hidden.len())
            .zip(&self.expand_bias)
            .map(|(weight, bias)| dot(weight, &hidden) + bias)
            .collect()
    }
}

/// The gate of each position: a convolution of the mean and the maximum of its channels.
fn spatial_gates(map: &Map, weight: &[f32], bias: f32) -> Vec<f32> {
    let (height, width) = (map.height(), map.width());
    let summary: Vec<[f32; 2]> = map
        .positions()
        .map(|there| {
            let mean = there.iter().sum::<f32>() / there.len() as f32;
            let max = there.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            [mean, max]
        })
        .collect();
    let taps = |centre: usize, side: usize| {
        (0..SPATIAL_KERNEL).filter_map(move |tap| {
            let at = (centre + tap).checked_sub(SPATIAL_KERNEL / 2)?;
            (at < side).then_some((tap, at))
        })
    };
    let mut gates = Vec::with_capacity(summary.len());
    for y in 0..height {
        for x in 0..width {
            let mut sum = bias;
            for (dy, row) in taps(y, height) {
                for (dx, column) in taps(x, width) {
                    let tap = dy * SPATIAL_KERNEL + dx;
                    let [mean, max] = summary[row * width + column];
                    sum += weight[tap] * mean + weight[SPATIAL_KERNEL * SPATIAL_KERNEL + tap] * max;
                }
            }
            gates.push(twice_sigmoid(sum));
        }
    }
    gates
}

fn twice_sigmoid(value: f32) -> f32 {
    2.0 / (1.0 + (-value).exp())
}

/// The inner product, in eight partial sums, so that it can be vectorised.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a_eights, a_rest) = a.as_chunks::<8>();
    let (b_eights, b_rest) = b.as_chunks::<8>();
    let mut sums = [0.0f32; 8];
    for (a, b) in a_eights.iter().zip(b_eights) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}
