//! Every shape against burn's own operators, forward and backward.

// A helper of a test fails as the test does.
#![allow(clippy::unwrap_used, clippy::panic)]

use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Distribution, Tensor, TensorData};
use lung_kernels::{Activation, Geometry, Window, concatenate, convolution, max_pool, supports};

struct Case {
    input: [usize; 4],
    weight: [usize; 4],
    geometry: Geometry,
    /// Standard deviation of the weight.
    deviation: f32,
}

/// With a border of half the kernel, and weights of deviation 1.
fn usual(
    input: [usize; 4],
    weight: [usize; 4],
    stride: usize,
    groups: usize,
    activation: Activation,
) -> Case {
    Case {
        input,
        weight,
        geometry: Geometry {
            stride,
            padding: weight[2] / 2,
            groups,
            activation,
        },
        deviation: 1.0,
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for batch in [1, 2, 7, 9] {
        for (height, width) in [(1, 1), (2, 3), (7, 7), (14, 14), (13, 17), (33, 30)] {
            for activation in [Activation::Linear, Activation::Relu, Activation::Relu6] {
                for (c, o) in [(1, 1), (3, 5), (24, 16)] {
                    let input = [batch, c, height, width];
                    let case =
                        |weight, stride, groups| usual(input, weight, stride, groups, activation);
                    cases.push(case([o, c, 1, 1], 1, 1));
                    for stride in [1, 2] {
                        cases.push(case([c, 1, 3, 3], stride, c));
                        for side in [3, 5, 7] {
                            cases.push(case([o, c, side, side], stride, 1));
                        }
                    }
                    cases.push(case([o, c, 1, 1], 2, 1));
                }
            }
        }
    }
    // More channels than are summed up at a time, with whole blocks and without; few images, so that threads divide the channels.
    for (batch, c, o, side) in [
        (1, 8, 70, 28),
        (2, 65, 24, 9),
        (3, 48, 96, 7),
        (9, 5, 32, 6),
    ] {
        for (kernel, stride, padding) in [(3, 1, 1), (3, 2, 1), (3, 2, 0), (1, 2, 0), (5, 1, 1)] {
            cases.push(Case {
                input: [batch, c, side, side + 1],
                weight: [o, c, kernel, kernel],
                geometry: Geometry {
                    stride,
                    padding,
                    groups: 1,
                    activation: Activation::Relu,
                },
                deviation: 1.0,
            });
        }
    }
    // Maps that are worked on a part at a time: some rows of a depthwise convolution, some columns of a 1 x 1.
    for activation in [Activation::Linear, Activation::Relu6] {
        for (weight, stride, groups) in [
            ([70, 6, 1, 1], 1, 1),
            ([6, 1, 3, 3], 1, 6),
            ([6, 1, 3, 3], 2, 6),
        ] {
            for [height, width] in [[37, 120], [50, 97], [3, 2100]] {
                let input = [2, 6, height, width];
                cases.push(usual(input, weight, stride, groups, activation));
            }
        }
    }
    // Enough channels and tiles for Winograd's way: whole tiles and not, whole pairs of vectors and not, one image and many, either padding. Its
    // outputs are some 1e-5 of a usual one off. The loss below is to see that as little as any network does, so they are about 1.
    for (input, output, padding, activation) in [
        ([9, 32, 14, 15], 48, 1, Activation::Relu),
        ([40, 48, 7, 9], 32, 0, Activation::Linear),
        ([1, 64, 57, 50], 80, 1, Activation::Relu),
        ([130, 32, 4, 4], 144, 1, Activation::Linear),
        ([16, 96, 12, 12], 32, 1, Activation::Relu),
    ] {
        cases.push(Case {
            input,
            weight: [output, input[1], 3, 3],
            geometry: Geometry {
                stride: 1,
                padding,
                groups: 1,
                activation,
            },
            deviation: 0.03,
        });
    }
    cases
}

fn plain(x: Tensor<4>, w: Tensor<4>, b: Tensor<1>, geometry: Geometry) -> Tensor<4> {
    let padding = [geometry.padding; 2];
    let options = ConvOptions::new([geometry.stride; 2], padding, [1, 1], geometry.groups);
    let out = conv2d(x, w, Some(b), options);
    match geometry.activation {
        Activation::Linear => out,
        Activation::Relu => out.clamp_min(0.0),
        Activation::Relu6 => out.clamp(0.0, 6.0),
    }
}

/// `usual` is what a sum of so many random terms comes to. One in which they happen to cancel, or of which a clamp leaves little, is
/// rounded like the others.
fn assert_near<const D: usize>(
    got: Tensor<D>,
    want: Tensor<D>,
    usual: f32,
    what: &str,
    case: &Case,
) {
    assert_eq!(got.dims(), want.dims(), "{what}");
    let scale: f32 = want.clone().abs().max().into_scalar();
    let worst: f32 = (got - want).abs().max().into_scalar();
    // Sums of at most a few thousand terms, in another order.
    assert!(
        worst <= 1e-4 * scale + 1e-6 * usual,
        "{what} differs by {worst} of {scale}, usually {usual}, for {:?} {:?} {:?}",
        case.input,
        case.weight,
        case.geometry
    );
}

#[test]
fn forward_and_backward_agree_with_burn() {
    let device = Device::flex().autodiff();
    device.seed(3);
    let random = Distribution::Normal(0.0, 1.0);
    for case in cases() {
        let x = Tensor::<4>::random(case.input, random, &device).mul_scalar(2.0);
        let w = Tensor::<4>::random(case.weight, random, &device).mul_scalar(case.deviation);
        let b = Tensor::<1>::random([case.weight[0]], random, &device);
        assert!(supports(&x, case.weight, case.geometry));
        let run = |fused: bool| {
            let (x, w, b) = (
                x.clone().detach().require_grad(),
                w.clone().detach().require_grad(),
                b.clone().detach().require_grad(),
            );
            let f = if fused { convolution } else { plain };
            let out = f(x.clone(), w.clone(), b.clone(), case.geometry);
            // A loss with another gradient at every position: between 0 and 2, so that an error of the output stays what it is. Behind
            // a clamp it has none at the clamp's ends, where the last bit of a sum decides what comes through.
            let turns = std::f32::consts::PI / 3.0;
            let loss = out.clone() - (out.clone() * turns).sin() / turns;
            let grads = loss.sum().backward();
            (
                out.inner(),
                x.grad(&grads).unwrap(),
                w.grad(&grads).unwrap(),
                b.grad(&grads).unwrap(),
            )
        };
        let (got, want) = (run(true), run(false));
        let [batch, _, height, width] = got.0.dims();
        let [outputs, inputs, rows, columns] = case.weight;
        let sum_of = |terms: usize| (terms as f32).sqrt();
        let (taps, positions) = (rows * columns, batch * height * width);
        // The input's deviation is 2, that of all the rest about 1.
        let output = 2.0 * case.deviation * sum_of(inputs * taps);
        let input = case.deviation * sum_of(outputs / case.geometry.groups * taps);
        assert_near(got.0, want.0, output, "output", &case);
        assert_near(got.1, want.1, input, "input gradient", &case);
        assert_near(
            got.2,
            want.2,
            2.0 * sum_of(positions),
            "weight gradient",
            &case,
        );
        assert_near(got.3, want.3, sum_of(positions), "bias gradient", &case);
    }
}

#[test]
fn an_input_that_needs_no_gradient_gets_none() {
    let device = Device::flex().autodiff();
    let x = Tensor::<4>::ones([2, 3, 8, 8], &device);
    let w = Tensor::<4>::ones([4, 3, 3, 3], &device).require_grad();
    let b = Tensor::<1>::zeros([4], &device).require_grad();
    let geometry = Geometry {
        stride: 2,
        padding: 1,
        groups: 1,
        activation: Activation::Linear,
    };
    let grads = convolution(x.clone(), w.clone(), b, geometry)
        .sum()
        .backward();
    assert!(x.grad(&grads).is_none());
    assert!(w.grad(&grads).is_some());
}

#[test]
fn what_it_cannot_do_it_says() {
    let device = Device::flex();
    let x = Tensor::<4>::ones([1, 4, 8, 8], &device);
    let geometry = |stride, groups| Geometry {
        stride,
        padding: 1,
        groups,
        activation: Activation::Linear,
    };
    let padded = |padding| Geometry {
        padding,
        ..geometry(1, 1)
    };
    assert!(!supports(&x, [4, 4, 9, 9], geometry(1, 1)));
    assert!(!supports(&x, [4, 2, 3, 3], geometry(1, 2)));
    assert!(!supports(&x, [4, 4, 3, 3], geometry(3, 1)));
    assert!(!supports(&x, [4, 4, 2, 2], geometry(1, 1)));
    assert!(supports(&x, [4, 4, 3, 3], padded(0)));
    assert!(!supports(&x, [4, 4, 3, 3], padded(2)));
    assert!(!supports(&x, [4, 4, 1, 1], padded(1)));
    // A map that is smaller than the kernel.
    let small = Tensor::<4>::ones([1, 4, 2, 8], &device);
    assert!(!supports(&small, [4, 4, 3, 3], padded(0)));
    // Then burn's operators do it.
    let weight = Tensor::<4>::ones([4, 4, 9, 9], &device);
    let bias = Tensor::<1>::zeros([4], &device);
    let expected = plain(x.clone(), weight.clone(), bias.clone(), padded(4));
    let composed = convolution(x, weight, bias, padded(4));
    assert_eq!(composed.into_data(), expected.into_data());
}

#[test]
fn joined_maps_and_their_gradients_are_burns() {
    let device = Device::flex().autodiff();
    device.seed(4);
    let random = Distribution::Normal(0.0, 1.0);
    let a = Tensor::<4>::random([3, 2, 4, 5], random, &device);
    let b = Tensor::<4>::random([3, 7, 4, 5], random, &device);
    let factors = Tensor::<4>::random([3, 9, 4, 5], random, &device);
    let run = |join: fn(Tensor<4>, Tensor<4>) -> Tensor<4>| {
        let (a, b) = (
            a.clone().detach().require_grad(),
            b.clone().detach().require_grad(),
        );
        let joined = join(a.clone(), b.clone());
        let grads = (joined.clone() * factors.clone()).sum().backward();
        [
            joined.inner(),
            a.grad(&grads).unwrap(),
            b.grad(&grads).unwrap(),
        ]
        .map(Tensor::into_data)
    };
    assert_eq!(run(concatenate), run(|a, b| Tensor::cat(vec![a, b], 1)));
    // Only one of both has a gradient.
    let (a, b) = (a.detach(), b.detach().require_grad());
    let grads = concatenate(a.clone(), b.clone()).sum().backward();
    assert!(a.grad(&grads).is_none());
    assert_eq!(b.grad(&grads).unwrap().sum().into_scalar::<f32>(), 420.0);
}

#[test]
fn what_is_no_number_stays_so_in_a_convolution() {
    let device = Device::flex();
    for (channels, side, depthwise, activation) in [
        (8, 3, false, Activation::Linear),
        (32, 3, false, Activation::Linear),
        (8, 1, false, Activation::Linear),
        (8, 1, false, Activation::Relu6),
        (8, 3, true, Activation::Linear),
        (8, 3, true, Activation::Relu6),
    ] {
        let mut values = vec![1.0; 8 * channels * 16 * 16];
        values[5 * 16 + 5] = f32::NAN;
        let data = TensorData::new(values, [8, channels, 16, 16]);
        let x = Tensor::<4>::from_data(data, &device);
        let inputs = if depthwise { 1 } else { channels };
        let w = Tensor::<4>::ones([channels, inputs, side, side], &device);
        let geometry = Geometry {
            stride: 1,
            padding: side / 2,
            groups: channels / inputs,
            activation,
        };
        let out = convolution(x, w, Tensor::zeros([channels], &device), geometry);
        let out: Vec<f32> = out.into_data().try_to_vec().unwrap();
        assert!(
            out[5 * 16 + 5].is_nan(),
            "{channels} channels, {geometry:?}"
        );
        let [low, high] = activation.limits();
        let sum = ((side * side * inputs) as f32).clamp(low, high);
        assert!((out[12 * 16 + 12] - sum).abs() < 1e-4 * sum);
    }
}

#[test]
fn what_is_no_number_is_the_largest_of_its_window() {
    let device = Device::flex();
    let input = Tensor::<4>::from_data([[[[1.0, f32::NAN, 2.0, 3.0]]]], &device);
    let window = Window {
        side: 3,
        stride: 1,
        padding: 1,
        ceil: false,
    };
    let largest: Vec<f32> = max_pool(input, window).into_data().try_into_vec().unwrap();
    assert!(
        largest[..3].iter().all(|value| value.is_nan()),
        "{largest:?}"
    );
    assert_eq!(largest[3], 3.0);
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let device = Device::flex().autodiff();
    device.seed(6);
    let random = Distribution::Normal(0.0, 1.0);
    for (input, weight, stride, groups) in [
        ([1, 9, 15, 15], [70, 9, 3, 3], 1, 1),
        ([5, 33, 8, 9], [20, 33, 3, 3], 2, 1),
        ([3, 3, 30, 31], [64, 3, 7, 7], 2, 1),
        ([6, 40, 7, 7], [24, 40, 1, 1], 1, 1),
        ([11, 32, 15, 14], [48, 32, 3, 3], 1, 1),
        ([11, 6, 37, 120], [70, 6, 1, 1], 1, 1),
        ([11, 6, 37, 120], [6, 1, 3, 3], 1, 6),
        ([11, 6, 37, 121], [6, 1, 3, 3], 2, 6),
    ] {
        let x = Tensor::<4>::random(input, random, &device);
        let w = Tensor::<4>::random(weight, random, &device);
        let b = Tensor::<1>::random([weight[0]], random, &device);
        let geometry = Geometry {
            stride,
            padding: weight[2] / 2,
            groups,
            activation: Activation::Relu,
        };
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            pool.build().unwrap().install(|| {
                let (x, w, b) = (
                    x.clone().detach().require_grad(),
                    w.clone().detach().require_grad(),
                    b.clone().detach().require_grad(),
                );
                let output = convolution(x.clone(), w.clone(), b.clone(), geometry);
                let grads = (output.clone() * output.clone()).sum().backward();
                (
                    output.into_data(),
                    x.grad(&grads).unwrap().into_data(),
                    w.grad(&grads).unwrap().into_data(),
                    b.grad(&grads).unwrap().into_data(),
                )
            })
        };
        let alone = with(1);
        for threads in [2, 5, 16] {
            assert_eq!(
                with(threads),
                alone,
                "{input:?} {weight:?}, {threads} threads"
            );
        }
    }
}
