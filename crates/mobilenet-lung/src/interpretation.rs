//! How what a network gave becomes a report.

use crate::architecture::{EMBEDDING, GRID};
use crate::bundle::{Bundle, OperatingPoint};
use crate::distribution::Distribution;
use crate::error::ClassifyError;
use crate::inference::Inference;
use crate::report::{EvidenceMap, Report, softmax};
use crate::{ByFinding, Findings};

/// How what a network gave becomes a report: what a bundle says of it, apart from the network.
#[derive(Clone, Debug)]
pub struct Interpretation {
    /// Id of the model.
    pub model: String,
    /// What the network tells apart.
    pub findings: Findings,
    /// Multiplies the evidence of each finding; above 0.
    pub scales: ByFinding<f32>,
    /// At least one.
    pub operating_points: Vec<OperatingPoint>,
    /// Name of the one where nobody asks for another.
    pub default_operating_point: String,
    /// Where the embeddings of frontal chest radiographs lie, if the bundle says so.
    pub distribution: Option<Distribution>,
}

impl Interpretation {
    /// What a bundle says of its network's answers.
    pub fn of(bundle: &Bundle) -> Self {
        let metadata = bundle.metadata();
        Self {
            model: bundle.id().to_owned(),
            findings: metadata.findings.clone(),
            scales: metadata.scales.clone(),
            operating_points: metadata.operating_points.clone(),
            default_operating_point: metadata.default_operating_point.clone(),
            distribution: bundle.distribution().cloned(),
        }
    }

    /// The operating point that is called so; without a name the default.
    ///
    /// # Errors
    /// [`ClassifyError::OperatingPoint`] names those that there are.
    pub fn operating_point(&self, name: Option<&str>) -> Result<&OperatingPoint, ClassifyError> {
        let wanted = name.unwrap_or(&self.default_operating_point);
        let mut points = self.operating_points.iter();
        points
            .find(|point| point.name == wanted)
            .ok_or_else(|| ClassifyError::OperatingPoint {
                wanted: wanted.to_owned(),
                names: (self.operating_points.iter())
                    .map(|point| point.name.clone())
                    .collect(),
            })
    }

    /// The report on what a device gave, whatever that is: nothing in a report is ever anything but a finite number.
    ///
    /// # Errors
    /// [`ClassifyError::Device`] for another number of values, [`ClassifyError::NotFinite`] for such as are no finite numbers or
    /// too large to be summed, [`ClassifyError::OperatingPoint`] for a name of none.
    pub fn report(
        &self,
        inference: &Inference,
        operating_point: Option<&str>,
    ) -> Result<Report, ClassifyError> {
        let point = self.operating_point(operating_point)?;
        check(inference, self.findings.len())?;
        let evidence = self.calibrated(&inference.evidence, point);
        let logits: Vec<f32> = evidence
            .iter()
            .map(|map| map.as_flattened().iter().sum::<f32>())
            .collect();
        if !logits.iter().all(|logit| logit.is_finite()) {
            return Err(ClassifyError::NotFinite);
        }
        // The evidence is already scaled, and so are its sums.
        let probabilities = ByFinding::new(&self.findings, softmax(&logits, 1.0));
        let mut best: (&str, f32) = ("", f32::NEG_INFINITY);
        for (id, probability) in probabilities.iter() {
            // Of equals the first, as in the prediction set.
            if *probability > best.1 {
                best = (id, *probability);
            }
        }
        Ok(Report {
            finding: best.0.to_owned(),
            prediction_set: point
                .prediction_sets
                .as_ref()
                .map(|sets| sets.set(&probabilities)),
            probabilities,
            in_distribution: self
                .distribution
                .as_ref()
                .map(|distribution| distribution.judge(&inference.embedding)),
            evidence: ByFinding::new(&self.findings, evidence),
            operating_point: point.name.clone(),
            model: self.model.clone(),
        })
    }

    /// Evidence `[n, 7, 7]` times the scales and with the offsets, each divided among the cells of its map.
    fn calibrated(&self, evidence: &[f32], point: &OperatingPoint) -> Vec<EvidenceMap> {
        let maps = evidence.chunks_exact(GRID * GRID);
        let changes = self.scales.values().zip(point.offsets.values());
        maps.zip(changes)
            .map(|(cells, (scale, offset))| {
                let share = offset / (GRID * GRID) as f32;
                let mut map = [[0.0; GRID]; GRID];
                for (to, value) in map.as_flattened_mut().iter_mut().zip(cells) {
                    *to = value * scale + share;
                }
                map
            })
            .collect()
    }
}

/// Refuses what no network gives.
pub(crate) fn check(inference: &Inference, findings: usize) -> Result<(), ClassifyError> {
    let Inference {
        evidence,
        embedding,
    } = inference;
    let lengths = (evidence.len(), embedding.len());
    if lengths != (findings * GRID * GRID, EMBEDDING) {
        return Err(ClassifyError::Device {
            detail: format!("it gave {lengths:?} values"),
        });
    }
    if !evidence.iter().chain(embedding).all(|v| v.is_finite()) {
        return Err(ClassifyError::NotFinite);
    }
    Ok(())
}
