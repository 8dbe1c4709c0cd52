//! A data folder of generated radiographs, to try everything out without a patient's image.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use radiograph::phantom::{Pattern, jpeg, phantom, png8};

use crate::data::Shown as _;
use crate::finding::Finding;

/// Side of the generated images in pixels, as in the "Lung X-Ray Image Dataset".
const SIDE: u32 = 299;

/// JPEG quality of every second image.
const QUALITY: u8 = 92;

/// Writes `per_class` generated radiographs into each class folder of `out`, PNG and JPEG in turn.
///
/// They are no radiographs of anyone: a network learns to tell them apart, and learns nothing about lungs. They are never mixed with
/// other files, nor written over them: `out` may hold just some of what is written anyway.
///
/// # Errors
/// A folder or file that cannot be written, or that holds something else.
pub fn write_phantoms(out: &Path, per_class: u64, seed: u64) -> anyhow::Result<()> {
    let drawn = |pattern: Pattern, number: u64| -> anyhow::Result<Vec<u8>> {
        let image = phantom(
            pattern,
            seed.wrapping_mul(1_000_003).wrapping_add(number),
            SIDE,
        );
        Ok(match number % 2 {
            0 => png8(&image)?,
            _ => jpeg(&image, QUALITY)?,
        })
    };
    let classes = Finding::ALL.into_iter().zip(Pattern::ALL);
    let images: Vec<(PathBuf, Pattern, u64)> = classes
        .flat_map(|(finding, pattern)| {
            let folder = out.join(finding.name());
            (0..per_class).map(move |number| {
                let extension = if number % 2 == 0 { "png" } else { "jpg" };
                (
                    folder.join(format!("{}.{extension}", number + 1)),
                    pattern,
                    number,
                )
            })
        })
        .collect();
    // Before anything is written, so that a folder that is refused stays as it is.
    let own: BTreeSet<&Path> = images.iter().map(|(path, ..)| path.as_path()).collect();
    let other = |path: &Path| {
        anyhow::anyhow!(
            "{} is there already, and generated radiographs are not mixed with other files; choose a new folder for --out",
            path.shown()
        )
    };
    if let Some(path) = foreign(out, &own)? {
        return Err(other(&path));
    }
    for (path, pattern, number) in &images {
        match fs::read(path) {
            Ok(bytes) if bytes == drawn(*pattern, *number)? => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Ok(_) => return Err(other(path)),
            Err(error) => bail!("cannot read {}: {error}", path.shown()),
        }
    }
    for finding in Finding::ALL {
        let folder = out.join(finding.name());
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.shown()))?;
    }
    for (path, pattern, number) in &images {
        let created = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path);
        let written = match created {
            Ok(mut file) => file.write_all(&drawn(*pattern, *number)?),
            // One of this folder's own, as has been seen above.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        };
        written.with_context(|| format!("cannot write {}", path.shown()))?;
    }
    Ok(())
}

/// A file or link in a folder that is not among `own`, if there is one; hidden ones, which systems make, do not count.
fn foreign(folder: &Path, own: &BTreeSet<&Path>) -> anyhow::Result<Option<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => bail!("cannot read {}: {error}", folder.shown()),
    };
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot read {}", folder.shown()))?;
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if let Some(found) = foreign(&path, own)? {
                return Ok(Some(found));
            }
        } else if !own.contains(path.as_path())
            && !entry.file_name().to_string_lossy().starts_with('.')
        {
            return Ok(Some(path));
        }
    }
    Ok(None)
}
