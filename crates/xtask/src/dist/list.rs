//! The list of what a build consists of, by which a browser that keeps the page knows that it has all of one build and nothing
//! of another.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::Path;

/// The list's own file, and the script that keeps what is on it; neither is on it.
const LIST: &str = "release.json";
const KEEPER: &str = "service-worker.js";

/// What stands in the script where the build puts the release's id.
const PLACEHOLDER: &str = "RELEASE_ID";

/// Writes `release.json` into a built page: `{id, files: [{path, bytes, sha256}]}`, sorted by path. The id, the SHA-256 of what
/// `sha256sum` would print of these files, goes into the service worker too, so that a browser sees that there is a new one.
/// Returns the id.
pub fn write(dist: &Path) -> Result<String> {
    let mut paths = files(dist)?;
    paths.retain(|path| path != LIST && path != KEEPER);
    let mut sums = String::new();
    let mut files: Vec<Value> = Vec::new();
    for path in &paths {
        let bytes = fs::read(dist.join(path)).with_context(|| format!("{path} cannot be read"))?;
        let hash = sha256(&bytes);
        sums.push_str(&format!("{hash}  {path}\n"));
        files.push(json!({"path": path, "bytes": bytes.len(), "sha256": hash}));
    }
    let id = sha256(sums.as_bytes());

    let keeper = dist.join(KEEPER);
    let script =
        fs::read_to_string(&keeper).with_context(|| format!("there is no {}", keeper.display()))?;
    ensure!(
        script.matches(PLACEHOLDER).count() == 1,
        "{} must say {PLACEHOLDER} once, where the id of the release goes",
        keeper.display()
    );
    fs::write(&keeper, script.replace(PLACEHOLDER, &id))?;
    let list = json!({"id": id, "files": files});
    fs::write(dist.join(LIST), format!("{list:#}\n"))?;
    Ok(id)
}

/// Every file of a folder and of those within it, as sorted paths with slashes.
pub fn files(folder: &Path) -> Result<Vec<String>> {
    let mut paths = Vec::new();
    collect(folder, "", &mut paths)?;
    paths.sort();
    Ok(paths)
}

/// Adds the files of a folder and of those within it, as paths with slashes below `dist`.
fn collect(dist: &Path, below: &str, paths: &mut Vec<String>) -> Result<()> {
    let folder = dist.join(below);
    let entries =
        fs::read_dir(&folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name
            .to_str()
            .with_context(|| format!("{} has no name to be served by", entry.path().display()))?;
        if entry.path().is_dir() {
            collect(dist, &format!("{below}{name}/"), paths)?;
        } else {
            paths.push(format!("{below}{name}"));
        }
    }
    Ok(())
}

/// The SHA-256 of these bytes, in hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_lists_every_file_and_its_id_changes_with_any() -> Result<()> {
        let dist = std::env::temp_dir().join(format!("xtask-release-{}", std::process::id()));
        let write_all = |word: &str| -> Result<String> {
            fs::create_dir_all(dist.join("element/words"))?;
            fs::write(dist.join("element.js"), "1")?;
            fs::write(dist.join("element/words/en.js"), word)?;
            fs::write(dist.join("index.html"), "<p>")?;
            fs::write(dist.join(KEEPER), "const RELEASE = 'RELEASE_ID';")?;
            write(&dist)
        };
        let id = write_all("a")?;
        let list: Value = serde_json::from_str(&fs::read_to_string(dist.join(LIST))?)?;
        assert_eq!(list["id"], json!(id));
        let paths: Vec<&str> = list["files"]
            .as_array()
            .context("no files")?
            .iter()
            .filter_map(|file| file["path"].as_str())
            .collect();
        assert_eq!(paths, ["element.js", "element/words/en.js", "index.html"]);
        // Of "a", as anybody can check.
        assert_eq!(
            list["files"][1]["sha256"],
            json!("ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb")
        );
        let script = fs::read_to_string(dist.join(KEEPER))?;
        assert_eq!(script, format!("const RELEASE = '{id}';"));
        assert!(write(&dist).is_err(), "a script without a place for the id");
        assert_eq!(write_all("a")?, id, "the same files are the same release");
        assert_ne!(write_all("b")?, id);
        fs::remove_dir_all(&dist)?;
        Ok(())
    }
}
