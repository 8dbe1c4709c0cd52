//! The checkout that is built, and commands that run in it with its own tools.

use anyhow::{Context, Result};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The checkout we work on.
pub struct Project {
    root: PathBuf,
    /// Whether system packages may be installed with `sudo`.
    pub(super) install: bool,
    /// This very program, by the name that it had when it began: compiling it once more removes that file for another one.
    program: Option<PathBuf>,
}

impl Project {
    /// The checkout that this program was built from. With `install`, system packages may be installed with `sudo`.
    pub fn find(install: bool) -> Result<Self> {
        // Cargo sets the variable when it runs us; without it (the binary run directly), look upwards from here.
        let start = match std::env::var_os("CARGO_MANIFEST_DIR") {
            Some(folder) => PathBuf::from(folder),
            None => std::env::current_dir().context("the current folder cannot be told")?,
        };
        let root = start
            .ancestors()
            .find(|folder| {
                folder.join("Trunk.toml").is_file() && folder.join("Cargo.lock").is_file()
            })
            .with_context(|| {
                format!(
                    "{} is not inside the project; run `cargo xtask` there",
                    start.display()
                )
            })?;
        Ok(Self {
            root: root.to_owned(),
            install,
            program: std::env::current_exe().ok(),
        })
    }

    /// A checkout somewhere else, to be released in a test.
    #[cfg(test)]
    pub fn at(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            install: false,
            program: None,
        }
    }

    /// This very program.
    pub fn program(&self) -> Option<&Path> {
        self.program.as_deref()
    }

    /// The top folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where tools are installed, so that nothing outside the project changes.
    pub(super) fn tools(&self) -> PathBuf {
        self.root.join("target/tools")
    }

    /// `program`, to be run in the top folder with our tools found first.
    pub fn command(&self, program: &str) -> Command {
        // On Windows npm is a batch file, which is found by its full name only.
        let program = if cfg!(windows) && program == "npm" {
            "npm.cmd"
        } else {
            program
        };
        let mut command = Command::new(program);
        command.current_dir(&self.root).env("PATH", self.path(None));
        // What `cargo run` told us about ourselves is not true of the commands we start; build scripts would notice.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            let ours = [
                "CARGO_PKG_",
                "CARGO_MANIFEST_",
                "CARGO_BIN_",
                "CARGO_CRATE_",
                "CARGO_PRIMARY_",
            ];
            if text == "CARGO" || ours.iter().any(|prefix| text.starts_with(prefix)) {
                command.env_remove(&name);
            }
        }
        command
    }

    /// The PATH with `first` and our tools in front.
    pub(super) fn path(&self, first: Option<&Path>) -> OsString {
        let own = [
            self.tools().join("bin"),
            self.tools().join("npm/node_modules/.bin"),
        ];
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let folders = first
            .map(Path::to_owned)
            .into_iter()
            .chain(own)
            .chain(std::env::split_paths(&inherited));
        // Joining fails only for a folder with the separator in its name, which the PATH could not have named.
        std::env::join_paths(folders).unwrap_or(inherited)
    }

    /// The version of `package` in Cargo.lock.
    pub(super) fn locked_version(&self, package: &str) -> Result<String> {
        let lock = std::fs::read_to_string(self.root.join("Cargo.lock"))
            .context("Cargo.lock cannot be read")?;
        locked_version(&lock, package).with_context(|| format!("Cargo.lock names no {package}"))
    }
}

/// The version of `package` in the text of a Cargo.lock; of several, the first.
fn locked_version(lock: &str, package: &str) -> Option<String> {
    let lock: toml::Table = lock.parse().ok()?;
    let entry = lock
        .get("package")?
        .as_array()?
        .iter()
        .find(|entry| entry.get("name").and_then(toml::Value::as_str) == Some(package))?;
    Some(entry.get("version")?.as_str()?.to_owned())
}

/// The first number in `text`: the major version in `v20.1.0` or `wasm-opt version 132 (version_132)`.
pub(super) fn first_number(text: &str) -> Option<u32> {
    let digits = text.trim_start_matches(|c: char| !c.is_ascii_digit());
    let end = digits
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(digits.len());
    digits.get(..end)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_the_lock_file() {
        let lock = "version = 4\n[[package]]\nname = \"wasm-bindgen-futures\"\nversion = \"0.4.80\"\n\
                    [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\n";
        assert_eq!(
            locked_version(lock, "wasm-bindgen").as_deref(),
            Some("0.2.130")
        );
        assert_eq!(locked_version(lock, "burn"), None);
        assert_eq!(locked_version("[[", "burn"), None);
    }

    #[test]
    fn the_project_is_found_and_its_wasm_bindgen_is_locked() -> Result<()> {
        let project = Project::find(false)?;
        assert!(project.root().join("crates/xtask").is_dir());
        assert!(project.locked_version("wasm-bindgen")?.starts_with("0.2."));
        Ok(())
    }

    #[test]
    fn version_numbers_are_found_in_what_tools_print() {
        assert_eq!(first_number("v20.20.2"), Some(20));
        assert_eq!(
            first_number("wasm-opt version 132 (version_132)"),
            Some(132)
        );
        assert_eq!(first_number("none"), None);
    }
}
