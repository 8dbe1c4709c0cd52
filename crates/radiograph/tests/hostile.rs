//! Files that lie, stop early or are not what they seem end as an error, soon, and with no more memory than allowed.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod common;

use common::dicom::*;
use common::{Random, Tiff, chest, files, no_panic};
use radiograph::phantom;
use radiograph::{DecodeError, Limits, Radiograph};

fn code(bytes: &[u8]) -> &'static str {
    let result = Radiograph::decode(bytes);
    no_panic("", &result);
    result
        .map(|_| "decoded")
        .unwrap_or_else(|error| error.code())
}

/// A PNG file of one pixel whose header speaks of more.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, 1, 1);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Sixteen);
    encoder
        .write_header()
        .unwrap()
        .write_image_data(&[0; 8])
        .unwrap();
    file[16..20].copy_from_slice(&width.to_be_bytes());
    file[20..24].copy_from_slice(&height.to_be_bytes());
    let crc = crc32(&file[12..29]);
    file[29..33].copy_from_slice(&crc.to_be_bytes());
    file
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            crc >> 1 ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

/// A bitmap header of 40 bytes for 24 bits a pixel.
fn bmp_header(width: i32, height: i32) -> Vec<u8> {
    let mut file = b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
    file.extend_from_slice(&width.to_le_bytes());
    file.extend_from_slice(&height.to_le_bytes());
    file.extend_from_slice(&[1, 0, 24, 0]);
    file.extend_from_slice(&[0; 64]);
    file
}

fn chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut chunk = name.to_vec();
    chunk.extend_from_slice(&(body.len() as u32).to_le_bytes());
    chunk.extend_from_slice(body);
    chunk.resize(chunk.len().next_multiple_of(2), 0);
    chunk
}

fn webp(chunks: &[Vec<u8>]) -> Vec<u8> {
    let body = [b"WEBP".to_vec(), chunks.concat()].concat();
    chunk(b"RIFF", &body)
}

#[test]
fn a_header_that_promises_too_much_is_refused_for_that() {
    let mut jpeg = phantom::jpeg(&chest(64), 80).unwrap();
    let frame = jpeg
        .windows(2)
        .position(|pair| pair == [0xff, 0xc0])
        .unwrap();
    jpeg[frame + 5..frame + 9].fill(0xff);
    let mut gif = phantom::gif(&chest(64)).unwrap();
    gif[6..10].fill(0xff);
    for (what, file) in [
        ("PNG", png_header(100_000, 100_000)),
        (
            "PNG of the largest sides there are",
            png_header(i32::MAX as u32, i32::MAX as u32),
        ),
        ("BMP", bmp_header(60_000, 60_000)),
        ("BMP from the top", bmp_header(60_000, -60_000)),
        (
            "BMP of the smallest height there is",
            bmp_header(i32::MAX, i32::MIN),
        ),
        ("JPEG", jpeg),
        ("GIF", gif),
        ("TIFF", Tiff::grey(60_000, 60_000, 8, vec![0; 100]).file()),
        (
            "WebP canvas",
            webp(&[chunk(
                b"VP8X",
                &[0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            )]),
        ),
        (
            "lossless WebP",
            webp(&[chunk(b"VP8L", &[0x2f, 0xff, 0xff, 0xff, 0x0f])]),
        ),
    ] {
        assert_eq!(code(&file), "too-many-pixels", "{what}");
    }
}

#[test]
fn pixels_of_many_bytes_are_refused_before_there_is_memory_for_them() {
    // 30 million pixels are allowed, of 8 bytes each they are not.
    assert_eq!(code(&png_header(6000, 5000)), "too-much-memory");
}

#[test]
fn a_picture_larger_than_its_canvas_takes_no_memory() {
    // Two GIF frames of 65535 x 65535 on a canvas of 64 x 64.
    let mut gif = b"GIF89a\x40\0\x40\0\x80\0\0\0\0\0\xff\xff\xff".to_vec();
    gif.extend_from_slice(b",\0\0\0\0\xff\xff\xff\xff\0\x02\x02\x4c\x01\0;");
    assert_eq!(code(&gif), "too-much-memory");

    // A lossy WebP picture of 16383 x 16383 on a canvas of 64 x 64, plain and in an animation.
    let canvas = |flags| chunk(b"VP8X", &[flags, 0, 0, 0, 63, 0, 0, 63, 0, 0]);
    let picture = chunk(
        b"VP8 ",
        &[
            0x10, 0, 0, 0x9d, 0x01, 0x2a, 0xff, 0x3f, 0xff, 0x3f, 0, 0, 0, 0, 0, 0,
        ],
    );
    assert_eq!(code(&webp(&[canvas(0), picture.clone()])), "corrupt-file");
    let frame = chunk(
        b"ANMF",
        &[
            vec![0, 0, 0, 0, 0, 0, 63, 0, 0, 63, 0, 0, 0, 0, 0, 0],
            picture,
        ]
        .concat(),
    );
    assert_eq!(
        code(&webp(&[canvas(2), chunk(b"ANIM", &[0; 6]), frame])),
        "corrupt-file"
    );
}

#[test]
fn a_transparent_frame_of_another_size_than_its_picture_is_refused() {
    // Behind transparency, the decoder of `image` 0.25.10 takes the size of the picture for that of the frame.
    let canvas = chunk(b"VP8X", &[0x12, 0, 0, 0, 63, 0, 0, 63, 0, 0]);
    let transparency = chunk(b"ALPH", &[0; 3]);
    for name in [b"VP8 ", b"odd "] {
        let picture = chunk(name, &[0x10, 0, 0, 0x9d, 0x01, 0x2a, 60, 0, 60, 0, 0, 0]);
        let place = vec![0, 0, 0, 0, 0, 0, 63, 0, 0, 63, 0, 0, 0, 0, 0, 0];
        let frame = chunk(b"ANMF", &[place, transparency.clone(), picture].concat());
        let file = webp(&[canvas.clone(), chunk(b"ANIM", &[0; 6]), frame]);
        assert_eq!(code(&file), "corrupt-file");
    }
}

#[test]
fn a_chunk_that_promises_too_much_takes_no_memory() {
    let mut file = webp(&[
        chunk(b"VP8X", &[8, 0, 0, 0, 63, 0, 0, 63, 0, 0]),
        chunk(b"VP8L", &[0x2f, 63, 0xc0, 0x0f, 0]),
        chunk(b"EXIF", &[0; 20]),
    ]);
    let exif = file.len() - 24;
    file[exif..exif + 4].copy_from_slice(&0xffff_fff0_u32.to_le_bytes());
    assert_eq!(code(&file), "corrupt-file");
}

#[test]
fn tiff_tiles_that_promise_too_much_take_no_memory() {
    let tiled = |width, height| {
        let tiff = Tiff::grey(64, 64, 8, vec![7; 4096]);
        tiff.with(322, 4, width)
            .with(323, 4, height)
            .with(324, 4, 8)
            .with(325, 4, 4096)
    };
    assert_eq!(code(&tiled(0x7fff_fff0, 16).file()), "corrupt-file");
    assert_eq!(code(&tiled(16, 0x7fff_fff0).file()), "corrupt-file");
    // A strip of JPEG whose own header is of 16000 x 16000 pixels.
    let mut jpeg = phantom::jpeg(&chest(64), 80).unwrap();
    let frame = jpeg
        .windows(2)
        .position(|pair| pair == [0xff, 0xc0])
        .unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0x3e, 0x80, 0x3e, 0x80]);
    assert_eq!(
        code(&Tiff::grey(64, 64, 8, jpeg).with(259, 3, 7).file()),
        "corrupt-file"
    );
    // The same strip is read where it tells the truth.
    let honest = phantom::jpeg(&chest(64), 80).unwrap();
    assert_eq!(
        code(&Tiff::grey(64, 64, 8, honest).with(259, 3, 7).file()),
        "decoded"
    );
}

#[test]
fn tiff_tiles_of_the_same_long_stream_are_not_walked_over_without_end() {
    // Ten thousand tiles, each the same stream of half a megabyte, whatever it is compressed by.
    let tile = phantom::jpeg(&chest(32), 80).unwrap();
    let stream = [&tile[..2], &[0; 500_000], &tile[2..]].concat();
    for (compression, order) in [(7, 1), (5, 2), (5, 1), (32_773, 1)] {
        let file = Tiff::grey(3200, 3200, 8, stream.clone())
            .with(259, 3, compression)
            .with(266, 3, order)
            .with(322, 3, 32)
            .with(323, 3, 32)
            .with_all(324, 4, &[8; 10_000])
            .with_all(325, 4, &[stream.len() as u32; 10_000]);
        let error = Radiograph::decode(&file.file()).unwrap_err();
        assert!(error.to_string().contains("repeat each other"), "{error}");
    }
    // Strips of the old kind of JPEG are put together first: gigabytes, if all of them were.
    let strips = Tiff::grey(1600, 3200, 8, stream.clone())
        .with(259, 3, 6)
        .with(278, 4, 1)
        .with_all(273, 4, &[8; 3200])
        .with_all(279, 4, &[stream.len() as u32; 3200]);
    assert_eq!(code(&strips.file()), "corrupt-file");
}

#[test]
fn a_jpeg_of_endless_scans_is_refused() {
    let jpeg = common::progressive_jpeg(&chest(64));
    let scan = jpeg
        .windows(2)
        .position(|pair| pair == [0xff, 0xda])
        .unwrap();
    let mut file = jpeg[..scan].to_vec();
    for _ in 0..5000 {
        file.extend_from_slice(&[0xff, 0xda, 0, 8, 1, 1, 0, 0, 0, 0]);
    }
    file.extend_from_slice(&[0xff, 0xd9]);
    assert_eq!(code(&file), "corrupt-file");
}

#[test]
fn a_webp_of_too_many_codes_is_refused() {
    // Found by fuzzing: the decoder adds up more codes than 16 bits count. Under overflow checks, as here, that is a panic, which is
    // caught; without them the sum wraps, and is refused.
    let file = include_bytes!("found/overfull-codes.webp");
    let error = Radiograph::decode(file).unwrap_err();
    assert_eq!(error.code(), "corrupt-file");
}

#[test]
fn a_jpeg_whose_sampling_its_data_contradict_is_refused() {
    // Found by fuzzing: the decoder took the first channel for the finest, and ran out of its rows.
    let file = common::viridis_jpeg_420(&chest(36), 85);
    let frame = file
        .windows(2)
        .position(|pair| pair == [0xff, 0xc0])
        .unwrap();
    // Length, precision, two sides and the number of components; then three bytes for each, the second the sampling.
    let sampling_of = |component: usize| frame + 2 + 8 + 3 * component + 1;
    assert_eq!(file[sampling_of(0)], 0x22);
    for (component, factors) in [
        (2, 0x43),
        (1, 0x42),
        (1, 0x24),
        (0, 0x11),
        (0, 0x32),
        (2, 0x00),
    ] {
        let mut uneven = file.clone();
        uneven[sampling_of(1)] = 0x21;
        uneven[sampling_of(component)] = factors;
        assert_eq!(code(&uneven), "corrupt-file", "{component} {factors:x}");
    }
    assert_eq!(code(&file), "decoded");
}

#[test]
fn what_no_chest_looks_like_is_refused_for_that() {
    let sized = |width: u32, height: u32| {
        let luma = (0..width * height)
            .map(|index| (index % 251) as f32 / 250.0)
            .collect();
        phantom::png8(&Radiograph::from_luma(width, height, luma).unwrap()).unwrap()
    };
    assert_eq!(code(&sized(1, 1)), "too-small");
    assert_eq!(code(&sized(24, 24)), "too-small");
    assert_eq!(code(&sized(31, 100)), "too-small");
    assert_eq!(code(&sized(32, 32)), "decoded");
    assert_eq!(code(&sized(128, 32)), "decoded");
    assert_eq!(code(&sized(129, 32)), "bad-shape");
    assert_eq!(code(&sized(32, 129)), "bad-shape");
    assert_eq!(code(&sized(1600, 120)), "bad-shape");
}

#[test]
fn blank_images_are_refused_and_dark_ones_are_not() {
    let flat = |low: f32, high: f32| {
        Radiograph::from_luma(
            64,
            64,
            (0..4096)
                .map(|index| if index % 2 == 0 { low } else { high })
                .collect(),
        )
        .unwrap()
    };
    for level in [0.0, 0.5, 1.0] {
        let blank = flat(level, level);
        for file in [
            phantom::png8(&blank),
            phantom::png16(&blank),
            phantom::jpeg(&blank, 80),
            phantom::gif(&blank),
            phantom::tiff16(&blank),
        ] {
            assert_eq!(code(&file.unwrap()), "blank-image");
        }
    }
    assert_eq!(
        code(&phantom::png8(&flat(0.5, 0.5 + 2.0 / 255.0)).unwrap()),
        "blank-image"
    );
    assert_eq!(
        code(&phantom::png8(&flat(0.5, 0.5 + 8.0 / 255.0)).unwrap()),
        "decoded"
    );
    // Six bits stored in sixteen.
    assert_eq!(
        code(&phantom::png16(&flat(0.0, 63.0 / 65535.0)).unwrap()),
        "decoded"
    );
    assert_eq!(
        code(&phantom::png16(&flat(0.0, 8.0 / 65535.0)).unwrap()),
        "blank-image"
    );
}

#[test]
fn other_kinds_of_file_are_named() {
    let padded = |start: &[u8]| [start, &[0; 600]].concat();
    let found = |bytes: &[u8]| match Radiograph::decode(bytes) {
        Err(DecodeError::UnknownFormat { found }) => found,
        other => panic!("{other:?}"),
    };
    assert_eq!(found(&padded(b"%PDF-1.7")), Some("a PDF document"));
    assert_eq!(found(&padded(b"PK\x03\x04")), Some("an archive (zip)"));
    assert_eq!(
        found(&padded(b"\0\0\0\x18ftypheic")),
        Some("a HEIC photograph")
    );
    assert_eq!(found(b"<!DOCTYPE html><html>"), Some("a web page"));
    assert_eq!(found(b"BMI of the patient: 23, and so on"), Some("text"));
    assert_eq!(found("Röntgen".as_bytes()), Some("text"));
    assert_eq!(found(&padded(b"\x01\x02\x03\x04")), None);
    assert_eq!(code(b""), "empty-file");
}

#[test]
fn dicom_is_recognised_with_and_without_its_preamble() {
    for start in [
        [
            &[0; 128],
            b"DICM".as_slice(),
            &[2, 0, 0, 0, b'U', b'L', 4, 0, 0, 0, 0, 0],
        ]
        .concat(),
        b"\x08\0\x05\0CS\x0a\0ISO_IR 100".to_vec(),
        b"\x08\0\x05\0\x0a\0\0\0ISO_IR 100".to_vec(),
        b"\0\x08\0\x05CS\0\x0aISO_IR 100".to_vec(),
    ] {
        assert_eq!(code(&start), "no-image");
    }
    // A preamble may hold a TIFF header: the file is DICOM all the same.
    let mut both = DicomFile::grey(&[0, 4000].repeat(2048), 64, 64, 12).file();
    both[..8].copy_from_slice(b"II*\0\x08\0\0\0");
    assert_eq!(code(&both), "decoded");
}

#[test]
fn dicom_that_promises_too_much_takes_no_memory() {
    let file = DicomFile::grey(&[0; 64], 8, 8, 12);
    let large = file.clone().short(ROWS, 60_000).short(COLUMNS, 60_000);
    assert_eq!(code(&large.file()), "too-many-pixels");
    for (syntax, stream) in [
        (RLE, rle(&[0; 64], 1, 2)),
        (LOSSLESS, Lossless::sv1(12).encode(&[0; 64], 8, 8)),
        (JPEG_LS, jpeg_ls(&[0; 64], 8, 8, 12, 0, 1, false)),
        (JPEG, phantom::jpeg(&chest(64), 80).unwrap()),
        (JPEG_2000, include_bytes!("jpeg2000/grey12.j2k").to_vec()),
    ] {
        let small = file.clone().short(ROWS, 5600).short(COLUMNS, 5600);
        let result = code(&small.compressed(syntax, stream).file());
        // Or its decoder would need more than there is.
        assert!(
            ["corrupt-file", "too-much-memory"].contains(&result),
            "{syntax}: {result}"
        );
    }
    let colour = file
        .clone()
        .short(SAMPLES, 3)
        .text(PHOTOMETRIC, "CS", "RGB");
    let colour = colour.short(ROWS, 5600).short(COLUMNS, 5600);
    // Its pixels are not there, which is known before there is memory for them.
    assert_eq!(code(&colour.file()), "corrupt-file");
    // Zeros, deflated to a thousandth.
    let zeros = file
        .clone()
        .bytes(PIXELS, "OW", vec![0; 80_000_000])
        .syntax(DEFLATED);
    assert_eq!(code(&zeros.file()), "too-much-memory");
    // A length of four gigabytes, at the top and in a sequence.
    for at in [0x0028_3010, 0x0009_0010] {
        let mut bytes = file.clone().bytes(at, "SQ", vec![1; 8]).file();
        let tag = [(at >> 16) as u8, 0, at as u8, (at >> 8) as u8];
        let place = bytes.windows(4).position(|found| found == tag).unwrap();
        bytes[place + 8..place + 12].copy_from_slice(&[0xfe, 0xff, 0xff, 0xff]);
        // It is stepped over, and what follows says the size.
        assert_eq!(code(&bytes), "too-small");
    }
}

#[test]
fn dicom_sequences_without_end_are_refused() {
    let head = b"\x08\0\x05\0CS\x0a\0ISO_IR 100".to_vec();
    let sequence = b"\x09\0\x10\0SQ\0\0\xff\xff\xff\xff";
    let item = b"\xfe\xff\x00\xe0\xff\xff\xff\xff";
    let levels = [sequence.as_slice(), item].concat();
    for levels in [
        levels.repeat(100_000),
        item.repeat(1_000_000),
        sequence.repeat(1_000_000),
    ] {
        assert_eq!(code(&[head.clone(), levels].concat()), "corrupt-file");
    }
    // As deep as anybody goes, and closed again.
    let closed = [
        head.clone(),
        [sequence.as_slice(), item].concat().repeat(8),
        b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0".repeat(8),
    ]
    .concat();
    let image = DicomFile {
        preamble: false,
        meta: false,
        ..DicomFile::grey(&[0, 4000].repeat(2048), 64, 64, 12)
    };
    assert_eq!(code(&[closed, image.file()].concat()), "decoded");
    // A walk over markers that lead nowhere.
    let file = DicomFile::grey(&[0; 4096], 64, 64, 12);
    let endless = [b"\xff\xd8".to_vec(), b"\xff\xd0".repeat(2_000_000)].concat();
    assert_eq!(
        code(&file.clone().compressed(LOSSLESS, endless).file()),
        "corrupt-file"
    );
    let endless = [b"\xff\xd8".to_vec(), b"\xff\xe1\0\x02".repeat(1_000_000)].concat();
    assert_eq!(
        code(&file.compressed(LOSSLESS, endless).file()),
        "corrupt-file"
    );
}

#[test]
fn jpeg_2000_that_is_split_too_finely_is_refused() {
    let stream = include_bytes!("jpeg2000/grey12.j2k");
    let with = |at: usize, bytes: &[u8]| {
        let mut broken = stream.to_vec();
        broken[at..at + bytes.len()].copy_from_slice(bytes);
        code(
            &DicomFile::grey(&[], 44, 40, 12)
                .compressed(JPEG_2000, broken)
                .file(),
        )
    };
    assert_eq!(with(0, &stream[..2]), "decoded");
    // Tiles of one pixel.
    assert_eq!(with(24, &[0, 0, 0, 1, 0, 0, 0, 1]), "corrupt-file");
    // Another size, another number of components.
    assert_eq!(
        with(8, &[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]),
        "corrupt-file"
    );
    assert_eq!(with(40, &[0x3f, 0xff]), "corrupt-file");
    // Precincts of one pixel, in a stream that has them.
    let style = stream
        .windows(2)
        .position(|pair| pair == [0xff, 0x52])
        .unwrap();
    let mut fine = stream.to_vec();
    fine[style + 3] += 6;
    fine[style + 4] |= 1;
    fine.splice(style + 14..style + 14, [0; 6]);
    let file = DicomFile::grey(&[], 44, 40, 12).compressed(JPEG_2000, fine);
    assert_eq!(code(&file.file()), "corrupt-file");
}

#[test]
fn limits_are_the_callers() {
    let file = phantom::png8(&chest(64)).unwrap();
    let with = |limits: Limits| Radiograph::decode_with(&file, &limits).unwrap_err().code();
    assert_eq!(
        with(Limits {
            max_bytes: 100,
            ..Limits::default()
        }),
        "too-many-bytes"
    );
    assert_eq!(
        with(Limits {
            max_pixels: 4095,
            ..Limits::default()
        }),
        "too-many-pixels"
    );
    assert_eq!(
        with(Limits {
            max_decoded_bytes: 4096,
            ..Limits::default()
        }),
        "too-much-memory"
    );
    assert_eq!(
        with(Limits {
            min_side: 65,
            ..Limits::default()
        }),
        "too-small"
    );
}

#[test]
fn every_error_has_a_code_a_sentence_and_advice() {
    let format = radiograph::Format::Png;
    let detail = String::from("why");
    let errors = [
        DecodeError::Empty,
        DecodeError::UnknownFormat { found: None },
        DecodeError::NoImage {
            found: "a report".to_owned(),
        },
        DecodeError::Unsupported {
            format,
            detail: detail.clone(),
        },
        DecodeError::Corrupt {
            format,
            detail: detail.clone(),
        },
        DecodeError::TooManyBytes { bytes: 2, limit: 1 },
        DecodeError::TooManyPixels {
            width: 2,
            height: 2,
            limit: 1,
        },
        DecodeError::TooMuchMemory { limit: 1 },
        DecodeError::TooSmall {
            width: 1,
            height: 1,
            limit: 2,
        },
        DecodeError::BadShape {
            width: 9,
            height: 1,
        },
        DecodeError::Blank,
        DecodeError::BadLuma { detail },
    ];
    let mut codes: Vec<_> = errors.iter().map(DecodeError::code).collect();
    for error in &errors {
        assert!(
            error
                .code()
                .chars()
                .all(|c| c.is_ascii_lowercase() || c == '-'),
            "{}",
            error.code()
        );
        for sentence in [error.to_string(), error.advice().to_owned()] {
            assert!(
                sentence.ends_with('.') && sentence.starts_with(char::is_uppercase),
                "{sentence}"
            );
        }
    }
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(
        codes.len(),
        errors.len(),
        "each error has a code of its own"
    );
}

#[test]
fn a_file_cut_short_anywhere_is_an_error_or_the_whole_picture() {
    for (what, file) in files(40) {
        let whole = Radiograph::decode(&file).unwrap();
        let mut refused = 0;
        for length in 0..file.len() {
            let result = Radiograph::decode(&file[..length]);
            no_panic(
                &format!("{what} cut to {length} of {}", file.len()),
                &result,
            );
            match result {
                Ok(radiograph) => assert!(
                    radiograph.luma() == whole.luma(),
                    "{what} cut to {length} of {} is another picture",
                    file.len()
                ),
                Err(_) => refused += 1,
            }
        }
        // Only trailers may be missing: a checksum, an end marker.
        assert!(
            refused + 64 >= file.len(),
            "{what}: only {refused} of {} refused",
            file.len()
        );
    }
}

#[test]
fn flipped_bits_never_reach_the_caller_as_a_panic() {
    flip_bits(2026, 600);
}

#[test]
#[ignore = "long: ten thousand damaged files of each kind, with `cargo xtask test --long`"]
fn ten_thousand_times_flipped_bits_never_reach_the_caller_as_a_panic() {
    flip_bits(10_000, 10_000);
}

/// Decodes so many damaged copies of a file of every kind.
fn flip_bits(seed: u64, rounds: u32) {
    let mut random = Random(seed);
    for (what, file) in files(40) {
        for round in 0..rounds {
            let mut broken = file.clone();
            for _ in 0..=random.below(4) {
                // Half of them in the first hundred bytes, where the structure is.
                let at = if random.below(2) == 0 {
                    random.below(broken.len().min(100))
                } else {
                    random.below(broken.len())
                };
                broken[at] ^= 1 << random.below(8);
            }
            let result = Radiograph::decode(&broken);
            no_panic(&format!("{what}, round {round}"), &result);
            if let Ok(radiograph) = result {
                assert!(
                    radiograph
                        .luma()
                        .iter()
                        .all(|value| (0.0..=1.0).contains(value)),
                    "{what}, round {round}"
                );
            }
        }
    }
}

#[test]
fn random_bytes_behind_any_signature_are_an_error() {
    let mut random = Random(7);
    let starts: [&[u8]; 13] = [
        b"",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"\xff\xd8\xff\xe0\0\x10JFIF\0",
        b"\xff\xd8\xff\xc0",
        b"RIFF\0\x01\0\0WEBPVP8X\x0a\0\0\0",
        b"RIFF\0\x01\0\0WEBPVP8L",
        b"GIF89a",
        b"II*\0\x08\0\0\0",
        b"MM\0*\0\0\0\x08",
        b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0",
        b"DICM\x02\0\x10\0UI\x12\x001.2.840.10008.1.2\0",
        b"\x08\0\x05\0CS\x0a\0ISO_IR 100\x28\0",
        b"\x08\0\x05\0\x0a\0\0\0ISO_IR 100",
    ];
    for start in starts {
        for round in 0..400 {
            let mut bytes = start.to_vec();
            let length = random.below(2000);
            // Small values make more of sense than large ones.
            let mask = if round % 2 == 0 { 0xff } else { 0x0f };
            bytes.extend((0..length).map(|_| random.next() as u8 & mask));
            let result = Radiograph::decode(&bytes);
            no_panic(&format!("{start:?}, round {round}"), &result);
        }
    }
}

#[test]
fn a_tiff_whose_first_picture_is_too_wide_to_be_doubled_is_refused() {
    // Found by fuzzing: the first of two pictures was asked whether it is a thumbnail of the second.
    let mut file = b"II*\0\x08\0\0\0".to_vec();
    for next in [38u32, 0] {
        file.extend(2u16.to_le_bytes());
        for side in [256u16, 257] {
            file.extend(side.to_le_bytes());
            // One number of 64 bits, at the end of the file.
            file.extend(16u16.to_le_bytes());
            file.extend(1u32.to_le_bytes());
            file.extend(68u32.to_le_bytes());
        }
        file.extend(next.to_le_bytes());
    }
    file.extend((1u64 << 63).to_le_bytes());
    assert_eq!(code(&file), "corrupt-file");
}
