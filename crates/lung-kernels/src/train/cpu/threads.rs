//! Work divided among the threads.

#[cfg(not(target_family = "wasm"))]
pub(crate) use parallel::{all_threads, for_chunks, made_in_chunks, map_parts};
#[cfg(target_family = "wasm")]
pub(crate) use serial::{all_threads, for_chunks, made_in_chunks, map_parts};

#[cfg(not(target_family = "wasm"))]
mod parallel {
    use std::mem::MaybeUninit;

    use rayon::prelude::*;

    /// Calls `work` with each chunk of `out` and its number, on all threads.
    pub(crate) fn for_chunks(
        out: &mut [f32],
        size: usize,
        work: impl Fn(usize, &mut [f32]) + Sync,
    ) {
        out.par_chunks_mut(size)
            .enumerate()
            .for_each(|(number, chunk)| work(number, chunk));
    }

    /// Makes `length` numbers, by calls of `work` with each chunk of `size` of them, all 0 by then, and its number; beside them
    /// what the calls return, in order. The zeros are written where the chunk is worked on, on all threads: for a large result
    /// that alone would take one thread a tenth of the time of a training step.
    #[allow(unsafe_code)]
    pub(crate) fn made_in_chunks<R: Send>(
        length: usize,
        size: usize,
        work: impl Fn(usize, &mut [f32]) -> R + Sync + Send,
    ) -> (Vec<f32>, Vec<R>) {
        let mut out = Vec::with_capacity(length);
        let results = out.spare_capacity_mut()[..length]
            .par_chunks_mut(size)
            .enumerate()
            .map(|(number, chunk)| {
                chunk.fill(MaybeUninit::new(0.0));
                // SAFETY: all of the chunk has just been written.
                work(number, unsafe { chunk.assume_init_mut() })
            })
            .collect();
        // SAFETY: there is room for `length` numbers, and each is in a chunk that has been written; a panic of `work` ends
        // this before.
        unsafe { out.set_len(length) };
        (out, results)
    }

    /// Maps on all threads; results keep their order.
    pub(crate) fn map_parts<P: Send, R: Send>(
        parts: Vec<P>,
        work: impl Fn(P) -> R + Sync + Send,
    ) -> Vec<R> {
        parts.into_par_iter().map(work).collect()
    }

    pub(crate) fn all_threads() -> gemm::Parallelism {
        match rayon::current_num_threads() {
            1 => gemm::Parallelism::None,
            threads => gemm::Parallelism::Rayon(threads),
        }
    }
}

// A worker in the browser is one thread.
#[cfg(target_family = "wasm")]
mod serial {
    pub(crate) fn for_chunks(out: &mut [f32], size: usize, work: impl Fn(usize, &mut [f32])) {
        for (number, chunk) in out.chunks_mut(size).enumerate() {
            work(number, chunk);
        }
    }

    pub(crate) fn made_in_chunks<R>(
        length: usize,
        size: usize,
        work: impl Fn(usize, &mut [f32]) -> R,
    ) -> (Vec<f32>, Vec<R>) {
        let mut out = vec![0.0; length];
        let results = out
            .chunks_mut(size)
            .enumerate()
            .map(|(number, chunk)| work(number, chunk))
            .collect();
        (out, results)
    }

    pub(crate) fn map_parts<P, R>(parts: Vec<P>, work: impl Fn(P) -> R) -> Vec<R> {
        parts.into_iter().map(work).collect()
    }

    pub(crate) fn all_threads() -> gemm::Parallelism {
        gemm::Parallelism::None
    }
}
