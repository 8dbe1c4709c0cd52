//! Parameters into a network and out of it, by name.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};

use crate::state::{Array, StateDict, StateError, check};

/// A network whose parameters have the names that torchvision gives them.
pub trait TorchvisionNames: Module {
    /// The name of the parameter at `path`, the fields of the module from the outermost in.
    fn torchvision_name(path: &[String]) -> String;
}

/// Every parameter of the network by name.
///
/// # Errors
/// [`StateError::ReadBack`] when a device does not give its numbers.
pub fn state_dict<N: TorchvisionNames>(network: &N) -> Result<StateDict, StateError> {
    let mut reader = Reader::<N> {
        path: Vec::new(),
        state: StateDict::new(),
        error: None,
        network: PhantomData,
    };
    network.visit(&mut reader);
    match reader.error {
        Some(error) => Err(error),
        None => Ok(reader.state),
    }
}

/// Name and shape of every parameter, without allocating any.
pub fn parameter_shapes<N: TorchvisionNames>(network: &N) -> BTreeMap<String, Vec<usize>> {
    let mut shapes = Shapes::<N> {
        path: Vec::new(),
        shapes: BTreeMap::new(),
        network: PhantomData,
    };
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
pub fn load_state_dict<N: TorchvisionNames>(
    network: N,
    state: &StateDict,
    partial: bool,
) -> Result<N, StateError> {
    check(state, &parameter_shapes(&network), partial)?;
    Ok(network.map(&mut Loader::<N> {
        path: Vec::new(),
        state,
        network: PhantomData,
    }))
}

struct Reader<N> {
    path: Vec<String>,
    state: StateDict,
    error: Option<StateError>,
    network: PhantomData<N>,
}

impl<N: TorchvisionNames> ModuleVisitor for Reader<N> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let name = N::torchvision_name(&self.path);
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

struct Shapes<N> {
    path: Vec<String>,
    shapes: BTreeMap<String, Vec<usize>>,
    network: PhantomData<N>,
}

impl<N: TorchvisionNames> ModuleVisitor for Shapes<N> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.shapes
            .insert(N::torchvision_name(&self.path), param.lazy_shape().to_vec());
    }
}

struct Loader<'a, N> {
    path: Vec<String>,
    state: &'a StateDict,
    network: PhantomData<N>,
}

impl<N: TorchvisionNames> ModuleMapper for Loader<'_, N> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match self.state.get(&N::torchvision_name(&self.path)) {
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
