//! Classifying files with a weights file, natively: the same code as in the browser, on the CPU.

mod archives;
mod files;
mod manifest;
mod model;
mod parquet;
mod picture;
mod row;

pub use self::files::expand;
pub use self::manifest::{Shard, read_manifest};
pub use self::model::load_classifier;
pub use self::parquet::predict_to_parquet;
pub use self::picture::write_picture;
pub use self::row::{Prediction, Refusal, predict_file};
pub(crate) use self::row::{read, read_at};
