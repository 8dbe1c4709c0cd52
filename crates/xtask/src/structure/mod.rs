//! How the sources are divided: modules that import each other in cycles, files and functions that have become too long.
//!
//! `crates/xtask/structure.toml` could allow exceptions; it names none, and none may be added.

mod allowed;
mod cycles;
mod modules;
mod picture;
mod sizes;
mod source;

use allowed::Allowed;
use anyhow::{Context, Result, bail};
use modules::Crate;
use std::path::Path;

/// Checks the sources of the project, and says what it found.
///
/// # Errors
/// If there is a cycle, or something is too long, that the list does not allow.
pub fn check(root: &Path) -> Result<Vec<String>> {
    let allowed = Allowed::read(&root.join(allowed::LIST))?;
    let crates = read_crates(root)?;
    let mut wrong = Vec::new();
    let mut lines = Vec::new();
    for modules in &crates {
        for cycle in cycles::find(modules) {
            let names = Vec::from_iter(cycle.modules.iter().map(String::as_str)).join(", ");
            let line = format!("cycle in {}: {names}", modules.name);
            let target = match allowed.has_cycle(&modules.name, &cycle.modules) {
                true => &mut lines,
                false => &mut wrong,
            };
            target.push(line);
            target.extend(cycle.way.iter().map(|step| format!("  {step}")));
        }
    }
    let found = sizes::measure(root, &crates)?;
    wrong.extend(found.iter().filter_map(|excess| allowed.judge(excess)));
    lines.extend(allowed.stale(&found));
    if !wrong.is_empty() {
        bail!(
            "the sources are not divided as they should be:\n{}\nDivide them, or cut the cycle; {} may only shrink.",
            wrong.join("\n"),
            allowed::LIST
        );
    }
    let count: usize = crates.iter().map(|modules| modules.modules.len()).sum();
    lines.push(format!(
        "{count} modules of {} crates: no cycle and no length that is not in {}",
        crates.len(),
        allowed::LIST
    ));
    Ok(lines)
}

/// Draws the modules of all crates into `docs/modules.svg`.
///
/// # Errors
/// If the sources cannot be read, or the picture cannot be written.
pub fn draw(root: &Path) -> Result<()> {
    let file = root.join(picture::PICTURE);
    std::fs::write(&file, picture::draw(&read_crates(root)?))
        .with_context(|| format!("{} could not be written", file.display()))
}

/// The crates of the workspace, libraries and commands each by themselves.
fn read_crates(root: &Path) -> Result<Vec<Crate>> {
    let mut folders = vec![root.join("web")];
    let listed = root.join("crates");
    let entries = std::fs::read_dir(&listed)
        .with_context(|| format!("{} could not be listed", listed.display()))?;
    for entry in entries {
        folders.push(entry?.path());
    }
    folders.sort();
    let mut crates = Vec::new();
    for folder in folders {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        for file in ["lib.rs", "main.rs"] {
            let file = folder.join("src").join(file);
            if file.is_file() {
                let mut modules = Crate::read(&name, &file)?;
                for module in &mut modules.modules {
                    if let Ok(below) = module.file.strip_prefix(root) {
                        module.file = below.to_owned();
                    }
                }
                crates.push(modules);
            }
        }
    }
    Ok(crates)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::Project;

    #[test]
    fn the_crates_of_the_project_are_found_and_this_one_has_no_cycle() -> Result<()> {
        let project = Project::find(false)?;
        let crates = read_crates(project.root())?;
        for name in [
            "radiograph",
            "lung-kernels",
            "mobilenet-lung",
            "lung-evaluate",
            "lung-train",
            "xtask",
            "web",
        ] {
            assert!(crates.iter().any(|modules| modules.name == name), "{name}");
        }
        let this = crates.iter().find(|modules| modules.name == "xtask");
        assert_eq!(this.map(cycles::find), Some(Vec::new()));
        Ok(())
    }
}
