//! What the network is made of, as plain tables: no weights, no device, no burn.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Channels of the last feature layer.
pub const FEATURES: usize = 1280;

/// Channels of the last block, whose mean over the image is its embedding.
pub const EMBEDDING: usize = 320;

/// Height and width of the last feature layer for a 224 x 224 input, and so of every evidence map.
pub const GRID: usize = 7;

/// Number of feature layers, `features.0` to `features.18` in torchvision's counting.
pub const FEATURE_LAYERS: usize = 19;

/// Channels of the stem, `features.0`.
pub const STEM: usize = 32;

/// Side of the square kernel of CBAM's spatial gate, as in its paper.
pub const SPATIAL_KERNEL: usize = 7;

/// Table 2 of the MobileNetV2 paper: expansion, channels out, blocks, stride of the first block.
const STAGES: [(usize, usize, usize, usize); 7] = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
];

/// One inverted residual block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockSizes {
    /// Its feature layer, 1 to 17.
    pub layer: usize,
    /// Channels in.
    pub input: usize,
    /// Channels of its depthwise convolution.
    pub hidden: usize,
    /// Channels out.
    pub output: usize,
    /// Stride of its depthwise convolution.
    pub stride: usize,
    /// Whether it is the last of its stage.
    pub ends_stage: bool,
}

impl BlockSizes {
    /// Whether it starts with a 1 x 1 convolution that makes the hidden channels.
    pub fn expands(&self) -> bool {
        self.hidden != self.input
    }

    /// Whether its input is added to its output.
    pub fn residual(&self) -> bool {
        self.stride == 1 && self.input == self.output
    }

    /// The names of its convolutions, without `.weight` and `.bias`.
    pub fn names(&self) -> BlockNames {
        let layer = self.layer;
        // The first block does not expand, so its convolutions count from 0.
        let [depthwise, project] = if self.expands() {
            ["conv.1.0", "conv.2"]
        } else {
            ["conv.0.0", "conv.1"]
        };
        BlockNames {
            expand: self.expands().then(|| format!("features.{layer}.conv.0.0")),
            depthwise: format!("features.{layer}.{depthwise}"),
            project: format!("features.{layer}.{project}"),
        }
    }
}

/// torchvision's names of a block's convolutions, without `.weight` and `.bias`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockNames {
    /// 1 x 1, absent in the first block.
    pub expand: Option<String>,
    /// 3 x 3 depthwise.
    pub depthwise: String,
    /// 1 x 1, linear.
    pub project: String,
}

/// The inverted residual blocks, in order.
pub fn blocks() -> Vec<BlockSizes> {
    let mut blocks: Vec<BlockSizes> = Vec::with_capacity(FEATURE_LAYERS - 2);
    let mut input = STEM;
    for (expansion, output, count, stride) in STAGES {
        for number in 0..count {
            blocks.push(BlockSizes {
                layer: blocks.len() + 1,
                input,
                hidden: input * expansion,
                output,
                stride: if number == 0 { stride } else { 1 },
                ends_stage: number + 1 == count,
            });
            input = output;
        }
    }
    blocks
}

/// Name and shape of every parameter of a network with this attention for so many findings.
pub fn parameter_shapes(
    attention: &AttentionConfig,
    findings: usize,
) -> BTreeMap<String, Vec<usize>> {
    LayerTable::mobilenet().parameter_shapes(attention, findings)
}

/// The sizes of a network of this kind.
#[derive(Clone, Debug)]
pub(crate) struct LayerTable {
    /// Channels of the stem.
    pub(crate) stem: usize,
    pub(crate) blocks: Vec<BlockSizes>,
    /// Channels of the last feature layer.
    pub(crate) features: usize,
}

impl LayerTable {
    pub(crate) fn mobilenet() -> Self {
        Self {
            stem: STEM,
            blocks: blocks(),
            features: FEATURES,
        }
    }

    /// The least network with blocks of both strides.
    #[cfg(feature = "gpu")]
    pub(crate) fn least() -> Self {
        let block = |layer| BlockSizes {
            layer,
            input: 1,
            hidden: layer,
            output: 1,
            stride: layer,
            ends_stage: true,
        };
        Self {
            stem: 1,
            blocks: vec![block(1), block(2)],
            features: 1,
        }
    }

    pub(crate) fn parameter_shapes(
        &self,
        attention: &AttentionConfig,
        findings: usize,
    ) -> BTreeMap<String, Vec<usize>> {
        let mut shapes = BTreeMap::new();
        let mut layer = |name: &str, weight: &[usize]| {
            shapes.insert(format!("{name}.weight"), weight.to_vec());
            shapes.insert(format!("{name}.bias"), vec![weight[0]]);
        };
        layer("features.0.0", &[self.stem, 3, 3, 3]);
        for block in &self.blocks {
            let names = block.names();
            if let Some(expand) = names.expand {
                layer(&expand, &[block.hidden, block.input, 1, 1]);
            }
            layer(&names.depthwise, &[block.hidden, 1, 3, 3]);
            layer(&names.project, &[block.output, block.hidden, 1, 1]);
            if attention.after_block(block) {
                attention.layers(block.layer, block.output, &mut layer);
            }
        }
        let last = self.blocks.last().map_or(self.stem, |block| block.output);
        layer("features.18.0", &[self.features, last, 1, 1]);
        if attention.after_last() {
            attention.layers(FEATURE_LAYERS - 1, self.features, &mut layer);
        }
        layer("classifier.1", &[findings, self.features]);
        shapes
    }
}

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

    /// Whether there is one after the last feature layer.
    pub fn after_last(&self) -> bool {
        self.kind != AttentionKind::None && self.place == AttentionPlace::Last
    }

    /// Whether there is one at the end of this block, before the residual is added.
    pub fn after_block(&self, block: &BlockSizes) -> bool {
        self.kind != AttentionKind::None
            && self.place == AttentionPlace::EveryStage
            && block.ends_stage
    }

    /// Width of the hidden layer of the channel gate.
    pub fn hidden(&self, channels: usize) -> usize {
        (channels / self.reduction.max(1)).max(4)
    }

    /// Tells `layer` the name and the shape of the weight of each of its layers.
    fn layers(
        &self,
        feature_layer: usize,
        channels: usize,
        layer: &mut impl FnMut(&str, &[usize]),
    ) {
        let name = |part: &str| format!("features.{feature_layer}.attention.{part}");
        let hidden = self.hidden(channels);
        layer(&name("reduce"), &[hidden, channels]);
        layer(&name("expand"), &[channels, hidden]);
        if self.kind == AttentionKind::Cbam {
            layer(&name("spatial"), &[1, 2, SPATIAL_KERNEL, SPATIAL_KERNEL]);
        }
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
