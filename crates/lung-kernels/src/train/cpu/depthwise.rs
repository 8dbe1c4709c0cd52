//! The depthwise convolution, plane by plane.

use std::mem::MaybeUninit;

use pulp::{Simd, WithSimd};

use super::sums::dot;
use crate::train::shape::{ConvolutionKind, SIDE, Shape, TAPS};

pub(super) struct Scratch {
    /// The input plane with its border of zeros.
    padded: Vec<f32>,
    /// A gradient plane with its border of zeros.
    gradient: Vec<f32>,
    /// A result in padded rows.
    flat: Vec<f32>,
}

impl Scratch {
    pub(super) fn new(shape: &Shape) -> Self {
        if shape.kind != ConvolutionKind::Depthwise {
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
pub(super) struct DepthwisePlane<'a> {
    pub(super) shape: &'a Shape,
    pub(super) plane: &'a [f32],
    pub(super) weight: &'a [f32],
    pub(super) bias: f32,
    /// All of it is written.
    pub(super) out: &'a mut [MaybeUninit<f32>],
    pub(super) scratch: &'a mut Scratch,
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
        let [low, high] = shape.activation.limits();
        for (y, into) in self.out.chunks_exact_mut(shape.width_out).enumerate() {
            let row = &scratch.flat[y * shape.stride * stride..];
            if shape.stride == 1 {
                for (value, from) in into.iter_mut().zip(row) {
                    value.write(from.max(low).min(high));
                }
            } else {
                for (value, from) in into.iter_mut().zip(row.iter().step_by(2)) {
                    value.write(from.max(low).min(high));
                }
            }
        }
    }
}

/// The backward pass of one image.
pub(super) struct DepthwiseBackward<'a> {
    pub(super) shape: &'a Shape,
    pub(super) input: &'a [f32],
    pub(super) weight: &'a [f32],
    pub(super) masked: &'a [f32],
    /// All of it is written.
    pub(super) into: Option<&'a mut [MaybeUninit<f32>]>,
    pub(super) weight_sum: &'a mut [f32],
    pub(super) scratch: &'a mut Scratch,
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
                    row.write_copy_of_slice(&scratch.flat[y * stride..][..shape.width]);
                }
            }
        }
    }
}
