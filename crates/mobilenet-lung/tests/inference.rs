//! The network for inference against the same network in burn's own operators.

// A helper of a test fails as the test does.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use burn::tensor::{Device, Tensor, TensorData};
use mobilenet_lung::architecture;
use mobilenet_lung::inference::{CpuNetwork, LONGEST_EXCHANGE, Partner, PartnerLost};
use mobilenet_lung::network::{
    AttentionConfig, AttentionKind, AttentionPlace, MobileNetLungConfig,
};
use mobilenet_lung::{StateDict, StateError, load_state_dict, parameter_shapes, state_dict};

/// How many findings most networks here tell apart: not as many as the shipped one.
const FINDINGS: usize = 7;

/// Every attention there is.
fn attentions() -> Vec<AttentionConfig> {
    let mut all = vec![AttentionConfig::NONE];
    for kind in [AttentionKind::SqueezeExcitation, AttentionKind::Cbam] {
        for place in [AttentionPlace::Last, AttentionPlace::EveryStage] {
            all.push(AttentionConfig {
                kind,
                place,
                reduction: 16,
            });
        }
    }
    all
}

/// Random parameters, those of the attention too: it starts as the identity, which would hide it.
fn state(attention: AttentionConfig) -> StateDict {
    let device = Device::flex();
    device.seed(11);
    let config = MobileNetLungConfig {
        attention,
        findings: FINDINGS,
        ..MobileNetLungConfig::default()
    };
    let mut state = state_dict(&config.init(&device)).unwrap();
    for (name, array) in &mut state {
        if name.contains("attention") {
            for (place, value) in array.values.iter_mut().enumerate() {
                *value = ((place * 37 % 101) as f32 / 50.0 - 1.0) * 0.1;
            }
        }
    }
    state
}

fn input() -> Vec<f32> {
    (0..3 * 224 * 224)
        .map(|place| ((place * 31 + place / 224 * 17) % 255) as f32 / 64.0 - 2.0)
        .collect()
}

#[test]
fn the_table_of_the_architecture_is_that_of_the_network() {
    for attention in attentions() {
        let config = MobileNetLungConfig {
            attention,
            findings: FINDINGS,
            ..MobileNetLungConfig::default()
        };
        assert_eq!(
            architecture::parameter_shapes(&attention, FINDINGS),
            parameter_shapes(&config.init(&Device::flex())),
            "{attention:?}"
        );
    }
}

#[test]
fn the_cpu_network_gives_the_evidence_that_burn_gives() {
    let device = Device::flex();
    for attention in attentions() {
        let state = state(attention);
        let config = MobileNetLungConfig {
            attention,
            findings: FINDINGS,
            ..MobileNetLungConfig::default()
        };
        let network = load_state_dict(config.init(&device), &state, false).unwrap();
        let images = Tensor::<4>::from_data(TensorData::new(input(), [1, 3, 224, 224]), &device);
        let want = network
            .evidence(images)
            .into_data()
            .try_into_vec::<f32>()
            .unwrap();
        let network = CpuNetwork::new(&state, &attention, FINDINGS).unwrap();
        let largest = want
            .iter()
            .fold(0.0f32, |most, value| most.max(value.abs()));
        assert!(largest > 0.0);
        // The second run finds the memory of the first.
        for _ in 0..2 {
            let got = network.infer(&input()).unwrap().evidence;
            assert_eq!(got.len(), want.len());
            for (got, want) in got.iter().zip(&want) {
                let off = (got - want).abs() / largest;
                assert!(off <= 1e-4, "{attention:?}: {got} is not {want}");
            }
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let attention = AttentionConfig::default();
    let mut state = state(attention);
    let network = CpuNetwork::new(&state, &attention, FINDINGS).unwrap();
    assert_eq!(network.infer(&[0.0; 5]), None);
    assert!(matches!(
        CpuNetwork::new(&state, &AttentionConfig::NONE, FINDINGS),
        Err(StateError::Unknown { .. })
    ));
    state.remove("features.9.conv.2.bias");
    assert_eq!(
        CpuNetwork::new(&state, &attention, FINDINGS).unwrap_err(),
        StateError::Missing {
            name: "features.9.conv.2.bias".to_owned()
        }
    );
}

#[test]
fn two_to_twenty_findings_have_a_map_each() {
    let device = Device::flex();
    let attention = AttentionConfig::default();
    for findings in [2, 20] {
        device.seed(5);
        let config = MobileNetLungConfig {
            findings,
            ..MobileNetLungConfig::default()
        };
        let network = config.init(&device);
        let state = state_dict(&network).unwrap();
        let images = Tensor::<4>::from_data(TensorData::new(input(), [1, 3, 224, 224]), &device);
        let want = network.evidence(images);
        assert_eq!(want.dims(), [1, findings, 7, 7]);
        let want = want.into_data().try_into_vec::<f32>().unwrap();
        let network = CpuNetwork::new(&state, &attention, findings).unwrap();
        let got = network.infer(&input()).unwrap().evidence;
        assert_eq!(got.len(), findings * 49);
        let largest = want.iter().fold(0f32, |most, value| most.max(value.abs()));
        for (got, want) in got.iter().zip(&want) {
            assert!((got - want).abs() <= 1e-4 * largest, "{got} is not {want}");
        }
        // Another number of findings is another network.
        assert!(CpuNetwork::new(&state, &attention, findings + 1).is_err());
    }
}

/// A partner on another thread.
struct Line {
    to: Sender<Vec<f32>>,
    from: Receiver<Vec<f32>>,
    /// After so many exchanges it is gone.
    lasts: usize,
}

impl Line {
    fn pair(lasts: usize) -> [Self; 2] {
        let ((to, from), (back, answer)) = (channel(), channel());
        [(to, answer), (back, from)].map(|(to, from)| Self { to, from, lasts })
    }

    fn next(&mut self) -> Result<Vec<f32>, PartnerLost> {
        let came = self.from.recv_timeout(Duration::from_secs(20));
        came.map_err(|_| PartnerLost)
    }
}

impl Partner for Line {
    fn begin(&mut self, input: &[f32]) {
        let _ = self.to.send(input.to_vec());
    }

    fn exchange(&mut self, own: &[f32], other: &mut [f32]) -> Result<(), PartnerLost> {
        assert!(own.len() <= LONGEST_EXCHANGE && other.len() <= LONGEST_EXCHANGE);
        self.lasts = self.lasts.checked_sub(1).ok_or(PartnerLost)?;
        let _ = self.to.send(own.to_vec());
        other.copy_from_slice(&self.next()?);
        Ok(())
    }
}

#[test]
fn two_halves_are_the_whole() {
    for attention in attentions() {
        // Made once: other tests, which run meanwhile, draw from the same random numbers.
        let state = state(attention);
        let network = CpuNetwork::new(&state, &attention, FINDINGS).unwrap();
        let whole = network.infer(&input()).unwrap();
        let [mut upper, mut lower] = Line::pair(19);
        if attention.place == AttentionPlace::EveryStage {
            assert!(!network.has_halves(), "{attention:?}");
            assert_eq!(network.infer_with(&input(), &mut upper), Ok(None));
            continue;
        }
        let other = CpuNetwork::new(&state, &attention, FINDINGS).unwrap();
        let assistant = thread::spawn(move || {
            let input = lower.next().unwrap();
            other.assist(&input, &mut lower)
        });
        let halves = network.infer_with(&input(), &mut upper).unwrap().unwrap();
        assert_eq!(assistant.join().unwrap(), Ok(Some(())));
        assert_eq!(upper.lasts, 0, "{attention:?}");
        assert!(halves == whole, "{attention:?}");
        assert_eq!(network.infer_with(&[0.0; 5], &mut upper), Ok(None));
    }
}

#[test]
fn a_partner_that_goes_at_any_exchange_is_told_of() {
    let attention = AttentionConfig::NONE;
    let state = state(attention);
    let network = CpuNetwork::new(&state, &attention, FINDINGS).unwrap();
    let whole = network.infer(&input()).unwrap();
    for lasts in 0..19 {
        let [mut upper, mut lower] = Line::pair(lasts);
        let other = CpuNetwork::new(&state, &attention, FINDINGS).unwrap();
        let assistant = thread::spawn(move || {
            let input = lower.next().unwrap();
            other.assist(&input, &mut lower)
        });
        assert_eq!(network.infer_with(&input(), &mut upper), Err(PartnerLost));
        drop(upper);
        assert_eq!(assistant.join().unwrap(), Err(PartnerLost));
        // What half an image has left behind does not show in the next.
        assert!(network.infer(&input()).unwrap() == whole, "{lasts}");
    }
}
