//! Which images an epoch sees, and in which order.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::data::Dataset;

/// Places in `examples` for one epoch, in random order: `draws` of them (0: as many as there are), drawn from each stratum as often as
/// `balance` has it (see [`TrainConfig::balance`](crate::config::TrainConfig::balance)), and within a stratum from each image as often as
/// from any other (to one).
pub(crate) fn draw(
    dataset: &Dataset,
    examples: &[usize],
    balance: f64,
    draws: usize,
    rng: &mut ChaCha8Rng,
) -> Vec<usize> {
    let mut strata: BTreeMap<(usize, &str, &str), Vec<usize>> = BTreeMap::new();
    for (place, index) in examples.iter().enumerate() {
        let stratum = dataset.examples[*index].stratum();
        strata.entry(stratum).or_default().push(place);
    }
    let exponent = 1.0 - balance;
    let weight = |images: usize| (images as f64).powf(exponent);
    let total: f64 = strata.values().map(|places| weight(places.len())).sum();
    let draws = match draws {
        0 => examples.len(),
        draws => draws,
    };
    let mut order = Vec::with_capacity(draws);
    for places in strata.values() {
        let share = weight(places.len()) / total;
        let mut missing = (share * draws as f64).round() as usize;
        while missing > 0 {
            let mut some = places.clone();
            some.shuffle(rng);
            some.truncate(missing);
            missing -= some.len();
            order.extend(some);
        }
    }
    order.shuffle(rng);
    order
}
