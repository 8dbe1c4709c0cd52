//! The network on the CPU.

use mobilenet_lung::{Bundle, Classifier};
use wasm_bindgen::prelude::*;

use crate::error::of_classifying;

/// About what a bundle, its weights in f32, and the largest maps take.
const NEEDED_BYTES: usize = 20 << 20;

/// Has the browser optimise the arithmetic, and takes hold of the memory that it will need.
pub async fn prepare() -> Result<(), JsValue> {
    lung_kernels::infer::cpu::rehearse();
    // A page of memory costs most when it is touched for the first time.
    std::hint::black_box(vec![1u8; NEEDED_BYTES]);
    Ok(())
}

/// The network of `bundle`. A first run would only keep the first image waiting.
pub async fn classifier(bundle: &Bundle) -> Result<Classifier, JsValue> {
    Classifier::on_cpu(bundle).map_err(of_classifying)
}
