//! Hostile bytes at every door: the targets of `tests/fuzz`.

use crate::process::{run, run_tests, step};
use crate::tools::{self, Project};
use anyhow::{Result, ensure};
use clap::ValueEnum;
use std::fs;
use std::process::Command;

/// What is fed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// Any bytes as an image file.
    Image,
    /// Any bytes as the elements of a DICOM file.
    Dicom,
    /// Any bytes as a weights file, its header, or its metadata.
    Bundle,
    /// Any numbers that a device may give back, as a report.
    Report,
}

impl Target {
    fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Dicom => "dicom",
            Self::Bundle => "bundle",
            Self::Report => "report",
        }
    }

    /// Longest input, in bytes. Longer ones are slower and say nothing new.
    fn longest(self) -> u32 {
        match self {
            Self::Report => 4 * 1024,
            Self::Image | Self::Dicom | Self::Bundle => 16 * 1024,
        }
    }
}

/// Compiles the targets, and has `seeds`, cargo that runs the example of that name, write what they start from.
pub fn build(project: &Project, seeds: &mut Command) -> Result<()> {
    tools::cargo_fuzz(project)?;
    tools::cpp_compiler(project)?;
    let mut build = project.command("cargo");
    build.args([
        "fuzz",
        "build",
        "--fuzz-dir",
        "tests/fuzz",
        "--sanitizer",
        "none",
    ]);
    run(&mut build, "A C++ compiler is needed too, for libFuzzer.")?;
    seeds.arg("--").arg(project.root().join("tests/fuzz/seeds"));
    run(seeds, "The compiler's messages above say why.")
}

/// Feeds one target, or each in its turn, for so many seconds; returns what libFuzzer says of each run, and fails if one crashed.
pub fn feed(project: &Project, only: Option<Target>, seconds: u32) -> Result<Vec<String>> {
    let folder = project.root().join("tests/fuzz");
    let mut said = Vec::new();
    let mut crashed = Vec::new();
    for target in Target::value_variants() {
        if only.is_some_and(|only| only != *target) {
            continue;
        }
        let name = target.name();
        step(format!("fuzzing {name} for {seconds} s"));
        let corpus = folder.join("corpus").join(name);
        fs::create_dir_all(&corpus)?;
        let mut fuzz = project.command("cargo");
        fuzz.args([
            "fuzz",
            "run",
            "--fuzz-dir",
            "tests/fuzz",
            "--sanitizer",
            "none",
            name,
        ])
        .arg(&corpus)
        .arg(folder.join("seeds").join(name))
        .arg("--")
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={}", target.longest()))
        // An input that takes a gigabyte or ten seconds is a crash as well.
        .args(["-rss_limit_mb=1024", "-malloc_limit_mb=256", "-timeout=10"])
        .args(["-verbosity=1", "-print_final_stats=0"]);
        let (success, lines) = run_tests(&mut fuzz)?;
        // Without the command line, which is long.
        let short = |line: &str| line.split(" (`").next().unwrap_or_default().to_owned();
        said.extend(lines.iter().map(|line| format!("{name}: {}", short(line))));
        if !success {
            crashed.push(name);
        }
    }
    ensure!(
        crashed.is_empty(),
        "{} crashed; the input is in tests/fuzz/artifacts, and `cargo fuzz fmt` shows what it means",
        crashed.join(", ")
    );
    Ok(said)
}
