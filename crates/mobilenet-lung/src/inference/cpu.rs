//! The network on the CPU, channels last.

use std::mem::swap;
use std::sync::Mutex;

use lung_kernels::Activation;
use lung_kernels::infer::cpu::{Depthwise, InvertedResidual, Map, Pointwise, Residual, Stem};

use super::attention::Attention;
use super::parameters::{Inference, layer};
use super::tail::{Tail, embedding};
use crate::architecture::{AttentionConfig, blocks, parameter_shapes};
use crate::preprocess::Preprocessing;
use crate::state::{Parameters, StateDict, StateError, check};

/// Side of the input in pixels.
pub(super) const SIDE: usize = Preprocessing::IMAGENET.side as usize;

/// Numbers of the input, `[3, 224, 224]`.
pub const INPUT: usize = 3 * SIDE * SIDE;

/// The network on the CPU: burn-free, its weights packed for the vectors of this processor.
///
/// It computes what [`MobileNetLung::evidence`](crate::network::MobileNetLung::evidence) does, up to the order of sums.
#[derive(Debug)]
pub struct CpuNetwork {
    pub(super) stem: Stem,
    pub(super) blocks: Vec<CpuBlock>,
    pub(super) last: Pointwise,
    pub(super) tail: Tail,
    /// The memory of the last run, for the next.
    maps: Mutex<[Map; 2]>,
}

#[derive(Debug)]
pub(super) struct CpuBlock {
    pub(super) layers: InvertedResidual,
    pub(super) attention: Option<Attention>,
    pub(super) residual: Residual,
}

impl CpuNetwork {
    /// Packs the parameters of `state`.
    ///
    /// # Errors
    /// [`StateError`] when they are not those of a network with this attention for so many findings.
    pub fn new(
        state: &StateDict,
        attention: &AttentionConfig,
        findings: usize,
    ) -> Result<Self, StateError> {
        check(state, &parameter_shapes(attention, findings), false)?;
        Self::pack(state, attention)
    }

    /// Packs parameters whose shapes are known to fit.
    pub(crate) fn pack(
        state: &impl Parameters,
        attention: &AttentionConfig,
    ) -> Result<Self, StateError> {
        let pointwise = |name: &str, activation: Activation| {
            layer(state, name).map(|(weight, bias)| Pointwise::new(&weight, &bias, activation))
        };
        let attention_of = |present: bool, layer: usize| {
            present
                .then(|| Attention::new(state, attention, layer))
                .transpose()
        };
        let blocks = blocks()
            .iter()
            .map(|block| {
                let names = block.names();
                let expand = names
                    .expand
                    .map(|name| pointwise(&name, Activation::Relu6))
                    .transpose()?;
                let (weight, bias) = layer(state, &names.depthwise)?;
                let depthwise = Depthwise::new(&weight, &bias, block.stride);
                let project = pointwise(&names.project, Activation::Linear)?;
                Ok(CpuBlock {
                    layers: InvertedResidual::new(expand, depthwise, project),
                    attention: attention_of(attention.after_block(block), block.layer)?,
                    residual: match block.residual() {
                        true => Residual::Input,
                        false => Residual::None,
                    },
                })
            })
            .collect::<Result<_, StateError>>()?;
        let (stem, stem_bias) = layer(state, "features.0.0")?;
        Ok(Self {
            stem: Stem::new(&stem, &stem_bias),
            blocks,
            last: pointwise("features.18.0", Activation::Relu6)?,
            tail: Tail::new(state, attention)?,
            maps: Mutex::default(),
        })
    }

    /// What the network makes of one input `[3, 224, 224]`.
    ///
    /// `None` when `input` has another length.
    pub fn infer(&self, input: &[f32]) -> Option<Inference> {
        (input.len() == INPUT).then(|| self.with_maps(|maps| self.whole(input, maps)))
    }

    /// Lets `work` have memory for two maps. Of two runs at a time the second has its own, and so has every run after one that panicked.
    pub(super) fn with_maps<T>(&self, work: impl FnOnce(&mut [Map; 2]) -> T) -> T {
        match self.maps.try_lock() {
            Ok(mut maps) => work(&mut maps),
            Err(_) => work(&mut Default::default()),
        }
    }

    fn whole(&self, input: &[f32], [map, next]: &mut [Map; 2]) -> Inference {
        self.stem.forward(input, SIDE, SIDE, map);
        for block in &self.blocks {
            match &block.attention {
                None => block.layers.forward(map, block.residual, next),
                Some(attention) => {
                    block.layers.forward(map, Residual::None, next);
                    attention.apply(next);
                    if block.residual == Residual::Input {
                        for (to, from) in next.positions_mut().zip(map.positions()) {
                            for (to, from) in to.iter_mut().zip(from) {
                                *to += from;
                            }
                        }
                    }
                }
            }
            swap(map, next);
        }
        let embedding = embedding(map);
        self.last.forward(map, next);
        Inference {
            evidence: self.tail.evidence(next),
            embedding,
        }
    }
}
