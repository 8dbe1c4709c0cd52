//! `cargo xtask serve | build | package | test | fuzz | bench`: gets the tools, builds the page, serves it, packs the element,
//! runs every test, and times it all beside others.
//!
//! Only orchestration lives here: each step says what it does, skips what is already there, and when it fails says
//! what to do about it. Nothing is installed outside the project's `target/tools`, except the wasm target (through
//! rustup) and, on Debian when there is no other way, system packages.

#![forbid(unsafe_code)]

mod bench;
mod dist;
mod fuzz;
mod package;
mod process;
mod release;
mod server;
mod suite;
mod tools;

use anyhow::Result;
use clap::{Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;

/// Sets up, builds, serves and tests MobileNet-Lung.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Get the tools, build the page, and serve it on this machine until interrupted.
    Serve {
        /// The port to listen on. Without this, 8080 or the next free one after it; 0 lets the system choose.
        #[arg(long)]
        port: Option<u16>,
        /// Build in a quarter of the time; the page is larger and a little slower.
        #[arg(long)]
        fast: bool,
        /// Serve what has been built before, in dist/ or in the folder given.
        #[arg(long, value_name = "FOLDER", num_args = 0..=1, default_missing_value = "dist", conflicts_with = "fast")]
        built: Option<PathBuf>,
    },
    /// Get the tools and build the page into dist/, ready to be copied to any static web server.
    Build {
        /// Build in a quarter of the time; the page is larger and a little slower.
        #[arg(long)]
        fast: bool,
    },
    /// Build the page and make the npm package of the element from it, in target/package.
    Package {
        /// Build in a quarter of the time; the package is larger and a little slower.
        #[arg(long)]
        fast: bool,
    },
    /// Get the tools and run every test: formatting, lints, native, wasm, the page in a real browser, the example
    /// for archives, and a short fuzz.
    Test {
        /// Run one part only.
        #[arg(long, value_enum)]
        only: Option<Part>,
    },
    /// Feed every door with hostile bytes: image files, DICOM, weights files, what a device gives back.
    Fuzz {
        /// One target only.
        #[arg(value_enum)]
        target: Option<fuzz::Target>,
        /// How long for each.
        #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
        seconds: u32,
    },
    /// Time ourselves beside other runtimes: in the browser, in training, and natively (about 15 minutes after set-up).
    ///
    /// The machine should have nothing else to do.
    Bench {
        /// One part only.
        #[arg(value_enum)]
        part: Option<bench::BenchPart>,
        /// Write all figures as JSON too.
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
        /// How many times everything has its turn.
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
        rounds: u32,
        /// The same for engines on WebGPU, where a run may take seconds.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        webgpu_rounds: Option<u32>,
        /// Cold starts of the browser over a line of so many Mbit/s, scripts and WebAssembly in gzip.
        #[arg(long, value_name = "N")]
        mbit: Option<f64>,
        /// Only these engines of the browser, such as ours-cpu,ort-wasm.
        #[arg(long, value_name = "ID,ID")]
        engines: Option<String>,
        /// What WebGPU runs on.
        #[arg(long, value_enum, default_value_t = bench::Gpu::Software)]
        gpu: bench::Gpu,
        /// Build the page as for tests, in a quarter of the time: its size and speed are not those of what is published.
        #[arg(long)]
        fast: bool,
    },
}

/// A part of the tests that can be run by itself.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Formatting, lints, and the tests of everything that runs natively.
    Native,
    /// The tests of the wasm crate, under Node.
    Wasm,
    /// The page in Chromium.
    E2e,
    /// The example for archives, in Ray Data.
    Archive,
    /// Hostile bytes at every door, for a short while.
    Fuzz,
    /// Licences and sources of all that is depended on.
    Deny,
}

/// How the wasm crate is compiled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Speed {
    /// Small and fast to run: what is published.
    Release,
    /// Fast to build: for development and tests.
    Fast,
}

impl Speed {
    fn of(fast: bool) -> Self {
        if fast { Self::Fast } else { Self::Release }
    }
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    let project = tools::Project::find()?;
    match task {
        Task::Serve { port, fast, built } => {
            let dist = match built {
                Some(folder) => project.root().join(folder),
                None => dist::build(&project, Speed::of(fast))?,
            };
            server::serve(&dist, port)
        }
        Task::Build { fast } => {
            let dist = dist::build(&project, Speed::of(fast))?;
            println!("==> the page is in {}", dist.display());
            Ok(())
        }
        Task::Package { fast } => package::make(&project, Speed::of(fast)),
        Task::Test { only } => suite::run(&project, only),
        Task::Fuzz { target, seconds } => {
            fuzz::build(&project, &mut suite::fuzz_seeds(&project))?;
            for line in fuzz::feed(&project, target, seconds)? {
                println!("{line}");
            }
            Ok(())
        }
        Task::Bench {
            part,
            json,
            rounds,
            webgpu_rounds,
            mbit,
            engines,
            gpu,
            fast,
        } => bench::bench(
            &project,
            &bench::Options {
                part,
                json,
                rounds,
                webgpu_rounds,
                mbit,
                engines,
                gpu,
                speed: Speed::of(fast),
            },
        ),
    }
}
