//! The network on a GPU, in as few kernels as it takes.
//!
//! The same arithmetic as [`crate::network::MobileNetLung::evidence`], a block a dispatch: see [`lung_kernels::infer::gpu`].

use std::borrow::Cow;
use std::future::poll_fn;
use std::mem::replace;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use burn::tensor::{Device, Tensor};
use lung_kernels::infer::cpu::Map;
use lung_kernels::infer::gpu::{self, BlockGeometry, GateGeometry, Image, Linear};

use super::parameters::{Inference, layer};
use super::tail::{Tail, embedding};
use crate::architecture::{AttentionConfig, AttentionKind, FEATURE_LAYERS, LayerTable};
use crate::state::{Array, StateDict, StateError, check};

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
    blocks: Vec<GpuBlock>,
    tail: Tail,
    dispatches: AtomicUsize,
}

/// One inverted residual and the expansion of the next, or of the feature layer.
#[derive(Debug)]
struct GpuBlock {
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

/// When kernels go to the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// All together.
    AtOnce,
    /// Each as soon as it is written. A browser sends what was said to a device when its script returns to it, so the device
    /// compiles one kernel while the next is written.
    KernelByKernel,
}

impl Pace {
    async fn next(self) {
        let mut waited = self == Self::AtOnce;
        poll_fn(|context| {
            if replace(&mut waited, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

impl GpuNetwork {
    /// Packs the parameters of `state`, named as torchvision names them, and puts them on `device`.
    ///
    /// # Errors
    /// [`StateError`] when a parameter is missing, has another shape, or is unknown.
    pub fn new(
        state: &StateDict,
        attention: AttentionConfig,
        findings: usize,
        device: &Device,
    ) -> Result<Self, StateError> {
        let table = LayerTable::mobilenet();
        check(state, &table.parameter_shapes(&attention, findings), false)?;
        Self::load(state, &table, &attention, device)
    }

    /// Compiles every kernel that a network with this attention takes, so that the first image need not.
    ///
    /// Needs no weights: it can be done while they download.
    ///
    /// # Errors
    /// What the device said, if it could not run them.
    pub async fn compile(attention: AttentionConfig, device: &Device) -> Result<(), String> {
        let table = LayerTable::least();
        // The head is no kernel, so for one finding is for any.
        let zeros = table
            .parameter_shapes(&attention, 1)
            .into_iter()
            .map(|(name, shape)| {
                let values = vec![0.0; shape.iter().product()];
                (name, Array { shape, values })
            })
            .collect();
        let network =
            Self::load(&zeros, &table, &attention, device).map_err(|error| error.to_string())?;
        let input = vec![0.0; PLANES * COMPILE_SIDE * COMPILE_SIDE];
        network
            .run(&input, COMPILE_SIDE, Pace::KernelByKernel)
            .await
            .map(drop)
    }

    /// What the network makes of one input `[3, 224, 224]`: one read-back from the device.
    ///
    /// The input may have another side; a map has a thirty-second of it.
    ///
    /// # Errors
    /// What the device said when it did not give the result back, or that the input is no square of three planes.
    pub async fn infer(&self, input: &[f32]) -> Result<Inference, String> {
        let side = (input.len() / PLANES).isqrt();
        if side == 0 || input.len() != PLANES * side * side {
            return Err(format!("{} values are no square image", input.len()));
        }
        self.run(input, side, Pace::AtOnce).await
    }

    /// How many kernels the last image took; 0 before the first.
    pub fn dispatches(&self) -> usize {
        self.dispatches.load(Ordering::Relaxed)
    }

    async fn run(&self, input: &[f32], side: usize, pace: Pace) -> Result<Inference, String> {
        let before = gpu::launches();
        let image = gpu::upload(input, [PLANES, side, side], &self.device);
        let mut hidden = gpu::stem(image, self.stem.clone(), self.channels);
        pace.next().await;
        // What the block before put out: the residual of the next.
        let mut input: Option<Image> = None;
        for block in &self.blocks {
            let residual = input.as_ref().filter(|_| block.residual);
            let (output, expanded) = block.forward(&hidden, residual);
            (input, hidden) = (Some(output), expanded);
            pace.next().await;
        }
        self.dispatches
            .store(gpu::launches() - before, Ordering::Relaxed);
        // The last block's output and the last feature layer are in one tensor.
        let downloaded = gpu::download(hidden.clone().into_values()).await?;
        let output = input.unwrap_or_else(|| hidden.clone());
        Ok(Inference {
            embedding: embedding(&map_of(&output, &downloaded)),
            evidence: self.tail.evidence(&mut map_of(&hidden, &downloaded)),
        })
    }

    fn load(
        state: &StateDict,
        table: &LayerTable,
        attention: &AttentionConfig,
        device: &Device,
    ) -> Result<Self, StateError> {
        let linear = |name: &str| layer(state, name).map(|(weight, bias)| Layer { weight, bias });
        let put = |values: Vec<f32>| gpu::upload(&values, [values.len()], device);
        let gates = |present: bool, layer: usize, channels: usize| {
            present
                .then(|| Gates::load(&linear, layer, attention, channels, &put))
                .transpose()
        };
        let mut blocks = Vec::with_capacity(table.blocks.len());
        for (number, block) in table.blocks.iter().enumerate() {
            let names = block.names();
            // A kernel ends with the expansion that the next block, or the feature layer, starts with.
            let (expanded, expand) = match table.blocks.get(number + 1) {
                Some(next) => (next.hidden, next.names().expand),
                None => (table.features, None),
            };
            let expand = expand.unwrap_or_else(|| format!("features.{}.0", FEATURE_LAYERS - 1));
            blocks.push(GpuBlock {
                weights: put(gpu::pack_block(
                    linear(&names.depthwise)?.borrowed(),
                    linear(&names.project)?.borrowed(),
                    Some(linear(&expand)?.borrowed()),
                )),
                geometry: BlockGeometry {
                    hidden: block.hidden,
                    output: block.output,
                    expanded,
                    stride: block.stride,
                },
                residual: block.residual(),
                attention: gates(attention.after_block(block), block.layer, block.output)?,
            });
        }
        Ok(Self {
            device: device.clone(),
            channels: table.stem,
            stem: put(gpu::pack_stem(linear("features.0.0")?.borrowed(), PLANES)),
            blocks,
            tail: Tail::new(state, attention)?,
            dispatches: AtomicUsize::new(0),
        })
    }
}

/// Weight and bias of a layer, widened where they were stored narrower.
struct Layer<'a> {
    weight: Cow<'a, [f32]>,
    bias: Cow<'a, [f32]>,
}

impl Layer<'_> {
    fn borrowed(&self) -> Linear<'_> {
        Linear {
            weight: &self.weight,
            bias: &self.bias,
        }
    }
}

/// An image as a map on the CPU.
fn map_of(image: &Image, downloaded: &[f32]) -> Map {
    let place = image.place();
    let mut map = Map::zeros(place.height, place.width, place.channels);
    for (to, from) in map.positions_mut().zip(image.positions(downloaded)) {
        to.copy_from_slice(from);
    }
    map
}

impl GpuBlock {
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
        linear: &impl Fn(&str) -> Result<Layer<'a>, StateError>,
        layer: usize,
        attention: &AttentionConfig,
        channels: usize,
        put: &impl Fn(Vec<f32>) -> Tensor<1>,
    ) -> Result<Self, StateError> {
        let part = |part: &str| linear(&format!("features.{layer}.attention.{part}"));
        let peaks = attention.kind == AttentionKind::Cbam;
        Ok(Self {
            channel: put(gpu::pack_channel_gate(
                part("reduce")?.borrowed(),
                part("expand")?.borrowed(),
            )),
            geometry: GateGeometry {
                channels,
                hidden: attention.hidden(channels),
                peaks,
            },
            position: peaks
                .then(|| {
                    part("spatial").map(|spatial| put(gpu::pack_position_gate(spatial.borrowed())))
                })
                .transpose()?,
        })
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
