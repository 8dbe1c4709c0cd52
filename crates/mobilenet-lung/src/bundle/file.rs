//! A weights file that has been read.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::error::BundleError;
use super::known::{self, KnownEvidence};
use super::metadata::Metadata;
use super::numbers::Stored;
use crate::distribution::Distribution;
use crate::inference::CpuNetwork;
use crate::state::{Array, Parameters, StateDict};

/// A weights file that has passed every check.
#[derive(Clone, Debug)]
pub struct Bundle {
    pub(super) id: String,
    pub(super) metadata: Metadata,
    /// The same as the file has it, or brought to the current format.
    pub(super) json: String,
    /// The file, whose numbers are widened when they are wanted.
    pub(super) bytes: Vec<u8>,
    pub(super) tensors: BTreeMap<String, Stored>,
    pub(super) state: OnceLock<StateDict>,
    pub(super) distribution: Option<Distribution>,
    pub(super) known: Option<KnownEvidence>,
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

    /// What the bundle says of itself, as JSON in the current format: for those who read JSON faster than a [`Metadata`] is serialised.
    /// Fields that this version does not know are in it as the file has them.
    pub fn metadata_json(&self) -> &str {
        &self.json
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
