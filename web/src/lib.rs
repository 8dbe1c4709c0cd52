//! MobileNet-Lung for JavaScript: [`LungClassifier`] hands bytes in and plain objects out, and has no logic of its own.
//!
//! ```js
//! import init, { LungClassifier } from './lung_web.js';
//! await init();
//! const classifier = await LungClassifier.load(weights, fileName);
//! const reading = await classifier.classify(new Uint8Array(await file.arrayBuffer()));
//! ```
//!
//! A build runs the network in one place: on the CPU, or with the feature `webgpu` there.
//!
//! Whatever is thrown is an `Error` with the name `LungError` and three properties: `code` (kebab-case, for programs), `message`
//! (what happened) and `advice` (what to do), each of the last two one sentence.

#![forbid(unsafe_code)]

#[cfg(not(feature = "webgpu"))]
#[path = "cpu.rs"]
mod device;
#[cfg(feature = "webgpu")]
#[path = "webgpu.rs"]
mod device;
mod error;
#[cfg(not(feature = "webgpu"))]
mod halves;
mod js;
mod readers;

use std::cell::RefCell;

use js::set;
#[cfg(not(feature = "webgpu"))]
use js_sys::{Function, SharedArrayBuffer};
use js_sys::{Object, Promise, Uint8Array, Uint8ClampedArray};
use mobilenet_lung::bundle::Unverified;
use mobilenet_lung::{Classifier, ClassifyError, Reading, Timings};
use radiograph::Radiograph;
use serde::Serialize;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_time::Instant;

/// The longer side of a picture for the page, in pixels.
const LONGEST_SIDE: u32 = 1024;

/// Sends what a panic says to the console before the module stops.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
}

/// A network on a device, ready for image files.
#[wasm_bindgen]
#[derive(Debug)]
pub struct LungClassifier {
    classifier: Classifier,
    model: JsValue,
    last: RefCell<Option<Radiograph>>,
    /// The worker that does half of the arithmetic.
    #[cfg(not(feature = "webgpu"))]
    partner: RefCell<Option<halves::Halves>>,
}

#[wasm_bindgen]
impl LungClassifier {
    /// Makes ready what needs no weights, such as the GPU's pipelines, while they download. Without it,
    /// the first image waits for them.
    ///
    /// # Errors
    /// `webgpu-unavailable` in a WebGPU build, where there is none.
    pub async fn prepare() -> Result<(), JsValue> {
        device::prepare().await
    }

    /// Checks the bytes of a weights file, and returns its network, ready to run.
    ///
    /// `file_name` may carry the hash that the bytes must have. `sha256` is a promise of their hash, an `ArrayBuffer`, such as
    /// `crypto.subtle.digest` gives, which is faster than this module; without it, or if it fails, the module works it out.
    ///
    /// # Errors
    /// The codes of [`mobilenet_lung::BundleError`] and [`mobilenet_lung::ClassifyError`], and those of
    /// [`prepare`](Self::prepare).
    pub async fn load(
        bytes: Vec<u8>,
        file_name: Option<String>,
        sha256: Option<Promise>,
    ) -> Result<LungClassifier, JsValue> {
        // Read while the browser works out the hash.
        let file = Unverified::read(bytes).map_err(error::of_bundle)?;
        let bundle = file
            .verify(file_name.as_deref(), hex(sha256).await.as_deref())
            .map_err(error::of_bundle)?;
        // The browser parses it in less time than this module takes to serialise it.
        let model = js_sys::JSON::parse(bundle.metadata_json())?;
        set(&model, "id", &bundle.id().into())?;
        Ok(Self {
            classifier: device::classifier(&bundle).await?,
            model,
            last: RefCell::new(None),
            #[cfg(not(feature = "webgpu"))]
            partner: RefCell::new(None),
        })
    }

    /// Decodes the bytes of an image file, classifies it at an operating point (without a name at the default), and returns what is
    /// said about it: a [`mobilenet_lung::Reading`] as a plain object.
    ///
    /// # Errors
    /// The codes of [`radiograph::DecodeError`] and [`mobilenet_lung::ClassifyError`]; `device-lost` means that the
    /// same file may succeed on the CPU.
    pub async fn classify(
        &self,
        bytes: Vec<u8>,
        operating_point: Option<String>,
    ) -> Result<JsValue, JsValue> {
        // Its memory is wanted for this one.
        self.last.replace(None);
        self.classify_decoded(DecodedImage::new(bytes)?, operating_point)
            .await
    }

    /// As [`classify`](Self::classify), of an image that is decoded.
    ///
    /// # Errors
    /// The codes of [`mobilenet_lung::ClassifyError`].
    #[wasm_bindgen(js_name = classifyDecoded)]
    pub async fn classify_decoded(
        &self,
        image: DecodedImage,
        operating_point: Option<String>,
    ) -> Result<JsValue, JsValue> {
        self.last.replace(None);
        let DecodedImage {
            radiograph,
            decode_ms,
        } = image;
        let mut reading = self
            .reading(&radiograph, operating_point.as_deref())
            .await
            .map_err(error::of_classifying)?;
        reading.timings.decode_ms = Some(decode_ms);
        let reading = object(&reading)?;
        // Not the radiograph itself: 32 megapixels of it would be 128 MB, and its picture as much again.
        self.last.replace(radiograph.picture(LONGEST_SIDE).ok());
        Ok(reading)
    }

    /// Where the network runs: `webgpu` or `cpu`.
    #[wasm_bindgen(getter)]
    pub fn device(&self) -> String {
        self.classifier.device_name().to_owned()
    }

    /// What the weights file says of itself, as [`mobilenet_lung::Metadata`], and its `id`.
    #[wasm_bindgen(getter)]
    pub fn model(&self) -> JsValue {
        self.model.clone()
    }

    /// Decodes the bytes of an image file and keeps its picture, as [`classify`](Self::classify) does, without classifying it.
    ///
    /// # Errors
    /// The codes of [`radiograph::DecodeError`].
    pub fn look(&self, bytes: &[u8]) -> Result<(), JsValue> {
        self.last.replace(None);
        let radiograph = Radiograph::decode(bytes).map_err(error::of_decoding)?;
        self.last.replace(radiograph.picture(LONGEST_SIDE).ok());
        Ok(())
    }

    /// A picture of the radiograph last decoded, at most 1024 pixels long and stretched to its own range: `width`,
    /// `height`, and `data`, a `Uint8ClampedArray` of `[height * width * 4]` RGBA bytes; `undefined` before the first,
    /// and after one that failed.
    ///
    /// # Errors
    /// None but those of JavaScript itself, such as too little memory.
    #[wasm_bindgen(getter)]
    pub fn picture(&self) -> Result<JsValue, JsValue> {
        let last = self.last.borrow();
        last.as_ref().map_or(Ok(JsValue::UNDEFINED), rgba)
    }

    /// The same with `width` values around `centre` shown from black to white, in the unit of the report's `dicom.window`, and
    /// not stretched; `undefined` also where there are no such values, and for a window that there cannot be: see
    /// [`Radiograph::with_window`].
    ///
    /// # Errors
    /// None but those of JavaScript itself, such as too little memory.
    pub fn windowed(&self, centre: f64, width: f64) -> Result<JsValue, JsValue> {
        let last = self.last.borrow();
        let windowed = last
            .as_ref()
            .and_then(|last| last.with_window(centre, width));
        windowed.as_ref().map_or(Ok(JsValue::UNDEFINED), rgba)
    }
}

#[cfg(not(feature = "webgpu"))]
#[wasm_bindgen]
impl LungClassifier {
    /// Bytes of the memory that two workers share for [`work_with`](Self::work_with).
    #[wasm_bindgen(js_name = sharedBytes)]
    pub fn shared_bytes() -> u32 {
        halves::shared_bytes()
    }

    /// From now on another worker does half of the arithmetic, where it answers in time: it is told the number of each image by `ask`, and
    /// calls [`assist`](Self::assist) with that and the same memory. Without them this one works alone again.
    #[wasm_bindgen(js_name = workWith)]
    pub fn work_with(&self, memory: Option<SharedArrayBuffer>, ask: Option<Function>) {
        let partner = memory.zip(ask);
        let partner = partner.map(|(memory, ask)| halves::Halves::upper(&memory, ask));
        self.partner.replace(partner);
    }

    /// Half of the arithmetic of another worker's image, whose input may still be on its way; `false` where it has not come.
    ///
    /// # Errors
    /// `device` where there is no such half; the other worker does the whole, as when this one comes late.
    pub fn assist(&self, memory: &SharedArrayBuffer, image: i32) -> Result<bool, JsValue> {
        let mut partner = halves::Halves::lower(memory, image);
        let Some(input) = partner.input() else {
            return Ok(false);
        };
        self.classifier
            .assist(&input, &mut partner)
            .map_err(error::of_classifying)
    }
}

impl LungClassifier {
    #[cfg(not(feature = "webgpu"))]
    async fn reading(
        &self,
        radiograph: &Radiograph,
        operating_point: Option<&str>,
    ) -> Result<Reading, ClassifyError> {
        // Not there while it works: nobody else is to work with it.
        let Some(mut partner) = self.partner.take() else {
            return self
                .classifier
                .classify_at(radiograph, operating_point)
                .await;
        };
        let done = self
            .classifier
            .classify_with(radiograph, operating_point, &mut partner);
        if partner.came(done.as_ref().is_ok_and(|(_, came)| *came)) {
            self.partner.replace(Some(partner));
        }
        done.map(|(reading, _)| reading)
    }

    #[cfg(feature = "webgpu")]
    async fn reading(
        &self,
        radiograph: &Radiograph,
        operating_point: Option<&str>,
    ) -> Result<Reading, ClassifyError> {
        self.classifier
            .classify_at(radiograph, operating_point)
            .await
    }
}

/// An image file that has been decoded, which takes no weights: it can be done while they download.
#[wasm_bindgen]
#[derive(Debug)]
pub struct DecodedImage {
    radiograph: Radiograph,
    decode_ms: f64,
}

#[wasm_bindgen]
impl DecodedImage {
    /// Decodes the bytes of an image file.
    ///
    /// # Errors
    /// The codes of [`radiograph::DecodeError`].
    #[wasm_bindgen(constructor)]
    pub fn new(bytes: Vec<u8>) -> Result<DecodedImage, JsValue> {
        let start = Instant::now();
        let radiograph = Radiograph::decode(&bytes).map_err(error::of_decoding)?;
        Ok(Self {
            radiograph,
            decode_ms: Timings::since(start),
        })
    }
}

/// The radiograph as a plain object for a canvas.
fn rgba(radiograph: &Radiograph) -> Result<JsValue, JsValue> {
    let picture = Object::new().into();
    set(&picture, "width", &radiograph.width().into())?;
    set(&picture, "height", &radiograph.height().into())?;
    set(
        &picture,
        "data",
        &Uint8ClampedArray::from(radiograph.to_rgba8().as_slice()).into(),
    )?;
    Ok(picture)
}

/// The bytes of a promised `ArrayBuffer` in hex; `None` where nothing was promised, or the promise was broken.
async fn hex(promise: Option<Promise>) -> Option<String> {
    let buffer = JsFuture::from(promise?).await.ok()?;
    let bytes = Uint8Array::new(&buffer).to_vec();
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// `value` as a plain JavaScript object: maps become objects, as in JSON.
fn object(value: &impl Serialize) -> Result<JsValue, JsValue> {
    Ok(value.serialize(&serde_wasm_bindgen::Serializer::json_compatible())?)
}
