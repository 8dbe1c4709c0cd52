//! Typed errors as what JavaScript catches.

use std::fmt::Display;

use mobilenet_lung::{BundleError, ClassifyError};
use radiograph::DecodeError;
use wasm_bindgen::prelude::*;

use crate::js::set;

/// A `LungError` of what is wrong with a weights file.
pub fn of_bundle(error: BundleError) -> JsValue {
    lung_error(error.code(), &error, error.advice())
}

/// A `LungError` of what is wrong with an image file.
pub fn of_decoding(error: DecodeError) -> JsValue {
    lung_error(error.code(), &error, error.advice())
}

/// A `LungError` of why there is no report.
pub fn of_classifying(error: ClassifyError) -> JsValue {
    lung_error(error.code(), &error, error.advice())
}

/// An `Error` with the name `LungError` and the properties `code` and `advice` beside its message.
pub fn lung_error(code: &str, message: impl Display, advice: &str) -> JsValue {
    let error = js_sys::Error::new(&message.to_string());
    error.set_name("LungError");
    let error = error.into();
    // An object made a line ago takes new properties.
    let _ = set(&error, "code", &code.into());
    let _ = set(&error, "advice", &advice.into());
    error
}
