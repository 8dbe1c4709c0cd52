//! Weights files in a folder, and which of them is the current one.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use mobilenet_lung::bundle::sha256;
use serde::{Deserialize, Serialize};

use crate::data::Shown as _;
use crate::files::write_atomically;

/// `index.json` beside the bundles.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Index {
    /// File name of the bundle to use.
    pub current: String,
    /// Every bundle in the folder.
    pub models: Vec<IndexEntry>,
}

/// One bundle of an [`Index`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IndexEntry {
    /// File name.
    pub file: String,
    /// Size.
    pub bytes: usize,
    /// Hex digits of the sha256 of its content.
    pub sha256: String,
}

/// Writes a weights file into a folder, and makes it the current one of the folder's `index.json`. Returns its path.
pub(super) fn publish(out: &Path, name: String, bytes: &[u8]) -> anyhow::Result<PathBuf> {
    fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.shown()))?;
    let path = out.join(&name);
    write_atomically(&path, bytes)?;
    // The index last: it never names a bundle that is not complete.
    let index_path = out.join("index.json");
    let mut index: Index = match fs::read(&index_path) {
        Ok(text) => serde_json::from_slice(&text)
            .with_context(|| format!("{} is damaged", index_path.shown()))?,
        Err(_) => Index::default(),
    };
    index
        .models
        .retain(|entry| entry.file != name && out.join(&entry.file).exists());
    index.models.push(IndexEntry {
        file: name.clone(),
        bytes: bytes.len(),
        sha256: sha256(bytes),
    });
    index.current = name;
    let mut text = serde_json::to_string_pretty(&index)?;
    text.push('\n');
    write_atomically(&index_path, text.as_bytes())?;
    Ok(path)
}
