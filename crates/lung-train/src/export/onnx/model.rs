//! The whole file: the graph, and what readers have to know.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use burn::tensor::Device;
use mobilenet_lung::Bundle;
use mobilenet_lung::architecture::GRID;
use mobilenet_lung::bundle::BundleError;
use prost::Message as _;

use super::error::OnnxError;
use super::graph::{EVIDENCE, Graph, INPUT, LOGITS};
use super::proto;
use crate::data::Shown as _;
use crate::files::write_atomically;
use crate::predict::load_classifier;

/// The version of the operators: the newest that all of the runtimes in use since 2022 know.
const OPSET: i64 = 17;
/// The version of the file format that goes with it.
const IR_VERSION: i64 = 8;

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

/// Writes the model in the weights file `model` as ONNX into `out`, and returns the file's path.
///
/// # Errors
/// A weights file that is missing or refused, a folder that cannot be written.
pub fn export_onnx(model: &Path, out: &Path) -> anyhow::Result<PathBuf> {
    let (bundle, _) = load_classifier(model)?;
    let bytes = to_onnx(&bundle).with_context(|| format!("{} as ONNX", model.shown()))?;
    fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.shown()))?;
    let path = out.join(format!("{}.onnx", bundle.id()));
    write_atomically(&path, &bytes)?;
    Ok(path)
}
