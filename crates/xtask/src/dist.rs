//! Building the page into `dist/`.

use crate::Speed;
use crate::process::{run, step};
use crate::release;
use crate::tools::{self, Project, WasmRust};
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What wasm-opt is told: the features that the compiler has used, and to make it small. It would otherwise merge into its caller
/// whatever is called from one place only, all decoders into one function, all that is checked of a bundle into another. A browser
/// compiles a function when it is called for the first time, and once more, for long, when much has been done in it: large ones kept
/// the first image waiting, first for themselves and then for a core.
const WASM_OPT: [&str; 12] = [
    "-Os",
    "--one-caller-inline-max-function-size=30",
    "--strip-debug",
    "--strip-producers",
    "--enable-simd",
    "--enable-bulk-memory",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-reference-types",
    "--enable-multivalue",
    "--enable-relaxed-simd",
];

/// The build on WebGPU, which trunk makes.
const WEBGPU: &str = "webgpu";

/// The builds on the CPU, and the feature that each has beyond the plain one, by the name that the crate and the compiler both
/// give it. The worker picks what its browser can run.
const CPU: [(&str, Option<&str>); 2] = [("cpu", None), ("cpu-relaxed", Some("relaxed-simd"))];

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
    tools::rollup(project)?;
    if speed == Speed::Release {
        tools::wasm_opt(project)?;
    }
    Ok(rust)
}

/// Builds the page with tools that are there, and returns the folder it is in.
pub fn page(project: &Project, rust: WasmRust, speed: Speed) -> Result<PathBuf> {
    let how_long = match speed {
        Speed::Release => "10 to 15 minutes the first time; --fast is quicker",
        Speed::Fast => "5 to 15 minutes the first time",
    };
    step(format!("building the page ({how_long})"));
    let mut trunk = rust.command(project, "trunk");
    trunk
        .args(["build", "--skip-version-check"])
        .args(["--cargo-profile", profile(speed)])
        // Trunk reads this variable as one of its own and accepts nothing but `true` and `false`.
        .env_remove("NO_COLOR")
        .env("CARGO_ENCODED_RUSTFLAGS", rustflags(speed, None));
    run(&mut trunk, "The compiler's messages above say why.")?;

    let dist = project.root().join("dist");
    move_to_runtime(&dist)?;
    for (build, feature) in CPU {
        cpu_runtime(project, rust, speed, build, feature, &dist)?;
    }
    for build in std::iter::once(WEBGPU).chain(CPU.map(|(build, _)| build)) {
        let wasm = runtime(&dist, build).join("lung_web_bg.wasm");
        if speed == Speed::Release {
            optimise(project, build, &wasm)?;
        }
        let size = fs::metadata(&wasm)?.len();
        step(format!(
            "{build}: {:.2} MB of WebAssembly",
            size as f64 / 1e6
        ));
    }
    merge_scripts(project, &dist)?;
    let id = release::write(&dist)?;
    step(format!("release {}", &id[..12]));
    Ok(dist)
}

/// The name in `Cargo.toml` of how the wasm crate is compiled.
fn profile(speed: Speed) -> &'static str {
    match speed {
        Speed::Release => "wasm-release",
        Speed::Fast => "wasm-dev",
    }
}

/// Where a build of the wasm crate lies.
fn runtime(dist: &Path, build: &str) -> PathBuf {
    dist.join("runtime").join(build)
}

/// Moves what trunk has built to where the worker looks for it. Trunk names the files after the package, with a hyphen.
fn move_to_runtime(dist: &Path) -> Result<()> {
    let folder = runtime(dist, WEBGPU);
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let script = dist.join("lung-web.js");
    let text = fs::read_to_string(&script)
        .with_context(|| format!("trunk has left no {}", script.display()))?;
    fs::write(
        folder.join("lung_web.js"),
        text.replace("lung-web_bg.wasm", "lung_web_bg.wasm"),
    )?;
    fs::remove_file(&script)?;
    fs::rename(
        dist.join("lung-web_bg.wasm"),
        folder.join("lung_web_bg.wasm"),
    )
    .context("trunk has left no lung-web_bg.wasm")
}

/// Merges the page's scripts: seventeen of them kept a cold page waiting.
fn merge_scripts(project: &Project, dist: &Path) -> Result<()> {
    let packages = tools::rollup(project)?;
    run(
        project
            .command("node")
            .arg("www/bundle.mjs")
            .arg(dist)
            .arg(packages),
        "Its message above says which script.",
    )
}

/// What the compiler is told, as `CARGO_ENCODED_RUSTFLAGS` has it: the processor's features, one more of them where it is named, and
/// for a release to leave out of what a panic says where this machine keeps its sources. Nobody else wants to know, and it would make
/// the same release another one on every machine.
fn rustflags(speed: Speed, feature: Option<&str>) -> String {
    let mut flags = "-Ctarget-feature=+simd128".to_owned();
    if let Some(feature) = feature {
        flags.push_str(",+");
        flags.push_str(feature);
    }
    let cargo_home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    if let (Speed::Release, Some(cargo_home)) = (speed, cargo_home) {
        let sources = cargo_home.join("registry/src");
        flags.push_str("\x1f--remap-path-prefix=");
        flags.push_str(&sources.to_string_lossy());
        flags.push_str("=registry");
    }
    flags
}

/// Tells cargo the folder and the processor's features of a build on the CPU; returns the folder.
pub fn set_up_cpu(
    cargo: &mut Command,
    project: &Project,
    speed: Speed,
    build: &str,
    feature: Option<&str>,
) -> PathBuf {
    let target = project.root().join("target/wasm").join(build);
    if let Some(feature) = feature {
        cargo.args(["--features", feature]);
    }
    cargo
        .env("CARGO_TARGET_DIR", &target)
        .env("CARGO_ENCODED_RUSTFLAGS", rustflags(speed, feature));
    target
}

/// Builds the wasm crate without WebGPU, with more of the processor's features.
fn cpu_runtime(
    project: &Project,
    rust: WasmRust,
    speed: Speed,
    build: &str,
    feature: Option<&str>,
    dist: &Path,
) -> Result<()> {
    step(format!(
        "building for {build} (1 to 2 minutes the first time)"
    ));
    let mut cargo = rust.command(project, "cargo");
    cargo
        .args(["build", "--package", "lung-web"])
        .args(["--profile", profile(speed)])
        .args(["--target", tools::WASM_TARGET]);
    let target = set_up_cpu(&mut cargo, project, speed, build, feature);
    run(&mut cargo, "The compiler's messages above say why.")?;
    let wasm = target
        .join(tools::WASM_TARGET)
        .join(profile(speed))
        .join("lung_web.wasm");
    let mut bindgen = project.command("wasm-bindgen");
    bindgen
        .args([
            "--target",
            "web",
            "--no-typescript",
            "--out-name",
            "lung_web",
        ])
        .arg("--out-dir")
        .arg(runtime(dist, build))
        .arg(wasm);
    run(&mut bindgen, "Is it the version that Cargo.lock names?")
}

/// Runs wasm-opt on `wasm` in place. It takes minutes, so the last result is kept and used again for the same input and options.
fn optimise(project: &Project, build: &str, wasm: &Path) -> Result<()> {
    let kept = project.root().join("target/wasm-opt").join(build);
    let (input, result) = (kept.join("input.wasm"), kept.join("result.wasm"));
    let (told, options) = (kept.join("options"), WASM_OPT.join(" "));
    let before = fs::read(wasm).with_context(|| format!("{} cannot be read", wasm.display()))?;
    let same = result.is_file()
        && fs::read(&input).is_ok_and(|last| last == before)
        && fs::read_to_string(&told).is_ok_and(|last| last == options);
    if !same {
        step(format!(
            "making {build} smaller with wasm-opt (up to 2 minutes)"
        ));
        fs::create_dir_all(&kept).with_context(|| format!("{} cannot be made", kept.display()))?;
        // Removed first, so that an interrupted run cannot leave a result that belongs to another input.
        let _ = fs::remove_file(&result);
        fs::write(&input, &before)
            .with_context(|| format!("{} cannot be written", input.display()))?;
        fs::write(&told, &options)
            .with_context(|| format!("{} cannot be written", told.display()))?;
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
