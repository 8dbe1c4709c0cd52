//! What is logged of a training.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::data::Shown as _;

/// A line an epoch.
pub(super) const LOG: &str = "log.jsonl";

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

/// The epochs that a run, or one training of it, has logged; a last line that a kill cut off is left out.
///
/// # Errors
/// A log that is missing, or a line of it that is none.
pub fn read_epochs(run: &Path) -> anyhow::Result<Vec<EpochLog>> {
    let path = run.join(LOG);
    let text = fs::read_to_string(&path).with_context(|| {
        format!(
            "{} cannot be read: is {} the folder of a run?",
            path.shown(),
            run.shown()
        )
    })?;
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole
        .lines()
        .enumerate()
        .map(|(place, line)| {
            serde_json::from_str(line)
                .with_context(|| format!("line {} of {} is damaged", place + 1, path.shown()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_read_up_to_where_a_kill_cut_it_off() {
        let folder = tempfile::TempDir::new().unwrap();
        let line = r#"{"stage":"head","epoch":1,"train_loss":1,"train_accuracy":0.5,"validation_loss":null,"validation_accuracy":null,"from_layer":null,"seconds":1}"#;
        let log = folder.path().join("log.jsonl");
        fs::write(&log, format!("{line}\n{}", &line[..20])).unwrap();
        assert_eq!(read_epochs(folder.path()).unwrap().len(), 1);
        fs::write(&log, format!("nonsense\n{line}\n")).unwrap();
        let error = format!("{:#}", read_epochs(folder.path()).unwrap_err());
        assert!(error.contains("line 1 of"), "{error}");
        let error = format!(
            "{:#}",
            read_epochs(&folder.path().join("gone")).unwrap_err()
        );
        assert!(error.contains("the folder of a run"), "{error}");
    }
}
