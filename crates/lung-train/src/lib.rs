//! Training, evaluating, exporting and running MobileNet-Lung natively: what the command `lung` is made of.

#![forbid(unsafe_code)]

pub mod archive;
mod archives;
pub mod audit;
pub mod augment;
pub mod bench;
pub mod card;
pub mod compare;
pub mod composite;
pub mod config;
pub mod data;
pub mod evaluate;
pub mod export;
pub mod files;
pub mod html;
pub mod manifest;
pub mod material;
pub mod metrics;
pub mod networks;
pub mod onnx;
pub mod phantoms;
pub mod picture;
pub mod predict;
pub mod progress;
pub mod sentences;
pub mod train;
pub mod trust;
