//! What a hub says of a repository: its commit, and the names, lengths and checksums of its files.

use serde::Deserialize;

use super::checksum::Checksum;
use super::repository::is_commit;

/// The state of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The commit's whole name.
    pub commit: String,
    /// All files.
    pub files: Vec<RemoteFile>,
}

/// A file as far as the hub has said what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteFile {
    /// Its path in the repository.
    pub name: String,
    /// In bytes.
    pub size: Option<u64>,
    /// What its contents are known by.
    pub checksum: Option<Checksum>,
}

#[derive(Deserialize)]
struct ListingJson {
    sha: String,
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
    #[serde(rename = "blobId")]
    blob_id: Option<String>,
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    #[serde(alias = "oid")]
    sha256: Option<String>,
    size: Option<u64>,
}

impl Listing {
    /// Reads the answer of `/api/models/…?blobs=true`.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let answer: ListingJson = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        if !is_commit(&answer.sha) {
            return Err(format!("its commit is {:?}", answer.sha));
        }
        let files = answer.siblings.into_iter().map(|sibling| {
            let (checksum, size) = match sibling.lfs {
                // The object of Git is only a pointer to a file that is kept elsewhere.
                Some(lfs) => (lfs.sha256, lfs.size.or(sibling.size)),
                None => (sibling.blob_id, sibling.size),
            };
            RemoteFile {
                name: sibling.rfilename,
                size,
                checksum: checksum.and_then(|checksum| Checksum::from_etag(&checksum)),
            }
        });
        Ok(Self { commit: answer.sha, files: files.collect() })
    }

    /// A name that leads out of its folder, if there is one.
    pub fn unsafe_name(&self) -> Option<&str> {
        let leads_out = |name: &&str| {
            name.contains(['\\', ':', '\0']) || name.split('/').any(|part| matches!(part, "" | "." | ".."))
        };
        self.files.iter().map(|file| file.name.as_str()).find(leads_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "3d74acf9a28c67741b2f4f2ea7635f0aaf6f0268";

    #[test]
    fn large_and_small_files_have_their_checksums() {
        let sha256 = "a".repeat(64);
        let text = format!(
            r#"{{"id": "a/b", "sha": "{COMMIT}", "siblings": [
                {{"rfilename": "config.json", "size": 4186, "blobId": "{COMMIT}"}},
                {{"rfilename": "model.safetensors", "size": 605, "blobId": "{COMMIT}",
                  "lfs": {{"sha256": "{sha256}", "size": 605, "pointerSize": 134}}}},
                {{"rfilename": "old.txt"}}]}}"#
        );
        let listing = Listing::parse(text.as_bytes()).unwrap();
        let file = |name: &str, size, checksum| RemoteFile { name: name.to_owned(), size, checksum };
        assert_eq!(
            listing.files,
            [
                file("config.json", Some(4186), Some(Checksum::GitBlob(COMMIT.to_owned()))),
                file("model.safetensors", Some(605), Some(Checksum::Sha256(sha256))),
                file("old.txt", None, None),
            ]
        );
        assert_eq!((listing.commit.as_str(), listing.unsafe_name()), (COMMIT, None));
    }

    #[test]
    fn what_is_no_listing_is_refused() {
        for text in
            ["", "<html>", "{}", r#"{"sha": "../../x", "siblings": []}"#, r#"{"sha": null, "siblings": []}"#]
        {
            assert!(Listing::parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn names_that_lead_out_are_found() {
        for (name, is_safe) in [
            ("config.json", true),
            ("onnx/model.onnx", true),
            ("..data/x", true),
            ("../x", false),
            ("a/../x", false),
            ("/etc/passwd", false),
            ("a//b", false),
            ("..\\x", false),
            ("C:x", false),
            ("", false),
        ] {
            let files = vec![RemoteFile { name: name.to_owned(), size: None, checksum: None }];
            let listing = Listing { commit: COMMIT.to_owned(), files };
            assert_eq!(listing.unsafe_name().is_none(), is_safe, "{name}");
        }
    }
}
