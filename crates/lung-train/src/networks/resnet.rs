//! ResNet18 (He et al. 2015, arXiv 1512.03385).

use burn::module::Module;
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

use super::layers::FINDINGS;
use super::layers::{
    Activation, BatchNorms, Convolution, ConvolutionConfig, Linear, Walk, Walked as _, global_mean,
    max_pool,
};

/// Channels of each of the four layers.
const LAYERS: [usize; 4] = [64, 128, 256, 512];

/// Blocks a layer.
const BLOCKS: usize = 2;

/// Two 3 x 3 convolutions, and the input added.
#[derive(Module, Debug)]
struct BasicBlock {
    first: Convolution,
    second: Convolution,
    /// Brings the input to the size of the output, where they differ.
    downsample: Option<Convolution>,
}

impl BasicBlock {
    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let output = self.second.forward(self.first.forward(input.clone()));
        let input = match &self.downsample {
            Some(downsample) => downsample.forward(input),
            None => input,
        };
        relu(output + input)
    }

    fn walk(&self, walk: Walk) -> Walk {
        let walk = match &self.downsample {
            Some(downsample) => {
                walk.costs(downsample.walk(Walk::new(walk.side)).multiply_adds as usize)
            }
            None => walk,
        };
        self.second.walk(self.first.walk(walk))
    }
}

/// ResNet18 with a head of three findings.
#[derive(Module, Debug)]
pub struct ResNet18 {
    stem: Convolution,
    blocks: Vec<BasicBlock>,
    head: Linear,
}

impl ResNet18 {
    /// A network with random weights; its batch norms kept, or folded into its convolutions.
    pub fn init(norms: BatchNorms, device: &Device) -> Self {
        let conv = |input, output, kernel, stride, activation| {
            ConvolutionConfig::new(input, output, kernel, stride, activation).init(norms, device)
        };
        let mut input = LAYERS[0];
        let mut blocks = Vec::with_capacity(LAYERS.len() * BLOCKS);
        for output in LAYERS {
            for _ in 0..BLOCKS {
                let stride = if input == output { 1 } else { 2 };
                blocks.push(BasicBlock {
                    first: conv(input, output, 3, stride, Activation::Relu),
                    second: conv(output, output, 3, 1, Activation::Linear),
                    downsample: (stride > 1)
                        .then(|| conv(input, output, 1, stride, Activation::Linear)),
                });
                input = output;
            }
        }
        Self {
            stem: conv(3, LAYERS[0], 7, 2, Activation::Relu),
            blocks,
            head: Linear::uniform(input, FINDINGS, device),
        }
    }

    /// Images `[batch, 3, side, side]` to logits `[batch, 3]`.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let mut x = max_pool(self.stem.forward(images), 3, 2, 1, false);
        for block in &self.blocks {
            x = block.forward(x);
        }
        self.head.forward(global_mean(x))
    }

    pub(super) fn walk(&self, side: usize) -> Walk {
        let walk = self.stem.walk(Walk::new(side)).window(3, 2, 1);
        let walk = self
            .blocks
            .iter()
            .fold(walk, |walk, block| block.walk(walk));
        self.head.walk(walk)
    }

    pub(super) fn torchvision_name(path: &[&str]) -> Option<String> {
        Some(match path {
            ["stem", part] => format!("conv1.{part}"),
            ["stem", "norm", part] => format!("bn1.{part}"),
            ["blocks", block, conv, part @ ..] => {
                let block: usize = block.parse().ok()?;
                let name = match (*conv, part) {
                    ("first", [part]) => format!("conv1.{part}"),
                    ("first", ["norm", part]) => format!("bn1.{part}"),
                    ("second", [part]) => format!("conv2.{part}"),
                    ("second", ["norm", part]) => format!("bn2.{part}"),
                    ("downsample", [part]) => format!("downsample.0.{part}"),
                    ("downsample", ["norm", part]) => format!("downsample.1.{part}"),
                    _ => return None,
                };
                format!("layer{}.{}.{name}", block / BLOCKS + 1, block % BLOCKS)
            }
            ["head", part] => format!("fc.{part}"),
            _ => return None,
        })
    }
}
