//! Generated radiographs, for tests and for trying things out: no patient, no file, no licence.
//!
//! A phantom has what a chest X-ray has at arm's length (dark lung fields, ribs, clavicles, spine, heart, diaphragm,
//! noise) and one of three [`Pattern`]s in its lungs that a network can tell apart. It is a drawing and of no medical
//! meaning. The same seed is the same chest with any pattern; the same seed, pattern and side are the same values on every
//! machine, because nothing but IEEE addition, multiplication, division and square root goes into them.
//!
//! ```
//! use radiograph::{Radiograph, phantom::{self, Pattern}};
//!
//! let drawn = phantom::phantom(Pattern::Focal, 7, 128);
//! let decoded = Radiograph::decode(&phantom::png16(&drawn)?)?;
//! assert_eq!(decoded.source().bits, 16);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::io::Cursor;

use image::codecs::{
    bmp::BmpEncoder, gif::GifEncoder, jpeg::JpegEncoder, png::PngEncoder, tiff::TiffEncoder,
    webp::WebPEncoder,
};
use image::{ExtendedColorType, ImageEncoder};

use crate::viridis::VIRIDIS;
use crate::{Format, Radiograph, Source, luma};

/// What a phantom shows in its lungs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// Nothing: clear lungs.
    Clear,
    /// One dense patch in one lung.
    Focal,
    /// Mottled haze all over both lungs.
    Diffuse,
}

impl Pattern {
    /// All three, in the order in which the data set names its classes: normal, opacity, viral.
    pub const ALL: [Self; 3] = [Self::Clear, Self::Focal, Self::Diffuse];
}

/// Why a radiograph could not be encoded.
pub type EncodeError = image::ImageError;

/// Returns a drawn radiograph of `side` x `side` pixels (at least 1) that shows `pattern`.
#[must_use]
pub fn phantom(pattern: Pattern, seed: u64, side: u32) -> Radiograph {
    let side = side.max(1);
    let chest = Chest::new(seed);
    let lesion = Lesion::new(pattern, seed);
    let mut grain = Random::new(seed ^ 0x6721_1f5e_9a3c_55d1 ^ (pattern as u64) << 56);
    let mut luma = Vec::with_capacity(side as usize * side as usize);
    for row in 0..side {
        for column in 0..side {
            // Centres of the pixels, 0..1 from left to right and from top to bottom.
            let x = (column as f32 + 0.5) / side as f32;
            let y = (row as f32 + 0.5) / side as f32;
            // Four uniform values add up to a bell that is near enough to the noise of a detector.
            let noise = grain.within(-1.0, 1.0)
                + grain.within(-1.0, 1.0)
                + grain.within(-1.0, 1.0)
                + grain.within(-1.0, 1.0);
            luma.push((chest.brightness(x, y, &lesion) + 0.008 * noise).clamp(0.0, 1.0));
        }
    }
    let source = Source {
        format: Format::Luma,
        bits: 32,
        false_colour: false,
        orientation: 1,
    };
    Radiograph {
        width: side,
        height: side,
        luma,
        source,
        greys: None,
        dicom: None,
        cautions: Vec::new(),
    }
}

/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `low..high`, from 24 bits, all of which an `f32` holds.
    fn within(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * ((self.next() >> 40) as f32 / 16_777_216.0)
    }
}

/// 0 below `from`, 1 above `to`, smooth between; `from` may be the larger.
fn step(from: f32, to: f32, value: f32) -> f32 {
    let t = ((value - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// 1 on a line, falling smoothly to 0 at `half_width` from it.
fn line(distance: f32, half_width: f32) -> f32 {
    1.0 - step(0.0, half_width, distance.abs())
}

/// Distance from the middle of an ellipse in units of its radius: 1 on its edge.
fn ellipse(x: f32, y: f32, centre: [f32; 2], radius: [f32; 2]) -> f32 {
    let dx = (x - centre[0]) / radius[0];
    let dy = (y - centre[1]) / radius[1];
    (dx * dx + dy * dy).sqrt()
}

/// The anatomy of one seed.
struct Chest {
    centre: [f32; 2],
    zoom: f32,
    lean: f32,
    lung: [f32; 2],
    heart: [f32; 2],
    rib_gap: f32,
    rib_phase: f32,
    exposure: f32,
    contrast: f32,
}

impl Chest {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        Self {
            centre: [random.within(-0.03, 0.03), random.within(-0.03, 0.03)],
            zoom: random.within(0.92, 1.06),
            lean: random.within(-0.05, 0.05),
            lung: [random.within(0.155, 0.185), random.within(0.31, 0.36)],
            heart: [random.within(0.115, 0.15), random.within(0.14, 0.18)],
            rib_gap: random.within(0.072, 0.088),
            rib_phase: random.within(0.0, 0.08),
            exposure: random.within(-0.04, 0.04),
            contrast: random.within(0.88, 1.08),
        }
    }

    /// Brightness at `x`, `y` (0..1), before noise.
    fn brightness(&self, x: f32, y: f32, lesion: &Lesion) -> f32 {
        // Into the chest's own coordinates: 0 is the spine, 0 the middle of the lungs, 0.5 the edge of the picture.
        let v = (y - 0.5 - self.centre[1]) * self.zoom;
        let u = (x - 0.5 - self.centre[0]) * self.zoom + self.lean * v;

        // Neck and shoulders above, arms' shadows at the sides; beyond the body there is nothing to stop the rays.
        let shoulder = 0.16 + 0.34 * step(-0.50, -0.34, v);
        let body = 1.0 - step(shoulder, shoulder + 0.05, u.abs());
        let mut value = 0.66 * body;

        // Lungs: narrower at the top, ended below by the dome of the diaphragm.
        let side = if u < 0.0 { -1.0 } else { 1.0 };
        let taper = 1.0 - 0.35 * step(0.05, -0.38, v);
        let edge = ellipse(
            u,
            v,
            [side * 0.2, -0.02],
            [self.lung[0] * taper, self.lung[1]],
        );
        let dome = (u - side * 0.19) / 0.2;
        let diaphragm = 0.245 + 0.06 * dome * dome + if side < 0.0 { -0.02 } else { 0.0 };
        let lung = (1.0 - step(0.86, 1.04, edge)) * (1.0 - step(diaphragm, diaphragm + 0.03, v));
        value -= 0.46 * lung;

        // Vessels fan out from the hila and fade towards the edge of the lung.
        let hilum = ellipse(u, v, [side * 0.075, 0.0], [0.06, 0.12]);
        value += 0.13 * lung * (1.0 - step(0.2, 1.5, hilum));

        // Ribs slope down from the spine; clavicles cross the tops of the lungs.
        let slope = v + self.rib_phase - 0.55 * u.abs() + 0.9 * u * u;
        let rib = slope / self.rib_gap;
        let from_rib = (rib - rib.floor() - 0.5).abs() * 2.0;
        value += 0.075
            * body
            * (1.0 - step(0.2, 0.55, from_rib))
            * (1.0 - step(0.30, 0.36, u.abs()))
            * step(-0.42, -0.36, v);
        value += 0.10
            * body
            * line(v + 0.335 + 0.22 * u.abs(), 0.025)
            * (1.0 - step(0.28, 0.34, u.abs()));

        // Spine, brighter at each vertebra; heart, to the patient's left, which is the right of the picture.
        let vertebra = (v + self.rib_phase) / (self.rib_gap * 0.8);
        let from_disc = (vertebra - vertebra.floor() - 0.5).abs() * 2.0;
        value +=
            (0.10 + 0.04 * step(0.2, 0.5, from_disc)) * body * (1.0 - step(0.03, 0.055, u.abs()));
        let heart = 1.0
            - step(
                0.85,
                1.1,
                ellipse(u - 0.35 * (v - 0.12), v, [0.055, 0.13], self.heart),
            );
        value += (0.30 + 0.10 * lung) * heart * (1.0 - 0.55 * (1.0 - lung));

        value += lung * (1.0 - heart) * lesion.brightness(u, v);
        0.5 + (value + self.exposure - 0.5) * self.contrast
    }
}

/// What a pattern adds to the lungs.
struct Lesion {
    pattern: Pattern,
    centre: [f32; 2],
    radius: [f32; 2],
    density: f32,
    seed: u64,
}

impl Lesion {
    fn new(pattern: Pattern, seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0x1e51_0000_0000_0000);
        let side = if random.next() & 1 == 0 { -1.0 } else { 1.0 };
        Self {
            pattern,
            centre: [side * random.within(0.17, 0.24), random.within(-0.18, 0.16)],
            radius: [random.within(0.075, 0.11), random.within(0.075, 0.12)],
            density: random.within(0.30, 0.40),
            seed: random.next(),
        }
    }

    fn brightness(&self, u: f32, v: f32) -> f32 {
        match self.pattern {
            Pattern::Clear => 0.0,
            Pattern::Focal => {
                let ragged = 0.25 * (self.mottle(u, v, 0.05) - 0.5);
                self.density
                    * (1.0 - step(0.55, 1.15, ellipse(u, v, self.centre, self.radius) + ragged))
            }
            Pattern::Diffuse => {
                self.density
                    * (0.25
                        + 0.75
                            * step(
                                0.3,
                                0.7,
                                0.6 * self.mottle(u, v, 0.055) + 0.4 * self.mottle(v, u, 0.027),
                            ))
            }
        }
    }

    /// Smooth value noise, 0..1, with grains `size` apart.
    fn mottle(&self, u: f32, v: f32, size: f32) -> f32 {
        let (u, v) = (u / size, v / size);
        let (column, row) = (u.floor(), v.floor());
        let (fx, fy) = (step(0.0, 1.0, u - column), step(0.0, 1.0, v - row));
        let corner = |dx: i64, dy: i64| {
            let cell = (column as i64 + dx) as u64 ^ ((row as i64 + dy) as u64).rotate_left(32);
            Random::new(self.seed ^ cell.wrapping_mul(0xd6e8_feb8_6659_fd93)).within(0.0, 1.0)
        };
        let top = corner(0, 0) + (corner(1, 0) - corner(0, 0)) * fx;
        let bottom = corner(0, 1) + (corner(1, 1) - corner(0, 1)) * fx;
        top + (bottom - top) * fy
    }
}

fn grey8(radiograph: &Radiograph) -> Vec<u8> {
    radiograph
        .luma
        .iter()
        .map(|&value| luma::to_u8(value))
        .collect()
}

/// 16-bit grey in the byte order of the machine, as the encoders take it.
fn grey16(radiograph: &Radiograph) -> Vec<u8> {
    radiograph
        .luma
        .iter()
        .flat_map(|&value| ((value * 65535.0 + 0.5) as u16).to_ne_bytes())
        .collect()
}

fn grey_as_rgb(radiograph: &Radiograph) -> Vec<u8> {
    grey8(radiograph)
        .into_iter()
        .flat_map(|grey| [grey; 3])
        .collect()
}

/// Returns the radiograph in the viridis false colour: `[height * width * 3]` bytes of red, green and blue.
#[must_use]
pub fn viridis_rgb8(radiograph: &Radiograph) -> Vec<u8> {
    grey8(radiograph)
        .into_iter()
        .flat_map(|grey| VIRIDIS[usize::from(grey)])
        .collect()
}

/// Returns the radiograph as an 8-bit grey PNG file.
///
/// # Errors
/// Only what the encoder says of images that are too large for it; so for every encoder here.
pub fn png8(radiograph: &Radiograph) -> Result<Vec<u8>, EncodeError> {
    let mut file = Vec::new();
    PngEncoder::new(&mut file).write_image(
        &grey8(radiograph),
        radiograph.width,
        radiograph.height,
        ExtendedColorType::L8,
    )?;
    Ok(file)
}

/// Returns the radiograph as a 16-bit grey PNG file.
///
/// # Errors
/// As for [`png8`].
pub fn png16(radiograph: &Radiograph) -> Result<Vec<u8>, EncodeError> {
    let mut file = Vec::new();
    PngEncoder::new(&mut file).write_image(
        &grey16(radiograph),
        radiograph.width,
        radiograph.height,
        ExtendedColorType::L16,
    )?;
    Ok(file)
}

/// Returns the radiograph as an 8-bit grey JPEG file of `quality` 1 to 100.
///
/// # Errors
/// As for [`png8`].
pub fn jpeg(radiograph: &Radiograph, quality: u8) -> Result<Vec<u8>, EncodeError> {
    let mut file = Vec::new();
    JpegEncoder::new_with_quality(&mut file, quality).write_image(
        &grey8(radiograph),
        radiograph.width,
        radiograph.height,
        ExtendedColorType::L8,
    )?;
    Ok(file)
}

/// Returns the radiograph as a JPEG file of `quality` 1 to 100 that carries an EXIF `orientation` (1 to 8).
///
/// The pixels are stored as they are: what decodes the file is asked to turn them.
///
/// # Errors
/// As for [`png8`].
pub fn jpeg_turned(
    radiograph: &Radiograph,
    quality: u8,
    orientation: u8,
) -> Result<Vec<u8>, EncodeError> {
    let mut file = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut file, quality);
    encoder
        .set_exif_metadata(exif(orientation))
        .map_err(EncodeError::Unsupported)?;
    encoder.write_image(
        &grey8(radiograph),
        radiograph.width,
        radiograph.height,
        ExtendedColorType::L8,
    )?;
    Ok(file)
}

/// The smallest EXIF block that says an orientation: a big-endian TIFF header and a directory of one entry.
fn exif(orientation: u8) -> Vec<u8> {
    let mut block = b"MM\0*\0\0\0\x08\0\x01".to_vec();
    block.extend_from_slice(&[0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0]);
    block.extend_from_slice(&[0, 0, 0, 0]);
    block
}

/// Returns the radiograph as a lossless WebP file.
///
/// # Errors
/// As for [`png8`].
pub fn webp(radiograph: &Radiograph) -> Result<Vec<u8>, EncodeError> {
    let mut file = Vec::new();
    WebPEncoder::new_lossless(&mut file).write_image(
        &grey_as_rgb(radiograph),
        radiograph.width,
        radiograph.height,
        ExtendedColorType::Rgb8,
    )?;
    Ok(file)
}

/// Returns the radiograph as a BMP file.
///
/// # Errors
/// As for [`png8`].
pub fn bmp(radiograph: &Radiograph) -> Result<Vec<u8>, EncodeError> {
    let mut file = Vec::new();
    BmpEncoder::new(&mut file).write_image(
        &grey8(radiograph),
        radiograph.width,
        radiograph.height,
        ExtendedColorType::L8,
    )?;
    Ok(file)
}

/// Returns the radiograph as a GIF file.
///
/// # Errors
/// As for [`png8`].
pub fn gif(radiograph: &Radiograph) -> Result<Vec<u8>, EncodeError> {
    let mut file = Vec::new();
    GifEncoder::new(&mut file).encode(
        &grey_as_rgb(radiograph),
        radiograph.width,
        radiograph.height,
        ExtendedColorType::Rgb8,
    )?;
    Ok(file)
}

/// Returns the radiograph as an 8-bit grey TIFF file.
///
/// # Errors
/// As for [`png8`].
pub fn tiff8(radiograph: &Radiograph) -> Result<Vec<u8>, EncodeError> {
    let mut file = Cursor::new(Vec::new());
    TiffEncoder::new(&mut file).write_image(
        &grey8(radiograph),
        radiograph.width,
        radiograph.height,
        ExtendedColorType::L8,
    )?;
    Ok(file.into_inner())
}

/// Returns the radiograph as a 16-bit grey TIFF file.
///
/// # Errors
/// As for [`png8`].
pub fn tiff16(radiograph: &Radiograph) -> Result<Vec<u8>, EncodeError> {
    let mut file = Cursor::new(Vec::new());
    TiffEncoder::new(&mut file).write_image(
        &grey16(radiograph),
        radiograph.width,
        radiograph.height,
        ExtendedColorType::L16,
    )?;
    Ok(file.into_inner())
}

/// Returns the radiograph as a PNG file in the viridis false colour.
///
/// # Errors
/// As for [`png8`].
pub fn viridis_png(radiograph: &Radiograph) -> Result<Vec<u8>, EncodeError> {
    let mut file = Vec::new();
    PngEncoder::new(&mut file).write_image(
        &viridis_rgb8(radiograph),
        radiograph.width,
        radiograph.height,
        ExtendedColorType::Rgb8,
    )?;
    Ok(file)
}

/// Returns the radiograph as a JPEG file of `quality` 1 to 100 in the viridis false colour.
///
/// # Errors
/// As for [`png8`].
pub fn viridis_jpeg(radiograph: &Radiograph, quality: u8) -> Result<Vec<u8>, EncodeError> {
    let mut file = Vec::new();
    JpegEncoder::new_with_quality(&mut file, quality).write_image(
        &viridis_rgb8(radiograph),
        radiograph.width,
        radiograph.height,
        ExtendedColorType::Rgb8,
    )?;
    Ok(file)
}
