//! How well a score tells images apart, whatever the threshold.

use serde::Serialize;

/// One finding against the others, by its probability.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Curves {
    /// Area under the ROC curve, 0..=1: 0.5 is a guess.
    pub auc: f64,
    /// Mean precision over the rises of recall, without interpolation, 0..=1.
    pub average_precision: f64,
    /// From nothing called so to everything; points on a straight line between two others are left out.
    pub roc: Vec<RocPoint>,
    /// By rising recall; points between two of the same recall are left out.
    pub precision_recall: Vec<PrecisionRecallPoint>,
}

/// What happens when everything with at least some probability is called so.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RocPoint {
    /// That probability; `None` where nothing is called so.
    pub threshold: Option<f32>,
    /// Of the images that are not, the share called so.
    pub false_positive_rate: f64,
    /// Of the images that are, the share called so.
    pub true_positive_rate: f64,
}

/// What happens when everything with at least some probability is called so.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PrecisionRecallPoint {
    /// That probability.
    pub threshold: f32,
    /// Of the images that are, the share called so.
    pub recall: f64,
    /// Of the images called so, the share that are.
    pub precision: f64,
}

impl Curves {
    /// Of each image its score and whether it is what the score is of; `None` where all are or none is.
    pub fn new(images: &[(f32, bool)]) -> Option<Self> {
        let steps = steps(images);
        let (positives, all) = steps.last().map(|step| (step.hits, step.called))?;
        let negatives = all - positives;
        if positives == 0 || negatives == 0 {
            return None;
        }
        let mut roc = vec![RocPoint {
            threshold: None,
            false_positive_rate: 0.0,
            true_positive_rate: 0.0,
        }];
        let (mut before, mut average_precision) = (0, 0.0);
        // The corner before the last, in counts: whether three points are on a line is asked without rounding.
        let mut line: Vec<(i64, i64)> = vec![(0, 0)];
        let mut precision_recall: Vec<PrecisionRecallPoint> = Vec::new();
        for step in &steps {
            let precision = step.hits as f64 / step.called as f64;
            average_precision += (step.hits - before) as f64 / positives as f64 * precision;
            before = step.hits;

            let here = ((step.called - step.hits) as i64, step.hits as i64);
            if let [.., a, b] = line[..]
                && (b.0 - a.0) * (here.1 - b.1) == (b.1 - a.1) * (here.0 - b.0)
            {
                line.pop();
                roc.pop();
            }
            line.push(here);
            roc.push(RocPoint {
                threshold: Some(step.threshold),
                false_positive_rate: here.0 as f64 / negatives as f64,
                true_positive_rate: here.1 as f64 / positives as f64,
            });
            let recall = step.hits as f64 / positives as f64;
            if let [.., a, b] = &precision_recall[..]
                && a.recall == b.recall
                && b.recall == recall
            {
                precision_recall.pop();
            }
            precision_recall.push(PrecisionRecallPoint {
                threshold: step.threshold,
                recall,
                precision,
            });
        }
        let of = |wanted: bool| -> Vec<f32> {
            images
                .iter()
                .filter(|(_, is)| *is == wanted)
                .map(|(score, _)| *score)
                .collect()
        };
        Some(Self {
            auc: auroc(&of(true), &of(false))?,
            average_precision,
            roc,
            precision_recall,
        })
    }
}

/// What is called so at one threshold.
struct Step {
    threshold: f32,
    /// Images of at least the threshold.
    called: usize,
    /// Those of them that are.
    hits: usize,
}

/// One step for each different score, from the highest on.
fn steps(images: &[(f32, bool)]) -> Vec<Step> {
    let mut sorted = images.to_vec();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut steps: Vec<Step> = Vec::new();
    let mut hits = 0;
    for (place, (score, is)) in sorted.iter().enumerate() {
        hits += usize::from(*is);
        let step = Step {
            threshold: *score,
            called: place + 1,
            hits,
        };
        match steps.last_mut() {
            Some(last) if last.threshold == *score => *last = step,
            _ => steps.push(step),
        }
    }
    steps
}

/// The chance that a score of `positives` is above one of `negatives`, ties by half (Mann and Whitney 1947): the area
/// under the ROC curve, 0..=1. `None` where either is empty.
pub fn auroc(positives: &[f32], negatives: &[f32]) -> Option<f64> {
    if positives.is_empty() || negatives.is_empty() {
        return None;
    }
    let mut below = negatives.to_vec();
    below.sort_by(f32::total_cmp);
    let twice: usize = positives
        .iter()
        .map(|score| {
            let lower = below.partition_point(|other| other < score);
            let not_above = below.partition_point(|other| other <= score);
            lower + not_above
        })
        .sum();
    Some(twice as f64 / 2.0 / (positives.len() * negatives.len()) as f64)
}
