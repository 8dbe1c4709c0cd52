//! The sizes of one convolution.

use super::geometry::Geometry;
use crate::Activation;

/// Side of the depthwise kernel.
pub(crate) const SIDE: usize = 3;
/// Taps of the depthwise kernel.
pub(crate) const TAPS: usize = SIDE * SIDE;

/// Columns that make a matrix product worth reading its weight for.
const COLUMNS: usize = 512;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConvolutionKind {
    Pointwise,
    Depthwise,
    Dense,
}

/// Sizes of one convolution.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) kind: ConvolutionKind,
    pub(crate) batch: usize,
    pub(crate) input: usize,
    pub(crate) output: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) height_out: usize,
    pub(crate) width_out: usize,
    /// Of the square kernel.
    pub(crate) side: usize,
    pub(crate) stride: usize,
    pub(crate) padding: usize,
    pub(crate) activation: Activation,
}

impl Shape {
    /// The sizes of a convolution that this crate can do; `None` for any other.
    pub(crate) fn new(
        [batch, channels, height, width]: [usize; 4],
        [output, per_group, side, side_2]: [usize; 4],
        Geometry {
            stride,
            padding,
            groups,
            activation,
        }: Geometry,
    ) -> Option<Self> {
        let kind = match (side, groups) {
            (1, 1) if stride == 1 && padding == 0 && per_group == channels => {
                ConvolutionKind::Pointwise
            }
            (1 | 3 | 5 | 7, 1) if per_group == channels && padding <= side / 2 => {
                ConvolutionKind::Dense
            }
            (SIDE, _) if groups == channels && per_group == 1 && output == channels => {
                (padding == SIDE / 2).then_some(ConvolutionKind::Depthwise)?
            }
            _ => return None,
        };
        let fits =
            side == side_2 && matches!(stride, 1 | 2) && batch * channels * height * width > 0;
        if !fits {
            return None;
        }
        let out = |size: usize| {
            (size + 2 * padding)
                .checked_sub(side)
                .map(|room| room / stride + 1)
        };
        let (height_out, width_out) = (out(height)?, out(width)?);
        Some(Self {
            kind,
            batch,
            input: channels,
            output,
            height,
            width,
            height_out,
            width_out,
            side,
            stride,
            padding,
            activation,
        })
    }

    pub(crate) fn area(&self) -> usize {
        self.height * self.width
    }

    pub(crate) fn area_out(&self) -> usize {
        self.height_out * self.width_out
    }

    /// Numbers of the weight.
    pub(crate) fn weights(&self) -> usize {
        match self.kind {
            ConvolutionKind::Depthwise => self.output * TAPS,
            ConvolutionKind::Pointwise | ConvolutionKind::Dense => self.output * self.patch(),
        }
    }

    /// Taps of an output channel, over all input channels.
    pub(crate) fn patch(&self) -> usize {
        self.input * self.side * self.side
    }

    /// How many images are multiplied at once.
    ///
    /// The whole weight is read for each product. Where maps are small, that is most of the work for one image: the columns
    /// of several are laid side by side then, and all threads share one product. It depends on sizes alone, so that sums
    /// come out the same whatever the number of threads.
    pub(crate) fn images_at_once(&self) -> usize {
        let small = match self.kind {
            ConvolutionKind::Depthwise | ConvolutionKind::Dense => 0,
            ConvolutionKind::Pointwise => 40,
        };
        if self.area_out() < small {
            COLUMNS.div_ceil(self.area_out()).min(self.batch)
        } else {
            1
        }
    }
}
