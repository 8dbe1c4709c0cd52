//! The measuring end of `cargo xtask bench`: runs what it is told to on standard input, one line at a time, so that its turns
//! can alternate with those of another program.
//!
//! | request | reply |
//! | --- | --- |
//! | `{"do":"check"}` | `{"probabilities":[..],"loss":..,"gradient":..}` of a fixed input, to be compared with others |
//! | `{"do":"train","batch":8,"times":3}` | `{"ms":[..]}`, forward and backward, every layer trained, no optimizer |
//! | `{"do":"check","network":"vgg11"}` | `{"probabilities":[..]}` of the paper's network with weights that a formula gives |
//! | `{"do":"train","network":"vgg11","batch":16,"times":1}` | `{"ms":[..]}` of that network, with batch norm and dropout as published |
//! | `{"do":"latency","times":50}` | `{"ms":[..]}`, one network input to its evidence, as in a report |
//! | `{"do":"memory"}` | `{"peak_bytes":..}`, resident at most since the start; null where that cannot be told |

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use burn::module::Module;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Tensor, TensorData};
use mobilenet_lung::network::{BatchNorms, MobileNetLung, MobileNetLungConfig};
use mobilenet_lung::{Array, Bundle, Classifier, StateDict, load_state_dict, parameter_shapes};
use radiograph::Radiograph;
use serde::{Deserialize, Serialize};

use crate::networks::{Architecture, FINDINGS, Network};
use crate::predict::load_classifier;

const SIDE: usize = 224;

/// A line of the input.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
enum Request {
    Check {
        network: Option<Architecture>,
    },
    Train {
        batch: usize,
        times: usize,
        network: Option<Architecture>,
    },
    Latency {
        times: usize,
    },
    Memory,
}

/// A line of the output.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
enum Reply {
    Times {
        ms: Vec<f64>,
    },
    Check {
        /// Of the first image of the fixed input, calibrated.
        probabilities: Vec<f32>,
        /// Of the whole of it.
        loss: f32,
        /// Sum of the magnitudes of the loss's gradient for the stem's weight: it has come through every layer.
        gradient: f32,
    },
    CheckNetwork {
        /// Of the first image of the fixed input.
        probabilities: Vec<f32>,
    },
    Memory {
        peak_bytes: Option<u64>,
    },
}

/// Answers the requests on `input` until it ends.
///
/// # Errors
/// A model that cannot be used, a line that is no request, an output that is closed.
pub fn serve(model: &Path, input: impl BufRead, mut output: impl Write) -> anyhow::Result<()> {
    let (bundle, classifier) = load_classifier(model)?;
    let mut bench = Bench::new(&bundle, classifier)?;
    for line in input.lines() {
        let line = line.context("cannot read the next request")?;
        let request = serde_json::from_str(&line).with_context(|| format!("no request: {line}"))?;
        let reply = serde_json::to_string(&bench.answer(request)?)?;
        writeln!(output, "{reply}")?;
        output.flush()?;
    }
    Ok(())
}

struct Bench {
    classifier: Classifier,
    scales: Vec<f32>,
    offsets: Vec<f32>,
    /// Without gradients.
    plain: MobileNetLung,
    /// With gradients for every parameter.
    trained: MobileNetLung,
    /// The last of the paper's networks that was asked for.
    network: Option<(Architecture, Network)>,
}

impl Bench {
    fn new(bundle: &Bundle, classifier: Classifier) -> anyhow::Result<Self> {
        let device = Device::flex().autodiff();
        // Without dropout, which costs next to nothing, so that losses can be compared.
        let config = MobileNetLungConfig {
            dropout: 0.0,
            ..bundle.metadata().network()
        };
        let trained = load_state_dict(config.init(&device), bundle.state(), false)?;
        Ok(Self {
            scales: bundle.metadata().scales.values().copied().collect(),
            offsets: classifier
                .operating_point(None)?
                .offsets
                .values()
                .copied()
                .collect(),
            classifier,
            plain: bundle.network(&Device::flex())?,
            trained: trained.set_require_grad(true),
            network: None,
        })
    }

    fn answer(&mut self, request: Request) -> anyhow::Result<Reply> {
        Ok(match request {
            Request::Check { network: None } => self.check()?,
            Request::Check {
                network: Some(architecture),
            } => check_network(architecture)?,
            Request::Train {
                batch,
                times,
                network: Some(architecture),
            } => self.train_network(architecture, batch, times)?,
            Request::Train {
                batch,
                times,
                network: None,
            } => {
                let device = Device::flex().autodiff();
                let (images, targets) = (images(batch, &device), targets(batch, &device));
                timed(times, || {
                    let loss = loss(self.trained.forward(images.clone()), targets.clone());
                    loss.backward();
                    Ok(())
                })?
            }
            Request::Latency { times } => self.latency(times)?,
            Request::Memory => Reply::Memory {
                peak_bytes: peak_bytes(),
            },
        })
    }

    /// What is comparable of a forward and a backward pass.
    fn check(&self) -> anyhow::Result<Reply> {
        let batch = 2;
        let device = Device::flex().autodiff();
        let loss = loss(
            self.trained.forward(images(batch, &device)),
            targets(batch, &device),
        );
        let gradients = loss.backward();
        let stem = self.trained.stem.weight.val();
        let gradient = stem
            .grad(&gradients)
            .context("no gradient reached the stem")?;
        let logits: Vec<f32> = self
            .plain
            .forward(images(batch, &Device::flex()))
            .into_data()
            .try_into_vec()
            .map_err(|error| anyhow::anyhow!("{error:?}"))?;
        let changes = self.scales.iter().zip(&self.offsets);
        let first: Vec<f32> = (logits.iter().zip(changes))
            .map(|(logit, (scale, offset))| logit * scale + offset)
            .collect();
        Ok(Reply::Check {
            probabilities: mobilenet_lung::softmax(&first, 1.0),
            loss: loss.into_scalar(),
            gradient: gradient.abs().sum().into_scalar(),
        })
    }

    /// Steps of one of the paper's networks, which is kept for the next request.
    fn train_network(
        &mut self,
        architecture: Architecture,
        batch: usize,
        times: usize,
    ) -> anyhow::Result<Reply> {
        let device = Device::flex().autodiff();
        let network = match self.network.take() {
            Some((kept, network)) if kept == architecture => network,
            _ => formulaic(architecture, &device)?.set_require_grad(true),
        };
        let (images, targets) = (images(batch, &device), targets(batch, &device));
        let reply = timed(times, || {
            loss(network.forward(images.clone()), targets.clone()).backward();
            Ok(())
        });
        self.network = Some((architecture, network));
        reply
    }

    /// The time that reports give for the inference.
    fn latency(&self, times: usize) -> anyhow::Result<Reply> {
        let luma = (0..SIDE * SIDE).map(|i| noise(i) / 4.0 + 0.5).collect();
        let radiograph = Radiograph::from_luma(SIDE as u32, SIDE as u32, luma)
            .context("the radiograph could not be made")?;
        let ms = (0..times)
            .map(|_| {
                let report = pollster::block_on(self.classifier.classify(&radiograph))?;
                Ok(report.timings.inference_ms)
            })
            .collect::<anyhow::Result<_>>()?;
        Ok(Reply::Times { ms })
    }
}

/// What the other program's network must give too: without dropout, and with the running statistics.
fn check_network(architecture: Architecture) -> anyhow::Result<Reply> {
    let device = Device::flex();
    let logits: Vec<f32> = formulaic(architecture, &device)?
        .forward(images(2, &device))
        .into_data()
        .try_into_vec()
        .map_err(|error| anyhow::anyhow!("{error:?}"))?;
    let first = logits.get(..FINDINGS).context("too few logits")?;
    Ok(Reply::CheckNetwork {
        probabilities: mobilenet_lung::softmax(first, 1.0),
    })
}

/// A network with batch norm, and weights that a formula gives: `tests/reference/torchvision_logits.py` has the same, so that no weights
/// need be handed over.
fn formulaic(architecture: Architecture, device: &Device) -> anyhow::Result<Network> {
    let network = Network::init(architecture, BatchNorms::Kept, device);
    let state = formula(&parameter_shapes(&network));
    Ok(load_state_dict(network, &state, false)?)
}

/// Numbers whose variance lets a signal live through all layers.
fn formula(shapes: &BTreeMap<String, Vec<usize>>) -> StateDict {
    let values = |name: &str, shape: &[usize]| {
        let (scale, offset) = if let [_, rest @ ..] = shape
            && !rest.is_empty()
        {
            let inputs: usize = rest.iter().product();
            ((6.0 / inputs as f64).sqrt() as f32, 0.0)
        } else if name.ends_with("running_var") || name.ends_with(".weight") {
            (0.25, 1.0)
        } else {
            (0.125, 0.0)
        };
        scattered(name, shape.iter().product())
            .map(|number| number * scale + offset)
            .collect()
    };
    shapes
        .iter()
        .map(|(name, shape)| {
            let array = Array {
                shape: shape.clone(),
                values: values(name, shape),
            };
            (name.clone(), array)
        })
        .collect()
}

/// Numbers in -1..1: murmur3's finaliser of the place, started from the FNV-1a hash of the name.
fn scattered(name: &str, count: usize) -> impl Iterator<Item = f32> {
    let seed = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    (0..count as u32).map(move |place| {
        let mut h = place.wrapping_add(seed);
        h = (h ^ (h >> 16)).wrapping_mul(0x85eb_ca6b);
        h = (h ^ (h >> 13)).wrapping_mul(0xc2b2_ae35);
        h ^= h >> 16;
        (h >> 8) as f32 / (1 << 23) as f32 - 1.0
    })
}

fn timed(times: usize, mut step: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<Reply> {
    let ms = (0..times)
        .map(|_| {
            let start = Instant::now();
            step()?;
            Ok(start.elapsed().as_secs_f64() * 1e3)
        })
        .collect::<anyhow::Result<_>>()?;
    Ok(Reply::Times { ms })
}

/// Mean cross-entropy.
fn loss(logits: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
    let batch = logits.dims()[0];
    (log_softmax(logits, 1) * targets)
        .sum()
        .neg()
        .div_scalar(batch as f64)
}

/// The fixed input: numbers in -2..2 that look random and are exact in f32, and so the same in every program.
fn images(batch: usize, device: &Device) -> Tensor<4> {
    let shape = [batch, 3, SIDE, SIDE];
    let values: Vec<f32> = (0..shape.iter().product()).map(noise).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// The findings in turn, as one-hot rows.
fn targets(batch: usize, device: &Device) -> Tensor<2> {
    let values: Vec<f32> = (0..batch)
        .flat_map(|image| {
            (0..FINDINGS).map(move |row| f32::from(u8::from(image % FINDINGS == row)))
        })
        .collect();
    Tensor::from_data(TensorData::new(values, [batch, FINDINGS]), device)
}

/// Knuth's multiplicative hash of `index`, its upper 24 bits as a multiple of 2^-22 in -2..2.
fn noise(index: usize) -> f32 {
    let hash = (index as u32).wrapping_mul(2_654_435_761) >> 8;
    hash as f32 / (1 << 22) as f32 - 2.0
}

/// The largest resident size of this process so far; `None` where there is no /proc.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fixed_input_is_what_the_other_programs_compute() {
        // The same figures stand in tests/bench/bundle.py.
        assert_eq!(
            [noise(0), noise(1), noise(1000)],
            [-2.0, 0.472_135_78, -1.864_053]
        );
    }

    #[test]
    fn requests_are_read_as_documented() {
        let request: Request =
            serde_json::from_str(r#"{"do":"train","batch":8,"times":3}"#).unwrap();
        assert!(matches!(
            request,
            Request::Train {
                batch: 8,
                times: 3,
                network: None
            }
        ));
        let request: Request = serde_json::from_str(r#"{"do":"check","network":"vgg11"}"#).unwrap();
        assert!(matches!(
            request,
            Request::Check {
                network: Some(Architecture::Vgg11)
            }
        ));
        assert!(serde_json::from_str::<Request>(r#"{"do":"sleep"}"#).is_err());
    }
}
