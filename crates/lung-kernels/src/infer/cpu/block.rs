//! The inverted residual block, a few rows at a time.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use super::bands::bands;
use super::depthwise::Depthwise;
use super::map::Map;
use super::pointwise::Pointwise;
use super::vectors::padded;

/// Positions of the output that are computed together, at least: enough for the matrix products to be worth the reading
/// of their weights.
const TILE: usize = 56;

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
    expand: Option<Pointwise>,
    depthwise: Depthwise,
    project: Pointwise,
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

    /// The block of a whole map.
    ///
    /// # Panics
    /// When the map has other channels than the block, or `residual` is asked of a block whose output has another shape
    /// than its input.
    pub fn forward(&self, input: &Map, residual: Residual, output: &mut Map) {
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
        let across = width * output.pitch();
        bands(output.values_mut(), height, across, |rows, out| {
            Arch::new().dispatch(Band {
                block: self,
                input,
                residual,
                rows,
                width,
                out,
            });
        });
    }
}

/// Some rows of a block's output.
struct Band<'a> {
    block: &'a InvertedResidual,
    input: &'a Map,
    residual: Residual,
    rows: Range<usize>,
    width: usize,
    out: &'a mut [f32],
}

impl WithSimd for Band<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let InvertedResidual {
            expand,
            depthwise,
            project,
        } = self.block;
        let (input, width) = (self.input, self.width);
        let stride = depthwise.stride();
        let hidden = padded(depthwise.channels());
        let across_in = input.width() * input.pitch();
        let across_hidden = input.width() * hidden;
        let across_filtered = width * hidden;
        let tile = TILE.div_ceil(width).min(self.rows.len()).max(1);

        let mut filtered = vec![0.0; tile * across_filtered];
        // The rows of the hidden map that the tile at hand needs, from `first` on.
        let mut rows_hidden = match expand {
            Some(_) => vec![0.0; (tile * stride + 2) * across_hidden],
            None => Vec::new(),
        };
        let mut have: Range<usize> = 0..0;
        let across_out = self.out.len() / self.rows.len().max(1);
        for (number, out) in self.out.chunks_mut(tile * across_out).enumerate() {
            let start = self.rows.start + number * tile;
            let count = out.len() / across_out;
            let need = (start * stride).saturating_sub(1)
                ..((start + count - 1) * stride + 2).min(input.height());
            let (rows, first): (&[f32], usize) = match expand {
                None => (input.values(), 0),
                Some(expand) => {
                    // Keep the rows that the last tile has made already.
                    let kept = if have.end > need.start {
                        rows_hidden.copy_within(
                            (need.start - have.start) * across_hidden
                                ..(have.end - have.start) * across_hidden,
                            0,
                        );
                        have.end - need.start
                    } else {
                        0
                    };
                    expand.run(
                        simd,
                        &input.values()[(need.start + kept) * across_in..need.end * across_in],
                        input.pitch(),
                        None,
                        &mut rows_hidden[kept * across_hidden..need.len() * across_hidden],
                    );
                    have = need.clone();
                    (&rows_hidden, need.start)
                }
            };
            for (row, filtered) in filtered
                .chunks_exact_mut(across_filtered)
                .take(count)
                .enumerate()
            {
                let centre = (start + row) * stride;
                let mut around = [None; 3];
                for (dy, place) in around.iter_mut().enumerate() {
                    let y = (centre + dy).wrapping_sub(1);
                    if y < input.height() {
                        *place = Some(&rows[(y - first) * across_hidden..][..across_hidden]);
                    }
                }
                depthwise.row(simd, around, input.width(), filtered);
            }
            let residual = (self.residual == Residual::Input)
                .then(|| &input.values()[start * across_in..(start + count) * across_in]);
            project.run(
                simd,
                &filtered[..count * across_filtered],
                hidden,
                residual,
                out,
            );
        }
    }
}
