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
    for (name, bytes) in common::files(36) {
        let name = name.replace(' ', "-");
        if name.contains("dicom") {
            // Two numbers come before the file: a window.
            let window = [2000f64.to_le_bytes(), 1500f64.to_le_bytes()].concat();
            write(
                &corpus.join("dicom"),
                &name,
                &[window, bytes.clone()].concat(),
            )?;
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

fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join(name), bytes)
}
