//! Every test there is, and one summary at the end.

use crate::process::{self, run_tests, step};
use crate::tools::{self, Project, WasmRust};
use crate::{Part, Speed, bench, dist, fuzz};
use anyhow::{Result, bail};
use std::process::Command;
use std::time::{Duration, Instant};

/// What the native tests have beyond the usual features: the kernels for a GPU, which run on a driver in software as well.
pub const GPU: &str = "lung-kernels/gpu,mobilenet-lung/gpu";

/// How a step ended.
enum Outcome {
    Passed,
    Failed(String),
    /// Not run, because something that it needs has failed.
    Missed(String),
}

/// One line of the summary, and the runner's own lines below it.
struct Entry {
    name: &'static str,
    took: Duration,
    outcome: Outcome,
    lines: Vec<String>,
}

/// Runs the tests, all of them or one part. Steps that do not need each other all run even when one has failed. Fails
/// after the summary if any step did.
pub fn run(project: &Project, only: Option<Part>) -> Result<()> {
    let mut suite = Suite {
        project,
        entries: Vec::new(),
    };
    let wants = |part| only.is_none_or(|only| only == part);
    if wants(Part::Native) {
        suite.native();
    }
    if wants(Part::Wasm) || wants(Part::E2e) {
        let rust = suite.step("set-up", || dist::tools(project, Speed::Fast));
        if wants(Part::Wasm) {
            suite.wasm(rust);
        }
        if wants(Part::E2e) {
            suite.e2e(rust);
        }
    }
    if wants(Part::Archive) {
        suite.archive();
    }
    if wants(Part::Fuzz) {
        suite.fuzz();
    }
    if wants(Part::Deny) {
        suite.deny();
    }
    suite.finish()
}

/// How long each fuzz target is fed, in seconds: long enough to go wrong where something has been broken.
const FUZZ_SECONDS: u32 = 15;

struct Suite<'a> {
    project: &'a Project,
    entries: Vec<Entry>,
}

impl Suite<'_> {
    /// Formatting, lints, and the tests of the workspace's default members, which are the native ones.
    fn native(&mut self) {
        let project = self.project;
        let cargo = |arguments: &[&str]| {
            let mut command = project.command("cargo");
            command.args(arguments);
            command
        };
        self.tests("formatting", &mut cargo(&["fmt", "--all", "--check"]));
        let with = |before: &[&str], after: &[&str]| {
            let mut command = cargo(before);
            command.args(["--features", GPU]).args(after);
            command
        };
        self.tests(
            "lints",
            &mut with(&["clippy", "--all-targets"], &["--", "-D", "warnings"]),
        );
        self.step("graphics driver", || tools::vulkan(project));
        self.tests("native tests", &mut with(&["test", "--no-fail-fast"], &[]));
    }

    /// The wasm crate's tests, run by Node.
    fn wasm(&mut self, rust: Option<WasmRust>) {
        let Some(rust) = rust else {
            return self.missed("wasm tests", "the set-up failed");
        };
        let mut command = rust.command(self.project, "cargo");
        command.args(["test", "--package", "lung-web", "--profile", "wasm-dev"]);
        command.args(["--target", tools::WASM_TARGET, "--tests", "--no-fail-fast"]);
        // As the page's build on the CPU is made, so that nothing is compiled twice.
        dist::set_up_cpu(&mut command, self.project, Speed::Fast, "cpu", None);
        self.tests("wasm tests", &mut command);
    }

    /// The page in Chromium and Firefox, held to what the native command says.
    fn e2e(&mut self, rust: Option<WasmRust>) {
        let project = self.project;
        let folder = project.root().join("tests/e2e");
        let chromium = self.step("Chromium", || tools::chromium(project));
        let firefox = self.step("Firefox", || tools::firefox(project));
        let packages = self
            .step("test packages", || tools::npm_ci(project, &folder))
            .is_some();
        if packages {
            self.tests(
                "type check",
                project
                    .command("npm")
                    .args(["run", "--silent", "check"])
                    .current_dir(&folder),
            );
        } else {
            self.missed("type check", "its packages could not be installed");
        }
        let native = self.native_command().is_some();
        let page = match rust {
            Some(rust) => self.step("page", || dist::page(project, rust, Speed::Fast)),
            None => None,
        };
        let (Some(chromium), Some(firefox), Some(page), true, true) =
            (chromium, firefox, page, packages, native)
        else {
            return self.missed(
                "browser tests",
                "something that they need has failed, see above",
            );
        };
        let mut command = project.command("npm");
        command
            .args(["test", "--silent"])
            .current_dir(&folder)
            .env("LUNG_DIST", page)
            .env("CHROME", chromium)
            .env("FIREFOX", firefox)
            .env("LUNG_BIN", project.root().join("target/debug/lung"));
        // Which is this very program.
        if let Ok(xtask) = std::env::current_exe() {
            command.env("LUNG_XTASK", xtask);
        }
        // The real images are no part of the project; the tests that need them say so and are skipped without.
        let data = std::env::var_os("LUNG_DATA")
            .map_or_else(|| project.root().join("../shared/data"), Into::into);
        if data.is_dir() {
            command.env("LUNG_DATA", data.canonicalize().unwrap_or(data));
        } else {
            command.env_remove("LUNG_DATA");
        }
        self.tests("browser tests", &mut command);
    }

    /// The example for archives, held to the native command.
    fn archive(&mut self) {
        let project = self.project;
        let folder = project.root().join("tests/archive");
        let packages = tools::PythonPackages {
            requirements: &folder.join("requirements.txt"),
            modules: "numpy, onnxruntime, PIL, pyarrow.parquet, ray.data",
            folder: "python-archive",
            announcement: "installing Ray and onnxruntime into target/tools/python-archive (a few minutes, once)",
        };
        let python = self.step("packages of the archive example", || {
            tools::python(project, &packages)
        });
        let model = self.step("current model", || bench::current_model(project));
        let (Some(python), Some(model), Some(())) = (python, model, self.native_command()) else {
            return self.missed(
                "archive example",
                "something that it needs has failed, see above",
            );
        };
        let mut command = Command::new(python);
        command
            .arg(folder.join("test_predict.py"))
            .arg(project.root().join("target/debug/lung"))
            .arg(model);
        self.tests("archive example", &mut command);
    }

    /// Builds the native command that other tests are held to.
    fn native_command(&mut self) -> Option<()> {
        let project = self.project;
        self.step("native command", || {
            step("building the native command, to compare with");
            let mut cargo = project.command("cargo");
            process::run(
                // With the features of the tests, so that nothing is compiled twice.
                cargo.args(["build", "--bin", "lung", "--features", GPU]),
                "The compiler's messages above say why.",
            )
        })
    }

    /// Hostile bytes, for a short while.
    fn fuzz(&mut self) {
        let project = self.project;
        if self.step("fuzz targets", || fuzz::build(project)).is_none() {
            return self.missed("fuzzing", "its targets could not be built");
        }
        let said = self.step("fuzzing", || fuzz::feed(project, None, FUZZ_SECONDS));
        if let Some(entry) = self.entries.last_mut() {
            entry.lines = said.unwrap_or_default();
        }
    }

    /// Licences and sources, as `deny.toml` has them.
    fn deny(&mut self) {
        let project = self.project;
        if self
            .step("cargo-deny", || tools::cargo_deny(project))
            .is_none()
        {
            return self.missed("licences and sources", "cargo-deny could not be installed");
        }
        let mut command = project.command("cargo");
        command.args(["deny", "check", "--hide-inclusion-graph"]);
        command.args(["bans", "licenses", "sources"]);
        self.tests("licences and sources", &mut command);
    }

    /// Does `work` and notes how it ended.
    fn step<T>(&mut self, name: &'static str, work: impl FnOnce() -> Result<T>) -> Option<T> {
        let start = Instant::now();
        let result = work();
        let outcome = match &result {
            Ok(_) => Outcome::Passed,
            Err(error) => {
                eprintln!("error: {error:#}");
                Outcome::Failed(format!("{error:#}"))
            }
        };
        self.entries.push(Entry {
            name,
            took: start.elapsed(),
            outcome,
            lines: Vec::new(),
        });
        result.ok()
    }

    /// Runs a test command, and notes how it ended and what it said of itself.
    fn tests(&mut self, name: &'static str, command: &mut Command) {
        step(name);
        let start = Instant::now();
        let (outcome, lines) = match run_tests(command) {
            Ok((true, lines)) => (Outcome::Passed, lines),
            Ok((false, lines)) => (Outcome::Failed("see its messages above".to_owned()), lines),
            Err(error) => (Outcome::Failed(format!("{error:#}")), Vec::new()),
        };
        self.entries.push(Entry {
            name,
            took: start.elapsed(),
            outcome,
            lines,
        });
    }

    fn missed(&mut self, name: &'static str, why: &str) {
        let outcome = Outcome::Missed(why.to_owned());
        self.entries.push(Entry {
            name,
            took: Duration::ZERO,
            outcome,
            lines: Vec::new(),
        });
    }

    /// Prints the summary.
    fn finish(self) -> Result<()> {
        step("summary");
        for Entry {
            name,
            took,
            outcome,
            lines,
        } in &self.entries
        {
            let seconds = took.as_secs();
            match outcome {
                Outcome::Passed => println!("ok      {name} ({seconds} s)"),
                Outcome::Failed(why) => println!("FAILED  {name} ({seconds} s): {why}"),
                Outcome::Missed(why) => println!("NOT RUN {name}: {why}"),
            }
            for line in lines {
                println!("          {line}");
            }
        }
        let bad = self
            .entries
            .iter()
            .filter(|entry| !matches!(entry.outcome, Outcome::Passed))
            .count();
        match bad {
            0 => {
                println!("all {} steps passed", self.entries.len());
                Ok(())
            }
            _ => bail!(
                "{bad} of {} steps failed or could not be run",
                self.entries.len()
            ),
        }
    }
}
