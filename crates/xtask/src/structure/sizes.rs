//! Files and functions that have become too long to be read at once.

use super::modules::Crate;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Lines that a file may have.
pub const MAX_FILE_LINES: usize = 500;

/// Lines that a function may have, from its signature to its last brace.
pub const MAX_FUNCTION_LINES: usize = 80;

/// Where the page's scripts and styles are, beside the crates.
const PAGE: &str = "www";

/// Folders of the page that hold no code of ours: what is installed, models, and texts that are as long as they are in every language.
const LEFT_OUT: [&str; 5] = ["node_modules", "words", "models", "runtime", "vendor"];

/// Something that is longer than it may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excess {
    pub what: What,
    /// A file's path, or a function with its crate: `lung-train Trainer::run`.
    pub name: String,
    pub lines: usize,
    /// Where it is.
    pub at: String,
}

/// What is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    File,
    Function,
}

impl What {
    /// How many lines it may have.
    pub fn limit(self) -> usize {
        match self {
            Self::File => MAX_FILE_LINES,
            Self::Function => MAX_FUNCTION_LINES,
        }
    }
}

/// What is too long in the crates and in the page. What is only for tests does not count.
///
/// # Errors
/// If a file cannot be read.
pub fn measure(root: &Path, crates: &[Crate]) -> Result<Vec<Excess>> {
    let mut files: Vec<PathBuf> = crates
        .iter()
        .flat_map(|modules| modules.modules.iter().map(|module| root.join(&module.file)))
        .collect();
    files.extend(scripts(&root.join(PAGE))?);
    files.sort();
    files.dedup();
    let mut found = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file)
            .with_context(|| format!("{} could not be read", file.display()))?;
        let name = file.strip_prefix(root).unwrap_or(&file);
        let name = name.display().to_string().replace('\\', "/");
        found.push(Excess {
            what: What::File,
            at: name.clone(),
            name,
            lines: text.lines().count(),
        });
    }
    // Of functions with the same name the longest counts.
    let mut functions: BTreeMap<String, Excess> = BTreeMap::new();
    for modules in crates {
        for module in &modules.modules {
            for function in &module.functions {
                let name = format!("{} {}", modules.name, function.name);
                let excess = Excess {
                    what: What::Function,
                    name: name.clone(),
                    lines: function.lines,
                    at: format!("{}:{}", module.file.display(), function.line),
                };
                let longest = functions.entry(name).or_insert_with(|| excess.clone());
                if longest.lines < excess.lines {
                    *longest = excess;
                }
            }
        }
    }
    found.extend(functions.into_values());
    found.retain(|excess| excess.lines > excess.what.limit());
    Ok(found)
}

/// The scripts and style sheets of the page, without their tests.
fn scripts(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("{} could not be listed", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            if !LEFT_OUT.contains(&&*name) && !name.starts_with('.') {
                found.extend(scripts(&path)?);
            }
        } else if matches!(&*extension, "js" | "mjs" | "css") && !name.contains(".test.") {
            found.push(path);
        }
    }
    Ok(found)
}
