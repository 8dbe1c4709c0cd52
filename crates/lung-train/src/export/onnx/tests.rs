use super::proto;
use super::*;
use burn::tensor::Device;
use mobilenet_lung::network::{AttentionConfig, AttentionKind, AttentionPlace};
use mobilenet_lung::{Bundle, Finding, Findings, Metadata, state_dict};
use prost::Message as _;
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
