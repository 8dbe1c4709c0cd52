//! The weights file: one safetensors file that carries everything its reader needs.
//!
//! Tensors are named as torchvision names them, batch norm folded. The larger weights of 1 x 1 convolutions and of the attention are 8-bit
//! integers, which are multiplied by a bf16 for each output channel: that of `X.weight` is in `X.weight_scale`. All else is f16. (Any
//! of them may be f16, bf16 or f32, as all were in format 1.) The safetensors metadata has
//! one entry, `bundle`, whose text is [`Metadata`] as JSON. Beside the network there may be the two tensors of a
//! [`Distribution`]. The file is named
//! `<architecture>-<first 12 hex digits of its sha256>.safetensors`.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::OnceLock;

use half::f16;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, SafeTensorError, TensorView};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Finding;
use crate::architecture::{AttentionConfig, EMBEDDING, FEATURES, parameter_shapes};
#[cfg(feature = "burn")]
use crate::network::{MobileNetLung, MobileNetLungConfig, load_state_dict};
use crate::preprocess::Preprocessing;
use crate::report::ByFinding;
use crate::state::{Array, Parameters, StateDict, StateError};
use crate::trust::{Distribution, PredictionSets, Spread};
use numbers::{How, PIECE, SCALE, Scaled, Stored, Width, in_8_bits, is_scale};

mod numbers;

/// The format that this version writes; it reads all from 1 on.
pub const FORMAT_VERSION: u32 = 2;

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

/// What a bundle says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// Version of this layout, 1 to [`FORMAT_VERSION`], which is what is written.
    pub format_version: u32,
    /// Name of the architecture: [`ARCHITECTURE`].
    pub architecture: String,
    /// Kind, place and width of the attention.
    pub attention: AttentionConfig,
    /// Names of the findings in the order of the head's rows.
    pub findings: Vec<String>,
    /// How a radiograph becomes the network's input.
    pub preprocessing: Preprocessing,
    /// Logits are divided by this before the softmax (Guo et al. 2017, arXiv 1706.04599); above 0.
    pub temperature: f32,
    /// Thresholds of prediction sets; none where nothing was there to calibrate on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prediction_sets: Option<PredictionSets>,
    /// What the tensors of the [`Distribution`] go with; none where the file has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_distribution: Option<Spread>,
    /// What it was trained on, in words.
    pub trained_on: String,
    /// How it did on images that it was not trained on; empty where nobody measured.
    pub test: Option<TestMetrics>,
    /// How it did on held-out images of further data folders.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further_tests: Vec<TestMetrics>,
    /// SPDX expression.
    pub licence: String,
    /// The commit of the code that trained it; empty where unknown.
    pub commit: String,
    /// What every reader has to be told.
    pub notice: String,
}

/// How a model did on held-out images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestMetrics {
    /// Which images, in words: data set and fold.
    pub split: String,
    /// How many images.
    pub images: usize,
    /// Share classified correctly, 0..=1.
    pub accuracy: f64,
    /// The 95% Wilson score interval of the accuracy.
    pub accuracy_interval: [f64; 2],
    /// Mean of the three F1 scores, 0..=1.
    pub macro_f1: f64,
    /// Accuracy and number of images by origin of the patient.
    pub by_origin: BTreeMap<String, OriginMetrics>,
    /// What healthy and ill patients of each origin were called.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub called_by_origin: BTreeMap<String, CalledAs>,
    /// Expected calibration error of the most probable finding in 15 bins, 0..=1 (Guo et al. 2017, arXiv 1706.04599).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration_error: Option<f64>,
    /// Mean negative logarithm of the probability of the truth, in nats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_loss: Option<f64>,
    /// Mean squared distance of the probabilities from the truth, 0..=2 (Brier 1950).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brier: Option<f64>,
    /// Of the images of each finding, how many have it in their prediction set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<ByFinding<Share>>,
    /// Mean number of findings in a prediction set, 0..=3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_set_size: Option<f64>,
    /// How many of the images were held to be no frontal chest radiograph.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Share>,
}

/// A share of images with its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// How many of `images`.
    pub correct: usize,
    /// Of how many.
    pub images: usize,
    /// `correct / images`, 0..=1; 0 of none.
    pub share: f64,
    /// 95% Wilson score interval; 0 to 1 of none.
    pub interval: [f64; 2],
}

/// What healthy and ill patients were called; each share is `None` where there is no such patient.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CalledAs {
    /// Of the normal images, how many were called normal.
    pub healthy_called_normal: Option<Share>,
    /// Of the normal images, how many were called viral pneumonia.
    pub healthy_called_viral: Option<Share>,
    /// Of the opacities, how many were called viral pneumonia.
    pub opacity_called_viral: Option<Share>,
    /// Of the images of an opacity or a viral pneumonia, how many were called normal.
    pub ill_called_normal: Option<Share>,
    /// Of the viral images, how many were called viral pneumonia.
    pub viral_called_viral: Option<Share>,
}

/// How a model did on the images of one origin.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OriginMetrics {
    /// How many images.
    pub images: usize,
    /// Share classified correctly, 0..=1.
    pub accuracy: f64,
}

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
            Self::Version { .. } => "Update this software, or export the model again with it.",
            Self::TooLarge { .. } | Self::Foreign { .. } | Self::State(_) | Self::Dtype { .. } => {
                "Use a file that `lung export` wrote."
            }
        }
    }
}

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
}

/// What a file says, but for its hash.
struct Contents {
    metadata: Metadata,
    tensors: BTreeMap<String, Stored>,
    distribution: Option<Distribution>,
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
        let metadata = parse_metadata(text)?;
        let infos = raw.tensors();

        let mut shapes = parameter_shapes(&metadata.attention);
        if let Some(spread) = &metadata.in_distribution {
            shapes.insert(MEAN.to_owned(), vec![EMBEDDING]);
            shapes.insert(
                DIRECTIONS.to_owned(),
                vec![spread.variances.len(), EMBEDDING],
            );
        }
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
        // Names and shapes first: a foreign tensor is not worth converting.
        for (name, info) in &infos {
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
        Ok(Self {
            metadata,
            tensors: stored,
            distribution,
        })
    }
}

impl Parameters for Bundle {
    fn values(&self, name: &str) -> Option<Cow<'_, [f32]>> {
        self.tensors.get(name)?.numbers(&self.bytes).map(Cow::Owned)
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

    /// As [`read`](Self::read), while somebody else works out the [`sha256`] of `bytes`: a browser does so in a third of the
    /// time that it takes here. `None` leaves it to us.
    ///
    /// # Errors
    /// The first check that failed; see [`BundleError`].
    pub async fn read_beside(
        bytes: Vec<u8>,
        name: Option<&str>,
        sha256: impl Future<Output = Option<String>>,
    ) -> Result<Self, BundleError> {
        within_limits(&bytes)?;
        let contents = Contents::of(&bytes);
        let hash = match sha256.await {
            Some(known) => known.chars().take(HASH_DIGITS).collect(),
            None => short_hash(&bytes),
        };
        // What is damaged is called so, whatever else that has made of it.
        check_name(name, &hash)?;
        Ok(Self::new(contents?, bytes, &hash))
    }

    fn new(contents: Contents, bytes: Vec<u8>, hash: &str) -> Self {
        let Contents {
            metadata,
            tensors,
            distribution,
        } = contents;
        Self {
            id: format!("{ARCHITECTURE}-{hash}"),
            metadata,
            bytes,
            tensors,
            state: OnceLock::new(),
            distribution,
        }
    }

    /// Writes a weights file and returns its name and its bytes.
    ///
    /// The same parameters and metadata give the same bytes, and so do those that were read of a file that this wrote. What the
    /// metadata say of a distribution is set to `distribution`, and their format to [`FORMAT_VERSION`].
    ///
    /// # Errors
    /// [`BundleError::NotFinite`] when a parameter is not finite or too large for how it is stored, [`BundleError::Header`] when
    /// the file cannot be put together.
    pub fn write(
        state: &StateDict,
        distribution: Option<&Distribution>,
        metadata: &Metadata,
    ) -> Result<(String, Vec<u8>), BundleError> {
        let metadata = Metadata {
            format_version: FORMAT_VERSION,
            in_distribution: distribution.map(|distribution| distribution.spread.clone()),
            ..metadata.clone()
        };
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

    /// The network of this bundle on a device.
    ///
    /// # Errors
    /// None for a bundle that [`Bundle::read`] returned; the check is made again all the same.
    #[cfg(feature = "burn")]
    pub fn network(&self, device: &burn::tensor::Device) -> Result<MobileNetLung, BundleError> {
        let network = self.metadata.network().init(device);
        Ok(load_state_dict(network, self.state(), false)?)
    }
}

#[cfg(feature = "burn")]
impl Metadata {
    /// The network that the metadata describes.
    pub fn network(&self) -> MobileNetLungConfig {
        MobileNetLungConfig {
            attention: self.attention,
            ..MobileNetLungConfig::default()
        }
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

fn short_hash(bytes: &[u8]) -> String {
    let mut hash = sha256(bytes);
    hash.truncate(HASH_DIGITS);
    hash
}

/// The 12 hex digits before the extension, where the name has them.
fn hash_in_name(name: &str) -> Option<&str> {
    let stem = name.strip_suffix(EXTENSION)?.strip_suffix('.')?;
    let hash = stem.rsplit('-').next()?;
    (hash.len() == HASH_DIGITS && hash.bytes().all(|b| b.is_ascii_hexdigit())).then_some(hash)
}

fn parse_metadata(text: &str) -> Result<Metadata, BundleError> {
    #[derive(Deserialize)]
    struct Version {
        format_version: u32,
    }
    let readable = |format: u32| (1..=FORMAT_VERSION).contains(&format);
    let foreign = |detail: String| BundleError::Foreign { detail };
    let unreadable = |error: serde_json::Error| foreign(format!("its metadata: {error}"));
    let metadata = match serde_json::from_str::<Metadata>(text) {
        Ok(metadata) if readable(metadata.format_version) => metadata,
        // A later format may have any other field changed.
        read => {
            let Version { format_version } = serde_json::from_str(text).map_err(unreadable)?;
            if !readable(format_version) {
                return Err(BundleError::Version {
                    found: format_version,
                });
            }
            read.map_err(unreadable)?
        }
    };
    if metadata.architecture != ARCHITECTURE {
        return Err(foreign(format!(
            "its architecture is `{}`",
            metadata.architecture
        )));
    }
    if !metadata
        .findings
        .iter()
        .map(String::as_str)
        .eq(Finding::ALL.map(Finding::name))
    {
        return Err(foreign(format!("its findings are {:?}", metadata.findings)));
    }
    if !(metadata.temperature.is_finite() && metadata.temperature > 0.0) {
        return Err(foreign(format!(
            "its temperature is {}",
            metadata.temperature
        )));
    }
    let Preprocessing {
        side,
        detail,
        mean,
        std,
    } = metadata.preprocessing;
    // The evidence map is 7 x 7 for 224; another side would silently mean another grid.
    let usable = side == Preprocessing::IMAGENET.side
        && (1..=side).contains(&detail)
        && mean.iter().all(|value| value.is_finite())
        && std.iter().all(|value| value.is_finite() && *value > 0.0);
    if !usable {
        return Err(foreign("its preprocessing is out of range".to_owned()));
    }
    if !(1..=FEATURES).contains(&metadata.attention.reduction) {
        return Err(foreign(format!(
            "its attention has reduction {}",
            metadata.attention.reduction
        )));
    }
    let usable = metadata.in_distribution.as_ref().is_none_or(Spread::usable)
        && metadata
            .prediction_sets
            .as_ref()
            .is_none_or(PredictionSets::usable);
    if !usable {
        return Err(foreign(
            "its statistics of trust are out of range".to_owned(),
        ));
    }
    Ok(metadata)
}

fn read_array(name: &str, view: &TensorView<'_>) -> Result<Array, BundleError> {
    Ok(Array {
        shape: view.shape().to_vec(),
        values: Width::of(name, view.dtype())?.numbers(view.data()),
    })
}
