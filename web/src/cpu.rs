//! The network on the CPU.

use mobilenet_lung::{Bundle, Classifier};
use wasm_bindgen::prelude::*;

use crate::error::of_classifying;

/// Has the browser optimise the arithmetic.
pub async fn prepare() -> Result<(), JsValue> {
    Classifier::prepare_cpu();
    Ok(())
}

/// The network of `bundle`. A first run would only keep the first image waiting.
pub async fn classifier(bundle: &Bundle) -> Result<Classifier, JsValue> {
    Classifier::on_cpu(bundle).map_err(of_classifying)
}
