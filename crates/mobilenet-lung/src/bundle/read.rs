//! Reading a weights file: nothing is built before everything is checked.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::OnceLock;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, SafeTensorError, TensorInfo, TensorView};
use serde::Deserialize;

use super::error::BundleError;
use super::file::Bundle;
use super::format::{
    ARCHITECTURE, DIRECTIONS, EXTENSION, FORMAT_VERSION, HASH_DIGITS, MAX_BYTES, MEAN,
    METADATA_KEY, short_hash,
};
use super::known::{self, KnownEvidence};
use super::metadata::Metadata;
use super::numbers::{How, SCALE, Stored, Width, is_scale};
use super::older::Older;
use crate::architecture::{EMBEDDING, GRID, parameter_shapes};
use crate::distribution::Distribution;
use crate::state::{Array, StateDict, StateError};

/// What a file says, but for its hash.
#[derive(Debug)]
struct Contents {
    metadata: Metadata,
    json: String,
    tensors: BTreeMap<String, Stored>,
    distribution: Option<Distribution>,
    known: Option<KnownEvidence>,
}

/// The headers of a file's tensors.
type Infos<'a> = HashMap<String, &'a TensorInfo>;

/// The shapes of all tensors that a file of this metadata has, by name, but for scales.
fn shapes_of(metadata: &Metadata, infos: &Infos<'_>) -> BTreeMap<String, Vec<usize>> {
    let findings = metadata.findings.len();
    let mut shapes = parameter_shapes(&metadata.attention, findings);
    if infos.contains_key(known::EVIDENCE) {
        let shape = vec![known::INPUTS, findings, GRID, GRID];
        shapes.insert(known::EVIDENCE.to_owned(), shape);
        let shape = vec![known::INPUTS, EMBEDDING];
        shapes.insert(known::EMBEDDINGS.to_owned(), shape);
    }
    if let Some(spread) = &metadata.in_distribution {
        shapes.insert(MEAN.to_owned(), vec![EMBEDDING]);
        shapes.insert(
            DIRECTIONS.to_owned(),
            vec![spread.variances.len(), EMBEDDING],
        );
    }
    shapes
}

/// Refuses tensors that have no business in the file, or another shape.
fn check_shapes(
    infos: &Infos<'_>,
    shapes: &BTreeMap<String, Vec<usize>>,
    scales: &BTreeMap<String, Vec<usize>>,
) -> Result<(), BundleError> {
    // Names and shapes first: a foreign tensor is not worth converting.
    for (name, info) in infos {
        match shapes.get(name).or_else(|| scales.get(name)) {
            None => {
                return Err(StateError::Unknown { name: name.clone() }.into());
            }
            Some(expected) if *expected != info.shape => {
                return Err(StateError::Shape {
                    name: name.clone(),
                    found: info.shape.clone(),
                    expected: expected.clone(),
                }
                .into());
            }
            Some(_) => {}
        }
    }
    Ok(())
}

impl Contents {
    /// Checks all but the hash.
    fn of(bytes: &[u8]) -> Result<Self, BundleError> {
        let header = |error: SafeTensorError| BundleError::Header {
            detail: error.to_string(),
        };
        let (header_bytes, raw) = SafeTensors::read_metadata(bytes).map_err(header)?;
        let text = raw
            .metadata()
            .as_ref()
            .and_then(|entries| entries.get(METADATA_KEY))
            .ok_or_else(|| BundleError::Foreign {
                detail: format!("its header has no `{METADATA_KEY}` entry"),
            })?;
        let (metadata, json) = parse_metadata(text)?;
        let infos = raw.tensors();

        let shapes = shapes_of(&metadata, &infos);
        // Of integers, one number for each row.
        let scales: BTreeMap<String, Vec<usize>> = (shapes.iter())
            .filter(|(name, _)| (infos.get(*name)).is_some_and(|info| info.dtype == Dtype::I8))
            .map(|(name, shape)| {
                (
                    name.clone() + SCALE,
                    shape.iter().take(1).copied().collect(),
                )
            })
            .collect();
        check_shapes(&infos, &shapes, &scales)?;
        // A number of 8 bytes, the header, then the tensors.
        let data = 8 + header_bytes;
        let tensor = |name: &str| {
            let info = infos.get(name).ok_or_else(|| StateError::Missing {
                name: name.to_owned(),
            })?;
            let (from, to) = info.data_offsets;
            // Within the file: the reader of the header has added them up.
            Ok::<_, BundleError>((info.dtype, data + from..data + to))
        };
        let content = |place: &Range<usize>| bytes.get(place.clone()).unwrap_or_default();
        let scales_of = |name: String| {
            let (dtype, place) = tensor(&name)?;
            let scales = Width::of(&name, dtype)?.numbers(content(&place));
            match scales.iter().copied().all(is_scale) {
                true => Ok(scales),
                false => Err(BundleError::NotFinite { name }),
            }
        };
        let mut stored = BTreeMap::new();
        for (name, shape) in shapes {
            let (dtype, place) = tensor(&name)?;
            let how = match dtype {
                Dtype::I8 => How::Scaled(scales_of(format!("{name}{SCALE}"))?),
                _ => How::Plain(Width::of(&name, dtype)?),
            };
            if matches!(how, How::Plain(width) if !width.finite(content(&place))) {
                return Err(BundleError::NotFinite { name });
            }
            stored.insert(name, Stored { shape, how, place });
        }
        let mut take = |name: &str| stored.remove(name)?.numbers(bytes);
        let distribution = match (&metadata.in_distribution, take(MEAN), take(DIRECTIONS)) {
            (Some(spread), Some(mean), Some(directions)) => Some(Distribution {
                mean,
                directions,
                spread: spread.clone(),
            }),
            _ => None,
        };
        let known = KnownEvidence::from_tensors(take(known::EVIDENCE), take(known::EMBEDDINGS));
        Ok(Self {
            metadata,
            json,
            tensors: stored,
            distribution,
            known,
        })
    }
}

impl Bundle {
    /// Reads and checks a weights file: size, hash, header, metadata, names, shapes, dtypes, finiteness.
    ///
    /// `name` is the file's name; where it carries a hash, the content must have it. `None`, or a name without a hash,
    /// skips that one check.
    ///
    /// # Errors
    /// The first check that failed; see [`BundleError`].
    pub fn read(bytes: &[u8], name: Option<&str>) -> Result<Self, BundleError> {
        within_limits(bytes)?;
        let hash = short_hash(bytes);
        check_name(name, &hash)?;
        Ok(Self::new(Contents::of(bytes)?, bytes.to_vec(), &hash))
    }

    fn new(contents: Contents, bytes: Vec<u8>, hash: &str) -> Self {
        let Contents {
            metadata,
            json,
            tensors,
            distribution,
            known,
        } = contents;
        Self {
            id: format!("{ARCHITECTURE}-{hash}"),
            metadata,
            json,
            bytes,
            tensors,
            state: OnceLock::new(),
            distribution,
            known,
        }
    }
}

/// A weights file that is read, but not yet held to the hash in its name: for those who have the hash worked out meanwhile. A browser
/// does that in a third of the time that [`Bundle::read`] takes for it.
#[derive(Debug)]
pub struct Unverified {
    contents: Result<Contents, BundleError>,
    bytes: Vec<u8>,
}

impl Unverified {
    /// Reads a weights file. What is wrong with its content, [`verify`](Self::verify) says: a damaged file is called damaged,
    /// whatever else the damage has made of it.
    ///
    /// # Errors
    /// [`BundleError::Empty`] and [`BundleError::TooLarge`].
    pub fn read(bytes: Vec<u8>) -> Result<Self, BundleError> {
        within_limits(&bytes)?;
        Ok(Self {
            contents: Contents::of(&bytes),
            bytes,
        })
    }

    /// The bundle, checked as [`Bundle::read`] does it. `sha256` is the [`sha256`](super::sha256) of the file; without it, it is
    /// worked out here.
    ///
    /// # Errors
    /// The first check that failed; see [`BundleError`].
    pub fn verify(self, name: Option<&str>, sha256: Option<&str>) -> Result<Bundle, BundleError> {
        let hash = match sha256 {
            Some(known) => known.chars().take(HASH_DIGITS).collect(),
            None => short_hash(&self.bytes),
        };
        check_name(name, &hash)?;
        Ok(Bundle::new(self.contents?, self.bytes, &hash))
    }
}

/// Reads any safetensors file of f16, bf16 or f32 tensors, such as pretrained weights.
///
/// # Errors
/// [`BundleError::Header`] or [`BundleError::Dtype`].
pub fn read_tensors(bytes: &[u8]) -> Result<StateDict, BundleError> {
    let tensors = SafeTensors::deserialize(bytes).map_err(|error| BundleError::Header {
        detail: error.to_string(),
    })?;
    tensors
        .iter()
        .map(|(name, view)| Ok((name.to_owned(), read_array(name, &view)?)))
        .collect()
}

fn within_limits(bytes: &[u8]) -> Result<(), BundleError> {
    match bytes.len() {
        0 => Err(BundleError::Empty),
        bytes if bytes > MAX_BYTES => Err(BundleError::TooLarge { bytes }),
        _ => Ok(()),
    }
}

/// Whether the content has the hash that the name promises, if it promises one.
fn check_name(name: Option<&str>, hash: &str) -> Result<(), BundleError> {
    match name.and_then(hash_in_name) {
        Some(expected) if expected != hash => Err(BundleError::Hash {
            expected: expected.to_owned(),
            found: hash.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// The 12 hex digits before the extension, where the name has them.
fn hash_in_name(name: &str) -> Option<&str> {
    let stem = name.strip_suffix(EXTENSION)?.strip_suffix('.')?;
    let hash = stem.rsplit('-').next()?;
    (hash.len() == HASH_DIGITS && hash.bytes().all(|b| b.is_ascii_hexdigit())).then_some(hash)
}

/// The metadata, and the same as JSON of the current format.
fn parse_metadata(text: &str) -> Result<(Metadata, String), BundleError> {
    #[derive(Deserialize)]
    struct Version {
        format_version: u32,
    }
    let unreadable = |error: serde_json::Error| BundleError::Foreign {
        detail: format!("its metadata: {error}"),
    };
    // A later format may have any other field changed.
    let Version { format_version } = serde_json::from_str(text).map_err(unreadable)?;
    let mut metadata = match format_version {
        1 | 2 => serde_json::from_str::<Older>(text)
            .map_err(unreadable)?
            .upgrade()?,
        FORMAT_VERSION => serde_json::from_str(text).map_err(unreadable)?,
        found => return Err(BundleError::Version { found }),
    };
    metadata.check()?;
    let json = match format_version {
        FORMAT_VERSION => text.to_owned(),
        _ => serde_json::to_string(&metadata).map_err(unreadable)?,
    };
    Ok((metadata, json))
}

fn read_array(name: &str, view: &TensorView<'_>) -> Result<Array, BundleError> {
    Ok(Array {
        shape: view.shape().to_vec(),
        values: Width::of(name, view.dtype())?.numbers(view.data()),
    })
}
