//! How the process keeps its memory.

/// Has the allocator keep what is freed for the next allocation instead of handing it back to the system.
///
/// A training step frees and allocates a gigabyte in maps of megabytes. Handed back, every page of it is mapped and zeroed
/// by the system anew: half of a step where memory was in demand, of no account where it was not. The peak is the same. Call it
/// before there are threads.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code)]
pub(crate) fn keep() {
    // SAFETY: `mallopt` takes numbers and has no conditions; these two options are defined for 0 and -1.
    unsafe {
        // No map of its own for a large allocation, and never a smaller heap.
        libc::mallopt(libc::M_MMAP_MAX, 0);
        libc::mallopt(libc::M_TRIM_THRESHOLD, -1);
    }
}

/// Other allocators are left to their own ways.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn keep() {}
