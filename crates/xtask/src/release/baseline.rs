//! What the crates are compared with: the last release, or before there is one, a commit that is written down.

use super::git;
use super::version::Version;
use crate::tools::Project;
use anyhow::{Context, Result, ensure};
use std::fs;

/// Where the commit is written down.
pub const FILE: &str = "crates/xtask/baseline.toml";

const HEAD: &str = "\
# What `cargo xtask test --only semver` compares the crates with where git has no tag of a release: before the first one, and in clones
# without tags. `cargo xtask release` writes it. A change that breaks on purpose before the first release is committed first; the next
# commit then names it here.
";

/// What the crates are compared with.
#[derive(Debug, PartialEq, Eq)]
pub struct Baseline {
    /// A tag or a commit.
    pub revision: String,
    /// The version of the crates there.
    pub version: Version,
    /// Whether that was released.
    pub released: bool,
}

impl Baseline {
    /// What it is called in messages.
    pub fn name(&self) -> String {
        if self.released && self.revision == self.version.tag() {
            return self.revision.clone();
        }
        let commit: String = self.revision.chars().take(12).collect();
        match self.released {
            true => format!("{} ({commit} in {FILE})", self.version.tag()),
            false => format!("{commit} in {FILE}, as nothing is released yet"),
        }
    }
}

/// What this checkout is compared with; an error says why there is nothing.
///
/// `Ok(Err(reason))` is for a clone that has only the last commits: that is no fault of the checkout.
pub fn find(project: &Project) -> Result<Result<Baseline, String>> {
    if let Some(tag) = git::last_tag(project) {
        let version = tag.trim_start_matches('v').parse()?;
        let revision = tag;
        return Ok(Ok(Baseline {
            revision,
            version,
            released: true,
        }));
    }
    let text = fs::read_to_string(project.root().join(FILE))
        .with_context(|| format!("{FILE} cannot be read"))?;
    let about: toml::Table = text
        .parse()
        .with_context(|| format!("{FILE} is not understood"))?;
    let said = |key: &str| about.get(key).and_then(toml::Value::as_str);
    let revision = said("commit").with_context(|| format!("{FILE} names no `commit`"))?;
    if !git::has_commit(project, revision) {
        ensure!(
            git::is_shallow(project),
            "{FILE} names the commit {revision}, which is not in this clone. Name the one that it has become."
        );
        return Ok(Err(format!(
            "not compared: this clone lacks the commit {revision} of {FILE}; `git fetch --unshallow` brings it"
        )));
    }
    let release = said("release");
    let version = match release {
        Some(text) => text.parse()?,
        None => Version::of_workspace(&git::file_at(project, revision, "Cargo.toml")?)?,
    };
    Ok(Ok(Baseline {
        revision: revision.to_owned(),
        version,
        released: release.is_some(),
    }))
}

/// The file for a commit whose crates are those of this release, but for their version; without one, for a commit before the first.
pub fn text(commit: &str, release: Option<Version>) -> String {
    let release = release.map(|version| format!("release = \"{version}\"\n"));
    format!(
        "{HEAD}commit = \"{commit}\"\n{}",
        release.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_as_a_release_would_write_it() -> Result<()> {
        let project = Project::find(false)?;
        let text = fs::read_to_string(project.root().join(FILE))?;
        let about: toml::Table = text.parse()?;
        let said = |key: &str| about.get(key).and_then(toml::Value::as_str);
        let release = said("release").map(str::parse).transpose()?;
        assert_eq!(
            text,
            super::text(said("commit").context("no commit")?, release)
        );
        Ok(())
    }
}
