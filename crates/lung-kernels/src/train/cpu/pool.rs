//! The arithmetic of max pooling on plain slices.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use super::threads::{made_in_chunks, maps_at_once};
use crate::train::pool::Window;

/// Maps, and the windows that move over them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pooled {
    pub(crate) window: Window,
    pub(crate) size: [usize; 2],
    pub(crate) size_out: [usize; 2],
}

impl Pooled {
    fn area(&self) -> usize {
        self.size[0] * self.size[1]
    }

    fn area_out(&self) -> usize {
        self.size_out[0] * self.size_out[1]
    }

    /// The places of a window along `size`.
    #[inline(always)]
    fn places(&self, number: usize, size: usize) -> Range<usize> {
        let Window {
            side,
            stride,
            padding,
            ..
        } = self.window;
        let start = number * stride;
        start.saturating_sub(padding)..(start + side).saturating_sub(padding).min(size)
    }
}

/// The largest number of each window, map by map.
pub(crate) fn forward(pooled: Pooled, input: &[f32]) -> Vec<f32> {
    let (area, area_out) = (pooled.area(), pooled.area_out());
    let at_once = maps_at_once(area);
    let length = input.len() / area * area_out;
    let arch = Arch::new();
    let (out, _) = made_in_chunks(length, at_once * area_out, |task, into| {
        arch.dispatch(Largest {
            pooled,
            maps: &input[task * at_once * area..],
            into,
        });
    });
    out
}

/// The largest number of each window of some maps.
struct Largest<'a> {
    pooled: Pooled,
    maps: &'a [f32],
    into: &'a mut [f32],
}

impl WithSimd for Largest<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        // Sizes that the compiler knows, where they are usual.
        match (self.pooled.window.side, self.pooled.window.stride) {
            (2, 2) => self.find::<2, 2>(),
            (3, 2) => self.find::<3, 2>(),
            _ => self.find::<0, 0>(),
        }
    }
}

/// The larger of two; of what is no number, that.
#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if a >= b || a.is_nan() { a } else { b }
}

impl Largest<'_> {
    /// `SIDE` and `STRIDE` are the window's, or 0.
    #[inline(always)]
    fn find<const SIDE: usize, const STRIDE: usize>(self) {
        let Pooled {
            window,
            size: [height, width],
            size_out: [_, width_out],
        } = self.pooled;
        let side = if SIDE > 0 { SIDE } else { window.side };
        let stride = if STRIDE > 0 { STRIDE } else { window.stride };
        // The largest number of each column of a row of windows, with nothing on both sides of it.
        let reach = (width_out - 1) * stride + side;
        let mut columns = vec![f32::NEG_INFINITY; reach.max(window.padding + width)];
        let maps = self.maps.chunks_exact(height * width);
        for (map, into) in maps.zip(self.into.chunks_exact_mut(self.pooled.area_out())) {
            for (row, into) in into.chunks_exact_mut(width_out).enumerate() {
                let middle = &mut columns[window.padding..window.padding + width];
                middle.fill(f32::NEG_INFINITY);
                for y in self.pooled.places(row, height) {
                    for (most, value) in middle.iter_mut().zip(&map[y * width..]) {
                        *most = larger(*most, *value);
                    }
                }
                for (number, into) in into.iter_mut().enumerate() {
                    let some = &columns[number * stride..][..side];
                    let mut most = some[0];
                    for value in &some[1..] {
                        most = larger(most, *value);
                    }
                    *into = most;
                }
            }
        }
    }
}

/// The gradient of the input: each window's goes to the first place that holds its largest number.
pub(crate) fn backward(
    pooled: Pooled,
    input: &[f32],
    output: &[f32],
    gradient: &[f32],
) -> Vec<f32> {
    let (area, area_out) = (pooled.area(), pooled.area_out());
    let at_once = maps_at_once(area);
    let arch = Arch::new();
    let (out, _) = made_in_chunks(input.len(), at_once * area, |task, into| {
        let first = task * at_once;
        arch.dispatch(HandBack {
            pooled,
            input: &input[first * area..],
            output: &output[first * area_out..],
            gradient: &gradient[first * area_out..],
            into,
        });
    });
    out
}

/// Some maps, what came of them, and where its gradient is to be put.
struct HandBack<'a> {
    pooled: Pooled,
    input: &'a [f32],
    output: &'a [f32],
    gradient: &'a [f32],
    into: &'a mut [f32],
}

impl WithSimd for HandBack<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        match self.pooled.window.stride {
            2 => self.maps::<2>(),
            _ => self.maps::<0>(),
        }
    }
}

/// A map as the windows of a row meet it: what neighbouring windows have in the same place lies together. `[rows, stride, pitch]`
struct Phases {
    values: Vec<f32>,
    stride: usize,
    pitch: usize,
}

impl Phases {
    fn new(rows: usize, stride: usize, pitch: usize) -> Self {
        Self {
            values: vec![0.0; rows * stride * pitch],
            stride,
            pitch,
        }
    }

    /// What the windows of a row have in their column `x`, from row `y` of the map.
    #[inline(always)]
    fn place(&self, y: usize, x: usize, windows: usize) -> Range<usize> {
        let start = (y * self.stride + x % self.stride) * self.pitch + x / self.stride;
        start..start + windows
    }

    /// Row by row, from columns that the windows of a row have one after the other.
    #[inline(always)]
    fn divide<const STRIDE: usize>(&mut self, y: usize, columns: &[f32]) {
        let row = &mut self.values[y * self.stride * self.pitch..][..self.stride * self.pitch];
        if STRIDE == 2 {
            let (even, odd) = row.split_at_mut(self.pitch);
            for ((even, odd), [a, b]) in even.iter_mut().zip(odd).zip(columns.as_chunks::<2>().0) {
                (*even, *odd) = (*a, *b);
            }
            return;
        }
        for (phase, into) in row.chunks_exact_mut(self.pitch).enumerate() {
            for (value, from) in into
                .iter_mut()
                .zip(columns[phase..].iter().step_by(self.stride))
            {
                *value = *from;
            }
        }
    }

    /// The other way round.
    #[inline(always)]
    fn join<const STRIDE: usize>(&self, y: usize, columns: &mut [f32]) {
        let row = &self.values[y * self.stride * self.pitch..][..self.stride * self.pitch];
        if STRIDE == 2 {
            let (even, odd) = row.split_at(self.pitch);
            for ((even, odd), pair) in even.iter().zip(odd).zip(columns.as_chunks_mut::<2>().0) {
                *pair = [*even, *odd];
            }
            return;
        }
        for (phase, from) in row.chunks_exact(self.pitch).enumerate() {
            for (value, from) in columns[phase..].iter_mut().step_by(self.stride).zip(from) {
                *value = *from;
            }
        }
    }
}

impl HandBack<'_> {
    /// `STRIDE` is the window's, or 0.
    #[inline(always)]
    fn maps<const STRIDE: usize>(self) {
        let Pooled {
            window,
            size: [height, width],
            size_out: [_, width_out],
        } = self.pooled;
        let stride = if STRIDE > 0 { STRIDE } else { window.stride };
        let (area, area_out) = (self.pooled.area(), self.pooled.area_out());
        let pitch = (width_out + window.side).max((window.padding + width).div_ceil(stride));
        let mut values = Phases::new(height, stride, pitch);
        let mut found = Phases::new(height, stride, pitch);
        // Beside the map is what equals nothing.
        let mut columns = vec![f32::NAN; pitch * stride];
        let mut left = vec![0.0; width_out];
        let middle = window.padding..window.padding + width;
        let answers = self
            .output
            .chunks_exact(area_out)
            .zip(self.gradient.chunks_exact(area_out));
        let maps = self
            .input
            .chunks_exact(area)
            .zip(self.into.chunks_exact_mut(area));
        for ((map, into), (output, gradient)) in maps.zip(answers) {
            for (y, row) in map.chunks_exact(width).enumerate() {
                columns[middle.clone()].copy_from_slice(row);
                values.divide::<STRIDE>(y, &columns);
            }
            found.values.fill(0.0);
            let rows = output
                .chunks_exact(width_out)
                .zip(gradient.chunks_exact(width_out));
            for (row, (output, gradient)) in rows.enumerate() {
                // What has found no place yet.
                left.copy_from_slice(gradient);
                for y in self.pooled.places(row, height) {
                    for x in 0..window.side {
                        let place = values.place(y, x, width_out);
                        let some = &values.values[place.clone()];
                        let found = &mut found.values[place];
                        for (((value, most), left), found) in
                            some.iter().zip(output).zip(&mut left).zip(found)
                        {
                            let here = if value == most { *left } else { 0.0 };
                            *found += here;
                            *left -= here;
                        }
                    }
                }
            }
            let mut joined = vec![0.0; pitch * stride];
            for (y, row) in into.chunks_exact_mut(width).enumerate() {
                found.join::<STRIDE>(y, &mut joined);
                row.copy_from_slice(&joined[middle.clone()]);
            }
        }
    }
}
