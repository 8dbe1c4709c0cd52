//! Threads that share the parts of a layer, and stay awake from one layer to the next.
//!
//! A layer takes a tenth of a millisecond. To wake a sleeping thread takes half of that, which rayon pays for each layer. These
//! threads therefore go on looking for work a little while before they sleep.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, RwLock, TryLockError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// How long a thread looks for the next layer and does nothing else: longer than it waits for the slowest part of a layer, and not so
/// long that a busy machine's scheduler takes it for one that computes, and lets it wait for others.
const ALONE: Duration = Duration::from_micros(100);
/// How long it looks before it sleeps: longer than from one image to the next of a caller that has more. After [`ALONE`] it lets others have
/// the core between two looks.
const AWAKE: Duration = Duration::from_millis(2);
/// How often it looks before it looks at the clock.
const LOOKS: u32 = 200;
/// How long a caller sleeps at most before it looks whether the others have done their parts, of which they tell it.
const NAP: Duration = Duration::from_millis(1);

/// Calls `work` once with each of `0..parts`, on all threads.
///
/// Called from a thread of rayon, it is on rayon's threads, which then have other images to work at too.
pub(crate) fn share(parts: usize, work: &(dyn Fn(usize) + Sync)) {
    let alone = || (0..parts).for_each(work);
    if parts < 2 {
        return alone();
    }
    if rayon::current_thread_index().is_some() {
        if rayon::current_num_threads() < 2 {
            return alone();
        }
        return rayon::scope(|scope| {
            for part in 1..parts {
                scope.spawn(move |_| work(part));
            }
            work(0);
        });
    }
    match Team::get() {
        Some(team) => team.share(parts, work),
        None => alone(),
    }
}

/// How many threads [`share`] has.
pub(crate) fn count() -> usize {
    rayon::current_num_threads()
}

/// A layer that is being computed.
struct Layer {
    work: &'static (dyn Fn(usize) + Sync),
    parts: usize,
}

/// The threads, of which each caller is one more.
struct Team {
    /// Held by the caller whose layer it is.
    caller: Mutex<()>,
    /// The layer at hand; who works at it holds the lock for reading.
    layer: RwLock<Option<Layer>>,
    /// Counts the layers.
    number: AtomicUsize,
    /// For each thread, the caller first, the next of its parts that nobody has begun. A layer's parts are divided alike from layer to layer, so that a
    /// thread finds in its cache what it wrote; who has done its own helps the others.
    next: OnceLock<Vec<Next>>,
    /// Whether `work` has panicked on one of the threads.
    panicked: AtomicBool,
    /// The caller, where it sleeps until the others have done their parts.
    waiting: Mutex<Option<Thread>>,
    waits: AtomicBool,
    threads: OnceLock<Vec<Helper>>,
}

/// A counter with a line of the cache to itself: two threads that count do not wait for each other's.
#[repr(align(128))]
#[derive(Default)]
struct Next(AtomicUsize);

struct Helper {
    thread: Thread,
    asleep: &'static AtomicBool,
}

impl Team {
    /// The one of this process; `None` where there is one thread only.
    fn get() -> Option<&'static Self> {
        static TEAM: Team = Team {
            caller: Mutex::new(()),
            layer: RwLock::new(None),
            number: AtomicUsize::new(0),
            next: OnceLock::new(),
            panicked: AtomicBool::new(false),
            waiting: Mutex::new(None),
            waits: AtomicBool::new(false),
            threads: OnceLock::new(),
        };
        let threads = TEAM.threads.get_or_init(|| {
            (1..rayon::current_num_threads())
                .filter_map(|number| {
                    let asleep: &'static AtomicBool = Box::leak(Box::default());
                    thread::Builder::new()
                        .name(format!("layers {number}"))
                        .spawn(move || TEAM.help(number, asleep))
                        .ok()
                        .map(|handle| Helper {
                            thread: handle.thread().clone(),
                            asleep,
                        })
                })
                .collect()
        });
        (!threads.is_empty()).then_some(&TEAM)
    }

    fn share(&'static self, parts: usize, work: &(dyn Fn(usize) + Sync)) {
        // A second caller at the same time works alone.
        let _caller = match self.caller.try_lock() {
            Ok(caller) => caller,
            // A panic of an earlier layer has left nothing behind: `Published` has taken it back.
            Err(TryLockError::Poisoned(caller)) => caller.into_inner(),
            Err(TryLockError::WouldBlock) => return (0..parts).for_each(work),
        };
        // SAFETY: nobody calls `work` after this function. `Published` is dropped before the end of it, also when `work` panics,
        // and waits until no thread holds the layer for reading; each calls `work` only while it does.
        #[allow(unsafe_code)]
        let work: &'static (dyn Fn(usize) + Sync) = unsafe { std::mem::transmute(work) };
        let threads = self.next().len();
        for (thread, next) in self.next().iter().enumerate() {
            next.0.store(thread * parts / threads, Ordering::Relaxed);
        }
        self.panicked.store(false, Ordering::Relaxed);
        let layer = Layer { work, parts };
        let published = Published::new(self, layer);
        for helper in self.threads.get().into_iter().flatten() {
            if helper.asleep.load(Ordering::SeqCst) {
                helper.thread.unpark();
            }
        }
        self.work(0, work, parts);
        drop(published);
        assert!(
            !self.panicked.load(Ordering::Relaxed),
            "a thread that computed a part of a layer has panicked; its message is above"
        );
    }

    /// A counter for each thread that there may be.
    fn next(&self) -> &[Next] {
        self.next.get_or_init(|| {
            let threads = rayon::current_num_threads().max(1);
            std::iter::repeat_with(Next::default)
                .take(threads)
                .collect()
        })
    }

    /// Does parts until all have been begun, those of the thread `own` first.
    fn work(&self, own: usize, work: &(dyn Fn(usize) + Sync), parts: usize) {
        let threads = self.next().len();
        for thread in (own..threads).chain(0..own) {
            let end = (thread + 1) * parts / threads;
            loop {
                let part = self.next()[thread].0.fetch_add(1, Ordering::Relaxed);
                if part >= end {
                    break;
                }
                work(part);
            }
        }
    }

    /// What a thread does all its life.
    fn help(&self, own: usize, asleep: &AtomicBool) {
        let mut seen = 0;
        let mut since = Instant::now();
        let mut looks = 0u32;
        loop {
            if self.number.load(Ordering::SeqCst) == seen {
                looks += 1;
                if !looks.is_multiple_of(LOOKS) {
                    std::hint::spin_loop();
                    continue;
                }
                let waited = since.elapsed();
                if waited < AWAKE {
                    if waited > ALONE {
                        thread::yield_now();
                    }
                    continue;
                }
                asleep.store(true, Ordering::SeqCst);
                // Looked at once more after that: either it is seen here, or the caller sees who is asleep.
                while self.number.load(Ordering::SeqCst) == seen {
                    thread::park();
                }
                asleep.store(false, Ordering::SeqCst);
            }
            seen = self.number.load(Ordering::SeqCst);
            if let Ok(layer) = self.layer.try_read()
                && let Some(Layer { work, parts }) = *layer
            {
                let done = catch_unwind(AssertUnwindSafe(|| self.work(own, work, parts)));
                if done.is_err() {
                    self.panicked.store(true, Ordering::Relaxed);
                }
            }
            if self.waits.swap(false, Ordering::SeqCst)
                && let Ok(mut waiting) = self.waiting.lock()
                && let Some(caller) = waiting.take()
            {
                caller.unpark();
            }
            (since, looks) = (Instant::now(), 0);
        }
    }
}

/// A layer that threads may begin to work at, until this is dropped.
struct Published<'a>(&'a Team);

impl<'a> Published<'a> {
    fn new(team: &'a Team, layer: Layer) -> Self {
        team.put(Some(layer));
        team.number.fetch_add(1, Ordering::SeqCst);
        Self(team)
    }
}

impl Drop for Published<'_> {
    fn drop(&mut self) {
        // Nobody begins another part, also when the caller's own has panicked.
        for next in self.0.next() {
            next.0.store(usize::MAX / 2, Ordering::Relaxed);
        }
        self.0.put(None);
    }
}

impl Team {
    /// Replaces the layer as soon as nobody works at the one that is there.
    fn put(&self, layer: Option<Layer>) {
        let mut looks = 0u32;
        loop {
            match self.layer.try_write() {
                Ok(mut place) => {
                    *place = layer;
                    return;
                }
                Err(TryLockError::Poisoned(place)) => {
                    *place.into_inner() = layer;
                    return;
                }
                Err(TryLockError::WouldBlock) => {}
            }
            looks += 1;
            if looks < LOOKS * 10 {
                std::hint::spin_loop();
                continue;
            }
            // On a busy machine the other thread may itself wait for a core, which can be this one.
            if let Ok(mut waiting) = self.waiting.lock() {
                *waiting = Some(thread::current());
            }
            if !self.waits.swap(true, Ordering::SeqCst) {
                continue;
            }
            thread::park_timeout(NAP);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_is_done_once_whoever_calls_at_the_same_time() {
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for parts in 0..200 {
                        let done: Vec<_> = (0..parts).map(|_| AtomicUsize::new(0)).collect();
                        share(parts, &|part| {
                            done[part].fetch_add(1, Ordering::Relaxed);
                        });
                        assert!(done.iter().all(|done| done.load(Ordering::Relaxed) == 1));
                    }
                });
            }
        });
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_next_layer_is_computed() {
        for panics in [0, 5, 9] {
            let layer = catch_unwind(|| {
                share(10, &|part| {
                    assert_ne!(part, panics, "as the test wants it");
                });
            });
            assert!(layer.is_err(), "part {panics}");
            let done = AtomicUsize::new(0);
            share(10, &|_| {
                done.fetch_add(1, Ordering::Relaxed);
            });
            assert_eq!(done.into_inner(), 10);
        }
    }

    #[test]
    fn a_layer_within_a_layer_is_computed_by_its_caller() {
        let done = AtomicUsize::new(0);
        share(4, &|_| {
            share(4, &|_| {
                done.fetch_add(1, Ordering::Relaxed);
            });
        });
        assert_eq!(done.into_inner(), 16);
    }
}
