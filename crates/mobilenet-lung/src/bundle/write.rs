//! Writing a weights file.

use std::collections::{BTreeMap, HashMap};

use half::f16;
use safetensors::tensor::{Dtype, SafeTensorError, TensorView};

use super::error::BundleError;
use super::file::Bundle;
use super::format::{
    ARCHITECTURE, DIRECTIONS, EXTENSION, FORMAT_VERSION, MEAN, METADATA_KEY, short_hash,
};
use super::known::{self, KnownEvidence};
use super::metadata::Metadata;
use super::numbers::{SCALE, Scaled, in_8_bits};
use crate::architecture::EMBEDDING;
use crate::distribution::Distribution;
use crate::state::{Array, StateDict};

impl Bundle {
    /// Writes a weights file and returns its name and its bytes.
    ///
    /// The same parameters and metadata give the same bytes, and so do those that were read of a file that this wrote. What the
    /// metadata say of a distribution is set to `distribution`, and their format to [`FORMAT_VERSION`]. The file has no known
    /// evidence: see [`with_known_evidence`](Self::with_known_evidence).
    ///
    /// # Errors
    /// [`BundleError::NotFinite`] when a parameter is not finite or too large for how it is stored, [`BundleError::Header`] when
    /// the file cannot be put together, or what is wrong with the metadata.
    pub fn write(
        state: &StateDict,
        distribution: Option<&Distribution>,
        metadata: &Metadata,
    ) -> Result<(String, Vec<u8>), BundleError> {
        put_together(state, distribution, None, metadata)
    }

    /// Writes this bundle again with other metadata and with known evidence, and returns its name and its bytes. What it answers
    /// stays the same as far as the metadata do; see [`write`](Self::write).
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn with_known_evidence(
        &self,
        metadata: &Metadata,
    ) -> Result<(String, Vec<u8>), BundleError> {
        let known = self.known_or_worked_out()?;
        put_together(self.state(), self.distribution(), Some(&known), metadata)
    }
}

fn put_together(
    state: &StateDict,
    distribution: Option<&Distribution>,
    known: Option<&KnownEvidence>,
    metadata: &Metadata,
) -> Result<(String, Vec<u8>), BundleError> {
    let mut metadata = Metadata {
        format_version: FORMAT_VERSION,
        in_distribution: distribution.map(|distribution| distribution.spread.clone()),
        ..metadata.clone()
    };
    metadata.check()?;
    let mut state = state.clone();
    if let Some(Distribution {
        mean, directions, ..
    }) = distribution
    {
        let mut put = |name: &str, shape: Vec<usize>, values: &[f32]| {
            let values = values.to_vec();
            state.insert(name.to_owned(), Array { shape, values });
        };
        put(MEAN, vec![EMBEDDING], mean);
        let rows = directions.len() / EMBEDDING;
        put(DIRECTIONS, vec![rows, EMBEDDING], directions);
    }
    if let Some(known) = known {
        known.add_tensors(metadata.findings.len(), &mut state);
    }
    let header = |error: &dyn std::fmt::Display| BundleError::Header {
        detail: error.to_string(),
    };
    let mut tensors = BTreeMap::new();
    for (name, array) in &state {
        let not_finite = || BundleError::NotFinite { name: name.clone() };
        let shape = array.shape.clone();
        if in_8_bits(name, &shape) {
            let Scaled { integers, scales } = Scaled::nearest(array).ok_or_else(not_finite)?;
            let bytes = scales
                .iter()
                .flat_map(|scale| scale.to_le_bytes())
                .collect();
            let rows = vec![scales.len()];
            tensors.insert(format!("{name}{SCALE}"), (Dtype::BF16, rows, bytes));
            tensors.insert(name.clone(), (Dtype::I8, shape, integers));
            continue;
        }
        // What a device is compared with is not rounded.
        if name.starts_with(known::PREFIX) {
            let values = array.values.iter();
            let bytes = values.flat_map(|value| value.to_le_bytes()).collect();
            tensors.insert(name.clone(), (Dtype::F32, shape, bytes));
            continue;
        }
        let mut bytes = Vec::with_capacity(array.values.len() * 2);
        for value in &array.values {
            let value = f16::from_f32(*value);
            if !value.is_finite() {
                return Err(not_finite());
            }
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        tensors.insert(name.clone(), (Dtype::F16, shape, bytes));
    }
    let views = tensors
        .iter()
        .map(|(name, (dtype, shape, bytes))| {
            TensorView::new(*dtype, shape.clone(), bytes).map(|view| (name.as_str(), view))
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| header(&error))?;
    let text = serde_json::to_string(&metadata).map_err(|error| header(&error))?;
    let entries = HashMap::from([(METADATA_KEY.to_owned(), text)]);
    let bytes = safetensors::serialize(views, Some(entries)).map_err(|error| header(&error))?;
    let name = format!("{ARCHITECTURE}-{}.{EXTENSION}", short_hash(&bytes));
    Ok((name, bytes))
}

/// Writes f32 tensors as safetensors, with metadata.
///
/// # Errors
/// [`BundleError::Header`] when the file cannot be put together.
pub fn write_tensors(
    state: &StateDict,
    metadata: HashMap<String, String>,
) -> Result<Vec<u8>, BundleError> {
    let header = |error: SafeTensorError| BundleError::Header {
        detail: error.to_string(),
    };
    let bytes: BTreeMap<&str, (Vec<usize>, Vec<u8>)> = state
        .iter()
        .map(|(name, array)| {
            let bytes = array.values.iter().flat_map(|v| v.to_le_bytes()).collect();
            (name.as_str(), (array.shape.clone(), bytes))
        })
        .collect();
    let views = bytes
        .iter()
        .map(|(name, (shape, bytes))| {
            TensorView::new(Dtype::F32, shape.clone(), bytes).map(|view| (*name, view))
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(header)?;
    safetensors::serialize(views, Some(metadata)).map_err(header)
}
