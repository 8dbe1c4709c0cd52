//! Releases in checkouts of a test, with stand-ins for what takes long to build, and rehearsals of our own.

use super::*;
use crate::process::{output, quietly};
use anyhow::{bail, ensure};
use flate2::read::GzDecoder;
use std::fs::File;
use std::path::Path;

/// A checkout with all that a release changes, and one change that users notice. It is removed when it is dropped.
struct Scratch(Project);

impl Scratch {
    fn new(name: &str) -> Result<Self> {
        let root = std::env::temp_dir().join(format!("xtask-{name}-{}", std::process::id()));
        if root.exists() {
            fs::remove_dir_all(&root)?;
        }
        let member = |name: &str| {
            format!(
                "[package]\nname = \"{name}\"\nedition = \"2024\"\nversion.workspace = true\nlicense.workspace = true\n"
            )
        };
        for (path, text) in [
            (
                "Cargo.toml",
                "[workspace]\nresolver = \"3\"\nmembers = [\"crates/a\"]\n\n[workspace.package]\nversion = \"0.1.0\"\nlicense = \"MIT\"\n".to_owned(),
            ),
            ("crates/a/Cargo.toml", member("a")),
            ("crates/a/src/lib.rs", String::new()),
            (
                "tests/fuzz/Cargo.toml",
                "[package]\nname = \"fuzz\"\nedition = \"2024\"\n\n[dependencies]\na = { path = \"../../crates/a\" }\n\n[workspace]\n"
                    .to_owned(),
            ),
            ("tests/fuzz/src/lib.rs", String::new()),
            ("CITATION.cff", "title: A\nversion: 0.1.0\n".to_owned()),
            ("CHANGELOG.md", "# Changelog\n\n## Unreleased\n\n### Added\n\n- All.\n".to_owned()),
            (baseline::FILE, baseline::text("0123456789ab", None)),
            ("LICENSE-MIT", "MIT\n".to_owned()),
            ("LICENSE-APACHE", "Apache\n".to_owned()),
            (".gitignore", "target\n".to_owned()),
        ] {
            let path = root.join(path);
            fs::create_dir_all(path.parent().context("a file is in a folder")?)?;
            fs::write(path, text)?;
        }
        let scratch = Self(Project::at(&root));
        for manifest in ["Cargo.toml", "tests/fuzz/Cargo.toml"] {
            let lock = [
                "generate-lockfile",
                "--offline",
                "--manifest-path",
                manifest,
            ];
            ensure!(output(scratch.0.command("cargo").args(lock)).is_some());
        }
        scratch.git(&["init", "--quiet", "--initial-branch", "main"])?;
        scratch.git(&["config", "user.name", "A Tester"])?;
        scratch.git(&["config", "user.email", "tester@example.org"])?;
        scratch.git(&["config", "commit.gpgsign", "false"])?;
        scratch.git(&["config", "tag.gpgsign", "false"])?;
        scratch.commit("Begin")?;
        Ok(scratch)
    }

    fn git(&self, arguments: &[&str]) -> Result<String> {
        output(self.0.command("git").args(arguments))
            .with_context(|| format!("git {} failed", arguments.join(" ")))
    }

    fn commit(&self, message: &str) -> Result<()> {
        self.git(&["add", "--all"])?;
        self.git(&["commit", "--quiet", "--message", message])?;
        Ok(())
    }

    fn read(&self, path: &str) -> Result<String> {
        Ok(fs::read_to_string(self.0.root().join(path))?)
    }

    fn write(&self, path: &str, text: &str) -> Result<()> {
        Ok(fs::write(self.0.root().join(path), text)?)
    }

    /// A change that users notice.
    fn change(&self) -> Result<()> {
        let text = self.read("CHANGELOG.md")?;
        let new = "## Unreleased\n\n### Fixed\n\n- One.\n";
        self.write("CHANGELOG.md", &text.replace("## Unreleased\n", new))?;
        self.commit("Mend one")
    }

    fn release(&self, wanted: &str) -> Result<PathBuf> {
        self.release_of(wanted, |_| {
            material::stand_ins(&self.0.root().join("target/stand-ins"))
        })
    }

    fn release_of(
        &self,
        wanted: &str,
        build: impl FnOnce(&Plan) -> Result<Material>,
    ) -> Result<PathBuf> {
        quietly(|| release_of(&self.0, wanted, build)).0
    }

    /// Why a release is refused; it has to be, and nothing may be changed by that.
    fn refused(&self, wanted: &str) -> Result<ReleaseError> {
        let before = (self.git(&["log", "--format=%H"])?, self.git(&["tag"])?);
        let files = self.git(&["status", "--porcelain"])?;
        let Err(error) = self.release(wanted) else {
            bail!("{wanted} is released");
        };
        assert_eq!(
            before,
            (self.git(&["log", "--format=%H"])?, self.git(&["tag"])?)
        );
        assert_eq!(files, self.git(&["status", "--porcelain"])?);
        error.downcast::<ReleaseError>()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.0.root());
    }
}

/// The files in an archive: path, mode, time, owner.
fn entries(file: &Path) -> Result<Vec<(String, u32, u64, u64)>> {
    let mut tar = tar::Archive::new(GzDecoder::new(File::open(file)?));
    tar.entries()?
        .map(|entry| {
            let entry = entry?;
            let header = entry.header();
            let path = entry.path()?.to_string_lossy().into_owned();
            Ok((path, header.mode()?, header.mtime()?, header.uid()?))
        })
        .collect()
}

#[test]
fn a_release_is_a_commit_with_a_tag_and_files_that_are_made_again_alike() -> Result<()> {
    let scratch = Scratch::new("release")?;
    let out = scratch.release("0.1.0")?;
    // The tag has the notes, and the commit the version everywhere.
    let notes = scratch.git(&["tag", "--list", "--format=%(contents)", "v0.1.0"])?;
    assert_eq!(notes, "Release 0.1.0\n\n### Added\n\n- All.");
    assert_eq!(scratch.git(&["describe", "--exact-match"])?, "v0.1.0");
    assert_eq!(scratch.git(&["status", "--porcelain"])?, "");
    let (time, day) = (
        git::time_of_commit(&scratch.0)?,
        scratch.read("CITATION.cff")?,
    );
    let day = day.trim().rsplit(' ').next().unwrap_or_default().to_owned();
    assert_eq!(git::day(&scratch.0, time)?, day);
    assert!(
        scratch
            .read("CHANGELOG.md")?
            .contains(&format!("## Unreleased\n\n## 0.1.0 ({day})"))
    );

    let names = crate::dist::files(&out)?;
    let system = format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS);
    let command = format!("mobilenet-lung-0.1.0-lung-{system}.tar.gz");
    for name in [
        "SHA256SUMS",
        "mobilenet-lung-0.1.0-lung.cdx.json",
        "mobilenet-lung-0.1.0-page.cdx.json",
        "mobilenet-lung-0.1.0-page.tar.gz",
        "mobilenet-lung-element-0.1.0.tgz",
        command.as_str(),
    ] {
        assert!(names.contains(&name.to_owned()), "{name}: {names:?}");
    }
    assert_eq!(names.len(), 6);
    for (path, mode, at, owner) in entries(&out.join(&command))? {
        let program = path.ends_with(&format!("/lung{}", std::env::consts::EXE_SUFFIX));
        let expected = (if program { 0o755 } else { 0o644 }, time, 0);
        assert_eq!((mode, at, owner), expected, "{path}");
    }

    // Whoever packs the tag gets the same files.
    let sums = fs::read_to_string(out.join("SHA256SUMS"))?;
    let material = material::stand_ins(&scratch.0.root().join("target/stand-ins"))?;
    let again = quietly(|| pack_into(&scratch.0, &material, "0.1.0", time)).0?;
    assert_eq!(fs::read_to_string(again.join("SHA256SUMS"))?, sums);
    Ok(())
}

#[test]
fn the_next_release_has_a_later_version_and_something_new() -> Result<()> {
    let scratch = Scratch::new("next")?;
    scratch.release("0.1.0")?;
    assert_eq!(scratch.refused("patch")?, ReleaseError::NothingChanged);
    assert!(matches!(
        scratch.refused("0.1.0")?,
        ReleaseError::Tagged { .. }
    ));
    scratch.change()?;
    assert!(matches!(
        scratch.refused("0.1.0")?,
        ReleaseError::Tagged { .. }
    ));
    assert!(matches!(
        scratch.refused("0.0.9")?,
        ReleaseError::NotLater { .. }
    ));
    scratch.git(&["tag", "v0.1.1"])?;
    assert!(matches!(scratch.refused("patch")?, ReleaseError::Tagged { tag } if tag == "v0.1.1"));
    scratch.release("minor")?;
    for file in [
        "Cargo.lock",
        "tests/fuzz/Cargo.lock",
        "Cargo.toml",
        "CITATION.cff",
    ] {
        assert!(scratch.read(file)?.contains("0.2.0"), "{file}");
    }
    // A change that breaks has raised the version by itself: that one is free to be released.
    scratch.change()?;
    for file in ["Cargo.toml", "CITATION.cff"] {
        scratch.write(file, &scratch.read(file)?.replace("0.2.0", "0.3.0"))?;
    }
    scratch.commit("Break")?;
    scratch.release("0.3.0")?;
    assert_eq!(scratch.git(&["describe", "--exact-match"])?, "v0.3.0");
    Ok(())
}

#[test]
fn the_public_address_is_set_once_and_a_release_writes_it_where_it_is_read() -> Result<()> {
    let scratch = Scratch::new("address")?;
    let cargo = scratch.read("Cargo.toml")?;
    let set = |address: &str| {
        let line = format!("license = \"MIT\"\nrepository = \"{address}\"\n");
        scratch.write("Cargo.toml", &cargo.replace("license = \"MIT\"\n", &line))?;
        scratch.commit("Say where the sources are")
    };
    set("example.org/a")?;
    assert!(matches!(
        scratch.refused("0.1.0")?,
        ReleaseError::NotAnAddress(_)
    ));
    let address = "https://example.org/a/mobilenet-lung";
    set(address)?;
    scratch.release("0.1.0")?;
    let metadata = ["metadata", "--no-deps", "--format-version", "1"];
    let said = output(scratch.0.command("cargo").args(metadata)).context("no metadata")?;
    assert!(
        said.contains(&format!("\"repository\":\"{address}\"")),
        "{said}"
    );
    let citation = scratch.read("CITATION.cff")?;
    assert!(
        citation.contains(&format!("\nrepository-code: {address}\n")),
        "{citation}"
    );
    assert_eq!(scratch.git(&["status", "--porcelain"])?, "");
    // The next one finds it there, and writes it no second time.
    scratch.change()?;
    scratch.release("minor")?;
    let manifest = scratch.read("crates/a/Cargo.toml")?;
    assert_eq!(manifest.matches("repository").count(), 1, "{manifest}");
    Ok(())
}

#[test]
fn the_crates_are_compared_with_the_last_release_or_with_what_is_written_down() -> Result<()> {
    let scratch = Scratch::new("baseline")?;
    let find = || baseline::find(&scratch.0);
    let unknown = find().err().context("a commit that is not there")?;
    assert!(
        format!("{unknown:#}").contains("not in this clone"),
        "{unknown:#}"
    );
    // Before the first release: a commit.
    let begin = scratch.git(&["rev-parse", "HEAD"])?;
    scratch.write(baseline::FILE, &baseline::text(&begin, None))?;
    scratch.commit("Write down what crates are compared with")?;
    let commit = find()?.map_err(anyhow::Error::msg)?;
    assert_eq!((&commit.revision, commit.released), (&begin, false));
    assert_eq!(commit.version.to_string(), "0.1.0");
    // Afterwards: its tag, and in a clone without tags the commit that it was made of.
    let before = scratch.git(&["rev-parse", "HEAD"])?;
    scratch.release("0.2.0")?;
    let tagged = find()?.map_err(anyhow::Error::msg)?;
    assert_eq!((tagged.name().as_str(), tagged.released), ("v0.2.0", true));
    scratch.git(&["tag", "--delete", "v0.2.0"])?;
    let written = find()?.map_err(anyhow::Error::msg)?;
    assert_eq!(
        (&written.revision, written.version),
        (&before, tagged.version)
    );
    assert!(written.released);
    let crates = git::unpack(
        &scratch.0,
        &written.revision,
        &scratch.0.root().join("target/old"),
    )?;
    assert!(crates.join("crates/a/src/lib.rs").is_file());
    // A clone of the last commit alone says what it lacks.
    let clone = scratch.0.root().join("target/clone");
    let source = format!("file://{}", scratch.0.root().display());
    let path = clone.to_string_lossy().into_owned();
    scratch.git(&[
        "clone",
        "--quiet",
        "--no-tags",
        "--depth",
        "1",
        &source,
        &path,
    ])?;
    let reason = baseline::find(&Project::at(&clone))?;
    assert!(reason.is_err_and(|reason| reason.contains("--unshallow")));
    Ok(())
}

#[test]
fn a_release_is_refused_before_anything_is_built() -> Result<()> {
    let scratch = Scratch::new("refused")?;
    scratch.write("new.txt", "")?;
    let ReleaseError::Uncommitted { files } = scratch.refused("0.1.0")? else {
        bail!("another error");
    };
    assert_eq!(files, ["new.txt"]);
    fs::remove_file(scratch.0.root().join("new.txt"))?;
    scratch.git(&["switch", "--quiet", "--detach"])?;
    assert_eq!(scratch.refused("0.1.0")?, ReleaseError::NoBranch);
    scratch.git(&["switch", "--quiet", "main"])?;
    scratch.git(&["config", "user.name", ""])?;
    assert_eq!(scratch.refused("0.1.0")?, ReleaseError::NoName);
    assert!(!scratch.0.root().join("target").exists());
    Ok(())
}

#[test]
fn where_a_build_fails_the_files_are_as_they_were() -> Result<()> {
    let scratch = Scratch::new("failed")?;
    let head = scratch.git(&["rev-parse", "HEAD"])?;
    let error = scratch.release_of("0.2.0", |_| bail!("no room")).err();
    let said = format!("{:#}", error.context("released")?);
    assert!(
        said.contains("the files are as they were") && said.ends_with("no room"),
        "{said}"
    );
    assert_eq!(scratch.git(&["status", "--porcelain"])?, "");
    assert_eq!(scratch.git(&["rev-parse", "HEAD"])?, head);
    assert_eq!(scratch.git(&["tag"])?, "");
    Ok(())
}

#[test]
fn no_file_of_a_release_names_a_folder_of_the_machine() -> Result<()> {
    let scratch = Scratch::new("places")?;
    for place in crate::dist::places(&scratch.0) {
        let error = scratch.release_of("0.2.0", |_| {
            let material = material::stand_ins(&scratch.0.root().join("target/stand-ins"))?;
            let text = format!("panicked at {}/src/lib.rs", place.display());
            fs::write(&material.command, text)?;
            Ok(material)
        });
        let error = error
            .err()
            .context("released")?
            .downcast::<ReleaseError>()?;
        assert!(matches!(error, ReleaseError::MachinePath { .. }), "{error}");
    }
    Ok(())
}

#[test]
fn a_rehearsal_makes_every_file_and_changes_none() -> Result<()> {
    let project = Project::find(false)?;
    let before = Saved::of(&project)?;
    let (lines, _) = quietly(|| rehearse(&project, "minor"));
    let lines = lines?;
    let command = format!("-lung-{}-", std::env::consts::ARCH);
    // After a release nothing is unreleased yet, and a rehearsal says no more than that.
    let refused = matches!(lines.as_slice(), [line] if line.contains("*Unreleased*"));
    for name in ["-page.tar.gz", &command, ".tgz", ".cdx.json", pack::SUMS] {
        assert!(
            refused || lines.iter().any(|line| line.contains(name)),
            "{name}: {lines:?}"
        );
    }
    assert_eq!(before.0, Saved::of(&project)?.0);
    Ok(())
}

#[test]
fn a_version_that_is_none_stops_a_release_with_what_to_do() -> Result<()> {
    let project = Project::find(false)?;
    for wanted in ["next", "0.0.1"] {
        let error = rehearse(&project, wanted).err().context("not refused")?;
        assert!(error.downcast_ref::<ReleaseError>().is_some(), "{error:#}");
        assert!(error.to_string().contains("Name "), "{error:#}");
    }
    Ok(())
}

/// The guides tell what to type, and nobody changes them for a release.
#[test]
fn no_guide_names_a_file_of_one_version() -> Result<()> {
    let project = Project::find(false)?;
    let version = Version::of_workspace(&fs::read_to_string(project.root().join("Cargo.toml"))?)?;
    let mut pages = vec!["README.md".to_owned(), "CONTRIBUTING.md".to_owned()];
    for folder in ["docs/guide", "docs/reference", "www/package"] {
        for name in crate::dist::files(&project.root().join(folder))? {
            pages.push(format!("{folder}/{name}"));
        }
    }
    for page in pages.iter().filter(|page| page.ends_with(".md")) {
        let text = fs::read_to_string(project.root().join(page))?;
        assert!(!text.contains(&format!("-{version}")), "{page}");
    }
    Ok(())
}
