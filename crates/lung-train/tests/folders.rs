//! Data folders as people have them: what is trained on, what is said of the rest, and that nothing is tested on what was trained on.

// A helper of a test fails as the test does.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use lung_train::data::write_phantoms;
use lung_train::data::{Dataset, Listing};
use radiograph::phantom::{Pattern, jpeg, phantom, png8};

mod common;
use common::{Folder, command, shipped, text};

const CLASSES: [&str; 3] = ["Normal", "Lung_Opacity", "Viral Pneumonia"];

/// The shortest training that there is.
const QUICK: &str = "validation = 0.0
cross_fit = false
batch = 8
[head]
epochs = 1
[fine_tune]
epochs = 0
";

/// A folder with generated radiographs in `data`.
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
    fn new(per_class: u64) -> Self {
        let case = Self {
            folder: Folder::new(),
        };
        write_phantoms(&case.path("data"), per_class, 1).unwrap();
        case
    }

    /// `lung train` on `data` into `run`, with the configuration and what else is given.
    fn train(&self, config: &str, more: &[&str]) -> Output {
        self.write("config.toml", config.as_bytes());
        let (data, out, config) = (
            self.text("data"),
            self.text("run"),
            self.text("config.toml"),
        );
        let mut command = command(&["train", "--data", &data, "--out", &out, "--config", &config]);
        command.args(more).output().unwrap()
    }

    /// What a refused training says.
    fn refused(&self, more: &[&str]) -> String {
        let output = self.train(QUICK, more);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
        text(&output.stderr)
    }

    /// What a training says that ends well.
    fn trained(&self, more: &[&str]) -> String {
        let output = self.train(QUICK, more);
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stderr)
    }

    fn export(&self) -> Output {
        let (run, models) = (self.text("run"), self.text("models"));
        let mut command = command(&["export", "--run", &run, "--out", &models]);
        command.output().unwrap()
    }

    fn folds(&self) -> BTreeMap<String, usize> {
        let dataset = Dataset::open(&self.path("data")).unwrap();
        (dataset.examples.into_iter())
            .map(|example| (example.file, example.fold))
            .collect()
    }

    fn error(&self) -> String {
        Dataset::open(&self.path("data")).unwrap_err().to_string()
    }
}

/// An image that no other is like.
fn image(seed: u64) -> Vec<u8> {
    png8(&phantom(Pattern::Clear, 1_000 + seed, 299)).unwrap()
}

#[test]
fn a_fold_does_not_depend_on_what_else_is_in_the_folder() {
    let case = Case::new(20);
    let before = case.folds();
    for fold in 0..5 {
        assert_eq!(
            before.values().filter(|f| **f == fold).count(),
            12,
            "{before:?}"
        );
    }
    case.write("data/Normal/0.png", &image(1));
    case.write("data/Viral Pneumonia/new/1.png", &image(2));
    fs::remove_file(case.path("data/Lung_Opacity/7.png")).unwrap();
    for (file, fold) in case.folds() {
        assert!(
            before.get(&file).is_none_or(|before| *before == fold),
            "{file}"
        );
    }
    // Nor on how the class folder is spelt.
    fs::rename(case.path("data/Normal"), case.path("data/normal")).unwrap();
    assert_eq!(case.folds()["normal/3.png"], before["Normal/3.png"]);
}

#[test]
fn a_changed_folder_is_neither_resumed_nor_exported() {
    let case = Case::new(5);
    case.trained(&[]);
    assert!(case.export().status.success());
    let result = fs::read(case.path("run/result.json")).unwrap();
    let changed = |words: &[&str]| {
        let resumed = case.train(QUICK, &["--resume"]);
        for output in [resumed, case.export()] {
            let message = text(&output.stderr);
            assert!(!output.status.success(), "{message}");
            assert!(message.contains("not those that the run in"), "{message}");
            for words in words {
                assert!(message.contains(words), "{words}: {message}");
            }
        }
        assert_eq!(fs::read(case.path("run/result.json")).unwrap(), result);
    };
    case.write("data/Normal/9.png", &image(1));
    changed(&["1 image added: Normal/9.png"]);
    fs::rename(
        case.path("data/Normal/1.png"),
        case.path("data/Lung_Opacity/10.png"),
    )
    .unwrap();
    changed(&["2 images added", "1 image removed: Normal/1.png"]);
    fs::rename(
        case.path("data/Lung_Opacity/10.png"),
        case.path("data/Normal/1.png"),
    )
    .unwrap();
    fs::remove_file(case.path("data/Normal/9.png")).unwrap();
    let original = fs::read(case.path("data/Normal/1.png")).unwrap();
    case.write("data/Normal/1.png", &image(1));
    changed(&["1 image changed in themselves: Normal/1.png"]);
    case.write("data/Normal/1.png", &original);

    // As it was: nothing is done again, and the folder may lie elsewhere.
    let said = case.trained(&["--resume"]);
    assert!(said.contains("is finished"), "{said}");
    assert_eq!(fs::read(case.path("run/result.json")).unwrap(), result);
    fs::rename(case.path("data"), case.path("moved")).unwrap();
    let (run, models, moved) = (case.text("run"), case.text("models"), case.text("moved"));
    let output = command(&["export", "--run", &run, "--out", &models, "--data", &moved])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));

    fs::rename(case.path("moved"), case.path("data")).unwrap();

    // A list that somebody edited.
    let list = fs::read_to_string(case.path("run/files.csv")).unwrap();
    case.write("run/files.csv", list.replacen(",0,", ",1,", 1).as_bytes());
    let message = text(&case.export().stderr);
    assert!(message.contains("not the list of files"), "{message}");
}

#[test]
fn a_run_from_before_there_were_lists_is_read_if_tables_say_the_folds() {
    let case = Case::new(5);
    let mut table = "file,label,group,fold\n".to_owned();
    for class in CLASSES {
        for number in 1..=5 {
            let ending = if number % 2 == 1 { "png" } else { "jpg" };
            table += &format!(
                "{class}/{number}.{ending},{class},p{number},{}\n",
                number - 1
            );
        }
    }
    let forget = || {
        let path = case.path("run/run.json");
        let mut run: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let fields = run.as_object_mut().unwrap();
        for field in [
            "files",
            "leave_out",
            "allow_duplicates",
            "slowed",
            "pretrained_sha256",
        ] {
            assert!(fields.remove(field).is_some(), "{field}");
        }
        fs::write(&path, run.to_string()).unwrap();
    };
    case.trained(&[]);
    forget();
    let message = text(&case.export().stderr);
    assert!(message.contains("made by an earlier version"), "{message}");

    fs::remove_dir_all(case.path("run")).unwrap();
    case.write("data/groups.csv", table.as_bytes());
    case.trained(&[]);
    forget();
    let output = case.export();
    let message = text(&output.stderr);
    assert!(
        output.status.success() && message.contains("cannot be told"),
        "{message}"
    );
    case.trained(&["--resume"]);
    case.write("data/Normal/9.png", &image(1));
    case.write(
        "data/groups.csv",
        (table + "Normal/9.png,Normal,p9,2\n").as_bytes(),
    );
    let message = text(&case.export().stderr);
    assert!(
        message.contains("trained with 15 images, and there are 16"),
        "{message}"
    );
}

#[test]
fn masks_and_thumbnails_stop_a_training_and_can_be_left_out() {
    let case = Case::new(12);
    for class in CLASSES {
        fs::rename(case.path("data").join(class), case.path("images")).unwrap();
        fs::create_dir(case.path("data").join(class)).unwrap();
        fs::rename(
            case.path("images"),
            case.path("data").join(class).join("images"),
        )
        .unwrap();
        for number in 1..=12 {
            case.write(&format!("data/{class}/masks/{number}.png"), &image(number));
        }
    }
    let message = case.refused(&[]);
    for words in [
        "Normal/masks: 12 images",
        "--leave-out masks",
        "rename them",
    ] {
        assert!(message.contains(words), "{words}: {message}");
    }
    let said = case.trained(&["--leave-out", "masks"]);
    for words in [
        "data: 36 images",
        "  Normal/images: 12 images of Normal",
        "masks, as --leave-out",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let output = case.export();
    assert!(output.status.success(), "{}", text(&output.stderr));

    for name in [
        "@eaDir/1.png/SYNOPHOTO.jpg",
        ".thumbnails/1.png",
        "1_mask.png",
        "Masken/1.png",
    ] {
        let case = Case::new(5);
        case.write(&format!("data/Normal/{name}"), &image(1));
        let message = case.refused(&[]);
        let first = name.split('/').next().unwrap();
        assert!(
            message.contains(&format!("Normal/{first}: 1 image")),
            "{message}"
        );
    }
}

#[test]
fn the_same_image_in_two_classes_stops_and_copies_are_one_group() {
    let case = Case::new(10);
    let listing = || {
        let run = case.path("run/files.csv");
        let mut table = csv::Reader::from_path(run).unwrap();
        let rows: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
        // File, group and fold of the training.
        let row = |r: csv::StringRecord| (r[1].to_owned(), (r[5].to_owned(), r[6].to_owned()));
        rows.into_iter().map(row).collect::<BTreeMap<_, _>>()
    };
    // A copy by bytes, one by pixels, one compressed, one of another size: in other folds by their names.
    let original = phantom(Pattern::Clear, 5_000, 299);
    case.write("data/Normal/a.png", &png8(&original).unwrap());
    case.write("data/Normal/b.png", &png8(&original).unwrap());
    let bmp = radiograph::phantom::bmp(&original).unwrap();
    case.write("data/Normal/c.bmp", &bmp);
    case.write("data/Normal/d.jpg", &jpeg(&original, 40).unwrap());
    case.write(
        "data/Normal/e.png",
        &png8(&phantom(Pattern::Clear, 5_000, 512)).unwrap(),
    );
    let names = [
        "Normal/a.png",
        "Normal/b.png",
        "Normal/c.bmp",
        "Normal/d.jpg",
        "Normal/e.png",
    ];
    let folds = case.folds();
    assert!(
        names.iter().any(|name| folds[*name] != folds[names[0]]),
        "{folds:?}"
    );
    let said = case.trained(&[]);
    assert!(
        said.contains(
            "identical: data/Normal/a.png (Normal) = data/Normal/b.png (Normal) = data/Normal/c.bmp"
        ),
        "{said}"
    );
    assert!(
        said.contains("all but identical: data/Normal/a.png (Normal) = data/Normal/d.jpg"),
        "{said}"
    );
    let trained = listing();
    for name in names {
        assert_eq!(trained[name], trained[names[0]], "{name}");
    }
    assert_eq!(trained["Normal/2.jpg"].1, folds["Normal/2.jpg"].to_string());
    assert!(case.export().status.success());

    fs::remove_dir_all(case.path("run")).unwrap();
    case.write(
        "data/Lung_Opacity/x.png",
        &fs::read(case.path("data/Normal/3.png")).unwrap(),
    );
    let message = case.refused(&[]);
    for words in [
        "1 images lie in two classes",
        "data/Lung_Opacity/x.png",
        "data/Normal/3.png",
        "--allow-duplicates",
    ] {
        assert!(message.contains(words), "{words}: {message}");
    }
    let said = case.trained(&["--allow-duplicates"]);
    assert!(said.contains("identical: "), "{said}");
    let trained = listing();
    assert_eq!(trained["Lung_Opacity/x.png"], trained["Normal/3.png"]);
}

#[test]
fn copies_to_which_a_table_gives_two_folds_are_refused() {
    let case = Case::new(5);
    let mut table = "file,label,group,fold\n".to_owned();
    for class in CLASSES {
        for number in 1..=5 {
            let ending = if number % 2 == 1 { "png" } else { "jpg" };
            table += &format!("{class}/{number}.{ending},{class},,{}\n", number - 1);
        }
    }
    case.write(
        "data/Normal/6.png",
        &fs::read(case.path("data/Normal/1.png")).unwrap(),
    );
    case.write(
        "data/groups.csv",
        format!("{table}Normal/6.png,Normal,,3\n").as_bytes(),
    );
    let message = case.refused(&[]);
    for words in [
        "data/Normal/1.png (fold 0) = data/Normal/6.png (fold 3)",
        "--allow-duplicates",
    ] {
        assert!(message.contains(words), "{words}: {message}");
    }
    case.trained(&["--allow-duplicates"]);
    // Without a fold of its own it is in that of its copy.
    fs::remove_dir_all(case.path("run")).unwrap();
    case.write(
        "data/groups.csv",
        format!("{table}Normal/6.png,Normal,,\n").as_bytes(),
    );
    case.trained(&[]);
    let run = fs::read_to_string(case.path("run/run.json")).unwrap();
    let run: serde_json::Value = serde_json::from_str(&run).unwrap();
    assert_eq!(run["images"], serde_json::json!([12, 0, 4]));
}

#[cfg(unix)]
#[test]
fn links_are_followed_once_and_not_in_circles() {
    use std::os::unix::fs::symlink;

    let case = Case::new(12);
    symlink(case.path("data"), case.path("data/Normal/all")).unwrap();
    symlink(case.path("."), case.path("data/Normal/up")).unwrap();
    symlink(
        case.path("data/Lung_Opacity"),
        case.path("data/Normal/other"),
    )
    .unwrap();
    symlink(".", case.path("data/Viral Pneumonia/self")).unwrap();
    case.write("elsewhere/deeper/20.png", &image(1));
    symlink("..", case.path("elsewhere/deeper/back")).unwrap();
    symlink(
        case.path("elsewhere"),
        case.path("data/Viral Pneumonia/link"),
    )
    .unwrap();
    let listing = Listing::of(&[case.path("data")], &[]).unwrap();
    let files: Vec<&str> = listing
        .dataset
        .examples
        .iter()
        .map(|e| e.file.as_str())
        .collect();
    assert_eq!(files.len(), 37, "{files:?}");
    assert!(files.contains(&"Viral Pneumonia/link/deeper/20.png"));
    assert_eq!(
        listing
            .notes
            .iter()
            .filter(|note| note.contains("a link to"))
            .count(),
        5,
        "{:?}",
        listing.notes
    );
    // A class folder may be a link itself, but not to another class.
    fs::rename(case.path("data/Normal"), case.path("normals")).unwrap();
    symlink(case.path("normals"), case.path("data/Normal")).unwrap();
    assert_eq!(case.folds().len(), 37);
    fs::remove_dir_all(case.path("data/Lung_Opacity")).unwrap();
    symlink(case.path("data/Normal"), case.path("data/Lung_Opacity")).unwrap();
    assert!(case.error().contains("two classes"), "{}", case.error());
}

#[test]
fn what_a_system_leaves_is_no_image() {
    let case = Case::new(2);
    let before = case.folds();
    for name in [
        "._1.png",
        ".DS_Store",
        "__MACOSX/._1.png",
        "__MACOSX/1.png",
        ".hidden/1.png",
        "DICOMDIR",
    ] {
        case.write(&format!("data/Normal/{name}"), &image(1));
    }
    case.write("data/__MACOSX/Normal/._1.png", b"resource");
    case.write("data/._Normal", b"resource");
    case.write("data/Normal/Thumbs.db", b"\xd0\xcf\x11\xe0");
    assert_eq!(case.folds(), before);
}

#[cfg(unix)]
#[test]
fn a_pipe_named_as_an_image_is_not_waited_for() {
    let case = Case::new(2);
    let pipe = case.path("data/Normal/pipe.png");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(case.folds().len(), 6);
}

#[test]
fn images_are_found_by_what_they_are() {
    let case = Case::new(2);
    let mut dicom = vec![0; 128];
    dicom.extend(b"DICM\x02\0\0\0UL\x04\0\xc0\0\0\0");
    for name in [
        "IM000001",
        "1.2.840.113619.2.5.1",
        "scan.img",
        "a.ima",
        "b.dic",
    ] {
        case.write(&format!("data/Normal/{name}"), &dicom);
    }
    for name in ["c.jfif", "d.JPE", "no ending"] {
        case.write(
            &format!("data/Normal/{name}"),
            &jpeg(&phantom(Pattern::Clear, 9, 99), 90).unwrap(),
        );
    }
    for (name, bytes) in [
        ("notes.txt", "no image"),
        ("README", "no image"),
        ("x.heic", "\0\0\0\x18ftypheic"),
    ] {
        case.write(&format!("data/Normal/{name}"), bytes.as_bytes());
    }
    let listing = Listing::of(&[case.path("data")], &[]).unwrap();
    assert_eq!(listing.dataset.examples.len(), 6 + 8);
    let notes = listing.notes.join("\n");
    assert!(
        notes.contains("1 .heic, 1 .txt, 1 without an ending"),
        "{notes}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn names_that_are_not_utf_8_or_hold_control_characters_are_read_and_shown_on_one_line() {
    use std::os::unix::ffi::OsStrExt as _;

    let case = Case::new(2);
    let names: [&[u8]; 4] = [
        b"caf\xe9.png",
        b"caf\xe8.png",
        b"two\nlines.png",
        b"\x1b[31mred.png",
    ];
    for (place, name) in names.iter().enumerate() {
        let path = case
            .path("data/Normal")
            .join(std::ffi::OsStr::from_bytes(name));
        fs::write(path, image(place as u64)).unwrap();
    }
    let dataset = Dataset::open(&case.path("data")).unwrap();
    let files: Vec<&str> = dataset.examples.iter().map(|e| e.file.as_str()).collect();
    for name in [
        "caf\\xE9.png",
        "caf\\xE8.png",
        "two\\nlines.png",
        "\\x1b[31mred.png",
    ] {
        assert!(
            files.contains(&format!("Normal/{name}").as_str()),
            "{name}: {files:?}"
        );
    }
    assert!(
        dataset
            .examples
            .iter()
            .all(|example| example.path.is_file())
    );
    // A table in the same old encoding names them too.
    let mut table = b"file,label,group\n".to_vec();
    for example in &dataset.examples {
        let name = example.path.strip_prefix(case.path("data")).unwrap();
        table.push(b'"');
        table.extend(name.as_os_str().as_bytes());
        table.extend(format!("\",{},g\n", dataset.id(example.finding)).bytes());
    }
    case.write("data/groups.csv", &table);
    let dataset = Dataset::open(&case.path("data")).unwrap();
    assert!(dataset.examples.iter().all(|example| example.group == "g"));

    fs::write(
        case.path("data/Normal")
            .join(std::ffi::OsStr::from_bytes(b"bad\n\x1b[2J.png")),
        b"bad",
    )
    .unwrap();
    fs::remove_file(case.path("data/groups.csv")).unwrap();
    let message = case.refused(&[]);
    assert!(message.contains("Normal/bad\\n\\x1b[2J.png: "), "{message}");
    assert!(!message.contains('\x1b'), "{message:?}");
}

#[test]
fn generated_radiographs_are_not_mixed_with_other_files() {
    let case = Case::new(2);
    let own = fs::read(case.path("data/Normal/1.png")).unwrap();
    // The same again, and more of the same, do no harm.
    write_phantoms(&case.path("data"), 3, 1).unwrap();
    assert_eq!(case.folds().len(), 9);
    let refused = |per_class, seed| {
        let error = write_phantoms(&case.path("data"), per_class, seed)
            .unwrap_err()
            .to_string();
        assert!(error.contains("is there already"), "{error}");
        error
    };
    refused(3, 2);
    refused(2, 1);
    assert_eq!(fs::read(case.path("data/Normal/1.png")).unwrap(), own);
    case.write("data/Normal/2.jpg", b"a patient's");
    assert!(refused(9, 1).contains("2.jpg"));
    assert_eq!(
        fs::read(case.path("data/Normal/2.jpg")).unwrap(),
        b"a patient's"
    );
    assert!(!case.path("data/Normal/9.png").exists());
    // Nor is a folder filled that has other images, even of other names.
    case.write("mine/normal/patient.png", b"a patient's");
    let error = write_phantoms(&case.path("mine"), 1, 1)
        .unwrap_err()
        .to_string();
    assert!(error.contains("patient.png"), "{error}");
    assert!(!case.path("mine/Normal").exists() || cfg!(not(target_os = "linux")));
}

#[test]
fn two_trainings_do_not_share_a_folder() {
    let case = Case::new(5);
    fs::create_dir(case.path("run")).unwrap();
    let lock = fs::File::create(case.path("run/lock")).unwrap();
    lock.lock().unwrap();
    let message = case.refused(&[]);
    assert!(
        message.contains("another process is writing to"),
        "{message}"
    );
    assert_eq!(fs::read_dir(case.path("run")).unwrap().count(), 1);
    drop(lock);
    case.trained(&[]);
    // A run that is refused leaves no folder behind.
    let (data, out) = (case.text("data"), case.text("none"));
    let output = command(&["train", "--data", &data, "--out", &out, "--resume"])
        .output()
        .unwrap();
    assert!(text(&output.stderr).contains("no run to resume") && !case.path("none").exists());
}

#[test]
fn a_loss_that_is_no_number_can_be_gone_on_from_with_a_lower_rate() {
    let case = Case::new(5);
    let with_rate = |rate: &str| {
        format!("{QUICK}head_learning_rate = 1e-3\n")
            .replace("batch = 8", "batch = 2")
            .replace("[head]\n", &format!("[head]\nlearning_rate = {rate}\n"))
    };
    let output = case.train(&with_rate("1e38"), &[]);
    let message = text(&output.stderr);
    assert!(!output.status.success(), "{message}");
    for words in ["no longer a number", "--resume", "head.learning_rate = 1"] {
        assert!(message.contains(words), "{words}: {message}");
    }
    let output = case.train(&with_rate("1e-3"), &["--resume"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let run: serde_json::Value =
        serde_json::from_slice(&fs::read(case.path("run/run.json")).unwrap()).unwrap();
    assert_eq!(run["config"]["head"]["learning_rate"], 1e-3);
    assert_eq!(run["slowed"][0]["before"]["head"]["learning_rate"], 1e38);
    let output = case.train(&with_rate("1e-2"), &["--resume"]);
    assert!(
        text(&output.stderr).contains("not raise it"),
        "{}",
        text(&output.stderr)
    );
    let output = case.train(
        &with_rate("1e-3").replace("batch = 2", "batch = 4"),
        &["--resume"],
    );
    assert!(
        text(&output.stderr).contains("batch was 2 and is 4"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn groups_are_shared_between_folders_and_have_one_fold() {
    let case = Case::new(2);
    fs::create_dir_all(case.path("more/Normal")).unwrap();
    case.write("more/Normal/again.png", &image(1));
    let mut table = "file,label,group,fold\n".to_owned();
    for class in CLASSES {
        table += &format!("{class}/1.png,{class},{class} 1,0\n{class}/2.jpg,{class},{class} 2,1\n");
    }
    case.write("data/groups.csv", table.as_bytes());
    case.write(
        "more/groups.csv",
        b"file;label;group;fold\nNormal/again.png;Normal;Normal 2;\n",
    );
    let both = [case.path("data"), case.path("more")];
    let dataset = Dataset::open_all(&both).unwrap();
    assert_eq!(dataset.examples.last().unwrap().fold, 1);
    case.write(
        "more/groups.csv",
        b"file;label;group;fold\nNormal/again.png;Normal;Normal 2;3\n",
    );
    let error = Dataset::open_all(&both).unwrap_err().to_string();
    for words in [
        "Normal 2 is in two folds",
        "1 (data/Normal/2.jpg)",
        "3 (more/Normal/again.png)",
    ] {
        assert!(error.contains(words), "{words}: {error}");
    }
    let error = Dataset::open_all(&[case.path("data"), case.path("data/.")]).unwrap_err();
    assert!(error.to_string().contains("given twice"), "{error}");
}

#[test]
fn folders_that_are_not_understood_are_named() {
    let case = Case::new(1);
    for part in ["train", "val", "test"] {
        for class in ["NORMAL", "PNEUMONIA"] {
            case.write(&format!("chest_xray/chest_xray/{part}/{class}/1.jpeg"), b"");
        }
    }
    let error = Dataset::open(&case.path("chest_xray"))
        .unwrap_err()
        .to_string();
    for words in [
        "has no class folder",
        "chest_xray (6 images",
        "--data",
        "chest_xray/train",
        "made anew",
    ] {
        assert!(error.contains(words), "{words}: {error}");
    }
    let inner = case.path("chest_xray/chest_xray/train");
    let inner = Dataset::open(&inner).unwrap();
    assert_eq!(
        inner.findings.ids().collect::<Vec<_>>(),
        ["Normal", "PNEUMONIA"]
    );
    for class in ["Gesund", "Verschattung", "virale Pneumonie"] {
        case.write(&format!("deutsch/{class}/1.png"), b"");
    }
    case.write("deutsch/masks/1.png", b"");
    let listing = Listing::of(&[case.path("deutsch")], &[]).unwrap();
    assert_eq!(listing.dataset.findings.len(), 3);
    assert!(
        listing.notes[0].contains("left out masks (1 image)"),
        "{:?}",
        listing.notes
    );
    // Divisions of unknown classes are no classes either.
    for part in ["train", "test"] {
        case.write(&format!("divided/{part}/Gesund/1.png"), b"");
    }
    let error = Dataset::open(&case.path("divided"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("divided/train"), "{error}");
    case.write("loose/1.png", b"");
    let error = Dataset::open(&case.path("loose")).unwrap_err().to_string();
    assert!(
        error.contains("1 image that lie in no class folder"),
        "{error}"
    );
    // A folder beside the known ones is a finding, unless it is left out.
    case.write("data/COVID/1.png", b"");
    let leave_out = ["COVID".to_owned()];
    for (leave_out, findings) in [(&[][..], 4), (&leave_out[..], 3)] {
        let listing = Listing::of(&[case.path("data")], leave_out).unwrap();
        assert_eq!(listing.dataset.findings.len(), findings);
    }
}

/// The model that ships with the project, as an argument.
fn model() -> String {
    shipped().to_str().unwrap().to_owned()
}

#[test]
fn predictions_are_written_as_they_are_asked_for() {
    let case = Case::new(1);
    let (model, data) = (model(), case.text("data"));
    let predict = |more: &[&str]| {
        let mut command = command(&["predict", "--model", &model, &data]);
        command.args(more).output().unwrap()
    };
    let out = case.text("r.ndjson");
    assert!(
        predict(&["--format", "ndjson", "--out", &out])
            .status
            .success()
    );
    let lines = fs::read_to_string(&out).unwrap();
    assert_eq!(lines.lines().count(), 3);
    for line in lines.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line["finding"].is_string());
    }
    let again = predict(&["--out", &out]);
    assert_eq!(again.status.code(), Some(2));
    assert!(text(&again.stderr).contains("there already"));
    for (name, start) in [
        ("r.parquet", "PAR1"),
        ("r.jsonl", "{\"file\""),
        ("r.txt", &data),
        ("r", &data),
    ] {
        let out = case.text(name);
        assert!(predict(&["--out", &out]).status.success());
        assert!(
            fs::read(&out).unwrap().starts_with(start.as_bytes()),
            "{name}"
        );
    }
    for (format, name) in [
        ("parquet", "x.ndjson"),
        ("ndjson", "x.parquet"),
        ("text", "x.jsonl"),
    ] {
        let output = predict(&["--format", format, "--out", &case.text(name)]);
        assert_eq!(output.status.code(), Some(2));
        assert!(
            text(&output.stderr).contains("make them agree"),
            "{}",
            text(&output.stderr)
        );
        assert!(!case.path(name).exists());
    }
    // Names are on one line for people, and exact for programs.
    let name = "a\nb\u{1b}[2J.png";
    case.write(name, &image(1));
    let odd = case.text(name);
    let printed = command(&["predict", "--model", &model, &odd])
        .output()
        .unwrap();
    assert!(
        text(&printed.stdout).contains("/a\\nb\\x1b[2J.png: "),
        "{}",
        text(&printed.stdout)
    );
    let printed = command(&["predict", "--model", &model, "--format", "ndjson", &odd])
        .output()
        .unwrap();
    let line: serde_json::Value = serde_json::from_slice(&printed.stdout).unwrap();
    assert_eq!(line["file"], odd);
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_that_is_full_is_an_error_and_a_closed_one_no_panic() {
    let full = || {
        Stdio::from(
            fs::OpenOptions::new()
                .write(true)
                .open("/dev/full")
                .unwrap(),
        )
    };
    let case = Case::new(1);
    let (model, data, bad) = (model(), case.text("data"), case.text("bad.png"));
    case.write("bad.png", b"no image");
    for arguments in [
        &["predict", "--model", &model, &data][..],
        &["predict", "--model", &model, "--format", "ndjson", &data],
        &["predict", "--model", &model, "--out", "/dev/full", &data],
        &["evaluate", "--model", &model, "--data", &data],
        &["train", "--data", &data, "--out", "x", "--print-config"],
    ] {
        let output = command(arguments).stdout(full()).output().unwrap();
        let message = text(&output.stderr);
        assert!(
            !output.status.success() && message.starts_with("error: ")
                || message.contains("\nerror: "),
            "{arguments:?}: {message}"
        );
    }
    let output = command(&["predict", "--model", &model, &data, &bad])
        .stderr(full())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout).lines().count(), 4);
    let output = command(&["predict", "--model", "nowhere", &data])
        .stderr(full())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
}

/// A folder of the laboratory, where there are any.
fn data(name: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder =
        std::env::var_os("LUNG_DATA").map_or_else(|| root.join("../shared/data"), PathBuf::from);
    Some(folder.join(name)).filter(|folder| folder.is_dir())
}

#[test]
fn real_folders_keep_the_folds_of_their_tables() {
    let folders: Vec<PathBuf> = ["lung-xray-image", "paediatric", "children"]
        .into_iter()
        .filter_map(data)
        .collect();
    if folders.len() < 3 {
        eprintln!("skipped: no data");
        return;
    }
    let listing = Listing::of(&folders, &[]).unwrap();
    assert!(listing.folds_are_given());
    for folder in &folders {
        let mut table = csv::Reader::from_path(folder.join("groups.csv")).unwrap();
        for row in table.records().map(Result::unwrap) {
            let path = folder.join(&row[0]);
            let example = listing
                .dataset
                .examples
                .iter()
                .find(|e| e.path == path)
                .unwrap();
            assert_eq!(
                (example.group.as_str(), example.fold.to_string().as_str()),
                (&row[2], &row[4])
            );
        }
    }
}
