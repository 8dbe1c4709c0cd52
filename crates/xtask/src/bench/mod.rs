//! Timing ourselves beside others: the page beside other runtimes in a browser, training and native inference beside PyTorch,
//! OpenVINO, LiteRT and onnxruntime. What is measured, and how, is in `tests/bench/README.md`.

mod baseline;
mod browser;
mod figures;
mod files;
mod latency;
mod networks;
mod options;
mod peers;
mod program;
mod rows;
mod training;

pub use files::current_model;
pub use options::{Gpu, Options};
pub use rows::{BenchPart, Row};

use crate::process::step;
use crate::tools::Project;
use anyhow::{Context, Result};
use baseline::Baseline;
use figures::Figures;
use files::{Files, Site};
use peers::Programs;
use std::fs;

/// Gets what is needed, measures, prints tables and, where asked for, writes JSON.
pub fn bench(project: &Project, options: &Options) -> Result<()> {
    let in_browser = options.wants_part(BenchPart::Browser);
    // Everything that compiles or installs comes before anything is timed.
    let files = Files::prepare(project)?;
    let site = match in_browser {
        true => Some(Site::prepare(project, options.speed)?),
        false => None,
    };
    let mut figures = Figures::default();
    let programs = Programs::prepare(project, &files, options)?;
    if let Some(site) = site {
        browser::measure(project, options, &files, &site, &mut figures)?;
        browser::folder(project, options, &files, &site, &mut figures)?;
    }
    match &options.networks {
        Some(names) => networks::measure(&programs, names, options.native_rounds(), &mut figures)?,
        None => {
            latency::measure(&programs, options, &mut figures)?;
            training::measure(&programs, options, &mut figures)?;
        }
    }

    let mut baseline = Baseline::read(project)?;
    if options.networks.is_none() {
        figures.summarise(options, &baseline);
    }
    if options.record {
        baseline.record(figures.ratios());
        step(format!("recorded in {}", baseline.write()?.display()));
    }
    if let Some(path) = &options.json {
        fs::write(path, format!("{:#}\n", figures.json(project)))
            .with_context(|| format!("{} cannot be written", path.display()))?;
        step(format!("the figures are in {}", path.display()));
    }
    Ok(())
}
