//! Packages of Python, in a virtual environment of the project's own.

use super::project::Project;
use super::system::{VENV_PACKAGES, apt_install, has_apt, has_venv};
use crate::process::{output, run, step};
use anyhow::{Result, ensure};
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
    let own = match cfg!(windows) {
        true => folder.join("Scripts/python.exe"),
        false => folder.join("bin/python"),
    };
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
    let advice =
        "Install Python 3.10 or later with its venv module, and check that PyPI can be reached.";
    // Debian has venv in a package of its own.
    if !has_venv() && has_apt() {
        apt_install(project, &VENV_PACKAGES)?;
    }
    run(
        project.command("python3").args(["-m", "venv"]).arg(&folder),
        advice,
    )?;
    run(
        Command::new(&own)
            // Whatever is imported is compiled then.
            .args(["-m", "pip", "install", "--quiet", "--no-compile"])
            .args(["--disable-pip-version-check", "--requirement"])
            .arg(packages.requirements),
        advice,
    )?;
    ensure!(
        usable(&own),
        "{} cannot load what was installed. {advice}",
        own.display()
    );
    Ok(own)
}
