//! What several tests need.
#![allow(dead_code, reason = "each test file uses its own part")]

pub mod dicom;
pub mod jpeg;
pub mod tiff;

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

/// A TIFF image of one strip, unless its entries say otherwise; little-endian, unless it is `big`.
#[derive(Clone)]
pub struct Tiff {
    pub width: u32,
    pub height: u32,
    pub big: bool,
    /// Tag, type (1 byte, 3 short, 4 long) and values.
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
            big: false,
            entries: Vec::new(),
            data,
        };
        tiff.with(258, 3, bits)
            .with(259, 3, 1)
            .with(262, 3, 1)
            .with(277, 3, 1)
    }

    /// Colour of 8 bits.
    pub fn colour(width: u32, height: u32, photometric: u32, data: Vec<u8>) -> Self {
        Self::grey(width, height, 8, data)
            .with_all(258, 3, &[8; 3])
            .with(262, 3, photometric)
            .with(277, 3, 3)
    }

    /// The same, big-endian; its data have to be so already.
    pub fn big(mut self) -> Self {
        self.big = true;
        self
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

    /// Puts the data into strips or tiles of their own, one after the other.
    pub fn chunks(mut self, chunks: &[Vec<u8>], tiled: bool) -> Self {
        let mut at = 8;
        let mut offsets = Vec::new();
        self.data.clear();
        for chunk in chunks {
            offsets.push(at);
            at += chunk.len() as u32;
            self.data.extend_from_slice(chunk);
        }
        let lengths: Vec<_> = chunks.iter().map(|chunk| chunk.len() as u32).collect();
        let (from, length) = if tiled { (324, 325) } else { (273, 279) };
        self.with_all(from, 4, &offsets)
            .with_all(length, 4, &lengths)
    }

    /// Leaves a tag out that would be there otherwise.
    pub fn without(self, tag: u16) -> Self {
        self.with_all(tag, 3, &[])
    }

    pub fn file(&self) -> Vec<u8> {
        Self::pages(std::slice::from_ref(self))
    }

    /// A file of several images.
    pub fn pages(pages: &[Self]) -> Vec<u8> {
        let big = pages[0].big;
        let short = |value: u16| {
            if big {
                value.to_be_bytes()
            } else {
                value.to_le_bytes()
            }
        };
        let long = |value: u32| {
            if big {
                value.to_be_bytes()
            } else {
                value.to_le_bytes()
            }
        };
        let mut file = if big {
            b"MM\0*\0\0\0\0".to_vec()
        } else {
            b"II*\0\0\0\0\0".to_vec()
        };
        let mut link = 4;
        for page in pages {
            let mut entries = page.entries.clone();
            // Offsets are given as if the data of the page came first.
            let moved = file.len() as u32 - 8;
            let tiled = entries.iter().any(|entry| entry.0 == 324);
            let strips = [(273, 8), (278, page.height), (279, page.data.len() as u32)];
            let strips = if tiled { &[][..] } else { &strips[..] };
            for &(tag, value) in [(256, page.width), (257, page.height)].iter().chain(strips) {
                if !entries.iter().any(|entry| entry.0 == tag) {
                    entries.push((tag, 4, vec![value]));
                }
            }
            entries.retain(|entry| !entry.2.is_empty());
            entries.sort_unstable();
            file.extend_from_slice(&page.data);
            let mut directory = short(entries.len() as u16).to_vec();
            for (tag, kind, values) in entries {
                let offset = matches!(tag, 273 | 324 | 513 | 519..=521);
                directory.extend_from_slice(&short(tag));
                directory.extend_from_slice(&short(kind));
                directory.extend_from_slice(&long(values.len() as u32));
                let mut bytes = Vec::new();
                for value in values {
                    let value = if offset { value + moved } else { value };
                    match kind {
                        1 | 7 => bytes.push(value as u8),
                        3 => bytes.extend_from_slice(&short(value as u16)),
                        _ => bytes.extend_from_slice(&long(value)),
                    }
                }
                if bytes.len() > 4 {
                    file.resize(file.len().next_multiple_of(2), 0);
                    let place = file.len() as u32;
                    file.extend_from_slice(&bytes);
                    bytes = long(place).to_vec();
                }
                bytes.resize(4, 0);
                directory.extend_from_slice(&bytes);
            }
            file.resize(file.len().next_multiple_of(2), 0);
            let at = long(file.len() as u32);
            file[link..link + 4].copy_from_slice(&at);
            file.extend_from_slice(&directory);
            link = file.len();
            file.extend_from_slice(&[0; 4]);
        }
        file
    }
}

/// Side of the square test images, in pixels.
pub const SIDE: u32 = 48;

/// A chest as a detector of `bits` gives it: most of the range, and none of it in order.
pub fn values(bits: u16) -> Vec<u16> {
    let most = f32::from(u16::MAX >> (16 - bits));
    let luma = chest(SIDE);
    luma.luma()
        .iter()
        .map(|value| (value * most) as u16)
        .collect()
}

/// Such a chest as a plain file of grey values.
pub fn grey(bits: u16) -> dicom::DicomFile {
    dicom::DicomFile::grey(&values(bits), SIDE, SIDE, bits)
}
