//! Testing a classifier: each data folder by itself, all of them together, and images that it should refuse.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use mobilenet_lung::{Classifier, Preprocessing};
use serde::Serialize;
use tracing::info;

use super::foreign::{check_foreign, test_foreign};
use super::metrics::{Evaluation, ForeignMetrics, Outcome};
use super::peer::{Peer, PeerError, PeerTests};
use super::trials::{outcomes, tested};
use crate::data::{Dataset, Listing, Reading, Selection, tell_copies};
use crate::progress::begin;

/// What a classifier was tested on, and how it did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tests {
    /// All images.
    #[serde(flatten)]
    pub all: Evaluation,
    /// Each data folder that has images to test on by itself, in the order of the data set. Folders of the same name are
    /// one.
    #[serde(skip_serializing_if = "is_all")]
    pub folders: Vec<Evaluation>,
    /// Images that are no frontal chest radiographs, where some were given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub foreign: Option<ForeignMetrics>,
    /// Another network on the same images, where one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<PeerTests>,
    /// Each image that was read.
    #[serde(skip)]
    pub outcomes: Vec<Outcome>,
}

/// Whether a test by folder would only say again what that of all images says.
fn is_all(folders: &[Evaluation]) -> bool {
    folders.len() < 2
}

/// The images to test on of data folders, as far as they are of the `selection`'s findings.
///
/// Where only one fold is tested on and tables do not say which that is, all images are read, since images that are alike are
/// in one fold.
///
/// # Errors
/// Folders that cannot be used.
pub fn to_test(
    folders: &[PathBuf],
    selection: &Selection<'_>,
    fold: Option<usize>,
) -> anyhow::Result<Dataset> {
    let mut listing = Listing::selected(folders, selection)?;
    for note in &listing.notes {
        info!("{note}");
    }
    if fold.is_some() && !listing.folds_are_given() {
        let all: Vec<usize> = (0..listing.dataset.examples.len()).collect();
        let progress = begin(all.len(), "looking for copies");
        let reading = Reading::of(
            &listing,
            &all,
            |_| false,
            Preprocessing::IMAGENET,
            &progress,
        );
        progress.finish_and_clear();
        let lines = reading.join(&mut listing, true)?;
        tell_copies(&lines);
    }
    Ok(listing.dataset)
}

impl Tests {
    /// Tests without another network and without single images.
    pub fn new(all: Evaluation, folders: Vec<Evaluation>, foreign: Option<ForeignMetrics>) -> Self {
        Self {
            all,
            folders,
            foreign,
            peer: None,
            outcomes: Vec::new(),
        }
    }

    /// The tests by folder, where they say more than that of all images.
    pub fn by_folder(&self) -> &[Evaluation] {
        match is_all(&self.folders) {
            true => &[],
            false => &self.folders,
        }
    }

    /// Classifies the images of one fold of a data set, or all of them, and the images under `foreign`.
    ///
    /// # Errors
    /// No image in the fold; a folder `foreign` that cannot be listed or has no image.
    pub fn run(
        classifier: &Classifier,
        dataset: &Dataset,
        fold: Option<usize>,
        foreign: Option<&Path>,
    ) -> anyhow::Result<Self> {
        check_foreign(foreign)?;
        let (model, data) = (classifier.findings(), &dataset.findings);
        ensure!(
            model.ids().eq(data.ids()),
            "the model tells {} apart, and the data {}",
            model.ids().collect::<Vec<_>>().join(", "),
            data.ids().collect::<Vec<_>>().join(", ")
        );
        let fold_in_words = match fold {
            Some(fold) => format!("fold {fold}"),
            None => "all folds".to_owned(),
        };
        let wanted_of = |source: &str| -> Vec<usize> {
            (0..dataset.examples.len())
                .filter(|i| {
                    let example = &dataset.examples[*i];
                    example.source == source && example.is_tested(fold)
                })
                .collect()
        };
        let mut sources = Vec::new();
        for source in dataset.sources() {
            let wanted = wanted_of(&source);
            if !wanted.is_empty() && sources.iter().all(|(name, _)| *name != source) {
                sources.push((source, wanted));
            }
        }
        ensure!(
            !sources.is_empty(),
            "{fold_in_words} of {} has no image to test on",
            dataset.name()
        );
        let progress = begin(
            sources.iter().map(|(_, wanted)| wanted.len()).sum(),
            "classifying",
        );
        let mut all: Vec<Outcome> = Vec::new();
        let mut all_unreadable = Vec::new();
        let mut folders = Vec::new();
        for (source, wanted) in &sources {
            let (found, unreadable) = outcomes(classifier, dataset, wanted, &progress);
            let split = format!("{source}, {fold_in_words}");
            folders.push(Evaluation::new(
                &tested(classifier),
                split,
                &found,
                unreadable.clone(),
            ));
            all.extend(found);
            all_unreadable.extend(unreadable);
        }
        progress.finish_and_clear();
        let names: Vec<&str> = sources.iter().map(|(name, _)| name.as_str()).collect();
        let split = format!("{}, {fold_in_words}", names.join(" and "));
        let foreign = foreign
            .map(|folder| test_foreign(classifier, folder, &all))
            .transpose()?;
        let evaluation = Evaluation::new(&tested(classifier), split, &all, all_unreadable);
        Ok(Self {
            outcomes: all,
            ..Self::new(evaluation, folders, foreign)
        })
    }

    /// Tests another network on the same images too. `normal` is the id of the finding that means normal, where there is one.
    ///
    /// # Errors
    /// A network that cannot be run, or whose output does not fit its configuration.
    pub fn beside(mut self, peer: &Peer, normal: Option<&str>) -> Result<Self, PeerError> {
        let progress = begin(self.outcomes.len(), "asking the other network");
        let both = peer.beside(&self.outcomes, &progress)?;
        progress.finish_and_clear();
        let (ours, theirs) = (self.all.model.clone(), peer.name().to_owned());
        self.peer = Some(PeerTests::new(ours, theirs, &both, normal));
        Ok(self)
    }

    /// Gives every evaluation the id of the model: where it is tested, its weights file has no name yet.
    pub fn name_model(&mut self, id: &str) {
        for evaluation in self.folders.iter_mut().chain([&mut self.all]) {
            id.clone_into(&mut evaluation.model);
        }
    }
}
