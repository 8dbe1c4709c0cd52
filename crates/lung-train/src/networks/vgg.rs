//! VGG11 without batch norm (Simonyan and Zisserman 2014, arXiv 1409.1556, configuration A).

use burn::module::{Initializer, Module};
use burn::nn::{Dropout, DropoutConfig};
use burn::tensor::activation::relu;
use burn::tensor::module::adaptive_avg_pool2d;
use burn::tensor::{Device, Tensor};

use super::layers::FINDINGS;
use super::layers::{
    Activation, Convolution, ConvolutionConfig, Linear, Walk, Walked as _, max_pool,
};

/// torchvision's number of each convolution among the features, its channels out, and whether the map is halved after it.
const CONVOLUTIONS: [(usize, usize, bool); 8] = [
    (0, 64, true),
    (3, 128, true),
    (6, 256, false),
    (8, 256, true),
    (11, 512, false),
    (13, 512, true),
    (16, 512, false),
    (18, 512, true),
];

/// torchvision's numbers of the hidden linear layers.
const HIDDEN: [usize; 2] = [0, 3];

/// Height and width of what the linear layers see, whatever the size of the image.
const GRID: usize = 7;
const CHANNELS: usize = 512;
const WIDTH: usize = 4096;

/// VGG11 with a head of three findings.
#[derive(Module, Debug)]
pub struct Vgg11 {
    convolutions: Vec<Convolution>,
    hidden: Vec<Linear>,
    dropout: Dropout,
    head: Linear,
}

impl Vgg11 {
    /// A network with random weights.
    pub fn init(device: &Device) -> Self {
        let mut input = 3;
        let convolutions = CONVOLUTIONS
            .iter()
            .map(|&(_, output, _)| {
                let conv = ConvolutionConfig::new(input, output, 3, 1, Activation::Relu)
                    .with_weights(
                        Initializer::KaimingNormal {
                            gain: std::f64::consts::SQRT_2,
                            fan_out_only: true,
                        },
                        device,
                    );
                input = output;
                conv
            })
            .collect();
        Self {
            convolutions,
            hidden: vec![
                Linear::init(CHANNELS * GRID * GRID, WIDTH, device),
                Linear::init(WIDTH, WIDTH, device),
            ],
            dropout: DropoutConfig::new(0.5).init(),
            head: Linear::init(WIDTH, FINDINGS, device),
        }
    }

    /// Images `[batch, 3, side, side]` to logits `[batch, 3]`; the side is at least 32.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let mut x = images;
        for (conv, (_, _, halved)) in self.convolutions.iter().zip(CONVOLUTIONS) {
            x = conv.forward(x);
            if halved {
                x = max_pool(x, 2, 2, 0, false);
            }
        }
        let mut x: Tensor<2> = adaptive_avg_pool2d(x, [GRID; 2]).flatten(1, 3);
        for layer in &self.hidden {
            x = self.dropout.forward(relu(layer.forward(x)));
        }
        self.head.forward(x)
    }

    pub(super) fn walk(&self, side: usize) -> Walk {
        let mut walk = Walk::new(side);
        for (conv, (_, _, halved)) in self.convolutions.iter().zip(CONVOLUTIONS) {
            walk = conv.walk(walk);
            if halved {
                walk = walk.window(2, 2, 0);
            }
        }
        for layer in &self.hidden {
            walk = layer.walk(walk);
        }
        self.head.walk(walk)
    }

    pub(super) fn torchvision_name(path: &[&str]) -> Option<String> {
        Some(match path {
            ["convolutions", conv, part] => {
                let (number, ..) = CONVOLUTIONS.get(conv.parse::<usize>().ok()?)?;
                format!("features.{number}.{part}")
            }
            ["hidden", layer, part] => {
                let number = HIDDEN.get(layer.parse::<usize>().ok()?)?;
                format!("classifier.{number}.{part}")
            }
            ["head", part] => format!("classifier.6.{part}"),
            _ => return None,
        })
    }
}
