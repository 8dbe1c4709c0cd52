//! `lung composite` on generated images, `lung serve`, and the samples that ship.

// A helper of a test fails as the test does.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lung_train::composite::{CompositeError, CompositeOptions, Sample, composite};
use lung_train::predict::{load_classifier, predict_file};
use radiograph::Radiograph;
use radiograph::phantom::{Pattern, phantom, png8};
use serde_json::Value;
use tempfile::TempDir;

mod common;
use common::{command, lung, shipped};

const WWW: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../www");

/// A data folder of `patients` patients with two images each, and one image of another origin.
fn data(patients: usize) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("Normal")).unwrap();
    let mut table = "file,label,group,origin,fold\n".to_owned();
    for image in 0..=2 * patients {
        let file = format!("Normal/{image}.png");
        let drawn = phantom(Pattern::Clear, image as u64, 96);
        fs::write(folder.path().join(&file), png8(&drawn).unwrap()).unwrap();
        let origin = if image == 2 * patients {
            "paediatric"
        } else {
            "adult"
        };
        table += &format!("{file},Normal,p{},{origin},0\n", image / 2);
    }
    fs::write(folder.path().join("groups.csv"), table).unwrap();
    folder
}

fn options(data: &Path, out: &Path) -> CompositeOptions {
    CompositeOptions {
        data: data.to_owned(),
        finding: "normal".to_owned(),
        origin: "Adult".to_owned(),
        seed: None,
        images: 16,
        side: 96,
        set: "phantoms".to_owned(),
        licence: "none needed".to_owned(),
        out: out.to_owned(),
        name: None,
    }
}

fn index(out: &Path) -> Vec<Sample> {
    let bytes = fs::read(out.join("index.json")).unwrap();
    let mut index: Value = serde_json::from_slice(&bytes).unwrap();
    serde_json::from_value(index["samples"].take()).unwrap()
}

#[test]
fn a_composite_has_one_image_of_each_patient_and_says_what_it_is() {
    let data = data(16);
    let out = TempDir::new().unwrap();
    let sample = composite(&options(data.path(), out.path())).unwrap();
    assert_eq!(
        (sample.file.as_str(), sample.images),
        ("normal-adult.jpg", 16)
    );
    let picture = Radiograph::decode(&fs::read(out.path().join(&sample.file)).unwrap()).unwrap();
    assert_eq!((picture.width(), picture.height()), (96, 96));
    let text = fs::read_to_string(out.path().join("normal-adult.txt")).unwrap();
    for line in [
        "finding: Normal",
        "images: 16",
        "patients: 16",
        "set: phantoms",
        "licence: none needed",
    ] {
        assert!(text.contains(&format!("{line}\n")), "{line}: {text}");
    }
    assert_eq!(index(out.path()), std::slice::from_ref(&sample));
    // The seed that is written down makes the same file, and takes the same place in the list.
    let seed = sample.command.split("--seed-image ").nth(1).unwrap();
    let seed = seed.split(' ').next().unwrap().to_owned();
    let first = fs::read(out.path().join(&sample.file)).unwrap();
    let mut again = options(data.path(), out.path());
    again.seed = Some(seed);
    assert_eq!(composite(&again).unwrap(), sample);
    assert_eq!(fs::read(out.path().join(&sample.file)).unwrap(), first);
    again.name = Some("another".to_owned());
    composite(&again).unwrap();
    let files: Vec<String> = index(out.path())
        .into_iter()
        .map(|sample| sample.file)
        .collect();
    assert_eq!(files, ["another.jpg", "normal-adult.jpg"]);
}

#[test]
fn what_cannot_be_made_is_refused_by_its_kind_and_writes_nothing() {
    let data = data(16);
    let out = TempDir::new().unwrap();
    let target = out.path().join("samples");
    let refused = |change: &dyn Fn(&mut CompositeOptions)| {
        let mut wanted = options(data.path(), &target);
        change(&mut wanted);
        let error = composite(&wanted).unwrap_err();
        assert!(!target.exists(), "{error}");
        error
    };
    assert!(matches!(
        refused(&|o| o.images = 15),
        CompositeError::TooFewImages { asked: 15 }
    ));
    assert!(matches!(
        refused(&|o| o.images = 17),
        CompositeError::TooFewPatients {
            patients: 16,
            asked: 17,
            ..
        }
    ));
    assert!(matches!(
        refused(&|o| o.origin = "paediatric".to_owned()),
        CompositeError::TooFewPatients { patients: 1, .. }
    ));
    let error = refused(&|o| o.finding = "covid".to_owned());
    assert!(matches!(error, CompositeError::NoFinding { .. }));
    assert!(error.to_string().contains("it has Normal"), "{error}");
    let error = refused(&|o| o.origin = "mars".to_owned());
    assert!(
        error.to_string().contains("there is adult, paediatric"),
        "{error}"
    );
    let seed = |file: &'static str| move |o: &mut CompositeOptions| o.seed = Some(file.to_owned());
    // The last is of a child.
    for file in ["Normal/none.png", "Normal/32.png"] {
        assert!(matches!(
            refused(&seed(file)),
            CompositeError::NoSeed { .. }
        ));
    }
    for name in ["", "../up", "index", "a b"] {
        assert!(matches!(
            refused(&|o| o.name = Some(name.to_owned())),
            CompositeError::Name(_)
        ));
    }
    assert!(matches!(
        refused(&|o| o.side = 5000),
        CompositeError::Side(5000)
    ));
    assert!(matches!(
        refused(&|o| o.data = PathBuf::from("/none")),
        CompositeError::Data(_)
    ));
    fs::write(data.path().join("Normal/3.png"), b"no image").unwrap();
    let error = refused(&|_| {});
    assert!(matches!(&error, CompositeError::Unreadable { path, .. } if path.ends_with("3.png")));
    let table = fs::read_to_string(data.path().join("groups.csv")).unwrap();
    fs::write(data.path().join("groups.csv"), table.replace(",p1,", ",,")).unwrap();
    assert!(matches!(refused(&|_| {}), CompositeError::NoGroup { .. }));
    fs::remove_file(data.path().join("groups.csv")).unwrap();
    assert!(matches!(refused(&|_| {}), CompositeError::NoGroups(_)));
}

#[test]
fn another_list_of_samples_is_not_written_over() {
    let data = data(16);
    let out = TempDir::new().unwrap();
    for content in ["{}", r#"{"format":2,"samples":[]}"#] {
        fs::write(out.path().join("index.json"), content).unwrap();
        let error = composite(&options(data.path(), out.path())).unwrap_err();
        assert!(matches!(error, CompositeError::Index { .. }), "{error}");
        let left = fs::read_to_string(out.path().join("index.json")).unwrap();
        assert_eq!(left, content);
        assert_eq!(fs::read_dir(out.path()).unwrap().count(), 1);
    }
}

#[test]
fn the_shipped_model_accepts_each_shipped_sample_and_finds_what_it_is() {
    let (_, model) = load_classifier(&shipped()).unwrap();
    let samples = index(&Path::new(WWW).join("samples"));
    assert!(samples.len() >= 4);
    for sample in samples {
        let prediction = predict_file(&model, &Path::new(WWW).join("samples").join(&sample.file));
        let row = serde_json::to_value(&prediction).unwrap();
        assert_eq!(row["in_distribution"]["accepted"], true, "{row}");
        let wanted = mobilenet_lung::findings::canonical(&sample.finding);
        let found = mobilenet_lung::findings::canonical(row["finding"].as_str().unwrap());
        assert_eq!(found, wanted, "{row}");
    }
}

/// A folder that looks like a built page.
fn page_in(folder: &Path) {
    fs::create_dir_all(folder.join("models")).unwrap();
    for file in ["index.html", "worker.js", "models/index.json", "a.wasm"] {
        fs::write(folder.join(file), file).unwrap();
    }
}

/// The address that a server which has just been started prints.
fn address_of(serving: &mut Child) -> String {
    let mut address = String::new();
    BufReader::new(serving.stdout.take().unwrap())
        .read_line(&mut address)
        .unwrap();
    address.trim().to_owned()
}

#[test]
fn the_page_is_served_with_its_types_and_what_is_no_page_is_not() {
    let folder = TempDir::new().unwrap();
    let refused = lung(&["serve", folder.path().to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(1));
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(told.contains("holds no built page"), "{told}");
    let refused = lung(&["serve", "/none"]);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(told.contains("there is no folder /none"), "{told}");

    page_in(folder.path());
    let mut serving = command(&["serve", folder.path().to_str().unwrap(), "--port", "0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let address = address_of(&mut serving);
    let host = address.trim_start_matches("http://").trim_end_matches('/');
    let ask = |path: &str| {
        let mut stream = TcpStream::connect(host).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let page = ask("/");
    let wasm = ask("/a.wasm");
    let port = host.split(':').nth(1).unwrap();
    let taken = lung(&["serve", folder.path().to_str().unwrap(), "--port", port]);
    serving.kill().unwrap();
    serving.wait().unwrap();
    assert!(
        page.starts_with("HTTP/1.1 200 ") && page.ends_with("index.html"),
        "{page}"
    );
    assert!(
        wasm.contains("\r\nContent-Type: application/wasm\r\n"),
        "{wasm}"
    );
    let told = String::from_utf8_lossy(&taken.stderr).into_owned();
    assert!(told.contains(&format!("port {port} is in use")), "{told}");
}

/// With a program in the place of the desktop's, which writes down what it is to open.
#[cfg(target_os = "linux")]
#[test]
fn the_page_beside_the_command_is_opened_in_the_browser() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = TempDir::new().unwrap();
    let (program, asked) = (folder.path().join("lung"), folder.path().join("asked"));
    // By another process: a program cannot be started while this one has it open, nor while a child that it forks meanwhile does.
    let mut copy = Command::new("cp");
    copy.arg(env!("CARGO_BIN_EXE_lung")).arg(&program);
    assert!(copy.status().unwrap().success());
    page_in(&folder.path().join("dist"));
    let desktop = folder.path().join("xdg-open");
    let script = format!(
        "#!/bin/sh\nprintf %s \"$1\" > '{}.part'\nmv '{0}.part' '{0}'\n",
        asked.display()
    );
    fs::write(&desktop, script).unwrap();
    fs::set_permissions(&desktop, fs::Permissions::from_mode(0o755)).unwrap();
    let elsewhere = TempDir::new().unwrap();
    let serve = |path: &str| {
        let mut serving = Command::new(&program)
            .args(["serve", "--open", "--port", "0"])
            .current_dir(elsewhere.path())
            .env("PATH", path)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let address = address_of(&mut serving);
        (serving, address)
    };

    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    let (mut serving, address) = serve(&path);
    let began = Instant::now();
    while !asked.exists() && began.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let opened = fs::read_to_string(&asked).unwrap_or_default();
    let answered = TcpStream::connect(address.trim_start_matches("http://").trim_end_matches('/'));
    serving.kill().unwrap();
    serving.wait().unwrap();
    assert!(address.starts_with("http://127.0.0.1:"), "{address}");
    assert_eq!(opened, address);
    assert!(answered.is_ok());

    // Where nothing opens a browser, the page is served all the same, and the address is to be typed.
    let (mut serving, address) = serve("/none");
    let mut told = String::new();
    let mut errors = BufReader::new(serving.stderr.take().unwrap());
    while !told.contains("yourself") && errors.read_line(&mut told).unwrap() > 0 {}
    serving.kill().unwrap();
    serving.wait().unwrap();
    assert!(told.contains(&format!("open {address} yourself")), "{told}");
}

#[test]
fn shells_and_manuals_know_every_command() {
    let version = String::from_utf8(lung(&["--version"]).stdout).unwrap();
    assert_eq!(version, concat!("lung ", env!("CARGO_PKG_VERSION"), "\n"));
    let help = String::from_utf8(lung(&["--help"]).stdout).unwrap();
    let commands: Vec<&str> = (help.lines())
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(
        commands.contains(&"composite") && commands.contains(&"serve"),
        "{help}"
    );
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = String::from_utf8(lung(&["completions", shell]).stdout).unwrap();
        for command in &commands {
            assert!(script.contains(command), "{shell}: {command}");
        }
    }
    for command in commands {
        let page = String::from_utf8(lung(&["man", command]).stdout).unwrap();
        assert!(page.contains(".SH SYNOPSIS"), "{command}: {page}");
        // By the name that is typed, which is not that of the crate.
        assert!(page.contains(&format!("\nlung\\-{command} ")), "{page}");
    }
    let unknown = lung(&["man", "dance"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("no subcommand dance"));
}
