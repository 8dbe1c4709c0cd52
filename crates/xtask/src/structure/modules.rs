//! The modules of a crate, and which of them import which: paths are followed through re-exports to where a name is defined.

use super::source::{self, Import, UsedPath};
use anyhow::{Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// More re-exports of re-exports than anybody writes.
const MAX_STEPS: usize = 16;

/// A module that is a file, or lies within one.
#[derive(Debug)]
pub struct Module {
    /// Below the root of the crate: `dicom::layout`, and nothing for the root itself.
    pub name: String,
    pub file: PathBuf,
    pub functions: Vec<source::Function>,
    /// The module of the file that this is in: itself, if it is one.
    pub owner: usize,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    imports: Vec<Import>,
    paths: Vec<UsedPath>,
    items: BTreeSet<String>,
}

/// The modules of a crate.
#[derive(Debug)]
pub struct Crate {
    pub name: String,
    /// The first is the root.
    pub modules: Vec<Module>,
}

/// One module imports another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    pub from: usize,
    pub to: usize,
    /// What is imported, and the line.
    pub path: String,
    pub line: usize,
}

/// What a path leads to.
enum Target {
    Module(usize),
    Item(usize),
}

impl Crate {
    /// Reads the crate whose root is `file`.
    ///
    /// # Errors
    /// If one of its files cannot be read or parsed.
    pub fn read(name: &str, file: &Path) -> Result<Self> {
        let mut modules = Self {
            name: name.to_owned(),
            modules: Vec::new(),
        };
        modules.add_file(String::new(), None, file, true)?;
        Ok(modules)
    }

    fn add_file(
        &mut self,
        name: String,
        parent: Option<usize>,
        file: &Path,
        holds_folder: bool,
    ) -> Result<usize> {
        let mut folder = file.parent().unwrap_or(Path::new("")).to_owned();
        if !holds_folder && let Some(stem) = file.file_stem() {
            folder.push(stem);
        }
        self.add(name, parent, None, file, &folder, source::read(file)?)
    }

    fn add(
        &mut self,
        name: String,
        parent: Option<usize>,
        owner: Option<usize>,
        file: &Path,
        folder: &Path,
        source: source::Module,
    ) -> Result<usize> {
        let index = self.modules.len();
        self.modules.push(Module {
            name: name.clone(),
            file: file.to_owned(),
            functions: source.functions,
            owner: owner.unwrap_or(index),
            parent,
            children: BTreeMap::new(),
            imports: source.imports,
            paths: source.paths,
            items: source.items.into_iter().collect(),
        });
        let below = |child: &str| match &*name {
            "" => child.to_owned(),
            name => format!("{name}::{child}"),
        };
        for child in source.declared {
            let candidates = match &child.file {
                Some(given) => [file.with_file_name(given), PathBuf::new()],
                None => [
                    folder.join(format!("{}.rs", child.name)),
                    folder.join(&child.name).join("mod.rs"),
                ],
            };
            let Some(found) = candidates.iter().find(|path| path.is_file()) else {
                bail!(
                    "{} declares a module {} without a file",
                    file.display(),
                    child.name
                );
            };
            let holds_folder = found.ends_with("mod.rs");
            let added = self.add_file(below(&child.name), Some(index), found, holds_folder)?;
            // Of two that are never compiled together the first is meant.
            self.modules[index]
                .children
                .entry(child.name)
                .or_insert(added);
        }
        for child in source.inline {
            let (short, full) = (child.name.clone(), below(&child.name));
            let owner = Some(owner.unwrap_or(index));
            let added = self.add(full, Some(index), owner, file, &folder.join(&short), child)?;
            self.modules[index].children.insert(short, added);
        }
        Ok(index)
    }

    /// The first names of all paths: among them those of other crates.
    pub fn externals(&self) -> BTreeSet<String> {
        let modules = self.modules.iter();
        let paths = modules.flat_map(|module| {
            let imports = module.imports.iter().map(|import| &import.path);
            imports.chain(&module.paths)
        });
        paths
            .filter_map(|path| path.segments.first().cloned())
            .collect()
    }

    /// Which file imports which, each pair once. What the root only hands on is left out.
    pub fn edges(&self) -> Vec<Edge> {
        let mut edges = Vec::new();
        for (index, module) in self.modules.iter().enumerate() {
            let is_root = module.parent.is_none();
            let imports = module.imports.iter();
            let imports = imports
                .filter(|import| !(is_root && import.reexport))
                .map(|import| (&import.path, import.name.is_none()));
            for (path, glob) in imports.chain(module.paths.iter().map(|path| (path, false))) {
                let to = match self.resolve(index, &path.segments, MAX_STEPS) {
                    Some(Target::Item(to)) => to,
                    Some(Target::Module(to)) if glob => to,
                    // What is taken from a module is in other paths.
                    _ => continue,
                };
                let (from, to) = (module.owner, self.modules[to].owner);
                let is_new = !edges
                    .iter()
                    .any(|edge: &Edge| (edge.from, edge.to) == (from, to));
                if from != to && is_new {
                    edges.push(Edge {
                        from,
                        to,
                        path: path.segments.join("::"),
                        line: path.line,
                    });
                }
            }
        }
        edges
    }

    /// What a path in a module leads to, if it is of this crate.
    fn resolve(&self, from: usize, path: &[String], steps: usize) -> Option<Target> {
        let mut at = from;
        let mut rest = path;
        let mut first = true;
        while let Some((name, after)) = rest.split_first() {
            match name.as_str() {
                "crate" if first => at = 0,
                "self" if first => {}
                "super" => at = self.modules[at].parent?,
                _ => {
                    let module = &self.modules[at];
                    if let Some(&child) = module.children.get(name) {
                        at = child;
                    } else if module.items.contains(name) {
                        return Some(Target::Item(at));
                    } else {
                        return self.resolve_import(at, name, after, steps.checked_sub(1)?);
                    }
                }
            }
            first = false;
            rest = after;
        }
        Some(Target::Module(at))
    }

    /// What a name that a module imports leads to, and what follows it in a path.
    fn resolve_import(
        &self,
        at: usize,
        name: &str,
        after: &[String],
        steps: usize,
    ) -> Option<Target> {
        let module = &self.modules[at];
        let named = module
            .imports
            .iter()
            .find(|import| import.name.as_deref() == Some(name));
        if let Some(import) = named {
            let path = [&import.path.segments, after].concat();
            return self.resolve(at, &path, steps);
        }
        let globs = module.imports.iter().filter(|import| import.name.is_none());
        let name = [name.to_owned()];
        globs
            .map(|import| [&import.path.segments, &name[..], after].concat())
            .find_map(|path| self.resolve(at, &path, steps))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A crate of files with these texts; the edges between them as `from -> to`.
    fn edges(files: &[(&str, &str)]) -> Result<Vec<String>> {
        let folder = std::env::temp_dir().join(format!(
            "xtask-structure-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        ));
        for (name, text) in files {
            let file = folder.join(name);
            std::fs::create_dir_all(file.parent().unwrap_or(&folder))?;
            std::fs::write(file, text)?;
        }
        let read = Crate::read("example", &folder.join("lib.rs"));
        std::fs::remove_dir_all(&folder)?;
        let read = read?;
        let name = |index: usize| match &*read.modules[index].name {
            "" => "lib".to_owned(),
            name => name.to_owned(),
        };
        let mut edges: Vec<_> = read
            .edges()
            .iter()
            .map(|edge| format!("{} -> {}", name(edge.from), name(edge.to)))
            .collect();
        edges.sort();
        Ok(edges)
    }

    #[test]
    fn names_are_followed_to_where_they_are_defined() -> Result<()> {
        let found = edges(&[
            ("lib.rs", "mod a; mod b; pub use a::Thing;"),
            ("a/mod.rs", "mod inner; pub use inner::Thing;"),
            ("a/inner.rs", "pub struct Thing;"),
            ("b.rs", "use crate::Thing; fn f() { Thing::new() }"),
        ])?;
        assert_eq!(found, ["a -> a::inner", "b -> a::inner"]);
        Ok(())
    }

    #[test]
    fn what_is_taken_through_a_module_is_an_edge_and_its_name_is_none() -> Result<()> {
        let found = edges(&[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "pub fn f() {} mod within { pub fn g() {} }"),
            (
                "b.rs",
                "use crate::a; fn h() { println!(\"{}\", a::f()); let a = std::mem::size_of::<u8>(); }",
            ),
        ])?;
        assert_eq!(found, ["b -> a"]);
        let found = edges(&[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "pub fn f() {}"),
            ("b.rs", "use crate::a; fn h() {}"),
        ])?;
        assert!(found.is_empty(), "{found:?}");
        Ok(())
    }

    #[test]
    fn a_child_that_uses_its_parent_is_an_edge() -> Result<()> {
        let found = edges(&[
            ("lib.rs", "mod a; fn root() {}"),
            ("a.rs", "mod b; pub struct Parent; fn f() { b::g() }"),
            (
                "a/b.rs",
                "use super::*; pub fn g() { super::super::root(); let x: Parent; }",
            ),
        ])?;
        assert_eq!(found, ["a -> a::b", "a::b -> a", "a::b -> lib"]);
        Ok(())
    }

    #[test]
    fn a_module_without_a_file_is_an_error() {
        let found = edges(&[("lib.rs", "mod nowhere;")]);
        assert!(found.is_err_and(|error| error.to_string().contains("nowhere")));
    }
}
