//! The ported MobileNetV2 against outputs that another implementation gave for the same weights.
//!
//! The reference tensors are not part of this project: they lie in `$LUNG_WEIGHTS`, by default `../shared/weights` beside
//! the workspace. Without them the test says so and checks nothing.

// A helper of a test fails as the test does.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::PathBuf;

use burn::tensor::{Device, Tensor, TensorData};
use mobilenet_lung::network::{
    AttentionConfig, FEATURE_LAYERS, MobileNetLung, MobileNetLungConfig,
};
use mobilenet_lung::{Array, StateDict, load_state_dict};
use safetensors::{Dtype, SafeTensors};

/// Within this share of each tensor's largest magnitude: float sums in another order through 53 layers.
const TOLERANCE: f32 = 1e-3;

fn weights() -> Option<(StateDict, Vec<u8>)> {
    let folder = std::env::var_os("LUNG_WEIGHTS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/weights"),
        PathBuf::from,
    );
    let read = |name: &str| std::fs::read(folder.join(name)).ok();
    let found = read("mobilenetv2_imagenet_backbone_fp32.safetensors")
        .zip(read("reference_io.safetensors"));
    match found {
        Some((backbone, reference)) => Some((
            mobilenet_lung::bundle::read_tensors(&backbone).unwrap(),
            reference,
        )),
        None => {
            eprintln!("skipped: no reference tensors in {}", folder.display());
            None
        }
    }
}

fn floats(tensors: &SafeTensors<'_>, name: &str) -> Option<Array> {
    let view = tensors.tensor(name).ok()?;
    (view.dtype() == Dtype::F32).then(|| Array {
        shape: view.shape().to_vec(),
        values: view
            .data()
            .as_chunks::<4>()
            .0
            .iter()
            .map(|b| f32::from_le_bytes(*b))
            .collect(),
    })
}

fn assert_near(got: &[f32], want: &[f32], what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    let largest = want.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    let worst = got
        .iter()
        .zip(want)
        .fold(0.0f32, |m, (a, b)| m.max((a - b).abs()));
    assert!(
        worst <= TOLERANCE * largest,
        "{what}: off by {worst}, largest magnitude {largest}"
    );
}

fn values(tensor: Tensor<4>) -> Vec<f32> {
    tensor.into_data().try_into_vec::<f32>().unwrap()
}

fn check(attention: AttentionConfig) {
    let Some((state, reference)) = weights() else {
        return;
    };
    let reference = SafeTensors::deserialize(&reference).unwrap();
    let device = Device::flex();
    let config = MobileNetLungConfig {
        attention,
        ..MobileNetLungConfig::default()
    };
    let network: MobileNetLung = load_state_dict(config.init(&device), &state, true).unwrap();
    let mut compared = 0;
    for input in ["chelsea", "coffee", "zoo0", "zoo1", "zoo2"] {
        let images = floats(&reference, &format!("{input}.input")).unwrap();
        let shape: [usize; 4] = match images.shape.as_slice() {
            &[n, c, h, w] => [n, c, h, w],
            &[c, h, w] => [1, c, h, w],
            other => panic!("{input}.input has shape {other:?}"),
        };
        let mut x = Tensor::<4>::from_data(TensorData::new(images.values, shape), &device);
        for layer in 0..FEATURE_LAYERS {
            x = network.feature_layers(x, layer..layer + 1);
            let name = format!("{input}.features.{layer}.channel_mean");
            if let Some(want) = floats(&reference, &name) {
                let means = x.clone().mean_dim(3).mean_dim(2);
                assert_near(&values(means), &want.values, &name);
                compared += 1;
            }
        }
        let name = format!("{input}.features");
        let want = floats(&reference, &name).unwrap();
        let pooled = network.attend(x).mean_dim(3).mean_dim(2);
        assert_near(&values(pooled), &want.values, &name);
        compared += 1;
    }
    // Five inputs, and the means of nineteen layers for one of them.
    assert_eq!(compared, 5 + FEATURE_LAYERS);
}

#[test]
fn features_and_channel_means_agree_with_the_reference() {
    check(AttentionConfig::NONE);
}

#[test]
fn a_fresh_attention_of_either_kind_changes_nothing() {
    use mobilenet_lung::network::{AttentionKind, AttentionPlace};
    for kind in [AttentionKind::SqueezeExcitation, AttentionKind::Cbam] {
        for place in [AttentionPlace::Last, AttentionPlace::EveryStage] {
            check(AttentionConfig {
                kind,
                place,
                reduction: 16,
            });
        }
    }
}
