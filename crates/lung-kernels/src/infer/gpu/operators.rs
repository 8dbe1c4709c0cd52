//! The blocks as operators of burn.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

use super::geometry::{BlockGeometry, BlockPlaces, GateGeometry, GatedPlaces, Image, Place};

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
/// `planes` is `[channels, height, width]`, `weights` from [`pack_stem`](super::pack_stem); the result is `ceil(height / 2)` by
/// `ceil(width / 2)` with `output` channels.
///
/// # Panics
/// Like every function here, as burn's operators do: for sizes that do not fit, a tensor that is not contiguous, or a
/// device that [`supports`](super::supports) refuses.
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
/// `hidden` has the geometry's hidden channels, `weights` are from [`pack_block`](super::pack_block), `residual` is the block's input where
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
/// `weights` are from [`pack_channel_gate`](super::pack_channel_gate).
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
/// `weights` are from [`pack_position_gate`](super::pack_position_gate).
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
