//! What a release is made of, built.

use crate::contents::{self, Product};
use crate::dist::{self, Speed};
use crate::package;
use crate::process::{run, step};
use crate::tools::Project;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// What a release is made of.
pub struct Material {
    /// The built page, a folder.
    pub page: PathBuf,
    /// The command `lung`.
    pub command: PathBuf,
    /// The npm package of the element.
    pub package: PathBuf,
    /// The bill of materials of each product.
    pub bills: Vec<(Product, PathBuf)>,
    /// The licences of others in the command and the page; those of the page alone are in it.
    pub notices: String,
}

/// Builds all that a release of this version is made of, as of this second since 1970.
pub fn build(project: &Project, version: &str, time: u64) -> Result<Material> {
    package::make(project, Speed::Release)?;
    let command = command(project)?;
    let bills = [Product::Command, Product::Page]
        .into_iter()
        .map(|product| Ok((product, contents::bill(project, product, time)?)))
        .collect::<Result<_>>()?;
    let root = project.root();
    Ok(Material {
        page: root.join("dist"),
        command,
        package: root
            .join("target")
            .join(format!("mobilenet-lung-element-{version}.tgz")),
        bills,
        notices: contents::notices(project, &[Product::Command, Product::Page])?,
    })
}

/// Builds the command in a folder of its own: it is told what other builds are not, and they would be compiled anew after it.
fn command(project: &Project) -> Result<PathBuf> {
    step("building the command (about 10 minutes the first time)");
    let folder = project.root().join("target/command");
    let mut cargo = project.command("cargo");
    cargo.args(["build", "--release", "--locked", "--package", "lung-train"]);
    cargo.env("CARGO_TARGET_DIR", &folder).env(
        "CARGO_ENCODED_RUSTFLAGS",
        dist::without_paths(project).join("\x1f"),
    );
    run(&mut cargo, "The compiler's messages above say why.")?;
    let program = format!("lung{}", std::env::consts::EXE_SUFFIX);
    Ok(folder.join("release").join(program))
}

/// Small files in the place of what takes long to build.
pub fn stand_ins(folder: &Path) -> Result<Material> {
    let page = folder.join("page");
    fs::create_dir_all(page.join("models")).context("the stand-ins cannot be made")?;
    fs::write(
        page.join("index.html"),
        "<!doctype html><title>A stand-in</title>\n",
    )?;
    fs::write(page.join("models/index.json"), "{}\n")?;
    for name in dist::LICENCES.iter().chain([&dist::NOTICES]) {
        fs::write(page.join(name), "a stand-in\n")?;
    }
    let file = |name: &str| -> Result<PathBuf> {
        let path = folder.join(name);
        fs::write(&path, format!("a stand-in for {name}\n"))?;
        Ok(path)
    };
    Ok(Material {
        page,
        command: file("lung")?,
        package: file("element.tgz")?,
        bills: vec![
            (Product::Command, file("lung.json")?),
            (Product::Page, file("page.json")?),
        ],
        notices: "stand-ins\n".to_owned(),
    })
}
