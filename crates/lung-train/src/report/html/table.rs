//! Figures of tests as the tables of a page.

use crate::evaluate::metrics::{Evaluation, ForeignMetrics, SetMetrics};
use crate::evaluate::peer::{PeerRow, PeerTests};
use crate::text::{NOT_IN_MODEL, in_text};

/// A table with a caption; the first cell of a row is its head.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PageTable {
    pub(super) caption: String,
    pub(super) heads: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

impl PageTable {
    pub(super) fn new(caption: &str, heads: &[&str], rows: Vec<Vec<String>>) -> Self {
        Self {
            caption: caption.to_owned(),
            heads: heads.iter().map(|&head| head.to_owned()).collect(),
            rows,
        }
    }

    /// A table of two columns.
    fn of_pairs(caption: &str, heads: [&str; 2], rows: Vec<(String, String)>) -> Self {
        let rows = rows.into_iter().map(|(name, figure)| vec![name, figure]);
        Self::new(caption, &heads, rows.collect())
    }

    /// The figures of all images.
    pub(super) fn of_figures(test: &Evaluation) -> Self {
        let mut rows = vec![
            ("accuracy".to_owned(), in_text(&test.accuracy)),
            ("macro F1".to_owned(), format!("{:.3}", test.macro_f1)),
        ];
        if let Some(c) = &test.calibration {
            for (words, value) in [
                ("expected calibration error", c.expected_error),
                ("log loss", c.log_loss),
                ("Brier score", c.brier),
            ] {
                rows.push((words.to_owned(), format!("{value:.3}")));
            }
        }
        let refused = "refused as no frontal chest radiograph".to_owned();
        match &test.in_distribution {
            Some(r) => {
                rows.push((refused, in_text(&r.refused)));
                let accepted = in_text(&r.accepted_correct);
                rows.push(("right, of the others".to_owned(), accepted));
            }
            None => rows.push((refused, NOT_IN_MODEL.to_owned())),
        }
        Self::of_pairs("All images", ["", "figure"], rows)
    }

    /// Precision, recall and areas of each finding.
    pub(super) fn of_findings(test: &Evaluation) -> Self {
        let number =
            |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |v| format!("{v:.3}"));
        let heads = [
            "finding",
            "precision",
            "recall",
            "F1",
            "images",
            "AUC",
            "average precision",
        ];
        let rows = (test.classes.iter()).map(|(id, c)| {
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
        });
        Self::new("By finding", &heads, rows.collect())
    }

    /// What patients of each origin were called.
    pub(super) fn of_origins(test: &Evaluation) -> Self {
        let mut rows = Vec::new();
        for (origin, within) in &test.origins {
            let mut row = |words: String, figure: String| {
                rows.push(vec![origin.clone(), words, figure]);
            };
            row("accuracy".to_owned(), in_text(&within.calls.accuracy));
            for called in &within.calls.called {
                row(called.in_words(), in_text(&called.share));
            }
            for (id, auc) in &within.against_normal_auc {
                row(format!("AUC of {id} against normal"), format!("{auc:.3}"));
            }
        }
        Self::new("By origin", &["origin", "", "figure"], rows)
    }

    /// Accuracy by data folder.
    pub(super) fn of_folders(test: &Evaluation) -> Self {
        let rows = (test.by_source.iter()).map(|(source, share)| (source.clone(), in_text(share)));
        Self::of_pairs("By data folder", ["folder", "accuracy"], rows.collect())
    }

    /// What prediction sets held; `wanted` is the share of each finding that they are to hold.
    pub(super) fn of_sets(sets: &SetMetrics, wanted: Option<f64>) -> Self {
        let caption = match wanted {
            Some(wanted) => format!(
                "Prediction sets, which are to hold {:.0}% of each finding",
                wanted * 100.0
            ),
            None => "Prediction sets".to_owned(),
        };
        let mut rows: Vec<(String, String)> = (sets.coverage.iter())
            .map(|(id, share)| (format!("{id} in its set"), in_text(share)))
            .collect();
        rows.push(("truth in its set".to_owned(), in_text(&sets.all_covered)));
        rows.push(("mean size".to_owned(), format!("{:.2}", sets.mean_size)));
        for (size, count) in sets.sizes.iter().enumerate().skip(1) {
            let findings = if size == 1 { "finding" } else { "findings" };
            rows.push((format!("of {size} {findings}"), count.to_string()));
        }
        rows.push((
            "right, of those of one finding".to_owned(),
            in_text(&sets.single_correct),
        ));
        Self::of_pairs(&caption, ["", "share"], rows)
    }

    /// Files that could not be read; `None` without any.
    pub(super) fn of_unreadable(unreadable: &[(String, String)]) -> Option<Self> {
        let table = || Self::of_pairs("Could not be read", ["file", "why"], unreadable.to_vec());
        (!unreadable.is_empty()).then(table)
    }

    /// The tables on images that are no frontal chest radiographs.
    pub(super) fn of_foreign(foreign: &ForeignMetrics) -> Vec<Self> {
        let missing = || {
            match foreign.images {
                0 => "none could be read",
                _ => NOT_IN_MODEL,
            }
            .to_owned()
        };
        let auroc = foreign.auroc.map(|auroc| format!("{auroc:.3}"));
        let rows = vec![
            ("images".to_owned(), foreign.images.to_string()),
            (
                "refused".to_owned(),
                foreign.refused.as_ref().map_or_else(missing, in_text),
            ),
            (
                "AUROC of the test images against these".to_owned(),
                auroc.unwrap_or_else(missing),
            ),
        ];
        let mut tables = vec![Self::of_pairs("All of them", ["", "figure"], rows)];
        if !foreign.accepted.is_empty() {
            let rows = (foreign.accepted.iter()).map(|image| {
                vec![
                    image.file.clone(),
                    format!("{:.3}", image.score),
                    image.called.clone(),
                ]
            });
            let heads = ["file", "score", "called"];
            tables.push(Self::new("Accepted all the same", &heads, rows.collect()));
        }
        tables.extend(Self::of_unreadable(&foreign.unreadable));
        tables
    }

    /// Both classifiers on the images of one data folder and origin.
    pub(super) fn of_peer(tests: &PeerTests, row: &PeerRow) -> Self {
        let caption = format!("{}, {} images", row.images_of, row.images);
        let rows = row.figures().map(Vec::from);
        Self::new(&caption, &["", &tests.ours, &tests.theirs], rows.into())
    }
}
