//! How much memory readers ask for: the allocator of this test program counts, and refuses what is beyond all measure.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The system's allocator, which counts.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);
/// Bytes that may be in use.
static LIMIT: AtomicUsize = AtomicUsize::new(usize::MAX);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn take(size: usize) -> bool {
    let now = NOW.fetch_add(size, Relaxed) + size;
    if now > LIMIT.load(Relaxed) {
        NOW.fetch_sub(size, Relaxed);
        return false;
    }
    MOST.fetch_max(now, Relaxed);
    true
}

// SAFETY: the system's allocator does all the work; what is refused is null, as its contract allows.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !take(layout.size()) {
            return std::ptr::null_mut();
        }
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if !take(layout.size()) {
            return std::ptr::null_mut();
        }
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let more = size.saturating_sub(layout.size());
        if !take(more) {
            return std::ptr::null_mut();
        }
        NOW.fetch_sub(layout.size().saturating_sub(size), Relaxed);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// Lets this process have so many bytes more than it has now; whoever asks for more ends it.
pub fn limit(bytes: usize) {
    LIMIT.store(NOW.load(Relaxed) + bytes, Relaxed);
}

/// The most bytes that were in use at once while `work` was done, beyond those before.
pub fn most_while<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = NOW.load(Relaxed);
    MOST.store(before, Relaxed);
    let done = work();
    (done, MOST.load(Relaxed).saturating_sub(before))
}
