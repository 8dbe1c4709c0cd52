//! From a run to what others read: a weights file, what it was trained on, how it did, and the same network as ONNX.

mod bundle;
mod exported;
mod index;
pub mod onnx;
mod sentences;
mod trained_on;
mod trust;

pub use self::bundle::{export, export_again};
pub use self::exported::Exported;
pub use self::index::{Index, IndexEntry};
pub use self::onnx::export_onnx;
pub use self::sentences::read_sentences;
pub use self::trained_on::Material;
