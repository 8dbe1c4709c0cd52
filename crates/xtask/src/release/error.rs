//! Why there is no release: what is in its way, and what to do about it.

use crate::tools::NotAnAddress;
use thiserror::Error;

/// Why there is no release.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ReleaseError {
    /// Files that are not committed.
    #[error("{} not committed: {}. Commit or stash them, then try again.", counted(.files.len()), some(.files))]
    Uncommitted {
        /// Their paths, as git has them.
        files: Vec<String>,
    },
    /// A tag that is there already.
    #[error(
        "the tag {tag} is there already. Name a later version, or `git tag --delete {tag}` if it was never pushed."
    )]
    Tagged {
        /// The tag.
        tag: String,
    },
    /// No branch that a push would take along.
    #[error(
        "no branch is checked out, so the release would be on none. `git switch main`, then try again."
    )]
    NoBranch,
    /// Nobody to commit as.
    #[error(
        "git does not know who releases. Set `git config user.name` and `git config user.email`, then try again."
    )]
    NoName,
    /// A version that is none.
    #[error(
        "`{text}` is no version. Name three numbers such as 0.2.0, or `major`, `minor` or `patch`."
    )]
    NotAVersion {
        /// What was given for one.
        text: String,
    },
    /// A version that is not after the last one.
    #[error("{wanted} is not after {current}, which the files say. Name a later version.")]
    NotLater {
        /// What was given.
        wanted: String,
        /// The version of the files.
        current: String,
    },
    /// A file without the place that the version goes to.
    #[error("{file} has no {what}, where the version goes. Put it back: the release writes it.")]
    NoPlace {
        /// The file.
        file: &'static str,
        /// What is looked for in it.
        what: &'static str,
    },
    /// Nothing that a user would notice.
    #[error("CHANGELOG.md says nothing under *Unreleased*. Write there what changed for users.")]
    NothingChanged,
    /// A heading that the changelog does not have.
    #[error(
        "CHANGELOG.md has the heading `{heading}` under *Unreleased*. It may have Added, Changed and Fixed, once each and in that order."
    )]
    Heading {
        /// The heading.
        heading: String,
    },
    /// A public address that nobody can open.
    #[error(transparent)]
    NotAnAddress(#[from] NotAnAddress),
    /// Crates that lack what the last release has, in a version that does not allow it.
    #[error(
        "the crates no longer keep what {tag} promised, and {version} does not allow that. The list above names each break. Mend them, or name a version that allows them, as docs/guide/rust.md says."
    )]
    Breaks {
        /// The last release.
        tag: String,
        /// The version that is asked for.
        version: String,
    },
    /// Crates of others in which somebody has found a hole.
    #[error(
        "crates that ours depend on have known vulnerabilities. The list above names each. Update them, or say in deny.toml why one does not matter here."
    )]
    Vulnerable,
    /// A file that says where it was built.
    #[error(
        "{file} names {path}, a folder of this machine. A release names none: find what wrote it there, and have it write another name."
    )]
    MachinePath {
        /// The file, within the release.
        file: String,
        /// The folder.
        path: String,
    },
    /// A tag that stands for another version than that of the files.
    #[error(
        "the tag {tag} is on this commit, whose files say {version}. Make the tag with `cargo xtask release`, which writes both."
    )]
    OtherVersion {
        /// The tag.
        tag: String,
        /// The version of the files.
        version: String,
    },
}

/// How many names of files an error has.
const NAMED: usize = 5;

/// So many files, with their verb.
fn counted(files: usize) -> String {
    match files {
        1 => "1 file is".to_owned(),
        more => format!("{more} files are"),
    }
}

/// The first few of these names.
fn some(files: &[String]) -> String {
    let named = files.iter().take(NAMED).map(String::as_str);
    let more = (files.len() > NAMED).then_some("...");
    named.chain(more).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_files_the_first_are_named() {
        let files = |count: u8| (b'a'..b'a' + count).map(|name| char::from(name).to_string());
        let said = |count| {
            let files = files(count).collect();
            ReleaseError::Uncommitted { files }.to_string()
        };
        assert!(said(1).starts_with("1 file is not committed: a. "));
        assert!(said(2).starts_with("2 files are not committed: a, b. "));
        assert!(said(9).starts_with("9 files are not committed: a, b, c, d, e, .... "));
    }
}
