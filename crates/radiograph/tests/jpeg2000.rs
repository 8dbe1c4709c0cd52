//! JPEG 2000 as a file of its own: a codestream, or one in the boxes of JP2.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use radiograph::{Format, Radiograph};

/// Streams that OpenJPEG has written; see tests/reference/jpeg2000.py.
macro_rules! openjpeg {
    ($name:literal) => {
        include_bytes!(concat!("jpeg2000/", $name, ".j2k")).to_vec()
    };
}

const WIDTH: u16 = 44;
const HEIGHT: u16 = 40;

/// What is in them, in 12 bits.
fn drawn() -> Vec<u16> {
    (0..WIDTH * HEIGHT)
        .map(|at| (at % WIDTH, at / WIDTH))
        .map(|(x, y)| x * x + y * y + 300 * ((x / 8 + y / 8) % 2))
        .collect()
}

fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32 + 8).to_be_bytes();
    [&length[..], kind, body].concat()
}

/// A JP2 file around a stream; `more` are boxes of its header.
fn jp2(stream: &[u8], channels: u8, depth: u8, colours: u32, more: &[Vec<u8>]) -> Vec<u8> {
    let size = [
        &u32::from(HEIGHT).to_be_bytes()[..],
        &u32::from(WIDTH).to_be_bytes(),
        &[0, channels, depth - 1, 7, 0, 0],
    ]
    .concat();
    let colour = [&[1, 0, 0][..], &colours.to_be_bytes()].concat();
    let header = [
        boxed(b"ihdr", &size),
        boxed(b"colr", &colour),
        more.concat(),
    ]
    .concat();
    [
        boxed(b"jP  ", b"\r\n\x87\n"),
        boxed(b"ftyp", b"jp2 \0\0\0\0jp2 "),
        boxed(b"jp2h", &header),
        boxed(b"jp2c", stream),
    ]
    .concat()
}

const SRGB: u32 = 16;
const GREY: u32 = 17;

fn furthest(decoded: &Radiograph, expected: &[f32]) -> f32 {
    assert_eq!(decoded.luma().len(), expected.len());
    let pairs = decoded.luma().iter().zip(expected);
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn grey_of_any_depth_is_exact_with_boxes_and_without() {
    for (bits, stream) in [
        (8, openjpeg!("grey8")),
        (12, openjpeg!("grey12")),
        (16, openjpeg!("grey16")),
    ] {
        let white = f32::from(u16::MAX >> (16 - bits));
        let expected: Vec<f32> = drawn()
            .iter()
            .map(|&value| match bits {
                16 => value << 4,
                _ => value >> (12 - bits),
            })
            .map(|value| f32::from(value) / white)
            .collect();
        let file = jp2(&stream, 1, bits, GREY, &[]);
        for file in [stream, file] {
            let decoded = Radiograph::decode(&file).unwrap();
            assert_eq!(decoded.source().format, Format::Jpeg2000);
            assert_eq!(decoded.source().bits, if bits == 8 { 8 } else { 16 });
            assert_eq!((decoded.width(), decoded.height()), (44, 40));
            assert!(furthest(&decoded, &expected) < 1e-5, "{bits} bits");
        }
    }
}

#[test]
fn colour_becomes_luma() {
    let stream = openjpeg!("colour8");
    let expected: Vec<f32> = drawn()
        .iter()
        .map(|value| value >> 4)
        .map(|value| [value, value / 2, 255 - value].map(|level| f32::from(level) / 255.0))
        .map(|[r, g, b]| 0.299 * r + 0.587 * g + 0.114 * b)
        .collect();
    for file in [jp2(&stream, 3, 8, SRGB, &[]), stream] {
        let decoded = Radiograph::decode(&file).unwrap();
        assert!(furthest(&decoded, &expected) < 1e-5);
    }
}

#[test]
fn places_in_a_table_of_colours_are_looked_up() {
    let mut palette = vec![1, 0, 3, 7, 7, 7];
    for entry in 0..=255_u8 {
        palette.extend([255 - entry, entry / 2, entry]);
    }
    let mapping: Vec<u8> = (0..3).flat_map(|column| [0, 0, 1, column]).collect();
    let more = [boxed(b"pclr", &palette), boxed(b"cmap", &mapping)];
    let file = jp2(&openjpeg!("grey8"), 1, 8, SRGB, &more);
    let expected: Vec<f32> = drawn()
        .iter()
        .map(|value| value >> 4)
        .map(|value| [255 - value, value / 2, value].map(|level| f32::from(level) / 255.0))
        .map(|[r, g, b]| 0.299 * r + 0.587 * g + 0.114 * b)
        .collect();
    assert!(furthest(&Radiograph::decode(&file).unwrap(), &expected) < 1e-5);
}

#[test]
fn what_is_cut_or_damaged_is_refused() {
    let stream = openjpeg!("grey12");
    let file = jp2(&stream, 1, 12, GREY, &[]);
    for file in [&stream, &file] {
        for end in [20, file.len() / 2, file.len() - 40] {
            let error = Radiograph::decode(&file[..end]).unwrap_err();
            assert_eq!(error.code(), "corrupt-file", "{end}: {error}");
            assert!(error.to_string().contains("JPEG 2000"), "{error}");
        }
    }
    // Only the marker of the end is missing.
    let decoded = Radiograph::decode(&stream[..stream.len() - 2]).unwrap();
    assert_eq!(decoded, Radiograph::decode(&stream).unwrap());
}

#[test]
fn what_is_not_read_is_refused_by_name() {
    let mut blocks = openjpeg!("grey12");
    // The size says that it needs part 15.
    blocks[6] |= 0x40;
    let mut subsampled = openjpeg!("colour8");
    subsampled[4 + 36 + 3 + 3] = 2;
    for (file, name) in [
        (blocks, "high-throughput JPEG 2000"),
        (subsampled, "subsampled colours"),
    ] {
        let error = Radiograph::decode(&file).unwrap_err();
        assert_eq!(error.code(), "unsupported-variant", "{error}");
        assert!(error.to_string().contains(name), "{error}");
    }
}
