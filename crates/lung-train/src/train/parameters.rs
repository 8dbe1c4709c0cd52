//! Which parameters are trained how, by their names.

use std::collections::BTreeMap;
use std::fs;
use std::marker::PhantomData;
use std::path::Path;

use anyhow::{Context as _, ensure};
use burn::module::{Module as _, ModuleMapper, Param};
use burn::tensor::{Device, Tensor};
use mobilenet_lung::bundle::read_tensors;
use mobilenet_lung::network::{MobileNetLung, TorchvisionNames};
use mobilenet_lung::{StateDict, load_state_dict, state_dict};

use crate::config::TrainConfig;
use crate::data::Shown as _;

/// The smallest scale: what starts at zero has to move as well.
const LEAST_SCALE: f32 = 1e-3;

/// The feature layer (0..=18) of MobileNet-Lung that a parameter belongs to; `None` for head and attention.
pub(super) fn body_layer(name: &str) -> Option<usize> {
    match name.contains(".attention.") {
        true => None,
        false => name
            .strip_prefix("features.")?
            .split('.')
            .next()?
            .parse()
            .ok(),
    }
}

/// How large a step each parameter that is wanted takes: its own size, a number for each row of its first dimension, or for a vector one.
///
/// Where batch norm is folded into the weights, the channels of one layer differ in size a hundredfold, while AdamW moves every number by
/// about as much: steps that suit the large ones destroy the small ones. A step is therefore made relative, by the root mean square of the
/// output channel's weights at the start, and of the layer's biases.
pub(crate) fn relative(
    start: &StateDict,
    wanted: impl Fn(&str) -> bool,
) -> BTreeMap<String, Vec<f32>> {
    let of_row = |row: &[f32]| {
        let mean = row.iter().map(|v| v * v).sum::<f32>() / row.len().max(1) as f32;
        mean.sqrt().max(LEAST_SCALE)
    };
    (start.iter())
        .filter(|(name, _)| wanted(name))
        .map(|(name, array)| {
            let rows = match array.shape.as_slice() {
                [rows, _, ..] => (*rows).max(1),
                _ => 1,
            };
            let row = (array.values.len() / rows).max(1);
            (name.clone(), array.values.chunks(row).map(of_row).collect())
        })
        .collect()
}

/// The network with all parameters to be trained but those that are `frozen`, by name.
pub(crate) fn freeze<N: TorchvisionNames>(network: N, frozen: &dyn Fn(&str) -> bool) -> N {
    network.map(&mut Freeze::<N> {
        path: Vec::new(),
        frozen,
        network: PhantomData,
    })
}

struct Freeze<'a, N> {
    path: Vec<String>,
    frozen: &'a dyn Fn(&str) -> bool,
    network: PhantomData<N>,
}

impl<N: TorchvisionNames> ModuleMapper for Freeze<'_, N> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = N::torchvision_name(&self.path);
        match is_statistic(&name) {
            true => param,
            false => param.set_require_grad(!(self.frozen)(&name)),
        }
    }
}

/// Whether a name is of the running statistics of a batch norm, which are followed and not trained.
fn is_statistic(name: &str) -> bool {
    name.contains(".running_")
}

/// The network that a training starts from, on `device`: drawn by the configuration's seed, with the parameters of the file
/// `pretrained` where there is one.
pub(super) fn first_network(
    config: &TrainConfig,
    findings: usize,
    pretrained: Option<&Path>,
    device: &Device,
) -> anyhow::Result<MobileNetLung> {
    // Drawn on the CPU whatever it is trained on: a seed is one start.
    let cpu = Device::flex().autodiff();
    cpu.seed(config.seed);
    let mut network = config.network(findings).init(&cpu);
    if let Some(path) = pretrained {
        network = load_backbone(network, path)?;
    }
    // Draws every weight now, right after the seed, instead of whenever each is first used.
    state_dict(&network)?;
    Ok(match *device == cpu {
        true => network,
        false => network.fork(device),
    })
}

/// Loads the parameters that a pretrained file has; a classifier of other classes in it is left out.
fn load_backbone(network: MobileNetLung, path: &Path) -> anyhow::Result<MobileNetLung> {
    let refused = || format!("cannot use the pretrained weights {}", path.shown());
    let bytes = fs::read(path).with_context(refused)?;
    let mut state = read_tensors(&bytes).with_context(refused)?;
    state.retain(|name, _| !name.starts_with("classifier."));
    ensure!(
        state.contains_key("features.0.0.weight"),
        "{}: it has no `features.0.0.weight`; a MobileNetV2 in torchvision's layout with batch norm folded is needed",
        refused()
    );
    load_state_dict(network, &state, true).with_context(refused)
}

#[cfg(test)]
mod tests {
    use mobilenet_lung::Array;

    use super::*;

    #[test]
    fn attention_and_head_belong_to_no_layer_of_the_body() {
        assert_eq!(body_layer("features.0.0.weight"), Some(0));
        assert_eq!(body_layer("features.17.conv.1.0.bias"), Some(17));
        assert_eq!(body_layer("features.18.attention.reduce.weight"), None);
        assert_eq!(body_layer("classifier.1.weight"), None);
    }

    #[test]
    fn scales_are_of_rows_and_for_a_vector_one() {
        let array = |shape: &[usize], values: &[f32]| Array {
            shape: shape.to_vec(),
            values: values.to_vec(),
        };
        let start = StateDict::from([
            ("a".to_owned(), array(&[2, 2], &[3.0, 4.0, 0.0, 0.0])),
            ("b".to_owned(), array(&[2], &[1.0, 7.0])),
            ("c".to_owned(), array(&[1], &[1.0])),
        ]);
        let scales = relative(&start, |name| name != "c");
        assert_eq!(scales["a"], [12.5f32.sqrt(), LEAST_SCALE]);
        assert_eq!(scales["b"], [5.0]);
        assert_eq!(scales.len(), 2);
    }
}
