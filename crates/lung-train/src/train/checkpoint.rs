//! Where a training stands, in its folder.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};
use mobilenet_lung::StateDict;
use mobilenet_lung::bundle::{read_tensors, write_tensors};
use serde::{Deserialize, Serialize};

use super::log::{LOG, Stage};
use super::optimizer::Optimizer;
use crate::data::Shown as _;
use crate::files::write_atomically;

/// The version of what a checkpoint holds. Those of version 1 had burn's own records in them.
const VERSION: u32 = 2;

const FILE: &str = "checkpoint.json";

/// Where a training stands: `checkpoint.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Position {
    /// See [`VERSION`]; missing from the first.
    #[serde(default)]
    version: u32,
    pub(super) stage: Stage,
    /// Epochs of the stage that are done.
    pub(super) epochs: usize,
    /// Folder with network and optimizer.
    folder: String,
    /// Bytes of `log.jsonl` that belong to the epochs done.
    log_bytes: u64,
    /// Steps of the running average.
    #[serde(default)]
    average_steps: u32,
}

/// What a checkpoint holds.
pub(super) struct Checkpoint {
    pub(super) position: Position,
    /// The network's parameters.
    pub(super) network: StateDict,
    /// With moments and average; of this decay of the average.
    pub(super) optimizer: Optimizer,
}

/// The checkpoint in a training's folder; `None` before its first epoch is done. Lines of the log that an epoch wrote which is not in it
/// are cut off: they are written again.
///
/// # Errors
/// A checkpoint that is damaged, or of another version.
pub(super) fn read(folder: &Path, average: f32) -> anyhow::Result<Option<Checkpoint>> {
    let text = match fs::read_to_string(folder.join(FILE)) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).context("cannot read checkpoint.json"),
    };
    let position: Position = serde_json::from_str(&text).context("checkpoint.json is damaged")?;
    if position.version != VERSION {
        bail!(
            "the checkpoint in {} is of another version of this command ({}, and {VERSION} is read); go on with that version, or train anew",
            folder.shown(),
            position.version.max(1)
        );
    }
    let path = folder.join(&position.folder);
    let damaged = || format!("the checkpoint {} is damaged", path.shown());
    let tensors = |name: &str| -> anyhow::Result<StateDict> {
        let bytes = fs::read(path.join(name)).with_context(damaged)?;
        read_tensors(&bytes).with_context(damaged)
    };
    let network = tensors("network.safetensors")?;
    let state = tensors("optimizer.safetensors")?;
    let optimizer =
        Optimizer::from_state(average, position.average_steps, &state).with_context(damaged)?;
    let log = fs::OpenOptions::new()
        .write(true)
        .open(folder.join(LOG))
        .with_context(damaged)?;
    log.set_len(position.log_bytes)?;
    Ok(Some(Checkpoint {
        position,
        network,
        optimizer,
    }))
}

/// Writes the checkpoint after so many epochs of a stage, and removes the one `before`.
///
/// # Errors
/// Files that cannot be written.
pub(super) fn write(
    training: &Path,
    (stage, epochs): (Stage, usize),
    network: &StateDict,
    optimizer: &Optimizer,
    log_bytes: u64,
    before: Option<&Position>,
) -> anyhow::Result<Position> {
    let name = match stage {
        Stage::Head => "head",
        Stage::FineTune => "fine-tune",
    };
    let folder = format!("checkpoint-{name}-{epochs}");
    let path = training.join(&folder);
    fs::create_dir_all(&path)?;
    for (name, state) in [
        ("network.safetensors", network),
        ("optimizer.safetensors", &optimizer.state()),
    ] {
        fs::write(path.join(name), write_tensors(state, HashMap::new())?)?;
    }
    let position = Position {
        version: VERSION,
        stage,
        epochs,
        folder,
        log_bytes,
        average_steps: optimizer.steps(),
    };
    // The folder is complete before anything points to it, and the old one goes only after that.
    write_atomically(
        &training.join(FILE),
        serde_json::to_string(&position)?.as_bytes(),
    )?;
    if let Some(before) = before
        && before.folder != position.folder
    {
        fs::remove_dir_all(training.join(&before.folder)).ok();
    }
    Ok(position)
}

#[cfg(test)]
mod tests {
    use mobilenet_lung::Array;
    use tempfile::TempDir;

    use super::*;

    fn error_of(folder: &Path) -> String {
        match read(folder, 0.5) {
            Ok(_) => "nothing".to_owned(),
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn what_is_written_is_read_and_what_is_cut_or_of_another_version_is_refused() {
        let training = TempDir::new().unwrap();
        let folder = training.path();
        assert!(read(folder, 0.5).unwrap().is_none());
        fs::write(folder.join(LOG), "one\ntwo, which was cut").unwrap();
        let array = Array {
            shape: vec![2],
            values: vec![1.0, 2.0],
        };
        let network = StateDict::from([("classifier.1.bias".to_owned(), array.clone())]);
        let average = StateDict::from([("average/classifier.1.bias".to_owned(), array)]);
        let optimizer = Optimizer::from_state(0.5, 7, &average).unwrap();
        let head = write(folder, (Stage::Head, 1), &network, &optimizer, 4, None).unwrap();
        let stage = (Stage::FineTune, 2);
        write(folder, stage, &network, &optimizer, 4, Some(&head)).unwrap();
        // The one before is gone.
        assert!(!folder.join("checkpoint-head-1").exists());
        let checkpoint = read(folder, 0.5).unwrap().unwrap();
        let position = &checkpoint.position;
        assert_eq!((position.stage, position.epochs), stage);
        assert_eq!(checkpoint.network, network);
        assert_eq!(checkpoint.optimizer.steps(), 7);
        assert_eq!(checkpoint.optimizer.average(), network);
        assert_eq!(fs::read_to_string(folder.join(LOG)).unwrap(), "one\n");

        let weights = folder.join("checkpoint-fine-tune-2/network.safetensors");
        let bytes = fs::read(&weights).unwrap();
        fs::write(&weights, &bytes[..bytes.len() - 1]).unwrap();
        assert!(error_of(folder).contains("is damaged"));
        fs::remove_file(&weights).unwrap();
        assert!(error_of(folder).contains("is damaged"));

        // As it was before checkpoints had a version.
        let old = r#"{"stage":"head","epochs":1,"folder":"checkpoint-head-1","log_bytes":4}"#;
        fs::write(folder.join(FILE), old).unwrap();
        let error = error_of(folder);
        assert!(
            error.contains("another version") && error.contains("(1, "),
            "{error}"
        );
        fs::write(folder.join(FILE), &old[..20]).unwrap();
        assert!(error_of(folder).contains("checkpoint.json is damaged"));
    }
}
