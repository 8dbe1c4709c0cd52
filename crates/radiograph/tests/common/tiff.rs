//! TIFF files of any layout, and what they show.

use radiograph::Radiograph;

use super::{Tiff, decode};

pub const WIDTH: u32 = 88;
pub const HEIGHT: u32 = 72;

/// Levels of `0..=most` that hide no transposition.
pub fn ramp(most: u32) -> Vec<u32> {
    (0..WIDTH * HEIGHT)
        .map(|index| (index % WIDTH * 5 + index / WIDTH * 3) % (most + 1))
        .collect()
}

pub fn bytes(levels: &[u32]) -> Vec<u8> {
    levels.iter().map(|&level| level as u8).collect()
}

pub fn shares(levels: &[u32], most: u32) -> Vec<f32> {
    levels
        .iter()
        .map(|&level| level as f32 / most as f32)
        .collect()
}

#[track_caller]
pub fn assert_near(what: &str, file: &[u8], expected: &[f32], tolerance: f32) -> Radiograph {
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
pub fn packed(levels: &[u32], width: u32, bits: u32) -> Vec<u8> {
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

pub fn reversed(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| byte.reverse_bits()).collect()
}

pub fn lzw(bytes: &[u8]) -> Vec<u8> {
    weezl::encode::Encoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8)
        .encode(bytes)
        .unwrap()
}

pub fn deflated(bytes: &[u8]) -> Vec<u8> {
    miniz_oxide::deflate::compress_to_vec_zlib(bytes, 6)
}

/// Runs of different bytes only, which every reader has to take.
pub fn pack_bits(bytes: &[u8]) -> Vec<u8> {
    bytes
        .chunks(100)
        .flat_map(|run| [&[run.len() as u8 - 1], run].concat())
        .collect()
}

/// The part of an image that is a tile, filled up with zeros.
pub fn tile(samples: &[u8], each: usize, (x, y): (usize, usize), side: usize) -> Vec<u8> {
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

pub fn tiles(samples: &[u8], each: usize, side: usize) -> Vec<Vec<u8>> {
    let places = (0..HEIGHT as usize)
        .step_by(side)
        .flat_map(|y| (0..WIDTH as usize).step_by(side).map(move |x| (x, y)));
    places
        .map(|place| tile(samples, each, place, side))
        .collect()
}

pub fn tiled(tiff: Tiff, tiles: &[Vec<u8>], side: u32) -> Tiff {
    tiff.with(322, 3, side)
        .with(323, 3, side)
        .chunks(tiles, true)
}

/// Luminance and chroma of a coloured chest, chroma the same in blocks of 4 x 4.
pub fn ycc() -> (Vec<u8>, Vec<u8>, Vec<u8>) {
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
