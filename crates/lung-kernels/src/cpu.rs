//! The arithmetic on plain slices, channels first.
//!
//! A 1 x 1 convolution is a matrix product of each image; every other dense one is one too, after its patches are laid out
//! as columns. A depthwise convolution is done plane by plane: the plane is padded into a buffer of rows two wider than
//! the image, where every one of the nine taps is a shift of one flat slice, so that even a 7 x 7 plane fills vector
//! registers. Stride 2 computes every position and keeps every second; its gradient is spread out with zeros between.
//!
//! Work is divided by image and by fixed parts of the batch, so that sums come out the same whatever the number of
//! threads.

use pulp::{Arch, Simd, WithSimd};

use crate::Geometry;

/// Columns of a matrix product that are finished (bias, clamp) while they are still in the cache.
const TILE: usize = 1024;

/// Into how many parts a batch is divided for the sums over it, whatever the number of threads.
const PARTS: usize = 8;

/// Columns that make a matrix product worth reading its weight for.
const COLUMNS: usize = 512;

/// Side of the depthwise kernel.
const SIDE: usize = 3;
const TAPS: usize = SIDE * SIDE;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Pointwise,
    Depthwise,
    Dense,
}

/// Sizes of one convolution.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    kind: Kind,
    pub(crate) batch: usize,
    pub(crate) input: usize,
    pub(crate) output: usize,
    height: usize,
    width: usize,
    pub(crate) height_out: usize,
    pub(crate) width_out: usize,
    /// Of the square kernel.
    side: usize,
    stride: usize,
    relu6: bool,
}

impl Shape {
    /// The sizes of a convolution that this crate can do; `None` for any other.
    pub(crate) fn new(
        [batch, channels, height, width]: [usize; 4],
        [output, per_group, side, side_2]: [usize; 4],
        Geometry {
            stride,
            groups,
            relu6,
        }: Geometry,
    ) -> Option<Self> {
        let kind = match (side, groups) {
            (1, 1) if stride == 1 && per_group == channels => Kind::Pointwise,
            (1 | 3 | 5 | 7, 1) if per_group == channels => Kind::Dense,
            (SIDE, _) if groups == channels && per_group == 1 && output == channels => {
                Kind::Depthwise
            }
            _ => return None,
        };
        let fits =
            side == side_2 && matches!(stride, 1 | 2) && batch * channels * height * width > 0;
        fits.then_some(Self {
            kind,
            batch,
            input: channels,
            output,
            height,
            width,
            height_out: height.div_ceil(stride),
            width_out: width.div_ceil(stride),
            side,
            stride,
            relu6,
        })
    }

    fn area(&self) -> usize {
        self.height * self.width
    }

    fn area_out(&self) -> usize {
        self.height_out * self.width_out
    }

    /// Rows of the patch matrix of a dense convolution.
    fn patch(&self) -> usize {
        self.input * self.side * self.side
    }

    /// How many images are multiplied at once.
    ///
    /// The whole weight is read for each product. Where maps are small, that is most of the work for one image: the columns
    /// of several are laid side by side then, and all threads share one product. It depends on sizes alone, so that sums
    /// come out the same whatever the number of threads.
    fn images_at_once(&self) -> usize {
        let few = match self.kind {
            Kind::Depthwise => 0,
            Kind::Pointwise => 40,
            Kind::Dense => 128,
        };
        if self.area_out() < few {
            COLUMNS.div_ceil(self.area_out()).min(self.batch)
        } else {
            1
        }
    }

    /// The plane of `image` that a row of the patch matrix is taken from.
    fn plane_of<'a>(&self, row: usize, image: &'a [f32]) -> &'a [f32] {
        let number = row / (self.side * self.side);
        &image[number * self.area()..][..self.area()]
    }

    /// Padded plane: a row above and below, a column to the left and right.
    fn padded(&self) -> usize {
        (self.height + 2) * (self.width + 2)
    }

    /// Positions of the flat result in padded rows: all but what no kernel is centred on.
    fn flat(&self) -> usize {
        self.height * (self.width + 2) - 2
    }
}

/// Gradients for input, weight and bias.
pub(crate) struct GradientSet {
    pub(crate) input: Vec<f32>,
    pub(crate) weight: Vec<f32>,
    pub(crate) bias: Vec<f32>,
}

/// The output, `[batch, output, height_out, width_out]`.
pub(crate) fn forward(shape: &Shape, input: &[f32], weight: &[f32], bias: &[f32]) -> Vec<f32> {
    let length = shape.batch * shape.output * shape.area_out();
    match shape.kind {
        Kind::Depthwise => {
            let planes = shape.batch * shape.output;
            // Several planes a task: one 7 x 7 plane is less work than handing it out.
            let chunk = (planes.div_ceil(64)).max(1);
            made_in_chunks(length, chunk * shape.area_out(), |task, planes_out| {
                let mut scratch = Scratch::new(shape);
                for (place, plane_out) in planes_out.chunks_mut(shape.area_out()).enumerate() {
                    let plane = task * chunk + place;
                    let channel = plane % shape.output;
                    Arch::new().dispatch(DepthwisePlane {
                        shape,
                        plane: &input[plane * shape.area()..][..shape.area()],
                        weight: &weight[channel * TAPS..][..TAPS],
                        bias: bias[channel],
                        out: plane_out,
                        scratch: &mut scratch,
                    });
                }
            })
            .0
        }
        Kind::Pointwise | Kind::Dense if shape.images_at_once() > 1 => {
            let mut out = vec![0.0; length];
            forward_at_once(shape, input, weight, bias, &mut out);
            out
        }
        Kind::Pointwise | Kind::Dense => {
            let depth = weight.len() / shape.output;
            let threads = if shape.batch == 1 {
                all_threads()
            } else {
                gemm::Parallelism::None
            };
            made_in_chunks(
                length,
                shape.output * shape.area_out(),
                |image, image_out| {
                    let image =
                        &input[image * shape.input * shape.area()..][..shape.input * shape.area()];
                    let columns;
                    let right: &[f32] = if shape.kind == Kind::Dense {
                        columns = patches(shape, image);
                        &columns
                    } else {
                        image
                    };
                    product_with_bias(shape, weight, right, bias, depth, image_out, threads);
                },
            )
            .0
        }
    }
}

/// All three gradients, that of the input only if asked for.
pub(crate) fn backward(
    shape: &Shape,
    input: &[f32],
    weight: &[f32],
    output: &[f32],
    gradient: &[f32],
    for_input: bool,
) -> GradientSet {
    if shape.images_at_once() > 1 {
        return backward_at_once(shape, input, weight, output, gradient, for_input);
    }
    let image_in = shape.input * shape.area();
    let image_out = shape.output * shape.area_out();
    let per_part = shape.batch.div_ceil(PARTS);
    let of_part = |part: usize, part_in: &mut [f32]| {
        let mut weight_sum = vec![0.0; weight.len()];
        let mut bias_sum = vec![0.0; shape.output];
        let mut masked = vec![0.0; image_out];
        let mut scratch = Scratch::new(shape);
        let mut images_in = part_in.chunks_mut(image_in);
        for image in (part * per_part)..((part + 1) * per_part).min(shape.batch) {
            let range = image * image_out..(image + 1) * image_out;
            mask(shape, &output[range.clone()], &gradient[range], &mut masked);
            for (sum, plane) in bias_sum.iter_mut().zip(masked.chunks(shape.area_out())) {
                *sum += total(plane);
            }
            let x = &input[image * image_in..][..image_in];
            let into = images_in.next();
            match shape.kind {
                Kind::Depthwise => Arch::new().dispatch(DepthwiseBackward {
                    shape,
                    input: x,
                    weight,
                    masked: &masked,
                    into,
                    weight_sum: &mut weight_sum,
                    scratch: &mut scratch,
                }),
                Kind::Pointwise => {
                    product_transposed(shape, &masked, x, shape.input, &mut weight_sum);
                    if let Some(into) = into {
                        transposed_product(shape, weight, &masked, shape.input, into);
                    }
                }
                Kind::Dense => {
                    let columns = patches(shape, x);
                    product_transposed(shape, &masked, &columns, shape.patch(), &mut weight_sum);
                    if let Some(into) = into {
                        let mut columns = columns;
                        transposed_product(shape, weight, &masked, shape.patch(), &mut columns);
                        fold_patches(shape, &columns, into);
                    }
                }
            }
        }
        (weight_sum, bias_sum)
    };
    let (gradient_in, sums) = if for_input {
        made_in_chunks(shape.batch * image_in, per_part * image_in, of_part)
    } else {
        let parts = (0..shape.batch.div_ceil(per_part)).collect();
        let sums = map_parts(parts, |part| of_part(part, &mut []));
        (Vec::new(), sums)
    };
    let mut set = GradientSet {
        input: gradient_in,
        weight: vec![0.0; weight.len()],
        bias: vec![0.0; shape.output],
    };
    for (weight_sum, bias_sum) in sums {
        add(&mut set.weight, &weight_sum);
        add(&mut set.bias, &bias_sum);
    }
    set
}

/// The gradient where the clamp let it through, 0 elsewhere.
fn mask(shape: &Shape, output: &[f32], gradient: &[f32], masked: &mut [f32]) {
    if !shape.relu6 {
        masked.copy_from_slice(gradient);
        return;
    }
    Arch::new().dispatch(Mask {
        output,
        gradient,
        masked,
    });
}

struct Mask<'a> {
    output: &'a [f32],
    gradient: &'a [f32],
    masked: &'a mut [f32],
}

impl WithSimd for Mask<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for ((m, g), y) in self.masked.iter_mut().zip(self.gradient).zip(self.output) {
            *m = if *y > 0.0 && *y < 6.0 { *g } else { 0.0 };
        }
    }
}

/// Clamps a row to `low..=high` in vector registers.
struct Clamp<'a> {
    row: &'a mut [f32],
    low: f32,
    high: f32,
}

impl WithSimd for Clamp<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for value in self.row {
            *value = value.max(self.low).min(self.high);
        }
    }
}

fn add(into: &mut [f32], from: &[f32]) {
    for (a, b) in into.iter_mut().zip(from) {
        *a += b;
    }
}

/// Sum with sixteen partial sums, so that it fills vector registers.
#[inline(always)]
fn total(values: &[f32]) -> f32 {
    let (chunks, rest) = values.as_chunks::<16>();
    let mut sums = [0.0f32; 16];
    for chunk in chunks {
        for (sum, value) in sums.iter_mut().zip(chunk) {
            *sum += value;
        }
    }
    sums.iter().sum::<f32>() + rest.iter().sum::<f32>()
}

/// Dot product of two slices of one length, four vectors at a time so that one addition need not wait for the last.
#[inline(always)]
fn dot<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    let (a_vectors, a_rest) = S::as_simd_f32s(a);
    let (b_vectors, b_rest) = S::as_simd_f32s(b);
    let (a_fours, a_singles) = a_vectors.as_chunks::<4>();
    let (b_fours, b_singles) = b_vectors.as_chunks::<4>();
    let mut sums = [simd.splat_f32s(0.0); 4];
    for (a, b) in a_fours.iter().zip(b_fours) {
        for lane in 0..4 {
            sums[lane] = simd.mul_add_e_f32s(a[lane], b[lane], sums[lane]);
        }
    }
    for (a, b) in a_singles.iter().zip(b_singles) {
        sums[0] = simd.mul_add_e_f32s(*a, *b, sums[0]);
    }
    sums[1] = simd.mul_add_e_f32s(
        simd.partial_load_f32s(a_rest),
        simd.partial_load_f32s(b_rest),
        sums[1],
    );
    simd.reduce_sum_f32s(simd.add_f32s(
        simd.add_f32s(sums[0], sums[1]),
        simd.add_f32s(sums[2], sums[3]),
    ))
}

// ---- depthwise ----

struct Scratch {
    /// The input plane with its border of zeros.
    padded: Vec<f32>,
    /// A gradient plane with its border of zeros.
    gradient: Vec<f32>,
    /// A result in padded rows.
    flat: Vec<f32>,
}

impl Scratch {
    fn new(shape: &Shape) -> Self {
        if shape.kind != Kind::Depthwise {
            return Self {
                padded: Vec::new(),
                gradient: Vec::new(),
                flat: Vec::new(),
            };
        }
        Self {
            padded: vec![0.0; shape.padded()],
            gradient: vec![0.0; shape.padded()],
            flat: vec![0.0; shape.flat()],
        }
    }
}

/// Copies a plane into the middle of a padded one, whose border is and stays 0.
#[inline(always)]
fn pad(shape: &Shape, plane: &[f32], padded: &mut [f32]) {
    let stride = shape.width + 2;
    for (row, into) in plane
        .chunks_exact(shape.width)
        .zip(padded[stride..].chunks_mut(stride))
    {
        into[1..=shape.width].copy_from_slice(row);
    }
}

/// All nine taps at every flat position: `flat[i] = start + sum of taps[t] * padded[i + shift of t]`.
#[inline(always)]
fn correlate<S: Simd>(
    simd: S,
    shape: &Shape,
    padded: &[f32],
    taps: &[f32; TAPS],
    start: f32,
    flat: &mut [f32],
) {
    let stride = shape.width + 2;
    let count = shape.flat();
    // Loops, not `map`: what `map` calls is not compiled for the vector registers at hand.
    let mut vectors = [&[][..]; TAPS];
    let mut rests = [&[][..]; TAPS];
    let mut factors = [simd.splat_f32s(0.0); TAPS];
    for tap in 0..TAPS {
        let source = &padded[(tap / SIDE) * stride + tap % SIDE..][..count];
        (vectors[tap], rests[tap]) = S::as_simd_f32s(source);
        factors[tap] = simd.splat_f32s(taps[tap]);
    }
    let (zero, start) = (simd.splat_f32s(0.0), simd.splat_f32s(start));
    let (flat_vectors, flat_rest) = S::as_mut_simd_f32s(&mut flat[..count]);
    for vectors in &mut vectors {
        *vectors = &vectors[..flat_vectors.len()];
    }
    for (i, into) in flat_vectors.iter_mut().enumerate() {
        // Three short chains instead of one of nine.
        let mut rows = [start, zero, zero];
        for tap in 0..TAPS {
            rows[tap / SIDE] = simd.mul_add_e_f32s(vectors[tap][i], factors[tap], rows[tap / SIDE]);
        }
        *into = simd.add_f32s(rows[0], simd.add_f32s(rows[1], rows[2]));
    }
    if !flat_rest.is_empty() {
        let mut sum = start;
        for tap in 0..TAPS {
            sum = simd.mul_add_e_f32s(simd.partial_load_f32s(rests[tap]), factors[tap], sum);
        }
        simd.partial_store_f32s(flat_rest, sum);
    }
}

#[inline(always)]
fn taps_of(weight: &[f32]) -> [f32; TAPS] {
    let mut taps = [0.0; TAPS];
    taps.copy_from_slice(weight);
    taps
}

/// The forward pass of one plane.
struct DepthwisePlane<'a> {
    shape: &'a Shape,
    plane: &'a [f32],
    weight: &'a [f32],
    bias: f32,
    out: &'a mut [f32],
    scratch: &'a mut Scratch,
}

impl WithSimd for DepthwisePlane<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { shape, scratch, .. } = self;
        pad(shape, self.plane, &mut scratch.padded);
        let taps = taps_of(self.weight);
        correlate(
            simd,
            shape,
            &scratch.padded,
            &taps,
            self.bias,
            &mut scratch.flat,
        );
        let stride = shape.width + 2;
        let (low, high) = limits(shape);
        for (y, into) in self.out.chunks_exact_mut(shape.width_out).enumerate() {
            let row = &scratch.flat[y * shape.stride * stride..];
            if shape.stride == 1 {
                for (value, from) in into.iter_mut().zip(row) {
                    *value = from.max(low).min(high);
                }
            } else {
                for (value, from) in into.iter_mut().zip(row.iter().step_by(2)) {
                    *value = from.max(low).min(high);
                }
            }
        }
    }
}

/// Bounds of the output; all numbers without a clamp.
#[inline(always)]
fn limits(shape: &Shape) -> (f32, f32) {
    if shape.relu6 {
        (0.0, 6.0)
    } else {
        (f32::NEG_INFINITY, f32::INFINITY)
    }
}

/// The backward pass of one image.
struct DepthwiseBackward<'a> {
    shape: &'a Shape,
    input: &'a [f32],
    weight: &'a [f32],
    masked: &'a [f32],
    into: Option<&'a mut [f32]>,
    weight_sum: &'a mut [f32],
    scratch: &'a mut Scratch,
}

impl WithSimd for DepthwiseBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let Self { shape, scratch, .. } = self;
        let stride = shape.width + 2;
        for channel in 0..shape.output {
            let plane_out = &self.masked[channel * shape.area_out()..][..shape.area_out()];
            // The gradient at full resolution: zeros where a stride of 2 looked at nothing. The places are the same for
            // every channel, so the zeros between stay.
            for (y, row) in plane_out.chunks_exact(shape.width_out).enumerate() {
                let into =
                    &mut scratch.gradient[(y * shape.stride + 1) * stride + 1..][..shape.width];
                if shape.stride == 1 {
                    into.copy_from_slice(row);
                } else {
                    for (value, from) in into.iter_mut().step_by(2).zip(row) {
                        *value = *from;
                    }
                }
            }
            let plane = &self.input[channel * shape.area()..][..shape.area()];
            pad(shape, plane, &mut scratch.padded);
            // The gradient's own place is in the middle of its padding; its border is 0.
            let centre = &scratch.gradient[stride + 1..][..shape.flat()];
            let sums = &mut self.weight_sum[channel * TAPS..][..TAPS];
            for (tap, sum) in sums.iter_mut().enumerate() {
                let shifted = &scratch.padded[(tap / SIDE) * stride + tap % SIDE..][..shape.flat()];
                *sum += dot(simd, centre, shifted);
            }
            if let Some(into) = self.into.as_deref_mut() {
                let mut flipped = taps_of(&self.weight[channel * TAPS..][..TAPS]);
                flipped.reverse();
                correlate(
                    simd,
                    shape,
                    &scratch.gradient,
                    &flipped,
                    0.0,
                    &mut scratch.flat,
                );
                let plane = &mut into[channel * shape.area()..][..shape.area()];
                for (y, row) in plane.chunks_exact_mut(shape.width).enumerate() {
                    row.copy_from_slice(&scratch.flat[y * stride..][..shape.width]);
                }
            }
        }
    }
}

// ---- matrix products ----

/// `[output, depth] x [depth, area_out]` plus bias, clamped, tile by tile.
fn product_with_bias(
    shape: &Shape,
    weight: &[f32],
    right: &[f32],
    bias: &[f32],
    depth: usize,
    out: &mut [f32],
    threads: gemm::Parallelism,
) {
    let area = shape.area_out();
    // All threads on one image: tiles would only get in each other's way.
    let tile = if matches!(threads, gemm::Parallelism::None) {
        TILE
    } else {
        area
    };
    let (low, high) = limits(shape);
    let arch = Arch::new();
    let mut start = 0;
    while start < area {
        let width = tile.min(area - start);
        for (row, bias) in out.chunks_exact_mut(area).zip(bias) {
            row[start..start + width].fill(*bias);
        }
        multiply(
            Matrix::new(weight, shape.output, depth, depth, 1),
            Matrix::new(&right[start..], depth, width, area, 1),
            &mut out[start..],
            area,
            true,
            threads,
        );
        if shape.relu6 {
            for row in out.chunks_exact_mut(area) {
                let row = &mut row[start..start + width];
                arch.dispatch(Clamp { row, low, high });
            }
        }
        start += width;
    }
}

/// Adds `gradient [output, area_out] x right [depth, area_out] transposed` to `sum [output, depth]`.
fn product_transposed(
    shape: &Shape,
    gradient: &[f32],
    right: &[f32],
    depth: usize,
    sum: &mut [f32],
) {
    let area = shape.area_out();
    multiply(
        Matrix::new(gradient, shape.output, area, area, 1),
        Matrix::new(right, area, depth, 1, area),
        sum,
        depth,
        true,
        gemm::Parallelism::None,
    );
}

/// `weight [output, depth] transposed x gradient [output, area_out]` into `[depth, area_out]`.
fn transposed_product(
    shape: &Shape,
    weight: &[f32],
    gradient: &[f32],
    depth: usize,
    into: &mut [f32],
) {
    let area = shape.area_out();
    multiply(
        Matrix::new(weight, depth, shape.output, 1, depth),
        Matrix::new(gradient, shape.output, area, area, 1),
        into,
        area,
        false,
        gemm::Parallelism::None,
    );
}

/// A matrix that lies in a slice.
struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    fn new(
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
fn multiply(
    left: Matrix<'_>,
    right: Matrix<'_>,
    out: &mut [f32],
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
    // the exclusive borrow of `out` keeps it apart from both operands.
    unsafe {
        gemm::gemm(
            left.rows,
            right.columns,
            left.columns,
            out.as_mut_ptr(),
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

// ---- patches of a dense convolution ----

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
fn patches(shape: &Shape, image: &[f32]) -> Vec<f32> {
    let mut columns = vec![0.0; shape.patch() * shape.area_out()];
    for (row, into) in columns.chunks_exact_mut(shape.area_out()).enumerate() {
        patch_row(shape, row, image, into);
    }
    columns
}

/// One row of [`patches`]; places that no input meets keep what they have.
fn patch_row(shape: &Shape, row: usize, image: &[f32], into: &mut [f32]) {
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
fn fold_patches(shape: &Shape, columns: &[f32], image: &mut [f32]) {
    for (row, from) in columns.chunks_exact(shape.area_out()).enumerate() {
        fold_row(shape, row, from, image);
    }
}

/// One row of [`fold_patches`].
fn fold_row(shape: &Shape, row: usize, from: &[f32], image: &mut [f32]) {
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

// ---- several images at once ----

/// The columns of `count` images side by side: `[patch, count * area_out]`.
fn columns_of(shape: &Shape, images: &[f32], count: usize) -> Vec<f32> {
    let width = count * shape.area_out();
    let mut columns = vec![0.0; shape.patch() * width];
    let image_in = shape.input * shape.area();
    // Some rows a task: one is little work.
    let rows = shape.patch().div_ceil(64);
    for_chunks(&mut columns, rows * width, |task, into| {
        for (number, row_into) in into.chunks_exact_mut(width).enumerate() {
            for (image, into) in images
                .chunks_exact(image_in)
                .zip(row_into.chunks_exact_mut(shape.area_out()))
            {
                patch_row(shape, task * rows + number, image, into);
            }
        }
    });
    columns
}

/// The forward pass of a 1 x 1 or dense convolution, several images a product.
fn forward_at_once(shape: &Shape, input: &[f32], weight: &[f32], bias: &[f32], out: &mut [f32]) {
    let (image_in, area) = (shape.input * shape.area(), shape.area_out());
    let image_out = shape.output * area;
    let (low, high) = limits(shape);
    let at_once = shape.images_at_once();
    for (images, into) in input
        .chunks(at_once * image_in)
        .zip(out.chunks_mut(at_once * image_out))
    {
        let count = images.len() / image_in;
        let width = count * area;
        let columns = columns_of(shape, images, count);
        let mut product = vec![0.0; shape.output * width];
        multiply(
            Matrix::new(weight, shape.output, shape.patch(), shape.patch(), 1),
            Matrix::new(&columns, shape.patch(), width, width, 1),
            &mut product,
            width,
            false,
            all_threads(),
        );
        // From a row a channel to a map a channel and image.
        for_chunks(into, image_out, |image, image_into| {
            for ((channel, bias), map) in bias.iter().enumerate().zip(image_into.chunks_mut(area)) {
                let from = &product[channel * width + image * area..][..area];
                for (value, from) in map.iter_mut().zip(from) {
                    *value = (from + bias).max(low).min(high);
                }
            }
        });
    }
}

/// The backward pass of a 1 x 1 or dense convolution, several images a product.
fn backward_at_once(
    shape: &Shape,
    input: &[f32],
    weight: &[f32],
    output: &[f32],
    gradient: &[f32],
    for_input: bool,
) -> GradientSet {
    let (image_in, area) = (shape.input * shape.area(), shape.area_out());
    let image_out = shape.output * area;
    let at_once = shape.images_at_once();
    let mut set = GradientSet {
        input: vec![0.0; if for_input { input.len() } else { 0 }],
        weight: vec![0.0; weight.len()],
        bias: vec![0.0; shape.output],
    };
    let mut gradients_in = set.input.chunks_mut(at_once * image_in);
    for ((images, outputs), gradients) in input
        .chunks(at_once * image_in)
        .zip(output.chunks(at_once * image_out))
        .zip(gradient.chunks(at_once * image_out))
    {
        let count = images.len() / image_in;
        let width = count * area;
        // From a map a channel and image to a row a channel, where the clamp let it through.
        let mut masked = vec![0.0; shape.output * width];
        for_chunks(&mut masked, width, |channel, row| {
            for (image, into) in row.chunks_exact_mut(area).enumerate() {
                let map =
                    image * image_out + channel * area..image * image_out + (channel + 1) * area;
                mask(shape, &outputs[map.clone()], &gradients[map], into);
            }
        });
        for (sum, row) in set.bias.iter_mut().zip(masked.chunks(width)) {
            *sum += total(row);
        }
        let columns = columns_of(shape, images, count);
        multiply(
            Matrix::new(&masked, shape.output, width, width, 1),
            Matrix::new(&columns, width, shape.patch(), 1, width),
            &mut set.weight,
            shape.patch(),
            true,
            all_threads(),
        );
        if let Some(into) = gradients_in.next() {
            let mut columns = columns;
            multiply(
                Matrix::new(weight, shape.patch(), shape.output, 1, shape.patch()),
                Matrix::new(&masked, shape.output, width, width, 1),
                &mut columns,
                width,
                false,
                all_threads(),
            );
            for_chunks(into, image_in, |image, image_into| {
                for row in 0..shape.patch() {
                    let from = &columns[row * width + image * area..][..area];
                    fold_row(shape, row, from, image_into);
                }
            });
        }
    }
    set
}

// ---- threads ----

#[cfg(not(target_family = "wasm"))]
mod threads {
    use std::mem::MaybeUninit;

    use rayon::prelude::*;

    /// Calls `work` with each chunk of `out` and its number, on all threads.
    pub(crate) fn for_chunks(
        out: &mut [f32],
        size: usize,
        work: impl Fn(usize, &mut [f32]) + Sync,
    ) {
        out.par_chunks_mut(size)
            .enumerate()
            .for_each(|(number, chunk)| work(number, chunk));
    }

    /// Makes `length` numbers, by calls of `work` with each chunk of `size` of them, all 0 by then, and its number; beside them
    /// what the calls return, in order. The zeros are written where the chunk is worked on, on all threads: for a large result
    /// that alone would take one thread a tenth of the time of a training step.
    #[allow(unsafe_code)]
    pub(crate) fn made_in_chunks<R: Send>(
        length: usize,
        size: usize,
        work: impl Fn(usize, &mut [f32]) -> R + Sync + Send,
    ) -> (Vec<f32>, Vec<R>) {
        let mut out = Vec::with_capacity(length);
        let results = out.spare_capacity_mut()[..length]
            .par_chunks_mut(size)
            .enumerate()
            .map(|(number, chunk)| {
                chunk.fill(MaybeUninit::new(0.0));
                // SAFETY: all of the chunk has just been written.
                work(number, unsafe { chunk.assume_init_mut() })
            })
            .collect();
        // SAFETY: there is room for `length` numbers, and each is in a chunk that has been written; a panic of `work` ends
        // this before.
        unsafe { out.set_len(length) };
        (out, results)
    }

    /// Maps on all threads; results keep their order.
    pub(crate) fn map_parts<P: Send, R: Send>(
        parts: Vec<P>,
        work: impl Fn(P) -> R + Sync + Send,
    ) -> Vec<R> {
        parts.into_par_iter().map(work).collect()
    }

    pub(super) fn all_threads() -> gemm::Parallelism {
        match rayon::current_num_threads() {
            1 => gemm::Parallelism::None,
            threads => gemm::Parallelism::Rayon(threads),
        }
    }
}

// A worker in the browser is one thread.
#[cfg(target_family = "wasm")]
mod threads {
    pub(crate) fn for_chunks(out: &mut [f32], size: usize, work: impl Fn(usize, &mut [f32])) {
        for (number, chunk) in out.chunks_mut(size).enumerate() {
            work(number, chunk);
        }
    }

    pub(crate) fn made_in_chunks<R>(
        length: usize,
        size: usize,
        work: impl Fn(usize, &mut [f32]) -> R,
    ) -> (Vec<f32>, Vec<R>) {
        let mut out = vec![0.0; length];
        let results = out
            .chunks_mut(size)
            .enumerate()
            .map(|(number, chunk)| work(number, chunk))
            .collect();
        (out, results)
    }

    pub(crate) fn map_parts<P, R>(parts: Vec<P>, work: impl Fn(P) -> R) -> Vec<R> {
        parts.into_iter().map(work).collect()
    }

    pub(super) fn all_threads() -> gemm::Parallelism {
        gemm::Parallelism::None
    }
}

use threads::all_threads;
pub(crate) use threads::{for_chunks, made_in_chunks, map_parts};
