//! The name of a repository on a hub: `owner/name`, with `@revision` where one is wanted.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::error::HubError;

/// The branch that is meant where no revision is named.
const MAIN: &str = "main";
/// Characters of `owner/name` at most, as the hub has it.
const LONGEST: usize = 96;

/// A repository, and which state of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Repository {
    id: String,
    revision: Option<String>,
}

impl Repository {
    /// Reads `owner/name` or `owner/name@revision`.
    ///
    /// # Errors
    /// [`HubError::Name`].
    pub fn parse(text: &str) -> Result<Self, HubError> {
        let (id, revision) = match text.split_once('@') {
            Some((id, revision)) => (id, Some(revision.to_owned())),
            None => (text, None),
        };
        let wrong = |problem| HubError::Name { given: text.to_owned(), problem };
        let Some((owner, name)) = id.split_once('/') else {
            return Err(wrong("it has to be OWNER/NAME"));
        };
        if ![owner, name].into_iter().all(is_part) || id.contains("--") || id.contains("..") {
            return Err(wrong(
                "owner and name are letters, digits, `-`, `_` and `.`, neither begin nor end with `-` or `.`, and repeat neither",
            ));
        }
        if id.len() > LONGEST {
            return Err(wrong("it is longer than 96 characters"));
        }
        if !revision.as_deref().is_none_or(is_revision) {
            return Err(wrong("its revision is no branch, tag or commit"));
        }
        Ok(Self { id: id.to_owned(), revision })
    }

    /// The same in another state: a branch, a tag or a commit.
    ///
    /// # Errors
    /// [`HubError::Name`].
    pub fn at(&self, revision: &str) -> Result<Self, HubError> {
        Self::parse(&format!("{}@{revision}", self.id))
    }

    /// `owner/name`
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The branch, tag or commit that is meant.
    pub fn revision(&self) -> &str {
        self.revision.as_deref().unwrap_or(MAIN)
    }

    /// Whether its state was named.
    pub fn is_pinned(&self) -> bool {
        self.revision.is_some()
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.revision {
            Some(revision) => write!(f, "{}@{revision}", self.id),
            None => f.write_str(&self.id),
        }
    }
}

fn is_part(part: &str) -> bool {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !part.is_empty()
        && part.chars().all(is_fine)
        && !part.starts_with(['-', '.'])
        && !part.ends_with(['-', '.'])
}

/// What Git takes for a name, as far as it matters for paths: it becomes one in the cache.
fn is_revision(revision: &str) -> bool {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '+');
    revision.chars().all(is_fine)
        && revision.split('/').all(|part| !part.is_empty() && !part.starts_with('.') && !part.ends_with('.'))
}

/// Whether a text is a commit's whole name, which means the same for ever.
pub(super) fn is_commit(text: &str) -> bool {
    text.len() == 40 && is_hex(text)
}

/// Whether a text is nothing but lower-case hexadecimal digits.
pub(super) fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_shown() {
        let plain = Repository::parse("openai/clip-vit-base-patch32").unwrap();
        assert_eq!((plain.id(), plain.revision()), ("openai/clip-vit-base-patch32", "main"));
        assert_eq!(plain.to_string(), "openai/clip-vit-base-patch32");
        let pinned = Repository::parse("timm/vit_base.openai@refs/pr/3").unwrap();
        assert_eq!((pinned.id(), pinned.revision()), ("timm/vit_base.openai", "refs/pr/3"));
        assert_eq!(pinned.to_string(), "timm/vit_base.openai@refs/pr/3");
        assert_eq!(plain.at("v1").unwrap().to_string(), "openai/clip-vit-base-patch32@v1");
    }

    #[test]
    fn what_would_lead_elsewhere_is_no_name() {
        for text in [
            "",
            "clip",
            "a/",
            "/b",
            "a/b/c",
            "../b",
            "a/..",
            "./b",
            "a/b@",
            "a/b@../../x",
            "a/b@/x",
            "a/b@x/",
            "a/b@x y",
            "a--c/b",
            "a b/c",
            "a/b\n",
            "-a/b",
            "a/b.",
            "a/b@.git",
            "C:\\x/y",
            "ü/b",
        ] {
            let message = Repository::parse(text).unwrap_err().to_string();
            assert!(message.contains("openai/clip-vit-base-patch32"), "{text:?}: {message}");
        }
        assert!(Repository::parse(&format!("a/{}", "b".repeat(95))).is_err());
    }
}
