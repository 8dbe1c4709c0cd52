//! What git says of the checkout, and the commit and the tag of a release.

use super::error::ReleaseError;
use crate::process::{output, run};
use crate::tools::Project;
use anyhow::{Context, Result};

/// The files that git would not find again: changed, added, removed or unknown to it.
pub fn uncommitted(project: &Project) -> Result<Vec<String>> {
    let text = ask(project, &["status", "--porcelain", "--untracked-files=all"])?;
    // Two letters and a space, of which `output` has taken one where the first line begins with it.
    Ok(text
        .lines()
        .filter_map(|line| line.trim_start().split_once(' '))
        .map(|(_, path)| path.trim_start().to_owned())
        .collect())
}

/// The tag of the last release before this commit.
pub fn last_tag(project: &Project) -> Option<String> {
    let tag = ["describe", "--tags", "--abbrev=0", "--match", "v[0-9]*"];
    output(project.command("git").args(tag)).filter(|tag| !tag.is_empty())
}

/// The tag of a release on this very commit.
pub fn tag_here(project: &Project) -> Option<String> {
    let tag = ["describe", "--tags", "--exact-match", "--match", "v[0-9]*"];
    output(project.command("git").args(tag)).filter(|tag| !tag.is_empty())
}

/// Today, as in 2026-01-02.
pub fn today(project: &Project) -> Result<String> {
    let date = "new Date().toISOString().slice(0, 10)";
    output(project.command("node").args(["--print", date])).context("Node does not run")
}

/// Whether a release may be made: everything is committed, and its tag is free.
pub fn check(project: &Project, tag: &str) -> Result<()> {
    let files = uncommitted(project)?;
    if !files.is_empty() {
        return Err(ReleaseError::Uncommitted { files }.into());
    }
    let tags = ask(project, &["tag", "--list", tag])?;
    if !tags.is_empty() {
        let tag = tag.to_owned();
        return Err(ReleaseError::Tagged { tag }.into());
    }
    Ok(())
}

/// Commits these files, and tags the commit with the notes. Nothing is pushed.
pub fn commit_and_tag(project: &Project, files: &[&str], tag: &str, notes: &str) -> Result<()> {
    let message = format!("Release {}", tag.trim_start_matches('v'));
    let mut commit = project.command("git");
    commit.args(["commit", "--quiet", "--message", &message, "--"]);
    run(commit.args(files), "git's message above says why.")?;
    let mut mark = project.command("git");
    mark.args(["tag", "--annotate", "--cleanup=whitespace", tag]);
    run(
        mark.args(["--message", &format!("{message}\n\n{notes}")]),
        "git's message above says why. The release is committed, so tag it by hand.",
    )
}

fn ask(project: &Project, arguments: &[&str]) -> Result<String> {
    output(project.command("git").args(arguments)).with_context(|| {
        format!(
            "`git {}` failed. A release is made in a checkout, by a git that knows your name.",
            arguments.join(" ")
        )
    })
}
