//! The licences of the crates that are compiled into a product: whoever hands it on has to hand these on too.

use super::product::{Crate, Product};
use crate::process::output;
use crate::tools::{Project, WASM_TARGET};
use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// How the names of files begin that say what may be done with a crate, in small letters.
const BEGINNINGS: [&str; 6] = [
    "licence",
    "license",
    "copying",
    "copyright",
    "notice",
    "unlicense",
];

const HEAD: &str = "\
Software of others in MobileNet-Lung
====================================

What this text comes with has these packages of others compiled into it. Their authors ask that their licences come along. Where
a package lets one choose between MIT and another licence, it is used under MIT. The standard library of Rust is in it too, under
MIT or Apache-2.0, by The Rust Project Developers (https://github.com/rust-lang/rust). The network was trained from the weights of
MobileNetV2 in the ONNX Model Zoo, under Apache-2.0 (https://github.com/onnx/models).
";

const WITHOUT: &str = "\
The following packages bring no text of their licence. Theirs are named here; LICENSE-MIT and LICENSE-APACHE beside this file have
the words of these two.
";

/// A crate of others and what its package says of it.
struct Package {
    name: String,
    version: String,
    licence: String,
    authors: String,
    address: String,
    /// What its files say, each one once.
    texts: Vec<String>,
}

/// The licences of all crates of others in these products, as one text. Each licence's words are in it once, below the packages that
/// have them.
pub fn notices(project: &Project, products: &[Product]) -> Result<String> {
    let mut packages = BTreeMap::new();
    for product in products {
        let known = metadata(project, *product)?;
        for krate in product.crates(project)? {
            let about = known.get(&krate).with_context(|| {
                format!("cargo says nothing of {} {}", krate.name, krate.version)
            })?;
            // Ours have no source: they are here.
            if about["source"].is_string() {
                packages.insert(krate, package_of(about)?);
            }
        }
    }
    Ok(text_of(&packages.into_values().collect::<Vec<_>>()))
}

/// What cargo says of every package that a product may have, by name and version.
fn metadata(project: &Project, product: Product) -> Result<BTreeMap<Crate, Value>> {
    let mut cargo = project.command("cargo");
    cargo.args(["metadata", "--format-version", "1", "--locked"]);
    let features: Vec<String> = product
        .roots()
        .iter()
        .flat_map(|root| {
            let named = root.features.split(',').filter(|name| !name.is_empty());
            named.map(|name| format!("{}/{name}", root.package))
        })
        .collect();
    cargo.args(["--features", &features.join(",")]);
    cargo.arg("--filter-platform");
    match product {
        Product::Page => cargo.arg(WASM_TARGET),
        Product::Command => cargo.arg(host(project)?),
    };
    let text = output(&mut cargo).context("`cargo metadata --locked` failed")?;
    let all: Value = serde_json::from_str(&text).context("cargo metadata is not understood")?;
    let packages = all["packages"]
        .as_array()
        .context("cargo metadata has no packages")?;
    Ok(packages
        .iter()
        .map(|about| {
            let krate = Crate {
                name: string(about, "name"),
                version: string(about, "version"),
            };
            (krate, about.clone())
        })
        .collect())
}

/// What the compiler compiles for unless it is told otherwise.
fn host(project: &Project) -> Result<String> {
    let text = output(project.command("rustc").arg("-vV")).context("there is no `rustc`")?;
    text.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .context("`rustc -vV` names no host")
}

fn string(about: &Value, key: &str) -> String {
    about[key].as_str().unwrap_or_default().to_owned()
}

/// A package by what cargo says of it, and by the files in its folder.
fn package_of(about: &Value) -> Result<Package> {
    let authors: Vec<&str> = (about["authors"].as_array().into_iter().flatten())
        .filter_map(Value::as_str)
        .collect();
    let manifest = string(about, "manifest_path");
    let folder = Path::new(&manifest)
        .parent()
        .context("a manifest without a folder")?;
    let licence = string(about, "license");
    let texts = texts(folder, &licence, about["license_file"].as_str())?;
    Ok(Package {
        name: string(about, "name"),
        version: string(about, "version"),
        licence,
        authors: authors.join(", "),
        address: string(about, "repository"),
        texts,
    })
}

/// The texts in a package's folder that say what may be done with it. Where one may choose, those of MIT are enough.
fn texts(folder: &Path, licence: &str, named: Option<&str>) -> Result<Vec<String>> {
    let mut names = BTreeSet::new();
    let entries =
        fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let small = name.to_lowercase();
        if entry.path().is_file()
            && !small.ends_with(".rs")
            && BEGINNINGS
                .iter()
                .any(|beginning| small.starts_with(beginning))
        {
            names.insert(name);
        }
    }
    names.extend(named.map(str::to_owned));
    let mit = |name: &String| name.to_lowercase().contains("mit");
    if may_be_mit(licence) && names.iter().any(mit) {
        names.retain(|name| mit(name) || !name.to_lowercase().contains("licen"));
    }
    let mut texts: Vec<String> = Vec::new();
    for name in names {
        let path = folder.join(&name);
        let bytes =
            fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        let text = String::from_utf8_lossy(&bytes)
            .replace("\r\n", "\n")
            .trim()
            .to_owned();
        // Some have the path of the file that would be there.
        if text.lines().count() > 1 && !texts.contains(&text) {
            texts.push(text);
        }
    }
    Ok(texts)
}

/// Whether one may choose MIT: `MIT OR Apache-2.0`, or `MIT/Apache-2.0` as it was written once.
fn may_be_mit(licence: &str) -> bool {
    let mut choices = licence
        .split(" OR ")
        .flat_map(|one| one.split('/'))
        .map(str::trim);
    !licence.contains(" AND ") && choices.any(|one| one == "MIT")
}

/// One text for all of them.
fn text_of(packages: &[Package]) -> String {
    let mut by_text: BTreeMap<&str, Vec<&Package>> = BTreeMap::new();
    for package in packages {
        for text in &package.texts {
            by_text.entry(text).or_default().push(package);
        }
    }
    let mut groups: Vec<_> = by_text.into_iter().collect();
    // By the first package, which is how a reader looks for one.
    groups.sort_by(|(_, one), (_, other)| {
        let first = |group: &[&Package]| {
            group
                .first()
                .map(|it| (it.name.clone(), it.version.clone()))
        };
        first(one).cmp(&first(other))
    });
    let mut all = HEAD.to_owned();
    for (text, group) in groups {
        let list: String = group.iter().map(|package| line_of(package)).collect();
        all.push_str(&format!("\n{}\n\n{list}\n{text}\n", "-".repeat(80)));
    }
    let without: String = packages
        .iter()
        .filter(|package| package.texts.is_empty())
        .map(line_of)
        .collect();
    if !without.is_empty() {
        all.push_str(&format!("\n{}\n\n{WITHOUT}\n{without}", "-".repeat(80)));
    }
    all
}

fn line_of(package: &Package) -> String {
    let Package {
        name,
        version,
        licence,
        authors,
        address,
        ..
    } = package;
    let mut line = format!("{name} {version}, {licence}");
    // What a text of its own says better.
    if package.texts.is_empty() && !authors.is_empty() {
        line.push_str(&format!(", by {authors}"));
    }
    if !address.is_empty() {
        line.push_str(&format!(", {address}"));
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crate_of_others_is_named_with_its_licence() -> Result<()> {
        let project = Project::find(false)?;
        let products = [Product::Page, Product::Command];
        let text = notices(&project, &products)?;
        for product in products {
            let known = metadata(&project, product)?;
            for krate in product.crates(&project)? {
                let ours = !known[&krate]["source"].is_string();
                let named = text.contains(&format!("\n{} {}, ", krate.name, krate.version));
                assert_eq!(named, !ours, "{krate:?}");
            }
        }
        // Whose copyright it is, once, in the words of the package itself.
        let words = "Permission is hereby granted, free of charge";
        assert!(text.matches(words).count() > 10);
        // Where MIT may be chosen the long one is left out; where there is no choice it is there.
        assert!(text.contains("TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION"));
        assert!(!text.contains(&*project.root().to_string_lossy()));
        Ok(())
    }

    #[test]
    fn mit_is_chosen_where_it_may_be() {
        for (licence, chosen) in [
            ("MIT OR Apache-2.0", true),
            ("Apache-2.0/MIT", true),
            ("Apache-2.0 / MIT", true),
            ("MIT", true),
            ("Apache-2.0", false),
            ("CC0-1.0 OR MIT-0 OR Apache-2.0", false),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", false),
        ] {
            assert_eq!(may_be_mit(licence), chosen, "{licence}");
        }
    }

    #[test]
    fn of_a_package_the_texts_are_taken_that_apply() -> Result<()> {
        let folder = std::env::temp_dir().join(format!("xtask-notices-{}", std::process::id()));
        fs::create_dir_all(folder.join("licenses"))?;
        for (name, text) in [
            ("LICENSE-MIT", "Copyright A\r\nMIT\r\n"),
            ("LICENSE-APACHE", "Apache\nlong\n"),
            ("NOTICE", "By B\nand C\n"),
            ("license.rs", "fn main() {}\n// code\n"),
            ("COPYING", "../COPYING\n"),
        ] {
            fs::write(folder.join(name), text)?;
        }
        let (mit, notice) = ("Copyright A\nMIT", "By B\nand C");
        assert_eq!(texts(&folder, "MIT OR Apache-2.0", None)?, [mit, notice]);
        let both = texts(&folder, "MIT AND Apache-2.0", None)?;
        assert_eq!(both, ["Apache\nlong", mit, notice]);
        fs::remove_dir_all(folder)?;
        Ok(())
    }
}
