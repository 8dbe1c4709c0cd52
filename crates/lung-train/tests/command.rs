//! The command itself: what it prints and how it exits.

// A helper of a test fails as the test does.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use mobilenet_lung::architecture::EMBEDDING;
use mobilenet_lung::{Bundle, ByFinding, Distribution, PredictionSets, Spread};
use serde_json::Value;
use tempfile::TempDir;

mod common;
use common::{lung, shipped, text};

/// Peak memory that no file may exceed, in KiB.
const MEMORY_KIB: u64 = 512 * 1024;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn data() -> Option<PathBuf> {
    let folder =
        std::env::var_os("LUNG_DATA").map_or_else(|| root().join("../shared/data"), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no data in {}", folder.display());
    None
}

fn predict(model: &Path, paths: &[&Path]) -> (Vec<Value>, i32) {
    let mut arguments = vec![
        "predict",
        "--model",
        model.to_str().unwrap(),
        "--format",
        "ndjson",
    ];
    arguments.extend(paths.iter().map(|p| p.to_str().unwrap()));
    let output = lung(&arguments);
    let lines = text(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    (lines, output.status.code().unwrap())
}

#[test]
fn help_names_every_subcommand_and_an_unknown_option_is_refused() {
    let help = text(&lung(&["--help"]).stdout);
    for name in [
        "train",
        "evaluate",
        "audit",
        "export",
        "predict",
        "picture",
        "phantom",
        "compare",
        "not a medical device",
    ] {
        assert!(help.contains(name), "{name}: {help}");
    }
    for arguments in [
        &["--nonsense"][..],
        &["predict", "--nonsense"],
        &["nonsense"],
    ] {
        let output = lung(arguments);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains("nonsense"));
    }
}

#[test]
fn a_picture_is_what_was_read_and_the_input_what_the_network_sees() {
    use radiograph::{Radiograph, phantom};
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("chest.jpg");
    let out = folder.path().join("picture.png");
    let chest = phantom::phantom(phantom::Pattern::Focal, 3, 320);
    // Lying on its side, as its orientation says.
    fs::write(&file, phantom::jpeg_turned(&chest, 95, 6).unwrap()).unwrap();
    let radiograph = Radiograph::decode(&fs::read(&file).unwrap()).unwrap();
    let (from, to) = (file.to_str().unwrap(), out.to_str().unwrap());

    let output = lung(&["picture", from, "--out", to]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("320 x 320 pixels, JPEG, 8 bits"));
    let picture = Radiograph::decode(&fs::read(&out).unwrap()).unwrap();
    let shown = radiograph.picture(u32::MAX).unwrap();
    for (written, shown) in picture.luma().iter().zip(shown.luma()) {
        // Half a level of 8 bits, and rounding.
        assert!((written - shown).abs() < 0.51 / 255.0);
    }

    let model = shipped();
    let input = lung(&[
        "picture",
        from,
        "--out",
        to,
        "--input",
        "--model",
        model.to_str().unwrap(),
    ]);
    assert!(input.status.success(), "{}", text(&input.stderr));
    let bundle = Bundle::read(&fs::read(&model).unwrap(), None).unwrap();
    let expected = bundle.metadata().preprocessing.squash(&radiograph);
    let input = Radiograph::decode(&fs::read(&out).unwrap()).unwrap();
    assert_eq!((input.width(), input.height()), (224, 224));
    for (written, expected) in input.luma().iter().zip(&expected) {
        assert!((written - expected).abs() < 0.51 / 255.0);
    }
}

#[test]
fn a_picture_of_no_image_says_why_and_writes_nothing() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("notes.png");
    let out = folder.path().join("picture.png");
    fs::write(&file, b"no image").unwrap();
    let (from, to) = (file.to_str().unwrap(), out.to_str().unwrap());
    let output = lung(&["picture", from, "--out", to]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("is text, not an image"));
    assert!(!out.exists());
    // Nor is the file itself written over.
    let output = lung(&["picture", from, "--out", from]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(fs::read(&file).unwrap(), b"no image");
}

/// A zip archive of files that are not packed.
fn zip(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in files {
        let offset = archive.len() as u32;
        let mut header = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        header.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        header.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        header.extend_from_slice(&(name.len() as u16).to_le_bytes());
        archive.extend_from_slice(b"PK\x03\x04");
        archive.extend_from_slice(&header);
        archive.extend_from_slice(&[0, 0]);
        archive.extend_from_slice(name.as_bytes());
        archive.extend_from_slice(bytes);
        directory.extend_from_slice(b"PK\x01\x02\x14\0");
        directory.extend_from_slice(&header);
        directory.extend_from_slice(&[0; 12]);
        directory.extend_from_slice(&offset.to_le_bytes());
        directory.extend_from_slice(name.as_bytes());
    }
    let count = (files.len() as u16).to_le_bytes();
    let from = (archive.len() as u32).to_le_bytes();
    let length = (directory.len() as u32).to_le_bytes();
    let end = [
        b"PK\x05\x06\0\0\0\0".as_slice(),
        &count,
        &count,
        &length,
        &from,
        &[0, 0],
    ]
    .concat();
    [archive, directory, end].concat()
}

/// A directory of a CD that names images.
fn dicomdir(images: &[&str]) -> Vec<u8> {
    let mut bytes = [&[0; 128], b"DICM".as_slice()].concat();
    for image in images {
        for (element, value) in [(b"\x30\x14", "IMAGE "), (b"\0\x15", *image)] {
            bytes.extend_from_slice(&[
                4,
                0,
                element[0],
                element[1],
                b'C',
                b'S',
                value.len() as u8,
                0,
            ]);
            bytes.extend_from_slice(value.as_bytes());
        }
    }
    bytes
}

#[test]
fn the_images_in_an_archive_and_on_a_cd_are_answered_and_nothing_else() {
    use radiograph::phantom::{Pattern, phantom, png8};
    let folder = TempDir::new().unwrap();
    let chest = |seed| png8(&phantom(Pattern::Clear, seed, 96)).unwrap();
    let (model, text) = (shipped(), b"words".to_vec());
    let path = |name: &str| folder.path().join(name);
    let write = |name: &str, bytes: &[u8]| fs::write(path(name), bytes).unwrap();
    let inner = zip(&[("deep.png", chest(3)), ("deep.txt", text.clone())]);
    let plain = [
        ("a/IMG1", chest(1)),
        ("notes.txt", text.clone()),
        ("b.png", chest(2)),
        ("c.zip", inner),
    ];
    write("plain.zip", &zip(&plain));
    let directory = dicomdir(&["A\\IMG1", "GONE"]);
    write(
        "cd.zip",
        &zip(&[
            ("DICOMDIR", directory.clone()),
            ("A/IMG1", chest(1)),
            ("VIEWER/logo.png", chest(2)),
        ]),
    );
    write("none.zip", &zip(&[("notes.txt", text.clone())]));
    let whole = zip(&plain);
    write("cut.zip", &whole[..whole.len() - 30]);
    let answer = |name: &str| {
        let (lines, code) = predict(&model, &[&path(name)]);
        let files: Vec<_> = lines
            .iter()
            .map(|line| {
                let file = line["file"].as_str().unwrap().to_owned();
                let below = file.strip_prefix(folder.path().to_str().unwrap()).unwrap();
                (
                    below.to_owned(),
                    line["error"]["code"].as_str().unwrap_or("read").to_owned(),
                )
            })
            .collect();
        (files, code)
    };
    let named = |files: &[(&str, &str)]| -> Vec<_> {
        files
            .iter()
            .map(|(file, code)| ((*file).to_owned(), (*code).to_owned()))
            .collect()
    };
    let all = [
        ("/plain.zip/a/IMG1", "read"),
        ("/plain.zip/b.png", "read"),
        ("/plain.zip/c.zip/deep.png", "read"),
    ];
    assert_eq!(answer("plain.zip"), (named(&all), 0));
    assert_eq!(answer("cd.zip"), (named(&[("/cd.zip/A/IMG1", "read")]), 0));
    assert_eq!(answer("none.zip"), (named(&[("/none.zip", "no-image")]), 1));
    assert_eq!(
        answer("cut.zip"),
        (named(&[("/cut.zip", "damaged-archive")]), 1)
    );
    // A CD that was copied into a folder.
    fs::create_dir_all(path("cd/A")).unwrap();
    write("cd/A/IMG1", &chest(1));
    write("cd/logo.png", &chest(2));
    write("cd/DICOMDIR", &directory);
    assert_eq!(answer("cd"), (named(&[("/cd/A/IMG1", "read")]), 0));
}

#[test]
fn files_are_answered_in_order_and_a_bad_one_does_not_stop_the_rest() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("phantoms");
    assert!(
        lung(&[
            "phantom",
            "--out",
            out.to_str().unwrap(),
            "--per-class",
            "2"
        ])
        .status
        .success()
    );
    let good = out.join("Normal/1.png");
    let bad = folder.path().join("bad.png");
    fs::write(&bad, b"not an image").unwrap();
    let gone = folder.path().join("gone.png");
    let model = shipped();

    let (lines, code) = predict(&model, &[&good, &bad, &gone, &out]);
    assert_eq!((lines.len(), code), (3 + 6, 1));
    assert_eq!(lines[0]["file"], good.to_str().unwrap());
    let shares = lines[0]["probabilities"].as_object().unwrap();
    assert!((shares.values().map(|v| v.as_f64().unwrap()).sum::<f64>() - 1.0).abs() < 1e-5);
    for name in ["Normal", "Lung_Opacity", "Viral Pneumonia"] {
        assert!(shares.contains_key(name));
    }
    assert!(lines[1]["error"]["code"].is_string() && lines[1]["error"]["message"].is_string());
    assert_eq!(lines[2]["error"]["code"], "file-unreadable");
    assert!(lines[3..].iter().all(|line| line["finding"].is_string()));

    let (lines, code) = predict(&model, &[&out]);
    assert_eq!((lines.len(), code), (6, 0));
    let printed = text(
        &lung(&[
            "predict",
            "--model",
            model.to_str().unwrap(),
            good.to_str().unwrap(),
        ])
        .stdout,
    );
    assert!(
        printed.contains("1.png: ") && printed.contains("Viral Pneumonia 0."),
        "{printed}"
    );
}

/// The shipped model with and without statistics of trust, whatever it has itself: whether it accepts everything is made
/// up, how it classifies is not.
fn with_and_without_statistics(folder: &Path) -> [PathBuf; 2] {
    let bundle = Bundle::read(&fs::read(shipped()).unwrap(), None).unwrap();
    let directions = (0..EMBEDDING)
        .map(|i| if i == 0 { 1.0 } else { 0.0 })
        .collect();
    let distribution = Distribution {
        mean: vec![0.0; EMBEDDING],
        directions,
        spread: Spread {
            variances: vec![1.0],
            other_variance: 1.0,
            limit: 1e9,
        },
    };
    let sets = PredictionSets {
        coverage: 0.9,
        thresholds: ByFinding::new(&bundle.metadata().findings, [0.0; 3]),
        calibrated_on: ByFinding::new(&bundle.metadata().findings, [10; 3]),
    };
    [(Some(&distribution), Some(sets)), (None, None)].map(|(distribution, prediction_sets)| {
        let mut metadata = bundle.metadata().clone();
        for point in &mut metadata.operating_points {
            point.prediction_sets.clone_from(&prediction_sets);
        }
        let (name, bytes) = Bundle::write(bundle.state(), distribution, &metadata).unwrap();
        let path = folder.join(name);
        fs::write(&path, bytes).unwrap();
        path
    })
}

#[test]
fn folders_are_tested_one_by_one_and_together_and_shown_on_a_page() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for (name, seed) in [("here", "1"), ("there", "2"), ("odd", "3")] {
        let out = path(name);
        let arguments = ["phantom", "--out", &out, "--per-class", "4", "--seed", seed];
        assert!(lung(&arguments).status.success());
    }
    fs::write(folder.path().join("there/Normal/bad.png"), b"no image").unwrap();
    let [with, without] = with_and_without_statistics(folder.path());
    for (model, known) in [(&with, true), (&without, false)] {
        let (json, html) = (path("out.json"), path("out.html"));
        let output = lung(&[
            "evaluate",
            "--model",
            model.to_str().unwrap(),
            "--data",
            &path("here"),
            "--data",
            &path("there"),
            "--foreign",
            &path("odd"),
            "--json",
            &json,
            "--html",
            &html,
        ]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let printed = text(&output.stdout);
        assert_eq!(printed.contains("not in this model"), !known, "{printed}");
        for words in [
            "here, all folds",
            "there, all folds",
            "here and there, all folds",
            "not read: Normal/bad.png",
            "calibration error",
            "foreign   odd, 12 images",
        ] {
            assert!(printed.contains(words), "{words}: {printed}");
        }

        let json: Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
        assert_eq!(json["accuracy"]["images"], 24);
        assert_eq!(json["folders"][0]["accuracy"]["images"], 12);
        assert_eq!(json["folders"][1]["split"], "there, all folds");
        assert_eq!(json["unreadable"][0][0], "Normal/bad.png");
        assert_eq!(json["foreign"]["images"], 12);
        if known {
            // Thresholds of 0 and a limit beyond everything.
            assert_eq!(json["prediction_sets"]["mean_size"], 3.0);
            assert_eq!(json["foreign"]["refused"]["correct"], 0);
            assert_eq!(json["foreign"]["accepted"].as_array().unwrap().len(), 12);
            assert!(json["foreign"]["auroc"].is_number());
        } else {
            assert!(json["prediction_sets"].is_null() && json["in_distribution"].is_null());
            assert!(json["foreign"]["refused"].is_null());
        }

        let page = fs::read_to_string(&html).unwrap();
        assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"));
        assert_eq!(page.contains("not in this model"), !known);
        assert!(page.contains("evaluate --model") && !page.contains("<img"));
    }
}

#[test]
fn what_cannot_be_evaluated_is_refused_with_its_reason() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    assert!(
        lung(&["phantom", "--out", &path("data"), "--per-class", "1"])
            .status
            .success()
    );
    let model = shipped();
    let error_of = |more: &[&str]| {
        let data = path("data");
        let mut arguments = vec!["evaluate", "--model", model.to_str().unwrap()];
        arguments.extend(["--data", &data]);
        arguments.extend(more);
        let output = lung(&arguments);
        assert!(!output.status.success());
        text(&output.stderr)
    };
    // One image a class: all of them are in the first fold.
    assert!(error_of(&["--fold", "4"]).contains("no image to test on"));
    assert!(error_of(&["--foreign", &path("gone")]).contains("no folder of foreign images"));
    fs::create_dir(folder.path().join("empty")).unwrap();
    assert!(error_of(&["--foreign", &path("empty")]).contains("no image file"));
    assert!(error_of(&["--run", &path("data")]).contains("--html"));
    let html = path("out.html");
    let message = error_of(&["--run", &path("data"), "--html", &html]);
    assert!(message.contains("the folder of a run"), "{message}");
}

#[test]
fn an_export_is_refused_for_what_it_would_need_last_before_anything_takes_long() {
    let folder = TempDir::new().unwrap();
    let none = folder.path().join("none");
    let none = none.to_str().unwrap();
    let card = format!("{none}/card.md");
    for (option, value, why) in [
        ("--foreign", none, "there is no folder of foreign images"),
        ("--card", &card, "the model card cannot be written"),
        ("--card", "card.json", "give it another ending"),
        ("--sentences", none, "cannot read the sentences"),
    ] {
        // Not even the run has been looked for.
        let output = lung(&["export", "--run", none, "--out", none, option, value]);
        assert_eq!(output.status.code(), Some(1), "{option}");
        let error = text(&output.stderr);
        assert!(error.contains(why), "{option}: {error}");
        assert!(!folder.path().join("none").exists());
    }
    let output = lung(&[
        "export", "--run", none, "--out", none, "--card", "card.md", "--audit", none,
    ]);
    let error = text(&output.stderr);
    assert!(error.contains("cannot read the audit"), "{error}");
}

#[test]
fn a_bad_model_is_refused_before_anything_is_read() {
    let folder = TempDir::new().unwrap();
    let good = fs::read(shipped()).unwrap();
    let name = shipped().file_name().unwrap().to_owned();
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    for (bytes, reason) in [
        (&good[..good.len() / 2], "damaged"),
        (&flipped[..], "damaged"),
        (&b""[..], "empty"),
    ] {
        let path = folder.path().join(&name);
        fs::write(&path, bytes).unwrap();
        let output = lung(&["predict", "--model", path.to_str().unwrap(), "x.png"]);
        assert_eq!(output.status.code(), Some(2));
        let message = text(&output.stderr);
        assert!(
            message.contains(reason) && message.contains("again"),
            "{message}"
        );
    }
    let output = lung(&["predict", "--model", "nowhere.safetensors", "x.png"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("nowhere.safetensors"));
    if let Some(data) = data() {
        let foreign = data.join("../weights/squeezenet1_1_imagenet_backbone_fp32.safetensors");
        let output = lung(&["predict", "--model", foreign.to_str().unwrap(), "x.png"]);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains("not written for MobileNet-Lung"));
    }
}

/// Peak resident memory of all children so far, in KiB.
#[cfg(target_os = "linux")]
fn peak_of(command: &mut Command) -> (Output, u64) {
    // `time -v` is not everywhere; the kernel tells a process its own peak in /proc just before it goes, so a shell asks.
    let mut child = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        if let Ok(text) = fs::read_to_string(&status)
            && let Some(line) = text.lines().find(|line| line.starts_with("VmHWM"))
        {
            peak = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    (child.wait_with_output().unwrap(), peak)
}

#[cfg(target_os = "linux")]
#[test]
fn every_odd_file_gets_a_report_or_a_sentence_within_bounded_memory() {
    let Some(data) = data() else { return };
    let model = shipped();
    let mut files = Vec::new();
    for folder in fs::read_dir(data.join("odd")).unwrap() {
        files.extend(
            fs::read_dir(folder.unwrap().path())
                .unwrap()
                .map(|f| f.unwrap().path()),
        );
    }
    files.sort();
    assert!(files.len() > 50, "{}", files.len());
    let mut command = common::command(&["predict", "--format", "ndjson", "--model"]);
    command.arg(&model).args(&files);
    let (output, peak) = peak_of(&mut command);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(
        !text(&output.stderr).contains("panicked"),
        "{}",
        text(&output.stderr)
    );
    let lines: Vec<Value> = text(&output.stdout)
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(lines.len(), files.len());
    for line in &lines {
        if line["finding"].is_null() {
            let message = line["error"]["message"].as_str().unwrap();
            assert!(
                message.ends_with('.') && line["error"]["advice"].as_str().unwrap().ends_with('.'),
                "{line}"
            );
        }
    }
    let broken: Vec<&Value> = lines
        .iter()
        .filter(|l| l["file"].as_str().unwrap().contains("/broken/"))
        .collect();
    assert!(
        broken.iter().all(|line| line["error"].is_object()),
        "{broken:?}"
    );
    assert!(peak > 0 && peak < MEMORY_KIB, "{peak} KiB");
}
