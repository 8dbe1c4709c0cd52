//! MobileNetV2 (Sandler et al. 2018, arXiv 1801.04381) at width 1.0 and MobileNet-Lung, with batch norm or with it folded.
//!
//! [`mobilenet_lung::network`] is the network that ships, always folded: a start from scratch needs the norms.

use burn::module::Module;
use burn::nn::{Dropout, DropoutConfig};
use burn::tensor::{Device, Tensor};
use mobilenet_lung::architecture::{
    AttentionConfig, AttentionKind, FEATURE_LAYERS, FEATURES, SPATIAL_KERNEL, STEM, blocks,
};
use mobilenet_lung::network::Attention;

use super::layers::FINDINGS;
use super::layers::{Activation, ConvConfig, ConvNorm, Linear, Walk, global_mean};

/// Expand, filter each channel, project, attend where asked for, and add the input where shapes allow.
#[derive(Module, Debug)]
struct InvertedResidual {
    expand: Option<ConvNorm>,
    depthwise: ConvNorm,
    project: ConvNorm,
    attention: Option<Attention>,
    residual: bool,
}

impl InvertedResidual {
    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let expanded = match &self.expand {
            Some(expand) => expand.forward(input.clone()),
            None => input.clone(),
        };
        let mut output = self.project.forward(self.depthwise.forward(expanded));
        if let Some(attention) = &self.attention {
            output = attention.forward(output);
        }
        if self.residual {
            input + output
        } else {
            output
        }
    }
}

/// MobileNetV2 with a head of three findings, and attention within its feature layers where asked for.
#[derive(Module, Debug)]
pub struct MobileNet {
    stem: ConvNorm,
    blocks: Vec<InvertedResidual>,
    last: ConvNorm,
    attention: Option<Attention>,
    dropout: Dropout,
    head: Linear,
    #[module(skip)]
    config: AttentionConfig,
}

impl MobileNet {
    /// A network with random weights; without `norm`, one whose batch norm is folded into its convolutions.
    pub fn init(attention: AttentionConfig, norm: bool, device: &Device) -> Self {
        let conv = |config: ConvConfig| config.normed(norm, device);
        let pointwise =
            |input, output, activation| conv(ConvConfig::new(input, output, 1, 1, activation));
        let table = blocks();
        let last = table.last().map_or(STEM, |block| block.output);
        Self {
            stem: conv(ConvConfig::new(3, STEM, 3, 2, Activation::Relu6)),
            blocks: table
                .iter()
                .map(|block| InvertedResidual {
                    expand: block
                        .expands()
                        .then(|| pointwise(block.input, block.hidden, Activation::Relu6)),
                    depthwise: conv(ConvConfig::depthwise(
                        block.hidden,
                        block.stride,
                        Activation::Relu6,
                    )),
                    project: pointwise(block.hidden, block.output, Activation::Linear),
                    attention: attention
                        .after_block(block)
                        .then(|| Attention::init(&attention, block.output, device))
                        .flatten(),
                    residual: block.residual(),
                })
                .collect(),
            last: pointwise(last, FEATURES, Activation::Relu6),
            attention: attention
                .after_last()
                .then(|| Attention::init(&attention, FEATURES, device))
                .flatten(),
            dropout: DropoutConfig::new(0.2).init(),
            head: Linear::init(FEATURES, FINDINGS, device),
            config: attention,
        }
    }

    /// Images `[batch, 3, side, side]` to logits `[batch, 3]`.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let mut x = self.stem.forward(images);
        for block in &self.blocks {
            x = block.forward(x);
        }
        x = self.last.forward(x);
        if let Some(attention) = &self.attention {
            x = attention.forward(x);
        }
        self.head.forward(self.dropout.forward(global_mean(x)))
    }

    pub(super) fn walk(&self, side: usize) -> Walk {
        let mut walk = self.stem.walk(Walk::new(side));
        for (block, table) in self.blocks.iter().zip(blocks()) {
            if let Some(expand) = &block.expand {
                walk = expand.walk(walk);
            }
            walk = block.project.walk(block.depthwise.walk(walk));
            if block.attention.is_some() {
                walk = self.attended(walk, table.output);
            }
        }
        walk = self.last.walk(walk);
        if self.attention.is_some() {
            walk = self.attended(walk, FEATURES);
        }
        self.head.walk(walk)
    }

    /// The gates' own multiply-adds: the two layers on the mean, for CBAM on the maximum too, and its spatial kernel.
    fn attended(&self, walk: Walk, channels: usize) -> Walk {
        let layers = 2 * channels * self.config.hidden(channels);
        walk.costs(match self.config.kind {
            AttentionKind::None => 0,
            AttentionKind::SqueezeExcitation => layers,
            AttentionKind::Cbam => {
                2 * layers + 2 * SPATIAL_KERNEL * SPATIAL_KERNEL * walk.side * walk.side
            }
        })
    }

    pub(super) fn torchvision_name(path: &[&str]) -> Option<String> {
        // A norm is the layer after its convolution.
        let place = |kind: &str| match kind {
            "conv" => Some(0),
            "norm" => Some(1),
            _ => None,
        };
        let gate = |part: &str| part.replacen('_', ".", 1);
        Some(match path {
            ["stem", kind, part] => format!("features.0.{}.{part}", place(kind)?),
            ["last", kind, part] => {
                format!("features.{}.{}.{part}", FEATURE_LAYERS - 1, place(kind)?)
            }
            ["attention", part] => {
                format!("features.{}.attention.{}", FEATURE_LAYERS - 1, gate(part))
            }
            ["blocks", block, "attention", part] => {
                let block = block.parse::<usize>().ok()?;
                format!("features.{}.attention.{}", block + 1, gate(part))
            }
            ["blocks", block, layer, kind, part] => {
                let block = block.parse::<usize>().ok()?;
                // The first block does not expand, so its convolutions count from 0.
                let first = usize::from(blocks().get(block)?.expands());
                let name = match *layer {
                    "expand" => format!("conv.0.{}", place(kind)?),
                    "depthwise" => format!("conv.{first}.{}", place(kind)?),
                    "project" => format!("conv.{}", first + 1 + place(kind)?),
                    _ => return None,
                };
                format!("features.{}.{name}.{part}", block + 1)
            }
            ["head", part] => format!("classifier.1.{part}"),
            _ => return None,
        })
    }
}
