//! What the last release has promised to those who call the crates.

use super::api::{self, PUBLISHED};
use super::baseline::{self, Baseline};
use super::error::ReleaseError;
use super::git;
use super::version::{Change, Version};
use crate::process::{hear, output, say, step};
use crate::tools::{self, Project};
use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// How cargo-semver-checks ends where it has found what is missing; otherwise it could not look.
const FOUND: i32 = 100;

/// What came of a comparison.
pub struct Compared {
    /// Whether nothing is missing that should be there.
    pub kept: bool,
    /// What there is to say of it, for the summary.
    pub lines: Vec<String>,
}

/// Compares the crates with the last release, or with what is written down in its place.
pub fn compared_with_baseline(project: &Project) -> Result<Compared> {
    let baseline = match baseline::find(project)? {
        Ok(baseline) => baseline,
        Err(reason) => {
            let lines = vec![reason];
            return Ok(Compared { kept: true, lines });
        }
    };
    let cargo = fs::read_to_string(project.root().join("Cargo.toml"))
        .context("Cargo.toml cannot be read")?;
    compare(project, &baseline, Version::of_workspace(&cargo)?)
}

/// Whether the crates keep what a release promised, as far as this version has to. Before the first one, none of them has promised
/// anything.
pub fn kept(
    project: &Project,
    baseline: &Result<Baseline, String>,
    version: Version,
) -> Result<()> {
    let baseline = match baseline {
        Ok(baseline) if baseline.released => baseline,
        Ok(_) => return Ok(()),
        Err(reason) => {
            say(format!("    {reason}"));
            return Ok(());
        }
    };
    let compared = compare(project, baseline, version)?;
    for line in &compared.lines {
        say(format!("    {line}"));
    }
    if !compared.kept {
        let (tag, version) = (baseline.version.tag(), version.to_string());
        return Err(ReleaseError::Breaks { tag, version }.into());
    }
    Ok(())
}

/// Compares the crates, in this version, with those of a baseline.
fn compare(project: &Project, baseline: &Baseline, version: Version) -> Result<Compared> {
    let mut lines = vec![format!("compared with {}", baseline.name())];
    let kind = match version.change_from(baseline.version) {
        Change::Anything => {
            let older = baseline.version;
            lines.push(format!("{version} allows any change since {older}"));
            return Ok(Compared { kept: true, lines });
        }
        Change::Additions => "minor",
        Change::Nothing => "patch",
    };
    tools::cargo_semver_checks(project)?;
    let old = described_baseline(project, baseline)?;
    step("describing what the crates offer now");
    let new = project.root().join("target/semver/now");
    api::describe(project, project.root(), &new)?;
    let mut kept = true;
    for krate in PUBLISHED {
        let name = api::file(krate);
        let (older, newer) = (old.join(&name), new.join(&name));
        // A crate that is new has promised nothing yet.
        if !older.is_file() {
            continue;
        }
        let (same, said) = compare_crate(project, &older, &newer, kind)?;
        lines.extend(said.into_iter().map(|line| format!("{krate}: {line}")));
        let gone = features_gone(
            &git::file_at(project, &baseline.revision, &manifest(krate))?,
            &fs::read_to_string(project.root().join(manifest(krate)))?,
        )?;
        lines.extend(
            gone.iter()
                .map(|name| format!("{krate}: the feature {name} is gone")),
        );
        kept &= same && gone.is_empty();
    }
    Ok(Compared { kept, lines })
}

/// Whether a crate still has what it had, and what the tool says in sum.
fn compare_crate(
    project: &Project,
    older: &Path,
    newer: &Path,
    kind: &str,
) -> Result<(bool, Vec<String>)> {
    let mut check = project.command("cargo");
    check.args(["semver-checks", "--color", "never"]);
    check.args(["--release-type", kind]);
    check.arg("--baseline-rustdoc").arg(older);
    check.arg("--current-rustdoc").arg(newer);
    let (ended, lines) = hear(&mut check)?;
    let found = ended.code() == Some(FOUND);
    ensure!(
        found || ended.success(),
        "cargo-semver-checks could not compare ({ended}). Its messages above say why."
    );
    Ok((!found, lines))
}

/// A crate's manifest, below the top folder.
fn manifest(krate: &str) -> String {
    format!("crates/{krate}/Cargo.toml")
}

/// The features that a manifest no longer has.
fn features_gone(older: &str, newer: &str) -> Result<Vec<String>> {
    let features = |text: &str| -> Result<BTreeSet<String>> {
        let about: toml::Table = text.parse().context("a manifest is not understood")?;
        let named = about.get("features").and_then(toml::Value::as_table);
        Ok(named
            .into_iter()
            .flat_map(|table| table.keys().cloned())
            .collect())
    };
    let newer = features(newer)?;
    Ok(features(older)?
        .into_iter()
        .filter(|name| !newer.contains(name))
        .collect())
}

/// What the crates of a baseline offer, in a folder. It is kept until there is another baseline or another compiler.
fn described_baseline(project: &Project, baseline: &Baseline) -> Result<PathBuf> {
    let semver = project.root().join("target/semver");
    let folder = semver.join("baseline");
    let compiler = output(project.command("rustc").arg("-vV")).context("there is no `rustc`")?;
    let wanted = format!("{}\n{compiler}\n", baseline.revision);
    let made_of = folder.join("made-of");
    if fs::read_to_string(&made_of).is_ok_and(|last| last == wanted) {
        return Ok(folder);
    }
    for place in [&folder, &semver.join("checkout")] {
        if place.exists() {
            fs::remove_dir_all(place)
                .with_context(|| format!("{} cannot be removed", place.display()))?;
        }
    }
    step(format!(
        "describing what the crates offered: {}",
        baseline.name()
    ));
    let checkout = git::unpack(project, &baseline.revision, &semver.join("checkout"))?;
    api::describe(project, &checkout, &folder)?;
    fs::remove_dir_all(&checkout)
        .with_context(|| format!("{} cannot be removed", checkout.display()))?;
    fs::write(&made_of, wanted)
        .with_context(|| format!("{} cannot be written", made_of.display()))?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_published_brings_its_licences() -> Result<()> {
        let project = Project::find(false)?;
        let published = PUBLISHED.map(manifest);
        let mut named = super::super::manifests(&project)?;
        named.sort_by_key(|name| published.iter().position(|one| one == name));
        assert_eq!(named, published);
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

    #[test]
    fn a_feature_that_is_gone_is_named() -> Result<()> {
        let older = "[features]\ndefault = [\"a\"]\na = []\nb = []\n";
        assert_eq!(features_gone(older, older)?, Vec::<String>::new());
        assert_eq!(
            features_gone(older, "[features]\nb = [\"c\"]\n")?,
            ["a", "default"]
        );
        assert_eq!(features_gone("", older)?, Vec::<String>::new());
        Ok(())
    }
}
