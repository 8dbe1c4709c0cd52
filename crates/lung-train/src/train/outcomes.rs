//! What a network answers to labelled images.

use std::collections::BTreeMap;

use burn::tensor::Tensor;

use super::calibration::Calibration;
use crate::data::Dataset;

/// Logits with the truth beside them.
#[derive(Clone, Debug, Default)]
pub struct Outcomes {
    /// The examples that were answered, as indices into the data set.
    pub examples: Vec<usize>,
    /// One row an image.
    pub logits: Vec<Vec<f32>>,
    /// The row of the true finding of each.
    pub labels: Vec<usize>,
}

impl Outcomes {
    /// Adds one answer.
    pub fn push(&mut self, example: usize, label: usize, logits: Vec<f32>) {
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
                part.push(*example, self.labels[place], self.logits[place].clone());
            }
        }
        part
    }

    /// What the calibrated network calls the images of each finding, origin and data folder.
    pub fn calls(
        &self,
        dataset: &Dataset,
        calibration: &Calibration,
    ) -> BTreeMap<String, Vec<usize>> {
        let count = dataset.findings.len();
        let mut calls: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, logits) in self.examples.iter().zip(&self.logits) {
            let example = &dataset.examples[*index];
            let stratum = format!(
                "{} {} {}",
                example.source,
                example.origin,
                dataset.id(example.finding)
            );
            let called = top(&calibration.probabilities(logits));
            calls.entry(stratum).or_insert_with(|| vec![0; count])[called] += 1;
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
        (self.logits.iter().zip(&self.labels))
            .map(|(logits, label)| calibration.loss(logits, *label))
    }
}

/// The row of the largest logit, of equal ones the last.
pub fn top(logits: &[f32]) -> usize {
    let rows = logits.iter().enumerate();
    rows.max_by(|(_, a), (_, b)| a.total_cmp(b))
        .map_or(0, |(row, _)| row)
}

/// A tensor `[batch, findings]` as rows.
///
/// # Errors
/// When the device does not give its numbers.
pub fn rows(logits: Tensor<2>) -> anyhow::Result<Vec<Vec<f32>>> {
    let [_, findings] = logits.dims();
    let values = logits
        .into_data()
        .try_into_vec::<f32>()
        .map_err(|error| anyhow::anyhow!("{error:?}"))?;
    Ok(values
        .chunks(findings.max(1))
        .map(<[f32]>::to_vec)
        .collect())
}

pub(super) fn predictions(logits: Tensor<2>) -> anyhow::Result<Vec<usize>> {
    Ok(rows(logits)?.iter().map(|row| top(row)).collect())
}
