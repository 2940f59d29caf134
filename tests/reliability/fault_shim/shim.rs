//! A library that is loaded before the C library and stands between the program and the system: at the n-th call that changes
//! files below a folder, it kills the process or lets the call fail. The tests compile it with `rustc` and pass it in `LD_PRELOAD`.
//!
//! | variable | what |
//! |---|---|
//! | `FAULT_UNDER` | a part of the paths that are meant |
//! | `FAULT_AT` | which call, from 1 |
//! | `FAULT_DO` | `kill`, or the number of an error |
//! | `FAULT_STAYS` | with an error: every call from there on fails, as on a full disk |
//! | `FAULT_MARK` | a file that is made when it happens |
//!
//! A write that is hit writes its first half.
#![no_std]
#![allow(clippy::missing_safety_doc, missing_docs)]

use core::ffi::{CStr, c_char, c_int, c_uint, c_void};
use core::sync::atomic::{AtomicI64, Ordering};

#[link(name = "c")]
extern "C" {
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
    fn getenv(name: *const c_char) -> *mut c_char;
    fn readlink(path: *const c_char, to: *mut c_char, size: usize) -> isize;
    fn strstr(text: *const c_char, part: *const c_char) -> *mut c_char;
    fn atol(text: *const c_char) -> i64;
    fn creat(path: *const c_char, mode: c_uint) -> c_int;
    fn getpid() -> c_int;
    fn kill(process: c_int, signal: c_int) -> c_int;
    fn __errno_location() -> *mut c_int;
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}

/// What the core library is compiled to call where a panic unwinds; here none does.
#[no_mangle]
pub extern "C" fn rust_eh_personality() {}

static CALLS: AtomicI64 = AtomicI64::new(0);

/// The system's own function that comes behind this library's.
unsafe fn real(name: &CStr) -> *mut c_void {
    dlsym(-1_isize as *mut c_void, name.as_ptr())
}

unsafe fn variable(name: &CStr) -> *mut c_char {
    getenv(name.as_ptr())
}

unsafe fn is_meant(path: *const c_char) -> bool {
    let under = variable(c"FAULT_UNDER");
    !under.is_null() && !path.is_null() && !strstr(path, under).is_null()
}

/// Whether a file that is open is meant.
unsafe fn is_meant_file(file: c_int) -> bool {
    let mut name = *b"/proc/self/fd/0000000000\0";
    let (mut digits, mut rest) = (0, file);
    while rest > 0 || digits == 0 {
        digits += 1;
        rest /= 10;
    }
    rest = file;
    for at in (0..digits).rev() {
        name[14 + at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    name[14 + digits] = 0;
    let mut path = [0 as c_char; 4096];
    let length = readlink(name.as_ptr().cast(), path.as_mut_ptr(), path.len() - 1);
    length > 0 && is_meant(path.as_ptr())
}

/// Counts a call, and does what is to be done at it: whether it is to fail, after `first`.
unsafe fn hit(first: impl FnOnce()) -> bool {
    let (at, what) = (variable(c"FAULT_AT"), variable(c"FAULT_DO"));
    if at.is_null() || what.is_null() {
        return false;
    }
    let (call, at) = (CALLS.fetch_add(1, Ordering::SeqCst) + 1, atol(at));
    let stays = !variable(c"FAULT_STAYS").is_null();
    if call != at && !(stays && call > at) {
        return false;
    }
    if call == at {
        let mark = variable(c"FAULT_MARK");
        if !mark.is_null() {
            creat(mark, 0o600);
        }
        first();
    }
    if *what as u8 == b'k' {
        kill(getpid(), 9);
    }
    *__errno_location() = atol(what) as c_int;
    true
}

type WriteTo = unsafe extern "C" fn(c_int, *const c_void, usize) -> isize;
type WriteAt = unsafe extern "C" fn(c_int, *const c_void, usize, i64) -> isize;
type OfFile = unsafe extern "C" fn(c_int) -> c_int;

#[no_mangle]
pub unsafe extern "C" fn write(file: c_int, bytes: *const c_void, count: usize) -> isize {
    let own: WriteTo = core::mem::transmute(real(c"write"));
    let half = || {
        own(file, bytes, count / 2);
    };
    if file > 2 && is_meant_file(file) && hit(half) {
        return -1;
    }
    own(file, bytes, count)
}

#[no_mangle]
pub unsafe extern "C" fn pwrite64(file: c_int, bytes: *const c_void, count: usize, at: i64) -> isize {
    let own: WriteAt = core::mem::transmute(real(c"pwrite64"));
    let half = || {
        own(file, bytes, count / 2, at);
    };
    if is_meant_file(file) && hit(half) {
        return -1;
    }
    own(file, bytes, count, at)
}

#[no_mangle]
pub unsafe extern "C" fn fsync(file: c_int) -> c_int {
    let own: OfFile = core::mem::transmute(real(c"fsync"));
    if is_meant_file(file) && hit(|| {}) { -1 } else { own(file) }
}

#[no_mangle]
pub unsafe extern "C" fn fdatasync(file: c_int) -> c_int {
    let own: OfFile = core::mem::transmute(real(c"fdatasync"));
    if is_meant_file(file) && hit(|| {}) { -1 } else { own(file) }
}

#[no_mangle]
pub unsafe extern "C" fn ftruncate64(file: c_int, length: i64) -> c_int {
    let own: unsafe extern "C" fn(c_int, i64) -> c_int = core::mem::transmute(real(c"ftruncate64"));
    if is_meant_file(file) && hit(|| {}) { -1 } else { own(file, length) }
}

#[no_mangle]
pub unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    let own: unsafe extern "C" fn(*const c_char, *const c_char) -> c_int =
        core::mem::transmute(real(c"rename"));
    if is_meant(to) && hit(|| {}) { -1 } else { own(from, to) }
}

/// Only openings that may make or write a file count.
#[no_mangle]
pub unsafe extern "C" fn open64(path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    let own: unsafe extern "C" fn(*const c_char, c_int, c_uint) -> c_int =
        core::mem::transmute(real(c"open64"));
    if flags & 3 != 0 && is_meant(path) && hit(|| {}) { -1 } else { own(path, flags, mode) }
}
