//! `cargo xtask serve | build | package | release | test | structure | fuzz | bench`: gets the tools, builds the page, serves it, packs
//! the element, makes a release, runs every test, and times it all beside others.
//!
//! Only orchestration lives here: each step says what it does, skips what is already there, and when it fails says
//! what to do about it. Nothing is installed outside the project's `target/tools`, except the wasm target (through
//! rustup) and, for root or with `--install`, Debian's packages of what there is no other way to.

#![forbid(unsafe_code)]

mod bench;
mod contents;
mod dist;
mod fuzz;
mod package;
mod process;
mod release;
mod server;
mod stage;
mod structure;
mod suite;
mod tools;

use anyhow::{Result, ensure};
use clap::{Args, Parser, Subcommand};
use dist::Speed;
use std::path::PathBuf;
use std::process::ExitCode;
use suite::Part;

/// Sets up, builds, serves and tests MobileNet-Lung.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
    /// Install what is missing of Debian's packages with `sudo apt-get`. Root installs them without being asked to.
    #[arg(long, global = true)]
    install: bool,
}

#[derive(Subcommand)]
enum Task {
    /// Get the tools, build the page, and serve it on this machine until interrupted.
    ///
    /// It is served as soon as it runs on the CPU, after 4 to 9 minutes the first time. The builds for WebGPU and for relaxed SIMD
    /// follow; then dist/ is whole.
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
    /// Build the page and make the npm package of the element from it, in target/element.
    Package {
        /// Build in a quarter of the time; the package is larger and a little slower.
        #[arg(long)]
        fast: bool,
    },
    /// Make a release: version, changelog, archives, checksums, bill of materials, commit and tag. Nothing is pushed.
    ///
    /// It is refused where files are not committed or the tag is there.
    Release {
        /// `major`, `minor`, `patch`, or three numbers such as 0.2.0.
        #[arg(required_unless_present = "pack", conflicts_with = "pack")]
        version: Option<String>,
        /// Go through it with stand-ins for what takes long to build. No file of the checkout is changed, and nothing is tagged.
        #[arg(long, conflicts_with = "pack")]
        dry_run: bool,
        /// Only pack what is checked out into target/releases, as for a tag that is there.
        #[arg(long)]
        pack: bool,
    },
    /// Get the tools and run every test: formatting, lints, native, wasm, the page in real browsers, the example for archives, a
    /// short fuzz, licences (30 to 60 minutes on two cores the first time).
    Test {
        /// Run one part only.
        #[arg(long, value_enum, conflicts_with = "long")]
        only: Option<Part>,
        /// Run what is too long for every change instead, and write it down in docs/experiments/long-tests.md: hours of fuzzing,
        /// thousands of images, sleep, the feature `peer`.
        #[arg(long)]
        long: bool,
        /// How long the fuzzing of a long run takes, all targets together.
        #[arg(long, value_name = "N", default_value_t = 4.0, requires = "long")]
        hours: f64,
        /// With `--only browser` files of tests, such as `viewer`; with a native crate names of tests.
        #[arg(last = true, requires = "only")]
        filters: Vec<String>,
    },
    /// Check how the sources are divided: cycles between modules, files and functions that have become too long.
    Structure {
        /// Draw the modules into docs/modules.svg instead.
        #[arg(long)]
        picture: bool,
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
    /// Time ourselves beside other runtimes: in the browser, in training, and natively.
    ///
    /// The machine should have nothing else to do. Each row is our time over that of the best peer of the same run.
    Bench(BenchArguments),
}

#[derive(Args)]
struct BenchArguments {
    /// One part only.
    #[arg(value_enum)]
    part: Option<bench::BenchPart>,
    /// Only these rows.
    #[arg(
        long,
        value_enum,
        value_name = "ROW,ROW",
        value_delimiter = ',',
        conflicts_with = "part"
    )]
    only: Vec<bench::Row>,
    /// With `train`: the training of these of the paper's networks at 224 x 224, in place of all else; `all` is all six.
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',', conflicts_with_all = ["only", "quick", "record"])]
    networks: Option<Vec<String>>,
    /// All rows with fewer turns, and only such peers as come near the fastest; without torch.compile.
    #[arg(long)]
    quick: bool,
    /// Add the ratios to tests/bench/baseline.json, with which later runs are compared.
    #[arg(long, conflicts_with_all = ["quick", "fast", "engines", "gpu"])]
    record: bool,
    /// Write all figures as JSON too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// How many turns every engine of the browser has, in place of 20, or of 10 on WebGPU; native programs have a quarter as many.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,
    /// The same for engines on WebGPU, where a run may take seconds.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    webgpu_rounds: Option<u32>,
    /// Only these engines of the browser, such as ours-cpu,ort-wasm.
    #[arg(long, value_name = "ID,ID")]
    engines: Option<String>,
    /// What WebGPU runs on.
    #[arg(long, value_enum, default_value_t = bench::Gpu::Software)]
    gpu: bench::Gpu,
    /// Build the page as for tests, in a quarter of the time: its size and speed are not those of what is published.
    #[arg(long)]
    fast: bool,
}

fn main() -> ExitCode {
    if let Some(ended) = release::as_rustdoc() {
        return ended;
    }
    let Arguments { task, install } = Arguments::parse();
    match run(task, install) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task, install: bool) -> Result<()> {
    let project = tools::Project::find(install)?;
    match task {
        Task::Serve { port, fast, built } => match built {
            Some(folder) => server::serve(&project.root().join(folder), port),
            None => stage::serve(&project, Speed::of(fast), port),
        },
        Task::Build { fast } => {
            let dist = dist::build(&project, Speed::of(fast))?;
            println!("==> the page is in {}", dist.display());
            Ok(())
        }
        Task::Package { fast } => package::make(&project, Speed::of(fast)),
        Task::Release {
            version: Some(version),
            dry_run: true,
            ..
        } => {
            for line in release::rehearse(&project, &version)? {
                println!("{line}");
            }
            Ok(())
        }
        Task::Release {
            version: Some(version),
            ..
        } => release::release(&project, &version),
        Task::Release { version: None, .. } => release::pack_checkout(&project),
        Task::Test {
            only,
            long,
            hours,
            filters,
        } => match only {
            Some(part) => suite::run_part(&project, part, &filters),
            None if long => suite::run_long(&project, hours),
            None => suite::run(&project),
        },
        Task::Structure { picture: true } => structure::draw(project.root()),
        Task::Structure { picture: false } => {
            for line in structure::check(project.root())? {
                println!("{line}");
            }
            Ok(())
        }
        Task::Fuzz { target, seconds } => {
            fuzz::build(&project, &mut suite::fuzz_seeds(&project))?;
            for line in fuzz::feed(&project, target, seconds, 1)? {
                println!("{line}");
            }
            Ok(())
        }
        Task::Bench(arguments) => bench::bench(&project, &arguments.options()?),
    }
}

impl BenchArguments {
    fn options(self) -> Result<bench::Options> {
        ensure!(
            self.networks.is_none() || self.part == Some(bench::BenchPart::Train),
            "--networks is for `cargo xtask bench train`"
        );
        Ok(bench::Options {
            part: self.part,
            only: self.only,
            networks: self.networks,
            quick: self.quick,
            record: self.record,
            json: self.json,
            rounds: self.rounds,
            webgpu_rounds: self.webgpu_rounds,
            engines: self.engines,
            gpu: self.gpu,
            speed: Speed::of(self.fast),
        })
    }
}
