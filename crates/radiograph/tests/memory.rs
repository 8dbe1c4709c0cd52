//! Decoding the largest files that are allowed stays within 512 MB, for the whole process.
//!
//! Alone in its file, because a process has only one high-water mark.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod common;

use image::ExtendedColorType;
use radiograph::{Limits, Radiograph};

/// The most memory that this process has had in use, in bytes, where the system tells.
fn high_water() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}

#[test]
fn the_largest_images_stay_below_half_a_gigabyte() {
    if high_water().is_none() {
        eprintln!("skipped: this system does not say how much memory a process has used");
        return;
    }
    let (width, height) = (6400, 4900);
    // Written by the row, so that it is the decoder that is measured and not this test.
    let png = |color: png::ColorType, depth: png::BitDepth, width: u32, height: u32, bytes: u32| {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, width, height);
        encoder.set_color(color);
        encoder.set_depth(depth);
        let mut writer = encoder.write_header().unwrap();
        let mut stream = writer.stream_writer().unwrap();
        for row in 0..height {
            let row: Vec<u8> = (0..width * bytes).map(|at| (at ^ row) as u8).collect();
            std::io::Write::write_all(&mut stream, &row).unwrap();
        }
        stream.finish().unwrap();
        writer.finish().unwrap();
        file
    };
    for (what, file) in [
        (
            "8-bit grey",
            png(
                png::ColorType::Grayscale,
                png::BitDepth::Eight,
                width,
                height,
                1,
            ),
        ),
        (
            "16-bit grey",
            png(
                png::ColorType::Grayscale,
                png::BitDepth::Sixteen,
                width,
                height,
                2,
            ),
        ),
        (
            "colour",
            png(png::ColorType::Rgb, png::BitDepth::Eight, width, height, 3),
        ),
        (
            "16-bit colour",
            png(png::ColorType::Rgba, png::BitDepth::Sixteen, 4700, 4700, 8),
        ),
    ] {
        let result = Radiograph::decode(&file);
        assert!(result.is_ok(), "{what}: {:?}", result.err());
    }
    // Coefficients for the whole image: the most that JPEG takes.
    let grey: Vec<u8> = (0..5500_u32 * 5500).map(|at| (at >> 4) as u8).collect();
    let mut file = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut file, 60);
    encoder.set_progressive(true);
    encoder
        .encode(&grey, 5500, 5500, jpeg_encoder::ColorType::Luma)
        .unwrap();
    drop(grey);
    assert!(Radiograph::decode(&file).is_ok());
    // Lossless WebP keeps a second copy.
    let mut webp = Vec::new();
    let rgb = [[10, 200, 30], [50, 60, 70]]
        .concat()
        .repeat(4000 * 4000 / 2);
    image::ImageEncoder::write_image(
        image::codecs::webp::WebPEncoder::new_lossless(&mut webp),
        &rgb,
        4000,
        4000,
        ExtendedColorType::Rgb8,
    )
    .unwrap();
    drop(rgb);
    let result = Radiograph::decode(&webp);
    assert!(result.is_ok(), "{:?}", result.err());

    // DICOM keeps what was stored beside what is shown.
    let values = (0..5500_u32 * 5500)
        .map(|at| (at >> 4) as u16)
        .collect::<Vec<_>>();
    let file = common::dicom::DicomFile::grey(&values, 5500, 5500, 16).file();
    drop(values);
    let result = Radiograph::decode(&file);
    assert!(result.is_ok(), "{:?}", result.err());
    drop((file, result));

    let peak = high_water().unwrap();
    eprintln!("high-water mark: {} MB", peak / 1_000_000);
    // The encoders above are in it; the project's limit is 512 MB for the whole process.
    assert!(peak < 512 * 1_000_000, "{peak} bytes");
    assert!(Limits::default().max_decoded_bytes + Limits::default().max_bytes < 400_000_000);
}
