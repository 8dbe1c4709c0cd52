//! A partner in another worker: both have a `SharedArrayBuffer`, and a module with memory of its own. It takes no other build, and no
//! thread ever touches another's memory.

use js_sys::{Atomics, Float32Array, Function, Int32Array, SharedArrayBuffer};
use mobilenet_lung::inference::{INPUT, LONGEST_EXCHANGE, Partner, PartnerLost};
use wasm_bindgen::prelude::*;

/// Bytes before the input: two counters, far enough apart to lie in different lines of a cache.
const HEAD: u32 = 256;
/// Where in it, in numbers of four bytes, each half counts.
const COUNTERS: [u32; 2] = [0, 32];
/// Counts of an image: more than it has exchanges.
const COUNTS: i32 = 64;
/// How often a counter is looked at before the thread sleeps, which is 1.7 ms: on a virtual machine a thread that sleeps
/// takes about as long to wake, and 19 exchanges are as many chances to.
const LOOKS: u32 = 60_000;
/// Milliseconds that a partner may keep one waiting: it may be busy, or the machine.
const PATIENCE: f64 = 100.0;
/// The same for the input, which is made of the image when the partner is called: 8 ms, and what the largest images take.
const LOOKS_FOR_INPUT: u32 = 300_000;
const PATIENCE_FOR_INPUT: f64 = 2_000.0;
/// Images in a row without the partner after which it is asked no more.
const FAILURES: u32 = 3;

/// Bytes of the memory that two halves share.
pub fn shared_bytes() -> u32 {
    HEAD + 4 * (INPUT + 4 * LONGEST_EXCHANGE) as u32
}

/// One of two halves.
#[derive(Debug)]
pub struct Halves {
    counters: Int32Array,
    input: Float32Array,
    /// What this half hands over, and what it is handed. Each has two: the other may be one exchange ahead.
    own: [Float32Array; 2],
    theirs: [Float32Array; 2],
    upper: bool,
    image: i32,
    exchange: i32,
    /// Tells the partner the number of an image that it is to assist with.
    ask: Option<Function>,
    /// Whether it knows of the image at hand.
    called: bool,
    failures: u32,
}

impl Halves {
    /// The half that asks.
    pub fn upper(memory: &SharedArrayBuffer, ask: Function) -> Self {
        Self::new(memory, true, 0, Some(ask))
    }

    /// The half that assists with the image of this number.
    pub fn lower(memory: &SharedArrayBuffer, image: i32) -> Self {
        Self::new(memory, false, image, None)
    }

    /// The input, once it is handed over; `None` where the other half has given this image up.
    pub fn input(&self) -> Option<Vec<f32>> {
        self.wait(LOOKS_FOR_INPUT, PATIENCE_FOR_INPUT)?;
        Some(self.input.to_vec())
    }

    fn new(memory: &SharedArrayBuffer, upper: bool, image: i32, ask: Option<Function>) -> Self {
        let numbers = |at: u32, count: usize| {
            Float32Array::new_with_byte_offset_and_length(memory, at, count as u32)
        };
        let slot = |number: u32| {
            let at = HEAD + 4 * (INPUT as u32 + number * LONGEST_EXCHANGE as u32);
            numbers(at, LONGEST_EXCHANGE)
        };
        let [above, below] = [[slot(0), slot(1)], [slot(2), slot(3)]];
        let (own, theirs) = if upper {
            (above, below)
        } else {
            (below, above)
        };
        Self {
            counters: Int32Array::new_with_byte_offset_and_length(memory, 0, HEAD / 4),
            input: numbers(HEAD, INPUT),
            own,
            theirs,
            upper,
            image,
            exchange: 0,
            ask,
            called: false,
            failures: 0,
        }
    }

    /// Takes note of whether the partner came; whether it is worth asking again.
    pub fn came(&mut self, came: bool) -> bool {
        self.failures = if came { 0 } else { self.failures + 1 };
        self.failures < FAILURES
    }

    /// How far this half has come.
    fn count(&self) -> i32 {
        let before = self.image.wrapping_mul(COUNTS);
        before.wrapping_add(self.exchange)
    }

    /// Tells the partner how far this half has come.
    fn tell(&self) -> Result<(), JsValue> {
        let place = COUNTERS[usize::from(!self.upper)];
        Atomics::store(&self.counters, place, self.count())?;
        Atomics::notify(&self.counters, place)?;
        Ok(())
    }

    /// Waits until the partner has come as far in this image: `looks` times awake, then `patience` milliseconds asleep.
    fn wait(&self, looks: u32, patience: f64) -> Option<()> {
        let place = COUNTERS[usize::from(self.upper)];
        for look in 0.. {
            let count = Atomics::load(&self.counters, place).ok()?;
            match count.wrapping_sub(self.count()) {
                // It may have gone on to the next exchange, but no further without this half.
                0 | 1 => return Some(()),
                // It has gone on to another image, and given this one up.
                2.. => return None,
                _ => {}
            }
            if look >= looks {
                let woken = Atomics::wait_with_timeout(&self.counters, place, count, patience);
                if woken.ok()? == "timed-out" {
                    return None;
                }
            }
        }
        None
    }
}

impl Partner for Halves {
    fn call(&mut self) {
        self.image = self.image.wrapping_add(1);
        self.exchange = 0;
        self.called = true;
        if let Some(ask) = &self.ask {
            // A port that does not take it is as one that nobody listens at.
            let _ = ask.call1(&JsValue::NULL, &self.image.into());
        }
    }

    fn begin(&mut self, input: &[f32]) {
        if !self.called {
            self.call();
        }
        self.called = false;
        self.input.copy_from(input);
        // Where it cannot be told, the first exchange finds that out.
        let _ = self.tell();
    }

    fn exchange(&mut self, own: &[f32], other: &mut [f32]) -> Result<(), PartnerLost> {
        self.exchange += 1;
        let slot = (self.exchange % 2) as usize;
        if !own.is_empty() {
            self.own[slot].subarray(0, own.len() as u32).copy_from(own);
        }
        self.tell().map_err(|_| PartnerLost)?;
        self.wait(LOOKS, PATIENCE).ok_or(PartnerLost)?;
        if !other.is_empty() {
            self.theirs[slot]
                .subarray(0, other.len() as u32)
                .copy_to(other);
        }
        Ok(())
    }
}
