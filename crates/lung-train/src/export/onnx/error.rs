//! What can go wrong.

use mobilenet_lung::bundle::BundleError;

/// Why a bundle could not be written as ONNX.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// The bundle does not make a network.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A layer of the network has no tensor in the bundle.
    #[error("the bundle has no tensor `{name}`, which the graph needs")]
    Missing {
        /// Its name.
        name: String,
    },
}
