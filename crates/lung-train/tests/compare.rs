//! Comparing networks on generated images: killed and gone on with, added to, and refused where it makes no sense.

// A helper of a test fails as the test does.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use lung_train::augment::Augmentation;
use lung_train::compare::{
    CompareOptions, Outcome, Protocol, Recipe, StartKind, Table, image_key, tables_only,
};
use lung_train::data::write_phantoms;
use lung_train::networks::{Architecture, FINDINGS};
use lung_train::train::TrainingDevice;
use mobilenet_lung::bundle::{read_tensors, write_tensors};
use mobilenet_lung::network::{BatchNorms, MobileNetLungConfig};
use mobilenet_lung::state_dict;
use tempfile::TempDir;

/// First weights and dropout come from the one generator that a process has for its device: two that draw at once take numbers
/// from each other.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn compare(options: &CompareOptions) -> anyhow::Result<Option<Table>> {
    let _alone = alone();
    lung_train::compare::compare(options)
}

fn phantoms(per_class: u64) -> TempDir {
    let folder = TempDir::new().unwrap();
    write_phantoms(&folder.path().join("data"), per_class, 1).unwrap();
    folder
}

/// Two small networks, an epoch each.
fn options(folder: &Path, out: &str) -> CompareOptions {
    let lung = Architecture::of_the_paper()[0];
    CompareOptions {
        data: folder.join("data"),
        out: folder.join(out),
        networks: vec![lung, Architecture::SqueezeNet],
        reference: lung,
        pretrained: Vec::new(),
        starts: vec![StartKind::Scratch],
        protocols: vec![Protocol::Paper, Protocol::Grouped],
        folds: vec![0],
        seeds: vec![1],
        recipe: Recipe {
            side: 32,
            epochs: 1,
            batch: 8,
            augmentation: Augmentation::default(),
            ..Recipe::default()
        },
        device: TrainingDevice::Cpu,
        skip_unreadable: false,
        leave_out: Vec::new(),
        allow_duplicates: false,
        elsewhere: None,
        stop_after: None,
    }
}

/// Every cell's file, without what a clock says.
fn cells(out: &Path) -> BTreeMap<String, Outcome> {
    fs::read_dir(out.join("cells"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .map(|path| {
            let mut outcome: Outcome = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            outcome.seconds = 0.0;
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                outcome,
            )
        })
        .collect()
}

fn error_of(options: &CompareOptions) -> String {
    format!("{:#}", compare(options).unwrap_err())
}

#[test]
fn a_killed_comparison_goes_on_and_ends_where_an_unbroken_one_does() {
    let folder = phantoms(12);
    let unbroken = options(folder.path(), "unbroken");
    let table = compare(&unbroken).unwrap().unwrap();
    assert_eq!(table.parts.len(), 2);
    for part in &table.parts {
        assert_eq!(part.rows.len(), 2);
        assert_eq!(part.rows[0].versus, []);
        assert_eq!(part.rows[1].versus.len(), 1);
        assert!(part.rows.iter().all(|row| row.start == "from scratch"));
    }
    let text = fs::read_to_string(unbroken.out.join("table.md")).unwrap();
    assert!(
        text.contains("SqueezeNet 1.1") && text.contains("32 x 32, 1 epochs"),
        "{text}"
    );
    let json: Table =
        serde_json::from_slice(&fs::read(unbroken.out.join("table.json")).unwrap()).unwrap();
    // Numbers lose their last bit in JSON.
    assert_eq!(json.to_markdown().unwrap(), table.to_markdown().unwrap());
    assert_eq!(table.to_markdown().unwrap(), text);

    let mut killed = options(folder.path(), "killed");
    for _ in 0..3 {
        killed.stop_after = Some(1);
        assert_eq!(compare(&killed).unwrap(), None);
        // What a kill in the middle of writing leaves.
        let cut = "cells/squeezenet-scratch-grouped-fold0-seed1.part";
        fs::write(killed.out.join(cut), b"{\"cell\":").unwrap();
    }
    assert_eq!(cells(&killed.out).len(), 3);
    killed.stop_after = None;
    compare(&killed).unwrap().unwrap();
    assert_eq!(cells(&killed.out), cells(&unbroken.out));

    // Nothing is trained twice: the same command only reads.
    let before = fs::metadata(
        killed
            .out
            .join("cells/squeezenet-scratch-paper-fold0-seed1.json"),
    )
    .unwrap()
    .modified()
    .unwrap();
    let again = compare(&killed).unwrap().unwrap();
    let after = fs::metadata(
        killed
            .out
            .join("cells/squeezenet-scratch-paper-fold0-seed1.json"),
    )
    .unwrap()
    .modified()
    .unwrap();
    assert_eq!(before, after);
    assert_eq!(
        again.parts[0].rows[0].size,
        table_of(&killed).parts[0].rows[0].size
    );

    // Another seed is another cell, and adds to what is there.
    killed.seeds = vec![1, 2];
    let more = compare(&killed).unwrap().unwrap();
    assert_eq!(cells(&killed.out).len(), 8);
    assert_eq!(more.parts[0].rows[1].versus.len(), 2);
    let found = cells(&killed.out);
    assert_ne!(
        found["squeezenet-scratch-paper-fold0-seed1.json"].train_loss,
        found["squeezenet-scratch-paper-fold0-seed2.json"].train_loss
    );
    // Another budget is not.
    killed.recipe.epochs = 2;
    assert!(error_of(&killed).contains("choose another --out"));
}

fn table_of(options: &CompareOptions) -> Table {
    serde_json::from_slice(&fs::read(options.out.join("table.json")).unwrap()).unwrap()
}

/// MobileNetV2's backbone with random weights, as a file.
fn backbone(folder: &Path) -> PathBuf {
    let _alone = alone();
    let network = MobileNetLungConfig {
        attention: mobilenet_lung::network::AttentionConfig::NONE,
        findings: FINDINGS,
        dropout: 0.0,
        norms: BatchNorms::Folded,
    }
    .init(&burn::tensor::Device::flex());
    let mut state = state_dict(&network).unwrap();
    state.retain(|name, _| !name.starts_with("classifier."));
    let path = folder.join("backbone.safetensors");
    fs::write(&path, write_tensors(&state, Default::default()).unwrap()).unwrap();
    path
}

#[test]
fn a_start_is_named_and_a_network_without_one_is_one_cell_in_both_parts() {
    let folder = phantoms(12);
    let path = backbone(folder.path());
    let options = CompareOptions {
        starts: vec![StartKind::Best, StartKind::Scratch],
        protocols: vec![Protocol::Grouped],
        pretrained: vec![(Architecture::MobileNetV2, path.clone())],
        ..options(folder.path(), "run")
    };
    let table = compare(&options).unwrap().unwrap();
    let starts: Vec<Vec<&str>> = table
        .parts
        .iter()
        .map(|part| part.rows.iter().map(|row| row.start.as_str()).collect())
        .collect();
    // MobileNet-Lung starts from MobileNetV2's weights.
    assert_eq!(
        starts,
        [
            ["backbone.safetensors", "from scratch"],
            ["from scratch", "from scratch"]
        ]
    );
    assert_eq!(cells(&options.out).len(), 3);
    // Folded, it has no norms: fewer numbers than from scratch.
    let sizes: Vec<usize> = table
        .parts
        .iter()
        .map(|part| part.rows[0].size.parameters)
        .collect();
    assert!(sizes[0] < sizes[1], "{sizes:?}");

    let other = folder.path().join("other.safetensors");
    fs::copy(&path, &other).unwrap();
    let elsewhere = CompareOptions {
        pretrained: vec![(Architecture::MobileNetV2, other)],
        ..options.clone()
    };
    assert!(error_of(&elsewhere).contains("backbone.safetensors"));

    // A file that does not fit is known before anything is trained.
    let mut state = read_tensors(&fs::read(&path).unwrap()).unwrap();
    let stem = state.get_mut("features.0.0.weight").unwrap();
    stem.shape = vec![16, 6, 3, 3];
    fs::write(&path, write_tensors(&state, Default::default()).unwrap()).unwrap();
    let fresh = CompareOptions {
        out: folder.path().join("fresh"),
        ..options
    };
    let message = error_of(&fresh);
    for part in [
        "backbone.safetensors",
        "`features.0.0.weight`",
        "[16, 6, 3, 3]",
        "[32, 3, 3, 3]",
    ] {
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(cells(&fresh.out).len(), 0);
}

#[test]
fn attentions_are_chosen_without_a_look_at_fold_0() {
    let folder = phantoms(15);
    let data = folder.path().join("data");
    // Fold 0's images cannot be read, and nobody notices.
    let dataset = lung_train::data::Dataset::open(&data).unwrap();
    for example in dataset.examples.iter().filter(|example| example.fold == 0) {
        fs::write(data.join(&example.file), b"not an image").unwrap();
    }
    let attentions = Architecture::with_every_attention();
    let options = CompareOptions {
        networks: vec![attentions[0], attentions[4]],
        reference: attentions[0],
        protocols: vec![Protocol::Inner],
        folds: vec![1, 2],
        ..options(folder.path(), "run")
    };
    let table = compare(&options).unwrap().unwrap();
    assert!(table.parts[0].division.contains("fold 0 is not touched"));
    for outcome in cells(&options.out).values() {
        assert_eq!(outcome.images.iter().sum::<usize>(), 4 * 3 * FINDINGS);
        for image in &outcome.tested {
            let example = dataset
                .examples
                .iter()
                .find(|e| image_key(&e.file) == image.image)
                .unwrap();
            assert_eq!(example.fold, outcome.cell.fold);
        }
    }
    let touching = CompareOptions {
        folds: vec![0, 1],
        ..options
    };
    assert!(error_of(&touching).contains("has folds 1 to 4"));
}

#[test]
fn networks_are_asked_of_other_images_also_when_they_were_trained_before() {
    let folder = phantoms(12);
    let mut options = CompareOptions {
        protocols: vec![Protocol::Grouped],
        ..options(folder.path(), "run")
    };
    let table = compare(&options).unwrap().unwrap();
    assert!(table.parts[0].elsewhere.is_empty());
    let before = cells(&options.out);
    let name = "squeezenet-scratch-grouped-fold0-seed1";
    let own = &before[&format!("{name}.json")];
    // The test images once more: what the network called them is known. One file is no image.
    let dataset = lung_train::data::Dataset::open(&options.data).unwrap();
    let mut text = "file,label,hospital\nbroken.png,normal,North\n".to_owned();
    let mut expected = vec![vec![0; FINDINGS]; FINDINGS];
    for example in &dataset.examples {
        let key = image_key(&example.file);
        if let Some(tested) = own.tested.iter().find(|tested| tested.image == key) {
            text += &format!("data/{},finding {},North\n", example.file, tested.truth);
            expected[tested.truth][tested.called] += 1;
        }
    }
    fs::write(folder.path().join("broken.png"), b"not an image").unwrap();
    let index = folder.path().join("index.csv");
    fs::write(&index, text).unwrap();
    options.elsewhere = Some(index.clone());
    let table = compare(&options).unwrap().unwrap();
    let asked = cells(&options.out);
    for (truth, kind) in table.parts[0].elsewhere.iter().enumerate() {
        let images = expected[truth].iter().sum::<usize>();
        assert_eq!(
            (kind.stratum.label.clone(), kind.images),
            (format!("finding {truth}"), images)
        );
        let share = |count: &usize| *count as f64 / images as f64;
        let shares: Vec<f64> = expected[truth].iter().map(share).collect();
        assert_eq!(kind.shares[1].as_ref(), Some(&shares));
    }
    assert_eq!(table.parts[0].elsewhere.len(), FINDINGS);
    let markdown = table.to_markdown().unwrap();
    assert!(markdown.contains("| finding 0 | "), "{markdown}");
    // Nothing else of a cell has changed, and asked once is asked.
    let mut plain = asked[&format!("{name}.json")].clone();
    assert_eq!(
        plain.elsewhere.take().unwrap().table.count,
        own.tested.len() + 1
    );
    assert_eq!(&plain, own);
    fs::remove_dir_all(options.out.join("networks")).unwrap();
    compare(&options).unwrap().unwrap();
    assert_eq!(cells(&options.out), asked);
    // Of another table they cannot be asked without the networks, and keep what they said; a damaged network is named.
    fs::write(&index, "file,label\nbroken.png,normal\n").unwrap();
    compare(&options).unwrap().unwrap();
    assert_eq!(cells(&options.out), asked);
    fs::write(&index, "file,label\nNormal/none.png,normal\n").unwrap();
    fs::create_dir(options.out.join("networks")).unwrap();
    let network = options.out.join(format!("networks/{name}.safetensors"));
    fs::write(&network, b"cut").unwrap();
    assert!(error_of(&options).contains("could be read"));
    let image = dataset.examples[0].file.clone();
    fs::write(&index, format!("file,label\ndata/{image},normal\n")).unwrap();
    assert!(error_of(&options).contains(&format!("{name}.safetensors is not the network")));
}

/// A folder as it is published: with cells, and without the list of files.
fn published(folder: &Path) -> CompareOptions {
    let options = CompareOptions {
        protocols: vec![Protocol::Grouped],
        ..options(folder, "published")
    };
    compare(&options).unwrap().unwrap();
    fs::remove_file(options.out.join("files.csv")).unwrap();
    options
}

#[test]
fn a_published_comparison_gives_its_tables_and_goes_on_without_the_list_of_its_files() {
    let folder = phantoms(12);
    let mut options = published(folder.path());
    let before = fs::read_to_string(options.out.join("table.md")).unwrap();
    fs::remove_file(options.out.join("table.md")).unwrap();
    // Without the images, and of all networks that are there.
    let table = tables_only(&options.out, &[]).unwrap();
    assert_eq!(table.to_markdown().unwrap(), before);
    let cell = options
        .out
        .join("cells/squeezenet-scratch-grouped-fold0-seed1.json");
    let text = fs::read_to_string(&cell).unwrap();
    assert!(!text.contains(".png") && !text.contains(".jpg"), "{text}");
    let outcome: Outcome = serde_json::from_str(&text).unwrap();
    assert_eq!(outcome.tested.len(), outcome.images[2]);
    assert!(outcome.commit.is_none_or(|commit| commit.len() >= 12));

    // The same images go on, and their cells are as they were.
    options.seeds = vec![1, 2];
    compare(&options).unwrap().unwrap();
    assert_eq!(fs::read_to_string(&cell).unwrap(), text);
    assert_eq!(cells(&options.out).len(), 4);
    // Other images do not.
    fs::remove_file(options.out.join("files.csv")).unwrap();
    let image = fs::read_dir(folder.path().join("data/Normal")).unwrap();
    let image = image.map(|entry| entry.unwrap().path()).max().unwrap();
    let other = fs::read_dir(folder.path().join("data/Lung_Opacity")).unwrap();
    let other = other.map(|entry| entry.unwrap().path());
    let other = other
        .filter(|path| path.extension() == image.extension())
        .max()
        .unwrap();
    fs::copy(other, image).unwrap();
    options.allow_duplicates = true;
    let message = error_of(&options);
    assert!(message.contains("other images"), "{message}");
}

#[test]
fn a_cell_that_does_not_belong_is_named_and_left_alone() {
    let folder = phantoms(12);
    let options = published(folder.path());
    let cell = options
        .out
        .join("cells/squeezenet-scratch-grouped-fold0-seed1.json");
    let whole = fs::read_to_string(&cell).unwrap();
    let with = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut value: serde_json::Value = serde_json::from_str(&whole).unwrap();
        change(&mut value);
        value.to_string()
    };
    for (text, part) in [
        (whole[..whole.len() / 2].to_owned(), "is damaged"),
        (
            with(&|cell| cell["version"] = 3.into()),
            "use a newer version",
        ),
        (
            with(&|cell| cell["data"]["sha256"] = "00".into()),
            "another data set",
        ),
        (
            with(&|cell| cell["recipe"]["epochs"] = 9.into()),
            "another recipe",
        ),
        (with(&|cell| cell["tested"][0][1] = 7.into()), "is damaged"),
    ] {
        fs::write(&cell, &text).unwrap();
        let message = error_of(&options);
        assert!(
            message.contains(part) && message.contains("squeezenet-scratch"),
            "{part}: {message}"
        );
        // The table of the others is made, and the file is as it was.
        let table = tables_only(&options.out, &[]).unwrap();
        assert_eq!(table.parts[0].rows.len(), 1);
        assert_eq!(fs::read_to_string(&cell).unwrap(), text);
    }
    for file in fs::read_dir(options.out.join("cells")).unwrap() {
        fs::remove_file(file.unwrap().path()).unwrap();
    }
    let nowhere = folder.path().join("nowhere");
    for out in [&options.out, &nowhere] {
        let message = format!("{:#}", tables_only(out, &[]).unwrap_err());
        assert!(
            message.contains("lung compare --data DIR --out"),
            "{message}"
        );
    }
}

#[test]
fn the_shipped_recipe_trains_the_head_first_and_is_another_comparison() {
    let folder = phantoms(12);
    let path = backbone(folder.path());
    let plain = CompareOptions {
        networks: vec![Architecture::MobileNetV2],
        reference: Architecture::MobileNetV2,
        starts: vec![StartKind::Best],
        protocols: vec![Protocol::Grouped],
        pretrained: vec![(Architecture::MobileNetV2, path)],
        ..options(folder.path(), "plain")
    };
    let shipped = CompareOptions {
        recipe: Recipe {
            side: 32,
            epochs: 1,
            batch: 8,
            draws: 16,
            ..Recipe::shipped().unwrap()
        },
        out: folder.path().join("shipped"),
        ..plain.clone()
    };
    let text = compare(&shipped).unwrap().unwrap().to_markdown().unwrap();
    assert!(text.contains("by the shipped model's recipe"), "{text}");
    let outcome = cells(&shipped.out).into_values().next().unwrap();
    // Two epochs of the head, and one of all.
    assert_eq!(outcome.train_loss.len(), 3);
    compare(&plain).unwrap().unwrap();
    let mixed = CompareOptions {
        out: shipped.out,
        ..plain
    };
    assert!(error_of(&mixed).contains("choose another --out"));
}

#[test]
fn what_makes_no_sense_is_refused_in_a_sentence() {
    let folder = phantoms(3);
    let base = options(folder.path(), "run");
    let with = |change: &dyn Fn(&mut CompareOptions)| {
        let mut options = base.clone();
        change(&mut options);
        error_of(&options)
    };
    for (message, part) in [
        (with(&|o| o.recipe.epochs = 0), "--epochs"),
        (with(&|o| o.recipe.batch = 1), "--batch"),
        (
            with(&|o| o.recipe.side = 16),
            "SqueezeNet 1.1 needs at least 17",
        ),
        (
            with(&|o| o.recipe.learning_rate = f64::NAN),
            "learning rate",
        ),
        (with(&|o| o.folds = vec![5]), "--folds has 5"),
        (with(&|o| o.seeds.clear()), "--seeds is empty"),
        (
            with(&|o| o.networks.push(Architecture::SqueezeNet)),
            "named twice",
        ),
        (with(&|o| o.reference = Architecture::Vgg11), "vgg11"),
        (
            with(&|o| o.pretrained = vec![(Architecture::Vgg11, "gone.pth".into())]),
            "gone.pth",
        ),
        (with(&|o| o.data = "nowhere".into()), "no data folder"),
        // Three images a class do not fill ten tenths.
        (with(&|o| o.folds = vec![4]), "too small to be divided"),
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
}
