//! Versions, and the files that say them.

use super::error::ReleaseError;
use std::fmt;
use std::str::FromStr;

/// A version: three numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u64,
    minor: u64,
    patch: u64,
}

/// What may change from one version to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// What is promised may be taken back.
    Anything,
    /// More may be promised.
    Additions,
    /// Only what is wrong.
    Nothing,
}

impl FromStr for Version {
    type Err = ReleaseError;

    fn from_str(text: &str) -> Result<Self, ReleaseError> {
        let number = |part: &str| {
            let plain = part == "0" || !part.starts_with('0');
            let digits = part.bytes().all(|byte| byte.is_ascii_digit());
            (plain && digits).then(|| part.parse().ok()).flatten()
        };
        let numbers: Option<Vec<u64>> = text.split('.').map(number).collect();
        match numbers.as_deref() {
            Some(&[major, minor, patch]) => Ok(Self {
                major,
                minor,
                patch,
            }),
            _ => Err(ReleaseError::NotAVersion {
                text: text.to_owned(),
            }),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl Version {
    /// The version that is asked for by its numbers, or by which of them is counted up. `released` says whether this one is out: if
    /// not, it may be the first.
    ///
    /// # Errors
    /// [`ReleaseError::NotAVersion`], [`ReleaseError::NotLater`], and [`ReleaseError::Tagged`] for the version that is out.
    pub fn next(self, wanted: &str, released: bool) -> Result<Self, ReleaseError> {
        let Self {
            major,
            minor,
            patch,
        } = self;
        let next = match wanted {
            "major" => Self {
                major: major + 1,
                minor: 0,
                patch: 0,
            },
            "minor" => Self {
                major,
                minor: minor + 1,
                patch: 0,
            },
            "patch" => Self {
                major,
                minor,
                patch: patch + 1,
            },
            numbers => numbers.parse()?,
        };
        if next > self || (next == self && !released) {
            return Ok(next);
        }
        if next == self {
            return Err(ReleaseError::Tagged { tag: self.tag() });
        }
        Err(ReleaseError::NotLater {
            wanted: next.to_string(),
            current: self.to_string(),
        })
    }

    /// The tag of its release.
    pub fn tag(self) -> String {
        format!("v{self}")
    }

    /// What this version may change of an older one. The same version is one that is still to be counted up.
    pub fn change_from(self, older: Self) -> Change {
        let (new, old) = (self, older);
        // Before 1.0 each number means what the one before it means afterwards.
        let (breaks, adds) = match old.major {
            0 => (
                (new.major, new.minor) > (0, old.minor),
                new.patch > old.patch,
            ),
            _ => (new.major > old.major, new.minor > old.minor),
        };
        match (breaks, adds || new == old) {
            (true, _) => Change::Anything,
            (false, true) => Change::Additions,
            (false, false) => Change::Nothing,
        }
    }

    /// The version that `Cargo.toml` gives to all crates.
    ///
    /// # Errors
    /// [`ReleaseError::NoPlace`] and [`ReleaseError::NotAVersion`].
    pub fn of_workspace(cargo: &str) -> Result<Self, ReleaseError> {
        let (_, text, _) = workspace_version(cargo).ok_or(NO_VERSION)?;
        text.parse()
    }

    /// `Cargo.toml` with this version, for the crates and for what they ask of each other.
    ///
    /// # Errors
    /// [`ReleaseError::NoPlace`].
    pub fn in_cargo(self, cargo: &str) -> Result<String, ReleaseError> {
        let (before, old, after) = workspace_version(cargo).ok_or(NO_VERSION)?;
        let asked = format!(", version = \"{old}\"");
        let text: Vec<String> = format!("{before}{self}{after}")
            .lines()
            .map(|line| match line.contains("{ path = \"crates/") {
                true => line.replace(&asked, &format!(", version = \"{self}\"")),
                false => line.to_owned(),
            })
            .collect();
        Ok(format!("{}\n", text.join("\n")))
    }

    /// `CITATION.cff` with this version and the date of its release.
    ///
    /// # Errors
    /// [`ReleaseError::NoPlace`].
    pub fn in_citation(self, citation: &str, date: &str) -> Result<String, ReleaseError> {
        let mut found = false;
        let mut text = String::new();
        for line in citation.lines() {
            if line.starts_with("version: ") {
                found = true;
                text.push_str(&format!("version: {self}\ndate-released: {date}\n"));
            } else if !line.starts_with("date-released: ") {
                text.push_str(&format!("{line}\n"));
            }
        }
        found.then_some(text).ok_or(ReleaseError::NoPlace {
            file: "CITATION.cff",
            what: "line `version: `",
        })
    }
}

const NO_VERSION: ReleaseError = ReleaseError::NoPlace {
    file: "Cargo.toml",
    what: "`version` below [workspace.package]",
};

/// `Cargo.toml` before, within and after the version of the workspace.
fn workspace_version(cargo: &str) -> Option<(&str, &str, &str)> {
    let table = cargo.find("[workspace.package]\n")?;
    let length = cargo[table + 1..]
        .find("\n[")
        .unwrap_or(cargo.len() - table - 1);
    let key = "\nversion = \"";
    let from = table + cargo[table..=table + length].find(key)? + key.len();
    let to = from + cargo[from..].find('"')?;
    Some((&cargo[..from], &cargo[from..to], &cargo[to..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARGO: &str = "[workspace]\n\n[workspace.package]\nedition = \"2024\"\nversion = \"0.1.0\"\n\n[workspace.dependencies]\n\
                         radiograph = { path = \"crates/radiograph\", version = \"0.1.0\" }\nother = { version = \"0.1.0\" }\n";

    #[test]
    fn a_version_is_counted_up_and_never_down() -> Result<(), ReleaseError> {
        let current: Version = "0.1.9".parse()?;
        for (wanted, next) in [
            ("patch", "0.1.10"),
            ("minor", "0.2.0"),
            ("major", "1.0.0"),
            ("0.10.0", "0.10.0"),
        ] {
            assert_eq!(current.next(wanted, true)?.to_string(), next, "{wanted}");
        }
        assert_eq!(current.next("0.1.9", false)?, current, "the first release");
        for released in [true, false] {
            let refused = current.next("0.1.8", released);
            assert!(matches!(refused, Err(ReleaseError::NotLater { .. })));
        }
        let refused = current.next("0.1.9", true);
        assert!(matches!(refused, Err(ReleaseError::Tagged { .. })));
        for text in [
            "", "1", "1.2", "1.2.3.4", "1.02.3", "1.2.x", "v1.2.3", "1.2.-3", "1.2.+3",
        ] {
            let refused = current.next(text, true);
            assert!(
                matches!(refused, Err(ReleaseError::NotAVersion { .. })),
                "{text}"
            );
        }
        Ok(())
    }

    #[test]
    fn a_version_allows_what_docs_guide_rust_md_says() -> Result<(), ReleaseError> {
        for (old, new, change) in [
            ("0.1.0", "0.1.0", Change::Additions),
            ("0.1.0", "0.1.1", Change::Additions),
            ("0.1.5", "0.2.0", Change::Anything),
            ("0.1.0", "1.0.0", Change::Anything),
            ("1.2.3", "1.2.3", Change::Additions),
            ("1.2.3", "1.2.4", Change::Nothing),
            ("1.2.3", "1.3.0", Change::Additions),
            ("1.2.3", "2.0.0", Change::Anything),
        ] {
            let (older, newer): (Version, Version) = (old.parse()?, new.parse()?);
            assert_eq!(newer.change_from(older), change, "{old} {new}");
        }
        Ok(())
    }

    #[test]
    fn no_crate_of_ours_asks_for_the_last_version() -> Result<(), ReleaseError> {
        let next: Version = "9.8.7".parse()?;
        let cargo = next.in_cargo(include_str!("../../../../Cargo.toml"))?;
        for line in cargo
            .lines()
            .filter(|line| line.contains("{ path = \"crates/"))
        {
            assert!(line.contains("version = \"9.8.7\""), "{line}");
        }
        Ok(())
    }

    #[test]
    fn cargo_and_citation_get_the_version_and_nothing_else_does() -> Result<(), ReleaseError> {
        let next: Version = "0.2.0".parse()?;
        let cargo = next.in_cargo(CARGO)?;
        assert_eq!(Version::of_workspace(&cargo)?, next);
        assert!(
            cargo.contains("radiograph\", version = \"0.2.0\""),
            "{cargo}"
        );
        assert!(cargo.contains("other = { version = \"0.1.0\""), "{cargo}");
        assert_eq!(
            next.in_cargo("[package]\nversion = \"1.0.0\"\n"),
            Err(NO_VERSION)
        );
        let other_table = "[workspace.package]\nedition = \"2024\"\n\n[x]\nversion = \"1.0.0\"\n";
        assert_eq!(next.in_cargo(other_table), Err(NO_VERSION));
        let citation =
            next.in_citation("title: A\nversion: 0.1.0\nlicense: MIT\n", "2026-01-02")?;
        assert_eq!(
            citation,
            "title: A\nversion: 0.2.0\ndate-released: 2026-01-02\nlicense: MIT\n"
        );
        assert_eq!(next.in_citation(&citation, "2026-01-02")?, citation);
        assert!(next.in_citation("title: A\n", "2026-01-02").is_err());
        Ok(())
    }
}
