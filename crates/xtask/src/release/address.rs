//! The public address of the sources. It is set once, as `repository` of the workspace in `Cargo.toml`; a release writes it to where it
//! is read.

use super::error::ReleaseError;

/// The address that `Cargo.toml` names for the workspace; `None` while it names none.
///
/// # Errors
/// [`ReleaseError::NotAnAddress`].
pub fn of_workspace(cargo: &str) -> Result<Option<String>, ReleaseError> {
    let table: Option<toml::Table> = cargo.parse().ok();
    let named = table
        .as_ref()
        .and_then(|table| table.get("workspace")?.get("package")?.get("repository"));
    let Some(text) = named.map(|value| value.as_str().unwrap_or_default()) else {
        return Ok(None);
    };
    // What crates.io takes, without what would not fit before `/issues` or `.git`.
    let plain = text.starts_with("https://")
        && !text.ends_with(['/', '.'])
        && !text.ends_with(".git")
        && !text.contains(char::is_whitespace);
    match plain {
        true => Ok(Some(text.to_owned())),
        false => Err(ReleaseError::NotAnAddress {
            text: text.to_owned(),
        }),
    }
}

/// A crate's manifest that takes the address from the workspace, below its licence.
pub fn in_crate(manifest: &str) -> String {
    const LINE: &str = "repository.workspace = true\n";
    if manifest.contains(LINE) {
        return manifest.to_owned();
    }
    let licence = "license.workspace = true\n";
    manifest.replacen(licence, &format!("{licence}{LINE}"), 1)
}

/// `CITATION.cff` with the address, below the version.
pub fn in_citation(citation: &str, address: &str) -> String {
    let mut text = String::new();
    for line in citation.lines() {
        if line.starts_with("repository-code: ") {
            continue;
        }
        text.push_str(&format!("{line}\n"));
        if line.starts_with("version: ") {
            text.push_str(&format!("repository-code: {address}\n"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_that_of_the_workspace_and_one_that_can_be_opened() -> Result<(), ReleaseError>
    {
        let with = |line: &str| format!("[workspace.package]\nversion = \"0.1.0\"\n{line}\n");
        assert_eq!(of_workspace(&with(""))?, None);
        assert_eq!(of_workspace(&with("# repository = \"https://...\""))?, None);
        let set = with("repository = \"https://example.org/a/b\"");
        assert_eq!(
            of_workspace(&set)?.as_deref(),
            Some("https://example.org/a/b")
        );
        for text in [
            "",
            "...",
            "git@example.org:a/b",
            "https://example.org/a/",
            "https://a/b.git",
        ] {
            let refused = of_workspace(&with(&format!("repository = \"{text}\"")));
            assert!(
                matches!(refused, Err(ReleaseError::NotAnAddress { .. })),
                "{text}"
            );
        }
        Ok(())
    }

    #[test]
    fn what_names_the_address_names_it_once() {
        let manifest = "[package]\nname = \"a\"\nlicense.workspace = true\nkeywords = []\n";
        let named = in_crate(manifest);
        let line = "license.workspace = true\nrepository.workspace = true\nkeywords";
        assert!(named.contains(line), "{named}");
        assert_eq!(in_crate(&named), named);
        let citation = in_citation("title: A\nversion: 0.1.0\ntype: software\n", "https://a/b");
        let lines = "title: A\nversion: 0.1.0\nrepository-code: https://a/b\ntype: software\n";
        assert_eq!(citation, lines);
        assert_eq!(in_citation(&citation, "https://a/b"), lines);
    }
}
