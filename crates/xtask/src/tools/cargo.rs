//! Tools written in Rust: taken from packages that have them compiled, or else compiled.

use super::project::Project;
use crate::process::{output, run, say, step};
use anyhow::{Context, Result};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// The version of cargo-deny that is installed where there is none.
const CARGO_DENY_VERSION: &str = "0.20.2";
/// The version of cargo-fuzz that is installed where there is none.
const CARGO_FUZZ_VERSION: &str = "0.13.2";
/// The version of cargo-cyclonedx that is installed where there is none.
const CARGO_CYCLONEDX_VERSION: &str = "0.5.9";
/// The version of cargo-semver-checks that is installed where there is none.
const CARGO_SEMVER_CHECKS_VERSION: &str = "0.51.0";
/// The version of typos that is installed where there is none.
const TYPOS_VERSION: &str = "1.52.0";
/// The last trunk that builds with the Rust version of this workspace.
const TRUNK_VERSION: &str = "0.21.14";
/// What PyPI's packages of compiled tools are called. Astral, who make uv and Ruff, build them from the tools' own tags
/// (<https://github.com/astral-sh/astral-dev-toolchain>); each says in its description from which commit.
const PACKAGED: &str = "astral-dev-toolchain-";

/// Makes sure that trunk is there, with which `Trunk.toml` builds the page too.
pub fn trunk(project: &Project) -> Result<()> {
    let version = output(project.command("trunk").arg("--version"));
    if version.is_some_and(|text| text.starts_with("trunk 0.21.")) {
        return Ok(());
    }
    step(format!(
        "installing trunk {TRUNK_VERSION} into target/tools (about 3 minutes, once)"
    ));
    // We use it to build local files: what it downloads and serves with is left out, and it need not be fast.
    let mut install = cargo_install(project, &format!("trunk@{TRUNK_VERSION}"));
    install.arg("--no-default-features");
    not_optimised(&mut install);
    finish_install(project, &mut install)
}

/// Makes sure that cargo-fuzz is there.
pub fn cargo_fuzz(project: &Project) -> Result<()> {
    subcommand(project, "fuzz", CARGO_FUZZ_VERSION)
}

/// Makes sure that cargo-deny is there.
pub fn cargo_deny(project: &Project) -> Result<()> {
    subcommand(project, "deny", CARGO_DENY_VERSION)
}

/// Makes sure that cargo-cyclonedx is there. It is compiled.
pub fn cargo_cyclonedx(project: &Project) -> Result<()> {
    compiled(project, "cyclonedx", CARGO_CYCLONEDX_VERSION)
}

/// Makes sure that cargo-semver-checks is there. It is compiled.
pub fn cargo_semver_checks(project: &Project) -> Result<()> {
    compiled(project, "semver-checks", CARGO_SEMVER_CHECKS_VERSION)
}

/// Makes sure that typos is there, which its makers package themselves.
pub fn typos(project: &Project) -> Result<()> {
    let found = || {
        output(project.command("typos").arg("--version"))
            .is_some_and(|text| text.trim() == format!("typos-cli {TYPOS_VERSION}"))
    };
    if found() {
        return Ok(());
    }
    step(format!(
        "installing typos {TYPOS_VERSION} into target/tools (packaged)"
    ));
    match packaged(project, "typos", "typos", TYPOS_VERSION) {
        Ok(()) if found() => return Ok(()),
        Ok(()) => say("    the packaged one does not run here"),
        Err(error) => say(format!("    {error:#}")),
    }
    step(format!("compiling typos {TYPOS_VERSION} (2 minutes, once)"));
    let mut install = cargo_install(project, &format!("typos-cli@{TYPOS_VERSION}"));
    not_optimised(&mut install);
    finish_install(project, &mut install)
}

/// Makes sure that `cargo NAME` is there, in this version but for its last number.
fn subcommand(project: &Project, name: &str, version: &str) -> Result<()> {
    let found = || has_subcommand(project, name, version);
    if found() {
        return Ok(());
    }
    step(format!(
        "installing cargo-{name} {version} into target/tools (packaged)"
    ));
    let program = format!("cargo-{name}");
    match packaged(project, &format!("{PACKAGED}{program}"), &program, version) {
        Ok(()) if found() => return Ok(()),
        Ok(()) => say("    the packaged one does not run here"),
        Err(error) => say(format!("    {error:#}")),
    }
    compiled(project, name, version)
}

/// Whether there is `cargo NAME`, in this version but for its last number.
fn has_subcommand(project: &Project, name: &str, version: &str) -> bool {
    let series = version
        .rsplit_once('.')
        .map_or(version, |(series, _)| series);
    output(project.command("cargo").args([name, "--version"]))
        .and_then(|text| text.trim().rsplit(' ').next().map(str::to_owned))
        // Some say their name twice before it.
        .is_some_and(|found| found.starts_with(&format!("{series}.")))
}

/// The same of a tool that is compiled.
fn compiled(project: &Project, name: &str, version: &str) -> Result<()> {
    if has_subcommand(project, name, version) {
        return Ok(());
    }
    step(format!("compiling cargo-{name} {version} (minutes, once)"));
    let mut install = cargo_install(project, &format!("cargo-{name}@{version}"));
    not_optimised(&mut install);
    finish_install(project, &mut install)
}

/// Takes a compiled program out of its package: pip downloads and unpacks it, and nothing of it is run in doing so.
fn packaged(project: &Project, package: &str, program: &str, version: &str) -> Result<()> {
    let folder = project.tools().join("packaged").join(program);
    run(
        project
            .command(python_name())
            .args(["-m", "pip", "install", "--quiet", "--upgrade"])
            .args(["--disable-pip-version-check", "--no-deps"])
            .args(["--only-binary", ":all:", "--target"])
            .arg(&folder)
            .arg(format!("{package}=={version}"))
            // It goes into a folder of its own.
            .env("PIP_ROOT_USER_ACTION", "ignore"),
        "It is compiled instead.",
    )?;
    let name = format!("{program}{}", std::env::consts::EXE_SUFFIX);
    let bin = project.tools().join("bin");
    fs::create_dir_all(&bin).with_context(|| format!("{} cannot be made", bin.display()))?;
    // With what makes it a program, on systems where that is a mark on the file.
    fs::copy(folder.join("bin").join(&name), bin.join(&name))
        .with_context(|| format!("the package has no {name}"))?;
    fs::remove_dir_all(&folder).with_context(|| format!("{} cannot be removed", folder.display()))
}

fn python_name() -> &'static str {
    if cfg!(windows) { "python" } else { "python3" }
}

/// For what need not be fast: compiled as published, in half the time.
fn not_optimised(install: &mut Command) {
    install
        .args(["--locked", "--debug"])
        .env("CARGO_PROFILE_DEV_DEBUG", "false");
}

/// Cargo that installs a package into `target/tools`.
pub fn cargo_install(project: &Project, package: &str) -> Command {
    let mut command = project.command("cargo");
    let tools = project.tools();
    command
        .arg("install")
        .arg("--root")
        .arg(&tools)
        .arg("--target-dir")
        .arg(build_folder(project))
        .arg(package);
    command
}

/// Runs what [`cargo_install`] made, and removes what it compiled on its way.
pub fn finish_install(project: &Project, install: &mut Command) -> Result<()> {
    run(
        install,
        "Check that crates.io can be reached and that a C compiler is installed, then try again; \
         what was compiled so far is kept.",
    )?;
    // Half a gigabyte that is of no more use. If it cannot be removed it is only in the way.
    let _ = fs::remove_dir_all(build_folder(project));
    Ok(())
}

/// Where tools are compiled.
fn build_folder(project: &Project) -> PathBuf {
    project.tools().join("build")
}
