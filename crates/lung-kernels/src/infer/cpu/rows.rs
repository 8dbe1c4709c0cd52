//! The block a few rows at a time, with all hidden channels: no hidden row is computed twice. In wasm fewer channels at a time gain
//! nothing, and take more code.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use super::bands::bands;
use super::block::{InvertedResidual, Residual};
use super::map::Map;
use super::positions::Whole;
use super::vectors::padded;

/// Positions of the output that are computed together, at least: enough for the matrix products to be worth the reading
/// of their weights.
const TILE: usize = 56;
/// Bands for each thread: a thread that wakes late has some left.
const PIECES: usize = 4;

impl InvertedResidual {
    /// The block, of shapes that fit, into a map of its shape.
    pub(super) fn by_rows(&self, input: &Map, residual: Residual, output: &mut Map) {
        let (height, width) = (output.height(), output.width());
        let across = width * output.pitch();
        bands(output.values_mut(), height, across, PIECES, |rows, out| {
            self.band(input, residual, rows, width, out);
        });
    }

    /// The rows `rows` of the block's output, `width` positions each.
    pub(super) fn band(
        &self,
        input: &Map,
        residual: Residual,
        rows: Range<usize>,
        width: usize,
        out: &mut [f32],
    ) {
        Arch::new().dispatch(Band {
            block: self,
            input,
            residual,
            rows,
            width,
            out,
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
                        Whole {
                            values: input.rows(need.start + kept..need.end),
                            pitch: input.pitch(),
                        },
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
            let residual =
                (self.residual == Residual::Input).then(|| input.rows(start..start + count));
            let filtered = Whole {
                values: &filtered[..count * across_filtered],
                pitch: hidden,
            };
            project.run(simd, filtered, residual, out);
        }
    }
}
