use std::collections::BTreeMap;

use mobilenet_lung::ByFinding;
use mobilenet_lung::bundle::OperatingPoint;
use mobilenet_lung::{InDistribution, PredictionSets, Spread};

use mobilenet_lung::architecture::AttentionConfig;
use mobilenet_lung::{Findings, Metadata};

use crate::data::{Class, Description};
use crate::evaluate::Tests;
use crate::evaluate::metrics::{Evaluation, ForeignMetrics, Outcome, Tested};
use crate::export::{Exported, Material};

fn by_finding<T>(values: [T; 3]) -> ByFinding<T> {
    ByFinding::new(&Findings::lung_xray(), values)
}

fn outcome(source: &str, origin: &str, truth: &str, called: &str) -> Outcome {
    let probabilities = by_finding([0.1; 3]);
    let findings = Findings::lung_xray();
    let share = |id: &str| if id == called { 0.8 } else { 0.1 };
    let probabilities = ByFinding::new(&findings, probabilities.iter().map(|(id, _)| share(id)));
    Outcome {
        file: format!("{truth}/1.png"),
        path: "1.png".into(),
        source: source.to_owned(),
        origin: origin.to_owned(),
        truth: truth.to_owned(),
        also_correct: Vec::new(),
        called: called.to_owned(),
        probabilities,
        prediction_set: Some(vec![called.to_owned()]),
        in_distribution: Some(InDistribution {
            score: 0.75,
            accepted: true,
        }),
        evidence: by_finding([[[0.0; 7]; 7]; 3]),
    }
}

fn exported(folders: &[&[Outcome]], foreign: bool) -> Exported {
    let findings = Findings::lung_xray();
    let tested = Tested {
        model: "model",
        operating_point: "default",
        findings: &findings,
    };
    let test = |split: &str, outcomes: &[Outcome]| {
        Evaluation::new(&tested, split.into(), outcomes, Vec::new())
    };
    let all = folders.concat();
    let bacterial = Class {
        kind: Some("bacterial".to_owned()),
        target: vec![0.0, 0.75, 0.25],
        why: Some("They look alike.".to_owned()),
        ..Class::of(1, 3)
    };
    let mut material = Material {
        findings: findings.clone(),
        images: BTreeMap::new(),
        divided: vec![(bacterial, 5)],
        patients: Description::lung_xray().origin.patients,
        calibrated_on: 36,
        cross_fitted: 0,
    };
    material.divided.truncate(folders.len() - 1);
    for outcome in &all {
        let key = (outcome.source.clone(), outcome.origin.clone());
        let row = findings.row(&outcome.truth).unwrap();
        material.images.entry(key).or_insert_with(|| vec![0; 3])[row] += 7;
    }
    let odd = (
        "leg.png".to_owned(),
        all[0].in_distribution,
        "Normal".to_owned(),
    );
    Exported {
        file: "model.safetensors".into(),
        metadata: Metadata {
            operating_points: vec![OperatingPoint {
                prediction_sets: Some(PredictionSets {
                    coverage: 0.9,
                    thresholds: by_finding([0.3; 3]),
                    calibrated_on: by_finding([11, 12, 13]),
                }),
                ..OperatingPoint::plain("default", &findings)
            }],
            in_distribution: Some(Spread {
                variances: vec![1.0],
                other_variance: 1.0,
                limit: 1.0,
            }),
            trained_on: "<b>main</b>".to_owned(),
            notice: material.notice(),
            ..Metadata::plain(findings.clone(), AttentionConfig::default())
        },
        tests: Tests::new(
            test("all", &all),
            folders
                .iter()
                .map(|outcomes| test(&format!("{}, fold 0", outcomes[0].source), outcomes))
                .collect(),
            foreign.then(|| ForeignMetrics::new("odd".into(), &[odd], Vec::new(), &all)),
        ),
        held_out: Vec::new(),
        material,
    }
}

const NORMAL: &str = "Normal";
const OPACITY: &str = "Lung_Opacity";
const VIRAL: &str = "Viral Pneumonia";

#[test]
fn without_children_of_another_folder_nothing_is_shown_of_the_shortcut() {
    let main = [
        outcome("main", "adult", NORMAL, NORMAL),
        outcome("main", "adult", OPACITY, OPACITY),
        outcome("main", "paediatric", VIRAL, VIRAL),
    ];
    let exported = exported(&[&main], false);
    assert_eq!(
        exported.metadata.notice,
        "Research software, not a medical device. Of the images it was trained on, 0 of 7 Normal (0.0%), 0 of 7 \
         Lung_Opacity (0.0%), 7 of 7 Viral Pneumonia (100.0%) are known to be of children. It may tell children \
         from adults instead of one finding from another."
    );
    let card = exported.model_card();
    for words in [
        "has not been shown not to",
        "Within adult of main, fold 0",
        "always divides all its belief among them. Its in-distribution score says",
        "was not measured here",
        "| Lung_Opacity | 100.0% | 20.7% to 100.0% | 1 of 1 |",
        "&lt;b&gt;main&lt;/b&gt;",
        "11 Normal, 12 Lung_Opacity, 13 Viral Pneumonia",
        "scaled and moved for each finding. The numbers were fitted on 36 images that it was not trained on",
    ] {
        assert!(card.contains(words), "{words}: {card}");
    }
    assert!(!card.contains("several folders"), "{card}");
    assert!(!card.contains("bacterial"), "{card}");
}

#[test]
fn children_of_another_folder_are_spoken_of_as_measured() {
    let main = [
        outcome("main", "adult", NORMAL, NORMAL),
        outcome("main", "adult", OPACITY, OPACITY),
        outcome("main", "paediatric", VIRAL, VIRAL),
    ];
    let further = [
        outcome("kids|2", "paediatric", NORMAL, VIRAL),
        outcome("kids|2", "paediatric", NORMAL, NORMAL),
        outcome("kids|2", "paediatric", OPACITY, NORMAL),
        outcome("kids|2", "paediatric", VIRAL, VIRAL),
    ];
    let card = exported(&[&main, &further], true).model_card();
    for words in [
        "Within paediatric of kids\\|2, fold 0",
        "Normal called Viral Pneumonia | 50.0%",
        "ill called Normal | 50.0%",
        "several folders",
        "Called rightly: In main, fold 0: 100.0% of Normal, 100.0% of Lung_Opacity, 100.0% of Viral Pneumonia. In kids",
        "| paediatric: Normal called Normal | 50.0% |",
        "Refused 0.0% (0.0% to 79.3%; 0 of 1)",
        "- 5 of the images that it was trained and calibrated on are Lung_Opacity (bacterial). They look alike.",
        "75.0% to Lung_Opacity, 25.0% to Viral Pneumonia. The tests count Lung_Opacity as correct",
    ] {
        assert!(card.contains(words), "{words}: {card}");
    }
    assert!(!card.contains("has not been shown"), "{card}");
    assert!(!card.contains("not measured"), "{card}");
}

#[test]
fn nothing_is_claimed_of_data_that_says_nothing_of_age() {
    let images = [
        outcome("mine", "mine", NORMAL, NORMAL),
        outcome("mine", "mine", OPACITY, NORMAL),
        outcome("mine", "mine", VIRAL, NORMAL),
    ];
    let mut exported = exported(&[&images], false);
    exported.metadata.in_distribution = None;
    exported.material.calibrated_on = 0;
    let card = exported.model_card();
    assert!(card.contains("Nothing is known of the age"), "{card}");
    assert!(card.contains("this model cannot tell"), "{card}");
    assert!(card.contains("were not calibrated"), "{card}");
    assert!(!card.contains("children. It may"), "{card}");
}
