//! `lung evaluate --peer`: another network to test on the same images.

use std::path::PathBuf;

use clap::Args;
use lung_train::evaluate::Tests;
use lung_train::evaluate::peer::{Peer, PeerConfig, PeerError};
use mobilenet_lung::Findings;

/// Another network to test on the same images.
#[derive(Args)]
pub(super) struct PeerArgs {
    /// ONNX file of another classifier to test on the same images, row by row beside ours
    #[arg(long, value_name = "FILE.onnx", requires = "peer_config")]
    peer: Option<PathBuf>,
    /// TOML file that says how the other's input is made and what its outputs mean; see docs/guide/audit.md
    #[arg(long, value_name = "FILE.toml", requires = "peer")]
    peer_config: Option<PathBuf>,
}

impl PeerArgs {
    /// The other network, where one was named.
    ///
    /// # Errors
    /// [`PeerError`] says what does not fit.
    pub(super) fn load(&self, findings: &Findings) -> Result<Option<Peer>, PeerError> {
        match (&self.peer, &self.peer_config) {
            (Some(peer), Some(config)) => {
                Peer::load(peer, PeerConfig::read(config)?, findings).map(Some)
            }
            _ => Ok(None),
        }
    }
}

/// Tests the other network too, where one was named.
///
/// # Errors
/// [`PeerError`] says what does not fit.
pub(super) fn beside(
    tests: Tests,
    peer: Option<&Peer>,
    findings: &Findings,
) -> Result<Tests, PeerError> {
    let normal = findings.normal().and_then(|row| findings.get(row));
    match peer {
        Some(peer) => tests.beside(peer, normal.map(|finding| finding.id.as_str())),
        None => Ok(tests),
    }
}
