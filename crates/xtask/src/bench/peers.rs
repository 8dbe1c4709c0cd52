//! How our program and the native peers are started, and whether they compute the same.

use super::files::Files;
use super::options::Options;
use super::program::Program;
use super::rows::{BenchPart, Row};
use crate::process::step;
use crate::tools::{self, Project};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;

/// How PyTorch gets an allocator that keeps memory: the one that comes with Linux hands it back in each step, which takes half of it.
enum Allocator {
    /// Jemalloc, from this library.
    Jemalloc(PathBuf),
    /// That of the C library, told to keep more.
    Tuned,
}

/// How our program and the native peers are started.
pub struct Programs<'a> {
    project: &'a Project,
    files: &'a Files,
    allocator: Allocator,
    /// As many as this machine can run at once.
    pub threads: usize,
}

impl<'a> Programs<'a> {
    /// Finds or installs what training needs, if it is to be timed.
    pub fn prepare(project: &'a Project, files: &'a Files, options: &Options) -> Result<Self> {
        let training = options.networks.is_some() || options.wants_part(BenchPart::Train);
        let allocator = match training.then(|| tools::jemalloc(project)).flatten() {
            Some(library) => Allocator::Jemalloc(library),
            None => {
                if training && cfg!(target_os = "linux") {
                    step(
                        "there is no jemalloc: PyTorch gets the C library's allocator, told to keep memory",
                    );
                }
                Allocator::Tuned
            }
        };
        if options.compiles() {
            // `torch.compile` calls it.
            tools::cpp_compiler(project)?;
        }
        let threads = std::thread::available_parallelism()
            .context("the number of threads cannot be told")?
            .get();
        Ok(Self {
            project,
            files,
            allocator,
            threads,
        })
    }

    /// `lung bench`.
    pub fn ours(&self, threads: usize) -> Result<Program> {
        Program::start(
            "`lung bench`",
            Command::new(&self.files.lung)
                .args(["bench", "--model"])
                .arg(&self.files.model)
                .env("RAYON_NUM_THREADS", threads.to_string()),
        )
    }

    /// The peers of inference.
    pub fn theirs(&self, threads: usize) -> Result<Program> {
        Program::start("tests/bench/native.py", &mut self.native(threads))
    }

    /// PyTorch as its makers advise to train on a CPU: channels last, and with an allocator that keeps memory.
    pub fn pytorch(&self) -> Result<Program> {
        let mut command = self.native(self.threads);
        match &self.allocator {
            Allocator::Jemalloc(library) => command
                .env("LD_PRELOAD", library)
                .env("MALLOC_CONF", "dirty_decay_ms:-1,muzzy_decay_ms:-1"),
            Allocator::Tuned => command
                .env("MALLOC_MMAP_THRESHOLD_", "8589934592")
                .env("MALLOC_TRIM_THRESHOLD_", "17179869184")
                .env("MALLOC_TOP_PAD_", "268435456"),
        };
        Program::start("tests/bench/native.py", &mut command)
    }

    fn native(&self, threads: usize) -> Command {
        let mut command = Command::new(&self.files.python);
        command
            .arg(self.project.root().join("tests/bench/native.py"))
            .arg("--model")
            .arg(&self.files.model)
            .arg("--onnx")
            .arg(&self.files.onnx)
            .arg("--tflite")
            .arg(&self.files.tflite)
            .args(["--threads", &threads.to_string()]);
        command
    }
}

/// Fails unless both programs have the same probabilities and, where both have been trained, the same loss and gradient.
pub fn compare(ours: &Value, theirs: &Value, engine: &str) -> Result<()> {
    for at in 0..3 {
        let both = [ours, theirs].map(|all| &all["probabilities"][at]);
        agree(both, 1e-3, "a probability", engine)?;
    }
    // A gradient that has come through every layer has gathered every rounding.
    for (what, tolerance) in [("loss", 1e-3), ("gradient", 1e-2)] {
        if !theirs[what].is_null() {
            agree([&ours[what], &theirs[what]], tolerance, what, engine)?;
        }
    }
    Ok(())
}

fn agree([own, other]: [&Value; 2], tolerance: f64, what: &str, engine: &str) -> Result<()> {
    let near = match (own.as_f64(), other.as_f64()) {
        (Some(own), Some(other)) => (own - other).abs() <= tolerance * own.abs().max(1e-1),
        _ => false,
    };
    ensure!(
        near,
        "{what} is {own} with us and {other} with {engine}: not the same network, so nothing to compare"
    );
    Ok(())
}

/// The times of ours and then of each peer, in turns of `request`. The first round warms up, and does not count.
pub fn in_turns(
    [ours, theirs]: [&mut Program; 2],
    peers: &[(&str, &str)],
    request: &Value,
    rounds: u32,
) -> Result<Vec<Vec<f64>>> {
    let mut times = vec![Vec::new(); peers.len() + 1];
    for round in 0..=rounds {
        let mut new = vec![ours.times(request)?];
        for (engine, _) in peers {
            let mut request = request.clone();
            request["engine"] = json!(engine);
            new.push(theirs.times(&request)?);
        }
        if round > 0 {
            for (all, new) in times.iter_mut().zip(new) {
                all.extend(new);
            }
        }
    }
    Ok(times)
}

/// The request for what is compared.
pub fn check(engine: &str) -> Value {
    json!({"do": "check", "engine": engine})
}

/// The native peers of a row, by the names that `native.py` and people know them by.
pub fn peers(row: Row, options: &Options) -> Vec<(&'static str, &'static str)> {
    match row {
        Row::TrainB32 => {
            let mut all = vec![("pytorch", "PyTorch, channels last")];
            if options.compiles() {
                all.push(("compiled", "PyTorch, torch.compile"));
            }
            all
        }
        _ => vec![
            ("openvino", "OpenVINO"),
            ("litert", "LiteRT"),
            ("onnxruntime", "onnxruntime"),
            ("pytorch", "PyTorch, channels last"),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_agree_within_their_tolerance_and_nothing_else_does() {
        let near = |own: Value, other: Value| agree([&own, &other], 1e-3, "x", "y");
        assert!(near(json!(1.0), json!(1.0005)).is_ok());
        assert!(near(json!(1.0), json!(1.01)).is_err());
        assert!(near(json!(1.0), Value::Null).is_err());
    }

    #[test]
    fn what_only_training_has_is_compared_where_it_is() {
        let ours = json!({"probabilities": [0.2, 0.3, 0.5], "loss": 1.0, "gradient": 2.0});
        let inference = json!({"probabilities": [0.2, 0.3, 0.5]});
        assert!(compare(&ours, &inference, "x").is_ok());
        let trained = json!({"probabilities": [0.2, 0.3, 0.5], "loss": 1.1, "gradient": 2.0});
        assert!(compare(&ours, &trained, "x").is_err());
        assert!(compare(&ours, &json!({"probabilities": [0.2, 0.3]}), "x").is_err());
    }
}
