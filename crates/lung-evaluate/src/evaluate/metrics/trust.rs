//! What the model's own doubts are worth: prediction sets, refusals, and what is right among the surest images.

use serde::Serialize;

use super::curve::auroc;
use super::outcome::Outcome;
use super::shares::{Share, share_of};
use mobilenet_lung::{ByFinding, Findings};

/// What prediction sets held.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SetMetrics {
    /// Of the images of each finding, how many have it in their set.
    pub coverage: ByFinding<Share>,
    /// Of all images, how many have the truth in their set.
    pub all_covered: Share,
    /// Mean number of findings in a set.
    pub mean_size: f64,
    /// How many sets have 0, 1, 2 and so on findings.
    pub sizes: Vec<usize>,
    /// How many sets are empty.
    pub empty: Share,
    /// Of the sets with exactly one finding, how many hold the truth.
    pub single_correct: Share,
}

impl SetMetrics {
    /// `None` where the model has no sets, or without images.
    pub fn new(findings: &Findings, outcomes: &[Outcome]) -> Option<Self> {
        let sets: Vec<(&Outcome, &[String])> = outcomes
            .iter()
            .map(|outcome| Some((outcome, outcome.prediction_set.as_deref()?)))
            .collect::<Option<_>>()?;
        if sets.is_empty() {
            return None;
        }
        let covered = |wanted: &dyn Fn(&Outcome, &[String]) -> bool| {
            let chosen = || sets.iter().filter(|(outcome, set)| wanted(outcome, set));
            let holds =
                |(outcome, set): &&(&Outcome, &[String])| set.iter().any(|id| outcome.is(id));
            share_of(chosen().filter(holds).count(), chosen().count())
        };
        let mut sizes = vec![0; findings.len() + 1];
        for (_, set) in &sets {
            sizes[set.len().min(findings.len())] += 1;
        }
        let total: usize = sets.iter().map(|(_, set)| set.len()).sum();
        Some(Self {
            coverage: ByFinding::new(
                findings,
                findings
                    .ids()
                    .map(|id| covered(&|outcome, _| outcome.truth == id)),
            ),
            all_covered: covered(&|_, _| true),
            mean_size: total as f64 / sets.len() as f64,
            empty: share_of(sizes[0], sets.len()),
            sizes,
            single_correct: covered(&|_, set| set.len() == 1),
        })
    }
}

/// Which images were held to be no frontal chest radiograph.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RefusalMetrics {
    /// How many of the images, all of which are frontal chest radiographs, were refused.
    pub refused: Share,
    /// Of those that were not, how many were classified correctly.
    pub accepted_correct: Share,
}

impl RefusalMetrics {
    /// `None` where the model cannot tell, or without images.
    pub fn new(outcomes: &[Outcome]) -> Option<Self> {
        let judged: Vec<(bool, bool)> = outcomes
            .iter()
            .map(|outcome| Some((outcome.in_distribution?.accepted, outcome.correct())))
            .collect::<Option<_>>()?;
        if judged.is_empty() {
            return None;
        }
        let accepted = || judged.iter().filter(|(accepted, _)| *accepted);
        Some(Self {
            refused: share_of(judged.len() - accepted().count(), judged.len()),
            accepted_correct: share_of(
                accepted().filter(|(_, correct)| *correct).count(),
                accepted().count(),
            ),
        })
    }
}

/// What is wrong among the images that the model is surest of.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RiskCoverage {
    /// Mean over the images of the share wrong among those at least as sure, 0..=1 (Geifman and El-Yaniv 2017, arXiv
    /// 1705.08500; the area under the curve).
    pub area: f64,
    /// One point for each different top probability, from the highest on.
    pub curve: Vec<RiskPoint>,
}

/// What happens when only images with at least some top probability are answered.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RiskPoint {
    /// That probability.
    pub threshold: f32,
    /// Share of the images that are answered.
    pub coverage: f64,
    /// Share of the answers that are wrong.
    pub risk: f64,
}

impl RiskCoverage {
    /// `None` without images.
    pub fn new(outcomes: &[Outcome]) -> Option<Self> {
        let mut sorted: Vec<(f32, bool)> = outcomes
            .iter()
            .map(|outcome| (outcome.top(), outcome.correct()))
            .collect();
        sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
        let count = sorted.len();
        let (mut curve, mut answered, mut wrong, mut area) = (Vec::new(), 0, 0, 0.0);
        // Images that are equally sure are answered together: their order says nothing.
        for alike in sorted.chunk_by(|a, b| a.0 == b.0) {
            answered += alike.len();
            wrong += alike.iter().filter(|(_, correct)| !correct).count();
            let risk = wrong as f64 / answered as f64;
            area += risk * alike.len() as f64 / count as f64;
            curve.push(RiskPoint {
                threshold: alike[0].0,
                coverage: answered as f64 / count as f64,
                risk,
            });
        }
        (count > 0).then_some(Self { area, curve })
    }
}

/// What a model said of images that are no frontal chest radiographs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ForeignMetrics {
    /// Name of their folder.
    pub folder: String,
    /// How many of them could be read.
    pub images: usize,
    /// How many of those were refused; `None` where the model cannot tell.
    pub refused: Option<Share>,
    /// Chance that the score of a test image is above that of one of these, ties by half; `None` where the model cannot
    /// tell.
    pub auroc: Option<f64>,
    /// Those that were not refused, the most radiograph-like first.
    pub accepted: Vec<Accepted>,
    /// Those that could not be read, with the reason.
    pub unreadable: Vec<(String, String)>,
}

/// A foreign image that was held to be a frontal chest radiograph.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Accepted {
    /// Its file, under the folder.
    pub file: String,
    /// Its score, 0.5 to 1.
    pub score: f32,
    /// Id of what it was called.
    pub called: String,
}

impl ForeignMetrics {
    /// Sums up what was said of `foreign` images: of each its file, its score (`None` where the model cannot tell) and what
    /// it was called; `test` has the images that are chest radiographs.
    pub fn new(
        folder: String,
        foreign: &[(String, Option<mobilenet_lung::InDistribution>, String)],
        unreadable: Vec<(String, String)>,
        test: &[Outcome],
    ) -> Self {
        let judged: Option<Vec<_>> = foreign
            .iter()
            .map(|(file, judged, called)| Some((file, (*judged)?, called)))
            .collect();
        let judged = judged.filter(|judged| !judged.is_empty());
        let mut accepted: Vec<Accepted> = judged
            .iter()
            .flatten()
            .filter(|(_, judged, _)| judged.accepted)
            .map(|(file, judged, called)| Accepted {
                file: (*file).clone(),
                score: judged.score,
                called: (*called).clone(),
            })
            .collect();
        accepted.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.file.cmp(&b.file)));
        let scores: Vec<f32> = (judged.iter().flatten())
            .map(|(_, judged, _)| judged.score)
            .collect();
        let of_test: Vec<f32> = test
            .iter()
            .filter_map(|outcome| outcome.in_distribution)
            .map(|judged| judged.score)
            .collect();
        Self {
            folder,
            images: foreign.len(),
            refused: judged.map(|judged| share_of(judged.len() - accepted.len(), judged.len())),
            auroc: auroc(&of_test, &scores),
            accepted,
            unreadable,
        }
    }
}
