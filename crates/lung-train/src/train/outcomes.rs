//! What a network answers to labelled images.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use burn::tensor::Tensor;

use super::calibration::Calibration;
use crate::data::Dataset;
use crate::finding::Finding;

/// Logits with the truth beside them.
#[derive(Clone, Debug, Default)]
pub struct Outcomes {
    /// The examples that were answered, as indices into the data set.
    pub examples: Vec<usize>,
    /// One row an image.
    pub logits: Vec<[f32; Finding::COUNT]>,
    /// The true finding of each.
    pub labels: Vec<Finding>,
}

impl Outcomes {
    /// Adds one answer.
    pub fn push(&mut self, example: usize, label: Finding, logits: [f32; Finding::COUNT]) {
        self.examples.push(example);
        self.labels.push(label);
        self.logits.push(logits);
    }

    /// Adds the answers of another network, or to other images.
    pub fn extend(&mut self, other: Self) {
        self.examples.extend(other.examples);
        self.labels.extend(other.labels);
        self.logits.extend(other.logits);
    }

    /// The answers to those images that are wanted.
    pub fn only(&self, wanted: impl Fn(usize) -> bool) -> Self {
        let mut part = Self::default();
        for (place, example) in self.examples.iter().enumerate() {
            if wanted(*example) {
                part.push(*example, self.labels[place], self.logits[place]);
            }
        }
        part
    }

    /// What the calibrated network calls the images of each finding, origin and data folder.
    pub fn calls(
        &self,
        dataset: &Dataset,
        calibration: &Calibration,
    ) -> BTreeMap<String, [usize; Finding::COUNT]> {
        let mut calls: BTreeMap<String, [usize; Finding::COUNT]> = BTreeMap::new();
        for (index, logits) in self.examples.iter().zip(&self.logits) {
            let example = &dataset.examples[*index];
            let stratum = format!("{} {} {}", example.source, example.origin, example.finding);
            let called = top(&calibration.probabilities(*logits));
            calls.entry(stratum).or_default()[called.index()] += 1;
        }
        calls
    }

    /// Share classified correctly, 0..=1.
    pub fn accuracy(&self) -> f64 {
        let correct = self
            .logits
            .iter()
            .zip(&self.labels)
            .filter(|(logits, label)| top(logits) == **label)
            .count();
        correct as f64 / self.labels.len().max(1) as f64
    }

    /// Mean cross-entropy in nats.
    pub fn loss(&self, calibration: &Calibration) -> f64 {
        let sum: f64 = self.losses(calibration).sum();
        sum / self.labels.len().max(1) as f64
    }

    /// The cross-entropy of each answer in nats.
    pub(super) fn losses(&self, calibration: &Calibration) -> impl Iterator<Item = f64> {
        self.logits.iter().zip(&self.labels).map(|(logits, label)| {
            -f64::from(calibration.probabilities(*logits)[label.index()].max(1e-30)).ln()
        })
    }
}

/// The finding with the largest logit, of equal ones the last.
pub fn top(logits: &[f32; Finding::COUNT]) -> Finding {
    let [first, others @ ..] = Finding::ALL;
    others.into_iter().fold(first, |best, finding| {
        match logits[best.index()].total_cmp(&logits[finding.index()]) {
            Ordering::Greater => best,
            Ordering::Less | Ordering::Equal => finding,
        }
    })
}

/// A tensor `[batch, 3]` as rows.
///
/// # Errors
/// When the device does not give its numbers, or not one for each finding.
pub fn rows(logits: Tensor<2>) -> anyhow::Result<Vec<[f32; Finding::COUNT]>> {
    let values = logits
        .into_data()
        .try_into_vec::<f32>()
        .map_err(|error| anyhow::anyhow!("{error:?}"))?;
    match values.as_chunks::<{ Finding::COUNT }>() {
        (rows, []) => Ok(rows.to_vec()),
        _ => anyhow::bail!("{} logits are no rows of {}", values.len(), Finding::COUNT),
    }
}

pub(super) fn predictions(logits: Tensor<2>) -> anyhow::Result<Vec<Finding>> {
    Ok(rows(logits)?.iter().map(top).collect())
}
