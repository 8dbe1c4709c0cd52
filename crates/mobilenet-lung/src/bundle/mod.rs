//! The weights file: one safetensors file that carries everything its reader needs.
//!
//! Tensors are named as torchvision names them, batch norm folded. The larger weights of 1 x 1 convolutions and of the attention are 8-bit
//! integers, which are multiplied by a bf16 for each output channel: that of `X.weight` is in `X.weight_scale`. All else is f16. (Any
//! of them may be f16, bf16 or f32, as all were in format 1. What formats 1 and 2 say is brought to today's when it is read.) The safetensors metadata has
//! one entry, `bundle`, whose text is [`Metadata`] as JSON. Beside the network there may be the two tensors of a
//! [`Distribution`] and the two of [`KnownEvidence`], in f32. The file is named
//! `<architecture>-<first 12 hex digits of its sha256>.safetensors`.

mod error;
mod known;
mod metadata;
mod numbers;
mod older;
mod read;
mod write;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::OnceLock;

use sha2::{Digest, Sha256};

use crate::distribution::Distribution;
use crate::inference::CpuNetwork;
use crate::state::{Array, Parameters, StateDict};
use numbers::{PIECE, Stored};

pub use error::BundleError;
pub use known::{INPUTS, KnownEvidence, input};
pub use metadata::{
    Confusion, DataSource, Metadata, OperatingPoint, OriginFigures, SetSentence, Share, TestFigures,
};
pub use read::read_tensors;
pub use write::write_tensors;

/// The format that this version writes; it reads all from 1 on.
pub const FORMAT_VERSION: u32 = 3;

/// The largest file that is looked into: several times what the network needs in f32.
pub const MAX_BYTES: usize = 64 << 20;

/// The only architecture.
pub const ARCHITECTURE: &str = "mobilenet-lung";

const MEAN: &str = "in_distribution.mean";
const DIRECTIONS: &str = "in_distribution.directions";
const METADATA_KEY: &str = "bundle";
const EXTENSION: &str = "safetensors";
/// Hex digits of a file's sha256 that its name and the bundle's id carry.
const HASH_DIGITS: usize = 12;

/// A weights file that has passed every check.
#[derive(Clone, Debug)]
pub struct Bundle {
    id: String,
    metadata: Metadata,
    /// The file, whose numbers are widened when they are wanted.
    bytes: Vec<u8>,
    tensors: BTreeMap<String, Stored>,
    state: OnceLock<StateDict>,
    distribution: Option<Distribution>,
    known: Option<KnownEvidence>,
}

impl Parameters for Bundle {
    fn values(&self, name: &str) -> Option<Cow<'_, [f32]>> {
        self.tensors.get(name)?.numbers(&self.bytes).map(Cow::Owned)
    }
}

impl Bundle {
    /// `mobilenet-lung-` and the first 12 hex digits of the file's sha256.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What the bundle says of itself.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The parameters by name; widened the first time.
    pub fn state(&self) -> &StateDict {
        self.state.get_or_init(|| {
            let arrays = self.tensors.iter().filter_map(|(name, stored)| {
                let values = self.values(name)?.into_owned();
                let shape = stored.shape.clone();
                Some((name.clone(), Array { shape, values }))
            });
            arrays.collect()
        })
    }

    /// Where the embeddings of frontal chest radiographs lie, if the file says so.
    pub fn distribution(&self) -> Option<&Distribution> {
        self.distribution.as_ref()
    }

    /// What the network must give for the built-in inputs, if the file says so.
    pub fn known_evidence(&self) -> Option<&KnownEvidence> {
        self.known.as_ref()
    }

    /// What the network must give for the built-in inputs: as the file says, or else worked out on the CPU.
    ///
    /// # Errors
    /// None for a bundle that [`Bundle::read`] returned.
    pub fn known_or_worked_out(&self) -> Result<Cow<'_, KnownEvidence>, BundleError> {
        match &self.known {
            Some(known) => Ok(Cow::Borrowed(known)),
            None => {
                let network = CpuNetwork::pack(self, &self.metadata.attention)?;
                let known = KnownEvidence::of(&network).ok_or_else(known::impossible)?;
                Ok(Cow::Owned(known))
            }
        }
    }

    /// The network of this bundle on a device.
    ///
    /// # Errors
    /// None for a bundle that [`Bundle::read`] returned; the check is made again all the same.
    #[cfg(feature = "burn")]
    pub fn network(
        &self,
        device: &burn::tensor::Device,
    ) -> Result<crate::network::MobileNetLung, BundleError> {
        let network = self.metadata.network().init(device);
        Ok(crate::network::load_state_dict(
            network,
            self.state(),
            false,
        )?)
    }
}

/// The full sha256 of a file in hex.
pub fn sha256(bytes: &[u8]) -> String {
    let mut hash = Sha256::new();
    // In pieces: a browser optimises a function that is called often, not one that runs for long.
    for piece in bytes.chunks(4 * PIECE) {
        hash.update(piece);
    }
    hash.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn short_hash(bytes: &[u8]) -> String {
    let mut hash = sha256(bytes);
    hash.truncate(HASH_DIGITS);
    hash
}
