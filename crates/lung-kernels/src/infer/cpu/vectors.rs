//! Vectors as wide as the processor has them.

use pulp::{Arch, Simd, WithSimd};

use crate::Activation;

/// Numbers in a vector of this processor.
pub(crate) fn lanes() -> usize {
    struct Lanes;
    impl WithSimd for Lanes {
        type Output = usize;
        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }
    Arch::new().dispatch(Lanes)
}

/// `channels` rounded up to whole vectors.
pub(crate) fn padded(channels: usize) -> usize {
    channels.next_multiple_of(lanes())
}

/// `values` in a vector of whole vectors, filled up with zeros.
pub(crate) fn pad(values: &[f32]) -> Vec<f32> {
    let mut values = values.to_vec();
    values.resize(padded(values.len()), 0.0);
    values
}

/// The slice as vectors; what does not fill one is left out, and nothing here is of that kind.
#[inline(always)]
pub(crate) fn vectors<S: Simd>(values: &[f32]) -> &[S::f32s] {
    S::as_simd_f32s(values).0
}

/// The slice as vectors; what does not fill one is left out, and nothing here is of that kind.
#[inline(always)]
pub(crate) fn vectors_mut<S: Simd>(values: &mut [f32]) -> &mut [S::f32s] {
    S::as_mut_simd_f32s(values).0
}

/// What the activation makes of the values.
#[inline(always)]
pub(crate) fn clamp<S: Simd>(simd: S, values: S::f32s, activation: Activation) -> S::f32s {
    match activation {
        Activation::Linear => values,
        Activation::Relu => not_below_zero(simd, values),
        Activation::Relu6 => not_above_six(simd, not_below_zero(simd, values)),
    }
}

/// The larger of each value and zero.
#[inline(always)]
fn not_below_zero<S: Simd>(simd: S, values: S::f32s) -> S::f32s {
    // The float maximum of wasm also carries NaN through, for which x86 takes eight instructions. As integers, floats below zero are
    // below zero too.
    if cfg!(target_family = "wasm") {
        let values = simd.transmute_i32s_f32s(values);
        return simd.transmute_f32s_i32s(simd.max_i32s(values, simd.splat_i32s(0)));
    }
    simd.max_f32s(values, simd.splat_f32s(0.0))
}

/// The smaller of each value, none of them below zero, and six.
#[inline(always)]
fn not_above_six<S: Simd>(simd: S, values: S::f32s) -> S::f32s {
    // As integers, floats above zero are in the same order.
    if cfg!(target_family = "wasm") {
        let six = simd.transmute_i32s_f32s(simd.splat_f32s(6.0));
        let values = simd.transmute_i32s_f32s(values);
        return simd.transmute_f32s_i32s(simd.min_i32s(values, six));
    }
    simd.min_f32s(values, simd.splat_f32s(6.0))
}
