//! The dense 3 x 3 convolution of stride 2 that starts the network.

use pulp::{Arch, Simd, WithSimd};

use super::bands::bands;
use super::map::Map;
use super::pointwise::Pointwise;
use crate::Activation;

const SIDE: usize = 3;
const TAPS: usize = SIDE * SIDE;

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
        let depth = self.product.input();
        assert_eq!(
            planes.len(),
            depth / TAPS * height * width,
            "values of the planes"
        );
        let (height_out, width_out) = (height.div_ceil(2), width.div_ceil(2));
        output.reshape(height_out, width_out, self.output());
        let across = width_out * output.pitch();
        bands(output.values_mut(), height_out, across, |rows, out| {
            let mut patches = vec![0.0; width_out * depth];
            for (y, out) in rows.zip(out.chunks_exact_mut(across)) {
                gather(planes, height, width, y, &mut patches, depth);
                Arch::new().dispatch(Row {
                    product: &self.product,
                    patches: &patches,
                    out,
                });
            }
        });
    }
}

/// Lays out the patches of output row `y`, `[columns, input, 3, 3]`.
fn gather(
    planes: &[f32],
    height: usize,
    width: usize,
    y: usize,
    patches: &mut [f32],
    depth: usize,
) {
    for (channel, plane) in planes.chunks_exact(height * width).enumerate() {
        for dy in 0..SIDE {
            let row = (y * 2 + dy)
                .checked_sub(1)
                .filter(|row| *row < height)
                .map(|row| &plane[row * width..][..width]);
            let place = channel * TAPS + dy * SIDE;
            for (x, patch) in patches.chunks_exact_mut(depth).enumerate() {
                let taps = &mut patch[place..place + SIDE];
                for (dx, tap) in taps.iter_mut().enumerate() {
                    let column = (x * 2 + dx).wrapping_sub(1);
                    *tap = match row {
                        Some(row) if column < width => row[column],
                        _ => 0.0,
                    };
                }
            }
        }
    }
}

struct Row<'a> {
    product: &'a Pointwise,
    patches: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let depth = self.product.input();
        self.product.run(simd, self.patches, depth, None, self.out);
    }
}
