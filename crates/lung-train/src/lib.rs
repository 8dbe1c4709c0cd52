//! Training, evaluating, exporting and running MobileNet-Lung natively: what the command `lung` is made of.

#![forbid(unsafe_code)]

pub mod augment;
pub mod bench;
pub mod compare;
pub mod composite;
pub mod config;
pub mod data;
pub mod evaluate;
pub mod export;
pub mod files;
pub mod networks;
pub mod predict;
pub mod progress;
pub mod report;
pub mod train;
