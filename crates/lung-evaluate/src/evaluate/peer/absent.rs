//! What stands for another network where none can be run.

use std::path::Path;

use mobilenet_lung::Findings;
use radiograph::Radiograph;

use super::answer::{Both, Theirs};
use super::config::PeerConfig;
use super::error::PeerError;
use crate::evaluate::metrics::Outcome;
use crate::progress::Work;

/// Another classifier, ready for radiographs. This build runs none, for want of the feature `peer`.
#[derive(Debug)]
pub enum Peer {}

impl Peer {
    /// Refuses every file.
    ///
    /// # Errors
    /// [`PeerError::NotBuilt`].
    pub fn load(_: &Path, _: PeerConfig, _: &Findings) -> Result<Self, PeerError> {
        Err(PeerError::NotBuilt)
    }

    /// The name of its file.
    pub fn name(&self) -> &str {
        match *self {}
    }

    /// What it says of a radiograph.
    ///
    /// # Errors
    /// None: there is no such network.
    pub fn classify(&self, _: &Radiograph) -> Result<Theirs, PeerError> {
        match *self {}
    }

    pub(crate) fn beside(&self, _: &[Outcome], _: &Work) -> Result<Vec<Both>, PeerError> {
        match *self {}
    }
}
