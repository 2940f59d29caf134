//! One file: it grows beside its place, goes on where it was cut off, and gets its name when its checksum is right.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::cache::{Blob, length};
use super::checksum::Checksum;
use super::client::{Answer, Client, Failure, IsCancelled};
use super::error::HubError;
use super::repository::Repository;
use crate::network::retry::POLL_INTERVAL;

/// A file to download.
pub struct WantedFile<'a> {
    pub repository: &'a Repository,
    pub commit: &'a str,
    pub name: &'a str,
    pub size: u64,
    pub checksum: &'a Checksum,
}

/// How far a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transfer {
    /// Bytes of it that are there.
    pub done: u64,
    /// Bytes that came over the network, those that had to be thrown away included.
    pub received: u64,
}

/// What happens to a file.
pub enum Step {
    /// Another process downloads it.
    Waiting,
    /// The hub asks to come back after so long; as much is there.
    Asked(Transfer, Duration),
    /// Bytes come.
    Receiving(Transfer),
    /// So many bytes are verified.
    Verifying(u64),
}

/// What one answer came to.
enum Received {
    /// All bytes are there.
    Whole,
    /// More than all came.
    TooMuch,
}

/// Downloads a file to its place in the cache and returns how many bytes came over the network. What another process has
/// done meanwhile is not done again.
pub fn download(
    client: &Client,
    blob: &Blob,
    wanted: &WantedFile<'_>,
    on_step: &mut dyn FnMut(Step),
    is_cancelled: IsCancelled<'_>,
) -> Result<u64, HubError> {
    let _lock = loop {
        if let Some(lock) = blob.lock()? {
            break lock;
        }
        on_step(Step::Waiting);
        if is_cancelled() {
            return Err(HubError::Cancelled);
        }
        thread::sleep(POLL_INTERVAL);
    };
    let mut received = 0;
    let mut is_second = false;
    loop {
        if blob.is_whole(wanted.size) {
            return Ok(received);
        }
        let problem = match fill(client, blob, wanted, &mut received, on_step, is_cancelled)? {
            Received::TooMuch => format!("it has {} bytes by the hub's listing, and more came", wanted.size),
            Received::Whole => match wrong_checksum(&blob.incomplete, wanted, on_step, is_cancelled)? {
                None => {
                    blob.complete().map_err(|source| HubError::Write { path: blob.path.clone(), source })?;
                    return Ok(received);
                }
                Some(problem) => problem,
            },
        };
        remove(&blob.incomplete)?;
        if is_second {
            let (repository, file) = (wanted.repository.clone(), wanted.name.to_owned());
            return Err(HubError::Damaged { repository, file, problem });
        }
        is_second = true;
    }
}

/// Asks for what is missing until it is there.
fn fill(
    client: &Client,
    blob: &Blob,
    wanted: &WantedFile<'_>,
    received: &mut u64,
    on_step: &mut dyn FnMut(Step),
    is_cancelled: IsCancelled<'_>,
) -> Result<Received, HubError> {
    let mut attempts = client.attempts();
    loop {
        let done = length(&blob.incomplete).unwrap_or(0);
        on_step(Step::Receiving(Transfer { done: done.min(wanted.size), received: *received }));
        if done == wanted.size {
            return Ok(Received::Whole);
        }
        if done > wanted.size {
            remove(&blob.incomplete)?;
            continue;
        }
        let before = *received;
        let answer = client.open(wanted.repository, wanted.commit, wanted.name, done, is_cancelled);
        let ended = answer.and_then(|mut answer| {
            let mut on_bytes = |done: u64, bytes: u64| {
                *received += bytes;
                on_step(Step::Receiving(Transfer { done, received: *received }));
            };
            take(&mut answer, &blob.incomplete, done, wanted.size, &mut on_bytes, is_cancelled)
        });
        if *received > before {
            attempts.brought_something();
        }
        match ended {
            Ok(ended) => return Ok(ended),
            Err(failure) => {
                let there = Transfer { done: length(&blob.incomplete).unwrap_or(0), received: *received };
                attempts.after(failure, &mut |wait| on_step(Step::Asked(there, wait)), is_cancelled)?;
            }
        }
    }
}

/// Writes what an answer brings. One that is about something else is not written: what is there stays.
fn take(
    answer: &mut Answer,
    path: &Path,
    from: u64,
    size: u64,
    on_bytes: &mut dyn FnMut(u64, u64),
    is_cancelled: IsCancelled<'_>,
) -> Result<Received, Failure> {
    let unwritable = |source| Failure::Lasting(HubError::Write { path: path.to_owned(), source });
    let elsewhere = |problem: String| Err(Failure::Passing(answer.wrong(problem)));
    let mut done = match answer.status {
        206 => {
            let range = answer.header("content-range").unwrap_or_default();
            match content_range(range) {
                Some((start, whole)) if start == from && whole.is_none_or(|whole| whole == size) => from,
                _ => {
                    return elsewhere(format!(
                        "of {size} bytes, those from {from} on are wanted, and {range:?} come"
                    ));
                }
            }
        }
        416 => return elsewhere(format!("of {size} bytes, it has none from {from} on")),
        // A server without ranges sends everything.
        _ => {
            let announced =
                answer.header("content-length").and_then(|length| length.trim().parse::<u64>().ok());
            match announced {
                Some(announced) if announced != size => {
                    return elsewhere(format!("{size} bytes are listed, and {announced} come"));
                }
                _ => 0,
            }
        }
    };
    let mut file = File::options().create(true).truncate(false).write(true).open(path).map_err(unwritable)?;
    file.set_len(done).and_then(|()| file.seek(SeekFrom::Start(done))).map_err(unwritable)?;
    while let Some(bytes) = answer.next(is_cancelled)? {
        let count = bytes.len() as u64;
        if done + count > size {
            return Ok(Received::TooMuch);
        }
        file.write_all(&bytes).map_err(unwritable)?;
        done += count;
        on_bytes(done, count);
    }
    if done == size { Ok(Received::Whole) } else { Err(Failure::Passing(answer.cut_off())) }
}

/// The first byte and the length of the whole, where that is known: `bytes 100-299/300`.
fn content_range(header: &str) -> Option<(u64, Option<u64>)> {
    let (range, whole) = header.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.trim().parse().ok()?, whole.trim().parse().ok()))
}

/// What is wrong with the checksum of what came, if it is wrong.
fn wrong_checksum(
    path: &Path,
    wanted: &WantedFile<'_>,
    on_step: &mut dyn FnMut(Step),
    is_cancelled: IsCancelled<'_>,
) -> Result<Option<String>, HubError> {
    let mut on_bytes = |bytes| {
        on_step(Step::Verifying(bytes));
        !is_cancelled()
    };
    let measured = wanted.checksum.measure(path, &mut on_bytes);
    let measured = measured.map_err(|source| HubError::Write { path: path.to_owned(), source })?;
    let measured = measured.ok_or(HubError::Cancelled)?;
    Ok((measured != *wanted.checksum).then(|| {
        format!("its checksum is {} where the hub's listing has {}", measured.text(), wanted.checksum.text())
    }))
}

fn remove(path: &Path) -> Result<(), HubError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(HubError::Write { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        assert_eq!(content_range("bytes 100-299/300"), Some((100, Some(300))));
        assert_eq!(content_range(" bytes 0-9/* "), Some((0, None)));
        for odd in ["", "bytes", "bytes */300", "items 0-1/2", "bytes x-1/2"] {
            assert_eq!(content_range(odd), None, "{odd}");
        }
    }
}
