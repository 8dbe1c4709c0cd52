//! Files that people really have, where the laboratory's data are at hand: a radiograph or an error for each.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod common;

use std::path::{Path, PathBuf};

use common::no_panic;
use radiograph::{Caution, Radiograph, WindowOrigin};

/// A folder of the data, or `None` after saying where it was looked for.
fn folder(name: &str) -> Option<PathBuf> {
    let data = std::env::var_os("LUNG_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let folder = data.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!(
        "skipped: there is no {} (LUNG_DATA says where the data are)",
        folder.display()
    );
    None
}

fn code(path: &Path) -> String {
    let result = Radiograph::decode(&std::fs::read(path).unwrap());
    no_panic(&path.display().to_string(), &result);
    match result {
        Ok(radiograph) => {
            assert!(
                radiograph
                    .luma()
                    .iter()
                    .all(|value| (0.0..=1.0).contains(value)),
                "{}",
                path.display()
            );
            format!("{:?}", radiograph.source())
        }
        Err(error) => {
            println!("{}: {error} {}", path.display(), error.advice());
            error.code().to_owned()
        }
    }
}

#[test]
fn every_odd_file_is_a_radiograph_or_a_typed_error() {
    let Some(odd) = folder("odd") else { return };
    let mut files = 0;
    for folder in ["awkward", "broken", "dicom", "lateral", "not_chest_xray"] {
        let mut paths: Vec<_> = std::fs::read_dir(odd.join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        paths.sort();
        for path in paths {
            let code = code(&path);
            println!(
                "{folder}/{}: {code}",
                path.file_name().unwrap().to_string_lossy()
            );
            let decoded = code.starts_with("Source");
            assert!(
                !code.contains("false_colour: true"),
                "{} is not viridis",
                path.display()
            );
            if matches!(folder, "dicom" | "lateral" | "not_chest_xray") {
                assert!(decoded, "{}: {code}", path.display());
            }
            files += 1;
        }
    }
    assert!(files > 50, "only {files} files");
}

#[test]
fn the_awkward_and_broken_ones_are_what_they_are() {
    let Some(odd) = folder("odd") else { return };
    for (file, expected) in [
        ("awkward/black.png", "blank-image"),
        ("awkward/white.png", "blank-image"),
        ("awkward/one_pixel.png", "too-small"),
        ("awkward/tiny24.png", "too-small"),
        ("awkward/wide1600x120.png", "bad-shape"),
        ("broken/empty.png", "empty-file"),
        ("broken/text_named.png", "unknown-format"),
        ("broken/truncated.jpg", "corrupt-file"),
        ("broken/truncated.dcm", "corrupt-file"),
    ] {
        assert_eq!(code(&odd.join(file)), expected, "{file}");
    }
    for file in [
        "RG1_16bit_lowrange_mono1_inverted.png",
        "CRMONO1_16bit_mono2.png",
    ] {
        assert!(
            code(&odd.join("awkward").join(file)).contains("bits: 16"),
            "{file}"
        );
    }
    for file in [
        "grey_alpha.png",
        "image.bmp",
        "image.gif",
        "image.tiff",
        "palette64.png",
        "progressive.jpg",
        "mirrored.jpg",
        "upside_down.jpg",
    ] {
        assert!(
            code(&odd.join("awkward").join(file)).starts_with("Source"),
            "{file}"
        );
    }
}

#[test]
fn the_dicom_files_say_what_they_are() {
    let Some(odd) = folder("odd/dicom") else {
        return;
    };
    for (file, size, modality, body_part, window, cautions) in [
        (
            "CR-MONO1-10-chest.dcm",
            (440, 440),
            "CR",
            Some("CHEST"),
            Some((550.0, 1024.0, WindowOrigin::File)),
            vec![],
        ),
        (
            "CT_orbit_jpegll_notchest.dcm",
            (512, 512),
            "CT",
            None,
            Some((500.0, 4000.0, WindowOrigin::File)),
            vec!["not-radiography"],
        ),
        (
            "GH538_ybr_jpeg.dcm",
            (636, 434),
            "OT",
            None,
            None,
            vec!["colour-image"],
        ),
        (
            "udacity_nih_test1.dcm",
            (1024, 1024),
            "DX",
            Some("CHEST"),
            Some((126.0, 252.0, WindowOrigin::Pixels)),
            vec![],
        ),
        (
            "udacity_nih_test2.dcm",
            (1024, 1024),
            "DX",
            Some("CHEST"),
            Some((127.5, 255.0, WindowOrigin::Pixels)),
            vec![],
        ),
    ] {
        let radiograph = common::decode(&std::fs::read(odd.join(file)).unwrap());
        let dicom = radiograph.dicom().unwrap();
        assert_eq!((radiograph.width(), radiograph.height()), size, "{file}");
        assert_eq!(dicom.modality.as_deref(), Some(modality), "{file}");
        assert_eq!(dicom.body_part.as_deref(), body_part, "{file}");
        let found = dicom
            .window
            .map(|window| (window.centre, window.width, window.origin));
        assert_eq!(found, window, "{file}");
        let codes: Vec<_> = radiograph.cautions().iter().map(Caution::code).collect();
        assert_eq!(codes, cautions, "{file}");
    }
}

#[test]
fn every_image_of_the_data_sets_is_read_and_none_is_taken_for_false_colour() {
    for set in ["lung-xray-image", "paediatric"] {
        let Some(set) = folder(set) else { return };
        let mut files = 0;
        for class in std::fs::read_dir(set)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_dir())
        {
            for path in std::fs::read_dir(class)
                .unwrap()
                .map(|entry| entry.unwrap().path())
            {
                let radiograph = common::decode(&std::fs::read(&path).unwrap());
                assert!(!radiograph.source().false_colour, "{}", path.display());
                files += 1;
            }
        }
        assert!(files > 500, "only {files} files");
    }
}
