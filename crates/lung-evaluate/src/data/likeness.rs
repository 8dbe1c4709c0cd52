//! Images that are there twice: the same file, the same pixels, or all but the same.
//!
//! Two images are all but identical where their *reliefs* correlate by at least [`ALIKE`]. A relief is the image, squashed to
//! 32 x 32, less its blurred self: what is left are edges, which differ among patients while the shape of a chest does not.
//! It outlives other compression, another size or aspect, brightness and contrast.
//!
//! Only images whose perceptual hashes are near are held against each other: signs of the 63 lowest frequencies of a
//! cosine transform (Zauner 2010, "Implementation and Benchmarking of Perceptual Image Hash Functions", section 3.2.1).
//!
//! The limits are from 7,265 radiographs of six folders. Copies of 400 of them with JPEG quality 50, half the size, gamma
//! 1.25 or a tenth brighter have hashes at most 6 apart and correlate by at least 0.988, as 316 images do with themselves
//! in another size and aspect. Of 26 million pairs of different groups none correlates by 0.94. A copy that was cropped by
//! 2% of each side correlates by 0.89 in the median: it is not found.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use image::imageops::{FilterType, resize};
use image::{ImageBuffer, Luma};
use mobilenet_lung::Preprocessing;
use radiograph::Radiograph;
use rayon::prelude::*;

/// Side of what is compared.
const SIDE: usize = 32;

/// How many frequencies of each direction are hashed.
const FREQUENCIES: usize = 8;

/// Standard deviation of the blur, in pixels of 32.
const BLUR: f32 = 2.0;

/// How many signs may differ in the hashes of two images that are compared.
const NEAR: u32 = 10;

/// The least correlation of images that are all but identical.
const ALIKE: f64 = 0.985;

/// What a unit is multiplied by in a relief.
const UNIT: f32 = 32_767.0;

/// What an image is recognised by.
#[derive(Clone, Debug)]
pub(crate) struct Print {
    /// A hash of all its pixels.
    pixels: u64,
    /// A perceptual hash.
    hash: u64,
    /// Its relief, of length [`UNIT`]; none for an image without edges.
    relief: Option<Box<[i16]>>,
}

impl Print {
    /// That of an image, of which `reduced` are `detail * detail` intensities as [`Preprocessing::reduce`] has them.
    pub(crate) fn of(radiograph: &Radiograph, reduced: &[f32], detail: u32) -> Self {
        let mut hasher = DefaultHasher::new();
        (radiograph.width(), radiograph.height()).hash(&mut hasher);
        for value in radiograph.luma() {
            hasher.write_u16((value * 65_535.0).round() as u16);
        }
        let small = match detail as usize >= 2 * SIDE {
            true => shrink(reduced, detail),
            // Too small to tell patients apart.
            false => {
                let detail = 2 * SIDE as u32;
                let preprocessing = Preprocessing {
                    detail,
                    ..Preprocessing::IMAGENET
                };
                shrink(&preprocessing.reduce(radiograph), detail)
            }
        };
        Self {
            pixels: hasher.finish(),
            hash: hash(&small),
            relief: relief(&small),
        }
    }

    /// Whether two images are all but identical.
    fn is_like(&self, other: &Self) -> bool {
        let (Some(a), Some(b)) = (&self.relief, &other.relief) else {
            return false;
        };
        (self.hash ^ other.hash).count_ones() <= NEAR && {
            let product = |(a, b): (&i16, &i16)| i64::from(*a) * i64::from(*b);
            let dot: i64 = a.iter().zip(b).map(product).sum();
            dot as f64 >= ALIKE * f64::from(UNIT) * f64::from(UNIT)
        }
    }
}

/// `detail * detail` intensities as `SIDE * SIDE`.
fn shrink(pixels: &[f32], detail: u32) -> Vec<f32> {
    match ImageBuffer::<Luma<f32>, _>::from_raw(detail, detail, pixels) {
        Some(image) => resize(&image, SIDE as u32, SIDE as u32, FilterType::Triangle).into_raw(),
        // Fewer pixels than a square: it is like nothing.
        None => Vec::new(),
    }
}

/// Whether each of the lowest frequencies but the mean is above their median.
fn hash(small: &[f32]) -> u64 {
    let cosine = |frequency: usize, place: usize| {
        let angle = std::f32::consts::PI * frequency as f32 * (place as f32 + 0.5) / SIDE as f32;
        let scale = if frequency == 0 { 0.5f32.sqrt() } else { 1.0 };
        angle.cos() * scale
    };
    let table: Vec<[f32; SIDE]> = (0..FREQUENCIES)
        .map(|frequency| std::array::from_fn(|place| cosine(frequency, place)))
        .collect();
    let along = |row: &[f32], wave: &[f32; SIDE]| -> f32 {
        row.iter().zip(wave).map(|(value, wave)| value * wave).sum()
    };
    let rows: Vec<Vec<f32>> = (small.chunks(SIDE))
        .map(|row| table.iter().map(|wave| along(row, wave)).collect())
        .collect();
    let mut values = Vec::with_capacity(FREQUENCIES * FREQUENCIES);
    for wave in &table {
        for across in 0..FREQUENCIES {
            let terms = rows.iter().zip(wave);
            values.push(terms.map(|(row, wave)| row[across] * wave).sum::<f32>());
        }
    }
    values.remove(0);
    let mut sorted = values.clone();
    sorted.sort_by(f32::total_cmp);
    let median = sorted[sorted.len() / 2];
    (values.iter()).fold(0, |hash, value| hash << 1 | u64::from(*value > median))
}

/// What the blurred image lacks, its mean taken away, of length [`UNIT`].
fn relief(small: &[f32]) -> Option<Box<[i16]>> {
    const REACH: usize = 4 * BLUR as usize;
    let weight = |distance: f32| (-0.5 * (distance / BLUR).powi(2)).exp();
    let kernel: Vec<f32> = (0..=2 * REACH)
        .map(|place| weight(place as f32 - REACH as f32))
        .collect();
    let total: f32 = kernel.iter().sum();
    // Beyond its edge the image is mirrored.
    let mirrored = |place: usize, step: usize| {
        let at = (place + step) as isize - REACH as isize;
        match at {
            ..0 => (-1 - at) as usize,
            _ if at as usize >= SIDE => 2 * SIDE - 1 - at as usize,
            _ => at as usize,
        }
    };
    let blur = |pixels: &[f32], index: &dyn Fn(usize, usize) -> usize| -> Vec<f32> {
        let mut out = vec![0.0; pixels.len()];
        for line in 0..SIDE {
            for place in 0..SIDE {
                let terms = kernel.iter().enumerate();
                let sum: f32 = terms
                    .map(|(step, weight)| pixels[index(line, mirrored(place, step))] * weight)
                    .sum();
                out[index(line, place)] = sum / total;
            }
        }
        out
    };
    if small.len() != SIDE * SIDE {
        return None;
    }
    let across = blur(small, &|line, place| line * SIDE + place);
    let blurred = blur(&across, &|line, place| place * SIDE + line);
    let mut relief: Vec<f32> = small.iter().zip(&blurred).map(|(a, b)| a - b).collect();
    let mean = relief.iter().sum::<f32>() / relief.len() as f32;
    for value in &mut relief {
        *value -= mean;
    }
    let length = relief.iter().map(|value| value * value).sum::<f32>().sqrt();
    // Of an even image, rounding errors are left.
    (length > 1e-3).then(|| {
        relief
            .iter()
            .map(|value| (value / length * UNIT).round() as i16)
            .collect()
    })
}

/// Images that are there more than once, by index.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Likeness {
    /// Sets of images whose bytes or pixels are the same.
    pub(crate) identical: Vec<Vec<usize>>,
    /// Pairs of images that are all but identical, the first of each set of identical ones.
    pub(crate) alike: Vec<(usize, usize)>,
}

impl Likeness {
    /// Finds them among images: a hash of the file and what else each is recognised by, where it could be read.
    pub(crate) fn among(files: &[Option<(&str, &Print)>]) -> Self {
        // Where an image was seen first, by bytes or by pixels.
        let mut by_bytes: HashMap<&str, usize> = HashMap::new();
        let mut by_pixels: HashMap<u64, usize> = HashMap::new();
        let mut sets: HashMap<usize, Vec<usize>> = HashMap::new();
        let mut firsts = Vec::new();
        for (index, file) in files.iter().enumerate() {
            let Some((sha256, print)) = file else {
                continue;
            };
            let pixels = *by_pixels.entry(print.pixels).or_insert(index);
            let first = *by_bytes.entry(sha256).or_insert(pixels);
            if first == index {
                firsts.push((index, *print));
            } else {
                sets.entry(first).or_insert_with(|| vec![first]).push(index);
            }
        }
        let mut identical: Vec<Vec<usize>> = sets.into_values().collect();
        identical.sort_unstable();
        let alike = (0..firsts.len())
            .into_par_iter()
            .flat_map_iter(|place| {
                let (index, print) = firsts[place];
                (firsts[place + 1..].iter())
                    .filter(move |(_, other)| print.is_like(other))
                    .map(move |(other, _)| (index, *other))
            })
            .collect();
        Self { identical, alike }
    }
}

#[cfg(test)]
mod tests {
    use radiograph::phantom::{Pattern, jpeg, phantom, png8};

    use super::*;

    fn print(bytes: &[u8]) -> Print {
        let radiograph = Radiograph::decode(bytes).unwrap();
        let preprocessing = Preprocessing {
            detail: 160,
            ..Preprocessing::IMAGENET
        };
        Print::of(&radiograph, &preprocessing.reduce(&radiograph), 160)
    }

    #[test]
    fn a_copy_is_found_and_another_image_is_not() {
        let image = phantom(Pattern::Clear, 7, 299);
        let original = print(&png8(&image).unwrap());
        let copies = [
            png8(&image).unwrap(),
            jpeg(&image, 50).unwrap(),
            png8(&phantom(Pattern::Clear, 7, 180)).unwrap(),
        ];
        for (place, copy) in copies.iter().enumerate() {
            let copy = print(copy);
            assert!(original.is_like(&copy), "copy {place}");
            assert_eq!(copy.pixels == original.pixels, place == 0);
        }
        for seed in 8..40 {
            let other = print(&png8(&phantom(Pattern::Clear, seed, 299)).unwrap());
            assert!(!original.is_like(&other), "{seed}");
        }
        let even = Radiograph::from_luma(9, 9, vec![0.4; 81]).unwrap();
        let even = Print::of(&even, &[0.0; 64 * 64], 64);
        assert!(!even.is_like(&even));
    }

    #[test]
    fn sets_and_pairs_are_found_once() {
        let image = |seed| png8(&phantom(Pattern::Clear, seed, 299)).unwrap();
        let compressed = jpeg(&phantom(Pattern::Clear, 1, 299), 60).unwrap();
        let prints = [image(1), image(2), image(1), compressed].map(|bytes| print(&bytes));
        let files = [
            Some(("a", &prints[0])),
            Some(("b", &prints[1])),
            None,
            // Other bytes, the same pixels.
            Some(("c", &prints[2])),
            Some(("d", &prints[3])),
            Some(("b", &prints[1])),
        ];
        let found = Likeness::among(&files);
        assert_eq!(found.identical, [vec![0, 3], vec![1, 5]]);
        assert_eq!(found.alike, [(0, 4)]);
    }
}
