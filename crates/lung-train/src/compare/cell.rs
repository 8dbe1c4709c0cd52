//! Which cell of a comparison, and what came of it.

use mobilenet_lung::bundle::sha256;
use mobilenet_lung::network::BatchNorms;
use serde::{Deserialize, Serialize};

use super::protocol::Protocol;
use super::recipe::Recipe;
use crate::data::ListHash;
use crate::evaluate::elsewhere::StratumCalls;
use crate::networks::Architecture;

/// The version of a cell's file. The first had file names in it.
pub(super) const VERSION: u32 = 2;

/// Hex digits that tell an image from the others.
const DIGITS: usize = 12;

/// Which cell of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// The network.
    pub network: Architecture,
    /// Whether it starts from somebody else's weights.
    pub pretrained: bool,
    /// How images are divided.
    pub protocol: Protocol,
    /// Which division.
    pub fold: usize,
    /// Seed of first weights, order, augmentation and dropout.
    pub seed: u64,
}

impl Cell {
    /// The name of its file, without `.json`.
    pub fn name(&self) -> String {
        format!(
            "{}-{}-{}-fold{}-seed{}",
            self.network,
            if self.pretrained {
                "pretrained"
            } else {
                "scratch"
            },
            self.protocol.name(),
            self.fold,
            self.seed
        )
    }
}

/// Where a network's weights come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Name of the weights file.
    pub file: String,
    /// Hex digits of the sha256 of its content.
    pub sha256: String,
    /// Parameters of the body that it lacks, by name.
    pub fresh: Vec<String>,
    /// Whether the network is without batch norms, as the file is.
    pub folded: bool,
}

/// One test image: its key, the rows of what it is and of what it was called, and the probability of each finding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Answer", into = "Answer")]
pub struct Tested {
    /// See [`image_key`].
    pub image: String,
    /// Row of what it is among [`Outcome::findings`].
    pub truth: usize,
    /// Row of what it was called.
    pub called: usize,
    /// Probability of each finding, not calibrated, in the order of the findings.
    pub probabilities: Vec<f32>,
}

/// [`Tested`] as a file has it, in few bytes: `["0f3a6d…", 0, 0, [0.98, 0.01, 0.01]]`.
#[derive(Serialize, Deserialize)]
struct Answer(String, usize, usize, Vec<f64>);

impl From<Answer> for Tested {
    fn from(Answer(image, truth, called, probabilities): Answer) -> Self {
        Self {
            image,
            truth,
            called,
            probabilities: probabilities.iter().map(|share| *share as f32).collect(),
        }
    }
}

impl From<Tested> for Answer {
    fn from(tested: Tested) -> Self {
        let rounded = |share: &f32| (f64::from(*share) * 1e4).round() / 1e4;
        let probabilities = tested.probabilities.iter().map(rounded).collect();
        Self(tested.image, tested.truth, tested.called, probabilities)
    }
}

/// What stands for an image in a cell's file, which can be published: the first digits of the sha256 of its name under the data folder.
pub fn image_key(file: &str) -> String {
    let mut digits = sha256(file.as_bytes());
    digits.truncate(DIGITS);
    digits
}

/// What a cell's network calls the images of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalledElsewhere {
    /// The table that named the images.
    pub table: ListHash,
    /// By what they have in common.
    pub strata: Vec<StratumCalls>,
}

/// What came of a cell: its file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Version of the file.
    pub version: u32,
    /// Which cell.
    pub cell: Cell,
    /// How it was trained.
    pub recipe: Recipe,
    /// On which images.
    pub data: ListHash,
    /// The commit of the source that trained it, where that is a clone; with `+` where files differ from that.
    pub commit: Option<String>,
    /// Where the weights came from; `None` from scratch.
    pub origin: Option<Origin>,
    /// Images trained on, validated on, tested on.
    pub images: [usize; 3],
    /// Mean loss of each epoch.
    pub train_loss: Vec<f64>,
    /// Share of the validation images called rightly at the end; nothing was chosen by it.
    pub validation_accuracy: Option<f64>,
    /// Ids of the findings, in the order of the rows.
    pub findings: Vec<String>,
    /// Every test image, in the order of the files.
    pub tested: Vec<Tested>,
    /// Wall clock of training and test.
    pub seconds: f64,
    /// What it calls images of other hospitals, once it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elsewhere: Option<CalledElsewhere>,
}

impl Outcome {
    /// Whether its network has batch norms, or has them folded as the weights that it started from.
    pub(super) fn norms(&self) -> BatchNorms {
        match self.origin.as_ref().is_some_and(|origin| origin.folded) {
            true => BatchNorms::Folded,
            false => BatchNorms::Kept,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_few_bytes_and_read_as_it_was_written() {
        let tested = Tested {
            image: image_key("Normal/1.png"),
            truth: 0,
            called: 2,
            probabilities: vec![0.123_44, 0.1, 0.776_56],
        };
        let text = serde_json::to_string(&tested).unwrap();
        assert!(text.ends_with(r#"",0,2,[0.1234,0.1,0.7766]]"#), "{text}");
        assert!(text.len() < 50 && !text.contains("png"), "{text}");
        let read: Tested = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
    }
}
