//! Images within zip archives and on CDs: which there are, and their bytes. An image in an archive has a path as if the archive were
//! a folder.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Cursor, Read, Seek};
use std::path::{Path, PathBuf};

use radiograph::archive::{Archive, ArchiveError, Limits, images_of_dicomdir, is_archive};
use radiograph::{DecodeError, Radiograph};

/// The directory of a DICOM CD.
const DICOMDIR: &str = "DICOMDIR";

/// Whether a file begins like a zip archive.
fn is_archive_file(path: &Path) -> bool {
    let mut start = [0; 4];
    File::open(path).is_ok_and(|mut file| file.read_exact(&mut start).is_ok()) && is_archive(&start)
}

/// The paths of the images in an archive, and of what in it cannot be read; `None` where `path` is none, or cannot be opened.
///
/// Where there is a DICOMDIR they are the images that it names, else every file that is an image by its content.
pub(crate) fn images_in(path: &Path) -> Option<Vec<PathBuf>> {
    if !is_archive_file(path) {
        return None;
    }
    let mut archive = Archive::open(File::open(path).ok()?, Limits::default()).ok()?;
    let mut names = Vec::new();
    let mut listed = BTreeSet::new();
    let visited: Result<(), std::convert::Infallible> = archive.visit(&mut |name, read| {
        match read {
            Ok(bytes) if is_dicomdir(name) => {
                let folder = name.len() - DICOMDIR.len();
                for image in images_of_dicomdir(&bytes) {
                    listed.insert(format!("{}{image}", &name[..folder]).to_uppercase());
                }
            }
            // Only the beginning says what it is; the rest is read when its turn comes.
            Ok(bytes) if !is_image(&bytes) => {}
            _ => names.push(name.to_owned()),
        }
        Ok(())
    });
    visited.ok()?;
    if names
        .iter()
        .any(|name| listed.contains(&name.to_uppercase()))
    {
        names.retain(|name| listed.contains(&name.to_uppercase()));
    }
    let inside = |name: String| {
        let mut inside = path.as_os_str().to_owned();
        inside.push("/");
        inside.push(name);
        PathBuf::from(inside)
    };
    Some(names.into_iter().map(inside).collect())
}

/// The images that the DICOMDIR of a folder names, as far as they are there; `None` where it has none, or none of them are.
pub(crate) fn images_of_cd(folder: &Path) -> Option<Vec<PathBuf>> {
    let bytes = std::fs::read(folder.join(DICOMDIR)).ok()?;
    let images = images_of_dicomdir(&bytes).into_iter();
    let images: Vec<_> = images
        .map(|image| folder.join(image))
        .filter(|image| image.is_file())
        .collect();
    (!images.is_empty()).then_some(images)
}

/// The bytes of a file in an archive; `None` where `path` does not lead into one.
pub(crate) fn read_inside(path: &Path) -> Option<Result<Vec<u8>, ArchiveError>> {
    if path.exists() {
        // An archive of which no image could be listed says why.
        return is_archive_file(path).then(|| {
            Archive::open(File::open(path)?, Limits::default())?;
            Err(ArchiveError::NoImage)
        });
    }
    let archive = path.ancestors().skip(1).find(|above| above.is_file())?;
    if !is_archive_file(archive) {
        return None;
    }
    let whole = path.to_string_lossy();
    let name = whole.get(archive.to_string_lossy().len() + 1..)?;
    Some(
        File::open(archive)
            .map_err(ArchiveError::from)
            .and_then(|file| find(file, name)),
    )
}

/// The file of that name in an archive, or in one within it.
fn find<R: Read + Seek>(source: R, name: &str) -> Result<Vec<u8>, ArchiveError> {
    let mut archive = Archive::open(source, Limits::default())?;
    let entries = archive.entries().to_vec();
    if let Some(entry) = entries.iter().find(|entry| entry.name == name) {
        return archive.read(entry);
    }
    for entry in &entries {
        let rest = name
            .strip_prefix(&entry.name)
            .and_then(|rest| rest.strip_prefix('/'));
        if let Some(rest) = rest {
            let inner = archive.read(entry)?;
            return find(Cursor::new(&inner[..]), rest);
        }
    }
    Err(ArchiveError::Missing {
        name: name.to_owned(),
    })
}

fn is_dicomdir(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or_default();
    last.eq_ignore_ascii_case(DICOMDIR)
}

/// Whether bytes are of a format that is read: nothing is decoded where they are not.
fn is_image(bytes: &[u8]) -> bool {
    // A limit that no image meets comes after the format.
    let none = radiograph::Limits {
        max_pixels: 0,
        ..radiograph::Limits::default()
    };
    !matches!(
        Radiograph::decode_with(bytes, &none),
        Err(DecodeError::UnknownFormat { .. } | DecodeError::Empty | DecodeError::NoImage { .. })
    )
}
