//! Weights that somebody else has trained: torchvision's own `.pth` files, and safetensors with the same names.
//!
//! A `.pth` file is a pickle, which in Python is a program. Here it is read as data: nothing in it is ever run.

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use mobilenet_lung::network::BatchNorms;
use mobilenet_lung::{Array, StateDict, StateError, load_state_dict, parameter_shapes};
use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors};

use super::architecture::Architecture;
use super::network::Network;
use super::pytorch::{self, Kind, PytorchError};

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
            let kind = match view.dtype() {
                Dtype::F16 => Kind::F16,
                Dtype::BF16 => Kind::Bf16,
                Dtype::F32 => Kind::F32,
                Dtype::F64 => Kind::F64,
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
                values: kind.numbers(view.data()),
            };
            Ok((name.to_owned(), array))
        })
        .collect()
}

fn read_pytorch(path: &Path) -> Result<StateDict, WeightsError> {
    pytorch::read(&bytes_of(path)?, is_counter).map_err(|source| WeightsError::Pytorch {
        path: path.to_owned(),
        source,
    })
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
