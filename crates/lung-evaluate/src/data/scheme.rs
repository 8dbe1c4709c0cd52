//! What each class folder counts as, once it is known which folders there are.

use std::collections::BTreeMap;

use mobilenet_lung::findings::canonical;
use mobilenet_lung::{Findings, FindingsError};

use super::described::Described;
use super::description::{Description, Rule, Target};

/// What images of a class folder are trained as, and what is correct in a test.
#[derive(Clone, Debug, PartialEq)]
pub struct Class {
    /// The row of their label among the findings.
    pub finding: usize,
    /// How they are told from other images of that label, such as `bacterial`.
    pub kind: Option<String>,
    /// Their target by row; sums to 1.
    pub target: Vec<f32>,
    /// The rows of the findings that are correct in a test, the label first.
    pub correct: Vec<usize>,
    /// Why their target is divided, in a sentence.
    pub why: Option<String>,
}

impl Class {
    /// The class of a finding that is trained as nothing else; `count` findings there are.
    pub fn of(finding: usize, count: usize) -> Self {
        Self {
            finding,
            kind: None,
            target: one_hot(finding, count),
            correct: vec![finding],
            why: None,
        }
    }

    /// Whether its target is divided among several findings.
    pub fn is_divided(&self) -> bool {
        self.target.iter().filter(|share| **share > 0.0).count() > 1
    }

    /// Its label and its kind: `Lung_Opacity (bacterial)`.
    pub fn label(&self, findings: &Findings) -> String {
        let id = findings.get(self.finding).map_or("", |finding| &finding.id);
        match &self.kind {
            Some(kind) => format!("{id} ({kind})"),
            None => id.to_owned(),
        }
    }
}

fn one_hot(row: usize, count: usize) -> Vec<f32> {
    (0..count)
        .map(|other| f32::from(u8::from(other == row)))
        .collect()
}

/// What a folder counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    /// The place of its class among [`Scheme::classes`].
    pub(crate) class: usize,
    /// Whether it is never trained on.
    pub(crate) test_only: bool,
}

/// The findings of a data set, and what its folders count as.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scheme {
    pub(crate) findings: Findings,
    pub(crate) classes: Vec<Class>,
    /// By the canonical name of the folder.
    placed: BTreeMap<String, Placed>,
    /// Findings that need an image: all of which a file or a folder speaks.
    pub(crate) strict: bool,
}

impl Scheme {
    /// For folders of these names. Findings that are `given`, a model's, stay as they are, and what is none of them is left out.
    ///
    /// # Errors
    /// [`FindingsError`] where the folders make no findings.
    pub(crate) fn new(
        described: &Described,
        folders: &[&str],
        given: Option<&Findings>,
    ) -> Result<Self, FindingsError> {
        let description = &described.description;
        let built_in = described.path.is_none();
        let strict = !built_in && !description.findings.is_empty();
        let is_folder = |id: &str| folders.iter().any(|name| canonical(name) == canonical(id));
        let rule = |folder: &str| {
            let rule = description.rule(folder)?;
            let holds = match given {
                Some(findings) => {
                    let has = |id: &str| findings.row_of_name(id).is_some();
                    rule.names().all(has) || (!has(folder) && label(rule, folder).all(has))
                }
                // What is built in is meant for data sets that have all of what it speaks of.
                None => !built_in || rule.names().all(is_folder),
            };
            holds.then_some(rule)
        };
        let findings = match given {
            Some(findings) => findings.clone(),
            None => {
                let mut names: Vec<&str> = Vec::new();
                for folder in folders {
                    match rule(folder) {
                        Some(rule) => names.extend(trained(rule, folder)),
                        None if strict && !declares(description, folder) => {}
                        None => names.push(folder),
                    }
                }
                found(description, strict, names)?
            }
        };
        let mut scheme = Self {
            classes: (0..findings.len())
                .map(|row| Class::of(row, findings.len()))
                .collect(),
            findings,
            placed: BTreeMap::new(),
            strict,
        };
        for folder in folders {
            scheme.place_folder(folder, rule(folder));
        }
        Ok(scheme)
    }

    /// What a folder, or a label of a table, counts as; `None` where it is none of the findings.
    pub(crate) fn place(&self, folder: &str) -> Option<Placed> {
        self.placed.get(&canonical(folder)).copied()
    }

    fn place_folder(&mut self, folder: &str, rule: Option<&Rule>) {
        let plain = Rule::default();
        let rule = rule.unwrap_or(&plain);
        let row = |id: &str| self.findings.row_of_name(id);
        let Some(finding) = label(rule, folder).next().and_then(row) else {
            return;
        };
        let count = self.findings.len();
        let mut target = vec![0.0; count];
        let shares: Vec<(&str, f64)> = match &rule.target {
            Some(Target::Soft(shares)) => (shares.iter())
                .map(|(id, share)| (id.as_str(), *share))
                .collect(),
            Some(Target::Hard(id)) => vec![(id.as_str(), 1.0)],
            None => Vec::new(),
        };
        for (id, share) in shares {
            if let Some(row) = row(id) {
                target[row] = share as f32;
            }
        }
        let sum: f32 = target.iter().sum();
        match sum > 0.0 {
            // They were written with a few digits.
            true if (sum - 1.0).abs() > f32::EPSILON => {
                for share in &mut target {
                    *share /= sum;
                }
            }
            true => {}
            false => target = one_hot(finding, count),
        }
        let mut correct = vec![finding];
        for row in rule.correct.iter().filter_map(|id| row(id)) {
            if !correct.contains(&row) {
                correct.push(row);
            }
        }
        let mut class = Class {
            finding,
            kind: rule.kind.clone(),
            target,
            correct,
            why: rule.why.clone(),
        };
        // A folder that is trained or tested otherwise than its label has to be told apart.
        let plain = Class::of(finding, count);
        if class.kind.is_none()
            && (&class.target, &class.correct) != (&plain.target, &plain.correct)
        {
            class.kind = Some(folder.replace('_', " "));
        }
        let place = match self.classes.iter().position(|other| *other == class) {
            Some(place) => place,
            None => {
                self.classes.push(class);
                self.classes.len() - 1
            }
        };
        let placed = Placed {
            class: place,
            test_only: rule.test_only,
        };
        self.placed.insert(canonical(folder), placed);
    }
}

/// What images of a folder may be called, the label first.
fn label<'a>(rule: &'a Rule, folder: &'a str) -> impl Iterator<Item = &'a str> {
    let most = match &rule.target {
        Some(Target::Hard(id)) => id,
        // Of equal shares the first.
        Some(Target::Soft(shares)) => (shares.iter().rev())
            .max_by(|a, b| a.1.total_cmp(b.1))
            .map_or(folder, |(id, _)| id),
        None => folder,
    };
    let most = rule.correct.is_empty().then_some(most);
    (rule.correct.iter().map(String::as_str)).chain(most)
}

/// The findings that a folder makes part of a network.
fn trained<'a>(rule: &'a Rule, folder: &'a str) -> Vec<&'a str> {
    let own = rule.target.is_none() && (rule.correct.is_empty() || !rule.test_only);
    own.then_some(folder)
        .into_iter()
        .chain(rule.names())
        .collect()
}

fn declares(description: &Description, folder: &str) -> bool {
    let wanted = canonical(folder);
    (description.findings.iter()).any(|declared| canonical(&declared.id) == wanted)
}

/// The findings of these names: those that are declared first and in their order, all of them where that is binding; then the
/// others by their names.
fn found(
    description: &Description,
    strict: bool,
    names: Vec<&str>,
) -> Result<Findings, FindingsError> {
    let mut by_name: BTreeMap<String, &str> = BTreeMap::new();
    let mut nameless = Vec::new();
    for name in names {
        match canonical(name) {
            none if none.is_empty() => nameless.push(name),
            canonical => {
                by_name.entry(canonical).or_insert(name);
            }
        }
    }
    let mut findings = Vec::new();
    for declared in &description.findings {
        let named = by_name.remove(&canonical(&declared.id)).is_some();
        if named || strict {
            findings.push(description.finding(&declared.id));
        }
    }
    // What nobody declares but the project knows keeps its place too.
    for known in &Description::lung_xray().findings {
        if let Some(name) = by_name.remove(&canonical(&known.id)) {
            findings.push(description.finding(name));
        }
    }
    let others = by_name.into_values().chain(nameless);
    findings.extend(others.map(|name| description.finding(name)));
    Findings::new(findings)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn file(text: &str) -> Described {
        Described {
            description: Description::from_toml(text).unwrap(),
            path: Some(PathBuf::from("dataset.toml")),
        }
    }

    fn ids(scheme: &Scheme) -> Vec<&str> {
        scheme.findings.ids().collect()
    }

    #[test]
    fn known_folders_keep_what_they_are_and_others_are_findings_of_their_own() {
        let folders = [
            "viral_pneumonia",
            "Zebra_lung",
            "normal",
            "apple",
            "lung opacity",
        ];
        let scheme = Scheme::new(&Described::built_in(), &folders, None).unwrap();
        assert_eq!(
            ids(&scheme),
            [
                "Normal",
                "Lung_Opacity",
                "Viral Pneumonia",
                "apple",
                "Zebra_lung"
            ]
        );
        assert_eq!(scheme.findings.normal(), Some(0));
        assert_eq!(scheme.findings.get(4).unwrap().name, "Zebra lung");
        assert_eq!(scheme.place("LUNG-OPACITY").unwrap().class, 1);
        assert_eq!(scheme.place("pear"), None);
    }

    #[test]
    fn a_bacterial_pneumonia_is_an_opacity_only_where_there_are_opacities_and_viral_ones() {
        let folders = [
            "Normal",
            "Lung_Opacity",
            "Viral Pneumonia",
            "bacterial_pneumonia",
        ];
        let all = Scheme::new(&Described::built_in(), &folders, None).unwrap();
        let class = &all.classes[all.place("Bacterial Pneumonia").unwrap().class];
        assert_eq!(class.label(&all.findings), "Lung_Opacity (bacterial)");
        assert_eq!(class.target, [0.0, 0.65, 0.35]);
        assert_eq!(class.correct, [1]);
        let two = ["Normal", "bacterial_pneumonia"];
        let two = Scheme::new(&Described::built_in(), &two, None).unwrap();
        assert_eq!(ids(&two), ["Normal", "bacterial_pneumonia"]);
        // A model has what it has.
        let tested = Scheme::new(
            &Described::built_in(),
            &["bacterial_pneumonia", "COVID"],
            Some(&Findings::lung_xray()),
        );
        let tested = tested.unwrap();
        assert_eq!(tested.place("COVID"), None);
        assert_eq!(tested.place("bacterial_pneumonia").unwrap().class, 3);
    }

    #[test]
    fn a_description_maps_divides_and_marks() {
        let described = file(
            "[folders.wards]\ntarget = \"Sick\"\n[folders.doubt]\ntarget = { Sick = 0.25, Well = 0.75 }\n\
             [folders.elsewhere]\ncorrect = [\"Sick\", \"Well\"]\ntest_only = true\n",
        );
        let folders = ["Well", "wards", "doubt", "elsewhere"];
        let scheme = Scheme::new(&described, &folders, None).unwrap();
        assert_eq!(ids(&scheme), ["Sick", "Well"]);
        let class = |folder: &str| &scheme.classes[scheme.place(folder).unwrap().class];
        assert_eq!(class("wards"), &Class::of(0, 2));
        assert_eq!(class("doubt").target, [0.25, 0.75]);
        assert_eq!(class("doubt").label(&scheme.findings), "Well (doubt)");
        assert_eq!(class("elsewhere").correct, [0, 1]);
        assert!(scheme.place("elsewhere").unwrap().test_only);
    }

    #[test]
    fn declared_findings_are_all_there_and_in_their_order() {
        let described = file("[[findings]]\nid = \"b\"\n[[findings]]\nid = \"a\"\n");
        let scheme = Scheme::new(&described, &["a", "other"], None).unwrap();
        assert_eq!(ids(&scheme), ["b", "a"]);
        assert_eq!(scheme.place("other"), None);
    }

    #[test]
    fn folders_that_make_no_findings_are_named() {
        let error = |folders: &[&str]| {
            let scheme = Scheme::new(&Described::built_in(), folders, None);
            scheme.unwrap_err().to_string()
        };
        assert!(
            error(&["a", "--"]).contains("`--`"),
            "{}",
            error(&["a", "--"])
        );
        let many: Vec<String> = (0..21).map(|number| format!("c{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(error(&many).contains("21"), "{}", error(&many));
    }
}
