//! `cargo xtask release`: version and changelog, archives with checksums and bills of materials, and a tag. Nothing is pushed.

mod address;
mod api;
mod baseline;
mod changelog;
mod error;
mod git;
mod material;
mod pack;
mod promises;
mod version;

pub use api::as_rustdoc;
pub use promises::compared_with_baseline;

use crate::contents::{self, Advisories};
use crate::process::{run, say, step};
use crate::tools::{self, Project};
use anyhow::{Context, Result};
use changelog::Released;
use error::ReleaseError;
use material::Material;
use std::fs;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};
use version::Version;

/// The files that a release changes beside the manifests of the crates. Cargo writes the last two.
const CHANGED: [&str; 6] = [
    "Cargo.toml",
    "CITATION.cff",
    "CHANGELOG.md",
    baseline::FILE,
    "Cargo.lock",
    "tests/fuzz/Cargo.lock",
];

/// All files that a release may change.
fn changed(project: &Project) -> Result<Vec<String>> {
    let named = CHANGED.into_iter().map(str::to_owned);
    Ok(named.chain(manifests(project)?).collect())
}

/// The manifests of the crates that are published, below the top folder.
fn manifests(project: &Project) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(project.root().join("crates"))? {
        let folder = entry?;
        let manifest = folder.path().join("Cargo.toml");
        let Ok(text) = fs::read_to_string(&manifest) else {
            continue;
        };
        let about: toml::Table = text
            .parse()
            .with_context(|| format!("{} is not understood", manifest.display()))?;
        if about["package"].get("publish") != Some(&toml::Value::Boolean(false)) {
            let name = folder.file_name();
            found.push(format!("crates/{}/Cargo.toml", name.to_string_lossy()));
        }
    }
    found.sort();
    Ok(found)
}

/// What a release will be.
struct Plan {
    version: Version,
    /// When it began, in seconds since 1970: the time of its commit, and of the files in its archives.
    time: u64,
    /// Each file with its text.
    texts: Vec<(String, String)>,
    /// What is new.
    notes: String,
    /// Where the sources are for everybody, if that is known.
    address: Option<String>,
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
        let mut citation = version.in_citation(&read("CITATION.cff")?, &date)?;
        let Released { text, notes } =
            changelog::release(&read("CHANGELOG.md")?, &version.to_string(), &date)?;
        let mut texts = Vec::new();
        let address = tools::address(&cargo).map_err(ReleaseError::from)?;
        if let Some(address) = &address {
            citation = address::in_citation(&citation, address);
            for manifest in manifests(project)? {
                let text = address::in_crate(&read(&manifest)?);
                texts.push((manifest, text));
            }
        }
        for (name, text) in [
            ("Cargo.toml", version.in_cargo(&cargo)?),
            ("CITATION.cff", citation),
            ("CHANGELOG.md", text),
            (
                baseline::FILE,
                baseline::text(&git::head(project)?, Some(version)),
            ),
        ] {
            texts.push((name.to_owned(), text));
        }
        Ok(Self {
            version,
            time,
            texts,
            notes,
            address,
        })
    }

    /// What whoever releases should know, and what is no fault.
    fn remarks(&self) -> Vec<String> {
        let missing = "Cargo.toml names no `repository`, so neither crates nor npm package nor CITATION.cff say where the sources are";
        match self.address {
            Some(_) => Vec::new(),
            None => vec![missing.to_owned()],
        }
    }
}

/// Releases the version that is asked for: writes it, looks for known vulnerabilities and whether the crates keep what the last one
/// promised, builds and packs everything, and at last commits and tags. Where anything fails, the files are as they were.
pub fn release(project: &Project, wanted: &str) -> Result<()> {
    // Before the release writes down what the next one is compared with.
    let baseline = baseline::find(project)?;
    let out = release_of(project, wanted, |plan| {
        match contents::advisories(project)? {
            Advisories::Known { none: true, .. } => {}
            Advisories::Known { .. } => return Err(ReleaseError::Vulnerable.into()),
            Advisories::OutOfReach => say(format!("    {}", contents::OUT_OF_REACH)),
        }
        promises::kept(project, &baseline, plan.version)?;
        material::build(project, &plan.version.to_string(), plan.time)
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
    for remark in plan.remarks() {
        say(format!("    {remark}"));
    }
    let before = Saved::of(project)?;
    let made = write(project, &plan)
        .and_then(|()| build(&plan))
        .and_then(|material| pack_into(project, &material, &version, plan.time))
        .and_then(|out| {
            let files = changed(project)?;
            git::commit_and_tag(project, &files, &tag, &plan.notes, plan.time)?;
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
        let path = scratch.join(name);
        fs::create_dir_all(path.parent().context("a file is in a folder")?)?;
        fs::write(path, text)?;
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
    lines.extend(plan.remarks());
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
struct Saved(Vec<(String, Vec<u8>)>);

impl Saved {
    fn of(project: &Project) -> Result<Self> {
        let read = |name: String| {
            let bytes = fs::read(project.root().join(&name))
                .with_context(|| format!("{name} cannot be read"))?;
            Ok((name, bytes))
        };
        changed(project)?
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
