//! The page beside other runtimes, in Chromium: `tests/bench/run.mjs` does the work.

use super::figures::{Figures, Outcome};
use super::files::{Files, Site, read_json};
use super::options::{Gpu, Options};
use super::rows::{BenchPart, Row};
use crate::process::{run, step};
use crate::tools::Project;
use anyhow::Result;
use clap::ValueEnum;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// Images through our page while its memory is watched.
const IMAGES: &str = "1000";

/// Measures the rows that are wanted.
pub fn measure(
    project: &Project,
    options: &Options,
    files: &Files,
    site: &Site,
    figures: &mut Figures,
) -> Result<()> {
    // The pool of workers is no matter of other runtimes.
    let rows: Vec<Row> = (Row::value_variants().iter().copied())
        .filter(|row| row.part() == BenchPart::Browser && *row != Row::FolderPool)
        .filter(|row| options.wants(*row))
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    step("in the browser");
    let result = files.folder.join("browser.json");
    let names: Vec<&str> = rows.iter().map(|row| row.name()).collect();
    let [rounds, webgpu_rounds] = options.browser_rounds();
    let [cold, webgpu_cold] = options.cold_starts();
    let mut command = script(project, "run.mjs", site, &result);
    command
        .arg("--model")
        .arg(&files.model)
        .arg("--onnx")
        .arg(&files.onnx)
        .arg("--parts")
        .arg(&files.parts)
        .arg("--cache")
        .arg(files.folder.join("brotli.json"))
        .args(["--rows", &names.join(",")])
        .args(["--rounds", &rounds.to_string()])
        .args(["--webgpu-rounds", &webgpu_rounds.to_string()])
        .args(["--cold", &cold.to_string()])
        .args(["--webgpu-cold", &webgpu_cold.to_string()])
        .arg("--gpu")
        .arg(match options.gpu {
            Gpu::Software => "software",
            Gpu::Hardware => "hardware",
        });
    if options.quick {
        command.arg("--quick");
    }
    if options.whole() {
        command.args(["--memory", IMAGES]);
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
    for row in rows {
        match outcome(&measured["outcomes"][row.name()]) {
            Some(outcome) => figures.outcome(row, outcome),
            None => figures.miss(row, "ours or every peer was left out"),
        }
    }
    Ok(())
}

/// A script that measures the page of `site` and writes what it found to `result`.
fn script(project: &Project, name: &str, site: &Site, result: &Path) -> Command {
    let mut command = project.command("node");
    command
        .arg(name)
        .current_dir(&site.packages)
        .arg("--dist")
        .arg(&site.dist)
        .arg("--chrome")
        .arg(&site.chromium)
        .arg("--json")
        .arg(result);
    command
}

/// Measures a folder of radiographs, read by as many workers as the page takes and by one.
pub fn folder(
    project: &Project,
    options: &Options,
    files: &Files,
    site: &Site,
    figures: &mut Figures,
) -> Result<()> {
    if !options.wants(Row::FolderPool) {
        return Ok(());
    }
    step(Row::FolderPool.title());
    let result = files.folder.join("folder.json");
    let [images, rounds] = if options.quick {
        ["50", "2"]
    } else {
        ["200", "3"]
    };
    let mut command = script(project, "folder.mjs", site, &result);
    command
        .args(["--images", images])
        .args(["--rounds", rounds]);
    run(&mut command, "Its messages above say why.")?;
    let mut measured = read_json(&result)?;
    let median = |id: &str| {
        let rows = measured["rows"].as_array()?;
        rows.iter().find(|row| row["id"] == id)?["median_ms"].as_f64()
    };
    match (median("pool"), median("one")) {
        (Some(ours_ms), Some(best_ms)) => {
            let best = "our page with one worker".to_owned();
            figures.outcome(
                Row::FolderPool,
                Outcome {
                    ours_ms,
                    best,
                    best_ms,
                },
            );
        }
        _ => figures.miss(Row::FolderPool, "folder.mjs gave no times"),
    }
    if let Value::Array(rows) = measured["rows"].take() {
        figures.rows.extend(rows);
    }
    Ok(())
}

fn outcome(value: &Value) -> Option<Outcome> {
    Some(Outcome {
        ours_ms: value["ours_ms"].as_f64()?,
        best: value["best"].as_str()?.to_owned(),
        best_ms: value["best_ms"].as_f64()?,
    })
}
