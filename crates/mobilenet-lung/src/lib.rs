//! MobileNet-Lung reads a chest X-ray and names the finding: *normal*, *lung opacity* or *viral pneumonia*, or those of whatever
//! folders it was trained on.
//!
//! The way of one radiograph: [`Preprocessing`] makes the network's input of it, the
//! network makes evidence of that, and the [`Classifier`] makes a [`Report`] of the
//! evidence, within a [`Reading`] of the file. The weights come from a
//! [`Bundle`], which is checked before anything is built from it. The same code runs natively and in the browser: there
//! is no file system, no network and no page here.
//!
//! ```no_run
//! use mobilenet_lung::{Bundle, Classifier};
//! use radiograph::Radiograph;
//!
//! # async fn example(weights: &[u8], file: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
//! let bundle = Bundle::read(weights, None)?;
//! let classifier = Classifier::on_cpu(&bundle)?;
//! let reading = classifier.classify(&Radiograph::decode(file)?).await?;
//! for (finding, probability) in reading.report.probabilities.iter() {
//!     println!("{finding} {probability:.2}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! It is research software, not a medical device.

#![forbid(unsafe_code)]

pub mod architecture;
pub mod bundle;
mod by_finding;
mod classifier;
mod distribution;
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
pub use classifier::{Classifier, ClassifyError};
pub use distribution::{Distribution, Spread};
pub use findings::{Finding, Findings, FindingsError};
pub use interpretation::Interpretation;
#[cfg(feature = "burn")]
pub use network::{load_state_dict, parameter_shapes, state_dict};
pub use prediction_sets::{PredictionSet, PredictionSets};
pub use preprocess::{Framing, FramingMethod, Preprocessing};
pub use reading::{Caution, READING_VERSION, Reading, Source, Timings};
pub use report::{EvidenceMap, InDistribution, Report, softmax};
pub use state::{Array, StateDict, StateError};
