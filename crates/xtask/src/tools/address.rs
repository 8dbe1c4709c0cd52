//! The public address of the sources, which is set once: as `repository` of the workspace in `Cargo.toml`.

/// An address that nobody can open, or that cannot stand in a page.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{text}` is no address to publish. Set `repository` in Cargo.toml to one that begins with https:// and ends with the project's name, or leave it out."
)]
pub struct NotAnAddress {
    /// What is there.
    pub text: String,
}

/// The address that `Cargo.toml` names for the workspace; `None` while it names none.
///
/// # Errors
/// [`NotAnAddress`].
pub fn address(cargo: &str) -> Result<Option<String>, NotAnAddress> {
    let table: Option<toml::Table> = cargo.parse().ok();
    let named = table
        .as_ref()
        .and_then(|table| table.get("workspace")?.get("package")?.get("repository"));
    let Some(text) = named.map(|value| value.as_str().unwrap_or_default()) else {
        return Ok(None);
    };
    // What crates.io takes, without what would not fit before `/issues` or `.git`, or would mean something to HTML.
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '&');
    let published = text.starts_with("https://")
        && !text.ends_with(['/', '.'])
        && !text.ends_with(".git")
        && text.chars().all(plain);
    match published {
        true => Ok(Some(text.to_owned())),
        false => Err(NotAnAddress {
            text: text.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_that_of_the_workspace_and_one_that_can_be_opened() -> Result<(), NotAnAddress>
    {
        let with = |line: &str| format!("[workspace.package]\nversion = \"0.1.0\"\n{line}\n");
        assert_eq!(address(&with(""))?, None);
        assert_eq!(address(&with("# repository = \"https://...\""))?, None);
        let set = with("repository = \"https://example.org/a/b\"");
        assert_eq!(address(&set)?.as_deref(), Some("https://example.org/a/b"));
        for text in [
            "",
            "...",
            "git@example.org:a/b",
            "https://example.org/a/",
            "https://a/b.git",
            "https://a/<b>",
            "https://a/b c",
        ] {
            let refused = address(&with(&format!("repository = \"{text}\"")));
            assert!(matches!(refused, Err(NotAnAddress { .. })), "{text}");
        }
        Ok(())
    }
}
