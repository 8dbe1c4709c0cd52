//! The operators on burn's Flex backend: tensors in, slices to [`super::cpu`], tensors out.

use burn::backend::Flex;
use burn::backend::tensor::FloatTensor;
use burn::backend::{TensorMetadata as _, ops::FloatTensorOps as _};
use burn::tensor::TensorData;

use super::cpu::normalise::Maps;
use super::cpu::pool::Pooled;
use super::cpu::{convolution, join, normalise, pool};
use super::geometry::Geometry;
use super::join::Concatenation;
use super::normalise::{BatchNormalisation, Normalisation};
use super::operator::FusedConvolution;
use super::pool::{MaxPooling, Window};
use super::shape::Shape;

impl FusedConvolution for Flex {
    fn fused_convolution(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        geometry: Geometry,
    ) -> FloatTensor<Self> {
        let shape = shape_of(&input, &weight, geometry);
        let (input, weight, bias) = (
            input.to_contiguous(),
            weight.to_contiguous(),
            bias.to_contiguous(),
        );
        let output =
            convolution::forward(&shape, input.storage(), weight.storage(), bias.storage());
        let dims = [shape.batch, shape.output, shape.height_out, shape.width_out];
        tensor(output, &dims)
    }

    fn fused_convolution_backward(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        output: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        geometry: Geometry,
        for_input: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let shape = shape_of(&input, &weight, geometry);
        let (input_dims, weight_dims) = (input.shape(), weight.shape());
        let (input, weight, output, gradient) = (
            input.to_contiguous(),
            weight.to_contiguous(),
            output.to_contiguous(),
            gradient.to_contiguous(),
        );
        let gradients = convolution::backward(
            &shape,
            input.storage(),
            weight.storage(),
            output.storage(),
            gradient.storage(),
            for_input,
        );
        let for_input = if for_input {
            tensor(gradients.input, &input_dims)
        } else {
            tensor(Vec::new(), &[0])
        };
        (
            for_input,
            tensor(gradients.weight, &weight_dims),
            tensor(gradients.bias, &[shape.output]),
        )
    }
}

impl BatchNormalisation for Flex {
    fn normalise(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        how: Normalisation,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let (maps, dims) = (maps_of(&input), input.shape());
        let (input, weight, bias) = (
            input.to_contiguous(),
            weight.to_contiguous(),
            bias.to_contiguous(),
        );
        let (output, mean, variance) =
            normalise::forward(maps, input.storage(), weight.storage(), bias.storage(), how);
        let channels = [maps.channels];
        (
            tensor(output, &dims),
            tensor(mean, &channels),
            tensor(variance, &channels),
        )
    }

    fn normalise_backward(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        how: Normalisation,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let (maps, dims) = (maps_of(&input), input.shape());
        let (input, gradient) = (input.to_contiguous(), gradient.to_contiguous());
        let channelwise = [weight, bias, mean, variance].map(|tensor| tensor.to_contiguous());
        let (for_input, for_weight, for_bias) = normalise::backward(
            maps,
            input.storage(),
            [0, 1, 2, 3].map(|i| channelwise[i].storage()),
            gradient.storage(),
            how,
        );
        let channels = [maps.channels];
        (
            tensor(for_input, &dims),
            tensor(for_weight, &channels),
            tensor(for_bias, &channels),
        )
    }
}

impl MaxPooling for Flex {
    fn max_pool(input: FloatTensor<Self>, window: Window) -> FloatTensor<Self> {
        let [batch, channels, _, _] = input.shape().dims();
        let pooled = pooled(&input, window);
        let input = input.to_contiguous();
        let output = pool::forward(pooled, input.storage());
        let [height, width] = pooled.size_out;
        tensor(output, &[batch, channels, height, width])
    }

    fn max_pool_backward(
        input: FloatTensor<Self>,
        output: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        window: Window,
    ) -> FloatTensor<Self> {
        let (pooled, dims) = (pooled(&input, window), input.shape());
        let (input, output) = (input.to_contiguous(), output.to_contiguous());
        let gradient = gradient.to_contiguous();
        let for_input = pool::backward(
            pooled,
            input.storage(),
            output.storage(),
            gradient.storage(),
        );
        tensor(for_input, &dims)
    }
}

impl Concatenation for Flex {
    fn concatenate(first: FloatTensor<Self>, second: FloatTensor<Self>) -> FloatTensor<Self> {
        let [batch, channels, height, width] = first.shape().dims();
        let [_, others, _, _] = second.shape().dims();
        let (first, second) = (first.to_contiguous(), second.to_contiguous());
        let joined = join::concatenate(batch, first.storage(), second.storage());
        tensor(joined, &[batch, channels + others, height, width])
    }

    fn divide(input: FloatTensor<Self>, channels: usize) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let [batch, all, height, width] = input.shape().dims();
        let input = input.to_contiguous();
        let part = |first: usize, last: usize| {
            let range = first * height * width..last * height * width;
            let values = join::part(batch, input.storage(), range);
            tensor(values, &[batch, last - first, height, width])
        };
        (part(0, channels), part(channels, all))
    }
}

#[allow(clippy::panic)] // As every burn operator does for shapes that do not fit.
fn pooled(input: &FloatTensor<Flex>, window: Window) -> Pooled {
    let [_, _, height, width] = input.shape().dims();
    match (window.count(height), window.count(width)) {
        (Some(height_out), Some(width_out)) => Pooled {
            window,
            size: [height, width],
            size_out: [height_out, width_out],
        },
        _ => panic!("{window:?} does not fit into {height} x {width}"),
    }
}

fn maps_of(input: &FloatTensor<Flex>) -> Maps {
    let [_, channels, height, width] = input.shape().dims();
    Maps {
        channels,
        area: height * width,
    }
}

fn tensor(values: Vec<f32>, dims: &[usize]) -> FloatTensor<Flex> {
    Flex::float_from_data(TensorData::new(values, dims.to_vec()), &Default::default())
}

#[allow(clippy::panic)] // As every burn operator does for shapes that do not fit.
fn shape_of(input: &FloatTensor<Flex>, weight: &FloatTensor<Flex>, geometry: Geometry) -> Shape {
    let (input, weight) = (input.shape().dims(), weight.shape().dims());
    match Shape::new(input, weight, geometry) {
        Some(shape) => shape,
        None => panic!("no fused convolution of {input:?} with {weight:?} and {geometry:?}"),
    }
}
