//! Work divided among the threads.

#[cfg(not(target_family = "wasm"))]
pub(crate) use parallel::{all_threads, for_chunks, made_by_columns, map_parts, threads};
#[cfg(target_family = "wasm")]
pub(crate) use serial::{all_threads, for_chunks, made_by_columns, map_parts, threads};

use std::cell::RefCell;
use std::mem::MaybeUninit;

thread_local! {
    static KEPT: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// Numbers to work with, in memory that a thread keeps from task to task: to be given megabytes by the system and to fill them with zeros takes
/// longer than some tasks. What is in them is left from before.
pub(crate) struct Scratch {
    kept: Vec<f32>,
    length: usize,
}

impl Scratch {
    /// Bytes of a line of the cache: vectors that reach over two take twice as long.
    const LINE: usize = 64;

    pub(crate) fn new(length: usize) -> Self {
        let mut kept = KEPT.with_borrow_mut(Vec::pop).unwrap_or_default();
        let room = length + Self::LINE / size_of::<f32>();
        if kept.len() < room {
            kept = vec![0.0; room];
        }
        Self { kept, length }
    }

    pub(crate) fn numbers(&mut self) -> &mut [f32] {
        let start = self.kept.as_ptr().align_offset(Self::LINE);
        &mut self.kept[start..][..self.length]
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        KEPT.with_borrow_mut(|all| all.push(std::mem::take(&mut self.kept)));
    }
}

/// How many maps of so many numbers are a task where each takes little: fewer are not worth handing out.
pub(crate) fn maps_at_once(size: usize) -> usize {
    (1usize << 14).div_ceil(size)
}

/// Makes `length` numbers, by calls of `work` with each chunk of `size` of them, all 0 by then, and its number; beside them what the calls
/// return, in order. The zeros are written where the chunk is worked on, on all threads: for a large result that alone would take one thread a
/// tenth of the time of a training step.
#[allow(unsafe_code)]
pub(crate) fn made_in_chunks<R: Send>(
    length: usize,
    size: usize,
    work: impl Fn(usize, &mut [f32]) -> R + Sync + Send,
) -> (Vec<f32>, Vec<R>) {
    let filled = |number: usize, chunk: &mut [MaybeUninit<f32>]| {
        chunk.fill(MaybeUninit::new(0.0));
        // SAFETY: all of the chunk has just been written.
        work(number, unsafe { chunk.assume_init_mut() })
    };
    // SAFETY: as above.
    unsafe { made_by_columns(length, size, 1, filled) }
}

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

    /// Makes `length` numbers, by calls of `work` with each chunk of `size` of them and its number; beside them what the calls return, in
    /// order. The chunks are a table with so many columns, and are worked on column by column: what those of a column share stays in a
    /// cache.
    ///
    /// # Safety
    /// `work` writes all of each chunk.
    #[allow(unsafe_code)]
    pub(crate) unsafe fn made_by_columns<R: Send>(
        length: usize,
        size: usize,
        columns: usize,
        work: impl Fn(usize, &mut [MaybeUninit<f32>]) -> R + Sync + Send,
    ) -> (Vec<f32>, Vec<R>) {
        let mut out = Vec::with_capacity(length);
        let chunks = out.spare_capacity_mut()[..length].chunks_mut(size);
        let mut chunks: Vec<(usize, &mut [MaybeUninit<f32>])> = chunks.enumerate().collect();
        chunks.sort_by_key(|(number, _)| (number % columns, number / columns));
        let results = chunks
            .into_par_iter()
            .map(|(number, chunk)| work(number, chunk))
            .collect();
        // SAFETY: there is room for `length` numbers, and each is in a chunk that `work` has written; a panic of it ends this before.
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

    pub(crate) fn threads() -> usize {
        rayon::current_num_threads()
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
    use std::mem::MaybeUninit;

    pub(crate) fn for_chunks(out: &mut [f32], size: usize, work: impl Fn(usize, &mut [f32])) {
        for (number, chunk) in out.chunks_mut(size).enumerate() {
            work(number, chunk);
        }
    }

    #[allow(unsafe_code)]
    pub(crate) unsafe fn made_by_columns<R>(
        length: usize,
        size: usize,
        _columns: usize,
        work: impl Fn(usize, &mut [MaybeUninit<f32>]) -> R,
    ) -> (Vec<f32>, Vec<R>) {
        let mut out = Vec::with_capacity(length);
        let chunks = out.spare_capacity_mut()[..length].chunks_mut(size);
        let results = chunks
            .enumerate()
            .map(|(number, chunk)| work(number, chunk))
            .collect();
        // SAFETY: there is room for `length` numbers, and each is in a chunk that `work` has written.
        unsafe { out.set_len(length) };
        (out, results)
    }

    pub(crate) fn map_parts<P, R>(parts: Vec<P>, work: impl Fn(P) -> R) -> Vec<R> {
        parts.into_iter().map(work).collect()
    }

    pub(crate) fn threads() -> usize {
        1
    }

    pub(crate) fn all_threads() -> gemm::Parallelism {
        gemm::Parallelism::None
    }
}
