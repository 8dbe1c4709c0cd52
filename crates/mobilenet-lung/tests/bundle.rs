//! Weights files: what is written is read, and whatever else there is gets refused with its reason.

// A helper of a test fails as the test does.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use burn::tensor::Device;
use mobilenet_lung::bundle::{ARCHITECTURE, FORMAT_VERSION, Metadata};
use mobilenet_lung::network::{AttentionConfig, MobileNetLungConfig};
use mobilenet_lung::{
    Bundle, BundleError, Classifier, Finding, Preprocessing, StateDict, StateError, state_dict,
};
use radiograph::phantom::{Pattern, phantom};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

fn metadata() -> Metadata {
    Metadata {
        format_version: FORMAT_VERSION,
        architecture: ARCHITECTURE.to_owned(),
        attention: AttentionConfig::default(),
        findings: Finding::ALL.map(|f| f.name().to_owned()).to_vec(),
        preprocessing: Preprocessing::IMAGENET,
        temperature: 1.5,
        prediction_sets: None,
        in_distribution: None,
        trained_on: "nothing: random weights".to_owned(),
        test: None,
        further_tests: Vec::new(),
        licence: "MIT OR Apache-2.0".to_owned(),
        commit: String::new(),
        notice: "for tests".to_owned(),
    }
}

fn state() -> &'static StateDict {
    static STATE: OnceLock<StateDict> = OnceLock::new();
    STATE.get_or_init(|| {
        let device = Device::flex();
        device.seed(7);
        state_dict(&MobileNetLungConfig::default().init(&device)).unwrap()
    })
}

fn written() -> (String, Vec<u8>) {
    Bundle::write(state(), None, &metadata()).unwrap()
}

/// Writes a safetensors file whose metadata says `text`, with the right tensors.
fn with_metadata(text: Option<&str>) -> Vec<u8> {
    let halves: Vec<(String, Vec<usize>, Vec<u8>)> = state()
        .iter()
        .map(|(name, a)| (name.clone(), a.shape.clone(), vec![0; a.values.len() * 2]))
        .collect();
    let views = halves.iter().map(|(name, shape, bytes)| {
        (
            name,
            TensorView::new(Dtype::F16, shape.clone(), bytes).unwrap(),
        )
    });
    let entries = text.map(|text| HashMap::from([("bundle".to_owned(), text.to_owned())]));
    safetensors::serialize(views, entries).unwrap()
}

#[test]
fn what_is_written_is_read() {
    let (name, bytes) = written();
    assert!(name.starts_with("mobilenet-lung-") && name.ends_with(".safetensors"));
    assert!(bytes.len() <= 2_500_000, "{} bytes", bytes.len());
    let bundle = Bundle::read(&bytes, Some(&name)).unwrap();
    assert_eq!(bundle.metadata(), &metadata());
    assert_eq!(name, format!("{}.safetensors", bundle.id()));
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    for (name, array) in state() {
        let scaled = tensors.tensor(name).unwrap().dtype() == Dtype::I8;
        let read = &bundle.state()[name];
        assert_eq!(read.shape, array.shape);
        let row = array.values.len() / array.shape[0];
        for (read, values) in (read.values.chunks(row)).zip(array.values.chunks(row)) {
            let largest = values
                .iter()
                .fold(0f32, |most, value| most.max(value.abs()));
            for (a, b) in read.iter().zip(values) {
                let bound = match scaled {
                    // Half of a 127th, as a bf16 has it.
                    true => largest / 254.0 * 1.004,
                    // Half a unit in the last place of f16, or its smallest number.
                    false => b.abs() / 2048.0 + 6e-8,
                };
                assert!((a - b).abs() <= bound, "{name}: {b} became {a}");
            }
        }
    }
    // The same input gives the same file, and what was read does too.
    let again = Bundle::write(bundle.state(), None, bundle.metadata()).unwrap();
    assert_eq!(again, (name.clone(), bytes.clone()));
    assert_eq!(written(), (name, bytes));
}

#[test]
fn a_file_of_format_1_is_read() {
    let old = Metadata {
        format_version: 1,
        ..metadata()
    };
    let bytes = with_metadata(Some(&serde_json::to_string(&old).unwrap()));
    let bundle = Bundle::read(&bytes, None).unwrap();
    assert_eq!(bundle.metadata().format_version, 1);
    let (_, bytes) = Bundle::write(bundle.state(), None, bundle.metadata()).unwrap();
    let written = Bundle::read(&bytes, None).unwrap();
    assert_eq!(written.metadata(), &metadata());
    assert_eq!(written.state(), bundle.state());
}

/// What is written, with something else for one of its tensors; `None` leaves it out.
fn with_tensor(name: &str, tensor: Option<(Dtype, Vec<usize>, Vec<u8>)>) -> Vec<u8> {
    let (_, bytes) = written();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let mut views: BTreeMap<String, TensorView<'_>> = (tensors.iter())
        .map(|(name, view)| (name.to_owned(), view))
        .collect();
    views.remove(name);
    if let Some((dtype, shape, bytes)) = &tensor {
        let view = TensorView::new(*dtype, shape.clone(), bytes).unwrap();
        views.insert(name.to_owned(), view);
    }
    safetensors::serialize(views, header.metadata().clone()).unwrap()
}

#[test]
fn integers_without_fitting_scales_are_refused() {
    const WEIGHT: &str = "features.5.conv.0.0.weight";
    const SCALE: &str = "features.5.conv.0.0.weight_scale";
    let refuse = |bytes: &[u8]| Bundle::read(bytes, None).unwrap_err();
    match refuse(&with_tensor(SCALE, None)) {
        BundleError::State(StateError::Missing { name }) => assert_eq!(name, SCALE),
        other => panic!("{other}"),
    }
    match refuse(&with_tensor(
        SCALE,
        Some((Dtype::BF16, vec![191], vec![0; 382])),
    )) {
        BundleError::State(StateError::Shape { name, expected, .. }) => {
            assert_eq!((name.as_str(), expected), (SCALE, vec![192]));
        }
        other => panic!("{other}"),
    }
    match refuse(&with_tensor(
        SCALE,
        Some((Dtype::I8, vec![192], vec![1; 192])),
    )) {
        BundleError::Dtype { name, .. } => assert_eq!(name, SCALE),
        other => panic!("{other}"),
    }
    // 0x7f80 is the infinity of bf16, 0x7f7f its largest number.
    for scale in [[0x80, 0x7f], [0x7f, 0x7f]] {
        let scales = (Dtype::BF16, vec![192], scale.repeat(192));
        match refuse(&with_tensor(SCALE, Some(scales))) {
            BundleError::NotFinite { name } => assert_eq!(name, SCALE),
            other => panic!("{other}"),
        }
    }
    // Scales of what needs none mean nothing.
    let halves = (Dtype::F16, vec![192, 32, 1, 1], vec![0; 192 * 32 * 2]);
    match refuse(&with_tensor(WEIGHT, Some(halves))) {
        BundleError::State(StateError::Unknown { name }) => assert_eq!(name, SCALE),
        other => panic!("{other}"),
    }
    // Scales in f32 are as good.
    let floats = 0.5f32.to_le_bytes().repeat(192);
    let bytes = with_tensor(SCALE, Some((Dtype::F32, vec![192], floats)));
    let bundle = Bundle::read(&bytes, None).unwrap();
    let read = &bundle.state()[WEIGHT];
    assert!(read.values.iter().all(|value| (value * 2.0).fract() == 0.0));
    assert!(read.values.iter().any(|value| value.abs() == 63.5));
}

#[test]
fn damage_is_refused_with_its_reason() {
    let (name, bytes) = written();
    let refuse = |bytes: &[u8], name: Option<&str>| Bundle::read(bytes, name).unwrap_err();
    assert!(matches!(refuse(&[], None), BundleError::Empty));
    assert!(matches!(
        refuse(&bytes[..bytes.len() / 2], Some(&name)),
        BundleError::Hash { .. }
    ));
    assert!(matches!(
        refuse(&bytes[..bytes.len() / 2], None),
        BundleError::Header { .. }
    ));
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 3] ^= 0x10;
    assert!(matches!(
        refuse(&flipped, Some(&name)),
        BundleError::Hash { .. }
    ));
    assert!(matches!(
        refuse(b"\x89PNG\r\n\x1a\n something else", None),
        BundleError::Header { .. }
    ));
    let huge = vec![0; mobilenet_lung::bundle::MAX_BYTES + 1];
    assert!(matches!(refuse(&huge, None), BundleError::TooLarge { .. }));
}

#[test]
fn a_hash_that_somebody_else_works_out_is_believed_and_compared() {
    let (name, bytes) = written();
    let read = |bytes: &[u8], hash: Option<String>| {
        let bytes = bytes.to_vec();
        pollster::block_on(Bundle::read_beside(bytes, Some(&name), async { hash }))
    };
    let known = mobilenet_lung::bundle::sha256(&bytes);
    for hash in [Some(known.clone()), None] {
        let bundle = read(&bytes, hash).unwrap();
        assert_eq!(name, format!("{}.safetensors", bundle.id()));
        assert_eq!(bundle.state(), Bundle::read(&bytes, None).unwrap().state());
    }
    let other = Some(mobilenet_lung::bundle::sha256(b"something else"));
    assert!(matches!(read(&bytes, other), Err(BundleError::Hash { .. })));
    // Half a file has no readable header either; that it is damaged is what helps.
    let half = &bytes[..bytes.len() / 2];
    let hash = Some(mobilenet_lung::bundle::sha256(half));
    assert!(matches!(read(half, hash), Err(BundleError::Hash { .. })));
    assert!(matches!(read(&[], None), Err(BundleError::Empty)));
}

#[test]
fn a_flip_of_any_header_bit_never_panics() {
    let (_, bytes) = written();
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    for position in (0..header).step_by(29) {
        let mut flipped = bytes.clone();
        flipped[position] ^= 1 << (position % 8);
        // Most are refused; a flip in free text may pass. None may panic.
        let _ = Bundle::read(&flipped, None);
    }
}

#[test]
fn foreign_and_later_files_are_refused() {
    let refuse = |bytes: &[u8]| Bundle::read(bytes, None).unwrap_err();
    assert!(matches!(
        refuse(&with_metadata(None)),
        BundleError::Foreign { .. }
    ));
    assert!(matches!(
        refuse(&with_metadata(Some("{}"))),
        BundleError::Foreign { .. }
    ));
    let changed = |change: &dyn Fn(&mut Metadata)| {
        let mut metadata = metadata();
        change(&mut metadata);
        refuse(&with_metadata(Some(
            &serde_json::to_string(&metadata).unwrap(),
        )))
    };
    assert!(matches!(
        changed(&|m| m.format_version = FORMAT_VERSION + 1),
        BundleError::Version { found } if found == FORMAT_VERSION + 1
    ));
    assert!(matches!(
        changed(&|m| m.format_version = 0),
        BundleError::Version { found: 0 }
    ));
    for change in [
        (&|m: &mut Metadata| m.architecture = "resnet".to_owned()) as &dyn Fn(&mut Metadata),
        &|m| m.findings.reverse(),
        &|m| m.temperature = 0.0,
        &|m| m.temperature = -1.0,
        &|m| m.preprocessing.side = 1 << 30,
        &|m| m.preprocessing.std[1] = 0.0,
        &|m| m.attention.reduction = 0,
    ] {
        assert!(matches!(changed(change), BundleError::Foreign { .. }));
    }
}

#[test]
fn tensors_that_do_not_fit_are_named() {
    let refuse = |state: &StateDict| {
        let (_, bytes) = Bundle::write(state, None, &metadata()).unwrap();
        Bundle::read(&bytes, None).unwrap_err()
    };
    let mut missing = state().clone();
    missing.remove("features.7.conv.1.0.bias");
    match refuse(&missing) {
        BundleError::State(StateError::Missing { name }) => {
            assert_eq!(name, "features.7.conv.1.0.bias");
        }
        other => panic!("{other}"),
    }
    let mut reshaped = state().clone();
    reshaped.get_mut("classifier.1.weight").unwrap().shape = vec![1280, 3];
    let error = refuse(&reshaped).to_string();
    assert!(
        error.contains("classifier.1.weight")
            && error.contains("[1280, 3]")
            && error.contains("[3, 1280]"),
        "{error}"
    );
    let mut unknown = state().clone();
    let bias = unknown["classifier.1.bias"].clone();
    unknown.insert("classifier.4.bias".to_owned(), bias);
    assert!(refuse(&unknown).to_string().contains("classifier.4.bias"));
}

#[test]
fn numbers_that_are_none_are_refused_on_both_sides() {
    let mut state = state().clone();
    state.get_mut("classifier.1.bias").unwrap().values[1] = f32::NAN;
    assert!(matches!(
        Bundle::write(&state, None, &metadata()),
        Err(BundleError::NotFinite { .. })
    ));
    // 65504 is the largest f16.
    state.get_mut("classifier.1.bias").unwrap().values[1] = 1e6;
    assert!(matches!(
        Bundle::write(&state, None, &metadata()),
        Err(BundleError::NotFinite { .. })
    ));
    state.get_mut("classifier.1.bias").unwrap().values[1] = 0.0;
    for value in [f32::NAN, f32::INFINITY] {
        let weight = state.get_mut("features.5.conv.0.0.weight").unwrap();
        weight.values[5] = value;
        assert!(matches!(
            Bundle::write(&state, None, &metadata()),
            Err(BundleError::NotFinite { name }) if name == "features.5.conv.0.0.weight"
        ));
    }
    // 0x7e00 is a NaN.
    let nan = vec![0, 0, 0, 0, 0x00, 0x7e];
    let bytes = with_tensor("classifier.1.bias", Some((Dtype::F16, vec![3], nan)));
    assert!(matches!(
        Bundle::read(&bytes, None),
        Err(BundleError::NotFinite { .. })
    ));
}

#[test]
fn every_error_has_a_code_a_sentence_and_advice() {
    let errors = [
        BundleError::Empty,
        BundleError::Version { found: 9 },
        BundleError::NotFinite {
            name: "x".to_owned(),
        },
        StateError::Missing {
            name: "x".to_owned(),
        }
        .into(),
    ];
    for error in errors {
        assert!(error.code().starts_with("weights-"));
        assert!(error.to_string().ends_with('.'));
        assert!(error.advice().ends_with('.'));
    }
}

#[test]
fn a_report_adds_up() {
    let (name, bytes) = written();
    let bundle = Bundle::read(&bytes, Some(&name)).unwrap();
    let classifier = Classifier::on_cpu(&bundle).unwrap();
    let image = phantom(Pattern::Focal, 3, 299);
    let report = pollster::block_on(classifier.classify(&image)).unwrap();
    let probabilities = report.probabilities.0;
    assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-5);
    // Evidence sums to the calibrated logits, so its softmax is the probabilities.
    let logits = report
        .evidence
        .0
        .map(|map| map.as_flattened().iter().sum::<f32>());
    for (a, b) in mobilenet_lung::softmax(logits, 1.0)
        .iter()
        .zip(probabilities)
    {
        assert!((a - b).abs() < 1e-6);
    }
    let network = bundle.network(&Device::flex()).unwrap();
    let input = bundle.metadata().preprocessing.apply(&image);
    let images = burn::tensor::Tensor::<4>::from_data(
        burn::tensor::TensorData::new(input, [1, 3, 224, 224]),
        &Device::flex(),
    );
    let direct = network
        .forward(images)
        .into_data()
        .try_into_vec::<f32>()
        .unwrap();
    for (a, b) in logits.iter().zip(direct) {
        assert!((a - b / 1.5).abs() < 1e-4 * b.abs().max(1.0), "{a} {b}");
    }
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["device"], "cpu");
    assert_eq!(json["model"], bundle.id());
    assert_eq!(
        json["evidence"]["Viral Pneumonia"]
            .as_array()
            .unwrap()
            .len(),
        7
    );
    assert!(json["probabilities"]["Lung_Opacity"].is_number());
}
