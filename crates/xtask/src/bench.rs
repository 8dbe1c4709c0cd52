//! Timing ourselves beside others: the page beside other runtimes in a browser, training and native inference beside PyTorch
//! and onnxruntime. What is measured, and how, is in `tests/bench/README.md`.

use crate::dist::{self, Speed};
use crate::process::{run, step};
use crate::tools::{self, Project};
use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// A part of the bench that can be run by itself.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BenchPart {
    /// The page beside onnxruntime-web and TensorFlow.js, in Chromium.
    Browser,
    /// Forward, and forward with backward, beside PyTorch on the CPU.
    Train,
    /// One image at a time, beside onnxruntime on the CPU.
    Native,
}

/// Which adapter WebGPU runs on.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Gpu {
    /// Chromium's own software adapter, the same on every machine.
    Software,
    /// This machine's.
    Hardware,
}

/// What to measure, and how often.
pub struct Options {
    /// `None` is all of it.
    pub part: Option<BenchPart>,
    /// Where to write the figures as JSON.
    pub json: Option<PathBuf>,
    /// Rounds of warm runs in the browser; the native parts, whose rounds hold more, make a quarter as many.
    pub rounds: u32,
    /// Rounds of warm runs on WebGPU, where other than `rounds`.
    pub webgpu_rounds: Option<u32>,
    /// Megabits a second of the line that cold starts download over; `None` is as fast as the machine is.
    pub mbit: Option<f64>,
    /// Only these engines of the browser, by id, with commas between.
    pub engines: Option<String>,
    /// The adapter for WebGPU.
    pub gpu: Gpu,
    /// How the page is built.
    pub speed: Speed,
}

/// Images at a time, and how many steps of that are timed in a round.
const BATCHES: [(u64, u64); 3] = [(1, 8), (8, 2), (32, 1)];
/// Inferences of one image that are timed in a round.
const LATENCIES: u64 = 50;
/// Between two turns, so that the threads of one program have stopped waiting for work when the other begins.
const PAUSE: Duration = Duration::from_millis(300);

/// What each ratio must reach, and what we aim for, in the order of the summary.
const GOALS: [(&str, &str, Goal); 9] = [
    ("cpu_warm", "browser, CPU, warm", Goal::AtMost(1.0, 0.7)),
    (
        "webgpu_warm",
        "browser, WebGPU, warm",
        Goal::AtMost(0.5, 0.25),
    ),
    (
        "cpu_first",
        "browser, CPU, first result",
        Goal::AtMost(0.5, 0.3),
    ),
    (
        "webgpu_first",
        "browser, WebGPU, first result",
        Goal::AtMost(0.5, 0.3),
    ),
    (
        "code_bytes_brotli",
        "code to download, bytes",
        Goal::AtMost(1.5e6, 0.8e6),
    ),
    (
        "dispatches",
        "GPU dispatches an image",
        Goal::AtMost(40.0, 20.0),
    ),
    (
        "memory_growth",
        "memory, 100 to 1,000 images, growth",
        Goal::AtMost(0.05, 0.02),
    ),
    (
        "train_b32",
        "training, batch 32, speed",
        Goal::AtLeast(1.0, 1.5),
    ),
    (
        "native_b1",
        "native, batch 1, latency",
        Goal::AtMost(1.5, 1.0),
    ),
];

enum Goal {
    /// Must not exceed the first, aims not to exceed the second.
    AtMost(f64, f64),
    /// Must reach the first, aims to reach the second.
    AtLeast(f64, f64),
}

/// What has been measured so far.
#[derive(Default)]
struct Figures {
    rows: Vec<Value>,
    memory: Value,
    ratios: serde_json::Map<String, Value>,
}

/// Gets what is needed, measures, prints tables and, where asked for, writes JSON.
pub fn bench(project: &Project, options: &Options) -> Result<()> {
    let wants = |part| options.part.is_none_or(|only| only == part);
    let (browser, train, native) = (
        wants(BenchPart::Browser),
        wants(BenchPart::Train),
        wants(BenchPart::Native),
    );
    // Everything that compiles or installs comes before anything is timed.
    let files = Files::prepare(project)?;
    let site = match browser {
        true => Some(Site::prepare(project, options.speed)?),
        false => None,
    };
    let python = match train || native {
        true => Some(tools::python(
            project,
            &tools::PythonPackages {
                requirements: &project.root().join("tests/bench/requirements.txt"),
                modules: "numpy, onnxruntime, torch",
                folder: "python",
                announcement: "installing PyTorch and onnxruntime into target/tools/python (gigabytes, minutes, once)",
            },
        )?),
        false => None,
    };

    let mut figures = Figures::default();
    if let Some(site) = site {
        in_browser(project, options, &files, &site, &mut figures)?;
    }
    if let Some(python) = python {
        let pair = Programs::new(project, &files, python)?;
        let rounds = options.rounds.div_ceil(4);
        pair.compare()?;
        if native {
            latency(&pair, rounds, &mut figures)?;
        }
        if train {
            training(&pair, rounds, &mut figures)?;
        }
    }
    figures.summarise();
    if let Some(path) = &options.json {
        let all = json!({
            "rows": figures.rows,
            "memory": figures.memory,
            "ratios": figures.ratios,
        });
        fs::write(path, format!("{all:#}\n"))
            .with_context(|| format!("{} cannot be written", path.display()))?;
        step(format!("the figures are in {}", path.display()));
    }
    Ok(())
}

/// The network in the forms that the engines need.
struct Files {
    /// Where what is made for the bench is kept.
    folder: PathBuf,
    /// The native command.
    lung: PathBuf,
    /// The bundle that the page uses.
    model: PathBuf,
    /// The same as ONNX.
    onnx: PathBuf,
}

impl Files {
    fn prepare(project: &Project) -> Result<Self> {
        step("building the native command");
        run(
            project
                .command("cargo")
                .args(["build", "--release", "--package", "lung-train"])
                .args(["--bin", "lung"]),
            "The compiler's messages above say why.",
        )?;
        let lung = project
            .root()
            .join("target/release")
            .join(format!("lung{}", std::env::consts::EXE_SUFFIX));
        let model = current_model(project)?;
        let folder = project.root().join("target/bench");
        run(
            Command::new(&lung)
                .args(["export", "--format", "onnx", "--model"])
                .arg(&model)
                .arg("--out")
                .arg(&folder),
            "Is the model in www/models one that this version reads?",
        )?;
        let name = model.file_name().unwrap_or_default();
        let onnx = folder.join(name).with_extension("onnx");
        Ok(Self {
            folder,
            lung,
            model,
            onnx,
        })
    }
}

/// What the browser part needs besides.
struct Site {
    dist: PathBuf,
    packages: PathBuf,
    chromium: PathBuf,
}

impl Site {
    fn prepare(project: &Project, speed: Speed) -> Result<Self> {
        let chromium = tools::chromium(project)?;
        let packages = project.root().join("tests/bench");
        tools::node(project)?;
        tools::npm_ci(project, &packages)?;
        Ok(Self {
            dist: dist::build(project, speed)?,
            packages,
            chromium,
        })
    }
}

fn in_browser(
    project: &Project,
    options: &Options,
    files: &Files,
    site: &Site,
    figures: &mut Figures,
) -> Result<()> {
    step("in the browser");
    let result = files.folder.join("browser.json");
    let mut command = project.command("node");
    command
        .arg("run.mjs")
        .current_dir(&site.packages)
        .arg("--dist")
        .arg(&site.dist)
        .arg("--model")
        .arg(&files.model)
        .arg("--onnx")
        .arg(&files.onnx)
        .arg("--chrome")
        .arg(&site.chromium)
        .arg("--json")
        .arg(&result)
        .arg("--cache")
        .arg(files.folder.join("brotli.json"))
        .args(["--rounds", &options.rounds.to_string()])
        .arg("--gpu")
        .arg(match options.gpu {
            Gpu::Software => "software",
            Gpu::Hardware => "hardware",
        });
    if let Some(rounds) = options.webgpu_rounds {
        command.args(["--webgpu-rounds", &rounds.to_string()]);
    }
    if let Some(mbit) = options.mbit {
        command.args(["--mbit", &mbit.to_string()]);
    }
    if let Some(engines) = &options.engines {
        command.args(["--engines", engines]);
    }
    run(&mut command, "Its messages above say why.")?;
    let mut measured = read_json(&result)?;
    if let Value::Array(rows) = measured["rows"].take() {
        figures.rows.extend(rows);
    }
    figures.memory = measured["memory"].take();
    if let Value::Object(ratios) = measured["ratios"].take() {
        figures.ratios.extend(ratios);
    }
    Ok(())
}

/// A program that answers requests, each of them and each answer a line of JSON.
struct Program {
    name: &'static str,
    child: Child,
    requests: ChildStdin,
    replies: BufReader<ChildStdout>,
}

impl Program {
    fn start(name: &'static str, command: &mut Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{name} could not be started"))?;
        let requests = child.stdin.take().context("no pipe to write to")?;
        let replies = child.stdout.take().context("no pipe to read from")?;
        Ok(Self {
            name,
            child,
            requests,
            replies: BufReader::new(replies),
        })
    }

    fn ask(&mut self, request: &Value) -> Result<Value> {
        let name = self.name;
        writeln!(self.requests, "{request}")
            .with_context(|| format!("{name} has ended; its messages above say why"))?;
        let mut reply = String::new();
        self.replies
            .read_line(&mut reply)
            .with_context(|| format!("{name} cannot be understood"))?;
        ensure!(
            !reply.is_empty(),
            "{name} gave no answer to {request}; its messages above say why"
        );
        serde_json::from_str(&reply).with_context(|| format!("{name} answered {reply}"))
    }

    /// The times of a request that is timed, after a pause, in milliseconds.
    fn times(&mut self, request: &Value) -> Result<Vec<f64>> {
        std::thread::sleep(PAUSE);
        let reply = self.ask(request)?;
        let times = reply["ms"]
            .as_array()
            .map(|times| times.iter().filter_map(Value::as_f64).collect::<Vec<f64>>());
        times
            .filter(|times| !times.is_empty())
            .with_context(|| format!("{} answered {reply}", self.name))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It ends with its input, but nothing is lost if it does not get to see that.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How our program and the others are started, with the same number of threads.
struct Programs<'a> {
    project: &'a Project,
    files: &'a Files,
    python: PathBuf,
    threads: usize,
}

impl<'a> Programs<'a> {
    fn new(project: &'a Project, files: &'a Files, python: PathBuf) -> Result<Self> {
        let threads = std::thread::available_parallelism()
            .context("the number of threads cannot be told")?
            .get();
        Ok(Self {
            project,
            files,
            python,
            threads,
        })
    }

    fn ours(&self) -> Result<Program> {
        Program::start(
            "`lung bench`",
            Command::new(&self.files.lung)
                .args(["bench", "--model"])
                .arg(&self.files.model)
                .env("RAYON_NUM_THREADS", self.threads.to_string()),
        )
    }

    fn theirs(&self) -> Result<Program> {
        Program::start(
            "tests/bench/native.py",
            Command::new(&self.python)
                .arg(self.project.root().join("tests/bench/native.py"))
                .arg("--model")
                .arg(&self.files.model)
                .arg("--onnx")
                .arg(&self.files.onnx)
                .args(["--threads", &self.threads.to_string()]),
        )
    }

    /// Fails unless all compute the same.
    fn compare(&self) -> Result<()> {
        step("comparing what ours, PyTorch and onnxruntime compute");
        let (mut ours, mut theirs) = (self.ours()?, self.theirs()?);
        let own = ours.ask(&json!({"do": "check"}))?;
        for format in FORMATS {
            let other = theirs.ask(&json!({"do": "check", "format": format}))?;
            for (what, tolerance) in [("loss", 1e-3), ("gradient", 1e-2)] {
                agree(&own[what], &other[what], tolerance, what)?;
            }
            for at in 0..3 {
                let own = &own["probabilities"][at];
                agree(own, &other["probabilities"][at], 1e-3, "a probability")?;
                agree(own, &other["onnxruntime"][at], 1e-3, "a probability")?;
            }
        }
        Ok(())
    }
}

/// The memory formats of PyTorch; the faster one counts.
const FORMATS: [&str; 2] = ["plain", "channels_last"];

fn agree(own: &Value, other: &Value, tolerance: f64, what: &str) -> Result<()> {
    let near = match (own.as_f64(), other.as_f64()) {
        (Some(own), Some(other)) => (own - other).abs() <= tolerance * own.abs().max(1e-1),
        _ => false,
    };
    ensure!(
        near,
        "{what} is {own} with us and {other} with the others: not the same network, so nothing to compare"
    );
    Ok(())
}

/// One image at a time beside onnxruntime.
fn latency(programs: &Programs<'_>, rounds: u32, figures: &mut Figures) -> Result<()> {
    let threads = programs.threads;
    step(format!("native, one image at a time, {threads} threads"));
    let (mut ours, mut theirs) = (programs.ours()?, programs.theirs()?);
    let request = json!({"do": "latency", "times": LATENCIES});
    let mut times = [Vec::new(), Vec::new()];
    // The first round warms up.
    for round in 0..=rounds {
        for (program, all) in [&mut ours, &mut theirs].into_iter().zip(&mut times) {
            let new = program.times(&request)?;
            if round > 0 {
                all.extend(new);
            }
        }
    }
    println!("{:<14} {:>9} {:>9}", "batch 1", "median ms", "p95 ms");
    let mut medians = Vec::new();
    for (engine, times) in ["ours", "onnxruntime"].into_iter().zip(&times) {
        let (median, p95) = (quantile(times, 0.5), quantile(times, 0.95));
        println!("{engine:<14} {median:>9.2} {p95:>9.2}");
        figures.rows.push(json!({
            "kind": "native", "engine": engine, "batch": 1, "threads": threads,
            "median_ms": median, "p95_ms": p95, "runs": times.len(),
        }));
        medians.push(median);
    }
    if let [own, other] = medians.as_slice() {
        figures.ratio("native_b1", own / other);
    }
    Ok(())
}

/// Forward, and forward with backward, beside PyTorch.
fn training(programs: &Programs<'_>, rounds: u32, figures: &mut Figures) -> Result<()> {
    let threads = programs.threads;
    step(format!("training, {threads} threads (some minutes)"));
    let (mut ours, mut theirs) = (programs.ours()?, programs.theirs()?);
    let engines = ["ours", "PyTorch", "PyTorch, channels last"];
    let tasks: Vec<(&str, u64, u64)> = ["forward", "train"]
        .into_iter()
        .flat_map(|task| BATCHES.map(|(batch, times)| (task, batch, times)))
        .collect();
    // By task, then by engine.
    let mut times = vec![[Vec::new(), Vec::new(), Vec::new()]; tasks.len()];
    for round in 0..=rounds {
        for ((task, batch, count), all) in tasks.iter().zip(&mut times) {
            // The first round warms up.
            let count = if round == 0 { 1 } else { *count };
            let request = json!({"do": task, "batch": batch, "times": count});
            let [plain, last] = FORMATS.map(|format| {
                let mut request = request.clone();
                request["format"] = json!(format);
                request
            });
            let new = [
                ours.times(&request)?,
                theirs.times(&plain)?,
                theirs.times(&last)?,
            ];
            if round > 0 {
                for (all, new) in all.iter_mut().zip(new) {
                    all.extend(new);
                }
            }
        }
    }
    drop((ours, theirs));

    println!("{:<24} {:>8} {:>8} {:>8}", "images/s", 1, 8, 32);
    for task in ["forward", "train"] {
        for (at, engine) in engines.into_iter().enumerate() {
            let mut line = format!("{:<24}", format!("{task}, {engine}"));
            for ((_, batch, _), times) in tasks
                .iter()
                .zip(&times)
                .filter(|((name, ..), _)| *name == task)
            {
                let median = quantile(&times[at], 0.5);
                let speed = *batch as f64 * 1e3 / median;
                line += &format!(" {speed:>8.1}");
                figures.rows.push(json!({
                    "kind": "train", "task": task, "engine": engine, "batch": batch, "threads": threads,
                    "median_ms": median, "images_per_second": speed, "runs": times[at].len(),
                }));
            }
            println!("{line}");
        }
    }
    if let Some([own, plain, last]) = times.last() {
        let fastest = quantile(plain, 0.5).min(quantile(last, 0.5));
        figures.ratio("train_b32", fastest / quantile(own, 0.5));
    }
    peak_memory(programs, figures)
}

/// The most memory that training takes, each figure by a process that has done nothing else.
fn peak_memory(programs: &Programs<'_>, figures: &mut Figures) -> Result<()> {
    println!("{:<24} {:>8} {:>8} {:>8}", "peak MB, train", 1, 8, 32);
    for engine in ["ours", "PyTorch"] {
        let mut line = format!("{engine:<24}");
        for (batch, _) in BATCHES {
            let mut program = match engine {
                "ours" => programs.ours()?,
                _ => programs.theirs()?,
            };
            program.ask(&json!({"do": "train", "batch": batch, "times": 2}))?;
            let peak = program.ask(&json!({"do": "memory"}))?["peak_bytes"].take();
            line += &match peak.as_f64() {
                Some(bytes) => format!(" {:>8.0}", bytes / 1e6),
                None => format!(" {:>8}", "-"),
            };
            figures.rows.push(json!({
                "kind": "train-memory", "engine": engine, "batch": batch, "peak_bytes": peak,
            }));
        }
        println!("{line}");
    }
    Ok(())
}

impl Figures {
    fn ratio(&mut self, name: &str, value: f64) {
        self.ratios.insert(name.to_owned(), json!(value));
    }

    /// Prints what has been measured beside what it should be, and gives the rest no value.
    fn summarise(&mut self) {
        step("ours to the best peer");
        println!(
            "{:<36} {:>11} {:>11} {:>11}",
            "", "measured", "must reach", "aim"
        );
        for (name, words, goal) in GOALS {
            let value = self.ratios.entry(name).or_insert(Value::Null).as_f64();
            let (sign, must, aim) = match goal {
                Goal::AtMost(must, aim) => ("<=", must, aim),
                Goal::AtLeast(must, aim) => (">=", must, aim),
            };
            let digits = if must > 10.0 { 0 } else { 2 };
            let measured = value.map_or("-".to_owned(), |value| format!("{value:.digits$}"));
            println!(
                "{words:<36} {measured:>11} {:>11} {:>11}",
                format!("{sign} {must:.digits$}"),
                format!("{sign} {aim:.digits$}"),
            );
        }
    }
}

/// The value that `share` of the values do not exceed, by nearest rank; NaN of none.
fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted
        .get(rank.saturating_sub(1))
        .copied()
        .unwrap_or(f64::NAN)
}

/// The weights file that the page uses.
pub fn current_model(project: &Project) -> Result<PathBuf> {
    let models = project.root().join("www/models");
    let index = read_json(&models.join("index.json"))?;
    let current = index["current"]
        .as_str()
        .context("www/models/index.json names no current model")?;
    Ok(models.join(current))
}

fn read_json(path: &Path) -> Result<Value> {
    let text =
        fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    match serde_json::from_str(&text) {
        Ok(value) => Ok(value),
        Err(error) => bail!("{} is not JSON: {error}", path.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let values = [5.0, 1.0, 3.0, 2.0, 4.0];
        assert_eq!(quantile(&values, 0.5), 3.0);
        assert_eq!(quantile(&values, 0.95), 5.0);
        assert!(quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn numbers_agree_within_their_tolerance_and_nothing_else_does() {
        assert!(agree(&json!(1.0), &json!(1.0005), 1e-3, "x").is_ok());
        assert!(agree(&json!(1.0), &json!(1.01), 1e-3, "x").is_err());
        assert!(agree(&json!(1.0), &Value::Null, 1e-3, "x").is_err());
    }
}
