//! `lung audit` on the shipped model and generated images.

// A helper of a test fails as the test does.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;

use lung_train::evaluate::audit::Audit;
use serde_json::Value;
use tempfile::TempDir;

mod common;
use common::{lung, shipped};

#[test]
fn an_audit_counts_every_change_by_group_and_says_the_same_three_times() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (data, json, html) = (path("phantoms"), path("audit.json"), path("audit.html"));
    let made = lung(&["phantom", "--out", &data, "--per-class", "4"]);
    assert!(made.status.success());
    fs::write(
        folder.path().join("phantoms/Normal/broken.png"),
        b"not an image",
    )
    .unwrap();
    let model = shipped();
    let output = lung(&[
        "audit",
        "--model",
        model.to_str().unwrap(),
        "--data",
        &data,
        "--per-group",
        "3",
        "--json",
        &json,
        "--html",
        &html,
    ]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let audit: Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
    let groups = audit["groups"].as_array().unwrap();
    let unreadable = audit["unreadable"].as_array().unwrap().len();
    assert_eq!(groups.len(), 3);
    let mut images = 0;
    for group in groups {
        images += group["images"].as_u64().unwrap();
        let changed = group["changed"].as_object().unwrap();
        assert_eq!(changed.len(), 20);
        let of = |name: &str| changed[name]["correct"].as_u64().unwrap();
        let worst = [
            "crop6",
            "crop12",
            "crop-corner",
            "black-margin",
            "grey-margin",
            "bars",
        ]
        .map(of)
        .into_iter()
        .max();
        assert_eq!(group["worst_framing"]["correct"].as_u64(), worst);
        assert_eq!(group["remains"].as_object().unwrap().len(), 5);
        let interval = changed["jpeg"]["interval"].as_array().unwrap();
        assert!(interval[0].as_f64() < interval[1].as_f64());
    }
    // Three of four or five a group, one of which may be the broken one.
    assert_eq!(images as usize + unreadable, 9);
    // Too few images for a probe.
    assert_eq!(audit["probes"].as_array().unwrap().len(), 0);
    let page = fs::read_to_string(&html).unwrap();
    roxmltree::Document::parse_with_options(
        &page,
        roxmltree::ParsingOptions {
            allow_dtd: true,
            ..roxmltree::ParsingOptions::default()
        },
    )
    .unwrap();
    for words in [
        "grey margin of 20%",
        "phase spectrum only",
        "worst crop or margin",
    ] {
        assert!(text.contains(words) && page.contains(words), "{words}");
    }
    assert!(!page.contains("<script") && page.contains("Content-Security-Policy"));

    // A card takes it from there.
    let read = Audit::read_all(&[&json]).unwrap();
    assert_eq!(serde_json::to_value(&read[0]).unwrap(), audit);
    let mut other = read[0].clone();
    other.split = "others".to_owned();
    let path = path("other.json");
    fs::write(&path, serde_json::to_string(&other).unwrap()).unwrap();
    let error = Audit::read_all(&[&json, &path]).unwrap_err().to_string();
    assert!(error.contains("another of others"), "{error}");
    let error = Audit::read(html.as_ref()).unwrap_err().to_string();
    assert!(error.contains("`lung audit --json` writes one"), "{error}");
}

#[test]
fn an_audit_without_images_says_so() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("phantoms");
    let made = lung(&[
        "phantom",
        "--out",
        data.to_str().unwrap(),
        "--per-class",
        "1",
    ]);
    assert!(made.status.success());
    let model = shipped();
    let run = |more: &[&str]| {
        let mut arguments = vec!["audit", "--model", model.to_str().unwrap(), "--data"];
        arguments.push(data.to_str().unwrap());
        arguments.extend(more);
        let output = lung(&arguments);
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(run(&["--fold", "5"]).contains("--fold must be 0 to 4"));
    // One image of each class is in fold 0.
    assert!(run(&["--fold", "3"]).contains("no image to audit on"));
}
