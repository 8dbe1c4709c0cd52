//! The inverted residual block.

use std::ops::Range;

use super::depthwise::Depthwise;
use super::map::Map;
use super::pointwise::Pointwise;

/// What is added to the output of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Residual {
    /// Nothing.
    None,
    /// The block's own input.
    Input,
}

/// A block of MobileNetV2 (Sandler et al. 2018, arXiv 1801.04381): expand with ReLU6, filter each channel with ReLU6,
/// project, and add the input where asked for.
#[derive(Clone, Debug)]
pub struct InvertedResidual {
    pub(super) expand: Option<Pointwise>,
    pub(super) depthwise: Depthwise,
    pub(super) project: Pointwise,
}

impl InvertedResidual {
    /// A block of layers that fit each other; without `expand`, the input is filtered as it is.
    ///
    /// # Panics
    /// When the layers' channels do not fit.
    pub fn new(expand: Option<Pointwise>, depthwise: Depthwise, project: Pointwise) -> Self {
        if let Some(expand) = &expand {
            assert_eq!(expand.output(), depthwise.channels(), "hidden channels");
        }
        assert_eq!(depthwise.channels(), project.input(), "hidden channels");
        Self {
            expand,
            depthwise,
            project,
        }
    }

    /// Channels in.
    pub fn input(&self) -> usize {
        self.expand
            .as_ref()
            .map_or(self.depthwise.channels(), Pointwise::input)
    }

    /// Channels out.
    pub fn output(&self) -> usize {
        self.project.output()
    }

    /// Stride in both directions.
    pub fn stride(&self) -> usize {
        self.depthwise.stride()
    }

    /// The block of a whole map.
    ///
    /// # Panics
    /// When the map has other channels than the block, or `residual` is asked of a block whose output has another shape
    /// than its input.
    pub fn forward(&self, input: &Map, residual: Residual, output: &mut Map) {
        self.reshape(input, residual, output);
        #[cfg(target_family = "wasm")]
        self.by_rows(input, residual, output);
        #[cfg(not(target_family = "wasm"))]
        self.by_groups(input, residual, output);
    }

    /// The rows `rows` of the block's output alone, on one thread; what the others are is left open. Of the input it needs the rows
    /// that they are filtered from: from one before the first to one after the last, times the stride.
    ///
    /// # Panics
    /// When [`forward`](Self::forward) would, or there are no such rows.
    pub fn forward_rows(
        &self,
        input: &Map,
        residual: Residual,
        rows: Range<usize>,
        output: &mut Map,
    ) {
        self.reshape(input, residual, output);
        let width = output.width();
        let out = output.rows_mut(rows.clone());
        self.band(input, residual, rows, width, out);
    }

    /// Gives `output` its shape.
    fn reshape(&self, input: &Map, residual: Residual, output: &mut Map) {
        assert_eq!(input.channels(), self.input(), "channels of the map");
        let stride = self.depthwise.stride();
        assert!(
            residual == Residual::None || (stride == 1 && self.input() == self.output()),
            "a residual of the same shape"
        );
        let (height, width) = (
            input.height().div_ceil(stride),
            input.width().div_ceil(stride),
        );
        output.reshape(height, width, self.output());
    }
}
