//! The products, and the crates that are compiled into each.

use crate::process::output;
use crate::tools::{Project, WASM_TARGET};
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::process::Command;

/// A product with crates compiled into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// The command `lung`.
    Command,
    /// The page, and the npm package, which has the same WebAssembly.
    Page,
}

/// A crate that is compiled into a product with all that it depends on.
pub(super) struct Root {
    pub package: &'static str,
    /// Its manifest, below the top folder.
    pub manifest: &'static str,
    pub features: &'static str,
}

impl Product {
    /// Its name in files and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Command => "lung",
            Self::Page => "page",
        }
    }

    /// What it is compiled from. The first is the one that a bill of materials describes.
    pub(super) fn roots(self) -> &'static [Root] {
        match self {
            Self::Command => &[Root {
                package: "lung-train",
                manifest: "crates/lung-train/Cargo.toml",
                features: "",
            }],
            // One build has each of the features; together they have all that any has.
            Self::Page => &[
                Root {
                    package: "lung-web",
                    manifest: "web/Cargo.toml",
                    features: "webgpu,relaxed-simd",
                },
                Root {
                    package: "lung-readers",
                    manifest: "web/readers/Cargo.toml",
                    features: "",
                },
            ],
        }
    }

    /// Tells a command of cargo what the product is compiled for.
    pub(super) fn target(self, cargo: &mut Command) {
        if self == Self::Page {
            cargo.args(["--target", WASM_TARGET]);
        }
    }

    /// The crates that are in it, with their versions: those that cargo compiles into it with the features that it has. What runs only
    /// while it is compiled, as derives do, is not in it.
    pub fn crates(self, project: &Project) -> Result<BTreeSet<Crate>> {
        let mut all = BTreeSet::new();
        for root in self.roots() {
            let mut tree = project.command("cargo");
            tree.args(["tree", "--locked", "--package", root.package]);
            tree.args(["--features", root.features]);
            tree.args(["--edges", "normal,no-proc-macro", "--prefix", "none"]);
            tree.args(["--format", "{p}"]);
            self.target(&mut tree);
            let text = output(&mut tree).with_context(|| {
                format!(
                    "`cargo tree --locked --package {}` failed. Is Cargo.lock as Cargo.toml wants it?",
                    root.package
                )
            })?;
            all.extend(text.lines().filter_map(crate_of_line));
        }
        Ok(all)
    }
}

/// A crate's name and version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Crate {
    pub name: String,
    pub version: String,
}

/// The crate in a line of `cargo tree`, such as `burn v0.22.1 (*)`.
fn crate_of_line(line: &str) -> Option<Crate> {
    let (name, rest) = line.split_once(" v")?;
    let version = rest.split(' ').next()?;
    Some(Crate {
        name: name.to_owned(),
        version: version.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_cargo_tree_are_understood() {
        for line in [
            "burn v0.22.1",
            "burn v0.22.1 (*)",
            "burn v0.22.1 (/a folder/of burn)",
        ] {
            let found = crate_of_line(line);
            assert_eq!(
                found.map(|it| (it.name, it.version)),
                Some(("burn".to_owned(), "0.22.1".to_owned())),
                "{line}"
            );
        }
        assert_eq!(crate_of_line(""), None);
    }

    #[test]
    fn each_product_has_its_own_crates_and_none_of_its_tests_or_of_others() -> Result<()> {
        let project = Project::find(false)?;
        let names = |product: Product| -> Result<BTreeSet<String>> {
            Ok(product
                .crates(&project)?
                .into_iter()
                .map(|it| it.name)
                .collect())
        };
        let (command, page) = (names(Product::Command)?, names(Product::Page)?);
        for name in ["lung-train", "clap", "burn-flex", "hayro-jpeg2000"] {
            assert!(command.contains(name), "{name}");
        }
        for name in [
            "lung-web",
            "lung-readers",
            "wasm-bindgen",
            "burn-wgpu",
            "hayro-jpeg2000",
        ] {
            assert!(page.contains(name), "{name}");
        }
        // Of a feature that is off, of the tests, of the other product, and of what is only compiled with.
        for name in [
            "tract-onnx",
            "roxmltree",
            "wasm-bindgen",
            "burn-cuda",
            "serde_derive",
            "xtask",
        ] {
            assert!(!command.contains(name), "{name}");
        }
        for name in [
            "clap",
            "parquet",
            "burn-cuda",
            "wasm-bindgen-test",
            "serde_derive",
        ] {
            assert!(!page.contains(name), "{name}");
        }
        Ok(())
    }

    #[test]
    fn the_licences_of_every_feature_of_a_product_are_checked() -> Result<()> {
        let project = Project::find(false)?;
        let deny = std::fs::read_to_string(project.root().join("deny.toml"))?;
        let deny: toml::Table = deny.parse()?;
        let checked = deny["graph"]["features"]
            .as_array()
            .context("no features")?;
        for root in [Product::Command, Product::Page]
            .into_iter()
            .flat_map(Product::roots)
        {
            for feature in root.features.split(',').filter(|name| !name.is_empty()) {
                let named = format!("{}/{feature}", root.package);
                assert!(
                    checked.iter().any(|one| one.as_str() == Some(&named)),
                    "{named}"
                );
            }
        }
        Ok(())
    }
}
