//! What the name of a class folder, or a label, means. Nothing else in this crate knows.

use crate::finding::Finding;

/// What images of a folder are trained as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Class {
    /// The finding.
    pub(crate) finding: Finding,
    /// Whether it is bacterial pneumonia, which is a [`Finding::LungOpacity`].
    pub(crate) bacterial: bool,
}

impl Class {
    /// The class that a folder or a label names, in any case, with spaces, hyphens or underscores; `None` for another name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Finding::from_name(name).map(|finding| Self {
            finding,
            bacterial: name.to_lowercase().contains("bacterial"),
        })
    }

    /// The names of class folders, for a message.
    pub(crate) fn names() -> String {
        let [first, second, third] = Finding::ALL.map(Finding::name);
        format!("{first}, {second} or {third}")
    }
}
