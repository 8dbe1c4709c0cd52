//! Every test there is, and one summary at the end.

mod browser;
mod docs;
mod lane;
mod long;
mod parts;

pub use long::run as run_long;
pub use parts::Part;

use crate::dist::{self, Build, Speed};
use crate::process;
use crate::tools::{self, Project, WasmRust};
use crate::{bench, fuzz};
use anyhow::{Result, ensure};
use lane::{Lane, Side};
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc::channel;
use std::time::Instant;

/// What the native tests have beyond the usual features: the kernels for a GPU, which run on a driver in software as well.
const GPU: &str = "lung-kernels/gpu,mobilenet-lung/gpu";

/// How long each fuzz target is fed, in seconds: long enough to go wrong where something has been broken.
const FUZZ_SECONDS: u32 = 15;

/// How many fuzz targets are fed at a time. Each keeps one core busy.
const FUZZ_AT_A_TIME: usize = 2;

/// Cargo with the features of the native tests. Whatever is compiled natively is compiled so, and never for one crate alone or
/// without a test or an example: what others ask of the crates that are depended on is part of how those are compiled.
fn cargo(project: &Project, arguments: &[&str]) -> Command {
    let mut cargo = project.command("cargo");
    cargo.args(arguments).args(["--features", GPU]);
    cargo
}

/// Cargo that writes what the fuzz targets start from, when it is told where.
pub fn fuzz_seeds(project: &Project) -> Command {
    cargo(project, &["run", "--quiet", "--example", "seeds"])
}

/// Runs one part, with what follows `--` on the command line. Fails after the summary if any step did.
pub fn run_part(project: &Project, part: Part, filters: &[String]) -> Result<()> {
    ensure!(
        filters.is_empty() || part == Part::Browser || part.package().is_some(),
        "only the tests of the page (files) and of a native crate (names) can be chosen after `--`"
    );
    let began = Instant::now();
    let mut lane = Lane::new(project);
    match part {
        Part::Format => format(&mut lane),
        Part::Docs => docs::documentation(&mut lane),
        Part::Lints => lints(&mut lane),
        Part::Native => {
            compile(&mut lane);
            native(&mut lane);
        }
        Part::Radiograph | Part::Kernels | Part::Classifier | Part::Train | Part::Xtask => {
            package(&mut lane, part.package().unwrap_or_default(), filters);
        }
        Part::Wasm => {
            let rust = set_up(&mut lane);
            wasm(&mut lane, rust);
        }
        Part::Types => {
            let packages = browser::packages(&mut lane);
            browser::types(&mut lane, packages);
        }
        Part::Browser => browser::part(&mut lane, filters),
        Part::Archive => {
            let python = archive_packages(&mut lane);
            command(&mut lane);
            archive(&mut lane, python);
        }
        Part::Foreign => {
            let python = foreign_packages(&mut lane);
            command(&mut lane);
            foreign(&mut lane, python);
        }
        Part::Fuzz => {
            fuzz_targets(&mut lane);
            fuzzing(&mut lane, FUZZ_SECONDS);
        }
        Part::Deny => deny(&mut lane),
        Part::Trunk => trunk(&mut lane),
    }
    lane.finish(began)
}

/// Runs the tests, all of them. Steps that do not need each other all run even when one has failed. Fails after the summary if any
/// step did.
pub fn run(project: &Project) -> Result<()> {
    let began = Instant::now();
    let mut lane = Lane::new(project);
    let ready = everything(&mut lane);
    browser::tests(
        &mut lane,
        ready.as_ref().and_then(|ready| ready.browsers.as_ref()),
    );
    fuzzing(&mut lane, FUZZ_SECONDS);
    lane.finish(began)
}

/// What the second lane has made for the tests after it.
struct Ready {
    browsers: Option<browser::Needs>,
}

/// All but what keeps every core busy by itself. The second lane waits for the network and for single cores while the first compiles.
fn everything<'a>(lane: &mut Lane<'a>) -> Option<Ready> {
    let project = lane.project;
    std::thread::scope(|scope| {
        let (compiled, native_compiled) = channel();
        let side = Side::begin(scope, project, move |lane| {
            lane.step("system packages", || tools::for_tests(project));
            let packages = browser::packages(lane);
            let python = archive_packages(lane);
            let foreign_python = foreign_packages(lane);
            let rust = set_up(lane);
            browser::types(lane, packages);
            let page = browser::page(lane, rust);
            wasm(lane, rust);
            fuzz_tools(lane);
            deny(lane);
            // It ends without a word where the first lane has broken down.
            let command = native_compiled.recv().unwrap_or(false);
            archive(lane, python.filter(|_| command));
            foreign(lane, foreign_python.filter(|_| command));
            fuzz_targets(lane);
            let browsers = browser::browsers(lane);
            Ready {
                browsers: browser::Needs::of(
                    browsers,
                    page.clone(),
                    packages && command && page.is_some(),
                ),
            }
        });
        format(lane);
        docs::documentation(lane);
        lints(lane);
        // Nobody listens any more where the second lane has broken down.
        let _ = compiled.send(compile(lane));
        native(lane);
        side.join(lane)
    })
}

/// Formatting.
fn format(lane: &mut Lane<'_>) {
    let mut format = lane.project.command("cargo");
    format.args(["fmt", "--all", "--check"]);
    lane.tests("formatting", &mut format);
}

/// Lints, of all targets: what only tests call is dead code in a program.
fn lints(lane: &mut Lane<'_>) {
    let mut clippy = cargo(lane.project, &["clippy", "--all-targets"]);
    clippy.args(["--", "-D", "warnings"]);
    lane.tests("lints", &mut clippy);
    // What clippy has checked of the crates that are depended on serves here too.
    let mut doc = cargo(lane.project, &["doc", "--quiet", "--no-deps"]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    lane.tests("documentation of the crates", &mut doc);
}

/// Compiles the native tests, with all that they run and the examples; returns whether that went well.
fn compile(lane: &mut Lane<'_>) -> bool {
    let mut compile = cargo(lane.project, &["test", "--no-run"]);
    lane.tests("compiling the native tests", &mut compile)
}

/// The tests of the workspace's default members, which are the native ones.
fn native(lane: &mut Lane<'_>) {
    let project = lane.project;
    lane.step("graphics driver", || tools::vulkan(project));
    let mut test = cargo(project, &["test", "--no-fail-fast"]);
    lane.tests("native tests", &mut test);
}

/// The native command, which other tests compare with.
fn command(lane: &mut Lane<'_>) -> bool {
    let project = lane.project;
    // With an example, so that cargo counts in what tests and examples ask of the crates that both depend on: see `cargo`.
    let mut cargo = cargo(project, &["build", "--bin", "lung", "--example", "seeds"]);
    lane.step("native command", || {
        process::step("building the native command, to compare with");
        process::run(&mut cargo, "The compiler's messages above say why.")
    })
    .is_some()
}

/// The tests of one native crate.
fn package(lane: &mut Lane<'_>, package: &str, filters: &[String]) {
    let project = lane.project;
    if matches!(package, "lung-kernels" | "mobilenet-lung") {
        lane.step("graphics driver", || tools::vulkan(project));
    }
    let mut command = project.command("cargo");
    command.args(["test", "--no-fail-fast"]);
    match test_targets(project, package) {
        // Small enough to be compiled for itself.
        _ if matches!(package, "radiograph" | "xtask") => {
            command.args(["--package", package]);
        }
        Ok(targets) => {
            command.args(["--features", GPU, "--lib"]);
            for target in targets {
                command.args(["--test", &target]);
            }
        }
        Err(error) => {
            lane.step::<()>("tests of the crate", || Err(error));
            return;
        }
    }
    command.args(filters);
    lane.tests(package, &mut command);
}

/// The names of a crate's files of tests.
fn test_targets(project: &Project, package: &str) -> Result<Vec<String>> {
    let folder = project.root().join("crates").join(package).join("tests");
    let mut names = Vec::new();
    if folder.is_dir() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "rs") {
                names.extend(
                    path.file_stem()
                        .map(|stem| stem.to_string_lossy().into_owned()),
                );
            }
        }
    }
    names.sort();
    Ok(names)
}

/// What compiles for the browser.
fn set_up(lane: &mut Lane<'_>) -> Option<WasmRust> {
    let project = lane.project;
    lane.step("set-up", || {
        dist::scripts(project, Speed::Fast)?;
        let rust = tools::wasm_rust(project)?;
        tools::wasm_bindgen_and_tests(project)?;
        Ok(rust)
    })
}

/// The wasm crate's tests, run by Node.
fn wasm(lane: &mut Lane<'_>, rust: Option<WasmRust>) {
    let Some(rust) = rust else {
        return lane.missed("wasm tests", "the set-up failed");
    };
    let profile = Speed::Fast.profile();
    let mut command = rust.command(lane.project, "cargo");
    command.args(["test", "--package", "lung-web", "--profile", profile]);
    command.args(["--target", tools::WASM_TARGET, "--tests", "--no-fail-fast"]);
    // As the page's build on the CPU is made, so that nothing is compiled twice.
    dist::set_up(&mut command, lane.project, Speed::Fast, Build::Cpu);
    lane.tests("wasm tests", &mut command);
}

/// The Python that has the packages of the example for archives.
fn archive_packages(lane: &mut Lane<'_>) -> Option<PathBuf> {
    let project = lane.project;
    let packages = tools::PythonPackages {
        requirements: &project.root().join("tests/archive/requirements.txt"),
        modules: "numpy, onnxruntime, PIL, pyarrow.parquet, ray.data",
        folder: "python-archive",
        announcement: "installing Ray and onnxruntime into target/tools/python-archive (a few minutes, once)",
    };
    lane.step("packages of the archive example", || {
        tools::python(project, &packages)
    })
}

/// The example for archives, held to the native command.
fn archive(lane: &mut Lane<'_>, python: Option<PathBuf>) {
    let project = lane.project;
    let model = lane.step("current model", || bench::current_model(project));
    let (Some(python), Some(model)) = (python, model) else {
        return lane.missed(
            "archive example",
            "something that it needs has failed, see the other steps",
        );
    };
    let mut command = Command::new(python);
    command
        .arg(project.root().join("tests/archive/test_predict.py"))
        .arg(project.root().join("target/debug/lung"))
        .arg(model);
    lane.tests("archive example", &mut command);
}

/// The Python that has files that others made, and what reads them for comparison.
fn foreign_packages(lane: &mut Lane<'_>) -> Option<PathBuf> {
    let project = lane.project;
    let packages = tools::PythonPackages {
        requirements: &project.root().join("tests/foreign-files/requirements.txt"),
        modules: "libjpeg, numpy, openjpeg, PIL, pydicom",
        folder: "python-foreign-files",
        announcement: "installing pydicom and decoders into target/tools/python-foreign-files (a minute, once)",
    };
    lane.step("packages of the foreign files", || {
        tools::python(project, &packages)
    })
}

/// Files that others made, held to what others make of them.
fn foreign(lane: &mut Lane<'_>, python: Option<PathBuf>) {
    let project = lane.project;
    let Some(python) = python else {
        return lane.missed(
            "foreign files",
            "something that it needs has failed, see the other steps",
        );
    };
    let mut command = Command::new(python);
    command
        .arg(project.root().join("tests/foreign-files/test_foreign.py"))
        .arg(project.root().join("target/debug/lung"));
    lane.tests("foreign files", &mut command);
}

/// What the fuzz targets are compiled with.
fn fuzz_tools(lane: &mut Lane<'_>) {
    let project = lane.project;
    lane.step("cargo-fuzz", || fuzz::tools(project));
}

/// The fuzz targets, compiled, and what they start from.
fn fuzz_targets(lane: &mut Lane<'_>) {
    let project = lane.project;
    lane.step("fuzz targets", || {
        fuzz::build(project, &mut fuzz_seeds(project))
    });
}

/// Hostile bytes, for so many seconds a target.
fn fuzzing(lane: &mut Lane<'_>, seconds: u32) {
    let project = lane.project;
    lane.step_with_lines("fuzzing", || {
        Ok(((), fuzz::feed(project, None, seconds, FUZZ_AT_A_TIME)?))
    });
}

/// Licences and sources, as `deny.toml` has them.
fn deny(lane: &mut Lane<'_>) {
    let project = lane.project;
    if lane
        .step("cargo-deny", || tools::cargo_deny(project))
        .is_none()
    {
        return lane.missed("licences and sources", "cargo-deny could not be installed");
    }
    let mut command = project.command("cargo");
    command.args(["deny", "check", "--hide-inclusion-graph"]);
    command.args(["bans", "licenses", "sources"]);
    lane.tests("licences and sources", &mut command);
}

/// Trunk makes the same page of `www/index.html` and `Trunk.toml`, but for what cargo and rollup do after it.
fn trunk(lane: &mut Lane<'_>) {
    let project = lane.project;
    let Some(rust) = set_up(lane) else {
        return lane.missed("trunk build", "the set-up failed");
    };
    lane.step("trunk", || tools::trunk(project));
    lane.step("trunk build", || dist::same_with_trunk(project, rust));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_tests_of_a_crate_are_found() -> Result<()> {
        let project = Project::find(false)?;
        let targets = test_targets(&project, "radiograph")?;
        assert!(targets.contains(&"dicom".to_owned()), "{targets:?}");
        assert!(!targets.contains(&"common".to_owned()), "{targets:?}");
        assert_eq!(test_targets(&project, "xtask")?, Vec::<String>::new());
        Ok(())
    }

    #[test]
    fn nothing_can_be_chosen_where_there_is_nothing_to_choose() -> Result<()> {
        let project = Project::find(false)?;
        let error = run_part(&project, Part::Deny, &["x".to_owned()]).err();
        assert!(error.is_some_and(|error| error.to_string().contains("after `--`")));
        Ok(())
    }
}
