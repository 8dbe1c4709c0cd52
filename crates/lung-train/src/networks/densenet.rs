//! DenseNet121 (Huang et al. 2016, arXiv 1608.06993).

use burn::module::{Initializer, Module};
use burn::tensor::{Device, Tensor};

use super::layers::FINDINGS;
use super::layers::{
    Activation, BatchNorm, Convolution, ConvolutionConfig, Linear, Walk, Walked as _, global_mean,
    halve, max_pool,
};

/// Layers of each of the four blocks.
const BLOCKS: [usize; 4] = [6, 12, 24, 16];

/// Channels that a layer adds.
const GROWTH: usize = 32;

/// Channels between a layer's two convolutions.
const BOTTLENECK: usize = 4 * GROWTH;

const STEM: usize = 64;

/// He et al.'s weights, fan in.
const WEIGHTS: Initializer = Initializer::KaimingNormal {
    gain: std::f64::consts::SQRT_2,
    fan_out_only: false,
};

fn conv(input: usize, output: usize, kernel: usize, device: &Device) -> Convolution {
    ConvolutionConfig::new(input, output, kernel, 1, Activation::Linear)
        .without_bias(WEIGHTS, device)
}

/// Norm, 1 x 1, norm, 3 x 3: the channels that it adds to its input.
#[derive(Module, Debug)]
struct DenseLayer {
    norm1: BatchNorm,
    conv1: Convolution,
    norm2: BatchNorm,
    conv2: Convolution,
}

impl DenseLayer {
    fn init(input: usize, device: &Device) -> Self {
        Self {
            norm1: BatchNorm::init(input, Activation::Relu, device),
            conv1: conv(input, BOTTLENECK, 1, device),
            norm2: BatchNorm::init(BOTTLENECK, Activation::Relu, device),
            conv2: conv(BOTTLENECK, GROWTH, 3, device),
        }
    }

    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let hidden = self.conv1.forward(self.norm1.forward(input));
        self.conv2.forward(self.norm2.forward(hidden))
    }
}

/// Halves channels and sides between two blocks.
#[derive(Module, Debug)]
struct Transition {
    norm: BatchNorm,
    conv: Convolution,
}

impl Transition {
    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        halve(self.conv.forward(self.norm.forward(input)))
    }
}

/// A block, and the transition to the next one.
#[derive(Module, Debug)]
struct DenseBlock {
    layers: Vec<DenseLayer>,
    transition: Option<Transition>,
}

impl DenseBlock {
    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let mut x = input;
        for layer in &self.layers {
            let added = layer.forward(x.clone());
            x = lung_kernels::concatenate(x, added);
        }
        match &self.transition {
            Some(transition) => transition.forward(x),
            None => x,
        }
    }
}

/// DenseNet121 with a head of three findings.
#[derive(Module, Debug)]
pub struct DenseNet121 {
    stem: Convolution,
    blocks: Vec<DenseBlock>,
    norm: BatchNorm,
    head: Linear,
}

impl DenseNet121 {
    /// A network with random weights. Its batch norms come before the convolutions, so that they cannot be folded.
    pub fn init(device: &Device) -> Self {
        let mut channels = STEM;
        let blocks = BLOCKS
            .iter()
            .enumerate()
            .map(|(number, &count)| {
                let layers = (0..count)
                    .map(|layer| DenseLayer::init(channels + layer * GROWTH, device))
                    .collect();
                channels += count * GROWTH;
                let transition = (number + 1 < BLOCKS.len()).then(|| {
                    let input = channels;
                    channels /= 2;
                    Transition {
                        norm: BatchNorm::init(input, Activation::Relu, device),
                        conv: conv(input, channels, 1, device),
                    }
                });
                DenseBlock { layers, transition }
            })
            .collect();
        Self {
            stem: ConvolutionConfig::new(3, STEM, 7, 2, Activation::Relu).normed(WEIGHTS, device),
            blocks,
            norm: BatchNorm::init(channels, Activation::Relu, device),
            head: Linear::uniform(channels, FINDINGS, device),
        }
    }

    /// Images `[batch, 3, side, side]` to logits `[batch, 3]`; the side is at least 29.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let mut x = max_pool(self.stem.forward(images), 3, 2, 1, false);
        for block in &self.blocks {
            x = block.forward(x);
        }
        self.head.forward(global_mean(self.norm.forward(x)))
    }

    pub(super) fn walk(&self, side: usize) -> Walk {
        let mut walk = self.stem.walk(Walk::new(side)).window(3, 2, 1);
        for block in &self.blocks {
            for layer in &block.layers {
                walk = layer.conv2.walk(layer.conv1.walk(walk));
            }
            if let Some(transition) = &block.transition {
                walk = transition.conv.walk(walk).window(2, 2, 0);
            }
        }
        self.head.walk(walk)
    }

    pub(super) fn torchvision_name(path: &[&str]) -> Option<String> {
        let number = |text: &str| text.parse::<usize>().ok().map(|number| number + 1);
        Some(match path {
            ["stem", part] => format!("features.conv0.{part}"),
            ["stem", "norm", part] => format!("features.norm0.{part}"),
            ["blocks", block, "layers", layer, name, part] => format!(
                "features.denseblock{}.denselayer{}.{name}.{part}",
                number(block)?,
                number(layer)?
            ),
            ["blocks", block, "transition", name, part] => {
                format!("features.transition{}.{name}.{part}", number(block)?)
            }
            ["norm", part] => format!("features.norm5.{part}"),
            ["head", part] => format!("classifier.{part}"),
            _ => return None,
        })
    }
}
