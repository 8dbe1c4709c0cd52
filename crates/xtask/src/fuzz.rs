//! Hostile bytes at every door: the targets of `tests/fuzz`.

use crate::process::{print, quietly, run, run_tests, step};
use crate::tools::{self, Project};
use anyhow::{Result, anyhow, ensure};
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
    /// Any bytes as the compressed image of a DICOM file.
    Codec,
    /// Any bytes as a JPEG stream.
    Jpeg,
    /// Any bytes as a TIFF file.
    Tiff,
    /// Any bytes as a zip archive.
    Archive,
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
            Self::Codec => "codec",
            Self::Jpeg => "jpeg",
            Self::Tiff => "tiff",
            Self::Archive => "archive",
            Self::Bundle => "bundle",
            Self::Report => "report",
        }
    }

    /// Longest input, in bytes. Longer ones are slower and say nothing new.
    fn longest(self) -> u32 {
        match self {
            Self::Report => 4 * 1024,
            Self::Image
            | Self::Dicom
            | Self::Codec
            | Self::Jpeg
            | Self::Tiff
            | Self::Archive
            | Self::Bundle => 16 * 1024,
        }
    }
}

/// How many targets there are.
pub fn targets() -> usize {
    Target::value_variants().len()
}

/// Gets what the targets are compiled with.
pub fn tools(project: &Project) -> Result<()> {
    tools::cargo_fuzz(project)?;
    tools::cpp_compiler(project)
}

/// Compiles the targets, and has `seeds`, cargo that runs the example of that name, write what they start from.
pub fn build(project: &Project, seeds: &mut Command) -> Result<()> {
    tools(project)?;
    run(
        &mut cargo_fuzz(project, "build"),
        "A C++ compiler is needed too, for libFuzzer.",
    )?;
    seeds.arg("--").arg(project.root().join("tests/fuzz/seeds"));
    run(seeds, "The compiler's messages above say why.")
}

fn cargo_fuzz(project: &Project, what: &str) -> Command {
    let mut cargo = project.command("cargo");
    cargo.args(["fuzz", what, "--fuzz-dir", "tests/fuzz"]);
    cargo.args(["--sanitizer", "none"]);
    cargo
}

/// Feeds one target, or each, for so many seconds, and so many targets at a time; returns what libFuzzer says of each run, and fails
/// if one crashed.
pub fn feed(
    project: &Project,
    only: Option<Target>,
    seconds: u32,
    at_a_time: usize,
) -> Result<Vec<String>> {
    let targets: Vec<Target> = Target::value_variants()
        .iter()
        .copied()
        .filter(|target| only.is_none_or(|only| only == *target))
        .collect();
    let mut said = Vec::new();
    let mut crashed = Vec::new();
    for some in targets.chunks(at_a_time.max(1)) {
        let names: Vec<&str> = some.iter().map(|target| target.name()).collect();
        step(format!("fuzzing {} for {seconds} s", names.join(" and ")));
        for (target, fed) in some.iter().zip(feed_some(project, some, seconds)) {
            let (success, lines) = fed?;
            let name = target.name();
            // Without the command line, which is long.
            let short = |line: &str| line.split(" (`").next().unwrap_or_default().to_owned();
            said.extend(lines.iter().map(|line| format!("{name}: {}", short(line))));
            if !success {
                crashed.push(name);
            }
        }
    }
    ensure!(
        crashed.is_empty(),
        "{} crashed; the input is in tests/fuzz/artifacts, and `cargo fuzz fmt` shows what it means ({})",
        crashed.join(", "),
        said.join("; ")
    );
    Ok(said)
}

/// Whether a target ended well, and what libFuzzer said of the run.
type Fed = Result<(bool, Vec<String>)>;

/// Feeds these targets at the same time. What they print of one is seen as it comes, of several one after the other in the end.
fn feed_some(project: &Project, targets: &[Target], seconds: u32) -> Vec<Fed> {
    if let [target] = targets {
        return vec![feed_one(project, *target, seconds)];
    }
    let fed: Vec<(Fed, Vec<u8>)> = std::thread::scope(|scope| {
        let threads: Vec<_> = targets
            .iter()
            .map(|target| scope.spawn(|| quietly(|| feed_one(project, *target, seconds))))
            .collect();
        threads
            .into_iter()
            .map(|thread| {
                thread.join().unwrap_or_else(|_| {
                    let broken = anyhow!("a thread of xtask has broken down, see above");
                    (Err(broken), Vec::new())
                })
            })
            .collect()
    });
    fed.into_iter()
        .map(|(fed, printed)| {
            print(&printed);
            fed
        })
        .collect()
}

fn feed_one(project: &Project, target: Target, seconds: u32) -> Fed {
    let folder = project.root().join("tests/fuzz");
    let name = target.name();
    let corpus = folder.join("corpus").join(name);
    fs::create_dir_all(&corpus)?;
    let mut fuzz = cargo_fuzz(project, "run");
    fuzz.arg(name)
        .arg(&corpus)
        .arg(folder.join("seeds").join(name))
        .arg("--")
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={}", target.longest()))
        // An input that takes a gigabyte or ten seconds is a crash as well.
        .args(["-rss_limit_mb=1024", "-malloc_limit_mb=256", "-timeout=10"])
        .args(["-verbosity=1", "-print_final_stats=0"]);
    run_tests(&mut fuzz)
}
