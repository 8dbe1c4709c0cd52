//! The network on a GPU, in as few kernels as it takes.
//!
//! The same arithmetic as [`crate::network::MobileNetLung::evidence`], a block a dispatch: see [`lung_kernels::gpu`].

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use burn::tensor::{Device, Tensor};
use lung_kernels::gpu::{self, BlockGeometry, GateGeometry, Image, Linear};

use crate::Finding;
use crate::network::{
    AttentionConfig, AttentionKind, AttentionPlace, FEATURE_LAYERS, FEATURES, STAGES, STEM,
};
use crate::state::{Array, StateDict, StateError};

/// Planes of the input.
const PLANES: usize = 3;

/// Side of the image that kernels are compiled with: any will do.
const COMPILE_SIDE: usize = 8;

/// MobileNet-Lung on a device that [`gpu::supports`].
#[derive(Debug)]
pub struct GpuNetwork {
    device: Device,
    stem: Tensor<1>,
    /// Channels of the stem.
    channels: usize,
    blocks: Vec<Block>,
    attention: Option<Gates>,
    head: Tensor<1>,
    dispatches: AtomicUsize,
}

/// One inverted residual and the expansion of the next, or of the feature layer.
#[derive(Debug)]
struct Block {
    weights: Tensor<1>,
    geometry: BlockGeometry,
    residual: bool,
    attention: Option<Gates>,
}

/// The weights of an attention.
#[derive(Debug)]
struct Gates {
    channel: Tensor<1>,
    geometry: GateGeometry,
    position: Option<Tensor<1>>,
}

impl GpuNetwork {
    /// Packs the parameters of `state`, named as torchvision names them, and puts them on `device`.
    ///
    /// # Errors
    /// [`StateError`] when a parameter is missing, has another shape, or is unknown.
    pub fn new(
        state: &StateDict,
        attention: AttentionConfig,
        device: &Device,
    ) -> Result<Self, StateError> {
        let mut source = Source {
            state,
            taken: BTreeSet::new(),
        };
        let network = Self::load(&mut source, &Sizes::mobilenet(), attention, device)?;
        source.finish()?;
        Ok(network)
    }

    /// Compiles every kernel that a network with this attention takes, so that the first image need not.
    ///
    /// Needs no weights: it can be done while they download.
    ///
    /// # Errors
    /// What the device said, if it could not run them.
    pub async fn compile(attention: AttentionConfig, device: &Device) -> Result<(), String> {
        let network = Self::load(&mut Zeros, &Sizes::least(), attention, device)
            .map_err(|error| error.to_string())?;
        let input = vec![0.0; PLANES * COMPILE_SIDE * COMPILE_SIDE];
        network.run(&input, COMPILE_SIDE).await.map(drop)
    }

    /// The evidence `[3, 7, 7]` of one network input `[3, 224, 224]`, both row by row: one read-back from the device.
    ///
    /// The input may have another side; a map has a thirty-second of it.
    ///
    /// # Errors
    /// What the device said when it did not give the result back, or that the input is no square of three planes.
    pub async fn evidence(&self, input: &[f32]) -> Result<Vec<f32>, String> {
        let side = (input.len() / PLANES).isqrt();
        if side == 0 || input.len() != PLANES * side * side {
            return Err(format!("{} values are no square image", input.len()));
        }
        self.run(input, side).await
    }

    /// How many kernels the last image took; 0 before the first.
    pub fn dispatches(&self) -> usize {
        self.dispatches.load(Ordering::Relaxed)
    }

    async fn run(&self, input: &[f32], side: usize) -> Result<Vec<f32>, String> {
        let before = gpu::launches();
        let image = gpu::upload(input, [PLANES, side, side], &self.device);
        let mut hidden = gpu::stem(image, self.stem.clone(), self.channels);
        // What the block before put out: the residual of the next.
        let mut input: Option<Image> = None;
        for block in &self.blocks {
            let residual = input.as_ref().filter(|_| block.residual);
            let (output, expanded) = block.forward(&hidden, residual);
            (input, hidden) = (Some(output), expanded);
        }
        let gates = self.attention.as_ref().map(|gates| gates.of(&hidden));
        let (by_channel, by_position) = gates.unzip();
        let evidence = gpu::evidence(
            &hidden,
            by_channel,
            by_position.flatten(),
            self.head.clone(),
        );
        self.dispatches
            .store(gpu::launches() - before, Ordering::Relaxed);
        gpu::download(evidence).await
    }

    fn load<'a>(
        source: &mut impl Parameters<'a>,
        sizes: &Sizes,
        attention: AttentionConfig,
        device: &Device,
    ) -> Result<Self, StateError> {
        let &Sizes {
            stem: channels,
            ref layers,
            features,
        } = sizes;
        let put = |values: Vec<f32>| gpu::upload(&values, [values.len()], device);
        let every_stage = attention.place == AttentionPlace::EveryStage;
        let stem = source.linear("features.0.0", &[channels, PLANES, 3, 3])?;
        let stem = put(gpu::pack_stem(stem.view(), PLANES));
        let mut blocks = Vec::with_capacity(layers.len());
        for (number, layer) in layers.iter().enumerate() {
            let name = format!("features.{}", number + 1);
            // The first block does not expand, so its convolutions count from 0.
            let (depthwise, project) = match number {
                0 => ("conv.0.0", "conv.1"),
                _ => ("conv.1.0", "conv.2"),
            };
            let depthwise =
                source.linear(&format!("{name}.{depthwise}"), &[layer.hidden, 1, 3, 3])?;
            let project = source.linear(
                &format!("{name}.{project}"),
                &[layer.output, layer.hidden, 1, 1],
            )?;
            let (expanded, next) = match layers.get(number + 1) {
                Some(next) => (next.hidden, format!("features.{}.conv.0.0", number + 2)),
                None => (features, format!("features.{}.0", FEATURE_LAYERS - 1)),
            };
            let expand = source.linear(&next, &[expanded, layer.output, 1, 1])?;
            let attention = match every_stage && layer.ends_stage {
                true => Gates::load(source, &name, attention, layer.output, &put)?,
                false => None,
            };
            blocks.push(Block {
                weights: put(gpu::pack_block(
                    depthwise.view(),
                    project.view(),
                    Some(expand.view()),
                )),
                geometry: BlockGeometry {
                    hidden: layer.hidden,
                    output: layer.output,
                    expanded,
                    stride: layer.stride,
                },
                residual: layer.residual,
                attention,
            });
        }
        let name = format!("features.{}", FEATURE_LAYERS - 1);
        let attention = match every_stage {
            true => None,
            false => Gates::load(source, &name, attention, features, &put)?,
        };
        let head = source.linear("classifier.1", &[Finding::COUNT, features])?;
        Ok(Self {
            device: device.clone(),
            stem,
            channels,
            blocks,
            attention,
            head: put(gpu::pack_head(head.view(), features)),
            dispatches: AtomicUsize::new(0),
        })
    }
}

impl Block {
    /// From one expanded image to the block's output and the next expanded image.
    fn forward(&self, hidden: &Image, residual: Option<&Image>) -> (Image, Image) {
        let weights = self.weights.clone();
        let Some(gates) = &self.attention else {
            return gpu::block(hidden, weights, residual, self.geometry);
        };
        let output = gpu::projection(hidden, weights.clone(), self.geometry);
        let (by_channel, by_position) = gates.of(&output);
        gpu::gated_expansion(
            &output,
            by_channel,
            by_position,
            residual,
            weights,
            self.geometry,
        )
    }
}

impl Gates {
    fn load<'a>(
        source: &mut impl Parameters<'a>,
        layer: &str,
        attention: AttentionConfig,
        channels: usize,
        put: &impl Fn(Vec<f32>) -> Tensor<1>,
    ) -> Result<Option<Self>, StateError> {
        let peaks = match attention.kind {
            AttentionKind::None => return Ok(None),
            AttentionKind::SqueezeExcitation => false,
            AttentionKind::Cbam => true,
        };
        let hidden = attention.hidden(channels);
        let name = |part: &str| format!("{layer}.attention.{part}");
        let reduce = source.linear(&name("reduce"), &[hidden, channels])?;
        let expand = source.linear(&name("expand"), &[channels, hidden])?;
        let position = match peaks {
            true => {
                let spatial = source.linear(&name("spatial"), &[1, 2, 7, 7])?;
                Some(put(gpu::pack_position_gate(spatial.view())))
            }
            false => None,
        };
        Ok(Some(Self {
            channel: put(gpu::pack_channel_gate(reduce.view(), expand.view())),
            geometry: GateGeometry {
                channels,
                hidden,
                peaks,
            },
            position,
        }))
    }

    /// The gates of an image's channels and, for CBAM, of its positions.
    fn of(&self, image: &Image) -> (Tensor<1>, Option<Tensor<1>>) {
        let channel = gpu::channel_gate(image, self.channel.clone(), self.geometry);
        let position = self
            .position
            .clone()
            .map(|weights| gpu::position_gate(image, channel.clone(), weights));
        (channel, position)
    }
}

/// Sizes of a network.
struct Sizes {
    stem: usize,
    layers: Vec<Layer>,
    features: usize,
}

/// Sizes of one inverted residual.
struct Layer {
    hidden: usize,
    output: usize,
    stride: usize,
    residual: bool,
    ends_stage: bool,
}

impl Sizes {
    fn mobilenet() -> Self {
        let mut input = STEM;
        let mut layers = Vec::new();
        for (expansion, output, count, stride) in STAGES {
            for block in 0..count {
                let stride = if block == 0 { stride } else { 1 };
                layers.push(Layer {
                    hidden: input * expansion,
                    output,
                    stride,
                    residual: stride == 1 && input == output,
                    ends_stage: block + 1 == count,
                });
                input = output;
            }
        }
        Self {
            stem: STEM,
            layers,
            features: FEATURES,
        }
    }

    /// The least network that takes every kernel: a kernel is compiled for its stride, not for sizes.
    fn least() -> Self {
        let layer = |stride| Layer {
            hidden: 1,
            output: 1,
            stride,
            residual: false,
            ends_stage: true,
        };
        Self {
            stem: 1,
            layers: vec![layer(1), layer(2)],
            features: 1,
        }
    }
}

/// Weight and bias of one layer.
struct Parts<'a> {
    weight: std::borrow::Cow<'a, [f32]>,
    bias: std::borrow::Cow<'a, [f32]>,
}

impl Parts<'_> {
    fn view(&self) -> Linear<'_> {
        Linear {
            weight: &self.weight,
            bias: &self.bias,
        }
    }
}

/// Where parameters come from.
trait Parameters<'a> {
    /// `<name>.weight` of this shape and `<name>.bias`.
    fn linear(&mut self, name: &str, weight: &[usize]) -> Result<Parts<'a>, StateError>;
}

/// Parameters by name, and which of them were asked for.
struct Source<'a> {
    state: &'a StateDict,
    taken: BTreeSet<String>,
}

impl<'a> Source<'a> {
    fn array(&mut self, name: String, expected: &[usize]) -> Result<&'a Array, StateError> {
        let Some(array) = self.state.get(&name) else {
            return Err(StateError::Missing { name });
        };
        if array.shape != expected || array.values.len() != expected.iter().product::<usize>() {
            return Err(StateError::Shape {
                name,
                found: array.shape.clone(),
                expected: expected.to_vec(),
            });
        }
        self.taken.insert(name);
        Ok(array)
    }

    /// That nothing was left.
    fn finish(self) -> Result<(), StateError> {
        match self.state.keys().find(|name| !self.taken.contains(*name)) {
            Some(name) => Err(StateError::Unknown { name: name.clone() }),
            None => Ok(()),
        }
    }
}

impl<'a> Parameters<'a> for Source<'a> {
    fn linear(&mut self, name: &str, weight: &[usize]) -> Result<Parts<'a>, StateError> {
        let bias = &weight[..1];
        Ok(Parts {
            weight: (&self.array(format!("{name}.weight"), weight)?.values).into(),
            bias: (&self.array(format!("{name}.bias"), bias)?.values).into(),
        })
    }
}

/// All zero: enough to compile with.
struct Zeros;

impl<'a> Parameters<'a> for Zeros {
    fn linear(&mut self, _name: &str, weight: &[usize]) -> Result<Parts<'a>, StateError> {
        Ok(Parts {
            weight: vec![0.0; weight.iter().product()].into(),
            bias: vec![0.0; weight[0]].into(),
        })
    }
}
