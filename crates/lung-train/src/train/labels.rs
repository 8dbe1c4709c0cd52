//! What networks that were not trained on an image make of its label: `labels.csv` of a run.

use std::path::Path;

use anyhow::Context as _;

use super::calibration::Calibration;
use super::outcomes::{Outcomes, top};
use crate::data::{Class, Dataset, Example};
use crate::files::write_atomically;

/// The table's name in the run's folder.
const LABELS: &str = "labels.csv";

/// What a training answers to the images of the fold that it was not given.
pub(super) struct HeldOut {
    pub(super) fold: usize,
    pub(super) outcomes: Outcomes,
    pub(super) calibration: Calibration,
}

/// A label beside what a network answered that knew neither the image nor another of its group.
struct Row<'a> {
    example: &'a Example,
    class: &'a Class,
    fold: usize,
    probabilities: Vec<f32>,
}

impl Row<'_> {
    /// The probability of the label; of a target that is divided, that of all that have a share in it.
    fn believed(&self) -> f32 {
        let shares = self.probabilities.iter().zip(&self.class.target);
        shares
            .filter(|(_, share)| **share > 0.0)
            .map(|(p, _)| p)
            .sum()
    }
}

/// Writes a row an image, those first whose labels are least believed: a label that such a network speaks against is worth a look
/// (Northcutt, Jiang and Chuang 2021, arXiv 1911.00068).
pub(super) fn write(run: &Path, dataset: &Dataset, held_out: &[HeldOut]) -> anyhow::Result<()> {
    let mut rows: Vec<Row<'_>> = (held_out.iter())
        .flat_map(|part| {
            let answers = part.outcomes.examples.iter().zip(&part.outcomes.logits);
            answers.map(|(example, logits)| Row {
                example: &dataset.examples[*example],
                class: dataset.class(*example),
                fold: part.fold,
                probabilities: part.calibration.probabilities(logits),
            })
        })
        .collect();
    rows.sort_by(|a, b| a.believed().total_cmp(&b.believed()));

    let mut table = csv::Writer::from_writer(Vec::new());
    let columns = [
        "folder", "file", "origin", "fold", "label", "kind", "called", "believed",
    ];
    table.write_record(columns.into_iter().chain(dataset.findings.ids()))?;
    for row in &rows {
        let example = row.example;
        let mut record = vec![
            example.source.clone(),
            example.file.clone(),
            example.origin.clone(),
            row.fold.to_string(),
            dataset.id(example.finding).to_owned(),
            row.class.kind.clone().unwrap_or_default(),
            dataset.id(top(&row.probabilities)).to_owned(),
        ];
        let numbers = std::iter::once(row.believed()).chain(row.probabilities.iter().copied());
        record.extend(numbers.map(|probability| format!("{probability:.4}")));
        table.write_record(&record)?;
    }
    let bytes = table
        .into_inner()
        .context("the table of labels could not be finished")?;
    write_atomically(&run.join(LABELS), &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::examples::{BACTERIAL, OPACITY};

    #[test]
    fn an_image_called_one_of_those_that_share_its_target_is_no_label_to_doubt() {
        let example = |file: &str, class| Example {
            file: file.to_owned(),
            origin: "paediatric".to_owned(),
            fold: 1,
            ..Example::of_class(class)
        };
        let examples = vec![example("bacterial", BACTERIAL), example("not", OPACITY)];
        let dataset = Dataset::of_examples(&[], examples).unwrap();
        let mut outcomes = Outcomes::default();
        for index in 0..2 {
            outcomes.push(index, OPACITY, vec![0.0, 1.0, 9.0]);
        }
        let part = HeldOut {
            fold: 1,
            outcomes,
            calibration: Calibration::none(3),
        };
        let folder = tempfile::TempDir::new().unwrap();
        write(folder.path(), &dataset, &[part]).unwrap();
        let text = std::fs::read_to_string(folder.path().join(LABELS)).unwrap();
        let rows: Vec<&str> = text.lines().collect();
        assert!(rows[1].starts_with("data,not,paediatric,1,Lung_Opacity,,Viral Pneumonia,0.0003,"));
        assert!(rows[2].starts_with(
            "data,bacterial,paediatric,1,Lung_Opacity,bacterial,Viral Pneumonia,0.9999,"
        ));
    }
}
