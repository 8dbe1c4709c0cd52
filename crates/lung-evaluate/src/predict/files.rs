//! Which files are meant by what people name.

use std::path::PathBuf;

use anyhow::bail;
use tracing::info;

use super::archives;
use crate::data::{Shown as _, images_under};

/// The files that `paths` mean: files as they are, folders with every image under them, archives and CDs with every image in them.
/// People are told what was left out.
///
/// # Errors
/// A folder that cannot be listed, or that holds no image.
pub fn expand(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if let Some(images) = archives::images_of_cd(path).or_else(|| archives::images_in(path)) {
            // One without images says so when it is read.
            let none = images.is_empty().then(|| path.clone());
            files.extend(images.into_iter().chain(none));
        } else if path.is_dir() {
            let (images, notes) = images_under(path)?;
            if images.is_empty() {
                let notes: String = notes.iter().map(|note| format!("; {note}")).collect();
                bail!("{} holds no image file{notes}", path.shown());
            }
            for note in notes {
                info!("{note}");
            }
            files.extend(images);
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}
