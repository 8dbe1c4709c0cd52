//! Whole blocks of MobileNetV2 as one kernel each, for WebGPU and whatever else CubeCL compiles for.
//!
//! [`stem`] and one [`block`] for each inverted residual: 18 dispatches for a network with attention after the last
//! layer at most. A block filters the expanded image, projects, adds the residual and expands for the next block, the
//! last of them to the feature layer. What comes after that is little, and done on the CPU.
//!
//! Each kernel reads [`Image`]s, channels last and padded with zeros to [`padded`], and writes them. Weights are packed
//! once, by the `pack_*` functions, into one flat tensor for each kernel. One image at a time; no gradients.
//!
//! Kernels are compiled once for each stride and each setting of their flags, not for each size, and tuned by no trial.

mod kernel;
mod launch;
mod pack;
mod transfer;

pub use pack::{Linear, pack_block, pack_channel_gate, pack_position_gate, pack_stem};
pub use transfer::{download, upload};

use std::cell::Cell;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, DispatchDevice, backend_extension};
use burn::tensor::{Device, Tensor};

/// `channels` rounded up to what the kernels work in.
pub const fn padded(channels: usize) -> usize {
    channels.next_multiple_of(kernel::GROUP)
}

/// Whether the kernels run on `device`.
pub fn supports(device: &Device) -> bool {
    matches!(device.as_dispatch(), DispatchDevice::Cube(_))
}

thread_local! {
    static LAUNCHES: Cell<usize> = const { Cell::new(0) };
    static TUNING: Cell<Option<Tuning>> = const { Cell::new(None) };
}

/// How the kernels divide their work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tuning {
    /// Much for each of few units: an adapter in software pays for loads, and for units that wait for each other.
    Software,
    /// Little for each of many units.
    Hardware,
}

/// Sets how kernels that this thread launches divide their work, whatever the device; `None` leaves it to the device
/// again. For tests and measurements.
pub fn tune(tuning: Option<Tuning>) {
    TUNING.set(tuning);
}

/// How many kernels this thread has launched so far: what a network took is the difference.
pub fn launches() -> usize {
    LAUNCHES.get()
}

/// An image on the device: `[height, width, padded(channels)]` somewhere in a flat tensor.
#[derive(Clone, Debug)]
pub struct Image {
    values: Tensor<1>,
    place: Place,
}

/// Where in a flat tensor an image is, and how large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its first value.
    pub start: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channels, without padding.
    pub channels: usize,
}

impl Place {
    /// Values of the image, padding included.
    pub const fn len(&self) -> usize {
        self.positions() * padded(self.channels)
    }

    /// Whether the image has no values.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Pixels.
    pub const fn positions(&self) -> usize {
        self.height * self.width
    }

    /// The first value after the image.
    pub const fn end(&self) -> usize {
        self.start + self.len()
    }
}

impl Image {
    /// The image at `place` of `values`.
    ///
    /// # Panics
    /// When it is not within them.
    pub fn new(values: Tensor<1>, place: Place) -> Self {
        assert!(
            place.end() <= values.dims()[0],
            "an image reaches beyond its tensor"
        );
        Self { values, place }
    }

    /// Where it is, and how large.
    pub fn place(&self) -> Place {
        self.place
    }

    /// The tensor that it is in.
    pub fn into_values(self) -> Tensor<1> {
        self.values
    }

    /// The channels of each position, row by row, in the downloaded values of its tensor.
    pub fn positions<'a>(&self, downloaded: &'a [f32]) -> impl ExactSizeIterator<Item = &'a [f32]> {
        let Place {
            start, channels, ..
        } = self.place;
        downloaded
            .get(start..self.place.end())
            .unwrap_or_default()
            .chunks_exact(padded(channels).max(1))
            .map(move |there| &there[..channels])
    }

    /// A tensor for where a kernel must be given one, whatever it holds.
    fn dispatch(&self) -> burn::backend::DispatchTensor {
        self.values.clone().into_dispatch()
    }
}

/// Sizes of a [`block`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockGeometry {
    /// Channels that the depthwise filter sees.
    pub hidden: usize,
    /// Channels after the projection.
    pub output: usize,
    /// Channels that the next block's filter sees; 0 where its weights are packed without an expansion.
    pub expanded: usize,
    /// Stride of the filter, 1 or 2.
    pub stride: usize,
}

/// Sizes of a [`channel_gate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GateGeometry {
    /// Channels to gate.
    pub channels: usize,
    /// Width of the hidden layer.
    pub hidden: usize,
    /// Whether maxima excite as well as means (CBAM).
    pub peaks: bool,
}

/// What [`FusedBlocks::fused_block`] reads and writes.
#[derive(Clone, Copy, Debug)]
pub struct BlockPlaces {
    geometry: BlockGeometry,
    hidden: Place,
    residual: Option<Place>,
    /// Both in the result, `expanded` of no channels where the block stops before.
    output: Place,
    expanded: Place,
}

/// What [`FusedBlocks::fused_gated_expansion`] reads and writes.
#[derive(Clone, Copy, Debug)]
pub struct GatedPlaces {
    geometry: BlockGeometry,
    input: Place,
    residual: Option<Place>,
    by_position: bool,
    output: Place,
    expanded: Place,
}

/// The operators as burn's backends see them; see the functions of the same names. Tensors are flat.
#[allow(missing_docs)]
#[backend_extension(Cube)]
pub trait FusedBlocks: Backend {
    fn fused_stem(
        planes: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        output: Place,
    ) -> FloatTensor<Self>;

    fn fused_block(
        hidden: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        places: BlockPlaces,
    ) -> FloatTensor<Self>;

    fn fused_gated_expansion(
        input: FloatTensor<Self>,
        channel_gates: FloatTensor<Self>,
        position_gates: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        places: GatedPlaces,
    ) -> FloatTensor<Self>;

    fn fused_channel_gate(
        image: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        place: Place,
        geometry: GateGeometry,
    ) -> FloatTensor<Self>;

    fn fused_position_gate(
        image: FloatTensor<Self>,
        channel_gates: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        place: Place,
    ) -> FloatTensor<Self>;
}

/// The 3 x 3 convolution of stride 2 with ReLU6 that the network begins with.
///
/// `planes` is `[channels, height, width]`, `weights` from [`pack_stem`]; the result is `ceil(height / 2)` by
/// `ceil(width / 2)` with `output` channels.
///
/// # Panics
/// Like every function here, as burn's operators do: for sizes that do not fit, a tensor that is not contiguous, or a
/// device that [`supports`] refuses.
pub fn stem(planes: Tensor<3>, weights: Tensor<1>, output: usize) -> Image {
    let [_, height, width] = planes.dims();
    let place = Place {
        start: 0,
        height: height.div_ceil(2),
        width: width.div_ceil(2),
        channels: output,
    };
    let values = Dispatch::fused_stem(planes.into_dispatch(), weights.into_dispatch(), place);
    Image::new(Tensor::from_dispatch(values), place)
}

/// Depthwise 3 x 3 with ReLU6, projection, residual, and the next block's expansion with ReLU6.
///
/// `hidden` has the geometry's hidden channels, `weights` are from [`pack_block`], `residual` is the block's input where
/// there is one to add. The result is the block's output, `ceil(height / stride)` by `ceil(width / stride)`, and the
/// same expanded, of no channels where the geometry expands to none.
///
/// # Panics
/// As [`stem`].
pub fn block(
    hidden: &Image,
    weights: Tensor<1>,
    residual: Option<&Image>,
    geometry: BlockGeometry,
) -> (Image, Image) {
    block_until(hidden, weights, residual, geometry, geometry.expanded)
}

/// [`block`] without its expansion: for an attention to come before it. The weights are those of the whole block.
///
/// # Panics
/// As [`stem`].
pub fn projection(hidden: &Image, weights: Tensor<1>, geometry: BlockGeometry) -> Image {
    block_until(hidden, weights, None, geometry, 0).0
}

fn block_until(
    hidden: &Image,
    weights: Tensor<1>,
    residual: Option<&Image>,
    geometry: BlockGeometry,
    expanded: usize,
) -> (Image, Image) {
    let Place { height, width, .. } = hidden.place;
    let stride = geometry.stride;
    assert!(matches!(stride, 1 | 2), "no stride of {stride}");
    let output = Place {
        start: 0,
        height: height.div_ceil(stride),
        width: width.div_ceil(stride),
        channels: geometry.output,
    };
    let expanded = Place {
        start: output.end(),
        channels: expanded,
        ..output
    };
    let values = Dispatch::fused_block(
        hidden.dispatch(),
        residual.unwrap_or(hidden).dispatch(),
        weights.into_dispatch(),
        BlockPlaces {
            geometry,
            hidden: hidden.place,
            residual: residual.map(Image::place),
            output,
            expanded,
        },
    );
    let values = Tensor::from_dispatch(values);
    (
        Image::new(values.clone(), output),
        Image::new(values, expanded),
    )
}

/// An image times its gates, plus the residual where there is one; then expanded with ReLU6 by the weights and geometry
/// of the [`block`] whose [`projection`] the image is. The result is as that of [`block`].
///
/// # Panics
/// As [`stem`].
pub fn gated_expansion(
    image: &Image,
    channel_gates: Tensor<1>,
    position_gates: Option<Tensor<1>>,
    residual: Option<&Image>,
    weights: Tensor<1>,
    geometry: BlockGeometry,
) -> (Image, Image) {
    let output = Place {
        start: 0,
        ..image.place
    };
    let expanded = Place {
        start: output.end(),
        channels: geometry.expanded,
        ..output
    };
    let channel_gates = channel_gates.into_dispatch();
    let by_position = position_gates.is_some();
    let position_gates =
        position_gates.map_or_else(|| channel_gates.clone(), Tensor::into_dispatch);
    let values = Dispatch::fused_gated_expansion(
        image.dispatch(),
        channel_gates,
        position_gates,
        residual.unwrap_or(image).dispatch(),
        weights.into_dispatch(),
        GatedPlaces {
            geometry,
            input: image.place,
            residual: residual.map(Image::place),
            by_position,
            output,
            expanded,
        },
    );
    let values = Tensor::from_dispatch(values);
    (
        Image::new(values.clone(), output),
        Image::new(values, expanded),
    )
}

/// Gates `[padded(channels)]` in 0..2 of an image's channels: squeeze and excitation.
///
/// `weights` are from [`pack_channel_gate`].
///
/// # Panics
/// As [`stem`].
pub fn channel_gate(image: &Image, weights: Tensor<1>, geometry: GateGeometry) -> Tensor<1> {
    Tensor::from_dispatch(Dispatch::fused_channel_gate(
        image.dispatch(),
        weights.into_dispatch(),
        image.place,
        geometry,
    ))
}

/// Gates `[height * width]` in 0..2 of an image times its channel gates: the second half of CBAM, in two dispatches.
///
/// `weights` are from [`pack_position_gate`].
///
/// # Panics
/// As [`stem`].
pub fn position_gate(image: &Image, channel_gates: Tensor<1>, weights: Tensor<1>) -> Tensor<1> {
    Tensor::from_dispatch(Dispatch::fused_position_gate(
        image.dispatch(),
        channel_gates.into_dispatch(),
        weights.into_dispatch(),
        image.place,
    ))
}
