//! The readers of rare formats, which are in a module of their own: `web/readers`.

use std::cell::RefCell;

use js_sys::{Array, Float32Array, Function, Uint8Array, Uint16Array};
use radiograph::Answer;
use wasm_bindgen::prelude::*;

thread_local! {
    static READERS: RefCell<Option<Function>> = const { RefCell::new(None) };
}

/// Has the function `answer` of `lung_readers` read what this module does not. Without it such files are refused with the code
/// `reader-missing`.
#[wasm_bindgen(js_name = useReaders)]
pub fn use_readers(answer: Function) {
    READERS.set(Some(answer));
    radiograph::ask_with(ask);
}

fn ask(question: &[u8], bytes: &[u8]) -> Option<Answer> {
    let answer = READERS.with_borrow(Option::clone)?;
    let [question, bytes] = [question, bytes].map(Uint8Array::from);
    let parts: Array = answer
        .call2(&JsValue::NULL, &question, &bytes)
        // Only a trap or a lack of memory is thrown, after which nobody knows what state that module is in: it ends the worker, as one in here does.
        .unwrap_or_else(|error| wasm_bindgen::throw_val(error))
        .unchecked_into();
    Some(Answer {
        head: parts.get(0).unchecked_into::<Uint8Array>().to_vec(),
        luma: parts.get(1).unchecked_into::<Float32Array>().to_vec(),
        cells: parts.get(2).unchecked_into::<Uint16Array>().to_vec(),
    })
}
