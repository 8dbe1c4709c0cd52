use std::collections::BTreeMap;
use std::path::Path;

use mobilenet_lung::ByFinding;
use mobilenet_lung::bundle::OperatingPoint;
use mobilenet_lung::{InDistribution, PredictionSets, Spread};

use mobilenet_lung::architecture::AttentionConfig;
use mobilenet_lung::{Findings, Metadata};

use super::ModelCard;
use crate::data::{Class, Description};
use crate::evaluate::Tests;
use crate::evaluate::audit::Audit;
use crate::evaluate::elsewhere::Elsewhere;
use crate::evaluate::metrics::{Evaluation, ForeignMetrics, Outcome, Tested, share_of};
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

fn card_of(exported: &Exported) -> String {
    ModelCard::new(exported, &[]).to_markdown().unwrap()
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
    let card = card_of(&exported);
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
    let card = card_of(&exported(&[&main, &further], true));
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
    let card = card_of(&exported);
    assert!(card.contains("Nothing is known of the age"), "{card}");
    assert!(card.contains("this model cannot tell"), "{card}");
    assert!(card.contains("were not calibrated"), "{card}");
    assert!(!card.contains("children. It may"), "{card}");
}

/// A model with everything that a card can speak of. The names of its second data folder and its patients are `name`.
fn of_two_folders(name: &str) -> Exported {
    let main = [
        outcome("main", "adult", NORMAL, NORMAL),
        outcome("main", "adult", OPACITY, OPACITY),
        outcome("main", "paediatric", VIRAL, VIRAL),
    ];
    let further = [
        outcome(name, name, NORMAL, VIRAL),
        outcome(name, name, NORMAL, NORMAL),
        outcome(name, name, OPACITY, NORMAL),
        outcome(name, name, VIRAL, VIRAL),
    ];
    let mut exported = exported(&[&main, &further], true);
    exported.held_out = exported.tests.folders.clone();
    exported.material.cross_fitted = 4;
    exported
}

/// Audits of two models, each of two groups of ten images.
fn audits(folder: &str) -> Vec<Audit> {
    let share = |correct| share_of(correct, 10);
    let group = |finding: &str, right: usize| {
        serde_json::json!({
            "group": {"folder": folder, "origin": "adult", "finding": finding, "kind": "late"},
            "images": 10,
            "right": share(right),
            "refused": share(1),
            "changed": {"crop6": share(2)},
            "worst_framing": share(3),
            "remains": {"lungs-hidden": {"right": share(4), "refused": share(0)}},
        })
    };
    let audit = |model: &str, right: usize| {
        let audit = serde_json::json!({
            "model": model,
            "split": format!("{folder}, fold 0"),
            "groups": [group(NORMAL, right), group(VIRAL, 0)],
            "probes": [],
            "unreadable": [],
        });
        serde_json::from_value(audit).unwrap()
    };
    vec![audit("new", 9), audit("old", 5)]
}

/// Counts of two hospitals, one of them too small for a row of its own.
fn elsewhere(name: &str) -> Elsewhere {
    let calls = |hospital: &str, called: [usize; 3]| {
        serde_json::json!({
            "label": name, "age": "adult", "hospital": hospital, "half": "reporting",
            "images": called.iter().sum::<usize>() + 1, "called": called, "refused": 1, "cautioned": 0,
        })
    };
    let counted = serde_json::json!({
        "model": "model", "operating_point": "clinic", "images_of": name,
        "findings": [NORMAL, OPACITY, VIRAL],
        "strata": [calls("West", [12, 2, 0]), calls(name, [1, 0, 1])],
        "unreadable": [["1.png", "broken"]],
    });
    serde_json::from_value(counted).unwrap()
}

#[test]
fn a_card_reads_as_it_did() {
    let mut card = ModelCard::new(&of_two_folders("kids"), &audits("kids"));
    card.add_elsewhere(&elsewhere("cough")).unwrap();
    insta::assert_snapshot!("two_folders", card.to_markdown().unwrap());
    let images = [
        outcome("mine", "mine", NORMAL, NORMAL),
        outcome("mine", "mine", OPACITY, NORMAL),
    ];
    let mut exported = exported(&[&images], false);
    exported.metadata.in_distribution = None;
    exported.metadata.operating_points[0].prediction_sets = None;
    exported.material.calibrated_on = 0;
    insta::assert_snapshot!("one_folder", card_of(&exported));
}

#[test]
fn hostile_names_are_text_in_a_card() {
    let hostile = "a|b\n# c\r\n| - | <script>alert(1)</script> [d](https://e) **f**";
    let mut exported = of_two_folders(hostile);
    exported.metadata.notice = hostile.to_owned();
    exported.metadata.trained_on = hostile.to_owned();
    exported.metadata.licence = hostile.to_owned();
    exported.metadata.commit = hostile.to_owned();
    exported.material.divided[0].0.why = Some(hostile.to_owned());
    let card = |exported: &Exported, name: &str| {
        let mut card = ModelCard::new(exported, &audits(name));
        card.add_elsewhere(&elsewhere(name)).unwrap();
        card.to_markdown().unwrap()
    };
    let text = card(&exported, hostile);
    for forbidden in ["<script", "[d]", "https:/", "**f**", "\n# c"] {
        assert!(!text.contains(forbidden), "{forbidden}: {text}");
    }
    // As many lines as with a name that says nothing, and each row has as many cells.
    let mut plain = of_two_folders("kids");
    plain.metadata.commit = "abc".to_owned();
    let plain = card(&plain, "kids");
    assert_eq!(text.lines().count(), plain.lines().count());
    let cells = |line: &str| line.replace("\\|", "").matches('|').count();
    for (hostile, plain) in text.lines().zip(plain.lines()) {
        assert_eq!(cells(hostile), cells(plain), "{hostile}");
    }
}

#[test]
fn the_card_is_made_of_its_json_alone() {
    for folder in ["kids", "a|b\n<script>"] {
        let mut card = ModelCard::new(&of_two_folders(folder), &audits(folder));
        card.add_elsewhere(&elsewhere(folder)).unwrap();
        let read = ModelCard::read(&card.to_json().unwrap()).unwrap();
        assert_eq!(read.to_markdown().unwrap(), card.to_markdown().unwrap());
        assert_eq!(read.version, 1);
        assert_eq!(read.tests[0].patients[0].called.called, NORMAL);
    }
}

#[test]
fn a_card_takes_no_counts_of_another_model_and_no_other_json() {
    let mut card = ModelCard::new(&of_two_folders("kids"), &[]);
    let mut other = elsewhere("cough");
    other.model = "another".to_owned();
    let error = card.add_elsewhere(&other).unwrap_err().to_string();
    assert!(error.contains("another was counted elsewhere"), "{error}");
    card.version = 9;
    for (json, words) in [
        ("{}", "no figures of a model card"),
        (&card.to_json().unwrap(), "version 9"),
    ] {
        let error = ModelCard::read(json).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn the_card_of_the_shipped_model_has_the_figures_of_the_json_beside_it() {
    let beside = |name: &str| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        std::fs::read_to_string(root.join(name)).unwrap()
    };
    let card = ModelCard::read(&beside("MODEL_CARD.json")).unwrap();
    // The third line says how the card came to be; that of the shipped model says more of it.
    let figures = |text: &str| -> Vec<String> {
        (text.lines().enumerate())
            .filter(|(line, _)| *line != 2)
            .map(|(_, line)| line.to_owned())
            .collect()
    };
    assert_eq!(
        figures(&card.to_markdown().unwrap()),
        figures(&beside("MODEL_CARD.md"))
    );
}

#[test]
fn audits_of_two_models_stand_side_by_side() {
    let exported = of_two_folders("kids");
    let card = ModelCard::new(&exported, &audits("a|b"))
        .to_markdown()
        .unwrap();
    for row in [
        "| a\\|b, adult, Normal (late) | new | 10 | 90.0% (59.6% to 98.2%) | 10.0% (1.8% to 40.4%) | 30.0% (10.8% to 60.3%) | \
         40.0% (16.8% to 68.7%) |\n| a\\|b, adult, Normal (late) | old | 10 | 50.0% (23.7% to 76.3%) |",
        "| a\\|b, adult, Viral Pneumonia (late) | old | 10 | 0.0% (0.0% to 27.8%) |",
    ] {
        assert!(card.contains(row), "{row}: {card}");
    }
    assert!(!card_of(&exported).contains("Calls that change"));
}
