//! What git says of the checkout, and the commit and the tag of a release.

use super::error::ReleaseError;
use crate::process::{output, run};
use crate::tools::Project;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

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

/// Whether there is this tag.
pub fn has_tag(project: &Project, tag: &str) -> Result<bool> {
    Ok(!ask(project, &["tag", "--list", tag])?.is_empty())
}

/// This commit.
pub fn head(project: &Project) -> Result<String> {
    ask(project, &["rev-parse", "HEAD"])
}

/// Whether a commit of this name is in the clone.
pub fn has_commit(project: &Project, name: &str) -> bool {
    let commit = format!("{name}^{{commit}}");
    output(project.command("git").args(["cat-file", "-e", &commit])).is_some()
}

/// Whether the clone has only the last commits.
pub fn is_shallow(project: &Project) -> bool {
    let said = ["rev-parse", "--is-shallow-repository"];
    output(project.command("git").args(said)).as_deref() == Some("true")
}

/// The text of a file at a commit.
pub fn file_at(project: &Project, commit: &str, path: &str) -> Result<String> {
    ask(project, &["show", &format!("{commit}:{path}")])
}

/// Writes all files of a commit into a folder, which is returned.
pub fn unpack(project: &Project, commit: &str, folder: &Path) -> Result<PathBuf> {
    fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let mut git = project.command("git");
    git.args(["archive", "--format=tar", commit]);
    git.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut archive = git.spawn().context("git could not be started")?;
    let bytes = archive.stdout.take().context("git has no output")?;
    let unpacked = tar::Archive::new(bytes).unpack(folder);
    let ended = archive.wait().context("waiting for git")?;
    ensure!(ended.success(), "`git archive {commit}` failed ({ended})");
    unpacked.with_context(|| format!("{commit} cannot be written to {}", folder.display()))?;
    Ok(folder.to_owned())
}

/// When this commit was made, in seconds since 1970.
pub fn time_of_commit(project: &Project) -> Result<u64> {
    ask(project, &["log", "--max-count=1", "--format=%ct"])?
        .parse()
        .context("git names no time of the commit")
}

/// The day of a second since 1970, as in 2026-01-02.
pub fn day(project: &Project, time: u64) -> Result<String> {
    let date = format!("new Date({time} * 1000).toISOString().slice(0, 10)");
    output(project.command("node").args(["--print", &date])).context("Node does not run")
}

/// Whether a release may be made: everything is committed, its tag is free, and git can commit here.
pub fn check(project: &Project, tag: &str) -> Result<()> {
    let files = uncommitted(project)?;
    if !files.is_empty() {
        return Err(ReleaseError::Uncommitted { files }.into());
    }
    if has_tag(project, tag)? {
        let tag = tag.to_owned();
        return Err(ReleaseError::Tagged { tag }.into());
    }
    // All that follows would be learned after half an hour of building.
    let git = |arguments: &[&str]| output(project.command("git").args(arguments));
    if git(&["symbolic-ref", "--quiet", "HEAD"]).is_none() {
        return Err(ReleaseError::NoBranch.into());
    }
    let names = ["GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT"];
    if names.iter().any(|name| git(&["var", name]).is_none()) {
        return Err(ReleaseError::NoName.into());
    }
    Ok(())
}

/// Commits these files as of this second since 1970, and tags the commit with the notes. Nothing is pushed.
pub fn commit_and_tag(
    project: &Project,
    files: &[String],
    tag: &str,
    notes: &str,
    time: u64,
) -> Result<()> {
    let message = format!("Release {}", tag.trim_start_matches('v'));
    // The time of the commit is that of the files in the archives, so that whoever packs the tag gets the same archives.
    let at = format!("{time} +0000");
    let git = || {
        let mut git = project.command("git");
        git.env("GIT_AUTHOR_DATE", &at)
            .env("GIT_COMMITTER_DATE", &at);
        git
    };
    let mut commit = git();
    commit.args(["commit", "--quiet", "--message", &message, "--"]);
    run(commit.args(files), "git's message above says why.")?;
    let mut mark = git();
    mark.args(["tag", "--annotate", "--cleanup=whitespace", tag]);
    run(
        mark.args(["--message", &format!("{message}\n\n{notes}")]),
        "git's message above says why. The release is committed, so tag it by hand.",
    )
}

fn ask(project: &Project, arguments: &[&str]) -> Result<String> {
    output(project.command("git").args(arguments)).with_context(|| {
        format!(
            "`git {}` failed. A release is made in a checkout, by git.",
            arguments.join(" ")
        )
    })
}
