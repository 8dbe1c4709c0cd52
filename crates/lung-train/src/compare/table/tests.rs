use super::*;
use crate::compare::{Cell, Tested};
use crate::data::ListHash;

const NORMAL: usize = 0;
const OPACITY: usize = 1;
const VIRAL: usize = 2;

const SIZE: Size = Size {
    parameters: 1_000_000,
    multiply_adds: 2_000_000,
    bytes: 3_000_000,
    inference_ms: 4.0,
};

fn data() -> ListHash {
    ListHash {
        count: 15,
        sha256: "00".to_owned(),
    }
}

/// A fold whose images are called so; each is what `truth` says.
fn outcome(fold: usize, truth: [usize; 4], called: [usize; 4]) -> Outcome {
    Outcome {
        version: 2,
        cell: Cell {
            network: Architecture::ResNet18,
            pretrained: false,
            protocol: Protocol::Grouped,
            fold,
            seed: 1,
        },
        recipe: Recipe::default(),
        data: data(),
        commit: None,
        origin: None,
        images: [10, 1, 4],
        train_loss: vec![1.0],
        validation_accuracy: None,
        findings: Findings::lung_xray().ids().map(str::to_owned).collect(),
        tested: truth
            .into_iter()
            .zip(called)
            .enumerate()
            .map(|(number, (truth, called))| Tested {
                image: format!("{fold}/{number}"),
                truth,
                called,
                probabilities: vec![0.0; 3],
            })
            .collect(),
        seconds: 2.0,
        elsewhere: None,
    }
}

/// Two folds of two seeds.
fn by_seed(outcomes: &[Outcome; 4]) -> BySeed<'_> {
    let [a, b, c, d] = outcomes;
    BySeed::from([(1, vec![a, b]), (2, vec![c, d])])
}

#[test]
fn a_row_by_hand() {
    let truth = [NORMAL, NORMAL, OPACITY, VIRAL];
    // Two folds of four images, two seeds: 7 and 6 of 8 right.
    let own = [
        outcome(0, truth, truth),
        outcome(1, truth, [NORMAL, OPACITY, OPACITY, VIRAL]),
        outcome(0, truth, truth),
        outcome(1, truth, [OPACITY, OPACITY, OPACITY, VIRAL]),
    ];
    let own = by_seed(&own);
    // The reference: 5 and 8 of 8 right.
    let reference = [
        outcome(0, truth, [NORMAL, NORMAL, NORMAL, NORMAL]),
        outcome(1, truth, [OPACITY, NORMAL, OPACITY, VIRAL]),
        outcome(0, truth, truth),
        outcome(1, truth, truth),
    ];
    let reference = by_seed(&reference);
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
            elsewhere: Vec::new(),
            rows: vec![row],
        }],
    };
    let text = table.to_markdown().unwrap();
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
    let error = versus(1, &[&one], &[&other]).unwrap_err().to_string();
    assert!(error.contains("different images"), "{error}");
}

#[test]
fn a_fold_that_one_network_lacks_counts_for_none() {
    let truth = [NORMAL, NORMAL, OPACITY, VIRAL];
    let mut cells = vec![outcome(0, truth, truth), outcome(1, truth, truth)];
    let mut other = outcome(1, truth, [NORMAL; 4]);
    other.cell.network = Architecture::Vgg11;
    cells.push(other);
    let networks = [Architecture::ResNet18, Architecture::Vgg11];
    let mut rows = rows_of(&cells, &networks, StartKind::Scratch, Protocol::Grouped);
    keep_common_folds(&mut rows);
    let folds: Vec<usize> = (rows.iter())
        .flat_map(|(_, own)| own.values().flatten())
        .map(|outcome| outcome.cell.fold)
        .collect();
    assert_eq!(folds, [1, 1]);
}
