//! Weights files: what is written is read, and whatever else there is gets refused with its reason.

// A helper of a test fails as the test does.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use burn::tensor::Device;
use mobilenet_lung::bundle::{
    DataSource, FORMAT_VERSION, INPUTS, Metadata, OperatingPoint, SetSentence, Share, TestFigures,
    Unverified,
};
use mobilenet_lung::inference::CpuNetwork;
use mobilenet_lung::network::{AttentionConfig, MobileNetLungConfig};
use mobilenet_lung::{
    Bundle, BundleError, ByFinding, Classifier, ClassifyError, Finding, Findings, PredictionSets,
    Reading, StateDict, StateError, state_dict,
};
use radiograph::phantom::{Pattern, phantom};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};

/// Of the three known findings, with two operating points.
fn metadata() -> Metadata {
    let findings = Findings::lung_xray();
    let of = |values: [f32; 3]| ByFinding::new(&findings, values);
    let sets = PredictionSets {
        coverage: 0.9,
        thresholds: of([0.7, 0.5, 0.9]),
        calibrated_on: ByFinding::new(&findings, [8, 9, 10]),
    };
    let child = OperatingPoint {
        description: "For children.".to_owned(),
        translations: [("fr".to_owned(), "Pour les enfants.".to_owned())].into(),
        offsets: of([-0.5, 0.25, 1.0]),
        prediction_sets: Some(sets),
        ..OperatingPoint::plain("child", &findings)
    };
    Metadata {
        scales: of([1.0, 0.5, 2.0]),
        operating_points: vec![OperatingPoint::plain("clinic", &findings), child],
        default_operating_point: "clinic".to_owned(),
        set_sentences: vec![SetSentence {
            findings: vec!["Viral Pneumonia".to_owned(), "Lung_Opacity".to_owned()],
            sentence: "These cannot be told apart in children.".to_owned(),
            translations: [("es".to_owned(), "No se distinguen.".to_owned())].into(),
        }],
        trained_on: "nothing: random weights".to_owned(),
        data: vec![DataSource {
            name: "nothing".to_owned(),
            licence: "CC0-1.0".to_owned(),
            url: String::new(),
            images: Some(ByFinding::new(&findings, [1, 2, 3])),
        }],
        tests: vec![TestFigures {
            split: "nothing, fold 0".to_owned(),
            operating_point: "clinic".to_owned(),
            accuracy: share(4, 6),
            macro_f1: 0.5,
            confusion: Some(vec![vec![1, 0, 1], vec![0, 2, 0], vec![1, 0, 1]]),
            by_origin: BTreeMap::new(),
            calibration_error: None,
            log_loss: None,
            brier: None,
            coverage: None,
            mean_set_size: None,
            refused: None,
        }],
        notice: "for tests".to_owned(),
        ..Metadata::plain(findings, AttentionConfig::default())
    }
}

fn share(correct: usize, images: usize) -> Share {
    Share {
        correct,
        images,
        share: correct as f64 / images as f64,
        interval: [0.0, 1.0],
    }
}

/// What a file of format 2 said of itself, in its own words.
fn older() -> Value {
    json!({
        "format_version": 2,
        "architecture": "mobilenet-lung",
        "attention": { "kind": "squeeze-excitation", "place": "last", "reduction": 32 },
        "findings": ["Normal", "Lung_Opacity", "Viral Pneumonia"],
        "preprocessing": {
            "side": 224, "detail": 160,
            "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225],
        },
        "temperature": 0.75,
        "prediction_sets": {
            "coverage": 0.9,
            "thresholds": { "Normal": 0.5, "Lung_Opacity": 0.25, "Viral Pneumonia": 0.125 },
            "calibrated_on": { "Normal": 30, "Lung_Opacity": 20, "Viral Pneumonia": 10 },
        },
        "trained_on": "nothing",
        "test": {
            "split": "nothing, fold 0", "images": 40, "accuracy": 0.9, "accuracy_interval": [0.77, 0.96],
            "macro_f1": 0.89, "by_origin": { "adult": { "images": 20, "accuracy": 0.85 } },
            "called_by_origin": { "adult": { "healthy_called_normal": null } },
            "calibration_error": 0.02,
        },
        "licence": "MIT OR Apache-2.0",
        "commit": "",
        "notice": "old",
    })
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
fn the_json_of_a_bundle_says_what_its_metadata_says() {
    let current = serde_json::to_string_pretty(&metadata()).unwrap();
    let old = older().to_string();
    for text in [&current, &old] {
        let bundle = Bundle::read(&with_metadata(Some(text)), None).unwrap();
        let json: Metadata = serde_json::from_str(bundle.metadata_json()).unwrap();
        assert_eq!(&json, bundle.metadata());
        // The page parses what the file has, unless it is of an older format.
        assert_eq!(bundle.metadata_json() == text, *text == current);
    }
}

#[test]
fn a_file_of_format_2_is_read_and_written_as_today() {
    let bytes = with_metadata(Some(&older().to_string()));
    let bundle = Bundle::read(&bytes, None).unwrap();
    let metadata = bundle.metadata();
    assert_eq!(metadata.format_version, FORMAT_VERSION);
    assert_eq!(metadata.findings, Findings::lung_xray());
    assert_eq!(metadata.preprocessing.detail, 160);
    assert!(metadata.scales.values().all(|scale| *scale == 1.0 / 0.75));
    let point = metadata.default_point().unwrap();
    assert_eq!(point.name, "default");
    assert!(point.offsets.values().all(|offset| *offset == 0.0));
    let sets = point.prediction_sets.as_ref().unwrap();
    assert_eq!(sets.thresholds.get("Viral Pneumonia"), Some(&0.125));
    let test = &metadata.tests[0];
    assert_eq!((test.accuracy.correct, test.accuracy.images), (36, 40));
    assert_eq!(test.by_origin["adult"].accuracy.correct, 17);
    assert_eq!(
        (test.confusion.as_ref(), test.calibration_error),
        (None, Some(0.02))
    );
    assert_eq!(bundle.known_evidence(), None);

    let (name, bytes) = bundle.with_known_evidence(metadata).unwrap();
    let written = Bundle::read(&bytes, Some(&name)).unwrap();
    assert_eq!(written.metadata(), metadata);
    assert_eq!(written.state(), bundle.state());
    assert!(written.known_evidence().is_some());
}

#[test]
fn a_file_of_format_1_is_read() {
    let mut old = older();
    old["format_version"] = json!(1);
    // Its first writers knew none of these.
    let fields = old.as_object_mut().unwrap();
    fields.remove("prediction_sets");
    fields["preprocessing"]
        .as_object_mut()
        .unwrap()
        .remove("detail");
    fields["test"] = Value::Null;
    let bundle = Bundle::read(&with_metadata(Some(&old.to_string())), None).unwrap();
    assert_eq!(bundle.metadata().preprocessing.detail, 224);
    assert_eq!(bundle.metadata().prediction_sets(), None);
    assert!(bundle.metadata().tests.is_empty());
}

#[test]
fn older_files_that_cannot_be_are_refused() {
    let refuse = |change: &dyn Fn(&mut Value)| {
        let mut old = older();
        change(&mut old);
        Bundle::read(&with_metadata(Some(&old.to_string())), None).unwrap_err()
    };
    for change in [
        (&|old: &mut Value| old["findings"] = json!(["Normal", "Lung_Opacity"]))
            as &dyn Fn(&mut Value),
        &|old| old["temperature"] = json!(0),
        &|old| old["temperature"] = json!(-1),
        &|old| old["architecture"] = json!("resnet"),
        &|old| old["preprocessing"]["side"] = json!(96),
    ] {
        assert!(matches!(refuse(change), BundleError::Foreign { .. }));
    }
    let error = refuse(&|old| old["prediction_sets"]["thresholds"]["Normal"] = json!(1.5));
    assert!(
        matches!(error, BundleError::OperatingPoint { .. }),
        "{error}"
    );
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
        Unverified::read(bytes.to_vec())?.verify(Some(&name), hash.as_deref())
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
    for found in [0, FORMAT_VERSION + 1] {
        let error = refuse(&changed(&|json| json["format_version"] = json!(found)));
        assert!(matches!(error, BundleError::Version { found: version } if version == found));
    }
    // Of a later format nothing else is known.
    let error = refuse(&with_metadata(Some(r#"{"format_version":4}"#)));
    assert!(matches!(error, BundleError::Version { found: 4 }));
    for change in [
        (&|json: &mut Value| json["architecture"] = json!("resnet")) as &dyn Fn(&mut Value),
        &|json| json["preprocessing"]["side"] = json!(1 << 30),
        &|json| json["preprocessing"]["std"][1] = json!(0),
        &|json| json["attention"]["reduction"] = json!(0),
    ] {
        let error = refuse(&changed(change));
        assert!(matches!(error, BundleError::Foreign { .. }), "{error}");
    }
}

/// The file with today's metadata, changed.
fn changed(change: &dyn Fn(&mut Value)) -> Vec<u8> {
    let mut json = serde_json::to_value(metadata()).unwrap();
    change(&mut json);
    with_metadata(Some(&json.to_string()))
}

#[test]
fn metadata_that_cannot_be_are_refused_and_the_culprit_named() {
    let nan = |json: &mut Value| json["scales"]["Normal"] = json!(1e300);
    for (change, code, culprit) in [
        (
            (&|json: &mut Value| json["findings"][1]["id"] = json!("normal"))
                as &dyn Fn(&mut Value),
            "weights-findings",
            "`Normal` and `normal`",
        ),
        (
            &|json| json["findings"] = json!([]),
            "weights-findings",
            "0 findings",
        ),
        (
            &|json| {
                json["findings"] = (0..21)
                    .map(|i| json!({ "id": format!("f{i}"), "name": "f" }))
                    .collect()
            },
            "weights-findings",
            "21 findings",
        ),
        (
            &|json| json["findings"][0]["translations"] = json!({ "xx": "?" }),
            "weights-findings",
            "`xx`",
        ),
        (
            &|json| json["findings"][2]["id"] = json!("_"),
            "weights-findings",
            "`_`",
        ),
        (
            &|json| json["scales"]["Normal"] = json!(0),
            "weights-metadata",
            "`Normal`",
        ),
        (&nan, "weights-metadata", "`Normal`"),
        (
            &|json| {
                drop(
                    json["scales"]
                        .as_object_mut()
                        .unwrap()
                        .remove("Lung_Opacity"),
                )
            },
            "weights-metadata",
            "`Lung_Opacity`",
        ),
        (
            &|json| json["scales"]["COVID"] = json!(1),
            "weights-metadata",
            "`COVID`",
        ),
        (
            &|json| json["operating_points"][1]["name"] = json!("clinic"),
            "weights-operating-point",
            "`clinic`",
        ),
        (
            &|json| json["operating_points"] = json!([]),
            "weights-operating-point",
            "`clinic`",
        ),
        (
            &|json| json["default_operating_point"] = json!("adult"),
            "weights-operating-point",
            "clinic, child",
        ),
        (
            &|json| json["operating_points"][1]["offsets"]["Normal"] = json!(1e300),
            "weights-operating-point",
            "`child`",
        ),
        (
            &|json| {
                json["operating_points"][1]["prediction_sets"]["thresholds"]["Normal"] = json!(1.01)
            },
            "weights-operating-point",
            "`Normal` is 1.01",
        ),
        (
            &|json| json["operating_points"][1]["prediction_sets"]["coverage"] = json!(1),
            "weights-operating-point",
            "coverage 1",
        ),
        (
            &|json| json["operating_points"][1]["translations"]["xx"] = json!("?"),
            "weights-operating-point",
            "`xx`",
        ),
        (
            &|json| json["set_sentences"][0]["findings"] = json!(["Normal", "COVID"]),
            "weights-metadata",
            "`COVID`",
        ),
        (
            &|json| json["set_sentences"][0]["findings"] = json!(["Normal", "Normal"]),
            "weights-metadata",
            "Normal, Normal",
        ),
        (
            &|json| json["set_sentences"][0]["translations"]["xx"] = json!("?"),
            "weights-metadata",
            "`xx`",
        ),
        (
            &|json| {
                let same = json["set_sentences"][0].clone();
                json["set_sentences"].as_array_mut().unwrap().push(same);
            },
            "weights-metadata",
            "two for Lung_Opacity, Viral Pneumonia",
        ),
        (
            &|json| json["tests"][0]["confusion"] = json!([[1, 2], [3, 4]]),
            "weights-metadata",
            "nothing, fold 0",
        ),
        (
            &|json| json["preprocessing"]["framing"] = json!({ "method": "thorax" }),
            "weights-framing",
            "framing",
        ),
        (
            &|json| json["preprocessing"]["framing"] = json!({ "method": "whole", "margin": 0.1 }),
            "weights-framing",
            "framing",
        ),
    ] {
        let error = Bundle::read(&changed(change), None).unwrap_err();
        let message = error.to_string();
        assert_eq!(error.code(), code, "{message}");
        assert!(message.contains(culprit), "{culprit}: {message}");
        assert!(
            message.ends_with('.') && error.advice().ends_with('.'),
            "{message}"
        );
    }
    // Nobody writes what nobody could read.
    let mut wrong = metadata();
    wrong.default_operating_point = "adult".to_owned();
    let error = Bundle::write(state(), None, &wrong).unwrap_err();
    assert_eq!(error.code(), "weights-operating-point");
}

#[test]
fn any_number_of_findings_is_written_and_read() {
    for count in [2, 7, 20] {
        let named = |i: usize| Finding::named(format!("sign {i}"));
        let findings = Findings::new((0..count).map(named).collect()).unwrap();
        let metadata = Metadata::plain(findings.clone(), AttentionConfig::default());
        let state = state_dict(&metadata.network().init(&Device::flex())).unwrap();
        let (name, bytes) = Bundle::write(&state, None, &metadata).unwrap();
        let bundle = Bundle::read(&bytes, Some(&name)).unwrap();
        let classifier = Classifier::on_cpu(&bundle).unwrap();
        let image = phantom(Pattern::Focal, 3, 299);
        let report = pollster::block_on(classifier.classify(&image))
            .unwrap()
            .report;
        assert!(
            report
                .probabilities
                .iter()
                .map(|(id, _)| id)
                .eq(findings.ids())
        );
        let sum: f32 = report.probabilities.values().sum();
        assert!((sum - 1.0).abs() < 1e-5);
        assert!(findings.row(&report.finding).is_some());
        // One finding fewer does not fit.
        let fewer = Findings::new((1..count.max(3)).map(named).collect()).unwrap();
        let wrong = Metadata::plain(fewer, AttentionConfig::default());
        if count > 2 {
            let (_, bytes) = Bundle::write(&state, None, &wrong).unwrap();
            let error = Bundle::read(&bytes, None).unwrap_err();
            assert!(
                matches!(error, BundleError::State(StateError::Shape { .. })),
                "{error}"
            );
        }
    }
}

#[test]
fn known_evidence_is_what_the_network_gives() {
    let (_, bytes) = written();
    let bundle = Bundle::read(&bytes, None).unwrap();
    let (name, bytes) = bundle.with_known_evidence(bundle.metadata()).unwrap();
    let bundle = Bundle::read(&bytes, Some(&name)).unwrap();
    let known = bundle.known_evidence().unwrap();
    let network = bundle.metadata().attention;
    let network = CpuNetwork::new(bundle.state(), &network, 3).unwrap();
    for number in 0..INPUTS {
        let input = mobilenet_lung::bundle::input(number);
        assert_eq!(input.len(), 3 * 224 * 224);
        let mut output = network.infer(&input).unwrap();
        assert!(known.difference(number, &output) < 1e-6);
        // A device that is wrong anywhere is found out, and so is one that gives something else altogether.
        output.embedding[7] += 1.0;
        assert!(known.difference(number, &output) > 1e-3);
        output.embedding[7] = f32::NAN;
        assert_eq!(known.difference(number, &output), f32::INFINITY);
        output.embedding.pop();
        assert_eq!(known.difference(number, &output), f32::INFINITY);
    }
    let other = network.infer(&mobilenet_lung::bundle::input(1)).unwrap();
    assert!(
        known.difference(0, &other) > 1e-2,
        "the two inputs are alike"
    );
    // Half of it is none.
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let views = tensors
        .iter()
        .filter(|(name, _)| *name != "known.embedding");
    let half = safetensors::serialize(views, header.metadata().clone()).unwrap();
    let error = Bundle::read(&half, None).unwrap_err();
    assert!(error.to_string().contains("known.embedding"), "{error}");
}

#[test]
fn an_operating_point_moves_the_probabilities_and_no_other_is_made_up() {
    let (_, bytes) = written();
    let bundle = Bundle::read(&bytes, None).unwrap();
    let classifier = Classifier::on_cpu(&bundle).unwrap();
    let image = phantom(Pattern::Focal, 3, 299);
    let at = |name: Option<&str>| pollster::block_on(classifier.classify_at(&image, name));
    let clinic = at(None).unwrap().report;
    let child = at(Some("child")).unwrap().report;
    assert_eq!(
        (clinic.operating_point.as_str(), clinic.prediction_set),
        ("clinic", None)
    );
    assert_eq!(child.operating_point, "child");
    let set = child.prediction_set.unwrap();
    assert_eq!(set.coverage, 0.9);
    assert_eq!(set.findings[0], child.finding);
    let logit = |evidence: &ByFinding<[[f32; 7]; 7]>, id: &str| {
        evidence.get(id).unwrap().as_flattened().iter().sum::<f32>()
    };
    for (id, offset) in [
        ("Normal", -0.5),
        ("Lung_Opacity", 0.25),
        ("Viral Pneumonia", 1.0),
    ] {
        let moved = logit(&child.evidence, id) - logit(&clinic.evidence, id);
        assert!((moved - offset).abs() < 1e-4, "{id} {moved}");
    }
    match at(Some("adult")).unwrap_err() {
        error @ ClassifyError::OperatingPoint { .. } => {
            assert_eq!(error.code(), "operating-point-unknown");
            assert_eq!(
                error.to_string(),
                "This model has no operating point `adult`; it has clinic, child."
            );
        }
        other => panic!("{other}"),
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
fn a_reading_adds_up() {
    let (name, bytes) = written();
    let bundle = Bundle::read(&bytes, Some(&name)).unwrap();
    let classifier = Classifier::on_cpu(&bundle).unwrap();
    let image = phantom(Pattern::Focal, 3, 299);
    let reading = pollster::block_on(classifier.classify(&image)).unwrap();
    let report = &reading.report;
    assert!((report.probabilities.values().sum::<f32>() - 1.0).abs() < 1e-5);
    // Evidence sums to the calibrated logits, so its softmax is the probabilities.
    let logits: Vec<f32> = (report.evidence.values())
        .map(|map| map.as_flattened().iter().sum::<f32>())
        .collect();
    for (a, b) in mobilenet_lung::softmax(&logits, 1.0)
        .iter()
        .zip(report.probabilities.values())
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
    for ((a, b), scale) in logits.iter().zip(direct).zip([1.0, 0.5, 2.0]) {
        assert!((a - b * scale).abs() < 1e-4 * b.abs().max(1.0), "{a} {b}");
    }
    let json = serde_json::to_value(&reading).unwrap();
    assert_eq!(json["version"], 1);
    assert_eq!(json["device"], "cpu");
    assert_eq!(json["model"], bundle.id());
    assert_eq!(json["source"]["format"], "luma");
    assert_eq!(json["source"]["width"], 299);
    let maps = json["evidence"]["Viral Pneumonia"].as_array().unwrap();
    assert_eq!(maps.len(), 7);
    assert!(json["probabilities"]["Lung_Opacity"].is_number());
    // Whoever gets a reading as JSON has all of it.
    let text = serde_json::to_string(&reading).unwrap();
    assert_eq!(serde_json::from_str::<Reading>(&text).unwrap(), reading);
}
