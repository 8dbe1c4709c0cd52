//! The strips and tiles of a TIFF image, as bytes: where they are, and what is in them once it is expanded.

use std::borrow::Cow;
use std::convert::Infallible;

use fax::Color;
use fax::decoder::{DecodeStatus, Group3Decoder, Group4Decoder, pels};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};
use weezl::{BitOrder, LzwStatus};

use super::layout::{Layout, compression, corrupt, tag, unsupported};
use crate::header::directory::Values;
use crate::reader::jpeg::{Channels, decode_embedded};
use crate::{DecodeError, Limits};

/// Bytes that strips or tiles may have in common, empty ones mostly.
const MOST_REPEATED: u64 = 64 << 20;

/// Where the strips or tiles of an image are.
pub(super) struct Chunks<'a, 'l> {
    layout: &'l Layout<'a>,
    offsets: Values<'a>,
    lengths: Values<'a>,
}

impl<'a, 'l> Chunks<'a, 'l> {
    pub(super) fn find(layout: &'l Layout<'a>) -> Result<Self, DecodeError> {
        let either = |tile, strip| {
            let values = layout.directory.values(tile);
            if values.len() > 0 {
                values
            } else {
                layout.directory.values(strip)
            }
        };
        let offsets = either(tag::TILE_OFFSETS, tag::STRIP_OFFSETS);
        if offsets.len() == 0 && layout.compression != compression::OLD_JPEG {
            return Err(corrupt("it does not say where its image is"));
        }
        Ok(Self {
            layout,
            offsets,
            lengths: either(tag::TILE_BYTES, tag::STRIP_BYTES),
        })
    }

    pub(super) fn len(&self) -> usize {
        self.offsets.len()
    }

    /// The bytes of the whole file.
    pub(super) fn file_length(&self) -> usize {
        self.layout.directory.file.bytes.len()
    }

    /// Checks that strips or tiles, all of which are walked over, do not repeat the same bytes without end.
    pub(super) fn check_overlap(&self) -> Result<(), DecodeError> {
        let file = self.file_length();
        let stored = (0..self.len()).map(|index| self.stored(index, 0).len() as u64);
        match stored.sum::<u64>() > 16 * file as u64 + MOST_REPEATED {
            true => Err(corrupt("its strips or tiles repeat each other")),
            false => Ok(()),
        }
    }

    /// The stored bytes of a strip or tile, of which `needed` are needed where they are not compressed. None that the file does not
    /// have.
    pub(super) fn stored(&self, index: usize, needed: usize) -> &'a [u8] {
        let file = self.layout.directory.file;
        let Some(offset) = self.offsets.get(index) else {
            return &[];
        };
        let left = (file.bytes.len() as u64).saturating_sub(offset);
        let said = self.lengths.get(index).filter(|&length| length > 0);
        let length = if self.layout.compression == compression::NONE {
            // Said too often wrongly, or not at all.
            needed as u64
        } else {
            // Up to the next one, where nothing is said. Old JPEG may be one stream behind the first offset.
            let next = self
                .offsets
                .get(index + 1)
                .filter(|&next| next > offset && self.layout.compression != compression::OLD_JPEG);
            said.unwrap_or(next.map_or(left, |next| next - offset))
        };
        file.slice(offset, length.min(left)).unwrap_or_default()
    }

    /// Puts what a strip or tile of `rows` rows holds, expanded, into `out`; returns how many bytes of it there were.
    pub(super) fn expand(
        &self,
        index: usize,
        rows: usize,
        out: &mut [u8],
    ) -> Result<usize, DecodeError> {
        let layout = self.layout;
        let stored = self.stored(index, out.len());
        let stored = if layout.low_bit_first {
            // Of the bytes as they are in the file, whatever they are expanded to: libtiff does the same.
            Cow::Owned(stored.iter().map(|byte| byte.reverse_bits()).collect())
        } else {
            Cow::Borrowed(stored)
        };
        match layout.compression {
            compression::NONE => {
                let count = stored.len().min(out.len());
                out[..count].copy_from_slice(&stored[..count]);
                Ok(count)
            }
            compression::LZW => lzw(&stored, out),
            compression::DEFLATE | compression::OLD_DEFLATE => inflate(&stored, out),
            compression::PACK_BITS => Ok(pack_bits(&stored, out)),
            compression::FAX_3 | compression::FAX_4 => self.fax(&stored, rows, out),
            other => Err(unsupported(format!("compression by {}", name(other)))),
        }
    }

    /// A strip or tile of JPEG, as a stream of its own: what is shared between them goes before each.
    pub(super) fn jpeg(&self, index: usize) -> Cow<'a, [u8]> {
        let stored = self.stored(index, 0);
        let tables = self.layout.directory.values(tag::JPEG_TABLES).bytes;
        let tables = tables.strip_prefix(b"\xff\xd8").unwrap_or_default();
        let tables = tables.strip_suffix(b"\xff\xd9").unwrap_or(tables);
        match stored.strip_prefix(b"\xff\xd8") {
            Some(rest) if !tables.is_empty() => Cow::Owned([b"\xff\xd8", tables, rest].concat()),
            _ => Cow::Borrowed(stored),
        }
    }

    fn fax(&self, stored: &[u8], rows: usize, out: &mut [u8]) -> Result<usize, DecodeError> {
        let layout = self.layout;
        let width = u16::try_from(layout.chunk_width)
            .map_err(|_| unsupported("a fax of more than 65,535 pixels a line"))?;
        let row_bytes = layout.chunk_width.div_ceil(8);
        if layout.bits != 1 || layout.samples != 1 || out.len() < rows * row_bytes {
            return Err(corrupt("it is a fax of more than black and white"));
        }
        let bytes = stored.iter().map(|&byte| Ok::<_, Infallible>(byte));
        let mut lines = out.chunks_exact_mut(row_bytes);
        let mut put = |transitions: &[u16]| {
            let Some(line) = lines.next() else {
                return false;
            };
            for (x, colour) in pels(transitions, width).enumerate() {
                if colour == Color::Black {
                    line[x / 8] |= 0x80 >> (x % 8);
                }
            }
            true
        };
        let mut count = 0;
        if layout.compression == compression::FAX_4 {
            let mut decoder =
                Group4Decoder::new(bytes, width).map_err(|_| corrupt("it is no fax"))?;
            while count < rows {
                match decoder.advance() {
                    Ok(DecodeStatus::Incomplete) if put(decoder.transition()) => count += 1,
                    _ => break,
                }
            }
        } else {
            let options = layout.directory.number(tag::T4_OPTIONS).unwrap_or(0);
            if options & 1 != 0 {
                return Err(unsupported(
                    "compression by fax, group 3, in two dimensions",
                ));
            }
            let mut decoder = Group3Decoder::new(bytes).map_err(|_| corrupt("it is no fax"))?;
            while count < rows {
                let status = decoder.advance();
                // Nothing has to follow the last line.
                let line = decoder.transitions();
                if status.is_err() && line.last() != Some(&width) || !put(line) {
                    break;
                }
                count += 1;
                if !matches!(status, Ok(DecodeStatus::Incomplete)) {
                    break;
                }
            }
        }
        Ok(count * row_bytes)
    }
}

/// The channels of a JPEG strip or tile, which must not have more than `max_pixels`.
pub(super) fn jpeg_channels(
    stream: &[u8],
    max_pixels: usize,
    limits: &Limits,
) -> Result<Channels, DecodeError> {
    decode_embedded(stream, max_pixels as u64, limits).map_err(|error| match error {
        DecodeError::Corrupt { detail, .. } => corrupt(format!("one of its JPEG strips: {detail}")),
        DecodeError::Unsupported { detail, .. } => unsupported(detail),
        error => error,
    })
}

/// TIFF's LZW, or that of its first years, whose bits are the other way round.
fn lzw(stored: &[u8], out: &mut [u8]) -> Result<usize, DecodeError> {
    let old = matches!(stored, [0, second, ..] if second & 1 == 1);
    let mut decoder = if old {
        weezl::decode::Decoder::new(BitOrder::Lsb, 8)
    } else {
        weezl::decode::Decoder::with_tiff_size_switch(BitOrder::Msb, 8)
    };
    let (mut from, mut to) = (0, 0);
    while to < out.len() {
        let step = decoder.decode_bytes(&stored[from..], &mut out[to..]);
        from += step.consumed_in;
        to += step.consumed_out;
        match step.status {
            Ok(LzwStatus::Ok) if step.consumed_in + step.consumed_out > 0 => {}
            Ok(_) => break,
            Err(_) => return Err(corrupt("one of its strips is damaged")),
        }
    }
    Ok(to)
}

fn inflate(stored: &[u8], out: &mut [u8]) -> Result<usize, DecodeError> {
    use miniz_oxide::inflate::TINFLStatus;
    let flags = inflate_flags::TINFL_FLAG_PARSE_ZLIB_HEADER
        | inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF
        | inflate_flags::TINFL_FLAG_IGNORE_ADLER32;
    let mut decoder = Box::new(DecompressorOxide::new());
    let (status, _, written) = decompress(&mut decoder, stored, out, 0, flags);
    match status {
        TINFLStatus::Failed | TINFLStatus::BadParam => Err(corrupt("one of its strips is damaged")),
        _ => Ok(written),
    }
}

/// Runs of equal and of different bytes (TIFF 6.0, section 9).
fn pack_bits(mut stored: &[u8], out: &mut [u8]) -> usize {
    let mut at = 0;
    while let Some((&head, rest)) = stored.split_first() {
        let room = out.len() - at;
        stored = if head < 128 {
            let count = (usize::from(head) + 1).min(rest.len());
            let fits = count.min(room);
            out[at..at + fits].copy_from_slice(&rest[..fits]);
            at += fits;
            &rest[count..]
        } else if head > 128 {
            let Some((&byte, rest)) = rest.split_first() else {
                break;
            };
            let fits = (257 - usize::from(head)).min(room);
            out[at..at + fits].fill(byte);
            at += fits;
            rest
        } else {
            rest
        };
        if at == out.len() {
            break;
        }
    }
    at
}

/// What a number of the tag Compression stands for.
fn name(number: u64) -> String {
    let name = match number {
        2 => "fax, run lengths",
        9 | 10 => "JBIG",
        32809 => "ThunderScan",
        33003 | 33004 | 33005 | 34712 => "JPEG 2000",
        34676 | 34677 => "SGI LogLuv",
        34887 => "LERC",
        34892 => "lossy JPEG of DNG",
        34925 => "LZMA",
        50000 => "Zstandard",
        50001 => "WebP",
        50002 | 52546 => "JPEG XL",
        other => return format!("a method numbered {other}"),
    };
    name.to_owned()
}
