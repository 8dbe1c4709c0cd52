//! The readers of rare formats, which the worker downloads when `lung_web` first asks for one, and hands to it:
//!
//! ```js
//! const readers = await import('./runtime/readers/lung_readers.js');
//! await readers.default();
//! useReaders(readers.answer);
//! ```

#![forbid(unsafe_code)]

use js_sys::{Array, Float32Array, Uint8Array, Uint16Array};
use radiograph::Answer;
use wasm_bindgen::prelude::*;

/// Sends what a panic says to the console before the module stops.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
}

/// Returns what `lung_web` has asked of the bytes of a file: `[Uint8Array, Float32Array, Uint16Array]`, the fields of [`Answer`].
#[wasm_bindgen]
#[must_use]
pub fn answer(question: &[u8], bytes: &[u8]) -> Array {
    let Answer { head, luma, cells } = radiograph::answer(question, bytes);
    Array::of3(
        &Uint8Array::from(&head[..]),
        &Float32Array::from(&luma[..]),
        &Uint16Array::from(&cells[..]),
    )
}
