//! What several tests need.
#![allow(dead_code, reason = "each test file uses its own part")]
// A helper of a test fails as the test does.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// The command `lung`, not started yet.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lung"));
    command.args(arguments);
    command
}

/// What the command `lung` does.
pub fn lung(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

/// What a command has printed.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The model that ships with the project.
pub fn shipped() -> PathBuf {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../www/models");
    current(&models)
}

/// The weights file that the index of a folder names.
pub fn current(models: &Path) -> PathBuf {
    let index = fs::read(models.join("index.json")).unwrap();
    let index: serde_json::Value = serde_json::from_slice(&index).unwrap();
    models.join(index["current"].as_str().unwrap())
}

/// A folder for a test.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}
