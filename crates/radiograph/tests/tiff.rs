//! TIFF in the variants that scanners, detectors and image programs write: each the brightness that was put into it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod common;

use common::jpeg::{grey, segments};
use common::{Random, Tiff, chest, decode, levels, no_panic};
use radiograph::{DecodeError, Radiograph, phantom};

const WIDTH: u32 = 88;
const HEIGHT: u32 = 72;

/// Levels of `0..=most` that hide no transposition.
fn ramp(most: u32) -> Vec<u32> {
    (0..WIDTH * HEIGHT)
        .map(|index| (index % WIDTH * 5 + index / WIDTH * 3) % (most + 1))
        .collect()
}

fn bytes(levels: &[u32]) -> Vec<u8> {
    levels.iter().map(|&level| level as u8).collect()
}

fn shares(levels: &[u32], most: u32) -> Vec<f32> {
    levels
        .iter()
        .map(|&level| level as f32 / most as f32)
        .collect()
}

#[track_caller]
fn assert_near(what: &str, file: &[u8], expected: &[f32], tolerance: f32) -> Radiograph {
    let decoded = decode(file);
    assert_eq!(
        (decoded.width(), decoded.height()),
        (WIDTH, HEIGHT),
        "{what}"
    );
    let worst = decoded
        .luma()
        .iter()
        .zip(expected)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max);
    assert!(worst <= tolerance, "{what}: off by {worst}");
    decoded
}

/// Rows of `bits` for each level, the highest bit first, each row from a new byte.
fn packed(levels: &[u32], width: u32, bits: u32) -> Vec<u8> {
    let mut out = Vec::new();
    for row in levels.chunks_exact(width as usize) {
        let (mut held, mut count) = (0_u64, 0);
        for &level in row {
            held = held << bits | u64::from(level);
            count += bits;
            while count >= 8 {
                count -= 8;
                out.push((held >> count) as u8);
            }
            held &= (1 << count) - 1;
        }
        if count > 0 {
            out.push((held << (8 - count)) as u8);
        }
    }
    out
}

fn reversed(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| byte.reverse_bits()).collect()
}

fn lzw(bytes: &[u8]) -> Vec<u8> {
    weezl::encode::Encoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8)
        .encode(bytes)
        .unwrap()
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    miniz_oxide::deflate::compress_to_vec_zlib(bytes, 6)
}

/// Runs of different bytes only, which every reader has to take.
fn pack_bits(bytes: &[u8]) -> Vec<u8> {
    bytes
        .chunks(100)
        .flat_map(|run| [&[run.len() as u8 - 1], run].concat())
        .collect()
}

/// The part of an image that is a tile, filled up with zeros.
fn tile(samples: &[u8], each: usize, (x, y): (usize, usize), side: usize) -> Vec<u8> {
    let (width, height) = (WIDTH as usize, HEIGHT as usize);
    let mut out = vec![0; side * side * each];
    for row in 0..side.min(height - y) {
        let columns = side.min(width - x);
        let from = ((y + row) * width + x) * each;
        out[row * side * each..][..columns * each]
            .copy_from_slice(&samples[from..][..columns * each]);
    }
    out
}

fn tiles(samples: &[u8], each: usize, side: usize) -> Vec<Vec<u8>> {
    let places = (0..HEIGHT as usize)
        .step_by(side)
        .flat_map(|y| (0..WIDTH as usize).step_by(side).map(move |x| (x, y)));
    places
        .map(|place| tile(samples, each, place, side))
        .collect()
}

fn tiled(tiff: Tiff, tiles: &[Vec<u8>], side: u32) -> Tiff {
    tiff.with(322, 3, side)
        .with(323, 3, side)
        .chunks(tiles, true)
}

#[test]
fn the_bits_of_every_byte_may_be_stored_the_other_way_round() {
    let levels = ramp(255);
    let expected = shares(&levels, 255);
    let plain = bytes(&levels);
    for (what, compression, data) in [
        ("stored", 1, plain.clone()),
        ("LZW", 5, lzw(&plain)),
        ("deflated", 8, deflated(&plain)),
        ("run lengths", 32773, pack_bits(&plain)),
    ] {
        let tiff = Tiff::grey(WIDTH, HEIGHT, 8, reversed(&data))
            .with(259, 3, compression)
            .with(266, 3, 2);
        assert_near(what, &tiff.file(), &expected, 1e-6);
        assert_near(what, &tiff.clone().big().file(), &expected, 1e-6);
        // And as usual.
        let tiff = Tiff::grey(WIDTH, HEIGHT, 8, data)
            .with(259, 3, compression)
            .with(266, 3, 1);
        assert_near(what, &tiff.file(), &expected, 1e-6);
    }
    let fine = ramp(65535);
    let words: Vec<u8> = fine
        .iter()
        .flat_map(|&level| (level as u16).to_be_bytes())
        .collect();
    let tiff = Tiff::grey(WIDTH, HEIGHT, 16, reversed(&words))
        .big()
        .with(266, 3, 2);
    assert_near("16 bits", &tiff.file(), &shares(&fine, 65535), 1e-6);
    let bits = ramp(1);
    let tiff = Tiff::grey(WIDTH, HEIGHT, 1, reversed(&packed(&bits, WIDTH, 1))).with(266, 3, 2);
    assert_near("1 bit", &tiff.file(), &shares(&bits, 1), 0.0);
}

#[test]
fn every_depth_from_1_to_16_bits_in_strips_and_tiles() {
    for bits in 1..=16 {
        let most = (1 << bits) - 1;
        let levels = ramp(most);
        let expected = shares(&levels, most);
        let strips: Vec<_> = levels
            .chunks(WIDTH as usize * 10)
            .map(|rows| packed(rows, WIDTH, bits))
            .collect();
        let base = Tiff::grey(WIDTH, HEIGHT, bits, Vec::new());
        // Words of 16 bits are in the order of the file; fewer bits are a stream of bits in either.
        let big = base.clone().big().with(278, 3, 10).chunks(&strips, false);
        assert_near(&format!("{bits} bits"), &big.file(), &expected, 1e-6);
        if bits < 16 {
            let little = base.clone().with(278, 3, 10).chunks(&strips, false);
            assert_near(&format!("{bits} bits"), &little.file(), &expected, 1e-6);
        }
        let white = base
            .clone()
            .big()
            .with(262, 3, 0)
            .with(278, 3, 10)
            .chunks(&strips, false);
        let inverted: Vec<_> = expected.iter().map(|level| 1.0 - level).collect();
        assert_near("white is zero", &white.file(), &inverted, 1e-6);
        if bits > 8 {
            let words: Vec<u8> = levels
                .iter()
                .flat_map(|&level| (level as u16).to_be_bytes())
                .collect();
            let of_tiles: Vec<_> = tiles(&words, 2, 32)
                .iter()
                .map(|tile| {
                    let levels: Vec<_> = tile
                        .chunks_exact(2)
                        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]))
                        .collect();
                    deflated(&packed(&levels, 32, bits))
                })
                .collect();
            let tiff = tiled(base.big().with(259, 3, 8), &of_tiles, 32);
            assert_near(
                &format!("{bits} bits in tiles"),
                &tiff.file(),
                &expected,
                1e-6,
            );
        }
    }
}

#[test]
fn planes_and_tiles_in_every_combination() {
    let channels = [7, 11, 13].map(|step| {
        (0..WIDTH * HEIGHT)
            .map(|index| (index * step % 256) as u8)
            .collect::<Vec<_>>()
    });
    let together: Vec<u8> = (0..(WIDTH * HEIGHT) as usize)
        .flat_map(|at| [channels[0][at], channels[1][at], channels[2][at]])
        .collect();
    let expected: Vec<f32> = together
        .chunks_exact(3)
        .map(|p| {
            (0.299 * f32::from(p[0]) + 0.587 * f32::from(p[1]) + 0.114 * f32::from(p[2])) / 255.0
        })
        .collect();
    let colour = || Tiff::colour(WIDTH, HEIGHT, 2, Vec::new());
    let of_planes = |side| {
        channels
            .iter()
            .flat_map(|plane| tiles(plane, 1, side))
            .collect::<Vec<_>>()
    };
    for side in [16, 64, 96] {
        let tiff = tiled(colour().with(284, 3, 2), &of_planes(side as usize), side);
        assert_near("tiles in planes", &tiff.file(), &expected, 2e-6);
        let packed: Vec<_> = of_planes(side as usize)
            .iter()
            .map(|tile| lzw(tile))
            .collect();
        let tiff = tiled(
            colour().big().with(284, 3, 2).with(259, 3, 5),
            &packed,
            side,
        );
        assert_near("packed tiles in planes", &tiff.file(), &expected, 2e-6);
        let tiff = tiled(colour(), &tiles(&together, 3, side as usize), side);
        assert_near("tiles", &tiff.file(), &expected, 2e-6);
    }
    let strips: Vec<_> = channels
        .iter()
        .flat_map(|plane| plane.chunks(WIDTH as usize * 20).map(<[u8]>::to_vec))
        .collect();
    let tiff = colour()
        .with(284, 3, 2)
        .with(278, 3, 20)
        .chunks(&strips, false);
    assert_near("strips in planes", &tiff.file(), &expected, 2e-6);
}

#[test]
fn a_plane_that_is_no_colour_may_be_missing() {
    let levels = ramp(255);
    let plane = deflated(&bytes(&levels));
    let length = plane.len() as u32;
    let tiff = Tiff::grey(WIDTH, HEIGHT, 8, plane)
        .with_all(258, 3, &[8, 8])
        .with(277, 3, 2)
        .with(338, 3, 0)
        .with(284, 3, 2)
        .with(259, 3, 8)
        .with_all(273, 4, &[8, 0])
        .with_all(279, 4, &[length, 0]);
    assert_near(
        "one plane of two",
        &tiff.file(),
        &shares(&levels, 255),
        1e-6,
    );
}

#[test]
fn predicted_samples_of_8_16_and_32_bits() {
    let levels = ramp(65535);
    let differences = |each: usize, big: bool| -> Vec<u8> {
        let mut out = Vec::new();
        for row in levels.chunks_exact(WIDTH as usize) {
            let mut before = 0_u32;
            for &level in row {
                let value = if each == 1 { level & 255 } else { level };
                let difference = value.wrapping_sub(before);
                before = value;
                let bytes = difference.to_le_bytes();
                let mut bytes = bytes[..each].to_vec();
                if big {
                    bytes.reverse();
                }
                out.extend(bytes);
            }
        }
        out
    };
    let low: Vec<_> = levels.iter().map(|level| level & 255).collect();
    for (bits, expected) in [(8, shares(&low, 255)), (16, shares(&levels, 65535))] {
        for big in [false, true] {
            let data = deflated(&differences(bits as usize / 8, big));
            let mut tiff = Tiff::grey(WIDTH, HEIGHT, bits, data)
                .with(259, 3, 8)
                .with(317, 3, 2);
            tiff.big = big;
            assert_near(&format!("{bits} bits"), &tiff.file(), &expected, 1e-6);
        }
    }
    // Fractions, their bytes apart and predicted each from the one before.
    let expected = shares(&levels, 65535);
    let mut data = Vec::new();
    for row in expected.chunks_exact(WIDTH as usize) {
        let bytes: Vec<_> = row.iter().map(|value| value.to_be_bytes()).collect();
        let planes: Vec<u8> = (0..4)
            .flat_map(|at| bytes.iter().map(move |value| value[at]))
            .collect();
        let mut before = 0_u8;
        for byte in planes {
            data.push(byte.wrapping_sub(before));
            before = byte;
        }
    }
    let tiff = Tiff::grey(WIDTH, HEIGHT, 32, lzw(&data))
        .with(259, 3, 5)
        .with(317, 3, 3)
        .with(339, 3, 3);
    assert_near("fractions", &tiff.file(), &expected, 1e-6);
    assert_near("fractions", &tiff.big().file(), &expected, 1e-6);
}

#[test]
fn palettes_of_any_depth_and_of_8_bits() {
    for bits in [1, 2, 4, 8, 16_u32] {
        let most = (1_u32 << bits.min(8)) - 1;
        let levels = ramp(most);
        let count = 1_u32 << bits;
        // From white to black.
        let entry = |index: u32| 65535 - (index.min(most) * 65535 / most);
        let map: Vec<u32> = (0..3).flat_map(|_| (0..count).map(entry)).collect();
        let expected: Vec<f32> = levels
            .iter()
            .map(|&level| entry(level) as f32 / 65535.0)
            .collect();
        let tiff = Tiff::grey(WIDTH, HEIGHT, bits, packed(&levels, WIDTH, bits))
            .big()
            .with(262, 3, 3)
            .with_all(320, 3, &map);
        assert_near(&format!("{bits} bits"), &tiff.file(), &expected, 1e-5);
        // 8 bits where 16 belong.
        let narrow: Vec<u32> = map.iter().map(|level| level >> 8).collect();
        let tiff = tiff.with_all(320, 3, &narrow);
        assert_near(
            &format!("{bits} bits, narrow"),
            &tiff.file(),
            &expected,
            0.004,
        );
    }
}

#[test]
fn false_colour_is_undone_from_a_palette_and_from_planes() {
    let chest = chest(WIDTH);
    let rgb = phantom::viridis_rgb8(&chest);
    let planes: Vec<Vec<u8>> = (0..3)
        .map(|channel| rgb.iter().skip(channel).step_by(3).copied().collect())
        .collect();
    let tiff = Tiff::colour(WIDTH, WIDTH, 2, Vec::new())
        .with(284, 3, 2)
        .chunks(&planes, false);
    let decoded = decode(&tiff.file());
    assert!(decoded.source().false_colour);
    assert_eq!(
        levels(&decoded),
        levels(&decode(&phantom::viridis_png(&chest).unwrap()))
    );
}

/// Luminance and chroma of a coloured chest, chroma the same in blocks of 4 x 4.
fn ycc() -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let luminance = (0..WIDTH * HEIGHT)
        .map(|at| (40 + (at % WIDTH * 2 + at / WIDTH) % 170) as u8)
        .collect();
    let chroma = |step: u32| {
        let block = move |at: u32| at % WIDTH / 4 + at / WIDTH / 4;
        (0..WIDTH * HEIGHT)
            .map(|at| (118 + block(at) * step % 20) as u8)
            .collect()
    };
    (luminance, chroma(3), chroma(7))
}

#[test]
fn luminance_and_chroma_sampled_alike_and_less_often() {
    let (y, cb, cr) = ycc();
    let expected: Vec<f32> = y.iter().map(|&level| f32::from(level) / 255.0).collect();
    let at = |x: u32, y: u32| (y.min(HEIGHT - 1) * WIDTH + x.min(WIDTH - 1)) as usize;
    for (across, down) in [(1, 1), (2, 1), (2, 2), (4, 2), (4, 4), (1, 2)] {
        let strips: Vec<Vec<u8>> = (0..HEIGHT)
            .step_by(24)
            .map(|top| {
                let mut strip = Vec::new();
                for row in (top..(top + 24).min(HEIGHT)).step_by(down as usize) {
                    for column in (0..WIDTH).step_by(across as usize) {
                        for inner in 0..across * down {
                            strip.push(y[at(column + inner % across, row + inner / across)]);
                        }
                        strip.push(cb[at(column, row)]);
                        strip.push(cr[at(column, row)]);
                    }
                }
                strip
            })
            .collect();
        let base = Tiff::colour(WIDTH, HEIGHT, 6, Vec::new())
            .with_all(530, 3, &[across, down])
            .with(278, 3, 24);
        // Rounding to 8 bits of each colour.
        assert_near(
            &format!("{across} x {down}"),
            &base.clone().chunks(&strips, false).file(),
            &expected,
            0.005,
        );
        let packed: Vec<_> = strips.iter().map(|strip| lzw(strip)).collect();
        let tiff = base.big().with(259, 3, 5).chunks(&packed, false);
        assert_near(
            &format!("{across} x {down}, LZW"),
            &tiff.file(),
            &expected,
            0.005,
        );
    }
}

#[test]
fn luminance_of_16_to_235_is_stretched() {
    let levels: Vec<u8> = (0..WIDTH * HEIGHT)
        .map(|at| 16 + (at * 7 % 220) as u8)
        .collect();
    let data = levels.iter().flat_map(|&level| [level, 128, 128]).collect();
    let mut tiff = Tiff::colour(WIDTH, HEIGHT, 6, data).with_all(530, 3, &[1, 1]);
    // Fractions, as pairs of longs.
    let range = [16, 1, 235, 1, 128, 1, 240, 1, 128, 1, 240, 1];
    tiff.entries.push((532, 5, range.to_vec()));
    let mut file = tiff.file();
    // A fraction counts as one value, not as two.
    let entry = file
        .windows(4)
        .rposition(|part| part == [0x14, 2, 5, 0])
        .unwrap();
    file[entry + 4] = 6;
    let expected: Vec<f32> = levels
        .iter()
        .map(|&level| (f32::from(level) - 16.0) / 219.0)
        .collect();
    assert_near("16 to 235", &file, &expected, 0.005);
}

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
