//! The network as nodes of a graph.

use mobilenet_lung::network::{Attention, Convolution, GRID, InvertedResidual, MobileNetLung};
use mobilenet_lung::{Array, StateDict};

use super::error::OnnxError;
use super::proto;

/// Name of the graph's input.
pub const INPUT: &str = "input";
/// Name of the output `[batch, findings, 7, 7]`.
pub const EVIDENCE: &str = "evidence";
/// Name of the output `[batch, findings]`.
pub const LOGITS: &str = "logits";

/// Half the side of a kernel of this shape, as which it is padded.
fn half_of(shape: &[usize], path: &[&str], name: &str) -> Result<usize, OnnxError> {
    let side = shape.last().ok_or_else(|| OnnxError::Missing {
        name: format!("{}.{name}", path.join(".")),
    })?;
    Ok(side / 2)
}

/// A graph in the making.
pub(super) struct Graph<'a> {
    state: &'a StateDict,
    pub(super) nodes: Vec<proto::Node>,
    pub(super) initializers: Vec<proto::Tensor>,
}

impl<'a> Graph<'a> {
    pub(super) fn new(state: &'a StateDict) -> Self {
        Self {
            state,
            nodes: Vec::new(),
            // What every gate is multiplied with.
            initializers: vec![proto::Tensor::floats("two", &[], &[2.0])],
        }
    }

    /// The whole network, from [`INPUT`] to [`EVIDENCE`] and [`LOGITS`].
    pub(super) fn network(
        &mut self,
        network: &MobileNetLung,
        scales: &[f32],
        offsets: &[f32],
    ) -> Result<(), OnnxError> {
        let mut x = self.convolution(&["stem"], &network.stem, INPUT)?;
        for (index, block) in network.blocks.iter().enumerate() {
            x = self.block(&index.to_string(), block, x)?;
        }
        x = self.convolution(&["last"], &network.last, &x)?;
        if let Some(attention) = &network.attention {
            x = self.attention(&["attention"], attention, x)?;
        }

        // The head as a 1 x 1 convolution gives the evidence, whose sums are the logits: see `MobileNetLung::evidence`.
        let positions = (GRID * GRID) as f32;
        let weight = self.parameter(&["head", "weight"])?.1;
        let row = weight
            .values
            .len()
            .checked_div(scales.len())
            .unwrap_or(0)
            .max(1);
        let scaled: Vec<f32> = (weight.values.chunks(row).zip(scales))
            .flat_map(|(row, scale)| row.iter().map(move |value| value * scale / positions))
            .collect();
        let mut shape = weight.shape.clone();
        shape.extend([1, 1]);
        let weight = proto::Tensor::floats("head.weight", &shape, &scaled);
        let bias = self.parameter(&["head", "bias"])?.1;
        let moved: Vec<f32> = (bias.values.iter().zip(scales.iter().zip(offsets)))
            .map(|(value, (scale, offset))| (value * scale + offset) / positions)
            .collect();
        let bias = proto::Tensor::floats("head.bias", &bias.shape, &moved);
        self.initializers.extend([weight, bias]);
        self.push("Conv", EVIDENCE, &[&x, "head.weight", "head.bias"], vec![]);
        self.initializers
            .push(proto::Tensor::integers("positions", &[2, 3]));
        self.push(
            "ReduceSum",
            LOGITS,
            &[EVIDENCE, "positions"],
            vec![proto::Attribute::integer("keepdims", 0)],
        );
        Ok(())
    }

    fn block(
        &mut self,
        index: &str,
        block: &InvertedResidual,
        input: String,
    ) -> Result<String, OnnxError> {
        let mut x = input.clone();
        if let Some(expand) = &block.expand {
            x = self.convolution(&["blocks", index, "expand"], expand, &x)?;
        }
        x = self.convolution(&["blocks", index, "depthwise"], &block.depthwise, &x)?;
        x = self.convolution(&["blocks", index, "project"], &block.project, &x)?;
        if let Some(attention) = &block.attention {
            x = self.attention(&["blocks", index, "attention"], attention, x)?;
        }
        if block.is_residual() {
            let sum = format!("blocks.{index}.sum");
            x = self.push("Add", &sum, &[&input, &x], vec![]);
        }
        Ok(x)
    }

    /// A convolution, its bias, and the clamp that may follow. Returns the name of the result.
    fn convolution(
        &mut self,
        path: &[&str],
        layer: &Convolution,
        input: &str,
    ) -> Result<String, OnnxError> {
        let geometry = layer.geometry();
        let weight = self.add(&with(path, "weight"), None)?;
        let bias = self.add(&with(path, "bias"), None)?;
        let padding = half_of(&layer.weight.lazy_shape().to_vec(), path, "weight")?;
        let name = path.join(".");
        let x = self.push(
            "Conv",
            &name,
            &[input, &weight, &bias],
            vec![
                proto::Attribute::integer("group", geometry.groups as i64),
                proto::Attribute::integers("strides", &[geometry.stride as i64; 2]),
                proto::Attribute::integers("pads", &[padding as i64; 4]),
            ],
        );
        if geometry.activation == lung_kernels::Activation::Linear {
            return Ok(x);
        }
        // Before the first clamp its limits are no part of the file yet.
        if self.nodes.iter().all(|node| node.op_type() != "Clip") {
            self.initializers.extend([
                proto::Tensor::floats("zero", &[], &[0.0]),
                proto::Tensor::floats("six", &[], &[6.0]),
            ]);
        }
        let clamped = format!("{name}.relu6");
        Ok(self.push("Clip", &clamped, &[&x, "zero", "six"], vec![]))
    }

    /// The gates of [`Attention::forward`]. Returns the name of the result.
    fn attention(
        &mut self,
        path: &[&str],
        attention: &Attention,
        input: String,
    ) -> Result<String, OnnxError> {
        let name = path.join(".");
        // `[rows, columns]` is a 1 x 1 kernel.
        let kernel = Some([1, 1]);
        let weights = [
            self.add(&with(path, "reduce_weight"), kernel)?,
            self.add(&with(path, "reduce_bias"), None)?,
            self.add(&with(path, "expand_weight"), kernel)?,
            self.add(&with(path, "expand_bias"), None)?,
        ];
        let mut excitation = self.excitation(&name, "mean", "GlobalAveragePool", &input, &weights);
        if attention.spatial_weight.is_some() {
            let second = self.excitation(&name, "max", "GlobalMaxPool", &input, &weights);
            let sum = format!("{name}.sum");
            excitation = self.push("Add", &sum, &[&excitation, &second], vec![]);
        }
        let output = self.gate(&format!("{name}.channels"), &excitation, &input);
        let (Some(weight), Some(_)) = (&attention.spatial_weight, &attention.spatial_bias) else {
            return Ok(output);
        };

        let over_channels = || vec![proto::Attribute::integers("axes", &[1])];
        let [mean, max] = [("mean", "ReduceMean"), ("max", "ReduceMax")].map(|(what, operator)| {
            let result = format!("{name}.spatial.{what}");
            self.push(operator, &result, &[&output], over_channels())
        });
        let summary = format!("{name}.spatial.summary");
        let axis = vec![proto::Attribute::integer("axis", 1)];
        let summary = self.push("Concat", &summary, &[&mean, &max], axis);
        let kernel = self.add(&with(path, "spatial_weight"), None)?;
        let bias = self.add(&with(path, "spatial_bias"), None)?;
        let padding = half_of(&weight.lazy_shape().to_vec(), path, "spatial_weight")?;
        let position = self.push(
            "Conv",
            &format!("{name}.spatial"),
            &[&summary, &kernel, &bias],
            vec![proto::Attribute::integers("pads", &[padding as i64; 4])],
        );
        Ok(self.gate(&format!("{name}.positions"), &position, &output))
    }

    /// The hidden layer of an attention on what `pool` makes of each channel.
    fn excitation(
        &mut self,
        name: &str,
        what: &str,
        pool: &str,
        input: &str,
        [reduce, reduce_bias, expand, expand_bias]: &[String; 4],
    ) -> String {
        let name = format!("{name}.{what}");
        let x = self.push(pool, &format!("{name}.pool"), &[input], vec![]);
        let inputs = [x.as_str(), reduce, reduce_bias];
        let x = self.push("Conv", &format!("{name}.reduce"), &inputs, vec![]);
        let x = self.push("Relu", &format!("{name}.relu"), &[&x], vec![]);
        let inputs = [x.as_str(), expand, expand_bias];
        self.push("Conv", &format!("{name}.expand"), &inputs, vec![])
    }

    /// `input * 2 * sigmoid(excitation)`.
    fn gate(&mut self, name: &str, excitation: &str, input: &str) -> String {
        let x = self.push("Sigmoid", &format!("{name}.sigmoid"), &[excitation], vec![]);
        let x = self.push("Mul", &format!("{name}.gate"), &[&x, "two"], vec![]);
        self.push("Mul", name, &[input, &x], vec![])
    }

    /// Adds a node with one output, and returns the name of that.
    fn push(
        &mut self,
        operator: &str,
        output: &str,
        inputs: &[&str],
        attribute: Vec<proto::Attribute>,
    ) -> String {
        self.nodes.push(proto::Node {
            input: inputs.iter().map(|&name| name.to_owned()).collect(),
            output: vec![output.to_owned()],
            name: Some(output.to_owned()),
            op_type: Some(operator.to_owned()),
            attribute,
        });
        output.to_owned()
    }

    /// Adds the parameter at `path` of the network, its shape continued by `trailing`, and returns its name.
    fn add(&mut self, path: &[&str], trailing: Option<[usize; 2]>) -> Result<String, OnnxError> {
        let (name, array) = self.parameter(path)?;
        let mut shape = array.shape.clone();
        shape.extend(trailing.into_iter().flatten());
        self.initializers
            .push(proto::Tensor::floats(&name, &shape, &array.values));
        Ok(name)
    }

    /// Name and value of the parameter at `path` of the network.
    fn parameter(&self, path: &[&str]) -> Result<(String, &'a Array), OnnxError> {
        let path: Vec<String> = path.iter().map(|&part| part.to_owned()).collect();
        let name = MobileNetLung::torchvision_name(&path);
        match self.state.get(&name) {
            Some(array) => Ok((name, array)),
            None => Err(OnnxError::Missing { name }),
        }
    }
}

fn with<'p>(path: &[&'p str], part: &'p str) -> Vec<&'p str> {
    path.iter().copied().chain([part]).collect()
}
