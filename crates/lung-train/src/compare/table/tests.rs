use super::*;
use crate::compare::{Cell, Tested};

const NORMAL: &str = "Normal";
const OPACITY: &str = "Lung_Opacity";
const VIRAL: &str = "Viral Pneumonia";

const SIZE: Size = Size {
    parameters: 1_000_000,
    multiply_adds: 2_000_000,
    bytes: 3_000_000,
    inference_ms: 4.0,
};

/// A fold whose images are called so; each is what `truth` says.
fn outcome(fold: usize, truth: [&str; 4], called: [&str; 4]) -> Outcome {
    Outcome {
        cell: Cell {
            network: Architecture::ResNet18,
            pretrained: false,
            protocol: Protocol::Grouped,
            fold,
            seed: 1,
        },
        origin: None,
        images: [10, 1, 4],
        train_loss: vec![1.0],
        validation_accuracy: None,
        tested: truth
            .into_iter()
            .zip(called)
            .enumerate()
            .map(|(number, (truth, called))| Tested {
                file: format!("{fold}/{number}"),
                truth: truth.to_owned(),
                called: called.to_owned(),
                probabilities: vec![0.0; 3],
            })
            .collect(),
        seconds: 2.0,
    }
}

#[test]
fn a_row_by_hand() {
    let truth = [NORMAL, NORMAL, OPACITY, VIRAL];
    // Two folds of four images, two seeds: 7 and 6 of 8 right.
    let own: BySeed = vec![
        (
            1,
            vec![
                outcome(0, truth, truth),
                outcome(1, truth, [NORMAL, OPACITY, OPACITY, VIRAL]),
            ],
        ),
        (
            2,
            vec![
                outcome(0, truth, truth),
                outcome(1, truth, [OPACITY, OPACITY, OPACITY, VIRAL]),
            ],
        ),
    ];
    // The reference: 5 and 8 of 8 right.
    let reference: BySeed = vec![
        (
            1,
            vec![
                outcome(0, truth, [NORMAL, NORMAL, NORMAL, NORMAL]),
                outcome(1, truth, [OPACITY, NORMAL, OPACITY, VIRAL]),
            ],
        ),
        (2, vec![outcome(0, truth, truth), outcome(1, truth, truth)]),
    ];
    let row = row(Architecture::ResNet18, &own, Some(&reference), SIZE).unwrap();
    assert_eq!(row.accuracy_by_seed, [0.875, 0.75]);
    assert!((row.accuracy - 13.0 / 16.0).abs() < 1e-12);
    // 6.5 of 8 right is counted as 7: the interval is of 8 images and not of 16.
    assert_eq!(row.interval, wilson(7, 8));
    assert!((row.recall["Normal"] - (0.75 + 0.5) / 2.0).abs() < 1e-12);
    assert_eq!(row.recall["Lung_Opacity"], 1.0);
    // Seed 1: precision of normal 1, recall 3/4, F1 6/7; opacity 2/3 and 1, F1 4/5; viral 1.
    // Seed 2: 1 and 1/2, F1 2/3; opacity 1/2 and 1, F1 2/3; viral 1.
    let want = ((6.0 / 7.0 + 0.8 + 1.0) / 3.0 + (2.0 / 3.0 + 2.0 / 3.0 + 1.0) / 3.0) / 2.0;
    assert!((row.macro_f1 - want).abs() < 1e-12);
    // Seed 1: the reference alone is right on fold 1's second image; this network alone on fold 0's last two and fold
    // 1's first.
    let first = row.versus[0];
    assert_eq!((first.only_reference, first.only_this), (1, 3));
    // 2 * (1 + 4) / 16.
    assert!((first.p - 0.625).abs() < 1e-12);
    let second = row.versus[1];
    assert_eq!((second.only_reference, second.only_this), (2, 0));
    assert!((second.p - 0.5).abs() < 1e-12);
    assert_eq!(row.seconds, 2.0);

    let table = Table {
        data: "phantoms".to_owned(),
        recipe: Recipe {
            side: 64,
            epochs: 3,
            ..Recipe::default()
        },
        seeds: vec![1, 2],
        folds: vec![0, 1],
        reference: Architecture::MobileNetV2,
        parts: vec![Part {
            start: StartKind::Best,
            protocol: Protocol::Grouped,
            division: "folds by patient".to_owned(),
            images: [20, 8],
            rows: vec![row],
        }],
    };
    let text = table.to_markdown();
    for part in [
        "64 x 64, 3 epochs",
        "| ResNet18 | from scratch | 0.812 | 0.529 to 0.978 | 0.875, 0.750 |",
        "| 0.625, 0.500 | 1.00 M | 2 M | 3.0 MB | 4.0 |",
        "8 test images",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn cells_on_different_images_are_not_held_against_each_other() {
    let truth = [NORMAL, NORMAL, OPACITY, VIRAL];
    let (one, other) = (outcome(0, truth, truth), outcome(1, truth, truth));
    let error = versus(1, &[one], &[other]).unwrap_err().to_string();
    assert!(error.contains("different images"), "{error}");
}
