//! Prompt sets, versioned by their content.

use std::time::SystemTime;

use super::documents::{Documents, Header};
use super::mirror::Mirror;
use super::{Store, StoreError};

/// What is known of a prompt set version without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptSetInfo {
    /// The name that the user gave it.
    pub name: String,
    /// The first 12 hexadecimal digits of the BLAKE3 hash of the content.
    pub version: String,
    /// When this version was last saved.
    pub saved_at: SystemTime,
    /// The content's length in bytes.
    pub length: u64,
}

impl From<Header> for PromptSetInfo {
    fn from(header: Header) -> Self {
        let saved_at = header.saved_at();
        Self { name: header.name, version: header.version, saved_at, length: header.length }
    }
}

/// The version of a prompt set's content: the first 12 hexadecimal digits of its BLAKE3 hash.
pub fn version_of(content: &str) -> String {
    blake3::hash(content.as_bytes()).to_hex()[..12].to_owned()
}

impl Store {
    /// Keeps a prompt set under `name` and returns its version. The same content has the same version; saving it again
    /// makes it the name's newest. A plain copy is written first, to `prompt-sets/` in the store's directory.
    ///
    /// # Errors
    /// [`StoreError::NoName`] for a blank name, or what prevents writing.
    pub fn save_prompt_set(&self, name: &str, content: &str) -> Result<String, StoreError> {
        if name.trim().is_empty() {
            return Err(StoreError::NoName);
        }
        let _turn = self.begin_change();
        let version = version_of(content);
        let newest = self.newest_version(name)?;
        if newest.as_deref() != Some(&version) || self.prompt_set_documents().read(name, &version)?.is_none()
        {
            self.put_prompt_set(name, &version, SystemTime::now(), content)?;
        }
        Ok(version)
    }

    /// Every prompt set version, in the order of saving, oldest first.
    ///
    /// # Errors
    /// What prevents reading.
    pub fn prompt_sets(&self) -> Result<Vec<PromptSetInfo>, StoreError> {
        Ok(self.prompt_set_documents().list()?.into_iter().map(PromptSetInfo::from).collect())
    }

    /// A version of a prompt set, or its newest, with its content; `None` if there is no such thing.
    ///
    /// # Errors
    /// What prevents reading.
    pub fn prompt_set(
        &self,
        name: &str,
        version: Option<&str>,
    ) -> Result<Option<(PromptSetInfo, String)>, StoreError> {
        let version = match version {
            Some(version) => version.to_owned(),
            None => match self.newest_version(name)? {
                Some(newest) => newest,
                None => return Ok(None),
            },
        };
        let found = self.prompt_set_documents().read(name, &version)?;
        Ok(found.map(|(header, content)| (header.into(), content)))
    }

    /// Removes a version of a prompt set, or all of them, with the plain copies, and returns how many there were.
    ///
    /// # Errors
    /// What prevents writing.
    pub fn remove_prompt_set(&self, name: &str, version: Option<&str>) -> Result<usize, StoreError> {
        let _turn = self.begin_change();
        let of_name: Vec<_> = self.prompt_sets()?.into_iter().filter(|info| info.name == name).collect();
        let kept = of_name.iter().filter(|info| version.is_some_and(|wanted| wanted != info.version)).count();
        for info in of_name.iter().filter(|info| version.is_none_or(|wanted| wanted == info.version)) {
            // The copy first: a prompt set whose copy is there would be imported again at the next start.
            if let Some(mirror) = self.mirror() {
                mirror.remove(name, &info.version)?;
            }
            self.history_documents().remove(name, &info.version)?;
            self.prompt_set_documents().remove(name, &info.version)?;
        }
        match self.mirror() {
            Some(mirror) if kept == 0 => mirror.remove_name(name)?,
            _ => {}
        }
        Ok(of_name.len() - kept)
    }

    /// Imports the plain copies of prompt sets that the tables lack, and says so, one notice for each thing.
    pub(super) fn import_mirror(&self) -> Result<Vec<String>, StoreError> {
        let Some(mirror) = self.mirror() else { return Ok(Vec::new()) };
        let documents = self.prompt_set_documents();
        let (copies, changed) = mirror.read_all()?;
        let mut imported = 0;
        for copy in copies {
            if documents.read(&copy.name, &copy.version)?.is_none() {
                documents.save(&copy.name, &copy.version, copy.saved_at, &copy.content)?;
                imported += 1;
            }
        }
        let told = (imported > 0)
            .then(|| format!("{imported} prompt set version(s) were imported from their plain copies"));
        let passed_over = changed.into_iter().map(|path| {
            format!(
                "{} has changed since it was saved and was passed over; save it again as a prompt set",
                path.display()
            )
        });
        Ok(told.into_iter().chain(passed_over).collect())
    }

    /// Writes the plain copies that are missing.
    pub(super) fn complete_mirror(&self) -> Result<(), StoreError> {
        let Some(mirror) = self.mirror() else { return Ok(()) };
        for info in self.prompt_sets()? {
            if let Some((header, content)) = self.prompt_set_documents().read(&info.name, &info.version)? {
                mirror.write(&info.name, &info.version, header.saved_at(), &content)?;
            }
        }
        Ok(())
    }

    fn put_prompt_set(
        &self,
        name: &str,
        version: &str,
        saved_at: SystemTime,
        content: &str,
    ) -> Result<(), StoreError> {
        if let Some(mirror) = self.mirror() {
            mirror.write(name, version, saved_at, content)?;
        }
        self.prompt_set_documents().save(name, version, saved_at, content)
    }

    fn newest_version(&self, name: &str) -> Result<Option<String>, StoreError> {
        let newest = self.prompt_set_documents().list()?.into_iter().rfind(|header| header.name == name);
        Ok(newest.map(|header| header.version))
    }

    fn prompt_set_documents(&self) -> Documents<'_> {
        Documents { headers: &self.tables().prompt_sets, pieces: &self.tables().pieces }
    }

    fn mirror(&self) -> Option<Mirror> {
        self.path().map(Mirror::in_directory)
    }
}
