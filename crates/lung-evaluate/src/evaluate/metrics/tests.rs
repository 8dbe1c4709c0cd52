//! Every figure against published values, against scikit-learn 1.9.1, or by hand where it has none.

use std::path::PathBuf;

use mobilenet_lung::{ByFinding, Findings, InDistribution};

use super::*;
use crate::text::NOT_IN_MODEL;

const NORMAL: &str = "Normal";
const OPACITY: &str = "Lung_Opacity";
const VIRAL: &str = "Viral Pneumonia";

/// What rounding of `f32` probabilities may do to a mean of a few of them.
const EXACT: f64 = 1e-6;

fn close(a: f64, b: f64) {
    assert!((a - b).abs() < EXACT, "{a} is not {b}");
}

fn by_finding<T>(values: [T; 3]) -> ByFinding<T> {
    ByFinding::new(&Findings::lung_xray(), values)
}

fn outcome(truth: &str, probabilities: [f32; 3]) -> Outcome {
    let probabilities = by_finding(probabilities);
    let called = (probabilities.iter()).max_by(|(_, a), (_, b)| a.total_cmp(b));
    Outcome {
        file: "image.png".to_owned(),
        path: PathBuf::new(),
        source: "folder".to_owned(),
        origin: "adult".to_owned(),
        truth: truth.to_owned(),
        also_correct: Vec::new(),
        called: called.unwrap().0.to_owned(),
        probabilities,
        prediction_set: None,
        in_distribution: None,
        evidence: by_finding([[[0.0; 7]; 7]; 3]),
    }
}

/// Ten images with ties, also in the top probability.
fn ten() -> Vec<Outcome> {
    vec![
        outcome(NORMAL, [0.8, 0.15, 0.05]),
        outcome(NORMAL, [0.6, 0.3, 0.1]),
        outcome(NORMAL, [0.3, 0.6, 0.1]),
        outcome(NORMAL, [0.45, 0.45, 0.1]),
        outcome(OPACITY, [0.1, 0.7, 0.2]),
        outcome(OPACITY, [0.2, 0.5, 0.3]),
        outcome(OPACITY, [0.55, 0.4, 0.05]),
        outcome(VIRAL, [0.05, 0.15, 0.8]),
        outcome(VIRAL, [0.1, 0.3, 0.6]),
        outcome(OPACITY, [0.2, 0.2, 0.6]),
    ]
}

fn evaluation(outcomes: &[Outcome]) -> Evaluation {
    let tested = Tested {
        model: "m",
        operating_point: "clinic",
        findings: &Findings::lung_xray(),
    };
    Evaluation::new(&tested, "s".into(), outcomes, Vec::new())
}

#[test]
fn wilson_agrees_with_published_values() {
    // Newcombe 1998 (Statistics in Medicine 17:857), table I, method 3.
    for (successes, trials, low, high) in [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ] {
        let [a, b] = wilson(successes, trials);
        assert!((a - low).abs() < 1e-4 && (b - high).abs() < 1e-4, "{a} {b}");
    }
    assert_eq!(wilson(0, 0), [0.0, 1.0]);
}

#[test]
fn a_small_confusion_by_hand() {
    let mut outcomes = [
        outcome(NORMAL, [1.0, 0.0, 0.0]),
        outcome(NORMAL, [0.0, 1.0, 0.0]),
        outcome(OPACITY, [0.0, 1.0, 0.0]),
        outcome(VIRAL, [0.0, 0.0, 1.0]),
    ];
    outcomes[3].origin = "paediatric".to_owned();
    outcomes[3].source = "other".to_owned();
    let evaluation = evaluation(&outcomes);
    assert_eq!(evaluation.accuracy.share, 0.75);
    assert_eq!(evaluation.confusion, [[1, 1, 0], [0, 1, 0], [0, 0, 1]]);
    let normal = evaluation.classes.get(NORMAL).unwrap();
    assert_eq!((normal.precision, normal.recall), (1.0, 0.5));
    // F1: 2/3, 2/3 and 1.
    assert!((evaluation.macro_f1 - 7.0 / 9.0).abs() < 1e-12);
    assert_eq!(evaluation.by_origin["adult"].correct, 2);
    assert_eq!(evaluation.by_source["other"].images, 1);
    assert!(evaluation.to_text().contains("0.750"));
}

#[test]
fn what_patients_were_called_by_hand() {
    let findings = Findings::lung_xray();
    let calls = Calls::new(
        &findings,
        [
            (0, 0),
            (0, 0),
            (0, 2),
            (1, 0),
            (1, 2),
            (1, 2),
            (2, 2),
            (2, 1),
        ],
    );
    let counts = (calls.called.iter())
        .map(|called| (called.in_words(), called.share.correct, called.share.images))
        .collect::<Vec<_>>();
    let want = [
        ("Normal called Normal", 2, 3),
        ("Normal called Viral Pneumonia", 1, 3),
        ("Lung_Opacity called Lung_Opacity", 0, 3),
        ("Lung_Opacity called Viral Pneumonia", 2, 3),
        ("Viral Pneumonia called Viral Pneumonia", 1, 2),
        ("Viral Pneumonia called Lung_Opacity", 1, 2),
        ("ill called Normal", 1, 5),
    ];
    assert_eq!(
        counts,
        want.map(|(words, called, of)| (words.to_owned(), called, of))
    );
    // Without viral and without healthy patients there is nothing to take a share of.
    let calls = Calls::new(&findings, [(1, 0)]);
    assert_eq!(calls.called.len(), 3);
}

#[test]
fn seven_findings_are_counted_as_three_are() {
    let ids = ["a", "b", "c", "d", "e", "f", "g"];
    let findings = Findings::new(ids.map(mobilenet_lung::Finding::named).to_vec()).unwrap();
    let image = |truth: &str, called: &str| Outcome {
        called: called.to_owned(),
        probabilities: ByFinding::new(
            &findings,
            ids.map(|id| if id == called { 0.7 } else { 0.05 }),
        ),
        evidence: ByFinding::new(&findings, [[[0.0; 7]; 7]; 7]),
        prediction_set: Some(vec![called.to_owned()]),
        ..outcome(truth, [0.0; 3])
    };
    let images: Vec<Outcome> = ids
        .iter()
        .map(|id| image(id, id))
        .chain([image("a", "g")])
        .collect();
    let tested = Tested {
        model: "m",
        operating_point: "default",
        findings: &findings,
    };
    let test = Evaluation::new(&tested, "s".into(), &images, Vec::new());
    assert_eq!(test.confusion.len(), 7);
    assert_eq!((test.confusion[0][0], test.confusion[0][6]), (1, 1));
    assert_eq!(test.accuracy.correct, 7);
    assert_eq!(test.curves.len(), 7);
    assert_eq!(test.curves["b"].auc, 1.0);
    let sets = test.prediction_sets.as_ref().unwrap();
    assert_eq!(sets.sizes, [0, 8, 0, 0, 0, 0, 0, 0]);
    assert_eq!(sets.coverage.get("a").unwrap().correct, 1);
    let text = test.to_text();
    assert!(text.contains("a called g"), "{text}");
    // None of them means that there is no finding.
    assert!(!text.contains("ill called"), "{text}");
}

#[test]
fn what_else_is_correct_counts_as_what_it_was_called() {
    let doubtful = Outcome {
        also_correct: vec![VIRAL.to_owned()],
        ..outcome(OPACITY, [0.1, 0.3, 0.6])
    };
    let wrong = Outcome {
        also_correct: vec![VIRAL.to_owned()],
        ..outcome(OPACITY, [0.8, 0.1, 0.1])
    };
    let test = evaluation(&[doubtful, wrong]);
    assert_eq!(test.confusion, [[0, 0, 0], [1, 0, 0], [0, 0, 1]]);
    // The truth has the sum of what is correct: -(ln 0.9 + ln 0.2) / 2.
    close(test.calibration.unwrap().log_loss, 0.857_399_2);
    assert!(test.curves.is_empty());
}

#[test]
fn probabilities_are_judged_as_scikit_learn_does() {
    let evaluation = evaluation(&ten());
    // confusion_matrix and f1_score(average='macro').
    assert_eq!(evaluation.confusion, [[2, 2, 0], [1, 2, 1], [0, 0, 2]]);
    close(evaluation.macro_f1, 0.623_809_52);
    let calibration = evaluation.calibration.unwrap();
    // log_loss and brier_score_loss(scale_by_half=False).
    close(calibration.log_loss, 0.704_596_97);
    close(calibration.brier, 0.425);
    // scikit-learn has no calibration error: the loop of Guo et al.'s published code over 15 bins, in NumPy.
    close(calibration.expected_error, 0.26);
    // roc_auc_score of opacity against normal by p(opacity) / (p(normal) + p(opacity)).
    close(
        evaluation.origins["adult"].against_normal_auc[OPACITY],
        0.781_25,
    );
    assert_eq!(evaluation.highest_loss[0].outcome.truth, OPACITY);
    close(evaluation.highest_loss[0].loss, -0.2f64.ln());
}

#[test]
fn curves_are_those_of_scikit_learn() {
    let evaluation = evaluation(&ten());
    // roc_auc_score and average_precision_score, one against the rest.
    for (finding, auc, average_precision) in [
        (NORMAL, 11.0 / 12.0, 0.8875),
        (OPACITY, 17.0 / 24.0, 83.0 / 120.0),
        (VIRAL, 0.96875, 5.0 / 6.0),
    ] {
        let curves = &evaluation.curves[finding];
        close(curves.auc, auc);
        close(curves.average_precision, average_precision);
        // The corners that are kept enclose the same area.
        let area: f64 = curves
            .roc
            .windows(2)
            .map(|pair| {
                (pair[1].false_positive_rate - pair[0].false_positive_rate)
                    * (pair[1].true_positive_rate + pair[0].true_positive_rate)
                    / 2.0
            })
            .sum();
        close(area, auc);
    }
    // roc_curve's points of the normal images, less those on a straight line.
    let roc: Vec<(f64, f64)> = evaluation.curves["Normal"]
        .roc
        .iter()
        .map(|p| (p.false_positive_rate, p.true_positive_rate))
        .collect();
    let sixth = 1.0 / 6.0;
    assert_eq!(
        roc,
        [
            (0.0, 0.0),
            (0.0, 0.5),
            (sixth, 0.5),
            (sixth, 1.0),
            (1.0, 1.0)
        ]
    );
    // precision_recall_curve(drop_intermediate=True) of the opacities, from its end, without the point (0, 1) that it adds.
    let points: Vec<(f64, f64)> = evaluation.curves["Lung_Opacity"]
        .precision_recall
        .iter()
        .map(|p| (p.recall, p.precision))
        .collect();
    let expected = [
        (0.25, 1.0),
        (0.25, 0.5),
        (0.5, 2.0 / 3.0),
        (0.5, 0.5),
        (0.75, 0.6),
        (0.75, 3.0 / 7.0),
        (1.0, 0.5),
        (1.0, 0.4),
    ];
    assert_eq!(points, expected);
    // One finding alone cannot be told from another.
    assert!(Curves::new(&[(0.5, true), (0.2, true)]).is_none());
    assert!(Curves::new(&[]).is_none());
}

#[test]
fn auroc_counts_ties_by_half() {
    assert_eq!(auroc(&[0.9, 0.5], &[0.5, 0.1]), Some(0.875));
    assert_eq!(auroc(&[1.0], &[0.0]), Some(1.0));
    assert_eq!(auroc(&[0.3; 3], &[0.3; 5]), Some(0.5));
    assert_eq!(auroc(&[], &[0.3]), None);
}

#[test]
fn bins_take_their_upper_bound_and_certainty_has_one() {
    // 0.5 is in the eighth of 15 bins, 7/15 to 8/15; 1 is the upper bound of the last.
    let calibration = CalibrationMetrics::new(&[
        outcome(NORMAL, [1.0, 0.0, 0.0]),
        outcome(NORMAL, [0.0, 1.0, 0.0]),
        outcome(NORMAL, [0.5, 0.25, 0.25]),
    ])
    .unwrap();
    let counts: Vec<usize> = calibration.bins.iter().map(|bin| bin.images).collect();
    assert_eq!(counts, [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 2]);
    assert_eq!(calibration.bins[14].accuracy, Some(0.5));
    assert_eq!(calibration.bins[0].accuracy, None);
    // (2 * |1 - 0.5| + 1 * |0.5 - 1|) / 3; and a probability of 0 does not make the loss infinite.
    close(calibration.expected_error, 0.5);
    assert!(calibration.log_loss.is_finite());
    close(calibration.brier, (0.0 + 2.0 + 0.375) / 3.0);
}

#[test]
fn a_gap_that_chance_makes_is_not_counted() {
    // 400 images that are each 80% sure: of 320 right nothing is left, of 280 a tenth.
    let judged = |right: usize| {
        let images: Vec<Outcome> = (0..400)
            .map(|number| outcome(if number < right { NORMAL } else { VIRAL }, [0.8, 0.1, 0.1]))
            .collect();
        CalibrationMetrics::new(&images).unwrap()
    };
    let honest = judged(320);
    close(honest.expected_error, 0.0);
    assert_eq!(honest.debiased_error, 0.0);
    assert_eq!(honest.debiased_interval[0], 0.0);
    let boastful = judged(280);
    close(boastful.expected_error, 0.1);
    // Chance alone makes a gap of sqrt(0.8 * 0.2 / 400) * sqrt(2 / pi) = 0.016 in the mean.
    assert!(
        (boastful.debiased_error - 0.084).abs() < 0.003,
        "{boastful:?}"
    );
    // And images drawn again deviate by sqrt(0.7 * 0.3 / 400) = 0.023, whose 95% are 0.045 on either side.
    let [low, high] = boastful.debiased_interval;
    assert!(
        (low - 0.039).abs() < 0.01 && (high - 0.129).abs() < 0.01,
        "{boastful:?}"
    );
}

#[test]
fn risk_over_coverage_by_hand_with_ties_together() {
    let risk = evaluation(&ten()).risk_coverage.unwrap();
    let points: Vec<(f64, f64)> = risk.curve.iter().map(|p| (p.coverage, p.risk)).collect();
    let expected = [
        (0.2, 0.0),
        (0.3, 0.0),
        (0.7, 2.0 / 7.0),
        (0.8, 3.0 / 8.0),
        (0.9, 3.0 / 9.0),
        (1.0, 4.0 / 10.0),
    ];
    assert_eq!(points, expected);
    // 0.4 * 2/7 + 0.1 * (3/8 + 3/9 + 4/10)
    close(risk.area, 0.225_119_05);
}

#[test]
fn prediction_sets_by_hand() {
    let with = |truth, set: &[&str]| Outcome {
        prediction_set: Some(set.iter().map(|&id| id.to_owned()).collect()),
        ..outcome(truth, [0.4, 0.35, 0.25])
    };
    let outcomes = [
        with(NORMAL, &[NORMAL]),
        with(NORMAL, &[NORMAL, OPACITY]),
        with(NORMAL, &[]),
        with(OPACITY, &[NORMAL]),
        with(OPACITY, &[NORMAL, OPACITY, VIRAL]),
    ];
    let sets = evaluation(&outcomes).prediction_sets.unwrap();
    let coverage = sets.coverage.map(|share| (share.correct, share.images));
    assert_eq!(coverage, by_finding([(2, 3), (1, 2), (0, 0)]));
    assert_eq!(sets.mean_size, 1.4);
    assert_eq!(sets.sizes, [1, 2, 1, 1]);
    assert_eq!((sets.empty.correct, sets.empty.images), (1, 5));
    assert_eq!(
        (sets.single_correct.correct, sets.single_correct.images),
        (1, 2)
    );
    assert_eq!(sets.all_covered.correct, 3);
}

#[test]
fn refusals_and_foreign_images_by_hand() {
    let judged = |score: f32| {
        Some(InDistribution {
            score,
            accepted: score >= 0.5,
        })
    };
    let with = |truth, score| Outcome {
        in_distribution: judged(score),
        ..outcome(truth, [0.7, 0.2, 0.1])
    };
    let test = [
        with(NORMAL, 0.9),
        with(NORMAL, 0.8),
        with(OPACITY, 0.6),
        with(NORMAL, 0.4),
    ];
    let refusals = evaluation(&test).in_distribution.unwrap();
    assert_eq!((refusals.refused.correct, refusals.refused.images), (1, 4));
    assert_eq!(refusals.accepted_correct.correct, 2);
    assert_eq!(refusals.accepted_correct.images, 3);

    let foreign = [
        ("leg.png".to_owned(), judged(0.1), NORMAL.to_owned()),
        ("cat.png".to_owned(), judged(0.6), OPACITY.to_owned()),
    ];
    let foreign = ForeignMetrics::new("odd".into(), &foreign, Vec::new(), &test);
    // Against 0.1 all four are above; against 0.6 two are, and one ties: (4 + 2.5) / 8.
    assert_eq!(foreign.auroc, Some(0.8125));
    assert_eq!(foreign.refused.unwrap().correct, 1);
    assert_eq!(foreign.accepted.len(), 1);
    assert!(foreign.to_text().contains("accepted: cat.png"));
}

#[test]
fn a_model_without_statistics_says_so() {
    let evaluation = evaluation(&ten());
    assert_eq!(evaluation.prediction_sets, None);
    assert_eq!(evaluation.in_distribution, None);
    assert!(evaluation.to_text().matches(NOT_IN_MODEL).count() >= 2);
    let figures = evaluation.test_figures();
    assert_eq!(figures.operating_point, "clinic");
    assert!(figures.coverage.is_none() && figures.refused.is_none());
    let foreign = [("leg.png".to_owned(), None, NORMAL.to_owned())];
    let foreign = ForeignMetrics::new("odd".into(), &foreign, Vec::new(), &ten());
    assert_eq!((foreign.refused, foreign.auroc), (None, None));
    assert!(foreign.to_text().contains(NOT_IN_MODEL));
}

#[test]
fn no_image_at_all_is_no_division_by_nothing() {
    let evaluation = evaluation(&[]);
    assert!(evaluation.calibration.is_none() && evaluation.risk_coverage.is_none());
    let text = evaluation.to_text();
    assert!(
        !text.contains("NaN") && text.contains("accuracy  -"),
        "{text}"
    );
}

#[test]
fn what_json_had_it_still_has() {
    let json = serde_json::to_value(evaluation(&ten())).unwrap();
    assert_eq!(json["accuracy"]["correct"], 6);
    assert_eq!(json["classes"]["Normal"]["images"], 4);
    assert_eq!(json["confusion"][0][1], 2);
    assert_eq!(json["by_origin"]["adult"]["images"], 10);
    assert!(json["unreadable"].as_array().unwrap().is_empty());
    let called = &json["origins"]["adult"]["called"][0];
    assert_eq!(
        (&called["truth"], &called["called"]),
        (&"Normal".into(), &"Normal".into())
    );
    assert_eq!(called["share"]["correct"], 2);
}
