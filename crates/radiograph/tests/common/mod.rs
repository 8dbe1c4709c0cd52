//! What several tests need.
#![allow(dead_code, reason = "each test file uses its own part")]

pub mod dicom;

use radiograph::phantom::{self, Pattern};
use radiograph::{DecodeError, Radiograph};

/// A chest of `side` pixels.
pub fn chest(side: u32) -> Radiograph {
    phantom::phantom(Pattern::Focal, 11, side)
}

/// The 8-bit levels of a radiograph.
pub fn levels(radiograph: &Radiograph) -> Vec<u8> {
    radiograph
        .to_rgba8()
        .chunks_exact(4)
        .map(|pixel| pixel[0])
        .collect()
}

/// Decodes a file that has to be good.
pub fn decode(bytes: &[u8]) -> Radiograph {
    Radiograph::decode(bytes).unwrap_or_else(|error| panic!("{}: {error}", error.code()))
}

/// Every file that the phantoms can be written as.
pub fn files(side: u32) -> Vec<(&'static str, Vec<u8>)> {
    let chest = chest(side);
    vec![
        ("png8", phantom::png8(&chest).unwrap()),
        ("png16", phantom::png16(&chest).unwrap()),
        ("viridis png", phantom::viridis_png(&chest).unwrap()),
        ("jpeg", phantom::jpeg(&chest, 85).unwrap()),
        ("turned jpeg", phantom::jpeg_turned(&chest, 85, 6).unwrap()),
        ("progressive jpeg", progressive_jpeg(&chest)),
        ("viridis jpeg", viridis_jpeg_420(&chest, 85)),
        ("webp", phantom::webp(&chest).unwrap()),
        ("bmp", phantom::bmp(&chest).unwrap()),
        ("gif", phantom::gif(&chest).unwrap()),
        ("tiff8", phantom::tiff8(&chest).unwrap()),
        ("tiff16", phantom::tiff16(&chest).unwrap()),
    ]
    .into_iter()
    .chain(dicom_files(side))
    .collect()
}

/// A DICOM file of every compression, and one with tables in sequences.
fn dicom_files(side: u32) -> Vec<(&'static str, Vec<u8>)> {
    use dicom::*;
    let chest = chest(side);
    let values: Vec<u16> = chest
        .luma()
        .iter()
        .map(|value| (value * 4095.0) as u16)
        .collect();
    let base = DicomFile::grey(&values, side, side, 12).window("2000", "3000");
    let mut table = Elements::new();
    table.insert(LUT_DESCRIPTOR, ("US", Value::Words(vec![16, 100, 16])));
    table.insert(
        LUT_DATA,
        ("OW", Value::Words((0..16).map(|at| at * 4000).collect())),
    );
    let tables = base
        .clone()
        .item(MODALITY_LUT, table.clone(), false)
        .item(VOI_LUT, table, true)
        .without(CENTRE);
    let sides = (side as usize, side as usize);
    let lossless = Lossless {
        restart: 3,
        ..Lossless::sv1(12)
    }
    .encode(&values, sides.0, sides.1);
    let near = jpeg_ls(&values, sides.0, sides.1, 12, 2, 1, false);
    let rgb = phantom::viridis_rgb8(&chest);
    vec![
        ("dicom", base.file()),
        ("implicit dicom", base.clone().syntax(IMPLICIT).file()),
        ("big-endian dicom", base.clone().syntax(BIG).file()),
        ("deflated dicom", base.clone().syntax(DEFLATED).file()),
        ("dicom with tables", tables.file()),
        (
            "rle dicom",
            base.clone().compressed(RLE, rle(&values, 1, 2)).file(),
        ),
        (
            "jpeg dicom",
            DicomFile::grey(&[], side, side, 8)
                .compressed(JPEG, phantom::jpeg(&chest, 85).unwrap())
                .file(),
        ),
        (
            "lossless dicom",
            base.clone().compressed(LOSSLESS_SV1, lossless).file(),
        ),
        ("jpeg-ls dicom", base.compressed(JPEG_LS_NEAR, near).file()),
        (
            "jpeg 2000 dicom",
            DicomFile::grey(&[], 44, 40, 12)
                .compressed(JPEG_2000, include_bytes!("../jpeg2000/grey12.j2k").to_vec())
                .file(),
        ),
        (
            "viridis dicom",
            DicomFile::colour(&rgb, side, side, "RGB").file(),
        ),
    ]
}

/// Grey, progressive.
pub fn progressive_jpeg(radiograph: &Radiograph) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut file, 85);
    encoder.set_progressive(true);
    let side = (radiograph.width() as u16, radiograph.height() as u16);
    encoder
        .encode(
            &levels(radiograph),
            side.0,
            side.1,
            jpeg_encoder::ColorType::Luma,
        )
        .unwrap();
    file
}

/// Viridis, its chroma at half resolution, as most software writes JPEG.
pub fn viridis_jpeg_420(radiograph: &Radiograph, quality: u8) -> Vec<u8> {
    jpeg_rgb(
        &phantom::viridis_rgb8(radiograph),
        radiograph.width(),
        radiograph.height(),
        quality,
    )
}

/// Colour, its chroma at half resolution.
pub fn jpeg_rgb(rgb: &[u8], width: u32, height: u32, quality: u8) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut file, quality);
    encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_2_2);
    encoder
        .encode(
            rgb,
            width as u16,
            height as u16,
            jpeg_encoder::ColorType::Rgb,
        )
        .unwrap();
    file
}

/// SplitMix64, so that what a test tries is the same every time.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

/// Panics if a decoder did, which [`Radiograph::decode`] hides: where panics abort, nothing would.
pub fn no_panic(what: &str, result: &Result<Radiograph, DecodeError>) {
    if let Err(DecodeError::Corrupt { format, detail }) = result {
        assert!(
            !detail.contains("gave up"),
            "the {format} decoder panicked: {what}"
        );
    }
}

/// A little-endian TIFF file of one strip, unless its entries say otherwise.
pub struct Tiff {
    pub width: u32,
    pub height: u32,
    /// Tag, type (3 short, 4 long) and values.
    pub entries: Vec<(u16, u16, Vec<u32>)>,
    /// What the strips hold, from byte 8 of the file on.
    pub data: Vec<u8>,
}

impl Tiff {
    /// Grey of `bits`, black is zero, not compressed.
    pub fn grey(width: u32, height: u32, bits: u32, data: Vec<u8>) -> Self {
        let tiff = Self {
            width,
            height,
            entries: Vec::new(),
            data,
        };
        tiff.with(258, 3, bits)
            .with(259, 3, 1)
            .with(262, 3, 1)
            .with(277, 3, 1)
    }

    /// Sets a tag, or sets it anew.
    pub fn with(self, tag: u16, kind: u16, value: u32) -> Self {
        self.with_all(tag, kind, &[value])
    }

    /// Sets a tag of several values.
    pub fn with_all(mut self, tag: u16, kind: u16, values: &[u32]) -> Self {
        self.entries.retain(|entry| entry.0 != tag);
        self.entries.push((tag, kind, values.to_vec()));
        self
    }

    pub fn file(&self) -> Vec<u8> {
        let mut entries = self.entries.clone();
        for (tag, value) in [
            (256, self.width),
            (257, self.height),
            (273, 8),
            (278, self.height),
            (279, self.data.len() as u32),
        ] {
            if !entries.iter().any(|entry| entry.0 == tag) {
                entries.push((tag, 4, vec![value]));
            }
        }
        entries.sort_unstable();
        let mut file = [b"II*\0\0\0\0\0".as_slice(), &self.data].concat();
        let mut directory = (entries.len() as u16).to_le_bytes().to_vec();
        for (tag, kind, values) in entries {
            directory.extend_from_slice(&tag.to_le_bytes());
            directory.extend_from_slice(&kind.to_le_bytes());
            directory.extend_from_slice(&(values.len() as u32).to_le_bytes());
            let size = if kind == 3 { 2 } else { 4 };
            let mut bytes: Vec<u8> = values
                .iter()
                .flat_map(|value| value.to_le_bytes().into_iter().take(size))
                .collect();
            if bytes.len() > 4 {
                file.resize(file.len().next_multiple_of(2), 0);
                let offset = file.len() as u32;
                file.extend_from_slice(&bytes);
                bytes = offset.to_le_bytes().to_vec();
            }
            bytes.resize(4, 0);
            directory.extend_from_slice(&bytes);
        }
        directory.extend_from_slice(&[0; 4]);
        file.resize(file.len().next_multiple_of(2), 0);
        let at = (file.len() as u32).to_le_bytes();
        file[4..8].copy_from_slice(&at);
        file.extend_from_slice(&directory);
        file
    }
}
