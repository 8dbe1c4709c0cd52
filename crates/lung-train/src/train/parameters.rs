//! Which parameters are trained how, and how far each moves in a step.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};
use burn::module::{Module as _, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::{Device, Tensor, TensorData};
use mobilenet_lung::bundle::read_tensors;
use mobilenet_lung::network::{FEATURE_LAYERS, MobileNetLung};
use mobilenet_lung::{load_state_dict, state_dict};

use crate::config::TrainConfig;
use crate::data::Shown as _;

/// Which parameters are trained how.
#[derive(Default)]
pub(super) struct Roles {
    path: Vec<String>,
    /// Head and attention.
    pub(super) head: Vec<ParamId>,
    /// Feature layer and parameter.
    pub(super) body: Vec<(usize, ParamId)>,
    pub(super) biases: Vec<ParamId>,
}

impl ModuleVisitor for Roles {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if D == 1 {
            self.biases.push(param.id);
        }
        let attention = self.path.iter().any(|part| part == "attention");
        match MobileNetLung::layer_of(&self.path) {
            Some(layer) if layer < FEATURE_LAYERS && !attention => {
                self.body.push((layer, param.id));
            }
            _ => self.head.push(param.id),
        }
    }
}

/// How large a step each parameter of a feature layer takes: its own size at the start.
///
/// Batch norm is folded into the weights, so the channels of one layer differ in size a hundredfold, while AdamW moves
/// every number by about as much: steps that suit the large ones destroy the small ones. A step is therefore made
/// relative, by the root mean square of the output channel's weights at the start, and of the layer's biases.
#[derive(Default)]
pub(super) struct Scales {
    path: Vec<String>,
    /// By the parameter's path: one number for each of its first dimension.
    of: HashMap<String, Vec<f32>>,
    /// A parameter that could not be read, and why.
    unread: Option<String>,
}

impl Scales {
    /// Refuses scales that a parameter is missing from: its steps would not be relative.
    ///
    /// # Errors
    /// Names the parameter whose numbers the device did not give.
    pub(super) fn are_whole(&self) -> anyhow::Result<()> {
        match &self.unread {
            None => Ok(()),
            Some(unread) => anyhow::bail!("the numbers of a parameter could not be read: {unread}"),
        }
    }
}

/// The smallest scale: what starts at zero has to move as well.
const LEAST_SCALE: f32 = 1e-3;

/// Whether a parameter's steps are relative: one of a feature layer, and no attention's.
fn is_scaled(path: &[String]) -> bool {
    let attention = path.iter().any(|part| part == "attention");
    !attention && MobileNetLung::layer_of(path).is_some_and(|layer| layer < FEATURE_LAYERS)
}

impl ModuleVisitor for Scales {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if !is_scaled(&self.path) {
            return;
        }
        let values = param.val();
        let rows = if D == 1 { 1 } else { values.dims()[0] };
        let data = match values.into_data().try_into_vec::<f32>() {
            Ok(data) if !data.is_empty() => data,
            other => {
                self.unread = Some(format!("{}: {other:?}", self.path.join(".")));
                return;
            }
        };
        let of_row = |row: &[f32]| {
            let mean = row.iter().map(|v| v * v).sum::<f32>() / row.len().max(1) as f32;
            mean.sqrt().max(LEAST_SCALE)
        };
        let scales = data.chunks((data.len() / rows).max(1)).map(of_row);
        self.of.insert(self.path.join("."), scales.collect());
    }
}

/// The values of parameters whose steps are relative, flat, by path.
#[derive(Default)]
pub(super) struct Values {
    path: Vec<String>,
    of: HashMap<String, Tensor<1>>,
}

impl ModuleVisitor for Values {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if is_scaled(&self.path) {
            let values = param.val().inner();
            let length = values.shape().num_elements();
            self.of
                .insert(self.path.join("."), values.reshape([length]));
        }
    }
}

/// Makes the last step of each parameter relative to its scale.
pub(super) struct Shorten<'a> {
    path: Vec<String>,
    scales: &'a Scales,
    before: Values,
}

impl<'a> Shorten<'a> {
    /// What makes the step since `before` relative.
    pub(super) fn new(scales: &'a Scales, before: Values) -> Self {
        Self {
            path: Vec::new(),
            scales,
            before,
        }
    }
}

impl ModuleMapper for Shorten<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let path = self.path.join(".");
        let (Some(before), Some(scales)) =
            (self.before.of.remove(&path), self.scales.of.get(&path))
        else {
            return param;
        };
        param.map(|after| {
            let requires_grad = after.is_require_grad();
            let after = after.inner();
            let shape = after.dims();
            let mut by_row = [1; D];
            by_row[0] = scales.len();
            let scales = Tensor::<1>::from_data(
                TensorData::new(scales.clone(), [scales.len()]),
                &after.device(),
            )
            .reshape(by_row);
            let before = before.reshape(shape);
            let step = (after - before.clone()) * scales;
            let moved = Tensor::from_inner(before + step);
            if requires_grad {
                moved.require_grad()
            } else {
                moved
            }
        })
    }
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
