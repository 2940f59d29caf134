//! Other people's readers, run on contents that nobody vouches for: a panic inside of one is an error that names no line of
//! theirs and ends nothing.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    static READING: Cell<bool> = const { Cell::new(false) };
}

/// Threads of sled's, whose panics become errors of what waits for them.
const DATABASE_THREADS: &str = "sled-io";

/// Whether this thread's panic will be caught and told as an error: nobody has to be told of it besides.
pub fn is_reading() -> bool {
    READING.try_with(Cell::get).unwrap_or(false)
        || std::thread::current().name().is_some_and(|name| name.starts_with(DATABASE_THREADS))
}

/// Runs something whose panics are caught by whoever calls this, and prints none of them.
pub fn quietly<T>(work: impl FnOnce() -> T) -> T {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let print = take_hook();
        set_hook(Box::new(move |info| {
            if !is_reading() {
                print(info);
            }
        }));
    });
    /// Sets the mark back, also when it unwinds.
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            READING.set(self.0);
        }
    }
    let _before = Before(READING.replace(true));
    work()
}

/// Runs a reader.
///
/// # Errors
/// What it panicked with, in words for the person who has the file.
pub fn guarded<T>(read: impl FnOnce() -> T) -> Result<T, String> {
    quietly(|| catch_unwind(AssertUnwindSafe(read))).map_err(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said =
            said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it is not as its form says");
        format!("its contents contradict themselves: {}", said.lines().next().unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_and_what_comes_after_goes_on() {
        let no_numbers: Vec<u32> = Vec::new();
        let index = std::hint::black_box(3);
        let told = guarded(|| no_numbers[index]).unwrap_err();
        assert!(told.contains("index out of bounds"), "{told}");
        assert!(!is_reading());
        assert_eq!(guarded(|| guarded(|| 1).unwrap() + u32::from(is_reading())), Ok(2));
        assert!(!is_reading());
    }
}
