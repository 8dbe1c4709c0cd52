//! The files of a release: archives of the page and of the command, the npm package, the bill of materials, and their checksums.

use crate::dist::{copy_folder, sha256};
use crate::process::run;
use crate::tools::Project;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// What the checksums of the others are in.
pub const SUMS: &str = "SHA256SUMS";

/// What lies beside the command in its archive.
const DOCUMENTS: [&str; 5] = [
    "README.md",
    "MODEL_CARD.md",
    "CHANGELOG.md",
    "LICENSE-MIT",
    "LICENSE-APACHE",
];

/// What a release is made of.
pub struct Material {
    /// The built page, a folder.
    pub page: PathBuf,
    /// The command `lung`.
    pub command: PathBuf,
    /// The npm package of the element.
    pub package: PathBuf,
    /// The bill of materials of the command.
    pub bill: PathBuf,
}

/// Makes the files of a release in `out`, which is emptied before; returns their names, sorted.
pub fn pack(
    project: &Project,
    material: &Material,
    version: &str,
    out: &Path,
) -> Result<Vec<String>> {
    if out.exists() {
        fs::remove_dir_all(out).with_context(|| format!("{} cannot be emptied", out.display()))?;
    }
    let stage = out.join("stage");
    let base = format!("mobilenet-lung-{version}");

    let page = format!("{base}-page");
    copy_folder(&material.page, &stage.join(&page))?;
    archive(project, &stage, &page, out)?;

    let system = format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS);
    let command = format!("{base}-lung-{system}");
    let folder = stage.join(&command);
    // `lung serve` looks for the page beside itself.
    copy_folder(&material.page, &folder.join("dist"))?;
    let program = format!("lung{}", std::env::consts::EXE_SUFFIX);
    copy(&material.command, &folder.join(program))?;
    for name in DOCUMENTS {
        copy(&project.root().join(name), &folder.join(name))?;
    }
    archive(project, &stage, &command, out)?;
    fs::remove_dir_all(&stage).with_context(|| format!("{} cannot be removed", stage.display()))?;

    copy(
        &material.package,
        &out.join(format!("mobilenet-lung-element-{version}.tgz")),
    )?;
    copy(&material.bill, &out.join(format!("{base}.cdx.json")))?;
    sum(out)
}

/// Writes the checksums of a folder's files, in the form that `sha256sum --check` reads; returns all names, sorted.
fn sum(out: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(out)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    let mut sums = String::new();
    for name in &names {
        let bytes = fs::read(out.join(name)).with_context(|| format!("{name} cannot be read"))?;
        sums.push_str(&format!("{}  {name}\n", sha256(&bytes)));
    }
    fs::write(out.join(SUMS), sums).context("the checksums cannot be written")?;
    names.push(SUMS.to_owned());
    names.sort();
    Ok(names)
}

/// Packs a folder of the stage, which is what unpacking makes again.
fn archive(project: &Project, stage: &Path, name: &str, out: &Path) -> Result<()> {
    let mut tar = project.command("tar");
    tar.arg("-czf").arg(out.join(format!("{name}.tar.gz")));
    run(
        tar.arg("-C").arg(stage).arg(name),
        "Is there a `tar`, and room on the disk?",
    )
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to)
        .map(|_| ())
        .with_context(|| format!("{} cannot be copied to {}", from.display(), to.display()))
}
