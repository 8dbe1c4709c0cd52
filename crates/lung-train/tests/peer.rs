//! `lung evaluate --peer`, with the feature `peer` and without it.
//!
//! What the feature brings takes minutes to compile, so `cargo test` leaves it out. `cargo xtask test --only peer` has it, and so has
//! a long run.

// A helper of a test fails as the test does.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

#[cfg(feature = "peer")]
#[path = "peer/onnx.rs"]
mod onnx;

/// Stands for the tests of `onnx` where they are not compiled.
#[cfg(not(feature = "peer"))]
#[test]
fn without_the_feature_peer_the_command_says_how_it_is_built_with_it() {
    let folder = common::Folder::new();
    folder.write("other.onnx", b"");
    folder.write("other.toml", b"side = 64\nill = [0]\n");
    let model = common::shipped();
    let output = common::lung(&[
        "evaluate",
        "--model",
        model.to_str().unwrap(),
        "--data",
        &folder.text("no data"),
        "--peer",
        &folder.text("other.onnx"),
        "--peer-config",
        &folder.text("other.toml"),
    ]);
    assert!(!output.status.success() && output.stdout.is_empty());
    let stderr = common::text(&output.stderr);
    assert!(stderr.contains("--features lung-train/peer"), "{stderr}");
}
