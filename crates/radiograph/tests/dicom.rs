//! DICOM files of every kind that is read give the values that were put into them, in the brightness that they ask for; the
//! others say what they are. What the files say of the patient goes nowhere.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod common;

use common::dicom::*;
use common::{Random, SIDE, chest, decode, grey, no_panic, values};
use radiograph::phantom;
use radiograph::{
    Caution, DecodeError, Laterality, Limits, Photometric, Radiograph, WindowOrigin, WindowShape,
};

fn code(file: &DicomFile) -> &'static str {
    let result = Radiograph::decode(&file.file());
    no_panic("", &result);
    result.map_or_else(|error| error.code(), |_| "decoded")
}

#[test]
fn what_is_not_compressed_is_exact_in_every_syntax_and_depth() {
    for bits in [8, 10, 12, 14, 16] {
        let expected = stretched(&plain(&values(bits)));
        for syntax in [IMPLICIT, EXPLICIT, BIG, DEFLATED] {
            let file = grey(bits).syntax(syntax);
            let decoded = decode(&file.file());
            assert_eq!(decoded.luma(), expected, "{bits} bits, {syntax}");
            assert_eq!((decoded.width(), decoded.height()), (SIDE, SIDE));
            assert_eq!(decoded.source().format.to_string(), "DICOM");
            assert_eq!(u16::from(decoded.source().bits), bits);
            if syntax == DEFLATED {
                continue;
            }
            // Without the preamble, and without what would say how the rest is written.
            for (preamble, meta) in [(false, true), (true, false), (false, false)] {
                let bare = DicomFile {
                    preamble,
                    meta,
                    ..file.clone()
                };
                assert_eq!(
                    decode(&bare.file()).luma(),
                    expected,
                    "{bits} bits, {syntax}, preamble {preamble}, meta {meta}"
                );
            }
        }
        // Written otherwise than it says, as some devices do.
        let mut lying = grey(bits);
        lying.preamble = false;
        lying.meta = false;
        let body = lying.syntax(IMPLICIT).file();
        let head = grey(bits).file();
        let start = head.windows(4).position(|at| at == [8, 0, 5, 0]).unwrap();
        assert_eq!(decode(&[&head[..start], &body].concat()).luma(), expected);
    }
}

#[test]
fn an_odd_number_of_bytes_is_exact_in_every_syntax() {
    let values: Vec<u16> = (0..33 * 35_u16).map(|at| at * 7 % 256).collect();
    for syntax in [IMPLICIT, EXPLICIT, BIG, DEFLATED] {
        let file = DicomFile::grey(&values, 33, 35, 8).syntax(syntax);
        let decoded = decode(&file.file());
        assert_eq!(decoded.luma(), stretched(&plain(&values)), "{syntax}");
        assert_eq!((decoded.width(), decoded.height()), (33, 35));
    }
}

#[test]
fn signs_high_bits_and_overlays_in_unused_bits_are_understood() {
    // 12 bits, from -2048 on.
    let signed: Vec<i32> = values(12)
        .iter()
        .map(|&value| i32::from(value) - 2048)
        .collect();
    let expected = stretched(
        &signed
            .iter()
            .map(|&value| f64::from(value))
            .collect::<Vec<_>>(),
    );
    let words = |shift: u32, above: u16| {
        let word = |(at, &value): (usize, &i32)| {
            let overlay = if at % 3 == 0 { above } else { 0 };
            ((value as u16 & 0xfff) << shift) | overlay
        };
        signed.iter().enumerate().map(word).collect::<Vec<u16>>()
    };
    for (what, words, high) in [
        (
            "sign-extended",
            signed.iter().map(|&value| value as u16).collect(),
            11,
        ),
        ("an overlay above", words(0, 0x4000), 11),
        ("in the high bits", words(4, 0x0005), 15),
        ("in the middle", words(2, 0x8001), 13),
    ] {
        let file = DicomFile::grey(&words, SIDE, SIDE, 12)
            .short(HIGH_BIT, high)
            .short(SIGNED, 1);
        let decoded = decode(&file.file());
        assert_eq!(decoded.luma(), expected, "{what}");
        let range = decoded.dicom().unwrap().range.unwrap();
        assert!(range[0] < -1000.0 && range[1] > 1000.0, "{range:?}");
    }
    let bytes: Vec<u16> = values(8).iter().map(|&value| value ^ 0x80).collect();
    let file = DicomFile::grey(&bytes, SIDE, SIDE, 8).short(SIGNED, 1);
    assert_eq!(decode(&file.file()).luma(), stretched(&plain(&values(8))));
}

#[test]
fn the_least_value_of_monochrome1_is_white() {
    let expected: Vec<f32> = stretched(&plain(&values(10)))
        .iter()
        .map(|v| 1.0 - v)
        .collect();
    let file = grey(10).text(PHOTOMETRIC, "CS", "MONOCHROME1");
    let decoded = decode(&file.file());
    assert_eq!(decoded.luma(), expected);
    let file = file.window("400", "300");
    let window = decode(&file.file());
    let dicom = window.dicom().unwrap();
    assert_eq!(dicom.photometric, Photometric::Monochrome1);
    assert_eq!(dicom.window.unwrap().origin, WindowOrigin::File);
    let dark = values(10).iter().position(|&value| value > 600).unwrap();
    assert_eq!(window.luma()[dark], 0.0);
}

#[test]
fn windows_are_those_of_the_standard() {
    let stored = plain(&values(12));
    let (slope, intercept) = (0.5, -300.0);
    for (function, centre, width) in [
        ("LINEAR", 700.0, 1200.0),
        ("LINEAR", 400.5, 1.0),
        ("LINEAR_EXACT", 650.5, 333.25),
        ("SIGMOID", 600.0, 400.0),
    ] {
        // PS3.3, C.11.2.1.2 and 3, for an output of 0 to 1.
        let shown = |value: &f64| {
            let x = value * slope + intercept;
            let y = match function {
                "LINEAR" if x <= centre - 0.5 - (width - 1.0) / 2.0 => 0.0,
                "LINEAR" if x > centre - 0.5 + (width - 1.0) / 2.0 => 1.0,
                "LINEAR" => (x - (centre - 0.5)) / (width - 1.0) + 0.5,
                "LINEAR_EXACT" if x <= centre - width / 2.0 => 0.0,
                "LINEAR_EXACT" if x > centre + width / 2.0 => 1.0,
                "LINEAR_EXACT" => (x - centre) / width + 0.5,
                _ => 1.0 / (1.0 + (-4.0 * (x - centre) / width).exp()),
            };
            y as f32
        };
        let expected: Vec<f32> = stored.iter().map(shown).collect();
        for syntax in [IMPLICIT, EXPLICIT, BIG] {
            let file = grey(12)
                .syntax(syntax)
                .text(SLOPE, "DS", "0.5")
                .text(INTERCEPT, "DS", " -300 ")
                // The first of several counts.
                .window(&format!("{centre}\\10"), &format!("{width} \\20"))
                .text(VOI_FUNCTION, "CS", function);
            let decoded = decode(&file.file());
            assert!(
                furthest(decoded.luma(), &expected) < 1e-6,
                "{function}, {syntax}"
            );
            let window = decoded.dicom().unwrap().window.unwrap();
            assert_eq!((window.centre, window.width), (centre, width));
            assert_eq!(window.origin, WindowOrigin::File);
        }
    }
}

#[test]
fn a_window_that_shows_nothing_gives_way_to_all_there_is() {
    let expected = stretched(&plain(&values(12)));
    for (centre, width) in [
        ("-5000", "10"),
        ("0", "0"),
        ("1000", "-200"),
        ("nonsense", "12"),
        ("NaN", "inf"),
        ("", ""),
        ("1e300", "1e-300"),
    ] {
        let decoded = decode(&grey(12).window(centre, width).file());
        assert_eq!(decoded.luma(), expected, "{centre}, {width}");
        let window = decoded.dicom().unwrap().window.unwrap();
        assert_eq!(window.origin, WindowOrigin::Pixels, "{centre}, {width}");
        assert_eq!(window.shape, WindowShape::LinearExact);
    }
}

/// A table in a sequence of its own.
fn table(first: i32, entries: &[u16], bits: u16, kind: &'static str) -> Elements {
    let mut item = Elements::new();
    let described = vec![entries.len() as u16, first as u16, bits];
    item.insert(LUT_DESCRIPTOR, (kind, Value::Words(described)));
    item.insert(LUT_DATA, ("OW", Value::Words(entries.to_vec())));
    item
}

#[test]
fn tables_say_what_was_measured_and_what_is_shown() {
    // Film: brightness is the root of what was measured. From 100 on, and not to the end.
    let entries: Vec<u16> = (0..3000_u32).map(|at| (at * 1000).isqrt() as u16).collect();
    let at = |first: i32, value: f64| {
        let index = (value - f64::from(first)).round().clamp(0.0, 2999.0) as usize;
        f64::from(entries[index])
    };
    let stored = plain(&values(12));
    let measured: Vec<f64> = stored.iter().map(|&value| at(100, value)).collect();
    for syntax in [IMPLICIT, EXPLICIT, BIG, DEFLATED] {
        for with_length in [true, false] {
            let what = format!("{syntax}, with length: {with_length}");
            let base = grey(12).syntax(syntax);
            let file = base
                .clone()
                .item(MODALITY_LUT, table(100, &entries, 16, "US"), with_length);
            assert_eq!(decode(&file.file()).luma(), stretched(&measured), "{what}");

            let file = base
                .item(VOI_LUT, table(-50, &entries, 11, "SS"), with_length)
                .text(INTERCEPT, "DS", "-1000")
                .text(SLOPE, "DS", "1");
            let file = if syntax == IMPLICIT {
                // What kind a value is, is not written there: it follows the pixels.
                file.short(SIGNED, 1).short(STORED, 13).short(HIGH_BIT, 12)
            } else {
                file
            };
            let shown: Vec<f32> = stored
                .iter()
                .map(|&value| (at(-50, value - 1000.0) / 2047.0) as f32)
                .collect();
            let decoded = decode(&file.file());
            assert_eq!(decoded.luma(), shown, "{what}");
            let window = decoded.dicom().unwrap().window.unwrap();
            assert_eq!(
                (window.shape, window.origin),
                (WindowShape::Table, WindowOrigin::File)
            );
        }
    }
    // A window goes before a table.
    let both = grey(12)
        .item(VOI_LUT, table(0, &entries, 11, "US"), true)
        .window("1000", "500");
    let window = decode(&both.file()).dicom().unwrap().window.unwrap();
    assert_eq!((window.shape, window.centre), (WindowShape::Linear, 1000.0));
    // One that is cut short.
    let mut short = table(100, &entries, 16, "US");
    short.insert(LUT_DATA, ("OW", Value::Words(entries[1..].to_vec())));
    assert_eq!(
        code(&grey(12).item(MODALITY_LUT, short, true)),
        "corrupt-file"
    );
    // 65536 entries are written as none.
    let all: Vec<u16> = (0..=u16::MAX).rev().collect();
    let mut item = table(0, &all, 16, "US");
    item.insert(LUT_DESCRIPTOR, ("US", Value::Words(vec![0, 0, 16])));
    let decoded = decode(&grey(16).item(MODALITY_LUT, item, true).file());
    let measured: Vec<f64> = values(16)
        .iter()
        .map(|&value| 65535.0 - f64::from(value))
        .collect();
    assert_eq!(decoded.luma(), stretched(&measured));
}

#[test]
fn padding_is_black_and_does_not_count() {
    let mut values = values(12);
    for row in values.chunks_exact_mut(SIDE as usize) {
        row[..5].fill(4095);
    }
    let inner: Vec<f64> = values
        .chunks_exact(SIDE as usize)
        .flat_map(|row| plain(&row[5..]))
        .collect();
    let expected = stretched(&inner);
    let file = DicomFile::grey(&values, SIDE, SIDE, 12);
    for (what, file) in [
        ("one value", file.clone().short(PADDING, 4095)),
        (
            "a range",
            file.clone().short(PADDING, 4090).short(PADDING_LIMIT, 4095),
        ),
    ] {
        // Nothing else of the phantom is so bright.
        assert!(inner.iter().all(|&value| value < 4090.0));
        for photometric in ["MONOCHROME1", "MONOCHROME2"] {
            let decoded = decode(&file.clone().text(PHOTOMETRIC, "CS", photometric).file());
            for (row, shown) in decoded
                .luma()
                .chunks_exact(SIDE as usize)
                .zip(expected.chunks_exact(SIDE as usize - 5))
            {
                assert_eq!(row[..5], [0.0; 5], "{what}");
                let shown: Vec<f32> = match photometric {
                    "MONOCHROME1" => shown.iter().map(|value| 1.0 - value).collect(),
                    _ => shown.to_vec(),
                };
                assert_eq!(row[5..], shown, "{what}, {photometric}");
            }
        }
    }
    let all = DicomFile::grey(&[7; 4096], 64, 64, 12).short(PADDING, 7);
    assert_eq!(code(&all), "blank-image");
    // As computed tomography writes it: outside of what the pixels can be.
    let signed: Vec<u16> = values
        .iter()
        .map(|&value| value.wrapping_sub(2048))
        .collect();
    let file = DicomFile::grey(&signed, SIDE, SIDE, 16)
        .short(SIGNED, 1)
        .words(PADDING, "SS", &[(-20000_i16) as u16]);
    assert_eq!(decode(&file.file()).luma(), stretched(&plain(&values)));
}

#[test]
fn run_lengths_are_exact() {
    for bits in [8, 12, 16] {
        let bytes_each = if bits > 8 { 2 } else { 1 };
        let stream = rle(&values(bits), 1, bytes_each);
        let decoded = decode(&grey(bits).compressed(RLE, stream).file());
        assert_eq!(
            decoded.luma(),
            stretched(&plain(&values(bits))),
            "{bits} bits"
        );
    }
}

#[test]
fn baseline_jpeg_is_what_its_decoder_makes_of_it() {
    let chest = chest(SIDE);
    let stream = phantom::jpeg(&chest, 95).unwrap();
    // The same stream as a file of its own, stretched as a DICOM file is.
    let alone = decode(&stream);
    let levels: Vec<f64> = alone
        .luma()
        .iter()
        .map(|v| f64::from((v * 255.0).round()))
        .collect();
    let decoded = decode(&grey(8).compressed(JPEG, stream.clone()).file());
    assert_eq!(decoded.luma(), stretched(&levels));
    assert_eq!(decoded.source().bits, 8);
    // In pieces, with and without a table of where frames begin.
    let pieces: Vec<Vec<u8>> = stream.chunks(100).map(<[u8]>::to_vec).collect();
    for offsets in [Vec::new(), vec![0; 4]] {
        let file = grey(8).fragments(JPEG, offsets, pieces.clone());
        assert_eq!(decode(&file.file()).luma(), decoded.luma());
    }
    // Another JPEG than it says.
    let stream = Lossless::sv1(8).encode(&values(8), SIDE as usize, SIDE as usize);
    let decoded = decode(&grey(8).compressed(JPEG, stream).file());
    assert_eq!(decoded.luma(), stretched(&plain(&values(8))));
}

#[test]
fn lossless_jpeg_is_exact_with_every_predictor() {
    let side = SIDE as usize;
    for bits in [8, 10, 12, 16] {
        let values = values(bits);
        let expected = stretched(&plain(&values));
        for predictor in 1..=7 {
            for restart in [0, 1, 5] {
                let stream = Lossless {
                    predictor,
                    restart,
                    ..Lossless::sv1(bits as u8)
                }
                .encode(&values, side, side);
                let syntax = if predictor == 1 {
                    LOSSLESS_SV1
                } else {
                    LOSSLESS
                };
                let decoded = decode(&grey(bits).compressed(syntax, stream).file());
                assert_eq!(
                    decoded.luma(),
                    expected,
                    "{bits} bits, predictor {predictor}, restart {restart}"
                );
            }
        }
    }
    // Of noise, which has every difference there is.
    let mut random = Random(3);
    let noise: Vec<u16> = (0..side * side).map(|_| random.next() as u16).collect();
    let stream = Lossless::sv1(16).encode(&noise, side, side);
    let file = DicomFile::grey(&noise, SIDE, SIDE, 16).compressed(LOSSLESS_SV1, stream);
    assert_eq!(decode(&file.file()).luma(), stretched(&plain(&noise)));
    // Without its lowest bits.
    let stream = Lossless {
        shift: 3,
        predictor: 4,
        ..Lossless::sv1(12)
    }
    .encode(&values(12), side, side);
    let coarse: Vec<u16> = values(12).iter().map(|value| value >> 3 << 3).collect();
    let decoded = decode(&grey(12).compressed(LOSSLESS, stream).file());
    assert_eq!(decoded.luma(), stretched(&plain(&coarse)));
    // Signed, in more bits than it has.
    let signed: Vec<u16> = values(12)
        .iter()
        .map(|&value| value.wrapping_sub(2048))
        .collect();
    let stream = Lossless::sv1(16).encode(&signed, side, side);
    let file = grey(12).short(SIGNED, 1).compressed(LOSSLESS_SV1, stream);
    assert_eq!(decode(&file.file()).luma(), stretched(&plain(&values(12))));
}

#[test]
fn jpeg_ls_is_exact_or_as_near_as_it_says() {
    let side = SIDE as usize;
    for bits in [8, 10, 12, 16] {
        let values = values(bits);
        let stream = jpeg_ls(&values, side, side, bits as u8, 0, 1, false);
        let decoded = decode(&grey(bits).compressed(JPEG_LS, stream).file());
        assert_eq!(decoded.luma(), stretched(&plain(&values)), "{bits} bits");
    }
    for near in [1, 3] {
        let stream = jpeg_ls(&values(8), side, side, 8, near, 1, false);
        let file = grey(8)
            .window("128", "256")
            .text(VOI_FUNCTION, "CS", "LINEAR_EXACT")
            .compressed(JPEG_LS_NEAR, stream);
        for (shown, &value) in decode(&file.file()).luma().iter().zip(&values(8)) {
            let off = f64::from(*shown) * 256.0 - f64::from(value);
            assert!(off.abs() < f64::from(near) + 0.01, "{off}");
        }
    }
    // Even areas, so that there are runs of any length; and noise.
    let mut random = Random(5);
    let mut level = 0;
    let blocks: Vec<u16> = (0..side * side)
        .map(|at| {
            if random.below(40) == 0 {
                level = random.next() as u16 & 0xfff;
            }
            if at / side % 7 == 3 {
                random.next() as u16 & 0xfff
            } else {
                level
            }
        })
        .collect();
    let stream = jpeg_ls(&blocks, side, side, 12, 0, 1, false);
    let file = DicomFile::grey(&blocks, SIDE, SIDE, 12).compressed(JPEG_LS, stream);
    assert_eq!(decode(&file.file()).luma(), stretched(&plain(&blocks)));
}

#[test]
fn jpeg_ls_is_that_of_the_standard() {
    // T.87, H.3: four by four pixels, and their stream.
    let pixels = [
        0, 0, 90, 74, 68, 50, 43, 205, 64, 145, 145, 145, 100, 145, 145, 145,
    ];
    let stream = b"\xff\xd8\xff\xf7\0\x0b\x08\0\x04\0\x04\x01\x01\x11\0\xff\xda\0\x08\x01\x01\0\0\0\0\
        \xc0\0\0\x6c\x80\x20\x8e\x01\xc0\0\0\x57\x40\0\0\x6e\xe6\0\0\x01\xbc\x18\0\0\x05\xd8\0\0\x91\x60\xff\xd9";
    let file = DicomFile::grey(&pixels, 4, 4, 8).compressed(JPEG_LS, stream.to_vec());
    let limits = Limits {
        min_side: 1,
        ..Limits::default()
    };
    let decoded = Radiograph::decode_with(&file.file(), &limits).unwrap();
    assert_eq!(decoded.luma(), stretched(&plain(&pixels)));
    // The encoder of these tests writes the same.
    assert_eq!(jpeg_ls(&pixels, 4, 4, 8, 0, 1, false)[25..], stream[25..]);
}

/// Streams that OpenJPEG has written; see tests/reference/jpeg2000.py.
macro_rules! openjpeg {
    ($name:literal) => {
        include_bytes!(concat!("jpeg2000/", $name, ".j2k")).to_vec()
    };
}

/// What is in them, in 12 bits.
fn drawn() -> Vec<u16> {
    let (width, height) = (44, 40);
    (0..width * height)
        .map(|at| (at % width, at / width))
        .map(|(x, y)| x * x + y * y + 300 * ((x / 8 + y / 8) % 2))
        .collect()
}

#[test]
fn jpeg_2000_is_exact_without_loss_and_near_with_it() {
    let drawn = drawn();
    for (bits, stream) in [
        (8, openjpeg!("grey8")),
        (12, openjpeg!("grey12")),
        (16, openjpeg!("grey16")),
    ] {
        let values: Vec<u16> = match bits {
            16 => drawn.iter().map(|value| value << 4).collect(),
            _ => drawn.iter().map(|value| value >> (12 - bits)).collect(),
        };
        let file = DicomFile::grey(&values, 44, 40, bits).compressed(JPEG_2000, stream);
        assert_eq!(
            decode(&file.file()).luma(),
            stretched(&plain(&values)),
            "{bits} bits"
        );
    }
    let file = DicomFile::grey(&drawn, 44, 40, 12)
        .short(SIGNED, 1)
        .compressed(JPEG_2000, openjpeg!("signed12"));
    let decoded = decode(&file.file());
    assert_eq!(decoded.luma(), stretched(&plain(&drawn)));
    assert_eq!(decoded.dicom().unwrap().range, Some([-2048.0, 1622.0]));
    let file = DicomFile::grey(&drawn, 44, 40, 12)
        .window("2048", "4096")
        .text(VOI_FUNCTION, "CS", "LINEAR_EXACT")
        .compressed(JPEG_2000_LOSSY, openjpeg!("lossy12"));
    let shown: Vec<f32> = drawn
        .iter()
        .map(|&value| f32::from(value) / 4096.0)
        .collect();
    let off: f32 = decode(&file.file())
        .luma()
        .iter()
        .zip(&shown)
        .map(|(a, b)| (a - b).abs())
        .sum();
    // To a sixth of its size. OpenJPEG itself is off by 0.00375.
    assert!(
        off / (shown.len() as f32) < 0.0038,
        "{}",
        off / shown.len() as f32
    );

    let rgb = |value: u16| [value, value / 2, 255 - value].map(|level| f32::from(level) / 255.0);
    let luma: Vec<f32> = drawn
        .iter()
        .map(|&value| rgb(value >> 4))
        .map(|[r, g, b]| 0.299 * r + 0.587 * g + 0.114 * b)
        .collect();
    for photometric in ["YBR_RCT", "RGB"] {
        let file =
            DicomFile::colour(&[], 44, 40, photometric).compressed(JPEG_2000, openjpeg!("colour8"));
        let decoded = decode(&file.file());
        assert!(furthest(decoded.luma(), &luma) < 1e-6, "{photometric}");
        assert_eq!(decoded.cautions(), [Caution::Colour]);
    }
}

/// Three channels that differ, and the luma of them.
fn colours() -> (Vec<u8>, Vec<f32>) {
    let rgb: Vec<u8> = values(8)
        .iter()
        .flat_map(|&value| [value as u8, (value / 2) as u8, 255 - value as u8])
        .collect();
    let luma = rgb
        .chunks_exact(3)
        .map(|pixel| {
            let [r, g, b] = [0, 1, 2].map(|channel| f32::from(pixel[channel]));
            (0.299 * r + 0.587 * g + 0.114 * b) / 255.0
        })
        .collect();
    (rgb, luma)
}

fn planes(rgb: &[u8]) -> Vec<u8> {
    (0..3)
        .flat_map(|channel| rgb.iter().skip(channel).step_by(3).copied())
        .collect()
}

#[test]
fn colour_becomes_luma() {
    let (rgb, luma) = colours();
    let words: Vec<u16> = rgb.iter().map(|&byte| u16::from(byte)).collect();
    let base = DicomFile::colour(&rgb, SIDE, SIDE, "RGB");
    let planar = DicomFile::colour(&planes(&rgb), SIDE, SIDE, "RGB").short(PLANAR, 1);
    let side = SIDE as usize;
    for (what, file) in [
        ("by pixel", base.clone()),
        ("by pixel, big-endian", base.clone().syntax(BIG)),
        ("by channel", planar.clone()),
        ("by channel, big-endian", planar.syntax(BIG)),
        (
            "in run lengths",
            base.clone().compressed(RLE, rle(&words, 3, 1)),
        ),
        (
            "in lossless JPEG",
            base.clone().compressed(
                LOSSLESS_SV1,
                Lossless {
                    samples: 3,
                    ..Lossless::sv1(8)
                }
                .encode(&words, side, side),
            ),
        ),
        (
            "in JPEG-LS, channel by channel",
            base.clone()
                .compressed(JPEG_LS, jpeg_ls(&words, side, side, 8, 0, 3, false)),
        ),
        (
            "in JPEG-LS, line by line",
            base.clone()
                .compressed(JPEG_LS, jpeg_ls(&words, side, side, 8, 0, 3, true)),
        ),
    ] {
        let decoded = decode(&file.file());
        assert!(furthest(decoded.luma(), &luma) < 1e-5, "{what}");
        assert_eq!(decoded.cautions(), [Caution::Colour], "{what}");
        assert_eq!(decoded.dicom().unwrap().window, None);
        assert_eq!(decoded.with_window(100.0, 50.0), None);
    }
    // Luminance and colour differences: the luma is there already.
    let y: Vec<u8> = values(8).iter().map(|&value| value as u8).collect();
    let expected: Vec<f32> = y.iter().map(|&value| f32::from(value) / 255.0).collect();
    let full: Vec<u8> = y.iter().flat_map(|&y| [y, 90, 200]).collect();
    let halved: Vec<u8> = y
        .chunks_exact(2)
        .flat_map(|pair| [pair[0], pair[1], 90, 200])
        .collect();
    for (bytes, photometric) in [(full, "YBR_FULL"), (halved, "YBR_FULL_422")] {
        let decoded = decode(&DicomFile::colour(&bytes, SIDE, SIDE, photometric).file());
        assert_eq!(decoded.luma(), expected, "{photometric}");
        assert_eq!(decoded.cautions(), [Caution::Colour]);
    }
    // Not halved, whatever is said.
    let full: Vec<u8> = y.iter().flat_map(|&y| [y, 90, 200]).collect();
    for photometric in ["YBR_FULL_422", "YBR_FULL_422 "] {
        let decoded = decode(&DicomFile::colour(&full, SIDE, SIDE, photometric).file());
        assert_eq!(decoded.luma(), expected, "{photometric}");
        assert_eq!(decoded.cautions().len(), 2);
    }
    // Grey that is stored as colour is no reason for caution.
    let grey: Vec<u8> = y.iter().flat_map(|&y| [y, y, y]).collect();
    let decoded = decode(&DicomFile::colour(&grey, SIDE, SIDE, "RGB").file());
    assert_eq!(decoded.luma(), expected);
    assert_eq!(decoded.cautions(), []);
}

#[test]
fn a_jpeg_in_colour_is_believed_in_what_its_colours_are() {
    let (rgb, luma) = colours();
    let encode = |color: jpeg_encoder::ColorType, jfif: bool| {
        let mut stream = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut stream, 98);
        encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_1_1);
        encoder
            .encode(&rgb, SIDE as u16, SIDE as u16, color)
            .unwrap();
        if !jfif {
            // Its marker and length, which come first.
            let length = usize::from(stream[4]) << 8 | usize::from(stream[5]);
            stream.drain(2..4 + length);
        }
        stream
    };
    let transformed = encode(jpeg_encoder::ColorType::Rgb, true);
    // The encoder takes this for luminance and differences already, so nothing is transformed.
    let direct = encode(jpeg_encoder::ColorType::Ycbcr, false);
    let mut adobe = direct.clone();
    adobe.splice(2..2, *b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0");
    for (what, stream, photometric) in [
        ("JFIF", transformed.clone(), "RGB"),
        ("JFIF", transformed, "YBR_FULL_422"),
        ("Adobe's note", adobe, "YBR_FULL"),
        ("nothing", direct, "RGB"),
    ] {
        let file = DicomFile::colour(&[], SIDE, SIDE, photometric).compressed(JPEG, stream);
        let decoded = decode(&file.file());
        // What JPEG loses at this quality.
        assert!(
            furthest(decoded.luma(), &luma) < 0.02,
            "{what} in {photometric}"
        );
    }
}

#[test]
fn a_table_of_colours_is_looked_up() {
    let entry = |at: u16| [at, 255 - at, at / 2];
    let expected: Vec<f32> = values(8)
        .iter()
        .map(|&value| {
            let [r, g, b] = entry(value.clamp(10, 209)).map(f32::from);
            (0.299 * r + 0.587 * g + 0.114 * b) / 255.0
        })
        .collect();
    for (bits, syntax) in [(8, EXPLICIT), (16, EXPLICIT), (16, BIG), (8, IMPLICIT)] {
        let mut file = grey(8)
            .text(PHOTOMETRIC, "CS", "PALETTE COLOR")
            .syntax(syntax);
        for channel in 0..3 {
            // 200 entries from 10 on.
            let column: Vec<u16> = (10..210).map(|at| entry(at)[channel]).collect();
            let described = [200, 10, bits];
            file = file.words(0x0028_1101 + channel as u32, "US", &described);
            let data = 0x0028_1201 + channel as u32;
            file = if bits == 8 {
                file.bytes(
                    data,
                    "OW",
                    column.iter().map(|&value| value as u8).collect(),
                )
            } else {
                file.words(
                    data,
                    "OW",
                    &column.iter().map(|value| value * 257).collect::<Vec<_>>(),
                )
            };
        }
        let decoded = decode(&file.file());
        assert!(
            furthest(decoded.luma(), &expected) < 1e-6,
            "{bits} bits, {syntax}"
        );
        assert_eq!(
            decoded.dicom().unwrap().photometric,
            Photometric::PaletteColor
        );
    }
    let bare = grey(8).text(PHOTOMETRIC, "CS", "PALETTE COLOR");
    assert_eq!(code(&bare), "corrupt-file");
}

#[test]
fn the_first_of_several_frames_is_read_and_that_is_said() {
    let side = SIDE as usize;
    let first = values(12);
    let other: Vec<u16> = first.iter().rev().copied().collect();
    let expected = stretched(&plain(&first));
    let lossless = |values: &[u16]| Lossless::sv1(12).encode(values, side, side);
    let (a, b) = (lossless(&first), lossless(&other));
    let halves = |stream: &[u8]| {
        let (head, tail) = stream.split_at(stream.len() / 4 * 2);
        [head.to_vec(), tail.to_vec()]
    };
    let pieces: Vec<Vec<u8>> = halves(&a).into_iter().chain(halves(&b)).collect();
    // With the heads of their items, and made even.
    let second = (16 + a.len().next_multiple_of(2)) as u32;
    let offsets = [0_u32.to_le_bytes(), second.to_le_bytes()].concat();
    let runs = vec![rle(&first, 1, 2), rle(&other, 1, 2)];
    let base =
        DicomFile::grey(&[first.clone(), other].concat(), SIDE, SIDE, 12).text(FRAMES, "IS", "2");
    for (what, file) in [
        ("not compressed", base.clone()),
        (
            "a fragment each",
            base.clone().fragments(LOSSLESS_SV1, Vec::new(), vec![a, b]),
        ),
        (
            "in pieces",
            base.clone()
                .fragments(LOSSLESS_SV1, Vec::new(), pieces.clone()),
        ),
        (
            "in pieces, with a table",
            base.clone().fragments(LOSSLESS_SV1, offsets, pieces),
        ),
        ("run lengths", base.clone().fragments(RLE, Vec::new(), runs)),
    ] {
        let decoded = decode(&file.file());
        assert_eq!(decoded.luma(), expected, "{what}");
        assert_eq!(decoded.dicom().unwrap().frames, 2);
        let cautions = decoded.cautions();
        assert_eq!(cautions, [Caution::FirstFrame { frames: 2 }], "{what}");
    }
}

#[test]
fn what_the_file_says_is_beside_the_pixels() {
    let file = grey(12)
        .text(LATERALITY, "CS", "L")
        .text(SPACING, "DS", "0.139\\0.14 ")
        .window("1000", "2000");
    let decoded = decode(&file.file());
    let dicom = decoded.dicom().unwrap();
    assert_eq!(dicom.modality.as_deref(), Some("DX"));
    assert_eq!(dicom.body_part.as_deref(), Some("CHEST"));
    assert_eq!(dicom.view.as_deref(), Some("PA"));
    assert_eq!(dicom.laterality, Some(Laterality::Left));
    assert_eq!(dicom.pixel_spacing, Some([0.139, 0.14]));
    assert_eq!(dicom.frames, 1);
    assert_eq!(decoded.cautions(), []);
    let json = serde_json::to_value(dicom).unwrap();
    assert_eq!(json["photometric"], "MONOCHROME2");
    assert_eq!(json["laterality"], "left");
    assert_eq!(
        json["window"],
        serde_json::json!({"centre": 1000.0, "width": 2000.0, "shape": "linear", "origin": "file"})
    );

    // As codes in sequences, which digital radiography has to have, in either vocabulary.
    for (region, part, view, expected) in [
        ("T-D3000", "CHEST", "R-10206", "AP"),
        ("51185008", "CHEST", "399173006", "LL"),
        ("816094009", "CHEST", "399198007", "RL"),
        ("416550000", "CHEST", "30730003", "LATERAL"),
        ("85562004", "HAND", "399135007", "OBLIQUE"),
        ("T-11502", "SPINE", "R-10202", "FRONTAL"),
    ] {
        let file = grey(8)
            .without(BODY_PART)
            .without(VIEW)
            .item(REGION_CODE, coded(region), true)
            .item(VIEW_CODE, coded(view), false);
        let decoded = decode(&file.file());
        let dicom = decoded.dicom().unwrap();
        assert_eq!(dicom.body_part.as_deref(), Some(part));
        assert_eq!(dicom.view.as_deref(), Some(expected));
    }
    // What nobody knows is left out.
    let unknown = grey(8)
        .without(BODY_PART)
        .without(VIEW)
        .item(REGION_CODE, coded("T-99999"), true)
        .item(VIEW_CODE, coded("99999"), true);
    let decoded = decode(&unknown.file());
    let dicom = decoded.dicom().unwrap();
    assert_eq!((&dicom.body_part, &dicom.view), (&None, &None));
    // Other formats say nothing.
    let png = decode(&phantom::png8(&chest(SIDE)).unwrap());
    assert_eq!((png.dicom(), png.cautions().len()), (None, 0));
}

/// Sequences with the code of a region and of a view.
const REGION_CODE: u32 = 0x0008_2218;
const VIEW_CODE: u32 = 0x0054_0220;
const ORIENTATION: u32 = 0x0020_0020;

/// An item that is a code.
fn coded(code: &str) -> Elements {
    let mut item = Elements::new();
    item.insert(0x0008_0100, ("SH", Value::Text(code.to_owned())));
    item
}

/// The codes of what a file is cautioned of.
fn codes(file: &DicomFile) -> Vec<&'static str> {
    let decoded = decode(&file.file());
    let cautions = decoded.cautions();
    for caution in cautions {
        let sentence = caution.to_string();
        assert!(
            sentence.starts_with("The ") && sentence.ends_with('.'),
            "{sentence}"
        );
        let json = serde_json::to_value(caution).unwrap();
        assert_eq!(json["code"], caution.code());
        assert_eq!(json["message"], sentence);
    }
    cautions.iter().map(Caution::code).collect()
}

#[test]
fn what_is_no_frontal_chest_radiograph_by_its_own_words_is_said() {
    for modality in ["CT", "US", "MR", "MG", "NM", "XA"] {
        assert_eq!(
            codes(&grey(8).text(MODALITY, "CS", modality)),
            ["not-radiography"]
        );
    }
    for modality in ["CR", "DX", "RG", "OT"] {
        assert_eq!(codes(&grey(8).text(MODALITY, "CS", modality)), [""; 0]);
    }
    for part in ["HAND", "SKULL", "ABDOMEN", "LSPINE"] {
        assert_eq!(
            codes(&grey(8).text(BODY_PART, "CS", part)),
            ["not-the-chest"]
        );
    }
    for part in ["CHEST", "Chest", "PORT CHEST", "THORAX", "LUNG"] {
        assert_eq!(codes(&grey(8).text(BODY_PART, "CS", part)), [""; 0]);
    }
    for view in ["LL", "RL", "LATERAL", "LAT", "LAO", "left lateral"] {
        assert_eq!(
            codes(&grey(8).text(VIEW, "CS", view)),
            ["not-frontal"],
            "{view}"
        );
    }
    for view in ["PA", "AP", "FRONTAL"] {
        assert_eq!(codes(&grey(8).text(VIEW, "CS", view)), [""; 0]);
    }
    let silent = grey(8).without(MODALITY).without(BODY_PART).without(VIEW);
    assert_eq!(codes(&silent), [""; 0]);
    // The class of a file without a modality says what made it.
    for (class, expected) in [
        ("1.2.840.10008.5.1.4.1.1.1", None),
        ("1.2.840.10008.5.1.4.1.1.1.1", None),
        ("1.2.840.10008.5.1.4.1.1.7", None),
        ("1.2.840.10008.5.1.4.1.1.2.1", Some("CT")),
        ("1.2.840.10008.5.1.4.1.1.4", Some("MR")),
        ("1.2.840.10008.5.1.4.1.1.6.1", Some("US")),
        ("1.2.840.10008.5.1.4.1.1.1.2", Some("MG")),
    ] {
        let file = silent.clone().text(0x0008_0016, "UI", class);
        let made = decode(&file.file()).dicom().unwrap().modality.clone();
        let cautioned = codes(&file);
        match expected {
            Some(modality) => {
                assert_eq!(made.as_deref(), Some(modality));
                assert_eq!(cautioned, ["not-radiography"], "{class}");
            }
            None => assert_eq!(cautioned, [""; 0], "{class}"),
        }
    }
    let all = grey(8)
        .text(MODALITY, "CS", "CT")
        .text(BODY_PART, "CS", "HEAD")
        .text(VIEW, "CS", "LL");
    assert_eq!(
        codes(&all),
        ["not-radiography", "not-the-chest", "not-frontal"]
    );
}

#[test]
fn a_view_from_the_side_is_told_however_the_file_says_it() {
    let silent = grey(8).without(VIEW);
    let view = |file: &DicomFile| decode(&file.file()).dicom().unwrap().view.clone();
    // Words beside others, longer than a code may be, in another language, with signs that no code has.
    for (said, shown) in [
        ("CHEST LAT", "CHEST LAT"),
        ("LT LAT ERECT", "LT LAT ERECT"),
        ("LAT.", "LATERAL"),
        ("LEFT LATERAL UPRIGHT", "LATERAL"),
        ("PA (RIGHT ANTERIOR OBLIQUE)", "OBLIQUE"),
        ("Profil gauche", "PROFIL GAUCHE"),
        ("perfil", "PERFIL"),
        ("THORAX SEITLICH", "THORAX SEITLICH"),
        ("RLO", "RLO"),
        ("LLD", "LLD"),
        ("DECUBITUS", "DECUBITUS"),
    ] {
        let file = silent.clone().text(VIEW, "CS", said);
        assert_eq!(codes(&file), ["not-frontal"], "{said}");
        assert_eq!(view(&file).as_deref(), Some(shown), "{said}");
    }
    // An accent in two character sets.
    for accented in [&b"LAT\xc9RAL"[..], "lat\u{e9}ral".as_bytes()] {
        let file = silent.clone().bytes(VIEW, "CS", accented.to_vec());
        assert_eq!(codes(&file), ["not-frontal"]);
    }
    for frontal in [
        "PA ERECT",
        "AP PORTABLE",
        "BILATERAL",
        "AP SUPINE",
        "LORDOTIC",
    ] {
        assert_eq!(codes(&silent.clone().text(VIEW, "CS", frontal)), [""; 0]);
    }
    // Beside the part of the body.
    let file = silent.clone().text(BODY_PART, "CS", "CHEST LAT");
    assert_eq!(codes(&file), ["not-frontal"]);
    assert_eq!(view(&file).as_deref(), Some("LATERAL"));
    // By code, also where the words say nothing or another thing.
    let file = grey(8).item(VIEW_CODE, coded("399067008"), true);
    assert_eq!(codes(&file), ["not-frontal"], "PA, but lateral by its code");
    let file = grey(8)
        .text(VIEW, "CS", "LL")
        .item(VIEW_CODE, coded("R-10214"), true);
    assert_eq!(codes(&file), ["not-frontal"], "LL, but PA by its code");
    let file = silent
        .clone()
        .text(VIEW, "CS", "")
        .item(VIEW_CODE, coded("399182000"), true);
    assert_eq!(
        codes(&file),
        ["not-frontal"],
        "empty, but oblique by its code"
    );
    // By the directions of rows and columns, where nothing else says it.
    for (directions, expected) in [
        ("A\\F", true),
        ("P\\F", true),
        ("AL\\FA", true),
        ("F\\P", true),
        ("L\\F", false),
        ("L\\P", false),
        ("A", false),
        ("\\F", false),
    ] {
        let file = silent.clone().text(ORIENTATION, "CS", directions);
        assert_eq!(codes(&file) == ["not-frontal"], expected, "{directions}");
        let frontal = grey(8).text(ORIENTATION, "CS", directions);
        assert!(!codes(&frontal).contains(&"not-frontal"), "{directions}");
    }
}

#[test]
fn another_part_of_the_body_is_told_however_the_file_says_it() {
    let silent = grey(8).without(BODY_PART);
    for (said, shown) in [
        ("THORACIC SPINE", "THORACIC SPINE"),
        ("TSPINE", "TSPINE"),
        ("HAND, LEFT", "HAND"),
        ("KNEE (BOTH, STANDING)", "KNEE"),
    ] {
        let file = silent.clone().text(BODY_PART, "CS", said);
        assert_eq!(codes(&file), ["not-the-chest"], "{said}");
        let decoded = decode(&file.file());
        assert_eq!(decoded.dicom().unwrap().body_part.as_deref(), Some(shown));
    }
    for chest in ["CHEST, PORTABLE", "CHEST PORTABLE ERECT", "PULMONES"] {
        assert_eq!(
            codes(&silent.clone().text(BODY_PART, "CS", chest)),
            [""; 0],
            "{chest}"
        );
    }
    let file = silent.clone().item(REGION_CODE, coded("T-D8700"), true);
    assert_eq!(codes(&file), ["not-the-chest"]);
    // Of neither kind: nothing of it is told.
    let file = silent.text(BODY_PART, "LO", "Zebedee^Quentin of 2 Secret Lane");
    assert_eq!(codes(&file), [""; 0]);
}

#[test]
fn nothing_of_the_patient_is_anywhere() {
    let secrets = [
        (0x0008_0020, "DA", "19991231"),
        (0x0008_0050, "SH", "ACC7741"),
        (0x0008_0080, "LO", "St Elsewhere"),
        (0x0008_0081, "ST", "1 Hidden Road"),
        (0x0008_0090, "PN", "Referrer^Rita"),
        (0x0008_1030, "LO", "Study of Zebedee"),
        (0x0008_103e, "LO", "Series of Zebedee"),
        (0x0010_0010, "PN", "Zebedee^Quentin"),
        (0x0010_0020, "LO", "MRN998877"),
        (0x0010_0030, "DA", "19480229"),
        (0x0010_1040, "LO", "2 Secret Lane"),
        (0x0010_4000, "LT", "Zebedee coughs"),
        (0x0020_000d, "UI", "1.2.3.998877"),
        (0x0020_4000, "LT", "Zebedee in bed"),
        (0x0033_0010, "LO", "ZEBEDEE 1.0"),
    ];
    let mut nested = Elements::new();
    let mut file = grey(12).window("1000", "2000");
    for (tag, vr, text) in secrets {
        file = file.text(tag, vr, text);
        nested.insert(tag, (vr, Value::Text(text.to_owned())));
    }
    let mut view = nested.clone();
    view.insert(0x0008_0100, ("SH", Value::Text("R-10206".to_owned())));
    view.insert(
        0x0008_0104,
        ("LO", Value::Text("Zebedee from the front".to_owned())),
    );
    let file = file
        .item(0x0054_0220, view, false)
        .item(0x0008_1140, nested.clone(), false)
        .item(VOI_LUT, nested, true);
    let sighted = |what: &str, text: &str| {
        let text = text.to_lowercase();
        for (_, _, secret) in secrets {
            for part in secret.split(['^', ' ']).filter(|part| part.len() > 3) {
                assert!(!text.contains(&part.to_lowercase()), "{what} has {part}");
            }
        }
    };
    for syntax in [IMPLICIT, EXPLICIT, BIG, DEFLATED] {
        let decoded = decode(&file.clone().syntax(syntax).file());
        sighted(
            "Debug",
            &format!("{:?} {:?}", decoded.dicom(), decoded.source()),
        );
        sighted("Debug of all", &format!("{decoded:?}"));
        sighted(
            "JSON",
            &serde_json::to_string(decoded.dicom().unwrap()).unwrap(),
        );
        sighted("JSON", &serde_json::to_string(decoded.cautions()).unwrap());
        sighted(
            "another window",
            &format!("{:?}", decoded.with_window(900.0, 800.0)),
        );
        sighted("the picture", &format!("{:?}", decoded.picture(20)));
    }
    // Where a code belongs and something else is, it is left out; errors quote nothing either.
    for (tag, text) in [
        (MODALITY, "Zebedee^Quentin"),
        (BODY_PART, "Zebedee^Quentin of 2 Secret Lane"),
        (VIEW, "MRN998877 St Elsewhere"),
        (LATERALITY, "ZEBEDEE"),
    ] {
        let decoded = decode(&file.clone().text(tag, "LO", text).file());
        sighted(
            "Debug",
            &format!("{:?} {:?}", decoded.dicom(), decoded.cautions()),
        );
    }
    for (tag, text) in [(PHOTOMETRIC, "ZEBEDEE"), (0x0028_0100, "MRN998877")] {
        let error = Radiograph::decode(&file.clone().text(tag, "CS", text).file()).unwrap_err();
        sighted("an error", &format!("{error} {error:?} {}", error.advice()));
    }
    // What is no UID is not quoted, even where a syntax belongs.
    let file = file.compressed("Zebedee^Quentin", vec![1; 100]);
    let error = Radiograph::decode(&file.file()).unwrap_err();
    sighted("an error", &format!("{error} {error:?}"));
}

#[test]
fn what_cannot_be_read_is_named() {
    let detail = |file: &DicomFile| match Radiograph::decode(&file.file()) {
        Err(DecodeError::Unsupported { format, detail }) => {
            assert_eq!(format.to_string(), "DICOM");
            detail
        }
        other => panic!("{other:?}"),
    };
    for (syntax, name) in [
        ("1.2.840.10008.1.2.4.93", "JPEG 2000 across components"),
        ("1.2.840.10008.1.2.4.110", "JPEG XL"),
        ("1.2.840.10008.1.2.4.202", "high-throughput JPEG 2000"),
        ("1.2.840.10008.1.2.4.94", "pixels kept on a server (JPIP)"),
        ("1.2.840.10008.1.2.4.100", "MPEG-2 video"),
        ("1.2.840.10008.1.2.4.102", "MPEG-4 video"),
        ("1.2.840.10008.1.2.4.107", "HEVC video"),
        (
            "1.2.840.10008.1.2.4.66",
            "hierarchical or arithmetic-coded JPEG",
        ),
        ("1.2.3.999.1", "an unknown transfer syntax"),
    ] {
        let file = grey(8).compressed(syntax, vec![0; 100]);
        assert_eq!(detail(&file), format!("{name} ({syntax})"));
        let advice = Radiograph::decode(&file.file()).unwrap_err().advice();
        assert!(advice.starts_with("Export the image from your DICOM viewer"));
    }
    // JPEG with loss of 12 bits, by its frame header.
    let mut twelve = phantom::jpeg(&chest(SIDE), 80).unwrap();
    let frame = twelve
        .windows(2)
        .position(|pair| pair == [0xff, 0xc0])
        .unwrap();
    twelve[frame + 1] = 0xc1;
    twelve[frame + 4] = 12;
    let file = grey(12).compressed("1.2.840.10008.1.2.4.51", twelve);
    assert_eq!(
        detail(&file),
        "JPEG with loss of 12 bits (1.2.840.10008.1.2.4.51)"
    );
    for (photometric, name) in [
        ("HSV", "colours in a retired way (ARGB, CMYK or HSV)"),
        ("SOMETHING", "an unknown photometric interpretation"),
    ] {
        assert_eq!(detail(&grey(8).text(PHOTOMETRIC, "CS", photometric)), name);
    }
    assert_eq!(detail(&grey(8).short(ALLOCATED, 1)), "pixels of one bit");
    let float = grey(8)
        .without(PIXELS)
        .bytes(0x7fe0_0008, "OW", vec![0; 64]);
    assert_eq!(detail(&float), "floating-point pixels");
}

#[test]
fn a_file_without_an_image_is_told_from_a_damaged_one() {
    let report = grey(8).without(PIXELS).text(MODALITY, "CS", "SR");
    assert_eq!(code(&report), "no-image");
    let error = Radiograph::decode(&report.file()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "The DICOM file holds no image but a report."
    );
    let directory = DicomFile {
        elements: Elements::new(),
        ..report.clone()
    }
    .item(0x0004_1220, Elements::new(), true);
    let error = Radiograph::decode(&directory.file()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "The DICOM file holds no image but a directory of other files."
    );
    for tag in [ROWS, COLUMNS, ALLOCATED] {
        assert_eq!(code(&grey(8).without(tag)), "corrupt-file", "{tag:08x}");
    }
    let error = Radiograph::decode(&grey(8).short(ROWS, 60).file()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "The DICOM file is damaged or incomplete: it ends before its image does: 20% of it is missing."
    );
    let flat = DicomFile::grey(&[1000; 4096], 64, 64, 12);
    assert_eq!(code(&flat), "blank-image");
}

#[test]
fn a_radiograph_can_be_windowed_anew() {
    let file = grey(12)
        .text(SLOPE, "DS", "2")
        .text(INTERCEPT, "DS", "-1000")
        .text(PHOTOMETRIC, "CS", "MONOCHROME1")
        .window("1000", "2000");
    let decoded = decode(&file.file());
    let again = decoded.with_window(1500.0, 800.0).unwrap();
    let expected: Vec<f32> = values(12)
        .iter()
        .map(|&value| {
            let measured = f64::from(value) * 2.0 - 1000.0;
            1.0 - (((measured - 1500.0) / 800.0 + 0.5).clamp(0.0, 1.0) as f32)
        })
        .collect();
    assert_eq!(again.luma(), expected);
    let window = again.dicom().unwrap().window.unwrap();
    assert_eq!((window.centre, window.width), (1500.0, 800.0));
    assert_eq!(window.origin, WindowOrigin::Caller);
    // Back to where it was: nothing was lost.
    let same = again.with_window(999.5, 1999.0).unwrap();
    assert!(furthest(same.luma(), decoded.luma()) < 1e-6);
    // The picture too, which is small.
    let picture = decoded
        .picture(24)
        .unwrap()
        .with_window(3000.0, 9000.0)
        .unwrap();
    assert_eq!((picture.width(), picture.height()), (24, 24));
    let wide = decoded.with_window(3000.0, 9000.0).unwrap();
    let means = wide
        .luma()
        .chunks_exact(2 * SIDE as usize)
        .flat_map(|rows| {
            let (above, below) = rows.split_at(SIDE as usize);
            let pairs = above.chunks_exact(2).zip(below.chunks_exact(2));
            pairs.map(|(a, b)| (a[0] + a[1] + b[0] + b[1]) / 4.0)
        });
    // A level is 2 of 9000.
    assert!(furthest(picture.luma(), &means.collect::<Vec<_>>()) < 3e-4);
    for (centre, width) in [
        (f64::NAN, 1.0),
        (0.0, 0.0),
        (0.0, -1.0),
        (0.0, f64::INFINITY),
    ] {
        assert_eq!(decoded.with_window(centre, width), None);
    }
    assert_eq!(chest(SIDE).with_window(0.5, 1.0), None);
}
