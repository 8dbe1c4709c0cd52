//! The directories of a TIFF file (TIFF 6.0, section 2; BigTIFF): what is tagged with what, in place.
//!
//! The crate `tiff` reads a directory only as an image that it knows all about, so it refuses what is merely unusual.

/// More directories than this are not looked for.
const MAX_DIRECTORIES: usize = 4096;

/// A TIFF file, or something laid out like one: EXIF.
#[derive(Debug, Clone, Copy)]
pub(crate) struct File<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) little: bool,
    /// BigTIFF, whose offsets have 64 bits.
    big: bool,
    first: u64,
}

impl<'a> File<'a> {
    /// The file in `bytes`, or `None` if they do not begin like one.
    pub(crate) fn open(bytes: &'a [u8]) -> Option<Self> {
        let (little, big) = match bytes.first_chunk::<4>()? {
            b"II*\0" => (true, false),
            b"MM\0*" => (false, false),
            b"II+\0" => (true, true),
            b"MM\0+" => (false, true),
            _ => return None,
        };
        let mut file = Self {
            bytes,
            little,
            big,
            first: 0,
        };
        file.first = if big {
            file.unsigned(8, 8)?
        } else {
            file.unsigned(4, 4)?
        };
        Some(file)
    }

    /// The unsigned number of up to eight bytes at `at`.
    fn unsigned(&self, at: u64, size: usize) -> Option<u64> {
        let bytes = self.slice(at, size as u64)?;
        let fold = |number, &byte| number << 8 | u64::from(byte);
        Some(if self.little {
            bytes.iter().rev().fold(0, fold)
        } else {
            bytes.iter().fold(0, fold)
        })
    }

    /// `length` bytes from `at` on, where the file has as many.
    pub(crate) fn slice(&self, at: u64, length: u64) -> Option<&'a [u8]> {
        let from = usize::try_from(at).ok()?;
        let to = usize::try_from(at.checked_add(length)?).ok()?;
        self.bytes.get(from..to)
    }

    /// The first directory, and those that it and its followers lead to; each but once.
    pub(crate) fn directories(self) -> Vec<Directory<'a>> {
        let mut found = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        let mut at = self.first;
        while at != 0 && found.len() < MAX_DIRECTORIES && seen.insert(at) {
            let Some(directory) = self.directory(at) else {
                break;
            };
            at = directory.next;
            found.push(directory);
        }
        found
    }

    /// The directory at `at`.
    pub(crate) fn directory(self, at: u64) -> Option<Directory<'a>> {
        let (head, each) = if self.big { (8, 20) } else { (2, 12) };
        let said = self.unsigned(at, head)?;
        let from = at.checked_add(head as u64)?;
        // What is cut off could have been what the image has to be turned by.
        let room = (self.bytes.len() as u64).saturating_sub(from) / each;
        let count = (said <= room && said <= u64::from(u16::MAX)).then_some(said)?;
        let next = self
            .unsigned(from + count * each, if self.big { 8 } else { 4 })
            .unwrap_or(0);
        (count > 0).then_some(Directory {
            file: self,
            entries: from,
            count,
            next,
        })
    }
}

/// One directory: the tags of one image.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Directory<'a> {
    pub(crate) file: File<'a>,
    entries: u64,
    count: u64,
    next: u64,
}

impl<'a> Directory<'a> {
    /// The values of a tag; none where it is missing, of no type that is known, or points out of the file.
    pub(crate) fn values(&self, tag: u16) -> Values<'a> {
        self.entry(tag).unwrap_or(Values {
            file: self.file,
            kind: 0,
            bytes: &[],
        })
    }

    /// The first value of a tag, as an unsigned number.
    pub(crate) fn number(&self, tag: u16) -> Option<u64> {
        self.values(tag).get(0)
    }

    fn entry(&self, tag: u16) -> Option<Values<'a>> {
        let file = self.file;
        let (each, wide) = if file.big { (20, 8) } else { (12, 4) };
        let at = (0..self.count)
            .map(|index| self.entries + index * each)
            .find(|&at| file.unsigned(at, 2) == Some(u64::from(tag)))?;
        let kind = file.unsigned(at + 2, 2)? as u16;
        let length = file
            .unsigned(at + 4, wide)?
            .checked_mul(size_of_kind(kind)? as u64)?;
        let place = at + 4 + wide as u64;
        let place = if length > wide as u64 {
            file.unsigned(place, wide)?
        } else {
            place
        };
        Some(Values {
            file,
            kind,
            bytes: file.slice(place, length)?,
        })
    }
}

/// The bytes of one value of a type.
fn size_of_kind(kind: u16) -> Option<usize> {
    Some(match kind {
        1 | 2 | 6 | 7 => 1,
        3 | 8 => 2,
        4 | 9 | 11 | 13 => 4,
        5 | 10 | 12 | 16..=18 => 8,
        _ => return None,
    })
}

/// The values of a tag.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Values<'a> {
    file: File<'a>,
    kind: u16,
    pub(crate) bytes: &'a [u8],
}

impl Values<'_> {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        size_of_kind(self.kind).map_or(0, |size| self.bytes.len() / size)
    }

    /// The value at `index`, as an unsigned number.
    pub(crate) fn get(&self, index: usize) -> Option<u64> {
        let size = size_of_kind(self.kind)?;
        match self.kind {
            1 | 3 | 4 | 7 | 13 | 16 | 18 => self.part(index * size, size),
            // Signed numbers, which some writers use for what cannot be negative.
            6 | 8 | 9 | 17 => {
                let unused = 64 - 8 * size as u32;
                let signed = (self.part(index * size, size)? << unused).cast_signed() >> unused;
                u64::try_from(signed).ok()
            }
            _ => None,
        }
    }

    /// The value at `index`, a fraction or a number.
    pub(crate) fn fraction(&self, index: usize) -> Option<f64> {
        match self.kind {
            5 => {
                let whole = self.part(8 * index, 4)? as f64;
                let parts = self.part(8 * index + 4, 4)? as f64;
                (parts > 0.0).then_some(whole / parts)
            }
            11 => Some(f64::from(f32::from_bits(self.part(4 * index, 4)? as u32))),
            12 => Some(f64::from_bits(self.part(8 * index, 8)?)),
            _ => Some(self.get(index)? as f64),
        }
    }

    fn part(&self, at: usize, size: usize) -> Option<u64> {
        let values = File {
            bytes: self.bytes,
            ..self.file
        };
        values.unsigned(at as u64, size)
    }
}

/// The orientation that EXIF gives, 1 to 8, with or without the name that stands before it in JPEG.
pub(crate) fn exif_orientation(exif: &[u8]) -> Option<u8> {
    let exif = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
    let file = File::open(exif)?;
    orientation(&file.directory(file.first)?)
}

/// The orientation in a directory, 1 to 8.
pub(crate) fn orientation(directory: &Directory<'_>) -> Option<u8> {
    const ORIENTATION: u16 = 274;
    let number = directory.number(ORIENTATION)?;
    u8::try_from(number)
        .ok()
        .filter(|tag| (1..=8).contains(tag))
}

/// How many images the directory of a multi-picture file (CIPA DC-007) counts; 0 where it does not.
pub(crate) fn images_of_multi_picture(directory: &[u8]) -> u32 {
    const NUMBER_OF_IMAGES: u16 = 0xb001;
    File::open(directory)
        .and_then(|file| file.directory(file.first)?.number(NUMBER_OF_IMAGES))
        .map_or(0, |images| images.min(100) as u32)
}
