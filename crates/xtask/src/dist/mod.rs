//! Building the page into `dist/`.

mod archive;
mod list;
mod runtime;
mod site;
mod source;
mod speed;
mod trunk;

pub use archive::{Member, archive};
pub use list::{files, sha256};
pub use runtime::{Build, places, set_up, without_paths};
pub use site::{assemble, copy_folder};
pub use speed::Speed;
pub use trunk::same_with_trunk;

use crate::contents::{self, Product};
use crate::process::{run, step};
use crate::tools::{self, Project, WasmRust};
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// Gets the tools that are missing, builds the page, and returns the folder it is in.
pub fn build(project: &Project, speed: Speed) -> Result<PathBuf> {
    let rust = tools(project, speed)?;
    page(project, rust, speed)
}

/// Makes sure that everything the build needs is there.
pub fn tools(project: &Project, speed: Speed) -> Result<WasmRust> {
    step("looking for the tools");
    scripts(project, speed)?;
    let rust = tools::wasm_rust(project)?;
    tools::wasm_bindgen(project)?;
    Ok(rust)
}

/// Makes sure that there is Node, and what runs on it: what merges scripts, and for a release what makes WebAssembly smaller.
pub fn scripts(project: &Project, speed: Speed) -> Result<()> {
    tools::node(project)?;
    tools::bundler(project)?;
    if speed == Speed::Release {
        tools::wasm_opt(project)?;
    }
    Ok(())
}

/// Builds the page with tools that are there, and returns the folder it is in.
pub fn page(project: &Project, rust: WasmRust, speed: Speed) -> Result<PathBuf> {
    let how_long = match speed {
        Speed::Release => "about 8 minutes the first time; --fast is quicker",
        Speed::Fast => "2 to 5 minutes the first time",
    };
    step(format!("building the page ({how_long})"));
    let mut runtimes = Vec::new();
    for build in Build::ALL {
        let compiled = build.compile(project, rust, speed)?;
        runtimes.push(build.finish(project, speed, &compiled)?);
    }
    whole(project, &runtimes)
}

/// Makes `dist/` of all builds, in place of what it was; returns it.
pub fn whole(project: &Project, runtimes: &[(Build, PathBuf)]) -> Result<PathBuf> {
    let unfinished = project.root().join("target/page");
    site::assemble(project, runtimes, &unfinished)?;
    merge_scripts(project, &unfinished)?;
    licences(project, &unfinished)?;
    let id = list::write(&unfinished)?;
    let dist = project.root().join("dist");
    // Until now there was the last one, whole.
    site::remove(&dist)?;
    fs::rename(&unfinished, &dist).with_context(|| format!("{} cannot be made", dist.display()))?;
    step(format!("release {}", &id[..12]));
    Ok(dist)
}

/// Our licence, as a folder of files has it.
pub const LICENCES: [&str; 2] = ["LICENSE-MIT", "LICENSE-APACHE"];

/// The licences of others, beside ours.
pub const NOTICES: &str = "THIRD-PARTY.txt";

/// Puts our licence and those of others into the page: whoever copies it to a server hands all of it on.
fn licences(project: &Project, page: &Path) -> Result<()> {
    for name in LICENCES {
        fs::copy(project.root().join(name), page.join(name))
            .with_context(|| format!("{name} cannot be copied"))?;
    }
    let notices = contents::notices(project, &[Product::Page])?;
    fs::write(page.join(NOTICES), notices)
        .with_context(|| format!("{NOTICES} cannot be written"))?;
    let index = page.join("index.html");
    let html = fs::read_to_string(&index).context("the page cannot be read")?;
    // Until now it would have led nowhere.
    let link = format!("href=\"{NOTICES}\"");
    let html = source::replace_once(&html, &format!("{link} hidden"), &link)?;
    fs::write(&index, html).context("the page cannot be written")
}

/// Merges the page's scripts: seventeen of them kept a cold page waiting.
fn merge_scripts(project: &Project, dist: &Path) -> Result<()> {
    let packages = tools::bundler(project)?;
    run(
        project
            .command("node")
            .arg("www/bundle.mjs")
            .arg(dist)
            .arg(packages),
        "Its message above says which script.",
    )
}
