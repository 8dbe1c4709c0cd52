//! The Gaussian blur.

/// Blurs a `[height * width]` image by a Gaussian of standard deviation `sigma` pixels, the border repeated outward.
pub(crate) fn gaussian(image: &mut [f32], width: usize, height: usize, sigma: f32) {
    let reach = (3.0 * sigma).ceil() as usize;
    let mut kernel: Vec<f32> = (0..=2 * reach)
        .map(|tap| (-(tap as f32 - reach as f32).powi(2) / (2.0 * sigma * sigma)).exp())
        .collect();
    let sum: f32 = kernel.iter().sum();
    for weight in &mut kernel {
        *weight /= sum;
    }
    // Each line of `length` pixels that are `stride` apart, of `lines` that begin `across` apart.
    let mut pass = |(length, stride): (usize, usize), (lines, across): (usize, usize)| {
        let mut line = vec![0.0; length + 2 * reach];
        for start in (0..lines).map(|i| i * across) {
            for (at, value) in line.iter_mut().enumerate() {
                *value = image[start + at.saturating_sub(reach).min(length - 1) * stride];
            }
            for (at, window) in line.windows(kernel.len()).enumerate() {
                image[start + at * stride] = window.iter().zip(&kernel).map(|(a, b)| a * b).sum();
            }
        }
    };
    pass((width, 1), (height, width));
    pass((height, width), (width, 1));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blur_keeps_the_mean_and_widens_a_point_by_its_deviation() {
        let side = 33;
        let mut image = vec![0.0; side * side];
        image[16 * side + 16] = 1.0;
        gaussian(&mut image, side, side, 1.5);
        let moment = |power: i32| -> f32 {
            (0..side * side)
                .map(|i| image[i] * ((i % side) as f32 - 16.0).powi(power))
                .sum()
        };
        // The kernel ends at three deviations and is sampled at whole pixels.
        assert!((moment(0) - 1.0).abs() < 1e-5);
        assert!(
            (moment(2).sqrt() - 1.5).abs() < 0.05,
            "{}",
            moment(2).sqrt()
        );
    }
}
