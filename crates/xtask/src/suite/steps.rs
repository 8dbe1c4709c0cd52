//! The steps of the tests: each runs something and notes in its lane how that went.

use super::lane::Lane;
use crate::contents::{self, Advisories};
use crate::dist::{self, Build, Speed};
use crate::process;
use crate::tools::{self, Project, WasmRust};
use crate::{bench, fuzz, structure};
use anyhow::{Context, Result, ensure};
use std::path::PathBuf;
use std::process::Command;

/// How long each fuzz target is fed, in seconds: long enough to go wrong where something has been broken.
pub(super) const FUZZ_SECONDS: u32 = 15;

/// How many fuzz targets are fed at a time. Each keeps one core busy.
pub(super) const FUZZ_AT_A_TIME: usize = 2;

/// Why a step is not run.
const MISSED: &str = "something that it needs has failed, see the other steps";

/// Cargo with the features of the native tests. Whatever is compiled natively is compiled so, and never for one crate alone or
/// without a test or an example: what others ask of the crates that are depended on is part of how those are compiled.
pub(super) fn cargo(project: &Project, arguments: &[&str]) -> Command {
    let mut cargo = project.command("cargo");
    cargo
        .args(arguments)
        .args(["--features", tools::NATIVE_FEATURES]);
    cargo
}

/// Cargo that writes what the fuzz targets start from, when it is told where.
pub fn fuzz_seeds(project: &Project) -> Command {
    cargo(project, &["run", "--quiet", "--example", "seeds"])
}

/// Formatting.
pub(super) fn format(lane: &mut Lane<'_>) {
    let mut format = lane.project.command("cargo");
    format.args(["fmt", "--all", "--check"]);
    lane.tests("formatting", &mut format);
}

/// How the sources are divided.
pub(super) fn divided(lane: &mut Lane<'_>) {
    let root = lane.project.root();
    lane.step_with_lines("structure", || {
        process::step("structure");
        Ok(((), structure::check(root)?))
    });
}

/// Lints, of all targets: what only tests call is dead code in a program.
pub(super) fn lints(lane: &mut Lane<'_>) {
    let mut clippy = cargo(lane.project, &["clippy", "--all-targets"]);
    clippy.args(["--", "-D", "warnings"]);
    lane.tests("lints", &mut clippy);
    // What clippy has checked of the crates that are depended on serves here too.
    let mut doc = cargo(lane.project, &["doc", "--quiet", "--no-deps"]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    lane.tests("documentation of the crates", &mut doc);
}

/// Compiles the native tests, with all that they run and the examples; returns whether that went well.
pub(super) fn compile(lane: &mut Lane<'_>) -> bool {
    let mut compile = cargo(lane.project, &["test", "--no-run"]);
    lane.tests("compiling the native tests", &mut compile)
}

/// The tests of the workspace's default members, which are the native ones.
pub(super) fn native(lane: &mut Lane<'_>) {
    let project = lane.project;
    lane.step("graphics driver", || tools::vulkan(project));
    let mut test = cargo(project, &["test", "--no-fail-fast"]);
    lane.tests("native tests", &mut test);
    example(lane);
}

/// The crates' example, on a sample whose finding is known.
pub(super) fn example(lane: &mut Lane<'_>) {
    let mut classify = cargo(lane.project, &["run", "--quiet", "--example", "classify"]);
    classify.args(["--", "www/samples/adult-opacity.jpg"]);
    lane.step_with_lines("example in Rust", || {
        process::step("example in Rust");
        let said = process::output(&mut classify)
            .context("it failed. `cargo run --example classify -- chest.png` shows its message.")?;
        let first = said.lines().next().unwrap_or_default().to_owned();
        ensure!(first == "finding: Lung_Opacity", "it says `{first}`");
        Ok(((), vec![first]))
    });
}

/// The native command, which other tests compare with.
pub(super) fn command(lane: &mut Lane<'_>) -> bool {
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
pub(super) fn package(lane: &mut Lane<'_>, package: &str, filters: &[String]) {
    let project = lane.project;
    if matches!(package, "lung-kernels" | "mobilenet-lung" | "lung-train") {
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
            command.args(["--features", tools::NATIVE_FEATURES, "--lib"]);
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
pub(super) fn set_up(lane: &mut Lane<'_>) -> Option<WasmRust> {
    let project = lane.project;
    lane.step("set-up", || {
        dist::scripts(project, Speed::Fast)?;
        let rust = tools::wasm_rust(project)?;
        tools::wasm_bindgen_and_tests(project)?;
        Ok(rust)
    })
}

/// The wasm crate's tests, run by Node.
pub(super) fn wasm(lane: &mut Lane<'_>, rust: Option<WasmRust>) {
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
pub(super) fn archive_packages(lane: &mut Lane<'_>) -> Option<PathBuf> {
    let project = lane.project;
    let packages = tools::PythonPackages {
        requirements: &project.root().join("tests/archive/requirements.txt"),
        modules: "numpy, onnxruntime, PIL, pyarrow.parquet, ray.data, tensorboard",
        folder: "python-archive",
        announcement: "installing Ray and onnxruntime into target/tools/python-archive (a few minutes, once)",
    };
    lane.step("packages of the archive example", || {
        tools::python(project, &packages)
    })
}

/// The example for archives, held to the native command, and the event files of a training, read by TensorBoard.
pub(super) fn archive(lane: &mut Lane<'_>, python: Option<PathBuf>) {
    let project = lane.project;
    let model = lane.step("current model", || bench::current_model(project));
    let lung = project.root().join("target/debug/lung");
    if let Some(python) = &python {
        let mut command = Command::new(python);
        command
            .arg(project.root().join("tests/archive/test_events.py"))
            .arg(&lung);
        lane.tests("event files", &mut command);
    } else {
        lane.missed("event files", MISSED);
    }
    let (Some(python), Some(model)) = (python, model) else {
        return lane.missed("archive example", MISSED);
    };
    let mut command = Command::new(python);
    command
        .arg(project.root().join("tests/archive/test_predict.py"))
        .arg(lung)
        .arg(model);
    lane.tests("archive example", &mut command);
}

/// The Python that has files that others made, and what reads them for comparison.
pub(super) fn foreign_packages(lane: &mut Lane<'_>) -> Option<PathBuf> {
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
pub(super) fn foreign(lane: &mut Lane<'_>, python: Option<PathBuf>) {
    let project = lane.project;
    let Some(python) = python else {
        return lane.missed("foreign files", MISSED);
    };
    let mut command = Command::new(python);
    command
        .arg(project.root().join("tests/foreign-files/test_foreign.py"))
        .arg(project.root().join("target/debug/lung"));
    lane.tests("foreign files", &mut command);
}

/// What the fuzz targets are compiled with.
pub(super) fn fuzz_tools(lane: &mut Lane<'_>) {
    let project = lane.project;
    lane.step("cargo-fuzz", || fuzz::tools(project));
}

/// The fuzz targets, compiled, and what they start from.
pub(super) fn fuzz_targets(lane: &mut Lane<'_>) {
    let project = lane.project;
    lane.step("fuzz targets", || {
        fuzz::build(project, &mut fuzz_seeds(project))
    });
}

/// Hostile bytes, for so many seconds a target.
pub(super) fn fuzzing(lane: &mut Lane<'_>, seconds: u32) {
    let project = lane.project;
    lane.step_with_lines("fuzzing", || {
        Ok(((), fuzz::feed(project, None, seconds, FUZZ_AT_A_TIME)?))
    });
}

/// The lints and tests of what the command only has with the feature `peer`. It changes the features of what much is compiled
/// with, so a whole run does without it.
pub(super) fn peer(lane: &mut Lane<'_>) {
    let with_peer = |arguments: &[&str]| {
        let mut cargo = cargo(lane.project, arguments);
        cargo.args(["--features", "lung-train/peer"]);
        cargo
    };
    let mut clippy = with_peer(&["clippy", "--all-targets"]);
    clippy.args(["--", "-D", "warnings"]);
    let mut test = with_peer(&["test", "--no-fail-fast", "--test", "peer"]);
    lane.tests("lints of the feature peer", &mut clippy);
    lane.tests("another network in ONNX", &mut test);
}

/// Licences and sources, as `deny.toml` has them.
pub(super) fn deny(lane: &mut Lane<'_>) {
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

/// The command as `cargo install` makes it, in a folder of its own, but not optimised: it knows its version and runs from there.
pub(super) fn installed(lane: &mut Lane<'_>) {
    let project = lane.project;
    let folder = project.root().join("target/installed");
    lane.step("cargo install", || {
        process::step("installing the command into target/installed");
        let mut install = project.command("cargo");
        install.args(["install", "--locked", "--debug", "--force"]);
        install.args(["--path", "crates/lung-train", "--root"]);
        process::run(
            install.arg(&folder),
            "The compiler's messages above say why.",
        )?;
        let program = format!("lung{}", std::env::consts::EXE_SUFFIX);
        let mut lung = Command::new(folder.join("bin").join(program));
        let said = process::output(lung.arg("--version"));
        let wanted = format!("lung {}", env!("CARGO_PKG_VERSION"));
        ensure!(said.as_deref() == Some(&*wanted), "it says {said:?}");
        Ok(())
    });
}

/// Known vulnerabilities of what is depended on. Where their database cannot be had the summary says so, and it is no fault.
pub(super) fn vulnerabilities(lane: &mut Lane<'_>) {
    let project = lane.project;
    lane.step_with_lines("known vulnerabilities", || {
        match contents::advisories(project)? {
            Advisories::OutOfReach => Ok(((), vec![contents::OUT_OF_REACH.to_owned()])),
            Advisories::Known { none, lines } => {
                ensure!(none, "there are some, see above");
                Ok(((), lines))
            }
        }
    });
}

/// Trunk makes the same page of `www/index.html` and `Trunk.toml`, but for what cargo and the bundler do after it.
pub(super) fn trunk(lane: &mut Lane<'_>) {
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
}
