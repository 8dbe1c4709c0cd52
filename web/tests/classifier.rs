//! The surface that JavaScript sees, on the CPU under Node: reports are plain objects, and errors say what to do.

#![cfg(target_arch = "wasm32")]
#![allow(missing_docs)]

#[path = "../../crates/radiograph/tests/common/dicom.rs"]
mod dicom;

use std::collections::BTreeMap;

use js_sys::{JSON, Reflect, Uint8ClampedArray};
use lung_web::LungClassifier;
use mobilenet_lung::architecture::{AttentionConfig, EMBEDDING, parameter_shapes};
use mobilenet_lung::bundle::OperatingPoint;
use mobilenet_lung::{
    Array, Bundle, ByFinding, Distribution, Finding, Findings, Metadata, PredictionSets, Spread,
};
use radiograph::phantom::{self, Pattern};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

/// Not those of the shipped model: none of it is in this crate.
const FINDINGS: [&str; 4] = ["Clear", "Spots_and stripes", "10", "2"];

/// A bundle with weights of no meaning: it classifies badly, but in the right shape.
fn untrained() -> (String, Vec<u8>) {
    let attention = AttentionConfig::default();
    let findings = Findings::new(FINDINGS.map(Finding::named).to_vec()).unwrap();
    let metadata = Metadata {
        operating_points: vec![
            OperatingPoint {
                // Any finding may be.
                prediction_sets: Some(PredictionSets {
                    coverage: 0.9,
                    thresholds: ByFinding::new(&findings, FINDINGS.map(|_| 0.0)),
                    calibrated_on: ByFinding::new(&findings, FINDINGS.map(|_| 0)),
                }),
                ..OperatingPoint::plain("default", &findings)
            },
            OperatingPoint::plain("child", &findings),
        ],
        trained_on: "nothing".to_owned(),
        notice: "for tests".to_owned(),
        ..Metadata::plain(findings, attention)
    };
    let state = parameter_shapes(&attention, FINDINGS.len())
        .into_iter()
        .map(|(name, shape)| {
            let count: usize = shape.iter().product();
            // As large as keeps the variance from layer to layer (He et al. 2015, arXiv 1502.01852).
            let scale = (6.0 / (count / shape[0]) as f32).sqrt();
            let values = (0..count)
                .map(|place| ((place * 7919 % 1009) as f32 / 504.0 - 1.0) * scale)
                .collect();
            (name, Array { shape, values })
        })
        .collect();
    // Nothing is like this.
    let distribution = Distribution {
        mean: vec![-1000.0; EMBEDDING],
        directions: vec![0.0; EMBEDDING],
        spread: Spread {
            variances: vec![1.0],
            other_variance: 1.0,
            limit: 1.0,
        },
    };
    Bundle::write(&state, Some(&distribution), &metadata).unwrap()
}

fn get(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).unwrap()
}

fn text(object: &JsValue, name: &str) -> String {
    get(object, name)
        .as_string()
        .unwrap_or_else(|| panic!("{name} is no text"))
}

fn number(object: &JsValue, name: &str) -> f64 {
    get(object, name)
        .as_f64()
        .unwrap_or_else(|| panic!("{name} is no number"))
}

/// Checks that `error` is what JavaScript is promised, and returns its code.
fn code(error: &JsValue) -> String {
    assert!(error.is_instance_of::<js_sys::Error>());
    assert_eq!(text(error, "name"), "LungError");
    for sentence in [text(error, "message"), text(error, "advice")] {
        assert!(sentence.ends_with('.') && sentence.len() > 10, "{sentence}");
    }
    text(error, "code")
}

#[wasm_bindgen_test]
async fn a_report_is_a_plain_object_that_adds_up() {
    let (name, bytes) = untrained();
    let classifier = LungClassifier::load(bytes, Some(name.clone()), None)
        .await
        .unwrap();
    assert_eq!(classifier.device(), "cpu");
    let id = name.strip_suffix(".safetensors").unwrap();
    assert_eq!(text(&classifier.model(), "id"), id);
    assert_eq!(text(&classifier.model(), "trained_on"), "nothing");
    assert!(classifier.picture().unwrap().is_undefined());
    let findings = js_sys::Array::from(&get(&classifier.model(), "findings"));
    let ids: Vec<String> = findings.iter().map(|f| text(&f, "id")).collect();
    assert_eq!(ids, FINDINGS);

    let file = phantom::png8(&phantom::phantom(Pattern::Focal, 7, 96)).unwrap();
    let report = classifier.classify(file, None).await.unwrap();
    let set = get(&report, "prediction_set");
    assert_eq!(number(&set, "coverage"), 0.9);
    let set = js_sys::Array::from(&get(&set, "findings"));
    assert_eq!(set.length(), FINDINGS.len() as u32);
    assert_eq!(set.get(0).as_string(), Some(text(&report, "finding")));
    let in_distribution = get(&report, "in_distribution");
    assert_eq!(get(&in_distribution, "accepted").as_bool(), Some(false));
    assert!((0.0..0.5).contains(&number(&in_distribution, "score")));
    assert_eq!(text(&report, "model"), id);
    assert_eq!(text(&report, "device"), "cpu");
    assert_eq!(text(&get(&report, "source"), "format"), "png");
    assert_eq!(number(&get(&report, "source"), "width"), 96.0);
    for timing in ["decode_ms", "preprocess_ms", "inference_ms"] {
        assert!(number(&get(&report, "timings"), timing) >= 0.0);
    }

    // The evidence explains the probabilities: its sums are the logits.
    let probabilities = get(&report, "probabilities");
    let mut found = BTreeMap::new();
    let mut powers = BTreeMap::new();
    for finding in FINDINGS {
        found.insert(finding, number(&probabilities, finding));
        let rows: Vec<JsValue> =
            js_sys::Array::from(&get(&get(&report, "evidence"), finding)).to_vec();
        let cells: Vec<f64> = rows
            .iter()
            .flat_map(|row| js_sys::Array::from(row).to_vec())
            .map(|v| v.as_f64().unwrap())
            .collect();
        assert_eq!((rows.len(), cells.len()), (7, 49));
        powers.insert(finding, cells.iter().sum::<f64>().exp());
    }
    let total: f64 = powers.values().sum();
    for (name, probability) in &found {
        // Sums of 49 f32 in another order differ in the sixth digit.
        assert!(
            (probability - powers[name] / total).abs() < 1e-4,
            "{name}: {probability}"
        );
    }
    assert!((found.values().sum::<f64>() - 1.0).abs() < 1e-5);
    let reading: mobilenet_lung::Reading =
        serde_json::from_str(&String::from(JSON::stringify(&report).unwrap())).unwrap();
    assert_eq!(reading.report.operating_point, "default");
    assert_eq!(reading.report.probabilities.len(), FINDINGS.len());
    // A Map would lose everything here.
    assert!(String::from(JSON::stringify(&report).unwrap()).contains("\"Spots_and stripes\":"));

    let picture = classifier.picture().unwrap();
    let data: Uint8ClampedArray = get(&picture, "data").dyn_into().unwrap();
    assert_eq!(
        (number(&picture, "width"), number(&picture, "height")),
        (96.0, 96.0)
    );
    assert_eq!(data.length(), 96 * 96 * 4);
    assert!(data.get_index(3) == 255);
}

#[wasm_bindgen_test]
async fn a_file_that_cannot_be_read_is_refused_and_the_next_one_works() {
    let (name, bytes) = untrained();
    let classifier = LungClassifier::load(bytes, Some(name), None).await.unwrap();
    assert_eq!(
        code(&classifier.classify(Vec::new(), None).await.unwrap_err()),
        "empty-file"
    );
    assert_eq!(
        code(
            &classifier
                .classify(b"%PDF-1.7".to_vec(), None)
                .await
                .unwrap_err()
        ),
        "unknown-format"
    );
    let mut file = phantom::png8(&phantom::phantom(Pattern::Clear, 1, 64)).unwrap();
    assert!(classifier.classify(file.clone(), None).await.is_ok());
    file.truncate(file.len() / 2);
    code(&classifier.classify(file, None).await.unwrap_err());
    assert!(
        classifier.picture().unwrap().is_undefined(),
        "the picture of another file must not be shown"
    );
}

/// The red of every pixel of a picture, which is its grey.
fn greys(picture: &JsValue) -> Vec<u8> {
    let data: Uint8ClampedArray = get(picture, "data").dyn_into().unwrap();
    data.to_vec().chunks_exact(4).map(|rgba| rgba[0]).collect()
}

#[wasm_bindgen_test]
async fn the_picture_of_a_dicom_file_is_shown_in_any_window_and_no_other_picture_is() {
    let (name, bytes) = untrained();
    let classifier = LungClassifier::load(bytes, Some(name), None).await.unwrap();
    assert!(classifier.windowed(2048.0, 4096.0).unwrap().is_undefined());

    // Values from 0 to 4095, black to white in the file's own window.
    let values: Vec<u16> = (0..64 * 64).collect();
    let file = dicom::DicomFile::grey(&values, 64, 64, 12)
        .window("2047.5", "4096")
        .file();
    let report = classifier.classify(file.clone(), None).await.unwrap();
    let window = get(&get(&report, "dicom"), "window");
    assert_eq!(
        (number(&window, "centre"), number(&window, "width")),
        (2047.5, 4096.0)
    );
    let shown = greys(&classifier.picture().unwrap());
    let narrow = greys(&classifier.windowed(1000.0, 100.0).unwrap());
    assert_eq!(
        (narrow[949], narrow[1000], narrow[1051]),
        (0, 128, 255),
        "half of the width on either side"
    );
    // A window lasts as long as it is looked at.
    let again = greys(&classifier.windowed(2047.5, 4095.0).unwrap());
    assert!(again.iter().zip(&shown).all(|(a, b)| a.abs_diff(*b) <= 1));
    assert_eq!(greys(&classifier.picture().unwrap()), shown);
    for (centre, width) in [(f64::NAN, 100.0), (1000.0, 0.0), (1000.0, f64::INFINITY)] {
        assert!(classifier.windowed(centre, width).unwrap().is_undefined());
    }

    // Another image has come since; it has no values but its brightness.
    let png = phantom::png8(&phantom::phantom(Pattern::Clear, 1, 64)).unwrap();
    classifier.classify(png, None).await.unwrap();
    assert!(classifier.windowed(1000.0, 100.0).unwrap().is_undefined());
    classifier.look(&file).unwrap();
    assert_eq!(greys(&classifier.picture().unwrap()), shown);
    assert_eq!(greys(&classifier.windowed(1000.0, 100.0).unwrap()), narrow);

    assert_eq!(code(&classifier.look(b"").unwrap_err()), "empty-file");
    assert!(
        classifier.windowed(1000.0, 100.0).unwrap().is_undefined(),
        "the picture of another file must not be shown"
    );
}

#[wasm_bindgen_test]
async fn an_operating_point_is_chosen_by_name() {
    let (name, bytes) = untrained();
    let classifier = LungClassifier::load(bytes, Some(name), None).await.unwrap();
    let file = phantom::png8(&phantom::phantom(Pattern::Clear, 1, 64)).unwrap();
    let at = |name: &str| classifier.classify(file.clone(), Some(name.to_owned()));
    let report = at("child").await.unwrap();
    assert_eq!(text(&report, "operating_point"), "child");
    assert!(get(&report, "prediction_set").is_null());
    let error = at("adult").await.unwrap_err();
    assert_eq!(code(&error), "operating-point-unknown");
    assert!(text(&error, "message").contains("default, child"));
}

#[wasm_bindgen_test]
async fn a_bad_weights_file_is_refused() {
    let (name, bytes) = untrained();
    let refused =
        |bytes: Vec<u8>, name: &str| LungClassifier::load(bytes, Some(name.to_owned()), None);
    assert_eq!(
        code(&refused(Vec::new(), &name).await.unwrap_err()),
        "weights-empty"
    );
    assert_eq!(
        code(
            &refused(vec![7; 64], "weights.safetensors")
                .await
                .unwrap_err()
        ),
        "weights-unreadable"
    );
    let mut flipped = bytes;
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    assert_eq!(
        code(&refused(flipped, &name).await.unwrap_err()),
        "weights-hash-mismatch"
    );
}
