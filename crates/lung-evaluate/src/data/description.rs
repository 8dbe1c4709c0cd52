//! `dataset.toml`: what the class folders of a data set count as, beside them or wherever `--dataset` says.
//!
//! Nothing else in this crate knows that a bacterial pneumonia is a lung opacity, or which patients are children.

use std::collections::BTreeMap;

use mobilenet_lung::findings::{
    Code, Finding, Findings, FindingsError, Role, Translations, canonical,
};
use serde::{Deserialize, Serialize};

/// How far the shares of a target may be from a sum of 1: as far as two digits round three thirds.
const SUM: f64 = 0.011;

/// The names of operating points that need no group of patients.
const RESERVED: [&str; 2] = ["clinic", "paper"];

/// What a data set's folders count as.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Description {
    /// The findings in the order of the network's outputs. Without any, each folder, or what its target names, is one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Declared>,
    /// What the folders of these names count as; other folders count as the finding that they name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub folders: BTreeMap<String, Rule>,
    /// Where patients come from.
    pub origin: Origin,
}

/// A finding.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Declared {
    /// Its name for programs.
    pub id: String,
    /// Its name for people, in English; the id with spaces for underscores where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its name in other languages.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub translations: Translations,
    /// What it means for the patient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// What terminologies call it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<Code>,
    /// Its colour, `#rrggbb`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub colour: Option<String>,
}

/// What the images of a folder count as.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rule {
    /// What they are trained as; the finding that the folder names where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// The findings that are correct in a test, the first of them the label; that with the largest share of the target where there
    /// is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub correct: Vec<String>,
    /// How they are told from other images of their label, such as `bacterial`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Why the target is divided, in a sentence for the model card.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Whether they are tested on and never trained on.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub test_only: bool,
}

/// What images are trained as.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Target {
    /// One finding.
    Hard(String),
    /// Shares of several; they sum to 1.
    Soft(BTreeMap<String, f64>),
}

/// Where patients come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Origin {
    /// The column of `groups.csv` that says so.
    pub column: String,
    /// Groups of patients by their origins. Each has an operating point of its own where a model is calibrated for a clinic, and
    /// the model card tells the first from the second.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub patients: Vec<Patients>,
}

impl Default for Origin {
    fn default() -> Self {
        Self {
            column: "origin".to_owned(),
            patients: Vec::new(),
        }
    }
}

/// A group of patients.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Patients {
    /// The name of its operating point, such as `child`.
    pub name: String,
    /// What its patients are called in a sentence, such as `children`.
    pub plural: String,
    /// The origins that belong to it, in any case.
    pub origins: Vec<String>,
}

impl Patients {
    /// Whether patients of an origin belong to it.
    pub fn has(&self, origin: &str) -> bool {
        (self.origins.iter()).any(|own| own.to_lowercase() == origin.to_lowercase())
    }
}

/// Why a description cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DescriptionError {
    /// It is no TOML, or has a field that there is not.
    #[error("{0}")]
    Syntax(String),
    /// Two rules are for folders whose names are the same but for case, spaces and punctuation.
    #[error(
        "the folders `{one}` and `{other}` are the same but for case, spaces and punctuation; keep one"
    )]
    Twins {
        /// One.
        one: String,
        /// The other.
        other: String,
    },
    /// A share is no share.
    #[error("the target of `{folder}` gives `{finding}` a share of {share}; a share is 0 to 1")]
    Share {
        /// The folder.
        folder: String,
        /// The finding.
        finding: String,
        /// The share.
        share: f64,
    },
    /// The shares of a target do not sum to 1.
    #[error("the shares in the target of `{folder}` sum to {sum:.3}; they must sum to 1")]
    Sum {
        /// The folder.
        folder: String,
        /// Their sum.
        sum: f64,
    },
    /// A rule names a finding that there is not.
    #[error("the folder `{folder}` names the finding `{finding}`, which is not among {known}")]
    Unknown {
        /// The folder.
        folder: String,
        /// The finding.
        finding: String,
        /// The findings that there are.
        known: String,
    },
    /// Findings that cannot be.
    #[error("{0}")]
    Findings(#[from] FindingsError),
    /// A group of patients without a name of its own.
    #[error(
        "the name `{0}` of a group of patients is empty, taken, or `clinic` or `paper`; choose another"
    )]
    Patients(String),
}

impl Description {
    /// That of the "Lung X-Ray Image Dataset" and of folders with further children: what its folder names mean where nobody says
    /// otherwise.
    pub fn lung_xray() -> Self {
        let declared = Findings::lung_xray().iter().map(Declared::of).collect();
        let patients = |name: &str, plural: &str, origins: &[&str]| Patients {
            name: name.to_owned(),
            plural: plural.to_owned(),
            origins: origins.iter().map(|&origin| origin.to_owned()).collect(),
        };
        let shares = [("Lung_Opacity", 0.65), ("Viral Pneumonia", 0.35)];
        let bacterial = Rule {
            target: Some(Target::Soft(
                shares.map(|(id, share)| (id.to_owned(), share)).into(),
            )),
            correct: vec!["Lung_Opacity".to_owned()],
            kind: Some("bacterial".to_owned()),
            why: Some(
                "On a child's radiograph a bacterial pneumonia can hardly be told from a viral one.".to_owned(),
            ),
            test_only: false,
        };
        Self {
            findings: declared,
            folders: BTreeMap::from([(Self::BACTERIAL.to_owned(), bacterial)]),
            origin: Origin {
                patients: vec![
                    patients(
                        "child",
                        "children",
                        &["paediatric", "pediatric", "child", "children"],
                    ),
                    patients("adult", "adults", &["adult", "adults"]),
                ],
                ..Origin::default()
            },
        }
    }

    /// The folder of [`lung_xray`](Self::lung_xray) whose target is divided.
    const BACTERIAL: &str = "bacterial_pneumonia";

    /// The built-in description with another share of viral pneumonia in the target of a bacterial one.
    #[must_use]
    pub fn with_bacterial_as_viral(mut self, share: f32) -> Self {
        let share = f64::from(share);
        if let Some(rule) = self.folders.get_mut(Self::BACTERIAL) {
            let shares = [("Lung_Opacity", 1.0 - share), ("Viral Pneumonia", share)];
            rule.target = Some(Target::Soft(
                shares.map(|(id, share)| (id.to_owned(), share)).into(),
            ));
        }
        self
    }

    /// Reads a description and checks what can be checked without folders.
    ///
    /// # Errors
    /// [`DescriptionError`] names what cannot be.
    pub fn from_toml(text: &str) -> Result<Self, DescriptionError> {
        let description: Self =
            toml::from_str(text).map_err(|error| DescriptionError::Syntax(error.to_string()))?;
        description.check()?;
        Ok(description)
    }

    fn check(&self) -> Result<(), DescriptionError> {
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for (folder, rule) in &self.folders {
            let canonical = canonical(folder);
            if canonical.is_empty() {
                return Err(FindingsError::Nameless { id: folder.clone() }.into());
            }
            if let Some(one) = seen.insert(canonical, folder) {
                return Err(DescriptionError::Twins {
                    one: one.to_owned(),
                    other: folder.clone(),
                });
            }
            let Some(Target::Soft(shares)) = &rule.target else {
                continue;
            };
            for (finding, share) in shares {
                if !(0.0..=1.0).contains(share) {
                    return Err(DescriptionError::Share {
                        folder: folder.clone(),
                        finding: finding.clone(),
                        share: *share,
                    });
                }
            }
            let sum: f64 = shares.values().sum();
            if (sum - 1.0).abs() > SUM {
                return Err(DescriptionError::Sum {
                    folder: folder.clone(),
                    sum,
                });
            }
        }
        if !self.findings.is_empty() {
            let findings = Findings::new(self.findings.iter().map(Declared::finding).collect())?;
            for (folder, rule) in &self.folders {
                if let Some(finding) = rule.names().find(|id| findings.row_of_name(id).is_none()) {
                    return Err(DescriptionError::Unknown {
                        folder: folder.clone(),
                        finding: finding.to_owned(),
                        known: findings.ids().collect::<Vec<_>>().join(", "),
                    });
                }
            }
        }
        let mut names: Vec<&str> = RESERVED.to_vec();
        for Patients { name, .. } in &self.origin.patients {
            if name.trim().is_empty() || names.contains(&name.as_str()) {
                return Err(DescriptionError::Patients(name.clone()));
            }
            names.push(name);
        }
        Ok(())
    }

    /// The rule for a folder of this name, in any case, with spaces, hyphens or underscores.
    pub(crate) fn rule(&self, folder: &str) -> Option<&Rule> {
        let wanted = canonical(folder);
        (self.folders.iter()).find_map(|(name, rule)| (canonical(name) == wanted).then_some(rule))
    }

    /// The finding of a name as it is declared, else as the built-in description has it, else a bare one.
    pub(crate) fn finding(&self, name: &str) -> Finding {
        let wanted = canonical(name);
        let built_in = Findings::lung_xray();
        (self.findings.iter())
            .find(|declared| canonical(&declared.id) == wanted)
            .map(Declared::finding)
            .or_else(|| {
                let row = built_in.row_of_name(name)?;
                built_in.get(row).cloned()
            })
            .unwrap_or_else(|| Finding::named(name))
    }
}

impl Rule {
    /// Every finding that it names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let (hard, soft) = match &self.target {
            None => (None, None),
            Some(Target::Hard(id)) => (Some(id), None),
            Some(Target::Soft(shares)) => (None, Some(shares)),
        };
        let soft = soft.into_iter().flat_map(BTreeMap::keys);
        (hard.into_iter().chain(soft).chain(&self.correct)).map(String::as_str)
    }
}

impl Declared {
    fn of(finding: &Finding) -> Self {
        Self {
            id: finding.id.clone(),
            name: Some(finding.name.clone()),
            translations: finding.translations.clone(),
            role: finding.role,
            codes: finding.codes.clone(),
            colour: finding.colour.clone(),
        }
    }

    fn finding(&self) -> Finding {
        let named = Finding::named(self.id.as_str());
        Finding {
            name: self.name.clone().unwrap_or(named.name),
            translations: self.translations.clone(),
            role: self.role,
            codes: self.codes.clone(),
            colour: self.colour.clone(),
            id: named.id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Description::from_toml(text).unwrap_err().to_string()
    }

    #[test]
    fn the_built_in_description_is_one_that_a_file_may_hold() {
        let built_in = Description::lung_xray();
        let text = toml::to_string(&built_in).unwrap();
        assert_eq!(Description::from_toml(&text).unwrap(), built_in);
        assert!(built_in.rule("Bacterial Pneumonia").is_some());
        assert!(built_in.origin.patients[0].has("Paediatric"));
    }

    #[test]
    fn a_description_that_cannot_be_names_the_culprit() {
        for (text, words) in [
            ("finding = 1", "unknown field `finding`"),
            (
                "[folders.a]\ntarget = { x = 0.5, y = 0.4 }",
                "target of `a` sum to 0.900",
            ),
            (
                "[folders.a]\ntarget = { x = 1.5, y = -0.5 }",
                "gives `x` a share of 1.5",
            ),
            ("[folders.A_b]\n[folders.\"a b\"]", "`A_b` and `a b`"),
            ("[folders.\"--\"]", "`--` has no letter"),
            (
                "[[findings]]\nid = \"a\"\n[[findings]]\nid = \"b\"\n[folders.c]\ntarget = \"d\"",
                "`c` names the finding `d`, which is not among a, b",
            ),
            (
                "[[findings]]\nid = \"a\"\ntranslations = { xx = \"A\" }\n[[findings]]\nid = \"b\"",
                "`xx`",
            ),
            ("[[findings]]\nid = \"a\"", "there are 1 findings"),
            (
                "[[origin.patients]]\nname = \"paper\"\nplural = \"x\"\norigins = []",
                "`paper`",
            ),
        ] {
            let error = error(text);
            assert!(error.contains(words), "{words}: {error}");
        }
    }
}
