//! The npm package of the element.

use crate::dist::{self, Speed};
use crate::process::{run, step};
use crate::tools::Project;
use anyhow::Result;

/// Builds the page, assembles the package from it in `target/package`, and has npm pack it beside that folder.
pub fn make(project: &Project, speed: Speed) -> Result<()> {
    let page = dist::build(project, speed)?;
    let target = project.root().join("target");
    let folder = target.join("package");
    step("assembling the package");
    run(
        project
            .command("node")
            .arg("www/package/assemble.mjs")
            .arg(page)
            .arg(&folder),
        "Its message above says what was missing.",
    )?;
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
