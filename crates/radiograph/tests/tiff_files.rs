//! TIFF files with JPEG within, several pages, wrong lengths and damage.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod common;

use common::jpeg::{grey, segments};
use common::tiff::*;
use common::{Random, Tiff, decode, no_panic};
use radiograph::{DecodeError, Radiograph};

/// A coloured JPEG file, its chroma sampled half as often both ways.
fn jpeg_colour(y: &[u8], cb: &[u8], cr: &[u8], height: u32) -> Vec<u8> {
    let ycc: Vec<u8> = (0..y.len())
        .flat_map(|at| [y[at], cb[at], cr[at]])
        .collect();
    let rgb: Vec<u8> = ycc
        .chunks_exact(3)
        .flat_map(|p| rgb([p[0], p[1], p[2]]))
        .collect();
    common::jpeg_rgb(&rgb, WIDTH, height, 95)
}

fn rgb([y, cb, cr]: [u8; 3]) -> [u8; 3] {
    let (y, cb, cr) = (f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    [
        y + 1.402 * cr,
        y - 0.344_136 * cb - 0.714_136 * cr,
        y + 1.772 * cb,
    ]
    .map(|value| (value + 0.5) as u8)
}

/// The tables of a file, and the rest of it, each a stream as TIFF has them.
fn divided(file: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (mut tables, mut rest) = (b"\xff\xd8".to_vec(), b"\xff\xd8".to_vec());
    for (marker, body) in segments(file) {
        let to = match marker {
            0xdb | 0xc4 => &mut tables,
            0xe0 | 0xee => continue,
            _ => &mut rest,
        };
        // The data of a scan are not counted.
        let length = if marker == 0xda {
            2 + 1 + 2 * usize::from(body[0]) + 3
        } else {
            2 + body.len()
        };
        to.extend_from_slice(&[0xff, marker]);
        to.extend_from_slice(&(length as u16).to_be_bytes());
        to.extend_from_slice(&body);
    }
    tables.extend_from_slice(b"\xff\xd9");
    rest.extend_from_slice(b"\xff\xd9");
    (tables, rest)
}

#[test]
fn jpeg_in_strips_in_colour_and_in_grey_with_tables_of_its_own_and_shared() {
    let (y, cb, cr) = ycc();
    let expected: Vec<f32> = y.iter().map(|&level| f32::from(level) / 255.0).collect();
    let rows = |plane: &[u8], top: u32, count: u32| {
        plane[(top * WIDTH) as usize..((top + count) * WIDTH) as usize].to_vec()
    };
    let strips: Vec<_> = [0, 32, 64]
        .map(|top| {
            let count = 32.min(HEIGHT - top);
            jpeg_colour(
                &rows(&y, top, count),
                &rows(&cb, top, count),
                &rows(&cr, top, count),
                count,
            )
        })
        .to_vec();
    let base = Tiff::colour(WIDTH, HEIGHT, 6, Vec::new())
        .with(259, 3, 7)
        .with_all(530, 3, &[2, 2])
        .with(278, 3, 32);
    assert_near(
        "colour",
        &base.clone().chunks(&strips, false).file(),
        &expected,
        0.03,
    );
    let (tables, _) = divided(&strips[0]);
    let rests: Vec<_> = strips.iter().map(|strip| divided(strip).1).collect();
    let tables: Vec<u32> = tables.iter().map(|&byte| u32::from(byte)).collect();
    let tiff = base.big().with_all(347, 7, &tables).chunks(&rests, false);
    assert_near("colour, shared tables", &tiff.file(), &expected, 0.03);
    let one = grey(&y, WIDTH, HEIGHT, false, 0);
    let tiff = Tiff::grey(WIDTH, HEIGHT, 8, one.clone()).with(259, 3, 7);
    assert_near("grey", &tiff.file(), &expected, 0.03);
    let progressive = grey(&y, WIDTH, HEIGHT, true, 0);
    let tiff = Tiff::grey(WIDTH, HEIGHT, 8, progressive).with(259, 3, 7);
    assert_near("grey, progressive", &tiff.file(), &expected, 0.03);
    let cut = one[..one.len() / 2].to_vec();
    let tiff = Tiff::grey(WIDTH, HEIGHT, 8, cut).with(259, 3, 7);
    assert_eq!(
        Radiograph::decode(&tiff.file()).unwrap_err().code(),
        "corrupt-file"
    );
}

#[test]
fn jpeg_as_tiff_had_it_at_first() {
    let (y, cb, cr) = ycc();
    let expected: Vec<f32> = y.iter().map(|&level| f32::from(level) / 255.0).collect();
    let stream = jpeg_colour(&y, &cb, &cr, HEIGHT);
    let length = stream.len() as u32;
    let base = Tiff::colour(WIDTH, HEIGHT, 6, stream.clone())
        .with(259, 3, 6)
        .with_all(530, 3, &[2, 2])
        .with(512, 3, 1)
        .with(513, 4, 8);
    // A whole stream that a tag points to, its length said or not.
    assert_near(
        "stream",
        &base.clone().with(514, 4, length).file(),
        &expected,
        0.03,
    );
    assert_near("stream", &base.clone().file(), &expected, 0.03);
    // Only where its strip is.
    assert_near("strip", &base.clone().without(513).file(), &expected, 0.03);
    // Tables in tags, the data of the scan alone in the strip.
    let mut tables = [const { Vec::new() }; 6];
    let mut data = Vec::new();
    for (marker, body) in segments(&stream) {
        match marker {
            0xdb => {
                for table in body.chunks_exact(65) {
                    tables[usize::from(table[0])] = table[1..].to_vec();
                }
            }
            0xc4 => {
                tables[2 + 2 * usize::from(body[0] & 1) + usize::from(body[0] >> 4)] =
                    body[1..].to_vec()
            }
            0xda => data = body[1 + 2 * 3 + 3..].to_vec(),
            _ => {}
        }
    }
    let mut file = data.clone();
    let offsets = tables.map(|table| {
        let at = 8 + file.len() as u32;
        file.extend_from_slice(&table);
        at
    });
    let tiff = Tiff::colour(WIDTH, HEIGHT, 6, file)
        .with(259, 3, 6)
        .with_all(530, 3, &[2, 2])
        .with(512, 3, 1)
        .with(279, 4, data.len() as u32)
        .with_all(519, 4, &[offsets[0], offsets[1], offsets[1]])
        .with_all(520, 4, &[offsets[2], offsets[4], offsets[4]])
        .with_all(521, 4, &[offsets[3], offsets[5], offsets[5]]);
    assert_near("tables in tags", &tiff.file(), &expected, 0.03);
    assert_near("tables in tags", &tiff.big().file(), &expected, 0.03);
}

#[test]
fn strips_without_lengths_or_with_wrong_ones() {
    let levels = ramp(255);
    let expected = shares(&levels, 255);
    let data = bytes(&levels);
    let base = Tiff::grey(WIDTH, HEIGHT, 8, data.clone());
    assert_near(
        "one strip",
        &base.clone().without(279).file(),
        &expected,
        1e-6,
    );
    assert_near(
        "a length of 0",
        &base.clone().with(279, 4, 0).file(),
        &expected,
        1e-6,
    );
    assert_near(
        "a length too small",
        &base.clone().with(279, 4, 100).file(),
        &expected,
        1e-6,
    );
    let strips: Vec<_> = data
        .chunks(WIDTH as usize * 16)
        .map(<[u8]>::to_vec)
        .collect();
    let several = base
        .clone()
        .with(278, 3, 16)
        .chunks(&strips, false)
        .without(279);
    assert_near("several strips", &several.file(), &expected, 1e-6);
    let packed = Tiff::grey(WIDTH, HEIGHT, 8, lzw(&data))
        .with(259, 3, 5)
        .without(279);
    assert_near("LZW", &packed.file(), &expected, 1e-6);
    assert_near(
        "no rows a strip",
        &base.without(278).file(),
        &expected,
        1e-6,
    );
}

#[test]
fn what_is_missing_is_told_and_by_how_much() {
    let data = bytes(&ramp(255));
    let quarter = data.len() / 4;
    for (what, compression, stored) in [
        ("stored", 1, data[..quarter].to_vec()),
        ("deflated", 8, deflated(&data[..quarter])),
        ("LZW", 5, lzw(&data[..quarter])),
    ] {
        let tiff = Tiff::grey(WIDTH, HEIGHT, 8, Vec::new()).with(259, 3, compression);
        let mut file = tiff.with(273, 4, 0).file();
        // The strip last, so that there is nothing behind it.
        let at = (file.len() as u32).to_le_bytes();
        let entry = file
            .windows(4)
            .rposition(|part| part == [0x11, 1, 4, 0])
            .unwrap();
        file[entry + 8..entry + 12].copy_from_slice(&at);
        let entry = file
            .windows(4)
            .rposition(|part| part == [0x17, 1, 4, 0])
            .unwrap();
        file[entry + 8..entry + 12].copy_from_slice(&(stored.len() as u32).to_le_bytes());
        file.extend_from_slice(&stored);
        let error = Radiograph::decode(&file).unwrap_err();
        let said = error.to_string();
        assert!(
            said.contains("ends before its image does, of which 75% is missing"),
            "{what}: {said}"
        );
    }
}

#[test]
fn of_several_pages_the_first_is_read_and_their_number_said() {
    let levels = ramp(255);
    let expected = shares(&levels, 255);
    let page = Tiff::grey(WIDTH, HEIGHT, 8, bytes(&levels));
    let mut other = page.clone();
    other.data.reverse();
    for count in [1, 2, 3, 7] {
        let mut pages = vec![page.clone()];
        pages.resize(count, other.clone());
        let decoded = assert_near("pages", &Tiff::pages(&pages), &expected, 1e-6);
        let cautions: Vec<_> = decoded.cautions().iter().map(ToString::to_string).collect();
        assert_eq!(cautions.len(), usize::from(count > 1));
        if count > 1 {
            assert!(
                cautions[0].contains(&format!("holds {count} images")),
                "{cautions:?}"
            );
        }
    }
}

#[test]
fn a_thumbnail_before_the_picture_or_behind_it_is_no_page() {
    let levels = ramp(255);
    let expected = shares(&levels, 255);
    let page = Tiff::grey(WIDTH, HEIGHT, 8, bytes(&levels));
    let small = Tiff::grey(
        WIDTH / 2,
        HEIGHT / 2,
        8,
        vec![9; (WIDTH * HEIGHT / 4) as usize],
    );
    for (what, thumbnail) in [
        ("by its flags", small.clone().with(254, 4, 1)),
        ("by its kind", small.clone().with(255, 3, 2)),
        ("a mask", small.clone().with(254, 4, 4)),
    ] {
        for pages in [[thumbnail.clone(), page.clone()], [page.clone(), thumbnail]] {
            let decoded = assert_near(what, &Tiff::pages(&pages), &expected, 1e-6);
            assert!(decoded.cautions().is_empty(), "{what}");
        }
    }
    // One that does not say what it is counts as a page, but is not what is shown.
    let decoded = assert_near("unsaid", &Tiff::pages(&[small, page]), &expected, 1e-6);
    assert_eq!(decoded.cautions()[0].code(), "first-frame-only");
}

#[test]
fn what_cannot_be_read_is_named() {
    let tiff = Tiff::grey(WIDTH, HEIGHT, 8, vec![1; 4096]);
    for (what, tiff) in [
        ("Zstandard", tiff.clone().with(259, 3, 50000)),
        ("JPEG 2000", tiff.clone().with(259, 3, 34712)),
        ("LZMA", tiff.clone().with(259, 3, 34925)),
        ("mosaic", tiff.clone().with(262, 3, 32803)),
        ("L*a*b*", tiff.with(262, 3, 8)),
    ] {
        let error = Radiograph::decode(&tiff.file()).unwrap_err();
        assert!(matches!(error, DecodeError::Unsupported { .. }), "{error}");
        assert!(error.to_string().contains(what), "{error}");
    }
}

#[test]
fn directories_in_circles_end() {
    let page = Tiff::grey(WIDTH, HEIGHT, 8, bytes(&ramp(255)));
    let mut file = Tiff::pages(&[page.clone(), page]);
    // The second leads to the first.
    let first = file[4..8].to_vec();
    let end = file.len();
    file[end - 4..].copy_from_slice(&first);
    assert_eq!(decode(&file).cautions().len(), 1);
}

#[test]
fn flipped_bits_never_panic() {
    let mut random = Random(5);
    let plain = bytes(&ramp(255));
    let tiles = tiles(&plain, 1, 32);
    let packed_tiles: Vec<_> = tiles.iter().map(|tile| lzw(tile)).collect();
    let (y, cb, cr) = ycc();
    let stream = jpeg_colour(&y, &cb, &cr, HEIGHT);
    let (tables, rest) = divided(&stream);
    let tables: Vec<u32> = tables.iter().map(|&byte| u32::from(byte)).collect();
    let planes = [tiles.clone(), tiles.clone(), tiles.clone()].concat();
    let grey = |bits, data| Tiff::grey(WIDTH, HEIGHT, bits, data);
    let files = [
        tiled(
            grey(8, Vec::new()).with(259, 3, 5).with(266, 3, 1),
            &packed_tiles,
            32,
        ),
        tiled(
            Tiff::colour(WIDTH, HEIGHT, 2, Vec::new())
                .big()
                .with(284, 3, 2),
            &planes,
            32,
        ),
        grey(12, packed(&ramp(4095), WIDTH, 12)).with(262, 3, 0),
        grey(4, packed(&ramp(15), WIDTH, 4))
            .with(262, 3, 3)
            .with_all(320, 3, &[9000; 48]),
        grey(16, deflated(&[plain.clone(), plain.clone()].concat()))
            .with(259, 3, 8)
            .with(317, 3, 2),
        grey(
            32,
            [plain.clone(), plain.clone(), plain.clone(), plain.clone()].concat(),
        )
        .with(339, 3, 3),
        grey(8, pack_bits(&plain)).with(259, 3, 32773).without(279),
        grey(1, vec![0x55; 900]).with(259, 3, 4),
        grey(1, vec![0x1a; 900]).with(259, 3, 3),
        Tiff::colour(WIDTH, HEIGHT, 6, [plain.clone(), plain.clone()].concat()).with_all(
            530,
            3,
            &[2, 2],
        ),
        Tiff::colour(WIDTH, HEIGHT, 6, rest)
            .with(259, 3, 7)
            .with_all(347, 7, &tables),
        Tiff::colour(WIDTH, HEIGHT, 6, stream)
            .with(259, 3, 6)
            .with(513, 4, 8),
        Tiff::colour(WIDTH, HEIGHT, 6, plain)
            .with(259, 3, 6)
            .with_all(519, 4, &[8; 3])
            .with_all(520, 4, &[90; 3])
            .with_all(521, 4, &[300; 3]),
    ];
    for (number, tiff) in files.iter().enumerate() {
        let file = tiff.file();
        for round in 0..300 {
            let mut broken = file.clone();
            for _ in 0..=random.below(4) {
                // Half of them in the directory, which comes last.
                let from = if random.below(2) == 0 {
                    broken.len().saturating_sub(220)
                } else {
                    0
                };
                let at = from + random.below(broken.len() - from);
                broken[at] ^= 1 << random.below(8);
            }
            no_panic(
                &format!("file {number}, round {round}"),
                &Radiograph::decode(&broken),
            );
        }
    }
}
