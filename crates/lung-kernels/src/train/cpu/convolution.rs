//! The arithmetic on plain slices, channels first.
//!
//! A 1 x 1 convolution is a matrix product of each image; every other dense one is [`super::direct`] or [`super::winograd`]. A depthwise one is done
//! plane by plane, by [`super::depthwise`].
//!
//! Work is divided by image and by fixed parts of the batch, so that sums come out the same whatever the number of
//! threads.

use std::mem::MaybeUninit;

use pulp::Arch;

use super::batch::{GradientSet, backward_at_once, forward_at_once};
use super::depthwise::{Buffers, DepthwiseBackward, DepthwisePlane};
use super::direct;
use super::direct_weight::weight_gradient;
use super::planes::Planes;
use super::pointwise::{Columns, product_transposed, product_with_bias, transposed_product};
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
                let mut buffers = Buffers::forward(shape);
                for (place, plane_out) in planes_out.chunks_mut(shape.area_out()).enumerate() {
                    let plane = task * chunk + place;
                    let channel = plane % shape.output;
                    Arch::new().dispatch(DepthwisePlane {
                        shape,
                        plane: &input[plane * shape.area()..][..shape.area()],
                        weight: &weight[channel * TAPS..][..TAPS],
                        bias: bias[channel],
                        out: plane_out,
                        buffers: &mut buffers,
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
            let work = |image: OfImage<'_>, tile: &mut Vec<f32>| {
                pointwise_backward(shape, weight, image, tile);
            };
            // SAFETY: the product writes all of an image.
            #[allow(unsafe_code)]
            unsafe {
                by_parts(shape, input, output, gradient, for_input, Vec::new, work)
            }
        }
        ConvolutionKind::Depthwise => {
            let work = |image: OfImage<'_>, buffers: &mut Buffers| {
                Arch::new().dispatch(DepthwiseBackward {
                    shape,
                    input: image.input,
                    weight,
                    output: image.output,
                    gradient: image.gradient,
                    into: image.into,
                    weight_sum: image.weight_sum,
                    bias_sum: image.bias_sum,
                    buffers,
                });
            };
            let buffers = || Buffers::backward(shape);
            // SAFETY: all planes of an image are written.
            #[allow(unsafe_code)]
            unsafe {
                by_parts(shape, input, output, gradient, for_input, buffers, work)
            }
        }
    }
}

/// One image on its way back.
struct OfImage<'a> {
    input: &'a [f32],
    output: &'a [f32],
    /// Of the output.
    gradient: &'a [f32],
    /// Where the input's gradient goes, if it is asked for.
    into: Option<&'a mut [MaybeUninit<f32>]>,
    /// What the weight's gradient is added to.
    weight_sum: &'a mut [f32],
    /// What the bias's is added to.
    bias_sum: &'a mut [f32],
}

/// The backward pass of a 1 x 1 convolution for one image, some columns at a time: what the clamp let through stays in the cache for both
/// products. All of `image.into` is written.
fn pointwise_backward(shape: &Shape, weight: &[f32], mut image: OfImage<'_>, tile: &mut Vec<f32>) {
    let area = shape.area_out();
    let at_once = columns_of_tile(shape);
    for start in (0..area).step_by(at_once) {
        let columns = start..area.min(start + at_once);
        let width = columns.len();
        let rows = |values| Columns::new(values, area, columns.clone());
        let masked = if shape.activation == Activation::Linear {
            let masked = rows(image.gradient);
            for (channel, sum) in image.bias_sum.iter_mut().enumerate() {
                *sum += total(masked.row(channel));
            }
            masked
        } else {
            tile.resize(shape.output * width, 0.0);
            let lines = image
                .output
                .chunks_exact(area)
                .zip(image.gradient.chunks_exact(area))
                .zip(tile.chunks_exact_mut(width))
                .zip(&mut *image.bias_sum);
            for (((output, gradient), into), sum) in lines {
                *sum += mask(
                    shape,
                    &output[columns.clone()],
                    &gradient[columns.clone()],
                    into,
                );
            }
            Columns::new(tile, width, 0..width)
        };
        product_transposed(shape, masked, rows(image.input), image.weight_sum);
        if let Some(into) = image.into.as_deref_mut() {
            transposed_product(shape, weight, masked, &mut into[start..]);
        }
    }
}

/// Numbers of a tile of the gradient: as many as stay in a second cache beside what they are multiplied with.
const TILE_NUMBERS: usize = 1 << 16;

fn columns_of_tile(shape: &Shape) -> usize {
    (TILE_NUMBERS / shape.output).next_multiple_of(16)
}

/// A backward pass image by image, in parts of the batch whose sums are added up in the end. Each part has `buffers` of its own.
///
/// # Safety
/// `work` writes all of `into`.
#[allow(unsafe_code)]
unsafe fn by_parts<B>(
    shape: &Shape,
    input: &[f32],
    output: &[f32],
    gradient: &[f32],
    for_input: bool,
    buffers: impl Fn() -> B + Sync,
    work: impl Fn(OfImage<'_>, &mut B) + Sync,
) -> GradientSet {
    let image_in = shape.input * shape.area();
    let image_out = shape.output * shape.area_out();
    let per_part = images_at_a_time(shape.batch, 1);
    let of_part = |part: usize, part_in: &mut [MaybeUninit<f32>]| {
        let mut weight_sum = vec![0.0; shape.weights()];
        let mut bias_sum = vec![0.0; shape.output];
        let mut buffers = buffers();
        let mut images_in = part_in.chunks_mut(image_in);
        for image in (part * per_part)..((part + 1) * per_part).min(shape.batch) {
            let of_image = OfImage {
                input: &input[image * image_in..][..image_in],
                output: &output[image * image_out..][..image_out],
                gradient: &gradient[image * image_out..][..image_out],
                into: images_in.next(),
                weight_sum: &mut weight_sum,
                bias_sum: &mut bias_sum,
            };
            work(of_image, &mut buffers);
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
