//! Testing a classifier on images that it should refuse.

use std::path::Path;

use anyhow::ensure;
use mobilenet_lung::Classifier;
use rayon::prelude::*;

use super::metrics::{ForeignMetrics, Outcome};
use crate::data::{Shown as _, folder_name};
use crate::predict::{expand, read, read_at};
use crate::progress::begin;

/// Refuses a folder of foreign images that is not there, before anything that takes long.
pub fn check_foreign(folder: Option<&Path>) -> anyhow::Result<()> {
    if let Some(folder) = folder {
        ensure!(
            folder.is_dir(),
            "there is no folder of foreign images at {}",
            folder.shown()
        );
    }
    Ok(())
}

/// What the classifier says of every image under a folder of images that are no frontal chest radiographs.
pub(super) fn test_foreign(
    classifier: &Classifier,
    folder: &Path,
    test: &[Outcome],
) -> anyhow::Result<ForeignMetrics> {
    let files = expand(&[folder.to_owned()])?;
    let progress = begin(files.len(), "classifying foreign images");
    let results: Vec<_> = files
        .par_iter()
        .map(|path| {
            let file = path.strip_prefix(folder).unwrap_or(path);
            let file = file.shown();
            let reading = read(path).and_then(|radiograph| read_at(classifier, &radiograph, None));
            progress.inc(1);
            match reading.map(|reading| reading.report) {
                Ok(report) => Ok((file, report.in_distribution, report.finding)),
                Err(error) => Err((file, error.message)),
            }
        })
        .collect();
    progress.finish_and_clear();
    let mut read = Vec::new();
    let mut unreadable = Vec::new();
    for result in results {
        match result {
            Ok(image) => read.push(image),
            Err(failure) => unreadable.push(failure),
        }
    }
    Ok(ForeignMetrics::new(
        folder_name(folder),
        &read,
        unreadable,
        test,
    ))
}
