//! What is logged of a training.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One line of `log.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochLog {
    /// `head` or `fine-tune`.
    pub stage: Stage,
    /// Counted from 1 within the stage.
    pub epoch: usize,
    /// Mean loss over the epoch's steps.
    pub train_loss: f64,
    /// Share of training images classified correctly as they passed.
    pub train_accuracy: f64,
    /// Mean cross-entropy of the averaged weights on the validation images.
    pub validation_loss: Option<f64>,
    /// Share of the validation images that the averaged weights classify correctly.
    pub validation_accuracy: Option<f64>,
    /// The same by data folder.
    #[serde(default)]
    pub validation_by_source: BTreeMap<String, f64>,
    /// First feature layer that was trained; `None` in the head stage.
    pub from_layer: Option<usize>,
    /// Wall clock.
    pub seconds: f64,
}

/// The two stages of training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Head and last attention on cached features.
    Head,
    /// The network itself.
    FineTune,
}
