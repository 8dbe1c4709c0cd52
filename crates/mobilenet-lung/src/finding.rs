//! The three classes.

use serde::{Deserialize, Serialize};

/// What a chest X-ray shows, as the "Lung X-Ray Image Dataset" divides it.
///
/// The discriminant is the row of the finding in every logit, probability and evidence tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Finding {
    /// No finding.
    Normal = 0,
    /// Non-viral opacity of the lung.
    #[serde(rename = "Lung_Opacity")]
    LungOpacity = 1,
    /// Viral pneumonia.
    #[serde(rename = "Viral Pneumonia")]
    ViralPneumonia = 2,
}

impl Finding {
    /// Every finding, in the order of its rows.
    pub const ALL: [Self; 3] = [Self::Normal, Self::LungOpacity, Self::ViralPneumonia];

    /// How many findings there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The row of this finding in logits, probabilities and evidence: 0, 1 or 2.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The name as the data set's folders write it, spaces and all; also its name in every report.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::LungOpacity => "Lung_Opacity",
            Self::ViralPneumonia => "Viral Pneumonia",
        }
    }

    /// The finding that a folder or label name means, whatever its case, spaces, hyphens and
    /// underscores; `None` for a name of no finding. Bacterial pneumonia is a lung opacity.
    ///
    /// ```
    /// use mobilenet_lung::Finding;
    /// assert_eq!(Finding::from_name("viral_pneumonia"), Some(Finding::ViralPneumonia));
    /// assert_eq!(Finding::from_name("Lung Opacity"), Some(Finding::LungOpacity));
    /// assert_eq!(Finding::from_name("bacterial_pneumonia"), Some(Finding::LungOpacity));
    /// assert_eq!(Finding::from_name("COVID"), None);
    /// ```
    pub fn from_name(name: &str) -> Option<Self> {
        let canonical = |name: &str| -> String {
            name.chars()
                .filter(|c| c.is_alphanumeric())
                .flat_map(char::to_lowercase)
                .collect()
        };
        let wanted = canonical(name);
        if wanted == "bacterialpneumonia" {
            return Some(Self::LungOpacity);
        }
        Self::ALL
            .into_iter()
            .find(|finding| canonical(finding.name()) == wanted)
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
