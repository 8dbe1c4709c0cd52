//! What networks that were not trained on an image make of its label: `labels.csv` of a run.

use std::path::Path;

use anyhow::Context as _;

use super::calibration::Calibration;
use super::outcomes::{Outcomes, top};
use super::write_atomically;
use crate::data::{Dataset, Example};
use crate::finding::Finding;

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
    fold: usize,
    probabilities: [f32; Finding::COUNT],
}

impl Row<'_> {
    /// The probability of the label. Of a bacterial pneumonia, whose target is divided, that of being ill.
    fn believed(&self) -> f32 {
        if self.example.bacterial {
            1.0 - self.probabilities[Finding::Normal.index()]
        } else {
            self.probabilities[self.example.finding.index()]
        }
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
                fold: part.fold,
                probabilities: part.calibration.probabilities(*logits),
            })
        })
        .collect();
    rows.sort_by(|a, b| a.believed().total_cmp(&b.believed()));

    let mut table = csv::Writer::from_writer(Vec::new());
    let columns = [
        "folder",
        "file",
        "origin",
        "fold",
        "label",
        "bacterial",
        "called",
        "believed",
    ];
    table.write_record(columns.into_iter().chain(Finding::ALL.map(Finding::name)))?;
    for row in &rows {
        let example = row.example;
        let mut record = vec![
            example.source.clone(),
            example.file.clone(),
            example.origin.clone(),
            row.fold.to_string(),
            example.finding.to_string(),
            example.bacterial.to_string(),
            top(&row.probabilities).to_string(),
        ];
        let numbers = std::iter::once(row.believed()).chain(row.probabilities);
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
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn a_bacterial_pneumonia_called_viral_is_no_label_to_doubt() {
        let example = |file: &str, bacterial| Example {
            file: file.to_owned(),
            path: PathBuf::new(),
            source: "data".to_owned(),
            finding: Finding::LungOpacity,
            bacterial,
            group: String::new(),
            origin: "paediatric".to_owned(),
            fold: 1,
        };
        let dataset = Dataset {
            folders: Vec::new(),
            examples: vec![example("bacterial", true), example("not", false)],
            grouped: true,
        };
        let mut outcomes = Outcomes::default();
        for index in 0..2 {
            outcomes.push(index, Finding::LungOpacity, [0.0, 1.0, 9.0]);
        }
        let part = HeldOut {
            fold: 1,
            outcomes,
            calibration: Calibration::default(),
        };
        let folder = tempfile::TempDir::new().unwrap();
        write(folder.path(), &dataset, &[part]).unwrap();
        let text = std::fs::read_to_string(folder.path().join(LABELS)).unwrap();
        let rows: Vec<&str> = text.lines().collect();
        assert!(
            rows[1].starts_with("data,not,paediatric,1,Lung_Opacity,false,Viral Pneumonia,0.0003,")
        );
        assert!(
            rows[2].starts_with(
                "data,bacterial,paediatric,1,Lung_Opacity,true,Viral Pneumonia,0.9999,"
            )
        );
    }
}
