//! The inner loop of the 1 x 1 convolution: positions of a map, wherever their channels lie, times a panel of the weight.

use pulp::Simd;

/// What a panel is multiplied with: positions, each with a number for each channel.
pub(super) trait Positions: Copy {
    /// Adds the product of `ROWS` positions, from `at` on, and a panel to `sums`; meanwhile `ahead` is fetched.
    fn add<S: Simd, const ROWS: usize, const WIDE: usize>(
        self,
        simd: S,
        at: usize,
        panel: &[[S::f32s; WIDE]],
        ahead: &[S::f32s],
        sums: &mut [[S::f32s; WIDE]; ROWS],
    );
}

/// Positions whose channels lie together, as in a map.
#[derive(Clone, Copy)]
pub(super) struct Whole<'a> {
    pub(super) values: &'a [f32],
    /// Numbers from one position to the next.
    pub(super) pitch: usize,
}

impl Positions for Whole<'_> {
    #[inline(always)]
    fn add<S: Simd, const ROWS: usize, const WIDE: usize>(
        self,
        simd: S,
        at: usize,
        panel: &[[S::f32s; WIDE]],
        ahead: &[S::f32s],
        sums: &mut [[S::f32s; WIDE]; ROWS],
    ) {
        let depth = panel.len();
        let mut from: [&[f32]; ROWS] = [&[]; ROWS];
        for (row, from) in from.iter_mut().enumerate() {
            *from = &self.values[(at + row) * self.pitch..][..depth];
        }
        let mut held = *sums;
        for (k, weights) in panel.iter().enumerate() {
            fetch(ahead, k);
            multiply(simd, column(&from, k), weights, &mut held);
        }
        *sums = held;
    }
}

/// Positions whose channels lie in groups, `[groups, positions, channels of the group]`.
#[cfg(not(target_family = "wasm"))]
#[derive(Clone, Copy)]
pub(super) struct Groups<'a> {
    pub(super) values: &'a [f32],
    /// The first position that is meant.
    pub(super) from: usize,
    /// Channels of a group; the last may have fewer.
    pub(super) group: usize,
    /// Numbers from one group to the next.
    pub(super) next: usize,
}

#[cfg(not(target_family = "wasm"))]
impl Positions for Groups<'_> {
    #[inline(always)]
    fn add<S: Simd, const ROWS: usize, const WIDE: usize>(
        self,
        simd: S,
        at: usize,
        panel: &[[S::f32s; WIDE]],
        ahead: &[S::f32s],
        sums: &mut [[S::f32s; WIDE]; ROWS],
    ) {
        let mut held = *sums;
        let mut values = self.values;
        let mut ahead = ahead;
        for panel in panel.chunks(self.group) {
            let depth = panel.len();
            let pitch = depth.next_multiple_of(S::F32_LANES);
            let mut from: [&[f32]; ROWS] = [&[]; ROWS];
            for (row, from) in from.iter_mut().enumerate() {
                *from = &values[(self.from + at + row) * pitch..][..depth];
            }
            for (k, weights) in panel.iter().enumerate() {
                fetch(ahead, k);
                multiply(simd, column(&from, k), weights, &mut held);
            }
            ahead = ahead.get(depth..).unwrap_or_default();
            values = values.get(self.next..).unwrap_or_default();
        }
        *sums = held;
    }
}

/// Has the `k`th of these on its way into the cache, where the processor takes such hints; without `k`th, nothing.
#[inline(always)]
fn fetch<V>(ahead: &[V], k: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(vector) = ahead.get(k) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint reads nothing, whatever the address, and every x86_64 has it.
        #[allow(unsafe_code)]
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(vector).cast());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (ahead, k);
}

/// The `k`th number of each.
// By hand: without link-time optimisation `map` is a call for each number.
#[inline(always)]
fn column<const ROWS: usize>(from: &[&[f32]; ROWS], k: usize) -> [f32; ROWS] {
    let mut column = [0.0; ROWS];
    for (number, from) in column.iter_mut().zip(from) {
        *number = from[k];
    }
    column
}

/// Adds the product of one number of each position and one of each channel to `sums`.
#[inline(always)]
pub(super) fn multiply<S: Simd, const ROWS: usize, const WIDE: usize>(
    simd: S,
    positions: [f32; ROWS],
    weights: &[S::f32s; WIDE],
    sums: &mut [[S::f32s; WIDE]; ROWS],
) {
    // Whichever are fewer are held, the others pass by.
    if ROWS <= WIDE {
        let mut values = [simd.splat_f32s(0.0); ROWS];
        for row in 0..ROWS {
            values[row] = simd.splat_f32s(positions[row]);
        }
        for wide in 0..WIDE {
            let weight = weights[wide];
            for row in 0..ROWS {
                sums[row][wide] = simd.mul_add_e_f32s(values[row], weight, sums[row][wide]);
            }
        }
    } else {
        let weights = *weights;
        for row in 0..ROWS {
            let value = simd.splat_f32s(positions[row]);
            for wide in 0..WIDE {
                sums[row][wide] = simd.mul_add_e_f32s(value, weights[wide], sums[row][wide]);
            }
        }
    }
}
