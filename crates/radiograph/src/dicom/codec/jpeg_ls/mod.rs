//! JPEG-LS (ITU T.87), lossless and nearly so: each sample is predicted by the edges around it, corrected by what the
//! same surroundings went wrong by before, and what remains is Golomb-coded; even areas are coded as runs.
//!
//! Here and not from a crate, because there is none for this alone that is kept. Names are those of T.87.

mod bits;
mod parameters;

use bits::{Bits, golomb};
use parameters::{Parameters, Preset};

use crate::dicom::codec::markers::{self, Segment};
use crate::dicom::flaw::{Flaw, OTHER_SIZE};
use crate::error::CUT_SHORT;

/// Writes the samples of the stream to `cells`, interleaved, and returns how many bits each may have.
///
/// # Errors
/// If the stream is of another size than `width` x `height` x `samples`, is damaged, or ends early.
#[inline(never)]
pub(in crate::dicom) fn decode_jpeg_ls(
    stream: &[u8],
    width: usize,
    height: usize,
    samples: usize,
    cells: &mut [u16],
) -> Result<u8, Flaw> {
    // Precision and identifiers of the components.
    let mut frame: Option<(u8, Vec<u8>)> = None;
    let mut preset = Preset::default();
    let mut decoded = 0_u32;
    let mut walk = markers::Walk::new(stream);
    while let Some(Segment { marker, body }) = walk.next()? {
        match marker {
            0xf7 => {
                let (precision, names) = frame_header(body, [width, height], samples)?;
                if !(2..=16).contains(&precision) || frame.is_some() {
                    return Err(Flaw::Corrupt("the header of its frame makes no sense"));
                }
                frame = Some((precision, names));
            }
            0xf8 => match body.split_first() {
                Some((1, values)) => preset = Preset::from_values(values)?,
                Some((2 | 3, _)) => {
                    return Err(Flaw::Unsupported("JPEG-LS with a table for its samples"));
                }
                _ => {}
            },
            0xdd if body.iter().any(|&byte| byte != 0) => {
                return Err(Flaw::Unsupported("JPEG-LS with restart markers"));
            }
            0xda => {
                let (precision, names) = frame
                    .as_ref()
                    .ok_or(Flaw::Corrupt("it has no frame header"))?;
                let (&count, rest) = body.split_first().ok_or(Flaw::Corrupt(CUT_SHORT))?;
                let count = usize::from(count);
                let (selectors, rest) = rest
                    .split_at_checked(2 * count)
                    .ok_or(Flaw::Corrupt(CUT_SHORT))?;
                let [near, interleave, shift, ..] = *rest else {
                    return Err(Flaw::Corrupt(CUT_SHORT));
                };
                if shift & 15 != 0 {
                    return Err(Flaw::Unsupported("JPEG-LS with a point transform"));
                }
                let mut components = Vec::new();
                for selector in selectors.chunks_exact(2) {
                    let at = names.iter().position(|&name| name == selector[0]);
                    let at = at.ok_or(Flaw::Corrupt("its scan names what it does not have"))?;
                    if decoded >> at & 1 == 1 {
                        return Err(Flaw::Corrupt("it has a component twice"));
                    }
                    decoded |= 1 << at;
                    components.push(at);
                }
                let limits = Parameters::new(*precision, near, &preset)?;
                let mut scan = Scan::new(limits, walk.rest());
                let by_sample = interleave > 1 && count > 1;
                scan.decode(width, samples, &components, by_sample, cells)?;
                walk.skip(scan.bits.at);
            }
            _ => {}
        }
        if let Some((precision, _)) = &frame
            && decoded == (1 << samples) - 1
        {
            return Ok(*precision);
        }
    }
    Err(Flaw::Corrupt(CUT_SHORT))
}

/// The precision of a frame and the identifiers of its components, which have to be so many and of this width and height.
fn frame_header(body: &[u8], sides: [usize; 2], samples: usize) -> Result<(u8, Vec<u8>), Flaw> {
    let [precision, h1, h0, w1, w0, count, rest @ ..] = body else {
        return Err(Flaw::Corrupt(CUT_SHORT));
    };
    let (components, _) = rest.as_chunks::<3>();
    let components = components
        .get(..usize::from(*count))
        .ok_or(Flaw::Corrupt(CUT_SHORT))?;
    let mut size = [[*w1, *w0], [*h1, *h0]].map(|side| usize::from(u16::from_be_bytes(side)));
    if size[1] == 0 {
        // It follows the first scan, or is not said at all: the file knows it.
        size[1] = sides[1];
    }
    if size != sides || components.len() != samples {
        return Err(Flaw::Corrupt(OTHER_SIZE));
    }
    let names = components.iter().map(|component| component[0]);
    Ok((*precision, names.collect()))
}

/// What was learned of one kind of surroundings (A.2.1); `negative` is Nn, of runs alone.
#[derive(Clone, Copy)]
struct Context {
    a: i32,
    b: i32,
    c: i32,
    n: i32,
    negative: i32,
}

impl Context {
    /// The Golomb parameter for errors of which `sum` is that of the sizes (A.5.1).
    fn golomb(&self, sum: i32) -> Result<u32, Flaw> {
        // `n` is at least 1, errors have 17 bits at most, and a sum is of at most 4096.
        (0..=24)
            .find(|&k| self.n << k >= sum)
            .ok_or(Flaw::Corrupt("its errors grow beyond all bounds"))
    }
}

/// Bits of the length of a run, by how the last ones went (A.2.1).
const J: [u32; 32] = [
    0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13,
    14, 15,
];

/// Contexts of edges, those of the ends of runs behind them.
const EDGES: usize = 365;

struct Scan<'a> {
    parameters: Parameters,
    contexts: [Context; EDGES + 2],
    bits: Bits<'a>,
}

impl<'a> Scan<'a> {
    fn new(parameters: Parameters, bytes: &'a [u8]) -> Self {
        let start = Context {
            a: ((parameters.range + 32) / 64).max(2),
            b: 0,
            c: 0,
            n: 1,
            negative: 0,
        };
        Self {
            parameters,
            contexts: [start; EDGES + 2],
            bits: Bits::new(bytes),
        }
    }

    /// Writes the components of the scan to `cells`, line by line, where there are `samples` to a pixel.
    fn decode(
        &mut self,
        width: usize,
        samples: usize,
        components: &[usize],
        by_sample: bool,
        cells: &mut [u16],
    ) -> Result<(), Flaw> {
        // The line above and the current one, with a sample more at either end; and how the last runs of a component went.
        let line = vec![0_i32; width + 2];
        let mut lines = vec![(line.clone(), line, 0_usize); components.len()];
        let rows = cells.len() / (width * samples);
        for (number, row) in cells.chunks_exact_mut(width * samples).enumerate() {
            let short = |flaw| match flaw {
                Flaw::Corrupt(CUT_SHORT) => Flaw::Short {
                    have: number,
                    need: rows,
                },
                flaw => flaw,
            };
            for (above, current, _) in &mut lines {
                above[width + 1] = above[width];
                current[0] = above[1];
            }
            if by_sample {
                self.line_by_sample(&mut lines).map_err(short)?;
            }
            for (&component, (above, current, run)) in components.iter().zip(&mut lines) {
                if !by_sample {
                    self.line(above, current, run).map_err(short)?;
                }
                for (cell, &value) in row
                    .iter_mut()
                    .skip(component)
                    .step_by(samples)
                    .zip(&current[1..])
                {
                    // Within 0..=MAXVAL.
                    *cell = value as u16;
                }
                std::mem::swap(above, current);
            }
        }
        Ok(())
    }

    fn line(&mut self, above: &[i32], current: &mut [i32], run: &mut usize) -> Result<(), Flaw> {
        let end = current.len() - 1;
        let mut at = 1;
        while at < end {
            let [a, b, c, d] = [current[at - 1], above[at], above[at - 1], above[at + 1]];
            let [q1, q2, q3] =
                [d - b, b - c, c - a].map(|gradient| self.parameters.region(gradient));
            let q = 81 * q1 + 9 * q2 + q3;
            if q == 0 {
                at = self.run(above, current, at, run)?;
            } else {
                current[at] = self.edge(a, b, c, q)?;
                at += 1;
            }
        }
        Ok(())
    }

    /// A line of all components at once: there are runs where all of them are even, which all end together (as CharLS writes it).
    fn line_by_sample(&mut self, lines: &mut [(Vec<i32>, Vec<i32>, usize)]) -> Result<(), Flaw> {
        let Some((first, _, _)) = lines.first() else {
            return Ok(());
        };
        let end = first.len() - 1;
        let mut at = 1;
        while at < end {
            let around = |line: &(Vec<i32>, Vec<i32>, usize)| {
                let (above, current, _) = line;
                [current[at - 1], above[at], above[at - 1], above[at + 1]]
            };
            let region = |scan: &Self, [a, b, c, d]: [i32; 4]| {
                let [q1, q2, q3] =
                    [d - b, b - c, c - a].map(|gradient| scan.parameters.region(gradient));
                81 * q1 + 9 * q2 + q3
            };
            if lines.iter().any(|line| region(self, around(line)) != 0) {
                for line in &mut *lines {
                    let [a, b, c, d] = around(line);
                    let q = region(self, [a, b, c, d]);
                    line.1[at] = self.edge(a, b, c, q)?;
                }
                at += 1;
                continue;
            }
            let run = &mut lines[0].2;
            let (length, ended) = self.run_length(end - at, run)?;
            let run_bits = J[*run];
            if !ended {
                *run = run.saturating_sub(1);
            }
            for (above, current, _) in &mut *lines {
                let value = current[at - 1];
                current[at..at + length].fill(value);
                if !ended {
                    let b = above[at + length];
                    current[at + length] = self.run_end(value, b, run_bits, false)?;
                }
            }
            at += length + usize::from(!ended);
        }
        Ok(())
    }

    /// The next sample in surroundings `q` with an edge (A.4 to A.6).
    fn edge(&mut self, a: i32, b: i32, c: i32, q: i32) -> Result<i32, Flaw> {
        let parameters = &self.parameters;
        let (sign, q) = (if q < 0 { -1 } else { 1 }, q.unsigned_abs() as usize);
        let context = &mut self.contexts[q];
        let edge = if c >= a.max(b) {
            a.min(b)
        } else if c <= a.min(b) {
            a.max(b)
        } else {
            a + b - c
        };
        let predicted = (edge + sign * context.c).clamp(0, parameters.maxval);
        let k = context.golomb(context.a)?;
        let mapped = golomb(&mut self.bits, k, parameters.limit, parameters.qbpp)?;
        let mut error = if mapped & 1 == 0 {
            mapped >> 1
        } else {
            -((mapped + 1) >> 1)
        };
        if parameters.near == 0 && k == 0 && 2 * context.b <= -context.n {
            error = -error - 1;
        }
        let error = parameters.check(error)?;

        context.b += error * (2 * parameters.near + 1);
        context.a += error.abs();
        if context.n == parameters.reset {
            context.a >>= 1;
            context.b >>= 1;
            context.n >>= 1;
        }
        context.n += 1;
        if context.b <= -context.n {
            context.b = (context.b + context.n).max(1 - context.n);
            context.c = (context.c - 1).max(-128);
        } else if context.b > 0 {
            context.b = (context.b - context.n).min(0);
            context.c = (context.c + 1).min(127);
        }
        Ok(parameters.sample(predicted, sign * error))
    }

    /// A run from `at` on, and the sample that ends it where that is not the end of the line; returns where it went (A.7).
    fn run(
        &mut self,
        above: &[i32],
        current: &mut [i32],
        mut at: usize,
        run: &mut usize,
    ) -> Result<usize, Flaw> {
        let end = current.len() - 1;
        let value = current[at - 1];
        let (length, ended) = self.run_length(end - at, run)?;
        current[at..at + length].fill(value);
        at += length;
        if ended {
            return Ok(at);
        }
        let same = (value - above[at]).abs() <= self.parameters.near;
        current[at] = self.run_end(value, above[at], J[*run], same)?;
        *run = run.saturating_sub(1);
        Ok(at + 1)
    }

    /// The length of a run, of which there is room for `most`; and whether it goes to the end of the line (A.7.1).
    fn run_length(&mut self, most: usize, run: &mut usize) -> Result<(usize, bool), Flaw> {
        let mut at = 0;
        while self.bits.take(1)? == 1 {
            let length = (1 << J[*run]).min(most - at);
            at += length;
            if length == 1 << J[*run] {
                *run = (*run + 1).min(J.len() - 1);
            }
            if at == most {
                return Ok((at, true));
            }
        }
        let length = self.bits.take(J[*run])? as usize;
        if length >= most - at {
            return Err(Flaw::Corrupt("one of its runs goes beyond the line"));
        }
        Ok((at + length, false))
    }

    /// The sample behind a run of `a`, below `b`, and whether those count as the same (A.7.2).
    fn run_end(&mut self, a: i32, b: i32, run_bits: u32, same: bool) -> Result<i32, Flaw> {
        let parameters = &self.parameters;
        let kind = i32::from(same);
        let context = &mut self.contexts[EDGES + usize::from(same)];
        let sum = context.a + if same { context.n >> 1 } else { 0 };
        let k = context.golomb(sum)?;
        let limit = parameters.limit - run_bits - 1;
        let mapped = golomb(&mut self.bits, k, limit, parameters.qbpp)?;
        let doubled = mapped + kind;
        let odd = doubled & 1 == 1;
        let size = (doubled + 1) >> 1;
        let error = if (k != 0 || 2 * context.negative >= context.n) == odd {
            -size
        } else {
            size
        };
        let error = parameters.check(error)?;
        context.negative += i32::from(error < 0);
        context.a += (mapped + 1 - kind) >> 1;
        if context.n == parameters.reset {
            context.a >>= 1;
            context.n >>= 1;
            context.negative >>= 1;
        }
        context.n += 1;
        let (predicted, sign) = match (same, a > b) {
            (true, _) => (a, 1),
            (false, true) => (b, -1),
            (false, false) => (b, 1),
        };
        Ok(parameters.sample(predicted, sign * error))
    }
}
