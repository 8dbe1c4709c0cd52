//! Seven findings with made-up names, from class folders to answers; and folders, descriptions and weights files that cannot be.

// A helper of a test fails as the test does.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;

use lung_train::data::{Dataset, Listing, Selection};
use mobilenet_lung::Findings;
use serde_json::{Value, json};

mod common;
use common::{Folder, current, lung, shipped};

const SEVEN: [&str; 7] = [
    "Bramble",
    "cinder_cough",
    "Drizzle",
    "Ember lung",
    "Fogbank",
    "Gorse",
    "Healthy",
];

/// The shortest training that trains the network itself too.
const QUICK: &str = "validation = 0.0
cross_fit = false
batch = 8
detail = 64
[head]
epochs = 1
[fine_tune]
epochs = 2
side = [64]
from_layer = [17]
";

/// A folder for a test.
struct Case {
    folder: Folder,
}

impl std::ops::Deref for Case {
    type Target = Folder;

    fn deref(&self) -> &Folder {
        &self.folder
    }
}

impl Case {
    fn new() -> Self {
        Self {
            folder: Folder::new(),
        }
    }

    /// An image file of no content in each of these folders of `data`: nothing that is tested with them looks into a file.
    fn folders(&self, names: &[&str]) {
        for name in names {
            self.write(&format!("data/{name}/1.png"), b"");
        }
    }

    fn error(&self) -> String {
        Dataset::open(&self.path("data")).unwrap_err().to_string()
    }

    fn listing(&self) -> Listing {
        Listing::of(&[self.path("data")], &[]).unwrap()
    }

    /// Generated radiographs of seven classes in `data`, and a run of them in `run`.
    fn trained(&self, more: &[&str]) {
        let (data, run, config) = (
            self.text("data"),
            self.text("run"),
            self.text("config.toml"),
        );
        let classes = SEVEN.join(",");
        said(&[
            "phantom",
            "--out",
            &data,
            "--per-class",
            "6",
            "--classes",
            &classes,
        ]);
        self.write("config.toml", QUICK.as_bytes());
        let train = ["train", "--data", &data, "--out", &run, "--config", &config];
        said(&[&train[..], more].concat());
    }

    /// The weights file that the run's model is exported to.
    fn exported(&self) -> String {
        let (run, models) = (self.text("run"), self.text("models"));
        let card = self.text("card.md");
        said(&["export", "--run", &run, "--out", &models, "--card", &card]);
        let file = current(&self.path("models"));
        file.to_str().unwrap().to_owned()
    }
}

/// What a command prints that ends well.
fn said(arguments: &[&str]) -> String {
    let output = lung(arguments);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {message}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What a command says that is refused.
fn refused(arguments: &[&str]) -> String {
    let output = lung(arguments);
    assert!(!output.status.success(), "{arguments:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn seven_made_up_findings_go_from_folders_to_answers() {
    let case = Case::new();
    case.trained(&["--epochs", "1", "--draws", "40"]);
    let model = case.exported();
    let image = case.text("data/Drizzle/1.png");

    let line = said(&["predict", "--model", &model, "--format", "ndjson", &image]);
    let line: Value = serde_json::from_str(&line).unwrap();
    let probabilities = line["probabilities"].as_object().unwrap();
    let ids: BTreeSet<&str> = probabilities.keys().map(String::as_str).collect();
    assert_eq!(ids, BTreeSet::from(SEVEN));
    let sum: f64 = probabilities.values().map(|p| p.as_f64().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-4, "{sum}");
    assert!(SEVEN.contains(&line["finding"].as_str().unwrap()));
    assert_eq!(line["operating_point"], "default");

    let parquet = case.text("answers.parquet");
    said(&["predict", "--model", &model, "--out", &parquet, &image]);
    let bytes = String::from_utf8_lossy(&fs::read(&parquet).unwrap()).into_owned();
    for column in [
        "probability_bramble",
        "probability_cinder_cough",
        "probability_ember_lung",
    ] {
        assert!(bytes.contains(column), "{column}");
    }

    let onnx = case.text("onnx");
    said(&[
        "export", "--format", "onnx", "--model", &model, "--out", &onnx,
    ]);
    let file = fs::read_dir(&onnx).unwrap().next().unwrap().unwrap();
    let bytes = String::from_utf8_lossy(&fs::read(file.path()).unwrap()).into_owned();
    assert!(bytes.contains("cinder_cough") && bytes.contains("operating_point"));

    let (data, json, html) = (case.text("data"), case.text("t.json"), case.text("t.html"));
    let evaluate = [
        "evaluate", "--model", &model, "--data", &data, "--json", &json, "--html", &html,
    ];
    let text = said(&evaluate);
    assert!(
        text.contains("cinder_cough") && !text.contains("Viral"),
        "{text}"
    );
    let tests: Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
    assert_eq!(tests["confusion"].as_array().unwrap().len(), 7);
    assert_eq!(tests["accuracy"]["images"], 42);
    assert_eq!(tests["curves"].as_object().unwrap().len(), 7);
    for file in ["t.html", "card.md"] {
        let text = fs::read_to_string(case.path(file)).unwrap();
        assert!(text.contains("Ember lung"), "{file}");
        assert!(
            !text.contains("Lung_Opacity") && !text.contains("Viral"),
            "{file}"
        );
    }

    // An operating point that there is not names those that there are, before anything is read.
    for arguments in [
        &["predict", "--model", &model, &image][..],
        &["evaluate", "--model", &model, "--data", &data],
    ] {
        let message = refused(&[arguments, &["--operating-point", "clinic"]].concat());
        assert!(
            message.contains("clinic") && message.contains("default"),
            "{message}"
        );
        said(&[arguments, &["--operating-point", "default"]].concat());
    }
}

#[test]
fn known_folders_keep_their_findings_and_others_are_named_as_they_are() {
    let case = Case::new();
    case.folders(&["normal", "viral_pneumonia", "Lung Opacity", "wet_lung"]);
    let findings = case.listing().dataset.findings;
    let known = Findings::lung_xray();
    for (row, finding) in known.iter().enumerate() {
        assert_eq!(findings.get(row), Some(finding));
    }
    let other = findings.get(3).unwrap();
    assert_eq!(
        (other.id.as_str(), other.name.as_str()),
        ("wet_lung", "wet lung")
    );
    assert!(other.role.is_none() && other.translations.is_empty());
}

#[test]
fn folders_that_make_no_model_are_refused_with_the_culprit() {
    let case = Case::new();
    case.folders(&["only_one"]);
    let message = case.error();
    assert!(
        message.contains("one class, only_one") && message.contains("2 to 20"),
        "{message}"
    );

    let case = Case::new();
    let names: Vec<String> = (1..=21).map(|number| format!("class {number}")).collect();
    case.folders(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let message = case.error();
    assert!(
        message.contains("21 class folders") && message.contains("class 21"),
        "{message}"
    );

    let case = Case::new();
    case.folders(&["a", "b", "_-_"]);
    assert!(case.error().contains("`_-_`"), "{}", case.error());

    let case = Case::new();
    case.folders(&["a", "wet lung", "Wet_Lung"]);
    let message = case.error();
    assert!(message.contains("Wet_Lung and wet lung"), "{message}");

    // An empty folder of a known name is no finding that was forgotten, one of another name is.
    let case = Case::new();
    case.folders(&["a", "b"]);
    fs::create_dir(case.path("data/notes")).unwrap();
    assert!(case.listing().notes[0].contains("notes (0 images): it holds no image"));
    fs::create_dir(case.path("data/Normal")).unwrap();
    assert!(
        case.error().contains("the class Normal has no image"),
        "{}",
        case.error()
    );
}

#[test]
fn a_description_says_what_folders_count_as() {
    let case = Case::new();
    case.folders(&["ward a", "ward b", "clear", "doubtful", "abroad"]);
    case.write(
        "data/dataset.toml",
        br##"
[[findings]]
id = "Well"
role = "normal"
translations = { fr = "Sain" }
[[findings]]
id = "Sick"
colour = "#aa0000"
[folders.clear]
target = "Well"
[folders."ward a"]
target = "Sick"
[folders."Ward B"]
target = "Sick"
[folders.doubtful]
target = { Well = 0.4, Sick = 0.6 }
[folders.abroad]
correct = ["Sick", "Well"]
test_only = true
[origin]
column = "hospital"
"##,
    );
    let mut table = "file,label,group,hospital,fold\n".to_owned();
    for (number, folder) in ["ward a", "ward b", "clear", "doubtful", "abroad"]
        .iter()
        .enumerate()
    {
        table += &format!("{folder}/1.png,{folder},g{number},town {number},{number}\n");
    }
    case.write("data/groups.csv", table.as_bytes());
    let dataset = case.listing().dataset;
    assert_eq!(dataset.findings.ids().collect::<Vec<_>>(), ["Well", "Sick"]);
    assert_eq!(dataset.findings.normal(), Some(0));
    let example = |folder: &str| {
        let mut examples = dataset.examples.iter();
        examples
            .find(|example| example.file.starts_with(folder))
            .unwrap()
    };
    assert_eq!(example("ward a").class, example("ward b").class);
    assert_eq!(
        dataset.classes[example("doubtful").class].target,
        [0.4, 0.6]
    );
    assert_eq!(dataset.label(example("doubtful")), "Sick (doubtful)");
    assert_eq!(example("clear").origin, "town 2");
    let abroad = example("abroad");
    assert!(abroad.test_only);
    assert_eq!(dataset.classes[abroad.class].correct, [1, 0]);
    // It is tested on whatever the fold, and never trained on.
    let split = dataset.split(0, 0.0, 1).unwrap();
    assert_eq!(split.test.len(), 2);
    assert!(
        split
            .train
            .iter()
            .all(|index| !dataset.examples[*index].test_only)
    );

    for (text, words) in [
        (
            "[folders.clear]\ntarget = { a = 0.5, b = 0.3 }",
            "`clear` sum to 0.800",
        ),
        (
            "[[findings]]\nid = \"a\"\ntranslations = { tlh = \"A\" }\n[[findings]]\nid = \"b\"",
            "`tlh`",
        ),
        ("[folder.clear]", "unknown field `folder`"),
    ] {
        case.write("data/dataset.toml", text.as_bytes());
        let message = case.error();
        assert!(
            message.contains(words) && message.contains("dataset.toml"),
            "{words}: {message}"
        );
    }
}

#[test]
fn a_model_is_tested_on_the_folders_that_it_has_findings_for() {
    let case = Case::new();
    case.folders(&["Normal", "bacterial pneumonia", "fracture"]);
    let selection = Selection {
        findings: Some(&Findings::lung_xray()),
        ..Selection::default()
    };
    let listing = Listing::selected(&[case.path("data")], &selection).unwrap();
    let labels: Vec<String> = (listing.dataset.examples.iter())
        .map(|example| listing.dataset.label(example))
        .collect();
    assert_eq!(labels, ["Normal", "Lung_Opacity (bacterial)"]);
    let notes = listing.notes.join("\n");
    assert!(
        notes.contains("fracture (1 image): the model has no such finding"),
        "{notes}"
    );
    let case = Case::new();
    case.folders(&["fracture"]);
    let error = Listing::selected(&[case.path("data")], &selection)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("no image of a finding of the model"),
        "{error}"
    );
}

#[test]
fn patients_in_the_names_of_files_are_never_divided() {
    let case = Case::new();
    for name in [
        "a/person1_virus_1.png",
        "a/person1_virus_2.png",
        "b/person1_virus_9.png",
        "b/7.png",
    ] {
        case.write(&format!("data/{name}"), b"");
    }
    let listing = case.listing();
    let groups: Vec<&str> = listing
        .dataset
        .examples
        .iter()
        .map(|e| e.group.as_str())
        .collect();
    let folds: Vec<usize> = listing.dataset.examples.iter().map(|e| e.fold).collect();
    assert_eq!(groups[0], groups[1]);
    assert_eq!((groups[0], folds[0]), (groups[3], folds[3]));
    assert_ne!(groups[0], groups[2]);
    let notes = listing.notes.join("\n");
    assert!(notes.contains("3 images are of 1 patients"), "{notes}");
}

#[test]
fn a_run_from_before_data_sets_were_described_is_still_exported() {
    let case = Case::new();
    let (data, run, config) = (
        case.text("data"),
        case.text("run"),
        case.text("config.toml"),
    );
    said(&["phantom", "--out", &data, "--per-class", "6"]);
    case.write("config.toml", QUICK.as_bytes());
    said(&[
        "train", "--data", &data, "--out", &run, "--config", &config, "--epochs", "1",
    ]);
    let text = fs::read(case.path("run/run.json")).unwrap();
    let mut run: Value = serde_json::from_slice(&text).unwrap();
    let fields = run.as_object_mut().unwrap();
    assert!(fields.remove("findings").is_some() && fields.remove("description").is_some());
    fields["config"]["bacterial_as_viral"] = 0.25.into();
    let fine_tune = fields["config"]["fine_tune"].as_object_mut().unwrap();
    fine_tune.remove("patience");
    case.write("run/run.json", run.to_string().as_bytes());
    let (bundle, _) = lung_train::predict::load_classifier(case.exported().as_ref()).unwrap();
    assert_eq!(bundle.metadata().findings, Findings::lung_xray());
}

/// The shipped weights as a file of format 2 had them: one temperature, and no word of operating points.
fn of_format_2() -> Vec<u8> {
    let bytes = fs::read(shipped()).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let (header, tensors) = bytes[8..].split_at(length);
    let mut header: Value = serde_json::from_slice(header).unwrap();
    let today: Value =
        serde_json::from_str(header["__metadata__"]["bundle"].as_str().unwrap()).unwrap();
    let older = json!({
        "format_version": 2,
        "architecture": today["architecture"],
        "attention": today["attention"],
        "findings": ["Normal", "Lung_Opacity", "Viral Pneumonia"],
        "preprocessing": {
            "side": 224, "detail": 224,
            "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225],
        },
        "temperature": 0.75,
        "in_distribution": today["in_distribution"],
        "trained_on": "", "test": null, "licence": "", "commit": "", "notice": "",
    });
    header["__metadata__"]["bundle"] = older.to_string().into();
    let mut header = header.to_string().into_bytes();
    // The format wants tensors at multiples of eight bytes.
    header.resize(header.len().next_multiple_of(8), b' ');
    let length = (header.len() as u64).to_le_bytes();
    [&length[..], &header, tensors].concat()
}

#[test]
fn an_older_weights_file_is_written_again_with_the_same_answers() {
    let case = Case::new();
    case.write("old.safetensors", &of_format_2());
    let old = case.text("old.safetensors");
    let out = case.text("models");
    said(&["export", "--model", &old, "--out", &out]);
    let new = current(&case.path("models"));
    let image = case.text("data/Normal/1.png");
    said(&["phantom", "--out", &case.text("data"), "--per-class", "1"]);
    let answer = |model: &str| -> Value {
        let line = said(&["predict", "--model", model, "--format", "ndjson", &image]);
        serde_json::from_str(&line).unwrap()
    };
    let (before, after) = (answer(&old), answer(new.to_str().unwrap()));
    assert_eq!(before["finding"], after["finding"]);
    for (id, probability) in before["probabilities"].as_object().unwrap() {
        let other = after["probabilities"][id].as_f64().unwrap();
        assert!((probability.as_f64().unwrap() - other).abs() < 1e-6, "{id}");
    }
    let written = String::from_utf8_lossy(&fs::read(&new).unwrap()).into_owned();
    assert!(written.contains("operating_points"), "no format 3");
}
