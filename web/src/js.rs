//! Objects of JavaScript.

use js_sys::Reflect;
use wasm_bindgen::prelude::*;

/// Sets a property of an object.
///
/// # Errors
/// What JavaScript throws, such as for an object that takes no new properties.
pub fn set(object: &JsValue, name: &str, value: &JsValue) -> Result<(), JsValue> {
    Reflect::set(object, &name.into(), value).map(|_| ())
}
