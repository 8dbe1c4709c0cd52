//! Every test there is, and one summary at the end.

use crate::process::{self, run_tests, step};
use crate::tools::{self, Project, WasmRust};
use crate::{Part, Speed, bench, dist, fuzz};
use anyhow::{Result, bail};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// What the native tests have beyond the usual features: the kernels for a GPU, which run on a driver in software as well.
const GPU: &str = "lung-kernels/gpu,mobilenet-lung/gpu";

/// Cargo with the features of the native tests, so that nothing is compiled twice.
fn cargo(project: &Project, arguments: &[&str]) -> Command {
    let mut cargo = project.command("cargo");
    cargo.args(arguments).args(["--features", GPU]);
    cargo
}

/// Cargo that writes what the fuzz targets start from, when it is told where.
pub fn fuzz_seeds(project: &Project) -> Command {
    cargo(project, &["run", "--quiet", "--example", "seeds"])
}

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
        linting: false,
        program: std::env::current_exe().ok(),
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
    /// Whether our own crates are compiled by Clippy's driver, which is the compiler with more lints.
    linting: bool,
    /// This very program, by the name that it had when it began: compiling it once more removes that file for another one.
    program: Option<PathBuf>,
    entries: Vec<Entry>,
}

impl Suite<'_> {
    /// Formatting, lints, and the tests of the workspace's default members, which are the native ones.
    fn native(&mut self) {
        let project = self.project;
        let mut format = project.command("cargo");
        format.args(["fmt", "--all", "--check"]);
        self.tests("formatting", &mut format);
        // In one go with compiling the tests: `cargo clippy` would check all that they depend on first, and share nothing of that.
        // All targets: what only tests call is dead code in a program.
        self.linting = true;
        let mut compile = self.with_lints(cargo(project, &["build", "--all-targets"]));
        // With a warning nothing is compiled that our own crates are needed for; the tests can do without lints.
        self.linting = self.tests("lints", &mut compile);
        self.step("graphics driver", || tools::vulkan(project));
        let mut test = self.with_lints(cargo(project, &["test", "--no-fail-fast"]));
        self.tests("native tests", &mut test);
    }

    /// The same cargo, linting if we are. Commands that compile the same must all be, or none.
    fn with_lints(&self, mut cargo: Command) -> Command {
        if self.linting {
            // What `cargo clippy -- -D warnings` sets, but for cargo to compile and not only to check.
            cargo.env("RUSTC_WORKSPACE_WRAPPER", "clippy-driver");
            cargo.env(
                "CLIPPY_ARGS",
                "-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__",
            );
        }
        cargo
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
        if let Some(program) = &self.program {
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
        let mut cargo = self.with_lints(cargo(self.project, &["build", "--bin", "lung"]));
        self.step("native command", || {
            step("building the native command, to compare with");
            process::run(&mut cargo, "The compiler's messages above say why.")
        })
    }

    /// Hostile bytes, for a short while.
    fn fuzz(&mut self) {
        let project = self.project;
        let mut seeds = self.with_lints(fuzz_seeds(project));
        if self
            .step("fuzz targets", || fuzz::build(project, &mut seeds))
            .is_none()
        {
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

    /// Runs a test command, notes how it ended and what it said of itself, and returns whether it passed.
    fn tests(&mut self, name: &'static str, command: &mut Command) -> bool {
        step(name);
        let start = Instant::now();
        let (outcome, lines) = match run_tests(command) {
            Ok((true, lines)) => (Outcome::Passed, lines),
            Ok((false, lines)) => (Outcome::Failed("see its messages above".to_owned()), lines),
            Err(error) => (Outcome::Failed(format!("{error:#}")), Vec::new()),
        };
        let passed = matches!(outcome, Outcome::Passed);
        self.entries.push(Entry {
            name,
            took: start.elapsed(),
            outcome,
            lines,
        });
        passed
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
