//! A data folder of generated radiographs, to try everything out without a patient's image.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use mobilenet_lung::{Finding, Findings};
use radiograph::Radiograph;
use radiograph::phantom::{Pattern, jpeg, phantom, png8};

use super::names::Shown as _;

/// Side of the generated images in pixels, as in the "Lung X-Ray Image Dataset".
const SIDE: u32 = 299;

/// JPEG quality of every second image.
const QUALITY: u8 = 92;

/// Places of the marks by which classes beyond the patterns are told apart, as shares of width and height.
const MARKS: [[f32; 2]; 6] = [
    [0.15, 0.15],
    [0.85, 0.15],
    [0.15, 0.85],
    [0.85, 0.85],
    [0.5, 0.12],
    [0.5, 0.88],
];

/// Radius of a mark as a share of the side.
const MARK: f32 = 0.09;

/// Writes `per_class` generated radiographs into a class folder of `out` for each of the three known findings.
///
/// # Errors
/// As [`write_phantoms_of`].
pub fn write_phantoms(out: &Path, per_class: u64, seed: u64) -> anyhow::Result<()> {
    let classes: Vec<String> = Findings::lung_xray().ids().map(str::to_owned).collect();
    write_phantoms_of(out, &classes, per_class, seed)
}

/// Writes `per_class` generated radiographs into the folder of each of `classes` in `out`, PNG and JPEG in turn.
///
/// They are no radiographs of anyone: a network learns to tell them apart, and learns nothing about lungs. They are never mixed with
/// other files, nor written over them: `out` may hold just some of what is written anyway.
///
/// # Errors
/// Names that are no findings or no folders; a folder or file that cannot be written, or that holds something else.
pub fn write_phantoms_of(
    out: &Path,
    classes: &[String],
    per_class: u64,
    seed: u64,
) -> anyhow::Result<()> {
    Findings::new(classes.iter().map(Finding::named).collect())?;
    if let Some(name) =
        (classes.iter()).find(|name| name.contains(['/', '\\']) || name.starts_with('.'))
    {
        bail!("`{name}` is no name of a class folder");
    }
    let drawn = |class: usize, number: u64| -> anyhow::Result<Vec<u8>> {
        let image = draw(class, seed, number)?;
        Ok(match number % 2 {
            0 => png8(&image)?,
            _ => jpeg(&image, QUALITY)?,
        })
    };
    let images: Vec<(PathBuf, usize, u64)> = (classes.iter().enumerate())
        .flat_map(|(class, name)| {
            let folder = out.join(name);
            (0..per_class).map(move |number| {
                let extension = if number % 2 == 0 { "png" } else { "jpg" };
                (
                    folder.join(format!("{}.{extension}", number + 1)),
                    class,
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
    for (path, class, number) in &images {
        match fs::read(path) {
            Ok(bytes) if bytes == drawn(*class, *number)? => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Ok(_) => return Err(other(path)),
            Err(error) => bail!("cannot read {}: {error}", path.shown()),
        }
    }
    for name in classes {
        let folder = out.join(name);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.shown()))?;
    }
    for (path, class, number) in &images {
        let created = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path);
        let written = match created {
            Ok(mut file) => file.write_all(&drawn(*class, *number)?),
            // One of this folder's own, as has been seen above.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        };
        written.with_context(|| format!("cannot write {}", path.shown()))?;
    }
    Ok(())
}

/// One image of a class: one of three patterns in the lungs and, beyond three classes, a bright disc in one of six places.
fn draw(class: usize, seed: u64, number: u64) -> anyhow::Result<Radiograph> {
    let pattern = Pattern::ALL[class % Pattern::ALL.len()];
    let round = class / Pattern::ALL.len();
    // No class has the chests of another round: they would be all but identical.
    let number = number.wrapping_add(round as u64 * 7_919);
    let image = phantom(
        pattern,
        seed.wrapping_mul(1_000_003).wrapping_add(number),
        SIDE,
    );
    let Some([x, y]) = round.checked_sub(1).and_then(|place| MARKS.get(place)) else {
        return Ok(image);
    };
    let side = SIDE as usize;
    let mut luma = image.luma().to_vec();
    for (place, value) in luma.iter_mut().enumerate() {
        let dx = (place % side) as f32 / side as f32 - x;
        let dy = (place / side) as f32 / side as f32 - y;
        if dx.hypot(dy) < MARK {
            *value = 1.0;
        }
    }
    Ok(Radiograph::from_luma(SIDE, SIDE, luma)?)
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
