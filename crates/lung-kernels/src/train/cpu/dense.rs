//! The patches of a dense convolution as columns of a matrix, and back.

use super::sums::add;
use crate::train::shape::Shape;

/// For each tap, the output positions along one axis whose input position is within the image.
fn meets(shape: &Shape, size: usize, size_out: usize, tap: usize) -> std::ops::Range<usize> {
    // Input position of output o: o * stride + tap - padding.
    let padding = shape.side / 2;
    let first = padding.saturating_sub(tap).div_ceil(shape.stride);
    let last = (size + padding)
        .saturating_sub(tap)
        .div_ceil(shape.stride)
        .min(size_out);
    first..last.max(first)
}

/// The patch under each output position as a column: `[input * side * side, area_out]`.
pub(super) fn patches(shape: &Shape, image: &[f32]) -> Vec<f32> {
    let mut columns = vec![0.0; shape.patch() * shape.area_out()];
    for (row, into) in columns.chunks_exact_mut(shape.area_out()).enumerate() {
        patch_row(shape, row, image, into);
    }
    columns
}

/// One row of [`patches`]; places that no input meets keep what they have.
pub(super) fn patch_row(shape: &Shape, row: usize, image: &[f32], into: &mut [f32]) {
    let plane = shape.plane_of(row, image);
    for_lines(shape, row, |line, first| {
        let (into, from) = (&mut into[line], &plane[first..]);
        if shape.stride == 1 {
            into.copy_from_slice(&from[..into.len()]);
        } else {
            for (value, from) in into.iter_mut().zip(from.iter().step_by(shape.stride)) {
                *value = *from;
            }
        }
    });
}

/// Adds each column back to the patch it was taken from.
pub(super) fn fold_patches(shape: &Shape, columns: &[f32], image: &mut [f32]) {
    for (row, from) in columns.chunks_exact(shape.area_out()).enumerate() {
        fold_row(shape, row, from, image);
    }
}

/// One row of [`fold_patches`].
pub(super) fn fold_row(shape: &Shape, row: usize, from: &[f32], image: &mut [f32]) {
    let number = row / (shape.side * shape.side);
    let plane = &mut image[number * shape.area()..][..shape.area()];
    for_lines(shape, row, |line, first| {
        let (from, into) = (&from[line], &mut plane[first..]);
        if shape.stride == 1 {
            add(into, from);
        } else {
            for (value, from) in into.iter_mut().step_by(shape.stride).zip(from) {
                *value += from;
            }
        }
    });
}

/// Of one row of the patch matrix, the stretches that meet the image, each within one line of the map: where it lies in the
/// row, and where in the plane its first input does.
fn for_lines(shape: &Shape, row: usize, mut visit: impl FnMut(std::ops::Range<usize>, usize)) {
    let padding = shape.side / 2;
    let (ky, kx) = (
        row % (shape.side * shape.side) / shape.side,
        row % shape.side,
    );
    let across = meets(shape, shape.width, shape.width_out, kx);
    if across.is_empty() {
        return;
    }
    let x = across.start * shape.stride + kx - padding;
    for y in meets(shape, shape.height, shape.height_out, ky) {
        let line = y * shape.width_out;
        visit(
            line + across.start..line + across.end,
            (y * shape.stride + ky - padding) * shape.width + x,
        );
    }
}
