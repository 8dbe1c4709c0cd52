//! Every figure against published values, against scikit-learn 1.9.1, or by hand where it has none.

use super::*;
use Finding::{LungOpacity, Normal, ViralPneumonia};

/// What rounding of `f32` probabilities may do to a mean of a few of them.
const EXACT: f64 = 1e-6;

fn close(a: f64, b: f64) {
    assert!((a - b).abs() < EXACT, "{a} is not {b}");
}

fn outcome(truth: Finding, probabilities: [f32; 3]) -> Outcome {
    let probabilities = ByFinding(probabilities);
    Outcome {
        file: "image.png".to_owned(),
        path: PathBuf::new(),
        source: "folder".to_owned(),
        origin: "adult".to_owned(),
        truth,
        called: Finding::ALL
            .into_iter()
            .max_by(|a, b| probabilities[*a].total_cmp(&probabilities[*b]))
            .unwrap(),
        probabilities,
        prediction_set: None,
        in_distribution: None,
        evidence: ByFinding([[[0.0; 7]; 7]; 3]),
    }
}

/// Ten images with ties, also in the top probability.
fn ten() -> Vec<Outcome> {
    vec![
        outcome(Normal, [0.8, 0.15, 0.05]),
        outcome(Normal, [0.6, 0.3, 0.1]),
        outcome(Normal, [0.3, 0.6, 0.1]),
        outcome(Normal, [0.45, 0.45, 0.1]),
        outcome(LungOpacity, [0.1, 0.7, 0.2]),
        outcome(LungOpacity, [0.2, 0.5, 0.3]),
        outcome(LungOpacity, [0.55, 0.4, 0.05]),
        outcome(ViralPneumonia, [0.05, 0.15, 0.8]),
        outcome(ViralPneumonia, [0.1, 0.3, 0.6]),
        outcome(LungOpacity, [0.2, 0.2, 0.6]),
    ]
}

fn evaluation(outcomes: &[Outcome]) -> Evaluation {
    Evaluation::new("m".into(), "s".into(), outcomes, Vec::new())
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
        outcome(Normal, [1.0, 0.0, 0.0]),
        outcome(Normal, [0.0, 1.0, 0.0]),
        outcome(LungOpacity, [0.0, 1.0, 0.0]),
        outcome(ViralPneumonia, [0.0, 0.0, 1.0]),
    ];
    outcomes[3].origin = "paediatric".to_owned();
    outcomes[3].source = "other".to_owned();
    let evaluation = evaluation(&outcomes);
    assert_eq!(evaluation.accuracy.share, 0.75);
    assert_eq!(evaluation.confusion, [[1, 1, 0], [0, 1, 0], [0, 0, 1]]);
    let normal = evaluation.classes["Normal"];
    assert_eq!((normal.precision, normal.recall), (1.0, 0.5));
    // F1: 2/3, 2/3 and 1.
    assert!((evaluation.macro_f1 - 7.0 / 9.0).abs() < 1e-12);
    assert_eq!(evaluation.by_origin["adult"].correct, 2);
    assert_eq!(evaluation.by_source["other"].images, 1);
    assert!(evaluation.to_text().contains("0.750"));
}

#[test]
fn what_patients_were_called_by_hand() {
    let calls = Calls::new([
        (Normal, Normal),
        (Normal, Normal),
        (Normal, ViralPneumonia),
        (LungOpacity, Normal),
        (LungOpacity, ViralPneumonia),
        (ViralPneumonia, ViralPneumonia),
        (ViralPneumonia, LungOpacity),
    ]);
    let counts = called_in_words(&calls.called)
        .iter()
        .map(|(words, share)| (*words, share.correct, share.images))
        .collect::<Vec<_>>();
    assert_eq!(
        counts,
        [
            ("healthy called normal", 2, 3),
            ("healthy called viral", 1, 3),
            ("opacity called viral", 1, 2),
            ("ill called normal", 1, 4),
            ("viral called viral", 1, 2),
        ]
    );
    // Without viral and without healthy patients there is nothing to take a share of.
    let calls = Calls::new([(LungOpacity, Normal)]);
    assert_eq!(called_in_words(&calls.called).len(), 2);
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
        evaluation.origins["adult"]
            .normal_against_opacity_auc
            .unwrap(),
        0.781_25,
    );
    assert_eq!(evaluation.highest_loss[0].outcome.truth, LungOpacity);
    close(evaluation.highest_loss[0].loss, -0.2f64.ln());
}

#[test]
fn curves_are_those_of_scikit_learn() {
    let evaluation = evaluation(&ten());
    // roc_auc_score and average_precision_score, one against the rest.
    for (finding, auc, average_precision) in [
        (Normal, 11.0 / 12.0, 0.8875),
        (LungOpacity, 17.0 / 24.0, 83.0 / 120.0),
        (ViralPneumonia, 0.96875, 5.0 / 6.0),
    ] {
        let curves = &evaluation.curves[finding.name()];
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
        outcome(Normal, [1.0, 0.0, 0.0]),
        outcome(Normal, [0.0, 1.0, 0.0]),
        outcome(Normal, [0.5, 0.25, 0.25]),
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
    let with = |truth, set: &[Finding]| Outcome {
        prediction_set: Some(set.to_vec()),
        ..outcome(truth, [0.4, 0.35, 0.25])
    };
    let outcomes = [
        with(Normal, &[Normal]),
        with(Normal, &[Normal, LungOpacity]),
        with(Normal, &[]),
        with(LungOpacity, &[Normal]),
        with(LungOpacity, &[Normal, LungOpacity, ViralPneumonia]),
    ];
    let sets = evaluation(&outcomes).prediction_sets.unwrap();
    let coverage = sets.coverage.0.map(|share| (share.correct, share.images));
    assert_eq!(coverage, [(2, 3), (1, 2), (0, 0)]);
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
        with(Normal, 0.9),
        with(Normal, 0.8),
        with(LungOpacity, 0.6),
        with(Normal, 0.4),
    ];
    let refusals = evaluation(&test).in_distribution.unwrap();
    assert_eq!((refusals.refused.correct, refusals.refused.images), (1, 4));
    assert_eq!(refusals.accepted_correct.correct, 2);
    assert_eq!(refusals.accepted_correct.images, 3);

    let foreign = [
        ("leg.png".to_owned(), judged(0.1), Normal),
        ("cat.png".to_owned(), judged(0.6), LungOpacity),
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
    let figures = evaluation.test_figures("clinic");
    assert!(figures.coverage.is_none() && figures.refused.is_none());
    let foreign = [("leg.png".to_owned(), None, Normal)];
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
    assert_eq!(
        json["origins"]["adult"]["healthy_called_normal"]["correct"],
        2
    );
}
