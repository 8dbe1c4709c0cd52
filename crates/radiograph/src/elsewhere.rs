//! What a build without the readers of rare formats asks of one that has them, and what that answers.
//!
//! The page downloads WebAssembly of both kinds, and the second only when a file needs it. A question is a few numbers beside the bytes of
//! a file; an answer is a few numbers, or an error, beside its pixels.

use crate::{Format, Limits};

/// A stream of a rare kind within a DICOM file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    JpegLs,
    Jpeg2000,
}

/// What the samples of a stream are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Samples {
    /// How many bits each has.
    pub(crate) precision: u8,
    pub(crate) signed: bool,
    /// Whether the stream has its last marker.
    pub(crate) ended: bool,
}

/// What one build asks another.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Question {
    pub(crate) wanted: Wanted,
    pub(crate) limits: Limits,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The brightness of a whole file.
    Plane(Format),
    /// The samples of a stream: so many columns, rows, and channels.
    Samples(Stream, [u32; 3]),
}

/// What comes back: numbers or an error, and the pixels of one kind or the other.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// Numbers about the pixels, or an error.
    pub head: Vec<u8>,
    /// The brightness of a file, `[height * width]`; empty where samples were wanted.
    pub luma: Vec<f32>,
    /// The samples of a stream, `[height * width * channels]`; empty where brightness was wanted.
    pub cells: Vec<u16>,
}

const FORMATS: [Format; 9] = [
    Format::Png,
    Format::Jpeg,
    Format::WebP,
    Format::Bmp,
    Format::Tiff,
    Format::Gif,
    Format::Jpeg2000,
    Format::Dicom,
    Format::Luma,
];

/// What an answer begins with.
const PLANE: u8 = 0;
const SAMPLES: u8 = 1;
const ERROR: u8 = 2;

/// Numbers in bytes, low byte first, one after the other.
struct Numbers<'a>(&'a [u8]);

impl Numbers<'_> {
    fn next<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (&head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(head)
    }

    fn byte(&mut self) -> Option<u8> {
        self.next().map(u8::from_le_bytes)
    }

    fn flag(&mut self) -> Option<bool> {
        Some(self.byte()? != 0)
    }

    fn word(&mut self) -> Option<u32> {
        self.next().map(u32::from_le_bytes)
    }

    fn long(&mut self) -> Option<u64> {
        self.next().map(u64::from_le_bytes)
    }

    fn format(&mut self) -> Option<Format> {
        FORMATS.get(usize::from(self.byte()?)).copied()
    }
}

pub(crate) mod ask;
#[cfg(feature = "readers")]
mod reply;
