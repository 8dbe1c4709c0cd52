//! Audits of several models side by side.

use serde::{Deserialize, Serialize};

use crate::evaluate::audit::{Audit, Remains};
use crate::evaluate::metrics::Share;

/// What changes the calls of models that were audited on the same images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CardAudits {
    /// Data folders and fold, in words.
    pub split: String,
    /// For each group of images a row for each model.
    pub rows: Vec<AuditRow>,
}

/// What happens to the images of one group with one model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditRow {
    /// Data folder, origin and finding of the images, in words.
    pub images_of: String,
    /// Id of the model.
    pub model: String,
    /// How many images could be read.
    pub images: usize,
    /// Called what they are, and not refused.
    pub right: Share,
    /// Refused.
    pub refused: Share,
    /// The largest share of calls that a crop or a margin changes.
    pub worst_framing: Share,
    /// Called what they are with the lungs hidden; null where that was not tried.
    pub lungs_hidden: Option<Share>,
}

impl CardAudits {
    /// `None` without an audit.
    pub(super) fn new(audits: &[Audit]) -> Option<Self> {
        let first = audits.first()?;
        let rows = first.groups.iter().flat_map(|wanted| {
            audits.iter().filter_map(|audit| {
                let own = (audit.groups.iter()).find(|own| own.group == wanted.group)?;
                Some(AuditRow {
                    images_of: own.group.to_string(),
                    model: audit.model.clone(),
                    images: own.images,
                    right: own.right,
                    refused: own.refused,
                    worst_framing: own.worst_framing,
                    lungs_hidden: (own.remains.get(&Remains::LungsHidden))
                        .map(|remaining| remaining.right),
                })
            })
        });
        Some(Self {
            split: first.split.clone(),
            rows: rows.collect(),
        })
    }
}
