//! Every format, depth, channel layout and orientation decodes to the brightness that was put into it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod common;

use std::io::Cursor;

use common::{Tiff, chest, decode, levels};
use image::metadata::Orientation;
use image::{DynamicImage, ExtendedColorType, ImageEncoder};
use radiograph::phantom;
use radiograph::{Format, Radiograph};

const SIDE: u32 = 48;

fn of8(levels: &[u8]) -> Vec<f32> {
    levels
        .iter()
        .map(|&level| f32::from(level) / 255.0)
        .collect()
}

fn of16(levels: &[u16]) -> Vec<f32> {
    levels
        .iter()
        .map(|&level| f32::from(level) / 65535.0)
        .collect()
}

fn write(raw: &[u8], color: ExtendedColorType, format: image::ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    image::write_buffer_with_format(&mut file, raw, SIDE, SIDE, color, format).unwrap();
    file.into_inner()
}

fn words(levels: &[u16]) -> Vec<u8> {
    levels
        .iter()
        .flat_map(|level| level.to_ne_bytes())
        .collect()
}

/// A ramp that uses all levels, in no order that hides a transposition.
fn ramp8() -> Vec<u8> {
    (0..SIDE * SIDE)
        .map(|index| (index * 7 % 256) as u8)
        .collect()
}

fn ramp16() -> Vec<u16> {
    (0..SIDE * SIDE)
        .map(|index| (index * 6007 % 65536) as u16)
        .collect()
}

#[test]
fn lossless_8_bit_grey_is_exact_in_every_format() {
    let chest = chest(SIDE);
    let expected = of8(&levels(&chest));
    for (format, file) in [
        (Format::Png, phantom::png8(&chest).unwrap()),
        (Format::Bmp, phantom::bmp(&chest).unwrap()),
        (Format::WebP, phantom::webp(&chest).unwrap()),
        (Format::Gif, phantom::gif(&chest).unwrap()),
        (Format::Tiff, phantom::tiff8(&chest).unwrap()),
    ] {
        let decoded = decode(&file);
        assert_eq!(decoded.luma(), expected, "{format}");
        assert_eq!(
            (decoded.width(), decoded.height()),
            (SIDE, SIDE),
            "{format}"
        );
        assert_eq!(
            (
                decoded.source().format,
                decoded.source().bits,
                decoded.source().false_colour
            ),
            (format, 8, false)
        );
    }
}

#[test]
fn sixteen_bit_grey_keeps_every_bit() {
    let expected = of16(&ramp16());
    for (format, file) in [
        (
            Format::Png,
            write(
                &words(&ramp16()),
                ExtendedColorType::L16,
                image::ImageFormat::Png,
            ),
        ),
        (
            Format::Tiff,
            write(
                &words(&ramp16()),
                ExtendedColorType::L16,
                image::ImageFormat::Tiff,
            ),
        ),
    ] {
        let decoded = decode(&file);
        assert_eq!(decoded.luma(), expected, "{format}");
        assert_eq!(decoded.source().bits, 16, "{format}");
    }
}

#[test]
fn ten_bits_stored_in_sixteen_are_neither_stretched_nor_blank() {
    let low: Vec<u16> = ramp16().iter().map(|level| level >> 6).collect();
    let decoded = decode(&write(
        &words(&low),
        ExtendedColorType::L16,
        image::ImageFormat::Png,
    ));
    assert_eq!(decoded.luma(), of16(&low));
}

#[test]
fn equal_channels_are_exactly_grey_and_others_are_rec_601() {
    let rgb: Vec<u8> = ramp8().iter().flat_map(|&level| [level; 3]).collect();
    assert_eq!(
        decode(&write(
            &rgb,
            ExtendedColorType::Rgb8,
            image::ImageFormat::Png
        ))
        .luma(),
        of8(&ramp8())
    );
    let rgb: Vec<u16> = ramp16().iter().flat_map(|&level| [level; 3]).collect();
    assert_eq!(
        decode(&write(
            &words(&rgb),
            ExtendedColorType::Rgb16,
            image::ImageFormat::Png
        ))
        .luma(),
        of16(&ramp16())
    );

    let mut colours = vec![0; (SIDE * SIDE * 3) as usize];
    colours[..12].copy_from_slice(&[255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255]);
    let decoded = decode(&write(
        &colours,
        ExtendedColorType::Rgb8,
        image::ImageFormat::Png,
    ));
    assert_eq!(decoded.luma()[..5], [0.299, 0.587, 0.114, 1.0, 0.0]);
}

#[test]
fn transparency_is_composited_over_black() {
    let alpha = |index: usize| [255_u8, 0, 51, 128][index % 4];
    let expected: Vec<f32> = ramp8()
        .iter()
        .enumerate()
        .map(|(i, &level)| f32::from(level) / 255.0 * (f32::from(alpha(i)) / 255.0))
        .collect();
    let grey: Vec<u8> = ramp8()
        .iter()
        .enumerate()
        .flat_map(|(i, &level)| [level, alpha(i)])
        .collect();
    let colour: Vec<u8> = ramp8()
        .iter()
        .enumerate()
        .flat_map(|(i, &level)| [level, level, level, alpha(i)])
        .collect();
    let wide = |narrow: &[u8]| {
        words(
            &narrow
                .iter()
                .map(|&level| u16::from(level) * 257)
                .collect::<Vec<_>>(),
        )
    };
    for (what, file) in [
        (
            "grey 8",
            write(&grey, ExtendedColorType::La8, image::ImageFormat::Png),
        ),
        (
            "grey 16",
            write(
                &wide(&grey),
                ExtendedColorType::La16,
                image::ImageFormat::Png,
            ),
        ),
        (
            "colour 8",
            write(&colour, ExtendedColorType::Rgba8, image::ImageFormat::Png),
        ),
        (
            "colour 16",
            write(
                &wide(&colour),
                ExtendedColorType::Rgba16,
                image::ImageFormat::Png,
            ),
        ),
        (
            "webp",
            write(&colour, ExtendedColorType::Rgba8, image::ImageFormat::WebP),
        ),
        (
            "tiff 8",
            write(&colour, ExtendedColorType::Rgba8, image::ImageFormat::Tiff),
        ),
        (
            "tiff 16",
            write(
                &wide(&colour),
                ExtendedColorType::Rgba16,
                image::ImageFormat::Tiff,
            ),
        ),
    ] {
        let decoded = decode(&file);
        for (found, expected) in decoded.luma().iter().zip(&expected) {
            // Two roundings of f32 in another order.
            assert!(
                (found - expected).abs() < 1e-6,
                "{what}: {found} instead of {expected}"
            );
        }
    }
}

#[test]
fn few_bits_and_palettes() {
    let side = 32_u32;
    for (depth, bits) in [
        (png::BitDepth::One, 1),
        (png::BitDepth::Two, 2),
        (png::BitDepth::Four, 4),
        (png::BitDepth::Eight, 8),
    ] {
        let most = (1_u32 << bits) - 1;
        let index = |pixel: u32| (pixel * 5 + pixel / side) % (most + 1);
        let packed: Vec<u8> = (0..side)
            .flat_map(|row| (0..side * bits / 8).map(move |byte| (row, byte)))
            .map(|(row, byte)| {
                (0..8 / bits).fold(0, |bits_so_far, at| {
                    bits_so_far << bits | index(row * side + byte * 8 / bits + at)
                }) as u8
            })
            .collect();
        // A palette that runs backwards, its first colour half transparent.
        let palette: Vec<u8> = (0..=most)
            .flat_map(|entry| [(255 - entry * 255 / most) as u8; 3])
            .collect();
        for indexed in [false, true] {
            let mut file = Vec::new();
            let mut encoder = png::Encoder::new(&mut file, side, side);
            encoder.set_depth(depth);
            encoder.set_color(if indexed {
                png::ColorType::Indexed
            } else {
                png::ColorType::Grayscale
            });
            if indexed {
                encoder.set_palette(palette.clone());
                encoder.set_trns(vec![51]);
            }
            encoder
                .write_header()
                .unwrap()
                .write_image_data(&packed)
                .unwrap();
            let decoded = decode(&file);
            for (pixel, &found) in decoded.luma().iter().enumerate() {
                let index = index(pixel as u32);
                let expected = match (indexed, index) {
                    (false, _) => index as f32 / most as f32,
                    (true, 0) => 0.2,
                    (true, _) => f32::from(palette[3 * index as usize]) / 255.0,
                };
                assert!(
                    (found - expected).abs() < 1e-6,
                    "{bits} bits, indexed {indexed}: {found} instead of {expected}"
                );
            }
            assert_eq!(decoded.source().bits, 8);
        }
    }
}

#[test]
fn jpeg_of_every_kind_is_near() {
    let chest = chest(SIDE);
    let rgb: Vec<u8> = levels(&chest)
        .iter()
        .flat_map(|&level| [level; 3])
        .collect();
    let mut cmyk = Vec::new();
    let inverted: Vec<u8> = levels(&chest)
        .iter()
        .flat_map(|&level| [255 - level, 255 - level, 255 - level, 0])
        .collect();
    jpeg_encoder::Encoder::new(&mut cmyk, 90)
        .encode(
            &inverted,
            SIDE as u16,
            SIDE as u16,
            jpeg_encoder::ColorType::Cmyk,
        )
        .unwrap();
    for (what, file) in [
        ("grey", phantom::jpeg(&chest, 90).unwrap()),
        ("progressive", common::progressive_jpeg(&chest)),
        (
            "colour, chroma at half resolution",
            common::jpeg_rgb(&rgb, SIDE, SIDE, 90),
        ),
        (
            "colour",
            write(&rgb, ExtendedColorType::Rgb8, image::ImageFormat::Jpeg),
        ),
        ("CMYK", cmyk),
    ] {
        let decoded = decode(&file);
        let error: f32 = decoded
            .luma()
            .iter()
            .zip(chest.luma())
            .map(|(a, b)| (a - b).abs())
            .sum::<f32>()
            / decoded.luma().len() as f32;
        // A few levels of 255 on average: the noise of the phantom is what JPEG does not keep, `image` at its default of 75.
        assert!(error < 5.0 / 255.0, "{what}: {error}");
        assert!(!decoded.source().false_colour, "{what}");
    }
}

/// What `image`, which is independent of our own turning, makes of an orientation.
fn turned(stored: &[u8], width: u32, height: u32, orientation: u8) -> (u32, u32, Vec<f32>) {
    let mut image = DynamicImage::ImageLuma8(
        image::GrayImage::from_raw(width, height, stored.to_vec()).unwrap(),
    );
    image.apply_orientation(Orientation::from_exif(orientation).unwrap());
    (
        image.width(),
        image.height(),
        of8(image.as_luma8().unwrap()),
    )
}

fn exif(orientation: u8, little: bool) -> Vec<u8> {
    if little {
        [
            b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".as_slice(),
            &[orientation, 0, 0, 0, 0, 0, 0, 0],
        ]
        .concat()
    } else {
        [
            b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01".as_slice(),
            &[0, orientation, 0, 0, 0, 0, 0, 0],
        ]
        .concat()
    }
}

#[test]
fn all_eight_orientations_are_applied_in_every_format_that_has_them() {
    // Not square, so that a forgotten swap of the sides shows.
    let (width, height) = (40, 56);
    let stored: Vec<u8> = (0..width * height)
        .map(|index| (index * 7 % 256) as u8)
        .collect();
    for orientation in 1..=8 {
        let expected = turned(&stored, width, height, orientation);

        let mut png = Vec::new();
        let mut encoder = image::codecs::png::PngEncoder::new(&mut png);
        encoder.set_exif_metadata(exif(orientation, true)).unwrap();
        encoder
            .write_image(&stored, width, height, ExtendedColorType::L8)
            .unwrap();

        let mut webp = Vec::new();
        let mut encoder = image::codecs::webp::WebPEncoder::new_lossless(&mut webp);
        encoder.set_exif_metadata(exif(orientation, false)).unwrap();
        encoder
            .write_image(&stored, width, height, ExtendedColorType::L8)
            .unwrap();

        let tiff = Tiff::grey(width, height, 8, stored.clone())
            .with(274, 3, u32::from(orientation))
            .file();

        for (what, file) in [("PNG", png), ("WebP", webp), ("TIFF", tiff)] {
            let decoded = decode(&file);
            assert_eq!(
                (decoded.width(), decoded.height()),
                (expected.0, expected.1),
                "{what} {orientation}"
            );
            assert_eq!(decoded.luma(), expected.2, "{what} {orientation}");
            assert_eq!(decoded.source().orientation, orientation, "{what}");
        }

        // JPEG is not exact: against the same file without orientation, turned.
        let chest = chest(SIDE);
        let upright = decode(&phantom::jpeg(&chest, 90).unwrap());
        let expected = turned(&levels(&upright), SIDE, SIDE, orientation);
        assert_eq!(
            decode(&phantom::jpeg_turned(&chest, 90, orientation).unwrap()).luma(),
            expected.2,
            "JPEG {orientation}"
        );
    }
}

#[test]
fn a_broken_orientation_is_upright() {
    for orientation in [0, 9, 255] {
        let file = phantom::jpeg_turned(&chest(SIDE), 90, orientation).unwrap();
        assert_eq!(decode(&file).source().orientation, 1);
    }
}

#[test]
fn tiff_in_the_variants_that_devices_write() {
    let pixels = (SIDE * SIDE) as usize;
    let ramp = ramp8();
    let fine: Vec<u8> = ramp16()
        .iter()
        .flat_map(|level| level.to_le_bytes())
        .collect();
    let floats = |unit: f32| -> Vec<u8> {
        ramp16()
            .iter()
            .flat_map(|&level| (f32::from(level) / 65535.0 * unit).to_le_bytes())
            .collect()
    };
    let nibbles: Vec<u8> = ramp
        .chunks_exact(2)
        .map(|pair| pair[0] & 0xf0 | pair[1] >> 4)
        .collect();
    let of_nibbles: Vec<f32> = ramp
        .iter()
        .map(|&level| f32::from(level >> 4) / 15.0)
        .collect();
    let signed: Vec<u8> = ramp16()
        .iter()
        .flat_map(|&level| level.wrapping_sub(32768).to_le_bytes())
        .collect();
    let with_alpha: Vec<u8> = ramp.iter().flat_map(|&level| [level, 51]).collect();
    let faint: Vec<f32> = ramp
        .iter()
        .map(|&level| f32::from(level) / 255.0 * 0.2)
        .collect();

    let gray = |bits, data| Tiff::grey(SIDE, SIDE, bits, data);
    for (what, tiff, expected) in [
        ("8 bits", gray(8, ramp.clone()), of8(&ramp)),
        ("16 bits", gray(16, fine.clone()), of16(&ramp16())),
        ("4 bits", gray(4, nibbles), of_nibbles),
        (
            "white is zero",
            gray(8, ramp.iter().map(|level| 255 - level).collect()).with(262, 3, 0),
            of8(&ramp),
        ),
        ("signed", gray(16, signed).with(339, 3, 2), of16(&ramp16())),
        (
            "floats of 0..1",
            gray(32, floats(1.0)).with(339, 3, 3),
            of16(&ramp16()),
        ),
        (
            "floats of 0..4000",
            gray(32, floats(4000.0)).with(339, 3, 3),
            of16(&ramp16()),
        ),
        (
            "alpha",
            gray(8, with_alpha.clone()).with(277, 3, 2).with(338, 3, 2),
            faint,
        ),
        (
            "alpha that is multiplied already",
            gray(8, with_alpha).with(277, 3, 2).with(338, 3, 1),
            of8(&ramp),
        ),
    ] {
        let decoded = decode(&tiff.file());
        let worst = decoded
            .luma()
            .iter()
            .zip(&expected)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        let range = expected.iter().copied().fold(0.0, f32::max);
        // Floats of another unit are stretched to 0..1 from the smallest and largest there are, which are not quite 0 and 65535 here.
        assert!(
            worst
                < if what == "floats of 0..4000" {
                    4e-4
                } else {
                    1e-6
                },
            "{what}: off by {worst} of {range}"
        );
        assert_eq!(decoded.luma().len(), pixels);
    }
}

#[test]
fn tiff_colours_interleaved_and_in_planes_are_the_same() {
    let pixels = SIDE * SIDE;
    let channels: [Vec<u8>; 3] = [7, 11, 13].map(|step| {
        (0..pixels)
            .map(|index| (index * step % 256) as u8)
            .collect()
    });
    let interleaved: Vec<u8> = (0..pixels as usize)
        .flat_map(|pixel| [channels[0][pixel], channels[1][pixel], channels[2][pixel]])
        .collect();
    let colour = |data| {
        Tiff::grey(SIDE, SIDE, 8, data)
            .with_all(258, 3, &[8; 3])
            .with(262, 3, 2)
            .with(277, 3, 3)
    };
    let planes = colour(channels.concat())
        .with(284, 3, 2)
        .with_all(273, 4, &[8, 8 + pixels, 8 + 2 * pixels])
        .with_all(279, 4, &[pixels; 3]);
    let reference = decode(&write(
        &interleaved,
        ExtendedColorType::Rgb8,
        image::ImageFormat::Png,
    ));
    for (what, tiff) in [("interleaved", colour(interleaved)), ("planes", planes)] {
        for (found, expected) in decode(&tiff.file()).luma().iter().zip(reference.luma()) {
            // One rounds after adding, the other before.
            assert!((found - expected).abs() < 1e-6, "{what}");
        }
    }
}

#[test]
fn what_is_not_a_number_is_black() {
    let mut data: Vec<u8> = ramp16()
        .iter()
        .flat_map(|&level| f32::from(level).to_le_bytes())
        .collect();
    data[..12].copy_from_slice(
        &[f32::NAN, f32::INFINITY, f32::NEG_INFINITY]
            .map(f32::to_le_bytes)
            .concat(),
    );
    let decoded = decode(&Tiff::grey(SIDE, SIDE, 32, data).with(339, 3, 3).file());
    assert_eq!(decoded.luma()[..3], [0.0, 1.0, 0.0]);
    assert!(
        decoded
            .luma()
            .iter()
            .all(|value| (0.0..=1.0).contains(value))
    );
}

#[test]
fn the_first_picture_of_an_animation_is_taken() {
    let first = chest(SIDE);
    let second = phantom::phantom(phantom::Pattern::Diffuse, 3, SIDE);
    let mut file = Vec::new();
    let mut encoder = image::codecs::gif::GifEncoder::new(&mut file);
    for radiograph in [&first, &second] {
        let rgb: Vec<u8> = levels(radiograph)
            .iter()
            .flat_map(|&level| [level; 3])
            .collect();
        encoder
            .encode(&rgb, SIDE, SIDE, ExtendedColorType::Rgb8)
            .unwrap();
    }
    drop(encoder);
    assert_eq!(levels(&decode(&file)), levels(&first));
}

#[test]
fn a_canvas_gets_opaque_grey() {
    let chest = chest(SIDE);
    let rgba = chest.to_rgba8();
    assert_eq!(rgba.len(), (SIDE * SIDE * 4) as usize);
    for (pixel, &value) in rgba.chunks_exact(4).zip(chest.luma()) {
        assert!(pixel[0] == pixel[1] && pixel[1] == pixel[2] && pixel[3] == 255);
        assert!((f32::from(pixel[0]) / 255.0 - value).abs() <= 0.5 / 255.0 + 1e-6);
    }
}

#[test]
fn values_in_memory_are_taken_as_they_are() {
    let radiograph = Radiograph::from_luma(2, 1, vec![-1.0, 2.0]).unwrap();
    assert_eq!(radiograph.luma(), [0.0, 1.0]);
    assert_eq!(
        serde_json::to_string(radiograph.source()).unwrap(),
        r#"{"format":"luma","bits":32,"false_colour":false,"orientation":1}"#
    );
    for bad in [
        Radiograph::from_luma(2, 2, vec![0.0; 3]),
        Radiograph::from_luma(0, 2, vec![]),
        Radiograph::from_luma(1, 1, vec![f32::NAN]),
    ] {
        assert_eq!(bad.unwrap_err().code(), "bad-luma");
    }
}

#[test]
fn a_picture_is_bounded_and_uses_the_whole_range() {
    let dim: Vec<f32> = (0..3000u32 * 40)
        .map(|i| (i % 3000) as f32 / 3000.0 / 16.0)
        .collect();
    let radiograph = Radiograph::from_luma(3000, 40, dim).unwrap();
    let picture = radiograph.picture(600).unwrap();
    assert_eq!((picture.width(), picture.height()), (600, 8));
    let luma = picture.luma();
    assert!(luma[0] == 0.0 && (luma[599] - 1.0).abs() < 1e-6);
    // Not enlarged.
    let same = radiograph.picture(4000).unwrap();
    assert_eq!((same.width(), same.height()), (3000, 40));
}
