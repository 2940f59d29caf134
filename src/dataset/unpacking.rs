//! How much a compressed file may unpack to: what a few bytes claim to hold is not written to the disk or into memory.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

/// The variable with the MiB that an archive may unpack to.
const LIMIT: &str = "CUPL_TUI_LARGEST_ARCHIVE";

/// Bytes that any archive may unpack to: the largest of CIFAR has 180 MB.
const ALWAYS: u64 = 1 << 30;

/// How many times its bytes a larger archive may have unpacked: pictures hardly get smaller.
const TIMES: u64 = 64;

/// A gzip file's content, which ends in an error where it is far too much for the file.
///
/// # Errors
/// What prevents opening the file.
pub(super) fn gzip(path: &Path) -> io::Result<Bounded<MultiGzDecoder<BufReader<File>>>> {
    let file = File::open(path)?;
    let set = std::env::var(LIMIT).ok().and_then(|mebibytes| mebibytes.trim().parse::<u64>().ok());
    let allowed = set.map_or(ALWAYS, |mebibytes| mebibytes.saturating_mul(1 << 20));
    let most = allowed.max(file.metadata()?.len().saturating_mul(TIMES));
    Ok(Bounded { from: MultiGzDecoder::new(BufReader::new(file)), left: most })
}

/// A reader that gives so many bytes, and then an error.
pub(super) struct Bounded<R> {
    from: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            io::Error::other(format!(
                "it unpacks to far more than pictures would; if that is right, set {LIMIT} to the MiB that it may have"
            ))
        })?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_within_the_bound_is_read_and_more_is_an_error() {
        for (most, length, is_read) in [(1000, 1000, true), (999, 1000, false), (0, 0, true)] {
            let mut read = Vec::new();
            let done = Bounded { from: io::repeat(7).take(length), left: most }.read_to_end(&mut read);
            assert_eq!(done.is_ok(), is_read, "{most} {length}");
        }
    }
}
