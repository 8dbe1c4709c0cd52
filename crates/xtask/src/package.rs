//! The npm package of the element.

use crate::dist::{self, Speed};
use crate::process::{run, step};
use crate::tools::Project;
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

/// Builds the page, assembles the package from it in `target/element`, and has npm pack it beside that folder.
pub fn make(project: &Project, speed: Speed) -> Result<()> {
    let page = dist::build(project, speed)?;
    let target = project.root().join("target");
    // Not `package`, where cargo packs the crates.
    let folder = target.join("element");
    step("assembling the package");
    run(
        project
            .command("node")
            .arg("www/package/assemble.mjs")
            .arg(page)
            .arg(&folder),
        "Its message above says what was missing.",
    )?;
    remove_packed(&target)?;
    run(
        project
            .command("npm")
            .args(["pack", "--pack-destination"])
            .arg(&target)
            .current_dir(&folder),
        "npm's messages above say why.",
    )?;
    println!("==> the package is in {}", target.display());
    Ok(())
}

/// Removes packages of earlier versions, so that a pattern such as `mobilenet-lung-element-*.tgz` names one file.
fn remove_packed(target: &Path) -> Result<()> {
    for entry in fs::read_dir(target)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("mobilenet-lung-element-") && name.ends_with(".tgz") {
            fs::remove_file(&path)
                .with_context(|| format!("{} cannot be removed", path.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_of_earlier_versions_are_removed_and_nothing_else() -> Result<()> {
        let target = std::env::temp_dir().join(format!("xtask-package-{}", std::process::id()));
        fs::create_dir_all(&target)?;
        for name in ["mobilenet-lung-element-0.1.0.tgz", "other-0.1.0.tgz"] {
            fs::write(target.join(name), "")?;
        }
        remove_packed(&target)?;
        assert!(!target.join("mobilenet-lung-element-0.1.0.tgz").exists());
        assert!(target.join("other-0.1.0.tgz").exists());
        fs::remove_dir_all(target)?;
        Ok(())
    }
}
