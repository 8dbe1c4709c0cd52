//! JPEG of the kinds that `zune-jpeg` reads wrongly or not at all, decoded slowly and strictly.
//!
//! These are channels in scans of their own that are sampled differently (etemesi254/zune-image#449), luminance that is sampled less
//! often than chroma, and streams without an end marker, of which only a decoder can tell whether they are complete.
//!
//! Huffman coding, 8 bits, baseline and progressive (ITU T.81). Wherever the data end early, the stream is refused.

mod bits;
mod scan;
mod transform;

use bits::{Bits, Huffman, Stop};
use scan::{Scan, first, refine};
use transform::{cosines, transform};

use crate::bytes::u16_be;
use crate::error::{CUT_SHORT, cut_short};
use crate::header::{Fault, jpeg::Markers};
use crate::plane::zeros;
use crate::{DecodeError, Limits};

/// The channels of a stream, each as large as the image.
pub(super) struct Frame {
    pub(super) channels: usize,
    /// `[height * width * channels]`, row by row.
    pub(super) raw: Vec<u8>,
}

/// Bytes that may stand between the data of a scan and the next marker.
const FILLING: usize = 16;

/// Bytes that may stand behind a stream without an end marker.
const STRAY: usize = 64;

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
        endless: !markers.ended,
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
    /// Whether it has no end marker.
    endless: bool,
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
            tables[usize::from(head & 3)] = Some(Huffman::new(counts, symbols));
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
                coefficients: zeros(64 * count as u64, limits)?,
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
        let mut bits = Bits::new(data);
        let mut done = 0;
        match self.units(&scan, &mut bits, &mut done) {
            Ok(()) => {}
            Err(Stop::End) => {
                let more = if self.progressive { 0.0 } else { done as f64 };
                return Err(Fault::Corrupt(cut_short(self.missing(more))));
            }
            Err(Stop::Damaged(detail)) => return Err(detail.into()),
        }
        self.check_rest(data, bits.position())?;
        for &(index, ..) in &scan.channels {
            self.components[index].missing[scan.from..=scan.to].fill(scan.after);
        }
        Ok(bits.position())
    }

    /// Checks that little but a marker follows the data of a scan, which end at `at`.
    fn check_rest(&self, data: &[u8], at: usize) -> Result<(), Fault> {
        // Some encoders fill up; more would be blocks for which the header has no place.
        let rest = data.get(at..).unwrap_or_default();
        let marker = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff);
        let more = rest.len() > FILLING && !rest[..FILLING].windows(2).any(marker);
        // Behind one without an end there may be anything, if it is little or nothing.
        let little = rest.len() <= STRAY || rest.len() * 16 <= data.len();
        let stray = self.endless
            && (little || rest.iter().all(|&byte| byte == 0))
            && !rest.windows(2).any(marker);
        match more && !stray {
            true => Err("it has more data than its image needs".into()),
            false => Ok(()),
        }
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
        let mut raw = zeros((width * height * channels) as u64, limits)?;
        let cosines = cosines();
        for (channel, component) in self.components.iter().enumerate() {
            let stride = 8 * component.stride;
            let mut plane = zeros::<u8>(component.coefficients.len() as u64, limits)?;
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
