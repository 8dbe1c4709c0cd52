//! What the crates offer to others, as rustdoc describes it for programs.
//!
//! `cargo semver-checks --baseline-rev` would have it described too, but of crates compiled from nothing, twice, with the newest versions
//! of all that they depend on. Here they are described as they are built: with what is in Cargo.lock, and compiled already.

use crate::process::run;
use crate::tools::{NATIVE_FEATURES, Project};
use anyhow::{Context, Result};
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{SystemTime, UNIX_EPOCH};

/// The crates that others depend on.
pub const PUBLISHED: [&str; 3] = ["radiograph", "lung-kernels", "mobilenet-lung"];

/// Tells this program that cargo calls it in rustdoc's place, and where the descriptions go.
const AS_RUSTDOC: &str = "LUNG_DESCRIBE_CRATES_IN";

/// How rustdoc describes a crate as `cargo semver-checks` reads it.
const FLAGS: &str = "-Zunstable-options --output-format=json --document-private-items --document-hidden-items --cap-lints=allow";

/// The file with the description of a crate.
pub fn file(krate: &str) -> String {
    format!("{}.json", krate.replace('-', "_"))
}

/// Writes what the published crates of a checkout offer into a folder, a file for each.
pub fn describe(project: &Project, checkout: &Path, out: &Path) -> Result<()> {
    fs::create_dir_all(out).with_context(|| format!("{} cannot be made", out.display()))?;
    // A copy: while this program is compiled once more, its own file is gone.
    let program = project.program().context("this program has no file")?;
    let rustdoc = project.root().join("target/semver/rustdoc");
    let rustdoc = rustdoc.with_extension(std::env::consts::EXE_EXTENSION);
    fs::copy(program, &rustdoc)
        .with_context(|| format!("{} cannot be copied", program.display()))?;
    // Cargo believes that what it described once with these flags is where it would have put it.
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let once = now.map_or(0, |since| since.as_millis());
    let mut cargo = project.command("cargo");
    cargo.args(["doc", "--quiet", "--no-deps", "--lib"]);
    cargo.args(["--features", NATIVE_FEATURES]);
    cargo.current_dir(checkout).env("RUSTDOC", rustdoc);
    cargo.env("RUSTDOCFLAGS", format!("{FLAGS} --cfg=described_{once}"));
    cargo.env(AS_RUSTDOC, out);
    if std::env::var_os("CARGO_TARGET_DIR").is_none() {
        cargo.env("CARGO_TARGET_DIR", project.root().join("target"));
    }
    run(&mut cargo, "The compiler's messages above say why.")
}

/// Does what cargo wants of rustdoc, if this program is called in its place: the published crates are described, and others are not.
///
/// Only rustdoc itself is told that it may do what is not stable. Cargo would take that for another compiler, and compile all anew.
pub fn as_rustdoc() -> Option<ExitCode> {
    let out = std::env::var_os(AS_RUSTDOC)?;
    let told: Vec<OsString> = std::env::args_os().skip(1).collect();
    let mut rustdoc = Command::new("rustdoc");
    if let Some(krate) = after(&told, "--crate-name") {
        let krate = krate.to_string_lossy();
        if !PUBLISHED.iter().any(|name| name.replace('-', "_") == krate) {
            return Some(ExitCode::SUCCESS);
        }
        rustdoc.env("RUSTC_BOOTSTRAP", "1");
    }
    rustdoc.args(elsewhere(told, out)).env_remove(AS_RUSTDOC);
    let ended = rustdoc.status().is_ok_and(|status| status.success());
    Some(match ended {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// The argument after this one.
fn after<'a>(told: &'a [OsString], name: &str) -> Option<&'a OsString> {
    let at = told.iter().position(|argument| argument == name)?;
    told.get(at + 1)
}

/// These arguments with another folder to write to.
fn elsewhere(mut told: Vec<OsString>, out: OsString) -> Vec<OsString> {
    let at = told
        .iter()
        .position(|argument| argument == "-o" || argument == "--out-dir");
    if let Some(place) = at.and_then(|at| told.get_mut(at + 1)) {
        *place = out;
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_tells_rustdoc_is_understood() {
        let told = "--edition=2024 --crate-type lib --crate-name lung_kernels src/lib.rs -o target/doc --cfg x";
        let told: Vec<OsString> = told.split(' ').map(OsString::from).collect();
        assert_eq!(after(&told, "--crate-name"), Some(&"lung_kernels".into()));
        assert_eq!(after(&told, "x"), None);
        let there = elsewhere(told.clone(), "there".into());
        assert_eq!(after(&there, "-o"), Some(&"there".into()));
        assert_eq!(there.len(), told.len());
        assert_eq!(file("lung-kernels"), "lung_kernels.json");
    }
}
