//! Why a weights file was refused.

use super::format::{FORMAT_VERSION, MAX_BYTES};
use crate::findings::FindingsError;
use crate::state::StateError;

/// Why a weights file was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// It has no bytes.
    #[error("The weights file is empty.")]
    Empty,
    /// It is larger than [`MAX_BYTES`].
    #[error("The weights file has {bytes} bytes; at most {MAX_BYTES} are read.")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Its name promises another content.
    #[error(
        "The weights file is damaged: its name says {expected}, its content hashes to {found}."
    )]
    Hash {
        /// The 12 hex digits in the name.
        expected: String,
        /// The first 12 hex digits of the sha256 of the content.
        found: String,
    },
    /// It is not a safetensors file, or a damaged one.
    #[error("The weights file is not a readable safetensors file: {detail}.")]
    Header {
        /// What is wrong with it.
        detail: String,
    },
    /// It is a safetensors file of something else.
    #[error("The weights file was not written for MobileNet-Lung: {detail}.")]
    Foreign {
        /// What is missing or wrong in its metadata.
        detail: String,
    },
    /// A later version of this project wrote it.
    #[error(
        "The weights file has format {found}; this version reads formats 1 to {FORMAT_VERSION}."
    )]
    Version {
        /// The format in the file.
        found: u32,
    },
    /// Its findings cannot be.
    #[error("The findings of the weights file cannot be used: {0}.")]
    Findings(#[from] FindingsError),
    /// An operating point of it cannot be.
    #[error("The operating point `{name}` of the weights file cannot be used: {detail}.")]
    OperatingPoint {
        /// Its name.
        name: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The operating point that it calls the default is none of its own.
    #[error(
        "The default operating point `{default}` of the weights file is none of those it has: {}.",
        names.join(", ")
    )]
    DefaultOperatingPoint {
        /// What it calls the default.
        default: String,
        /// The operating points that it has.
        names: Vec<String>,
    },
    /// It asks for a framing of radiographs that this version does not know.
    #[error("The weights file asks for a framing of radiographs that this version does not know.")]
    Framing,
    /// Another entry of its metadata cannot be.
    #[error("The entry `{entry}` of the weights file's metadata cannot be used: {detail}.")]
    Entry {
        /// The entry.
        entry: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// Names or shapes do not fit the network.
    #[error("The weights file does not fit the network: {0}.")]
    State(#[from] StateError),
    /// A tensor is of a kind that is not read.
    #[error(
        "The weights file stores the tensor `{name}` as {found}; only F16, BF16, F32, and I8 with a scale for each row are read."
    )]
    Dtype {
        /// Its name.
        name: String,
        /// How it is stored.
        found: String,
    },
    /// A tensor holds a NaN or an infinity.
    #[error(
        "The weights file is damaged: the tensor `{name}` has a value that is not a finite number."
    )]
    NotFinite {
        /// Its name.
        name: String,
    },
}

impl BundleError {
    /// A short name for programs, in kebab-case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "weights-empty",
            Self::TooLarge { .. } => "weights-too-large",
            Self::Hash { .. } => "weights-hash-mismatch",
            Self::Header { .. } => "weights-unreadable",
            Self::Foreign { .. } => "weights-foreign",
            Self::Version { .. } => "weights-version",
            Self::Findings(_) => "weights-findings",
            Self::OperatingPoint { .. } | Self::DefaultOperatingPoint { .. } => {
                "weights-operating-point"
            }
            Self::Framing => "weights-framing",
            Self::Entry { .. } => "weights-metadata",
            Self::State(_) => "weights-mismatch",
            Self::Dtype { .. } => "weights-dtype",
            Self::NotFinite { .. } => "weights-not-finite",
        }
    }

    /// One sentence of what to do.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Empty | Self::Hash { .. } | Self::Header { .. } | Self::NotFinite { .. } => {
                "Download or export the weights file again."
            }
            Self::Version { .. } | Self::Framing => {
                "Update this software, or export the model again with it."
            }
            Self::TooLarge { .. }
            | Self::Foreign { .. }
            | Self::Findings(_)
            | Self::OperatingPoint { .. }
            | Self::DefaultOperatingPoint { .. }
            | Self::Entry { .. }
            | Self::State(_)
            | Self::Dtype { .. } => "Use a file that `lung export` wrote.",
        }
    }
}
