//! What a model's trust in itself is made of: thresholds of prediction sets, and where radiographs lie among embeddings.

use anyhow::ensure;
use mobilenet_lung::architecture::EMBEDDING;
use mobilenet_lung::{ByFinding, Classifier, Distribution, PredictionSets, Spread};
use radiograph::Radiograph;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::augment::{Augmentation, Framing, Tone};
use crate::config::{COVERAGE, TrainConfig};
use crate::data::{Dataset, read_radiograph};
use crate::evaluate::metrics::Outcome;
use crate::evaluate::outcomes;
use crate::progress::begin;

/// Directions of a [`Distribution`].
const DIRECTIONS: usize = 64;

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

/// Mean, principal directions and variances of embeddings, with a limit of 1.
///
/// The variances are those of the maximum likelihood (Tipping and Bishop 1999, equations 7 and 8): along a principal
/// direction its eigenvalue of the covariance, in all other directions the mean of the eigenvalues left.
fn fit(embeddings: &[Vec<f32>]) -> anyhow::Result<Distribution> {
    let count = embeddings.len() as f64;
    let mut mean = vec![0.0f64; EMBEDDING];
    for embedding in embeddings {
        for (sum, value) in mean.iter_mut().zip(embedding) {
            *sum += f64::from(*value) / count;
        }
    }
    let mut covariance = vec![0.0f64; EMBEDDING * EMBEDDING];
    let mut centred = vec![0.0f64; EMBEDDING];
    for embedding in embeddings {
        for ((to, value), mean) in centred.iter_mut().zip(embedding).zip(&mean) {
            *to = f64::from(*value) - mean;
        }
        for (row, a) in covariance.chunks_exact_mut(EMBEDDING).zip(&centred) {
            for (to, b) in row.iter_mut().zip(&centred) {
                *to += a * b / count;
            }
        }
    }
    let (values, directions) = principal(&covariance);
    let trace: f64 = (0..EMBEDDING).map(|i| covariance[i * EMBEDDING + i]).sum();
    let left = (trace - values.iter().sum::<f64>()) / (EMBEDDING - DIRECTIONS) as f64;
    ensure!(
        left > 0.0 && values.iter().all(|value| *value > 0.0),
        "the embeddings of the training images do not differ from each other"
    );
    Ok(Distribution {
        mean: mean.iter().map(|value| *value as f32).collect(),
        directions: directions.iter().map(|value| *value as f32).collect(),
        spread: Spread {
            variances: values.iter().map(|value| *value as f32).collect(),
            other_variance: left as f32,
            limit: 1.0,
        },
    })
}

/// The largest eigenvalues of a symmetric matrix `[EMBEDDING, EMBEDDING]`, falling, and their orthonormal eigenvectors
/// `[DIRECTIONS, EMBEDDING]`, by orthogonal iteration (Golub and Van Loan, Matrix Computations, 8.2.4).
fn principal(matrix: &[f64]) -> (Vec<f64>, Vec<f64>) {
    /// Where directions cannot be told apart, any of them do.
    const ROUNDS: usize = 200;
    /// The share by which the sum of the eigenvalues grows in a round when it is found.
    const FOUND: f64 = 1e-12;
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut vectors: Vec<f64> = (0..DIRECTIONS * EMBEDDING)
        .map(|_| rand::Rng::random::<f64>(&mut rng) - 0.5)
        .collect();
    orthonormalise(&mut vectors);
    let mut values = Vec::new();
    let mut before = 0.0;
    for _ in 0..ROUNDS {
        let mut next = product(matrix, &vectors);
        values = vectors
            .chunks_exact(EMBEDDING)
            .zip(next.chunks_exact(EMBEDDING))
            .map(|(vector, next)| dot(vector, next))
            .collect();
        let sum: f64 = values.iter().sum();
        if (sum - before).abs() <= FOUND * sum {
            break;
        }
        before = sum;
        orthonormalise(&mut next);
        vectors = next;
    }
    (values, vectors)
}

/// A symmetric matrix `[EMBEDDING, EMBEDDING]` times each of the vectors `[DIRECTIONS, EMBEDDING]`.
fn product(matrix: &[f64], vectors: &[f64]) -> Vec<f64> {
    /// Vectors at a time: as many sums as fit into registers.
    const LANES: usize = 8;
    const { assert!(DIRECTIONS.is_multiple_of(LANES)) };
    let mut product = vec![0.0; DIRECTIONS * EMBEDDING];
    product
        .par_chunks_exact_mut(LANES * EMBEDDING)
        .zip(vectors.par_chunks_exact(LANES * EMBEDDING))
        .for_each(|(product, vectors)| {
            let mut together = vec![[0.0; LANES]; EMBEDDING];
            for (lane, vector) in vectors.chunks_exact(EMBEDDING).enumerate() {
                for (to, value) in together.iter_mut().zip(vector) {
                    to[lane] = *value;
                }
            }
            for (place, row) in matrix.chunks_exact(EMBEDDING).enumerate() {
                let mut sums = [0.0; LANES];
                for (entry, values) in row.iter().zip(&together) {
                    for (sum, value) in sums.iter_mut().zip(values) {
                        *sum += entry * value;
                    }
                }
                for (lane, sum) in sums.into_iter().enumerate() {
                    product[lane * EMBEDDING + place] = sum;
                }
            }
        });
    product
}

/// Makes vectors `[DIRECTIONS, EMBEDDING]` orthonormal, each against those before it (Gram and Schmidt).
fn orthonormalise(vectors: &mut [f64]) {
    // Twice: once leaves what cancellation spoilt.
    for _ in 0..2 {
        for place in 0..DIRECTIONS {
            let (before, rest) = vectors.split_at_mut(place * EMBEDDING);
            let vector = &mut rest[..EMBEDDING];
            for other in before.chunks_exact(EMBEDDING) {
                let along = dot(vector, other);
                for (to, from) in vector.iter_mut().zip(other) {
                    *to -= along * from;
                }
            }
            let length = dot(vector, vector).sqrt().max(f64::MIN_POSITIVE);
            for value in vector.iter_mut() {
                *value /= length;
            }
        }
    }
}

/// The sum of products of two vectors of [`EMBEDDING`] values, in eight sums beside each other.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    const { assert!(EMBEDDING.is_multiple_of(8)) };
    let mut sums = [0.0; 8];
    for (a, b) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distribution_of_known_variances_is_found() {
        // Independent coordinates: the first DIRECTIONS with large variances, the others with 0.01.
        let mut seed = 3u64;
        let mut draw = || {
            // A sum of 12 uniform numbers less 6 has variance 1 (Irwin and Hall).
            (0..12)
                .map(|_| {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    (seed >> 40) as f32 / (1 << 24) as f32
                })
                .sum::<f32>()
                - 6.0
        };
        let embeddings: Vec<Vec<f32>> = (0..4000)
            .map(|_| {
                (0..EMBEDDING)
                    .map(|i| {
                        let deviation = if i < DIRECTIONS {
                            3.0 - i as f32 / 50.0
                        } else {
                            0.1
                        };
                        1.0 + deviation * draw()
                    })
                    .collect()
            })
            .collect();
        let found = fit(&embeddings).unwrap();
        assert!(
            (found.spread.variances[0] - 9.0).abs() < 1.5,
            "{:?}",
            found.spread
        );
        assert!((found.spread.other_variance - 0.01).abs() < 1e-3);
        for (i, a) in found.directions.chunks_exact(EMBEDDING).enumerate() {
            for (j, b) in found.directions.chunks_exact(EMBEDDING).enumerate() {
                let product: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
                assert!((product - if i == j { 1.0 } else { 0.0 }).abs() < 1e-4);
            }
        }
        // A squared distance is a sum of as many squares of deviation 1 as there are coordinates.
        let distances: Vec<f32> = embeddings.iter().map(|e| found.distance(e)).collect();
        let mean = distances.iter().sum::<f32>() / distances.len() as f32;
        assert!((mean / EMBEDDING as f32 - 1.0).abs() < 0.02, "{mean}");
    }
}
