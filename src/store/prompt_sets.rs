//! Prompt sets, versioned by their content.

use std::time::SystemTime;

use super::documents::Header;
use super::journal::TextKind;
use super::mirror::version_of;
use super::opened::Opened;
use super::tables::Tables;
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
        let open = self.begin_change()?;
        open.check_writable()?;
        let version = version_of(content);
        let documents = open.tables.prompt_set_documents();
        let is_newest = newest_version(&open.tables, name)?.as_deref() == Some(&version);
        if !is_newest || documents.read(name, &version)?.is_none() {
            let saved_at = documents.next_time(SystemTime::now())?;
            put(&open, name, &version, saved_at, content)?;
        }
        Ok(version)
    }

    /// Every prompt set version, in the order of saving, oldest first.
    ///
    /// # Errors
    /// What prevents reading.
    pub fn prompt_sets(&self) -> Result<Vec<PromptSetInfo>, StoreError> {
        list(&self.opened()?.tables)
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
        let open = self.opened()?;
        let version = match version {
            Some(version) => version.to_owned(),
            None => match newest_version(&open.tables, name)? {
                Some(newest) => newest,
                None => return Ok(None),
            },
        };
        let found = open.tables.prompt_set_documents().read(name, &version)?;
        Ok(found.map(|(header, content)| (header.into(), content)))
    }

    /// Removes a version of a prompt set, or all of them, with the plain copies, and returns how many there were.
    ///
    /// # Errors
    /// What prevents writing.
    pub fn remove_prompt_set(&self, name: &str, version: Option<&str>) -> Result<usize, StoreError> {
        let open = self.begin_change()?;
        open.check_writable()?;
        let of_name: Vec<_> = list(&open.tables)?.into_iter().filter(|info| info.name == name).collect();
        let kept = of_name.iter().filter(|info| version.is_some_and(|wanted| wanted != info.version)).count();
        for info in of_name.iter().filter(|info| version.is_none_or(|wanted| wanted == info.version)) {
            // The copy first: a prompt set whose copy is there would be imported again at the next start.
            open.keep(
                || open.mirror().map_or(Ok(()), |mirror| mirror.remove(name, &info.version)),
                || {
                    open.remove_text(TextKind::History, name, &info.version)?;
                    open.tables.prompt_set_documents().remove(name, &info.version).map(|_| ())
                },
            )?;
        }
        match open.mirror() {
            Some(mirror) if kept == 0 => mirror.remove_name(name)?,
            _ => {}
        }
        Ok(of_name.len() - kept)
    }
}

fn put(
    open: &Opened,
    name: &str,
    version: &str,
    saved_at: SystemTime,
    content: &str,
) -> Result<(), StoreError> {
    open.keep(
        || open.mirror().map_or(Ok(()), |mirror| mirror.write(name, version, saved_at, content)),
        || open.tables.prompt_set_documents().save(name, version, saved_at, content),
    )
}

fn list(tables: &Tables) -> Result<Vec<PromptSetInfo>, StoreError> {
    Ok(tables.prompt_set_documents().list()?.into_iter().map(PromptSetInfo::from).collect())
}

fn newest_version(tables: &Tables, name: &str) -> Result<Option<String>, StoreError> {
    let newest = tables.prompt_set_documents().list()?.into_iter().rfind(|header| header.name == name);
    Ok(newest.map(|header| header.version))
}
