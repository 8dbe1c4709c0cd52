//! The images that a model is most wrong about.

use std::path::Path;

use mobilenet_lung::EvidenceMap;

use crate::evaluate::metrics::{Loss, Outcome};

/// One of them, with a link to its file and where the model saw what.
pub(super) struct LossView<'a> {
    pub(super) loss: f64,
    pub(super) outcome: &'a Outcome,
    /// The address of its file.
    pub(super) address: String,
    pub(super) maps: Vec<MapView<'a>>,
}

/// The evidence for a finding as squares.
pub(super) struct MapView<'a> {
    pub(super) finding: &'a str,
    pub(super) probability: f32,
    pub(super) squares: Vec<Square>,
}

/// The evidence at one place.
pub(super) struct Square {
    pub(super) x: usize,
    pub(super) y: usize,
    /// Whether it speaks `for` or `against` the finding.
    pub(super) speaks: &'static str,
    /// Its size as a share of the strongest of the image's.
    pub(super) strength: f32,
}

impl<'a> LossView<'a> {
    pub(super) fn new(loss: &'a Loss) -> Self {
        let outcome = &loss.outcome;
        let strongest = (outcome.evidence.values())
            .flat_map(|map| map.as_flattened())
            .fold(0.0f32, |most, value| most.max(value.abs()));
        Self {
            loss: loss.loss,
            address: file_url(&outcome.path),
            maps: (outcome.evidence.iter())
                .map(|(finding, map)| MapView {
                    finding,
                    probability: outcome.probability(finding),
                    squares: squares(map, strongest),
                })
                .collect(),
            outcome,
        }
    }
}

/// An evidence map as squares; the darkest is as strong as `strongest`.
fn squares(map: &EvidenceMap, strongest: f32) -> Vec<Square> {
    (map.iter().enumerate())
        .flat_map(|(y, row)| {
            (row.iter().enumerate()).map(move |(x, value)| Square {
                x,
                y,
                speaks: if *value < 0.0 { "against" } else { "for" },
                strength: value.abs() / strongest.max(f32::MIN_POSITIVE),
            })
        })
        .collect()
}

/// The address of a local file (RFC 8089), every byte written out that is not plainly a letter, digit, mark or separator.
fn file_url(path: &Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut url = "file://".to_owned();
    let bytes = path.as_os_str().as_encoded_bytes();
    // Where folders are divided otherwise, as in C:\data.
    let foreign = std::path::MAIN_SEPARATOR == '\\';
    if foreign {
        url.push('/');
    }
    for byte in bytes {
        match *byte {
            b'\\' if foreign => url.push('/'),
            b':' if foreign => url.push(':'),
            byte if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) => {
                url.push(char::from(byte));
            }
            byte => url += &format!("%{byte:02X}"),
        }
    }
    url
}
