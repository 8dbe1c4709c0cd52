//! Parts of a layer, divided among the threads.

use std::ops::Range;

/// Divides `height` rows, `across` numbers each, into `pieces` for each thread that there is, and hands out the pieces.
pub(crate) fn bands(
    values: &mut [f32],
    height: usize,
    across: usize,
    pieces: usize,
    work: impl Fn(Range<usize>, &mut [f32]) + Sync,
) {
    let pieces = match threads() {
        1 => 1,
        threads => (threads * pieces).min(height),
    };
    let each = height.div_ceil(pieces.max(1));
    chunks(values, each * across, |number, band| {
        let start = number * each;
        work(start..start + band.len() / across, band);
    });
}

/// Hands each chunk of `values`, `length` numbers but for the last, to one of the threads that there are.
pub(crate) fn chunks(values: &mut [f32], length: usize, work: impl Fn(usize, &mut [f32]) + Sync) {
    let length = length.max(1);
    #[cfg(not(target_family = "wasm"))]
    if threads() > 1 {
        use std::sync::Mutex;
        // Each is locked once, by the thread that has it.
        let chunks: Vec<_> = values.chunks_mut(length).map(Mutex::new).collect();
        return super::threads::share(chunks.len(), &|number| {
            if let Ok(mut chunk) = chunks[number].lock() {
                work(number, &mut chunk);
            }
        });
    }
    for (number, chunk) in values.chunks_mut(length).enumerate() {
        work(number, chunk);
    }
}

/// How many threads there are.
pub(crate) fn threads() -> usize {
    #[cfg(not(target_family = "wasm"))]
    return super::threads::count();
    #[cfg(target_family = "wasm")]
    1
}
