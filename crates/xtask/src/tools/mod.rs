//! Finding the tools that a build needs, and installing the ones that are missing.

mod address;
mod cargo;
mod node;
mod project;
mod python;
mod system;
mod wasm;

pub use address::{NotAnAddress, address};
pub use cargo::{cargo_cyclonedx, cargo_deny, cargo_fuzz, cargo_semver_checks, trunk, typos};
pub use node::{bundler, node, npm_ci, wasm_opt};
pub use project::Project;
pub use python::{PythonPackages, environment, python};
pub use system::{chromium, cpp_compiler, firefox, for_tests, jemalloc, vulkan};
pub use wasm::{
    WASM_TARGET, WasmRust, wasm_bindgen, wasm_bindgen_and_tests, wasm_bindgen_version, wasm_rust,
};

/// What the native builds have beyond the usual features: the kernels for a GPU, which run on a driver in software as well. All of them
/// have the same, so that what the crates depend on is compiled once.
pub const NATIVE_FEATURES: &str = "lung-kernels/gpu,mobilenet-lung/gpu,lung-train/gpu";
