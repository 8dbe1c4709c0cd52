//! JPEG lossless (ITU T.81, process 14): each sample is predicted from its neighbours, and what was wrong with that is
//! Huffman-coded.
//!
//! Here and not from a crate, because the one that there is (`jpeg-decoder`) predicts wrongly after restarts and with a
//! point transform, and takes ten bytes for a pixel.

use super::markers::{self, Segment};
use crate::dicom::flaw::{Flaw, OTHER_SIZE};
use crate::error::CUT_SHORT;

/// What a frame header says.
struct Frame {
    precision: u8,
    width: usize,
    height: usize,
    /// Identifiers of the components.
    components: Vec<u8>,
}

/// Writes the samples of the stream to `cells`, interleaved, and returns how many bits each may have.
///
/// # Errors
/// If the stream is of another size than `width` x `height` x `samples`, is damaged, or ends early.
#[inline(never)]
pub(in crate::dicom) fn decode_lossless(
    stream: &[u8],
    width: usize,
    height: usize,
    samples: usize,
    cells: &mut [u16],
) -> Result<u8, Flaw> {
    let mut tables: [Option<HuffmanTable>; 4] = [const { None }; 4];
    let mut frame: Option<Frame> = None;
    let mut restart = 0;
    let mut decoded = 0;
    let mut walk = markers::Walk::new(stream);
    while let Some(Segment { marker, body }) = walk.next()? {
        match marker {
            0xc4 => read_tables(body, &mut tables)?,
            0xc3 => {
                if frame.is_some() {
                    return Err(Flaw::Corrupt("it has more than one frame"));
                }
                let mut found = read_frame(body)?;
                if found.height == 0 {
                    // It follows the first scan, or is not said at all: the file knows it.
                    found.height = height;
                }
                if (found.width, found.height, found.components.len()) != (width, height, samples) {
                    return Err(Flaw::Corrupt(OTHER_SIZE));
                }
                frame = Some(found);
            }
            0xdd => restart = usize::from(markers::u16_be(body, 0)?),
            0xda => {
                let frame = frame
                    .as_ref()
                    .ok_or(Flaw::Corrupt("it has no frame header"))?;
                let scan = Scan::from_header(body, frame, &tables, restart)?;
                if scan
                    .components
                    .iter()
                    .any(|&(at, _)| decoded >> at & 1 == 1)
                {
                    return Err(Flaw::Corrupt("it has a component twice"));
                }
                for &(at, _) in &scan.components {
                    decoded |= 1 << at;
                }
                let consumed = scan.decode(walk.rest(), frame, cells)?;
                walk.skip(consumed);
            }
            _ => {}
        }
        if let Some(frame) = &frame
            && decoded == (1_u32 << samples) - 1
        {
            return Ok(frame.precision);
        }
    }
    Err(Flaw::Corrupt(CUT_SHORT))
}

fn read_frame(body: &[u8]) -> Result<Frame, Flaw> {
    let [precision, h1, h0, w1, w0, count, rest @ ..] = body else {
        return Err(Flaw::Corrupt(CUT_SHORT));
    };
    if !(2..=16).contains(precision) {
        return Err(Flaw::Corrupt("its samples have no possible number of bits"));
    }
    let (components, _) = rest.as_chunks::<3>();
    let components = components
        .get(..usize::from(*count))
        .ok_or(Flaw::Corrupt(CUT_SHORT))?;
    if components.len() > 4 {
        return Err(Flaw::Corrupt("it has too many components"));
    }
    if components.len() > 1 && components.iter().any(|component| component[1] != 0x11) {
        return Err(Flaw::Unsupported("lossless JPEG with subsampled colours"));
    }
    Ok(Frame {
        precision: *precision,
        width: usize::from(u16::from_be_bytes([*w1, *w0])),
        height: usize::from(u16::from_be_bytes([*h1, *h0])),
        components: components.iter().map(|component| component[0]).collect(),
    })
}

/// Reads the Huffman tables of a segment (T.81, B.2.4.2).
fn read_tables(mut body: &[u8], tables: &mut [Option<HuffmanTable>; 4]) -> Result<(), Flaw> {
    while let [kind, rest @ ..] = body {
        let (counts, rest) = rest
            .split_first_chunk::<16>()
            .ok_or(Flaw::Corrupt(CUT_SHORT))?;
        let total = counts.iter().map(|&count| usize::from(count)).sum();
        let values = rest.get(..total).ok_or(Flaw::Corrupt(CUT_SHORT))?;
        // Tables of the other class are for coefficients, which there are none of here.
        if kind >> 4 == 0 {
            let place = tables
                .get_mut(usize::from(kind & 15))
                .ok_or(Flaw::Corrupt(BAD_TABLE))?;
            *place = Some(HuffmanTable::new(counts, values)?);
        }
        body = &rest[total..];
    }
    Ok(())
}

const BAD_TABLE: &str = "one of its Huffman tables is damaged";

/// Bits that are looked up at once.
const LOOKUP_BITS: u32 = 9;

/// A Huffman table (T.81, C and F.2.2.3).
struct HuffmanTable {
    /// By the next bits: length and value of the code that they begin with; length 0 where it is longer.
    lookup: Vec<(u8, u8)>,
    /// By length: the first code that is too large for it, left-aligned in 16 bits.
    limits: [u32; 17],
    /// By length: what to add to a code to get the index of its value.
    offsets: [i32; 17],
    values: Vec<u8>,
}

impl HuffmanTable {
    fn new(counts: &[u8; 16], values: &[u8]) -> Result<Self, Flaw> {
        if values.iter().any(|&value| value > 16) {
            return Err(Flaw::Corrupt(BAD_TABLE));
        }
        let mut table = Self {
            lookup: vec![(0, 0); 1 << LOOKUP_BITS],
            limits: [0; 17],
            offsets: [0; 17],
            values: values.to_vec(),
        };
        let (mut code, mut index) = (0_u32, 0_usize);
        for (length, &count) in (1_u32..).zip(counts) {
            let end = code + u32::from(count);
            if end > 1 << length {
                return Err(Flaw::Corrupt(BAD_TABLE));
            }
            // Neither exceeds 16 bits.
            table.offsets[length as usize] = index as i32 - code as i32;
            table.limits[length as usize] = end << (16 - length);
            if length <= LOOKUP_BITS {
                let spread = 1 << (LOOKUP_BITS - length);
                for (code, &value) in (code..end).zip(&values[index..]) {
                    let from = (code as usize) * spread;
                    table.lookup[from..from + spread].fill((length as u8, value));
                }
            }
            index += usize::from(count);
            code = end << 1;
        }
        Ok(table)
    }

    /// Returns the next value in `bits`.
    fn next_value(&self, bits: &mut Bits<'_>) -> Result<u8, Flaw> {
        let next = bits.peek16();
        let (length, value) = self.lookup[(next >> (16 - LOOKUP_BITS)) as usize];
        if length > 0 {
            bits.take(u32::from(length))?;
            return Ok(value);
        }
        for length in LOOKUP_BITS + 1..=16 {
            if next < self.limits[length as usize] {
                bits.take(length)?;
                let index = (next >> (16 - length)).cast_signed() + self.offsets[length as usize];
                return usize::try_from(index)
                    .ok()
                    .and_then(|index| self.values.get(index).copied())
                    .ok_or(Flaw::Corrupt(BAD_TABLE));
            }
        }
        Err(Flaw::Corrupt(
            "it holds a code that is in none of its tables",
        ))
    }
}

/// The bits of a scan, up to the next marker. A zero follows each byte of ones.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The next bits, from the highest on.
    bits: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            bits: 0,
            count: 0,
        }
    }

    fn fill(&mut self) {
        while self.count <= 56 {
            let step = match self.bytes.get(self.at..) {
                Some([0xff, 0, ..]) => 2,
                Some([0xff, ..] | []) | None => return,
                Some(_) => 1,
            };
            self.bits |= u64::from(self.bytes[self.at]) << (56 - self.count);
            self.at += step;
            self.count += 8;
        }
    }

    /// Returns the next 16 bits, with zeros for those that there are not.
    fn peek16(&mut self) -> u32 {
        if self.count < 16 {
            self.fill();
        }
        (self.bits >> 48) as u32
    }

    /// Returns the next `count` bits, up to 16.
    fn take(&mut self, count: u32) -> Result<u32, Flaw> {
        if self.count < count {
            self.fill();
            if self.count < count {
                return Err(Flaw::Corrupt(CUT_SHORT));
            }
        }
        let taken = if count == 0 {
            0
        } else {
            (self.bits >> (64 - count)) as u32
        };
        self.bits <<= count;
        self.count -= count;
        Ok(taken)
    }

    /// Goes on behind the next marker, which has to be restart number `expected`.
    fn restart(&mut self, expected: u8) -> Result<(), Flaw> {
        self.bits = 0;
        self.count = 0;
        match self.bytes.get(self.at..) {
            Some([0xff, marker, ..]) if *marker == 0xd0 + expected => {
                self.at += 2;
                Ok(())
            }
            _ => Err(Flaw::Corrupt("a restart marker is missing")),
        }
    }
}

/// One scan: some components, and how they are predicted.
struct Scan<'a> {
    /// Number of the component and its table.
    components: Vec<(usize, &'a HuffmanTable)>,
    predictor: u8,
    /// Bits that were shifted out before coding.
    shift: u8,
    /// Rows from one restart to the next.
    rows: Option<usize>,
}

impl<'a> Scan<'a> {
    fn from_header(
        body: &[u8],
        frame: &Frame,
        tables: &'a [Option<HuffmanTable>; 4],
        restart: usize,
    ) -> Result<Self, Flaw> {
        let (&count, rest) = body.split_first().ok_or(Flaw::Corrupt(CUT_SHORT))?;
        let count = usize::from(count);
        let selectors = rest.get(..2 * count).ok_or(Flaw::Corrupt(CUT_SHORT))?;
        let [predictor, _, shift, ..] = rest[2 * count..] else {
            return Err(Flaw::Corrupt(CUT_SHORT));
        };
        let shift = shift & 15;
        if !(1..=7).contains(&predictor) || shift >= frame.precision || count == 0 {
            return Err(Flaw::Corrupt("the header of its scan makes no sense"));
        }
        let components = selectors
            .chunks_exact(2)
            .map(|selector| {
                let at = frame.components.iter().position(|&id| id == selector[0]);
                let table = tables
                    .get(usize::from(selector[1] >> 4))
                    .and_then(Option::as_ref);
                at.zip(table)
                    .ok_or(Flaw::Corrupt("its scan names what it does not have"))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let rows = match restart {
            0 => None,
            // Prediction starts anew with the row (H.1.1).
            restart if restart.is_multiple_of(frame.width) => Some(restart / frame.width),
            _ => return Err(Flaw::Corrupt("it restarts within a row")),
        };
        Ok(Self {
            components,
            predictor,
            shift,
            rows,
        })
    }

    /// Writes the scan at the beginning of `bytes` to `cells`, and returns how many bytes it took.
    fn decode(&self, bytes: &[u8], frame: &Frame, cells: &mut [u16]) -> Result<usize, Flaw> {
        let mut bits = Bits::new(bytes);
        let samples = frame.components.len();
        let first = 1_u16 << (frame.precision - self.shift - 1);
        // Of the rows as they were coded, before the shift is undone.
        let mut above = vec![0_u16; frame.width * self.components.len()];
        let mut current = above.clone();
        for row in 0..frame.height {
            let mut fresh = row == 0;
            if let Some(rows) = self.rows
                && row > 0
                && row.is_multiple_of(rows)
            {
                // Eight numbers, over and over.
                bits.restart(((row / rows - 1) % 8) as u8)?;
                fresh = true;
            }
            let out = &mut cells[row * frame.width * samples..][..frame.width * samples];
            for column in 0..frame.width {
                for (index, &(at, table)) in self.components.iter().enumerate() {
                    let step = self.components.len();
                    let here = column * step + index;
                    let predicted = match (fresh, column) {
                        (true, 0) => first,
                        (true, _) => current[here - step],
                        (false, 0) => above[here],
                        (false, _) => predict(
                            self.predictor,
                            i32::from(current[here - step]),
                            i32::from(above[here]),
                            i32::from(above[here - step]),
                        ),
                    };
                    let difference = difference(table, &mut bits).map_err(|flaw| match flaw {
                        Flaw::Corrupt(CUT_SHORT) => Flaw::Short {
                            have: row * frame.width + column,
                            need: frame.height * frame.width,
                        },
                        flaw => flaw,
                    })?;
                    let value = predicted.wrapping_add(difference);
                    current[here] = value;
                    out[column * samples + at] = value << self.shift;
                }
            }
            std::mem::swap(&mut above, &mut current);
        }
        Ok(bits.at)
    }
}

/// Returns the prediction of a sample from those to the left, above, and both (T.81, table H.1), modulo 2^16.
fn predict(predictor: u8, left: i32, above: i32, corner: i32) -> u16 {
    let value = match predictor {
        1 => left,
        2 => above,
        3 => corner,
        4 => left + above - corner,
        5 => left + ((above - corner) >> 1),
        6 => above + ((left - corner) >> 1),
        _ => (left + above) >> 1,
    };
    value as u16
}

/// Returns the next difference, modulo 2^16 (T.81, table H.2).
fn difference(table: &HuffmanTable, bits: &mut Bits<'_>) -> Result<u16, Flaw> {
    let size = u32::from(table.next_value(bits)?);
    if size == 16 {
        return Ok(1 << 15);
    }
    let extra = bits.take(size)?;
    // Half of the numbers of a size are negative, and come first.
    let value = if size > 0 && extra < 1 << (size - 1) {
        extra.cast_signed() - (1 << size) + 1
    } else {
        extra.cast_signed()
    };
    Ok(value as u16)
}
