//! Shares as a card writes them.

use serde::{Deserialize, Serialize};

use crate::evaluate::metrics::{Share, percent};

/// A share of images, and of which.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShareRow {
    /// Id of their finding.
    pub finding: String,
    /// How many.
    pub share: Share,
}

/// A share in the words of a card. One of no image says nothing.
pub(super) trait InWords {
    /// `95.0%`.
    fn percent(&self) -> String;

    /// `86.3% to 98.3%`, its 95% interval.
    fn range(&self) -> String;

    /// `57 of 60`.
    fn count(&self) -> String;

    /// `95.0% (86.3% to 98.3%)`.
    fn with_range(&self) -> String;

    /// `95.0% (86.3% to 98.3%; 57 of 60)`.
    fn sentence(&self) -> String;
}

impl InWords for Share {
    fn percent(&self) -> String {
        match self.images {
            0 => "-".to_owned(),
            _ => percent(self.share),
        }
    }

    fn range(&self) -> String {
        let [low, high] = self.interval.map(percent);
        match self.images {
            0 => "-".to_owned(),
            _ => format!("{low} to {high}"),
        }
    }

    fn count(&self) -> String {
        format!("{} of {}", self.correct, self.images)
    }

    fn with_range(&self) -> String {
        match self.images {
            0 => "-".to_owned(),
            _ => format!("{} ({})", self.percent(), self.range()),
        }
    }

    fn sentence(&self) -> String {
        match self.images {
            0 => "of no image".to_owned(),
            _ => format!("{} ({}; {})", self.percent(), self.range(), self.count()),
        }
    }
}
