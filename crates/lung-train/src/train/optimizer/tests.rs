use burn::optim::{AdamWConfig, GradientsParams};
use mobilenet_lung::network::BatchNorms;
use mobilenet_lung::state_dict;

use super::*;
use crate::networks::{Architecture, Network};

fn rate(rate: f64) -> Rate<'static> {
    Rate {
        rate,
        decay: 0.0,
        scales: None,
    }
}

/// The same steps with burn's optimizer, on a network with convolutions, biases and norms.
#[test]
fn the_steps_are_those_of_burn_s_adamw() {
    let device = Device::flex().autodiff();
    device.seed(1);
    let network = Network::init(Architecture::ResNet18, BatchNorms::Kept, &device);
    let before = state_dict(&network).unwrap();
    let images = Tensor::<4>::random(
        [2, 3, 32, 32],
        burn::tensor::Distribution::Normal(0.0, 1.0),
        &device,
    );
    let mut ours = network.clone();
    let mut optimizer = Optimizer::new(0.0);
    let mut theirs = network;
    // Nothing decays in both: burn's decides by group, which is another test.
    let mut adam = AdamWConfig::new()
        .with_weight_decay(0.0)
        .with_epsilon(EPSILON)
        .init();
    for _ in 0..3 {
        let gradients = ours.forward(images.clone()).powi_scalar(2).sum().backward();
        ours = optimizer.step(ours, gradients, &|_| rate(1e-3)).unwrap();
        let gradients = theirs
            .forward(images.clone())
            .powi_scalar(2)
            .sum()
            .backward();
        let gradients = GradientsParams::from_grads(gradients, &theirs);
        theirs = adam.step(1e-3, theirs, gradients);
    }
    let (ours, theirs) = (state_dict(&ours).unwrap(), state_dict(&theirs).unwrap());
    for (name, want) in theirs.iter().filter(|(name, _)| !name.contains("running")) {
        assert_ne!(before[name], ours[name], "{name}");
        for (got, want) in ours[name].values.iter().zip(&want.values) {
            // Three steps of at most 1e-3; the last bits of small gradients decide their sign.
            assert!((got - want).abs() < 2e-5, "{name}: {got}, {want}");
        }
    }
    // An average that keeps nothing is the last weights. (The two networks share their running statistics, which are no
    // weights: those have moved on.)
    let average = optimizer.average();
    for (name, array) in ours.iter().filter(|(name, _)| !name.contains("running")) {
        for (got, want) in average[name].values.iter().zip(&array.values) {
            assert!((got - want).abs() < 1e-6, "{name}");
        }
    }
    // What it remembers can be kept in a file.
    let state = optimizer.state();
    let again = Optimizer::from_state(0.0, optimizer.steps(), &state).unwrap();
    assert_eq!(again.state(), state);
    assert_eq!(again.memory["conv1.weight"].steps, 3);
}

#[test]
fn one_step_by_hand() {
    let mut memory = Memory::default();
    let mut values = [1.0, -2.0];
    let how = Rate {
        decay: 0.1,
        ..rate(0.1)
    };
    memory.follow(&[10.0, 10.0], 0.0);
    memory.step(&mut values, &[0.5, -4.0], how, 0.75);
    // The first step goes the whole rate against the gradient's sign, after a decay of a hundredth.
    for (got, want) in values.iter().zip([0.99 - 0.1, -1.98 + 0.1]) {
        assert!((got - want).abs() < 1e-5, "{got}, {want}");
    }
    for (got, value) in memory.average.iter().zip(values) {
        assert!((got - (7.5 + 0.25 * value)).abs() < 1e-5);
    }
}

#[test]
fn steps_are_relative_to_the_scale_of_each_row() {
    let mut memory = Memory::default();
    let mut values = [1.0, 1.0, 1.0, 1.0];
    let how = Rate {
        decay: 1.0,
        scales: Some(&[1.0, 0.01]),
        ..rate(0.1)
    };
    memory.step(&mut values, &[1.0, -1.0, 1.0, -1.0], how, 0.5);
    // Decay and step, both a tenth; in the second row a thousandth.
    let want = [0.9 - 0.1, 0.9 + 0.1, 0.999 - 0.001, 0.999 + 0.001];
    for (got, want) in values.iter().zip(want) {
        assert!((got - want).abs() < 1e-6, "{got}, {want}");
    }
}

#[test]
fn a_parameter_that_was_frozen_first_begins_as_any_other() {
    let (mut frozen, mut other) = (Memory::default(), Memory::default());
    let (mut a, mut b) = ([1.0], [1.0]);
    for _ in 0..5 {
        frozen.follow(&a, 0.5);
    }
    frozen.step(&mut a, &[3.0], rate(0.1), 0.5);
    other.step(&mut b, &[3.0], rate(0.1), 0.5);
    assert_eq!(a, b);
    // The average of the one has five steps behind it, that of the other begins here.
    assert_eq!(
        (frozen.average[0], other.average[0]),
        (0.5 * (1.0 + a[0]), b[0])
    );
}
