//! The tests of a model in its card.

use std::fmt::Write as _;

use mobilenet_lung::Metadata;

use super::words::{cells, in_cells, in_sentence, name};
use crate::evaluate::metrics::{BINS, Evaluation, ForeignMetrics, percent};
use crate::report::text::NOT_IN_MODEL;

/// One test.
pub(super) fn write_test(
    out: &mut String,
    test: &Evaluation,
    metadata: &Metadata,
) -> std::fmt::Result {
    writeln!(out, "\n### {}\n", name(&test.split))?;
    writeln!(
        out,
        "| images | accuracy | interval | number |\n| --- | --- | --- | --- |"
    )?;
    writeln!(out, "| all | {} |", in_cells(&test.accuracy))?;
    for (origin, share) in &test.by_origin {
        writeln!(out, "| {} | {} |", name(origin), in_cells(share))?;
    }
    writeln!(out, "\nMacro F1 {:.3}.", test.macro_f1)?;
    if let Some(c) = &test.calibration {
        writeln!(
            out,
            "Of the probabilities: expected calibration error {:.3} ({BINS} bins of the most probable finding), log loss {:.3}, Brier score {:.3}.",
            c.expected_error, c.log_loss, c.brier
        )?;
    }
    if let Some(r) = &test.risk_coverage {
        writeln!(
            out,
            "Area under the curve of risk against coverage {:.4}.",
            r.area
        )?;
    }
    write_findings(out, test)?;
    write_confusion(out, test)?;
    writeln!(
        out,
        "\n| patients | share | interval | number |\n| --- | --- | --- | --- |"
    )?;
    for (origin, within) in &test.origins {
        for called in &within.calls.called {
            let words = name(&called.in_words());
            writeln!(
                out,
                "| {}: {words} | {} |",
                name(origin),
                in_cells(&called.share)
            )?;
        }
    }
    write_sets(out, test, metadata)?;
    match &test.in_distribution {
        Some(r) => writeln!(
            out,
            "\nRefused as no frontal chest radiograph: {}. Of the others right: {}.",
            in_sentence(&r.refused),
            in_sentence(&r.accepted_correct)
        ),
        None => writeln!(out, "\nIn-distribution score: {NOT_IN_MODEL}."),
    }
}

/// Precision, recall and areas of each finding.
fn write_findings(out: &mut String, test: &Evaluation) -> std::fmt::Result {
    writeln!(
        out,
        "\n| finding | precision | recall | F1 | images | AUC | average precision |\n| --- | --- | --- | --- | --- | --- | --- |"
    )?;
    for (id, c) in test.classes.iter() {
        let (auc, precision) = match test.curves.get(id) {
            Some(curves) => (
                format!("{:.3}", curves.auc),
                format!("{:.3}", curves.average_precision),
            ),
            None => ("-".to_owned(), "-".to_owned()),
        };
        writeln!(
            out,
            "| {} | {:.3} | {:.3} | {:.3} | {} | {auc} | {precision} |",
            name(id),
            c.precision,
            c.recall,
            c.f1,
            c.images
        )?;
    }
    Ok(())
}

/// What prediction sets held.
fn write_sets(out: &mut String, test: &Evaluation, metadata: &Metadata) -> std::fmt::Result {
    match (&test.prediction_sets, metadata.prediction_sets()) {
        (Some(sets), Some(wanted)) => {
            writeln!(
                out,
                "\nPrediction sets are to hold {} of each finding. They have {:.2} findings in the mean. Right of those with one finding: {}.\n",
                percent(wanted.coverage),
                sets.mean_size,
                in_sentence(&sets.single_correct)
            )?;
            writeln!(
                out,
                "| finding | in its set | interval | number |\n| --- | --- | --- | --- |"
            )?;
            for (id, share) in sets.coverage.iter() {
                writeln!(out, "| {} | {} |", name(id), in_cells(share))?;
            }
        }
        _ => writeln!(out, "\nPrediction sets: {NOT_IN_MODEL}.")?,
    }
    Ok(())
}

/// The confusion matrix.
fn write_confusion(out: &mut String, test: &Evaluation) -> std::fmt::Result {
    let ids = || test.classes.iter().map(|(id, _)| id);
    writeln!(out, "\n| truth \\ called | {} |", cells(ids().map(name)))?;
    writeln!(out, "| --- | {} |", cells(ids().map(|_| "---")))?;
    for (id, row) in ids().zip(&test.confusion) {
        writeln!(out, "| {} | {} |", name(id), cells(row))?;
    }
    Ok(())
}

pub(super) fn write_foreign(out: &mut String, foreign: &ForeignMetrics) -> std::fmt::Result {
    writeln!(
        out,
        "\n### Images that are no frontal chest radiographs: {}\n",
        name(&foreign.folder)
    )?;
    match (&foreign.refused, foreign.auroc) {
        (Some(refused), Some(auroc)) => writeln!(
            out,
            "Refused {}. Area under the ROC curve of the in-distribution score, test images against these: {auroc:.3}. \
             The score and its limit were tuned with images like these in sight. On others it may do worse.",
            in_sentence(refused)
        ),
        _ if foreign.images == 0 => writeln!(out, "None of them could be read."),
        _ => writeln!(out, "Whether they are refused: {NOT_IN_MODEL}."),
    }
}
