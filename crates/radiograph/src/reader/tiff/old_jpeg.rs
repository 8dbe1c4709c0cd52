//! JPEG as TIFF 6.0 had it before its technical note 2: a stream in pieces, or its tables in tags.

use super::chunks::{self, Chunks};
use super::layout::{Layout, corrupt, tag};
use crate::reader::jpeg::Channels;
use crate::{DecodeError, Limits};

/// The most bytes that are put before strips, and between them.
const MOST_HEADERS: usize = 1 << 16;

/// Returns the channels of an image that is stored so.
pub(super) fn decode_old_jpeg(
    layout: &Layout<'_>,
    chunks: &Chunks<'_, '_>,
    limits: &Limits,
) -> Result<Channels, DecodeError> {
    let directory = &layout.directory;
    let most = layout.width * layout.height;
    if let Some(offset) = directory
        .number(tag::JPEG_STREAM)
        .filter(|&offset| offset > 0)
    {
        let left = (directory.file.bytes.len() as u64).saturating_sub(offset);
        let said = directory.number(tag::JPEG_STREAM_BYTES).unwrap_or(left);
        // A length that is wrong more often than not; what follows the image is not read.
        for length in [said.min(left), left] {
            let stream = directory.file.slice(offset, length).unwrap_or_default();
            if has_scan(stream) {
                let channels = chunks::jpeg_channels(stream, most, limits);
                if channels.is_ok() || length == left {
                    return channels;
                }
            }
        }
        let head = directory
            .file
            .slice(offset, said.min(left))
            .unwrap_or_default();
        let head = head.strip_suffix(b"\xff\xd9").unwrap_or(head);
        if head.starts_with(b"\xff\xd8") {
            return chunks::jpeg_channels(
                &assembled(layout, chunks, head.to_vec(), false),
                most,
                limits,
            );
        }
    }
    // A whole stream where a strip should be.
    let first = chunks.stored(0, 0);
    if first.starts_with(b"\xff\xd8") {
        return chunks::jpeg_channels(first, most, limits);
    }
    let head = tables(layout)?;
    chunks::jpeg_channels(&assembled(layout, chunks, head, true), most, limits)
}

/// Whether a JPEG stream holds more than tables.
fn has_scan(stream: &[u8]) -> bool {
    stream.starts_with(b"\xff\xd8") && stream.windows(2).any(|pair| pair == b"\xff\xda")
}

/// A stream of a head and what is in the strips, which begin anew after each restart.
fn assembled(layout: &Layout<'_>, chunks: &Chunks<'_, '_>, head: Vec<u8>, frame: bool) -> Vec<u8> {
    let mut stream = head;
    let count = layout.samples.min(4) as u8;
    let (across, down) = if layout.samples == 3 {
        layout.subsampling
    } else {
        (1, 1)
    };
    let across_units = layout.width.div_ceil(8 * across);
    let restart = layout
        .directory
        .number(tag::JPEG_RESTART)
        .filter(|&units| units > 0);
    let per_strip = across_units * layout.chunk_height.div_ceil(8 * down);
    let strips = chunks.len();
    let restart = restart.unwrap_or(if strips > 1 { per_strip as u64 } else { 0 }) as u16;
    if frame {
        let [h1, h0] = (layout.height as u16).to_be_bytes();
        let [w1, w0] = (layout.width as u16).to_be_bytes();
        stream.extend_from_slice(&[0xff, 0xc0, 0, 8 + 3 * count, 8, h1, h0, w1, w0, count]);
        for channel in 0..count {
            let sampling = if channel == 0 {
                (across << 4 | down) as u8
            } else {
                0x11
            };
            stream.extend_from_slice(&[channel + 1, sampling, channel]);
        }
        let [r1, r0] = restart.to_be_bytes();
        stream.extend_from_slice(&[0xff, 0xdd, 0, 4, r1, r0]);
    }
    if !has_scan(&stream) {
        stream.extend_from_slice(&[0xff, 0xda, 0, 6 + 2 * count, count]);
        for channel in 0..count {
            stream.extend_from_slice(&[
                channel + 1,
                if frame {
                    channel << 4 | channel
                } else {
                    u8::from(channel > 0) * 0x11
                },
            ]);
        }
        stream.extend_from_slice(&[0, 63, 0]);
    }
    for strip in 0..strips {
        if strip > 0 && restart > 0 {
            let before = strip * per_strip / usize::from(restart);
            stream.extend_from_slice(&[0xff, 0xd0 + ((before + 7) % 8) as u8]);
        }
        let data = chunks.stored(strip, 0);
        let data = data.strip_suffix(b"\xff\xd9").unwrap_or(data);
        stream.extend_from_slice(data);
        // Strips that do not repeat each other are no more than the file.
        if stream.len() > 2 * chunks.file_length() + MOST_HEADERS {
            break;
        }
    }
    stream.extend_from_slice(b"\xff\xd9");
    stream
}

/// The quantisation and Huffman tables that tags point to, one for each channel, as segments of a stream.
fn tables(layout: &Layout<'_>) -> Result<Vec<u8>, DecodeError> {
    let directory = &layout.directory;
    let mut stream = b"\xff\xd8".to_vec();
    let missing = || corrupt("it has no tables for its JPEG image");
    for channel in 0..layout.samples.min(4) {
        let offset = directory
            .values(tag::JPEG_Q_TABLES)
            .get(channel)
            .ok_or_else(missing)?;
        let table = directory.file.slice(offset, 64).ok_or_else(missing)?;
        stream.extend_from_slice(&[0xff, 0xdb, 0, 67, channel as u8]);
        stream.extend_from_slice(table);
        for (class, tag) in [(0, tag::JPEG_DC_TABLES), (0x10, tag::JPEG_AC_TABLES)] {
            let offset = directory.values(tag).get(channel).ok_or_else(missing)?;
            let counts = directory.file.slice(offset, 16).ok_or_else(missing)?;
            let codes: u64 = counts.iter().map(|&count| u64::from(count)).sum();
            let table = directory
                .file
                .slice(offset, 16 + codes)
                .ok_or_else(missing)?;
            let [l1, l0] = (19 + codes as u16).to_be_bytes();
            stream.extend_from_slice(&[0xff, 0xc4, l1, l0, class | channel as u8]);
            stream.extend_from_slice(table);
        }
    }
    Ok(stream)
}
