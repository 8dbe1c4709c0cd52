//! The files of a release: archives of the page and of the command, the npm package, the bills of materials, and their checksums.

use super::error::ReleaseError;
use super::material::Material;
use crate::dist::{self, LICENCES, Member, NOTICES, copy_folder, files, places, sha256};
use crate::tools::Project;
use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;

/// What the checksums of the others are in.
pub const SUMS: &str = "SHA256SUMS";

/// What lies beside the command: how to begin. The documentation is in the page's `docs`, where its links lead somewhere.
const BEGIN: &str = include_str!("archive.md");

/// Makes the files of a release in `out`, which is emptied before; returns their names, sorted. Files in archives are as of `time`, a
/// second since 1970, by which servers tell a file of this release from the same one of another. The same material gives the same
/// bytes.
pub fn pack(
    project: &Project,
    material: &Material,
    version: &str,
    time: u64,
    out: &Path,
) -> Result<Vec<String>> {
    if out.exists() {
        fs::remove_dir_all(out).with_context(|| format!("{} cannot be emptied", out.display()))?;
    }
    let stage = out.join("stage");
    let base = format!("mobilenet-lung-{version}");
    let page = format!("{base}-page");
    copy_folder(&material.page, &stage.join(&page))?;

    let system = format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS);
    let command = format!("{base}-lung-{system}");
    let folder = stage.join(&command);
    let program = format!("lung{}", std::env::consts::EXE_SUFFIX);
    // `lung serve` looks for the page beside itself.
    copy_folder(&material.page, &folder.join("dist"))?;
    copy(&material.command, &folder.join(&program))?;
    // The page has those of its own.
    for name in LICENCES {
        copy(&project.root().join(name), &folder.join(name))?;
    }
    write(&folder.join(NOTICES), &material.notices)?;
    write(
        &folder.join("README.md"),
        &BEGIN.replace("VERSION", version),
    )?;

    name_no_folder_of(project, &stage)?;
    archive(&stage.join(&page), &page, None, time, out)?;
    archive(&folder, &command, Some(program.as_str()), time, out)?;
    fs::remove_dir_all(&stage).with_context(|| format!("{} cannot be removed", stage.display()))?;

    copy(
        &material.package,
        &out.join(format!("mobilenet-lung-element-{version}.tgz")),
    )?;
    for (product, bill) in &material.bills {
        let name = format!("{base}-{}.cdx.json", product.name());
        copy(bill, &out.join(name))?;
    }
    name_no_folder_of(project, out)?;
    sum(out)
}

/// Reads the files of a release again: every archive unpacks into one folder of its own name, and nothing is without its checksum.
pub fn check(out: &Path, names: &[String]) -> Result<()> {
    let sums = fs::read_to_string(out.join(SUMS)).context("there are no checksums")?;
    for name in names.iter().filter(|name| *name != SUMS) {
        let sum = sha256(&fs::read(out.join(name))?);
        ensure!(
            sums.contains(&format!("{sum}  {name}\n")),
            "{SUMS} does not have {name}"
        );
        let Some(folder) = name.strip_suffix(".tar.gz") else {
            continue;
        };
        let listed = list(&out.join(name)).with_context(|| format!("{name} cannot be unpacked"))?;
        let own = format!("{folder}/");
        ensure!(
            listed.iter().all(|path| path.starts_with(&own)),
            "{name} has files beside {own}"
        );
        let page = if folder.ends_with("-page") {
            own.clone()
        } else {
            format!("{own}dist/")
        };
        // Whoever takes the page out of the archive of the command hands on what is in the page.
        for folder in [&own, &page] {
            for file in LICENCES.iter().chain([&NOTICES]) {
                let path = format!("{folder}{file}");
                ensure!(listed.contains(&path), "{name} lacks {path}");
            }
        }
        let path = format!("{page}index.html");
        ensure!(listed.contains(&path), "{name} lacks {path}");
    }
    Ok(())
}

/// The paths in an archive.
fn list(file: &Path) -> Result<Vec<String>> {
    let mut tar = tar::Archive::new(GzDecoder::new(BufReader::new(File::open(file)?)));
    let mut paths = Vec::new();
    for entry in tar.entries()? {
        paths.push(entry?.path()?.to_string_lossy().into_owned());
    }
    Ok(paths)
}

/// Whether no file below a folder says where it was built: in a path of the checkout, or of the sources of others.
fn name_no_folder_of(project: &Project, folder: &Path) -> Result<()> {
    for path in files(folder)? {
        let bytes = fs::read(folder.join(&path))?;
        for place in places(project) {
            let sought = format!("{}/", place.to_string_lossy());
            if bytes
                .windows(sought.len())
                .any(|some| some == sought.as_bytes())
            {
                let (file, path) = (path, sought);
                return Err(ReleaseError::MachinePath { file, path }.into());
            }
        }
    }
    Ok(())
}

/// Writes the checksums of a folder's files, in the form that `sha256sum --check` reads; returns all names, sorted.
fn sum(out: &Path) -> Result<Vec<String>> {
    let mut names = files(out)?;
    let mut sums = String::new();
    for name in &names {
        let bytes = fs::read(out.join(name)).with_context(|| format!("{name} cannot be read"))?;
        sums.push_str(&format!("{}  {name}\n", sha256(&bytes)));
    }
    write(&out.join(SUMS), &sums)?;
    names.push(SUMS.to_owned());
    names.sort();
    Ok(names)
}

/// Packs a folder, which is what unpacking makes again: sorted, and only the program can be run.
fn archive(folder: &Path, name: &str, program: Option<&str>, time: u64, out: &Path) -> Result<()> {
    let members: Vec<Member> = files(folder)?
        .into_iter()
        .map(|path| Member {
            file: folder.join(&path),
            runs: program == Some(path.as_str()),
            path: format!("{name}/{path}"),
        })
        .collect();
    dist::archive(&out.join(format!("{name}.tar.gz")), &members, time)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to)
        .map(|_| ())
        .with_context(|| format!("{} cannot be copied to {}", from.display(), to.display()))
}

fn write(to: &Path, text: &str) -> Result<()> {
    fs::write(to, text).with_context(|| format!("{} cannot be written", to.display()))
}
