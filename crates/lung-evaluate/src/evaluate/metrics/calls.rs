//! What images were called: shares, confusion, and what goes wrong most.

use std::collections::BTreeMap;

use mobilenet_lung::bundle::Confusion;
use mobilenet_lung::{ByFinding, Findings};
use serde::{Deserialize, Serialize};

use super::curve::auroc;
use super::outcome::Outcome;
use super::shares::{ClassMetrics, Share, share_of};

/// What images were called, of whatever is known of them besides.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Calls {
    /// Share of all images classified correctly.
    pub accuracy: Share,
    /// Mean of the F1 scores of the findings.
    pub macro_f1: f64,
    /// By finding.
    pub classes: ByFinding<ClassMetrics>,
    /// `confusion[truth][called]`, in the order of the findings.
    pub confusion: Confusion,
    /// What images of each finding were called most.
    pub called: Vec<Called>,
}

/// How many images of some findings were called one of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Called {
    /// Id of what they are; `None` for every finding but that which means no finding.
    pub truth: Option<String>,
    /// Id of what they were called.
    pub called: String,
    /// How many of them.
    pub share: Share,
}

impl Called {
    /// What it is the share of, in words.
    pub fn in_words(&self) -> String {
        let truth = self.truth.as_deref().unwrap_or("ill");
        format!("{truth} called {}", self.called)
    }
}

impl Calls {
    /// Sums up what each image is and what it was called, both as rows of the findings.
    pub fn new(findings: &Findings, images: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let count = findings.len();
        let mut confusion = vec![vec![0; count]; count];
        for (truth, called) in images {
            confusion[truth][called] += 1;
        }
        let class = |i: usize| {
            let hits = confusion[i][i] as f64;
            let images: usize = confusion[i].iter().sum();
            let called: usize = confusion.iter().map(|row| row[i]).sum();
            let precision = hits / called.max(1) as f64;
            let recall = hits / images.max(1) as f64;
            let f1 = if hits > 0.0 {
                2.0 * precision * recall / (precision + recall)
            } else {
                0.0
            };
            ClassMetrics {
                precision,
                recall,
                f1,
                images,
            }
        };
        let classes = ByFinding::new(findings, (0..count).map(class));
        let correct = (0..count).map(|i| confusion[i][i]).sum();
        let images = confusion.iter().flatten().sum();
        Self {
            accuracy: share_of(correct, images),
            macro_f1: classes.values().map(|c| c.f1).sum::<f64>() / count as f64,
            called: called(findings, &confusion),
            classes,
            confusion,
        }
    }

    /// Sums up images that were classified.
    pub fn of<'a>(findings: &Findings, outcomes: impl IntoIterator<Item = &'a Outcome>) -> Self {
        let rows = |outcome: &Outcome| {
            let row = |id: &str| findings.row(id);
            Some((row(outcome.counted())?, row(&outcome.called)?))
        };
        Self::new(findings, outcomes.into_iter().filter_map(rows))
    }
}

/// Of each finding that has images, how many were called so and how many what it was called wrongly most; and how many of all
/// the ill were called healthy.
pub fn called(findings: &Findings, confusion: &[Vec<usize>]) -> Vec<Called> {
    let share = |truths: &[usize], called: usize| {
        let rows = || truths.iter().map(|truth| &confusion[*truth]);
        let images: usize = rows().flatten().sum();
        let correct = rows().map(|row| row[called]).sum();
        let id = |row: usize| findings.get(row).map(|finding| finding.id.clone());
        (images > 0).then(|| Called {
            truth: match truths {
                [one] => id(*one),
                _ => None,
            },
            called: id(called).unwrap_or_default(),
            share: share_of(correct, images),
        })
    };
    let mut all = Vec::new();
    for (truth, row) in confusion.iter().enumerate() {
        all.extend(share(&[truth], truth));
        let wrong = (0..row.len()).filter(|called| *called != truth && row[*called] > 0);
        // Of equals the first.
        let most = wrong.rev().max_by_key(|called| row[*called]);
        all.extend(most.and_then(|called| share(&[truth], called)));
    }
    if let Some(normal) = findings.normal()
        && findings.len() > 2
    {
        let ill: Vec<usize> = (0..findings.len()).filter(|row| *row != normal).collect();
        all.extend(share(&ill, normal));
    }
    all
}

/// The images of one origin.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OriginTest {
    /// What they were called.
    #[serde(flatten)]
    pub calls: Calls,
    /// Area under the ROC curve of each finding against that which means no finding, by the probability of the one among the two,
    /// where there are images of both. Within an origin, telling origins apart is of no help.
    pub against_normal_auc: BTreeMap<String, f64>,
}

impl OriginTest {
    pub(super) fn new(findings: &Findings, outcomes: &[&Outcome]) -> Self {
        let ids: Vec<&str> = findings.ids().collect();
        let normal = findings.normal().and_then(|row| ids.get(row).copied());
        let against = |normal: &str, id: &str| {
            let scores = |truth: &str| -> Vec<f32> {
                (outcomes.iter())
                    .filter(|outcome| outcome.truth == truth && outcome.is_certain())
                    .map(|outcome| {
                        let [own, other] = [id, normal].map(|id| outcome.probability(id));
                        own / (own + other).max(f32::MIN_POSITIVE)
                    })
                    .collect()
            };
            auroc(&scores(id), &scores(normal))
        };
        let others = |normal: &str| {
            let others = ids.iter().filter(|id| **id != normal);
            others
                .filter_map(|id| Some(((*id).to_owned(), against(normal, id)?)))
                .collect()
        };
        Self {
            calls: Calls::of(findings, outcomes.iter().copied()),
            against_normal_auc: normal.map(others).unwrap_or_default(),
        }
    }
}
