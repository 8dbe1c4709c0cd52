//! Viridis is recognised and undone, and nothing else is taken for it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod common;

use common::{chest, decode, jpeg_rgb, levels, viridis_jpeg_420};
use radiograph::Radiograph;
use radiograph::phantom::{self, Pattern};

/// Mean difference of two radiographs in levels of 255.
fn off(decoded: &Radiograph, original: &Radiograph) -> f32 {
    let sum: f32 = decoded
        .luma()
        .iter()
        .zip(original.luma())
        .map(|(a, b)| (a - b).abs())
        .sum();
    sum / original.luma().len() as f32 * 255.0
}

#[test]
fn viridis_without_loss_is_undone_exactly() {
    let chest = chest(96);
    let ramp = (0..256 * 64).map(|pixel| (pixel % 256) as f32 / 255.0);
    let ramp = Radiograph::from_luma(256, 64, ramp.collect()).unwrap();
    for original in [chest, ramp] {
        let decoded = decode(&phantom::viridis_png(&original).unwrap());
        assert!(decoded.source().false_colour);
        for (found, expected) in levels(&decoded).into_iter().zip(levels(&original)) {
            // In 8 bits a few neighbouring entries of viridis are the same colour.
            let same = found.abs_diff(expected) == 1 && viridis(found) == viridis(expected);
            assert!(found == expected || same, "{found} instead of {expected}");
        }
    }
}

/// The colour of a level in viridis.
fn viridis(level: u8) -> Vec<u8> {
    phantom::viridis_rgb8(&Radiograph::from_luma(1, 1, vec![f32::from(level) / 255.0]).unwrap())
}

#[test]
fn viridis_jpeg_is_undone_nearly() {
    for pattern in Pattern::ALL {
        for seed in 0..4 {
            let chest = phantom::phantom(pattern, seed, 299);
            // In levels of 255. Most of it is the noise of the picture, which JPEG does not keep in grey either.
            for (quality, most) in [(50, 4.0), (75, 3.0), (90, 2.2), (95, 1.7)] {
                for file in [
                    viridis_jpeg_420(&chest, quality),
                    phantom::viridis_jpeg(&chest, quality).unwrap(),
                ] {
                    let decoded = decode(&file);
                    assert!(
                        decoded.source().false_colour,
                        "{pattern:?} {seed} quality {quality}"
                    );
                    let off = off(&decoded, &chest);
                    assert!(off < most, "{pattern:?} {seed} quality {quality}: {off}");
                }
            }
        }
    }
}

#[test]
fn grey_is_not_false_colour_in_whatever_it_is_written() {
    for (what, file) in common::files(128) {
        assert_eq!(
            decode(&file).source().false_colour,
            what.contains("viridis"),
            "{what}"
        );
    }
    let rgb: Vec<u8> = levels(&chest(128))
        .iter()
        .flat_map(|&level| [level; 3])
        .collect();
    assert!(!decode(&jpeg_rgb(&rgb, 128, 128, 60)).source().false_colour);
}

#[test]
fn other_colours_are_not_false_colour() {
    let chest = chest(128);
    let with = |colour: fn(u8) -> [u8; 3]| {
        jpeg_rgb(
            &levels(&chest)
                .into_iter()
                .flat_map(colour)
                .collect::<Vec<_>>(),
            128,
            128,
            85,
        )
    };
    for (what, file) in [
        (
            "blue film",
            with(|l| [l / 2, (u16::from(l) * 2 / 3) as u8, l]),
        ),
        (
            "sepia",
            with(|l| {
                [
                    l,
                    (u16::from(l) * 4 / 5) as u8,
                    (u16::from(l) * 3 / 5) as u8,
                ]
            }),
        ),
        ("green screen", with(|l| [0, l, 0])),
        (
            "jet",
            with(|l| {
                [
                    l.saturating_sub(127).saturating_mul(2),
                    255 - l.abs_diff(127).saturating_mul(2),
                    127_u8.saturating_sub(l).saturating_mul(2),
                ]
            }),
        ),
        (
            "hot iron",
            with(|l| {
                [
                    l.saturating_mul(3),
                    l.saturating_sub(85).saturating_mul(3),
                    l.saturating_sub(170).saturating_mul(3),
                ]
            }),
        ),
        ("backwards", with(|l| [255 - l, 128, l])),
        (
            "teal, which viridis passes through",
            with(|l| [33, 130 + l / 16, 140]),
        ),
    ] {
        let decoded = decode(&file);
        assert!(!decoded.source().false_colour, "{what}");
        assert!(
            decoded
                .luma()
                .iter()
                .all(|value| (0.0..=1.0).contains(value)),
            "{what}"
        );
    }
}

#[test]
fn viridis_with_a_white_margin_is_still_viridis() {
    let chest = chest(200);
    let mut rgb = phantom::viridis_rgb8(&chest);
    rgb[..3 * 200 * 10].fill(255);
    let decoded = decode(&jpeg_rgb(&rgb, 200, 200, 85));
    assert!(decoded.source().false_colour);
}
