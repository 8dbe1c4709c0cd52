//! The dense 3 x 3 convolution of stride 2 that starts the network.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use super::bands::bands;
use super::map::Map;
use super::pointwise::Pointwise;
#[cfg(target_family = "wasm")]
use super::positions::Whole;
#[cfg(not(target_family = "wasm"))]
use super::positions::{Positions, multiply};
use crate::Activation;

const SIDE: usize = 3;
const TAPS: usize = SIDE * SIDE;
/// Bands for each thread: a thread that wakes late has some left.
const PIECES: usize = 4;

/// A dense 3 x 3 convolution of stride 2 with padding 1 and ReLU6, its weight packed.
#[derive(Clone, Debug)]
pub struct Stem {
    product: Pointwise,
}

impl Stem {
    /// Packs a weight `[output, input, 3, 3]` and a bias `[output]`.
    ///
    /// # Panics
    /// When the lengths do not fit.
    pub fn new(weight: &[f32], bias: &[f32]) -> Self {
        let product = Pointwise::new(weight, bias, Activation::Relu6);
        assert_eq!(product.input() % TAPS, 0, "taps for each input channel");
        Self { product }
    }

    /// Channels out.
    pub fn output(&self) -> usize {
        self.product.output()
    }

    /// Planes `[input, height, width]` to a map of half the height and width, rounded up.
    ///
    /// # Panics
    /// When `planes` has another length than that.
    pub fn forward(&self, planes: &[f32], height: usize, width: usize, output: &mut Map) {
        self.reshape(planes, height, width, output);
        let (height_out, across) = (output.height(), output.width() * output.pitch());
        bands(
            output.values_mut(),
            height_out,
            across,
            PIECES,
            |rows, out| self.band(planes, height, width, rows, out),
        );
    }

    /// The rows `rows` of the output alone, on one thread; what the others are is left open.
    ///
    /// # Panics
    /// When `planes` has another length, or there are no such rows.
    pub fn forward_rows(
        &self,
        planes: &[f32],
        height: usize,
        width: usize,
        rows: Range<usize>,
        output: &mut Map,
    ) {
        self.reshape(planes, height, width, output);
        let out = output.rows_mut(rows.clone());
        self.band(planes, height, width, rows, out);
    }

    /// Gives `output` its shape.
    fn reshape(&self, planes: &[f32], height: usize, width: usize, output: &mut Map) {
        assert_eq!(
            planes.len(),
            self.product.input() / TAPS * height * width,
            "values of the planes"
        );
        output.reshape(height.div_ceil(2), width.div_ceil(2), self.output());
    }

    fn band(
        &self,
        planes: &[f32],
        height: usize,
        width: usize,
        rows: Range<usize>,
        out: &mut [f32],
    ) {
        let width_out = width.div_ceil(2);
        // One number at the left of each row, and of an odd width one at the right, is outside of the map: it stays zero.
        let length = 2 * width_out + 1;
        let mut window = vec![0.0; self.product.input() / SIDE * length];
        let across = out.len() / rows.len().max(1);
        for (y, out) in rows.zip(out.chunks_exact_mut(across.max(1))) {
            gather(planes, height, width, y, &mut window, length);
            Arch::new().dispatch(Row {
                product: &self.product,
                window: Window {
                    values: &window,
                    length,
                },
                out,
            });
        }
    }
}

/// Lays out the rows that output row `y` needs, `[input, 3, length]`, each with a zero at its left.
fn gather(
    planes: &[f32],
    height: usize,
    width: usize,
    y: usize,
    window: &mut [f32],
    length: usize,
) {
    let mut rows = window.chunks_exact_mut(length);
    for plane in planes.chunks_exact(height * width) {
        for (dy, to) in rows.by_ref().take(SIDE).enumerate() {
            match (y * 2 + dy).checked_sub(1).filter(|row| *row < height) {
                Some(row) => {
                    let count = width.min(length - 1);
                    to[1..=count].copy_from_slice(&plane[row * width..][..count]);
                }
                None => to.fill(0.0),
            }
        }
    }
}

/// The rows around those of an output row, `[input, 3, length]`.
#[derive(Clone, Copy)]
struct Window<'a> {
    values: &'a [f32],
    length: usize,
}

#[cfg(not(target_family = "wasm"))]
impl Positions for Window<'_> {
    /// Each position has three neighbours in each row, which begin two after those of the position before.
    #[inline(always)]
    fn add<S: Simd, const ROWS: usize, const WIDE: usize>(
        self,
        simd: S,
        at: usize,
        panel: &[[S::f32s; WIDE]],
        _ahead: &[S::f32s],
        sums: &mut [[S::f32s; WIDE]; ROWS],
    ) {
        let mut held = *sums;
        let rows = self.values.chunks_exact(self.length);
        for (row, weights) in rows.zip(panel.as_chunks::<SIDE>().0) {
            let row = &row[2 * at..][..2 * ROWS + 1];
            for (dx, weights) in weights.iter().enumerate() {
                let mut from = [0.0; ROWS];
                for (number, from) in from.iter_mut().enumerate() {
                    *from = row[2 * number + dx];
                }
                multiply(simd, from, weights, &mut held);
            }
        }
        *sums = held;
    }
}

#[cfg(target_family = "wasm")]
impl Window<'_> {
    /// The neighbours of each position, `[columns, input, 3, 3]`: a tile that takes them from the rows is no sooner done there, and more
    /// code.
    fn patches(&self, depth: usize) -> Vec<f32> {
        let mut patches = vec![0.0; self.length / 2 * depth];
        for (x, patch) in patches.chunks_exact_mut(depth).enumerate() {
            let rows = self.values.chunks_exact(self.length);
            for (taps, row) in patch.as_chunks_mut::<SIDE>().0.iter_mut().zip(rows) {
                taps.copy_from_slice(&row[2 * x..][..SIDE]);
            }
        }
        patches
    }
}

struct Row<'a> {
    product: &'a Pointwise,
    window: Window<'a>,
    out: &'a mut [f32],
}

impl WithSimd for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        #[cfg(not(target_family = "wasm"))]
        let input = self.window;
        #[cfg(target_family = "wasm")]
        let patches = self.window.patches(self.product.input());
        #[cfg(target_family = "wasm")]
        let input = Whole {
            values: &patches,
            pitch: self.product.input(),
        };
        self.product.run(simd, input, None, self.out);
    }
}
