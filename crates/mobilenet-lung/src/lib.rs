//! MobileNet-Lung reads a chest X-ray and says *normal*, *lung opacity* or *viral pneumonia*.
//!
//! The way of one radiograph: [`Preprocessing`] makes the network's input of it, the
//! network makes evidence of that, and the [`Classifier`] makes a [`Report`] of the evidence. The weights come from a
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
//! let report = classifier.classify(&Radiograph::decode(file)?).await?;
//! println!("{} {:.2}", report.finding, report.probabilities[report.finding]);
//! # Ok(())
//! # }
//! ```
//!
//! It is research software, not a medical device.

#![forbid(unsafe_code)]

pub mod architecture;
pub mod bundle;
mod classifier;
mod finding;
pub mod inference;
#[cfg(feature = "burn")]
pub mod network;
mod preprocess;
mod report;
mod state;
mod trust;

pub use bundle::{Bundle, BundleError, Metadata};
pub use classifier::{Classifier, ClassifyError, Interpretation};
pub use finding::Finding;
#[cfg(feature = "burn")]
pub use network::{load_state_dict, parameter_shapes, state_dict};
pub use preprocess::Preprocessing;
pub use report::{ByFinding, EvidenceMap, InDistribution, Report, Timings, softmax};
pub use state::{Array, StateDict, StateError};
pub use trust::{Distribution, PredictionSets, Spread};
