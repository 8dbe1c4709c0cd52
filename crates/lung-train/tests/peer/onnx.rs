//! Our own network as somebody else's, from its ONNX file.

use std::fs;
use std::path::{Path, PathBuf};

use lung_train::evaluate::peer::{Peer, PeerConfig, PeerError, Theirs};
use lung_train::predict::load_classifier;
use mobilenet_lung::{Bundle, Findings};
use radiograph::phantom::{Pattern, phantom};
use serde_json::Value;
use tempfile::TempDir;

use crate::common::{lung, shipped};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The shipped model as another's: its ONNX file, and the configuration that fits it.
struct Other {
    folder: TempDir,
    /// The same model as ours. It refuses no drawing, as it has no statistics of what it knows.
    model: PathBuf,
    onnx: PathBuf,
    configuration: String,
    findings: Findings,
}

impl Other {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let out = folder.path().join("onnx");
        let bundle = Bundle::read(&fs::read(shipped()).unwrap(), None).unwrap();
        let metadata = bundle.metadata();
        let (name, bytes) = Bundle::write(bundle.state(), None, metadata).unwrap();
        let model = folder.path().join(name);
        fs::write(&model, bytes).unwrap();
        let exported = lung(&[
            "export",
            "--format",
            "onnx",
            "--model",
            text(&model),
            "--out",
            text(&out),
        ]);
        assert!(exported.status.success(), "{exported:?}");
        let onnx = fs::read_dir(&out).unwrap().next().unwrap().unwrap().path();
        let preprocessing = &metadata.preprocessing;
        let mut configuration = format!(
            "side = {}\ndetail = {}\nmean = {:?}\nstd = {:?}\noutput = \"logits\"\n[outputs]\n",
            preprocessing.side, preprocessing.detail, preprocessing.mean, preprocessing.std
        );
        for (row, id) in metadata.findings.ids().enumerate() {
            configuration += &format!("{id:?} = [{row}]\n");
        }
        Self {
            folder,
            model,
            onnx,
            configuration,
            findings: metadata.findings.clone(),
        }
    }

    /// A folder of drawings.
    fn phantoms(&self, per_class: &str) -> PathBuf {
        let data = self.path("phantoms");
        let drawn = lung(&["phantom", "--out", text(&data), "--per-class", per_class]);
        assert!(drawn.status.success(), "{drawn:?}");
        data
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a configuration and reads it.
    fn config(&self, text: &str) -> Result<PeerConfig, PeerError> {
        let path = self.path("other.toml");
        fs::write(&path, text).unwrap();
        PeerConfig::read(&path)
    }

    fn load(&self, file: &Path, text: &str) -> Result<Peer, PeerError> {
        Peer::load(file, self.config(text)?, &self.findings)
    }
}

#[test]
fn our_network_from_its_onnx_file_says_what_it_says() {
    let other = Other::new();
    let peer = other.load(&other.onnx, &other.configuration).unwrap();
    let (_, classifier) = load_classifier(&other.model).unwrap();
    for (seed, pattern) in Pattern::ALL.into_iter().enumerate() {
        let drawn = phantom(pattern, seed as u64, 260);
        let Theirs::Findings(theirs) = peer.classify(&drawn).unwrap() else {
            panic!("it names findings");
        };
        let ours = pollster::block_on(classifier.classify(&drawn)).unwrap();
        for (id, ours) in ours.report.probabilities.iter() {
            let theirs = theirs.get(id).unwrap();
            // Sums in another order.
            assert!((theirs - ours).abs() < 1e-3, "{id}: {theirs} {ours}");
        }
    }
}

#[test]
fn a_peer_is_tested_row_by_row_beside_ours_and_agrees_with_itself() {
    let other = Other::new();
    let data = other.phantoms("3");
    let (json, config) = (other.path("tests.json"), other.path("other.toml"));
    other.config(&other.configuration).unwrap();
    let common = [
        "evaluate",
        "--model",
        text(&other.model),
        "--data",
        text(&data),
        "--peer",
        text(&other.onnx),
    ];
    let rest = ["--peer-config", text(&config), "--json", text(&json)];
    let output = lung(&[common.as_slice(), &rest].concat());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let said = String::from_utf8_lossy(&output.stdout);
    let file = other.onnx.file_name().unwrap().to_str().unwrap();
    assert!(
        said.contains("McNemar's exact test p = 1.000") && said.contains(file),
        "{said}"
    );

    let tests: Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
    let row = &tests["peer"]["rows"][0];
    assert_eq!(row["images"], 9);
    assert_eq!(row["theirs"]["right"], tests["accuracy"]);
    for figure in ["healthy_normal", "ill_not_normal", "right", "auc"] {
        assert!(!row["theirs"][figure].is_null(), "{row}");
        assert_eq!(row["theirs"][figure], row["ours"][figure], "{row}");
    }
    for difference in ["finding", "ill_or_healthy"] {
        assert_eq!(row[difference]["only_ours"], 0);
        assert_eq!(row[difference]["only_theirs"], 0);
    }

    let alone = lung(&common);
    assert_eq!(alone.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&alone.stderr).contains("--peer-config"));
}

#[test]
fn an_unusable_network_ends_the_command_before_any_image_is_read() {
    let other = Other::new();
    let (data, config) = (other.phantoms("1"), other.path("other.toml"));
    let more = other.configuration.replace("side =", "sides = 3\nside =");
    other.config(&more).unwrap_err();
    let output = lung(&[
        "evaluate",
        "--model",
        text(&other.model),
        "--data",
        text(&data),
        "--peer",
        text(&other.onnx),
        "--peer-config",
        text(&config),
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains("other.toml") && stderr.contains("`sides`"),
        "{stderr}"
    );
}

#[test]
fn a_file_that_is_no_network_is_refused_by_what_it_is() {
    let other = Other::new();
    let load = |file: &Path| other.load(file, &other.configuration).unwrap_err();
    let missing = load(&other.path("missing.onnx"));
    assert!(matches!(missing, PeerError::Io { .. }), "{missing}");
    let whole = fs::read(&other.onnx).unwrap();
    for (name, bytes) in [
        ("words.onnx", b"not a network".as_slice()),
        ("empty.onnx", b""),
        ("half.onnx", &whole[..whole.len() / 2]),
    ] {
        let path = other.path(name);
        fs::write(&path, bytes).unwrap();
        let error = load(&path);
        assert!(matches!(error, PeerError::NotOnnx { .. }), "{error}");
        assert!(error.to_string().contains(name), "{error}");
    }
}

/// Where `wanted` begins in `bytes` for the last time.
fn last(bytes: &[u8], wanted: &[u8]) -> usize {
    let mut windows = bytes.windows(wanted.len());
    windows.rposition(|window| window == wanted).unwrap()
}

#[test]
fn a_damaged_graph_and_an_input_of_bytes_are_refused() {
    let other = Other::new();
    let whole = fs::read(&other.onnx).unwrap();
    // The graph promises an output that no operator makes.
    let mut broken = whole.clone();
    let at = last(&broken, b"logits");
    broken[at] = b'L';
    let path = other.path("broken.onnx");
    fs::write(&path, &broken).unwrap();
    let error = other.load(&path, &other.configuration).unwrap_err();
    assert!(matches!(error, PeerError::Unsupported(_)), "{error}");

    // In ONNX the kind of numbers is 1 for float32 and 2 for uint8; the field of it is the first of the input's type.
    let mut bytes = whole;
    let input = last(&bytes, b"input\x12");
    let kind = input
        + bytes[input..]
            .windows(2)
            .position(|two| two == [8, 1])
            .unwrap();
    bytes[kind + 1] = 2;
    let path = other.path("bytes.onnx");
    fs::write(&path, &bytes).unwrap();
    let error = other.load(&path, &other.configuration).unwrap_err();
    assert!(
        matches!(&error, PeerError::InputKind(kind) if kind == "u8"),
        "{error}"
    );
}

#[test]
fn an_input_or_output_that_does_not_fit_is_named() {
    let other = Other::new();
    let ours = &other.configuration;
    let load = |text: String| other.load(&other.onnx, &text).unwrap_err();
    for wrong in [
        ours.replace("side = 224", "side = 256"),
        format!("colours = \"grey\"\n{ours}"),
        format!("channels_last = true\n{ours}"),
    ] {
        let error = load(wrong);
        assert!(matches!(error, PeerError::InputShape { .. }), "{error}");
        assert!(error.to_string().contains("any x 3 x 224 x 224"), "{error}");
    }
    let error = load(ours.replace("\"logits\"", "\"scores\""));
    assert!(matches!(error, PeerError::NoOutput { .. }), "{error}");
    assert!(error.to_string().contains("logits, evidence"), "{error}");
    let error = load(ours.replace("\"logits\"", "\"evidence\""));
    assert!(matches!(error, PeerError::OutputShape(_)), "{error}");
    let error = load(ours.replace("= [2]", "= [7]"));
    assert!(
        matches!(error, PeerError::Outputs { place: 7, given: 3 }),
        "{error}"
    );
    let error = load(ours.replace("\"Normal\" =", "\"Nodule\" ="));
    assert!(matches!(error, PeerError::UnknownFinding { .. }), "{error}");
}
