//! What the last release has promised to those who call the crates.

use super::error::ReleaseError;
use super::git::last_tag;
use crate::process::{status, step};
use crate::tools::{self, Project};
use anyhow::{Result, ensure};
use std::process::Command;

/// The crates that others depend on.
const PUBLISHED: [&str; 3] = ["radiograph", "lung-kernels", "mobilenet-lung"];

/// The comparison of the crates with those of a tag. What they no longer have is a fault unless their version allows it.
pub fn semver_checks(project: &Project, tag: &str) -> Command {
    let mut check = project.command("cargo");
    check.args(["semver-checks", "--baseline-rev", tag]);
    for package in PUBLISHED {
        check.args(["--package", package]);
    }
    check
}

/// How cargo-semver-checks ends where it has found what is missing; otherwise it could not look.
const FOUND: i32 = 100;

/// Whether the crates keep what the last release promised, if there was one, as far as this version has to.
pub fn kept(project: &Project, version: &str) -> Result<()> {
    let Some(tag) = last_tag(project) else {
        return Ok(());
    };
    tools::cargo_semver_checks(project)?;
    step(format!("what {tag} promised (minutes)"));
    let ended = status(&mut semver_checks(project, &tag), "")?;
    if ended.code() == Some(FOUND) {
        let version = version.to_owned();
        return Err(ReleaseError::Breaks { tag, version }.into());
    }
    ensure!(
        ended.success(),
        "cargo-semver-checks could not compare the crates with {tag} ({ended}). Its messages above say why."
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_is_published_brings_its_licences() -> Result<()> {
        let project = Project::find(false)?;
        for name in PUBLISHED {
            for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
                let own = project.root().join("crates").join(name).join(licence);
                let text = fs::read_to_string(&own).unwrap_or_default();
                assert_eq!(
                    text,
                    fs::read_to_string(project.root().join(licence))?,
                    "{}",
                    own.display()
                );
            }
        }
        Ok(())
    }
}
