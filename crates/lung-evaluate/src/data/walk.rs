//! Every radiograph under a folder, and what else lies there.

use std::collections::BTreeMap;
use std::fs::{self, DirEntry};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use radiograph::Format;

use super::error::DataError;
use super::names::{Shown as _, escape, images_in_words, name};

/// Endings of files that are taken for images without a look into them; of other files, their first bytes are looked at.
const EXTENSIONS: [&str; 18] = [
    "png", "jpg", "jpeg", "jpe", "jfif", "webp", "bmp", "tif", "tiff", "gif", "jp2", "j2k", "j2c",
    "dcm", "dicom", "dic", "ima", "acr",
];

/// How much of a file [`Format::sniff`] wants to see.
const HEAD: u64 = 512;

/// Words in names of masks: they show where the lung is, not what it has.
const MASKS: [&str; 22] = [
    "mask",
    "masks",
    "maske",
    "masken",
    "masque",
    "masques",
    "mascara",
    "máscara",
    "mascaras",
    "máscaras",
    "lungmask",
    "lungmasks",
    "seg",
    "segs",
    "segmentation",
    "segmentations",
    "groundtruth",
    "annotations",
    "overlay",
    "overlays",
    "heatmap",
    "heatmaps",
];

/// Words in names of thumbnails, which programs leave beside images.
const THUMBNAILS: [&str; 8] = [
    "eadir",
    "thumb",
    "thumbs",
    "thumbnail",
    "thumbnails",
    "picasaoriginals",
    "preview",
    "previews",
];

/// Words in names of what was thrown away.
const RUBBISH: [&str; 4] = ["recycle", "trash", "trashes", "recycler"];

/// An image file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Image {
    /// Its path from where the search began, with `/` between folders, as text without loss.
    pub(crate) name: String,
    /// Where it lies.
    pub(crate) path: PathBuf,
}

/// What lies under a folder.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    /// The images, in the order of their names.
    pub(crate) images: Vec<Image>,
    /// Masks and thumbnails, which are in no list of images: folder or file, and how many images there are.
    pub(crate) doubtful: BTreeMap<String, usize>,
    /// How many files of which ending are no images.
    pub(crate) others: BTreeMap<String, usize>,
    /// What was passed over, each as a sentence for people.
    pub(crate) notes: Vec<String>,
}

impl Walked {
    /// How many images lie in each folder, in the order of their names; `""` is where the search began.
    pub(crate) fn by_folder(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for image in &self.images {
            let folder = image.name.rsplit_once('/').map_or("", |(folder, _)| folder);
            *counts.entry(folder).or_default() += 1;
        }
        counts
    }

    /// The files that are no images, for a message: `12 .heic, 1 .txt`.
    pub(crate) fn others_in_words(&self) -> String {
        let mut counts: Vec<(&String, &usize)> = self.others.iter().collect();
        counts.sort_by_key(|(ending, count)| (std::cmp::Reverse(**count), *ending));
        let words: Vec<String> = (counts.iter().take(5))
            .map(|(ending, count)| format!("{count} {}", escape(ending)))
            .collect();
        words.join(", ")
    }
}

/// A search for images in a folder, or in some of the folders in it.
pub(crate) struct Walk<'a> {
    /// Names of folders and files to leave out; `*` stands for any characters.
    leave_out: &'a [String],
    /// The real path of where it begins.
    root: PathBuf,
    /// The real path of each folder that has been searched, or will be, with its name.
    seen: BTreeMap<PathBuf, String>,
    found: Walked,
}

impl<'a> Walk<'a> {
    /// A search in `root` that leaves out what is named so.
    ///
    /// # Errors
    /// [`DataError::Io`] when there is no such folder.
    pub(crate) fn within(root: &Path, leave_out: &'a [String]) -> Result<Self, DataError> {
        Ok(Self {
            leave_out,
            root: real(root)?,
            seen: BTreeMap::new(),
            found: Walked::default(),
        })
    }

    /// Whether a file or folder of this name is left out.
    pub(crate) fn leaves_out(&self, name: &str) -> bool {
        (self.leave_out.iter()).any(|pattern| matches(pattern, name))
    }

    /// Keeps a folder for a search of its own: links to it are not followed. The name of the one that it was kept as before,
    /// if it was.
    ///
    /// # Errors
    /// [`DataError::Io`] when there is no such folder.
    pub(crate) fn keep(&mut self, folder: &Path) -> Result<Option<String>, DataError> {
        Ok(self.seen.insert(real(folder)?, folder.shown()))
    }

    /// The images under `folder`, their names beginning with `prefix`. Links to folders are followed, each folder is searched once.
    ///
    /// # Errors
    /// [`DataError::Io`] for a folder that cannot be listed.
    pub(crate) fn under(&mut self, folder: &Path, prefix: &str) -> Result<Walked, DataError> {
        self.keep(folder)?;
        self.search(folder, prefix, None)?;
        let mut found = std::mem::take(&mut self.found);
        found.images.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// Searches a folder in another, unless it has been searched, or holds all of them, as what a link leads to may.
    fn enter(
        &mut self,
        folder: &Path,
        prefix: &str,
        doubtful: Option<&str>,
    ) -> Result<(), DataError> {
        let real = real(folder)?;
        let before = match self.root.starts_with(&real) {
            true => Some("a folder that it lies in".to_owned()),
            false => self.seen.insert(real.clone(), folder.shown()),
        };
        match before {
            None => self.search(folder, prefix, doubtful),
            Some(before) => {
                self.found.notes.push(format!(
                    "left out {}: it is a link to {before}",
                    folder.shown()
                ));
                self.seen.insert(real, before);
                Ok(())
            }
        }
    }

    /// Searches a folder, which lies within `doubtful`, a folder of masks or thumbnails, if that is not `None`.
    fn search(
        &mut self,
        folder: &Path,
        prefix: &str,
        doubtful: Option<&str>,
    ) -> Result<(), DataError> {
        for entry in read_dir(folder)? {
            let path = entry.path();
            let own = name(&entry.file_name());
            let inner = match prefix {
                "" => own.clone(),
                _ => format!("{prefix}/{own}"),
            };
            // Follows links. A link to nothing is a file that cannot be read, and is said to be one later.
            let kind = fs::metadata(&path).ok();
            let is_folder = kind.as_ref().is_some_and(fs::Metadata::is_dir);
            let is_file = kind.as_ref().is_none_or(fs::Metadata::is_file);
            let doubt = Doubt::of(if is_folder { &own } else { stem(&own) });
            if self.leaves_out(&own) {
                let note = format!("left out {}, as --leave-out has it", path.shown());
                self.found.notes.push(note);
            } else if doubt == Some(Doubt::Hidden) {
                if is_folder {
                    let note = format!("left out {}, which is a system's own", path.shown());
                    self.found.notes.push(note);
                }
            } else if is_folder {
                let doubtful = doubtful.or(doubt.map(|_| inner.as_str()));
                self.enter(&path, &inner, doubtful)?;
            } else if !is_file {
                let note = format!("left out {}, which is no file", path.shown());
                self.found.notes.push(note);
            } else if !is_image(&path, &own) {
                let ending = match stem(&own) == own {
                    true => "without an ending".to_owned(),
                    false => own[stem(&own).len()..].to_lowercase(),
                };
                *self.found.others.entry(ending).or_default() += 1;
            } else if doubtful.is_some() || doubt.is_some() {
                let doubtful = doubtful.unwrap_or(&inner).to_owned();
                *self.found.doubtful.entry(doubtful).or_default() += 1;
            } else {
                self.found.images.push(Image { name: inner, path });
            }
        }
        Ok(())
    }
}

/// The image files under a folder, in the order of their names, and what was left out, in sentences. Masks, thumbnails and a system's own files are left out too.
///
/// # Errors
/// [`DataError::Io`] for a folder that cannot be listed.
pub(crate) fn images_under(folder: &Path) -> Result<(Vec<PathBuf>, Vec<String>), DataError> {
    let walked = Walk::within(folder, &[])?.under(folder, "")?;
    let mut notes = walked.notes.clone();
    for (name, count) in &walked.doubtful {
        notes.push(format!(
            "left out {} of {}: by its name it holds masks or thumbnails ({})",
            escape(name),
            folder.shown(),
            images_in_words(*count)
        ));
    }
    if !walked.others.is_empty() {
        notes.push(format!(
            "left out files of {} that are no image that can be read: {}",
            folder.shown(),
            walked.others_in_words()
        ));
    }
    Ok((
        walked.images.into_iter().map(|image| image.path).collect(),
        notes,
    ))
}

/// The path of a folder without links.
pub(crate) fn real(folder: &Path) -> Result<PathBuf, DataError> {
    (folder.canonicalize()).map_err(|error| DataError::io(folder, error))
}

/// Why a name is none of a radiograph.
#[derive(Clone, Copy, PartialEq)]
enum Doubt {
    /// A system's own.
    Hidden,
    /// A mask, a thumbnail or something thrown away.
    Doubtful,
}

impl Doubt {
    /// Of a folder's name, or a file's without its ending.
    fn of(name: &str) -> Option<Self> {
        if name == "__MACOSX" || name.eq_ignore_ascii_case("dicomdir") {
            return Some(Self::Hidden);
        }
        let lower = name.to_lowercase();
        let mut words = lower.split(|c: char| !c.is_alphanumeric());
        let doubtful = words.any(|word| {
            MASKS.contains(&word) || THUMBNAILS.contains(&word) || RUBBISH.contains(&word)
        });
        if doubtful && !name.starts_with("._") {
            Some(Self::Doubtful)
        } else if name.starts_with('.') {
            Some(Self::Hidden)
        } else {
            None
        }
    }
}

/// Whether a folder's name is one of masks, of thumbnails or of what was thrown away.
pub(crate) fn is_doubtful(name: &str) -> bool {
    Doubt::of(name).is_some()
}

/// A file's name without its ending.
fn stem(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => name,
    }
}

/// Whether a file is an image: by its ending, or else by its first bytes, since DICOM files often have no ending or digits for one.
fn is_image(path: &Path, name: &str) -> bool {
    if is_image_by_name(name) {
        return true;
    }
    let mut head = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut head));
    read.is_ok() && Format::sniff(&head).is_some()
}

/// Whether a file is named as an image.
pub(crate) fn is_image_by_name(name: &str) -> bool {
    let ending = name
        .rsplit_once('.')
        .map(|(_, ending)| ending.to_lowercase());
    !name.starts_with('.') && ending.is_some_and(|ending| EXTENSIONS.contains(&ending.as_str()))
}

/// Whether a name fits a pattern in which `*` stands for any characters; case does not matter.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_lowercase(), name.to_lowercase());
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else {
        return false;
    };
    let mut last = None;
    for part in parts {
        last = Some(part);
        match rest.find(part) {
            Some(place) => rest = &rest[place + part.len()..],
            None => return false,
        }
    }
    match last {
        None => rest.is_empty(),
        Some(last) => name.ends_with(last),
    }
}

/// What a folder holds, in the order of the names.
///
/// # Errors
/// [`DataError::Io`] when it cannot be listed.
pub(crate) fn read_dir(path: &Path) -> Result<Vec<DirEntry>, DataError> {
    let io = |error| DataError::io(path, error);
    let mut entries = fs::read_dir(path)
        .map_err(io)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(io)?;
    entries.sort_by_key(DirEntry::file_name);
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_masks_and_thumbnails_are_known_and_others_are_not_suspected() {
        for name in [
            "masks",
            "Lung Masks",
            "@eaDir",
            ".thumbnails",
            "CHNCXR_0001_0_mask",
            "$RECYCLE.BIN",
            "Masken",
        ] {
            assert!(Doubt::of(name) == Some(Doubt::Doubtful), "{name}");
        }
        for name in ["._1_mask.png", ".DS_Store", "__MACOSX", ".git", "DICOMDIR"] {
            assert!(Doubt::of(name) == Some(Doubt::Hidden), "{name}");
        }
        for name in ["images", "Maskew", "Damask rose", "person1_virus_6", "1"] {
            assert!(Doubt::of(name).is_none(), "{name}");
        }
    }

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, name, fits) in [
            ("masks", "Masks", true),
            ("masks", "masks2", false),
            ("*_mask.png", "1_mask.png", true),
            ("*_mask.png", "1_mask.jpg", false),
            ("a*b*c", "a--b--c", true),
            ("a*b*c", "a--c--b", false),
            ("*", "", true),
            ("", "x", false),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }
}
