//! The folder of a run: who may write to it, what it was begun with, and on which images.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use mobilenet_lung::Findings;
use mobilenet_lung::bundle::sha256;
use serde_json::Value;

use super::log::{LOG, read_epochs};
use super::run::{MODEL, RESULT, Run, RunResult, Slowed, TrainOptions, folder_without};
use crate::config::TrainConfig;
use crate::data::{
    Dataset, Described, Description, FOLDS, FileList, ListHash, Listing, Reading, Selection,
    Shown as _, Split, tell_copies,
};
use crate::files::{FolderLock, write_atomically};
use crate::progress::begin;
use tracing::info;

/// What was asked of a run.
const RUN: &str = "run.json";

/// Locks the folder of a run, and returns what it was begun as; `None` for a new one.
///
/// # Errors
/// A folder that another process trains in, that holds a run although none is to be resumed, or none although one is; a run with
/// another configuration, but for lower learning rates, or with other pretrained weights.
pub(super) fn enter(options: &TrainOptions) -> anyhow::Result<(FolderLock, Option<Run>)> {
    // Nothing is made in a folder that is refused, so that it is held against the options before it is locked, and again after.
    begun(options)?;
    let lock = FolderLock::of(&options.out)?;
    Ok((lock, begun(options)?))
}

fn begun(options: &TrainOptions) -> anyhow::Result<Option<Run>> {
    let out = &options.out;
    if !options.resume {
        // A file that an earlier training left would be taken for one of this.
        let of_run = [out.join(RUN), out.join("checkpoint.json"), out.join(MODEL)];
        let of_parts = (0..FOLDS).map(|fold| folder_without(out, fold));
        if of_run.into_iter().chain(of_parts).any(|path| path.exists()) {
            bail!(
                "{} already holds a run, or a part of one; go on with it by --resume, or choose another --out",
                out.shown()
            );
        }
        return Ok(None);
    }
    let run = read_run(out).with_context(|| format!("{} holds no run to resume", out.shown()))?;
    slower(&run.config, &options.config).with_context(|| {
        format!(
            "the configuration differs from the one that the run in {} was started with",
            out.shown()
        )
    })?;
    ensure!(
        run.device == options.device,
        "the run in {} was begun with --device {}; pass the same, or choose another --out",
        out.shown(),
        run.device
    );
    let weights = pretrained_hash(options)?;
    if weights != run.pretrained_sha256 && run.files.is_some() {
        bail!(
            "the pretrained weights are not those that the run in {} was started with, {}; pass the same --pretrained, or choose \
             another --out",
            out.shown(),
            run.pretrained.as_deref().unwrap_or("none")
        );
    }
    Ok(Some(run))
}

/// What a run was begun as.
///
/// # Errors
/// A folder of no run, or a damaged file.
pub fn read_run(folder: &Path) -> anyhow::Result<Run> {
    let path = folder.join(RUN);
    let text = fs::read(&path).with_context(|| format!("cannot read {}", path.shown()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is damaged", path.shown()))
}

/// The sha256 of the pretrained weights' file, in hex digits.
pub(super) fn pretrained_hash(options: &TrainOptions) -> anyhow::Result<Option<String>> {
    let Some(path) = &options.pretrained else {
        return Ok(None);
    };
    let bytes = fs::read(path)
        .with_context(|| format!("cannot use the pretrained weights {}", path.shown()))?;
    Ok(Some(sha256(&bytes)))
}

/// The learning rates of a configuration, with their names.
fn rates(config: &mut TrainConfig) -> [(&'static str, &mut f64); 3] {
    let (head, fine_tune) = (&mut config.head, &mut config.fine_tune);
    [
        ("head.learning_rate", &mut head.learning_rate),
        ("fine_tune.learning_rate", &mut fine_tune.learning_rate),
        (
            "fine_tune.head_learning_rate",
            &mut fine_tune.head_learning_rate,
        ),
    ]
}

/// Refuses a configuration that differs by more than lower learning rates.
fn slower(before: &TrainConfig, now: &TrainConfig) -> anyhow::Result<()> {
    let (mut before, mut now) = (before.clone(), now.clone());
    // What the description of the data set says now, a configuration said once.
    now.bacterial_as_viral = now.bacterial_as_viral.or(before.bacterial_as_viral);
    for ((name, was), (_, is)) in rates(&mut before).into_iter().zip(rates(&mut now)) {
        ensure!(
            *is <= *was,
            "{name} was {was} and is {is}; --resume can lower a learning rate, and not raise it"
        );
        *was = *is;
    }
    if before != now {
        let mut differing = Vec::new();
        differences(
            "",
            &serde_json::to_value(&before)?,
            &serde_json::to_value(&now)?,
            &mut differing,
        );
        bail!(
            "{}; only learning rates can be lowered",
            differing.join(", ")
        );
    }
    Ok(())
}

/// Names the values that differ, each as `name was 1 and is 2`.
fn differences(name: &str, before: &Value, now: &Value, differing: &mut Vec<String>) {
    match (before, now) {
        (Value::Object(before), Value::Object(now)) => {
            for (key, value) in before {
                let inner = match name {
                    "" => key.clone(),
                    _ => format!("{name}.{key}"),
                };
                differences(
                    &inner,
                    value,
                    now.get(key).unwrap_or(&Value::Null),
                    differing,
                );
            }
        }
        _ if before != now => differing.push(format!("{name} was {before} and is {now}")),
        _ => {}
    }
}

/// Writes down that a run goes on with lower learning rates, if it does.
pub(super) fn note_slower(options: &TrainOptions, mut run: Run) -> anyhow::Result<()> {
    if run.config == options.config {
        return Ok(());
    }
    let epochs = match read_epochs(&options.out) {
        Ok(epochs) => epochs.len(),
        // Not one was whole.
        Err(_) if !options.out.join(LOG).exists() => 0,
        Err(error) => return Err(error),
    };
    let before = std::mem::replace(&mut run.config, options.config.clone());
    run.slowed.push(Slowed {
        after_epochs: epochs,
        before,
    });
    write_run(&options.out, &run)
}

/// Writes down what a run is begun as.
pub(super) fn write_run(out: &Path, run: &Run) -> anyhow::Result<()> {
    write_atomically(
        &out.join(RUN),
        serde_json::to_string_pretty(run)?.as_bytes(),
    )
}

/// What a finished run came to; `None` for one that is not finished.
pub(super) fn finished(options: &TrainOptions) -> anyhow::Result<Option<RunResult>> {
    let path = options.out.join(RESULT);
    if !path.exists() {
        return Ok(None);
    }
    let text = fs::read(&path).with_context(|| format!("cannot read {}", path.shown()))?;
    let result: RunResult = serde_json::from_slice(&text)
        .with_context(|| format!("{} is damaged; remove it, and resume again", path.shown()))?;
    let folders = (result.without_fold.keys()).map(|fold| folder_without(&options.out, *fold));
    let whole = folders
        .chain([options.out.clone()])
        .all(|folder| folder.join(MODEL).exists());
    Ok(whole.then_some(result))
}

/// The images of a run, read.
pub(super) struct Prepared {
    pub(super) dataset: Dataset,
    /// What its folders count as.
    pub(super) description: Description,
    pub(super) reading: Reading,
    /// Of the images that could be read.
    pub(super) split: Split,
    pub(super) list: FileList,
    /// What `run.json` is to say of the list.
    pub(super) hash: ListHash,
}

/// What the folders of a run count as, and the findings of a run that is resumed.
fn describe(
    options: &TrainOptions,
    before: Option<&Run>,
) -> anyhow::Result<(Described, Option<Findings>)> {
    let config = &options.config;
    let described = Described::find(options.description.as_deref(), &options.data)?;
    ensure!(
        config.bacterial_as_viral.is_none() || described.path.is_none(),
        "the configuration sets bacterial_as_viral, and {} says what folders count as; give the share there",
        described.path.as_deref().unwrap_or(Path::new("")).shown()
    );
    let mut described = config.described(described);
    let findings = match before {
        Some(run) => {
            let begun = run.described();
            ensure!(
                described.path.is_none() || begun.description == described.description,
                "{} is not what the run in {} was begun with; put it back, or train anew with another --out",
                described.path.as_deref().unwrap_or(Path::new("")).shown(),
                options.out.shown()
            );
            described = begun;
            Some(run.findings())
        }
        None => None,
    };
    Ok((described, findings))
}

/// Lists and reads the images of a run; `before` is what it was begun as, if it is resumed.
///
/// # Errors
/// Folders that cannot be trained on, and images that are not those that the run was begun with.
pub(super) fn prepare(options: &TrainOptions, before: Option<&Run>) -> anyhow::Result<Prepared> {
    let config = &options.config;
    let leave_out = match before {
        Some(run) if options.leave_out.is_empty() => &run.leave_out,
        _ => &options.leave_out,
    };
    let (described, findings) = describe(options, before)?;
    let selection = Selection {
        leave_out,
        description: None,
        findings: findings.as_ref(),
    };
    let listing = Listing::described(&options.data, &selection, &described)?;
    listing.tell();
    let mut trained = listing.clone();
    let recorded = match before {
        None => None,
        Some(run) => recorded_list(run, &listing, &options.out)?,
    };
    if let Some(list) = &recorded {
        list.check_names(&listing, &options.out)?;
        list.apply(&mut trained);
    }
    let all: Vec<usize> = (0..listing.dataset.examples.len()).collect();
    let progress = begin(all.len(), "reading images");
    // Of the test fold no pixel is kept.
    let is_trained =
        |of: &Listing, index: usize| !of.dataset.examples[index].is_tested(Some(config.test_fold));
    let mut reading = Reading::of(
        &trained,
        &all,
        |index| is_trained(&trained, index),
        config.preprocessing(),
        &progress,
    );
    progress.finish_and_clear();
    if !options.skip_unreadable {
        reading.all_readable()?;
    }
    for (path, reason) in &reading.failures {
        info!("left out {}: {reason}", path.shown());
    }
    match (&recorded, before) {
        (Some(list), _) => list.check_read(&listing, &reading, &options.out)?,
        // Begun when no list was kept, and images that are alike were not looked for.
        (None, Some(_)) => {}
        (None, None) => {
            let lines = reading.join(&mut trained, options.allow_duplicates)?;
            tell_copies(&lines);
        }
    }
    reading.keep_pixels(&trained, |index| is_trained(&trained, index));
    let list = match recorded {
        Some(list) => list,
        None => FileList::new(&listing, &trained, &reading),
    };
    let (dataset, description) = (trained.dataset, trained.description);
    dataset.has_test(config.test_fold)?;
    let split = dataset.split(config.test_fold, config.validation, config.seed)?;
    let split = split.only(|index| reading.is_readable(index));
    Ok(Prepared {
        hash: list.hash()?,
        dataset,
        description,
        reading,
        split,
        list,
    })
}

/// The list of files of a run; `None` for a run from before there were lists, whose images are divided by tables alone.
///
/// # Errors
/// A list that is missing or damaged, and a run without one whose images cannot be divided as they were.
pub fn recorded_list(
    run: &Run,
    listing: &Listing,
    folder: &Path,
) -> anyhow::Result<Option<FileList>> {
    if let Some(hash) = &run.files {
        return Ok(Some(FileList::read(folder, hash)?));
    }
    let images = run.images.iter().sum::<usize>() + run.unreadable;
    let found = listing.dataset.examples.len();
    ensure!(
        images == found,
        "the run in {} was trained with {images} images, and there are {found} now: some that were trained on could be tested on. Put \
         the folder back as it was, or train anew",
        folder.shown()
    );
    ensure!(
        listing.folds_are_given(),
        "the run in {} was made by an earlier version, which kept no list of its images and divided them otherwise: some that were \
         trained on could be tested on. Train anew, or use the earlier version",
        folder.shown()
    );
    info!(
        "the run in {} has no list of its images: whether they are still the same cannot be told",
        folder.shown()
    );
    Ok(None)
}
