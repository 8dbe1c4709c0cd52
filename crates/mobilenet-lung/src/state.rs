//! A network's parameters by name, outside of any device.

use std::borrow::Cow;
use std::collections::BTreeMap;

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

/// Where a network takes its parameters from, one by one: a dict has them as they are, a weights file widens them.
pub(crate) trait Parameters {
    /// The numbers of the parameter `name`, row by row.
    fn values(&self, name: &str) -> Option<Cow<'_, [f32]>>;
}

impl Parameters for StateDict {
    fn values(&self, name: &str) -> Option<Cow<'_, [f32]>> {
        self.get(name)
            .map(|array| Cow::Borrowed(array.values.as_slice()))
    }
}

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

/// Whether names and shapes are those of `shapes`: all of them, or with `partial` some.
///
/// # Errors
/// [`StateError::Unknown`], [`StateError::Shape`] or [`StateError::Missing`].
pub(crate) fn check(
    state: &StateDict,
    shapes: &BTreeMap<String, Vec<usize>>,
    partial: bool,
) -> Result<(), StateError> {
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
    match shapes.keys().find(|name| !state.contains_key(*name)) {
        Some(name) if !partial => Err(StateError::Missing { name: name.clone() }),
        _ => Ok(()),
    }
}
