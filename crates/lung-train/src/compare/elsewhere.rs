//! What the networks of a comparison call images of other hospitals, whose labels may be none of the findings.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use burn::tensor::Device;
use mobilenet_lung::bundle::sha256;
use serde::{Deserialize, Serialize};
use tracing::info;

use super::cell::{CalledElsewhere, Outcome};
use super::options::CompareOptions;
use super::store;
use crate::data::{Dataset, ListHash, Pixels, Shown as _};
use crate::evaluate::elsewhere::{Labelled, Stratum, StratumCalls, read_table, summed};
use crate::progress::begin;
use crate::train::{Images, top};

/// What the networks of a part call the images of one kind, of all hospitals together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KindElsewhere {
    /// Their label, and age where it is known.
    pub stratum: Stratum,
    /// How many.
    pub images: usize,
    /// For each network of the part, the share called each finding, the mean over seeds and folds; `None` where it was not asked.
    pub shares: Vec<Option<Vec<f64>>>,
}

/// A table of images that was read.
pub(super) struct Elsewhere {
    path: PathBuf,
    table: ListHash,
    images: Vec<Labelled>,
}

impl Elsewhere {
    /// The table that is asked for, if one is.
    ///
    /// # Errors
    /// A table that cannot be read or makes no sense.
    pub(super) fn of(options: &CompareOptions) -> anyhow::Result<Option<Self>> {
        let Some(path) = &options.elsewhere else {
            return Ok(None);
        };
        let images = read_table(path)?;
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.shown()))?;
        Ok(Some(Self {
            path: path.clone(),
            table: ListHash {
                count: images.len(),
                sha256: sha256(&bytes),
            },
            images,
        }))
    }

    /// Asks the networks of the cells that were not asked yet, and writes these anew. One that was not kept is told of.
    ///
    /// # Errors
    /// No image that can be read; a network's file that is damaged.
    pub(super) fn ask(
        &self,
        options: &CompareOptions,
        dataset: &Dataset,
        outcomes: &mut [Outcome],
    ) -> anyhow::Result<()> {
        let mut waiting = Vec::new();
        for outcome in outcomes {
            let asked = outcome.elsewhere.as_ref();
            if asked.is_some_and(|asked| asked.table == self.table) {
                continue;
            }
            match store::network_path(&options.out, outcome.cell).exists() {
                true => waiting.push(outcome),
                false => info!(
                    "{} was not asked of {}: its network was not kept; remove the file of the cell, and it is trained again",
                    outcome.cell.name(),
                    self.path.shown()
                ),
            }
        }
        if waiting.is_empty() {
            return Ok(());
        }
        let files: Vec<PathBuf> = self.images.iter().map(|image| image.path.clone()).collect();
        let progress = begin(files.len(), "reading images of other hospitals");
        let preprocessing = options.recipe.preprocessing();
        let (pixels, unreadable) = Pixels::of_files(&files, preprocessing, &progress);
        progress.finish_and_clear();
        if unreadable > 0 {
            info!("left out {unreadable} images of other hospitals that cannot be read");
        }
        let readable: Vec<usize> = (0..files.len())
            .filter(|index| pixels.get(*index).is_some())
            .collect();
        ensure!(
            !readable.is_empty(),
            "none of the images of other hospitals could be read"
        );
        let images = Images {
            dataset,
            pixels: &pixels,
        };
        for outcome in waiting {
            let network = store::read_network(&options.out, outcome)?;
            let forward = |input| network.forward(input);
            let logits = images.logits(&forward, &readable, &Device::flex())?;
            let called = readable.iter().zip(&logits);
            let called = called.map(|(index, logits)| (&self.images[*index].stratum, top(logits)));
            outcome.elsewhere = Some(CalledElsewhere {
                table: self.table.clone(),
                strata: counted(called, outcome.findings.len()),
            });
            store::write_cell(&options.out, outcome)?;
            info!(
                "{}: asked of {} images of other hospitals",
                outcome.cell.name(),
                readable.len()
            );
        }
        Ok(())
    }
}

fn counted<'a>(
    called: impl Iterator<Item = (&'a Stratum, usize)>,
    findings: usize,
) -> Vec<StratumCalls> {
    let mut strata: BTreeMap<&Stratum, StratumCalls> = BTreeMap::new();
    for (stratum, finding) in called {
        let calls = (strata.entry(stratum))
            .or_insert_with(|| StratumCalls::none(stratum.clone(), findings));
        calls.images += 1;
        calls.called[finding] += 1;
    }
    strata.into_values().collect()
}

/// The rows of a part, whose networks have these cells. Only cells that were asked of the same table count, that of the first.
pub(super) fn kinds(networks: &[Vec<&Outcome>]) -> Vec<KindElsewhere> {
    let asked = |outcome: &&Outcome| outcome.elsewhere.clone();
    let Some(first) = networks.iter().flatten().find_map(asked) else {
        return Vec::new();
    };
    let mut kinds: BTreeMap<Stratum, KindElsewhere> = BTreeMap::new();
    for (place, cells) in networks.iter().enumerate() {
        let all = cells.iter().filter_map(asked);
        let all: Vec<CalledElsewhere> = all.filter(|one| one.table == first.table).collect();
        let strata = all.iter().flat_map(|one| &one.strata);
        let kind = |calls: &StratumCalls| {
            Some(Stratum {
                hospital: None,
                half: None,
                ..calls.stratum.clone()
            })
        };
        for sum in summed(strata, kind) {
            let row = (kinds.entry(sum.stratum.clone())).or_insert_with(|| KindElsewhere {
                stratum: sum.stratum.clone(),
                images: sum.images / all.len().max(1),
                shares: vec![None; networks.len()],
            });
            let share = |count: &usize| *count as f64 / sum.images as f64;
            row.shares[place] = Some(sum.called.iter().map(share).collect());
        }
    }
    kinds.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stratum(label: &str, hospital: &str) -> Stratum {
        Stratum {
            label: label.to_owned(),
            hospital: Some(hospital.to_owned()),
            ..Stratum::default()
        }
    }

    #[test]
    fn images_are_counted_by_what_they_have_in_common() {
        let (east, west, ill) = (
            stratum("normal", "East"),
            stratum("normal", "West"),
            stratum("tuberculosis", "West"),
        );
        let called = [(&east, 0), (&west, 1), (&east, 2), (&ill, 1), (&east, 0)];
        let strata = counted(called.into_iter(), 3);
        assert_eq!(strata.len(), 3);
        assert_eq!(strata[0].called, [2, 0, 1]);
        assert_eq!(
            (strata[1].images, &strata[1].called[..]),
            (1, &[0, 1, 0][..])
        );
    }
}
