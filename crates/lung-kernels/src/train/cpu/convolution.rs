//! The arithmetic on plain slices, channels first.
//!
//! A 1 x 1 convolution is a matrix product of each image; every other dense one is [`super::direct`]. A depthwise convolution is done plane by
//! plane: the plane is padded into a buffer of rows two wider than the image, where every one of the nine taps is a shift of one flat slice, so
//! that even a 7 x 7 plane fills vector registers. Stride 2 computes every position and keeps every second; its gradient is spread out with zeros between.
//!
//! Work is divided by image and by fixed parts of the batch, so that sums come out the same whatever the number of
//! threads.

use std::mem::MaybeUninit;

use pulp::Arch;

use super::batch::{GradientSet, backward_at_once, forward_at_once};
use super::depthwise::{DepthwiseBackward, DepthwisePlane, Scratch};
use super::direct;
use super::direct_weight::weight_gradient;
use super::planes::Planes;
use super::pointwise::{product_transposed, product_with_bias, transposed_product};
use super::sums::{add, images_at_a_time, mask, total};
use super::threads::{all_threads, made_by_columns, map_parts};
use super::winograd;
use crate::Activation;
use crate::train::shape::{ConvolutionKind, Shape, TAPS};

/// The output, `[batch, output, height_out, width_out]`.
pub(crate) fn forward(shape: &Shape, input: &[f32], weight: &[f32], bias: &[f32]) -> Vec<f32> {
    let length = shape.batch * shape.output * shape.area_out();
    match shape.kind {
        ConvolutionKind::Depthwise => {
            let planes = shape.batch * shape.output;
            // Several planes a task: one 7 x 7 plane is less work than handing it out.
            let chunk = (planes.div_ceil(64)).max(1);
            let work = |task: usize, planes_out: &mut [MaybeUninit<f32>]| {
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
            };
            // SAFETY: all of each plane is written.
            #[allow(unsafe_code)]
            unsafe {
                made_by_columns(length, chunk * shape.area_out(), 1, work).0
            }
        }
        ConvolutionKind::Dense if winograd::pays(shape) => {
            winograd::forward(shape, input, weight, bias)
        }
        ConvolutionKind::Dense => direct::forward(shape, input, weight, bias),
        ConvolutionKind::Pointwise if shape.images_at_once() > 1 => {
            let mut out = vec![0.0; length];
            forward_at_once(shape, input, weight, bias, &mut out);
            out
        }
        ConvolutionKind::Pointwise => {
            let depth = weight.len() / shape.output;
            let threads = if shape.batch == 1 {
                all_threads()
            } else {
                gemm::Parallelism::None
            };
            let image_in = shape.input * shape.area();
            let work = |image: usize, image_out: &mut [MaybeUninit<f32>]| {
                let image = &input[image * image_in..][..image_in];
                product_with_bias(shape, weight, image, bias, depth, image_out, threads);
            };
            // SAFETY: the product writes all of an image.
            #[allow(unsafe_code)]
            unsafe {
                made_by_columns(length, shape.output * shape.area_out(), 1, work).0
            }
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
    match shape.kind {
        ConvolutionKind::Dense => {
            let winograd = winograd::pays(shape);
            let (weight_gradient, bias) = match winograd {
                true => winograd::weight_gradient(shape, input, output, gradient),
                false => weight_gradient(shape, &Planes::of_input(shape, input), output, gradient),
            };
            let input = for_input.then(|| match winograd {
                true => winograd::backward(shape, weight, output, gradient),
                false => direct::backward(shape, weight, output, gradient),
            });
            GradientSet {
                input: input.unwrap_or_default(),
                weight: weight_gradient,
                bias,
            }
        }
        ConvolutionKind::Pointwise if shape.images_at_once() > 1 => {
            backward_at_once(shape, input, weight, output, gradient, for_input)
        }
        ConvolutionKind::Pointwise => {
            let work = |image: OfImage<'_>| {
                let OfImage { input, masked, .. } = image;
                product_transposed(shape, masked, input, shape.input, image.weight_sum);
                if let Some(into) = image.into {
                    transposed_product(shape, weight, masked, shape.input, into);
                }
            };
            // SAFETY: the product writes all of an image.
            #[allow(unsafe_code)]
            unsafe {
                by_parts(shape, input, output, gradient, for_input, work)
            }
        }
        ConvolutionKind::Depthwise => {
            let work = |image: OfImage<'_>| {
                Arch::new().dispatch(DepthwiseBackward {
                    shape,
                    input: image.input,
                    weight,
                    masked: image.masked,
                    into: image.into,
                    weight_sum: image.weight_sum,
                    scratch: &mut Scratch::new(shape),
                });
            };
            // SAFETY: all planes of an image are written.
            #[allow(unsafe_code)]
            unsafe {
                by_parts(shape, input, output, gradient, for_input, work)
            }
        }
    }
}

/// One image on its way back.
struct OfImage<'a> {
    input: &'a [f32],
    /// The output's gradient, where the clamp let it through.
    masked: &'a [f32],
    /// Where the input's gradient goes, if it is asked for.
    into: Option<&'a mut [MaybeUninit<f32>]>,
    /// What the weight's gradient is added to.
    weight_sum: &'a mut [f32],
}

/// A backward pass image by image, in parts of the batch whose sums are added up in the end.
///
/// # Safety
/// `work` writes all of `into`.
#[allow(unsafe_code)]
unsafe fn by_parts(
    shape: &Shape,
    input: &[f32],
    output: &[f32],
    gradient: &[f32],
    for_input: bool,
    work: impl Fn(OfImage<'_>) + Sync,
) -> GradientSet {
    let image_in = shape.input * shape.area();
    let image_out = shape.output * shape.area_out();
    let per_part = images_at_a_time(shape.batch, 1);
    let of_part = |part: usize, part_in: &mut [MaybeUninit<f32>]| {
        let mut weight_sum = vec![0.0; shape.weights()];
        let mut bias_sum = vec![0.0; shape.output];
        let mut buffer = Vec::new();
        let mut images_in = part_in.chunks_mut(image_in);
        for image in (part * per_part)..((part + 1) * per_part).min(shape.batch) {
            let range = image * image_out..(image + 1) * image_out;
            let masked = if shape.activation == Activation::Linear {
                &gradient[range]
            } else {
                buffer.resize(image_out, 0.0);
                mask(shape, &output[range.clone()], &gradient[range], &mut buffer);
                &buffer
            };
            for (sum, plane) in bias_sum.iter_mut().zip(masked.chunks(shape.area_out())) {
                *sum += total(plane);
            }
            work(OfImage {
                input: &input[image * image_in..][..image_in],
                masked,
                into: images_in.next(),
                weight_sum: &mut weight_sum,
            });
        }
        (weight_sum, bias_sum)
    };
    let (gradient_in, sums) = if for_input {
        // SAFETY: the caller's word that all of each image is written; a part is its images.
        unsafe { made_by_columns(shape.batch * image_in, per_part * image_in, 1, of_part) }
    } else {
        let parts = (0..shape.batch.div_ceil(per_part)).collect();
        let sums = map_parts(parts, |part| of_part(part, &mut []));
        (Vec::new(), sums)
    };
    let mut set = GradientSet {
        input: gradient_in,
        weight: vec![0.0; shape.weights()],
        bias: vec![0.0; shape.output],
    };
    for (weight_sum, bias_sum) in sums {
        add(&mut set.weight, &weight_sum);
        add(&mut set.bias, &bias_sum);
    }
    set
}
