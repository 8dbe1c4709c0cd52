//! The changelog of a release: what was unreleased gets its version and date.

use super::error::ReleaseError;

/// Where changes are written before they have a version.
const UNRELEASED: &str = "## Unreleased";
/// The headings of a release, in their order.
const HEADINGS: [&str; 3] = ["### Added", "### Changed", "### Fixed"];

/// A changelog with a release in it.
#[derive(Debug, PartialEq, Eq)]
pub struct Released {
    /// The whole file.
    pub text: String,
    /// What is new, without the heading of the release.
    pub notes: String,
}

/// Gives what is under *Unreleased* a heading with version and date, and leaves an empty *Unreleased* above it.
///
/// # Errors
/// [`ReleaseError::NoPlace`], [`ReleaseError::NothingChanged`] and [`ReleaseError::Heading`].
pub fn release(changelog: &str, version: &str, date: &str) -> Result<Released, ReleaseError> {
    let (before, rest) =
        changelog
            .split_once(&format!("{UNRELEASED}\n"))
            .ok_or(ReleaseError::NoPlace {
                file: "CHANGELOG.md",
                what: "heading `## Unreleased`",
            })?;
    let end = rest.find("\n## ").map_or(rest.len(), |at| at + 1);
    let (notes, older) = rest.split_at(end);
    let mut allowed = HEADINGS.iter();
    for heading in notes.lines().filter(|line| line.starts_with('#')) {
        // Of those that are left: each is there once, and they keep their order.
        if !allowed.any(|one| *one == heading) {
            return Err(ReleaseError::Heading {
                heading: heading.to_owned(),
            });
        }
    }
    if !notes.lines().any(|line| line.starts_with("- ")) {
        return Err(ReleaseError::NothingChanged);
    }
    let notes = notes.trim().to_owned();
    let space = if older.is_empty() { "" } else { "\n" };
    let text = format!("{before}{UNRELEASED}\n\n## {version} ({date})\n\n{notes}\n{space}{older}");
    Ok(Released { text, notes })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLDER: &str = "## 0.1.0 (2025-01-02)\n\n### Added\n\n- All.\n";

    fn with(notes: &str) -> Result<Released, ReleaseError> {
        let text = format!("# Changelog\n\n## Unreleased\n\n{notes}\n{OLDER}");
        release(&text, "0.2.0", "2026-01-02")
    }

    #[test]
    fn what_was_unreleased_gets_version_and_date() -> Result<(), ReleaseError> {
        let notes = "### Added\n\n- A.\n\n### Fixed\n\n- B.\n";
        let released = with(notes)?;
        assert_eq!(released.notes, notes.trim());
        let new = format!("## Unreleased\n\n## 0.2.0 (2026-01-02)\n\n{notes}\n{OLDER}");
        assert_eq!(released.text, format!("# Changelog\n\n{new}"));
        // The next one has nothing yet.
        let again = release(&released.text, "0.3.0", "2026-01-03");
        assert_eq!(again, Err(ReleaseError::NothingChanged));
        Ok(())
    }

    #[test]
    fn headings_are_known_and_in_order() {
        for notes in [
            "### Removed\n\n- A.\n",
            "### Fixed\n\n- A.\n\n### Added\n\n- B.\n",
            "### Added\n\n- A.\n\n### Added\n\n- B.\n",
            "# Added\n\n- A.\n",
        ] {
            assert!(
                matches!(with(notes), Err(ReleaseError::Heading { .. })),
                "{notes}"
            );
        }
        assert_eq!(with("### Added\n"), Err(ReleaseError::NothingChanged));
        let missing = release("# Changelog\n", "0.2.0", "2026-01-02");
        assert!(matches!(missing, Err(ReleaseError::NoPlace { .. })));
    }
}
