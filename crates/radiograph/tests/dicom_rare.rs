//! Kinds of DICOM that few files are of: each is read as it was written, or refused by its name.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod common;

use common::dicom::*;
use common::jpeg::{Channel, Join, join};
use common::{SIDE, decode, grey, values};
use radiograph::{Caution, Radiograph};

/// Why a file is not read.
fn refusal(file: &DicomFile) -> String {
    let error = Radiograph::decode(&file.file()).unwrap_err();
    assert_eq!(error.code(), "unsupported-variant", "{error}");
    error.to_string()
}

/// Samples of 12 bits, two in three bytes.
fn packed(values: &[u16]) -> Vec<u8> {
    let mut bytes: Vec<u8> = values
        .chunks(2)
        .flat_map(|pair| {
            let (a, b) = (pair[0], pair.get(1).copied().unwrap_or(0));
            [a as u8, (a >> 8 | b << 4) as u8, (b >> 4) as u8]
        })
        .collect();
    if bytes.len() % 2 == 1 {
        bytes.push(0);
    }
    bytes
}

#[test]
fn packed_12_bits_are_taken_apart() {
    let values = values(12);
    let expected = stretched(&plain(&values));
    let file = grey(12).short(ALLOCATED, 12);
    let one = file.clone().bytes(PIXELS, "OW", packed(&values));
    let decoded = decode(&one.file());
    assert_eq!(decoded.luma(), expected);
    assert_eq!(decoded.source().bits, 12);
    assert!(decoded.cautions().is_empty(), "{:?}", decoded.cautions());

    let frames: Vec<u16> = [&values[..], &values, &values].concat();
    let three = file
        .clone()
        .text(FRAMES, "IS", "3")
        .bytes(PIXELS, "OW", packed(&frames));
    let decoded = decode(&three.file());
    assert_eq!(decoded.luma(), expected);
    assert_eq!(decoded.cautions(), [Caution::FirstFrame { frames: 3 }]);

    // Of one that is cut nothing is made up.
    let mut cut = packed(&values);
    cut.truncate(cut.len() - 100);
    let error = Radiograph::decode(&file.clone().bytes(PIXELS, "OW", cut).file()).unwrap_err();
    assert_eq!(error.code(), "corrupt-file", "{error}");
    let big = file.bytes(PIXELS, "OB", packed(&values)).syntax(BIG);
    assert!(refusal(&big).contains("packed 12 bits"));
}

#[test]
fn twelve_allocated_bits_in_two_bytes_stay_what_they_are() {
    let file = grey(12).short(ALLOCATED, 12);
    assert_eq!(decode(&file.file()).luma(), stretched(&plain(&values(12))));
}

#[test]
fn subsampled_jpeg_2000_is_refused_by_name() {
    for sampling in [[2, 1], [2, 2]] {
        let mut stream = include_bytes!("jpeg2000/colour8.j2k").to_vec();
        // In the size segment, which is the first, 38 bytes behind its marker: depth and sampling of each channel.
        for channel in [1, 2] {
            stream[4 + 36 + 3 * channel + 3..][..2].copy_from_slice(&sampling);
        }
        let file = DicomFile::colour(&[], 44, 40, "YBR_ICT").compressed(JPEG_2000, stream);
        let refusal = refusal(&file);
        assert!(
            refusal.contains("JPEG 2000 with subsampled colours"),
            "{refusal}"
        );
    }
}

#[test]
fn tables_of_colours_in_segments_are_refused_by_name() {
    // One discrete segment of two entries, then a linear one up to the last.
    let segments = |last: u16| [0_u16, 2, 0, 10, 1, 254, last];
    for (bits, last) in [(16, 65535), (8, 255)] {
        let mut file = grey(8).text(PHOTOMETRIC, "CS", "PALETTE COLOR");
        for channel in 0..3 {
            file = file
                .words(0x0028_1101 + channel, "US", &[256, 0, bits])
                .words(0x0028_1221 + channel, "OW", &segments(last));
        }
        let refusal = refusal(&file);
        assert!(
            refusal.contains("a table of colours in segments"),
            "{refusal}"
        );
    }
}

/// A JPEG stream of one or three channels, each in a scan of its own.
fn stream(channels: usize, late_height: bool, end: bool) -> Vec<u8> {
    let levels: Vec<u8> = values(8).iter().map(|&value| value as u8).collect();
    let channels: Vec<_> = (0..channels)
        .map(|channel| Channel {
            file: common::jpeg::grey(
                &levels
                    .iter()
                    .map(|level| level / (1 + channel as u8))
                    .collect::<Vec<_>>(),
                SIDE,
                SIDE,
                false,
                0,
            ),
            sampling: (1, 1),
        })
        .collect();
    let order = (0..channels.len()).collect();
    join(
        &channels,
        &Join {
            width: SIDE,
            height: SIDE,
            order,
            late_height,
            end,
        },
    )
}

/// A file of one or three channels of JPEG.
fn jpeg(channels: usize, stream: Vec<u8>) -> DicomFile {
    match channels {
        1 => grey(8).compressed(JPEG, stream),
        _ => DicomFile::colour(&[], SIDE, SIDE, "YBR_FULL").compressed(JPEG, stream),
    }
}

#[test]
fn jpeg_whose_height_follows_its_first_scan_is_read() {
    for channels in [1, 3] {
        let usual = decode(&jpeg(channels, stream(channels, false, true)).file());
        let late = decode(&jpeg(channels, stream(channels, true, true)).file());
        assert_eq!((late.width(), late.height()), (SIDE, SIDE));
        // Another decoder, which may round a level otherwise.
        assert!(
            furthest(usual.luma(), late.luma()) < 2.5 / 255.0,
            "{channels} channels"
        );
    }
}

#[test]
fn jpeg_without_a_height_has_that_of_its_file() {
    for channels in [1, 3] {
        let whole = stream(channels, false, true);
        let usual = decode(&jpeg(channels, whole.clone()).file());
        let frame = whole
            .windows(2)
            .position(|pair| pair == [0xff, 0xc0])
            .unwrap();
        let mut none = whole;
        none[frame + 5..frame + 7].fill(0);
        let decoded = decode(&jpeg(channels, none).file());
        assert_eq!(decoded.luma(), usual.luma(), "{channels} channels");
        assert!(
            decoded
                .cautions()
                .iter()
                .any(|caution| caution.code() == "read-with-repairs")
        );
    }
}

#[test]
fn jpeg_without_an_end_is_read_where_all_of_it_is_there() {
    for channels in [1, 3] {
        let whole = stream(channels, false, true);
        let usual = decode(&jpeg(channels, whole.clone()).file());
        let endless = whole[..whole.len() - 2].to_vec();
        let decoded = decode(&jpeg(channels, endless).file());
        assert!(
            furthest(usual.luma(), decoded.luma()) < 2.5 / 255.0,
            "{channels} channels"
        );
        let cut = whole[..whole.len() - whole.len() / 4].to_vec();
        let error = Radiograph::decode(&jpeg(channels, cut).file()).unwrap_err();
        assert_eq!(error.code(), "corrupt-file", "{error}");
    }
}
