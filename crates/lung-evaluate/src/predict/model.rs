//! The model that classifies, natively: the same code as in the browser, on the CPU.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};
use mobilenet_lung::{Bundle, Classifier};

use crate::data::Shown as _;

/// Reads a weights file and puts it on the CPU.
///
/// # Errors
/// A file that is missing, or that [`Bundle::read`] refuses.
pub fn load_classifier(path: &Path) -> anyhow::Result<(Bundle, Classifier)> {
    let refused = || format!("cannot use the model {}", path.shown());
    let size = fs::metadata(path).with_context(refused)?.len();
    if size > mobilenet_lung::bundle::MAX_BYTES as u64 {
        bail!(
            "{}: {size} bytes are too many for a weights file",
            refused()
        );
    }
    let bytes = fs::read(path).with_context(refused)?;
    let name = path.file_name().map(|name| name.to_string_lossy());
    let bundle = match Bundle::read(&bytes, name.as_deref()) {
        Ok(bundle) => bundle,
        Err(error) => bail!("{}: {error} {}", refused(), error.advice()),
    };
    let classifier = Classifier::on_cpu(&bundle).with_context(refused)?;
    Ok((bundle, classifier))
}
