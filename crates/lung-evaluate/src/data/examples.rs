//! Data sets without files, for tests of what is made of them.

use std::path::PathBuf;

use mobilenet_lung::FindingsError;

use super::dataset::{Dataset, Example};
use super::described::Described;
use super::scheme::Scheme;

/// The place of the normal class in the built-in description.
pub const NORMAL: usize = 0;
/// The place of lung opacity.
pub const OPACITY: usize = 1;
/// The place of viral pneumonia.
pub const VIRAL: usize = 2;
/// The place of bacterial pneumonia, whose finding is lung opacity.
pub const BACTERIAL: usize = 3;

impl Example {
    /// An image of nothing but a class.
    pub fn of_class(class: usize) -> Self {
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
    ///
    /// # Errors
    /// [`FindingsError`], which the built-in description does not give.
    pub fn of_examples(folders: &[&str], examples: Vec<Example>) -> Result<Self, FindingsError> {
        let names = [
            "Normal",
            "Lung_Opacity",
            "Viral Pneumonia",
            "bacterial_pneumonia",
        ];
        let described = Described::built_in();
        let scheme = Scheme::new(&described, &names, None)?;
        Ok(Self {
            folders: folders.iter().map(PathBuf::from).collect(),
            findings: scheme.findings,
            classes: scheme.classes,
            patients: described.description.origin.patients,
            examples,
            grouped: true,
        })
    }
}
