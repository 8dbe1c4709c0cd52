//! A file as the decoder shows it, and as the network sees it, for a person to look at.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{bail, ensure};
use mobilenet_lung::Preprocessing;
use radiograph::{Radiograph, phantom};

use super::row::read;
use crate::data::Shown as _;
use crate::files::write_atomically;

/// Writes the picture of a file as an 8-bit grey PNG, and returns what there is to say of it, a sentence a line.
///
/// The picture is upright, in the window that the file asks for, and stretched from its darkest to its brightest pixel. With `input`
/// it is what the network reads instead, before the channels are normalised: a square of `input.side` pixels.
///
/// # Errors
/// A file that cannot be read as a radiograph, with the reason and advice; a picture that cannot be written.
pub fn write_picture(
    file: &Path,
    out: &Path,
    input: Option<Preprocessing>,
) -> anyhow::Result<String> {
    // What was the only copy of an X-ray would be gone.
    let same =
        fs::canonicalize(out).is_ok_and(|out| fs::canonicalize(file).is_ok_and(|file| file == out));
    ensure!(!same, "--out is the file itself: name another one");
    let radiograph = match read(file) {
        Ok(radiograph) => radiograph,
        Err(refusal) => bail!(
            "{}: not read: {} {}",
            file.shown(),
            refusal.message,
            refusal.advice
        ),
    };
    let picture = match input {
        Some(preprocessing) => Radiograph::from_luma(
            preprocessing.side,
            preprocessing.side,
            preprocessing.squash(&radiograph),
        )?,
        None => radiograph.picture(u32::MAX)?,
    };
    write_atomically(out, &phantom::png8(&picture)?)?;
    let source = radiograph.source();
    let mut said = format!(
        "{}: {} x {} pixels, {}, {} bits\n",
        file.shown(),
        radiograph.width(),
        radiograph.height(),
        source.format,
        source.bits
    );
    for caution in radiograph.cautions() {
        // Writing to a string cannot fail.
        let _ = writeln!(said, "Caution: {caution}");
    }
    Ok(said)
}
