//! Files of kinds that public reports describe, in `../shared/data/cases` (or `LUNG_DATA`): each gives its picture, its caution or
//! its refusal. Where that folder is absent the tests say so and pass.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use std::path::{Path, PathBuf};

use radiograph::{DecodeError, Radiograph};

/// What a caution or refusal has to say, in lower case, by file.
const FACTS: [(&str, &[&str]); 18] = [
    ("for-processing.dcm", &["for processing"]),
    ("orientation-mirrored.dcm", &["mirrored"]),
    ("orientation-lying.dcm", &["turned", "90"]),
    ("shutter.dcm", &["shutter"]),
    ("overlay-plane.dcm", &["overlay", "not shown"]),
    ("burned-in-annotation.dcm", &["annotation", "burned"]),
    (
        "htj2k.dcm",
        &["high-throughput jpeg 2000", "1.2.840.10008.1.2.4.201"],
    ),
    (
        "jpeg-extended-12-bit.dcm",
        &["12 bits", "1.2.840.10008.1.2.4.51"],
    ),
    ("pixel-aspect-ratio.dcm", &["not square"]),
    ("encapsulated-pdf.dcm", &["pdf"]),
    ("collimator.dcm", &["collimator"]),
    ("jpeg-12-bit.jpg", &["jpeg of 12 bits", "precision 12"]),
    ("jpeg-lossless.jpg", &["lossless jpeg"]),
    ("tiff-two-pages.tif", &["2 images", "only the first"]),
    ("gif-animated.gif", &["2 images", "only the first"]),
    ("png-animated.png", &["2 images", "only the first"]),
    ("avif-brand-mif1.avif", &["avif"]),
    ("avif.avif", &["avif"]),
];

/// The data beside the project.
fn folder() -> Option<PathBuf> {
    let data = std::env::var_os("LUNG_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let folder = data.join("cases");
    if folder.join("manifest.csv").is_file() {
        return Some(folder);
    }
    eprintln!("skipped: there is no {}", folder.display());
    None
}

/// The rows of a table with quotes, each a list of fields.
fn rows(text: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for line in text.lines() {
        let mut fields = vec![String::new()];
        let mut quoted = false;
        let mut letters = line.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '"' if quoted && letters.peek() == Some(&'"') => {
                    letters.next();
                    fields.last_mut().unwrap().push('"');
                }
                '"' => quoted = !quoted,
                ',' if !quoted => fields.push(String::new()),
                letter => fields.last_mut().unwrap().push(letter),
            }
        }
        rows.push(fields);
    }
    rows
}

/// Levels of `0..=255`, from the least to the greatest of the picture.
fn stretched(radiograph: &Radiograph) -> Vec<f32> {
    let luma = radiograph.luma();
    let low = luma.iter().copied().fold(f32::INFINITY, f32::min);
    let high = luma.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    luma.iter()
        .map(|value| 255.0 * (value - low) / (high - low))
        .collect()
}

/// What is wrong with what was made of a case, if anything is.
fn wrong(folder: &Path, row: &[String]) -> Option<String> {
    let [file, _, _, _, expected, picture, _, tolerance, ..] = row else {
        return Some("the manifest is not understood".to_owned());
    };
    let facts = FACTS.iter().find(|(name, _)| name == file);
    let lacks = |text: &str| {
        let text = text.to_lowercase();
        let facts = facts.map_or(&[][..], |(_, facts)| facts);
        facts
            .iter()
            .find(|fact| !text.contains(**fact))
            .map(|fact| format!("no word of {fact}: {text}"))
    };
    let bytes = std::fs::read(folder.join(file)).unwrap();
    let radiograph = match (Radiograph::decode(&bytes), expected.as_str()) {
        (Err(error), "refusal") => {
            let named = !matches!(error, DecodeError::Corrupt { .. });
            return lacks(&error.to_string())
                .or_else(|| (!named).then(|| format!("said to be damaged: {error}")));
        }
        (Err(error), _) => return Some(format!("refused: {error}")),
        (Ok(_), "refusal") => return Some("read".to_owned()),
        (Ok(radiograph), _) => radiograph,
    };
    let theirs = Radiograph::decode(&std::fs::read(folder.join(picture)).unwrap()).unwrap();
    let sides = |radiograph: &Radiograph| (radiograph.width(), radiograph.height());
    if sides(&radiograph) != sides(&theirs) {
        return Some(format!("{:?} pixels", sides(&radiograph)));
    }
    let (ours, theirs) = (stretched(&radiograph), stretched(&theirs));
    let difference = ours
        .iter()
        .zip(&theirs)
        .map(|(a, b)| f64::from((a - b).abs()))
        .sum::<f64>()
        / ours.len() as f64;
    let most = if tolerance.contains("<= 2") { 2.0 } else { 1.0 };
    if difference > most {
        return Some(format!("another picture: mean difference {difference:.1}"));
    }
    let cautions: Vec<String> = radiograph
        .cautions()
        .iter()
        .map(ToString::to_string)
        .collect();
    if file == "orientation-usual.dcm" && !cautions.is_empty() {
        return Some(format!("cautions without reason: {cautions:?}"));
    }
    lacks(&cautions.join(" "))
}

/// Tries every case that `chosen` takes; all but those `known` to be wrong have to be right, and those not.
fn check(chosen: impl Fn(&str) -> bool, known: &[&str]) {
    let Some(folder) = folder() else { return };
    let manifest = std::fs::read_to_string(folder.join("manifest.csv")).unwrap();
    let mut tried = 0;
    let mut failed = Vec::new();
    for row in rows(&manifest).iter().skip(1) {
        if !chosen(&row[0]) {
            continue;
        }
        tried += 1;
        if let Some(wrong) = wrong(&folder, row) {
            eprintln!("{}: {wrong}", row[0]);
            failed.push(row[0].clone());
        }
    }
    eprintln!("{} of {tried} right", tried - failed.len());
    assert_eq!(failed, known);
}

#[test]
fn dicom_files_of_reported_kinds_are_read_or_named() {
    check(|file| file.ends_with(".dcm"), &[]);
}

#[test]
fn other_files_of_reported_kinds_are_read_or_named() {
    check(|file| !file.ends_with(".dcm"), &[]);
}
