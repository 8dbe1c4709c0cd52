//! What happens to images that have finding, origin and data folder in common.

use std::collections::BTreeMap;

use mobilenet_lung::Classifier;
use radiograph::Radiograph;
use serde::{Deserialize, Serialize};

use super::changes::Change;
use super::hidden::Remains;
use crate::data::{Dataset, Example};
use crate::evaluate::metrics::{Share, share_of};
use crate::predict::read_at;

/// Images of one finding, origin and data folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Group {
    /// Name of the data folder.
    pub folder: String,
    /// Where the patients come from.
    pub origin: String,
    /// Id of what they have.
    pub finding: String,
    /// How they are told from other images of that label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Ids of all findings that are correct.
    #[serde(skip)]
    pub(super) correct: Vec<String>,
}

impl Group {
    pub(super) fn of(dataset: &Dataset, example: &Example) -> Self {
        let class = &dataset.classes[example.class];
        Self {
            folder: example.source.clone(),
            origin: example.origin.clone(),
            finding: dataset.id(example.finding).to_owned(),
            kind: class.kind.clone(),
            correct: (class.correct.iter())
                .map(|row| dataset.id(*row).to_owned())
                .collect(),
        }
    }
}

impl std::fmt::Display for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, {}, {}", self.folder, self.origin, self.finding)?;
        match &self.kind {
            Some(kind) => write!(f, " ({kind})"),
            None => Ok(()),
        }
    }
}

/// What happens to the images of one group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupAudit {
    /// Which images.
    pub group: Group,
    /// How many of them could be read.
    pub images: usize,
    /// Called what they are, and not refused.
    pub right: Share,
    /// Refused as no frontal chest radiographs, as they are.
    pub refused: Share,
    /// Share of the calls that each change turns into another. A refused image counts as changed.
    pub changed: BTreeMap<Change, Share>,
    /// The largest share among crops of up to 12% a side and margins of up to 20%.
    pub worst_framing: Share,
    /// Called what they are by what is left of them, and whether that is refused.
    pub remains: BTreeMap<Remains, Remaining>,
}

/// What is called rightly when most of an image is hidden.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Remaining {
    /// Called what the whole image shows, whether or not it is refused.
    pub right: Share,
    /// Refused.
    pub refused: Share,
}

/// What was found of one image.
pub(super) struct Found {
    pub(super) index: usize,
    pub(super) call: Call,
    pub(super) changed: BTreeMap<Change, Call>,
    pub(super) remains: BTreeMap<Remains, Call>,
    pub(super) embedding: Vec<f32>,
    pub(super) format: String,
}

/// What an image was called.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) finding: String,
    pub(super) refused: bool,
}

impl Call {
    pub(super) fn of(classifier: &Classifier, radiograph: &Radiograph) -> Result<Self, String> {
        let reading = read_at(classifier, radiograph, None).map_err(|refusal| refusal.message)?;
        let report = reading.report;
        Ok(Self {
            finding: report.finding,
            refused: (report.in_distribution).is_some_and(|judged| !judged.accepted),
        })
    }

    /// Whether it is another, for somebody who has to rely on it.
    pub(super) fn differs(&self, other: &Self) -> bool {
        self.refused || other.refused || self.finding != other.finding
    }
}

impl GroupAudit {
    pub(super) fn new(group: Group, images: &[&Found]) -> Self {
        let is = |call: &Call| group.correct.contains(&call.finding);
        let share = |of: &dyn Fn(&Found) -> bool| {
            share_of(
                images.iter().filter(|found| of(found)).count(),
                images.len(),
            )
        };
        let changed: BTreeMap<Change, Share> = (Change::ALL.into_iter())
            .map(|change| {
                let differs = |found: &Found| {
                    (found.changed.get(&change)).is_none_or(|call| call.differs(&found.call))
                };
                (change, share(&differs))
            })
            .collect();
        let worst_framing = (changed.iter())
            .filter(|(change, _)| change.is_framing())
            .map(|(_, share)| *share)
            .max_by(|a, b| a.correct.cmp(&b.correct))
            .unwrap_or_else(|| share_of(0, 0));
        let remains = (Remains::ALL.into_iter())
            .map(|remains| {
                let call = |found: &Found| found.remains.get(&remains).cloned();
                let remaining = Remaining {
                    right: share(&|found| call(found).is_some_and(|call| is(&call))),
                    refused: share(&|found| call(found).is_none_or(|call| call.refused)),
                };
                (remains, remaining)
            })
            .collect();
        Self {
            images: images.len(),
            right: share(&|found| !found.call.refused && is(&found.call)),
            refused: share(&|found| found.call.refused),
            changed,
            worst_framing,
            remains,
            group,
        }
    }
}
