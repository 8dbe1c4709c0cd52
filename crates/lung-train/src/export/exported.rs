//! What an export wrote, and how the model did.

use std::path::PathBuf;

use mobilenet_lung::Metadata;

use super::trained_on::Material;
use crate::evaluate::Tests;
use crate::evaluate::metrics::Evaluation;

/// What [`export`](super::export) wrote, and how the model did.
#[derive(Clone, Debug)]
pub struct Exported {
    /// The weights file.
    pub file: PathBuf,
    /// What it says of itself.
    pub metadata: Metadata,
    /// The tests on the run's test fold, data folder by data folder, and on foreign images.
    pub tests: Tests,
    /// What it and the trainings without a fold answered to the images that each was not given, data folder by data folder;
    /// empty without [`TrainConfig::cross_fit`](crate::config::TrainConfig::cross_fit).
    pub held_out: Vec<Evaluation>,
    /// What it was trained on.
    pub material: Material,
}

impl Exported {
    /// The test on the first data folder: what is reported of the model.
    pub fn evaluation(&self) -> &Evaluation {
        self.tests.folders.first().unwrap_or(&self.tests.all)
    }

    /// The tests on the further data folders.
    pub fn further(&self) -> &[Evaluation] {
        self.tests.folders.get(1..).unwrap_or_default()
    }
}
