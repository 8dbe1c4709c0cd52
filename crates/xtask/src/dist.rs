//! Building the page into `dist/`.

use crate::Speed;
use crate::process::{run, step};
use crate::tools::{self, Project, WasmRust};
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// What wasm-opt is told: the features that the compiler has used, and to make it small.
const WASM_OPT: [&str; 10] = [
    "-Os",
    "--strip-debug",
    "--strip-producers",
    "--enable-simd",
    "--enable-bulk-memory",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-reference-types",
    "--enable-multivalue",
];

/// Gets the tools that are missing, builds the page, and returns the folder it is in.
pub fn build(project: &Project, speed: Speed) -> Result<PathBuf> {
    let rust = tools(project, speed)?;
    page(project, rust, speed)
}

/// Makes sure that everything the build needs is there.
pub fn tools(project: &Project, speed: Speed) -> Result<WasmRust> {
    step("looking for the tools");
    tools::node(project)?;
    let rust = tools::wasm_rust(project)?;
    tools::wasm_bindgen(project)?;
    tools::trunk(project)?;
    if speed == Speed::Release {
        tools::wasm_opt(project)?;
    }
    Ok(rust)
}

/// Builds the page with tools that are there, and returns the folder it is in.
pub fn page(project: &Project, rust: WasmRust, speed: Speed) -> Result<PathBuf> {
    let (profile, how_long) = match speed {
        Speed::Release => (
            "wasm-release",
            "10 to 15 minutes the first time; --fast is quicker",
        ),
        Speed::Fast => ("wasm-dev", "about 5 minutes the first time"),
    };
    step(format!("building the page ({how_long})"));
    let mut trunk = rust.command(project, "trunk");
    trunk
        .args(["build", "--skip-version-check", "--cargo-profile", profile])
        // Trunk reads this variable as one of its own and accepts nothing but `true` and `false`.
        .env_remove("NO_COLOR");
    run(&mut trunk, "The compiler's messages above say why.")?;

    let dist = project.root().join("dist");
    name_as_imported(&dist)?;
    if speed == Speed::Release {
        optimise(project, &dist.join("lung_web_bg.wasm"))?;
    }
    report_sizes(&dist)?;
    Ok(dist)
}

/// Gives the wasm crate's files the names that the worker imports. Trunk names them after the package, with a hyphen.
fn name_as_imported(dist: &Path) -> Result<()> {
    let script = dist.join("lung-web.js");
    let text = fs::read_to_string(&script)
        .with_context(|| format!("trunk has left no {}", script.display()))?;
    fs::write(
        dist.join("lung_web.js"),
        text.replace("lung-web_bg.wasm", "lung_web_bg.wasm"),
    )?;
    fs::remove_file(&script)?;
    fs::rename(dist.join("lung-web_bg.wasm"), dist.join("lung_web_bg.wasm"))
        .context("trunk has left no lung-web_bg.wasm")
}

/// Runs wasm-opt on `wasm` in place. It takes minutes, so the last result is kept and used again for the same input.
fn optimise(project: &Project, wasm: &Path) -> Result<()> {
    let kept = project.root().join("target/wasm-opt");
    let (input, result) = (kept.join("input.wasm"), kept.join("result.wasm"));
    let before = fs::read(wasm).with_context(|| format!("{} cannot be read", wasm.display()))?;
    let same = result.is_file() && fs::read(&input).is_ok_and(|last| last == before);
    if !same {
        step("making the wasm file smaller with wasm-opt (about 2 minutes)");
        fs::create_dir_all(&kept).with_context(|| format!("{} cannot be made", kept.display()))?;
        // Removed first, so that an interrupted run cannot leave a result that belongs to another input.
        let _ = fs::remove_file(&result);
        fs::write(&input, &before)
            .with_context(|| format!("{} cannot be written", input.display()))?;
        let unfinished = kept.join("unfinished.wasm");
        let mut command = project.command("wasm-opt");
        command
            .args(WASM_OPT)
            .arg(&input)
            .arg("-o")
            .arg(&unfinished);
        run(&mut command, "`cargo xtask build --fast` does without it.")?;
        fs::rename(&unfinished, &result)
            .with_context(|| format!("{} cannot be written", result.display()))?;
    }
    fs::copy(&result, wasm).with_context(|| format!("{} cannot be written", wasm.display()))?;
    Ok(())
}

fn report_sizes(dist: &Path) -> Result<()> {
    let size = fs::metadata(dist.join("lung_web_bg.wasm"))?.len();
    step(format!("lung_web_bg.wasm: {:.1} MB", size as f64 / 1e6));
    Ok(())
}
