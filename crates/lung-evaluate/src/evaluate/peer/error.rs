//! Why another network cannot be tested.

use std::path::PathBuf;

use crate::data::Shown as _;

/// Why another network cannot be tested.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError {
    /// A command that was built without the feature `peer`.
    #[error(
        "this `lung` was built without what runs other networks; build it with `cargo build --release --bin lung --features \
         lung-train/peer`"
    )]
    NotBuilt,
    /// A file could not be read.
    #[error("cannot read {}: {source}; check --peer and --peer-config", .path.shown())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The configuration is no TOML, or has a field that there is not.
    #[error("{} does not describe another network: {why}", .path.shown())]
    Syntax {
        /// Its path.
        path: PathBuf,
        /// Why, with the line.
        why: String,
    },
    /// A field of the configuration is out of its range.
    #[error("{field} is {value} in the other network's configuration; it must be {range}")]
    Range {
        /// The field.
        field: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        range: String,
    },
    /// The configuration names a finding that our model does not tell apart.
    #[error("[outputs] names `{name}`, which our model does not tell apart; it knows {known}")]
    UnknownFinding {
        /// The name.
        name: String,
        /// Our findings.
        known: String,
    },
    /// The configuration leaves a finding out.
    #[error(
        "[outputs] has no number for `{0}`; name every finding of our model, or only the normal one, or set `ill`"
    )]
    MissingFinding(String),
    /// `ill` stands beside findings.
    #[error(
        "`ill` is for a network that only tells ill from healthy: [outputs] must then name the normal finding alone, or nothing"
    )]
    Ill,
    /// `ill` stands where no finding of ours means normal.
    #[error(
        "`ill` has no use here: no finding of our model means normal; name every finding in [outputs]"
    )]
    NoNormal,
    /// The configuration gives two meanings to a number.
    #[error("output {0} has two meanings in the other network's configuration; give it one")]
    Twice(usize),
    /// The file is no ONNX.
    #[error("{} is no ONNX file that can be read: {why}", .path.shown())]
    NotOnnx {
        /// Its path.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The network has several inputs, or none.
    #[error("the other network has {0} inputs; it must have one, the image")]
    Inputs(usize),
    /// The network takes another shape than the configuration says.
    #[error(
        "the other network takes an input of {network}, and its configuration makes {configured}; change side, colours or \
         channels_last, and export it for one image at a time or any number"
    )]
    InputShape {
        /// That of the network.
        network: String,
        /// That of the configuration.
        configured: String,
    },
    /// The network does not take numbers in 32 bits.
    #[error("the other network takes an input of {0}; export it with one of float32")]
    InputKind(String),
    /// The network has no output of this name.
    #[error("the other network has no output `{name}`; it has {known}")]
    NoOutput {
        /// The name.
        name: String,
        /// Its outputs.
        known: String,
    },
    /// The network has operators or shapes that cannot be run.
    #[error("the other network cannot be run: {0}")]
    Unsupported(String),
    /// The output is no row of numbers.
    #[error(
        "the other network's output has the shape {0:?}; it must be one row of numbers, so choose another with `output`"
    )]
    OutputShape(Vec<usize>),
    /// The output has fewer numbers than the configuration names.
    #[error(
        "the other network gives {given} numbers, and its configuration names number {place}, counted from 0"
    )]
    Outputs {
        /// The number that there is not.
        place: usize,
        /// How many there are.
        given: usize,
    },
    /// Every number of a softmax has the same meaning.
    #[error(
        "all of the other network's numbers ({0}) mean the same, and softmax always makes 1 of them; set activation to \
         sigmoid or none, or name the numbers of both sides"
    )]
    OneSide(usize),
    /// The output cannot be made into probabilities.
    #[error(
        "the other network's numbers {} make no probabilities; check scale, mean, std and activation", few(.0)
    )]
    Numbers(Vec<f32>),
    /// The network fails on an image.
    #[error("{file}: {why}")]
    Failed {
        /// Its file.
        file: String,
        /// Why.
        why: Box<PeerError>,
    },
    /// An image that our model has answered cannot be read any more.
    #[error("cannot read {file} again: {why}")]
    Image {
        /// Its file.
        file: String,
        /// Why.
        why: String,
    },
}

/// The first of some numbers.
fn few(numbers: &[f32]) -> String {
    const MOST: usize = 8;
    let first: Vec<String> = numbers.iter().take(MOST).map(f32::to_string).collect();
    let more = if numbers.len() > MOST { ", ..." } else { "" };
    format!("[{}{more}]", first.join(", "))
}
