//! Node, and what npm installs.

use super::project::{Project, first_number};
use crate::process::{output, run, step};
use anyhow::{Context, Result, ensure};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The npm package that has wasm-opt, and its version.
const BINARYEN: &str = "binaryen@132.0.0";
/// What merges scripts, and what takes comments and indentation out of them, with their versions.
const BUNDLER: [(&str, &str); 2] = [("rollup", "4.68.8"), ("esbuild", "0.28.2")];
/// The oldest wasm-opt found on the PATH that is trusted with what current compilers write.
const OLDEST_WASM_OPT: u32 = 120;
/// The oldest Node whose test runner and `fetch` the tests rely on.
const OLDEST_NODE: u32 = 20;

/// Makes sure that wasm-opt is there.
pub fn wasm_opt(project: &Project) -> Result<()> {
    let version = output(project.command("wasm-opt").arg("--version"));
    if version.as_deref().and_then(first_number) >= Some(OLDEST_WASM_OPT) {
        return Ok(());
    }
    step(format!(
        "installing wasm-opt ({BINARYEN}) into target/tools"
    ));
    npm_install(project, "npm", &[BINARYEN]).map(|_| ())
}

/// Makes sure that rollup and esbuild are there, and returns the folder whose `node_modules` has them.
pub fn bundler(project: &Project) -> Result<PathBuf> {
    let folder = project.tools().join("bundler");
    let installed = |name: &str| {
        std::fs::read(folder.join("node_modules").join(name).join("package.json"))
            .ok()
            .and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok())
    };
    if BUNDLER
        .iter()
        .all(|(name, version)| installed(name).is_some_and(|about| about["version"] == *version))
    {
        return Ok(folder);
    }
    let packages = BUNDLER.map(|(name, version)| format!("{name}@{version}"));
    step(format!(
        "installing {} into target/tools",
        packages.join(" and ")
    ));
    npm_install(project, "bundler", &packages)
}

/// Installs npm packages in a folder of target/tools, which is returned. npm removes from there whatever else it finds.
fn npm_install(project: &Project, folder: &str, packages: &[impl AsRef<OsStr>]) -> Result<PathBuf> {
    let folder = project.tools().join(folder);
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("{} cannot be made", folder.display()))?;
    run(
        project
            .command("npm")
            .args([
                "install",
                "--no-save",
                "--no-audit",
                "--no-fund",
                "--prefix",
            ])
            .arg(&folder)
            .args(packages),
        "Check that the npm registry can be reached, then try again.",
    )?;
    Ok(folder)
}

/// Makes sure that Node is there and recent enough.
pub fn node(project: &Project) -> Result<()> {
    let advice = format!("Install Node {OLDEST_NODE} or later from https://nodejs.org.");
    let version = output(project.command("node").arg("--version"))
        .with_context(|| format!("there is no `node`. {advice}"))?;
    ensure!(
        first_number(&version) >= Some(OLDEST_NODE),
        "Node {version} is too old. {advice}"
    );
    output(project.command("npm").arg("--version"))
        .with_context(|| format!("there is no `npm`. {advice}"))?;
    Ok(())
}

/// Installs the packages of `folder` exactly as its lock file has them, unless that has been done.
pub fn npm_ci(project: &Project, folder: &Path) -> Result<()> {
    // npm leaves a copy of what it installed; as long as that is younger than the lock file nothing has to be done.
    let changed =
        |file: &str| std::fs::metadata(folder.join(file)).and_then(|about| about.modified());
    if let (Ok(wanted), Ok(installed)) = (
        changed("package-lock.json"),
        changed("node_modules/.package-lock.json"),
    ) && installed >= wanted
    {
        return Ok(());
    }
    step(format!("installing the packages in {}", folder.display()));
    run(
        project
            .command("npm")
            .args(["ci", "--no-audit", "--no-fund"])
            .current_dir(folder),
        "Check that the npm registry can be reached, then try again.",
    )
}
