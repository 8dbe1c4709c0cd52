//! The findings of a bundle: what a network can call a radiograph, as data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The languages that texts of a bundle may be translated into, by their ISO 639-1 codes.
pub const LANGUAGES: [&str; 6] = ["ar", "en", "es", "fr", "hi", "zh"];

/// The fewest findings that a network can tell apart.
pub const FEWEST: usize = 2;

/// The most findings that a bundle may have.
pub const MOST: usize = 20;

/// The longest id, name or translation in characters.
const LONGEST: usize = 80;

/// Texts by the code of their language, one of [`LANGUAGES`].
pub type Translations = BTreeMap<String, String>;

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Its name for programs, in reports and files: as the class folder is called, spaces and all.
    pub id: String,
    /// Its name for people, in English.
    pub name: String,
    /// Its name in other languages.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub translations: Translations,
    /// What it means for the patient, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// What terminologies call it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<Code>,
    /// Its colour in pictures and charts, `#rrggbb`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub colour: Option<String>,
}

/// What a finding means for the patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// It means that there is no finding.
    Normal,
}

/// A code of a terminology, as a coded concept of DICOM or FHIR has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    /// The terminology, as DICOM abbreviates it: `SCT` for SNOMED CT, `RADLEX`.
    pub system: String,
    /// The code.
    pub code: String,
    /// What the terminology calls it.
    pub meaning: String,
}

impl Finding {
    /// A finding of which nothing but its name is known. Its name for people has spaces for underscores.
    pub fn named(id: impl Into<String>) -> Self {
        let id = id.into();
        let name = id.replace('_', " ");
        Self {
            id,
            name,
            translations: Translations::new(),
            role: None,
            codes: Vec::new(),
            colour: None,
        }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

/// The findings that a network tells apart, in the order of its head's rows: 2 to 20, no two alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Finding>")]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// Checks findings.
    ///
    /// # Errors
    /// [`FindingsError`] names the first that cannot be.
    pub fn new(findings: Vec<Finding>) -> Result<Self, FindingsError> {
        let findings = Self(findings);
        findings.check()?;
        Ok(findings)
    }

    /// The three of the "Lung X-Ray Image Dataset": Normal, Lung_Opacity, Viral Pneumonia.
    pub fn lung_xray() -> Self {
        let finding = |id, name: &str, colour: &str| Finding {
            name: name.to_owned(),
            colour: Some(colour.to_owned()),
            ..Finding::named(id)
        };
        let code = |code: &str, meaning: &str| Code {
            system: "SCT".to_owned(),
            code: code.to_owned(),
            meaning: meaning.to_owned(),
        };
        Self(vec![
            Finding {
                role: Some(Role::Normal),
                codes: vec![code("17621005", "Normal")],
                ..finding("Normal", "Normal", "#2c8a5b")
            },
            finding("Lung_Opacity", "Lung opacity", "#d0782a"),
            Finding {
                codes: vec![code("75570004", "Viral pneumonia")],
                ..finding("Viral Pneumonia", "Viral pneumonia", "#8a4fbf")
            },
        ])
    }

    /// For a reader that checks later.
    pub(crate) fn unchecked<'de, D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self)
    }

    /// # Errors
    /// [`FindingsError`] names the first that cannot be.
    pub(crate) fn check(&self) -> Result<(), FindingsError> {
        let count = self.0.len();
        if !(FEWEST..=MOST).contains(&count) {
            return Err(FindingsError::Count { count });
        }
        let mut seen = BTreeMap::new();
        let mut normal: Option<&str> = None;
        for finding in &self.0 {
            let id = || finding.id.clone();
            let canonical = canonical(&finding.id);
            if canonical.is_empty() {
                return Err(FindingsError::Nameless { id: id() });
            }
            if let Some(other) = seen.insert(canonical, &finding.id) {
                return Err(FindingsError::Twins {
                    one: other.clone(),
                    other: id(),
                });
            }
            let texts = finding.translations.values().chain([&finding.name]);
            if !is_text(&finding.id) || !texts.map(String::as_str).all(is_text) {
                return Err(FindingsError::Text { id: id() });
            }
            if let Some(language) = unknown_language(&finding.translations) {
                return Err(FindingsError::Language {
                    id: id(),
                    language: language.to_owned(),
                });
            }
            if let Some(colour) = finding.colour.as_deref().filter(|text| !is_colour(text)) {
                return Err(FindingsError::Colour {
                    id: id(),
                    colour: colour.to_owned(),
                });
            }
            if finding.role == Some(Role::Normal)
                && let Some(other) = normal.replace(&finding.id)
            {
                return Err(FindingsError::TwoNormals {
                    one: other.to_owned(),
                    other: id(),
                });
            }
        }
        Ok(())
    }

    /// How many there are: 2 to 20.
    #[expect(clippy::len_without_is_empty, reason = "there are always two at least")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Each, in the order of its row.
    pub fn iter(&self) -> std::slice::Iter<'_, Finding> {
        self.0.iter()
    }

    /// The id of each, in the order of its row.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        self.0.iter().map(|finding| finding.id.as_str())
    }

    /// The finding of a row.
    pub fn get(&self, row: usize) -> Option<&Finding> {
        self.0.get(row)
    }

    /// The row of an id in logits, probabilities and evidence.
    pub fn row(&self, id: &str) -> Option<usize> {
        self.ids().position(|other| other == id)
    }

    /// The row of the finding that a folder or a label names, whatever its case, spaces and punctuation.
    ///
    /// ```
    /// use mobilenet_lung::Findings;
    /// let findings = Findings::lung_xray();
    /// assert_eq!(findings.row_of_name("viral_pneumonia"), Some(2));
    /// assert_eq!(findings.row_of_name("lung opacity"), Some(1));
    /// assert_eq!(findings.row_of_name("COVID"), None);
    /// ```
    pub fn row_of_name(&self, name: &str) -> Option<usize> {
        let wanted = canonical(name);
        self.ids().position(|id| canonical(id) == wanted)
    }

    /// The row of the finding that means no finding, where one is marked so.
    pub fn normal(&self) -> Option<usize> {
        self.0
            .iter()
            .position(|finding| finding.role == Some(Role::Normal))
    }
}

impl TryFrom<Vec<Finding>> for Findings {
    type Error = FindingsError;

    fn try_from(findings: Vec<Finding>) -> Result<Self, FindingsError> {
        Self::new(findings)
    }
}

impl<'a> IntoIterator for &'a Findings {
    type Item = &'a Finding;
    type IntoIter = std::slice::Iter<'a, Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// A name in lower case, without spaces and punctuation: two findings may not share it.
pub fn canonical(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// A language that texts are not translated into.
pub(crate) fn unknown_language(translations: &Translations) -> Option<&str> {
    let mut codes = translations.keys().map(String::as_str);
    codes.find(|code| !LANGUAGES.contains(code))
}

fn is_text(text: &str) -> bool {
    !text.trim().is_empty()
        && text.chars().count() <= LONGEST
        && !text.chars().any(char::is_control)
}

fn is_colour(text: &str) -> bool {
    text.strip_prefix('#')
        .is_some_and(|hex| hex.len() == 6 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Why findings cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FindingsError {
    /// Too few, or too many.
    #[error("there are {count} findings; a model has {FEWEST} to {MOST}")]
    Count {
        /// How many.
        count: usize,
    },
    /// A name without a letter or a digit.
    #[error("the finding `{id}` has no letter or digit in its name")]
    Nameless {
        /// Its id.
        id: String,
    },
    /// Two that are the same but for case, spaces and punctuation.
    #[error("the findings `{one}` and `{other}` are the same but for case, spaces and punctuation")]
    Twins {
        /// The id of the one.
        one: String,
        /// The id of the other.
        other: String,
    },
    /// An id, a name or a translation that is empty, too long, or has control characters.
    #[error(
        "a name of the finding `{id}` is empty, longer than {LONGEST} characters, or no plain text"
    )]
    Text {
        /// Its id.
        id: String,
    },
    /// A translation into a language that is not known.
    #[error("the finding `{id}` is translated into `{language}`; known are {}", LANGUAGES.join(", "))]
    Language {
        /// Its id.
        id: String,
        /// The language.
        language: String,
    },
    /// A colour that is none.
    #[error("the finding `{id}` has the colour `{colour}`; a colour is `#rrggbb`")]
    Colour {
        /// Its id.
        id: String,
        /// The colour.
        colour: String,
    },
    /// Two that mean no finding.
    #[error("the findings `{one}` and `{other}` both have the role `normal`; only one can")]
    TwoNormals {
        /// The id of the one.
        one: String,
        /// The id of the other.
        other: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(ids: &[&str]) -> Result<Findings, FindingsError> {
        Findings::new(ids.iter().map(|id| Finding::named(*id)).collect())
    }

    fn changed(change: impl FnOnce(&mut Vec<Finding>)) -> FindingsError {
        let mut findings = Findings::lung_xray().0;
        change(&mut findings);
        Findings::new(findings).unwrap_err()
    }

    #[test]
    fn the_known_three_are_findings() {
        let findings = Findings::lung_xray();
        assert_eq!(Findings::new(findings.0.clone()), Ok(findings.clone()));
        assert_eq!(findings.normal(), Some(0));
        assert_eq!(findings.row("Lung_Opacity"), Some(1));
        assert_eq!(findings.row("lung opacity"), None);
        let text = serde_json::to_string(&findings).unwrap();
        assert_eq!(serde_json::from_str::<Findings>(&text).unwrap(), findings);
    }

    #[test]
    fn two_to_twenty_findings_there_may_be() {
        let names: Vec<String> = (0..21).map(|i| format!("finding {i}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for count in [0, 1, 21] {
            assert_eq!(named(&names[..count]), Err(FindingsError::Count { count }));
        }
        for count in [2, 7, 20] {
            assert_eq!(named(&names[..count]).unwrap().len(), count);
        }
    }

    #[test]
    fn what_cannot_be_a_finding_is_named() {
        let twins = |one: &str, other: &str| FindingsError::Twins {
            one: one.to_owned(),
            other: other.to_owned(),
        };
        assert_eq!(named(&["A b", "c", "a_B"]), Err(twins("A b", "a_B")));
        assert_eq!(named(&["a", "a"]), Err(twins("a", "a")));
        for id in ["", "__", " - "] {
            let id = id.to_owned();
            assert_eq!(named(&["a", &id]), Err(FindingsError::Nameless { id }));
        }
        // Letters of any script are letters.
        assert!(named(&["सामान्य", "अपारदर्शिता", "طبيعي"]).is_ok());
        let long = "x".repeat(81);
        for error in [
            changed(|findings| findings[1].name = String::new()),
            changed(|findings| findings[1].name = "a\nb".to_owned()),
            changed(|findings| findings[1].id = long),
        ] {
            assert!(matches!(error, FindingsError::Text { .. }), "{error}");
        }
        let error = changed(|findings| {
            findings[2]
                .translations
                .insert("tlh".to_owned(), "x".to_owned());
        });
        assert_eq!(
            error.to_string(),
            "the finding `Viral Pneumonia` is translated into `tlh`; known are ar, en, es, fr, hi, zh"
        );
        let error = changed(|findings| findings[2].colour = Some("red".to_owned()));
        assert!(error.to_string().contains("`red`"), "{error}");
        let error = changed(|findings| findings[2].role = Some(Role::Normal));
        assert!(matches!(error, FindingsError::TwoNormals { .. }));
    }
}
