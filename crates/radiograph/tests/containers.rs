//! PNG, WebP, BMP and GIF as careless programs leave them: what is intact is read, and what is not says what it lacks.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod common;

use common::{chest, decode, levels};
use image::{ExtendedColorType, ImageEncoder};
use radiograph::{Radiograph, phantom};

const WIDTH: u32 = 40;
const HEIGHT: u32 = 56;

/// Levels in no order that hides a turn.
fn ramp() -> Vec<u8> {
    (0..WIDTH * HEIGHT)
        .map(|index| (index * 7 % 256) as u8)
        .collect()
}

fn png() -> Vec<u8> {
    let mut file = Vec::new();
    image::codecs::png::PngEncoder::new(&mut file)
        .write_image(&ramp(), WIDTH, HEIGHT, ExtendedColorType::L8)
        .unwrap();
    file
}

/// EXIF with an orientation and nothing else.
fn exif(orientation: u8, little: bool, prefix: bool) -> Vec<u8> {
    let prefix: &[u8] = if prefix { b"Exif\0\0" } else { b"" };
    let exif = if little {
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
    };
    [prefix, &exif].concat()
}

fn png_chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut chunk = (body.len() as u32).to_be_bytes().to_vec();
    chunk.extend_from_slice(name);
    chunk.extend_from_slice(body);
    let sum = crc32(&chunk[4..]);
    chunk.extend_from_slice(&sum.to_be_bytes());
    chunk
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| {
            if sum & 1 == 1 {
                sum >> 1 ^ 0xedb8_8320
            } else {
                sum >> 1
            }
        })
    })
}

/// Where the first chunk of a name begins, its length included.
fn png_at(file: &[u8], name: &[u8; 4]) -> usize {
    file.windows(4).position(|part| part == name).unwrap() - 4
}

#[test]
fn png_orientation_with_and_without_a_prefix_before_and_behind_the_pixels() {
    let plain = png();
    for orientation in 1..=8 {
        for (little, prefix) in [(true, true), (false, true), (true, false)] {
            let chunk = png_chunk(b"eXIf", &exif(orientation, little, prefix));
            for place in [png_at(&plain, b"IDAT"), png_at(&plain, b"IEND")] {
                let file = [&plain[..place], &chunk, &plain[place..]].concat();
                let decoded = decode(&file);
                assert_eq!(decoded.source().orientation, orientation);
                let turned = orientation > 4;
                assert_eq!(decoded.width(), if turned { HEIGHT } else { WIDTH });
            }
        }
    }
}

#[test]
fn png_without_its_end_is_read_and_without_pixels_is_not() {
    let file = png();
    let whole = decode(&file);
    let end = png_at(&file, b"IEND");
    for length in end..file.len() {
        assert_eq!(decode(&file[..length]).luma(), whole.luma(), "{length}");
    }
    // Within the checksum of the last pixels: all of those are there.
    for length in end - 4..end {
        assert_eq!(decode(&file[..length]).luma(), whole.luma(), "{length}");
    }
    let from = png_at(&file, b"IDAT") + 8;
    for share in [0.2, 0.5, 0.8] {
        let length = from + ((end - from) as f64 * share) as usize;
        let error = Radiograph::decode(&file[..length]).unwrap_err().to_string();
        assert!(
            error.contains("it ends before its image does, of which"),
            "{error}"
        );
    }
    // Damaged, but not cut off.
    let mut damaged = file.clone();
    damaged[from + (end - from) / 2] ^= 0xff;
    let error = Radiograph::decode(&damaged).unwrap_err().to_string();
    assert!(!error.contains("ends before"), "{error}");
}

#[test]
fn an_animated_png_says_how_many_frames_it_has() {
    let plain = png();
    for frames in [1_u32, 2, 25] {
        let control = [frames.to_be_bytes(), [0; 4]].concat();
        let place = png_at(&plain, b"IDAT");
        let file = [
            &plain[..place],
            &png_chunk(b"acTL", &control),
            &plain[place..],
        ]
        .concat();
        let decoded = decode(&file);
        assert_eq!(decoded.luma(), decode(&plain).luma());
        let said: Vec<_> = decoded.cautions().iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), usize::from(frames > 1));
        assert!(
            frames == 1 || said[0].contains(&format!("{frames} images")),
            "{said:?}"
        );
    }
}

fn webp_chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut chunk = name.to_vec();
    chunk.extend_from_slice(&(body.len() as u32).to_le_bytes());
    chunk.extend_from_slice(body);
    chunk.resize(chunk.len().next_multiple_of(2), 0);
    chunk
}

fn riff(chunks: &[Vec<u8>]) -> Vec<u8> {
    let body = chunks.concat();
    let length = (body.len() as u32 + 4).to_le_bytes();
    [b"RIFF".as_slice(), &length, b"WEBP", &body].concat()
}

/// A chunk that announces others.
fn webp_head(flags: u8) -> Vec<u8> {
    let side = |side: u32| (side - 1).to_le_bytes()[..3].to_vec();
    webp_chunk(
        b"VP8X",
        &[vec![flags, 0, 0, 0], side(WIDTH), side(HEIGHT)].concat(),
    )
}

/// The chunk of a lossless picture.
fn webp_picture() -> Vec<u8> {
    let mut file = Vec::new();
    image::codecs::webp::WebPEncoder::new_lossless(&mut file)
        .write_image(&ramp(), WIDTH, HEIGHT, ExtendedColorType::L8)
        .unwrap();
    file[12..].to_vec()
}

#[test]
fn webp_orientation_with_a_prefix_announced_or_not_before_or_behind_the_picture() {
    for orientation in 1..=8 {
        for (little, prefix) in [(true, true), (false, true), (false, false)] {
            for announced in [8, 0] {
                let note = webp_chunk(b"EXIF", &exif(orientation, little, prefix));
                for order in [
                    [webp_head(announced), webp_picture(), note.clone()],
                    [webp_head(announced), note, webp_picture()],
                ] {
                    let decoded = decode(&riff(&order));
                    assert_eq!(decoded.source().orientation, orientation);
                    assert_eq!(
                        decoded.width(),
                        if orientation > 4 { HEIGHT } else { WIDTH }
                    );
                }
            }
        }
    }
}

#[test]
fn an_animated_webp_says_how_many_frames_it_has() {
    let side = |side: u32| (side - 1).to_le_bytes()[..3].to_vec();
    let frame = [
        vec![0; 6],
        side(WIDTH),
        side(HEIGHT),
        vec![100, 0, 0, 0],
        webp_picture(),
    ]
    .concat();
    for frames in [1, 3] {
        let mut chunks = vec![webp_head(2), webp_chunk(b"ANIM", &[0; 6])];
        chunks.resize(2 + frames, webp_chunk(b"ANMF", &frame));
        let decoded = decode(&riff(&chunks));
        assert_eq!(decoded.cautions().len(), usize::from(frames > 1));
        if frames > 1 {
            assert!(decoded.cautions()[0].to_string().contains("3 images"));
        }
    }
}

/// A BMP file: header of the image, masks and palette, pixels; `offset` is what the file says of where the pixels are.
fn bmp(header: &[u8], before: &[u8], pixels: &[u8], offset: Option<u32>) -> Vec<u8> {
    let from = 14 + header.len() + before.len();
    let mut file = b"BM".to_vec();
    file.extend_from_slice(&((from + pixels.len()) as u32).to_le_bytes());
    file.extend_from_slice(&[0; 4]);
    file.extend_from_slice(&offset.unwrap_or(from as u32).to_le_bytes());
    file.extend_from_slice(header);
    file.extend_from_slice(before);
    file.extend_from_slice(pixels);
    file
}

/// The header of an image, as long as `size`.
fn bmp_header(size: u32, height: i32, bits: u16, compression: u32) -> Vec<u8> {
    if size == 12 {
        let sides = [
            (WIDTH as u16).to_le_bytes(),
            (height as u16).to_le_bytes(),
            1_u16.to_le_bytes(),
            bits.to_le_bytes(),
        ];
        return [size.to_le_bytes().to_vec(), sides.concat()].concat();
    }
    let mut header = size.to_le_bytes().to_vec();
    header.extend_from_slice(&WIDTH.to_le_bytes());
    header.extend_from_slice(&height.to_le_bytes());
    header.extend_from_slice(&1_u16.to_le_bytes());
    header.extend_from_slice(&bits.to_le_bytes());
    header.extend_from_slice(&compression.to_le_bytes());
    header.resize(size as usize, 0);
    header
}

#[test]
fn a_bmp_whose_offset_forgets_its_palette() {
    for (size, bits) in [
        (40, 8),
        (40, 4),
        (40, 1),
        (108, 8),
        (124, 8),
        (12, 8),
        (12, 4),
    ] {
        let most = (1_u32 << bits) - 1;
        let entry = |index: u32| (255 - index * 255 / most) as u8;
        let each = if size == 12 { 3 } else { 4 };
        let palette: Vec<u8> = (0..=most)
            .flat_map(|index| vec![entry(index); each])
            .collect();
        let row = (WIDTH * bits).div_ceil(32) * 4;
        let pixels: Vec<u8> = (0..HEIGHT * row).map(|at| (at * 37 % 251) as u8).collect();
        for height in [HEIGHT as i32, -(HEIGHT as i32)] {
            if size == 12 && height < 0 {
                continue;
            }
            let header = bmp_header(size, height, bits as u16, 0);
            let right = decode(&bmp(&header, &palette, &pixels, None));
            for offset in [14 + size, 0, 54, u32::MAX] {
                let file = bmp(&header, &palette, &pixels, Some(offset));
                let decoded = decode(&file);
                assert_eq!(
                    decoded.luma(),
                    right.luma(),
                    "{size} {bits} {height} {offset}"
                );
            }
            let filling = (row - (WIDTH * bits).div_ceil(8)) as usize;
            let unfilled = bmp(&header, &palette, &pixels[..pixels.len() - filling], None);
            assert_eq!(
                decode(&unfilled).luma(),
                right.luma(),
                "{size} {bits} {height}"
            );
            let cut = bmp(&header, &palette, &pixels[..pixels.len() / 2], None);
            let error = Radiograph::decode(&cut).unwrap_err().to_string();
            assert!(error.contains("of which 50% is missing"), "{error}");
        }
    }
}

#[test]
fn a_bmp_with_an_alpha_that_is_zero_everywhere_is_opaque() {
    let masks = [0x00ff_0000_u32, 0xff00, 0xff, 0xff00_0000]
        .map(u32::to_le_bytes)
        .concat();
    let masks16 = [0x7c00_u32, 0x3e0, 0x1f, 0x8000]
        .map(u32::to_le_bytes)
        .concat();
    for size in [56_u32, 108, 124] {
        let mut header = bmp_header(size, HEIGHT as i32, 32, 3);
        header[40..56].copy_from_slice(&masks);
        let colours = |alpha: u8| -> Vec<u8> {
            ramp()
                .iter()
                .flat_map(|&level| [level, level, level, alpha])
                .collect()
        };
        // Behind some headers there is room for the masks once more.
        let after: &[u8] = &[];
        let opaque = decode(&bmp(&header, after, &colours(255), None));
        let zero = decode(&bmp(&header, after, &colours(0), None));
        assert_eq!(zero.luma(), opaque.luma(), "{size}");
        let mut header = bmp_header(size, HEIGHT as i32, 16, 3);
        header[40..56].copy_from_slice(&masks16);
        let words = |alpha: u16| -> Vec<u8> {
            ramp()
                .iter()
                .flat_map(|&level| {
                    let level = u16::from(level >> 3);
                    (alpha << 15 | level << 10 | level << 5 | level).to_le_bytes()
                })
                .collect()
        };
        let opaque = decode(&bmp(&header, after, &words(1), None));
        assert_eq!(
            decode(&bmp(&header, after, &words(0), None)).luma(),
            opaque.luma(),
            "{size}, 16 bits"
        );
        // One pixel that is opaque makes it mean something.
        let mut header = bmp_header(size, HEIGHT as i32, 32, 3);
        header[40..56].copy_from_slice(&masks);
        let mut some = colours(0);
        some[3] = 255;
        some[..3].fill(255);
        let decoded = decode(&bmp(&header, after, &some, None));
        assert_eq!(
            decoded.luma().iter().filter(|&&level| level > 0.0).count(),
            1
        );
    }
}

#[test]
fn a_gif_says_how_many_images_it_has_and_may_lack_its_end() {
    for frames in [1, 2, 5] {
        let mut file = Vec::new();
        let mut encoder = image::codecs::gif::GifEncoder::new(&mut file);
        for frame in 0..frames {
            let shown = phantom::phantom(phantom::Pattern::Diffuse, frame, 64);
            let rgb: Vec<u8> = levels(&shown)
                .iter()
                .flat_map(|&level| [level; 3])
                .collect();
            encoder
                .encode(&rgb, 64, 64, ExtendedColorType::Rgb8)
                .unwrap();
        }
        drop(encoder);
        let whole = decode(&file);
        assert_eq!(whole.cautions().len(), usize::from(frames > 1));
        if frames > 1 {
            let said = whole.cautions()[0].to_string();
            assert!(said.contains(&format!("{frames} images")), "{said}");
        }
        let cut = decode(&file[..file.len() - 1]);
        assert_eq!(cut.luma(), whole.luma());
    }
    let file = phantom::gif(&chest(96)).unwrap();
    let whole = decode(&file);
    assert_eq!(decode(&file[..file.len() - 2]).luma(), whole.luma());
    for share in [0.4, 0.7] {
        let length = 800 + ((file.len() - 800) as f64 * share) as usize;
        let error = Radiograph::decode(&file[..length]).unwrap_err().to_string();
        assert!(
            error.contains("it ends before its image does, of which"),
            "{error}"
        );
    }
}

#[test]
fn an_archive_is_named_though_a_dicom_file_lies_in_it() {
    let file = common::grey(12).file();
    let mut tar = vec![0; 512];
    tar[257..262].copy_from_slice(b"ustar");
    for (start, name) in [
        (&b"PK\x03\x04 stored"[..], "an archive (zip)"),
        (&tar[..], "an archive (tar)"),
    ] {
        let error = Radiograph::decode(&[start, &file].concat()).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn other_files_are_named_by_what_they_are() {
    let padded = |start: &[u8]| [start, &[0; 600]].concat();
    let boxed = |major: &[u8], others: &[&[u8; 4]]| {
        let brands: Vec<u8> = others.iter().flat_map(|brand| brand.to_vec()).collect();
        let length = (16 + brands.len()) as u32;
        padded(
            &[
                &length.to_be_bytes(),
                b"ftyp".as_slice(),
                major,
                &[0; 4],
                &brands,
            ]
            .concat(),
        )
    };
    for (file, name) in [
        (boxed(b"avif", &[b"mif1", b"miaf"]), "an AVIF image"),
        (boxed(b"mif1", &[b"avif", b"miaf"]), "an AVIF image"),
        (
            boxed(b"mif1", &[b"miaf", b"MA1B", b"avis"]),
            "an AVIF image",
        ),
        (boxed(b"mif1", &[b"heic"]), "a HEIC photograph"),
        (boxed(b"heix", &[b"mif1"]), "a HEIC photograph"),
        (boxed(b"mif1", &[]), "a HEIF image"),
        (boxed(b"isom", &[b"mp41"]), "a video"),
        (padded(b"\0\0\0\x0cJXL \r\n\x87\n"), "a JPEG XL image"),
        (padded(b"\xff\x0a"), "a JPEG XL image"),
        (padded(b"PK\x03\x04"), "an archive (zip)"),
        (padded(b"Rar!\x1a\x07"), "a compressed archive (rar)"),
        (padded(b"\x1f\x8b\x08"), "a compressed archive (gzip)"),
        (b"<!-- saved --> <html>".to_vec(), "a web page"),
        (
            b"\xef\xbb\xbf<?xml version=\"1.0\"?><!DOCTYPE html PUBLIC \"\">".to_vec(),
            "a web page",
        ),
        (b"<HTML><BODY>".to_vec(), "a web page"),
        (b"{\"error\": \"not found\"}".to_vec(), "text (JSON)"),
        (b"\xff\xfeN\0o\0t\0f\0o\0u\0n\0d\0".to_vec(), "text"),
        (padded(b"%PDF-1.4"), "a PDF document"),
        (padded(b"\n%PDF-1.4"), "a PDF document"),
        (b"<title>Sign in</title>".to_vec(), "a web page"),
        (b"<script>go()</script>".to_vec(), "a web page"),
        (
            [b"<!-- ", &[b'x'; 600][..], b" --><!DOCTYPE html>"].concat(),
            "a web page",
        ),
        (b"\xff\xfe<\0h\0t\0m\0l\0>\0".to_vec(), "a web page"),
        (b"<report version=\"1\"/>".to_vec(), "text (XML)"),
        (b"Sehr geehrte Frau M\xfcller, anbei".to_vec(), "text"),
    ] {
        let error = Radiograph::decode(&file).unwrap_err();
        assert_eq!(error.code(), "unknown-format");
        assert!(
            error.to_string().contains(name),
            "{error} instead of {name}"
        );
    }
}
