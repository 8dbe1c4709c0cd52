//! A network's parameters by name, outside of any device.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};

use crate::network::MobileNetLung;

/// One parameter: its shape and its numbers, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Size of each dimension.
    pub shape: Vec<usize>,
    /// As many numbers as the shape has places.
    pub values: Vec<f32>,
}

/// Parameters by torchvision name, in the order of their names.
pub type StateDict = BTreeMap<String, Array>;

/// Why a state dict does not fit a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// A parameter of the network is not in the dict.
    #[error("the tensor `{name}` is missing")]
    Missing {
        /// Its name.
        name: String,
    },
    /// A parameter has another shape than the network needs.
    #[error("the tensor `{name}` has shape {found:?}, the network needs {expected:?}")]
    Shape {
        /// Its name.
        name: String,
        /// The shape in the dict.
        found: Vec<usize>,
        /// The shape in the network.
        expected: Vec<usize>,
    },
    /// The dict holds a tensor that the network has not.
    #[error("the tensor `{name}` is unknown to this network")]
    Unknown {
        /// Its name.
        name: String,
    },
    /// A parameter could not be read back from its device.
    #[error("the tensor `{name}` could not be read from its device: {detail}")]
    ReadBack {
        /// Its name.
        name: String,
        /// What the device said.
        detail: String,
    },
}

/// Every parameter of the network by name.
///
/// # Errors
/// [`StateError::ReadBack`] when a device does not give its numbers.
pub fn state_dict(network: &MobileNetLung) -> Result<StateDict, StateError> {
    let mut reader = Reader::default();
    network.visit(&mut reader);
    match reader.error {
        Some(error) => Err(error),
        None => Ok(reader.state),
    }
}

/// Name and shape of every parameter, without allocating any.
pub fn parameter_shapes(network: &MobileNetLung) -> BTreeMap<String, Vec<usize>> {
    let mut shapes = Shapes::default();
    network.visit(&mut shapes);
    shapes.shapes
}

/// The network with the parameters of `state`, each on the device and with the gradient setting it had.
///
/// With `partial`, parameters that `state` lacks keep what they had: a backbone without its head. Names that the
/// network lacks are refused either way.
///
/// # Errors
/// Every way in which the two do not fit: see [`StateError`]. The network is not changed then.
pub fn load_state_dict(
    network: MobileNetLung,
    state: &StateDict,
    partial: bool,
) -> Result<MobileNetLung, StateError> {
    let shapes = parameter_shapes(&network);
    for (name, array) in state {
        match shapes.get(name) {
            None => return Err(StateError::Unknown { name: name.clone() }),
            Some(expected) if *expected != array.shape => {
                return Err(StateError::Shape {
                    name: name.clone(),
                    found: array.shape.clone(),
                    expected: expected.clone(),
                });
            }
            Some(_) => {}
        }
    }
    if !partial && let Some(name) = shapes.keys().find(|name| !state.contains_key(*name)) {
        return Err(StateError::Missing { name: name.clone() });
    }
    Ok(network.map(&mut Loader {
        path: Vec::new(),
        state,
    }))
}

#[derive(Default)]
struct Reader {
    path: Vec<String>,
    state: StateDict,
    error: Option<StateError>,
}

impl ModuleVisitor for Reader {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let name = MobileNetLung::torchvision_name(&self.path);
        let tensor = param.val();
        let shape = tensor.dims().to_vec();
        match tensor.into_data().try_into_vec::<f32>() {
            Ok(values) => {
                self.state.insert(name, Array { shape, values });
            }
            Err(error) => {
                self.error.get_or_insert(StateError::ReadBack {
                    name,
                    detail: format!("{error:?}"),
                });
            }
        }
    }
}

#[derive(Default)]
struct Shapes {
    path: Vec<String>,
    shapes: BTreeMap<String, Vec<usize>>,
}

impl ModuleVisitor for Shapes {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.shapes.insert(
            MobileNetLung::torchvision_name(&self.path),
            param.lazy_shape().to_vec(),
        );
    }
}

struct Loader<'a> {
    path: Vec<String>,
    state: &'a StateDict,
}

impl ModuleMapper for Loader<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match self.state.get(&MobileNetLung::torchvision_name(&self.path)) {
            Some(array) => {
                let data = TensorData::new(array.values.clone(), array.shape.clone());
                let tensor = Tensor::from_data(data, &param.lazy_device());
                let id = param.id;
                param.transform_for_load(tensor, id)
            }
            None => param,
        }
    }
}
