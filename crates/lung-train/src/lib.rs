//! Training, evaluating, exporting and running MobileNet-Lung natively: what the command `lung` is made of.

#![forbid(unsafe_code)]

pub mod bench;
pub mod compare;
pub mod config;
pub mod export;
pub mod networks;
pub mod report;
pub mod train;

pub use lung_evaluate::{
    augment, composite, data, embeddings, evaluate, files, predict, progress, text,
};
