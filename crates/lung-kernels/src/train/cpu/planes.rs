//! Maps as the direct convolution reads them: with a border of zeros around each, or with the channels of a position together.

use super::sums::mask;
use super::threads::{made_in_chunks, maps_at_once};
use crate::train::shape::Shape;

/// Zeros around a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Border {
    pub(super) before: [usize; 2],
    pub(super) after: [usize; 2],
}

/// Maps, each with a border: `[batch, channels, rows, width]`.
pub(super) struct Planes {
    pub(super) values: Vec<f32>,
    pub(super) rows: usize,
    pub(super) width: usize,
}

impl Planes {
    /// The input of a convolution with what pads it.
    pub(super) fn of_input(shape: &Shape, input: &[f32]) -> Self {
        let padding = [shape.padding; 2];
        let border = Border {
            before: padding,
            after: padding,
        };
        Self::new(
            input.len() / shape.area(),
            [shape.height, shape.width],
            border,
            |place, into| into.copy_from_slice(&input[place..place + into.len()]),
        )
    }

    /// The gradient where the clamp let it through, 0 elsewhere.
    pub(super) fn of_gradient(
        shape: &Shape,
        output: &[f32],
        gradient: &[f32],
        border: Border,
    ) -> Self {
        let area = shape.area_out();
        Self::new(
            gradient.len() / area,
            [shape.height_out, shape.width_out],
            border,
            |place, into| {
                let range = place..place + into.len();
                mask(shape, &output[range.clone()], &gradient[range], into);
            },
        )
    }

    /// As many maps of this size; `fill` writes a line of one, and is told where that is among all that is without border.
    fn new(
        count: usize,
        [height, width]: [usize; 2],
        border: Border,
        fill: impl Fn(usize, &mut [f32]) + Sync + Send,
    ) -> Self {
        let wide = border.before[1] + width + border.after[1];
        let rows = border.before[0] + height + border.after[0];
        let plane = rows * wide;
        let at_once = maps_at_once(plane);
        let (values, _) = made_in_chunks(count * plane, at_once * plane, |task, into| {
            for (number, into) in into.chunks_exact_mut(plane).enumerate() {
                let first = (task * at_once + number) * height;
                let lines = into.chunks_exact_mut(wide).skip(border.before[0]);
                for (y, line) in lines.take(height).enumerate() {
                    fill((first + y) * width, &mut line[border.before[1]..][..width]);
                }
            }
        });
        Self {
            values,
            rows,
            width: wide,
        }
    }

    /// Numbers of a plane.
    pub(super) fn plane(&self) -> usize {
        self.rows * self.width
    }
}

/// `count` lines of `size` numbers, each `apart` from the one before, with the numbers of a position together: `[size, pitch]`. What is left of
/// each `pitch` stays.
#[inline(always)]
pub(super) fn together(
    lines: &[f32],
    count: usize,
    apart: usize,
    size: usize,
    into: &mut [f32],
    pitch: usize,
) {
    // Four at a time, so that they are written together.
    let fours = count / 4 * 4;
    for first in (0..fours).step_by(4) {
        let lines = &lines[first * apart..];
        let (a, b) = (&lines[..size], &lines[apart..][..size]);
        let (c, d) = (&lines[2 * apart..][..size], &lines[3 * apart..][..size]);
        for (position, into) in into.chunks_exact_mut(pitch).take(size).enumerate() {
            let values = [a[position], b[position], c[position], d[position]];
            into[first..first + 4].copy_from_slice(&values);
        }
    }
    for number in fours..count {
        let line = &lines[number * apart..][..size];
        for (value, from) in into[number..].iter_mut().step_by(pitch).zip(line) {
            *value = *from;
        }
    }
}
