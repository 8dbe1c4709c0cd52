//! Writes DICOM files of any kind, so that the reader is held to something that it did not write itself.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::collections::BTreeMap;

pub const IMPLICIT: &str = "1.2.840.10008.1.2";
pub const EXPLICIT: &str = "1.2.840.10008.1.2.1";
pub const DEFLATED: &str = "1.2.840.10008.1.2.1.99";
pub const BIG: &str = "1.2.840.10008.1.2.2";
pub const RLE: &str = "1.2.840.10008.1.2.5";
pub const JPEG: &str = "1.2.840.10008.1.2.4.50";
pub const LOSSLESS: &str = "1.2.840.10008.1.2.4.57";
pub const LOSSLESS_SV1: &str = "1.2.840.10008.1.2.4.70";
pub const JPEG_LS: &str = "1.2.840.10008.1.2.4.80";
pub const JPEG_LS_NEAR: &str = "1.2.840.10008.1.2.4.81";
pub const JPEG_2000: &str = "1.2.840.10008.1.2.4.90";
pub const JPEG_2000_LOSSY: &str = "1.2.840.10008.1.2.4.91";

pub const MODALITY: u32 = 0x0008_0060;
pub const BODY_PART: u32 = 0x0018_0015;
pub const VIEW: u32 = 0x0018_5101;
pub const LATERALITY: u32 = 0x0020_0060;
pub const SAMPLES: u32 = 0x0028_0002;
pub const PHOTOMETRIC: u32 = 0x0028_0004;
pub const PLANAR: u32 = 0x0028_0006;
pub const FRAMES: u32 = 0x0028_0008;
pub const ROWS: u32 = 0x0028_0010;
pub const COLUMNS: u32 = 0x0028_0011;
pub const SPACING: u32 = 0x0028_0030;
pub const ALLOCATED: u32 = 0x0028_0100;
pub const STORED: u32 = 0x0028_0101;
pub const HIGH_BIT: u32 = 0x0028_0102;
pub const SIGNED: u32 = 0x0028_0103;
pub const PADDING: u32 = 0x0028_0120;
pub const PADDING_LIMIT: u32 = 0x0028_0121;
pub const CENTRE: u32 = 0x0028_1050;
pub const WIDTH: u32 = 0x0028_1051;
pub const INTERCEPT: u32 = 0x0028_1052;
pub const SLOPE: u32 = 0x0028_1053;
pub const VOI_FUNCTION: u32 = 0x0028_1056;
pub const MODALITY_LUT: u32 = 0x0028_3000;
pub const LUT_DESCRIPTOR: u32 = 0x0028_3002;
pub const LUT_DATA: u32 = 0x0028_3006;
pub const VOI_LUT: u32 = 0x0028_3010;
pub const PIXELS: u32 = 0x7fe0_0010;

/// The value of an element.
#[derive(Clone)]
pub enum Value {
    Text(String),
    Words(Vec<u16>),
    Bytes(Vec<u8>),
    /// Items, each of them with its length or with an end.
    Items(Vec<Elements>, bool),
    /// An offset table and fragments.
    Fragments(Vec<u8>, Vec<Vec<u8>>),
}

pub type Elements = BTreeMap<u32, (&'static str, Value)>;

/// A DICOM file in the making.
#[derive(Clone)]
pub struct DicomFile {
    pub elements: Elements,
    pub syntax: String,
    pub preamble: bool,
    pub meta: bool,
}

impl DicomFile {
    /// A chest from the front of `stored` bits, its values unsigned and not compressed.
    pub fn grey(values: &[u16], width: u32, height: u32, stored: u16) -> Self {
        let allocated = if stored > 8 { 16 } else { 8 };
        let mut file = Self {
            elements: Elements::new(),
            syntax: EXPLICIT.to_owned(),
            preamble: true,
            meta: true,
        };
        file.elements
            .insert(PIXELS, ("OW", pixels(values, allocated)));
        file.text(0x0008_0005, "CS", "ISO_IR 100")
            .text(MODALITY, "CS", "DX")
            .text(BODY_PART, "CS", "CHEST")
            .text(VIEW, "CS", "PA")
            .text(PHOTOMETRIC, "CS", "MONOCHROME2")
            .short(SAMPLES, 1)
            .short(ROWS, height as u16)
            .short(COLUMNS, width as u16)
            .short(ALLOCATED, allocated)
            .short(STORED, stored)
            .short(HIGH_BIT, stored - 1)
            .short(SIGNED, 0)
    }

    /// The same in colour: `[height * width * 3]` bytes.
    pub fn colour(bytes: &[u8], width: u32, height: u32, photometric: &str) -> Self {
        let values: Vec<u16> = bytes.iter().map(|&byte| u16::from(byte)).collect();
        Self::grey(&values, width, height, 8)
            .short(SAMPLES, 3)
            .short(PLANAR, 0)
            .text(PHOTOMETRIC, "CS", photometric)
    }

    pub fn text(mut self, tag: u32, vr: &'static str, text: &str) -> Self {
        self.elements
            .insert(tag, (vr, Value::Text(text.to_owned())));
        self
    }

    pub fn short(self, tag: u32, value: u16) -> Self {
        self.words(tag, "US", &[value])
    }

    pub fn words(mut self, tag: u32, vr: &'static str, words: &[u16]) -> Self {
        self.elements
            .insert(tag, (vr, Value::Words(words.to_vec())));
        self
    }

    pub fn bytes(mut self, tag: u32, vr: &'static str, bytes: Vec<u8>) -> Self {
        self.elements.insert(tag, (vr, Value::Bytes(bytes)));
        self
    }

    pub fn item(mut self, tag: u32, item: Elements, with_length: bool) -> Self {
        self.elements
            .insert(tag, ("SQ", Value::Items(vec![item], with_length)));
        self
    }

    pub fn without(mut self, tag: u32) -> Self {
        self.elements.remove(&tag);
        self
    }

    pub fn window(self, centre: &str, width: &str) -> Self {
        self.text(CENTRE, "DS", centre).text(WIDTH, "DS", width)
    }

    pub fn syntax(mut self, syntax: &str) -> Self {
        self.syntax = syntax.to_owned();
        self
    }

    /// Pixels compressed as `syntax` says, in one fragment.
    pub fn compressed(self, syntax: &str, stream: Vec<u8>) -> Self {
        self.fragments(syntax, Vec::new(), vec![stream])
    }

    /// Pixels compressed as `syntax` says, in several.
    pub fn fragments(mut self, syntax: &str, offsets: Vec<u8>, fragments: Vec<Vec<u8>>) -> Self {
        self.elements
            .insert(PIXELS, ("OB", Value::Fragments(offsets, fragments)));
        self.syntax(syntax)
    }

    pub fn file(&self) -> Vec<u8> {
        let mut file = Vec::new();
        if self.preamble {
            file.resize(128, 0);
            file.extend_from_slice(b"DICM");
        }
        if self.meta {
            let mut meta = Elements::new();
            meta.insert(0x0002_0001, ("OB", Value::Bytes(vec![0, 1])));
            meta.insert(0x0002_0010, ("UI", Value::Text(self.syntax.clone())));
            let meta = dataset(&meta, Encoding::Explicit);
            let mut length = Elements::new();
            let count = (meta.len() as u32).to_le_bytes().to_vec();
            length.insert(0x0002_0000, ("UL", Value::Bytes(count)));
            file.extend(dataset(&length, Encoding::Explicit));
            file.extend(meta);
        }
        let encoding = match self.syntax.as_str() {
            IMPLICIT => Encoding::Implicit,
            BIG => Encoding::Big,
            _ => Encoding::Explicit,
        };
        let body = dataset(&self.elements, encoding);
        if self.syntax == DEFLATED {
            file.extend(miniz_oxide::deflate::compress_to_vec(&body, 6));
        } else {
            file.extend(body);
        }
        file
    }
}

/// Values as they are stored in 8 or 16 bits.
pub fn pixels(values: &[u16], allocated: u16) -> Value {
    if allocated == 16 {
        return Value::Words(values.to_vec());
    }
    // Words, so that big-endian files swap them.
    let words = values
        .chunks(2)
        .map(|pair| pair[0] | pair.get(1).unwrap_or(&0) << 8);
    Value::Words(words.collect())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Implicit,
    Explicit,
    Big,
}

const UNDEFINED: u32 = 0xffff_ffff;

fn dataset(elements: &Elements, encoding: Encoding) -> Vec<u8> {
    let mut out = Vec::new();
    for (&tag, (vr, value)) in elements {
        let short = |value: u16| match encoding {
            Encoding::Big => value.to_be_bytes(),
            _ => value.to_le_bytes(),
        };
        let long = |value: u32| match encoding {
            Encoding::Big => value.to_be_bytes(),
            _ => value.to_le_bytes(),
        };
        let tagged = |tag: u32, length: u32| {
            [
                short((tag >> 16) as u16).to_vec(),
                short(tag as u16).to_vec(),
                long(length).to_vec(),
            ]
            .concat()
        };
        let even = |mut bytes: Vec<u8>, fill: u8| {
            if bytes.len() % 2 == 1 {
                bytes.push(fill);
            }
            bytes
        };
        let (length, bytes) = match value {
            Value::Text(text) => {
                let fill = if *vr == "UI" { 0 } else { b' ' };
                let bytes = even(text.clone().into_bytes(), fill);
                (bytes.len() as u32, bytes)
            }
            Value::Words(words) => {
                let bytes: Vec<u8> = words.iter().flat_map(|&word| short(word)).collect();
                (bytes.len() as u32, bytes)
            }
            Value::Bytes(bytes) => {
                let bytes = even(bytes.clone(), 0);
                (bytes.len() as u32, bytes)
            }
            Value::Items(items, true) => {
                let bytes: Vec<u8> = items
                    .iter()
                    .flat_map(|item| {
                        let item = dataset(item, encoding);
                        [tagged(0xfffe_e000, item.len() as u32), item].concat()
                    })
                    .collect();
                (bytes.len() as u32, bytes)
            }
            Value::Items(items, false) => {
                let mut bytes = Vec::new();
                for item in items {
                    bytes.extend(tagged(0xfffe_e000, UNDEFINED));
                    bytes.extend(dataset(item, encoding));
                    bytes.extend(tagged(0xfffe_e00d, 0));
                }
                bytes.extend(tagged(0xfffe_e0dd, 0));
                (UNDEFINED, bytes)
            }
            Value::Fragments(offsets, fragments) => {
                let mut bytes = Vec::new();
                for fragment in std::iter::once(offsets).chain(fragments) {
                    let fragment = even(fragment.clone(), 0);
                    bytes.extend(tagged(0xfffe_e000, fragment.len() as u32));
                    bytes.extend(fragment);
                }
                bytes.extend(tagged(0xfffe_e0dd, 0));
                (UNDEFINED, bytes)
            }
        };
        if encoding == Encoding::Implicit {
            out.extend(tagged(tag, length));
        } else {
            out.extend(short((tag >> 16) as u16));
            out.extend(short(tag as u16));
            out.extend(vr.as_bytes());
            if matches!(*vr, "OB" | "OW" | "SQ" | "UN" | "UT") {
                out.extend([0, 0]);
                out.extend(long(length));
            } else {
                out.extend(short(length as u16));
            }
        }
        out.extend(bytes);
    }
    out
}

/// Run lengths of `samples` values a pixel of `bytes_each` bytes.
pub fn rle(values: &[u16], samples: usize, bytes_each: usize) -> Vec<u8> {
    let mut header = vec![(samples * bytes_each) as u32];
    let mut data = Vec::new();
    for sample in 0..samples {
        for byte in (0..bytes_each).rev() {
            header.push(64 + data.len() as u32);
            let plane: Vec<u8> = values
                .iter()
                .skip(sample)
                .step_by(samples)
                .map(|&value| (value >> (8 * byte)) as u8)
                .collect();
            data.extend(pack(&plane));
            if data.len() % 2 == 1 {
                data.push(0);
            }
        }
    }
    header.resize(16, 0);
    let header: Vec<u8> = header.iter().flat_map(|word| word.to_le_bytes()).collect();
    [header, data].concat()
}

fn pack(plane: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < plane.len() {
        let run = plane[at..]
            .iter()
            .take(128)
            .take_while(|&&byte| byte == plane[at])
            .count();
        if run > 1 {
            out.extend([(1 - run as i32) as u8, plane[at]]);
            at += run;
        } else {
            let literal = plane[at..]
                .windows(2)
                .take(127)
                .take_while(|pair| pair[0] != pair[1])
                .count()
                .max(1);
            out.push(literal as u8 - 1);
            out.extend(&plane[at..at + literal]);
            at += literal;
        }
    }
    out
}

/// Writes bits, the highest first, with what JPEG or JPEG-LS puts behind a byte of ones.
struct BitWriter {
    bytes: Vec<u8>,
    current: u32,
    count: u32,
    /// Bits that fit in the next byte.
    room: u32,
    ls: bool,
}

impl BitWriter {
    fn new(ls: bool) -> Self {
        Self {
            bytes: Vec::new(),
            current: 0,
            count: 0,
            room: 8,
            ls,
        }
    }

    fn bit(&mut self, bit: u32) {
        self.current = self.current << 1 | bit;
        self.count += 1;
        if self.count == self.room {
            self.bytes.push(self.current as u8);
            self.room = 8;
            if self.current == 0xff {
                if self.ls {
                    self.room = 7;
                } else {
                    self.bytes.push(0);
                }
            }
            self.current = 0;
            self.count = 0;
        }
    }

    fn put(&mut self, value: u32, count: u32) {
        for shift in (0..count).rev() {
            self.bit(value.checked_shr(shift).unwrap_or(0) & 1);
        }
    }

    /// Fills the last byte up, with ones in JPEG and zeros in JPEG-LS.
    fn flush(&mut self) {
        let fill = u32::from(!self.ls);
        while self.count > 0 || (self.ls && self.room == 7) {
            self.bit(fill);
        }
    }
}

/// How a lossless JPEG is written.
#[derive(Clone, Copy)]
pub struct Lossless {
    pub precision: u8,
    pub predictor: u8,
    /// Bits that are shifted out.
    pub shift: u8,
    /// Rows between restarts, 0 for none.
    pub restart: usize,
    pub samples: usize,
}

impl Lossless {
    pub fn sv1(precision: u8) -> Self {
        Self {
            precision,
            predictor: 1,
            shift: 0,
            restart: 0,
            samples: 1,
        }
    }

    /// Straight from T.81, annex H.
    pub fn encode(&self, values: &[u16], width: usize, height: usize) -> Vec<u8> {
        let mut out = vec![0xff, 0xd8, 0xff, 0xc4];
        // 15 sizes in four bits each, three more in six.
        let counts = [0, 0, 0, 14, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        out.extend(((2 + 17 + 17) as u16).to_be_bytes());
        out.push(0);
        out.extend(counts);
        out.extend(0..17_u8);
        out.extend([0xff, 0xc3]);
        out.extend((8 + 3 * self.samples as u16).to_be_bytes());
        out.push(self.precision);
        out.extend((height as u16).to_be_bytes());
        out.extend((width as u16).to_be_bytes());
        out.push(self.samples as u8);
        for sample in 0..self.samples {
            out.extend([sample as u8 + 1, 0x11, 0]);
        }
        if self.restart > 0 {
            out.extend([0xff, 0xdd, 0, 4]);
            out.extend(((self.restart * width) as u16).to_be_bytes());
        }
        out.extend([0xff, 0xda]);
        out.extend((6 + 2 * self.samples as u16).to_be_bytes());
        out.push(self.samples as u8);
        for sample in 0..self.samples {
            out.extend([sample as u8 + 1, 0]);
        }
        out.extend([self.predictor, 0, self.shift]);
        let mut bits = BitWriter::new(false);
        let value = |row: usize, column: usize, sample: usize| {
            i32::from(values[(row * width + column) * self.samples + sample] >> self.shift)
        };
        for row in 0..height {
            let fresh = row == 0 || (self.restart > 0 && row % self.restart == 0);
            if fresh && row > 0 {
                bits.flush();
                let number = (row / self.restart - 1) % 8;
                bits.bytes.extend([0xff, 0xd0 + number as u8]);
            }
            for column in 0..width {
                for sample in 0..self.samples {
                    let predicted = match (fresh, column) {
                        (true, 0) => 1 << (self.precision - self.shift - 1),
                        (true, _) => value(row, column - 1, sample),
                        (false, 0) => value(row - 1, column, sample),
                        (false, _) => {
                            let a = value(row, column - 1, sample);
                            let b = value(row - 1, column, sample);
                            let c = value(row - 1, column - 1, sample);
                            match self.predictor {
                                1 => a,
                                2 => b,
                                3 => c,
                                4 => a + b - c,
                                5 => a + ((b - c) >> 1),
                                6 => b + ((a - c) >> 1),
                                _ => (a + b) >> 1,
                            }
                        }
                    };
                    // Modulo 2^16, from -32767 to 32768.
                    let mut difference = i32::from((value(row, column, sample) - predicted) as i16);
                    if difference == -32768 {
                        difference = 32768;
                    }
                    let size = 32 - difference.unsigned_abs().leading_zeros();
                    if size < 14 {
                        bits.put(size, 4);
                    } else {
                        bits.put(0b11_1000 + (size - 14), 6);
                    }
                    if (1..16).contains(&size) {
                        let low = if difference < 0 {
                            difference - 1
                        } else {
                            difference
                        };
                        bits.put(low as u32 & ((1 << size) - 1), size);
                    }
                }
            }
        }
        bits.flush();
        out.extend(bits.bytes);
        out.extend([0xff, 0xd9]);
        out
    }
}

/// Straight from T.87: `samples` components, one scan each, or all of them line by line in one.
pub fn jpeg_ls(
    values: &[u16],
    width: usize,
    height: usize,
    precision: u8,
    near: i32,
    samples: usize,
    by_line: bool,
) -> Vec<u8> {
    let mut out = vec![0xff, 0xd8, 0xff, 0xf7];
    out.extend((8 + 3 * samples as u16).to_be_bytes());
    out.push(precision);
    out.extend((height as u16).to_be_bytes());
    out.extend((width as u16).to_be_bytes());
    out.push(samples as u8);
    for sample in 0..samples {
        out.extend([sample as u8 + 1, 0x11, 0]);
    }
    let scans: Vec<Vec<usize>> = if by_line {
        vec![(0..samples).collect()]
    } else {
        (0..samples).map(|sample| vec![sample]).collect()
    };
    for scan in scans {
        out.extend([0xff, 0xda]);
        out.extend((6 + 2 * scan.len() as u16).to_be_bytes());
        out.push(scan.len() as u8);
        for &sample in &scan {
            out.extend([sample as u8 + 1, 0]);
        }
        out.extend([near as u8, u8::from(scan.len() > 1), 0]);
        let mut coder = LsCoder::new(precision, near);
        let mut lines = vec![(vec![0_i32; width + 2], 0_usize); scan.len()];
        for row in 0..height {
            for (&sample, (above, run)) in scan.iter().zip(&mut lines) {
                let line: Vec<i32> = (0..width)
                    .map(|column| i32::from(values[(row * width + column) * samples + sample]))
                    .collect();
                above[width + 1] = above[width];
                *above = coder.line(above, &line, run);
            }
        }
        coder.bits.flush();
        out.extend(coder.bits.bytes);
    }
    out.extend([0xff, 0xd9]);
    out
}

struct LsCoder {
    maxval: i32,
    near: i32,
    range: i32,
    qbpp: u32,
    limit: u32,
    t: [i32; 3],
    a: [i32; 367],
    b: [i32; 367],
    c: [i32; 367],
    n: [i32; 367],
    nn: [i32; 2],
    bits: BitWriter,
}

const RUNS: [u32; 32] = [
    0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13,
    14, 15,
];

impl LsCoder {
    fn new(precision: u8, near: i32) -> Self {
        let maxval = (1 << precision) - 1;
        let range = (maxval + 2 * near) / (2 * near + 1) + 1;
        let log = |value: i32| (f64::from(value)).log2().ceil() as u32;
        let bpp = log(maxval + 1).max(2);
        let factor = if maxval >= 128 {
            (maxval.min(4095) + 128) / 256
        } else {
            256 / (maxval + 1)
        };
        assert!(
            maxval >= 128,
            "the thresholds of few bits are not written here"
        );
        let t1 = (factor + 2 + 3 * near).clamp(near + 1, maxval);
        let t2 = (factor * 4 + 3 + 5 * near).clamp(t1, maxval);
        let t3 = (factor * 17 + 4 + 7 * near).clamp(t2, maxval);
        Self {
            maxval,
            near,
            range,
            qbpp: log(range),
            limit: 2 * (bpp + bpp.max(8)),
            t: [t1, t2, t3],
            a: [((range + 32) / 64).max(2); 367],
            b: [0; 367],
            c: [0; 367],
            n: [1; 367],
            nn: [0; 2],
            bits: BitWriter::new(true),
        }
    }

    fn quantise(&self, d: i32) -> i32 {
        let size = d.abs();
        let q = if size <= self.near {
            0
        } else {
            1 + self.t.iter().filter(|&&t| size >= t).count() as i32
        };
        q * d.signum()
    }

    /// The error of a sample in steps, modulo the range, and the sample as it will be decoded.
    fn error(&self, value: i32, predicted: i32, sign: i32) -> (i32, i32) {
        let step = 2 * self.near + 1;
        let raw = sign * (value - predicted);
        let mut error = if raw > 0 {
            (raw + self.near) / step
        } else {
            -((self.near - raw) / step)
        };
        let decoded = (predicted + sign * error * step).clamp(0, self.maxval);
        if error < 0 {
            error += self.range;
        }
        if error >= (self.range + 1) / 2 {
            error -= self.range;
        }
        (error, decoded)
    }

    fn golomb(&mut self, value: i32, k: u32, limit: u32) {
        let (value, most) = (value as u32, limit - self.qbpp - 1);
        if value >> k < most {
            self.bits.put(0, value >> k);
            self.bits.bit(1);
            self.bits.put(value, k);
        } else {
            self.bits.put(0, most);
            self.bits.bit(1);
            self.bits.put(value - 1, self.qbpp);
        }
    }

    fn line(&mut self, above: &[i32], line: &[i32], run: &mut usize) -> Vec<i32> {
        let width = line.len();
        let mut out = vec![0; width + 2];
        out[0] = above[1];
        let mut x = 0;
        while x < width {
            let (a, b, c, d) = (out[x], above[x + 1], above[x], above[x + 2]);
            let q = 81 * self.quantise(d - b) + 9 * self.quantise(b - c) + self.quantise(c - a);
            if q != 0 {
                out[x + 1] = self.edge(line[x], a, b, c, q);
                x += 1;
                continue;
            }
            let mut length = line[x..]
                .iter()
                .take_while(|&&value| (value - a).abs() <= self.near)
                .count();
            out[x + 1..=x + length].fill(a);
            x += length;
            while length >= 1 << RUNS[*run] {
                self.bits.bit(1);
                length -= 1 << RUNS[*run];
                *run = (*run + 1).min(31);
            }
            if x == width {
                if length > 0 {
                    self.bits.bit(1);
                }
                break;
            }
            self.bits.bit(0);
            self.bits.put(length as u32, RUNS[*run]);
            out[x + 1] = self.run_end(line[x], a, above[x + 1], RUNS[*run]);
            *run = run.saturating_sub(1);
            x += 1;
        }
        out
    }

    fn edge(&mut self, value: i32, a: i32, b: i32, c: i32, q: i32) -> i32 {
        let (sign, q) = (q.signum(), q.unsigned_abs() as usize);
        let med = if c >= a.max(b) {
            a.min(b)
        } else if c <= a.min(b) {
            a.max(b)
        } else {
            a + b - c
        };
        let predicted = (med + sign * self.c[q]).clamp(0, self.maxval);
        let (error, decoded) = self.error(value, predicted, sign);
        let k = (0..).find(|&k| self.n[q] << k >= self.a[q]).unwrap();
        let turned = self.near == 0 && k == 0 && 2 * self.b[q] <= -self.n[q];
        let mapped = match (turned, error >= 0) {
            (true, true) => 2 * error + 1,
            (true, false) => -2 * (error + 1),
            (false, true) => 2 * error,
            (false, false) => -2 * error - 1,
        };
        self.golomb(mapped, k, self.limit);
        self.b[q] += error * (2 * self.near + 1);
        self.a[q] += error.abs();
        if self.n[q] == 64 {
            self.a[q] >>= 1;
            self.b[q] >>= 1;
            self.n[q] >>= 1;
        }
        self.n[q] += 1;
        if self.b[q] <= -self.n[q] {
            self.b[q] += self.n[q];
            if self.c[q] > -128 {
                self.c[q] -= 1;
            }
            if self.b[q] <= -self.n[q] {
                self.b[q] = 1 - self.n[q];
            }
        } else if self.b[q] > 0 {
            self.b[q] -= self.n[q];
            if self.c[q] < 127 {
                self.c[q] += 1;
            }
            if self.b[q] > 0 {
                self.b[q] = 0;
            }
        }
        decoded
    }

    fn run_end(&mut self, value: i32, a: i32, b: i32, run_bits: u32) -> i32 {
        let same = usize::from((a - b).abs() <= self.near);
        let (predicted, sign) = match (same, a > b) {
            (1, _) => (a, 1),
            (_, true) => (b, -1),
            _ => (b, 1),
        };
        let (error, decoded) = self.error(value, predicted, sign);
        let at = 365 + same;
        let sum = self.a[at] + if same == 1 { self.n[at] >> 1 } else { 0 };
        let k = (0..).find(|&k| self.n[at] << k >= sum).unwrap();
        let map = (k == 0 && error > 0 && 2 * self.nn[same] < self.n[at])
            || (error < 0 && 2 * self.nn[same] >= self.n[at])
            || (error < 0 && k != 0);
        let mapped = 2 * error.abs() - same as i32 - i32::from(map);
        self.golomb(mapped, k, self.limit - run_bits - 1);
        if error < 0 {
            self.nn[same] += 1;
        }
        self.a[at] += (mapped + 1 - same as i32) >> 1;
        if self.n[at] == 64 {
            self.a[at] >>= 1;
            self.n[at] >>= 1;
            self.nn[same] >>= 1;
        }
        self.n[at] += 1;
        decoded
    }
}

/// What is made of values without a window: the least is black, the greatest is white.
pub fn stretched(values: &[f64]) -> Vec<f32> {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let shown =
        |value: &f64| ((value - (low + high) / 2.0) / (high - low) + 0.5).clamp(0.0, 1.0) as f32;
    values.iter().map(shown).collect()
}

/// Values as they are measured without a slope.
pub fn plain(values: &[u16]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

/// The largest difference between values of the same place.
pub fn furthest(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max)
}
