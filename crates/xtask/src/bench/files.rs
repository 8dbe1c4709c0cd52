//! What has to be there before anything is timed: the native command, the network in the forms that the engines need, the page, and
//! the peers.

use crate::dist::{self, Speed};
use crate::process::run;
use crate::process::step;
use crate::tools::{self, Project};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The network in the forms that the engines need.
pub struct Files {
    /// Where what is made for the bench is kept.
    pub folder: PathBuf,
    /// The native command.
    pub lung: PathBuf,
    /// The bundle that the page uses.
    pub model: PathBuf,
    /// The same as ONNX.
    pub onnx: PathBuf,
    /// The same for LiteRT.
    pub tflite: PathBuf,
    /// The same without weights, for LiteRT.js.
    pub parts: PathBuf,
    /// The Python that has the native peers.
    pub python: PathBuf,
}

impl Files {
    /// Builds and installs what is missing.
    pub fn prepare(project: &Project) -> Result<Self> {
        step("building the native command");
        run(
            project
                .command("cargo")
                .args(["build", "--release", "--package", "lung-train"])
                .args(["--bin", "lung"]),
            "The compiler's messages above say why.",
        )?;
        let lung = project
            .root()
            .join("target/release")
            .join(format!("lung{}", std::env::consts::EXE_SUFFIX));
        let model = current_model(project)?;
        let folder = project.root().join("target/bench");
        let scripts = project.root().join("tests/bench");
        let python = tools::environment(
            project,
            &folder.join("python"),
            &scripts.join("requirements.txt"),
            "installing PyTorch, OpenVINO, LiteRT and onnxruntime into target/bench/python (6 GB, minutes, once)",
        )?;
        run(
            Command::new(&lung)
                .args(["export", "--format", "onnx", "--model"])
                .arg(&model)
                .arg("--out")
                .arg(&folder),
            "Is the model in www/models one that this version reads?",
        )?;
        run(
            Command::new(&python)
                .arg(scripts.join("tflite.py"))
                .arg("--model")
                .arg(&model)
                .arg("--out")
                .arg(&folder),
            "Its message above says why.",
        )?;
        let name = model.file_name().unwrap_or_default();
        Ok(Self {
            onnx: folder.join(name).with_extension("onnx"),
            tflite: folder.join("model.tflite"),
            parts: folder.join("model.parts"),
            folder,
            lung,
            model,
            python,
        })
    }
}

/// What the browser part needs besides.
pub struct Site {
    /// The built page.
    pub dist: PathBuf,
    /// The folder of the scripts and their packages.
    pub packages: PathBuf,
    /// The browser.
    pub chromium: PathBuf,
}

impl Site {
    /// Builds and installs what is missing.
    pub fn prepare(project: &Project, speed: Speed) -> Result<Self> {
        let chromium = tools::chromium(project)?;
        let packages = project.root().join("tests/bench");
        tools::node(project)?;
        tools::npm_ci(project, &packages)?;
        Ok(Self {
            dist: dist::build(project, speed)?,
            packages,
            chromium,
        })
    }
}

/// The weights file that the page uses.
pub fn current_model(project: &Project) -> Result<PathBuf> {
    let models = project.root().join("www/models");
    let index = read_json(&models.join("index.json"))?;
    let current = index["current"]
        .as_str()
        .context("www/models/index.json names no current model")?;
    Ok(models.join(current))
}

/// The content of a JSON file.
pub fn read_json(path: &Path) -> Result<Value> {
    let text =
        fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    match serde_json::from_str(&text) {
        Ok(value) => Ok(value),
        Err(error) => bail!("{} is not JSON: {error}", path.display()),
    }
}
