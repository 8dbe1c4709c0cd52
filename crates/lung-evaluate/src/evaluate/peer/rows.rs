//! Both classifiers side by side, by data folder and origin.

use std::collections::BTreeMap;

use serde::Serialize;

use super::answer::Both;
use crate::evaluate::metrics::{Share, auroc, mcnemar, share_of};

/// One classifier on the images of a row.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Side {
    /// Healthy called normal; `None` without healthy images, or where no finding means normal.
    pub healthy_normal: Option<Share>,
    /// Ill called something else than normal; `None` without ill images, or where no finding means normal.
    pub ill_not_normal: Option<Share>,
    /// Images called what they are; `None` where the classifier does not name all findings.
    pub right: Option<Share>,
    /// Area under the ROC curve of ill against healthy; `None` where either is missing.
    pub auc: Option<f64>,
}

/// How two classifiers differ on the same images.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Images that only ours calls correctly.
    pub only_ours: usize,
    /// Images that only the other calls correctly.
    pub only_theirs: usize,
    /// McNemar's exact test, two-sided.
    pub p: f64,
}

impl Difference {
    fn new(ours: &[bool], theirs: &[bool]) -> Self {
        let only = |one: &[bool], other: &[bool]| -> usize {
            (one.iter().zip(other))
                .filter(|(one, other)| **one && !**other)
                .count()
        };
        let (only_ours, only_theirs) = (only(ours, theirs), only(theirs, ours));
        Self {
            only_ours,
            only_theirs,
            p: mcnemar(only_ours, only_theirs),
        }
    }
}

/// Both classifiers on the images of one data folder and origin, or on all.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PeerRow {
    /// Data folder and origin, or `all`.
    pub images_of: String,
    /// How many.
    pub images: usize,
    /// Ours. A refused image counts as wrong.
    pub ours: Side,
    /// The other.
    pub theirs: Side,
    /// By whether an image was called normal or not; `None` where no finding means normal.
    pub ill_or_healthy: Option<Difference>,
    /// By the finding; `None` where the other does not name all findings.
    pub finding: Option<Difference>,
}

/// Two classifiers on the same images.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PeerTests {
    /// Id of our model.
    pub ours: String,
    /// Name of the other's file.
    pub theirs: String,
    /// By data folder and origin, then all together.
    pub rows: Vec<PeerRow>,
}

impl PeerTests {
    /// Sums up what both say. `normal` is the id of the finding that means normal, where there is one.
    pub fn new(ours: String, theirs: String, images: &[Both], normal: Option<&str>) -> Self {
        let mut parts: BTreeMap<String, Vec<&Both>> = BTreeMap::new();
        for image in images {
            let name = format!("{}, {}", image.ours.source, image.ours.origin);
            parts.entry(name).or_default().push(image);
        }
        let mut rows: Vec<PeerRow> = (parts.into_iter())
            .map(|(name, part)| PeerRow::new(name, &part, normal))
            .collect();
        if rows.len() > 1 {
            let all: Vec<&Both> = images.iter().collect();
            rows.push(PeerRow::new("all".to_owned(), &all, normal));
        }
        Self { ours, theirs, rows }
    }
}

/// What one classifier says of an image of a row.
struct Call {
    /// Whether the finding is correct; `None` where the classifier does not name all findings.
    right: Option<bool>,
    /// Whether ill or healthy is correct, and how ill it looks; meaningless where no finding means normal.
    right_side: bool,
    illness: f32,
}

impl PeerRow {
    fn new(images_of: String, images: &[&Both], normal: Option<&str>) -> Self {
        // An image that may be ill and healthy is on neither side.
        let sides: Vec<Option<bool>> = (images.iter())
            .map(|image| {
                let normal = normal?;
                let healthy = image.ours.is(normal);
                (!healthy || image.ours.is_certain()).then_some(!healthy)
            })
            .collect();
        let calls = |call: &dyn Fn(&Both, Option<bool>) -> Call| -> Vec<Call> {
            (images.iter().zip(&sides))
                .map(|(image, ill)| call(image, *ill))
                .collect()
        };
        let ours = calls(&|image: &Both, ill: Option<bool>| {
            let outcome = &image.ours;
            let answered = (outcome.in_distribution).is_none_or(|judged| judged.accepted);
            Call {
                right: Some(answered && outcome.correct()),
                right_side: answered && ill == Some(Some(outcome.called.as_str()) != normal),
                illness: 1.0 - normal.map_or(0.0, |id| outcome.probability(id)),
            }
        });
        let theirs = calls(&|image: &Both, ill: Option<bool>| {
            let theirs = &image.theirs;
            Call {
                right: theirs.called().map(|called| image.ours.is(called)),
                right_side: ill == Some(!normal.is_some_and(|id| theirs.calls_normal(id))),
                illness: 1.0 - normal.map_or(0.0, |id| theirs.normal(id)),
            }
        });
        let right = |calls: &[Call]| {
            calls
                .iter()
                .map(|call| call.right)
                .collect::<Option<Vec<_>>>()
        };
        // What is on neither side is right for neither.
        let right_side =
            |calls: &[Call]| calls.iter().map(|call| call.right_side).collect::<Vec<_>>();
        Self {
            images_of,
            images: images.len(),
            ours: Side::new(&ours, &sides),
            theirs: Side::new(&theirs, &sides),
            ill_or_healthy: normal
                .map(|_| Difference::new(&right_side(&ours), &right_side(&theirs))),
            finding: (right(&ours).zip(right(&theirs)))
                .map(|(ours, theirs)| Difference::new(&ours, &theirs)),
        }
    }
}

impl Side {
    /// Sums up one classifier; `sides` says whether each image is ill.
    fn new(calls: &[Call], sides: &[Option<bool>]) -> Self {
        let of = |ill: bool| -> Vec<&Call> {
            (calls.iter().zip(sides))
                .filter_map(|(call, side)| (*side == Some(ill)).then_some(call))
                .collect()
        };
        let (ill, healthy) = (of(true), of(false));
        let share = |part: &[&Call]| {
            let right = part.iter().filter(|call| call.right_side).count();
            (!part.is_empty()).then(|| share_of(right, part.len()))
        };
        let scores = |part: &[&Call]| part.iter().map(|call| call.illness).collect::<Vec<_>>();
        let right: Option<Vec<bool>> = calls.iter().map(|call| call.right).collect();
        Self {
            healthy_normal: share(&healthy),
            ill_not_normal: share(&ill),
            right: right
                .map(|right| share_of(right.iter().filter(|right| **right).count(), right.len())),
            auc: auroc(&scores(&ill), &scores(&healthy)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use mobilenet_lung::architecture::GRID;
    use mobilenet_lung::{ByFinding, Findings, InDistribution};

    use super::super::answer::Theirs;
    use super::*;
    use crate::evaluate::metrics::Outcome;

    const NORMAL: &str = "Normal";
    const OPACITY: &str = "Lung_Opacity";
    const VIRAL: &str = "Viral Pneumonia";

    fn both(truth: &str, called: &str, theirs: [f32; 3], accepted: bool) -> Both {
        let findings = Findings::lung_xray();
        let of = |id: &str| if id == called { 0.8 } else { 0.1 };
        Both {
            ours: Outcome {
                file: String::new(),
                path: PathBuf::new(),
                source: "data".to_owned(),
                origin: "adult".to_owned(),
                truth: truth.to_owned(),
                also_correct: Vec::new(),
                called: called.to_owned(),
                probabilities: ByFinding::new(&findings, findings.ids().map(of)),
                prediction_set: None,
                in_distribution: Some(InDistribution {
                    score: 0.5,
                    accepted,
                }),
                evidence: ByFinding::new(&findings, [[[0.0; GRID]; GRID]; 3]),
            },
            theirs: Theirs::Findings(ByFinding::new(&findings, theirs)),
        }
    }

    fn tests(images: &[Both], normal: Option<&str>) -> PeerTests {
        PeerTests::new("ours".to_owned(), "theirs".to_owned(), images, normal)
    }

    fn counts(share: Option<Share>) -> Option<(usize, usize)> {
        share.map(|share| (share.correct, share.images))
    }

    /// One image each is right, refused, called otherwise, and called normal by ours.
    fn four() -> [Both; 4] {
        [
            both(NORMAL, NORMAL, [0.9, 0.05, 0.05], true),
            // Refused: wrong, whatever it was called.
            both(NORMAL, NORMAL, [0.6, 0.2, 0.2], false),
            both(OPACITY, OPACITY, [0.2, 0.3, 0.5], true),
            both(VIRAL, NORMAL, [0.1, 0.3, 0.6], true),
        ]
    }

    #[test]
    fn rows_count_what_each_calls_correctly() {
        let tests = tests(&four(), Some(NORMAL));
        let [row] = tests.rows.as_slice() else {
            panic!("{tests:?}");
        };
        assert_eq!(counts(row.ours.healthy_normal), Some((1, 2)));
        assert_eq!(counts(row.ours.ill_not_normal), Some((1, 2)));
        assert_eq!(counts(row.ours.right), Some((2, 4)));
        assert_eq!(counts(row.theirs.healthy_normal), Some((2, 2)));
        assert_eq!(counts(row.theirs.ill_not_normal), Some((2, 2)));
        assert_eq!(counts(row.theirs.right), Some((3, 4)));
        assert_eq!(row.theirs.auc, Some(1.0));
        // By ours the viral one is as normal as the normal ones.
        assert_eq!(row.ours.auc, Some(0.75));
        let difference = |difference: Option<Difference>| {
            difference.map(|difference| (difference.only_ours, difference.only_theirs))
        };
        assert_eq!(difference(row.finding), Some((1, 2)));
        assert_eq!(difference(row.ill_or_healthy), Some((0, 2)));
    }

    #[test]
    fn one_that_knows_only_ill_and_healthy_is_held_to_that_alone() {
        let mut images = [
            both(OPACITY, OPACITY, [0.0; 3], true),
            both(NORMAL, NORMAL, [0.0; 3], true),
        ];
        images[0].theirs = Theirs::Healthy(0.4);
        images[1].theirs = Theirs::Healthy(0.6);
        let tests = tests(&images, Some(NORMAL));
        let row = &tests.rows[0];
        assert_eq!(counts(row.theirs.ill_not_normal), Some((1, 1)));
        assert_eq!(counts(row.theirs.healthy_normal), Some((1, 1)));
        assert_eq!((row.theirs.right, row.finding), (None, None));
        assert_eq!(row.ill_or_healthy.map(|difference| difference.p), Some(1.0));
    }

    #[test]
    fn without_a_normal_finding_only_findings_are_compared() {
        let tests = tests(&four(), None);
        let row = &tests.rows[0];
        assert_eq!((row.ours.healthy_normal, row.theirs.auc), (None, None));
        assert_eq!(row.ill_or_healthy, None);
        assert_eq!(counts(row.theirs.right), Some((3, 4)));
    }

    #[test]
    fn any_correct_finding_counts_and_what_may_be_healthy_is_on_no_side() {
        let mut images = four();
        images[3].ours.also_correct = vec![NORMAL.to_owned()];
        let tests = tests(&images, Some(NORMAL));
        let row = &tests.rows[0];
        assert_eq!(counts(row.ours.right), Some((3, 4)));
        assert_eq!(counts(row.ours.ill_not_normal), Some((1, 1)));
    }

    #[test]
    fn folders_and_origins_have_rows_of_their_own() {
        let mut images = vec![both(NORMAL, NORMAL, [0.9, 0.1, 0.0], true); 3];
        images[2].ours.origin = "paediatric".to_owned();
        let tests = tests(&images, Some(NORMAL));
        let rows: Vec<(&str, usize)> = (tests.rows.iter())
            .map(|row| (row.images_of.as_str(), row.images))
            .collect();
        assert_eq!(
            rows,
            [("data, adult", 2), ("data, paediatric", 1), ("all", 3)]
        );
    }
}
