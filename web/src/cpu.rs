//! The network on the CPU.

use mobilenet_lung::{Bundle, Classifier};
use wasm_bindgen::prelude::*;

use crate::error::of_classifying;

/// Nothing to prepare.
#[expect(
    clippy::unused_async,
    reason = "the other build has something to wait for"
)]
pub async fn prepare() -> Result<(), JsValue> {
    Ok(())
}

/// The network of `bundle`, after a first run: the browser's compiler optimises what has been run.
pub async fn classifier(bundle: &Bundle) -> Result<Classifier, JsValue> {
    let classifier = Classifier::on_cpu(bundle).map_err(of_classifying)?;
    classifier.warm_up().await.map_err(of_classifying)?;
    Ok(classifier)
}
