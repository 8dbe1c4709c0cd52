//! The network on WebGPU.

use std::cell::RefCell;

use burn::tensor::Device;
use burn_wgpu::{WgpuInitError, WgpuSetup};
use js_sys::Reflect;
use lung_kernels::infer::gpu::register_operations;
use mobilenet_lung::{Bundle, Classifier};
use wasm_bindgen::prelude::*;
use web_sys::console;

use crate::error::{lung_error, of_classifying};

/// Takes hold of the GPU and compiles the pipelines of the network.
pub async fn prepare() -> Result<(), JsValue> {
    let device = device().await?;
    Classifier::prepare_gpu(&device)
        .await
        .map_err(of_classifying)
}

/// The network of `bundle`. [`prepare`] has run its kernels once, so a first run would only keep the first image waiting.
pub async fn classifier(bundle: &Bundle) -> Result<Classifier, JsValue> {
    Classifier::on_gpu(bundle, &device().await?).map_err(of_classifying)
}

thread_local! {
    /// burn takes hold of the GPU once for each module; a second classifier runs on the same device.
    static GPU: RefCell<Option<Device>> = const { RefCell::new(None) };
}

/// The WebGPU device, or an error that says in a sentence why there is none.
async fn device() -> Result<Device, JsValue> {
    if let Some(device) = GPU.with_borrow(Clone::clone) {
        return Ok(device);
    }
    let unavailable = |message: &str| {
        lung_error(
            "webgpu-unavailable",
            message,
            "Use the CPU, or a browser with WebGPU.",
        )
    };
    // wgpu expects that somebody has looked: without `navigator.gpu` it would panic. (`web-sys` has it among its unstable types only.)
    let here = Reflect::get(&js_sys::global(), &"navigator".into())
        .and_then(|navigator| Reflect::get(&navigator, &"gpu".into()))
        .is_ok_and(|gpu| gpu.is_object());
    if !here {
        return Err(unavailable("This browser offers no WebGPU to this page."));
    }
    register_operations();
    let (device, setup): (Device, WgpuSetup) = Device::wgpu_options()
        .init_with_setup_async()
        .await
        .map_err(|error| {
            // What wgpu says fills a paragraph; it is for the console, the sentence for the page.
            console::warn_1(&format!("WebGPU gave no device: {error}").into());
            unavailable(sentence(&error))
        })?;
    let info = setup.adapter.get_info();
    console::debug_1(&format!("WebGPU runs on {} ({:?})", info.name, info.device_type).into());
    GPU.set(Some(device.clone()));
    Ok(device)
}

/// What happened, in a sentence for the page.
fn sentence(error: &WgpuInitError) -> &'static str {
    match error {
        WgpuInitError::AdapterUnavailable { .. } => {
            "This browser has WebGPU but found no graphics adapter for it."
        }
        WgpuInitError::RequestDevice { .. } => {
            "The graphics adapter does not give this page a WebGPU device."
        }
        _ => "WebGPU could not be set up on this page.",
    }
}
