//! Attention within the feature layers.
//!
//! The paper names an attention layer but not its kind or place, so both are a choice here. Each kind starts as the
//! identity (its last layer is zero and its gate is `2 * sigmoid`), so that pretrained features survive the first step.

use burn::module::{Initializer, Module, Param};
use burn::tensor::activation::{relu, sigmoid};
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

/// Which attention.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttentionKind {
    /// None: plain MobileNetV2.
    None,
    /// Squeeze-and-excitation: a gate for each channel (Hu et al. 2018, arXiv 1709.01507).
    #[default]
    SqueezeExcitation,
    /// A gate for each channel, then one for each position (Woo et al. 2018, arXiv 1807.06521).
    Cbam,
}

/// Where the attention sits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttentionPlace {
    /// After the last feature layer, on 1280 channels.
    #[default]
    Last,
    /// After the last block of each of the seven stages.
    EveryStage,
}

/// Kind, place and width of the attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttentionConfig {
    /// Which attention.
    pub kind: AttentionKind,
    /// Where it sits.
    pub place: AttentionPlace,
    /// By how much the channel gate narrows its hidden layer; at least 1.
    pub reduction: usize,
}

impl AttentionConfig {
    /// No attention at all: plain MobileNetV2.
    pub const NONE: Self = Self {
        kind: AttentionKind::None,
        place: AttentionPlace::Last,
        reduction: 1,
    };

    /// Width of the channel gate's hidden layer for so many channels.
    pub fn hidden(&self, channels: usize) -> usize {
        (channels / self.reduction.max(1)).max(4)
    }
}

impl Default for AttentionConfig {
    fn default() -> Self {
        Self {
            kind: AttentionKind::default(),
            place: AttentionPlace::default(),
            reduction: 32,
        }
    }
}

/// Side of the square kernel of CBAM's spatial gate, as in its paper.
const SPATIAL_KERNEL: usize = 7;

/// Gates on channels and, for CBAM, on positions.
#[derive(Module, Debug)]
pub struct Attention {
    /// `[hidden, channels]`
    pub reduce_weight: Param<Tensor<2>>,
    /// `[hidden]`
    pub reduce_bias: Param<Tensor<1>>,
    /// `[channels, hidden]`
    pub expand_weight: Param<Tensor<2>>,
    /// `[channels]`
    pub expand_bias: Param<Tensor<1>>,
    /// `[1, 2, 7, 7]` over the mean and the maximum of the channels; CBAM only.
    pub spatial_weight: Option<Param<Tensor<4>>>,
    /// `[1]`; CBAM only.
    pub spatial_bias: Option<Param<Tensor<1>>>,
}

impl Attention {
    /// An attention that changes nothing yet; `None` when the configuration has none.
    pub fn init(config: &AttentionConfig, channels: usize, device: &Device) -> Option<Self> {
        let spatial = match config.kind {
            AttentionKind::None => return None,
            AttentionKind::SqueezeExcitation => false,
            AttentionKind::Cbam => true,
        };
        let hidden = config.hidden(channels);
        Some(Self {
            reduce_weight: Initializer::KaimingUniform {
                gain: 1.0,
                fan_out_only: false,
            }
            .init_with([hidden, channels], Some(channels), Some(hidden), device),
            reduce_bias: Initializer::Zeros.init([hidden], device),
            expand_weight: Initializer::Zeros.init([channels, hidden], device),
            expand_bias: Initializer::Zeros.init([channels], device),
            spatial_weight: spatial
                .then(|| Initializer::Zeros.init([1, 2, SPATIAL_KERNEL, SPATIAL_KERNEL], device)),
            spatial_bias: spatial.then(|| Initializer::Zeros.init([1], device)),
        })
    }

    /// `[batch, channels, height, width]` to the same shape, each value times its gates in 0..2.
    pub fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let [batch, channels, height, width] = input.dims();
        let flat = input.clone().reshape([batch, channels, height * width]);
        let mean: Tensor<2> = flat.clone().mean_dim(2).squeeze_dim(2);
        let mut excitation = self.excite(mean);
        if self.spatial_weight.is_some() {
            excitation = excitation + self.excite(flat.max_dim(2).squeeze_dim(2));
        }
        let gate = sigmoid(excitation).mul_scalar(2.0);
        let output = input * gate.reshape([batch, channels, 1, 1]);
        match (&self.spatial_weight, &self.spatial_bias) {
            (Some(weight), Some(bias)) => {
                let summary = Tensor::cat(
                    vec![output.clone().mean_dim(1), output.clone().max_dim(1)],
                    1,
                );
                let padding = SPATIAL_KERNEL / 2;
                let position = conv2d(
                    summary,
                    weight.val(),
                    Some(bias.val()),
                    ConvOptions::new([1, 1], [padding; 2], [1, 1], 1),
                );
                output * sigmoid(position).mul_scalar(2.0)
            }
            _ => output,
        }
    }

    /// The hidden layer of the channel gate, `[batch, channels]` to `[batch, channels]`.
    fn excite(&self, pooled: Tensor<2>) -> Tensor<2> {
        let hidden = relu(
            pooled.matmul(self.reduce_weight.val().transpose())
                + self.reduce_bias.val().unsqueeze(),
        );
        hidden.matmul(self.expand_weight.val().transpose()) + self.expand_bias.val().unsqueeze()
    }
}
