//! Packages of Python, in a virtual environment of the project's own.

use super::project::Project;
use super::system::{VENV_PACKAGES, apt_install, has_apt, has_venv};
use crate::process::{output, run, step};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Packages of Python that something needs.
pub struct PythonPackages<'a> {
    /// The file that lists them.
    pub requirements: &'a Path,
    /// What has to be importable, separated by commas.
    pub modules: &'a str,
    /// Folder in target/tools that they are installed in, where the machine's own Python lacks any.
    pub folder: &'a str,
    /// How to announce that.
    pub announcement: &'a str,
}

/// The path of a Python that has `packages`: the machine's own if it has them, else one in target/tools, where they are
/// installed.
pub fn python(project: &Project, packages: &PythonPackages<'_>) -> Result<PathBuf> {
    let folder = project.tools().join(packages.folder);
    let own = interpreter(&folder);
    let check = format!(
        "import {}, sys; assert sys.version_info >= (3, 10)",
        packages.modules
    );
    let usable = |python: &Path| output(Command::new(python).args(["-c", &check])).is_some();
    for python in [own.as_path(), Path::new("python3"), Path::new("python")] {
        if usable(python) {
            return Ok(python.to_owned());
        }
    }
    step(packages.announcement);
    install(project, &folder, &own, packages.requirements, ADVICE)?;
    ensure!(
        usable(&own),
        "{} cannot load what was installed. {ADVICE}",
        own.display()
    );
    Ok(own)
}

const ADVICE: &str =
    "Install Python 3.10 or later with its venv module, and check that PyPI can be reached.";

/// The path of a Python in `folder` that has exactly what `requirements` lists, whatever the machine's own has; installed when the list
/// has changed.
pub fn environment(
    project: &Project,
    folder: &Path,
    requirements: &Path,
    announcement: &str,
) -> Result<PathBuf> {
    let own = interpreter(folder);
    let listed = fs::read(requirements)
        .with_context(|| format!("{} cannot be read", requirements.display()))?;
    // Written when all of it had been installed.
    let stamp = folder.join("installed.txt");
    if own.is_file() && fs::read(&stamp).is_ok_and(|last| last == listed) {
        return Ok(own);
    }
    step(announcement);
    let advice =
        "Install Python 3.11 or later with its venv module, and check that PyPI can be reached.";
    install(project, folder, &own, requirements, advice)?;
    fs::write(&stamp, listed).with_context(|| format!("{} cannot be written", stamp.display()))?;
    Ok(own)
}

fn interpreter(folder: &Path) -> PathBuf {
    folder.join(match cfg!(windows) {
        true => "Scripts/python.exe",
        false => "bin/python",
    })
}

fn install(
    project: &Project,
    folder: &Path,
    own: &Path,
    requirements: &Path,
    advice: &str,
) -> Result<()> {
    // Debian has venv in a package of its own.
    if !has_venv() && has_apt() {
        apt_install(project, &VENV_PACKAGES)?;
    }
    run(
        project.command("python3").args(["-m", "venv"]).arg(folder),
        advice,
    )?;
    run(
        Command::new(own)
            // Whatever is imported is compiled then.
            .args(["-m", "pip", "install", "--quiet", "--no-compile"])
            .args(["--disable-pip-version-check", "--requirement"])
            .arg(requirements),
        advice,
    )
}
