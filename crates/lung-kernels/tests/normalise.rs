//! Batch norm against burn's own, forward and backward.

// A helper of a test fails as the test does.
#![allow(clippy::unwrap_used, clippy::panic)]

use burn::tensor::module::batch_norm_train;
use burn::tensor::{Device, Distribution, Tensor};
use lung_kernels::{Activation, Normalisation, can_normalise, normalise};

const EPSILON: f32 = 1e-5;

#[test]
fn forward_and_backward_agree_with_burn() {
    let device = Device::flex().autodiff();
    device.seed(5);
    let random = Distribution::Normal(0.0, 1.0);
    for activation in [Activation::Linear, Activation::Relu, Activation::Relu6] {
        for dims in [
            [2, 3, 1, 1],
            [1, 4, 5, 7],
            [7, 5, 2, 2],
            [3, 70, 4, 4],
            [2, 2, 40, 33],
        ] {
            // Far from 0, as behind a ReLU.
            let x = Tensor::<4>::random(dims, random, &device) * 3.0 + 4.0;
            let weight = Tensor::<1>::random([dims[1]], random, &device) * 2.0 + 1.0;
            let bias = Tensor::<1>::random([dims[1]], random, &device) + 1.0;
            assert!(can_normalise(&x));
            let run = |fused: bool| {
                let [x] = [x.clone().detach().require_grad()];
                let [weight, bias] =
                    [&weight, &bias].map(|tensor| tensor.clone().detach().require_grad());
                let (output, mean, variance) = if fused {
                    let how = Normalisation {
                        epsilon: EPSILON,
                        activation,
                    };
                    let got = normalise(x.clone(), weight.clone(), bias.clone(), how);
                    (got.output, got.mean, got.variance)
                } else {
                    let want = batch_norm_train(
                        x.clone(),
                        weight.clone(),
                        bias.clone(),
                        f64::from(EPSILON),
                    );
                    let output = match activation {
                        Activation::Linear => want.output,
                        Activation::Relu => want.output.clamp_min(0.0),
                        Activation::Relu6 => want.output.clamp(0.0, 6.0),
                    };
                    (output, want.mean, want.variance)
                };
                // A loss with another gradient at every position.
                let grads = (output.clone() * output.clone().sin()).sum().backward();
                let flat = |tensor: Tensor<4>| tensor.flatten::<1>(0, 3);
                [
                    ("output", flat(output.inner())),
                    ("mean", mean.inner()),
                    ("variance", variance.inner()),
                    ("input gradient", flat(x.grad(&grads).unwrap())),
                    ("weight gradient", weight.grad(&grads).unwrap()),
                    ("bias gradient", bias.grad(&grads).unwrap()),
                ]
            };
            for ((what, got), (_, want)) in run(true).into_iter().zip(run(false)) {
                assert_eq!(got.dims(), want.dims(), "{what}");
                let scale: f32 = want.clone().abs().max().into_scalar();
                let worst: f32 = (got - want).abs().max().into_scalar();
                // Sums of at most a few thousand terms in another order; the input's gradient is a small difference of
                // large numbers where there are few.
                assert!(
                    worst <= 1e-4 * scale.max(1.0),
                    "{what} differs by {worst} of {scale} for {dims:?}, {activation:?}"
                );
            }
        }
    }
}

#[test]
fn a_constant_channel_stays_finite() {
    let device = Device::flex().autodiff();
    let x = Tensor::<4>::full([2, 1, 3, 3], 7.0, &device).require_grad();
    let how = Normalisation {
        epsilon: EPSILON,
        activation: Activation::Linear,
    };
    let got = normalise(
        x.clone(),
        Tensor::ones([1], &device),
        Tensor::full([1], 0.5, &device),
        how,
    );
    let grads = got.output.clone().powi_scalar(2).sum().backward();
    let output: Vec<f32> = got.output.into_data().try_into_vec().unwrap();
    assert!(
        output.iter().all(|value| (value - 0.5).abs() < 1e-3),
        "{output:?}"
    );
    let gradient: Vec<f32> = x.grad(&grads).unwrap().into_data().try_into_vec().unwrap();
    assert!(
        gradient.iter().all(|value| value.is_finite()),
        "{gradient:?}"
    );
}
