//! What a model calls images of other hospitals, as its card has it.

use serde::{Deserialize, Serialize};

use crate::evaluate::elsewhere::{Elsewhere, StratumCalls};
use crate::evaluate::metrics::Share;

/// Images that a hospital has to have of one kind to stand in the card by itself.
pub(super) const LEAST: usize = 10;

/// What a model calls images of other hospitals.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CardElsewhere {
    /// Where the images are from, in words.
    pub images_of: String,
    /// Name of the operating point that was tested at.
    pub operating_point: String,
    /// By label and age, of all hospitals together.
    pub labels: Vec<ElsewhereRow>,
    /// The same of each hospital that has enough of them.
    pub hospitals: Vec<ElsewhereRow>,
    /// How many images could not be read.
    pub unreadable: usize,
}

/// What images are called.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ElsewhereRow {
    /// What they show and how old the patients are, in words.
    pub show: String,
    /// The hospital; null where it is all of them.
    pub hospital: Option<String>,
    /// How many.
    pub images: usize,
    /// Called each finding and not refused, in the order of the findings.
    pub called: Vec<Share>,
    /// Refused.
    pub refused: Share,
    /// Not refused, with a caution.
    pub cautioned: Share,
}

impl CardElsewhere {
    pub(super) fn new(counted: &Elsewhere) -> Self {
        let rows = |calls: Vec<StratumCalls>| calls.iter().map(ElsewhereRow::new).collect();
        Self {
            images_of: counted.images_of.clone(),
            operating_point: counted.operating_point.clone(),
            labels: rows(counted.by_label()),
            hospitals: rows(counted.by_hospital(LEAST)),
            unreadable: counted.unreadable.len(),
        }
    }
}

impl ElsewhereRow {
    fn new(calls: &StratumCalls) -> Self {
        Self {
            show: calls.stratum.to_string(),
            hospital: calls.stratum.hospital.clone(),
            images: calls.images,
            called: calls
                .called
                .iter()
                .map(|count| calls.share(*count))
                .collect(),
            refused: calls.share(calls.refused),
            cautioned: calls.share(calls.cautioned),
        }
    }
}
