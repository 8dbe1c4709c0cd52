//! What needs no training: folders of radiographs, what a classifier says of them, and how good that is.

#![forbid(unsafe_code)]

pub mod augment;
pub mod composite;
pub mod data;
pub mod embeddings;
pub mod evaluate;
pub mod files;
pub mod predict;
pub mod progress;
pub mod text;
