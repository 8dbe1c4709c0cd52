//! The builds of the wasm crate, of which the page picks one, and the readers of rare formats, which all of them share.

use super::list::sha256;
use super::speed::Speed;
use crate::process::{run, step};
use crate::tools::{self, Project, WASM_TARGET, WasmRust};
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

/// A build of the wasm crate, or the readers beside it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Build {
    /// On the CPU, in every browser.
    Cpu,
    /// On the CPU of browsers with relaxed SIMD.
    Relaxed,
    /// On WebGPU.
    WebGpu,
    /// The readers of rare formats, for each of the others.
    Readers,
}

/// What cargo has made of a build: one file of WebAssembly.
pub struct Compiled(PathBuf);

impl Build {
    /// All that a whole page has, the quickest to build first.
    pub const ALL: [Self; 4] = [Self::Cpu, Self::Readers, Self::Relaxed, Self::WebGpu];

    /// The name by which the page asks for it: that of its folder in `runtime/`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Relaxed => "cpu-relaxed",
            Self::WebGpu => "webgpu",
            Self::Readers => "readers",
        }
    }

    /// The crate that it is made of, and the name of its files.
    fn package(self) -> (&'static str, &'static str) {
        match self {
            Self::Cpu | Self::Relaxed | Self::WebGpu => ("lung-web", "lung_web"),
            Self::Readers => ("lung-readers", "lung_readers"),
        }
    }

    /// The name of its script.
    pub fn script(self) -> String {
        format!("{}.js", self.package().1)
    }

    /// The crate's feature that it is.
    fn feature(self) -> Option<&'static str> {
        match self {
            Self::Cpu | Self::Readers => None,
            Self::Relaxed => Some("relaxed-simd"),
            Self::WebGpu => Some("webgpu"),
        }
    }

    /// Compiles it, which takes minutes the first time.
    pub fn compile(self, project: &Project, rust: WasmRust, speed: Speed) -> Result<Compiled> {
        step(format!("building for {}", self.name()));
        let mut cargo = rust.command(project, "cargo");
        cargo
            .args(["build", "--package", self.package().0])
            .args(["--profile", speed.profile()])
            .args(["--target", WASM_TARGET]);
        let target = set_up(&mut cargo, project, speed, self);
        run(&mut cargo, "The compiler's messages above say why.")?;
        // Other builds leave theirs at the same place.
        let made = target
            .join(WASM_TARGET)
            .join(speed.profile())
            .join(self.package().1)
            .with_extension("wasm");
        let folder = project.root().join("target/runtime").join(self.name());
        fs::create_dir_all(&folder)
            .with_context(|| format!("{} cannot be made", folder.display()))?;
        let kept = folder.join("compiled.wasm");
        fs::copy(&made, &kept).with_context(|| format!("there is no {}", made.display()))?;
        Ok(Compiled(kept))
    }

    /// Makes of it what a browser loads, and for a release makes it smaller; returns the folder of both files beside the build.
    pub fn finish(
        self,
        project: &Project,
        speed: Speed,
        compiled: &Compiled,
    ) -> Result<(Self, PathBuf)> {
        let kept = project.root().join("target/runtime").join(self.name());
        let (folder, made_of) = (kept.join("web"), kept.join("made-of"));
        let name = self.package().1;
        let wasm = folder.join(format!("{name}_bg.wasm"));
        let compiled = &compiled.0;
        let bytes =
            fs::read(compiled).with_context(|| format!("{} cannot be read", compiled.display()))?;
        let wanted = format!(
            "{} {} {} {}",
            sha256(&bytes),
            speed.profile(),
            tools::wasm_bindgen_version(project)?,
            WASM_OPT.join(" ")
        );
        let same = wasm.is_file()
            && folder.join(self.script()).is_file()
            && fs::read_to_string(&made_of).is_ok_and(|last| last == wanted);
        if !same {
            // Removed first, so that an interrupted run leaves nothing that seems to be of this input.
            let _ = fs::remove_file(&made_of);
            let mut bindgen = project.command("wasm-bindgen");
            bindgen
                .args(["--target", "web", "--no-typescript"])
                .args(["--out-name", name])
                .arg("--out-dir")
                .arg(&folder)
                .arg(compiled);
            run(&mut bindgen, "Is it the version that Cargo.lock names?")?;
            if speed == Speed::Release {
                optimise(project, self.name(), &wasm)?;
            }
            fs::write(&made_of, wanted)
                .with_context(|| format!("{} cannot be written", made_of.display()))?;
        }
        let size = fs::metadata(&wasm)
            .with_context(|| format!("there is no {}", wasm.display()))?
            .len();
        step(format!(
            "{}: {:.2} MB of WebAssembly",
            self.name(),
            size as f64 / 1e6
        ));
        Ok((self, folder))
    }
}

/// Tells cargo the features of a build, and where it goes; returns that folder. For tests all builds share one, and with it what is
/// compiled the same for several; only the wasm crate itself, which is small, is compiled anew when another build was the last one.
/// A release optimises all of a build in that last step: each has a folder of its own, and can be compiled beside the others.
pub fn set_up(cargo: &mut Command, project: &Project, speed: Speed, build: Build) -> PathBuf {
    let mut target = project.root().join("target/wasm");
    if speed == Speed::Release {
        target.push(build.name());
    }
    if let Some(feature) = build.feature() {
        cargo.args(["--features", feature]);
    }
    cargo
        .env("CARGO_TARGET_DIR", &target)
        .env("CARGO_ENCODED_RUSTFLAGS", rustflags(speed, build));
    target
}

/// What the compiler is told, as `CARGO_ENCODED_RUSTFLAGS` has it: the processor's features, and for a release to leave out of what a
/// panic says where this machine keeps its sources. Nobody else wants to know, and it would make the same release another one on
/// every machine.
fn rustflags(speed: Speed, build: Build) -> String {
    let mut flags = "-Ctarget-feature=+simd128".to_owned();
    if build == Build::Relaxed {
        flags.push_str(",+relaxed-simd");
    }
    if let (Speed::Release, Some(flag)) = (speed, without_registry()) {
        flags.push('\x1f');
        flags.push_str(&flag);
    }
    flags
}

/// Where cargo keeps what it downloads.
fn cargo_home() -> Option<PathBuf> {
    let told = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    told.or_else(|| Some(std::env::home_dir()?.join(".cargo")))
}

/// Tells the compiler to call the folder with the sources of others `registry`.
fn without_registry() -> Option<String> {
    let sources = cargo_home()?.join("registry/src");
    Some(format!(
        "--remap-path-prefix={}=registry",
        sources.to_string_lossy()
    ))
}

/// What keeps the folders of this machine out of a program for it: those of the sources of others, and of what build scripts write.
pub fn without_paths(project: &Project) -> Vec<String> {
    let ours = format!("--remap-path-prefix={}=.", project.root().to_string_lossy());
    without_registry().into_iter().chain([ours]).collect()
}

/// The folders of this machine that nothing may name that is published.
pub fn places(project: &Project) -> Vec<PathBuf> {
    cargo_home()
        .into_iter()
        .chain([project.root().to_owned()])
        .collect()
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
