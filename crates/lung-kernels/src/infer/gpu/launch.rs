//! Tensors in, kernels launched, tensors out.

use burn::backend::TensorMetadata as _;
use burn::backend::tensor::FloatTensor;
use burn_cubecl::CubeBackend;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::{CubeCount, CubeDim};

use super::geometry::{
    BlockGeometry, BlockPlaces, GateGeometry, GatedPlaces, LAUNCHES, Place, TUNING, Tuning, padded,
};
use super::kernel::blocks::{self, PlacesLaunch, PlaneLaunch, Pointwise, PointwiseLaunch, Tile};
use super::kernel::gates::{self, GateShapeLaunch};
use super::operators::FusedBlocks;

/// Taps of the depthwise filter and of the stem's.
const TAPS: usize = 9;

/// Positions that one workgroup does, at most.
const SEGMENT: usize = 28;

/// Units of a workgroup of a kernel of which each unit does one element.
const ELEMENTWISE: usize = 32;

/// What one unit computes, by the kind of device.
///
/// Every size of the network is a multiple of 7.
fn tile(tensor: &CubeTensor) -> Tile {
    let tuning = TUNING.get().unwrap_or_else(|| {
        // A device that is no card of any kind is software.
        match tensor.client.properties().identity.physical {
            None => Tuning::Software,
            Some(_) => Tuning::Hardware,
        }
    });
    match tuning {
        Tuning::Software => Tile {
            positions: 7,
            channels: 8,
            units: 16,
            unrolled: false,
        },
        Tuning::Hardware => Tile {
            positions: 7,
            channels: 2,
            units: 128,
            unrolled: true,
        },
    }
}

fn empty(like: &CubeTensor, len: usize) -> CubeTensor {
    empty_device_contiguous_dtype(
        like.client.clone(),
        like.device.clone(),
        [len].into(),
        like.dtype,
    )
}

/// The number of values of a tensor that a kernel can read.
fn len(tensor: &CubeTensor) -> usize {
    assert!(
        tensor.is_contiguous(),
        "a fused kernel reads contiguous tensors alone"
    );
    tensor.shape().num_elements()
}

#[track_caller]
fn assert_len(tensor: &CubeTensor, expected: usize, what: &str) {
    assert_eq!(len(tensor), expected, "{what} do not fit");
}

#[track_caller]
fn assert_within(tensor: &CubeTensor, place: Place) {
    assert!(
        place.end() <= len(tensor),
        "an image reaches beyond its tensor"
    );
}

fn count_launch() {
    LAUNCHES.set(LAUNCHES.get() + 1);
}

/// A workgroup for each segment of each row.
fn grid(width: usize, height: usize, segment: usize) -> CubeCount {
    CubeCount::Static(width.div_ceil(segment) as u32, height as u32, 1)
}

fn cube(units: usize) -> CubeDim {
    CubeDim::new_1d(units as u32)
}

/// The 1 x 1 convolutions of a block, and how long its weights are.
fn pointwise(
    geometry: BlockGeometry,
    filtered: usize,
    output: Place,
    expanded: Place,
) -> (Pointwise, Pointwise, usize) {
    let one = |weight: usize, depth: usize, channels: usize, input: usize, output: usize| {
        let output_stride = padded(channels);
        Pointwise {
            depth,
            input_stride: padded(depth),
            output_stride,
            weight,
            bias: weight + depth * output_stride,
            input,
            output,
        }
    };
    let project = one(
        (TAPS + 1) * padded(geometry.hidden),
        geometry.hidden,
        geometry.output,
        filtered,
        output.start,
    );
    let after = project.bias + project.output_stride;
    let expand = one(
        after,
        geometry.output,
        expanded.channels,
        output.start,
        expanded.start,
    );
    let len = match geometry.expanded {
        0 => after,
        wide => after + (geometry.output + 1) * padded(wide),
    };
    (project, expand, len)
}

impl From<Pointwise> for PointwiseLaunch {
    fn from(shape: Pointwise) -> Self {
        Self::new(
            shape.depth,
            shape.input_stride,
            shape.output_stride,
            shape.weight,
            shape.bias,
            shape.input,
            shape.output,
        )
    }
}

impl FusedBlocks for CubeBackend {
    fn fused_stem(
        planes: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        output: Place,
    ) -> FloatTensor<Self> {
        let [depth, height, width] = planes.shape().dims();
        let stride = padded(output.channels);
        assert_len(&planes, depth * height * width, "planes");
        assert_len(&weights, (depth * TAPS + 1) * stride, "the stem's weights");
        assert_eq!(
            (output.start, output.height, output.width),
            (0, height.div_ceil(2), width.div_ceil(2)),
            "the stem's output does not fit"
        );
        let result = empty(&planes, output.len());
        // Three planes, a line of each at a time: enough to multiply with each load, and half as much to compile.
        let tile = Tile {
            channels: tile(&planes).channels.min(4),
            ..tile(&planes)
        };
        let segment = output.width.min(SEGMENT);
        let client = planes.client.clone();
        count_launch();
        // SAFETY: the kernel reads and writes what the assertions above hold within its buffers.
        unsafe {
            blocks::stem::launch_unchecked(
                &client,
                grid(output.width, output.height, segment),
                cube(tile.units),
                planes.into_buffer_arg(),
                weights.into_buffer_arg(),
                result.clone().into_buffer_arg(),
                PlaneLaunch::new(height, width, output.width, segment),
                depth,
                stride,
                tile,
            );
        }
        result
    }

    fn fused_block(
        hidden: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        places: BlockPlaces,
    ) -> FloatTensor<Self> {
        let BlockPlaces {
            geometry,
            hidden: from,
            residual: added,
            output,
            expanded,
        } = places;
        assert_eq!(from.channels, geometry.hidden, "channels do not fit");
        assert_within(&hidden, from);
        if let Some(added) = added {
            assert_within(&residual, added);
            assert_eq!(added.len(), output.len(), "the residual does not fit");
        }
        let filtered = Place {
            start: expanded.end(),
            channels: geometry.hidden,
            ..output
        };
        let (project, expand, weights_len) = pointwise(geometry, filtered.start, output, expanded);
        assert_len(&weights, weights_len, "a block's weights");
        let state = empty(&hidden, filtered.end());
        let tile = tile(&hidden);
        let segment = output.width.min(SEGMENT);
        let client = hidden.client.clone();
        count_launch();
        // SAFETY: as in `fused_stem`.
        unsafe {
            blocks::block::launch_unchecked(
                &client,
                grid(output.width, output.height, segment),
                cube(tile.units),
                hidden.into_buffer_arg(),
                residual.into_buffer_arg(),
                weights.into_buffer_arg(),
                state.clone().into_buffer_arg(),
                PlaneLaunch::new(from.height, from.width, output.width, segment),
                PlacesLaunch::new(
                    from.start,
                    added.map_or(0, |added| added.start),
                    filtered.start,
                    usize::from(added.is_some()),
                ),
                project.into(),
                expand.into(),
                geometry.stride,
                tile,
            );
        }
        state
    }

    fn fused_gated_expansion(
        input: FloatTensor<Self>,
        channel_gates: FloatTensor<Self>,
        position_gates: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        places: GatedPlaces,
    ) -> FloatTensor<Self> {
        let GatedPlaces {
            geometry,
            input: from,
            residual: added,
            by_position,
            output,
            expanded,
        } = places;
        assert_eq!(from.channels, geometry.output, "channels do not fit");
        assert_within(&input, from);
        assert_len(&channel_gates, padded(from.channels), "channel gates");
        if by_position {
            assert_len(&position_gates, from.positions(), "position gates");
        }
        if let Some(added) = added {
            assert_within(&residual, added);
            assert_eq!(added.len(), output.len(), "the residual does not fit");
        }
        let (_, expand, weights_len) = pointwise(geometry, 0, output, expanded);
        assert_len(&weights, weights_len, "a block's weights");
        let state = empty(&input, expanded.end());
        let tile = tile(&input);
        let client = input.client.clone();
        count_launch();
        // SAFETY: as in `fused_stem`.
        unsafe {
            blocks::gated_expansion::launch_unchecked(
                &client,
                grid(from.positions(), 1, SEGMENT),
                cube(tile.units),
                input.into_buffer_arg(),
                channel_gates.into_buffer_arg(),
                position_gates.into_buffer_arg(),
                residual.into_buffer_arg(),
                weights.into_buffer_arg(),
                state.clone().into_buffer_arg(),
                from.positions(),
                SEGMENT,
                from.start,
                added.map_or(0, |added| added.start),
                u32::from(added.is_some()),
                expand.into(),
                by_position,
                tile,
            );
        }
        state
    }

    fn fused_channel_gate(
        image: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        place: Place,
        geometry: GateGeometry,
    ) -> FloatTensor<Self> {
        let GateGeometry {
            channels: depth,
            hidden: hidden_depth,
            peaks,
        } = geometry;
        let (channels, hidden) = (padded(depth), padded(hidden_depth));
        assert_eq!(place.channels, depth, "channels do not fit");
        assert_within(&image, place);
        assert_len(
            &weights,
            (depth + 1) * hidden + (hidden_depth + 1) * channels,
            "a channel gate's weights",
        );
        let scratch = empty(&image, 2 * (channels + hidden));
        let gate = empty(&image, channels);
        let units = tile(&image).units;
        let client = image.client.clone();
        count_launch();
        // SAFETY: as in `fused_stem`.
        unsafe {
            gates::channel_gate::launch_unchecked(
                &client,
                grid(1, 1, 1),
                cube(units),
                image.into_buffer_arg(),
                weights.into_buffer_arg(),
                scratch.into_buffer_arg(),
                gate.clone().into_buffer_arg(),
                GateShapeLaunch::new(
                    place.start,
                    place.positions(),
                    channels,
                    hidden,
                    depth,
                    hidden_depth,
                ),
                peaks,
            );
        }
        gate
    }

    fn fused_position_gate(
        image: FloatTensor<Self>,
        channel_gates: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        place: Place,
    ) -> FloatTensor<Self> {
        let channels = padded(place.channels);
        assert_within(&image, place);
        assert_len(&channel_gates, channels, "channel gates");
        assert_len(
            &weights,
            2 * gates::SPATIAL_SIDE * gates::SPATIAL_SIDE + 1,
            "a position gate's weights",
        );
        let positions = place.positions();
        let summary = empty(&image, 2 * positions);
        let gate = empty(&image, positions);
        let client = image.client.clone();
        count_launch();
        count_launch();
        // SAFETY: as in `fused_stem`.
        unsafe {
            gates::channel_summary::launch_unchecked(
                &client,
                grid(positions, 1, ELEMENTWISE),
                cube(ELEMENTWISE),
                image.into_buffer_arg(),
                channel_gates.into_buffer_arg(),
                summary.clone().into_buffer_arg(),
                place.start,
                positions,
                channels,
                place.channels,
            );
            gates::position_gate::launch_unchecked(
                &client,
                grid(positions, 1, ELEMENTWISE),
                cube(ELEMENTWISE),
                summary.into_buffer_arg(),
                weights.into_buffer_arg(),
                gate.clone().into_buffer_arg(),
                place.height,
                place.width,
            );
        }
        gate
    }
}
