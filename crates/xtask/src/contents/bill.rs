//! The bill of materials of a product, in CycloneDX: every crate in it with version, licence and checksum.

use super::product::{Crate, Product};
use crate::process::{run, step};
use crate::tools::{self, Project};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// A bill of materials that lacks a crate.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "the bill of materials of {product} lacks {krate}, which is in it. Is cargo-cyclonedx the one that `cargo xtask` installs? Without it in the PATH, the release installs that one."
)]
pub struct NotOnBill {
    /// The crate, with its version.
    krate: String,
    /// What it is in.
    product: &'static str,
}

/// Writes the bill of a product into `target`, as of this second since 1970; returns the file. The same sources give the same bytes.
pub fn bill(project: &Project, product: Product, time: u64) -> Result<PathBuf> {
    tools::cargo_cyclonedx(project)?;
    step(format!("the bill of materials of {}", product.name()));
    let root = product.roots().first().context("a product of nothing")?;
    let mut cargo = project.command("cargo");
    cargo.args(["cyclonedx", "--quiet", "--format", "json"]);
    cargo.args(["--spec-version", "1.5", "--no-build-deps"]);
    cargo.args(["--manifest-path", root.manifest]);
    if !root.features.is_empty() {
        cargo.args(["--features", root.features]);
    }
    product.target(&mut cargo);
    // Without a number by chance.
    cargo.env("SOURCE_DATE_EPOCH", time.to_string());
    run(&mut cargo, "cargo-cyclonedx's messages above say why.")?;
    let folder = project.root().join(root.manifest);
    let written = folder.with_file_name(format!("{}.cdx.json", root.package));
    let text = fs::read_to_string(&written)
        .with_context(|| format!("cargo-cyclonedx has not written {}", written.display()))?;
    // It writes one for each crate of ours, whichever it is asked for.
    clear(project)?;
    let all: Value = serde_json::from_str(&text).context("cargo-cyclonedx writes no JSON")?;
    let bill = only(all, product, &product.crates(project)?)?;
    let text = format!("{bill:#}\n").replace(&address(project.root()), "file:///mobilenet-lung");
    let file = project
        .root()
        .join("target")
        .join(format!("{}.cdx.json", product.name()));
    fs::write(&file, text).with_context(|| format!("{} cannot be written", file.display()))?;
    Ok(file)
}

/// Removes what cargo-cyclonedx has written beside the crates.
fn clear(project: &Project) -> Result<()> {
    let mut folders = vec![
        project.root().join("web"),
        project.root().join("web/readers"),
    ];
    for entry in fs::read_dir(project.root().join("crates"))? {
        folders.push(entry?.path());
    }
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.to_string_lossy().ends_with(".cdx.json") {
                fs::remove_file(&path)
                    .with_context(|| format!("{} cannot be removed", path.display()))?;
            }
        }
    }
    Ok(())
}

/// Our top folder as cargo names it in an address.
fn address(root: &Path) -> String {
    let path = root.to_string_lossy().replace('\\', "/");
    let path = path.strip_prefix('/').unwrap_or(&path);
    format!("file:///{}", path.replace(' ', "%20"))
}

/// A bill with no other crates than these. cargo-cyclonedx lists what any crate of the workspace may bring with any feature: for the
/// command more than twice as many as are in it.
fn only(mut bill: Value, product: Product, crates: &BTreeSet<Crate>) -> Result<Value> {
    ensure!(
        bill["bomFormat"] == "CycloneDX" && bill["specVersion"] == "1.5",
        "cargo-cyclonedx writes another format"
    );
    // The crate that is described is no component of itself, and nothing depends on another root.
    let mut listed: BTreeSet<Crate> = (crates.iter())
        .filter(|krate| {
            product
                .roots()
                .iter()
                .any(|root| root.package == krate.name)
        })
        .cloned()
        .collect();
    let mut names = BTreeSet::from([bill["metadata"]["component"]["bom-ref"].clone().to_string()]);
    let components = bill["components"]
        .as_array_mut()
        .context("the bill has no components")?;
    components.retain(|component| crates.contains(&crate_of(component)));
    for component in components.iter_mut() {
        listed.insert(crate_of(component));
        names.insert(component["bom-ref"].to_string());
        // It is in the product, so it is required, whatever another crate of the workspace needs it for.
        component["scope"] = json!("required");
    }
    if let Some(missing) = crates.difference(&listed).next() {
        return Err(NotOnBill {
            krate: format!("{} {}", missing.name, missing.version),
            product: product.name(),
        }
        .into());
    }
    let dependencies = bill["dependencies"]
        .as_array_mut()
        .context("the bill has no dependencies")?;
    dependencies.retain(|one| names.contains(&one["ref"].to_string()));
    for one in dependencies {
        if let Some(on) = one.get_mut("dependsOn").and_then(Value::as_array_mut) {
            on.retain(|name| names.contains(&name.to_string()));
        }
    }
    Ok(bill)
}

/// The crate that is a component of a bill.
fn crate_of(component: &Value) -> Crate {
    let string = |key: &str| component[key].as_str().unwrap_or_default().to_owned();
    Crate {
        name: string("name"),
        version: string("version"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crates(names: &[&str]) -> BTreeSet<Crate> {
        let version = "1.0.0".to_owned();
        names
            .iter()
            .map(|name| Crate {
                name: (*name).to_owned(),
                version: version.clone(),
            })
            .collect()
    }

    /// A bill of `lung-train`, which needs `a`, which may need `b`.
    fn all() -> Value {
        let component = |name: &str| json!({ "name": name, "version": "1.0.0", "bom-ref": format!("x#{name}"), "scope": "excluded" });
        json!({
            "bomFormat": "CycloneDX",
            "specVersion": "1.5",
            "metadata": { "component": component("lung-train") },
            "components": [component("a"), component("b")],
            "dependencies": [
                { "ref": "x#lung-train", "dependsOn": ["x#a"] },
                { "ref": "x#a", "dependsOn": ["x#b"] },
                { "ref": "x#b" },
            ],
        })
    }

    #[test]
    fn a_bill_lists_what_is_in_the_product_and_nothing_else() -> Result<()> {
        let bill = only(all(), Product::Command, &crates(&["lung-train", "a"]))?;
        assert_eq!(bill["components"].as_array().map(Vec::len), Some(1));
        assert_eq!(bill["components"][0]["name"], "a");
        assert_eq!(bill["components"][0]["scope"], "required");
        let dependencies = json!([
            { "ref": "x#lung-train", "dependsOn": ["x#a"] },
            { "ref": "x#a", "dependsOn": [] },
        ]);
        assert_eq!(bill["dependencies"], dependencies);
        // What depends on nothing says so by saying nothing, as the schema has it.
        let whole = only(all(), Product::Command, &crates(&["lung-train", "a", "b"]))?;
        assert_eq!(whole["dependencies"], all()["dependencies"]);
        Ok(())
    }

    #[test]
    fn a_bill_that_lacks_a_crate_is_no_bill() -> Result<()> {
        let error = only(all(), Product::Page, &crates(&["a", "c"])).err();
        let error = error.context("not refused")?;
        let said = error.downcast_ref::<NotOnBill>().context("another error")?;
        assert_eq!((said.krate.as_str(), said.product), ("c 1.0.0", "page"));
        assert!(only(json!({}), Product::Page, &crates(&[])).is_err());
        Ok(())
    }

    #[test]
    fn the_folder_of_the_project_is_known_in_an_address() {
        assert_eq!(address(Path::new("/a b/c")), "file:///a%20b/c");
        assert_eq!(address(Path::new("C:\\a\\c")), "file:///C:/a/c");
    }

    #[test]
    #[ignore = "long: compiles cargo-cyclonedx"]
    fn the_bill_of_each_product_has_its_crates_with_licence_and_checksum() -> Result<()> {
        let project = Project::find(false)?;
        for product in [Product::Command, Product::Page] {
            let text = fs::read_to_string(bill(&project, product, 1_700_000_000)?)?;
            assert!(!text.contains(&*project.root().to_string_lossy()));
            let bill: Value = serde_json::from_str(&text)?;
            assert_eq!(
                bill["metadata"]["timestamp"]
                    .as_str()
                    .map(|time| &time[..10]),
                Some("2023-11-14")
            );
            let components = bill["components"].as_array().context("no components")?;
            let crates = product.crates(&project)?;
            for component in components {
                assert!(crates.contains(&crate_of(component)), "{component}");
                assert!(
                    component["licenses"][0]["expression"].is_string(),
                    "{component}"
                );
                // Ours are from no registry.
                let ours = component["bom-ref"]
                    .as_str()
                    .is_some_and(|name| name.contains("file://"));
                assert_eq!(
                    component["hashes"][0]["content"].is_string(),
                    !ours,
                    "{component}"
                );
            }
            // Beside those that are no component of themselves.
            assert_eq!(
                components.len() + product.roots().len(),
                crates.len(),
                "{product:?}"
            );
            assert!(!project.root().join("crates/xtask/xtask.cdx.json").exists());
        }
        Ok(())
    }
}
