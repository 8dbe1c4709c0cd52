//! The three findings that training, its tests and the comparison of networks know so far. A bundle, and whatever only reads
//! one, has any: [`mobilenet_lung::Findings`].

use mobilenet_lung::Findings;
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

    /// Its id in a bundle: the name as the data set's folders write it, spaces and all.
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
    /// use lung_train::finding::Finding;
    /// assert_eq!(Finding::from_name("viral_pneumonia"), Some(Finding::ViralPneumonia));
    /// assert_eq!(Finding::from_name("Lung Opacity"), Some(Finding::LungOpacity));
    /// assert_eq!(Finding::from_name("bacterial_pneumonia"), Some(Finding::LungOpacity));
    /// assert_eq!(Finding::from_name("COVID"), None);
    /// ```
    pub fn from_name(name: &str) -> Option<Self> {
        let wanted = mobilenet_lung::findings::canonical(name);
        if wanted == "bacterialpneumonia" {
            return Some(Self::LungOpacity);
        }
        Self::ALL
            .into_iter()
            .find(|finding| mobilenet_lung::findings::canonical(finding.name()) == wanted)
    }

    /// The finding with this id in a bundle.
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|finding| finding.name() == id)
    }

    /// Whether a bundle has just these findings.
    pub fn are(findings: &Findings) -> bool {
        findings.ids().eq(Self::ALL.map(Self::name))
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// One value for each of the three findings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ByFinding<T>(pub [T; Finding::COUNT]);

impl<T> ByFinding<T> {
    /// The values of a report or a bundle; `None` if it is about other findings.
    pub fn of(values: &mobilenet_lung::ByFinding<T>) -> Option<Self>
    where
        T: Clone,
    {
        let value = |finding: Finding| values.get(finding.name()).cloned();
        Some(Self([
            value(Finding::Normal)?,
            value(Finding::LungOpacity)?,
            value(Finding::ViralPneumonia)?,
        ]))
    }

    /// The values as a bundle has them.
    pub fn into_bundle(self) -> mobilenet_lung::ByFinding<T> {
        mobilenet_lung::ByFinding::new(&Findings::lung_xray(), self.0)
    }
}

impl<T> std::ops::Index<Finding> for ByFinding<T> {
    type Output = T;

    fn index(&self, finding: Finding) -> &T {
        &self.0[finding.index()]
    }
}

impl<T: Serialize> Serialize for ByFinding<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            Finding::ALL
                .into_iter()
                .map(|finding| (finding.name(), &self[finding])),
        )
    }
}

/// [`mobilenet_lung::softmax`] of three logits.
pub fn softmax(logits: [f32; Finding::COUNT], temperature: f32) -> [f32; Finding::COUNT] {
    let mut probabilities = [0.0; Finding::COUNT];
    let all = mobilenet_lung::softmax(&logits, temperature);
    for (to, from) in probabilities.iter_mut().zip(all) {
        *to = from;
    }
    probabilities
}

/// What healthy and ill patients were called; each share is `None` where there is no such patient.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct CalledAs {
    /// Of the normal images, how many were called normal.
    pub healthy_called_normal: Option<mobilenet_lung::bundle::Share>,
    /// Of the normal images, how many were called viral pneumonia.
    pub healthy_called_viral: Option<mobilenet_lung::bundle::Share>,
    /// Of the opacities, how many were called viral pneumonia.
    pub opacity_called_viral: Option<mobilenet_lung::bundle::Share>,
    /// Of the images of an opacity or a viral pneumonia, how many were called normal.
    pub ill_called_normal: Option<mobilenet_lung::bundle::Share>,
    /// Of the viral images, how many were called viral pneumonia.
    pub viral_called_viral: Option<mobilenet_lung::bundle::Share>,
}
