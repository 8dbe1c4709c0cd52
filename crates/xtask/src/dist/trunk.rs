//! `trunk build`, which some know better than this tool, makes the same page of `www/index.html`.

use super::runtime::{Build, set_up};
use super::site::assemble;
use super::speed::Speed;
use crate::process::{run, step};
use crate::tools::{Project, WasmRust};
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// What trunk makes of the wasm crate, by the names that it gives.
const MADE: [&str; 2] = ["lung-web.js", "lung-web_bg.wasm"];

/// Has trunk build the page as `Trunk.toml` says, and compares every file with those that this tool takes. The page itself is written
/// anew by trunk: it is held to having nothing left in it for trunk.
pub fn same_with_trunk(project: &Project, rust: WasmRust) -> Result<()> {
    let folder = project.root().join("target/trunk");
    let (theirs, ours) = (folder.join("theirs"), folder.join("ours"));
    step("trunk build");
    let mut trunk = rust.command(project, "trunk");
    trunk
        .args(["build", "--skip-version-check"])
        .args(["--cargo-profile", Speed::Fast.profile()])
        .arg("--dist")
        .arg(&theirs)
        // Trunk reads this variable as one of its own and accepts nothing but `true` and `false`.
        .env_remove("NO_COLOR");
    // As the page is built for tests, so that nothing is compiled twice; which feature it is, trunk is told by the page.
    let mut as_usual = project.command("cargo");
    set_up(&mut as_usual, project, Speed::Fast, Build::WebGpu);
    for (name, value) in as_usual.get_envs() {
        if let (Some("CARGO_TARGET_DIR" | "CARGO_ENCODED_RUSTFLAGS"), Some(value)) =
            (name.to_str(), value)
        {
            trunk.env(name, value);
        }
    }
    run(&mut trunk, "The compiler's messages above say why.")?;

    assemble(project, &[], &ours)?;
    let (mut theirs, mut ours) = (contents(&theirs)?, contents(&ours)?);
    for name in MADE {
        let made = theirs.remove(name).unwrap_or_default();
        ensure!(!made.is_empty(), "trunk has left no {name}");
    }
    ours.remove("index.html");
    let page = theirs.remove("index.html").unwrap_or_default();
    let page = String::from_utf8_lossy(&page);
    ensure!(
        page.contains("<lung-xray-classifier") && !page.contains("data-trunk"),
        "trunk has made another page of www/index.html:\n{page}"
    );
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    ensure!(
        names(&theirs) == names(&ours),
        "trunk copies {:?}, and this tool {:?}",
        names(&theirs),
        names(&ours)
    );
    for (name, bytes) in &ours {
        ensure!(theirs.get(name) == Some(bytes), "trunk has changed {name}");
    }
    Ok(())
}

/// Every file below a folder, by its path with slashes.
fn contents(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for path in super::list::files(folder)? {
        let bytes =
            fs::read(folder.join(&path)).with_context(|| format!("{path} cannot be read"))?;
        files.insert(path, bytes);
    }
    Ok(files)
}
