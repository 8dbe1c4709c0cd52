//! The frequencies of a picture: a discrete Fourier transform of a square whose side is a power of two.

use mobilenet_lung::Preprocessing;
use radiograph::Radiograph;

use super::changes::Picture;

/// Side of the squares whose spectra are taken.
pub(super) const SIDE: usize = 256;

/// The transform of a picture, `[SIDE * SIDE]` complex numbers.
pub(super) struct Spectrum(Vec<[f32; 2]>);

impl Spectrum {
    /// A radiograph squashed to a square of `side` pixels and stretched to its own range, as a network's input is.
    pub(super) fn squared(radiograph: &Radiograph, side: usize) -> Result<Picture, String> {
        let preprocessing = Preprocessing {
            detail: side as u32,
            ..Preprocessing::IMAGENET
        };
        Ok(Picture {
            width: side,
            height: side,
            luma: preprocessing.reduce(radiograph),
        })
    }

    /// The transform of `[SIDE * SIDE]` values.
    pub(super) fn of(values: &[f32]) -> Self {
        let mut numbers: Vec<[f32; 2]> = values.iter().map(|value| [*value, 0.0]).collect();
        transform_square(&mut numbers, false);
        Self(numbers)
    }

    /// The amplitude of each frequency.
    pub(super) fn amplitudes(&self) -> Vec<f32> {
        self.0.iter().map(|[re, im]| re.hypot(*im)).collect()
    }

    /// The same phases with other amplitudes.
    pub(super) fn with_amplitudes(mut self, amplitudes: &[f32]) -> Self {
        for (number, amplitude) in self.0.iter_mut().zip(amplitudes) {
            let scale = amplitude / number[0].hypot(number[1]).max(f32::MIN_POSITIVE);
            *number = number.map(|part| part * scale);
        }
        self
    }

    /// The picture of this spectrum, stretched to its own range.
    pub(super) fn picture(mut self) -> Result<Radiograph, String> {
        transform_square(&mut self.0, true);
        let mut luma: Vec<f32> = self.0.iter().map(|[re, _]| *re).collect();
        Preprocessing::stretch(&mut luma);
        Picture {
            width: SIDE,
            height: SIDE,
            luma,
        }
        .into_radiograph()
    }
}

/// Transforms rows, then columns; `back` undoes it.
fn transform_square(numbers: &mut [[f32; 2]], back: bool) {
    for row in numbers.chunks_exact_mut(SIDE) {
        transform(row, back);
    }
    let mut column = vec![[0.0; 2]; SIDE];
    for x in 0..SIDE {
        for (y, number) in column.iter_mut().enumerate() {
            *number = numbers[y * SIDE + x];
        }
        transform(&mut column, back);
        for (y, number) in column.iter().enumerate() {
            numbers[y * SIDE + x] = *number;
        }
    }
}

/// The discrete Fourier transform of `[SIDE]` numbers in place (Cooley and Tukey 1965); `back` undoes it.
fn transform(numbers: &mut [[f32; 2]], back: bool) {
    let bits = SIDE.trailing_zeros();
    for i in 0..SIDE {
        let j = i.reverse_bits() >> (usize::BITS - bits);
        if i < j {
            numbers.swap(i, j);
        }
    }
    let sign = if back { 1.0 } else { -1.0 };
    for half in (0..bits).map(|bit| 1usize << bit) {
        for block in numbers.chunks_exact_mut(2 * half) {
            for k in 0..half {
                let angle = sign * std::f32::consts::PI * k as f32 / half as f32;
                let (sin, cos) = angle.sin_cos();
                let ([a, b], [c, d]) = (block[k], block[k + half]);
                let turned = [c * cos - d * sin, c * sin + d * cos];
                block[k] = [a + turned[0], b + turned[1]];
                block[k + half] = [a - turned[0], b - turned[1]];
            }
        }
    }
    if back {
        for number in numbers {
            *number = number.map(|part| part / SIDE as f32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wave_has_one_frequency_and_comes_back() {
        let wave: Vec<f32> = (0..SIDE * SIDE)
            .map(|i| {
                let turns = (3 * (i % SIDE) + 5 * (i / SIDE)) as f32 / SIDE as f32;
                0.5 + 0.25 * (std::f32::consts::TAU * turns).cos()
            })
            .collect();
        let spectrum = Spectrum::of(&wave);
        let amplitudes = spectrum.amplitudes();
        let area = (SIDE * SIDE) as f32;
        for (place, want) in [(0, 0.5), (5 * SIDE + 3, 0.125)] {
            // Sums of 65,536 values in f32.
            assert!((amplitudes[place] / area - want).abs() < 1e-4);
        }
        assert!(amplitudes[7] / area < 1e-4);
        let mut back = spectrum.0;
        transform_square(&mut back, true);
        for ([re, im], value) in back.iter().zip(&wave) {
            assert!((re - value).abs() < 1e-4 && im.abs() < 1e-4);
        }
    }
}
