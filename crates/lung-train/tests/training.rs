//! Training on generated images: it learns, it survives being killed, and it says what is wrong with a folder.

// A helper of a test fails as the test does.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use lung_train::augment::Augmentation;
use lung_train::config::{FineTuneStage, HeadStage, TrainConfig};
use lung_train::data::Dataset;
use lung_train::data::write_phantoms;
use lung_train::evaluate::evaluate;
use lung_train::export::{Exported, Index, export};
use lung_train::predict::load_classifier;
use lung_train::progress::Work;
use lung_train::report::ModelCard;
use lung_train::train::{Calibration, EpochLog, RunResult, TrainOptions, TrainingDevice};
use tempfile::TempDir;

/// Training draws dropout and first weights from the one generator that a process has for its device: two runs at once
/// would take numbers from each other.
fn train(options: &TrainOptions) -> anyhow::Result<Option<RunResult>> {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    lung_train::train::train(options)
}

fn options(folder: &Path, out: &str, config: TrainConfig) -> TrainOptions {
    TrainOptions {
        data: vec![folder.join("data")],
        pretrained: None,
        out: folder.join(out),
        config,
        device: TrainingDevice::Cpu,
        resume: false,
        skip_unreadable: false,
        leave_out: Vec::new(),
        description: None,
        allow_duplicates: false,
        stop_after: None,
    }
}

fn phantoms(per_class: u64) -> TempDir {
    let folder = TempDir::new().unwrap();
    write_phantoms(&folder.path().join("data"), per_class, 1).unwrap();
    folder
}

/// A second of training, from random weights.
fn quick() -> TrainConfig {
    TrainConfig {
        batch: 8,
        validation: 0.0,
        cross_fit: false,
        dropout: 0.0,
        average: 0.5,
        augmentation: Augmentation::NONE,
        head: HeadStage {
            epochs: 2,
            learning_rate: 1e-3,
        },
        fine_tune: FineTuneStage {
            epochs: 0,
            ..FineTuneStage::default()
        },
        ..TrainConfig::default()
    }
}

#[test]
fn generated_images_are_learnt_exported_and_read_back_to_the_last_one() {
    let folder = phantoms(20);
    let config = TrainConfig {
        batch: 6,
        weight_decay: 0.0,
        label_smoothing: 0.0,
        head: HeadStage {
            epochs: 8,
            learning_rate: 4e-3,
        },
        fine_tune: FineTuneStage {
            epochs: 20,
            learning_rate: 2e-3,
            from_layer: vec![10],
            ..FineTuneStage::default()
        },
        ..quick()
    };
    let options = options(folder.path(), "run", config);
    train(&options).unwrap().unwrap();

    let models = folder.path().join("models");
    let exported = export(&options.out, &models, &[], None, Vec::new()).unwrap();
    let path = exported.file.clone();
    assert!(card_of(&exported).contains("not a medical device"));
    let index: Index =
        serde_json::from_slice(&fs::read(models.join("index.json")).unwrap()).unwrap();
    assert_eq!(
        Some(index.current.as_str()),
        path.file_name().and_then(|n| n.to_str())
    );

    let (bundle, classifier) = load_classifier(&path).unwrap();
    let test = &bundle.metadata().tests[0];
    assert_eq!(test.accuracy.share, exported.evaluation().accuracy.share);
    let dataset = Dataset::open_all(&options.data).unwrap();
    let split = dataset.split(0, 0.0, 1).unwrap();
    let trained = evaluate(
        &classifier,
        &dataset,
        &split.train,
        "trained on".to_owned(),
        &Work::hidden(),
    );
    assert_eq!(trained.accuracy.share, 1.0, "{}", trained.to_text());
    // Twelve images that it has not seen: better than the one in three of a guess, by any interval.
    let unseen = exported.evaluation().accuracy;
    assert!(
        unseen.interval[0] > 1.0 / 3.0,
        "{}",
        exported.evaluation().to_text()
    );
    // The same run exports the same file.
    assert_eq!(
        export(&options.out, &models, &[], None, Vec::new())
            .unwrap()
            .file,
        path
    );
}

/// Files whose bytes say how a run ended.
fn ending(run: &Path) -> (Vec<u8>, Vec<EpochLog>) {
    let log = fs::read_to_string(run.join("log.jsonl")).unwrap();
    let lines = log
        .lines()
        .map(|line| {
            let mut line: EpochLog = serde_json::from_str(line).unwrap();
            line.seconds = 0.0;
            line
        })
        .collect();
    (fs::read(run.join("model.safetensors")).unwrap(), lines)
}

#[test]
fn a_killed_run_resumed_ends_where_an_unbroken_one_does() {
    let folder = phantoms(5);
    let config = TrainConfig {
        batch: 4,
        validation: 0.25,
        dropout: 0.2,
        augmentation: Augmentation::default(),
        head: HeadStage {
            epochs: 2,
            learning_rate: 1e-3,
        },
        fine_tune: FineTuneStage {
            epochs: 2,
            from_layer: vec![17, 14],
            ..FineTuneStage::default()
        },
        ..quick()
    };
    let unbroken = options(folder.path(), "unbroken", config.clone());
    train(&unbroken).unwrap().unwrap();

    let mut killed = options(folder.path(), "killed", config);
    // In the head stage, between the stages, and in fine-tuning.
    for stop in [1, 1, 1] {
        killed.stop_after = Some(stop + epochs_logged(&killed.out));
        assert_eq!(train(&killed).unwrap(), None);
        // What a kill in the middle of an epoch leaves: a line whose checkpoint was never written.
        let log = killed.out.join("log.jsonl");
        let mut text = fs::read_to_string(&log).unwrap();
        text.push_str("{\"cut\":");
        fs::write(&log, text).unwrap();
        killed.resume = true;
    }
    killed.stop_after = None;
    train(&killed).unwrap().unwrap();
    let (want, got) = (ending(&unbroken.out), ending(&killed.out));
    assert_eq!(got.1, want.1);
    assert!(got.0 == want.0, "the weights differ");
}

fn epochs_logged(run: &Path) -> usize {
    fs::read_to_string(run.join("log.jsonl"))
        .map(|text| text.lines().filter(|line| line.ends_with('}')).count())
        .unwrap_or(0)
}

#[test]
fn a_cross_fitted_run_also_trains_without_each_fold_and_survives_being_killed() {
    let folder = phantoms(10);
    let config = TrainConfig {
        cross_fit: true,
        head: HeadStage {
            epochs: 2,
            learning_rate: 1e-3,
        },
        ..quick()
    };
    let unbroken = options(folder.path(), "unbroken", config.clone());
    let result = train(&unbroken).unwrap().unwrap();
    // There is no validation image: what each training was not given calibrates.
    assert_eq!(result.validation_accuracy, None);
    assert_ne!(result.calibration, Calibration::none(3));
    assert_eq!(Vec::from_iter(result.without_fold.keys()), [&1, &2, &3, &4]);

    // Each image that is not left for the test, the least believed label first.
    let labels = fs::read_to_string(unbroken.out.join("labels.csv")).unwrap();
    let mut table = csv::Reader::from_reader(labels.as_bytes());
    assert_eq!(&table.headers().unwrap()[7], "believed");
    let rows: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
    let files: BTreeSet<&str> = rows.iter().map(|row| &row[1]).collect();
    assert_eq!((rows.len(), files.len()), (24, 24));
    let number = |text: &str| text.parse::<f32>().unwrap();
    assert!(rows.is_sorted_by_key(|row| number(&row[7])), "{labels}");
    for row in &rows {
        let names = ["Normal", "Lung_Opacity", "Viral Pneumonia"];
        let of = |name: &str| number(&row[8 + names.iter().position(|n| *n == name).unwrap()]);
        assert_eq!(of(&row[4]), number(&row[7]), "{row:?}");
        assert!(names.iter().all(|name| of(name) <= of(&row[6])), "{row:?}");
        assert!(row[1].starts_with(&row[4]), "{row:?}");
    }

    let without = |run: &Path, fold: usize| run.join(format!("without-fold-{fold}"));
    let weights: BTreeSet<Vec<u8>> = (1..5)
        .map(|fold| ending(&without(&unbroken.out, fold)).0)
        .chain([ending(&unbroken.out).0])
        .collect();
    assert_eq!(weights.len(), 5, "two trainings are the same");
    // The model is that of a run that does not cross-fit.
    let alone = TrainConfig {
        cross_fit: false,
        ..config.clone()
    };
    let alone = options(folder.path(), "alone", alone);
    train(&alone).unwrap().unwrap();
    assert!(ending(&alone.out).0 == ending(&unbroken.out).0);

    // Before the second training, and in it.
    let mut killed = options(folder.path(), "killed", config);
    for stop in [2, 3] {
        killed.stop_after = Some(stop);
        assert_eq!(train(&killed).unwrap(), None);
        killed.resume = true;
    }
    killed.stop_after = None;
    assert_eq!(train(&killed).unwrap(), Some(result));
    for fold in 1..5 {
        let ends = [&unbroken.out, &killed.out].map(|run| ending(&without(run, fold)));
        assert!(ends[0] == ends[1], "without fold {fold}");
        assert_eq!(ends[0].1.len(), 2);
    }

    let exported = export(
        &unbroken.out,
        &folder.path().join("models"),
        &[],
        None,
        Vec::new(),
    )
    .unwrap();
    let sets = exported.metadata.prediction_sets().unwrap();
    assert!(sets.calibrated_on.values().eq(&[8, 8, 8]));
    let card = card_of(&exported);
    assert!(card.contains("to 24 answers, each to an image"), "{card}");
    assert!(card.contains("| data, folds left out: all |"), "{card}");
    assert_eq!(exported.held_out[0].accuracy.images, 24);

    fs::remove_file(without(&unbroken.out, 3).join("model.safetensors")).unwrap();
    let models = folder.path().join("none");
    let error = export(&unbroken.out, &models, &[], None, Vec::new()).unwrap_err();
    let message = format!("{error:#}");
    assert!(
        message.contains("without-fold-3") && message.contains("--resume"),
        "{message}"
    );
    assert!(!models.exists());
    // What is left of a run is not taken for the next one's.
    fs::remove_file(unbroken.out.join("run.json")).unwrap();
    for left in ["model.safetensors", "checkpoint.json"] {
        assert!(error_of(&unbroken).contains("already holds a run"));
        fs::remove_file(unbroken.out.join(left)).unwrap();
    }
    assert!(error_of(&unbroken).contains("already holds a run"));
}

/// The text of a model's card.
fn card_of(exported: &Exported) -> String {
    ModelCard::new(exported, &[]).to_markdown().unwrap()
}

/// The validation losses of the epochs of the network itself.
fn validation_losses(run: &Path) -> Vec<f64> {
    let epochs = ending(run).1.into_iter();
    epochs.map(|epoch| epoch.validation_loss.unwrap()).collect()
}

#[test]
fn a_training_ends_when_its_validation_loss_has_not_fallen_for_as_long_as_patience_says() {
    let folder = phantoms(10);
    let patience = 2;
    let config = TrainConfig {
        validation: 0.3,
        cross_fit: true,
        detail: 64,
        head: HeadStage {
            epochs: 0,
            ..HeadStage::default()
        },
        fine_tune: FineTuneStage {
            epochs: 9,
            patience,
            side: vec![64],
            from_layer: vec![17],
            learning_rate: 0.0,
            head_learning_rate: 0.0,
            ..FineTuneStage::default()
        },
        ..quick()
    };
    // What does not move never falls: the first epoch is the best, and two more are waited for.
    let still = options(folder.path(), "still", config.clone());
    train(&still).unwrap().unwrap();
    assert_eq!(validation_losses(&still.out).len(), 1 + patience);
    // Trainings without a fold, which validate nothing, are as long.
    for fold in 1..5 {
        let epochs = ending(&still.out.join(format!("without-fold-{fold}"))).1;
        assert_eq!(epochs.len(), 1 + patience, "without fold {fold}");
    }
    // Killed while it waits, it ends at the same place.
    let mut killed = options(folder.path(), "killed", config.clone());
    killed.stop_after = Some(2);
    assert_eq!(train(&killed).unwrap(), None);
    killed.resume = true;
    killed.stop_after = None;
    train(&killed).unwrap().unwrap();
    assert!(ending(&killed.out) == ending(&still.out));

    // One that learns goes on as long as a lower loss came within the last epochs, and no longer.
    let mut learning = config;
    learning.cross_fit = false;
    learning.fine_tune.learning_rate = 5e-3;
    learning.fine_tune.head_learning_rate = 3e-3;
    let learning = options(folder.path(), "learning", learning);
    train(&learning).unwrap().unwrap();
    let losses = validation_losses(&learning.out);
    let best = |part: &[f64]| part.iter().copied().fold(f64::INFINITY, f64::min);
    let waited = |done: usize| {
        let (before, last) = losses[..done].split_at(done - patience);
        best(before) <= best(last)
    };
    for done in 1 + patience..losses.len() {
        assert!(
            !waited(done),
            "it should have ended after {done}: {losses:?}"
        );
    }
    assert!(losses.len() == 9 || waited(losses.len()), "{losses:?}");
    assert!(losses.len() > 1 + patience, "it learns: {losses:?}");
}

#[test]
fn what_is_refused_is_settled_by_images_that_were_left_out() {
    // Enough to train on for directions of embeddings without a fifth of them twice.
    let folder = phantoms(80);
    let mut options = options(folder.path(), "run", quick());
    options.config.cross_fit = true;
    options.config.head.epochs = 1;
    train(&options).unwrap().unwrap();
    let exported = export(
        &options.out,
        &folder.path().join("models"),
        &[],
        None,
        Vec::new(),
    )
    .unwrap();
    assert!(exported.metadata.in_distribution.is_some());
    // 54 generated images like those trained on: the limit is to accept more than 99 in 100.
    let refused = exported
        .evaluation()
        .in_distribution
        .as_ref()
        .unwrap()
        .refused;
    assert_eq!(refused.images, 54);
    assert!(refused.correct <= 2, "{refused:?}");
}

fn error_of(options: &TrainOptions) -> String {
    format!("{:#}", train(options).unwrap_err())
}

#[test]
fn a_folder_that_cannot_be_trained_on_is_refused_with_its_reason() {
    let folder = phantoms(5);
    let base = options(folder.path(), "run", quick());
    let with_data = |data: PathBuf| TrainOptions {
        data: vec![data],
        ..base.clone()
    };

    let missing = error_of(&with_data(folder.path().join("nowhere")));
    assert!(
        missing.contains("no data folder") && missing.contains("nowhere"),
        "{missing}"
    );

    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let message = error_of(&with_data(empty));
    assert!(message.contains("has no class folder"), "{message}");

    let lacking = folder.path().join("lacking");
    write_phantoms(&lacking, 2, 1).unwrap();
    fs::remove_dir_all(lacking.join("Viral Pneumonia")).unwrap();
    fs::create_dir(lacking.join("Viral Pneumonia")).unwrap();
    let message = error_of(&with_data(lacking));
    assert!(
        message.contains("Viral Pneumonia has no image"),
        "{message}"
    );

    let small = folder.path().join("small");
    write_phantoms(&small, 2, 1).unwrap();
    let mut options = with_data(small);
    options.config.cross_fit = true;
    let message = error_of(&options);
    assert!(message.contains("set cross_fit = false"), "{message}");
}

#[test]
fn unreadable_images_are_named_and_left_out_only_if_told_so() {
    let folder = phantoms(6);
    let mut options = options(folder.path(), "run", quick());
    options.config.head.epochs = 1;
    // In every fold of a class but one, so that at least one is among those trained on.
    for name in ["bad.png", "worse.jpg", "worst.png"] {
        fs::write(options.data[0].join("Normal").join(name), b"not an image").unwrap();
    }
    let message = error_of(&options);
    assert!(
        message.contains("could not be read") && message.contains("--skip-unreadable"),
        "{message}"
    );
    let named = ["bad.png", "worse.jpg", "worst.png"]
        .iter()
        .filter(|n| message.contains(**n))
        .count();
    assert!(named >= 1, "{message}");
    // A refused run leaves nothing in the way of the next.
    options.skip_unreadable = true;
    train(&options).unwrap().unwrap();
    let run: serde_json::Value =
        serde_json::from_slice(&fs::read(options.out.join("run.json")).unwrap()).unwrap();
    assert_eq!(run["unreadable"], named);
}

#[test]
fn runs_are_not_overwritten_and_not_resumed_as_something_else() {
    let folder = phantoms(5);
    let mut options = options(folder.path(), "run", quick());
    options.config.head.epochs = 1;
    options.resume = true;
    assert!(error_of(&options).contains("no run to resume"));
    options.resume = false;
    train(&options).unwrap().unwrap();
    assert!(error_of(&options).contains("already holds a run"));
    options.resume = true;
    options.config.seed += 1;
    assert!(error_of(&options).contains("configuration differs"));
}

#[test]
fn weights_that_are_no_backbone_are_refused() {
    let folder = phantoms(5);
    let mut options = options(folder.path(), "run", quick());
    let file = folder.path().join("weights.safetensors");
    options.pretrained = Some(file.clone());
    assert!(error_of(&options).contains("weights.safetensors"));
    fs::remove_dir_all(&options.out).ok();
    fs::write(&file, b"not weights").unwrap();
    assert!(error_of(&options).contains("not a readable safetensors file"));
}

#[test]
fn no_group_is_ever_divided() {
    let folder = phantoms(20);
    let data = folder.path().join("data");
    let mut table = "file,label,group\n".to_owned();
    for (class, _) in [("Normal", 0), ("Lung_Opacity", 1), ("Viral Pneumonia", 2)] {
        for number in 1..=20 {
            let extension = if number % 2 == 1 { "png" } else { "jpg" };
            table += &format!(
                "{class}/{number}.{extension},{class},{class}-{}\n",
                number / 3
            );
        }
    }
    fs::write(data.join("groups.csv"), &table).unwrap();
    let dataset = Dataset::open(&data).unwrap();
    for seed in 0..5 {
        let split = dataset.split(0, 0.3, seed).unwrap();
        let part_of = |group: &str| {
            [&split.train, &split.validation, &split.test]
                .iter()
                .filter(|part| part.iter().any(|i| dataset.examples[*i].group == group))
                .count()
        };
        for example in &dataset.examples {
            assert_eq!(part_of(&example.group), 1, "{}", example.group);
        }
        assert!(!split.test.is_empty() && !split.validation.is_empty());
        // Nor by leaving a fold out: every image that is trained on is left out once, with its whole group.
        let parts = split.parts(&dataset).unwrap();
        let mut left_out: Vec<usize> = parts.iter().flat_map(|p| p.held_out.clone()).collect();
        left_out.sort_unstable();
        assert_eq!(left_out, split.train);
        for part in &parts {
            assert_eq!(
                part.train.len() + part.held_out.len(),
                split.train.len(),
                "fold {}",
                part.fold
            );
            let groups = |indices: &[usize]| -> BTreeSet<String> {
                let group = |i: &usize| dataset.examples[*i].group.clone();
                indices.iter().map(group).collect()
            };
            assert!(groups(&part.train).is_disjoint(&groups(&part.held_out)));
        }
    }
    // The table is held against the folder.
    fs::write(
        data.join("groups.csv"),
        table.replace("Normal/1.png,Normal", "Normal/1.png,Lung_Opacity"),
    )
    .unwrap();
    assert!(
        Dataset::open(&data)
            .unwrap_err()
            .to_string()
            .contains("lies in the folder of Normal")
    );
    fs::write(data.join("groups.csv"), "file,label,group\n").unwrap();
    assert!(
        Dataset::open(&data)
            .unwrap_err()
            .to_string()
            .contains("no line for")
    );
}
