//! Rows of a map, divided among the threads.

use std::ops::Range;

/// Divides `height` rows, `across` numbers each, among the threads that there are, and hands each its rows.
pub(crate) fn bands(
    values: &mut [f32],
    height: usize,
    across: usize,
    work: impl Fn(Range<usize>, &mut [f32]) + Sync,
) {
    #[cfg(not(target_family = "wasm"))]
    {
        let threads = rayon::current_num_threads().min(height);
        if threads > 1 {
            let each = height.div_ceil(threads);
            let work = &work;
            rayon::scope(|scope| {
                for (number, band) in values.chunks_mut(each * across).enumerate() {
                    let start = number * each;
                    scope.spawn(move |_| work(start..start + band.len() / across, band));
                }
            });
            return;
        }
    }
    let _ = across;
    work(0..height, values);
}
