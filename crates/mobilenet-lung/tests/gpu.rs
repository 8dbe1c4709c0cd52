//! The network on a GPU against burn's on the CPU.
//!
//! They need a graphics adapter that burn finds; one in software serves (Debian: `apt install mesa-vulkan-drivers`).

// A helper of a test fails as the test does.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::OnceLock;

use burn::tensor::{Device, Distribution, Tensor};
use mobilenet_lung::inference::GpuNetwork;
use mobilenet_lung::network::{
    AttentionConfig, AttentionKind, AttentionPlace, GRID, MobileNetLungConfig,
};
use mobilenet_lung::{StateDict, StateError, load_state_dict, state_dict};

/// Not as many as the shipped model has: the head is as large as a bundle says.
const FINDINGS: usize = 5;

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

/// A network of random parameters, biases and last layers of attentions among them.
fn random_state(attention: AttentionConfig) -> StateDict {
    let config = MobileNetLungConfig {
        attention,
        findings: FINDINGS,
        ..MobileNetLungConfig::default()
    };
    let mut state = state_dict(&config.init(&Device::flex())).expect("the CPU gives its numbers");
    let mut seed = 1u32;
    for array in state.values_mut() {
        if array.values.iter().all(|value| *value == 0.0) {
            for value in &mut array.values {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *value = (seed >> 8) as f32 / (1 << 24) as f32 * 0.2 - 0.1;
            }
        }
    }
    state
}

fn assert_same_evidence(attention: AttentionConfig, most: usize) {
    let cpu = Device::flex();
    let state = random_state(attention);
    let config = MobileNetLungConfig {
        attention,
        findings: FINDINGS,
        ..MobileNetLungConfig::default()
    };
    let reference =
        load_state_dict(config.init(&cpu), &state, false).expect("the names are the network's");
    let image = Tensor::<4>::random([1, 3, 224, 224], Distribution::Normal(0.0, 1.0), &cpu);
    let expected: Vec<f32> = reference
        .evidence(image.clone())
        .into_data()
        .try_into_vec()
        .expect("numbers are f32");

    let gpu = gpu_device();
    pollster::block_on(GpuNetwork::compile(attention, &gpu)).expect("the kernels compile");
    let network =
        GpuNetwork::new(&state, attention, FINDINGS, &gpu).expect("the names are the network's");
    assert_eq!(network.dispatches(), 0);
    let input: Vec<f32> = image.into_data().try_into_vec().expect("numbers are f32");
    let actual = pollster::block_on(network.infer(&input))
        .expect("the device answers")
        .evidence;

    assert_eq!(actual.len(), FINDINGS * GRID * GRID);
    let largest = expected.iter().fold(0.0f32, |max, x| max.max(x.abs()));
    assert!(largest > 1e-3, "the network says nothing");
    for (i, (a, e)) in actual.iter().zip(&expected).enumerate() {
        assert!(
            (a - e).abs() <= 1e-3 * largest,
            "value {i} is {a}, not {e} (largest {largest})"
        );
    }
    assert!(
        (1..=most).contains(&network.dispatches()),
        "{} dispatches",
        network.dispatches()
    );
}

fn attention(kind: AttentionKind, place: AttentionPlace) -> AttentionConfig {
    AttentionConfig {
        kind,
        place,
        reduction: 32,
    }
}

#[test]
fn the_shipped_network_takes_18_dispatches() {
    assert_same_evidence(AttentionConfig::default(), 18);
}

#[test]
fn without_attention() {
    assert_same_evidence(AttentionConfig::NONE, 18);
}

#[test]
fn with_cbam_after_the_last_layer() {
    assert_same_evidence(attention(AttentionKind::Cbam, AttentionPlace::Last), 18);
}

#[test]
fn with_an_attention_at_the_end_of_every_stage() {
    assert_same_evidence(
        attention(AttentionKind::SqueezeExcitation, AttentionPlace::EveryStage),
        40,
    );
    assert_same_evidence(
        attention(AttentionKind::Cbam, AttentionPlace::EveryStage),
        54,
    );
}

#[test]
fn parameters_that_do_not_fit_are_refused() {
    let gpu = gpu_device();
    let attention = AttentionConfig::default();
    let state = random_state(attention);

    let mut missing = state.clone();
    missing.remove("features.3.conv.1.0.bias");
    assert_eq!(
        GpuNetwork::new(&missing, attention, FINDINGS, &gpu).err(),
        Some(StateError::Missing {
            name: "features.3.conv.1.0.bias".to_owned()
        })
    );

    let mut wrong = state.clone();
    if let Some(array) = wrong.get_mut("classifier.1.bias") {
        array.shape = vec![1, FINDINGS];
    }
    assert_eq!(
        GpuNetwork::new(&wrong, attention, FINDINGS, &gpu).err(),
        Some(StateError::Shape {
            name: "classifier.1.bias".to_owned(),
            found: vec![1, FINDINGS],
            expected: vec![FINDINGS],
        })
    );

    assert!(matches!(
        GpuNetwork::new(&state, AttentionConfig::NONE, FINDINGS, &gpu),
        Err(StateError::Unknown { name }) if name.contains("attention")
    ));
}

#[test]
fn what_is_no_image_is_refused() {
    let attention = AttentionConfig::NONE;
    let network = GpuNetwork::new(&random_state(attention), attention, FINDINGS, &gpu_device())
        .expect("the names are the network's");
    for len in [0, 3, 3 * 224 * 223] {
        let answer = pollster::block_on(network.infer(&vec![0.0; len]));
        assert_eq!(answer.is_err(), len != 3, "{len} values");
    }
}
