//! The block natively, where it keeps the map's size or is divided among threads: a few hidden channels at a time, so that they stay
//! in the innermost cache.

use std::cell::RefCell;
use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use super::bands::{chunks, threads};
use super::block::{InvertedResidual, Residual};
use super::map::Map;
use super::pointwise::{FEW, PANEL, Pointwise, each_of_few};
use super::positions::Groups;
use super::vectors::{lanes, padded, vectors, vectors_mut};

/// Rows of the input that are expanded together, at least: the more, the fewer are computed twice for two bands; the fewer, the
/// nearer is the cache that they fit into.
const ROWS: usize = 14;
/// Positions of the input that are expanded together, at least, where the map has so many.
const POSITIONS: usize = 28 * 28;
/// Positions of a map up to which its threads divide a block by its hidden channels, not by its rows, which would be too few.
const SMALL: usize = 28 * 28;
/// How many of so many positions a thread projects at a time: a multiple of what [`Pointwise`] does at once, or of few the same for each thread.
fn share(positions: usize) -> usize {
    match lanes() {
        16.. if positions <= FEW => each_of_few(positions),
        16.. => 14,
        _ => 12,
    }
}

impl InvertedResidual {
    /// The block, of shapes that fit, into a map of its shape.
    pub(super) fn by_groups(&self, input: &Map, residual: Residual, output: &mut Map) {
        let stride = self.depthwise.stride();
        let (height, width) = (output.height(), output.width());
        if input.height() * input.width() <= SMALL && threads() > 1 {
            return self.by_channels(input, residual, output);
        }
        // Of a block that halves the map, bands expand the row between them twice, and there is little depthwise work to gain by.
        if stride > 1 {
            return self.by_rows(input, residual, output);
        }
        let across = width * output.pitch();
        let each = ROWS.max(POSITIONS / input.width().max(1)) / stride;
        let each = each.min(height).max(1);
        chunks(output.values_mut(), each * across, |number, out| {
            let start = number * each;
            Arch::new().dispatch(Band {
                block: self,
                input,
                residual,
                rows: start..start + out.len() / across,
                width,
                out,
            });
        });
    }

    /// The block of a small map: first expanded and filtered, a few hidden channels at a time, then projected.
    fn by_channels(&self, input: &Map, residual: Residual, output: &mut Map) {
        let (height, width) = (output.height(), output.width());
        let positions = height * width;
        let group = PANEL * lanes();
        let length = positions * padded(self.depthwise.channels());
        let mut kept = take(For::Filtered, length);
        let filtered = &mut kept[..length];
        chunks(filtered, positions * group, |number, out| {
            Arch::new().dispatch(Group {
                block: self,
                number,
                input,
                rows: 0..height,
                width,
                out,
            });
        });
        let pitch = output.pitch();
        let each = share(positions);
        let filtered = &*filtered;
        chunks(output.values_mut(), each * pitch, |number, out| {
            let from = number * each;
            Arch::new().dispatch(Project {
                layer: &self.project,
                input: Groups {
                    values: filtered,
                    from,
                    group,
                    next: positions * group,
                },
                residual: (residual == Residual::Input)
                    .then(|| &input.values()[from * pitch..][..out.len()]),
                out,
            });
        });
        keep(For::Filtered, kept);
    }
}

/// What memory is for: each thread has one of each.
#[derive(Clone, Copy)]
enum For {
    Hidden,
    Filtered,
}

thread_local! {
    /// Memory that a block has used, for the next.
    static KEPT: RefCell<[Vec<f32>; 2]> = const { RefCell::new([Vec::new(), Vec::new()]) };
}

/// At least `length` numbers that may be anything.
fn take(what: For, length: usize) -> Vec<f32> {
    let mut kept = KEPT.with_borrow_mut(|kept| std::mem::take(&mut kept[what as usize]));
    if kept.len() < length {
        kept.resize(length, 0.0);
    }
    kept
}

/// Lets the next block have them.
fn keep(what: For, values: Vec<f32>) {
    KEPT.with_borrow_mut(|kept| kept[what as usize] = values);
}

/// Some hidden channels of some rows of a block's output, expanded and filtered.
struct Group<'a> {
    block: &'a InvertedResidual,
    number: usize,
    input: &'a Map,
    /// Of the output.
    rows: Range<usize>,
    /// Of the output.
    width: usize,
    out: &'a mut [f32],
}

impl WithSimd for Group<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let InvertedResidual {
            expand, depthwise, ..
        } = self.block;
        let (input, stride) = (self.input, depthwise.stride());
        let width = input.width();
        let out = vectors_mut::<S>(self.out);
        let wide = out.len() / (self.rows.len() * self.width);
        // Of each vector of the hidden map, what is around these rows: from the row above them on, with a column of zeros at the left.
        let rows = (self.rows.len() - 1) * stride + 3;
        let apart = rows * (width + 1) + 1;
        let length = apart * wide * S::F32_LANES;
        let mut kept = take(For::Hidden, length);
        let planes = vectors_mut::<S>(&mut kept[..length]);
        let first = self.rows.start * stride;
        let above = usize::from(first == 0);
        let from = first + above - 1;
        let to = (first + rows - 1).min(input.height());
        let below = to + 1 - first;
        let zero = simd.splat_f32s(0.0);
        for plane in planes.chunks_exact_mut(apart) {
            plane[..above * (width + 1)].fill(zero);
            plane[below * (width + 1)..].fill(zero);
            for row in plane.chunks_mut(width + 1) {
                row[0] = zero;
            }
        }
        let values = input.rows(from..to);
        match expand {
            Some(expand) => {
                let inside = &mut planes[above * (width + 1)..];
                expand.group(simd, self.number, values, width, apart, inside);
            }
            None => {
                let (values, pitch) = (vectors::<S>(values), input.pitch() / S::F32_LANES);
                for (vector, plane) in planes.chunks_exact_mut(apart).enumerate() {
                    let vector = self.number * PANEL + vector;
                    let rows = plane[above * (width + 1)..].chunks_exact_mut(width + 1);
                    for (row, values) in rows.zip(values.chunks_exact(width * pitch)) {
                        for (to, from) in row[1..].iter_mut().zip(values.chunks_exact(pitch)) {
                            *to = from[vector];
                        }
                    }
                }
            }
        }
        for (vector, plane) in planes.chunks_exact(apart).enumerate() {
            let number = self.number * PANEL + vector;
            let out = &mut out[vector..];
            depthwise.plane(simd, number, plane, width, self.width, wide, out);
        }
        keep(For::Hidden, kept);
    }
}

/// Some positions of a block's output.
struct Project<'a> {
    layer: &'a Pointwise,
    input: Groups<'a>,
    residual: Option<&'a [f32]>,
    out: &'a mut [f32],
}

impl WithSimd for Project<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.layer.run(simd, self.input, self.residual, self.out);
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
        let Self {
            block,
            input,
            rows,
            width,
            ..
        } = self;
        let positions = rows.len() * width;
        let group = PANEL * S::F32_LANES;
        let length = positions * padded(block.depthwise.channels());
        let mut kept = take(For::Filtered, length);
        let filtered = &mut kept[..length];
        for (number, out) in filtered.chunks_mut(positions * group).enumerate() {
            Group {
                block,
                number,
                input,
                rows: rows.clone(),
                width,
                out,
            }
            .with_simd(simd);
        }
        let filtered = Groups {
            values: filtered,
            from: 0,
            group,
            next: positions * group,
        };
        let residual = (self.residual == Residual::Input).then(|| input.rows(rows));
        block.project.run(simd, filtered, residual, self.out);
        keep(For::Filtered, kept);
    }
}
