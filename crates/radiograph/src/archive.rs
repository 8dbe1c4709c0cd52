//! The files in a zip archive, and those that the directory of a DICOM CD names.
//!
//! [`Radiograph::decode`](crate::Radiograph::decode) takes one file; this finds the files. Nothing is ever unpacked to a disk, and what
//! an archive may cost is bounded by [`Limits`] before memory is taken.
//!
//! ```no_run
//! use radiograph::archive::{Archive, Limits};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut archive = Archive::open(std::fs::File::open("cd.zip")?, Limits::default())?;
//! for entry in archive.entries().to_vec() {
//!     println!("{}: {} bytes", entry.name, archive.read(&entry)?.len());
//! }
//! # Ok(())
//! # }
//! ```

mod dicomdir;

use std::io::{Read, Seek, SeekFrom};

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};

pub use dicomdir::images_of_dicomdir;

/// What an archive may cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Most files in an archive. Default 20,000: a CD of several examinations.
    pub max_entries: u64,
    /// Largest file in it, unpacked, in bytes. Default 64 MiB, as for a file on its own.
    pub max_entry_bytes: u64,
    /// Most bytes that are unpacked of one archive, all files together. Default 8 GiB.
    pub max_total_bytes: u64,
    /// How deep archives may lie within archives. Default 1: an archive within an archive, and none within that.
    pub max_depth: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_entries: 20_000,
            max_entry_bytes: 64 * 1024 * 1024,
            max_total_bytes: 8 * 1024 * 1024 * 1024,
            max_depth: 1,
        }
    }
}

/// Why an archive, or a file in it, could not be read.
///
/// `Display` is one sentence of what happened, [`advice`](Self::advice) one of what to do, [`code`](Self::code) a name that stays the same
/// when the sentences change.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The bytes are no zip archive, or have lost its end, where its directory is.
    #[error("The archive is damaged or incomplete: {detail}.")]
    Damaged {
        /// What is wrong with it.
        detail: String,
    },
    /// A file can only be read with a password.
    #[error("The archive is encrypted: {name} needs a password.")]
    Encrypted {
        /// The first file of which that is so.
        name: String,
    },
    /// A file is packed in a way that cannot be read.
    #[error("The archive uses a feature that cannot be read: {name} is packed by method {method}.")]
    Unsupported {
        /// The file.
        name: String,
        /// The number of the method in the zip specification.
        method: u16,
    },
    /// More files than [`Limits::max_entries`].
    #[error("The archive holds {entries} files, more than the {limit} that are allowed.")]
    TooManyEntries {
        /// How many there are.
        entries: u64,
        /// The limit.
        limit: u64,
    },
    /// A file is larger than [`Limits::max_entry_bytes`], or all together are larger than [`Limits::max_total_bytes`].
    #[error("The archive unpacks to more than the {limit} bytes that are allowed: {name}.")]
    TooLarge {
        /// The file at which that was noticed.
        name: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// Archives lie in archives more deeply than [`Limits::max_depth`].
    #[error("Archives lie in archives {depth} deep, deeper than is allowed: {name}.")]
    TooDeep {
        /// The archive that is too deep.
        name: String,
        /// How deep it is.
        depth: u32,
    },
    /// A file is not in the archive.
    #[error("The archive holds no {name}.")]
    Missing {
        /// The file.
        name: String,
    },
    /// Nothing in the archive is an image.
    #[error("The archive holds no image in a format that can be read here.")]
    NoImage,
    /// The file could not be read from where it lies.
    #[error("The archive could not be read: {0}.")]
    Unreadable(#[from] std::io::Error),
}

impl ArchiveError {
    /// A name for the kind of error in kebab case, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Damaged { .. } => "damaged-archive",
            Self::Encrypted { .. } => "encrypted-archive",
            Self::Unsupported { .. } => "unsupported-archive",
            Self::TooManyEntries { .. } => "too-many-entries",
            Self::TooLarge { .. } => "archive-too-large",
            Self::TooDeep { .. } => "archive-too-deep",
            Self::Missing { .. } => "missing-entry",
            Self::NoImage => "no-image",
            Self::Unreadable(_) => "file-unreadable",
        }
    }

    /// One sentence of what to do about it.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Damaged { .. } => {
                "Get the archive again from where it came from, or unpack it and choose the X-ray in it."
            }
            Self::Encrypted { .. } => {
                "Unpack the archive with its password and choose the X-ray in it."
            }
            Self::Unsupported { .. } | Self::TooDeep { .. } => {
                "Unpack the archive and choose the X-ray in it."
            }
            Self::TooManyEntries { .. } | Self::TooLarge { .. } => {
                "Unpack the archive and choose the X-rays in it, or their folder."
            }
            Self::Missing { .. } | Self::Unreadable(_) => "Check its path and its permissions.",
            Self::NoImage => {
                "Choose a chest X-ray saved as DICOM, PNG, JPEG, WebP, BMP, TIFF or GIF."
            }
        }
    }
}

/// A file in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path within the archive, with `/` between folders.
    pub name: String,
    /// How many bytes it says it has, unpacked.
    pub size: u64,
    packed: u64,
    method: u16,
    encrypted: bool,
    /// Where its own header is.
    offset: u64,
}

/// A zip archive that is read from a file or from memory, an entry at a time.
#[derive(Debug)]
pub struct Archive<R> {
    source: R,
    limits: Limits,
    entries: Vec<Entry>,
    /// What may still be unpacked.
    left: u64,
}

/// What is told of each file.
type Visit<'a, E> = dyn FnMut(&str, Result<Vec<u8>, ArchiveError>) -> Result<(), E> + 'a;

/// The record at the end of an archive is followed by a comment of at most 65,535 bytes.
const END: usize = 22;

const STORED: u16 = 0;
const DEFLATED: u16 = 8;

fn damaged(detail: &str) -> ArchiveError {
    ArchiveError::Damaged {
        detail: detail.to_owned(),
    }
}

/// The little-endian number of up to eight bytes at `at`.
fn number(bytes: &[u8], at: usize, size: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(size)?)?;
    Some(
        bytes
            .iter()
            .rev()
            .fold(0, |number, &byte| number << 8 | u64::from(byte)),
    )
}

/// Whether `bytes` begin like a zip archive.
#[must_use]
pub fn is_archive(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")
}

impl<R: Read + Seek> Archive<R> {
    /// Reads the directory of an archive: the entries that are files and not what a system keeps for itself.
    ///
    /// # Errors
    /// [`ArchiveError`] if it has none, or one that contradicts the archive or exceeds the limits.
    pub fn open(mut source: R, limits: Limits) -> Result<Self, ArchiveError> {
        let length = source.seek(SeekFrom::End(0))?;
        let from = length.saturating_sub(END as u64 + u64::from(u16::MAX));
        let tail = read_at(&mut source, from, length - from)?;
        let end = (0..=tail.len().saturating_sub(END))
            .rev()
            .find(|&at| tail[at..].starts_with(b"PK\x05\x06"))
            .filter(|at| at + END <= tail.len())
            .ok_or_else(|| damaged("its directory is missing"))?;
        let field = |at, size| number(&tail, end + at, size).unwrap_or_default();
        let (mut count, mut size, mut offset) = (field(10, 2), field(12, 4), field(16, 4));
        // Larger ones have a second record, which a third one before this one leads to.
        let locator = end.checked_sub(20).map(|at| &tail[at..end]);
        if let Some(locator) = locator.filter(|locator| locator.starts_with(b"PK\x06\x07")) {
            let at = number(locator, 8, 8).unwrap_or_default();
            let record = read_at(&mut source, at, 56)?;
            if !record.starts_with(b"PK\x06\x06") {
                return Err(damaged("its directory is missing"));
            }
            let field = |at| number(&record, at, 8).unwrap_or_default();
            (count, size, offset) = (field(32), field(40), field(48));
        }
        if count > limits.max_entries {
            return Err(ArchiveError::TooManyEntries {
                entries: count,
                limit: limits.max_entries,
            });
        }
        if offset.checked_add(size).is_none_or(|end| end > length) {
            return Err(damaged("its directory lies outside it"));
        }
        // A name, some extra fields and a comment of 65,535 bytes each are as much as there can be of one entry.
        let directory = read_at(
            &mut source,
            offset,
            size.min(count.saturating_mul(46 + 3 * 65_535)),
        )?;
        let mut entries = Vec::new();
        let mut at = 0;
        for _ in 0..count {
            let (entry, next) =
                Entry::read(&directory, at).ok_or_else(|| damaged("its directory is cut off"))?;
            at = next;
            if entry.is_file() {
                entries.push(entry);
            }
        }
        let left = limits.max_total_bytes;
        Ok(Self {
            source,
            limits,
            entries,
            left,
        })
    }

    /// The files in it, in the order of its directory.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns the bytes of a file in it.
    ///
    /// # Errors
    /// [`ArchiveError`] if it is encrypted, packed in another way, not what the directory says, or too large.
    pub fn read(&mut self, entry: &Entry) -> Result<Vec<u8>, ArchiveError> {
        let name = || entry.name.clone();
        if entry.encrypted {
            return Err(ArchiveError::Encrypted { name: name() });
        }
        let limit = self.limits.max_entry_bytes;
        let too_large = |limit| ArchiveError::TooLarge {
            name: name(),
            limit,
        };
        if entry.size > limit || entry.packed > limit {
            return Err(too_large(limit));
        }
        // What is unpacked counts by what it says, which is all that is ever taken of it.
        self.left = self
            .left
            .checked_sub(entry.size)
            .ok_or_else(|| too_large(self.limits.max_total_bytes))?;
        let header = read_at(&mut self.source, entry.offset, 30)?;
        if !header.starts_with(b"PK\x03\x04") {
            return Err(damaged(&format!(
                "{} is not where its directory says",
                entry.name
            )));
        }
        let skip =
            number(&header, 26, 2).unwrap_or_default() + number(&header, 28, 2).unwrap_or_default();
        let packed = read_at(&mut self.source, entry.offset + 30 + skip, entry.packed)?;
        if packed.len() as u64 != entry.packed {
            return Err(damaged(&format!("it ends within {}", entry.name)));
        }
        match entry.method {
            STORED if entry.packed == entry.size => Ok(packed),
            STORED => Err(damaged(&format!("{} has two sizes", entry.name))),
            DEFLATED => inflate(&packed, entry),
            method => Err(ArchiveError::Unsupported {
                name: name(),
                method,
            }),
        }
    }

    /// Calls `visit` with the path and the bytes of every file in it, and of those in archives within it; a file that cannot be
    /// read comes as its error.
    ///
    /// # Errors
    /// What `visit` returns.
    pub fn visit<E>(
        &mut self,
        visit: &mut impl FnMut(&str, Result<Vec<u8>, ArchiveError>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.visit_below("", 0, visit)
    }

    fn visit_below<E>(
        &mut self,
        above: &str,
        depth: u32,
        visit: &mut impl FnMut(&str, Result<Vec<u8>, ArchiveError>) -> Result<(), E>,
    ) -> Result<(), E> {
        for entry in self.entries.clone() {
            let path = format!("{above}{}", entry.name);
            let bytes = match self.read(&entry) {
                Ok(bytes) if is_archive(&bytes) => bytes,
                read => {
                    visit(&path, read)?;
                    continue;
                }
            };
            if depth >= self.limits.max_depth {
                let depth = depth + 1;
                visit(
                    &path,
                    Err(ArchiveError::TooDeep {
                        name: path.clone(),
                        depth,
                    }),
                )?;
                continue;
            }
            // All that is unpacked counts together.
            let limits = Limits {
                max_total_bytes: self.left,
                ..self.limits.clone()
            };
            match Archive::open(std::io::Cursor::new(&bytes[..]), limits) {
                Ok(mut inner) => {
                    inner.visit_boxed(&format!("{path}/"), depth + 1, visit)?;
                    self.left = inner.left;
                }
                Err(error) => visit(&path, Err(error))?,
            }
        }
        Ok(())
    }

    /// The same, through a pointer, so that the compiler need not know how deep archives lie.
    fn visit_boxed<E>(
        &mut self,
        above: &str,
        depth: u32,
        visit: &mut Visit<'_, E>,
    ) -> Result<(), E> {
        self.visit_below(above, depth, &mut |path, read| visit(path, read))
    }
}

impl Entry {
    /// The entry at `at` of a directory, and where the next one is.
    fn read(directory: &[u8], at: usize) -> Option<(Self, usize)> {
        if directory.get(at..at + 4)? != b"PK\x01\x02" {
            return None;
        }
        let field = |offset: usize, size| number(directory, at + offset, size);
        let (name, extra, comment) = (
            field(28, 2)? as usize,
            field(30, 2)? as usize,
            field(32, 2)? as usize,
        );
        let bytes = directory.get(at + 46..at + 46 + name)?;
        let (mut packed, mut size, mut offset) = (field(20, 4)?, field(24, 4)?, field(42, 4)?);
        // What does not fit stands in an extra field, in this order.
        let fields = directory.get(at + 46 + name..at + 46 + name + extra)?;
        let mut from = 0;
        while let Some((id, length)) = number(fields, from, 2).zip(number(fields, from + 2, 2)) {
            if id == 1 {
                let mut wide = from + 4;
                for value in [&mut size, &mut packed, &mut offset] {
                    if *value == u64::from(u32::MAX) {
                        *value = number(fields, wide, 8)?;
                        wide += 8;
                    }
                }
            }
            from += 4 + length as usize;
        }
        let entry = Self {
            name: String::from_utf8_lossy(bytes).replace('\\', "/"),
            size,
            packed,
            method: field(10, 2)? as u16,
            encrypted: field(8, 2)? & 1 == 1,
            offset,
        };
        Some((entry, at + 46 + name + extra + comment))
    }

    /// Whether it is a file of somebody's, and not a folder or what a system keeps beside files.
    fn is_file(&self) -> bool {
        let last = self.name.rsplit('/').next().unwrap_or_default();
        let kept = last.starts_with("._") || matches!(last, "" | ".DS_Store" | "Thumbs.db");
        !kept && !self.name.split('/').any(|folder| folder == "__MACOSX")
    }
}

/// `length` bytes from `at` on, or as many as there are.
fn read_at<R: Read + Seek>(source: &mut R, at: u64, length: u64) -> Result<Vec<u8>, ArchiveError> {
    source.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    source.by_ref().take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Inflates an entry to the size that it says it has, and no further.
fn inflate(packed: &[u8], entry: &Entry) -> Result<Vec<u8>, ArchiveError> {
    let wrong = || damaged(&format!("{} cannot be unpacked", entry.name));
    let size = usize::try_from(entry.size).map_err(|_| wrong())?;
    let mut bytes = Vec::new();
    // Deflate packs at most 1,032 bytes into one.
    if size / 1032 > packed.len() || bytes.try_reserve_exact(size).is_err() {
        return Err(wrong());
    }
    bytes.resize(size, 0);
    let flags = inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let mut decoder = Box::new(DecompressorOxide::new());
    match decompress(&mut decoder, packed, &mut bytes, 0, flags) {
        (TINFLStatus::Done, _, written) if written == size => Ok(bytes),
        _ => Err(wrong()),
    }
}
