//! The arithmetic on plain slices, channels first.
//!
//! A 1 x 1 convolution is a matrix product of each image; every other dense one is one too, after its patches are laid out
//! as columns. A depthwise convolution is done plane by plane: the plane is padded into a buffer of rows two wider than
//! the image, where every one of the nine taps is a shift of one flat slice, so that even a 7 x 7 plane fills vector
//! registers. Stride 2 computes every position and keeps every second; its gradient is spread out with zeros between.
//!
//! Work is divided by image and by fixed parts of the batch, so that sums come out the same whatever the number of
//! threads.

use pulp::Arch;

use super::batch::{GradientSet, backward_at_once, forward_at_once};
use super::dense::{fold_patches, patches};
use super::depthwise::{DepthwiseBackward, DepthwisePlane, Scratch};
use super::pointwise::{product_transposed, product_with_bias, transposed_product};
use super::sums::{add, mask, total};
use super::threads::{all_threads, made_in_chunks, map_parts};
use crate::train::shape::{ConvolutionKind, Shape, TAPS};

/// Into how many parts a batch is divided for the sums over it, whatever the number of threads.
const PARTS: usize = 8;

/// The output, `[batch, output, height_out, width_out]`.
pub(crate) fn forward(shape: &Shape, input: &[f32], weight: &[f32], bias: &[f32]) -> Vec<f32> {
    let length = shape.batch * shape.output * shape.area_out();
    match shape.kind {
        ConvolutionKind::Depthwise => {
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
        ConvolutionKind::Pointwise | ConvolutionKind::Dense if shape.images_at_once() > 1 => {
            let mut out = vec![0.0; length];
            forward_at_once(shape, input, weight, bias, &mut out);
            out
        }
        ConvolutionKind::Pointwise | ConvolutionKind::Dense => {
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
                    let right: &[f32] = if shape.kind == ConvolutionKind::Dense {
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
                ConvolutionKind::Depthwise => Arch::new().dispatch(DepthwiseBackward {
                    shape,
                    input: x,
                    weight,
                    masked: &masked,
                    into,
                    weight_sum: &mut weight_sum,
                    scratch: &mut scratch,
                }),
                ConvolutionKind::Pointwise => {
                    product_transposed(shape, &masked, x, shape.input, &mut weight_sum);
                    if let Some(into) = into {
                        transposed_product(shape, weight, &masked, shape.input, into);
                    }
                }
                ConvolutionKind::Dense => {
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
