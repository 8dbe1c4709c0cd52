//! Writes what the fuzz targets of `tests/fuzz` start from: a small file of every kind that is read, the metadata of a weights
//! file, and noise.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

#[allow(clippy::unwrap_used, clippy::panic, reason = "it fails as a test does")]
#[path = "../tests/common/mod.rs"]
mod common;

fn main() -> io::Result<()> {
    let Some(corpus) = env::args_os().nth(1).map(PathBuf::from) else {
        return Err(io::Error::other("usage: seeds FOLDER"));
    };
    for (name, bytes) in common::files(36).into_iter().chain(mended()) {
        let name = name.replace(' ', "-");
        if name.contains("dicom") {
            // Two numbers come before the file: a window.
            let window = [2000f64.to_le_bytes(), 1500f64.to_le_bytes()].concat();
            write(
                &corpus.join("dicom"),
                &name,
                &[window, bytes.clone()].concat(),
            )?;
            if let Some(stream) = stream(&bytes) {
                // Sides of 36 pixels, and how many channels, bits and kinds there are: each for each.
                for kind in [0, 1, 2, 3, 4, 5, 6, 7] {
                    let seed = [&[4, 4, kind], stream].concat();
                    write(&corpus.join("codec"), &format!("{name}-{kind}"), &seed)?;
                }
            }
        }
        write(&corpus.join("image"), &name, &bytes)?;
        // What is behind the bytes that the target puts before every input.
        if let Some(rest) = bytes.strip_prefix(b"\xff\xd8\xff") {
            write(&corpus.join("jpeg"), &name, rest)?;
        } else if let Some(rest) = bytes.strip_prefix(b"II*\0") {
            write(&corpus.join("tiff"), &name, rest)?;
        }
    }
    // An empty archive, as a start.
    let archive = [b"PK\x05\x06".as_slice(), &[0; 18]].concat();
    write(&corpus.join("archive"), "empty", &archive)?;
    let metadata = include_str!("../../../tests/fuzz/metadata.json").trim();
    // No name, and the last kind of input.
    let mut with_kind = vec![0, 0xff, 0xff, 0xff, 0xff];
    with_kind.extend_from_slice(metadata.as_bytes());
    write(&corpus.join("bundle"), "metadata", &with_kind)?;
    let noise: Vec<u8> = (0..4096u32)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    write(&corpus.join("report"), "noise", &noise)
}

/// The compressed image of a file, where it is in one fragment behind an empty table.
fn stream(file: &[u8]) -> Option<&[u8]> {
    let pixels = b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\0\0\0\0\xfe\xff\0\xe0";
    let at = file.windows(pixels.len()).position(|part| part == pixels)?;
    file.get(at + pixels.len() + 4..file.len().checked_sub(8)?)
}

/// DICOM files that only goodwill reads: without kinds of values from some element on, with an open sequence, within an answer.
fn mended() -> Vec<(&'static str, Vec<u8>)> {
    let files = common::files(36);
    let named = |name: &str| {
        let found = files.iter().find(|(found, _)| *found == name);
        found.map(|(_, bytes)| bytes.clone()).unwrap_or_default()
    };
    let (explicit, implicit) = (named("dicom"), named("implicit dicom"));
    let rows = |bytes: &[u8]| {
        let at = bytes.windows(4).position(|tag| tag == [0x28, 0, 0x10, 0]);
        at.unwrap_or_default()
    };
    let (head, tail) = explicit.split_at(rows(&explicit));
    let bare = &implicit[rows(&implicit)..];
    let open = b"\x19\0\x10\x10SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\x04\0\0\0text";
    vec![
        ("dicom without kinds", [head, bare].concat()),
        ("dicom open", [head, open, tail].concat()),
        ("dicom within", [b"--x\r\n\r\n", &*explicit].concat()),
    ]
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join(name), bytes)
}
