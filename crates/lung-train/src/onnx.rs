//! A bundle as an ONNX file, for other runtimes: the same network with the same numbers.
//!
//! The graph takes `input`, `[batch, 3, side, side]` as [`mobilenet_lung::Preprocessing::apply`] makes it, and gives
//! `evidence`, `[batch, findings, 7, 7]`, and `logits`, `[batch, findings]`: the two of a [`mobilenet_lung::Report`] at the
//! default operating point, already scaled and moved. A softmax over the logits gives the report's probabilities.
//!
//! Only operators that every runtime has are used. An attention's fully connected layers are written as 1 x 1
//! convolutions, which they are, so that nothing has to be reshaped.

use burn::tensor::Device;
use mobilenet_lung::bundle::BundleError;
use mobilenet_lung::network::{Attention, Convolution, GRID, InvertedResidual, MobileNetLung};
use mobilenet_lung::{Array, Bundle, StateDict};
use prost::Message;

/// The version of the operators: the newest that all of the runtimes in use since 2022 know.
const OPSET: i64 = 17;
/// The version of the file format that goes with it.
const IR_VERSION: i64 = 8;
/// The name of the dimension whose size the reader chooses.
const BATCH: &str = "batch";
/// Name of the graph's input.
pub const INPUT: &str = "input";
/// Name of the output `[batch, findings, 7, 7]`.
pub const EVIDENCE: &str = "evidence";
/// Name of the output `[batch, findings]`.
pub const LOGITS: &str = "logits";

/// Why a bundle could not be written as ONNX.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// The bundle does not make a network.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A layer of the network has no tensor in the bundle.
    #[error("the bundle has no tensor `{name}`, which the graph needs")]
    Missing {
        /// Its name.
        name: String,
    },
}

/// Half the side of a kernel of this shape, as which it is padded.
fn half_of(shape: &[usize], path: &[&str], name: &str) -> Result<usize, OnnxError> {
    let side = shape.last().ok_or_else(|| OnnxError::Missing {
        name: format!("{}.{name}", path.join(".")),
    })?;
    Ok(side / 2)
}

/// The ONNX file of a bundle, in f32.
///
/// The same bundle gives the same bytes.
///
/// # Errors
/// None for a bundle that [`Bundle::read`] returned; see [`OnnxError`].
pub fn to_onnx(bundle: &Bundle) -> Result<Vec<u8>, OnnxError> {
    let network = bundle.network(&Device::flex())?;
    let mut graph = Graph::new(bundle.state());
    let metadata = bundle.metadata();
    let point = (metadata.default_point()).ok_or_else(|| BundleError::DefaultOperatingPoint {
        default: metadata.default_operating_point.clone(),
        names: metadata.operating_point_names(),
    })?;
    let offsets: Vec<f32> = point.offsets.values().copied().collect();
    let scales: Vec<f32> = metadata.scales.values().copied().collect();
    graph.network(&network, &scales, &offsets)?;

    let side = i64::from(bundle.metadata().preprocessing.side);
    let (findings, grid) = (metadata.findings.len() as i64, GRID as i64);
    let ids: Vec<&str> = metadata.findings.ids().collect();
    let entry = |key: &str, value: &str| proto::StringStringEntry {
        key: Some(key.to_owned()),
        value: Some(value.to_owned()),
    };
    let preprocessing = &metadata.preprocessing;
    let model = proto::Model {
        ir_version: Some(IR_VERSION),
        producer_name: Some(env!("CARGO_PKG_NAME").to_owned()),
        producer_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        doc_string: Some(metadata.notice.clone()),
        graph: Some(proto::Graph {
            node: graph.nodes,
            name: Some(bundle.id().to_owned()),
            initializer: graph.initializers,
            input: vec![proto::ValueInfo::new(INPUT, &[3, side, side])],
            output: vec![
                proto::ValueInfo::new(LOGITS, &[findings]),
                proto::ValueInfo::new(EVIDENCE, &[findings, grid, grid]),
            ],
        }),
        opset_import: vec![proto::OperatorSetId {
            domain: Some(String::new()),
            version: Some(OPSET),
        }],
        metadata_props: vec![
            entry("findings", &serde_json::json!(ids).to_string()),
            // Whose scales and offsets are part of the head.
            entry("operating_point", &point.name),
            // How a radiograph becomes the input: see `docs/guide/archive.md` for an example.
            entry("side", &preprocessing.side.to_string()),
            entry("detail", &preprocessing.detail.to_string()),
            entry("licence", &metadata.licence),
            entry("trained_on", &metadata.trained_on),
        ],
    };
    Ok(model.encode_to_vec())
}

/// A graph in the making.
struct Graph<'a> {
    state: &'a StateDict,
    nodes: Vec<proto::Node>,
    initializers: Vec<proto::Tensor>,
}

impl<'a> Graph<'a> {
    fn new(state: &'a StateDict) -> Self {
        Self {
            state,
            nodes: Vec::new(),
            // What every gate is multiplied with.
            initializers: vec![proto::Tensor::floats("two", &[], &[2.0])],
        }
    }

    /// The whole network, from [`INPUT`] to [`EVIDENCE`] and [`LOGITS`].
    fn network(
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

/// The messages of `onnx.proto` (version 1.12 of ONNX) as far as they are written here, with their field numbers.
///
/// Fields are optional as they are there, not left out when zero as newer protocol buffers have it: ONNX's checker tells
/// an attribute of 0 from one that is missing.
mod proto {
    use prost::Message;

    /// `TensorProto.DataType`
    const FLOAT: i32 = 1;
    const INT64: i32 = 7;
    /// `AttributeProto.AttributeType`
    const INT: i32 = 2;
    const INTS: i32 = 7;

    #[derive(Clone, PartialEq, Message)]
    pub struct Model {
        #[prost(int64, optional, tag = "1")]
        pub ir_version: Option<i64>,
        #[prost(string, optional, tag = "2")]
        pub producer_name: Option<String>,
        #[prost(string, optional, tag = "3")]
        pub producer_version: Option<String>,
        #[prost(string, optional, tag = "6")]
        pub doc_string: Option<String>,
        #[prost(message, optional, tag = "7")]
        pub graph: Option<Graph>,
        #[prost(message, repeated, tag = "8")]
        pub opset_import: Vec<OperatorSetId>,
        #[prost(message, repeated, tag = "14")]
        pub metadata_props: Vec<StringStringEntry>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct OperatorSetId {
        #[prost(string, optional, tag = "1")]
        pub domain: Option<String>,
        #[prost(int64, optional, tag = "2")]
        pub version: Option<i64>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct StringStringEntry {
        #[prost(string, optional, tag = "1")]
        pub key: Option<String>,
        #[prost(string, optional, tag = "2")]
        pub value: Option<String>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct Graph {
        #[prost(message, repeated, tag = "1")]
        pub node: Vec<Node>,
        #[prost(string, optional, tag = "2")]
        pub name: Option<String>,
        #[prost(message, repeated, tag = "5")]
        pub initializer: Vec<Tensor>,
        #[prost(message, repeated, tag = "11")]
        pub input: Vec<ValueInfo>,
        #[prost(message, repeated, tag = "12")]
        pub output: Vec<ValueInfo>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct Node {
        #[prost(string, repeated, tag = "1")]
        pub input: Vec<String>,
        #[prost(string, repeated, tag = "2")]
        pub output: Vec<String>,
        #[prost(string, optional, tag = "3")]
        pub name: Option<String>,
        #[prost(string, optional, tag = "4")]
        pub op_type: Option<String>,
        #[prost(message, repeated, tag = "5")]
        pub attribute: Vec<Attribute>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct Attribute {
        #[prost(string, optional, tag = "1")]
        pub name: Option<String>,
        #[prost(int64, optional, tag = "3")]
        pub i: Option<i64>,
        #[prost(int64, repeated, packed = "false", tag = "8")]
        pub ints: Vec<i64>,
        #[prost(int32, optional, tag = "20")]
        pub r#type: Option<i32>,
    }

    impl Attribute {
        pub fn integer(name: &str, value: i64) -> Self {
            Self {
                name: Some(name.to_owned()),
                i: Some(value),
                ints: Vec::new(),
                r#type: Some(INT),
            }
        }

        pub fn integers(name: &str, values: &[i64]) -> Self {
            Self {
                name: Some(name.to_owned()),
                i: None,
                ints: values.to_vec(),
                r#type: Some(INTS),
            }
        }
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct Tensor {
        #[prost(int64, repeated, packed = "false", tag = "1")]
        pub dims: Vec<i64>,
        #[prost(int32, optional, tag = "2")]
        pub data_type: Option<i32>,
        #[prost(string, optional, tag = "8")]
        pub name: Option<String>,
        /// Little-endian.
        #[prost(bytes = "vec", optional, tag = "9")]
        pub raw_data: Option<Vec<u8>>,
    }

    impl Tensor {
        pub fn floats(name: &str, shape: &[usize], values: &[f32]) -> Self {
            Self {
                dims: shape.iter().map(|&size| size as i64).collect(),
                data_type: Some(FLOAT),
                name: Some(name.to_owned()),
                raw_data: Some(values.iter().flat_map(|v| v.to_le_bytes()).collect()),
            }
        }

        pub fn integers(name: &str, values: &[i64]) -> Self {
            Self {
                dims: vec![values.len() as i64],
                data_type: Some(INT64),
                name: Some(name.to_owned()),
                raw_data: Some(values.iter().flat_map(|v| v.to_le_bytes()).collect()),
            }
        }
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct ValueInfo {
        #[prost(string, optional, tag = "1")]
        pub name: Option<String>,
        #[prost(message, optional, tag = "2")]
        pub r#type: Option<Type>,
    }

    impl ValueInfo {
        /// A tensor of f32 of shape `[batch, rest...]`.
        pub fn new(name: &str, rest: &[i64]) -> Self {
            let batch = Dimension {
                dim_value: None,
                dim_param: Some(super::BATCH.to_owned()),
            };
            let rest = rest.iter().map(|&size| Dimension {
                dim_value: Some(size),
                dim_param: None,
            });
            Self {
                name: Some(name.to_owned()),
                r#type: Some(Type {
                    tensor_type: Some(TensorType {
                        elem_type: Some(FLOAT),
                        shape: Some(Shape {
                            dim: std::iter::once(batch).chain(rest).collect(),
                        }),
                    }),
                }),
            }
        }
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct Type {
        #[prost(message, optional, tag = "1")]
        pub tensor_type: Option<TensorType>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct TensorType {
        #[prost(int32, optional, tag = "1")]
        pub elem_type: Option<i32>,
        #[prost(message, optional, tag = "2")]
        pub shape: Option<Shape>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct Shape {
        #[prost(message, repeated, tag = "1")]
        pub dim: Vec<Dimension>,
    }

    /// One of the two is given.
    #[derive(Clone, PartialEq, Message)]
    pub struct Dimension {
        #[prost(int64, optional, tag = "1")]
        pub dim_value: Option<i64>,
        #[prost(string, optional, tag = "2")]
        pub dim_param: Option<String>,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mobilenet_lung::network::{AttentionConfig, AttentionKind, AttentionPlace};
    use mobilenet_lung::{Finding, Findings, Metadata, state_dict};
    use std::collections::HashSet;

    fn bundle(attention: AttentionConfig) -> Bundle {
        let findings = ["a", "b", "c", "d"].map(Finding::named).to_vec();
        let findings = Findings::new(findings).unwrap();
        let metadata = Metadata {
            trained_on: "nothing".to_owned(),
            notice: "A test.".to_owned(),
            ..Metadata::plain(findings, attention)
        };
        let network = metadata.network().init(&Device::flex());
        let (name, bytes) = Bundle::write(&state_dict(&network).unwrap(), None, &metadata).unwrap();
        Bundle::read(&bytes, Some(&name)).unwrap()
    }

    fn every_attention() -> Vec<AttentionConfig> {
        let mut all = vec![AttentionConfig::NONE];
        for kind in [AttentionKind::SqueezeExcitation, AttentionKind::Cbam] {
            for place in [AttentionPlace::Last, AttentionPlace::EveryStage] {
                all.push(AttentionConfig {
                    kind,
                    place,
                    reduction: 32,
                });
            }
        }
        all
    }

    /// That the numbers are right is tested with a runtime, in tests/e2e/onnx.test.mjs.
    #[test]
    fn every_attention_gives_a_graph_whose_nodes_follow_what_they_need() {
        for attention in every_attention() {
            let bundle = bundle(attention);
            let bytes = to_onnx(&bundle).unwrap();
            assert_eq!(bytes, to_onnx(&bundle).unwrap(), "the same bytes again");
            let graph = proto::Model::decode(bytes.as_slice())
                .unwrap()
                .graph
                .unwrap();
            let mut known: HashSet<String> = HashSet::from([INPUT.to_owned()]);
            for tensor in &graph.initializer {
                let count: i64 = tensor.dims.iter().product();
                assert!(known.insert(tensor.name().to_owned()), "{}", tensor.name());
                let size = if tensor.data_type() == 1 { 4 } else { 8 };
                assert_eq!(tensor.raw_data().len() as i64, count * size);
            }
            for node in &graph.node {
                for input in &node.input {
                    assert!(known.contains(input), "{} needs {input}", node.name());
                }
                assert!(known.insert(node.output[0].clone()), "{}", node.name());
            }
            for output in [LOGITS, EVIDENCE] {
                assert!(known.contains(output), "{output}");
            }
            // Every parameter is in the file; the head's are there scaled.
            for name in bundle.state().keys() {
                assert!(
                    known.contains(&name.replace("classifier.1", "head")),
                    "{name}"
                );
            }
        }
    }
}
