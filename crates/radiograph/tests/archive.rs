//! Zip archives and the directory of a CD: the files in them, within limits, or a typed error.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod common;

use std::io::Cursor;

use common::{Random, chest};
use radiograph::archive::{Archive, ArchiveError, Limits, images_of_dicomdir, is_archive};
use radiograph::{Radiograph, phantom};

/// A file to put into an archive.
#[derive(Clone)]
struct File {
    name: String,
    bytes: Vec<u8>,
    deflated: bool,
    flags: u16,
    /// What the archive says of its size, where that is not true.
    said: Option<u32>,
}

fn file(name: &str, bytes: &[u8]) -> File {
    File {
        name: name.to_owned(),
        bytes: bytes.to_vec(),
        deflated: false,
        flags: 0,
        said: None,
    }
}

fn deflated(name: &str, bytes: &[u8]) -> File {
    File {
        deflated: true,
        ..file(name, bytes)
    }
}

/// An archive of `files`, with its directory in 64 bits or not.
fn zip(files: &[File], wide: bool) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for file in files {
        let packed = if file.deflated {
            miniz_oxide::deflate::compress_to_vec(&file.bytes, 6)
        } else {
            file.bytes.clone()
        };
        let size = file.said.unwrap_or(file.bytes.len() as u32);
        let offset = archive.len() as u32;
        let mut shared = [20_u16, file.flags, if file.deflated { 8 } else { 0 }, 0, 0]
            .map(u16::to_le_bytes)
            .concat();
        shared.extend_from_slice(&[0; 4]);
        shared.extend_from_slice(&(packed.len() as u32).to_le_bytes());
        shared.extend_from_slice(&if wide { u32::MAX } else { size }.to_le_bytes());
        shared.extend_from_slice(&(file.name.len() as u16).to_le_bytes());
        archive.extend_from_slice(b"PK\x03\x04");
        archive.extend_from_slice(&shared);
        archive.extend_from_slice(&0_u16.to_le_bytes());
        archive.extend_from_slice(file.name.as_bytes());
        archive.extend_from_slice(&packed);
        let extra = if wide {
            [&[1, 0, 8, 0], u64::from(size).to_le_bytes().as_slice()].concat()
        } else {
            Vec::new()
        };
        directory.extend_from_slice(b"PK\x01\x02\x14\0");
        directory.extend_from_slice(&shared);
        directory.extend_from_slice(&(extra.len() as u16).to_le_bytes());
        directory.extend_from_slice(&[0; 10]);
        directory.extend_from_slice(&offset.to_le_bytes());
        directory.extend_from_slice(file.name.as_bytes());
        directory.extend_from_slice(&extra);
    }
    let (from, length, count) = (archive.len(), directory.len(), files.len());
    archive.extend_from_slice(&directory);
    if wide {
        let record = archive.len() as u64;
        archive.extend_from_slice(b"PK\x06\x06");
        archive.extend_from_slice(&44_u64.to_le_bytes());
        archive.extend_from_slice(&[45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        for value in [count, count, length, from] {
            archive.extend_from_slice(&(value as u64).to_le_bytes());
        }
        archive.extend_from_slice(b"PK\x06\x07\0\0\0\0");
        archive.extend_from_slice(&record.to_le_bytes());
        archive.extend_from_slice(&1_u32.to_le_bytes());
    }
    archive.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    let short = if wide { u16::MAX } else { count as u16 };
    archive.extend_from_slice(&[short, short].map(u16::to_le_bytes).concat());
    let long = |value: usize| if wide { u32::MAX } else { value as u32 };
    archive.extend_from_slice(&[long(length), long(from)].map(u32::to_le_bytes).concat());
    archive.extend_from_slice(&[0, 0]);
    archive
}

type Found = Vec<(String, Result<Vec<u8>, ArchiveError>)>;

fn all(bytes: &[u8], limits: Limits) -> Result<Found, ArchiveError> {
    let mut found = Vec::new();
    Archive::open(Cursor::new(bytes), limits)?.visit(&mut |name, read| {
        found.push((name.to_owned(), read));
        Ok::<_, ArchiveError>(())
    })?;
    Ok(found)
}

fn code(bytes: &[u8], limits: Limits) -> &'static str {
    match all(bytes, limits) {
        Err(error) => error.code(),
        Ok(found) => found
            .iter()
            .find_map(|(_, read)| read.as_ref().err().map(ArchiveError::code))
            .unwrap_or("read"),
    }
}

#[test]
fn files_are_found_in_order_stored_and_deflated_and_unpack_to_what_they_were() {
    let png = phantom::png8(&chest(64)).unwrap();
    let files = [
        file("CD/IMG0001", &png),
        deflated("CD\\notes.txt", b"some words, some words, some words"),
        file("CD/", b""),
        deflated("CD/series/chest.png", &png),
        file("__MACOSX/CD/._chest.png", b"x"),
        file("CD/.DS_Store", b"x"),
    ];
    for wide in [false, true] {
        let archive = zip(&files, wide);
        assert!(is_archive(&archive));
        let found = all(&archive, Limits::default()).unwrap();
        let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["CD/IMG0001", "CD/notes.txt", "CD/series/chest.png"]);
        assert!(Radiograph::decode(found[0].1.as_ref().unwrap()).is_ok());
        assert_eq!(found[2].1.as_ref().unwrap(), &png);
    }
    // With a comment behind it, and bytes before it.
    let mut commented = zip(&files, false);
    let end = commented.len();
    commented[end - 2..].copy_from_slice(&300_u16.to_le_bytes());
    commented.extend_from_slice(&[b'x'; 300]);
    assert_eq!(all(&commented, Limits::default()).unwrap().len(), 3);
}

#[test]
fn an_archive_in_an_archive_is_opened_and_one_within_that_is_not() {
    let inner = zip(&[deflated("b.txt", b"words")], false);
    let middle = zip(
        &[deflated("a.txt", b"words"), file("inner.zip", &inner)],
        false,
    );
    let outer = zip(&[file("middle.zip", &middle)], false);
    let names = |found: Found| {
        found
            .into_iter()
            .map(|(name, read)| (name, read.is_ok()))
            .collect::<Vec<_>>()
    };
    let found = names(all(&outer, Limits::default()).unwrap());
    assert_eq!(
        found,
        [
            ("middle.zip/a.txt".to_owned(), true),
            ("middle.zip/inner.zip".to_owned(), false)
        ]
    );
    assert_eq!(code(&outer, Limits::default()), "archive-too-deep");
    let deeper = Limits {
        max_depth: 2,
        ..Limits::default()
    };
    assert_eq!(
        names(all(&outer, deeper).unwrap())[1],
        ("middle.zip/inner.zip/b.txt".to_owned(), true)
    );
}

#[test]
fn bombs_are_refused_before_they_go_off() {
    let zeros = vec![0; 1 << 20];
    let archive = zip(
        &[deflated("zeros", &zeros), deflated("more", &zeros)],
        false,
    );
    assert_eq!(code(&archive, Limits::default()), "read");
    let small = |limits: Limits| code(&archive, limits);
    assert_eq!(
        small(Limits {
            max_entry_bytes: 1 << 19,
            ..Limits::default()
        }),
        "archive-too-large"
    );
    assert_eq!(
        small(Limits {
            max_total_bytes: 3 << 19,
            ..Limits::default()
        }),
        "archive-too-large"
    );
    assert_eq!(
        small(Limits {
            max_entries: 1,
            ..Limits::default()
        }),
        "too-many-entries"
    );
    // One that says that it is small, and one that says that it is large.
    let lie = |said| {
        zip(
            &[File {
                said: Some(said),
                ..deflated("zeros", &zeros)
            }],
            false,
        )
    };
    assert_eq!(code(&lie(100), Limits::default()), "damaged-archive");
    assert_eq!(code(&lie(60 << 20), Limits::default()), "damaged-archive");
    assert_eq!(code(&lie(u32::MAX), Limits::default()), "archive-too-large");
    // The same file many times over, without its bytes being there as often.
    let many = zip(&vec![deflated("zeros", &zeros); 300], false);
    assert_eq!(
        code(
            &many,
            Limits {
                max_total_bytes: 100 << 20,
                ..Limits::default()
            }
        ),
        "archive-too-large"
    );
    // What is within an archive within counts too.
    let nested = zip(&[file("a.zip", &archive), file("b.zip", &archive)], false);
    assert_eq!(
        code(
            &nested,
            Limits {
                max_total_bytes: 3 << 20,
                ..Limits::default()
            }
        ),
        "archive-too-large"
    );
}

#[test]
fn encrypted_and_damaged_ones_are_typed_errors() {
    let good = zip(
        &[
            deflated("a.txt", &b"words ".repeat(100)),
            file("b.txt", b"more"),
        ],
        false,
    );
    let encrypted = zip(
        &[File {
            flags: 1,
            ..file("a.dcm", b"secret")
        }],
        false,
    );
    assert_eq!(code(&encrypted, Limits::default()), "encrypted-archive");
    for length in 0..good.len() {
        assert_ne!(code(&good[..length], Limits::default()), "read", "{length}");
    }
    let other = |method: u8| {
        let mut archive = good.clone();
        for start in [b"PK\x03\x04", b"PK\x01\x02"] {
            let at = archive.windows(4).position(|part| part == start).unwrap();
            archive[at + if start[2] == 1 { 10 } else { 8 }] = method;
        }
        archive
    };
    assert_eq!(code(&other(12), Limits::default()), "unsupported-archive");
    assert_eq!(code(b"", Limits::default()), "damaged-archive");
    let mut random = Random(7);
    for _ in 0..3000 {
        let mut broken = good.clone();
        for _ in 0..=random.below(3) {
            let at = random.below(broken.len());
            broken[at] ^= 1 << random.below(8);
        }
        // Whatever it is, it is no panic.
        code(&broken, Limits::default());
    }
    for error in [
        ArchiveError::Damaged {
            detail: "x".to_owned(),
        },
        ArchiveError::Encrypted {
            name: "x".to_owned(),
        },
    ] {
        assert!(error.advice().ends_with('.') && error.to_string().ends_with('.'));
    }
}

#[test]
fn the_directory_of_a_cd_names_its_images_and_nothing_outside_it() {
    let element = |element: u16, value: &str| {
        let mut value = value.to_owned();
        if value.len() % 2 == 1 {
            value.push(' ');
        }
        let mut bytes = [4_u16.to_le_bytes(), element.to_le_bytes()].concat();
        bytes.extend_from_slice(b"CS");
        bytes.extend_from_slice(&(value.len() as u16).to_le_bytes());
        bytes.extend_from_slice(value.as_bytes());
        bytes
    };
    let record = |kind: &str, file: Option<&str>| {
        let mut bytes = element(0x1430, kind);
        bytes.extend(file.map(|file| element(0x1500, file)).unwrap_or_default());
        bytes
    };
    let directory = [
        vec![0; 128],
        b"DICM".to_vec(),
        record("PATIENT", None),
        record("IMAGE", Some("IMAGES\\IM000001")),
        record("SR DOCUMENT", Some("REPORTS\\SR000001")),
        record("IMAGE", Some("IM2")),
        record("IMAGE", Some("..\\..\\etc\\passwd")),
        record("IMAGE", Some("C:\\x")),
    ]
    .concat();
    assert_eq!(images_of_dicomdir(&directory), ["IMAGES/IM000001", "IM2"]);
    assert!(images_of_dicomdir(b"no directory").is_empty());
    for length in 0..directory.len() {
        let _ = images_of_dicomdir(&directory[..length]);
    }
}
