//! What the numbers of another network's output mean.

use std::collections::BTreeMap;

use mobilenet_lung::{ByFinding, Findings, softmax};
use serde::Deserialize;

use super::answer::Theirs;
use super::error::PeerError;

/// How an output becomes probabilities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// The numbers are logits of exclusive classes.
    #[default]
    Softmax,
    /// The numbers are logits of classes that do not exclude each other. Several of one meaning are combined as if they were
    /// independent: the probability that any of them is there.
    Sigmoid,
    /// The numbers are probabilities of exclusive classes.
    None,
}

/// What the numbers of an output mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Meaning {
    activation: Activation,
    /// The findings that it tells apart; `None` where it only tells healthy from ill.
    findings: Option<Findings>,
    /// The numbers of each finding; without findings those of healthy, then those of ill, of which one may have none.
    places: Vec<Vec<usize>>,
}

impl Meaning {
    /// By name of a finding in `outputs` its numbers, or those of `ill` for any but the normal one.
    ///
    /// # Errors
    /// A name that is no finding, a finding without a number, `ill` beside other findings than the normal one.
    pub(super) fn new(
        activation: Activation,
        outputs: &BTreeMap<String, Vec<usize>>,
        ill: &[usize],
        findings: &Findings,
    ) -> Result<Self, PeerError> {
        let mut places = vec![Vec::new(); findings.len()];
        for (name, numbers) in outputs {
            let row = findings
                .row_of_name(name)
                .ok_or_else(|| PeerError::UnknownFinding {
                    name: name.clone(),
                    known: findings.ids().collect::<Vec<_>>().join(", "),
                })?;
            places[row].extend(numbers);
        }
        let missing = (findings.ids().zip(&places)).find(|(_, places)| places.is_empty());
        if missing.is_none() && ill.is_empty() {
            return Ok(Self {
                activation,
                findings: Some(findings.clone()),
                places,
            });
        }
        let named = |row: usize| !places[row].is_empty();
        let normal = findings.normal();
        let others = (0..places.len()).any(|row| named(row) && Some(row) != normal);
        match (normal, missing) {
            (Some(normal), _) if !others && (named(normal) || !ill.is_empty()) => Ok(Self {
                activation,
                findings: None,
                places: vec![places.swap_remove(normal), ill.to_vec()],
            }),
            (_, Some((id, _))) if ill.is_empty() => Err(PeerError::MissingFinding(id.to_owned())),
            (Some(_), _) => Err(PeerError::Ill),
            (None, _) => Err(PeerError::NoNormal),
        }
    }

    /// Whether the other network tells our findings apart.
    pub fn names_findings(&self) -> bool {
        self.findings.is_some()
    }

    /// What the other network says, by the numbers of its output.
    ///
    /// # Errors
    /// Fewer numbers than the configuration names, or numbers that make no probabilities.
    pub fn read(&self, numbers: &[f32]) -> Result<Theirs, PeerError> {
        let each = match self.activation {
            Activation::Softmax => softmax(numbers, 1.0),
            Activation::Sigmoid => numbers.iter().map(|x| 1.0 / (1.0 + (-x).exp())).collect(),
            Activation::None => numbers.to_vec(),
        };
        let shares: Vec<f32> = (self.places.iter())
            .map(|places| self.share(&each, places))
            .collect::<Result<_, _>>()?;
        let all: f32 = shares.iter().sum();
        let unusable = || PeerError::Numbers(numbers.to_vec());
        if !(all.is_finite() && each.iter().all(|value| *value >= 0.0)) {
            return Err(unusable());
        }
        if let (None, Some(empty)) = (&self.findings, self.places.iter().position(Vec::is_empty)) {
            if self.activation == Activation::Softmax && self.places[1 - empty].len() == each.len()
            {
                return Err(PeerError::OneSide(each.len()));
            }
            // Rounding may make more than 1 of exclusive probabilities.
            if all > 1.001 {
                return Err(unusable());
            }
            let healthy = if empty == 0 { 1.0 - all } else { all };
            return Ok(Theirs::Healthy(healthy.clamp(0.0, 1.0)));
        }
        if all <= 0.0 {
            return Err(unusable());
        }
        Ok(match &self.findings {
            Some(findings) => Theirs::Findings(ByFinding::new(
                findings,
                shares.iter().map(|share| share / all),
            )),
            None => Theirs::Healthy(shares[0] / all),
        })
    }

    /// The probability of what several numbers mean; 0 where there are none.
    fn share(&self, each: &[f32], places: &[usize]) -> Result<f32, PeerError> {
        let values = places.iter().map(|place| at(each, *place));
        match self.activation {
            Activation::Softmax | Activation::None => values.sum(),
            Activation::Sigmoid => {
                let none: f32 = values
                    .map(|value| Ok(1.0 - value?))
                    .product::<Result<_, PeerError>>()?;
                Ok(1.0 - none)
            }
        }
    }
}

fn at(numbers: &[f32], place: usize) -> Result<f32, PeerError> {
    numbers.get(place).copied().ok_or(PeerError::Outputs {
        place,
        given: numbers.len(),
    })
}
