//! One image moved over another: shift, scale and rotation.
//!
//! The motion is found by Gauss-Newton steps on the squared difference of the two images, each of mean 0 and variance 1
//! (Lucas and Kanade 1981; Baker and Matthews 2004, "Lucas-Kanade 20 Years On", forwards compositional). The middle of the
//! image weighs most, because arms and frames differ more than chests.

use radiograph::Radiograph;

use super::nearest::{SIDE, Thumbnail};

/// The most steps; most images need fewer than ten.
const STEPS: usize = 25;

/// A step that moves the edge by less than this, in half widths, is the last.
const STILL: f32 = 1e-4;

/// The most that scale and rotation change a coordinate, and the most that an image is shifted, in half widths.
const TURN: f32 = 0.2;
const SHIFT: f32 = 0.25;

/// Standard deviation of the weights, in half widths.
const MIDDLE: f32 = 0.6;

/// Where a point of the seed is in another image, in half widths from the middle:
/// `x' = (1 + scale) x - turn y + shift[0]`, `y' = turn x + (1 + scale) y + shift[1]`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Motion {
    scale: f32,
    turn: f32,
    shift: [f32; 2],
}

impl Motion {
    /// The motion that brings `image` over `seed`, and the correlation of both then.
    pub(super) fn between(seed: &Thumbnail, image: &Thumbnail) -> (Self, f32) {
        let mut motion = Self::default();
        let mut fit = Fit::of(&seed.fine, &image.fine, &motion);
        for _ in 0..STEPS {
            let Some(step) = fit.step() else { break };
            let next = motion.then(&step).bounded();
            let better = Fit::of(&seed.fine, &image.fine, &next);
            // A step too far is not taken.
            if better.correlation < fit.correlation {
                break;
            }
            (motion, fit) = (next, better);
            if step.size() < STILL {
                break;
            }
        }
        (motion, fit.correlation)
    }

    fn at(&self, x: f32, y: f32) -> (f32, f32) {
        let scale = 1.0 + self.scale;
        (
            scale * x - self.turn * y + self.shift[0],
            self.turn * x + scale * y + self.shift[1],
        )
    }

    /// First `step`, then this.
    fn then(&self, step: &Self) -> Self {
        let (a, b) = (1.0 + self.scale, self.turn);
        let (c, d) = (1.0 + step.scale, step.turn);
        let (x, y) = self.at(step.shift[0], step.shift[1]);
        Self {
            scale: a * c - b * d - 1.0,
            turn: b * c + a * d,
            shift: [x, y],
        }
    }

    fn bounded(self) -> Self {
        Self {
            scale: self.scale.clamp(-TURN, TURN),
            turn: self.turn.clamp(-TURN, TURN),
            shift: self.shift.map(|shift| shift.clamp(-SHIFT, SHIFT)),
        }
    }

    fn size(&self) -> f32 {
        [self.scale, self.turn, self.shift[0], self.shift[1]]
            .into_iter()
            .fold(0.0, |most, value| most.max(value.abs()))
    }
}

/// How two images fit, and what would make them fit better.
struct Fit {
    /// Weighted correlation.
    correlation: f32,
    /// Of the normal equations: `[4, 4]` and `[4]`.
    matrix: [[f64; 4]; 4],
    vector: [f64; 4],
}

impl Fit {
    fn of(seed: &[f32], image: &[f32], motion: &Motion) -> Self {
        let moved = sample(image, SIDE, SIDE, motion, SIDE);
        let weights = weights(motion);
        let seed = standardised(seed, &weights);
        let moved = standardised(&moved, &weights);
        let total: f32 = weights.iter().sum();
        let mut fit = Self {
            correlation: 0.0,
            matrix: [[0.0; 4]; 4],
            vector: [0.0; 4],
        };
        for row in 1..SIDE - 1 {
            for column in 1..SIDE - 1 {
                let at = row * SIDE + column;
                let (x, y) = (coordinate(column, SIDE), coordinate(row, SIDE));
                // Central differences; a pixel is 2 / SIDE half widths.
                let dx = (moved[at + 1] - moved[at - 1]) * SIDE as f32 / 4.0;
                let dy = (moved[at + SIDE] - moved[at - SIDE]) * SIDE as f32 / 4.0;
                let slopes = [dx * x + dy * y, dy * x - dx * y, dx, dy].map(f64::from);
                let weight = f64::from(weights[at]);
                let error = f64::from(seed[at] - moved[at]);
                fit.correlation += weights[at] * seed[at] * moved[at] / total;
                for (i, slope) in slopes.iter().enumerate() {
                    fit.vector[i] += weight * slope * error;
                    for (j, other) in slopes.iter().enumerate() {
                        fit.matrix[i][j] += weight * slope * other;
                    }
                }
            }
        }
        // A little of the identity, for images without edges in one direction.
        for (i, row) in fit.matrix.iter_mut().enumerate() {
            row[i] += 1e-3 * f64::from(total);
        }
        fit
    }

    /// The motion that solves the normal equations; `None` where they have no solution.
    fn step(&self) -> Option<Motion> {
        let (mut matrix, mut vector) = (self.matrix, self.vector);
        // Gauss's elimination; the matrix is symmetric and positive definite, so that no rows need be exchanged.
        for pivot in 0..4 {
            let (line, target) = (matrix[pivot], vector[pivot]);
            if line[pivot].is_nan() || line[pivot] <= 1e-12 {
                return None;
            }
            for row in (0..4).filter(|row| *row != pivot) {
                let factor = matrix[row][pivot] / line[pivot];
                for (value, of_pivot) in matrix[row].iter_mut().zip(line).skip(pivot) {
                    *value -= factor * of_pivot;
                }
                vector[row] -= factor * target;
            }
        }
        let solved: [f32; 4] = std::array::from_fn(|i| (vector[i] / matrix[i][i]) as f32);
        let [scale, turn, x, y] = solved;
        (solved.iter().all(|value| value.is_finite())).then_some(Motion {
            scale,
            turn,
            shift: [x, y],
        })
    }
}

/// Where the middle of a pixel is, in half widths from the middle of the image.
fn coordinate(index: usize, side: usize) -> f32 {
    (index as f32 + 0.5) / side as f32 * 2.0 - 1.0
}

/// How much each pixel of the seed counts: a bell, and nothing where the other image has ended.
fn weights(motion: &Motion) -> Vec<f32> {
    let mut weights = Vec::with_capacity(SIDE * SIDE);
    for row in 0..SIDE {
        for column in 0..SIDE {
            let (x, y) = (coordinate(column, SIDE), coordinate(row, SIDE));
            let (there_x, there_y) = motion.at(x, y);
            let inside = there_x.abs() <= 1.0 && there_y.abs() <= 1.0;
            let bell = (-(x * x + y * y) / (2.0 * MIDDLE * MIDDLE)).exp();
            weights.push(if inside { bell } else { 0.0 });
        }
    }
    weights
}

/// Values of weighted mean 0 and variance 1.
fn standardised(values: &[f32], weights: &[f32]) -> Vec<f32> {
    let total: f32 = weights.iter().sum::<f32>().max(f32::EPSILON);
    let mean = values.iter().zip(weights).map(|(v, w)| v * w).sum::<f32>() / total;
    let square = |(v, w): (&f32, &f32)| (v - mean) * (v - mean) * w;
    let variance = values.iter().zip(weights).map(square).sum::<f32>() / total;
    let deviation = variance.sqrt().max(1e-6);
    values
        .iter()
        .map(|value| (value - mean) / deviation)
        .collect()
}

/// An image of `width * height` brightnesses, moved: `side * side` of them. Beyond its edge it goes on as it ends.
fn sample(luma: &[f32], width: usize, height: usize, motion: &Motion, side: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(side * side);
    // The pixel before a place, the one after it, and how far the place is from the first.
    let between = |place: f32, size: usize| {
        let at = ((place + 1.0) / 2.0 * size as f32 - 0.5).clamp(0.0, (size - 1) as f32);
        let first = at as usize;
        (first, (first + 1).min(size - 1), at - first as f32)
    };
    for row in 0..side {
        for column in 0..side {
            let (x, y) = motion.at(coordinate(column, side), coordinate(row, side));
            let (left, right, across) = between(x, width);
            let (top, bottom, down) = between(y, height);
            let line = |row: usize| {
                let (a, b) = (luma[row * width + left], luma[row * width + right]);
                a + (b - a) * across
            };
            let (above, below) = (line(top), line(bottom));
            out.push(above + (below - above) * down);
        }
    }
    out
}

/// A radiograph as the motion has it: `side * side` brightnesses.
pub(super) fn warp(radiograph: &Radiograph, motion: &Motion, side: usize) -> Vec<f32> {
    let (width, height) = (radiograph.width() as usize, radiograph.height() as usize);
    sample(radiograph.luma(), width, height, motion, side)
}

#[cfg(test)]
mod tests {
    use super::*;
    use radiograph::phantom::{Pattern, phantom};

    #[test]
    fn a_moved_image_is_brought_back() {
        let image = phantom(Pattern::Clear, 3, 256);
        let away = Motion {
            scale: 0.06,
            turn: -0.05,
            shift: [0.07, -0.04],
        };
        let moved = warp(&image, &away, 256);
        let moved = Radiograph::from_luma(256, 256, moved).unwrap();
        // What was moved away is moved back by the same motion the other way round.
        let (found, fit) = Motion::between(&Thumbnail::of(&moved), &Thumbnail::of(&image));
        assert!(fit > 0.995, "{fit}");
        for (found, away) in [
            (found.scale, away.scale),
            (found.turn, away.turn),
            (found.shift[0], away.shift[0]),
            (found.shift[1], away.shift[1]),
        ] {
            // A tenth of a pixel of the small copies is 0.003 half widths.
            assert!((found - away).abs() < 0.006, "{found} for {away}");
        }
    }

    #[test]
    fn an_even_image_stays_where_it_is() {
        let even = Radiograph::from_luma(8, 8, vec![0.5; 64]).unwrap();
        let image = phantom(Pattern::Clear, 3, 64);
        let (found, fit) = Motion::between(&Thumbnail::of(&image), &Thumbnail::of(&even));
        assert_eq!(found, Motion::default());
        assert!(fit.abs() < 1e-3, "{fit}");
    }
}
