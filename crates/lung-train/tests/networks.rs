//! The networks against torchvision's, and what is said of weights files that do not fit.

// A helper of a test fails as the test does.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use lung_train::networks::{Architecture, Network, read_weights, start_from};
use mobilenet_lung::bundle::write_tensors;
use mobilenet_lung::network::BatchNorms;
use mobilenet_lung::{Array, StateDict, load_state_dict, parameter_shapes, state_dict};
use serde::Deserialize;
use tempfile::TempDir;

const BATCH: usize = 2;

/// The formula of tests/reference/torchvision_logits.py: numbers in -1..1 from a name.
fn noise(name: &str, count: usize) -> Vec<f32> {
    let seed = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    (0..count as u32)
        .map(|place| {
            let mut h = place.wrapping_add(seed);
            h = (h ^ (h >> 16)).wrapping_mul(0x85eb_ca6b);
            h = (h ^ (h >> 13)).wrapping_mul(0xc2b2_ae35);
            h ^= h >> 16;
            (h >> 8) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

/// The parameter of this name and shape.
fn values(name: &str, shape: &[usize]) -> Array {
    let mut values = noise(name, shape.iter().product());
    let (scale, offset) = if shape.len() > 1 {
        let fan_in: usize = shape[1..].iter().product();
        ((6.0 / fan_in as f64).sqrt() as f32, 0.0)
    } else if name.ends_with("running_var") || name.ends_with(".weight") {
        (0.25, 1.0)
    } else {
        (0.125, 0.0)
    };
    for value in &mut values {
        *value = *value * scale + offset;
    }
    Array {
        shape: shape.to_vec(),
        values,
    }
}

fn formula(shapes: &std::collections::BTreeMap<String, Vec<usize>>) -> StateDict {
    shapes
        .iter()
        .map(|(name, shape)| (name.clone(), values(name, shape)))
        .collect()
}

fn images(side: usize) -> Tensor<4> {
    let shape = [BATCH, 3, side, side];
    let values: Vec<f32> = noise("images", shape.iter().product())
        .iter()
        .map(|value| value * 2.0)
        .collect();
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

fn init(architecture: Architecture, norms: BatchNorms) -> Network {
    Network::init(architecture, norms, &Device::flex())
}

fn norms(folded: bool) -> BatchNorms {
    match folded {
        true => BatchNorms::Folded,
        false => BatchNorms::Kept,
    }
}

fn numbers(tensor: Tensor<2>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(name)
}

#[derive(Deserialize)]
struct Expected {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    network: Architecture,
    side: usize,
    folded: bool,
    logits: Vec<[f32; 3]>,
}

#[test]
fn every_network_gives_torchvision_s_logits() {
    let text = fs::read_to_string(fixture("torchvision.json")).unwrap();
    let expected: Expected = serde_json::from_str(&text).unwrap();
    assert_eq!(expected.cases.len(), 7);
    for case in expected.cases {
        let network = init(case.network, norms(case.folded));
        let state = formula(&parameter_shapes(&network));
        let network = load_state_dict(network, &state, false).unwrap();
        let got = numbers(network.forward(images(case.side)));
        let want = case.logits.as_flattened();
        let scale = want.iter().fold(0f32, |most, value| most.max(value.abs()));
        assert_eq!(got.len(), want.len());
        for (got, want) in got.iter().zip(want) {
            // Sums of thousands of products in another order, through up to 121 layers.
            assert!(
                (got - want).abs() < 1e-3 * scale,
                "{} at {}: {got}, {want}",
                case.network,
                case.side
            );
        }
    }
}

#[test]
fn a_file_that_pytorch_wrote_is_read_and_what_it_lacks_starts_from_scratch() {
    let path = fixture("torchvision.pth");
    let state = read_weights(&path).unwrap();
    assert_eq!(state.len(), 2);
    // The container before PyTorch 1.6 holds the same.
    assert_eq!(
        read_weights(&fixture("torchvision-stream.pth")).unwrap(),
        state
    );
    let start = start_from(Architecture::SqueezeNet, &path, &Device::flex()).unwrap();
    let got = state_dict(&start.network).unwrap();
    for part in ["weight", "bias"] {
        let name = format!("features.0.{part}");
        let want = values(&name, &state[&name].shape);
        for (got, want) in got[&name].values.iter().zip(&want.values) {
            // The file is in f16, to be small.
            assert!((got - want).abs() < 1e-3, "{name}: {got}, {want}");
        }
    }
    assert_eq!(start.fresh.len(), got.len() - 2 - 2);
    assert!(
        start
            .fresh
            .contains(&"features.3.squeeze.weight".to_owned())
    );
    assert!(
        !start
            .fresh
            .iter()
            .any(|name| name.starts_with("classifier"))
    );
}

/// Writes tensors as safetensors.
fn write(folder: &TempDir, name: &str, state: &StateDict) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, write_tensors(state, HashMap::new()).unwrap()).unwrap();
    path
}

fn error_of(architecture: Architecture, path: &Path) -> String {
    let error = start_from(architecture, path, &Device::flex()).unwrap_err();
    // As the command prints it.
    format!("{:#}", anyhow::Error::from(error))
}

#[test]
fn a_weights_file_that_does_not_fit_is_refused_by_name_and_shapes() {
    let folder = TempDir::new().unwrap();
    let shapes = parameter_shapes(&init(Architecture::ResNet18, BatchNorms::Folded));
    let good = formula(&shapes);
    let resnet = |state: &StateDict| {
        error_of(
            Architecture::ResNet18,
            &write(&folder, "resnet.safetensors", state),
        )
    };

    let mut wrong = good.clone();
    wrong.insert("layer1.0.conv1.weight".into(), values("x", &[64, 32, 3, 3]));
    let message = resnet(&wrong);
    for part in [
        "resnet.safetensors",
        "`layer1.0.conv1.weight`",
        "[64, 32, 3, 3]",
        "[64, 64, 3, 3]",
    ] {
        assert!(message.contains(part), "{message}");
    }

    let mut unknown = good.clone();
    unknown.insert("layer5.0.conv1.weight".into(), values("x", &[1]));
    assert!(resnet(&unknown).contains("`layer5.0.conv1.weight` is unknown"));

    let mut infinite = good.clone();
    infinite.get_mut("conv1.bias").unwrap().values[3] = f32::NAN;
    let message = resnet(&infinite);
    assert!(
        message.contains("`conv1.bias`") && message.contains("not finite"),
        "{message}"
    );

    // The weights of another network.
    let path = write(&folder, "resnet.safetensors", &good);
    let message = error_of(Architecture::MobileNetV2, &path);
    assert!(
        message.contains("features.0.0.weight") && message.contains("MobileNetV2"),
        "{message}"
    );

    // One whose first layer is the same names the first tensor that is not.
    let squeezenet = parameter_shapes(&init(Architecture::SqueezeNet, BatchNorms::Kept));
    let other = write(&folder, "squeezenet.safetensors", &formula(&squeezenet));
    let message = error_of(Architecture::Vgg11, &other);
    assert!(
        message.contains("`classifier.1.bias` is unknown") && message.contains("VGG11"),
        "{message}"
    );

    for (name, bytes, part) in [
        (
            "cut.safetensors",
            &fs::read(&path).unwrap()[..1000],
            "not a readable safetensors file",
        ),
        (
            "cut.pth",
            &fs::read(fixture("torchvision.pth")).unwrap()[..3000],
            "not a readable weights file of PyTorch",
        ),
        (
            "cut-stream.pth",
            &fs::read(fixture("torchvision-stream.pth")).unwrap()[..3000],
            "not a readable weights file of PyTorch",
        ),
        ("empty.pth", b"", "not a readable weights file of PyTorch"),
        ("weights.onnx", b"x", ".safetensors"),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let message = error_of(Architecture::ResNet18, &path);
        assert!(
            message.contains(part) && message.contains(name),
            "{message}"
        );
    }
    for name in ["gone.pth", "gone.safetensors"] {
        let message = error_of(Architecture::ResNet18, &folder.path().join(name));
        assert!(
            message.contains("cannot read") && message.contains(name),
            "{message}"
        );
    }
}

/// In Python, reading this file would run the command in it.
#[test]
fn a_pickle_is_data_and_never_run() {
    let folder = TempDir::new().unwrap();
    let witness = folder.path().join("witness");
    let path = folder.path().join("weights.pth");
    let command = format!("touch {}", witness.display());
    let mut call = b"cposix\nsystem\n\x8c".to_vec();
    call.push(command.len() as u8);
    call.extend(command.as_bytes());
    call.extend(b"\x85R.");
    // As the object of a stream, between the three pickles that come first and the list of storages.
    let mut stream = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}.\x80\x02".to_vec();
    stream.extend(&call);
    stream.extend(b"\x80\x02].");
    for bytes in [call, stream] {
        fs::write(&path, bytes).unwrap();
        error_of(Architecture::ResNet18, &path);
        assert!(!witness.exists());
    }
}

/// Whatever byte is damaged, the reader says so or reads other numbers; it neither panics nor takes memory for what the file
/// does not hold.
#[test]
fn a_damaged_file_of_pytorch_is_refused_or_read_but_never_a_panic() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("weights.pth");
    for name in ["torchvision.pth", "torchvision-stream.pth"] {
        let good = fs::read(fixture(name)).unwrap();
        for place in 0..good.len() {
            // All of the structure, some of the numbers.
            if place % 16 != 0 && (600..4000).contains(&place) {
                continue;
            }
            for flip in [0xff, 0x01, 0x80] {
                let mut bytes = good.clone();
                bytes[place] ^= flip;
                fs::write(&path, bytes).unwrap();
                read_weights(&path).ok();
            }
        }
        for length in (0..good.len()).step_by(61) {
            fs::write(&path, &good[..length]).unwrap();
            assert!(read_weights(&path).is_err(), "{name} cut to {length}");
        }
    }
}

#[test]
fn a_convolution_without_its_weight_starts_without_its_bias() {
    let folder = TempDir::new().unwrap();
    let shapes = parameter_shapes(&init(Architecture::ResNet18, BatchNorms::Folded));
    let mut state = formula(&shapes);
    state.remove("layer4.1.conv2.weight");
    let path = write(&folder, "resnet.safetensors", &state);
    let start = start_from(Architecture::ResNet18, &path, &Device::flex()).unwrap();
    assert_eq!(start.norms, BatchNorms::Folded);
    assert_eq!(start.fresh, ["layer4.1.conv2.weight"]);
    let got = state_dict(&start.network).unwrap();
    assert!(
        got["layer4.1.conv2.bias"]
            .values
            .iter()
            .all(|value| *value == 0.0)
    );
    assert_eq!(got["layer4.1.conv1.bias"], state["layer4.1.conv1.bias"]);
    // The head is new: the file's had other classes.
    assert_ne!(got["fc.weight"], state["fc.weight"]);
}

/// torchvision's own names of DenseNet121 in the file that it publishes, and a start with batch norm.
#[test]
fn a_file_with_batch_norm_gives_a_network_with_batch_norm() {
    let folder = TempDir::new().unwrap();
    for architecture in [Architecture::DenseNet121, Architecture::MobileNetV2] {
        let shapes = parameter_shapes(&init(architecture, BatchNorms::Kept));
        let state = formula(&shapes);
        let published: StateDict = state
            .iter()
            .map(|(name, array)| {
                let mut name = name.clone();
                if name.contains("denselayer") {
                    for (new, old) in [
                        ("norm1", "norm.1"),
                        ("norm2", "norm.2"),
                        ("conv1", "conv.1"),
                        ("conv2", "conv.2"),
                    ] {
                        name = name.replace(new, old);
                    }
                }
                (name, array.clone())
            })
            .collect();
        let path = write(&folder, "published.safetensors", &published);
        let start = start_from(architecture, &path, &Device::flex()).unwrap();
        assert_eq!((start.norms, start.fresh), (BatchNorms::Kept, Vec::new()));
        let got = state_dict(&start.network).unwrap();
        for (name, array) in &state {
            if !name.starts_with(architecture.head()) {
                assert_eq!(got.get(name), Some(array), "{name}");
            }
        }
    }
}

#[test]
fn the_starts_that_can_be_had_are_read() {
    let weights = std::env::var_os("LUNG_DATA")
        .map_or_else(
            || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
            PathBuf::from,
        )
        .join("../weights");
    if !weights.is_dir() {
        eprintln!("skipped: no weights in {}", weights.display());
        return;
    }
    for (architecture, file, fresh) in [
        (
            Architecture::SqueezeNet,
            "squeezenet1_1_imagenet_backbone_fp32",
            0,
        ),
        (Architecture::ResNet18, "resnet18_imagenet_partial_fp32", 4),
        (
            Architecture::MobileNetV2,
            "mobilenetv2_imagenet_backbone_fp32",
            0,
        ),
        (
            Architecture::of_the_paper()[0],
            "mobilenetv2_imagenet_backbone_fp32",
            0,
        ),
    ] {
        let path = weights.join(format!("{file}.safetensors"));
        let start = start_from(architecture, &path, &Device::flex()).unwrap();
        assert_eq!(start.fresh.len(), fresh, "{:?}", start.fresh);
        assert_eq!(start.norms, norms(architecture.can_be_folded()));
    }
}
