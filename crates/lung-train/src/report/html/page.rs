//! The test of a model as one page: nothing is fetched, nothing runs, no image is in it.

use std::fmt::Write as _;

use mobilenet_lung::Metadata;

use super::chart;
use super::escape::escape;
use super::losses::write_losses;
use super::parts::{write_foot, write_head, write_table};
use super::peer::write_peer;
use crate::evaluate::Tests;
use crate::evaluate::metrics::{BINS, Evaluation, ForeignMetrics, SetMetrics, Share};
use crate::report::text::{NOT_IN_MODEL, in_text};
use crate::train::EpochLog;

/// What a page is made of.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// What the model was tested on, and how it did.
    pub tests: &'a Tests,
    /// What the model says of itself.
    pub metadata: &'a Metadata,
    /// The epochs of the run that it came from; none where the run was not given.
    pub epochs: &'a [EpochLog],
    /// The command that made the page.
    pub command: &'a str,
}

impl Page<'_> {
    /// The page as HTML that is well-formed XML too.
    ///
    /// # Errors
    /// A chart that cannot be drawn.
    pub fn to_html(&self) -> anyhow::Result<String> {
        let mut out = String::new();
        write_head(&mut out, &format!("Test of {}", self.tests.all.model))?;
        writeln!(out, "<p>{}</p>", escape(&self.metadata.notice))?;
        writeln!(
            out,
            "<p>Trained on {}. Shares are given with their 95% Wilson intervals.</p>",
            escape(&self.metadata.trained_on)
        )?;
        for evaluation in self.tests.by_folder() {
            self.write_evaluation(&mut out, evaluation)?;
        }
        self.write_evaluation(&mut out, &self.tests.all)?;
        if let Some(foreign) = &self.tests.foreign {
            write_foreign(&mut out, foreign)?;
        }
        if let Some(peer) = &self.tests.peer {
            write_peer(&mut out, peer)?;
        }
        if !self.epochs.is_empty() {
            self.write_training(&mut out)?;
        }
        write_foot(&mut out, self.command)?;
        Ok(out)
    }

    fn write_evaluation(&self, out: &mut String, test: &Evaluation) -> anyhow::Result<()> {
        writeln!(out, "<section>\n<h2>{}</h2>", escape(&test.split))?;
        write_figures(out, test)?;
        write_findings(out, test)?;
        write_confusion(out, test)?;

        writeln!(out, "<div class=\"charts\">")?;
        let curves = || {
            let ids = test.classes.iter().map(|(id, _)| id);
            ids.filter_map(|id| Some((id, test.curves.get(id)?)))
        };
        if !test.curves.is_empty() {
            write_chart(
                out,
                &chart::roc(curves())?,
                "ROC curves: each finding against the others.",
            )?;
            write_chart(
                out,
                &chart::precision_recall(curves())?,
                "Precision and recall: each finding against the others.",
            )?;
        }
        if let Some(calibration) = &test.calibration {
            write_chart(
                out,
                &chart::reliability(&calibration.bins)?,
                &format!(
                    "Reliability in {BINS} bins: bars on the diagonal mean what they say. Expected calibration error {:.3}.",
                    calibration.expected_error
                ),
            )?;
        }
        if let Some(risk) = &test.risk_coverage {
            write_chart(
                out,
                &chart::risk_coverage(risk)?,
                &format!(
                    "Risk against coverage: what is wrong if only the surest are answered. Area {:.4}.",
                    risk.area
                ),
            )?;
        }
        writeln!(out, "</div>")?;

        write_origins(out, test)?;
        let rows: Vec<Vec<String>> = test
            .by_source
            .iter()
            .map(|(source, share)| vec![source.clone(), in_text(share)])
            .collect();
        write_table(out, "By data folder", &["folder", "accuracy"], &rows)?;
        match &test.prediction_sets {
            Some(sets) => self.write_sets(out, &test.operating_point, sets)?,
            None => writeln!(out, "<p>Prediction sets: {NOT_IN_MODEL}.</p>")?,
        }
        if !test.unreadable.is_empty() {
            let rows: Vec<Vec<String>> = test
                .unreadable
                .iter()
                .map(|(file, reason)| vec![file.clone(), reason.clone()])
                .collect();
            write_table(out, "Could not be read", &["file", "why"], &rows)?;
        }
        if !test.highest_loss.is_empty() {
            write_losses(out, &test.highest_loss)?;
        }
        writeln!(out, "</section>")?;
        Ok(())
    }

    fn write_sets(
        &self,
        out: &mut String,
        operating_point: &str,
        sets: &SetMetrics,
    ) -> std::fmt::Result {
        let points = &self.metadata.operating_points;
        let point = points.iter().find(|point| point.name == operating_point);
        let caption = match point.and_then(|point| point.prediction_sets.as_ref()) {
            Some(wanted) => format!(
                "Prediction sets, which are to hold {:.0}% of each finding",
                wanted.coverage * 100.0
            ),
            None => "Prediction sets".to_owned(),
        };
        let coverage = sets.coverage.iter();
        let mut rows: Vec<Vec<String>> = coverage
            .map(|(id, share)| vec![format!("{id} in its set"), in_text(share)])
            .collect();
        rows.push(vec![
            "truth in its set".to_owned(),
            in_text(&sets.all_covered),
        ]);
        rows.push(vec![
            "mean size".to_owned(),
            format!("{:.2}", sets.mean_size),
        ]);
        for (size, count) in sets.sizes.iter().enumerate().skip(1) {
            let findings = if size == 1 { "finding" } else { "findings" };
            rows.push(vec![format!("of {size} {findings}"), count.to_string()]);
        }
        rows.push(vec![
            "right, of those of one finding".to_owned(),
            in_text(&sets.single_correct),
        ]);
        write_table(out, &caption, &["", "share"], &rows)
    }

    fn write_training(&self, out: &mut String) -> anyhow::Result<()> {
        let [loss, accuracy] = chart::training(self.epochs)?;
        writeln!(out, "<section>\n<h2>Training</h2>\n<div class=\"charts\">")?;
        write_chart(
            out,
            &loss,
            "Loss. That of the training is of images as they passed, augmented and with smoothed labels.",
        )?;
        write_chart(
            out,
            &accuracy,
            "Accuracy. That of the validation is of the averaged weights.",
        )?;
        writeln!(out, "</div>\n</section>")?;
        Ok(())
    }
}

/// The figures of all images.
fn write_figures(out: &mut String, test: &Evaluation) -> std::fmt::Result {
    let mut rows = vec![
        vec!["accuracy".to_owned(), in_text(&test.accuracy)],
        vec!["macro F1".to_owned(), format!("{:.3}", test.macro_f1)],
    ];
    if let Some(c) = &test.calibration {
        let mut row = |words: &str, value: f64| {
            rows.push(vec![words.to_owned(), format!("{value:.3}")]);
        };
        row("expected calibration error", c.expected_error);
        row("log loss", c.log_loss);
        row("Brier score", c.brier);
    }
    match &test.in_distribution {
        Some(r) => {
            rows.push(vec![
                "refused as no frontal chest radiograph".to_owned(),
                in_text(&r.refused),
            ]);
            rows.push(vec![
                "right, of the others".to_owned(),
                in_text(&r.accepted_correct),
            ]);
        }
        None => rows.push(vec![
            "refused as no frontal chest radiograph".to_owned(),
            NOT_IN_MODEL.to_owned(),
        ]),
    }
    write_table(out, "All images", &["", "figure"], &rows)
}

/// Precision, recall and areas of each finding.
fn write_findings(out: &mut String, test: &Evaluation) -> std::fmt::Result {
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |v| format!("{v:.3}"));
    let rows: Vec<Vec<String>> = (test.classes.iter())
        .map(|(id, c)| {
            let curves = test.curves.get(id);
            vec![
                id.to_owned(),
                number(Some(c.precision)),
                number(Some(c.recall)),
                number(Some(c.f1)),
                c.images.to_string(),
                number(curves.map(|c| c.auc)),
                number(curves.map(|c| c.average_precision)),
            ]
        })
        .collect();
    write_table(
        out,
        "By finding",
        &[
            "finding",
            "precision",
            "recall",
            "F1",
            "images",
            "AUC",
            "average precision",
        ],
        &rows,
    )
}

/// The confusion matrix, shaded by the share of each truth.
fn write_confusion(out: &mut String, test: &Evaluation) -> std::fmt::Result {
    write!(
        out,
        "<div class=\"table\">\n<table>\n<caption>What each was called</caption>\n<tr><th>truth \\ called</th>"
    )?;
    for (id, _) in test.classes.iter() {
        write!(out, "<th scope=\"col\">{}</th>", escape(id))?;
    }
    writeln!(out, "</tr>")?;
    for ((id, _), row) in test.classes.iter().zip(&test.confusion) {
        let images: usize = row.iter().sum();
        write!(out, "<tr><th scope=\"row\">{}</th>", escape(id))?;
        for count in row {
            let share = *count as f64 / images.max(1) as f64;
            write!(
                out,
                "<td class=\"cell\" style=\"--share:{share:.3}\">{count}</td>"
            )?;
        }
        writeln!(out, "</tr>")?;
    }
    writeln!(out, "</table>\n</div>")
}

/// What patients of each origin were called.
fn write_origins(out: &mut String, test: &Evaluation) -> std::fmt::Result {
    let mut rows = Vec::new();
    for (origin, within) in &test.origins {
        let mut row = |words: &str, figure: String| {
            rows.push(vec![origin.clone(), words.to_owned(), figure]);
        };
        row("accuracy", in_text(&within.calls.accuracy));
        for called in &within.calls.called {
            row(&called.in_words(), in_text(&called.share));
        }
        for (id, auc) in &within.against_normal_auc {
            row(&format!("AUC of {id} against normal"), format!("{auc:.3}"));
        }
    }
    write_table(out, "By origin", &["origin", "", "figure"], &rows)
}

fn write_chart(out: &mut String, svg: &str, caption: &str) -> std::fmt::Result {
    writeln!(
        out,
        "<figure>\n{svg}<figcaption>{}</figcaption>\n</figure>",
        escape(caption)
    )
}

fn write_foreign(out: &mut String, foreign: &ForeignMetrics) -> std::fmt::Result {
    writeln!(
        out,
        "<section>\n<h2>Images that are no frontal chest radiographs: {}</h2>",
        escape(&foreign.folder)
    )?;
    let missing = || {
        match foreign.images {
            0 => "none could be read",
            _ => NOT_IN_MODEL,
        }
        .to_owned()
    };
    let refused = foreign.refused.as_ref().map(|share: &Share| in_text(share));
    let auroc = foreign.auroc.map(|auroc| format!("{auroc:.3}"));
    write_table(
        out,
        "All of them",
        &["", "figure"],
        &[
            vec!["images".to_owned(), foreign.images.to_string()],
            vec!["refused".to_owned(), refused.unwrap_or_else(missing)],
            vec![
                "AUROC of the test images against these".to_owned(),
                auroc.unwrap_or_else(missing),
            ],
        ],
    )?;
    if !foreign.accepted.is_empty() {
        let rows: Vec<Vec<String>> = foreign
            .accepted
            .iter()
            .map(|image| {
                vec![
                    image.file.clone(),
                    format!("{:.3}", image.score),
                    image.called.to_string(),
                ]
            })
            .collect();
        write_table(
            out,
            "Accepted all the same",
            &["file", "score", "called"],
            &rows,
        )?;
    }
    if !foreign.unreadable.is_empty() {
        let rows: Vec<Vec<String>> = foreign
            .unreadable
            .iter()
            .map(|(file, reason)| vec![file.clone(), reason.clone()])
            .collect();
        write_table(out, "Could not be read", &["file", "why"], &rows)?;
    }
    writeln!(out, "</section>")
}
