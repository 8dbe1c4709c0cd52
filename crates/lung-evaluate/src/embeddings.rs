//! Where the embeddings of radiographs lie.

use anyhow::ensure;
use mobilenet_lung::architecture::EMBEDDING;
use mobilenet_lung::{Distribution, Spread};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Directions of a [`Distribution`].
pub const DIRECTIONS: usize = 64;

/// Mean, principal directions and variances of embeddings, with a limit of 1.
///
/// The variances are those of the maximum likelihood (Tipping and Bishop 1999, equations 7 and 8): along a principal
/// direction its eigenvalue of the covariance, in all other directions the mean of the eigenvalues left.
///
/// # Errors
/// Embeddings that do not differ.
pub fn fit(embeddings: &[Vec<f32>]) -> anyhow::Result<Distribution> {
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
    /// What an eigenvalue may still change by in a round, as a share of all. Each is looked at, not their sum: the space is found
    /// long before the directions in it.
    const FOUND: f64 = 1e-9;
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut next: Vec<f64> = (0..DIRECTIONS * EMBEDDING)
        .map(|_| rand::Rng::random::<f64>(&mut rng) - 0.5)
        .collect();
    let mut vectors = Vec::new();
    let mut values = vec![0.0; DIRECTIONS];
    for _ in 0..ROUNDS {
        vectors = next;
        orthonormalise(&mut vectors);
        next = product(matrix, &vectors);
        let before = values;
        values = vectors
            .chunks_exact(EMBEDDING)
            .zip(next.chunks_exact(EMBEDDING))
            .map(|(vector, next)| dot(vector, next))
            .collect();
        let least = FOUND * values.iter().sum::<f64>();
        if (values.iter().zip(&before)).all(|(value, before)| (value - before).abs() <= least) {
            break;
        }
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
        // Each direction by itself, not only the space that all of them span.
        assert!(
            (found.spread.variances[DIRECTIONS - 1] - 3.0).abs() < 1.0
                && found.spread.variances.is_sorted_by(|a, b| *a >= 0.99 * b),
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

    #[test]
    fn embeddings_that_do_not_differ_or_are_no_numbers_are_refused() {
        for value in [0.0, 1.0, f32::NAN] {
            assert!(fit(&vec![vec![value; EMBEDDING]; 200]).is_err(), "{value}");
        }
    }
}
