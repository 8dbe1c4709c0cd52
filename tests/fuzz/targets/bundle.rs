//! Any bytes as a weights file: as they are, as its header, or as the metadata within.
#![no_main]

use std::collections::HashMap;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use mobilenet_lung::{Bundle, BundleError};
use safetensors::tensor::{Dtype, TensorView};

#[derive(Arbitrary, Debug)]
enum Input<'a> {
    File(&'a [u8]),
    /// With this many bytes of tensors behind it.
    Header(u16, &'a str),
    Metadata(&'a str),
}

fuzz_target!(|input: (Option<&str>, Input)| {
    let (name, input) = input;
    let file = match input {
        Input::File(bytes) => bytes.to_vec(),
        Input::Header(behind, text) => {
            let mut file = (text.len() as u64).to_le_bytes().to_vec();
            file.extend_from_slice(text.as_bytes());
            file.resize(file.len() + usize::from(behind), 0);
            file
        }
        Input::Metadata(text) => {
            let bias = [0; 32 * 2];
            let view = TensorView::new(Dtype::F16, vec![32], &bias).expect("a tensor");
            let metadata = HashMap::from([("bundle".to_owned(), text.to_owned())]);
            safetensors::serialize([("features.0.0.bias", view)], Some(metadata))
                .expect("a file")
        }
    };
    // No input is long enough for all parameters, so each is refused, and says why.
    let error: BundleError = Bundle::read(&file, name).expect_err("no bundle");
    assert!(!error.code().is_empty() && !error.advice().is_empty());
    assert!(!error.to_string().is_empty());
});
