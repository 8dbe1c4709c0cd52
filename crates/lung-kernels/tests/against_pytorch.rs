//! Outputs and gradients against PyTorch's, and against finite differences.
//!
//! `pytorch.safetensors` is written by `tests/reference/gradients.py`, which says what is in it.

// A helper of a test fails as the test does.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fmt::Display;

use burn::tensor::{Device, Distribution, Tensor, TensorData};
use lung_kernels::{Activation, Geometry, Window, convolution, max_pool, supports};
use safetensors::SafeTensors;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Within this share of each tensor's largest magnitude. The reference is exact; ours are f32 sums of at most a few
/// hundred terms.
const TOLERANCE: f32 = 1e-4;

#[derive(Deserialize)]
struct Case {
    name: String,
    stride: usize,
    padding: usize,
    groups: usize,
    relu6: bool,
}

#[derive(Deserialize)]
struct Pool {
    name: String,
    side: usize,
    stride: usize,
    padding: usize,
    ceil: bool,
}

impl Case {
    fn geometry(&self) -> Geometry {
        Geometry {
            stride: self.stride,
            padding: self.padding,
            groups: self.groups,
            activation: match self.relu6 {
                true => Activation::Relu6,
                false => Activation::Linear,
            },
        }
    }
}

struct Reference<'a> {
    tensors: SafeTensors<'a>,
}

impl Reference<'_> {
    /// What the file has, and its list of this name.
    fn read<T: DeserializeOwned>(list: &str) -> (Vec<T>, Self) {
        let bytes = include_bytes!("pytorch.safetensors");
        let (_, header) = SafeTensors::read_metadata(bytes).unwrap();
        let index = &header.metadata().as_ref().unwrap()[list];
        let tensors = SafeTensors::deserialize(bytes).unwrap();
        (serde_json::from_str(index).unwrap(), Self { tensors })
    }

    fn get<const D: usize>(&self, case: impl Display, part: &str, device: &Device) -> Tensor<D> {
        let view = self.tensors.tensor(&format!("{case}.{part}")).unwrap();
        let values: Vec<f32> = view
            .data()
            .as_chunks::<4>()
            .0
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes))
            .collect();
        Tensor::from_data(TensorData::new(values, view.shape().to_vec()), device)
    }
}

fn assert_near<const D: usize>(got: Tensor<D>, want: Tensor<D>, what: &str) {
    assert_eq!(got.dims(), want.dims(), "{what}");
    let scale: f32 = want.clone().abs().max().into_scalar();
    let worst: f32 = (got - want).abs().max().into_scalar();
    assert!(
        worst <= TOLERANCE * scale,
        "{what}: off by {worst}, largest magnitude {scale}"
    );
}

#[test]
fn outputs_and_gradients_are_those_of_pytorch() {
    let (cases, reference) = Reference::read::<Case>("cases");
    assert!(cases.len() >= 28, "{} cases", cases.len());

    let device = Device::flex().autodiff();
    for (number, case) in cases.iter().enumerate() {
        let name = &case.name;
        let input = reference.get::<4>(number, "input", &device).require_grad();
        let weight = reference.get::<4>(number, "weight", &device).require_grad();
        let bias = reference.get::<1>(number, "bias", &device).require_grad();
        assert!(supports(&input, weight.dims(), case.geometry()), "{name}");
        let output = convolution(input.clone(), weight.clone(), bias.clone(), case.geometry());
        let cotangent = reference.get::<4>(number, "cotangent", &device);
        let gradients = (output.clone() * cotangent).sum().backward();

        let plain = Device::flex();
        let want = reference.get(number, "output", &plain);
        assert_near(output.inner(), want, &format!("{name}: output"));
        let want = reference.get(number, "input_gradient", &plain);
        let what = format!("{name}: gradient of the input");
        assert_near(input.grad(&gradients).unwrap(), want, &what);
        let want = reference.get(number, "weight_gradient", &plain);
        let what = format!("{name}: gradient of the weight");
        assert_near(weight.grad(&gradients).unwrap(), want, &what);
        let want = reference.get(number, "bias_gradient", &plain);
        let what = format!("{name}: gradient of the bias");
        assert_near(bias.grad(&gradients).unwrap(), want, &what);
    }
}

#[test]
fn pools_and_their_gradients_are_those_of_pytorch() {
    let (pools, reference) = Reference::read::<Pool>("pools");
    assert!(pools.len() >= 6, "{} pools", pools.len());

    let device = Device::flex().autodiff();
    for (number, pool) in pools.iter().enumerate() {
        let case = format!("pool.{number}");
        let input = reference.get::<4>(&case, "input", &device).require_grad();
        let window = Window {
            side: pool.side,
            stride: pool.stride,
            padding: pool.padding,
            ceil: pool.ceil,
        };
        let output = max_pool(input.clone(), window);
        let cotangent = reference.get::<4>(&case, "cotangent", &device);
        let gradients = (output.clone() * cotangent).sum().backward();

        let want = reference.get(&case, "output", &Device::flex());
        assert_near(output.inner(), want, &format!("{}: output", pool.name));
        let want = reference.get(&case, "input_gradient", &Device::flex());
        let what = format!("{}: gradient", pool.name);
        assert_near(input.grad(&gradients).unwrap(), want, &what);
    }
}

/// Along a random direction, the loss changes as fast as the gradients say it does.
///
/// Without the clamp the loss is linear in each of input, weight and bias, so a difference is exact for a step of any
/// size, and a large one leaves little to the rounding of f32.
#[test]
fn gradients_are_those_of_finite_differences() {
    let device = Device::flex().autodiff();
    device.seed(5);
    let cases = [
        ([2, 5, 6, 7], [4, 5, 1, 1], 1, 1),
        ([1, 1, 5, 3], [1, 1, 1, 1], 1, 1),
        ([7, 3, 5, 4], [3, 1, 3, 3], 1, 3),
        ([1, 6, 9, 7], [6, 1, 3, 3], 2, 6),
        ([2, 3, 9, 8], [5, 3, 3, 3], 2, 1),
    ];
    for (input, weight, stride, groups) in cases {
        let geometry = Geometry {
            stride,
            padding: weight[2] / 2,
            groups,
            activation: Activation::Linear,
        };
        let random = Distribution::Normal(0.0, 1.0);
        let x = Tensor::<4>::random(input, random, &device).require_grad();
        let w = Tensor::<4>::random(weight, random, &device).require_grad();
        let b = Tensor::<1>::random([weight[0]], random, &device).require_grad();
        let output = convolution(x.clone(), w.clone(), b.clone(), geometry);
        let cotangent = Tensor::<4>::random(output.dims(), random, &device);
        let gradients = (output * cotangent.clone()).sum().backward();

        let cotangent = cotangent.inner();
        let loss = |x: Tensor<4>, w: Tensor<4>, b: Tensor<1>| -> f32 {
            (convolution(x, w, b, geometry) * cotangent.clone())
                .sum()
                .into_scalar()
        };
        let plain = Device::flex();
        let (dx, dw, db) = (
            Tensor::<4>::random(input, random, &plain),
            Tensor::<4>::random(weight, random, &plain),
            Tensor::<1>::random([weight[0]], random, &plain),
        );
        let (gx, gw, gb) = (
            x.grad(&gradients).unwrap(),
            w.grad(&gradients).unwrap(),
            b.grad(&gradients).unwrap(),
        );
        let (x, w, b) = (x.inner(), w.inner(), b.inner());
        let along = |up: f32, down: f32| (up - down) / 2.0;
        let slopes: [(f32, f32, &str); 3] = [
            (
                along(
                    loss(x.clone() + dx.clone(), w.clone(), b.clone()),
                    loss(x.clone() - dx.clone(), w.clone(), b.clone()),
                ),
                (gx * dx).sum().into_scalar(),
                "input",
            ),
            (
                along(
                    loss(x.clone(), w.clone() + dw.clone(), b.clone()),
                    loss(x.clone(), w.clone() - dw.clone(), b.clone()),
                ),
                (gw * dw).sum().into_scalar(),
                "weight",
            ),
            (
                along(
                    loss(x.clone(), w.clone(), b.clone() + db.clone()),
                    loss(x.clone(), w.clone(), b.clone() - db.clone()),
                ),
                (gb * db).sum().into_scalar(),
                "bias",
            ),
        ];
        for (found, told, what) in slopes {
            // Sums of up to some thousand terms of order 1 that cancel: their rounding, not the slope, sets the scale.
            assert!(
                (found - told).abs() <= 1e-3 * told.abs().max(10.0),
                "{what} of {weight:?}, stride {stride}: {found} by difference, {told} by gradient"
            );
        }
    }
}

/// With the clamp, where neither side of the step crosses an edge of it.
#[test]
fn where_the_clamp_holds_nothing_flows_back() {
    let device = Device::flex().autodiff();
    // One channel each below 0, inside, and above 6, whatever the input of 0..1 is.
    let x =
        Tensor::<4>::random([2, 1, 4, 4], Distribution::Uniform(0.0, 1.0), &device).require_grad();
    let w = Tensor::<4>::ones([3, 1, 1, 1], &device).require_grad();
    let b = Tensor::<1>::from_data([-2.0, 2.0, 7.0], &device).require_grad();
    let geometry = Geometry {
        stride: 1,
        padding: 0,
        groups: 1,
        activation: Activation::Relu6,
    };
    let gradients = convolution(x.clone(), w.clone(), b.clone(), geometry)
        .sum()
        .backward();
    let values = |tensor: Tensor<1>| tensor.into_data().try_into_vec::<f32>().unwrap();
    assert_eq!(values(b.grad(&gradients).unwrap()), [0.0, 32.0, 0.0]);
    let weight = values(w.grad(&gradients).unwrap().reshape([3]));
    let total: f32 = x.clone().inner().sum().into_scalar();
    assert_eq!((weight[0], weight[2]), (0.0, 0.0));
    assert!(
        (weight[1] - total).abs() < 1e-4 * total,
        "{weight:?} {total}"
    );
    let input = values(x.grad(&gradients).unwrap().reshape([32]));
    assert!(input.iter().all(|&value| value == 1.0), "{input:?}");
}
