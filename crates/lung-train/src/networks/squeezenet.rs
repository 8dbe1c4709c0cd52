//! SqueezeNet 1.1 (Iandola et al. 2016, arXiv 1602.07360; 1.1 is its authors' lighter revision).

use burn::module::{Initializer, Module};
use burn::tensor::{Device, Tensor};

use super::layers::FINDINGS;
use super::layers::{
    Activation, Convolution, ConvolutionConfig, Walk, Walked as _, drop_out, global_mean, max_pool,
};

/// torchvision's number of each fire module among the features; channels in, squeezed and expanded (twice).
const FIRES: [(usize, usize, usize, usize); 8] = [
    (3, 64, 16, 64),
    (4, 128, 16, 64),
    (6, 128, 32, 128),
    (7, 256, 32, 128),
    (9, 256, 48, 192),
    (10, 384, 48, 192),
    (11, 384, 64, 256),
    (12, 512, 64, 256),
];

/// The share of the last maps' numbers that training leaves out.
const DROPOUT: f64 = 0.5;

/// The features before which the map is pooled.
const POOLED: [usize; 3] = [3, 6, 9];

/// 1 x 1 to few channels, then 1 x 1 and 3 x 3 side by side.
#[derive(Module, Debug)]
struct Fire {
    squeeze: Convolution,
    expand1x1: Convolution,
    expand3x3: Convolution,
}

impl Fire {
    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let squeezed = self.squeeze.forward(input);
        lung_kernels::concatenate(
            self.expand1x1.forward(squeezed.clone()),
            self.expand3x3.forward(squeezed),
        )
    }
}

/// SqueezeNet 1.1 with a head of three findings.
#[derive(Module, Debug)]
pub struct SqueezeNet {
    stem: Convolution,
    fires: Vec<Fire>,
    classifier: Convolution,
}

impl SqueezeNet {
    /// A network with random weights.
    pub fn init(device: &Device) -> Self {
        let conv = |input, output, kernel, stride, padding| {
            ConvolutionConfig {
                padding,
                ..ConvolutionConfig::new(input, output, kernel, stride, Activation::Relu)
            }
            .with_weights(
                Initializer::KaimingUniform {
                    gain: std::f64::consts::SQRT_2,
                    fan_out_only: false,
                },
                device,
            )
        };
        Self {
            stem: conv(3, 64, 3, 2, 0),
            fires: FIRES
                .iter()
                .map(|&(_, input, squeezed, expanded)| Fire {
                    squeeze: conv(input, squeezed, 1, 1, 0),
                    expand1x1: conv(squeezed, expanded, 1, 1, 0),
                    expand3x3: conv(squeezed, expanded, 3, 1, 1),
                })
                .collect(),
            classifier: ConvolutionConfig::new(512, FINDINGS, 1, 1, Activation::Relu).with_weights(
                Initializer::Normal {
                    mean: 0.0,
                    std: 0.01,
                },
                device,
            ),
        }
    }

    /// Images `[batch, 3, side, side]` to logits `[batch, 3]`; the side is at least 17.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let mut x = self.stem.forward(images);
        for (fire, (number, ..)) in self.fires.iter().zip(FIRES) {
            if POOLED.contains(&number) {
                x = max_pool(x, 3, 2, 0, true);
            }
            x = fire.forward(x);
        }
        global_mean(self.classifier.forward(drop_out(x, DROPOUT)))
    }

    pub(super) fn walk(&self, side: usize) -> Walk {
        let mut walk = self.stem.walk(Walk::new(side));
        for (fire, (number, ..)) in self.fires.iter().zip(FIRES) {
            if POOLED.contains(&number) {
                // Rounded up.
                walk.side = (walk.side.saturating_sub(3)).div_ceil(2) + 1;
            }
            walk = fire.squeeze.walk(walk);
            walk = fire.expand1x1.walk(walk);
            walk = fire.expand3x3.walk(walk);
        }
        self.classifier.walk(walk)
    }

    pub(super) fn torchvision_name(path: &[&str]) -> Option<String> {
        Some(match path {
            ["stem", part] => format!("features.0.{part}"),
            ["fires", fire, conv, part] => {
                let (number, ..) = FIRES.get(fire.parse::<usize>().ok()?)?;
                format!("features.{number}.{conv}.{part}")
            }
            ["classifier", part] => format!("classifier.1.{part}"),
            _ => return None,
        })
    }
}
