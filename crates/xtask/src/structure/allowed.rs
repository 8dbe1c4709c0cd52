//! The list of what is allowed although it should not be.

use super::sizes::{Excess, What};
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::path::Path;

/// Where the list is.
pub const LIST: &str = "crates/xtask/structure.toml";

/// Cycles and lengths that are known. None may be added, and none may grow.
#[derive(Debug, Default)]
pub struct Allowed {
    /// A crate, and modules that may import each other.
    cycles: Vec<(String, BTreeSet<String>)>,
    files: Vec<(String, usize)>,
    functions: Vec<(String, usize)>,
}

impl Allowed {
    /// Reads the list.
    ///
    /// # Errors
    /// If it cannot be read, or holds something else than it should.
    pub fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("{} could not be read", file.display()))?;
        Self::parse(&text).with_context(|| format!("{} is not as it should be", file.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        let table: toml::Table = text.parse()?;
        let section = |name: &str| table.get(name).and_then(toml::Value::as_table);
        let lengths = |name: &str| {
            let entries = section(name).into_iter().flatten();
            entries
                .map(|(key, value)| {
                    let lines = value
                        .as_integer()
                        .and_then(|lines| usize::try_from(lines).ok());
                    let lines = lines.with_context(|| format!("{key} has no number of lines"))?;
                    Ok((key.clone(), lines))
                })
                .collect::<Result<Vec<_>>>()
        };
        let mut cycles = Vec::new();
        for (name, value) in section("cycles").into_iter().flatten() {
            let listed = value
                .as_array()
                .with_context(|| format!("{name} has no list of cycles"))?;
            for cycle in listed {
                let modules = cycle.as_array().into_iter().flatten();
                let modules = modules.filter_map(toml::Value::as_str).map(str::to_owned);
                cycles.push((name.clone(), modules.collect()));
            }
        }
        Ok(Self {
            cycles,
            files: lengths("files")?,
            functions: lengths("functions")?,
        })
    }

    /// Whether a cycle is one of the list, or a part of one.
    pub fn has_cycle(&self, name: &str, modules: &BTreeSet<String>) -> bool {
        let mut cycles = self.cycles.iter();
        cycles.any(|(listed, allowed)| listed == name && modules.is_subset(allowed))
    }

    /// What is wrong with something that is too long, unless the list allows it.
    pub fn judge(&self, excess: &Excess) -> Option<String> {
        let Excess {
            what,
            lines,
            at,
            name,
        } = excess;
        let limit = what.limit();
        match self.listed(*what, name) {
            Some(allowed) if *lines <= allowed => None,
            Some(allowed) => Some(format!(
                "{at}: {name} has {lines} lines; it had {allowed}, and may not grow beyond {limit}"
            )),
            None => Some(format!("{at}: {name} has {lines} lines, more than {limit}")),
        }
    }

    fn listed(&self, what: What, name: &str) -> Option<usize> {
        let list = match what {
            What::File => &self.files,
            What::Function => &self.functions,
        };
        let entry = list.iter().find(|(listed, _)| listed == name);
        entry.map(|(_, lines)| *lines)
    }

    /// What may leave the list, or be lowered, because it has become shorter.
    pub fn stale(&self, found: &[Excess]) -> Vec<String> {
        let of = |what: What, list: &[(String, usize)]| {
            let lines = list.iter().filter_map(|(name, allowed)| {
                let is_it = |excess: &&Excess| excess.what == what && excess.name == *name;
                match found.iter().find(is_it) {
                    None => Some(format!(
                        "{LIST}: {name} is short enough or gone: take its line out"
                    )),
                    Some(excess) if excess.lines < *allowed => Some(format!(
                        "{LIST}: {name} has {} lines now instead of {allowed}: lower its number",
                        excess.lines
                    )),
                    Some(_) => None,
                }
            });
            lines.collect::<Vec<_>>()
        };
        let mut stale = of(What::File, &self.files);
        stale.extend(of(What::Function, &self.functions));
        stale
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excess(name: &str, lines: usize) -> Excess {
        Excess {
            what: What::File,
            name: name.to_owned(),
            lines,
            at: name.to_owned(),
        }
    }

    #[test]
    fn what_is_listed_may_shrink_and_not_grow() -> Result<()> {
        let allowed = Allowed::parse("[files]\n\"a.rs\" = 600\n\"b.rs\" = 700")?;
        assert_eq!(allowed.judge(&excess("a.rs", 600)), None);
        assert!(
            allowed
                .judge(&excess("a.rs", 601))
                .is_some_and(|line| line.contains("600"))
        );
        assert!(
            allowed
                .judge(&excess("c.rs", 501))
                .is_some_and(|line| line.contains("more than 500"))
        );
        let stale = allowed.stale(&[excess("a.rs", 550)]);
        assert_eq!(stale.len(), 2, "{stale:?}");
        assert!(
            stale[0].contains("550") && stale[1].contains("b.rs"),
            "{stale:?}"
        );
        Ok(())
    }

    #[test]
    fn a_part_of_a_listed_cycle_is_allowed_and_a_larger_one_is_not() -> Result<()> {
        let allowed = Allowed::parse("[cycles]\nx = [[\"a\", \"b\", \"c\"]]")?;
        let set = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        assert!(allowed.has_cycle("x", &set(&["a", "b"])));
        assert!(!allowed.has_cycle("y", &set(&["a", "b"])));
        assert!(!allowed.has_cycle("x", &set(&["a", "d"])));
        Ok(())
    }

    #[test]
    fn a_list_with_something_else_in_it_is_refused() {
        assert!(Allowed::parse("[files]\n\"a.rs\" = \"long\"").is_err());
        assert!(Allowed::parse("[cycles]\nx = 3").is_err());
    }
}
