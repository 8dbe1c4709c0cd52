//! Data sets without files, for unit tests.

use std::path::PathBuf;

use super::dataset::{Dataset, Example};
use super::described::Described;
use super::scheme::Scheme;

/// The places of the classes in the built-in description.
pub(crate) const NORMAL: usize = 0;
pub(crate) const OPACITY: usize = 1;
pub(crate) const VIRAL: usize = 2;
pub(crate) const BACTERIAL: usize = 3;

impl Example {
    /// An image of nothing but a class.
    pub(crate) fn of_class(class: usize) -> Self {
        Self {
            file: String::new(),
            path: PathBuf::new(),
            source: "data".to_owned(),
            finding: if class == BACTERIAL { OPACITY } else { class },
            class,
            test_only: false,
            group: String::new(),
            origin: "adult".to_owned(),
            fold: 0,
        }
    }
}

impl Dataset {
    /// Images as the built-in description has them.
    pub(crate) fn of_examples(folders: &[&str], examples: Vec<Example>) -> Self {
        let names = [
            "Normal",
            "Lung_Opacity",
            "Viral Pneumonia",
            "bacterial_pneumonia",
        ];
        let described = Described::built_in();
        let scheme = Scheme::new(&described, &names, None).unwrap();
        Self {
            folders: folders.iter().map(PathBuf::from).collect(),
            findings: scheme.findings,
            classes: scheme.classes,
            patients: described.description.origin.patients,
            examples,
            grouped: true,
        }
    }
}
