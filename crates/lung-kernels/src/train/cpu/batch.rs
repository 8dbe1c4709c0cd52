//! 1 x 1 convolutions of several images at once, where maps are small.

use pulp::Arch;

use super::pointwise::{Matrix, multiply};
use super::sums::{Finish, mask, total};
use super::threads::{all_threads, for_chunks};
use crate::train::shape::Shape;

/// Gradients for input, weight and bias.
pub(crate) struct GradientSet {
    pub(crate) input: Vec<f32>,
    pub(crate) weight: Vec<f32>,
    pub(crate) bias: Vec<f32>,
}

/// The maps of `count` images side by side: `[input, count * area]`.
fn columns_of(shape: &Shape, images: &[f32], count: usize) -> Vec<f32> {
    let area = shape.area();
    let width = count * area;
    let mut columns = vec![0.0; shape.input * width];
    let image_in = shape.input * area;
    // Some rows a task: one is little work.
    let rows = shape.input.div_ceil(64);
    for_chunks(&mut columns, rows * width, |task, into| {
        for (number, row_into) in into.chunks_exact_mut(width).enumerate() {
            for (image, into) in images
                .chunks_exact(image_in)
                .zip(row_into.chunks_exact_mut(area))
            {
                into.copy_from_slice(&image[(task * rows + number) * area..][..area]);
            }
        }
    });
    columns
}

/// The forward pass of a 1 x 1 convolution, several images a product.
pub(super) fn forward_at_once(
    shape: &Shape,
    input: &[f32],
    weight: &[f32],
    bias: &[f32],
    out: &mut [f32],
) {
    let (image_in, area) = (shape.input * shape.area(), shape.area_out());
    let image_out = shape.output * area;
    let arch = Arch::new();
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
                map.copy_from_slice(&product[channel * width + image * area..][..area]);
                arch.dispatch(Finish {
                    row: map,
                    bias: *bias,
                    limits: shape.activation.limits(),
                });
            }
        });
    }
}

/// The backward pass of a 1 x 1 convolution, several images a product.
pub(super) fn backward_at_once(
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
                for (channel, map) in image_into.chunks_exact_mut(area).enumerate() {
                    map.copy_from_slice(&columns[channel * width + image * area..][..area]);
                }
            });
        }
    }
    set
}
