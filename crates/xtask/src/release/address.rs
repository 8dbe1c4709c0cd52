//! The public address of the sources, which a release writes to where it is read.

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
