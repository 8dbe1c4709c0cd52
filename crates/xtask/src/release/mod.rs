//! `cargo xtask release`: version and changelog, archives with checksums and bills of materials, and a tag. Nothing is pushed.

mod changelog;
mod error;
mod git;
mod material;
mod pack;
mod promises;
mod version;

pub use git::last_tag;
pub use promises::semver_checks;

use crate::process::{run, say, step};
use crate::tools::Project;
use anyhow::{Context, Result};
use changelog::Released;
use error::ReleaseError;
use material::Material;
use std::fs;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};
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
    /// When it began, in seconds since 1970: the time of its commit, and of the files in its archives.
    time: u64,
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
        let time = (SystemTime::now().duration_since(UNIX_EPOCH))
            .context("the clock of this machine is before 1970")?
            .as_secs();
        let (cargo, date) = (read("Cargo.toml")?, git::day(project, time)?);
        let current = Version::of_workspace(&cargo)?;
        let released = git::has_tag(project, &current.tag())?;
        let version = current.next(wanted, released)?;
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
            time,
            texts,
            notes,
        })
    }
}

/// Releases the version that is asked for: writes it, looks whether the crates keep what the last one promised, builds and packs
/// everything, and at last commits and tags. Where anything fails, the files are as they were.
pub fn release(project: &Project, wanted: &str) -> Result<()> {
    let out = release_of(project, wanted, |plan| {
        let version = plan.version.to_string();
        promises::kept(project, &version)?;
        material::build(project, &version, plan.time)
    })?;
    let package = out.join("*.tgz");
    say(format!(
        "    next: `git push --follow-tags`, which publishes it; for the registries `cargo publish --workspace` and `npm publish {}`",
        package.display()
    ));
    Ok(())
}

/// The same of what `build` makes; returns the folder with the files.
fn release_of(
    project: &Project,
    wanted: &str,
    build: impl FnOnce(&Plan) -> Result<Material>,
) -> Result<PathBuf> {
    let plan = Plan::new(project, wanted)?;
    let (version, tag) = (plan.version.to_string(), plan.version.tag());
    git::check(project, &tag)?;
    step(format!("releasing {version}"));
    let before = Saved::of(project)?;
    let made = write(project, &plan)
        .and_then(|()| build(&plan))
        .and_then(|material| pack_into(project, &material, &version, plan.time))
        .and_then(|out| {
            git::commit_and_tag(project, &CHANGED, &tag, &plan.notes, plan.time)?;
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
    Ok(out)
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
    let (version, time) = (version.to_string(), git::time_of_commit(project)?);
    let material = material::build(project, &version, time)?;
    let out = pack_into(project, &material, &version, time)?;
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
    let material = material::stand_ins(&scratch)?;
    for (name, text) in &plan.texts {
        fs::write(scratch.join(name), text)?;
    }
    let out = folder.join("files");
    let names = pack::pack(project, &material, &version, plan.time, &out)?;
    pack::check(&out, &names)?;
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
        // Not offline: who has never built the fuzz targets lacks what cargo looks up for their lock file.
        let mut update = project.command("cargo");
        update.args(["update", "--workspace", "--quiet"]);
        update.args(["--manifest-path", manifest]);
        run(&mut update, "cargo's message above says why.")?;
    }
    Ok(())
}

/// Packs a release into a folder of its own, which is returned.
fn pack_into(project: &Project, material: &Material, version: &str, time: u64) -> Result<PathBuf> {
    step("packing");
    let out = project.root().join("target/releases").join(version);
    let names = pack::pack(project, material, version, time, &out)?;
    pack::check(&out, &names)?;
    for name in names {
        say(format!("    {name}"));
    }
    Ok(out)
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
mod tests;
