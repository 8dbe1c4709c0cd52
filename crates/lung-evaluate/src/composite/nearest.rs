//! Which images resemble one another, by small copies of them.

use std::collections::HashSet;

use image::imageops::{FilterType, resize};
use image::{ImageBuffer, Luma};
use radiograph::Radiograph;
use rayon::prelude::*;

use super::members::Member;

/// Width and height of the copies that are registered.
pub(super) const SIDE: usize = 64;

/// Width and height of the copies that are compared, all with all.
const COARSE: usize = 32;

/// Two small copies of an image: one to register, one to compare.
#[derive(Clone, Debug)]
pub(super) struct Thumbnail {
    /// `SIDE * SIDE` brightnesses.
    pub(super) fine: Vec<f32>,
    /// `COARSE * COARSE` brightnesses of mean 0 and length 1: their product is a correlation.
    coarse: Vec<f32>,
}

impl Thumbnail {
    /// That of a radiograph, squashed to a square.
    pub(super) fn of(radiograph: &Radiograph) -> Self {
        let (width, height) = (radiograph.width(), radiograph.height());
        let image = ImageBuffer::<Luma<f32>, _>::from_raw(width, height, radiograph.luma());
        let shrunk = |side: usize| match &image {
            Some(image) => resize(image, side as u32, side as u32, FilterType::Triangle).into_raw(),
            None => vec![0.0; side * side],
        };
        Self {
            fine: shrunk(SIDE),
            coarse: unit(shrunk(COARSE)),
        }
    }

    /// Correlation of two images, -1 to 1.
    fn likeness(&self, other: &Self) -> f32 {
        self.coarse
            .iter()
            .zip(&other.coarse)
            .map(|(a, b)| a * b)
            .sum()
    }
}

/// Values of mean 0 and length 1; all 0 for an even image.
fn unit(mut values: Vec<f32>) -> Vec<f32> {
    let mean = values.iter().sum::<f32>() / values.len() as f32;
    values.iter_mut().for_each(|value| *value -= mean);
    let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > 0.0 {
        values.iter_mut().for_each(|value| *value /= length);
    }
    values
}

/// The `count` images that resemble image `seed` most, itself first, one a patient; fewer if there are fewer patients.
pub(super) fn cluster(
    members: &[Member],
    thumbnails: &[Thumbnail],
    seed: usize,
    count: usize,
) -> Vec<usize> {
    let mut order: Vec<(f32, usize)> = (thumbnails.iter().enumerate())
        .map(|(index, other)| match index == seed {
            true => (f32::INFINITY, index),
            false => (thumbnails[seed].likeness(other), index),
        })
        .collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut patients = HashSet::new();
    (order.into_iter())
        .map(|(_, index)| index)
        .filter(|index| patients.insert(members[*index].group.as_str()))
        .take(count)
        .collect()
}

/// The image whose `count` nearest resemble it most.
pub(super) fn densest(members: &[Member], thumbnails: &[Thumbnail], count: usize) -> usize {
    let density = |seed: usize| -> f32 {
        let near = cluster(members, thumbnails, seed, count);
        (near.iter())
            .map(|index| thumbnails[seed].likeness(&thumbnails[*index]))
            .sum()
    };
    let densities: Vec<f32> = (0..members.len()).into_par_iter().map(density).collect();
    (0..members.len())
        // Of equals the first.
        .rev()
        .max_by(|a, b| densities[*a].total_cmp(&densities[*b]))
        .unwrap_or_default()
}
