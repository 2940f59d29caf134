//! What must be set for the whole process before its first thread: the number of threads, and the allocator's
//! thresholds. The only unsafe code of the project.

/// Sets how many threads the encoders and the evaluation use.
///
/// candle and rayon read it from the environment, once, when they first need it: call this at the very start.
#[allow(unsafe_code)]
pub fn set_threads(threads: usize) {
    // SAFETY: `set_var` is unsound only while another thread reads or writes the environment; `main` calls this
    // before it starts any.
    unsafe { std::env::set_var("RAYON_NUM_THREADS", threads.to_string()) };
}

/// Keeps freed tensors in the heap instead of giving each back to the system and asking for it again.
///
/// Every operation of a tower allocates a tensor of some hundred kilobytes to some megabytes. glibc maps and unmaps
/// each of them by default, which costs about half of the encoders' time.
#[allow(unsafe_code)]
pub fn keep_large_allocations() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        const THRESHOLD: libc::c_int = 1 << 30;
        // SAFETY: `mallopt` takes two integers and may be called at any time; it returns 0 for values it does not
        // like, which leaves the defaults in place.
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, THRESHOLD);
            libc::mallopt(libc::M_TRIM_THRESHOLD, THRESHOLD);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_allocations_work_the_same_afterwards() {
        let before: Vec<u32> = (0..4 << 20).collect();
        keep_large_allocations();
        for _ in 0..3 {
            let after: Vec<u32> = (0..4 << 20).collect();
            assert_eq!(before, after);
        }
    }
}
