//! Weights that somebody else has trained: torchvision's own `.pth` files, and safetensors with the same names.
//!
//! A `.pth` file is a pickle, which in Python is a program. burn's reader takes it as data: nothing in it is ever run.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufReader, ErrorKind, Read, Seek};
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use half::{bf16, f16};
use mobilenet_lung::network::BatchNorms;
use mobilenet_lung::{Array, StateDict, StateError, load_state_dict, parameter_shapes};
use pytorch_reader::{DType, PytorchError, PytorchReader, Tensor};
use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors};
use zip::{CompressionMethod, ZipArchive};

use super::architecture::Architecture;
use super::network::Network;

/// How many times the size of its file all tensors may take together: tied weights are two tensors in one place.
const MAX_SHARING: u64 = 2;

/// Why a file of weights cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The file could not be read.
    #[error("cannot read {path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file's name ends in something else than what is read.
    #[error(
        "{0} is no weights file that can be read; give one that ends in .pth, .pt or .safetensors"
    )]
    Extension(PathBuf),
    /// The file is no safetensors file.
    #[error("{path} is not a readable safetensors file: {source}; fetch or write it again")]
    Safetensors {
        /// Which.
        path: PathBuf,
        /// Why.
        source: SafeTensorError,
    },
    /// The file is no weights file of PyTorch.
    #[error(
        "{path} is not a readable weights file of PyTorch: {source}. Fetch it again, or save the state_dict() again"
    )]
    Pytorch {
        /// Which.
        path: PathBuf,
        /// Why.
        source: PytorchError,
    },
    /// An entry of the archive is compressed, so that the file's size would not bound what it unpacks to.
    #[error(
        "the entry `{entry}` of {path} is compressed, as torch.save() does not write it; save the state_dict() again"
    )]
    Compressed {
        /// Which file.
        path: PathBuf,
        /// Which entry.
        entry: String,
    },
    /// The file of PyTorch has no tensors.
    #[error("{0} holds no dict of tensors; save the model's state_dict()")]
    NoTensors(PathBuf),
    /// The tensors up to this one claim more numbers than the file has.
    #[error(
        "the tensors of {path} up to `{name}` claim more numbers than the file has; fetch it again, or save the state_dict() again"
    )]
    Beyond {
        /// Which file.
        path: PathBuf,
        /// Which tensor.
        name: String,
    },
    /// A tensor is not of floating-point numbers.
    #[error("the tensor `{name}` of {path} is of {dtype}; f16, bf16, f32 and f64 are read")]
    Dtype {
        /// Which file.
        path: PathBuf,
        /// Which tensor.
        name: String,
        /// Of what it is.
        dtype: String,
    },
    /// A tensor has a number that is none, or infinite.
    #[error(
        "the tensor `{name}` of {path} holds a number that is not finite; fetch or write the file again"
    )]
    NotFinite {
        /// Which file.
        path: PathBuf,
        /// Which tensor.
        name: String,
    },
    /// The file lacks the network's first layer.
    #[error("{path} has no `{stem}`: it is not of a {title} with torchvision's names")]
    OtherNetwork {
        /// Which file.
        path: PathBuf,
        /// The first layer's weight.
        stem: String,
        /// The network for people.
        title: String,
    },
    /// A tensor does not fit the network.
    #[error("{path} does not fit {title}: {source}")]
    State {
        /// Which file.
        path: PathBuf,
        /// The network for people.
        title: String,
        /// Which tensor, and both shapes.
        source: StateError,
    },
}

/// A network that starts from somebody else's weights.
#[derive(Debug)]
pub struct Start {
    /// The network; its head, and what [`Start::fresh`] names, with random weights.
    pub network: Network,
    /// Parameters of the body that the file lacks, by name. Attention and head are not meant to be in it.
    pub fresh: Vec<String>,
    /// Whether the file's batch norms are folded into its convolutions, and the network's with them.
    pub norms: BatchNorms,
}

/// Every tensor of a `.pth`, `.pt` or `.safetensors` file as f32, but the counters of batch norms.
///
/// # Errors
/// A file that cannot be read or is damaged, a tensor that is no floating-point tensor or not finite.
pub fn read_weights(path: &Path) -> Result<StateDict, WeightsError> {
    let extension = path
        .extension()
        .map(|extension| extension.to_string_lossy().to_lowercase());
    let state = match extension.as_deref() {
        Some("safetensors") => read_safetensors(path)?,
        Some("pth" | "pt") => read_pytorch(path)?,
        _ => return Err(WeightsError::Extension(path.to_owned())),
    };
    match state
        .iter()
        .find(|(_, array)| !array.values.iter().all(|value| value.is_finite()))
    {
        Some((name, _)) => Err(WeightsError::NotFinite {
            path: path.to_owned(),
            name: name.clone(),
        }),
        None => Ok(state),
    }
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, WeightsError> {
    fs::read(path).map_err(|source| WeightsError::Io {
        path: path.to_owned(),
        source,
    })
}

fn read_safetensors(path: &Path) -> Result<StateDict, WeightsError> {
    let bytes = bytes_of(path)?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(|source| WeightsError::Safetensors {
        path: path.to_owned(),
        source,
    })?;
    tensors
        .iter()
        .filter(|(name, _)| !is_counter(name))
        .map(|(name, view)| {
            let encoding = match view.dtype() {
                Dtype::F16 => Encoding::F16,
                Dtype::BF16 => Encoding::Bf16,
                Dtype::F32 => Encoding::F32,
                Dtype::F64 => Encoding::F64,
                other => {
                    return Err(WeightsError::Dtype {
                        path: path.to_owned(),
                        name: name.to_owned(),
                        dtype: format!("{other:?}"),
                    });
                }
            };
            let array = Array {
                shape: view.shape().to_vec(),
                values: encoding.numbers(view.data()),
            };
            Ok((name.to_owned(), array))
        })
        .collect()
}

fn read_pytorch(path: &Path) -> Result<StateDict, WeightsError> {
    let failed = |source| of_reader(path, source);
    let length = refuse_compressed(path)?;
    let reader = PytorchReader::new(path).map_err(failed)?;
    let tensors: BTreeMap<String, Tensor> = reader.into_tensors().into_iter().collect();
    let mut state = StateDict::new();
    let mut total: u64 = 0;
    for (name, tensor) in tensors.into_iter().filter(|(name, _)| !is_counter(name)) {
        let encoding = match tensor.dtype() {
            DType::F16 => Encoding::F16,
            DType::BF16 => Encoding::Bf16,
            DType::F32 => Encoding::F32,
            DType::F64 => Encoding::F64,
            other => {
                return Err(WeightsError::Dtype {
                    path: path.to_owned(),
                    name,
                    dtype: format!("{other:?}"),
                });
            }
        };
        // A view may repeat one number any number of times, and many views may lie in the same place.
        total = total.saturating_add(tensor.byte_len() as u64);
        if total > length.saturating_mul(MAX_SHARING) {
            return Err(WeightsError::Beyond {
                path: path.to_owned(),
                name,
            });
        }
        let mut bytes = tensor.read().map_err(|error| failed(error.into()))?;
        if cfg!(target_endian = "big") {
            // The reader gives numbers in the order of the machine.
            let size = tensor.dtype().size();
            bytes.chunks_mut(size).for_each(<[u8]>::reverse);
        }
        let array = Array {
            shape: tensor.shape().to_vec(),
            values: encoding.numbers(&bytes),
        };
        state.insert(name, array);
    }
    match state.is_empty() {
        true => Err(WeightsError::NoTensors(path.to_owned())),
        false => Ok(state),
    }
}

/// The size of a file, in bytes, if it is no archive with a compressed entry.
///
/// The reader inflates entries, and a small file could become any amount of memory and time in it.
fn refuse_compressed(path: &Path) -> Result<u64, WeightsError> {
    let unread = |source| WeightsError::Io {
        path: path.to_owned(),
        source,
    };
    let broken = |source| of_reader(path, PytorchError::Zip(source));
    let mut file = File::open(path).map_err(unread)?;
    let length = file.metadata().map_err(unread)?.len();
    let mut start = Vec::new();
    file.by_ref()
        .take(2)
        .read_to_end(&mut start)
        .map_err(unread)?;
    if start != b"PK" {
        return Ok(length);
    }
    file.rewind().map_err(unread)?;
    let archive = ZipArchive::new(BufReader::new(file)).map_err(broken)?;
    for number in 0..archive.len() {
        let entry = archive.by_index_data(number).map_err(broken)?;
        if entry.compression() != CompressionMethod::Stored {
            return Err(WeightsError::Compressed {
                path: path.to_owned(),
                entry: String::from_utf8_lossy(entry.name_raw()).into_owned(),
            });
        }
    }
    Ok(length)
}

/// What the reader says, told apart: a file that contradicts itself, and one that the system does not give.
fn of_reader(path: &Path, source: PytorchError) -> WeightsError {
    let path = path.to_owned();
    match source {
        PytorchError::Io(source)
            if !matches!(
                source.kind(),
                ErrorKind::InvalidData | ErrorKind::UnexpectedEof
            ) =>
        {
            WeightsError::Io { path, source }
        }
        source => WeightsError::Pytorch { path, source },
    }
}

/// How numbers are stored, little-endian.
#[derive(Clone, Copy)]
enum Encoding {
    F16,
    Bf16,
    F32,
    F64,
}

impl Encoding {
    fn numbers(self, bytes: &[u8]) -> Vec<f32> {
        match self {
            Self::F16 => (bytes.as_chunks::<2>().0.iter())
                .map(|bytes| f16::from_le_bytes(*bytes).to_f32())
                .collect(),
            Self::Bf16 => (bytes.as_chunks::<2>().0.iter())
                .map(|bytes| bf16::from_le_bytes(*bytes).to_f32())
                .collect(),
            Self::F32 => (bytes.as_chunks::<4>().0.iter())
                .map(|bytes| f32::from_le_bytes(*bytes))
                .collect(),
            Self::F64 => (bytes.as_chunks::<8>().0.iter())
                .map(|bytes| f64::from_le_bytes(*bytes) as f32)
                .collect(),
        }
    }
}

/// How many batches a norm has seen: PyTorch keeps that beside the statistics, and nothing here needs it.
fn is_counter(name: &str) -> bool {
    name.ends_with("num_batches_tracked")
}

/// The network with a file's weights, and a head of its own.
///
/// A file without running statistics has its batch norms folded, and so has the network then. A convolution whose
/// weight is missing starts from scratch, and its bias at 0: a bias that made up for other weights would only be in
/// the way.
///
/// # Errors
/// What [`read_weights`] refuses; a file of another network; a tensor that is unknown to the network, or of another
/// shape.
pub fn start_from(
    architecture: Architecture,
    path: &Path,
    device: &Device,
) -> Result<Start, WeightsError> {
    let mut state: StateDict = read_weights(path)?
        .into_iter()
        .map(|(name, array)| (modern(name), array))
        .collect();
    let head = [".weight", ".bias"].map(|part| format!("{}{part}", architecture.head()));
    state.retain(|name, _| !head.contains(name));
    let stem = format!("{}.weight", architecture.stem());
    if !state.contains_key(&stem) {
        return Err(WeightsError::OtherNetwork {
            path: path.to_owned(),
            stem,
            title: architecture.title(),
        });
    }
    let norms = match state.keys().any(|name| name.ends_with(".running_mean")) {
        false if architecture.can_be_folded() => BatchNorms::Folded,
        _ => BatchNorms::Kept,
    };
    let network = Network::init(architecture, norms, device);
    let fresh: Vec<String> = parameter_shapes(&network)
        .into_keys()
        .filter(|name| {
            !state.contains_key(name) && !head.contains(name) && !name.contains(".attention.")
        })
        .collect();
    for name in &fresh {
        if let Some(layer) = name.strip_suffix(".weight")
            && let Some(bias) = state.get_mut(&format!("{layer}.bias"))
        {
            bias.values.fill(0.0);
        }
    }
    let network = load_state_dict(network, &state, true).map_err(|source| WeightsError::State {
        path: path.to_owned(),
        title: architecture.title(),
        source,
    })?;
    Ok(Start {
        network,
        fresh,
        norms,
    })
}

/// torchvision's file of DenseNet121 has names of before dots were forbidden in them: `denselayer1.norm.1.weight`.
fn modern(name: String) -> String {
    if !name.contains(".denselayer") {
        return name;
    }
    ["norm.1.", "norm.2.", "conv.1.", "conv.2."]
        .iter()
        .fold(name, |name, old| {
            name.replace(
                &format!(".{old}"),
                &format!(".{}{}.", &old[..4], &old[5..6]),
            )
        })
}
