//! What both classifiers say of an image.

use mobilenet_lung::ByFinding;

use crate::evaluate::metrics::Outcome;

/// What another classifier says of an image.
#[derive(Clone, Debug, PartialEq)]
pub enum Theirs {
    /// The probability of each of our findings.
    Findings(ByFinding<f32>),
    /// The probability of being healthy, of a network that only tells ill from healthy.
    Healthy(f32),
}

impl Theirs {
    /// Id of the most probable finding, of two as probable the first; `None` where it does not tell them apart.
    pub fn called(&self) -> Option<&str> {
        match self {
            Self::Findings(probabilities) => (probabilities.iter())
                .reduce(|best, next| if next.1 > best.1 { next } else { best })
                .map(|(id, _)| id),
            Self::Healthy(_) => None,
        }
    }

    /// Whether it calls the image normal, `normal` being the id of that finding.
    pub fn calls_normal(&self, normal: &str) -> bool {
        match self {
            Self::Findings(_) => self.called() == Some(normal),
            Self::Healthy(share) => *share >= 0.5,
        }
    }

    /// The probability of being normal, `normal` being the id of that finding.
    pub fn normal(&self, normal: &str) -> f32 {
        match self {
            Self::Findings(probabilities) => probabilities.get(normal).copied().unwrap_or_default(),
            Self::Healthy(share) => *share,
        }
    }
}

/// What both classifiers say of one image.
#[derive(Clone, Debug, PartialEq)]
pub struct Both {
    /// What ours says.
    pub ours: Outcome,
    /// What the other says.
    pub theirs: Theirs,
}
