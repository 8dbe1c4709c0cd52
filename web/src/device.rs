//! Where the network runs: WebGPU where there is one that works, else the CPU.

use std::cell::RefCell;

use burn::tensor::Device;
use js_sys::Reflect;
use mobilenet_lung::{Bundle, Classifier, ClassifyError};
use wasm_bindgen::prelude::*;

use crate::error::{lung_error, of_classifying};

/// What the caller wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// WebGPU, or else the CPU.
    WebGpu,
    /// The CPU, even where there is WebGPU.
    Cpu,
}

impl Wish {
    /// The wish of that name; `auto` and none at all are for WebGPU.
    pub fn parse(name: Option<&str>) -> Result<Self, JsValue> {
        match name.unwrap_or("auto") {
            "auto" | "webgpu" => Ok(Self::WebGpu),
            "cpu" => Ok(Self::Cpu),
            other => Err(lung_error(
                "unknown-device",
                format_args!("There is no device called \"{other}\"."),
                "Ask for auto, webgpu or cpu.",
            )),
        }
    }
}

/// The network of `bundle` on the device wished for, after a first run, and why that is not WebGPU if it was meant to be.
pub async fn classifier(
    bundle: &Bundle,
    wish: Wish,
) -> Result<(Classifier, Option<String>), JsValue> {
    let mut fallback = None;
    if wish == Wish::WebGpu {
        match gpu().await {
            Ok(device) => match warm(bundle, device, "webgpu").await {
                Ok(classifier) => return Ok((classifier, None)),
                Err(error) => {
                    fallback = Some(format!("WebGPU is here but failed its first run: {error}"))
                }
            },
            Err(why) => fallback = Some(why),
        }
    }
    let classifier = warm(bundle, Device::flex(), "cpu")
        .await
        .map_err(of_classifying)?;
    Ok((classifier, fallback))
}

async fn warm(bundle: &Bundle, device: Device, name: &str) -> Result<Classifier, ClassifyError> {
    let classifier = Classifier::new(bundle, device, name)?;
    classifier.warm_up().await?;
    Ok(classifier)
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console)]
    fn warn(text: &str);
}

thread_local! {
    /// burn takes hold of the GPU once for each module; a second classifier runs on the same device.
    static GPU: RefCell<Option<Device>> = const { RefCell::new(None) };
}

/// The WebGPU device, or a sentence of why there is none.
async fn gpu() -> Result<Device, String> {
    if let Some(device) = GPU.with_borrow(Clone::clone) {
        return Ok(device);
    }
    // wgpu expects that somebody has looked: without `navigator.gpu` it would panic.
    let here = Reflect::get(&js_sys::global(), &"navigator".into())
        .and_then(|navigator| Reflect::get(&navigator, &"gpu".into()))
        .is_ok_and(|gpu| gpu.is_object());
    if !here {
        return Err("This browser offers no WebGPU to this page.".to_owned());
    }
    let device = Device::wgpu_options().init_async().await.map_err(|error| {
        // What wgpu says fills a paragraph; it is for the console, the sentence for the page.
        warn(&format!("WebGPU gave no device: {error}"));
        "This browser has WebGPU but found no graphics adapter for it.".to_owned()
    })?;
    GPU.set(Some(device.clone()));
    Ok(device)
}
