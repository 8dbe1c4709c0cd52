//! What labelled images are called.

use mobilenet_lung::{Classifier, Report};
use rayon::prelude::*;

use super::metrics::{Evaluation, Outcome, Tested};
use crate::data::{Dataset, Example};
use crate::predict::{read, read_at};
use crate::progress::Work;

/// Classifies the examples `wanted` of a data set and sums up.
pub fn evaluate(
    classifier: &Classifier,
    dataset: &Dataset,
    wanted: &[usize],
    split: String,
    progress: &Work,
) -> Evaluation {
    let (outcomes, unreadable) = outcomes(classifier, dataset, wanted, progress);
    Evaluation::new(&tested(classifier), split, &outcomes, unreadable)
}

/// What is said of a classifier in its test.
pub(crate) fn tested(classifier: &Classifier) -> Tested<'_> {
    Tested {
        model: classifier.id(),
        operating_point: (classifier.operating_point(None)).map_or("", |point| &point.name),
        findings: classifier.findings(),
    }
}

/// What the examples `wanted` of a data set are called, and which of them could not be read, with the reason.
pub fn outcomes(
    classifier: &Classifier,
    dataset: &Dataset,
    wanted: &[usize],
    progress: &Work,
) -> (Vec<Outcome>, Vec<(String, String)>) {
    let results: Vec<Result<Outcome, (String, String)>> = wanted
        .par_iter()
        .map(|&index| {
            let example = &dataset.examples[index];
            let reading =
                read(&example.path).and_then(|radiograph| read_at(classifier, &radiograph, None));
            progress.inc(1);
            match reading {
                Ok(reading) => Ok(outcome(reading.report, dataset, example)),
                Err(error) => Err((example.file.clone(), error.message)),
            }
        })
        .collect();
    let mut outcomes = Vec::new();
    let mut unreadable = Vec::new();
    for result in results {
        match result {
            Ok(outcome) => outcomes.push(outcome),
            Err(failure) => unreadable.push(failure),
        }
    }
    (outcomes, unreadable)
}

/// What an example was called.
fn outcome(report: Report, dataset: &Dataset, example: &Example) -> Outcome {
    let correct = &dataset.classes[example.class].correct;
    Outcome {
        file: example.file.clone(),
        path: example.path.clone(),
        source: example.source.clone(),
        origin: example.origin.clone(),
        truth: dataset.id(example.finding).to_owned(),
        also_correct: (correct.iter().skip(1))
            .map(|row| dataset.id(*row).to_owned())
            .collect(),
        called: report.finding,
        probabilities: report.probabilities,
        prediction_set: report.prediction_set.map(|set| set.findings),
        in_distribution: report.in_distribution,
        evidence: report.evidence,
    }
}
