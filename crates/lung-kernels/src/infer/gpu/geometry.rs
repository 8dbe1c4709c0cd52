//! Images on the device, the sizes of blocks, and how kernels divide their work.

use std::cell::Cell;

use burn::backend::DispatchDevice;
use burn::tensor::{Device, Tensor};

/// Channels are padded to a multiple of this.
pub(crate) const GROUP: usize = 32;

/// `channels` rounded up to what the kernels work in.
pub const fn padded(channels: usize) -> usize {
    channels.next_multiple_of(GROUP)
}

/// Whether the kernels run on `device`.
pub fn supports(device: &Device) -> bool {
    matches!(device.as_dispatch(), DispatchDevice::Cube(_))
}

thread_local! {
    pub(super) static LAUNCHES: Cell<usize> = const { Cell::new(0) };
    pub(super) static TUNING: Cell<Option<Tuning>> = const { Cell::new(None) };
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
    pub(super) place: Place,
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
    pub(super) fn dispatch(&self) -> burn::backend::DispatchTensor {
        self.values.clone().into_dispatch()
    }
}

/// Sizes of a [`block`](super::block).
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

/// Sizes of a [`channel_gate`](super::channel_gate).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GateGeometry {
    /// Channels to gate.
    pub channels: usize,
    /// Width of the hidden layer.
    pub hidden: usize,
    /// Whether maxima excite as well as means (CBAM).
    pub peaks: bool,
}

/// What [`FusedBlocks::fused_block`](super::FusedBlocks::fused_block) reads and writes.
#[derive(Clone, Copy, Debug)]
pub struct BlockPlaces {
    pub(super) geometry: BlockGeometry,
    pub(super) hidden: Place,
    pub(super) residual: Option<Place>,
    /// Both in the result, `expanded` of no channels where the block stops before.
    pub(super) output: Place,
    pub(super) expanded: Place,
}

/// What [`FusedBlocks::fused_gated_expansion`](super::FusedBlocks::fused_gated_expansion) reads and writes.
#[derive(Clone, Copy, Debug)]
pub struct GatedPlaces {
    pub(super) geometry: BlockGeometry,
    pub(super) input: Place,
    pub(super) residual: Option<Place>,
    pub(super) by_position: bool,
    pub(super) output: Place,
    pub(super) expanded: Place,
}
