//! What a model's trust in itself is made of: thresholds of prediction sets, and where radiographs lie among embeddings.

use mobilenet_lung::{ByFinding, Classifier, Distribution, PredictionSets};
use radiograph::Radiograph;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::augment::{Augmentation, Framing, Tone};
use crate::config::{COVERAGE, TrainConfig};
use crate::data::{Dataset, read_radiograph};
use crate::embeddings::{DIRECTIONS, fit};
use crate::evaluate::metrics::Outcome;
use crate::evaluate::outcomes;
use crate::progress::begin;

/// Share of the validation images that the limit is to accept, before the margin.
const ACCEPTED: f64 = 0.995;

/// What the limit is above that quantile: radiographs of other hospitals lie farther out than held-out ones of the same.
const MARGIN: f32 = 1.2;

/// Changes of training images that a [`Distribution`] takes in beside the images as they are: other exposures, margins and
/// marks are still radiographs.
const CHANGED: Augmentation = Augmentation {
    flip: true,
    rotation: 8.0,
    scale: 0.1,
    stretch: 0.08,
    shift: 0.05,
    brightness: 0.1,
    contrast: 0.2,
    gamma: 0.3,
    blur: 0.6,
    noise: 0.015,
    clutter: 0.3,
    recompress: 0.0,
    framing: Framing::NONE,
    tone: Tone::NONE,
};

/// A classifier with the images that it was trained on, and others that it was not.
#[derive(Debug)]
pub struct Held {
    /// The classifier.
    pub classifier: Classifier,
    /// The images that it was trained on, as indices into the data set.
    pub train: Vec<usize>,
    /// Images that it was not trained on.
    pub held_out: Vec<usize>,
}

/// What each classifier answers to the images that it was not trained on; one that cannot be read was left out of the
/// training too, and is here.
pub fn answers_held_out(held: &[Held], dataset: &Dataset) -> Vec<Outcome> {
    let images = held.iter().map(|part| part.held_out.len()).sum();
    let progress = begin(images, "classifying what was left out");
    let answers = held
        .iter()
        .flat_map(|part| outcomes(&part.classifier, dataset, &part.held_out, &progress).0)
        .collect();
    progress.finish_and_clear();
    answers
}

/// Thresholds of prediction sets from answers to images of the first data folder that the answering classifier was not
/// trained on; `None` without any.
///
/// Images of other folders are not exchangeable with those for which the sets are to hold. Several classifiers that each
/// leave out other images are cross-conformal prediction (Vovk 2015, "Cross-conformal predictors"): more images to take the
/// quantiles of than one classifier could spare.
pub fn prediction_sets(answers: &[Outcome], dataset: &Dataset) -> Option<PredictionSets> {
    let first = dataset.sources().into_iter().next()?;
    let mut of_truth = vec![Vec::new(); dataset.findings.len()];
    for answer in answers.iter().filter(|answer| answer.source == first) {
        if let Some(row) = dataset.findings.row(&answer.truth) {
            of_truth[row].extend(answer.probabilities.row(row));
        }
    }
    let any = of_truth
        .iter()
        .any(|probabilities| !probabilities.is_empty());
    let of_truth = ByFinding::new(&dataset.findings, of_truth);
    any.then(|| PredictionSets::calibrate(COVERAGE, &of_truth))
}

/// Where the embeddings of training images lie, as they are and changed, for the last of `held`; its limit is from the
/// images that each of them was not trained on. `None` without such images, or with fewer than twice as many training
/// images as directions.
///
/// Distances are in deviations of the training images of the same classifier, and so those of several can be put in one row.
///
/// # Errors
/// An image that a classifier cannot answer, or embeddings that do not differ.
pub fn distribution(
    held: &[Held],
    dataset: &Dataset,
    config: &TrainConfig,
) -> anyhow::Result<Option<Distribution>> {
    let few = |part: &Held| part.train.len() < 2 * DIRECTIONS;
    if held.iter().all(|part| part.held_out.is_empty()) || held.iter().any(few) {
        return Ok(None);
    }
    let mut distances = Vec::new();
    let mut last = None;
    for part in held {
        let (distribution, of_part) = fit_to(part, dataset, config)?;
        distances.extend(of_part);
        last = Some(distribution);
    }
    distances.sort_by(f32::total_cmp);
    let place = ((distances.len() as f64 * ACCEPTED).ceil() as usize).min(distances.len());
    Ok(last.map(|mut distribution| {
        distribution.spread.limit = distances[place - 1] * MARGIN;
        distribution
    }))
}

/// Where the embeddings of the images lie that a classifier was trained on, and how far from there those held out.
fn fit_to(
    part: &Held,
    dataset: &Dataset,
    config: &TrainConfig,
) -> anyhow::Result<(Distribution, Vec<f32>)> {
    let classifier = &part.classifier;
    let progress = begin(
        2 * part.train.len() + part.held_out.len(),
        "embeddings of radiographs",
    );
    let side = config.preprocessing().side;
    // Frames that training knows are radiographs too.
    let changes = Augmentation {
        framing: config.augmentation.framing,
        ..CHANGED
    };
    let embed = |radiograph: &Radiograph| {
        progress.inc(1);
        pollster::block_on(classifier.embedding(radiograph))
    };
    let embeddings = |indices: &[usize], changed: bool| {
        let per_image: Vec<Vec<Vec<f32>>> = indices
            .par_iter()
            .map(|index| {
                let Ok(radiograph) = read_radiograph(&dataset.examples[*index].path) else {
                    return Ok(Vec::new());
                };
                let mut both = vec![embed(&radiograph)?];
                if changed {
                    let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
                    rng.set_stream(*index as u64);
                    let pixels: Vec<u8> = config
                        .preprocessing()
                        .reduce(&radiograph)
                        .iter()
                        .map(|value| (value * 255.0).round() as u8)
                        .collect();
                    let detail = config.detail as usize;
                    let other = changes.apply(&pixels, detail, side as usize, &mut rng);
                    both.push(embed(&Radiograph::from_luma(side, side, other)?)?);
                }
                Ok(both)
            })
            .collect::<anyhow::Result<_>>()?;
        Ok::<_, anyhow::Error>(per_image.concat())
    };
    let training = embeddings(&part.train, true)?;
    let held_out = embeddings(&part.held_out, false)?;
    progress.finish_and_clear();
    let distribution = fit(&training)?;
    let distances = (held_out.iter())
        .map(|embedding| distribution.distance(embedding))
        .collect();
    Ok((distribution, distances))
}
