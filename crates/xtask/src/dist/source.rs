//! The source of a page: it links to where that is published, or to an archive of it that lies beside the page.

use super::archive::{Member, archive};
use crate::process::{output, say};
use crate::tools::{self, Project};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::Path;

/// The archive beside the page.
const ARCHIVE: &str = "source.tar.gz";

/// The link of `www/index.html`, which is hidden where nothing is known of the source.
const LINK: &str = r#"<a href="source.tar.gz" download hidden data-words="page.source">"#;

/// The time of the files in the archive, in seconds since 1970: that which cargo gives the files of a crate. The same source gives the
/// same bytes, before a release is committed and after it.
const TIME: u64 = 1_153_704_088;

/// Lets a page link to its source. That is the address that Cargo.toml names as `repository`. Without one, an archive is put into
/// `folder`, of the files that git knows, as they were built. Where git knows no files, or not all of them, there is no link. Returns
/// the page.
pub fn offer(project: &Project, page: &str, folder: &Path) -> Result<String> {
    let manifest = fs::read_to_string(project.root().join("Cargo.toml"))
        .context("Cargo.toml cannot be read")?;
    if let Some(address) = tools::address(&manifest)? {
        let link = format!(r#"<a href="{address}" data-words="page.source">"#);
        return replace_once(page, LINK, &link);
    }
    let members = match known_files(project) {
        Ok(files) => members(project, &version(&manifest)?, files),
        Err(why) => {
            say(format!("    the page has no link to its source: {why}"));
            return Ok(page.to_owned());
        }
    };
    archive(&folder.join(ARCHIVE), &members, TIME)?;
    replace_once(page, LINK, &LINK.replace(" hidden", ""))
}

/// `text` with `new` in the place of `old`, which must be there once.
pub(super) fn replace_once(text: &str, old: &str, new: &str) -> Result<String> {
    ensure!(
        text.matches(old).count() == 1,
        "www/index.html must have `{old}` once"
    );
    Ok(text.replace(old, new))
}

/// The version of the workspace.
fn version(manifest: &str) -> Result<String> {
    let manifest: toml::Table = manifest.parse().context("Cargo.toml is not understood")?;
    let package = manifest
        .get("workspace")
        .and_then(|workspace| workspace.get("package"));
    let version = package.and_then(|package| package.get("version")?.as_str());
    Ok(version
        .context("Cargo.toml says no version of the workspace")?
        .to_owned())
}

/// A file that git knows, and whether it can be run.
type Known = (String, bool);

/// The files that git knows, sorted; or why they are not the source of what is built.
fn known_files(project: &Project) -> Result<Vec<Known>, String> {
    let git = |arguments: &[&str]| output(project.command("git").args(arguments));
    let listed = git(&["ls-files", "-z", "--stage"]).unwrap_or_default();
    let files: Vec<Known> = listed.split('\0').filter_map(known).collect();
    if !files.iter().any(|(path, _)| path == "www/index.html") {
        return Err("git knows no files here".to_owned());
    }
    // What somebody has not given to git yet may be built too, and may be nobody else's business.
    let strange = ["ls-files", "-z", "--others", "--exclude-standard"];
    let strange = git(&strange).unwrap_or_default();
    match strange.split('\0').find(|path| !path.is_empty()) {
        Some(path) => Err(format!("git does not know {path}")),
        None => Ok(files),
    }
}

/// What git says of one file: `100644 HASH 0`, a tab, and its path. `None` for links and other projects.
fn known(line: &str) -> Option<Known> {
    let (about, path) = line.split_once('\t')?;
    let runs = match about.split(' ').next()? {
        "100644" => false,
        "100755" => true,
        _ => return None,
    };
    Some((path.to_owned(), runs))
}

/// The files as an archive has them: in one folder, without those that were removed.
fn members(project: &Project, version: &str, files: Vec<Known>) -> Vec<Member> {
    files
        .into_iter()
        .map(|(path, runs)| Member {
            file: project.root().join(&path),
            path: format!("mobilenet-lung-{version}/{path}"),
            runs,
        })
        .filter(|member| member.file.is_file())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;
    use std::collections::BTreeMap;
    use std::io::Read;
    use std::path::PathBuf;

    const PAGE: &str = include_str!("../../../../www/index.html");

    /// A project of three files in a repository of its own, and the folder of its page.
    fn scratch(name: &str) -> Result<(Project, PathBuf)> {
        let root = std::env::temp_dir().join(format!("xtask-source-{name}-{}", std::process::id()));
        for (path, text) in [
            ("Cargo.toml", "[workspace.package]\nversion = \"1.2.3\"\n"),
            ("www/index.html", "<p>\n"),
            ("run", "#!/bin/sh\n"),
            (".gitignore", "/target\n"),
            ("target/built", "not source\n"),
        ] {
            let file = root.join(path);
            fs::create_dir_all(file.parent().context("a file lies in a folder")?)?;
            fs::write(file, text)?;
        }
        let project = Project::at(&root);
        for arguments in [
            &["init", "--quiet"][..],
            &["add", "."],
            &["update-index", "--chmod=+x", "run"],
        ] {
            output(project.command("git").args(arguments)).context("git does not run")?;
        }
        let page = root.join("target/page");
        fs::create_dir_all(&page)?;
        Ok((project, page))
    }

    /// The modes and the texts of an archive, by path.
    fn unpacked(archive: &Path) -> Result<BTreeMap<String, (u32, String)>> {
        let mut tar = tar::Archive::new(GzDecoder::new(fs::File::open(archive)?));
        let mut found = BTreeMap::new();
        for entry in tar.entries()? {
            let mut entry = entry?;
            let path = entry.path()?.to_string_lossy().into_owned();
            let mode = entry.header().mode()?;
            let mut text = String::new();
            entry.read_to_string(&mut text)?;
            found.insert(path, (mode, text));
        }
        Ok(found)
    }

    #[test]
    fn what_git_knows_lies_beside_the_page_as_it_was_built() -> Result<()> {
        let (project, folder) = scratch("known")?;
        let page = offer(&project, PAGE, &folder)?;
        assert!(page.contains(r#"<a href="source.tar.gz" download data-words="page.source">"#));
        let first = fs::read(folder.join(ARCHIVE))?;
        let found = unpacked(&folder.join(ARCHIVE))?;
        let paths: Vec<&str> = found.keys().map(String::as_str).collect();
        assert_eq!(
            paths,
            [
                "mobilenet-lung-1.2.3/.gitignore",
                "mobilenet-lung-1.2.3/Cargo.toml",
                "mobilenet-lung-1.2.3/run",
                "mobilenet-lung-1.2.3/www/index.html"
            ]
        );
        assert_eq!(found["mobilenet-lung-1.2.3/run"].0, 0o755);
        assert_eq!(found["mobilenet-lung-1.2.3/www/index.html"].0, 0o644);
        offer(&project, PAGE, &folder)?;
        assert_eq!(fs::read(folder.join(ARCHIVE))?, first, "the same bytes");
        // What was changed since is what is built; what was removed is not.
        fs::write(project.root().join("www/index.html"), "<b>\n")?;
        fs::remove_file(project.root().join("run"))?;
        offer(&project, PAGE, &folder)?;
        let found = unpacked(&folder.join(ARCHIVE))?;
        assert_eq!(found["mobilenet-lung-1.2.3/www/index.html"].1, "<b>\n");
        assert!(!found.contains_key("mobilenet-lung-1.2.3/run"));
        fs::remove_dir_all(project.root())?;
        Ok(())
    }

    #[test]
    fn a_page_whose_source_nobody_can_tell_has_no_link_and_no_archive() -> Result<()> {
        let (project, folder) = scratch("unknown")?;
        fs::write(project.root().join("www/patient.png"), "")?;
        assert_eq!(offer(&project, PAGE, &folder)?, PAGE);
        assert!(!folder.join(ARCHIVE).exists());
        fs::remove_file(project.root().join("www/patient.png"))?;
        // An unpacked archive, which no git knows.
        fs::remove_dir_all(project.root().join(".git"))?;
        assert_eq!(offer(&project, PAGE, &folder)?, PAGE);
        assert!(!folder.join(ARCHIVE).exists());
        fs::remove_dir_all(project.root())?;
        Ok(())
    }

    #[test]
    fn a_source_that_is_published_is_linked_where_it_is() -> Result<()> {
        let (project, folder) = scratch("published")?;
        let manifest = |address: &str| {
            format!("[workspace.package]\nversion = \"1.2.3\"\nrepository = \"{address}\"\n")
        };
        let cargo = project.root().join("Cargo.toml");
        fs::write(&cargo, manifest("https://example.org/lung?a=1"))?;
        let page = offer(&project, PAGE, &folder)?;
        let link = r#"<a href="https://example.org/lung?a=1" data-words="page.source">Source</a>"#;
        assert!(page.contains(link));
        assert!(!folder.join(ARCHIVE).exists());
        for wrong in [
            "example.org",
            "http://example.org",
            "https://example.org/<b>",
        ] {
            fs::write(&cargo, manifest(wrong))?;
            assert!(offer(&project, PAGE, &folder).is_err(), "{wrong}");
        }
        fs::remove_dir_all(project.root())?;
        Ok(())
    }
}
