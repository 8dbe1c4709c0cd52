//! MobileNet-Lung reads a chest X-ray and names the finding: *normal*, *lung opacity* or *viral pneumonia*, or those of whatever
//! folders it was trained on.
//!
//! The way of one radiograph: [`Preprocessing`] makes the network's input of it, the
//! network makes evidence of that, and the [`Classifier`] makes a [`Report`] of the
//! evidence, within a [`Reading`] of the file. The weights come from a
//! [`Bundle`], which is checked before anything is built from it. The same code runs natively and in the browser: there
//! is no file system, no network and no page here.
//!
//! | to | use | feature |
//! | --- | --- | --- |
//! | read and write a weights file | [`Bundle`] | none |
//! | classify on the CPU | [`Classifier::on_cpu`] | none |
//! | classify on a GPU | `Classifier::on_gpu` | `gpu` |
//! | train, or take the reference | `network::MobileNetLung` | `burn` |
//!
//! # How do I ...
//!
//! ## ... classify a file?
//!
//! ```
//! use mobilenet_lung::{Bundle, Classifier};
//! use radiograph::Radiograph;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use radiograph::phantom::{self, Pattern};
//! # let models = concat!(env!("CARGO_MANIFEST_DIR"), "/../../www/models");
//! # let index: serde_json::Value = serde_json::from_slice(&std::fs::read(format!("{models}/index.json"))?)?;
//! # let weights = std::fs::read(format!("{models}/{}", index["current"].as_str().unwrap_or_default()))?;
//! # let file = phantom::png8(&phantom::phantom(Pattern::Clear, 1, 256))?;
//! // let weights = std::fs::read("mobilenet-lung-….safetensors")?;
//! // let file = std::fs::read("chest.png")?;
//! let bundle = Bundle::read(&weights, None)?;
//! let classifier = Classifier::on_cpu(&bundle)?;
//! let reading = classifier.classify_blocking(&Radiograph::decode(&file)?)?;
//! for (finding, probability) in reading.report.probabilities.iter() {
//!     println!("{finding} {probability:.2}");
//! }
//! # assert_eq!(reading.report.probabilities.len(), bundle.metadata().findings.len());
//! # Ok(())
//! # }
//! ```
//!
//! In a browser, or within an executor, await [`Classifier::classify`] instead.
//!
//! ## ... know whether to believe it?
//!
//! Look at `reading.report.in_distribution` first. Where it is not `accepted`, the image does not look like a frontal chest
//! radiograph, and the finding means nothing. `reading.cautions` says what the file itself says against it.
//!
//! ## ... tell the user what is wrong with a weights file?
//!
//! ```
//! use mobilenet_lung::Bundle;
//!
//! let error = Bundle::read(b"", None).unwrap_err();
//! assert_eq!(error.to_string(), "The weights file is empty.");
//! assert!(!error.advice().is_empty());
//! ```
//!
//! # Features
//!
//! | feature | what it adds |
//! | --- | --- |
//! | `readers`, a default | TIFF, WebP, BMP, GIF, JPEG 2000 and JPEG-LS |
//! | `gpu` | inference on WebGPU, Vulkan, Metal or DirectX |
//! | `burn` | the network in burn, to train it |
//! | `relaxed-simd` | faster WebAssembly, in browsers that have it |
//!
//! Without features it runs on the CPU, and depends on no framework.
//!
//! It is research software, not a medical device.

#![forbid(unsafe_code)]

pub mod architecture;
#[cfg(not(target_family = "wasm"))]
mod blocking;
pub mod bundle;
mod by_finding;
mod classifier;
mod distribution;
mod error;
pub mod findings;
pub mod inference;
mod interpretation;
#[cfg(feature = "burn")]
pub mod network;
mod prediction_sets;
mod preprocess;
mod reading;
mod report;
mod state;

pub use bundle::{Bundle, BundleError, Metadata};
pub use by_finding::ByFinding;
pub use classifier::Classifier;
pub use distribution::{Distribution, Spread};
pub use error::ClassifyError;
pub use findings::{Finding, Findings, FindingsError};
pub use interpretation::Interpretation;
#[cfg(feature = "burn")]
pub use network::{load_state_dict, parameter_shapes, state_dict};
pub use prediction_sets::{PredictionSet, PredictionSets};
pub use preprocess::{Framing, FramingMethod, Preprocessing};
pub use reading::{Caution, READING_VERSION, Reading, Source, Timings};
pub use report::{EvidenceMap, InDistribution, Report, softmax};
pub use state::{Array, StateDict, StateError};
