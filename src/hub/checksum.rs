//! Checksums as a hub has them: SHA-256 of large files, Git's name for the contents of small ones. Either is also the
//! name under which the cache keeps a file.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::repository::is_hex;

/// Bytes that are read at once.
const CHUNK: usize = 1 << 20;

/// What a file's contents are known by, in lower-case hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checksum {
    /// SHA-256 of the contents.
    Sha256(String),
    /// SHA-1 of `blob`, the length, a zero and the contents: Git's object name.
    GitBlob(String),
}

impl Checksum {
    /// The checksum that an `ETag` is, if it is one.
    pub fn from_etag(etag: &str) -> Option<Self> {
        let text = etag.trim().trim_start_matches("W/").trim_matches('"').to_ascii_lowercase();
        match text.len() {
            64 if is_hex(&text) => Some(Self::Sha256(text)),
            40 if is_hex(&text) => Some(Self::GitBlob(text)),
            _ => None,
        }
    }

    /// As the cache names the file.
    pub fn text(&self) -> &str {
        match self {
            Self::Sha256(text) | Self::GitBlob(text) => text,
        }
    }

    /// The same checksum of a file on disk. `on_bytes` is told how many were read, and says whether to go on; `None` where
    /// it did not want to.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn measure(&self, path: &Path, on_bytes: &mut dyn FnMut(u64) -> bool) -> io::Result<Option<Self>> {
        let mut file = File::open(path)?;
        Ok(match self {
            Self::Sha256(_) => hashed(&mut file, Sha256::new(), on_bytes)?.map(Self::Sha256),
            Self::GitBlob(_) => {
                let length = file.metadata()?.len();
                let start = Sha1::new_with_prefix(format!("blob {length}\0"));
                hashed(&mut file, start, on_bytes)?.map(Self::GitBlob)
            }
        })
    }
}

fn hashed(
    file: &mut File,
    mut hasher: impl Digest,
    on_bytes: &mut dyn FnMut(u64) -> bool,
) -> io::Result<Option<String>> {
    let mut chunk = vec![0; CHUNK];
    let mut total = 0;
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            let digest = hasher.finalize();
            return Ok(Some(digest.iter().map(|byte| format!("{byte:02x}")).collect()));
        }
        hasher.update(&chunk[..read]);
        total += read as u64;
        if !on_bytes(total) {
            return Ok(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The expected values are those of `sha256sum` and `git hash-object`.
    const SHA256: &str = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
    const GIT: &str = "ce013625030ba8dba906f756967f9e9ca394464a";

    #[test]
    fn both_kinds_are_measured() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hello");
        std::fs::write(&path, "hello\n").unwrap();
        for etag in [format!("\"{SHA256}\""), format!("W/\"{GIT}\"")] {
            let checksum = Checksum::from_etag(&etag).unwrap();
            let mut read = Vec::new();
            let measured = checksum.measure(&path, &mut |bytes| {
                read.push(bytes);
                true
            });
            assert_eq!(measured.unwrap(), Some(checksum.clone()), "{etag}");
            assert_eq!(read, [6]);
            assert_eq!(checksum.measure(&path, &mut |_| false).unwrap(), None);
        }
    }

    #[test]
    fn other_etags_are_no_checksums() {
        for etag in ["", "\"abc\"", "\"../../etc/passwd\"", &"g".repeat(64), &format!("{GIT}-2")] {
            assert_eq!(Checksum::from_etag(etag), None, "{etag}");
        }
    }
}
