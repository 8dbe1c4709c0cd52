//! The transforms, of vectors that hold one number for each of some channels.
//!
//! All is loops and methods that are always inlined: a closure would be a function of its own, compiled without this processor's vectors.

use pulp::Simd;

use super::sizes::{PLACES, REACH, TILE, WIDE};

/// Rows of vectors.
pub(super) type Square<S, const SIDE: usize> = [[<S as Simd>::f32s; SIDE]; SIDE];

/// A transform: one direction of it, and both.
pub(super) trait Transform<const FROM: usize, const TO: usize> {
    fn line<S: Simd>(simd: S, line: [S::f32s; FROM]) -> [S::f32s; TO];

    /// Each column of a square, then each of the rows that come out.
    #[inline(always)]
    fn square<S: Simd>(simd: S, square: Square<S, FROM>) -> Square<S, TO> {
        let zero = simd.splat_f32s(0.0);
        let mut rows = [[zero; FROM]; TO];
        for column in 0..FROM {
            let mut line = [zero; FROM];
            for row in 0..FROM {
                line[row] = square[row][column];
            }
            let line = Self::line(simd, line);
            for row in 0..TO {
                rows[row][column] = line[row];
            }
        }
        let mut out = [[zero; TO]; TO];
        for row in 0..TO {
            out[row] = Self::line(simd, rows[row]);
        }
        out
    }
}

/// `B' d B`, of a tile of the input.
pub(super) struct Input;

impl Transform<REACH, REACH> for Input {
    #[inline(always)]
    fn line<S: Simd>(simd: S, d: [S::f32s; REACH]) -> [S::f32s; REACH] {
        let (two, four) = (simd.splat_f32s(2.0), simd.splat_f32s(4.0));
        let (minus_four, minus_five) = (simd.splat_f32s(-4.0), simd.splat_f32s(-5.0));
        let even = simd.mul_add_e_f32s(minus_four, d[2], d[4]);
        let odd = simd.mul_add_e_f32s(minus_four, d[1], d[3]);
        let far = simd.sub_f32s(d[4], d[2]);
        let far_odd = simd.mul_f32s(two, simd.sub_f32s(d[3], d[1]));
        let first = simd.mul_add_e_f32s(minus_five, d[2], d[4]);
        let last = simd.mul_add_e_f32s(minus_five, d[3], d[5]);
        [
            simd.mul_add_e_f32s(four, d[0], first),
            simd.add_f32s(even, odd),
            simd.sub_f32s(even, odd),
            simd.add_f32s(far, far_odd),
            simd.sub_f32s(far, far_odd),
            simd.mul_add_e_f32s(four, d[1], last),
        ]
    }
}

/// `A' m A`, of sums: the outputs of a tile.
pub(super) struct Output;

impl Transform<REACH, TILE> for Output {
    #[inline(always)]
    fn line<S: Simd>(simd: S, m: [S::f32s; REACH]) -> [S::f32s; TILE] {
        let (two, four) = (simd.splat_f32s(2.0), simd.splat_f32s(4.0));
        let eight = simd.splat_f32s(8.0);
        let (near, near_odd) = (simd.add_f32s(m[1], m[2]), simd.sub_f32s(m[1], m[2]));
        let (far, far_odd) = (simd.add_f32s(m[3], m[4]), simd.sub_f32s(m[3], m[4]));
        [
            simd.add_f32s(m[0], simd.add_f32s(near, far)),
            simd.mul_add_e_f32s(two, far_odd, near_odd),
            simd.mul_add_e_f32s(four, far, near),
            simd.add_f32s(simd.mul_add_e_f32s(eight, far_odd, near_odd), m[5]),
        ]
    }
}

/// `A y A'`, of the gradient of a tile of the output.
pub(super) struct Gradient;

impl Transform<TILE, REACH> for Gradient {
    #[inline(always)]
    fn line<S: Simd>(simd: S, y: [S::f32s; TILE]) -> [S::f32s; REACH] {
        let (two, four) = (simd.splat_f32s(2.0), simd.splat_f32s(4.0));
        let (even, odd) = (simd.add_f32s(y[0], y[2]), simd.add_f32s(y[1], y[3]));
        let far = simd.mul_add_e_f32s(four, y[2], y[0]);
        let far_odd = simd.mul_f32s(two, simd.mul_add_e_f32s(four, y[3], y[1]));
        [
            y[0],
            simd.add_f32s(even, odd),
            simd.sub_f32s(even, odd),
            simd.add_f32s(far, far_odd),
            simd.sub_f32s(far, far_odd),
            y[3],
        ]
    }
}

/// `G g G'`, of a kernel.
pub(super) struct Kernel;

impl Transform<3, REACH> for Kernel {
    #[inline(always)]
    fn line<S: Simd>(simd: S, g: [S::f32s; 3]) -> [S::f32s; REACH] {
        let (quarter, sixth) = (simd.splat_f32s(1.0 / 4.0), simd.splat_f32s(1.0 / 6.0));
        let (twelfth, small) = (simd.splat_f32s(1.0 / 12.0), simd.splat_f32s(1.0 / 24.0));
        let minus_sixth = simd.splat_f32s(-1.0 / 6.0);
        let near = simd.mul_f32s(minus_sixth, simd.add_f32s(g[0], g[2]));
        let near_odd = simd.mul_f32s(sixth, g[1]);
        let far = simd.mul_add_e_f32s(small, g[0], simd.mul_f32s(sixth, g[2]));
        let far_odd = simd.mul_f32s(twelfth, g[1]);
        [
            simd.mul_f32s(quarter, g[0]),
            simd.sub_f32s(near, near_odd),
            simd.add_f32s(near, near_odd),
            simd.add_f32s(far, far_odd),
            simd.sub_f32s(far, far_odd),
            g[2],
        ]
    }
}

/// `G' u G`: the gradient of a kernel.
pub(super) struct Taps;

impl Transform<REACH, 3> for Taps {
    #[inline(always)]
    fn line<S: Simd>(simd: S, u: [S::f32s; REACH]) -> [S::f32s; 3] {
        let (quarter, sixth) = (simd.splat_f32s(1.0 / 4.0), simd.splat_f32s(1.0 / 6.0));
        let (twelfth, small) = (simd.splat_f32s(1.0 / 12.0), simd.splat_f32s(1.0 / 24.0));
        let minus_sixth = simd.splat_f32s(-1.0 / 6.0);
        let near = simd.mul_f32s(minus_sixth, simd.add_f32s(u[1], u[2]));
        let far = simd.add_f32s(u[3], u[4]);
        let far_odd = simd.mul_f32s(twelfth, simd.sub_f32s(u[3], u[4]));
        let first = simd.mul_add_e_f32s(small, far, near);
        [
            simd.mul_add_e_f32s(quarter, u[0], first),
            simd.mul_add_e_f32s(sixth, simd.sub_f32s(u[2], u[1]), far_odd),
            simd.add_f32s(simd.mul_add_e_f32s(sixth, far, near), u[5]),
        ]
    }
}

/// One vector of all places, which are `pitch` groups of vectors apart.
#[inline(always)]
pub(super) fn gathered<S: Simd>(
    simd: S,
    places: &[[S::f32s; WIDE]],
    pitch: usize,
    at: usize,
    vector: usize,
) -> Square<S, REACH> {
    let mut square = [[simd.splat_f32s(0.0); REACH]; REACH];
    for place in 0..PLACES {
        square[place / REACH][place % REACH] = places[place * pitch + at][vector];
    }
    square
}
