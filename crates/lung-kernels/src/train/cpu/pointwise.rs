//! Matrix products: what 1 x 1 convolutions are, and dense ones once their patches are columns.

use std::mem::MaybeUninit;
use std::ops::Range;

use pulp::Arch;

use super::sums::Finish;
use crate::train::shape::Shape;

/// Columns of a matrix product that are finished (bias, clamp) while they are still in the cache.
const TILE_COLUMNS: usize = 1024;

/// `[output, depth] x [depth, area_out]` plus bias, clamped, tile by tile: all of `out` is written.
pub(super) fn product_with_bias(
    shape: &Shape,
    weight: &[f32],
    right: &[f32],
    bias: &[f32],
    depth: usize,
    out: &mut [MaybeUninit<f32>],
    threads: gemm::Parallelism,
) {
    let area = shape.area_out();
    // All threads on one image: tiles would only get in each other's way.
    let tile = if matches!(threads, gemm::Parallelism::None) {
        TILE_COLUMNS
    } else {
        area
    };
    let arch = Arch::new();
    let mut start = 0;
    while start < area {
        let width = tile.min(area - start);
        // SAFETY: nothing is kept.
        #[allow(unsafe_code)]
        unsafe {
            multiply_into(
                Matrix::new(weight, shape.output, depth, depth, 1),
                Matrix::new(&right[start..], depth, width, area, 1),
                &mut out[start..],
                area,
                false,
                threads,
            );
        }
        for (row, bias) in out.chunks_exact_mut(area).zip(bias) {
            // SAFETY: the product has just written these places of each row.
            #[allow(unsafe_code)]
            let row = unsafe { row[start..start + width].assume_init_mut() };
            arch.dispatch(Finish {
                row,
                bias: *bias,
                limits: shape.activation.limits(),
            });
        }
        start += width;
    }
}

/// Some columns of rows that lie `pitch` apart.
#[derive(Clone, Copy)]
pub(super) struct Columns<'a> {
    values: &'a [f32],
    pitch: usize,
    width: usize,
}

impl<'a> Columns<'a> {
    pub(super) fn new(values: &'a [f32], pitch: usize, columns: Range<usize>) -> Self {
        Self {
            values: &values[columns.start..],
            pitch,
            width: columns.len(),
        }
    }

    pub(super) fn row(&self, number: usize) -> &'a [f32] {
        &self.values[number * self.pitch..][..self.width]
    }
}

/// Adds `gradient [output, width] x right [input, width] transposed` to `sum [output, input]`.
pub(super) fn product_transposed(
    shape: &Shape,
    gradient: Columns<'_>,
    right: Columns<'_>,
    sum: &mut [f32],
) {
    multiply(
        Matrix::new(
            gradient.values,
            shape.output,
            gradient.width,
            gradient.pitch,
            1,
        ),
        Matrix::new(right.values, right.width, shape.input, 1, right.pitch),
        sum,
        shape.input,
        true,
        gemm::Parallelism::None,
    );
}

/// `weight [output, input] transposed x gradient [output, width]` into the same columns of `[input, area]`, all of which are written.
pub(super) fn transposed_product(
    shape: &Shape,
    weight: &[f32],
    gradient: Columns<'_>,
    into: &mut [MaybeUninit<f32>],
) {
    // SAFETY: nothing is kept.
    #[allow(unsafe_code)]
    unsafe {
        multiply_into(
            Matrix::new(weight, shape.input, shape.output, 1, shape.input),
            Matrix::new(
                gradient.values,
                shape.output,
                gradient.width,
                gradient.pitch,
                1,
            ),
            into,
            shape.area(),
            false,
            gemm::Parallelism::None,
        );
    }
}

/// A matrix that lies in a slice.
pub(super) struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    pub(super) fn new(
        values: &'a [f32],
        rows: usize,
        columns: usize,
        row_stride: usize,
        column_stride: usize,
    ) -> Self {
        let last = (rows - 1) * row_stride + (columns - 1) * column_stride;
        assert!(last < values.len(), "a matrix reaches beyond its slice");
        Self {
            values,
            rows,
            columns,
            row_stride,
            column_stride,
        }
    }
}

/// `left x right`, with `keep` added to what `out` (row by row, `stride` apart) holds.
#[allow(unsafe_code)]
pub(super) fn multiply(
    left: Matrix<'_>,
    right: Matrix<'_>,
    out: &mut [f32],
    stride: usize,
    keep: bool,
    threads: gemm::Parallelism,
) {
    // SAFETY: numbers are numbers, and no others are put in their place.
    unsafe {
        let out = &mut *(std::ptr::from_mut(out) as *mut [MaybeUninit<f32>]);
        multiply_into(left, right, out, stride, keep, threads);
    }
}

/// The same, where nothing need have been written yet without `keep`.
///
/// # Safety
/// With `keep`, `right.columns` of each row have been written.
#[allow(unsafe_code)]
unsafe fn multiply_into(
    left: Matrix<'_>,
    right: Matrix<'_>,
    out: &mut [MaybeUninit<f32>],
    stride: usize,
    keep: bool,
    threads: gemm::Parallelism,
) {
    assert_eq!(left.columns, right.rows, "matrices do not fit");
    assert!(right.columns <= stride, "rows of the result overlap");
    assert!(
        (left.rows - 1) * stride + right.columns <= out.len(),
        "the result reaches beyond its slice"
    );
    // SAFETY: `Matrix::new` and the assertions above hold every address that is read or written within its slice, and
    // the exclusive borrow of `out` keeps it apart from both operands. What has not been written is not read.
    unsafe {
        gemm::gemm(
            left.rows,
            right.columns,
            left.columns,
            out.as_mut_ptr().cast::<f32>(),
            1,
            stride as isize,
            keep,
            left.values.as_ptr(),
            left.column_stride as isize,
            left.row_stride as isize,
            right.values.as_ptr(),
            right.column_stride as isize,
            right.row_stride as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            threads,
        );
    }
}
