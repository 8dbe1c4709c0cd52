//! Many registered images as one.

use rayon::prelude::*;

use super::error::CompositeError;

/// Share of the values at a pixel that are left out at each end.
const LEFT_OUT: f32 = 0.25;

/// How much of what a blur would take is added again: averages are softer than radiographs.
const SHARPEN: f32 = 0.8;

/// Standard deviation of that blur, as a share of the side.
const BLUR: f32 = 1.0 / 75.0;

/// Share of each side that says nothing of brightness: frames and labels are there.
const BORDER: usize = 8;

/// The average of square images of one size, sharpened, with the tones that the images have in the mean.
///
/// At each pixel the middle half of the values counts. What fewer than a quarter of the images have at a place, such as a
/// letter, shifts the average by less than the spread of the others.
///
/// # Errors
/// [`CompositeError::Picture`] for images without any contrast.
pub(super) fn average(mut layers: Vec<Vec<f32>>) -> Result<Vec<f32>, CompositeError> {
    let tones = mean_tones(&layers);
    layers.par_iter_mut().for_each(|layer| standardise(layer));
    let mut picture = trimmed_mean(&layers);
    let side = picture.len().isqrt();
    let soft = blurred(&picture, side, BLUR * side as f32);
    for (value, soft) in picture.iter_mut().zip(&soft) {
        *value += SHARPEN * (*value - soft);
    }
    let picture = with_tones(&picture, &tones);
    match picture.iter().all(|value| value.is_finite()) && picture.iter().any(|v| *v != picture[0])
    {
        true => Ok(picture),
        false => Err(CompositeError::Picture("it has no contrast".to_owned())),
    }
}

/// Brightness of mean 0 and variance 1 away from the border.
fn standardise(layer: &mut [f32]) {
    let side = layer.len().isqrt();
    let border = side / BORDER;
    let middle = |at: &usize| {
        let (row, column) = (at / side, at % side);
        (border..side - border).contains(&row) && (border..side - border).contains(&column)
    };
    let values: Vec<f32> = (0..layer.len())
        .filter(middle)
        .map(|at| layer[at])
        .collect();
    let count = values.len().max(1) as f32;
    let mean = values.iter().sum::<f32>() / count;
    let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>() / count;
    let deviation = variance.sqrt().max(1e-6);
    layer
        .iter_mut()
        .for_each(|value| *value = (*value - mean) / deviation);
}

/// The mean of the middle values at each pixel.
fn trimmed_mean(layers: &[Vec<f32>]) -> Vec<f32> {
    let out = (layers.len() as f32 * LEFT_OUT).round() as usize;
    (0..layers[0].len())
        .into_par_iter()
        .map(|at| {
            let mut values: Vec<f32> = layers.iter().map(|layer| layer[at]).collect();
            values.sort_by(f32::total_cmp);
            let middle = &values[out..values.len() - out];
            middle.iter().sum::<f32>() / middle.len() as f32
        })
        .collect()
}

/// The sorted brightnesses of the images, each stretched to 0..1, in the mean over the images.
fn mean_tones(layers: &[Vec<f32>]) -> Vec<f32> {
    let sorted: Vec<Vec<f32>> = (layers.par_iter())
        .map(|layer| {
            let mut values = layer.clone();
            values.sort_by(f32::total_cmp);
            let (least, most) = (values[0], values[values.len() - 1]);
            let range = (most - least).max(1e-6);
            values
                .iter_mut()
                .for_each(|value| *value = (*value - least) / range);
            values
        })
        .collect();
    let count = sorted.len() as f32;
    (0..layers[0].len())
        .map(|at| sorted.iter().map(|values| values[at]).sum::<f32>() / count)
        .collect()
}

/// The picture with other tones: its darkest pixel has the first, its brightest the last, stretched to 0..1.
fn with_tones(picture: &[f32], tones: &[f32]) -> Vec<f32> {
    let mut order: Vec<usize> = (0..picture.len()).collect();
    order.sort_by(|a, b| picture[*a].total_cmp(&picture[*b]).then(a.cmp(b)));
    let (least, most) = (tones[0], tones[tones.len() - 1]);
    let range = (most - least).max(1e-6);
    let mut out = vec![0.0; picture.len()];
    for (at, tone) in order.into_iter().zip(tones) {
        out[at] = (tone - least) / range;
    }
    out
}

/// Blurred by a bell of this standard deviation in pixels; mirrored beyond the edge.
fn blurred(picture: &[f32], side: usize, deviation: f32) -> Vec<f32> {
    let reach = (3.0 * deviation).ceil().max(1.0) as isize;
    let bell: Vec<f32> = (-reach..=reach)
        .map(|step| (-0.5 * (step as f32 / deviation).powi(2)).exp())
        .collect();
    let total: f32 = bell.iter().sum();
    let mirrored = |place: isize| {
        let last = side as isize - 1;
        let place = if place < 0 { -place } else { place };
        let place = if place > last {
            2 * last - place
        } else {
            place
        };
        place.clamp(0, last) as usize
    };
    let pass = |from: &[f32], index: &(dyn Fn(usize, usize) -> usize + Sync)| -> Vec<f32> {
        let mut out = vec![0.0; from.len()];
        for line in 0..side {
            for place in 0..side {
                let terms = (-reach..=reach).zip(&bell);
                let sum: f32 = terms
                    .map(|(step, weight)| {
                        from[index(line, mirrored(place as isize + step))] * weight
                    })
                    .sum();
                out[index(line, place)] = sum / total;
            }
        }
        out
    };
    let across = pass(picture, &|line, place| line * side + place);
    pass(&across, &|line, place| place * side + line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use radiograph::phantom::{Pattern, phantom};

    const SIDE: usize = 128;

    fn layers(count: u64) -> Vec<Vec<f32>> {
        (0..count)
            .map(|seed| phantom(Pattern::Clear, seed, SIDE as u32).luma().to_vec())
            .collect()
    }

    /// Contrast of a block against what is around it.
    fn block(picture: &[f32], top: usize, left: usize) -> f32 {
        let mean = |from: usize, to: usize| {
            let places = (from..to).flat_map(|row| (from..to).map(move |column| (row, column)));
            let values: Vec<f32> = places
                .map(|(row, column)| picture[(row + top) * SIDE + column + left])
                .collect();
            values.iter().sum::<f32>() / values.len() as f32
        };
        mean(4, 12) - mean(0, 16)
    }

    /// How much more a block stands out where so many of sixteen images have a letter of 1.0 in it. It lies at the edge, where
    /// phantoms differ most.
    fn left_of_a_letter(images: usize) -> f32 {
        let mut marked = layers(16);
        for layer in marked.iter_mut().take(images) {
            for row in 8..16 {
                layer[row * SIDE..][8..16].fill(1.0);
            }
        }
        let picture = |layers| block(&average(layers).unwrap(), 4, 4);
        (picture(marked) - picture(layers(16))).abs()
    }

    #[test]
    fn a_letter_of_one_image_of_sixteen_is_not_seen() {
        let left = left_of_a_letter(1);
        assert!(left < 0.04, "{left}");
    }

    #[test]
    fn of_a_letter_of_three_images_of_sixteen_half_is_left() {
        // A plain mean shows 0.19 of it, before it is stretched: the middle half moves by about half as much.
        let left = left_of_a_letter(3);
        assert!(left < 0.12, "{left}");
    }

    #[test]
    fn the_average_has_all_tones_and_one_without_contrast_is_refused() {
        let picture = average(layers(16)).unwrap();
        let least = picture.iter().copied().fold(f32::INFINITY, f32::min);
        let most = picture.iter().copied().fold(0.0, f32::max);
        assert_eq!((least, most), (0.0, 1.0));
        let even = vec![vec![0.5; SIDE * SIDE]; 16];
        assert!(matches!(average(even), Err(CompositeError::Picture(_))));
    }
}
