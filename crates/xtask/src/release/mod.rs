//! `cargo xtask release`: version and changelog, archives with checksums and a bill of materials, and a tag. Nothing is pushed.

mod changelog;
mod error;
mod git;
mod pack;
mod version;

pub use git::last_tag;

use crate::dist::Speed;
use crate::process::{output, run, say, step};
use crate::tools::{self, Project};
use crate::{dist, package};
use anyhow::{Context, Result, ensure};
use changelog::Released;
use error::ReleaseError;
use pack::{Material, SUMS};
use std::fs;
use std::path::{Path, PathBuf};
use version::Version;

/// The files that a release changes. Cargo writes the last two.
const CHANGED: [&str; 5] = [
    "Cargo.toml",
    "CITATION.cff",
    "CHANGELOG.md",
    "Cargo.lock",
    "tests/fuzz/Cargo.lock",
];

/// What a release will be.
struct Plan {
    version: Version,
    /// Each file with its text.
    texts: [(&'static str, String); 3],
    /// What is new.
    notes: String,
}

impl Plan {
    /// Of the files as they are, for the version that is asked for.
    fn new(project: &Project, wanted: &str) -> Result<Self> {
        let read = |name: &str| {
            fs::read_to_string(project.root().join(name))
                .with_context(|| format!("{name} cannot be read"))
        };
        let (cargo, date) = (read("Cargo.toml")?, git::today(project)?);
        let released = git::last_tag(project).is_some();
        let version = Version::of_workspace(&cargo)?.next(wanted, released)?;
        let citation = version.in_citation(&read("CITATION.cff")?, &date)?;
        let Released { text, notes } =
            changelog::release(&read("CHANGELOG.md")?, &version.to_string(), &date)?;
        let texts = [
            ("Cargo.toml", version.in_cargo(&cargo)?),
            ("CITATION.cff", citation),
            ("CHANGELOG.md", text),
        ];
        Ok(Self {
            version,
            texts,
            notes,
        })
    }
}

/// Releases the version that is asked for: writes it, builds and packs everything, and at last commits and tags. Where anything fails,
/// the files are as they were.
pub fn release(project: &Project, wanted: &str) -> Result<()> {
    let plan = Plan::new(project, wanted)?;
    let (version, tag) = (plan.version.to_string(), plan.version.tag());
    git::check(project, &tag)?;
    step(format!("releasing {version}"));
    let before = Saved::of(project)?;
    let made = write(project, &plan)
        .and_then(|()| build(project))
        .and_then(|material| pack_into(project, &material, &version))
        .and_then(|out| {
            git::commit_and_tag(project, &CHANGED, &tag, &plan.notes)?;
            Ok(out)
        });
    let out = match made {
        Ok(out) => out,
        // Not those of a commit that has been made.
        Err(error) if git::uncommitted(project)?.is_empty() => return Err(error),
        Err(error) => {
            before.restore(project)?;
            return Err(error.context("nothing is released, and the files are as they were"));
        }
    };
    step(format!(
        "{tag} is tagged, its files are in {}",
        out.display()
    ));
    say(
        "    next: `git push --follow-tags`, which publishes it; `cargo publish --workspace` and `npm publish` for the registries",
    );
    Ok(())
}

/// Packs what is checked out, as for the tag of a release: nothing is changed.
pub fn pack_checkout(project: &Project) -> Result<()> {
    let cargo = fs::read_to_string(project.root().join("Cargo.toml"))
        .context("Cargo.toml cannot be read")?;
    let version = Version::of_workspace(&cargo)?;
    if let Some(tag) = git::tag_here(project).filter(|tag| *tag != version.tag()) {
        let version = version.to_string();
        return Err(ReleaseError::OtherVersion { tag, version }.into());
    }
    let out = pack_into(project, &build(project)?, &version.to_string())?;
    step(format!("the files are in {}", out.display()));
    Ok(())
}

/// Goes through a release with stand-ins for what takes long to build: texts, archives and checksums are made as they will be, in a
/// folder below `target`, and read again. No file of the checkout is changed. Returns lines that say what a release would be.
pub fn rehearse(project: &Project, wanted: &str) -> Result<Vec<String>> {
    let plan = match Plan::new(project, wanted) {
        // As it is after each release.
        Err(error) if error.downcast_ref() == Some(&ReleaseError::NothingChanged) => {
            return Ok(vec![format!("a release would be refused now: {error:#}")]);
        }
        plan => plan?,
    };
    let (version, tag) = (plan.version.to_string(), plan.version.tag());
    let folder = project.root().join("target/release-rehearsal");
    let scratch = folder.join("stand-ins");
    let material = stand_ins(&scratch)?;
    for (name, text) in &plan.texts {
        fs::write(scratch.join(name), text)?;
    }
    let out = folder.join("files");
    let names = pack::pack(project, &material, &version, &out)?;
    check_files(project, &out, &names)?;
    let mut lines = vec![format!(
        "{tag}: {} lines of changes, {} files",
        plan.notes.lines().count(),
        names.len()
    )];
    lines.extend(names.iter().map(|name| format!("  {name}")));
    if let Err(error) = git::check(project, &tag) {
        lines.push(format!("a release would be refused now: {error:#}"));
    }
    fs::remove_dir_all(&folder).context("the rehearsal cannot be removed")?;
    Ok(lines)
}

/// Writes the texts, and has cargo write the versions into its lock files.
fn write(project: &Project, plan: &Plan) -> Result<()> {
    for (name, text) in &plan.texts {
        fs::write(project.root().join(name), text)
            .with_context(|| format!("{name} cannot be written"))?;
    }
    for manifest in ["Cargo.toml", "tests/fuzz/Cargo.toml"] {
        let mut update = project.command("cargo");
        update.args(["update", "--workspace", "--offline", "--quiet"]);
        update.args(["--manifest-path", manifest]);
        run(&mut update, "cargo's message above says why.")?;
    }
    Ok(())
}

/// Builds all that a release is made of.
fn build(project: &Project) -> Result<Material> {
    package::make(project, Speed::Release)?;
    step("building the command");
    let mut cargo = project.command("cargo");
    cargo.args(["build", "--release", "--locked", "--package", "lung-train"]);
    run(&mut cargo, "The compiler's messages above say why.")?;
    let root = project.root();
    let program = format!("lung{}", std::env::consts::EXE_SUFFIX);
    let cargo = fs::read_to_string(root.join("Cargo.toml"))?;
    let version = Version::of_workspace(&cargo)?;
    Ok(Material {
        page: root.join("dist"),
        command: root.join("target/release").join(program),
        package: root
            .join("target")
            .join(format!("mobilenet-lung-element-{version}.tgz")),
        bill: bill(project)?,
    })
}

/// The bill of materials of the command, in CycloneDX: every crate in it with version, licence and checksum.
fn bill(project: &Project) -> Result<PathBuf> {
    tools::cargo_cyclonedx(project)?;
    step("the bill of materials");
    let mut cargo = project.command("cargo");
    cargo.args([
        "cyclonedx",
        "--quiet",
        "--format",
        "json",
        "--spec-version",
        "1.5",
    ]);
    cargo.args([
        "--describe",
        "binaries",
        "--manifest-path",
        "crates/lung-train/Cargo.toml",
    ]);
    run(&mut cargo, "cargo-cyclonedx's messages above say why.")?;
    let written = project.root().join("crates/lung-train/lung_bin.cdx.json");
    let bill = project.root().join("target/lung.cdx.json");
    fs::rename(&written, &bill)
        .with_context(|| format!("cargo-cyclonedx has not written {}", written.display()))?;
    Ok(bill)
}

/// Packs a release into a folder of its own, which is returned.
fn pack_into(project: &Project, material: &Material, version: &str) -> Result<PathBuf> {
    step("packing");
    let out = project.root().join("target/releases").join(version);
    let names = pack::pack(project, material, version, &out)?;
    check_files(project, &out, &names)?;
    for name in names {
        say(format!("    {name}"));
    }
    Ok(out)
}

/// Reads the files of a release again: every archive unpacks into one folder of its own name, and nothing is without its checksum.
fn check_files(project: &Project, out: &Path, names: &[String]) -> Result<()> {
    let sums = fs::read_to_string(out.join(SUMS)).context("there are no checksums")?;
    for name in names.iter().filter(|name| *name != SUMS) {
        let sum = dist::sha256(&fs::read(out.join(name))?);
        ensure!(
            sums.contains(&format!("{sum}  {name}\n")),
            "{SUMS} does not have {name}"
        );
        let Some(folder) = name.strip_suffix(".tar.gz") else {
            continue;
        };
        let listed = output(project.command("tar").arg("-tzf").arg(out.join(name)))
            .with_context(|| format!("{name} cannot be unpacked"))?;
        let own = format!("{folder}/");
        ensure!(
            listed.lines().all(|path| path.starts_with(&own)),
            "{name} has files beside {own}"
        );
        let page = if folder.ends_with("-page") {
            own
        } else {
            format!("{own}dist/")
        };
        ensure!(
            listed.contains(&format!("{page}index.html")),
            "{name} lacks {page}index.html"
        );
    }
    Ok(())
}

/// Small files in the place of what takes long to build.
fn stand_ins(folder: &Path) -> Result<Material> {
    let page = folder.join("page");
    fs::create_dir_all(page.join("models")).context("the stand-ins cannot be made")?;
    fs::write(
        page.join("index.html"),
        "<!doctype html><title>A stand-in</title>\n",
    )?;
    fs::write(page.join("models/index.json"), "{}\n")?;
    let file = |name: &str| -> Result<PathBuf> {
        let path = folder.join(name);
        fs::write(&path, format!("a stand-in for {name}\n"))?;
        Ok(path)
    };
    Ok(Material {
        page,
        command: file("lung")?,
        package: file("element.tgz")?,
        bill: file("bill.json")?,
    })
}

/// The files that a release changes, as they were.
struct Saved(Vec<(&'static str, Vec<u8>)>);

impl Saved {
    fn of(project: &Project) -> Result<Self> {
        let read = |name| {
            let bytes = fs::read(project.root().join(name))
                .with_context(|| format!("{name} cannot be read"))?;
            Ok((name, bytes))
        };
        CHANGED
            .into_iter()
            .map(read)
            .collect::<Result<_>>()
            .map(Self)
    }

    fn restore(&self, project: &Project) -> Result<()> {
        for (name, bytes) in &self.0 {
            fs::write(project.root().join(name), bytes).with_context(|| {
                format!("{name} cannot be put back; `git checkout {name}` does it")
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::quietly;

    #[test]
    fn a_rehearsal_makes_every_file_and_changes_none() -> Result<()> {
        let project = Project::find(false)?;
        let before = Saved::of(&project)?;
        let (lines, _) = quietly(|| rehearse(&project, "minor"));
        let lines = lines?;
        let command = format!("-lung-{}-", std::env::consts::ARCH);
        // After a release nothing is unreleased yet, and a rehearsal says no more than that.
        let refused = matches!(lines.as_slice(), [line] if line.contains("*Unreleased*"));
        for name in ["-page.tar.gz", &command, ".tgz", ".cdx.json", SUMS] {
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
}
