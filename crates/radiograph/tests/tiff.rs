//! TIFF in the variants that scanners, detectors and image programs write: each the brightness that was put into it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod common;

use common::tiff::*;
use common::{Tiff, chest, decode, levels};
use radiograph::phantom;

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
