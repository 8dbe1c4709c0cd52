//! Maps as tiles that are transformed.

use std::ops::Range;

use pulp::Simd;

use super::super::planes::together;
use super::super::sums::mask;
use super::super::threads::Scratch;
use super::sizes::{REACH, TILE, Tiles};
use super::transform::Transform;
use crate::train::shape::Shape;

/// Maps, `[batch, channels, height, width]`, and how they are cut into tiles.
#[derive(Clone, Copy)]
pub(super) struct Maps<'a> {
    shape: &'a Shape,
    values: &'a [f32],
    /// What a clamp made, if these are the gradients of that: where it held, they are 0.
    clamped: Option<&'a [f32]>,
    pub(super) channels: usize,
    size: [usize; 2],
    /// Zeros above and to the left.
    before: usize,
    /// Numbers that a tile reaches beyond its own four, in either direction.
    halo: usize,
    pub(super) tiles: Tiles,
}

impl<'a> Maps<'a> {
    /// The input of a convolution, for the tiles of its output.
    pub(super) fn of_input(shape: &'a Shape, input: &'a [f32]) -> Self {
        Self {
            shape,
            values: input,
            clamped: None,
            channels: shape.input,
            size: [shape.height, shape.width],
            before: shape.padding,
            halo: REACH - TILE,
            tiles: Tiles::of(shape.height_out, shape.width_out),
        }
    }

    /// The output's gradient, for the tiles of the output itself.
    pub(super) fn of_gradient(shape: &'a Shape, output: &'a [f32], gradient: &'a [f32]) -> Self {
        Self {
            shape,
            values: gradient,
            clamped: Some(output),
            channels: shape.output,
            size: [shape.height_out, shape.width_out],
            before: 0,
            halo: 0,
            tiles: Tiles::of(shape.height_out, shape.width_out),
        }
    }

    /// The output's gradient, for the tiles of the input.
    pub(super) fn around_gradient(
        shape: &'a Shape,
        output: &'a [f32],
        gradient: &'a [f32],
    ) -> Self {
        Self {
            before: 2 - shape.padding,
            halo: REACH - TILE,
            tiles: Tiles::of(shape.height, shape.width),
            ..Self::of_gradient(shape, output, gradient)
        }
    }

    /// The transformed tiles of some rows of tiles, numbered from the first row of `image` on, for some vectors of channels. Of each place, which are
    /// `pitch` vectors apart: `[groups of GROUP vectors, tiles, vectors of a group]`.
    #[inline(always)]
    pub(super) fn transformed<
        S: Simd,
        T: Transform<SIDE, REACH>,
        const SIDE: usize,
        const GROUP: usize,
    >(
        &self,
        simd: S,
        image: usize,
        rows: Range<usize>,
        vectors: Range<usize>,
        into: &mut [f32],
        pitch: usize,
    ) {
        let Tiles { down, across } = self.tiles;
        let wide = across * TILE + self.halo;
        let count = rows.len() * across;
        let into = S::as_mut_simd_f32s(into).0;
        let mut first = rows.start;
        while first < rows.end {
            // Those of one image.
            let last = (first / down * down + down).min(rows.end);
            let tall = (last - first) * TILE + self.halo;
            let size = tall * wide * S::F32_LANES;
            let mut band = Scratch::new(size * vectors.len());
            let band = band.numbers();
            let lines = first % down * TILE;
            self.read::<S>(
                image + first / down,
                lines..lines + tall,
                vectors.clone(),
                band,
            );
            for (number, band) in band.chunks_exact(size).enumerate() {
                let band = S::as_simd_f32s(band).0;
                for row in first..last {
                    let lines = &band[(row - first) * TILE * wide..];
                    for column in 0..across {
                        let mut tile = [[simd.splat_f32s(0.0); SIDE]; SIDE];
                        for y in 0..SIDE {
                            let line = &lines[y * wide + column * TILE..][..SIDE];
                            for (value, from) in tile[y].iter_mut().zip(line) {
                                *value = *from;
                            }
                        }
                        let tile = T::square(simd, tile);
                        let at = number / GROUP * count + (row - rows.start) * across + column;
                        for (place, value) in tile.as_flattened().iter().enumerate() {
                            into[place * pitch + at * GROUP + number % GROUP] = *value;
                        }
                    }
                }
            }
            first = last;
        }
    }

    /// Some lines of an image, counted from the first zeros above it, with zeros around the map and the channels of a vector together:
    /// `[vectors, lines, width, channels of a vector]`.
    #[inline(always)]
    fn read<S: Simd>(
        &self,
        image: usize,
        lines: Range<usize>,
        vectors: Range<usize>,
        band: &mut [f32],
    ) {
        let [height, width] = self.size;
        let lanes = S::F32_LANES;
        let wide = (self.tiles.across * TILE + self.halo) * lanes;
        let (left, right) = (self.before * lanes, (self.before + width) * lanes);
        let mut masked = Scratch::new(lanes * width);
        let masked = masked.numbers();
        for (vector, into) in vectors.zip(band.chunks_exact_mut(lines.len() * wide)) {
            let first = image * self.channels + vector * lanes;
            for (y, into) in lines.clone().zip(into.chunks_exact_mut(wide)) {
                let Some(y) = y.checked_sub(self.before).filter(|y| *y < height) else {
                    into.fill(0.0);
                    continue;
                };
                let place = |channel: usize| ((first + channel) * height + y) * width;
                let (from, apart) = match self.clamped {
                    Some(output) => {
                        for (channel, masked) in masked.chunks_exact_mut(width).enumerate() {
                            let range = place(channel)..place(channel) + width;
                            mask(
                                self.shape,
                                &output[range.clone()],
                                &self.values[range],
                                masked,
                            );
                        }
                        (&*masked, width)
                    }
                    None => (&self.values[place(0)..], height * width),
                };
                into[..left].fill(0.0);
                together(from, lanes, apart, width, &mut into[left..right], lanes);
                into[right..].fill(0.0);
            }
        }
    }
}
