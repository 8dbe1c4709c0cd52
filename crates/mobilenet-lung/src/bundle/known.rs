//! Known evidence: what a network must give for two inputs that every program can make, so that a device can be tried
//! before anybody believes it.

use super::error::BundleError;
use crate::architecture::{EMBEDDING, GRID};
use crate::inference::{CpuNetwork, Inference};
use crate::preprocess::Preprocessing;
use crate::state::{Array, StateDict};

/// How many inputs there are.
pub const INPUTS: usize = 2;

/// What the names of the tensors begin with.
pub(super) const PREFIX: &str = "known.";
/// Tensor of the evidence, `[2, n, 7, 7]`.
pub(super) const EVIDENCE: &str = "known.evidence";
/// Tensor of the embeddings, `[2, 320]`.
pub(super) const EMBEDDINGS: &str = "known.embedding";

/// What a network gives for the built-in inputs, before it is scaled.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownEvidence {
    /// One for each [`input`].
    pub outputs: [Inference; INPUTS],
}

/// A built-in input `[3, 224, 224]`, the same in every program: of whole numbers, so nothing is rounded differently anywhere.
///
/// Number 0 has broad waves across and down; every other number noise without a pattern.
pub fn input(number: usize) -> Vec<f32> {
    let side = Preprocessing::IMAGENET.side;
    let triangle = |at: u32, period: u32| {
        let at = at % period;
        at.min(period - at) * 256 / period
    };
    let mut noise = 0x2545_f491u32;
    let mut pixels = Vec::with_capacity(side as usize * side as usize);
    for y in 0..side {
        for x in 0..side {
            let value = match number {
                0 => triangle(x, 96) + triangle(y + x / 4, 64) / 2,
                _ => {
                    // Marsaglia 2003, "Xorshift RNGs".
                    noise ^= noise << 13;
                    noise ^= noise >> 17;
                    noise ^= noise << 5;
                    noise >> 24
                }
            };
            pixels.push(value.min(255) as f32 / 256.0);
        }
    }
    let mut input = Vec::with_capacity(3 * pixels.len());
    Preprocessing::IMAGENET.normalise_into(&pixels, &mut input);
    input
}

impl KnownEvidence {
    /// What the CPU's network gives.
    pub(super) fn of(network: &CpuNetwork) -> Option<Self> {
        Some(Self {
            outputs: [network.infer(&input(0))?, network.infer(&input(1))?],
        })
    }

    /// Takes the two tensors, if both are there. Their shapes are known to fit.
    pub(super) fn from_tensors(
        evidence: Option<Vec<f32>>,
        embeddings: Option<Vec<f32>>,
    ) -> Option<Self> {
        let (evidence, embeddings) = (evidence?, embeddings?);
        let maps = evidence.len() / INPUTS;
        let output = |number: usize| {
            Some(Inference {
                evidence: evidence.get(number * maps..(number + 1) * maps)?.to_vec(),
                embedding: embeddings
                    .get(number * EMBEDDING..(number + 1) * EMBEDDING)?
                    .to_vec(),
            })
        };
        Some(Self {
            outputs: [output(0)?, output(1)?],
        })
    }

    /// Adds the two tensors.
    pub(super) fn add_tensors(&self, findings: usize, state: &mut StateDict) {
        let all = |of: fn(&Inference) -> &Vec<f32>| self.outputs.iter().flat_map(of).copied();
        let evidence = Array {
            shape: vec![INPUTS, findings, GRID, GRID],
            values: all(|output| &output.evidence).collect(),
        };
        let embeddings = Array {
            shape: vec![INPUTS, EMBEDDING],
            values: all(|output| &output.embedding).collect(),
        };
        state.insert(EVIDENCE.to_owned(), evidence);
        state.insert(EMBEDDINGS.to_owned(), embeddings);
    }

    /// The largest difference of `output` from what is known of [`input`] `number`, as a share of the largest magnitude known;
    /// infinite for another number of values, or values that are no numbers.
    pub fn difference(&self, number: usize, output: &Inference) -> f32 {
        let Some(known) = self.outputs.get(number) else {
            return f32::INFINITY;
        };
        let parts = [
            (&known.evidence, &output.evidence),
            (&known.embedding, &output.embedding),
        ];
        let differences = parts.map(|(known, found)| {
            if known.len() != found.len() || !found.iter().all(|value| value.is_finite()) {
                return f32::INFINITY;
            }
            let largest = known.iter().fold(f32::MIN_POSITIVE, |m, v| m.max(v.abs()));
            let off = (known.iter().zip(found)).fold(0f32, |most, (a, b)| most.max((a - b).abs()));
            off / largest
        });
        differences[0].max(differences[1])
    }
}

/// Why known evidence could not be worked out: never, for a bundle that was read.
pub(super) fn impossible() -> BundleError {
    BundleError::Header {
        detail: "the network gives nothing for the built-in inputs".to_owned(),
    }
}
