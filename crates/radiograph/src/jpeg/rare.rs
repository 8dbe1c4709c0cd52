//! JPEG of the kinds that `zune-jpeg` reads wrongly or not at all, decoded slowly and strictly.
//!
//! These are channels in scans of their own that are sampled differently (etemesi254/zune-image#449), luminance that is sampled less
//! often than chroma, and streams without an end marker, of which only a decoder can tell whether they are complete.
//!
//! Huffman coding, 8 bits, baseline and progressive (ITU T.81). Wherever the data end early, the stream is refused.

use super::markers::{Fault, Markers};
use crate::header::{CUT_SHORT, cut_short, u16_be};
use crate::{DecodeError, Limits, decode};

/// The channels of a stream, each as large as the image.
pub(super) struct Frame {
    pub(super) channels: usize,
    /// `[height * width * channels]`, row by row.
    pub(super) raw: Vec<u8>,
}

/// Where the coefficients of a block are, in the order in which they are coded.
#[rustfmt::skip]
const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// Bytes that may stand between the data of a scan and the next marker.
const FILLING: usize = 16;

struct Component {
    id: u8,
    across: usize,
    down: usize,
    quantiser: usize,
    /// Its table, from its first scan on.
    table: Option<[u16; 64]>,
    /// Blocks within the image, across and down, as a scan of its own has them.
    blocks: (usize, usize),
    /// Blocks across in memory, which scans of several channels fill up.
    stride: usize,
    coefficients: Vec<i16>,
    predicted: i32,
    /// How many low bits are still missing of each coefficient.
    missing: [u8; 64],
}

/// A Huffman table (T.81, F.2.2.3): of each length the first code, the number of codes, and where their symbols begin.
#[derive(Clone)]
struct Huffman {
    lengths: [(u32, u32, usize); 16],
    symbols: Vec<u8>,
}

impl Huffman {
    fn read(counts: &[u8; 16], symbols: &[u8]) -> Self {
        let (mut code, mut from) = (0_u32, 0);
        let lengths = counts.map(|count| {
            let length = (code, u32::from(count), from);
            code = (code + u32::from(count)) << 1;
            from += usize::from(count);
            length
        });
        Self {
            lengths,
            symbols: symbols.to_vec(),
        }
    }
}

/// Why decoding stops.
enum Stop {
    /// The data end.
    End,
    Damaged(&'static str),
}

/// The bits of a scan.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    held: u8,
    count: u8,
}

impl Bits<'_> {
    fn bit(&mut self) -> Result<u32, Stop> {
        if self.count == 0 {
            let byte = *self.bytes.get(self.at).ok_or(Stop::End)?;
            if byte == 0xff {
                // A zero follows where it is data, and else a marker.
                if self.bytes.get(self.at + 1) != Some(&0) {
                    return Err(Stop::End);
                }
                self.at += 1;
            }
            self.at += 1;
            (self.held, self.count) = (byte, 8);
        }
        self.count -= 1;
        Ok(u32::from(self.held >> self.count & 1))
    }

    fn bits(&mut self, count: u8) -> Result<i32, Stop> {
        let mut bits = 0;
        for _ in 0..count {
            bits = bits << 1 | self.bit()?.cast_signed();
        }
        Ok(bits)
    }

    /// A number of so many bits, whose first says whether it is negative (T.81, F.2.2.1).
    fn number(&mut self, count: u8) -> Result<i32, Stop> {
        let bits = self.bits(count)?;
        Ok(if count > 0 && bits < 1 << (count - 1) {
            bits - (1 << count) + 1
        } else {
            bits
        })
    }

    fn symbol(&mut self, table: &Huffman) -> Result<u8, Stop> {
        let mut code = 0;
        for &(first, count, from) in &table.lengths {
            code = code << 1 | self.bit()?;
            let index = code.wrapping_sub(first);
            if index < count {
                let symbol = table.symbols.get(from + index as usize);
                return symbol
                    .copied()
                    .ok_or(Stop::Damaged("a code stands for nothing"));
            }
        }
        Err(Stop::Damaged("a code stands for nothing"))
    }

    /// Goes over a restart marker, which has to come next.
    fn restart(&mut self) -> Result<(), Stop> {
        self.count = 0;
        while self.bytes.get(self.at) == Some(&0xff) && self.bytes.get(self.at + 1) == Some(&0xff) {
            self.at += 1;
        }
        match self.bytes.get(self.at..self.at + 2) {
            Some([0xff, 0xd0..=0xd7]) => {
                self.at += 2;
                Ok(())
            }
            Some([0xff, _]) | None => Err(Stop::End),
            _ => Err(Stop::Damaged("a restart is missing")),
        }
    }
}

/// What a scan says of itself (T.81, B.2.3).
struct Scan<'t> {
    /// The channels in it, and their tables for the first coefficient and for the others.
    channels: Vec<(usize, Option<&'t Huffman>, Option<&'t Huffman>)>,
    from: usize,
    to: usize,
    /// How many low bits were missing before, or 0 in the first scan of these coefficients, and how many are after it.
    before: u8,
    after: u8,
}

/// Returns the channels of a stream whose markers have been walked over.
#[inline(never)]
pub(super) fn decode(bytes: &[u8], markers: &Markers, limits: &Limits) -> Result<Frame, Fault> {
    let (width, height) = markers.size();
    let mut decoder = Decoder {
        components: Vec::new(),
        quantisers: [None; 4],
        dc: [const { None }; 4],
        ac: [const { None }; 4],
        restart: 0,
        progressive: false,
        whole: (0, 0),
        most: (1, 1),
    };
    let mut at = 2;
    let ended = loop {
        let Some(found) = bytes.get(at..).and_then(|rest| {
            rest.windows(2)
                .position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff))
        }) else {
            break false;
        };
        let marker = bytes[at + found + 1];
        at += found + 2;
        match marker {
            0xd9 => break true,
            0x01 | 0xd0..=0xd8 => continue,
            _ => {}
        }
        let Some(length) = u16_be(bytes, at) else {
            break false;
        };
        let Some(body) = bytes.get(at + 2..at + usize::from(length)) else {
            break false;
        };
        at += usize::from(length);
        match marker {
            0xdb => decoder.quantisers(body)?,
            0xc4 => decoder.huffman_tables(body)?,
            0xdd => decoder.restart = usize::from(u16_be(body, 0).ok_or(CUT_SHORT)?),
            0xc0..=0xc2 => {
                decoder.progressive = marker == 0xc2;
                decoder.frame(body, width as usize, height as usize, limits)?;
            }
            0xda => at += decoder.scan(body, bytes.get(at..).unwrap_or_default())?,
            _ => {}
        }
    };
    let coarse = decoder
        .components
        .iter()
        .any(|component| component.missing != [0; 64]);
    let unseen = decoder
        .components
        .iter()
        .any(|component| component.table.is_none());
    // A progressive image may leave out what hardly shows, but then it says that it ends there.
    if decoder.components.is_empty() || unseen || coarse && !(ended && decoder.progressive) {
        return Err(Fault::Corrupt(cut_short(decoder.missing(0.0))));
    }
    Ok(decoder.finish(width as usize, height as usize, limits)?)
}

struct Decoder {
    components: Vec<Component>,
    quantisers: [Option<[u16; 64]>; 4],
    dc: [Option<Huffman>; 4],
    ac: [Option<Huffman>; 4],
    /// Units from one restart to the next, or 0.
    restart: usize,
    progressive: bool,
    /// Units of the whole image, across and down.
    whole: (usize, usize),
    /// The most often that a channel is sampled.
    most: (usize, usize),
}

impl Decoder {
    fn quantisers(&mut self, mut body: &[u8]) -> Result<(), Fault> {
        while let Some((&head, rest)) = body.split_first() {
            let size = if head >> 4 == 0 { 1 } else { 2 };
            let values = rest.get(..64 * size).ok_or(CUT_SHORT)?;
            let mut table = [0; 64];
            for (index, place) in table.iter_mut().enumerate() {
                *place = values[index * size..][..size]
                    .iter()
                    .fold(0, |value, &byte| value << 8 | u16::from(byte));
            }
            self.quantisers[usize::from(head & 3)] = Some(table);
            body = &rest[64 * size..];
        }
        Ok(())
    }

    fn huffman_tables(&mut self, mut body: &[u8]) -> Result<(), Fault> {
        while let Some((&head, rest)) = body.split_first() {
            let counts = rest.first_chunk::<16>().ok_or(CUT_SHORT)?;
            let count = counts.iter().map(|&count| usize::from(count)).sum();
            let symbols = rest[16..].get(..count).ok_or(CUT_SHORT)?;
            let tables = if head >> 4 == 0 {
                &mut self.dc
            } else {
                &mut self.ac
            };
            tables[usize::from(head & 3)] = Some(Huffman::read(counts, symbols));
            body = &rest[16 + count..];
        }
        Ok(())
    }

    fn frame(
        &mut self,
        body: &[u8],
        width: usize,
        height: usize,
        limits: &Limits,
    ) -> Result<(), Fault> {
        let count = usize::from(*body.get(5).ok_or(CUT_SHORT)?);
        let channels = body[6..].get(..3 * count).ok_or(CUT_SHORT)?;
        let factors = |channel: &[u8]| (usize::from(channel[1] >> 4), usize::from(channel[1] & 15));
        let channels = channels.chunks_exact(3);
        if !(1..=4).contains(&count)
            || channels
                .clone()
                .any(|channel| !matches!(factors(channel), (1..=4, 1..=4)))
        {
            return Err("its channels contradict each other".into());
        }
        let most = |of: fn((usize, usize)) -> usize| {
            channels
                .clone()
                .map(|channel| of(factors(channel)))
                .max()
                .unwrap_or(1)
        };
        self.most = (most(|pair| pair.0), most(|pair| pair.1));
        self.whole = (
            width.div_ceil(8 * self.most.0),
            height.div_ceil(8 * self.most.1),
        );
        for channel in channels {
            let (across, down) = factors(channel);
            let stride = self.whole.0 * across;
            let count = stride * self.whole.1 * down;
            self.components.push(Component {
                id: channel[0],
                across,
                down,
                quantiser: usize::from(channel[2] & 3),
                table: None,
                blocks: (
                    (width * across).div_ceil(8 * self.most.0),
                    (height * down).div_ceil(8 * self.most.1),
                ),
                stride,
                coefficients: decode::zeros(64 * count as u64, limits)?,
                predicted: 0,
                // As many as there can be.
                missing: [16; 64],
            });
        }
        Ok(())
    }

    /// How much is missing of all channels together, `0..=1`, once a part of `more` blocks is added to what is complete.
    fn missing(&self, more: f64) -> f64 {
        let (mut all, mut found) = (0.0, more);
        for component in &self.components {
            let blocks = (component.blocks.0 * component.blocks.1) as f64;
            let complete = component.missing.iter().filter(|&&bits| bits == 0).count();
            all += blocks;
            found += blocks * complete as f64 / 64.0;
        }
        if all > 0.0 { 1.0 - found / all } else { 1.0 }
    }

    /// Reads a scan; returns the length of its data.
    fn scan(&mut self, body: &[u8], data: &[u8]) -> Result<usize, Fault> {
        let count = usize::from(*body.first().ok_or(CUT_SHORT)?);
        let rest = body
            .get(1 + 2 * count..)
            .and_then(|rest| rest.first_chunk::<3>());
        let &[from, to, bits] = rest.ok_or(CUT_SHORT)?;
        let (dc, ac) = (self.dc.clone(), self.ac.clone());
        let mut channels: Vec<(usize, _, _)> = Vec::new();
        for channel in body[1..].chunks_exact(2).take(count) {
            let index = self
                .components
                .iter()
                .position(|component| component.id == channel[0]);
            let index = index.ok_or("it has a scan of no channel")?;
            if channels.iter().any(|&(other, ..)| other == index) {
                return Err("it has a scan of a channel twice".into());
            }
            let component = &mut self.components[index];
            if component.table.is_none() {
                component.table = self.quantisers[component.quantiser];
            }
            if component.table.is_none() {
                return Err("it has no quantisation table".into());
            }
            component.predicted = 0;
            channels.push((
                index,
                dc[usize::from(channel[1] >> 4 & 3)].as_ref(),
                ac[usize::from(channel[1] & 3)].as_ref(),
            ));
        }
        let scan = if self.progressive {
            Scan {
                channels,
                from: usize::from(from),
                to: usize::from(to),
                before: bits >> 4,
                after: bits & 15,
            }
        } else {
            Scan {
                channels,
                from: 0,
                to: 63,
                before: 0,
                after: 0,
            }
        };
        if scan.to > 63
            || scan.from > scan.to
            || scan.after > 13
            || self.progressive && (scan.from == 0) != (scan.to == 0)
            || scan.from > 0 && count != 1
            || count == 0
        {
            return Err("one of its scans contradicts itself".into());
        }
        let mut bits = Bits {
            bytes: data,
            at: 0,
            held: 0,
            count: 0,
        };
        let mut done = 0;
        match self.units(&scan, &mut bits, &mut done) {
            Ok(()) => {}
            Err(Stop::End) => {
                let more = if self.progressive { 0.0 } else { done as f64 };
                return Err(Fault::Corrupt(cut_short(self.missing(more))));
            }
            Err(Stop::Damaged(detail)) => return Err(detail.into()),
        }
        // Some encoders fill up; more would be blocks for which the header has no place.
        let rest = data.get(bits.at..).unwrap_or_default();
        let marker = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff);
        if rest.len() > FILLING && !rest[..FILLING].windows(2).any(marker) {
            return Err("it has more data than its image needs".into());
        }
        for &(index, ..) in &scan.channels {
            self.components[index].missing[scan.from..=scan.to].fill(scan.after);
        }
        Ok(bits.at)
    }

    /// Reads the units of a scan, and counts its blocks.
    fn units(
        &mut self,
        scan: &Scan<'_>,
        bits: &mut Bits<'_>,
        done: &mut usize,
    ) -> Result<(), Stop> {
        let alone = scan.channels.len() == 1;
        let (across, down) = if alone {
            self.components[scan.channels[0].0].blocks
        } else {
            self.whole
        };
        // Blocks that are still to come in which there is nothing new.
        let mut empty = 0;
        for unit in 0..across * down {
            if self.restart > 0 && unit > 0 && unit % self.restart == 0 {
                bits.restart()?;
                empty = 0;
                for &(index, ..) in &scan.channels {
                    self.components[index].predicted = 0;
                }
            }
            let (x, y) = (unit % across, unit / across);
            for &(index, dc, ac) in &scan.channels {
                let component = &mut self.components[index];
                let inner = if alone {
                    (1, 1)
                } else {
                    (component.across, component.down)
                };
                for block in 0..inner.0 * inner.1 {
                    let column = x * inner.0 + block % inner.0;
                    let row = y * inner.1 + block / inner.0;
                    let at = 64 * (row * component.stride + column);
                    let coefficients = &mut component.coefficients[at..at + 64];
                    let predicted = &mut component.predicted;
                    let ac_table = || ac.ok_or(Stop::Damaged("a Huffman table is missing"));
                    if scan.from == 0 {
                        if scan.before > 0 {
                            coefficients[0] |= (bits.bit()? << scan.after) as i16;
                        } else {
                            let dc = dc.ok_or(Stop::Damaged("a Huffman table is missing"))?;
                            let size = bits.symbol(dc)?;
                            if size > 15 {
                                return Err(Stop::Damaged("a coefficient is too large"));
                            }
                            *predicted = predicted.wrapping_add(bits.number(size)?);
                            coefficients[0] = (*predicted << scan.after) as i16;
                        }
                        if scan.to > 0 {
                            first(coefficients, 1, scan, ac_table()?, bits, &mut 0)?;
                        }
                    } else if scan.before > 0 {
                        refine(coefficients, scan, ac_table()?, bits, &mut empty)?;
                    } else {
                        first(coefficients, scan.from, scan, ac_table()?, bits, &mut empty)?;
                    }
                    *done += 1;
                }
            }
        }
        Ok(())
    }

    /// Makes pixels of the coefficients.
    fn finish(self, width: usize, height: usize, limits: &Limits) -> Result<Frame, DecodeError> {
        let channels = self.components.len();
        let mut raw = decode::zeros((width * height * channels) as u64, limits)?;
        let cosines = cosines();
        for (channel, component) in self.components.iter().enumerate() {
            let stride = 8 * component.stride;
            let mut plane = decode::zeros::<u8>(component.coefficients.len() as u64, limits)?;
            let table = component.table.unwrap_or([1; 64]);
            for (index, block) in component
                .coefficients
                .as_chunks::<64>()
                .0
                .iter()
                .enumerate()
            {
                let at = index / component.stride * 8 * stride + index % component.stride * 8;
                transform(block, &table, &cosines, &mut plane[at..], stride);
            }
            for y in 0..height {
                let row = &plane[y * component.down / self.most.1 * stride..][..stride];
                let places = raw[y * width * channels + channel..]
                    .iter_mut()
                    .step_by(channels);
                for (x, place) in places.take(width).enumerate() {
                    *place = row[x * component.across / self.most.0];
                }
            }
        }
        Ok(Frame { channels, raw })
    }
}

/// Coefficients from `at` on that are coded for the first time (T.81, F.2.2.2 and G.1.2.2).
fn first(
    coefficients: &mut [i16],
    mut at: usize,
    scan: &Scan<'_>,
    table: &Huffman,
    bits: &mut Bits<'_>,
    empty: &mut i32,
) -> Result<(), Stop> {
    if *empty > 0 {
        *empty -= 1;
        return Ok(());
    }
    while at <= scan.to {
        let symbol = bits.symbol(table)?;
        let (run, size) = (symbol >> 4, symbol & 15);
        if size == 0 {
            if run < 15 {
                *empty = (1 << run) - 1 + bits.bits(run)?;
                break;
            }
            at += 16;
            continue;
        }
        at += usize::from(run);
        if at > scan.to {
            return Err(Stop::Damaged("a block has too many coefficients"));
        }
        coefficients[usize::from(ZIGZAG[at])] = (bits.number(size)? << scan.after) as i16;
        at += 1;
    }
    Ok(())
}

/// One more bit of coefficients (T.81, G.1.2.3).
fn refine(
    coefficients: &mut [i16],
    scan: &Scan<'_>,
    table: &Huffman,
    bits: &mut Bits<'_>,
    empty: &mut i32,
) -> Result<(), Stop> {
    let step = 1_i16 << scan.after;
    let more = |coefficient: &mut i16, bits: &mut Bits<'_>| {
        if bits.bit()? == 1 && *coefficient & step == 0 {
            *coefficient = coefficient.wrapping_add(step * coefficient.signum());
        }
        Ok(())
    };
    let mut at = scan.from;
    if *empty == 0 {
        while at <= scan.to {
            let symbol = bits.symbol(table)?;
            let (mut run, size) = (symbol >> 4, symbol & 15);
            let new = match size {
                0 if run < 15 => {
                    *empty = (1 << run) + bits.bits(run)?;
                    break;
                }
                0 => 0,
                _ if bits.bit()? == 1 => step,
                _ => -step,
            };
            while at <= scan.to {
                let coefficient = &mut coefficients[usize::from(ZIGZAG[at])];
                at += 1;
                if *coefficient != 0 {
                    more(coefficient, bits)?;
                } else if run == 0 {
                    *coefficient = new;
                    break;
                } else {
                    run -= 1;
                }
            }
        }
    }
    if *empty > 0 {
        for &place in &ZIGZAG[at..=scan.to] {
            let coefficient = &mut coefficients[usize::from(place)];
            if *coefficient != 0 {
                more(coefficient, bits)?;
            }
        }
        *empty -= 1;
    }
    Ok(())
}

/// How much of frequency `u` there is at place `x`, at `8 * u + x`.
fn cosines() -> [f32; 64] {
    std::array::from_fn(|at| {
        let (u, x) = (at / 8, at % 8);
        let scale = if u == 0 { 0.125_f32.sqrt() } else { 0.5 };
        scale * ((2 * x + 1) as f32 * u as f32 * std::f32::consts::PI / 16.0).cos()
    })
}

/// The pixels of a block of 8 x 8 (T.81, A.3.3), rows of `plane` being `stride` apart.
fn transform(
    block: &[i16; 64],
    table: &[u16; 64],
    cosines: &[f32; 64],
    plane: &mut [u8],
    stride: usize,
) {
    let mut values = [0_f32; 64];
    for (&place, &quantiser) in ZIGZAG.iter().zip(table) {
        let place = usize::from(place);
        values[place] = f32::from(block[place]) * f32::from(quantiser);
    }
    // `as` saturates.
    let level = |value: f32| (value + 128.5) as u8;
    if values[1..].iter().all(|&value| value == 0.0) {
        for row in plane.chunks_mut(stride).take(8) {
            row[..8].fill(level(values[0] / 8.0));
        }
        return;
    }
    let mut rows = [0_f32; 64];
    for v in 0..8 {
        for x in 0..8 {
            rows[8 * v + x] = (0..8).map(|u| values[8 * v + u] * cosines[8 * u + x]).sum();
        }
    }
    for (y, row) in plane.chunks_mut(stride).take(8).enumerate() {
        for (x, place) in row[..8].iter_mut().enumerate() {
            *place = level((0..8).map(|v| rows[8 * v + x] * cosines[8 * v + y]).sum());
        }
    }
}
