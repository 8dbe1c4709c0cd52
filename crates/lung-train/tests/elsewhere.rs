//! `lung elsewhere` and `lung card` on the shipped model and generated images.

// A helper of a test fails as the test does.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::Path;

use lung_train::report::ModelCard;
use serde_json::Value;

mod common;
use common::{Folder, lung, shipped, text};

#[test]
fn images_of_other_hospitals_are_counted_and_a_card_takes_the_counts() {
    let folder = Folder::new();
    let (data, json) = (folder.text("phantoms"), folder.text("elsewhere.json"));
    assert!(
        lung(&["phantom", "--out", &data, "--per-class", "2"])
            .status
            .success()
    );
    folder.write("views/side.png", b"not an image");
    let mut table = "File;Label;Hospital\n".to_owned();
    let mut files = 0;
    for class in ["Normal", "Lung_Opacity"] {
        for entry in fs::read_dir(folder.path("phantoms").join(class)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            table += &format!("{class}\\{name};cough;{class}\n");
            files += 1;
        }
    }
    folder.write("phantoms/index.csv", table.as_bytes());
    let model = shipped();
    let model = model.to_str().unwrap();
    let table = folder.text("phantoms/index.csv");
    let views = format!("lateral={}", folder.text("views"));
    let counted = lung(&[
        "elsewhere",
        "--model",
        model,
        "--table",
        &table,
        "--folder",
        &views,
        "--json",
        &json,
    ]);
    let said = text(&counted.stdout);
    assert!(counted.status.success(), "{}", text(&counted.stderr));
    let found: Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
    let strata = found["strata"].as_array().unwrap();
    assert_eq!(strata.len(), 2);
    let mut images = 0;
    for calls in strata {
        let called = calls["called"].as_array().unwrap();
        let called: u64 = called.iter().map(|count| count.as_u64().unwrap()).sum();
        let all = calls["images"].as_u64().unwrap();
        assert_eq!(called + calls["refused"].as_u64().unwrap(), all);
        images += all;
    }
    assert_eq!(images, files);
    assert_eq!(found["unreadable"][0][0], "side.png");
    for words in [
        format!("cough, {files} images"),
        "by hospital".to_owned(),
        "not read: side.png".to_owned(),
    ] {
        assert!(said.contains(&words), "{words}: {said}");
    }

    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let figures = root.join("MODEL_CARD.json");
    let out = folder.text("card.md");
    let written = lung(&[
        "card",
        "--figures",
        figures.to_str().unwrap(),
        "--elsewhere",
        &json,
        "--out",
        &out,
    ]);
    assert!(written.status.success(), "{}", text(&written.stderr));
    let card = fs::read_to_string(&out).unwrap();
    assert!(card.contains(&format!("| cough | {files} |")), "{card}");
    let json = fs::read_to_string(folder.path("card.json")).unwrap();
    assert_eq!(ModelCard::read(&json).unwrap().to_markdown().unwrap(), card);
}

#[test]
fn what_cannot_be_counted_is_refused_before_the_model_is_read() {
    let folder = Folder::new();
    folder.write("index.csv", b"file,finding\na.png,cough\n");
    let table = folder.text("index.csv");
    let card = folder.text("card.json");
    folder.write("card.json", b"{}");
    for (arguments, words) in [
        (
            vec!["elsewhere", "--model", "none", "--table", &table],
            "columns file and label",
        ),
        (
            vec!["elsewhere", "--model", "none", "--folder", "lateral"],
            "lateral=views/lateral",
        ),
        (
            vec![
                "elsewhere",
                "--model",
                "none",
                "--folder",
                "a=/nowhere/at/all",
            ],
            "there is no folder",
        ),
        (vec!["elsewhere", "--model", "none"], "--table"),
        (
            vec!["card", "--figures", &card, "--out", &card],
            "no figures of a model card",
        ),
    ] {
        let output = lung(&arguments);
        assert!(!output.status.success());
        let error = text(&output.stderr);
        assert!(error.contains(words), "{words}: {error}");
    }
}
