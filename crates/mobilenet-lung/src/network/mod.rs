//! MobileNetV2 and MobileNet-Lung for burn.
//!
//! MobileNetV2 (Sandler et al. 2018, arXiv 1801.04381) at width 1.0, with torchvision's layer names and symmetric
//! padding, batch norm folded or, for a start from scratch, kept. MobileNet-Lung adds an [`Attention`] within the feature layers and a head with a row for each finding.

mod attention;
mod convolution;
mod load;
mod norm;

pub use attention::Attention;
pub use convolution::{Convolution, ConvolutionConfig};
pub use load::{TorchvisionNames, load_state_dict, parameter_shapes, state_dict};
pub use lung_kernels::Activation;
pub use norm::{BatchNorm, BatchNorms};

use burn::module::{Initializer, Module, Param};
use burn::nn::Dropout;
use burn::tensor::{Device, Tensor};

use crate::architecture::{self, BlockSizes, STEM};
pub use crate::architecture::{
    AttentionConfig, AttentionKind, AttentionPlace, FEATURE_LAYERS, FEATURES, GRID,
};

/// What to build.
#[derive(Clone, Debug, PartialEq)]
pub struct MobileNetLungConfig {
    /// The attention; [`AttentionConfig::NONE`] makes it a plain MobileNetV2 with a head with a row for each finding.
    pub attention: AttentionConfig,
    /// How many findings it tells apart.
    pub findings: usize,
    /// Probability that a feature is dropped before the head while training, in 0..1.
    pub dropout: f64,
    /// Whether its convolutions have batch norms.
    pub norms: BatchNorms,
}

impl Default for MobileNetLungConfig {
    fn default() -> Self {
        Self {
            attention: AttentionConfig::default(),
            findings: 3,
            dropout: 0.2,
            norms: BatchNorms::Folded,
        }
    }
}

impl MobileNetLungConfig {
    /// A network with random weights, each allocated when first used.
    pub fn init(&self, device: &Device) -> MobileNetLung {
        let blocks = architecture::blocks();
        let last = blocks.last().map_or(STEM, |block| block.output);
        let blocks = blocks
            .iter()
            .map(|block| InvertedResidual::init(block, &self.attention, self.norms, device))
            .collect();
        let attention = (self.attention.after_last())
            .then(|| Attention::init(&self.attention, FEATURES, device))
            .flatten();
        MobileNetLung {
            stem: ConvolutionConfig::new(3, STEM, 3, 2, Activation::Relu6).init(self.norms, device),
            blocks,
            last: ConvolutionConfig::pointwise(last, FEATURES, Activation::Relu6)
                .init(self.norms, device),
            attention,
            dropout: burn::nn::DropoutConfig::new(self.dropout).init(),
            head: Head::init(self.findings, device),
        }
    }
}

/// Expand, filter each channel, project, and add the input where shapes allow.
#[derive(Module, Debug)]
pub struct InvertedResidual {
    /// 1 x 1 with ReLU6; absent in the first block, which does not expand.
    pub expand: Option<Convolution>,
    /// 3 x 3 depthwise with ReLU6.
    pub depthwise: Convolution,
    /// 1 x 1, linear.
    pub project: Convolution,
    /// Gates after the projection, before the sum.
    pub attention: Option<Attention>,
    residual: bool,
}

impl InvertedResidual {
    fn init(
        block: &BlockSizes,
        attention: &AttentionConfig,
        norms: BatchNorms,
        device: &Device,
    ) -> Self {
        let BlockSizes {
            input,
            hidden,
            output,
            stride,
            ..
        } = *block;
        Self {
            expand: block.expands().then(|| {
                ConvolutionConfig::pointwise(input, hidden, Activation::Relu6).init(norms, device)
            }),
            depthwise: ConvolutionConfig::depthwise(hidden, stride).init(norms, device),
            project: ConvolutionConfig::pointwise(hidden, output, Activation::Linear)
                .init(norms, device),
            attention: (attention.after_block(block))
                .then(|| Attention::init(attention, output, device))
                .flatten(),
            residual: block.residual(),
        }
    }

    /// Whether the block's input is added to its output.
    pub fn is_residual(&self) -> bool {
        self.residual
    }

    /// `[batch, input, height, width]` to `[batch, output, height / stride, width / stride]`.
    pub fn forward(&self, input: Tensor<4>) -> Tensor<4> {
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

/// The linear layer from features to findings.
#[derive(Module, Debug)]
pub struct Head {
    /// `[n, 1280]`
    pub weight: Param<Tensor<2>>,
    /// `[n]`
    pub bias: Param<Tensor<1>>,
}

impl Head {
    fn init(findings: usize, device: &Device) -> Self {
        Self {
            // torchvision's start for a classifier: normal with deviation 0.01.
            weight: Initializer::Normal {
                mean: 0.0,
                std: 0.01,
            }
            .init([findings, FEATURES], device),
            bias: Initializer::Zeros.init([findings], device),
        }
    }
}

/// MobileNetV2 with attention within its feature layers and a head of findings.
#[derive(Module, Debug)]
pub struct MobileNetLung {
    /// `features.0`
    pub stem: Convolution,
    /// `features.1` to `features.17`
    pub blocks: Vec<InvertedResidual>,
    /// `features.18`
    pub last: Convolution,
    /// Gates on the last feature layer.
    pub attention: Option<Attention>,
    dropout: Dropout,
    /// `classifier.1`
    pub head: Head,
}

impl MobileNetLung {
    /// Applies feature layers `layers` (of 0..19) to what enters the first of them.
    ///
    /// `0..19` takes images `[batch, 3, 224, 224]` to features `[batch, 1280, 7, 7]`, before the last attention.
    pub fn feature_layers(&self, input: Tensor<4>, layers: std::ops::Range<usize>) -> Tensor<4> {
        layers.fold(input, |x, layer| match layer {
            0 => self.stem.forward(x),
            18 => self.last.forward(x),
            _ => match self.blocks.get(layer - 1) {
                Some(block) => block.forward(x),
                None => x,
            },
        })
    }

    /// Images `[batch, 3, 224, 224]` to attended features `[batch, 1280, 7, 7]`.
    pub fn features(&self, images: Tensor<4>) -> Tensor<4> {
        self.attend(self.feature_layers(images, 0..FEATURE_LAYERS))
    }

    /// The attention after the last feature layer, where there is one; `[batch, 1280, 7, 7]` both ways.
    pub fn attend(&self, features: Tensor<4>) -> Tensor<4> {
        match &self.attention {
            Some(attention) => attention.forward(features),
            None => features,
        }
    }

    /// Attended features `[batch, 1280, height, width]` to logits `[batch, findings]`, with dropout while training.
    pub fn classify(&self, features: Tensor<4>) -> Tensor<2> {
        let pooled: Tensor<2> = features.flatten::<3>(2, 3).mean_dim(2).squeeze_dim(2);
        self.dropout
            .forward(pooled)
            .matmul(self.head.weight.val().transpose())
            + self.head.bias.val().unsqueeze()
    }

    /// Images `[batch, 3, 224, 224]` to logits `[batch, findings]`.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        self.classify(self.features(images))
    }

    /// Images `[batch, 3, 224, 224]` to class evidence `[batch, findings, 7, 7]`, whose sum over positions is the logit.
    ///
    /// The head is linear and the pool a mean, so `w . mean(f) + b = sum over positions of (w . f + b) / positions`: an
    /// exact decomposition (class activation mapping, Zhou et al. 2016, arXiv 1512.04150), not an approximation.
    pub fn evidence(&self, images: Tensor<4>) -> Tensor<4> {
        self.evidence_of(self.features(images))
    }

    /// [`evidence`](Self::evidence), and the mean over the positions of the last block's output, `[batch, 320]`.
    pub fn evidence_and_embedding(&self, images: Tensor<4>) -> (Tensor<4>, Tensor<2>) {
        let output = self.feature_layers(images, 0..FEATURE_LAYERS - 1);
        let embedding = output.clone().flatten::<3>(2, 3).mean_dim(2).squeeze_dim(2);
        let features = self.feature_layers(output, FEATURE_LAYERS - 1..FEATURE_LAYERS);
        (self.evidence_of(self.attend(features)), embedding)
    }

    /// Attended features `[batch, 1280, height, width]` to class evidence `[batch, findings, height, width]`.
    fn evidence_of(&self, features: Tensor<4>) -> Tensor<4> {
        let [batch, channels, height, width] = features.dims();
        let positions = height * width;
        let weight = self.head.weight.val().unsqueeze::<3>();
        let bias = self.head.bias.val();
        let [findings] = bias.dims();
        let bias = bias.reshape([1, findings, 1]);
        (weight.matmul(features.reshape([batch, channels, positions])) + bias)
            .div_scalar(positions as f64)
            .reshape([batch, findings, height, width])
    }

    /// The name that torchvision gives the parameter at `path` of this module.
    ///
    /// Attention, which torchvision has not, is named `features.<layer>.attention.<part>`.
    pub fn torchvision_name(path: &[String]) -> String {
        let parts: Vec<&str> = path.iter().map(String::as_str).collect();
        let last = FEATURE_LAYERS - 1;
        match parts.as_slice() {
            ["stem", part @ ..] => format!("features.0.{}", after(0, part)),
            ["last", part @ ..] => format!("features.{last}.{}", after(0, part)),
            ["attention", part] => format!("features.{last}.attention.{}", dotted(part)),
            ["head", part] => format!("classifier.1.{part}"),
            ["blocks", number, layer, part @ ..] => {
                let Ok(block) = number.parse::<usize>() else {
                    return parts.join(".");
                };
                // The first block does not expand, so its convolutions count from 0.
                let first = usize::from(block > 0);
                let name = match (*layer, part) {
                    ("attention", [part]) => format!("attention.{}", dotted(part)),
                    ("expand", part) => format!("conv.0.{}", after(0, part)),
                    ("depthwise", part) => format!("conv.{first}.{}", after(0, part)),
                    ("project", part) => format!("conv.{}", after(first + 1, part)),
                    (other, part) => format!("{other}.{}", part.join(".")),
                };
                format!("features.{}.{name}", block + 1)
            }
            other => other.join("."),
        }
    }
}

/// The name of a convolution's own parameter, or of one of its norm, which torchvision has as the layer after it.
fn after(convolution: usize, part: &[&str]) -> String {
    match part {
        ["norm", part] => format!("{}.{part}", convolution + 1),
        part => format!("{convolution}.{}", part.join(".")),
    }
}

impl TorchvisionNames for MobileNetLung {
    fn torchvision_name(path: &[String]) -> String {
        Self::torchvision_name(path)
    }
}

/// `reduce_weight` to `reduce.weight`.
fn dotted(part: &str) -> String {
    part.replacen('_', ".", 1)
}
