//! The networks against torchvision's, and what is said of weights files that do not fit.

// A helper of a test fails as the test does.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "common/pytorch.rs"]
mod pytorch;

use std::collections::HashMap;
use std::fs;
use std::io::{self, Cursor};
use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use half::{bf16, f16};
use lung_train::networks::{Architecture, Network, read_weights, start_from};
use mobilenet_lung::bundle::write_tensors;
use mobilenet_lung::network::BatchNorms;
use mobilenet_lung::{Array, StateDict, load_state_dict, parameter_shapes, state_dict};
use serde::Deserialize;
use tempfile::TempDir;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use pytorch::{Stored, dict, stream, stream_of};

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

/// Every bit, and not only nearly: f16 is what PyTorch has rounded the formula to.
#[test]
fn numbers_are_read_to_the_bit() {
    let folder = TempDir::new().unwrap();
    for name in ["torchvision.pth", "torchvision-stream.pth"] {
        for (name, got) in read_weights(&fixture(name)).unwrap() {
            let want = values(&name, &got.shape);
            let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<_>>();
            let want = want.values.iter().map(|value| f16::from_f32(*value));
            assert_eq!(
                bits(got.values),
                bits(want.map(f16::to_f32).collect()),
                "{name}"
            );
        }
    }
    let numbers = [1.5f32, -0.0, 65504.0, 6.1e-5, -2.0, 0.125];
    let of = |number: fn(&f32) -> Vec<u8>| numbers.iter().flat_map(number).collect::<Vec<u8>>();
    let bytes = [
        ("Float", of(|number| number.to_le_bytes().to_vec())),
        (
            "Double",
            of(|number| f64::from(*number).to_le_bytes().to_vec()),
        ),
        (
            "Half",
            of(|number| f16::from_f32(*number).to_le_bytes().to_vec()),
        ),
        (
            "BFloat16",
            of(|number| bf16::from_f32(*number).to_le_bytes().to_vec()),
        ),
    ];
    for (class, bytes) in bytes {
        let rows = Stored::new("rows", class, &[2, 3], &bytes);
        // The same numbers column by column, as a transposed view has them.
        let columns = Stored {
            name: "columns",
            stride: vec![1, 2],
            ..rows.clone()
        };
        let path = folder.path().join("weights.pth");
        let object = dict(&[rows.clone(), columns]);
        fs::write(&path, stream_of(&object, &[rows])).unwrap();
        let state = read_weights(&path).unwrap();
        let want = numbers.map(|number| match class {
            "Half" => f16::from_f32(number).to_f32(),
            "BFloat16" => bf16::from_f32(number).to_f32(),
            _ => number,
        });
        for (name, order) in [
            ("rows", [0, 1, 2, 3, 4, 5]),
            ("columns", [0, 2, 4, 1, 3, 5]),
        ] {
            assert_eq!(state[name].shape, [2, 3]);
            let got = state[name].values.iter().map(|value| value.to_bits());
            let want = order.map(|place| want[place].to_bits());
            assert_eq!(got.collect::<Vec<_>>(), want, "{name} of {class}");
        }
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
    call.extend(b"\x85R");
    let alone = [call.as_slice(), b"."].concat();
    let of_stream = stream_of(&call, &[]);
    for bytes in [alone, of_stream] {
        fs::write(&path, bytes).unwrap();
        let message = error_of(Architecture::ResNet18, &path);
        assert!(message.contains("found posix.system"), "{message}");
        assert!(!witness.exists());
    }
    // Beside a tensor it is one thing more that is no weight.
    let numbers = [0; 4];
    let tensor = Stored::new("good", "Float", &[1], &numbers);
    let object = [b"}(X\x03\0\0\0bad", call.as_slice(), &tensor.pickle(), b"u"].concat();
    fs::write(&path, stream_of(&object, &[tensor])).unwrap();
    let state = read_weights(&path).unwrap();
    assert_eq!(state.keys().collect::<Vec<_>>(), ["good"]);
    assert!(!witness.exists());
}

/// Each of these would take memory, stack or time out of proportion to the file.
#[test]
fn a_file_that_claims_more_than_it_holds_is_refused_with_the_reason() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("weights.pth");
    let good = Stored::new("good", "Float", &[2], &[0; 8]);
    let claims = |shape: &[i64], stride: &[i64]| {
        let tensor = Stored {
            shape: shape.to_vec(),
            stride: stride.to_vec(),
            ..good.clone()
        };
        stream(&[tensor])
    };
    let object = |pickle: &[u8]| stream_of(pickle, &[]);
    let copies: Vec<String> = (0..100).map(|number| format!("copy{number}")).collect();
    let copies: Vec<Stored<'_>> = (copies.iter())
        .map(|name| Stored {
            name,
            ..Stored::new("shared", "Float", &[256], &[0; 1024])
        })
        .collect();
    for (what, bytes, part) in [
        (
            "one number 10^8 times",
            claims(&[100_000_000], &[0]),
            "claim more numbers than the file has",
        ),
        (
            "one number 2^40 times",
            claims(&[1 << 20, 1 << 20], &[0, 0]),
            "byte limit",
        ),
        (
            "more than can be counted",
            claims(&[1 << 40, 1 << 40], &[0, 0]),
            "overflows",
        ),
        (
            "numbers that do not exist",
            claims(&[1 << 40], &[1]),
            "needs 1099511627776 elements",
        ),
        ("a shape below nothing", claims(&[-2], &[1]), "non-negative"),
        (
            "a hundred times the same numbers",
            stream_of(&dict(&copies), &copies[..1]),
            "claim more numbers than the file has",
        ),
        (
            "a storage of 2^40",
            stream(&[Stored {
                count: 1 << 40,
                ..good.clone()
            }]),
            "beyond the end of the file",
        ),
        (
            "a text of 2^62 bytes",
            object(b"\x8d\0\0\0\0\0\0\0\x40"),
            "expected 4611686018427387904 bytes",
        ),
        (
            "a pickle that doubles",
            object(&[b"K\x01".as_slice(), &b"2\x86".repeat(60)].concat()),
            "memo bomb",
        ),
        (
            "a pickle that is deep",
            object(&[b"]".as_slice(), &[0x85; 200_000]].concat()),
            "nesting exceeds",
        ),
        (
            "tensors of integers",
            stream(&[Stored::new("whole", "Long", &[1], &[0; 8])]),
            "`whole`",
        ),
        ("no tensor", object(b"}"), "holds no dict of tensors"),
        ("no dict", object(b"]"), "Expected a dictionary"),
    ] {
        fs::write(&path, bytes).unwrap();
        let message = error_of(Architecture::ResNet18, &path);
        assert!(
            message.contains(part) && message.contains("weights.pth"),
            "{what}: {message}"
        );
    }
}

#[test]
fn an_archive_that_is_compressed_or_does_not_match_its_checksums_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("weights.pth");
    let good = fs::read(fixture("torchvision.pth")).unwrap();

    // As another program packs it: each entry again, deflated.
    let mut archive = ZipArchive::new(Cursor::new(good.as_slice())).unwrap();
    let mut packed = ZipWriter::new(Cursor::new(Vec::new()));
    let deflated = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for number in 0..archive.len() {
        let mut entry = archive.by_index(number).unwrap();
        let name = entry.name().unwrap().into_owned();
        packed.start_file(name, deflated).unwrap();
        io::copy(&mut entry, &mut packed).unwrap();
    }
    fs::write(&path, packed.finish().unwrap().into_inner()).unwrap();
    let message = error_of(Architecture::SqueezeNet, &path);
    assert!(
        message.contains("data.pkl` of") && message.contains("is compressed"),
        "{message}"
    );

    // One bit of one number.
    let tensor = &read_weights(&fixture("torchvision.pth")).unwrap()["features.0.weight"];
    let number = f16::from_f32(tensor.values[5]).to_le_bytes();
    let next = f16::from_f32(tensor.values[6]).to_le_bytes();
    let pair = [number, next].concat();
    let place = good.windows(4).position(|window| window == pair).unwrap();
    let mut bytes = good;
    bytes[place] ^= 1;
    fs::write(&path, bytes).unwrap();
    let message = error_of(Architecture::SqueezeNet, &path);
    assert!(message.contains("Invalid checksum"), "{message}");
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
