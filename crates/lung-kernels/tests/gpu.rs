//! Every GPU kernel against the plain burn operators on the CPU, on sizes that fit no tile.
//!
//! They need a graphics adapter that burn finds; one in software serves (Debian: `apt install mesa-vulkan-drivers`).

// A helper of a test fails as the test does.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::OnceLock;

use burn::tensor::activation::{relu, sigmoid};
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Distribution, Tensor, TensorData};
use lung_kernels::infer::gpu::{self, BlockGeometry, GateGeometry, Image, Linear, Place, Tuning};

/// The GPU; a test without one fails and says so.
fn gpu_device() -> Device {
    static DEVICE: OnceLock<Device> = OnceLock::new();
    DEVICE
        .get_or_init(|| {
            Device::wgpu_options().init().expect(
                "these tests need a graphics adapter, if only in software: install mesa-vulkan-drivers",
            )
        })
        .clone()
}

/// A convolution's parameters, as burn and as the kernels take them.
struct Layer {
    weight: Tensor<4>,
    bias: Tensor<1>,
    values: (Vec<f32>, Vec<f32>),
}

impl Layer {
    fn random(shape: [usize; 4]) -> Self {
        let fan = (shape[1] * shape[2] * shape[3]) as f64;
        let weight = random(shape).mul_scalar((3.0 / fan).sqrt());
        let bias = random([shape[0]]);
        let values = (values(weight.clone()), values(bias.clone()));
        Self {
            weight,
            bias,
            values,
        }
    }

    fn linear(&self) -> Linear<'_> {
        Linear {
            weight: &self.values.0,
            bias: &self.values.1,
        }
    }

    fn apply(&self, input: Tensor<4>, stride: usize) -> Tensor<4> {
        let [_, per_group, side, _] = self.weight.dims();
        let groups = input.dims()[1] / per_group;
        conv2d(
            input,
            self.weight.clone(),
            Some(self.bias.clone()),
            ConvOptions::new([stride; 2], [side / 2; 2], [1, 1], groups),
        )
    }

    fn apply_flat(&self, input: Tensor<2>) -> Tensor<2> {
        let [output, input_size, ..] = self.weight.dims();
        let weight = self.weight.clone().reshape([output, input_size]);
        input.matmul(weight.transpose()) + self.bias.clone().unsqueeze()
    }
}

fn random<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    Tensor::random(shape, Distribution::Uniform(-1.0, 1.0), &Device::flex())
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().expect("numbers are f32")
}

fn on_gpu<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), &gpu_device())
}

fn flat_on_gpu(values: Vec<f32>) -> Tensor<1> {
    let len = values.len();
    on_gpu(values, [len])
}

/// `[1, channels, height, width]` on the CPU to an image on the GPU, behind something else in its tensor.
fn image_on_gpu(image: &Tensor<4>) -> Image {
    const BEFORE: usize = 5;
    let [_, channels, height, width] = image.dims();
    let place = Place {
        start: BEFORE,
        height,
        width,
        channels,
    };
    let mut last = vec![f32::NAN; BEFORE];
    last.resize(place.end(), 0.0);
    for (i, value) in values(image.clone()).into_iter().enumerate() {
        let (channel, position) = (i / place.positions(), i % place.positions());
        last[BEFORE + position * gpu::padded(channels) + channel] = value;
    }
    Image::new(flat_on_gpu(last), place)
}

/// The way back, and that what pads the channels is zero.
fn image_of(image: Image) -> Tensor<4> {
    let place = image.place();
    let (positions, channels, padded) = (
        place.positions(),
        place.channels,
        gpu::padded(place.channels),
    );
    let mut planes = vec![0.0; channels * positions];
    let values = values(image.into_values());
    for (i, value) in values[place.start..place.end()].iter().enumerate() {
        let (position, channel) = (i / padded, i % padded);
        match channel < channels {
            true => planes[channel * positions + position] = *value,
            false => assert_eq!(*value, 0.0, "channel {channel} is there to pad"),
        }
    }
    Tensor::from_data(
        TensorData::new(planes, [1, channels, place.height, place.width]),
        &Device::flex(),
    )
}

/// The start of a flat tensor on the GPU, on the CPU.
fn first_values<const D: usize>(tensor: Tensor<1>, shape: [usize; D]) -> Tensor<D> {
    let mut values = values(tensor);
    values.truncate(shape.iter().product());
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

/// Equal to 1e-4 of the largest value: sums of a thousand products in another order.
#[track_caller]
fn assert_close<const D: usize>(actual: Tensor<D>, expected: Tensor<D>) {
    assert_eq!(actual.dims(), expected.dims());
    let (actual, expected) = (values(actual), values(expected));
    let largest = expected.iter().fold(1e-3f32, |max, x| max.max(x.abs()));
    for (i, (a, e)) in actual.iter().zip(&expected).enumerate() {
        assert!(
            (a - e).abs() <= 1e-4 * largest,
            "value {i} is {a}, not {e} (largest {largest})"
        );
    }
}

/// Runs a test as the kernels divide their work on a GPU in software, and on a real one.
fn with_each_tuning(test: impl Fn()) {
    for tuning in [Tuning::Software, Tuning::Hardware] {
        gpu::tune(Some(tuning));
        test();
    }
    gpu::tune(None);
}

#[test]
fn the_stem_is_a_convolution_of_stride_2() {
    with_each_tuning(compare_stems);
}

fn compare_stems() {
    for (input, output, height, width) in [(3, 32, 28, 28), (1, 5, 13, 31), (2, 33, 1, 1)] {
        let layer = Layer::random([output, input, 3, 3]);
        let image = random([1, input, height, width]).mul_scalar(4.0);
        let expected = layer.apply(image.clone(), 2).clamp(0.0, 6.0);
        let packed = flat_on_gpu(gpu::pack_stem(layer.linear(), input));
        let actual = gpu::stem(
            on_gpu(values(image), [input, height, width]),
            packed,
            output,
        );
        assert_close(image_of(actual), expected);
    }
}

#[test]
fn a_block_is_its_convolutions() {
    with_each_tuning(compare_blocks);
}

fn compare_blocks() {
    for (hidden, output, expanded, stride, height, width) in [
        (32, 16, 96, 1, 28, 28),
        (96, 24, 144, 2, 28, 28),
        (144, 24, 144, 1, 14, 14),
        (192, 64, 0, 1, 7, 7),
        (1, 1, 1, 1, 5, 9),
        (33, 7, 40, 2, 9, 31),
        (40, 65, 1, 1, 1, 30),
        (3, 2, 1, 2, 1, 1),
    ] {
        let depthwise = Layer::random([hidden, 1, 3, 3]);
        let project = Layer::random([output, hidden, 1, 1]);
        let expand = (expanded > 0).then(|| Layer::random([expanded, output, 1, 1]));
        let weights = flat_on_gpu(gpu::pack_block(
            depthwise.linear(),
            project.linear(),
            expand.as_ref().map(Layer::linear),
        ));
        let image = random([1, hidden, height, width]).mul_scalar(6.0);
        let filtered = depthwise.apply(image.clone(), stride).clamp(0.0, 6.0);
        let projected = project.apply(filtered, 1);
        let [_, _, height_out, width_out] = projected.dims();
        for add in [false, true] {
            let residual = random([1, output, height_out, width_out]);
            let expected = match add {
                true => projected.clone() + residual.clone(),
                false => projected.clone(),
            };
            let geometry = BlockGeometry {
                hidden,
                output,
                expanded,
                stride,
            };
            let (actual, next) = gpu::block(
                &image_on_gpu(&image),
                weights.clone(),
                add.then(|| image_on_gpu(&residual)).as_ref(),
                geometry,
            );
            assert_close(image_of(actual), expected.clone());
            assert_eq!(next.place().channels, expanded);
            if let Some(expand) = &expand {
                assert_close(image_of(next), expand.apply(expected, 1).clamp(0.0, 6.0));
            }
        }
        let alone = gpu::projection(
            &image_on_gpu(&image),
            weights,
            BlockGeometry {
                hidden,
                output,
                expanded,
                stride,
            },
        );
        assert_close(image_of(alone), projected);
    }
}

#[test]
fn gates_are_those_of_cbam() {
    with_each_tuning(compare_gates);
}

fn compare_gates() {
    for (channels, hidden, height, width) in [
        (1280, 40, 7, 7),
        (24, 4, 9, 11),
        (1, 4, 1, 1),
        (65, 33, 3, 50),
    ] {
        for peaks in [false, true] {
            let reduce = Layer::random([hidden, channels, 1, 1]);
            let expand = Layer::random([channels, hidden, 1, 1]);
            let spatial = Layer::random([1, 2, 7, 7]);
            let image = random([1, channels, height, width]).mul_scalar(3.0);
            let excite = |pooled| expand.apply_flat(relu(reduce.apply_flat(pooled)));
            let flat = image.clone().reshape([1, channels, height * width]);
            let mut excitation = excite(flat.clone().mean_dim(2).squeeze_dim(2));
            if peaks {
                excitation = excitation + excite(flat.max_dim(2).squeeze_dim(2));
            }
            let gate = sigmoid(excitation).mul_scalar(2.0);
            let gated = image.clone() * gate.clone().reshape([1, channels, 1, 1]);
            let summary = Tensor::cat(vec![gated.clone().mean_dim(1), gated.clone().max_dim(1)], 1);
            let position = sigmoid(spatial.apply(summary, 1)).mul_scalar(2.0);

            let on_device = image_on_gpu(&image);
            let channel_gates = gpu::channel_gate(
                &on_device,
                flat_on_gpu(gpu::pack_channel_gate(reduce.linear(), expand.linear())),
                GateGeometry {
                    channels,
                    hidden,
                    peaks,
                },
            );
            assert_close(first_values(channel_gates.clone(), [1, channels]), gate);
            let position_gates = gpu::position_gate(
                &on_device,
                channel_gates.clone(),
                flat_on_gpu(gpu::pack_position_gate(spatial.linear())),
            );
            assert_close(
                first_values(position_gates.clone(), [1, 1, height, width]),
                position.clone(),
            );
            let residual = random([1, channels, height, width]);
            let wider = Layer::random([channels + 3, channels, 1, 1]);
            // Of a block's weights, only the expansion's matter here.
            let weights = flat_on_gpu(gpu::pack_block(
                Layer::random([1, 1, 3, 3]).linear(),
                Layer::random([channels, 1, 1, 1]).linear(),
                Some(wider.linear()),
            ));
            let geometry = BlockGeometry {
                hidden: 1,
                output: channels,
                expanded: channels + 3,
                stride: 1,
            };
            for (by_position, add) in [(false, false), (true, true)] {
                let (actual, next) = gpu::gated_expansion(
                    &on_device,
                    channel_gates.clone(),
                    by_position.then(|| position_gates.clone()),
                    add.then(|| image_on_gpu(&residual)).as_ref(),
                    weights.clone(),
                    geometry,
                );
                let expected = match by_position {
                    true => gated.clone() * position.clone() + residual.clone(),
                    false => gated.clone(),
                };
                assert_close(image_of(actual), expected.clone());
                assert_close(image_of(next), wider.apply(expected, 1).clamp(0.0, 6.0));
            }
        }
    }
}

#[test]
fn launches_are_counted() {
    let layer = Layer::random([4, 1, 3, 3]);
    let packed = flat_on_gpu(gpu::pack_stem(layer.linear(), 1));
    let before = gpu::launches();
    let _ = gpu::stem(on_gpu(vec![0.0; 64], [1, 8, 8]), packed, 4);
    assert_eq!(gpu::launches() - before, 1);
}
