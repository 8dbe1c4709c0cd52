//! The page in Chromium and Firefox, held to what the native command says.

use super::lane::Lane;
use super::steps::{command, set_up};
use crate::dist::{self, Speed};
use crate::tools::{self, Project, WasmRust};
use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// What these tests need.
pub struct Needs {
    chromium: PathBuf,
    firefox: PathBuf,
    /// The built page, which some do without.
    page: Option<PathBuf>,
}

impl Needs {
    /// All of it, if all was to be had.
    pub fn of(
        browsers: Option<(PathBuf, PathBuf)>,
        page: Option<PathBuf>,
        rest: bool,
    ) -> Option<Self> {
        let (chromium, firefox) = browsers?;
        rest.then_some(Self {
            chromium,
            firefox,
            page,
        })
    }
}

fn folder(project: &Project) -> PathBuf {
    project.root().join("tests/e2e")
}

/// The tests' packages; returns whether they are there.
pub fn packages(lane: &mut Lane<'_>) -> bool {
    let project = lane.project;
    lane.step("test packages", || {
        tools::node(project)?;
        tools::npm_ci(project, &folder(project))
    })
    .is_some()
}

/// The example apps, each with packages of its own.
const APPS: [&str; 2] = ["vite", "next"];

/// The packages of the example apps.
pub fn apps(lane: &mut Lane<'_>) {
    let project = lane.project;
    lane.step("packages of the example apps", || {
        APPS.iter()
            .map(|app| project.root().join("docs/examples").join(app))
            .try_for_each(|folder| tools::npm_ci(project, &folder))
    });
}

/// The types of the JavaScript.
pub fn types(lane: &mut Lane<'_>, packages: bool) {
    if !packages {
        return lane.missed("type check", "its packages could not be installed");
    }
    let mut check = lane.project.command("npm");
    check
        .args(["run", "--silent", "check"])
        .current_dir(folder(lane.project));
    lane.tests("type check", &mut check);
}

/// How the JavaScript is formatted.
pub fn format(lane: &mut Lane<'_>, packages: bool) {
    if !packages {
        return lane.missed(
            "format of the JavaScript",
            "its packages could not be installed",
        );
    }
    let mut check = lane.project.command("npm");
    check
        .args(["run", "--silent", "format:check"])
        .current_dir(folder(lane.project));
    lane.tests("format of the JavaScript", &mut check);
}

/// Chromium and Firefox.
pub fn browsers(lane: &mut Lane<'_>) -> Option<(PathBuf, PathBuf)> {
    let project = lane.project;
    let chromium = lane.step("Chromium", || tools::chromium(project));
    let firefox = lane.step("Firefox", || tools::firefox(project));
    chromium.zip(firefox)
}

/// The page as it is built for tests.
pub fn page(lane: &mut Lane<'_>, rust: Option<WasmRust>) -> Option<PathBuf> {
    let project = lane.project;
    let Some(rust) = rust else {
        lane.missed("page", "the set-up failed");
        return None;
    };
    lane.step("page", || dist::page(project, rust, Speed::Fast))
}

/// This part by itself: all tests, or those of some files.
pub fn part(lane: &mut Lane<'_>, wanted: &[String]) {
    let project = lane.project;
    let Some(files) = lane.step("test files", || choose(&files(project)?, wanted)) else {
        return;
    };
    let Some([needs_page, needs_command, needs_apps]) = lane.step("needs of these tests", || {
        Ok([
            any_says(project, &files, "noPage")?,
            any_says(project, &files, "noCommand")?,
            any_says(project, &files, "noApps")?,
        ])
    }) else {
        return missed(lane);
    };
    let packages = packages(lane);
    if needs_apps {
        apps(lane);
    }
    let browsers = browsers(lane);
    let native = !needs_command || command(lane);
    let built = if needs_page {
        let rust = set_up(lane);
        page(lane, rust)
    } else {
        None
    };
    let rest = packages && native && (built.is_some() || !needs_page);
    match Needs::of(browsers, built, rest) {
        Some(needs) => run(lane, &needs, &files),
        None => missed(lane),
    }
}

/// Whether one of these files has this word: each test says by `noPage` and `noCommand` what it cannot do without.
fn any_says(project: &Project, files: &[String], word: &str) -> Result<bool> {
    for file in files {
        let path = folder(project).join(file);
        let text = fs::read_to_string(&path)
            .with_context(|| format!("{} cannot be read", path.display()))?;
        if text.contains(word) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// All tests, with what was made ready for them.
pub fn tests(lane: &mut Lane<'_>, needs: Option<&Needs>) {
    let project = lane.project;
    match (needs, files(project)) {
        (Some(needs), Ok(files)) => run(lane, needs, &files),
        (_, Err(error)) => {
            lane.step::<()>("browser tests", || Err(error));
        }
        (None, _) => missed(lane),
    }
}

/// The long tests, which are those of `tests/e2e/long`: with a stand-in for the WebAssembly, so that Chromium is all they need.
pub fn long(lane: &mut Lane<'_>) {
    let project = lane.project;
    let packages = packages(lane);
    let chromium = lane.step("Chromium", || tools::chromium(project));
    let (Some(chromium), true) = (chromium, packages) else {
        return lane.missed("long browser tests", "something that they need has failed");
    };
    let mut node = project.command("node");
    node.args(["--test", "--test-concurrency=1"])
        .args(LONG)
        .current_dir(folder(project))
        .env("CHROME", chromium);
    lane.tests(&long_name(|name| std::env::var(name).ok()), &mut node);
}

/// The files of long tests.
const LONG: [&str; 2] = ["long/many.mjs", "long/sleep.mjs"];

/// What the long tests are called in the record: with how they were made shorter or longer, if they were.
fn long_name(variable: impl Fn(&str) -> Option<String>) -> String {
    let set: Vec<String> = ["LUNG_IMAGES", "LUNG_SLEEP"]
        .iter()
        .filter_map(|name| Some(format!("{name}={}", variable(name)?)))
        .collect();
    let name = "long browser tests";
    if set.is_empty() {
        name.to_owned()
    } else {
        format!("{name} with {}", set.join(" "))
    }
}

fn missed(lane: &mut Lane<'_>) {
    lane.missed(
        "browser tests",
        "something that they need has failed, see the other steps",
    );
}

/// The files of tests, by name.
fn files(project: &Project) -> Result<Vec<String>> {
    let folder = folder(project);
    let mut names = Vec::new();
    for entry in
        fs::read_dir(&folder).with_context(|| format!("{} cannot be read", folder.display()))?
    {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".test.mjs") {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// The files that are wanted: `viewer`, `viewer.test.mjs` and `tests/e2e/viewer.test.mjs` are the same; all, if none is named.
fn choose(files: &[String], wanted: &[String]) -> Result<Vec<String>> {
    if wanted.is_empty() {
        return Ok(files.to_vec());
    }
    wanted
        .iter()
        .map(|name| {
            let bare = name.rsplit(['/', '\\']).next().unwrap_or(name);
            let full = format!("{}.test.mjs", bare.trim_end_matches(".test.mjs"));
            ensure!(
                files.contains(&full),
                "there are no tests called {name}; there are {}",
                files.join(", ").replace(".test.mjs", "")
            );
            Ok(full)
        })
        .collect()
}

/// The files whose tests measure time, or need every core: `alone` in `tests/e2e/package.json`.
fn alone(project: &Project) -> Result<BTreeSet<String>> {
    let path = folder(project).join("package.json");
    let text =
        fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let about: serde_json::Value = serde_json::from_str(&text)
        .with_context(|| format!("{} is not understood", path.display()))?;
    about["alone"]
        .as_array()
        .with_context(|| format!("{} has no list `alone`", path.display()))?
        .iter()
        .map(|name| {
            name.as_str()
                .map(str::to_owned)
                .context("`alone` lists names of files")
        })
        .collect()
}

/// Runs the tests of these files: two files at a time, but those that measure time one after the other.
fn run(lane: &mut Lane<'_>, needs: &Needs, files: &[String]) {
    let project = lane.project;
    let Some(alone) = lane.step("test files to be run alone", || alone(project)) else {
        return missed(lane);
    };
    let (single, pairs): (Vec<_>, Vec<_>) = files.iter().partition(|file| alone.contains(*file));
    for (name, files, at_a_time) in [
        ("browser tests, two files at a time", pairs, 2),
        ("browser tests, one file at a time", single, 1),
    ] {
        if !files.is_empty() {
            let mut node = environment(project, needs);
            node.arg(format!("--test-concurrency={at_a_time}"))
                .args(files);
            lane.tests(name, &mut node);
        }
    }
}

/// Node's test runner, told where everything is.
fn environment(project: &Project, needs: &Needs) -> Command {
    let mut command = project.command("node");
    command
        .arg("--test")
        .current_dir(folder(project))
        .env("CHROME", &needs.chromium)
        .env("FIREFOX", &needs.firefox)
        .env("LUNG_BIN", project.root().join("target/debug/lung"));
    if let Some(page) = &needs.page {
        command.env("LUNG_DIST", page);
    }
    if let Some(program) = project.program() {
        command.env("LUNG_XTASK", program);
    }
    // The real images are no part of the project; the tests that need them say so and are skipped without.
    let data = std::env::var_os("LUNG_DATA")
        .map_or_else(|| project.root().join("../shared/data"), Into::into);
    if data.is_dir() {
        command.env("LUNG_DATA", data.canonicalize().unwrap_or(data));
    } else {
        command.env_remove("LUNG_DATA");
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_chosen_by_any_of_their_names() -> Result<()> {
        let files = ["many.test.mjs".to_owned(), "viewer.test.mjs".to_owned()];
        for name in ["viewer", "viewer.test.mjs", "tests/e2e/viewer.test.mjs"] {
            assert_eq!(choose(&files, &[name.to_owned()])?, ["viewer.test.mjs"]);
        }
        assert_eq!(choose(&files, &[])?, files);
        let unknown = choose(&files, &["nothing".to_owned()]).err();
        assert!(unknown.is_some_and(|error| error.to_string().contains("many, viewer")));
        Ok(())
    }

    #[test]
    fn what_needs_neither_page_nor_command_is_not_kept_waiting_for_them() -> Result<()> {
        let project = Project::find(false)?;
        for (file, page, command) in [
            ("words", false, false),
            ("bundle", true, false),
            ("onnx", false, true),
            ("page", true, true),
        ] {
            let files = [format!("{file}.test.mjs")];
            assert_eq!(any_says(&project, &files, "noPage")?, page, "{file}");
            assert_eq!(any_says(&project, &files, "noCommand")?, command, "{file}");
        }
        Ok(())
    }

    #[test]
    fn the_record_says_how_long_tests_were_made_shorter() {
        assert_eq!(long_name(|_| None), "long browser tests");
        let short = long_name(|name| (name == "LUNG_SLEEP").then(|| "8".to_owned()));
        assert_eq!(short, "long browser tests with LUNG_SLEEP=8");
    }

    #[test]
    fn the_files_that_run_alone_exist() -> Result<()> {
        let project = Project::find(false)?;
        let files = files(&project)?;
        for name in alone(&project)? {
            assert!(files.contains(&name), "{name}");
        }
        Ok(())
    }
}
